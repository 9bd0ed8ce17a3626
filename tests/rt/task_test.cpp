// runs: linux virtual tsan
#include "chimera/rt/task.hpp"

#include <optional>

#include "chimera/base/own.hpp"
#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;

namespace {

// How many are alive, and how many ever were.
struct Counted {
  static inline int alive = 0, made = 0;
  Counted() { ++alive, ++made; }
  Counted(const Counted&) { ++alive, ++made; }
  Counted(Counted&&) noexcept { ++alive, ++made; }
  ~Counted() { --alive; }
};

// ---- start and results --------------------------------------------------------------------------

rt::Task<int> note(std::vector<int>& log, int value) {
  log.push_back(value);
  co_return value * 10;
}

rt::Task<void> lazily(std::vector<int>& log) {
  rt::Task<int> one = note(log, 1);
  rt::Task<int> two = note(log, 2);
  log.push_back(0);
  const int second = co_await two;
  const int first = co_await one;
  log.push_back(first);
  log.push_back(second);
}

struct NoDefault {
  explicit NoDefault(int v) : value(v) {}
  int value;
};
rt::Task<void> nothing() { co_return; }
rt::Task<Own<int>> owned(int v) { co_return make_own<int>(v); }
rt::Task<NoDefault> no_default() { co_return NoDefault(7); }
rt::Task<std::string> text() { co_return "a string that is too long to be kept inline"; }
rt::Task<int> through_own(Own<int> in) {
  Own<int> inner = co_await owned(*in + 1);
  co_return *inner;
}

rt::Task<void> results(int& done) {
  co_await nothing();
  Own<int> p = co_await owned(5);
  CHECK(*p == 5);
  const NoDefault n = co_await no_default();
  CHECK(n.value == 7);
  const std::string s = co_await text();
  CHECK(s == "a string that is too long to be kept inline");
  const int got = co_await through_own(std::move(p));
  CHECK(got == 6);
  CHECK(!p);
  rt::Task<int> moved_from = through_own(make_own<int>(1));
  rt::Task<int> moved = std::move(moved_from);
  const int last = co_await moved;
  CHECK(last == 2);
  ++done;
}

// ---- depth and stack ----------------------------------------------------------------------------

struct StackUse {
  uintptr_t low = UINTPTR_MAX, high = 0;
  void look(void* frame) {
    const auto at = reinterpret_cast<uintptr_t>(frame);
    low = at < low ? at : low;
    high = at > high ? at : high;
  }
  uintptr_t bytes() const { return high - low; }
};

rt::Task<int> deep(int n, StackUse& use) {
  use.look(__builtin_frame_address(0));
  if (n == 0) co_return 0;
  const int below = co_await deep(n - 1, use);
  use.look(__builtin_frame_address(0));
  co_return below + 1;
}
rt::Task<void> go_deep(int& depth, StackUse& use) { depth = co_await deep(1000, use); }

rt::Task<int> instant(int i, StackUse& use) {
  use.look(__builtin_frame_address(0));
  co_return i;
}
rt::Task<void> many_awaits(uint64_t& sum, StackUse& use) {
  for (int i = 0; i < 1'000'000; ++i) {
    const int got = co_await instant(i, use);
    sum += static_cast<uint64_t>(got);
    use.look(__builtin_frame_address(0));
  }
}

// ---- errors -------------------------------------------------------------------------------------

rt::Task<Result<int>> half(int n) {
  if (n % 2 != 0) co_return fail(Errc::bad_input, "odd", n);
  co_return n / 2;
}
rt::Task<Result<int>> eighth(int n, int& steps) {
  const Counted local;
  CHI_CO_TRY(const int a, co_await half(n));
  ++steps;
  CHI_CO_TRY(const int b, co_await half(a));
  ++steps;
  CHI_CO_TRY(const int c, co_await half(b));
  ++steps;
  co_return c;
}
rt::Task<Result<void>> whole(int n, int& out, int& steps) {
  const Counted local;
  CHI_CO_TRY(out, co_await eighth(n, steps));
  CHI_CO_TRY_VOID(co_await eighth(n, steps));
  co_return Result<void>();
}

struct ErrorCase {
  const char* name;
  int n;
  bool ok;
  int value;   // the result, or the number in the error
  int steps;   // that were taken
};
const ErrorCase kErrors[] = {
    {"none", 64, true, 8, 6},
    {"first", 3, false, 3, 0},
    {"second", 6, false, 3, 1},
    {"third", 12, false, 3, 2},
};
rt::Task<void> try_errors() {
  for (const ErrorCase& c : kErrors) {
    CAPTURE(c.name);
    int out = 0, steps = 0;
    Result<void> r = co_await whole(c.n, out, steps);
    CHECK(r.has_value() == c.ok);
    CHECK((c.ok ? out : r.error().os) == c.value);
    if (!c.ok) CHECK(r.error().code == Errc::bad_input);
    CHECK(steps == c.steps);
    CHECK(Counted::alive == 0);
  }
}

// ---- ends ---------------------------------------------------------------------------------------

rt::Task<void> holding(Counted parameter, int& ran) {
  ++ran;
  co_await rt::yield();
  (void)parameter;
}
rt::Task<void> never_starts(int& ran) {
  {
    const Counted c;
    rt::Task<void> unused = holding(c, ran);
    rt::Task<void> moved = std::move(unused);
    CHECK(Counted::alive == 2);
  }
  CHECK(Counted::alive == 0);
  std::vector<rt::Task<void>> row;
  for (int i = 0; i < 3; ++i) row.push_back(holding(Counted(), ran));
  CHECK(Counted::alive == 3);
  rt::Task<void>& middle = row[1];
  co_await middle;
  CHECK(ran == 1);
}

// Starts a task as an await does, and lets go of it while it is suspended.
struct Kick {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> parent) { task->await_suspend(parent); }
  void await_resume() const {}
  rt::Task<void>* task;
};
rt::Task<void> two_steps() {
  co_await rt::yield();
  co_await rt::yield();
}
rt::Task<void> destroy_later(std::optional<rt::Task<void>>& victim, bool too_early) {
  co_await rt::yield();
  if (too_early) victim.reset();
}
rt::Task<void> abandon(bool too_early) {
  std::optional<rt::Task<void>> victim(two_steps());
  rt::Scope scope;
  scope.start(destroy_later(victim, too_early), rt::Place::here());
  Kick kick;
  kick.task = &*victim;
  co_await kick;
  victim.reset();   // finished by now: this is allowed
  co_await scope.join();
}
void run_abandon(bool too_early) {
  rt::Runtime runtime;
  rt::RuntimeConfig config;
  config.kind = rt::Kind::local;
  if (!runtime.open(config)) _exit(9);
  runtime.run(abandon(too_early));
}

}  // namespace

