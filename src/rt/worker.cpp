// How this works: a coroutine suspends by recording one thing in the worker (resume that frame,
// start that operation, retire me) or by putting its Runnable into somebody's list. run_one()
// resumes a coroutine and then acts on what it recorded, until the slice ends. Operations are on
// three lists: everything in flight (for cancel_all), the timer heap, and those of a Stop. An
// operation leaves all of them in finish(), in one place, on one thread: a deadline and a
// completion cannot both win.
#include "chimera/rt/worker.hpp"

#include <string.h>

#include <utility>

#include "chimera/rt/runtime.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"

namespace chimera::rt {
namespace {

thread_local Worker* current_worker = nullptr;

// Resumptions per turn, before the port is asked again.
constexpr int kResumesPerTurn = 64;
constexpr size_t kBatch = 64;

void link(Io*& first, Io& io, Io* Io::*next, Io** Io::*slot) {
  io.*next = first;
  io.*slot = &first;
  if (first != nullptr) first->*slot = &(io.*next);
  first = &io;
}

void unlink(Io& io, Io* Io::*next, Io** Io::*slot) {
  if (io.*slot == nullptr) return;
  *(io.*slot) = io.*next;
  if (io.*next != nullptr) io.*next->*slot = io.*slot;
  io.*slot = nullptr;
}

}  // namespace

void WaitHistogram::add(Nanos n) {
  int i = 0;
  for (Nanos limit = kMicro; n >= limit && i < 23; limit *= 2) ++i;
  ++bucket[i];
}

// ---- what awaiters record -----------------------------------------------------------------------

void detail::resume_next(std::coroutine_handle<> frame) { current_worker->record_resume(frame); }

void detail::finished(std::coroutine_handle<> frame, std::coroutine_handle<> parent, Scope* scope) {
  if (scope != nullptr) {
    current_worker->record_retire(frame, scope);
  } else {
    current_worker->record_resume(parent);
  }
}

void Runnable::suspend(std::coroutine_handle<> coroutine) {
  frame = coroutine;
  home = current_worker;
  account = current_worker->account();
}

void Runnable::make_ready() {
  if (home == current_worker) {
    home->enqueue(*this, sys::now());   // not home->now(): that is when this slice began
  } else {
    home->post(*this);
  }
}

void Io::await_suspend(std::coroutine_handle<> frame) {
  run.suspend(frame);
  current_worker->record_io(*this);
}

int64_t Io::await_resume() {
  if (lent) current_worker->record_loan(data);
  return outcome;
}

void Stop::request() {
  requested_ = true;
  while (first_ != nullptr) {
    Io& io = *first_;
    unlink(io, &Io::stop_next, &Io::stop_slot);
    current_worker->cancel(io);
  }
}

// ---- life ---------------------------------------------------------------------------------------

Worker* Worker::current() { return current_worker; }

Result<void> Worker::open(Runtime* runtime, int index, uint32_t lend_size) {
  CHI_TRY(port_, sys::Port::open(lend_size));
  runtime_ = runtime;
  index_ = index;
  now_ = sys::now();
  return {};
}

Worker::~Worker() {
  if (port_ != nullptr) sys::Port::close(port_);
  if (current_worker == this) current_worker = nullptr;
}

void Worker::enqueue(Runnable& r, Nanos ready_at) {
  r.ready_at = ready_at;
  queue_.push(r);
  const int64_t length = static_cast<int64_t>(queue_.size());
  if (length > counters_.longest_queue) counters_.longest_queue = length;
}

void Worker::post(Runnable& r) {
  r.ready_at = sys::now();
  Runnable* head = inbox_.load(std::memory_order_relaxed);
  do {
    r.next = head;
  } while (!inbox_.compare_exchange_weak(head, &r, std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  // Only the post that finds the inbox empty wakes: the others' items are taken with it.
  if (head != nullptr) return;
  if (current_worker != nullptr) ++current_worker->counters_.wakes_sent;
  port_->wake();
}

void Worker::take_inbox() {
  Runnable* stack = inbox_.exchange(nullptr, std::memory_order_acquire);
  Runnable* oldest = nullptr;
  while (stack != nullptr) {
    Runnable* r = stack;
    stack = r->next;
    r->next = oldest;
    oldest = r;
  }
  while (oldest != nullptr) {
    Runnable* r = oldest;
    oldest = r->next;
    enqueue(*r, r->ready_at);
    ++counters_.posted;
  }
}

void Worker::turn(Nanos until) {
  current_worker = this;
  ++counters_.turns;
  if (runtime_ != nullptr && runtime_->stopping() && !cancelling_) cancel_all();
  take_inbox();
  now_ = sys::now();
  for (int i = 0; i < kResumesPerTurn; ++i) {
    Runnable* r = queue_.pop();
    if (r == nullptr) break;
    run_one(*r);
  }
  // A wake that came after take_inbox() is kept by the port, so that this wait ends at once. A task
  // that has ended may be the one our caller waits for: then it must get to look.
  Nanos limit = 0;
  const bool ended = std::exchange(ended_, false);
  if (queue_.empty() && !ended) {
    limit = until < next_deadline() ? until : next_deadline();
    ++counters_.parks;
  }
  sys::Op* done[kBatch];
  const size_t n = port_->wait(limit, done);
  now_ = sys::now();
  for (size_t i = 0; i < n; ++i) finish(*static_cast<Io*>(done[i]));
  expire(now_);
}

// One slice: from a resume to the next real suspension.
void Worker::run_one(Runnable& r) {
  const Nanos began = now_;
  const Nanos waited = began - r.ready_at;
  account_ = r.account;
  std::coroutine_handle<> frame = r.frame;
  while (frame) {
    frame.resume();
    frame = next_;
    next_ = nullptr;
  }
  now_ = sys::now();
  if (io_ != nullptr) {
    Io& io = *io_;
    io_ = nullptr;
    start(io);
  }
  if (loan_ != nullptr) {
    sys::Op loan;
    loan.data = loan_;
    loan.lent = true;
    loan_ = nullptr;
    port_->give_back(loan);
  }
  const Nanos ran = now_ - began;
  ++counters_.resumes;
  counters_.ready_wait += waited;
  counters_.running += ran;
  counters_.waits.add(waited);
  if (ran > counters_.longest_resume) counters_.longest_resume = ran;
  if (account_ != nullptr) {
    account_->ready_wait.fetch_add(waited, std::memory_order_relaxed);
    account_->running.fetch_add(ran, std::memory_order_relaxed);
    account_->resumes.fetch_add(1, std::memory_order_relaxed);
  }
  account_ = nullptr;
  // Last: the scope's owner may take the account away as soon as its last child is done.
  if (retired_) {
    std::coroutine_handle<> done = retired_;
    retired_ = nullptr;
    ended_ = true;
    done.destroy();
    retired_scope_->child_done();
  }
}

// ---- operations ---------------------------------------------------------------------------------

void Worker::start(Io& io) {
  const bool stopped = cancelling_ || (io.stop != nullptr && io.stop->requested());
  if (stopped) {
    io.outcome = -sys::kCancelled;
    enqueue(io.run, now_);
    return;
  }
  // Not even tried: a peer that always has something ready would win against every deadline.
  if (!io.is_sleep && io.deadline <= now_) {
    ++counters_.timeouts;
    io.outcome = -kTimedOut;
    enqueue(io.run, now_);
    return;
  }
  link(live_, io, &Io::live_next, &Io::live_slot);
  if (io.stop != nullptr) link(io.stop->first_, io, &Io::stop_next, &Io::stop_slot);
  if (io.deadline != kNever) heap_insert(io);
  if (!io.is_sleep) port_->submit(io);
}

void Worker::finish(Io& io) {
  if (io.heap_slot >= 0) heap_remove(io);
  unlink(io, &Io::live_next, &Io::live_slot);
  unlink(io, &Io::stop_next, &Io::stop_slot);
  if (io.expired && io.outcome == -sys::kCancelled) io.outcome = -kTimedOut;
  enqueue(io.run, now_);
}

// Asks for the end of an operation; a sleep has nobody else to end it.
void Worker::cancel(Io& io) {
  if (io.is_sleep) {
    io.outcome = -sys::kCancelled;
    now_ = sys::now();   // a Stop comes in the middle of a slice
    finish(io);
  } else {
    port_->cancel(io);
  }
}

void Worker::cancel_all() {
  cancelling_ = true;
  for (Io* io = live_; io != nullptr;) {
    Io* next = io->live_next;
    cancel(*io);
    io = next;
  }
}

void Worker::expire(Nanos now) {
  while (!heap_.empty() && heap_[0]->deadline <= now) {
    Io& io = *heap_[0];
    heap_remove(io);
    ++counters_.timeouts;
    if (io.is_sleep) {
      io.outcome = 0;
      finish(io);
    } else {
      io.expired = true;
      port_->cancel(io);
    }
  }
}

WorkerCounters Worker::counters() const {
  WorkerCounters c = counters_;
  c.port = port_->counters();
  return c;
}

// ---- the timer heap -----------------------------------------------------------------------------

void Worker::heap_place(size_t slot, Io* io) {
  heap_[slot] = io;
  io->heap_slot = static_cast<int32_t>(slot);
}

void Worker::heap_insert(Io& io) {
  heap_.push_back(&io);
  heap_place(heap_.size() - 1, &io);
  sift_up(heap_.size() - 1);
}

void Worker::heap_remove(Io& io) {
  const size_t slot = static_cast<size_t>(io.heap_slot);
  Io* last = heap_.back();
  heap_.pop_back();
  io.heap_slot = -1;
  if (last == &io) return;
  heap_place(slot, last);
  sift_up(slot);
  sift_down(static_cast<size_t>(last->heap_slot));
}

void Worker::sift_up(size_t slot) {
  Io* io = heap_[slot];
  while (slot > 0) {
    const size_t parent = (slot - 1) / 2;
    if (heap_[parent]->deadline <= io->deadline) break;
    heap_place(slot, heap_[parent]);
    slot = parent;
  }
  heap_place(slot, io);
}

void Worker::sift_down(size_t slot) {
  Io* io = heap_[slot];
  for (;;) {
    size_t child = 2 * slot + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->deadline < heap_[child]->deadline) ++child;
    if (io->deadline <= heap_[child]->deadline) break;
    heap_place(slot, heap_[child]);
    slot = child;
  }
  heap_place(slot, io);
}

}  // namespace chimera::rt
