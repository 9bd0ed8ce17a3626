// How this works: a coroutine suspends by recording one thing in the worker (resume that frame,
// start that operation, put me into that line, retire me). run_one() resumes a coroutine until the
// slice ends, accounts for it, and only then acts on what it recorded: behind that another worker
// may have the coroutine. Operations are on three lists: everything in flight (for cancel_all), the
// timer heap, and those of a Stop. An operation leaves all of them in finish(), in one place, on
// one thread: a deadline and a completion cannot both win.
#include "chimera/rt/worker.hpp"

#include <new>
#include <utility>

#include "chimera/rt/build.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/socket.hpp"

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

static_assert(sizeof(Handover) <= sys::Port::kLoanMemory);   // see return_loan()

// A socket on its way back to the worker that knows it.
struct Closing : Handover {
  sys::Handle socket = sys::kNoHandle;
  void (*end)(sys::Handle) = nullptr;
};

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
  movable = current_worker->movable();
}

void Runnable::make_ready() {
  Worker* here = current_worker;
  const bool may_move = holds(Kind::steal) && movable;
  if (here != nullptr && (home == here || (may_move && here->runtime() == home->runtime()))) {
    here->enqueue(*this, sys::now());   // not here->now(): that is when this slice began
  } else {
    home->post(*this);
  }
}

void Io::await_suspend(std::coroutine_handle<> frame) {
  run.suspend(frame);
  if (home == nullptr) home = current_worker;
  current_worker->record_io(*this);
}

int64_t Io::await_resume() {
  if (lent) current_worker->record_loan(data, home);
  return outcome;
}

void Stop::be_part_of(Stop* whole) {
  if (whole == nullptr) return;
  requested_ = whole->requested_;
  next_ = whole->parts_;
  slot_ = &whole->parts_;
  whole->parts_ = this;
  if (next_ != nullptr) next_->slot_ = &next_;
}

Stop::~Stop() {
  CHI_CHECK(parts_ == nullptr);
  if (slot_ == nullptr) return;
  *slot_ = next_;
  if (next_ != nullptr) next_->slot_ = slot_;
}

