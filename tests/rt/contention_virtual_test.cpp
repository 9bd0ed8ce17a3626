// runs: virtual
//
// The account of who waited for a worker, to the nanosecond: a hog moves the virtual clock while it
// has the worker.
#include <utility>

#include "chimera/sys/virtual.hpp"
#include "tests/rt/by_hand.hpp"

using namespace chimera;
using namespace chimera_test;
using rt::Place;
using sys::virtual_world::advance;

namespace {

struct Person {
  rt::Account account;
  Nanos waited() const { return account.ready_wait; }
  Nanos ran() const { return account.running; }
};

rt::Task<void> hog(Nanos time) {
  advance(time);
  co_return;
}
rt::Task<void> hog_and_yield(Nanos time, int times) {
  for (int i = 0; i < times; ++i) {
    advance(time);
    co_await rt::yield();
  }
}
rt::Task<void> nothing() { co_return; }

// A full slice of the hog lies before the other's first one.
rt::Task<void> queued_behind(Person& hogger, Person& other) {
  rt::Scope scope;
  scope.start(hog(5 * kMilli), Place::here(), &hogger.account);
  scope.start(nothing(), Place::here(), &other.account);
  co_await scope.join();
}

// Made ready in the middle of a slice: only what is left of it counts.
rt::Task<void> made_ready_midway(Person& other) {
  rt::Scope scope;
  advance(2 * kMilli);
  scope.start(nothing(), Place::here(), &other.account);
  advance(3 * kMilli);
  co_await scope.join();
}

// Nobody else wants the worker: a hog that yields waits for nobody.
rt::Task<void> alone(Person& hogger) {
  rt::Scope scope;
  scope.start(hog_and_yield(5 * kMilli, 3), Place::here(), &hogger.account);
  co_await scope.join();
}

rt::Task<void> taking_turns(Person& slow, Person& fast) {
  rt::Scope scope;
  scope.start(hog_and_yield(5 * kMilli, 3), Place::here(), &slow.account);
  scope.start(hog_and_yield(kMilli, 3), Place::here(), &fast.account);
  co_await scope.join();
}

rt::Task<void> hold(rt::Gate& gate) {
  co_await gate.acquire();
  co_await rt::yield();
  advance(4 * kMilli);
  gate.release();
  advance(6 * kMilli);
}
rt::Task<void> pass(rt::Gate& gate) {
  co_await gate.acquire();
  gate.release();
}
rt::Task<void> through_a_gate(Person& other) {
  rt::Gate gate(1);
  rt::Scope scope;
  scope.start(hold(gate), Place::here());
  scope.start(pass(gate), Place::here(), &other.account);
  co_await scope.join();
}

rt::Task<void> nap(rt::Stop& stop) {
  rt::Sleep sleep(kNever, &stop);
  co_await sleep;
}
rt::Task<void> request(rt::Stop& stop) {
  advance(2 * kMilli);
  stop.request();
  advance(kMilli);
  co_return;
}
rt::Task<void> woken_by_stop(Person& other) {
  rt::Stop stop;
  rt::Scope scope;
  scope.start(nap(stop), Place::here(), &other.account);
  co_await rt::yield();
  co_await rt::yield();
  scope.start(request(stop), Place::here());
  co_await scope.join();
}

// To wait for a timer is not to wait for a worker.
rt::Task<void> asleep() {
  rt::Sleep sleep(sys::now() + kSecond);
  co_await sleep;
}
rt::Task<void> one_sleeper(Person& other) {
  rt::Scope scope;
  scope.start(asleep(), Place::here(), &other.account);
  co_await scope.join();
}

// What takes its time when the task that holds it is gone: behind its slice, before its parent is
// made ready.
struct Farewell {
  explicit Farewell(Nanos t) : time(t) {}
  Farewell(Farewell&& o) : time(o.time) { o.time = 0; }
  ~Farewell() { advance(time); }
  Nanos time;
};
rt::Task<void> leave(Farewell) { co_return; }
rt::Task<void> wait_for_it() {
  rt::Scope scope;
  Farewell farewell(4 * kMilli);
  rt::Task<void> child = leave(std::move(farewell));
  scope.start(std::move(child), Place::here());
  co_await scope.join();
}
rt::Task<void> farewells(Person& parent) {
  rt::Scope scope;
  scope.start(wait_for_it(), Place::here(), &parent.account);
  co_await scope.join();
}

// Children are charged to the account of whoever starts them.
rt::Task<void> family(Nanos time) {
  rt::Scope scope;
  scope.start(hog(time), Place::here());
  scope.start(hog(time), Place::here());
  co_await scope.join();
}
rt::Task<void> inherited(Person& parent) {
  rt::Scope scope;
  scope.start(family(3 * kMilli), Place::here(), &parent.account);
  co_await scope.join();
}

// ---- several workers, turned by hand ------------------------------------------------------------

// A hog of 5 ms on worker `at`; the one behind it waits for all of that, and nobody else for
// anything.
rt::Task<void> hog_at(int at, Person& hogger, Person& behind, Person& elsewhere) {
  rt::Scope scope;
  scope.start(hog(5 * kMilli), Place::on(at), &hogger.account);
  scope.start(nothing(), Place::on(at), &behind.account);
  scope.start(nothing(), Place::on(1 - at), &elsewhere.account);
  co_await scope.join();
}

// In the middle of its 5 ms the other worker comes by and takes what waits behind the hog.
rt::Task<void> hog_with_a_thief(rt::ByHand& all, Person& other) {
  rt::Scope scope;
  scope.start(nothing(), Place::any(), &other.account);
  advance(2 * kMilli);
  all.turn(1);
  advance(3 * kMilli);
  co_await scope.join();
}
rt::Task<void> stolen(rt::ByHand& all, Person& hogger, Person& other) {
  rt::Scope scope;
  scope.start(hog_with_a_thief(all, other), Place::here(), &hogger.account);
  co_await scope.join();
}

// Made ready on worker 0 three times, in the middle of a slice, and taken away 2 ms later.
rt::Task<void> wander(rt::Gate& gate, int& elsewhere) {
  for (int i = 0; i < 3; ++i) {
    co_await gate.acquire();
    elsewhere += rt::Worker::current()->index() == 1;
    advance(kMilli);
  }
}
rt::Task<void> wandering(rt::ByHand& all, Person& wanderer, int& elsewhere) {
  rt::Gate gate(1);
  co_await gate.acquire();
  rt::Scope scope;
  scope.start(wander(gate, elsewhere), Place::any(), &wanderer.account);
  for (int i = 0; i < 3; ++i) {
    gate.release();
    advance(2 * kMilli);
    all.turn(1);
    advance(3 * kMilli);
    co_await rt::yield();
  }
  co_await scope.join();
}

// Both hops of an exchange wait: there behind a hog of 5 ms, back behind one of 3 ms.
rt::Task<void> hog_behind(rt::Gate& gate) {
  co_await gate.acquire();
  advance(3 * kMilli);
}
rt::Task<void> other_side(rt::Gate& gate) {
  advance(kMilli);
  gate.release();
  co_return;
}
rt::Task<void> exchange(rt::Gate& gate) {
  rt::IoSide io;
  rt::Task<void> work = other_side(gate);
  co_await io.run(std::move(work));
}
rt::Task<void> bridged(Person& there, Person& back, Person& agent) {
  rt::Gate gate(1);
  co_await gate.acquire();
  rt::Scope scope;
  scope.start(hog(5 * kMilli), Place::on(1), &there.account);
  scope.start(hog_behind(gate), Place::any(), &back.account);
  scope.start(exchange(gate), Place::any(), &agent.account);
  co_await scope.join();
}

uint64_t waits_in(rt::Runtime& runtime, int bucket) {
  return runtime.counters().waits.bucket[bucket];
}

}  // namespace

