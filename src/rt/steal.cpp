// How stealing works: what becomes ready on a worker and may move goes into its ring. The owner
// takes from it; so does every other worker that has nothing of its own.
//
// Nobody spins. A worker with nothing to do marks itself asleep, looks at every queue once more and
// blocks in its port. Who publishes an item that it will not run at once takes one sleeper's mark
// down and wakes that one: this is the call. Either the sleeper's second look sees the item or the
// publisher sees the mark (both are seq_cst), so nothing is lost between the two. The one that was
// called may find other work first - its own, or an older item elsewhere - and a long task would
// then swallow the call: so it looks round once more before it runs that, and calls the next one if
// anything is left. tests/models/idle.pml proves that no item waits while somebody sleeps, and that
// each of these steps is needed; tests/virtual/idle_test.cpp tries every order of them.
#include "chimera/rt/runtime.hpp"
#include "chimera/rt/worker.hpp"
#include "chimera/sys/clock.hpp"

namespace chimera::rt {
namespace {

// After so many of its own a worker looks at what nobody had room for.
constexpr uint32_t kLookAround = 61;

}  // namespace

// `r` may be running elsewhere as soon as it is published.
void Worker::offer(Runnable& r) {
  const bool kept = ring_->push(r);
  if (!kept) runtime_->overflow().push(r);
  const size_t queued = ring_->size() + queue_.size();
  if (static_cast<int64_t>(queued) > counters_.longest_queue) {
    counters_.longest_queue = static_cast<int64_t>(queued);
  }
  // Thieves may have emptied the ring since: what it had no room for is surplus in any case.
  if (!kept || running_ || queued > 1) rouse_one();
}

// The next one to run. Whatever is left in the ring has to wait now: that is surplus, too.
Runnable* Worker::take() {
  Runnable* r = ++takes_ % kLookAround == 0 ? take_shared() : nullptr;
  if (r == nullptr) r = take_own();
  if (r == nullptr) r = take_shared();
  if (r == nullptr) r = steal();
  if (r == nullptr) return nullptr;   // a call stays open: the search may have been too early
  if (!ring_->empty() || (called_ && look_again())) rouse_one();
  called_ = false;
  return r;
}

// In turn, so that neither those that move nor those that stay have to wait for all the others.
Runnable* Worker::take_own() {
  for (int i = 0; i < 2; ++i) {
    from_ring_ = !from_ring_;
    Runnable* r = !from_ring_                ? queue_.pop()
                  : runtime_->config().lifo ? ring_->take_last()
                                            : ring_->take();
    if (r != nullptr) return r;
  }
  return nullptr;
}

// Behind `now_` lies what other workers published: their instants are newer.
Runnable* Worker::take_shared() {
  Runnable* r = runtime_->overflow().pop();
  if (r != nullptr) now_ = sys::now();
  return r;
}

Runnable* Worker::steal() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  const uint32_t n = static_cast<uint32_t>(runtime_->workers());
  for (uint32_t i = 0; i < n; ++i) {
    Worker& victim = runtime_->worker(static_cast<int>((random_ % n + i) % n));
    Runnable* r = &victim == this ? nullptr : victim.ring_->steal();
    if (r == nullptr) continue;
    ++counters_.steals;
    now_ = sys::now();
    return r;
  }
  ++counters_.steal_failures;
  return nullptr;
}

// ---- waking and sleeping ------------------------------------------------------------------------

// Wakes one worker at most.
void Worker::rouse_one() {
  Worker* sleeper = claim_sleeper();
  if (sleeper == nullptr) return;
  ++counters_.wakes_sent;
  sleeper->wake_up();
}

Worker* Worker::claim_sleeper() {
  const int n = runtime_->workers();
  for (int i = 1; i < n; ++i) {
    Worker& w = runtime_->worker((index_ + i) % n);
    bool asleep = w.asleep_.load(std::memory_order_seq_cst);
    if (asleep && w.asleep_.compare_exchange_strong(asleep, false, std::memory_order_seq_cst)) {
      return &w;
    }
  }
  return nullptr;
}

// True when there is nothing to do but to wait.
bool Worker::fall_asleep() {
  mark_asleep();
  if (look_again()) {
    get_up();
    return false;
  }
  called_ = false;
  return true;
}

void Worker::mark_asleep() { asleep_.store(true, std::memory_order_seq_cst); }

// Not the inbox: who puts something there wakes this worker by name.
bool Worker::look_again() const {
  if (!runtime_->overflow().empty()) return true;
  for (int i = 0; i < runtime_->workers(); ++i) {
    if (!runtime_->worker(i).ring_->empty()) return true;
  }
  return false;
}

void Worker::get_up() {
  if (!asleep_.exchange(false, std::memory_order_seq_cst)) called_ = true;
}

}  // namespace chimera::rt
