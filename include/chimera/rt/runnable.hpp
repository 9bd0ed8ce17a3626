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

// Lives in whatever the coroutine waits for (an operation, a gate, a scope), never on the heap.
struct Runnable {
  Runnable* next = nullptr;
  std::coroutine_handle<> frame;
  Account* account = nullptr;
  Worker* home = nullptr;               // where it is to be resumed
  Nanos ready_at = 0;                   // when it became runnable

  // Notes the coroutine that is being suspended on the current worker. For awaiters.
  void suspend(std::coroutine_handle<> coroutine);
  // Puts it into its home worker's queue, from any thread. It may run before this returns.
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
    Runnable* r = head_;
    if (r == nullptr) return nullptr;
    head_ = r->next;
    if (head_ == nullptr) tail_ = &head_;
    --size_;
    return r;
  }

 private:
  Runnable* head_ = nullptr;
  Runnable** tail_ = &head_;
  size_t size_ = 0;
};

}  // namespace chimera::rt
