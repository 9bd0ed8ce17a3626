// runs: linux tsan
#include "chimera/rt/scope.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "chimera/base/rng.hpp"
#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;
using rt::Place;

namespace {

using Count = std::atomic<uint64_t>;

rt::Task<void> add_one(Count& n) {
  ++n;
  co_return;
}
rt::Task<void> add_after_yields(Count& n, int yields) {
  for (int i = 0; i < yields; ++i) co_await rt::yield();
  ++n;
}

// ---- joining ------------------------------------------------------------------------------------

rt::Task<void> join_none(Count& n) {
  for (int i = 0; i < 3; ++i) {
    rt::Scope scope;
    co_await scope.join();
    ++n;
  }
}

rt::Task<void> join_late(Count& n, Place place) {
  rt::Scope scope;
  for (int i = 0; i < 10; ++i) scope.start(add_one(n), place);
  while (n < 10) co_await rt::yield();
  rt::Sleep moment(sys::now() + 2 * kMilli);   // the last one has left its scope, too
  co_await moment;
  co_await scope.join();
  n += 100;
}

rt::Task<void> tree(Count& n, int depth, Place place) {
  rt::Scope scope;
  for (int i = 0; i < 3 && depth > 0; ++i) scope.start(tree(n, depth - 1, place), place);
  ++n;
  co_await scope.join();
}

rt::Task<void> many_children(Count& n, int children, Place place) {
  rt::Scope scope;
  for (int i = 0; i < children; ++i) scope.start(add_after_yields(n, i % 3), place);
  co_await scope.join();
  n += 1'000'000;
}

// A child finishes on another worker while its parent is about to join: all the ways these two can
// meet. A joiner that is woken twice, or by a scope that is gone, shows as a crash, as a race under
// TSan, or as a round that ends before its child.
rt::Task<void> join_race(Bench& bench, int rounds, int children) {
  Rng rng(7);
  for (int i = 0; i < rounds; ++i) {
    Count n{0};
    rt::Scope scope;
    for (int c = 0; c < children; ++c) scope.start(add_one(n), Place::on(1));
    const uint64_t pause = rng.below(400);
    for (uint64_t p = 0; p < pause * 8 && (i % 2 == 0 || n < 1); ++p) asm volatile("");
    co_await scope.join();
    if (n != static_cast<uint64_t>(children)) FAIL("a join returned before its children");
    ++bench.progress;
  }
}

// ---- placement ----------------------------------------------------------------------------------

rt::Task<void> where(int& index) {
  index = rt::Worker::current()->index();
  co_return;
}
rt::Task<void> placed(std::vector<int>& at, Place place) {
  rt::Scope scope;
  for (int& index : at) scope.start(where(index), place);
  co_await scope.join();
}
rt::Task<void> placement(Bench& bench) {
  const size_t n = 6;
  std::vector<int> any(n, -1), here(n, -1), on2(n, -1), remote_here(n, -1);
  const int start = bench.runtime.next_worker().index();
  co_await placed(any, Place::any());
  for (size_t i = 0; i < n; ++i) CHECK(any[i] == (start + 1 + static_cast<int>(i)) % 3);
  co_await placed(here, Place::here());
  CHECK(here == std::vector<int>(n, 0));
  co_await placed(on2, Place::on(2));
  CHECK(on2 == std::vector<int>(n, 2));
  rt::Scope scope;   // "here" is where the starter is
  scope.start(placed(remote_here, Place::here()), Place::on(1));
  co_await scope.join();
  CHECK(remote_here == std::vector<int>(n, 1));
  CHECK(rt::Worker::current()->index() == 0);   // the joiner has not moved
}

// ---- the gate -----------------------------------------------------------------------------------

rt::Task<void> pass_in_order(rt::Gate& gate, std::vector<int>& order, int id) {
  co_await gate.acquire();
  order.push_back(id);
  co_await rt::yield();
  gate.release();
}
rt::Task<void> gate_order(std::vector<int>& order, int permits, int tasks) {
  rt::Gate gate(permits);
  rt::Scope scope;
  for (int i = 0; i < tasks; ++i) scope.start(pass_in_order(gate, order, i), Place::here());
  co_await scope.join();
}

struct Crowd {
  explicit Crowd(int permits) : gate(permits) {}
  rt::Gate gate;
  std::atomic<int> inside{0}, most{0}, passed{0};
};
rt::Task<void> crowd_one(Crowd& c, int id) {
  for (int round = 0; round < 3; ++round) {
    co_await c.gate.acquire();
    const int now = ++c.inside;
    int most = c.most;
    while (now > most && !c.most.compare_exchange_weak(most, now)) {
    }
    for (int i = 0; i < (id + round) % 4; ++i) co_await rt::yield();
    --c.inside;
    c.gate.release();
  }
  ++c.passed;
}
rt::Task<void> crowd(Crowd& c, int tasks) {
  rt::Scope scope;
  for (int i = 0; i < tasks; ++i) scope.start(crowd_one(c, i));
  co_await scope.join();
}

// Nobody leaves before everybody is inside.
rt::Task<void> meet(rt::Gate& gate, Count& inside, uint64_t all) {
  co_await gate.acquire();
  ++inside;
  while (inside < all) co_await rt::yield();
  gate.release();
}
rt::Task<void> meet_all(rt::Gate& gate, Count& inside, uint64_t all) {
  rt::Scope scope;
  for (uint64_t i = 0; i < all; ++i) scope.start(meet(gate, inside, all));
  co_await scope.join();
}

// ---- yield --------------------------------------------------------------------------------------

rt::Task<void> say(std::string& log, char who, int times) {
  for (int i = 0; i < times; ++i) {
    log += who;
    co_await rt::yield();
  }
}
rt::Task<void> talk(std::string& log, const char* who) {
  rt::Scope scope;
  for (; *who != '\0'; ++who) scope.start(say(log, *who, 4), Place::here());
  co_await scope.join();
}

rt::Task<void> chatter(const bool& over, uint64_t& steps) {
  while (!over) {
    ++steps;
    co_await rt::yield();
  }
}
rt::Task<void> third(bool& over, uint64_t& steps, Nanos& worst) {
  for (int i = 0; i < 20; ++i) {
    const uint64_t before = steps;
    co_await rt::yield();
    CHECK(steps - before <= 2);   // each of the pair at most once in between
    const Nanos due = sys::now() + kMilli;
    rt::Sleep nap(due);
    co_await nap;
    worst = std::max(worst, sys::now() - due);
  }
  over = true;
}
rt::Task<void> pair_and_third(uint64_t& steps, Nanos& worst) {
  bool over = false;
  rt::Scope scope;
  scope.start(chatter(over, steps), Place::here());
  scope.start(chatter(over, steps), Place::here());
  scope.start(third(over, steps, worst), Place::here());
  co_await scope.join();
}

// ---- deaths -------------------------------------------------------------------------------------

rt::Task<void> leave_scope(Count& n, bool joined) {
  rt::Scope scope;
  scope.start(add_after_yields(n, 3), Place::here());
  if (joined) co_await scope.join();
}
void run_leave_scope(bool joined) {
  Count n{0};
  rt::Runtime runtime;
  rt::RuntimeConfig config;
  config.kind = rt::Kind::local;
  if (!runtime.open(config)) _exit(9);
  runtime.run(leave_scope(n, joined));
}

struct Row {
  const char* name;
  rt::Kind kind;
  int threads;
  Place place;
};
const Row kRows[] = {
    {"same worker", rt::Kind::local, 1, Place::here()},
    {"local, any", rt::Kind::local, 1, Place::any()},
    {"other worker", rt::Kind::fixed, 2, Place::on(1)},
    {"two workers, any", rt::Kind::fixed, 2, Place::any()},
    {"four workers, any", rt::Kind::fixed, 4, Place::any()},
    {"three that steal", rt::Kind::steal, 3, Place::any()},
    {"three that steal, as the parent", rt::Kind::steal, 3, Place::same()},
    {"bridge", rt::Kind::bridge, 2, Place::any()},
};

}  // namespace