TEST_CASE("contention: queued behind a hog") {
  Person hogger, other;
  Bench bench;
  bench.run(queued_behind(hogger, other));
  CHECK(hogger.ran() == 5 * kMilli);
  CHECK(hogger.waited() == 0);
  CHECK(other.ran() == 0);
  CHECK(other.waited() == 5 * kMilli);
  CHECK(other.account.resumes == 1);
  CHECK(bench.runtime.counters().ready_wait == 5 * kMilli);
  CHECK(bench.runtime.counters().longest_resume == 5 * kMilli);
  CHECK(waits_in(bench.runtime, 13) == 1);   // [4096, 8192) us
  CHECK(waits_in(bench.runtime, 0) == bench.runtime.counters().resumes - 1);
}

TEST_CASE("contention: made ready in the middle of a slice") {
  Person other;
  Bench bench;
  bench.run(made_ready_midway(other));
  CHECK(other.waited() == 3 * kMilli);
}

TEST_CASE("contention: a hog that is alone waits for nobody") {
  Person hogger;
  Bench bench;
  bench.run(alone(hogger));
  CHECK(hogger.ran() == 15 * kMilli);
  CHECK(hogger.waited() == 0);
  CHECK(bench.runtime.counters().ready_wait == 0);
}

TEST_CASE("contention: two that take turns wait for each other's slices") {
  Person slow, fast;
  Bench bench;
  bench.run(taking_turns(slow, fast));
  CHECK(slow.ran() == 15 * kMilli);
  CHECK(fast.ran() == 3 * kMilli);
  CHECK(fast.waited() == 15 * kMilli);
  CHECK(slow.waited() == 3 * kMilli);
  CHECK(bench.runtime.counters().ready_wait == 18 * kMilli);
}

TEST_CASE("contention: behind a gate the wait for a worker begins with the permit") {
  Person other;
  Bench bench;
  bench.run(through_a_gate(other));
  CHECK(other.waited() == 6 * kMilli);
}

