// runs: linux virtual tsan
//
// One worker: timers, deadlines against data, cancelling. In the virtual world every instant is
// exact; on Linux the same tests have bounds that a busy machine keeps.
#include "chimera/rt/worker.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "chimera/base/rng.hpp"
#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;
using rt::Place;

namespace {

const net::Deadline kNone;

// `at` is when something due at `due` happened.
bool on_time(Nanos at, Nanos due) {
  static const bool exact = clock_is_virtual();
  return exact ? at == due : at >= due && at < due + 5 * kSecond;
}

// ---- timers -------------------------------------------------------------------------------------

struct Alarm {
  Nanos due = 0;
  rt::Stop stop;
  bool cancel = false;
  int64_t outcome = 77;
  Nanos woke = 0;
  int fired = 0;
};
rt::Task<void> sleep_for(Alarm& a, std::vector<Alarm*>& order) {
  rt::Sleep sleep(a.due, &a.stop);
  a.outcome = co_await sleep;
  a.woke = sys::now();
  ++a.fired;
  order.push_back(&a);
}
// Starts them all, then cancels those that are to be.
rt::Task<void> ring(std::deque<Alarm>& alarms, std::vector<Alarm*>& order) {
  rt::Scope scope;
  for (Alarm& a : alarms) scope.start(sleep_for(a, order), Place::here());
  co_await rt::yield();
  for (Alarm& a : alarms)
    if (a.cancel) a.stop.request();
  co_await scope.join();
}
void check_alarms(const std::deque<Alarm>& alarms, const std::vector<Alarm*>& order) {
  CHECK(order.size() == alarms.size());
  Nanos last = 0;
  for (const Alarm* a : order) {
    CHECK(a->fired == 1);
    CHECK(a->outcome == (a->cancel ? -sys::kCancelled : 0));
    if (a->cancel) continue;
    CHECK(on_time(a->woke, a->due));
    CHECK(a->due >= last);
    last = a->due;
  }
}

// ---- deadlines against data ---------------------------------------------------------------------

struct Duel {
  const char* name;
  Nanos data, deadline;     // after the start
  const char* got;          // nullptr: timed out
};
const Duel kDuels[] = {
    {"deadline first", 60 * kMilli, 20 * kMilli, nullptr},
    {"data first", 5 * kMilli, 5 * kSecond, "hello"},
    {"no deadline", 5 * kMilli, kNever, "hello"},
    {"data is there before the read", 0, 5 * kSecond, "hello"},
    {"the deadline is over before the read, no data", 20 * kMilli, -kMilli, nullptr},
};

rt::Task<void> write_at(net::Stream& s, Nanos at, std::string_view text) {
  rt::Sleep sleep(at);
  co_await sleep;
  Result<void> sent = co_await s.write_all(text, kNone);
  CHECK(sent.has_value());
}
// What is still on its way after the first read has ended, up to `size` bytes in all.
rt::Task<void> read_rest(net::Stream& s, std::string& all, size_t size) {
  while (all.size() < size) {
    Result<std::string_view> part = co_await s.read_some(kNone);
    REQUIRE(part.has_value());
    all += *part;
  }
}
rt::Task<void> duel(const Duel& d) {
  Ends ends;
  co_await connect(ends);
  const Nanos start = sys::now();
  rt::Scope scope;
  scope.start(write_at(ends.client, start + d.data, "hello"), Place::here());
  co_await rt::yield();
  co_await rt::yield();
  const net::Deadline limit{later(start, d.deadline), "idle"};
  Result<std::string_view> first = co_await ends.server.read_some(limit);
  const Nanos at = sys::now();
  std::string all;
  if (d.got != nullptr) {
    REQUIRE(first.has_value());
    CHECK(on_time(at, start + d.data));
    all = *first;
  } else {
    REQUIRE(!first.has_value());
    CHECK(first.error().code == Errc::timed_out);
    CHECK(first.error().where == std::string_view("idle"));
    CHECK(on_time(at, d.deadline < 0 ? start : start + d.deadline));
    CHECK(rt::Runtime::current()->counters().timeouts == 1);
  }
  co_await read_rest(ends.server, all, 5);
  CHECK(all == "hello");
  co_await scope.join();
}

// Both are over when the worker looks again: a hog keeps it from looking until then.
void pass_time(Nanos until) {
  while (sys::now() < until && !clock_is_virtual()) {
  }
}
rt::Task<void> write_and_hog(net::Stream& s, Nanos at, Nanos until) {
  rt::Sleep sleep(at);
  co_await sleep;
  Result<size_t> sent = co_await s.write_some("hello", kNone);
  CHECK(sent.has_value());
  pass_time(until);
}
// `write_at` is when the data is written, relative to the reader's deadline.
rt::Task<void> same_turn(Nanos write_before, int& timeouts, int& reads) {
  Ends ends;
  co_await connect(ends);
  const Nanos deadline = sys::now() + 3 * kMilli;
  rt::Scope scope;
  scope.start(write_and_hog(ends.client, deadline - write_before, deadline + kMilli),
              Place::here());
  const net::Deadline limit{deadline, "idle"};
  Result<std::string_view> first = co_await ends.server.read_some(limit);
  std::string all;
  if (first.has_value()) {
    ++reads;
    all = *first;
  } else {
    ++timeouts;
    CHECK(first.error().code == Errc::timed_out);
  }
  co_await read_rest(ends.server, all, 5);
  CHECK(all == "hello");
  co_await scope.join();
}

// ---- stops --------------------------------------------------------------------------------------

enum class When { before_start, in_flight, after_completion };
struct StopCase {
  const char* name;
  When when;
  bool read;    // a read, or a sleep
};
const StopCase kStops[] = {
    {"sleep, before it starts", When::before_start, false},
    {"sleep, in flight", When::in_flight, false},
    {"sleep, after its completion", When::after_completion, false},
    {"read, before it starts", When::before_start, true},
    {"read, in flight", When::in_flight, true},
    {"read, after its completion", When::after_completion, true},
};
rt::Task<void> read_with(net::Stream& s, rt::Stop& stop, int64_t& outcome) {
  Result<std::string_view> r = co_await s.read_some(kNone, 0, &stop);
  outcome = r ? static_cast<int64_t>(r->size()) : -static_cast<int64_t>(r.error().code);
}
rt::Task<void> sleep_with(Nanos until, rt::Stop& stop, int64_t& outcome) {
  rt::Sleep sleep(until, &stop);
  const int64_t n = co_await sleep;
  outcome = n == -sys::kCancelled ? -static_cast<int64_t>(Errc::cancelled) : n;
}
rt::Task<void> stop_case(const StopCase& c) {
  Ends ends;
  co_await connect(ends);
  rt::Stop stop;
  int64_t outcome = 77;
  const bool early = c.when == When::after_completion;
  if (c.when == When::before_start) stop.request();
  if (early) co_await ends.client.write_all("hello", kNone);
  rt::Scope scope;
  const Nanos start = sys::now();
  scope.start(c.read ? read_with(ends.server, stop, outcome)
                     : sleep_with(early ? start : kNever, stop, outcome),
              Place::here());
  for (int i = 0; i < 200 && (i < 3 || (early && outcome == 77)); ++i) co_await rt::yield();
  CHECK((outcome == 77) == (c.when == When::in_flight));
  stop.request();
  stop.request();   // harmless
  CHECK(stop.requested());
  co_await scope.join();
  const int64_t done = c.read ? 5 : 0;
  CHECK(outcome == (early ? done : -static_cast<int64_t>(Errc::cancelled)));
  CHECK(on_time(sys::now(), start));
  if (!c.read || early) co_return;
  Result<void> sent = co_await ends.client.write_all("after", kNone);   // the stream is usable
  CHECK(sent.has_value());
  Result<std::string_view> r = co_await ends.server.read_some(kNone);
  REQUIRE(r.has_value());
  CHECK(*r == "after");
}

rt::Task<void> stop_many(int& cancelled, bool whole_runtime) {
  std::deque<Ends> pairs(20);
  for (Ends& e : pairs) co_await connect(e);
  std::vector<int64_t> outcomes(540, 77);
  rt::Stop stop;
  rt::Scope scope;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    rt::Task<void> one = i < 20 ? read_with(pairs[i].client, stop, outcomes[i])
                         : i < 40 ? read_with(pairs[i - 20].server, stop, outcomes[i])
                                  : sleep_with(i % 2 ? kNever : sys::now() + 3600 * kSecond, stop,
                                               outcomes[i]);
    scope.start(std::move(one), Place::here());
  }
  for (int i = 0; i < 20; ++i) co_await rt::yield();
  if (whole_runtime) {
    rt::Runtime::current()->stop();
  } else {
    stop.request();
  }
  co_await scope.join();
  for (const int64_t o : outcomes) cancelled += o == -static_cast<int64_t>(Errc::cancelled);
  if (!whole_runtime) co_return;
  rt::Stop other;   // whatever is started now is cancelled at once
  int64_t late_sleep = 77, late_read = 77;
  co_await sleep_with(kNever, other, late_sleep);
  co_await read_with(pairs[0].client, other, late_read);
  CHECK(late_sleep == -static_cast<int64_t>(Errc::cancelled));
  CHECK(late_read == -static_cast<int64_t>(Errc::cancelled));
  Result<void> late_write = co_await pairs[0].client.write_all("x", kNone);
  CHECK(!late_write.has_value());
  rt::Scope late;   // and children still run, and end
  late.start(sleep_with(kNever, other, late_sleep));
  co_await late.join();
}