void Stop::request() {
  requested_ = true;
  for (Stop* part = parts_; part != nullptr; part = part->next_) part->request();
  while (first_ != nullptr) {
    Io& io = *first_;
    CHI_CHECK(io.home == current_worker);   // the lists of an operation are its worker's
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
  if (holds(Kind::steal) && runtime != nullptr && runtime->config().kind == Kind::steal) {
    ring_ = make_own<Ring>();
    random_ = static_cast<uint32_t>(index) + 1;
  }
  return {};
}

Worker::~Worker() {
  if (port_ != nullptr) {
    take_inbox();   // sockets and buffers that came home when the thread was gone
    sys::Port::close(port_);
  }
  if (current_worker == this) current_worker = nullptr;
}

// A constant where the binary holds no such runtime, and then none of steal.cpp is in it.
bool Worker::steals() const { return holds(Kind::steal) && ring_; }

void Worker::enqueue(Runnable& r, Nanos ready_at) {
  r.ready_at = ready_at;
  if (r.movable && steals()) return offer(r);
  queue_.push(r);
  const int64_t length = static_cast<int64_t>(queue_.size());
  if (length > counters_.longest_queue) counters_.longest_queue = length;
}

void Worker::post(Runnable& r) {
  r.ready_at = sys::now();
  hand_over(r, Handover::What::resume);
}

void Worker::hand_over(Handover& h, Handover::What what) {
  h.what = what;
  Handover* head = inbox_.load(std::memory_order_relaxed);
  do {
    h.next = head;
  } while (!inbox_.compare_exchange_weak(head, &h, std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  // Only the one that finds the inbox empty wakes: the others' items are taken with it.
  if (head != nullptr) return;
  if (current_worker != nullptr) ++current_worker->counters_.wakes_sent;
  port_->wake();
}

// The node is new because there is no frame it could live in: the stream is gone when this returns.
// Nobody else knows it, and accept() deletes it, at the latest when the worker is destroyed.
void Worker::close(sys::Handle socket, void (*end)(sys::Handle)) {
  if (current_worker == this) {
    port_->forget(socket);
    end(socket);
    return;
  }
  Closing* closing = new Closing;
  closing->socket = socket;
  closing->end = end;
  hand_over(*closing, Handover::What::close);
}

void Worker::take_inbox() {
  // A hand-over that this look misses has its wake still before it.
  if (inbox_.load(std::memory_order_relaxed) == nullptr) return;
  Handover* stack = inbox_.exchange(nullptr, std::memory_order_acquire);
  Handover* oldest = nullptr;
  while (stack != nullptr) {
    Handover* h = stack;
    stack = h->next;
    h->next = oldest;
    oldest = h;
  }
  while (oldest != nullptr) {
    Handover* h = oldest;
    oldest = h->next;
    ++counters_.posted;
    accept(*h);
  }
}

void Worker::accept(Handover& h) {
  switch (h.what) {
    case Handover::What::resume: {
      Runnable& r = static_cast<Runnable&>(h);
      enqueue(r, r.ready_at);
      break;
    }
    case Handover::What::submit: {
      now_ = sys::now();
      start(static_cast<Io&>(h));
      break;
    }
    case Handover::What::loan: {
      return_loan(reinterpret_cast<char*>(&h));
      break;
    }
    case Handover::What::close: {
      const Own<Closing> closing(&static_cast<Closing&>(h));
      port_->forget(closing->socket);
      closing->end(closing->socket);
      break;
    }
  }
}

void Worker::make_current() { current_worker = this; }

void Worker::turn(Nanos until) {
  make_current();
  ++counters_.turns;
  if (runtime_ != nullptr && runtime_->stopping() && !cancelling_) cancel_all();
  take_inbox();
  now_ = sys::now();
  for (int i = 0; i < kResumesPerTurn; ++i) {
    Runnable* r = steals() ? take() : queue_.pop();
    if (r == nullptr) break;
    run_one(*r);
  }
  // A wake that came after take_inbox() is kept by the port, so that this wait ends at once. A task
  // that has ended may be the one our caller waits for: then it must get to look.
  Nanos limit = 0;
  const bool ended = std::exchange(ended_, false);
  const bool asleep = queue_.empty() && !ended && (!steals() || fall_asleep());
  if (asleep) {
    limit = until < next_deadline() ? until : next_deadline();
    ++counters_.parks;
  }
  sys::Op* done[kBatch];
  const size_t n = port_->wait(limit, done);
  if (asleep && steals()) get_up();
  now_ = sys::now();
  for (size_t i = 0; i < n; ++i) finish(*static_cast<Io*>(done[i]));
  expire(now_);
}

// One slice: from a resume to the next real suspension.
void Worker::run_one(Runnable& r) {
  // What is done behind a slice, such as the end of a task, may take its time and make somebody
  // ready: that is newer than now_.
  const Nanos began = now_ > r.ready_at ? now_ : r.ready_at;
  const Nanos waited = began - r.ready_at;
  account_ = r.account;
  movable_ = r.movable;
  running_ = true;
  std::coroutine_handle<> frame = r.frame;
  if (r.first) delete &r;
  while (frame) {
    frame.resume();
    frame = next_;
    next_ = nullptr;
  }
  running_ = false;
  now_ = sys::now();
  charge(waited, now_ - began);
  if (loan_ != nullptr) return_loan(std::exchange(loan_, nullptr));
  part();
}

void Worker::charge(Nanos waited, Nanos ran) {
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
}

// Lets go of the coroutine that has just been suspended. Whoever gets to know of it may resume it
// at once, and whatever it lived in may be gone.
void Worker::part() {
  if (io_ != nullptr) {
    Io& io = *std::exchange(io_, nullptr);
    if (io.home == this) return start(io);
    return io.home->hand_over(io, Handover::What::submit);
  }
  if (then_ != nullptr) return std::exchange(then_, nullptr)(then_subject_);
  if (retired_) {
    std::coroutine_handle<> done = std::exchange(retired_, nullptr);
    ended_ = true;
    done.destroy();
    retired_scope_->child_done();
  }
}

// A buffer that another worker's port has lent goes back as a link of that one's inbox.
void Worker::return_loan(char* data) {
  if (loan_home_ != nullptr && loan_home_ != this) {
    return std::exchange(loan_home_, nullptr)->hand_over(*new (data) Handover,
                                                         Handover::What::loan);
  }
  sys::Op loan;
  loan.data = data;
  loan.lent = true;
  port_->give_back(loan);
}

// ---- operations ---------------------------------------------------------------------------------

void Worker::start(Io& io) {
  const bool stopped = cancelling_ || (io.stop != nullptr && io.stop->requested());
  if (stopped) {
    io.outcome = -sys::kCancelled;
    return ready(io.run);
  }
  // Not even tried: a peer that always has something ready would win against every deadline.
  if (!io.is_sleep && io.deadline <= now_) {
    ++counters_.timeouts;
    io.outcome = -kTimedOut;
    return ready(io.run);
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
  ready(io.run);
}

// Whose operation has ended: a task that stays on another worker than its socket does goes home.
void Worker::ready(Runnable& r) {
  if (r.movable || r.home == this) {
    enqueue(r, now_);
  } else {
    r.home->post(r);
  }
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
    // It was us who were late, stopped or busy, and not the peer: the read ends with what has come.
    if (io.kind == sys::Op::Kind::read && !io.is_sleep && !sys::quiet(io.handle)) continue;
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