TEST_CASE("scope: join without children, and after all have finished") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    Count none{0}, late{0};
    Bench first(row.kind, row.threads);
    first.run(join_none(none));
    CHECK(none == 3);
    Bench second(row.kind, row.threads);
    second.run(join_late(late, row.place));
    CHECK(late == 110);
  }
}

TEST_CASE("scope: nested scopes") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    Count n{0};
    Bench bench(row.kind, row.threads);
    bench.run(tree(n, 6, row.place));
    CHECK(n == 1093);   // 1 + 3 + 9 + ... + 3^6
  }
}

TEST_CASE("scope: a hundred thousand children") {
  const int children = (kTsan ? 30'000 : 100'000) / kLess;
  for (const Row& row : {kRows[0], kRows[2], kRows[3], kRows[5]}) {
    CAPTURE(row.name);
    Count n{0};
    Bench bench(row.kind, row.threads);
    bench.run(many_children(n, children, row.place));
    CHECK(n == 1'000'000u + static_cast<uint64_t>(children));
  }
}

TEST_CASE("scope: children finish on another thread while the parent joins") {
  for (const int children : {1, 2, 5}) {
    CAPTURE(children);
    const int rounds = kTsan ? 10'000 : 15'000;
    Bench bench(rt::Kind::fixed, 2);
    bench.run(join_race(bench, rounds, children));
    CHECK(bench.progress == static_cast<uint64_t>(rounds));
  }
}