TEST_CASE("contention: woken by a stop") {
  Person other;
  Bench bench;
  bench.run(woken_by_stop(other));
  CHECK(other.waited() == kMilli);
}

TEST_CASE("contention: to sleep is not to wait for a worker") {
  Person other;
  Bench bench;
  bench.run(one_sleeper(other));
  CHECK(other.waited() == 0);
  CHECK(other.ran() == 0);
  CHECK(other.account.resumes == 2);
}

TEST_CASE("contention: never below zero, whatever is done between two slices") {
  Person parent;
  Bench bench;
  bench.run(farewells(parent));
  CHECK(parent.waited() == 0);
  CHECK(bench.runtime.counters().ready_wait == 0);
}

TEST_CASE("contention: children are charged to their parent's account") {
  Person parent;
  Bench bench;
  bench.run(inherited(parent));
  CHECK(parent.ran() == 6 * kMilli);
  CHECK(parent.waited() == 3 * kMilli);   // the second child behind the first
}

TEST_CASE("contention: a hog under every kind of runtime, on one worker and the other") {
  for (const rt::Kind kind : {rt::Kind::fixed, rt::Kind::steal, rt::Kind::bridge}) {
    for (const int at : {0, 1}) {
      CAPTURE(rt::name_of(kind));
      CAPTURE(at);
      Person hogger, behind, elsewhere;
      rt::ByHand all(kind, 2);
      all.run(hog_at(at, hogger, behind, elsewhere));
      CHECK(hogger.ran() == 5 * kMilli);
      CHECK(hogger.waited() == 0);
      CHECK(behind.ran() == 0);
      CHECK(behind.waited() == 5 * kMilli);
      // Worker 0 has its turn before worker 1: it is done before the hog there begins. The other
      // way round the one thread of this test makes worker 1 wait for worker 0.
      CHECK(elsewhere.waited() == (at == 0 ? 5 * kMilli : 0));
      CHECK(all.runtime.counters().ready_wait == (at == 0 ? 10 : 5) * kMilli);
      CHECK(all.runtime.counters().longest_resume == 5 * kMilli);
    }
  }
}

TEST_CASE("contention: what is stolen from behind a hog waits until then, and no longer") {
  Person hogger, other;
  rt::ByHand all(rt::Kind::steal, 2);
  all.run(stolen(all, hogger, other));
  CHECK(hogger.ran() == 5 * kMilli);
  CHECK(hogger.waited() == 0);
  CHECK(other.waited() == 2 * kMilli);
  CHECK(other.account.resumes == 1);
  CHECK(all.runtime.counters().ready_wait == 2 * kMilli);
  CHECK(all.runtime.counters().steals == 1);
  CHECK(all[1].counters().ready_wait == 2 * kMilli);   // with the one that ran it
}

TEST_CASE("contention: a task that moves is charged on every worker it runs on") {
  Person wanderer;
  int elsewhere = 0;
  rt::ByHand all(rt::Kind::steal, 2);
  all.run(wandering(all, wanderer, elsewhere));
  CHECK(elsewhere == 3);
  CHECK(wanderer.ran() == 3 * kMilli);
  CHECK(wanderer.waited() == 6 * kMilli);
  CHECK(wanderer.account.resumes == 4);
  CHECK(all.runtime.counters().ready_wait == 6 * kMilli);
  CHECK(all.runtime.counters().steals == 3);
}

TEST_CASE("contention: both hops of an exchange under bridge") {
  Person there, back, agent;
  rt::ByHand all(rt::Kind::bridge, 1);
  all.run(bridged(there, back, agent));
  CHECK(there.ran() == 5 * kMilli);
  CHECK(back.ran() == 3 * kMilli);
  CHECK(agent.ran() == kMilli);
  CHECK(there.waited() == 0);
  CHECK(back.waited() == 0);
  CHECK(agent.waited() == 8 * kMilli);
  CHECK(agent.account.resumes == 3);   // until the hop, on the other side, behind it
  CHECK(all.runtime.counters().ready_wait == 8 * kMilli);
}

TEST_CASE("contention: buckets of the histogram") {
  struct Row {
    Nanos wait;
    int bucket;
  };
  const Row rows[] = {{0, 0},           {999, 0},          {1000, 1},   {1999, 1},
                      {2000, 2},        {3999, 2},         {4000, 3},   {kMilli, 10},
                      {1023'999, 10},   {1024'000, 11},    {kSecond, 20},
                      {4 * kSecond, 22}, {4194304'000 - 1, 22}, {4194304'000, 23}, {kNever, 23}};
  for (const Row& row : rows) {
    CAPTURE(row.wait);
    rt::WaitHistogram h;
    h.add(row.wait);
    for (int i = 0; i < 24; ++i) CHECK(h.bucket[i] == (i == row.bucket ? 1u : 0u));
  }
}
