// Doing several things at once: Scope starts children and joins them; Gate limits how many are
// inside something; yield and sleep give way. There is no detach: nothing outlives the scope it
// began in.
#pragma once

#include <atomic>

#include "chimera/rt/runtime.hpp"
#include "chimera/rt/task.hpp"
#include "chimera/rt/worker.hpp"

namespace chimera::rt {

// The clock of sleeps and deadlines (sys::now, for layers that do not see sys).
Nanos now();
// The wall clock, seconds since 1970: for what a server says as a date.
int64_t unix_seconds();

// Where a child runs. Only one that was placed with any(), or with same() by such a one, may move,
// and only under steal.
struct Place {
  int worker = kAny;
  static constexpr int kAny = -1;    // the runtime chooses
  static constexpr int kHere = -2;   // the worker that starts it, to the end
  static constexpr int kSame = -3;   // the worker that starts it; free to move if the starter is
  // fixed: round robin; steal: here, until another worker is idle; bridge: the tasks' worker.
  static constexpr Place any() { return {kAny}; }
  static constexpr Place here() { return {kHere}; }
  static constexpr Place same() { return {kSame}; }
  static constexpr Place on(int index) { return {index}; }
};

// Thread: start and join from the task that made it; children may end anywhere.
class Scope {
 public:
  Scope() = default;
  ~Scope() { CHI_CHECK(drained()); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // `account` is charged for the child's time; nullptr = the account of whoever starts it.
  void start(Task<void> child, Place place = Place::any(), Account* account = nullptr);

  // Waits until every child has finished; to be awaited exactly once, last.
  struct Join {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> frame);
    void await_resume() const {}
    Scope& scope;
    Runnable run;
  };
  Join join() { return Join{*this, {}}; }

  void child_done();                 // for the worker
  // Without a join, whether every child has finished.
  bool drained() const { return pending_.load(std::memory_order_acquire) <= 1; }

 private:
  std::atomic<int> pending_{1};      // children, plus one until the owner joins
  Runnable* joiner_ = nullptr;
};

// Where the I/O of one connection is done. Under bridge on one of the I/O workers, chosen at the
// first use and kept, because a socket belongs to one worker. Otherwise where the task is.
//
// Thread: one task at a time.
class IoSide {
 public:
  // Runs `work` there and returns when it has ended. Cost: under bridge a hop there and one back;
  // on an I/O worker itself, none.
  Task<void> run(Task<void> work);
  // The same for work that may be stopped. A Stop is of one worker, so the work listens to the one
  // that `theirs` names when it begins: `mine`, or one of the other side, requested when `mine` is.
  Task<void> run(Task<void> work, Stop* mine, Stop*& theirs);

 private:
  int worker_ = -1;
};

// N permits, first come first served, across workers. A permit is the right to be inside; holding
// one across awaits is what it is for.
//
// Thread: any. Owns: the waiting coroutines' places in line.
class Gate {
 public:
  // `permits` = 0 means no limit.
  explicit Gate(int permits) : free_(permits), unlimited_(permits == 0) {}

  struct Acquire {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> frame);
    void await_resume() const {}
    Gate& gate;
    Runnable run;
  };
  Acquire acquire() { return Acquire{*this, {}}; }
  void release();

 private:
  void enter(Runnable& run);
  SpinLock lock_;
  RunQueue waiting_;
  int free_;
  bool unlimited_;
};

// Gives way: back into the queue, always a real suspension.
struct Yield {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> frame);
  void await_resume() const {}
  Runnable run;
};
inline Yield yield() { return {}; }

// Until an instant of the monotonic clock. The outcome is 0, or -kCancelled.
struct Sleep : Io {
  explicit Sleep(Nanos until, Stop* with = nullptr) {
    is_sleep = true;
    deadline = until;
    stop = with;
  }
};

}  // namespace chimera::rt
