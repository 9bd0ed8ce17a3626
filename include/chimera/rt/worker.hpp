// Worker: one thread, one completion port, one timer heap, one queue of runnable coroutines, one
// inbox for what other threads hand over. The schedulers differ only in how many there are and
// where a task is placed (rt/runtime.hpp).
//
// Thread: everything from the worker's own thread, except post() and wake_up().
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "chimera/base/counter.hpp"
#include "chimera/rt/runnable.hpp"
#include "chimera/sys/port.hpp"

namespace chimera::rt {

class Runtime;
class Scope;

// A request to cancel that operations listen to. Belongs to one worker.
class Stop;

// An I/O operation or a sleep, awaited by a coroutine: lives in its frame, has exactly one outcome.
// A deadline that fires cancels the operation; the outcome is then -kTimedOut unless the operation
// won the race in the port.
inline constexpr int64_t kTimedOut = 100;

struct Io : sys::Op {
  Runnable run;
  Nanos deadline = kNever;
  Stop* stop = nullptr;            // cancelled with it, when given
  int32_t heap_slot = -1;          // place in the timer heap
  bool is_sleep = false;           // a timer only; never submitted to the port
  bool expired = false;            // cancelled by its deadline
  Io* live_next = nullptr;         // all operations in flight on this worker
  Io** live_slot = nullptr;
  Io* stop_next = nullptr;         // the others of the same Stop
  Io** stop_slot = nullptr;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> frame);   // records; the worker submits
  int64_t await_resume();
};

class Stop {
 public:
  // Cancels everything that listens, now and from now on.
  void request();
  bool requested() const { return requested_; }

 private:
  friend class Worker;
  Io* first_ = nullptr;
  bool requested_ = false;
};

// log2 histogram of how long runnable tasks waited for a worker: bucket i counts waits of
// [2^(i-1), 2^i) microseconds, bucket 0 those under 1 us.
struct WaitHistogram {
  Counter bucket[24];
  void add(Nanos n);
};

// Counted by the worker, readable by anyone at any time.
struct WorkerCounters {
  Counter resumes, turns, parks;
  Counter wakes_sent;              // to other workers
  Counter posted;                  // taken from the inbox
  Counter timeouts;
  Counter longest_queue;
  Counter longest_resume;          // ns
  Counter ready_wait, running;     // ns
  WaitHistogram waits;
  sys::Port::Counters port;
};

class Worker {
 public:
  // `lend_size`: see Port::open. Errors: io.
  Result<void> open(Runtime* runtime, int index, uint32_t lend_size);
  ~Worker();

  // The worker running on this thread, or nullptr.
  static Worker* current();

  // One bounded pass: inbox, at most kResumesPerTurn coroutines, completions (waiting for them
  // until the next deadline, at most until `until`, when nothing is runnable), expired timers.
  void turn(Nanos until);
  // Makes `r` runnable here, behind what is queued. Own thread only.
  void enqueue(Runnable& r, Nanos ready_at);
  // Makes `r` runnable here from any thread, and wakes the worker.
  void post(Runnable& r);
  // Ends a wait early; any thread, async-signal-safe.
  void wake_up() { port_->wake(); }
  // Cancels every operation in flight; whatever is started later is cancelled at once.
  void cancel_all();

  Nanos now() const { return now_; }              // as of the last wait or resume; cheap
  int index() const { return index_; }
  Runtime* runtime() const { return runtime_; }
  sys::Port& port() { return *port_; }
  WorkerCounters counters() const;
  Account* account() const { return account_; }   // of the coroutine that is running

  // What awaiters record (see Task); acted on when the coroutine is suspended.
  void record_resume(std::coroutine_handle<> next) { next_ = next; }
  void record_io(Io& io) { io_ = &io; }
  void record_retire(std::coroutine_handle<> frame, Scope* scope) {
    retired_ = frame;
    retired_scope_ = scope;
  }
  // A lent read buffer that the running coroutine may look at until it suspends.
  void record_loan(char* data) { loan_ = data; }

 private:
  void run_one(Runnable& r);
  void start(Io& io);
  void finish(Io& io);
  void cancel(Io& io);
  void take_inbox();
  void expire(Nanos now);
  Nanos next_deadline() const { return heap_.empty() ? kNever : heap_[0]->deadline; }
  void heap_insert(Io& io);
  void heap_remove(Io& io);
  void heap_place(size_t slot, Io* io);
  void sift_up(size_t slot);
  void sift_down(size_t slot);
  friend class Stop;

  Runtime* runtime_ = nullptr;
  int index_ = 0;
  sys::Port* port_ = nullptr;
  RunQueue queue_;
  std::atomic<Runnable*> inbox_{nullptr};   // a stack, taken whole and reversed
  std::vector<Io*> heap_;                   // binary min-heap by deadline
  Io* live_ = nullptr;
  bool cancelling_ = false;
  Account* account_ = nullptr;
  Nanos now_ = 0;

  std::coroutine_handle<> next_;            // records of the running coroutine
  Io* io_ = nullptr;
  std::coroutine_handle<> retired_;
  Scope* retired_scope_ = nullptr;
  bool ended_ = false;                      // a task was retired in this turn
  char* loan_ = nullptr;

  WorkerCounters counters_;
};

}  // namespace chimera::rt
