#include "chimera/rt/scope.hpp"

#include "chimera/rt/build.hpp"
#include "chimera/sys/clock.hpp"

namespace chimera::rt {

Nanos now() { return sys::now(); }
int64_t unix_seconds() { return sys::unix_now_ns() / kSecond; }

namespace {

// suspend() has noted what same() says: this worker, and whether the starter moves.
void settle(Runnable& run, Place place) {
  if (place.worker == Place::kSame) return;
  Runtime& runtime = *run.home->runtime();
  run.movable = false;
  if (place.worker >= 0) {
    run.home = &runtime.worker(place.worker);
  } else if (place.worker == Place::kAny) {
    const bool moves = holds(Kind::steal) && runtime.config().kind == Kind::steal;
    run.movable = moves;
    if (!moves) run.home = &runtime.next_worker();
  }
}

}  // namespace

void Scope::start(Task<void> child, Place place, Account* account) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  auto frame = child.release();
  frame.promise().scope = this;
  Runnable& run = *new Runnable;
  run.first = true;
  run.suspend(frame);
  if (account != nullptr) run.account = account;
  settle(run, place);
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
  auto join = [](void* subject) {
    Join& self = *static_cast<Join*>(subject);
    self.scope.joiner_ = &self.run;
    self.scope.child_done();
  };
  run.home->record_then(join, this);
}

namespace {

// Whether exchanges are done on another worker than the one that this is.
bool elsewhere() {
  return holds(Kind::bridge) && Runtime::current()->config().kind == Kind::bridge &&
         Worker::current()->index() == 0;
}

Task<void> there_and_back(Task<void> work, int worker) {
  Scope scope;
  scope.start(std::move(work), Place::on(worker));
  co_await scope.join();
}

Task<void> request(Stop& stop) {
  stop.request();
  co_return;
}

// Carries the request of `mine`, to which `over` is a part that ends the watch, to the other side.
Task<void> carry(int worker, Stop& mine, Stop& over, Stop& theirs) {
  Sleep watch(kNever, &over);
  co_await watch;
  if (!mine.requested()) co_return;
  Task<void> there = there_and_back(request(theirs), worker);
  co_await there;
}

Task<void> run_stoppable(Task<void> work, int worker, Stop* mine, Stop*& theirs) {
  Stop over(mine);
  Stop there;
  theirs = &there;
  Scope scope;
  scope.start(carry(worker, *mine, over, there), Place::here());
  co_await work;
  over.request();
  co_await scope.join();
}

}  // namespace

Task<void> IoSide::run(Task<void> work) {
  if (!elsewhere()) return work;
  if (worker_ < 0) worker_ = Runtime::current()->next_io_worker();
  return there_and_back(std::move(work), worker_);
}

Task<void> IoSide::run(Task<void> work, Stop* mine, Stop*& theirs) {
  theirs = mine;
  if (mine == nullptr || !elsewhere()) return run(std::move(work));
  Task<void> there = run(std::move(work));   // which chooses the worker
  return run_stoppable(std::move(there), worker_, mine, theirs);
}

void Gate::Acquire::await_suspend(std::coroutine_handle<> frame) {
  run.suspend(frame);
  auto enter = [](void* subject) {
    Acquire& self = *static_cast<Acquire*>(subject);
    self.gate.enter(self.run);
  };
  run.home->record_then(enter, this);
}

// Behind unlock() `run` may be gone, if it has been put into the line.
void Gate::enter(Runnable& run) {
  lock_.lock();
  const bool inside = unlimited_ || free_ > 0;
  if (!inside) {
    waiting_.push(run);
  } else if (!unlimited_) {
    --free_;
  }
  lock_.unlock();
  if (inside) run.make_ready();
}

void Gate::release() {
  if (unlimited_) return;
  lock_.lock();
  Runnable* next = waiting_.pop();
  if (next == nullptr) ++free_;
  lock_.unlock();
  if (next != nullptr) next->make_ready();
}

void Yield::await_suspend(std::coroutine_handle<> frame) {
  run.suspend(frame);
  auto again = [](void* subject) { static_cast<Runnable*>(subject)->make_ready(); };
  run.home->record_then(again, &run);
}

}  // namespace chimera::rt