TEST_CASE("task: starts when it is awaited, not when it is made") {
  std::vector<int> log;
  Bench bench;
  bench.run(lazily(log));
  CHECK(log == std::vector<int>{0, 2, 1, 10, 20});
}

TEST_CASE("task: results of every kind arrive") {
  int done = 0;
  Bench bench;
  bench.run(results(done));
  CHECK(done == 1);
}

TEST_CASE("task: a thousand deep, on one level of stack") {
  int depth = 0;
  StackUse use;
  Bench bench;
  bench.run(go_deep(depth, use));
  CHECK(depth == 1000);
  CHECK(use.bytes() < 4096);
}

TEST_CASE("task: a million awaits that finish at once do not grow the stack") {
  uint64_t sum = 0;
  StackUse use;
  Bench bench;
  bench.run(many_awaits(sum, use));
  CHECK(sum == 499999500000u);
  CHECK(use.bytes() < 4096);
  CHECK(bench.runtime.counters().resumes < 10);   // one slice: no trip through the queue
}

TEST_CASE("task: CHI_CO_TRY hands errors up, and leaves by way of the destructors") {
  Counted::alive = 0;
  Bench bench;
  bench.run(try_errors());
}

TEST_CASE("task: one that was never started runs nothing and leaves nothing") {
  Counted::alive = Counted::made = 0;
  int ran = 0;
  Bench bench;
  bench.run(never_starts(ran));
  CHECK(ran == 1);
  CHECK(Counted::made > 0);
  CHECK(Counted::alive == 0);
}

TEST_CASE("task: to destroy a frame that has started and not finished aborts") {
  const Death fine = in_a_fork([] { run_abandon(false); });
  CHECK(fine.signal == 0);
  CHECK(fine.code == 0);
  const Death dead = in_a_fork([] { run_abandon(true); });
  CAPTURE(dead.words);
  CHECK(dead.signal == SIGABRT);
  CHECK(dead.words.find("started_") != std::string::npos);
}
