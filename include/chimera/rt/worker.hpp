// Worker: one thread, one completion port, one timer heap, one queue of runnable coroutines, one
// inbox for what other threads hand over; under steal also a ring of coroutines that others may
// take. The schedulers differ in how many workers there are, where a task is placed and whether it
// may move (rt/runtime.hpp).
//
// A task that moves leaves its sockets behind: an operation is always started, timed and cancelled
// by the worker its socket belongs to (Io::home), and handed to it when it is awaited elsewhere.
//
// Thread: everything from the worker's own thread, except post(), hand_over(), close(), wake_up().
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "chimera/base/counter.hpp"
#include "chimera/base/own.hpp"
#include "chimera/rt/ring.hpp"
#include "chimera/rt/runnable.hpp"
#include "chimera/sys/port.hpp"

namespace chimera::rt {

class Runtime;
class Scope;
class Stop;

// An I/O operation or a sleep, awaited by a coroutine: lives in its frame, has exactly one outcome.
// A deadline that fires cancels the operation; the outcome is then -kTimedOut unless the operation
// won the race in the port.
inline constexpr int64_t kTimedOut = 100;

struct Io : sys::Op, Handover {
  Runnable run;
  Worker* home = nullptr;          // whose port and timers serve it; nullptr = where it is awaited
  Nanos deadline = kNever;
  Stop* stop = nullptr;            // cancelled with it, when given; of the home worker
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

// A request to cancel that operations listen to. It belongs to one worker: only tasks that stay
// there (Place::here(), Place::on()) may share it, and only with operations of that worker.
class Stop {
 public:
  Stop() = default;
  explicit Stop(Stop* whole) { be_part_of(whole); }
  ~Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  // Of a larger one, which may be null and lives longer: requested when that one is, but not the
  // other way. At most once.
  void be_part_of(Stop* whole);
  // Cancels everything that listens, now and from now on.
  void request();
  bool requested() const { return requested_; }

 private:
  friend class Worker;
  Io* first_ = nullptr;
  Stop* parts_ = nullptr;
  Stop* next_ = nullptr;           // the other parts of the same whole
  Stop** slot_ = nullptr;
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
  Counter steals;                  // tasks taken from other workers
  Counter steal_failures;          // rounds over all other workers that brought nothing
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
  // Makes this the one, as turn() does.
  void make_current();

  // One bounded pass: inbox, at most kResumesPerTurn coroutines, completions (waiting for them
  // until the next deadline, at most until `until`, when nothing is runnable), expired timers.
  void turn(Nanos until);
  // Makes `r` runnable here, behind what is queued. Own thread only.
  void enqueue(Runnable& r, Nanos ready_at);
  // Makes `r` runnable here from any thread, and wakes the worker.
  void post(Runnable& r);
  // Puts `h` into the inbox, from any thread, and wakes the worker.
  void hand_over(Handover& h, Handover::What what);
  // Lets the port forget a socket of this worker's and ends it with `end`: at once on the worker's
  // thread, otherwise when it comes to it. Nothing may be in flight on the socket.
  void close(sys::Handle socket, void (*end)(sys::Handle));
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
  bool movable() const { return movable_; }       // whether that one may move

  // What awaiters record (see Task); acted on when the coroutine is suspended.
  void record_resume(std::coroutine_handle<> next) { next_ = next; }
  void record_io(Io& io) { io_ = &io; }
  void record_retire(std::coroutine_handle<> frame, Scope* scope) {
    retired_ = frame;
    retired_scope_ = scope;
  }
  // `step(subject)` is to be done when the slice is over and accounted for, by an awaiter that
  // shows its coroutine to other workers: from then on one of them may resume it, to its end.
  void record_then(void (*step)(void* subject), void* subject) {
    then_ = step;
    then_subject_ = subject;
  }
  // A lent read buffer of `home` that the running coroutine may look at until it suspends.
  void record_loan(char* data, Worker* home) {
    loan_ = data;
    loan_home_ = home;
  }

 private:
  void run_one(Runnable& r);
  void charge(Nanos waited, Nanos ran);
  void part();
  void return_loan(char* data);
  void start(Io& io);
  void finish(Io& io);
  void ready(Runnable& r);
  void cancel(Io& io);
  void take_inbox();
  void accept(Handover& h);
  void expire(Nanos now);
  Nanos next_deadline() const { return heap_.empty() ? kNever : heap_[0]->deadline; }
  void heap_insert(Io& io);
  void heap_remove(Io& io);
  void heap_place(size_t slot, Io* io);
  void sift_up(size_t slot);
  void sift_down(size_t slot);
  friend class Stop;

  bool steals() const;             // whether this runtime is of that kind; then also, in steal.cpp:
  // (The steps of the idle protocol are functions of their own for a test that tries every order.)
  void offer(Runnable& r);
  Runnable* take();
  Runnable* take_own();
  Runnable* take_shared();
  Runnable* steal();
  void rouse_one();
  Worker* claim_sleeper();
  bool fall_asleep();
  void mark_asleep();
  bool look_again() const;
  void get_up();
  friend struct ByHand;            // of the tests

  Runtime* runtime_ = nullptr;
  int index_ = 0;
  sys::Port* port_ = nullptr;
  RunQueue queue_;                          // those that stay here
  std::atomic<Handover*> inbox_{nullptr};   // a stack, taken whole and reversed
  std::vector<Io*> heap_;                   // binary min-heap by deadline
  Io* live_ = nullptr;
  bool cancelling_ = false;
  Account* account_ = nullptr;
  bool movable_ = false;
  bool running_ = false;                    // a coroutine is, right now
  Nanos now_ = 0;

  std::coroutine_handle<> next_;            // records of the running coroutine
  Io* io_ = nullptr;
  void (*then_)(void*) = nullptr;
  void* then_subject_ = nullptr;
  std::coroutine_handle<> retired_;
  Scope* retired_scope_ = nullptr;
  bool ended_ = false;                      // a task was retired in this turn
  char* loan_ = nullptr;
  Worker* loan_home_ = nullptr;

  Own<Ring> ring_;                          // those that may move; under steal alone
  std::atomic<bool> asleep_{false};         // waits, or is about to; who takes it down wakes us
  bool called_ = false;                     // somebody did, and not everything was looked at since
  bool from_ring_ = false;                  // where the last own one was taken from
  uint32_t takes_ = 0;
  uint32_t random_ = 0;                     // xorshift, for the first victim

  WorkerCounters counters_;
};

}  // namespace chimera::rt