TEST_CASE("scope: children run where they were placed") {
  Bench bench(rt::Kind::fixed, 3);
  bench.run(placement(bench));
}

TEST_CASE("scope: to leave one that was not joined aborts") {
  CHECK(in_a_fork([] { run_leave_scope(true); }).code == 0);
  const Death dead = in_a_fork([] { run_leave_scope(false); });
  CAPTURE(dead.words);
  CHECK(dead.signal == SIGABRT);
  CHECK(dead.words.find("drained") != std::string::npos);
}

TEST_CASE("gate: first come, first served") {
  for (const int permits : {1, 2, 3, 50}) {
    CAPTURE(permits);
    std::vector<int> order;
    Bench bench;
    bench.run(gate_order(order, permits, 40));
    CHECK(order.size() == 40);
    CHECK(std::is_sorted(order.begin(), order.end()));
  }
}

TEST_CASE("gate: a thousand tasks on two workers, never more inside than there are permits") {
  for (const rt::Kind kind : {rt::Kind::fixed, rt::Kind::steal}) {
    for (const int permits : {1, 2, 7}) {
      CAPTURE(rt::name_of(kind));
      CAPTURE(permits);
      Crowd c(permits);
      Bench bench(kind, 2);
      bench.run(crowd(c, 1000));
      CHECK(c.passed == 1000);
      CHECK(c.inside == 0);
      CHECK(c.most == permits);   // all of them were of use, and none was made up
    }
  }
}

TEST_CASE("gate: no permits means no limit") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    rt::Gate gate(0);
    Count inside{0};
    Bench bench(row.kind, row.threads);
    bench.run(meet_all(gate, inside, 200));
    CHECK(inside == 200);
  }
}

TEST_CASE("yield: exact order") {
  std::string two, three;
  Bench first, second;
  first.run(talk(two, "ab"));
  CHECK(two == "abababab");
  second.run(talk(three, "abc"));
  CHECK(three == "abcabcabcabc");
}

TEST_CASE("yield: a pair that yields for ever starves neither a third nor timers") {
  uint64_t steps = 0;
  Nanos worst = 0;
  Bench bench;
  bench.run(pair_and_third(steps, worst));
  CHECK(steps > 100);
  CHECK(worst < 200 * kMilli);   // a busy machine; starved it would never come
}
