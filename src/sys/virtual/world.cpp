// How this works: a write stamps its bytes with their arrival and puts them into the peer's
// Inbound; a read takes what has arrived. Closing stamps a FIN or a reset the same way. Faults cut
// the way between the two. Semantics follow Linux: bytes that came before a reset can still be
// read, closing with unread bytes resets, and writing to a closed end is answered by a reset one
// round trip later.
#include "world.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>

namespace chimera::sys::virtual_world {
namespace {

constexpr int64_t os_error(int number) { return -(kOsError + number); }

bool any_ip(const Address& a) {
  for (uint8_t b : a.ip)
    if (b != 0) return false;
  return true;
}

uint32_t cut_down(const Lane& lane, uint32_t cap, size_t n) {
  n = std::min<size_t>(n, cap);
  if (lane.random_cuts && n > 1) n = 1 + world().rng.below(n);
  return static_cast<uint32_t>(n);
}

bool swallowing(const Socket& s) { return s.sent >= s.out.swallow_after; }
Nanos arrival(const Socket& s) { return later(world().now, s.out.latency); }

void apply_faults(Socket& s) {
  if (s.cut || s.peer == nullptr) return;
  if (s.sent >= s.out.reset_after) {
    s.cut = s.peer->cut = true;
    s.peer->in.reset_at = arrival(s);
    s.in.reset_at = later(world().now, s.back.latency);
  } else if (s.sent >= s.out.fin_after) {
    s.cut = true;
    s.peer->in.fin_at = arrival(s);
  }
}

void send(Socket& s, std::string_view data) {
  const uint64_t limit = std::min({s.out.reset_after, s.out.fin_after, s.out.swallow_after});
  const size_t passes = static_cast<size_t>(std::min<uint64_t>(data.size(), limit - s.sent));
  if (passes > 0) s.peer->in.push(data.substr(0, passes), arrival(s));
  s.sent += passes;
  apply_faults(s);
  if (!s.cut && swallowing(s)) s.peer->in.swallowed += data.size() - passes;
}

void connect_pair(Socket& client, Socket& listener) {
  auto server = make_own<Socket>();
  server->kind = client.kind = Socket::Kind::stream;
  server->rule = client.rule;
  server->local = client.remote;
  server->remote = client.local;
  server->peer = &client;
  client.peer = server.get();
  client.out = server->back = client.rule.to_server;
  server->out = client.back = client.rule.to_client;
  apply_faults(client);
  apply_faults(*server);
  listener.pending.push_back(std::move(server));
}

bool backlog_full(const Socket& listener) { return listener.pending.size() >= listener.backlog; }

Nanos dial_ready(const Socket& s) {
  if (s.kind == Socket::Kind::datagram) return s.dial_due;
  if (s.rule.dial == DialOutcome::silent) return kNever;
  const Socket* listener = world().listener_at(s.remote);
  const bool listens = s.rule.dial == DialOutcome::by_listener && listener != nullptr;
  return listens && backlog_full(*listener) ? kNever : s.dial_due;
}

int64_t dial(Socket& s) {
  ++world().counters.dials;
  if (s.local.family != s.remote.family) return -kUnreachable;
  if (s.rule.dial == DialOutcome::unreachable) return -kUnreachable;
  s.local.port = world().pick_port();
  if (s.kind == Socket::Kind::datagram) return 0;
  Socket* listener = world().listener_at(s.remote);
  if (s.rule.dial == DialOutcome::refused || listener == nullptr) return -kRefused;
  connect_pair(s, *listener);
  return 0;
}

int64_t accept(Socket& s) {
  World& w = world();
  if (w.open_count() >= w.options.handle_limit) return -kTooManyHandles;
  Own<Socket> server = std::move(s.pending.front());
  s.pending.erase(s.pending.begin());
  return static_cast<int64_t>(w.adopt(std::move(server)));
}

Nanos read_ready(Socket& s) {
  if (s.kind == Socket::Kind::datagram) return s.letters.empty() ? kNever : s.letters.front().at;
  if (s.kind != Socket::Kind::stream || s.in.ready(world().now) > 0) return kAtOnce;
  return std::min({s.in.next_arrival(), s.in.fin_at, s.in.reset_at});
}

int64_t read_letter(Socket& s, char* data, uint32_t len) {
  const Letter letter = std::move(s.letters.front());
  s.letters.erase(s.letters.begin());
  if (letter.refused) return -kRefused;
  const size_t n = std::min<size_t>(len, letter.bytes.size());
  memcpy(data, letter.bytes.data(), n);
  return static_cast<int64_t>(n);
}

int64_t read(Socket& s, char* data, uint32_t len) {
  if (s.kind == Socket::Kind::datagram) return read_letter(s, data, len);
  if (s.kind != Socket::Kind::stream) return os_error(ENOTCONN);
  const Nanos now = world().now;
  const size_t here = s.in.ready(now);
  if (here == 0) return s.in.reset_at <= now ? -kReset : 0;
  const uint32_t n = cut_down(s.back, std::min(len, s.back.max_read), here);
  s.in.take(data, n);
  world().counters.bytes += n;
  return n;
}

Nanos write_ready(const Socket& s) {
  if (s.kind != Socket::Kind::stream || s.peer == nullptr || s.cut) return kAtOnce;
  return s.peer->in.held() < s.rule.capacity ? kAtOnce : s.in.reset_at;
}

void add_letter(Socket& s, Letter letter) {
  auto at = std::upper_bound(s.letters.begin(), s.letters.end(), letter.at,
                             [](Nanos t, const Letter& l) { return t < l.at; });
  s.letters.insert(at, std::move(letter));
}

int64_t write_letter(Socket& s, std::string_view datagram) {
  World& w = world();
  if (s.local.port == 0) return os_error(EDESTADDRREQ);
  ++w.counters.datagrams;
  const auto sent = static_cast<int64_t>(datagram.size());
  if (s.rule.dial == DialOutcome::silent) return sent;
  const Nanos back = later(later(w.now, s.rule.to_server.latency), s.rule.to_client.latency);
  if (s.rule.dial == DialOutcome::refused || w.responder == nullptr) {
    add_letter(s, Letter{back, true, {}});
    return sent;
  }
  std::vector<Reply> replies;
  w.responder(w.responder_context, s.remote, datagram, replies);
  for (Reply& r : replies) add_letter(s, Letter{later(back, r.delay), false, std::move(r.bytes)});
  return sent;
}

int64_t write(Socket& s, const char* data, uint32_t len) {
  if (s.kind == Socket::Kind::datagram) return write_letter(s, {data, len});
  if (s.kind != Socket::Kind::stream) return os_error(ENOTCONN);
  if (s.in.reset_at <= world().now) return -kReset;
  uint32_t n = cut_down(s.out, s.out.max_write, len);
  if (s.cut || swallowing(s)) {
    if (s.peer == nullptr || s.cut) return n;
  } else if (s.peer == nullptr) {
    s.in.reset_at = std::min(s.in.reset_at, later(arrival(s), s.back.latency));
    return n;
  }
  n = static_cast<uint32_t>(std::min<size_t>(n, s.rule.capacity - s.peer->in.held()));
  send(s, {data, n});
  return n;
}

}  // namespace

void Inbound::push(std::string_view data, Nanos at) {
  bytes_ += data;
  pushed_ += data.size();
  if (!marks_.empty() && marks_.back().at == at)
    marks_.back().upto = pushed_;
  else
    marks_.push_back({at, pushed_});
}

size_t Inbound::ready(Nanos now) {
  size_t here = 0;
  while (here < marks_.size() && marks_[here].at <= now) arrived_ = marks_[here++].upto;
  marks_.erase(marks_.begin(), marks_.begin() + static_cast<ptrdiff_t>(here));
  return static_cast<size_t>(arrived_ - taken_);
}

void Inbound::take(char* to, size_t n) {
  memcpy(to, bytes_.data() + head_, n);
  head_ += n;
  taken_ += n;
  if (head_ < bytes_.size() / 2) return;   // moving the rest is paid for by what was taken
  bytes_.erase(0, head_);
  head_ = 0;
}

World& world() {
  static World* w = new World;
  return *w;
}

Socket* World::find(Handle h) {
  const auto i = static_cast<size_t>(h);
  return h != kNoHandle && i < table.size() ? table[i].get() : nullptr;
}

Handle World::adopt(Own<Socket> s) {
  if (open_count() >= options.handle_limit) return kNoHandle;
  size_t i = 0;
  while (i < table.size() && table[i]) ++i;
  if (i == table.size()) table.emplace_back();
  table[i] = std::move(s);
  return static_cast<Handle>(i);
}

size_t World::open_count() const {
  size_t n = 0;
  for (const auto& s : table) n += s ? 1 : 0;
  return n;
}

Socket* World::listener_at(const Address& to) {
  for (auto& s : table) {
    if (!s || s->kind != Socket::Kind::listener) continue;
    const Address& a = s->local;
    if (a == to) return s.get();
    if (a.family == to.family && a.port == to.port && any_ip(a)) return s.get();
  }
  return nullptr;
}

const Rule& World::rule_for(const Address& to) const {
  for (const Destination& d : destinations)
    if (d.to == to) return d.rule;
  return rule;
}

Nanos ready_at(Socket& s, Op::Kind kind) {
  switch (kind) {
    case Op::Kind::dial: return dial_ready(s);
    case Op::Kind::accept: return s.pending.empty() ? kNever : kAtOnce;
    case Op::Kind::read: return read_ready(s);
    case Op::Kind::write: return write_ready(s);
  }
  return kNever;
}

int64_t perform(Socket& s, Op::Kind kind, char* data, uint32_t len) {
  switch (kind) {
    case Op::Kind::dial: return dial(s);
    case Op::Kind::accept: return accept(s);
    case Op::Kind::read: return read(s, data, len);
    case Op::Kind::write: return write(s, data, len);
  }
  return 0;
}

void start_dial(Socket& s, const Address& to) {
  s.remote = to;
  s.rule = world().rule_for(to);
  s.dial_due = later(world().now, s.rule.dial_delay);
}

void hang_up(Socket& s, bool abortive) {
  for (auto& p : s.pending) hang_up(*p, true);
  if (s.peer == nullptr) return;
  Inbound& theirs = s.peer->in;
  if (!s.cut && !swallowing(s)) {
    const bool unread = s.in.ready(world().now) > 0;
    const Nanos bounced = later(s.in.last_arrival(), s.out.latency);   // bytes that come too late
    if (!abortive && !unread) theirs.fin_at = std::min(theirs.fin_at, arrival(s));
    theirs.reset_at = std::min(theirs.reset_at, abortive || unread ? arrival(s) : bounced);
  }
  if (swallowing(s)) s.peer->cut = true;        // nobody is left who could answer
  s.peer->peer = nullptr;
  s.peer = nullptr;
}

}  // namespace chimera::sys::virtual_world