// A Stop in parts, of which one has a part itself and one is gone before the request.
rt::Task<void> stop_in_parts(std::vector<int64_t>& outcomes) {
  rt::Stop whole, other;
  rt::Stop first(&whole), inner(&first);
  std::optional<rt::Stop> gone(std::in_place, &whole);
  rt::Stop last(&whole);
  gone.reset();
  rt::Stop* const with[] = {&first, &inner, &last, &whole, &other};
  outcomes.assign(5, 77);
  rt::Scope scope;
  for (size_t i = 0; i < 5; ++i) {
    scope.start(sleep_with(kNever, *with[i], outcomes[i]), Place::here());
  }
  for (int i = 0; i < 3; ++i) co_await rt::yield();
  last.request();   // a part by itself
  CHECK_FALSE(whole.requested());
  whole.request();
  CHECK((first.requested() && inner.requested() && !other.requested()));
  for (int i = 0; i < 3; ++i) co_await rt::yield();
  CHECK(outcomes[4] == 77);
  rt::Stop late(&whole), inner_late(&late);   // behind the request
  CHECK((late.requested() && inner_late.requested()));
  int64_t at_once = 77;
  co_await sleep_with(kNever, inner_late, at_once);
  CHECK(at_once == -static_cast<int64_t>(Errc::cancelled));
  other.request();
  co_await scope.join();
}

