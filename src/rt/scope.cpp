#include "chimera/rt/scope.hpp"

#include "chimera/sys/clock.hpp"

namespace chimera::rt {

Nanos now() { return sys::now(); }

void Scope::start(Task<void> child, Place place, Account* account) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  Worker* here = Worker::current();
  auto frame = child.release();
  detail::Promise<void>& promise = frame.promise();
  promise.scope = this;
  Runnable& run = promise.run;
  run.suspend(frame);
  if (account != nullptr) run.account = account;
  if (place.worker == Place::kAny) {
    run.home = &here->runtime()->next_worker();
  } else if (place.worker >= 0) {
    run.home = &here->runtime()->worker(place.worker);
  }
  run.make_ready();
}

// `pending_` counts the children, and the owner until it joins: only behind that can somebody take
// it to zero, and whoever does makes the joiner ready. Everybody else must not touch the scope
// behind the fetch_sub: its owner may be gone by then.
void Scope::child_done() {
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) joiner_->make_ready();
}

void Scope::Join::await_suspend(std::coroutine_handle<> frame) {
  run.suspend(frame);
  scope.joiner_ = &run;
  scope.child_done();
}

// The lock is held for a few instructions, by at most as many threads as there are workers.
void Gate::lock() {
  while (lock_.test_and_set(std::memory_order_acquire)) {
  }
}

void Gate::Acquire::await_suspend(std::coroutine_handle<> frame) {
  run.suspend(frame);
  gate.lock();
  const bool inside = gate.unlimited_ || gate.free_ > 0;
  if (!inside) {
    gate.waiting_.push(run);
  } else if (!gate.unlimited_) {
    --gate.free_;
  }
  gate.unlock();
  if (inside) run.make_ready();
}

void Gate::release() {
  if (unlimited_) return;
  lock();
  Runnable* next = waiting_.pop();
  if (next == nullptr) ++free_;
  unlock();
  if (next != nullptr) next->make_ready();
}

void Yield::await_suspend(std::coroutine_handle<> frame) {
  run.suspend(frame);
  run.make_ready();
}

}  // namespace chimera::rt
