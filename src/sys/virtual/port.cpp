// How this works: ops wait in `flying` in the order of their submission. A wait finishes those
// that are ready at this instant, until nothing moves any more; when none is to be delivered it
// turns the clock to the earliest instant at which one will be, over all ports of the world.
#include "chimera/sys/port.hpp"

#include <algorithm>
#include <utility>

#include "world.hpp"

namespace chimera::sys {
namespace {

using namespace virtual_world;

constexpr size_t kLentBuffers = 16;
constexpr size_t kLentBytes = 16u << 20;   // in all of them, unless one alone is larger
constexpr size_t kSpoiled = 64u << 10;

VirtualPort& self(Port* p) { return *static_cast<VirtualPort*>(p); }

Socket& socket_of(const Op& op) {
  Socket* s = world().find(op.handle);
  CHI_CHECK(s != nullptr);
  return *s;
}

Op*& slot_of(Socket& s, const Op& op) {
  const bool in = op.kind == Op::Kind::read || op.kind == Op::Kind::accept;
  return in ? s.reading : s.writing;
}

bool chance(uint32_t percent) { return percent > 0 && world().rng.below(100) < percent; }

// One op may make another one ready (a read makes room for a write), on this port or another.
void settle() {
  bool moved = true;
  while (moved) {
    moved = false;
    for (VirtualPort* p : world().ports) {
      const size_t erased = std::erase_if(p->flying, [p](Op* op) { return p->try_finish(*op); });
      moved = moved || erased > 0;
    }
  }
}

bool somebody_finished() {
  for (const VirtualPort* p : world().ports)
    if (!p->finished.empty()) return true;
  return false;
}

Nanos earliest() {
  Nanos at = kNever;
  for (const VirtualPort* p : world().ports)
    for (const Op* op : p->flying) at = std::min(at, p->ready_at(*op));
  return at;
}

void turn_clock(Nanos until) {
  World& w = world();
  const Nanos at = std::min(until, earliest());
  if (at == kNever)
    check_failed("deadlock in the virtual world: nothing ends this wait", __FILE__, __LINE__);
  ++w.counters.jumps;
  w.now = std::max(w.now, at);
}

}  // namespace

namespace virtual_world {

Nanos next_event() {
  settle();
  return earliest();
}

bool ends_wait(Port& port, Nanos until) {
  const VirtualPort& p = self(&port);
  return !p.finished.empty() || until <= world().now || p.woken.load(std::memory_order_acquire);
}

Nanos VirtualPort::ready_at(const Op& op) const {
  const bool needs_buffer = op.kind == Op::Kind::read && op.data == nullptr;
  if (needs_buffer && free_buffers.empty()) return kNever;
  return virtual_world::ready_at(socket_of(op), op.kind);
}

bool VirtualPort::try_finish(Op& op) {
  if (ready_at(op) > world().now) return false;
  ++counted.attempts;
  uint32_t len = op.len;
  if (op.kind == Op::Kind::read && op.data == nullptr) {
    op.data = lend();
    op.lent = true;
    len = len == 0 ? lend_size : std::min(len, lend_size);
  }
  op.outcome = perform(socket_of(op), op.kind, op.data, len);
  if (op.lent && op.outcome < 0) take_back(op);   // an error needs no buffer
  finished.push_back(&op);
  return true;
}

char* VirtualPort::lend() {
  lent_buffers.push_back(std::move(free_buffers.back()));
  free_buffers.pop_back();
  return lent_buffers.back()->data();
}

void VirtualPort::take_back(Op& op) {
  const auto at = std::find_if(lent_buffers.begin(), lent_buffers.end(),
                               [&op](const auto& b) { return b->data() == op.data; });
  CHI_CHECK(op.lent && at != lent_buffers.end());
  // Who still looks at it shall not find what was there.
  std::fill_n((*at)->data(), std::min((*at)->size(), kSpoiled), '\xdd');
  free_buffers.push_back(std::move(*at));
  lent_buffers.erase(at);
  op.data = nullptr;
  op.lent = false;
}

size_t VirtualPort::deliver(std::span<Op*> done) {
  const size_t n = std::min(done.size(), finished.size());
  std::copy_n(finished.begin(), n, done.begin());
  finished.erase(finished.begin(), finished.begin() + static_cast<ptrdiff_t>(n));
  for (Op* op : done.first(n)) slot_of(socket_of(*op), *op) = nullptr;
  if (!world().options.shuffle) return n;
  for (size_t i = n; i > 1; --i) std::swap(done[i - 1], done[world().rng.below(i)]);
  return n;
}

}  // namespace virtual_world

Result<Port*> Port::open(uint32_t lend_size) {
  auto* p = new VirtualPort;
  p->lend_size = lend_size;
  const size_t loans =
      lend_size == 0 ? 0 : std::clamp<size_t>(kLentBytes / lend_size, 1, kLentBuffers);
  for (size_t i = 0; i < loans; ++i)
    p->free_buffers.push_back(make_own<std::string>(std::max(lend_size, kLoanMemory), '\0'));
  world().ports.push_back(p);
  return p;
}

void Port::close(Port* port) {
  VirtualPort& p = self(port);
  CHI_CHECK(p.flying.empty() && p.finished.empty());
  for (auto& s : world().table)
    if (s && s->port == port) s->port = nullptr;
  std::erase(world().ports, &p);
  delete &p;
}

void Port::submit(Op& op) {
  VirtualPort& p = self(this);
  Socket& s = socket_of(op);
  CHI_CHECK(s.port == nullptr || s.port == this);   // a socket does not move between ports
  CHI_CHECK(slot_of(s, op) == nullptr);             // one op per direction
  const bool lends = op.kind == Op::Kind::read && op.data == nullptr;
  CHI_CHECK(!lends || p.lend_size > 0);
  s.port = this;
  slot_of(s, op) = &op;
  op.lent = false;
  if (op.kind == Op::Kind::dial) start_dial(s, *op.peer);
  p.flying.push_back(&op);
}

void Port::cancel(Op& op) {
  VirtualPort& p = self(this);
  if (std::find(p.finished.begin(), p.finished.end(), &op) != p.finished.end()) return;
  const auto at = std::find(p.flying.begin(), p.flying.end(), &op);
  CHI_CHECK(at != p.flying.end());
  p.flying.erase(at);
  if (chance(world().options.late_cancel_percent) && p.try_finish(op)) return;
  op.outcome = -kCancelled;
  p.finished.push_back(&op);
}

size_t Port::wait(Nanos until, std::span<Op*> done) {
  VirtualPort& p = self(this);
  ++p.counted.polls;
  if (world().turns != nullptr) world().turns(world().turns_context, *this, until);
  const bool spurious = chance(world().options.spurious_percent);
  while (!spurious) {
    settle();
    const size_t n = p.deliver(done);
    const bool woken = p.woken.exchange(false, std::memory_order_acq_rel);
    if (woken) ++p.counted.wakes;
    if (n > 0 || woken || until <= world().now || somebody_finished()) return n;
    turn_clock(until);
  }
  return 0;
}

void Port::wake() { self(this).woken.store(true, std::memory_order_release); }

void Port::forget(Handle h) {
  Socket* s = world().find(h);
  CHI_CHECK(s != nullptr && s->reading == nullptr && s->writing == nullptr);
  CHI_CHECK(s->port == nullptr || s->port == this);
  s->port = nullptr;
}

void Port::give_back(Op& op) { self(this).take_back(op); }

const Port::Counters& Port::counters() const {
  return static_cast<const VirtualPort*>(this)->counted;
}

}  // namespace chimera::sys