// More operations end at once than one wait hands out, together with the deadlines of all.
rt::Task<void> read_until(net::Stream& s, net::Deadline limit, std::string& all, int& ended) {
  Result<std::string_view> r = co_await s.read_some(limit);
  if (r.has_value()) all += *r;
  ++ended;
  co_await read_rest(s, all, 5);
}
rt::Task<void> crowded_deadline(int& ended, int& whole) {
  std::deque<Ends> pairs(150);
  std::deque<std::string> got(pairs.size());
  for (Ends& e : pairs) co_await connect(e);
  const Nanos deadline = sys::now() + 20 * kMilli;
  const net::Deadline limit{deadline, "idle"};
  rt::Scope scope;
  for (size_t i = 0; i < pairs.size(); ++i) {
    scope.start(read_until(pairs[i].server, limit, got[i], ended), Place::here());
    scope.start(write_at(pairs[i].client, deadline, "hello"), Place::here());
  }
  co_await scope.join();
  for (const std::string& s : got) whole += s == "hello";
}

}  // namespace

TEST_CASE("worker: sleeps end in the order of their instants, on time") {
  const Nanos start = sys::now();
  std::deque<Alarm> alarms(6);
  const Nanos after[] = {30 * kMilli, 10 * kMilli, 20 * kMilli, 0, -kSecond, 10 * kMilli + 1};
  for (size_t i = 0; i < 6; ++i) alarms[i].due = start + after[i];
  std::vector<Alarm*> order;
  Bench bench;
  bench.run(ring(alarms, order));
  REQUIRE(order.size() == 6);
  const size_t expected[] = {4, 3, 1, 5, 2, 0};
  for (size_t i = 2; i < 6; ++i) CHECK(order[i] == &alarms[expected[i]]);
  for (const Alarm& a : alarms) CHECK(on_time(a.woke, std::max(a.due, start)));
}

