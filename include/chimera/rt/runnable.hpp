// A suspended coroutine that a worker will resume, and the account its time is charged to.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "chimera/base/time.hpp"

namespace chimera::rt {

class Worker;

// What the scheduler did for one agent: the measured answer to "how much did it wait for the
// runtime?". Written by workers (relaxed), read after the runtime has stopped.
struct Account {
  std::atomic<int64_t> ready_wait{0};   // ns runnable but waiting for a worker
  std::atomic<int64_t> running{0};      // ns on a worker
  std::atomic<uint64_t> resumes{0};
};

// What can be put into a worker's inbox: a link, and what the worker is to do with it.
struct Handover {
  enum class What : uint8_t {
    resume,   // a Runnable
    submit,   // an Io, to be started on that worker's port
    loan,     // a read buffer of that worker's port, which carries this in its first bytes
    close     // a socket that the worker's port knows
  };
  Handover* next = nullptr;
  What what = What::resume;
};

// Lives in whatever the coroutine waits for (an operation, a gate, a scope). That of the first
// resume of a scope's child is on the heap until then: every frame would keep one else.
struct Runnable : Handover {
  bool movable = false;                 // may be resumed by any worker of its runtime
  bool first = false;                   // on the heap
  std::coroutine_handle<> frame;
  Account* account = nullptr;
  Worker* home = nullptr;               // where it is to be resumed; where it suspended, if movable
  Nanos ready_at = 0;                   // when it became runnable

  // Notes the coroutine that is being suspended on the current worker. For awaiters. One that may
  // move must not be found by another worker before its slice is over: see Worker::record_then.
  void suspend(std::coroutine_handle<> coroutine);
  // Makes it runnable, from any thread: a movable one on the worker that calls, another one at
  // home. It may run before this returns.
  void make_ready();
};

// First in, first out; intrusive.
class RunQueue {
 public:
  bool empty() const { return head_ == nullptr; }
  size_t size() const { return size_; }
  void push(Runnable& r) {
    r.next = nullptr;
    *tail_ = &r;
    tail_ = &r.next;
    ++size_;
  }
  Runnable* pop() {
    Handover* r = head_;
    if (r == nullptr) return nullptr;
    head_ = r->next;
    if (head_ == nullptr) tail_ = &head_;
    --size_;
    return static_cast<Runnable*>(r);
  }

 private:
  Handover* head_ = nullptr;
  Handover** tail_ = &head_;
  size_t size_ = 0;
};

// Held for a few instructions, by at most as many threads as there are workers.
class SpinLock {
 public:
  void lock() {
    while (held_.test_and_set(std::memory_order_acquire)) {
    }
  }
  void unlock() { held_.clear(std::memory_order_release); }

 private:
  std::atomic_flag held_ = ATOMIC_FLAG_INIT;
};

// The movable tasks that found their worker's ring full. Thread: any.
class Overflow {
 public:
  void push(Runnable& r) {
    lock_.lock();
    queue_.push(r);
    count_.store(queue_.size(), std::memory_order_seq_cst);   // as Ring::push, for the sleepers
    lock_.unlock();
  }
  Runnable* pop() {
    if (empty()) return nullptr;
    lock_.lock();
    Runnable* r = queue_.pop();
    count_.store(queue_.size(), std::memory_order_seq_cst);
    lock_.unlock();
    return r;
  }
  bool empty() const { return count_.load(std::memory_order_seq_cst) == 0; }

 private:
  SpinLock lock_;
  RunQueue queue_;
  std::atomic<size_t> count_{0};
};

}  // namespace chimera::rt
