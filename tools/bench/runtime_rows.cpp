// The runtime: tasks, timers, the ring.
#include <stdlib.h>
#include <time.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "chimera/rt/ring.hpp"
#include "chimera/rt/scope.hpp"

using namespace chimera;

namespace bench {
namespace {

// ---- the ring -----------------------------------------------------------------------------------

// What a queue that others may take from costs without a ring: a lock.
struct LockedQueue {
  std::mutex lock;
  std::deque<rt::Runnable*> items;
  void push(rt::Runnable& r) {
    std::lock_guard guard(lock);
    items.push_back(&r);
  }
  rt::Runnable* take() {
    std::lock_guard guard(lock);
    rt::Runnable* r = items.front();
    items.pop_front();
    return r;
  }
};

void ring_rows(Table& table) {
  constexpr int kItems = 200;
  static rt::Runnable items[kItems];
  static rt::Ring ring;
  static LockedQueue locked;
  // A lock is only a lock in a program with threads: libc leaves out the bus lock in others.
  std::atomic<bool> over{false};
  std::thread other([&over] { over.wait(false); });
  auto peer = [] {
    for (rt::Runnable& r : items) locked.push(r);
    for (int i = 0; i < kItems; ++i) keep(locked.take());
  };
  auto take = [] {
    for (rt::Runnable& r : items) keep(ring.push(r));
    for (int i = 0; i < kItems; ++i) keep(ring.take());
  };
  auto take_last = [] {
    for (rt::Runnable& r : items) keep(ring.push(r));
    for (int i = 0; i < kItems; ++i) keep(ring.take_last());
  };
  auto steal = [] {
    for (rt::Runnable& r : items) keep(ring.push(r));
    for (int i = 0; i < kItems; ++i) keep(ring.steal());
  };
  constexpr const char* kPeer = "mutex and deque, nobody else there";
  table.compare({"ring: push and take", kItems, 0, kPeer, 1}, take, peer);
  table.compare({"ring: push and take_last", kItems, 0, kPeer, 1}, take_last, peer);
  table.compare({"ring: push and steal", kItems, 0, kPeer, 1}, steal, peer);
  over = true;
  over.notify_one();
  other.join();
}

// ---- tasks --------------------------------------------------------------------------------------

rt::Task<int> answer() { co_return 42; }
rt::Task<void> nothing() { co_return; }

rt::Task<void> await_many(int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    const int value = co_await answer();
    keep(value);
  }
}

rt::Task<void> spawn_many(int64_t times) {
  constexpr int64_t kAtOnce = 64;
  for (int64_t i = 0; i < times; i += kAtOnce) {
    rt::Scope scope;
    for (int64_t k = 0; k < kAtOnce; ++k) scope.start(nothing(), rt::Place::here());
    co_await scope.join();
  }
}

rt::Task<void> yield_many(int64_t times) {
  for (int64_t i = 0; i < times; ++i) co_await rt::yield();
}

// A batch in a runtime of its own; opening one is small beside it.
template <class F>
void in_runtime(F root, int64_t times) {
  rt::RuntimeConfig config;
  config.kind = rt::Kind::local;
  rt::Runtime runtime;
  if (!runtime.open(config)) abort();
  runtime.run(root(times));
}

void nothing_called(void*) {}
void (*volatile called)(void*) = nothing_called;

// The least that a call which outlives its caller's turn needs: memory of its own, to be entered
// and left through pointers.
void bare_call() {
  constexpr size_t kFrame = 96;
  void* frame = malloc(kFrame);
  keep(frame);
  called(frame);
  called(frame);
  free(frame);
}

void task_rows(Table& table) {
  constexpr const char* kCall = "malloc, two indirect calls, free";
  Whole await([](int64_t n) { in_runtime(await_many, n); });
  Whole spawn([](int64_t n) { in_runtime(spawn_many, n); });
  Whole yield([](int64_t n) { in_runtime(yield_many, n); });
  Repeat call(bare_call);
  table.measure({"task: await one that returns at once", 1, 0, kCall, 2}, await, &call);
  table.measure({"task: spawn, run and join", 1, 0, kCall, 12}, spawn, &call);
  // Every slice is timed: that is where the record's contention comes from.
  Repeat clock([] {
    called(nullptr);
    keep(now_ns());
    keep(now_ns());
  });
  table.measure({"task: yield, with its accounts", 1, 0, "two readings of the clock", 2}, yield,
                &clock);
}

// ---- timers -------------------------------------------------------------------------------------

rt::Task<void> sleep_far(rt::Stop& stop) {
  rt::Sleep sleep(rt::now() + 3600 * kSecond, &stop);
  co_await sleep;
}

// Sleeps that are over at once: in front of everything that is pending, and out again.
rt::Task<void> sleep_often(int64_t times) {
  for (int64_t i = 0; i < times; ++i) {
    rt::Sleep sleep(1 + i);
    co_await sleep;
  }
}

rt::Task<void> keep_pending(int64_t count, int64_t times, uint64_t& spent) {
  constexpr int64_t kSleepers = 64;   // as many as a turn takes, so that it asks the kernel once
  rt::Stop stop;
  rt::Scope pending;
  for (int64_t i = 0; i < count; ++i) pending.start(sleep_far(stop), rt::Place::here());
  co_await rt::yield();
  for (int64_t i = 0; i < count; i += kSleepers) co_await rt::yield();
  const uint64_t begin = cpu_ns();
  rt::Scope sleepers;
  for (int64_t i = 0; i < kSleepers; ++i) {
    sleepers.start(sleep_often(times / kSleepers + 1), rt::Place::here());
  }
  co_await sleepers.join();
  spent += cpu_ns() - begin;
  stop.request();
  co_await pending.join();
}

// Only the time with everything in place counts.
class Timers final : public Batch {
 public:
  explicit Timers(int64_t pending) : pending_(pending) {}
  void run(int64_t times) override { run_timed(times); }
  double run_timed(int64_t times) override {
    uint64_t spent = 0;
    in_runtime([&](int64_t n) { return keep_pending(pending_, n, spent); }, times);
    return static_cast<double>(spent);
  }

 private:
  int64_t pending_;
};

void timer_rows(Table& table) {
  struct Case {
    const char* name;
    int64_t pending;
  };
  for (const Case& c : {Case{"timer: set, expire, resume; 1 pending", 1},
                        Case{"timer: ... 1,000 pending", 1000},
                        Case{"timer: ... 100,000 pending", 100'000}}) {
    std::set<std::pair<Nanos, int64_t>> tree;
    for (int64_t i = 0; i < c.pending; ++i) tree.insert({3600 * kSecond + i, i});
    Timers timers(c.pending);
    Nanos at = 0;
    Repeat peer([&] {
      tree.insert({++at, 0});
      tree.erase(tree.begin());
    });
    table.measure({c.name, 1, 0, "std::set: insert, erase the first", 6}, timers, &peer);
  }
}

}  // namespace

void runtime_rows(Table& table) {
  ring_rows(table);
  task_rows(table);
  timer_rows(table);
}

}  // namespace bench