TEST_CASE("worker: a thousand random deadlines, some of them cancelled") {
  for (const uint64_t seed : {1, 2, 3}) {
    CAPTURE(seed);
    Rng rng(seed);
    std::deque<Alarm> alarms(1000);
    const Nanos start = sys::now() + kLess * 100 * kMilli;   // behind the moment of cancelling
    for (Alarm& a : alarms) {
      const uint64_t grain = seed == 1 ? 1 : 1'000'000;   // seeds 2 and 3: many at one instant
      a.due = start + static_cast<Nanos>(rng.below(100'000'000) / grain * grain);
      a.cancel = rng.below(10) < (seed == 3 ? 9 : 3);
    }
    std::vector<Alarm*> order;
    Bench bench;
    bench.run(ring(alarms, order));
    check_alarms(alarms, order);
  }
}

TEST_CASE("worker: a deadline against data") {
  for (const Duel& d : kDuels) {
    CAPTURE(d.name);
    Bench bench;
    bench.run(duel(d));
  }
}

TEST_CASE("worker: deadline and data in the same turn have one outcome and lose no byte") {
  const bool exact = clock_is_virtual();
  for (const Nanos before : {kMilli, kMicro, Nanos{0}, -kMicro}) {
    CAPTURE(before);
    int timeouts = 0, reads = 0;
    for (int i = 0; i < 20; ++i) {
      Bench bench;
      bench.run(same_turn(before, timeouts, reads));
    }
    CHECK(timeouts + reads == 20);
    if (before == kMilli && !exact) CHECK(reads > 0);
    if (exact) CHECK((before > 0 ? reads : timeouts) == 20);
  }
}

TEST_CASE("worker: 150 reads and their deadlines at one instant") {
  int ended = 0, whole = 0;
  Bench bench;
  bench.run(crowded_deadline(ended, whole));
  CHECK(ended == 150);
  CHECK(whole == 150);
}

TEST_CASE("worker: cancelled by a Stop, before, in and after the flight") {
  for (const StopCase& c : kStops) {
    CAPTURE(c.name);
    Bench bench;
    bench.run(stop_case(c));
  }
}

TEST_CASE("worker: a Stop reaches its parts, and theirs, and who becomes one behind the request") {
  std::vector<int64_t> outcomes;
  Bench bench;
  bench.run(stop_in_parts(outcomes));
  CHECK(outcomes == std::vector<int64_t>(5, -static_cast<int64_t>(Errc::cancelled)));
}

TEST_CASE("worker: a Stop and a runtime's stop end many operations") {
  for (const bool whole_runtime : {false, true}) {
    CAPTURE(whole_runtime);
    int cancelled = 0;
    Bench bench;
    bench.run(stop_many(cancelled, whole_runtime));
    CHECK(cancelled == 540);
    CHECK(bench.runtime.stopping() == whole_runtime);
  }
}
