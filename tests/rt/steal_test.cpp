// runs: linux tsan
//
// Stealing: tasks that change threads, and streams that stay behind.
#include <deque>

#include "chimera/base/rng.hpp"
#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;
using rt::Kind;
using rt::Place;

namespace {

const net::Deadline kNone;

// ---- behind a hog -------------------------------------------------------------------------------

using Count = std::atomic<int>;

// Has its worker until the others have finished: they never do unless another one takes them, or
// has taken the hog. `moves` counts slices on another worker than the one before, which for the
// first is the starter's: a thief may take everybody before they begin, and nobody behind that.
rt::Task<void> hog_until(Count& done, int all, Count& moves, int at) {
  moves += here() != at;
  while (done < all) {
  }
  co_return;
}
rt::Task<void> visit(Count& done, Count& moves, int slices, int at) {
  moves += here() != at;
  for (int i = 0; i < slices; ++i) {
    at = here();
    co_await rt::yield();
    moves += here() != at;
  }
  ++done;
}
rt::Task<void> behind_a_hog(Count& moves, Place hogs_place) {
  Count done{0};
  rt::Scope scope;
  for (int i = 0; i < 8; ++i) scope.start(visit(done, moves, 20, here()));
  scope.start(hog_until(done, 8, moves, here()), hogs_place);
  co_await scope.join();
}

// Workers whose owners hog, all but one: it does everybody's work.
rt::Task<void> hogs_everywhere(int hogs, Count& moves) {
  Count done{0};
  rt::Scope scope;
  for (int i = 0; i < hogs; ++i) scope.start(hog_until(done, 8, moves, i + 1), Place::on(i + 1));
  for (int i = 0; i < 8; ++i) scope.start(visit(done, moves, 20, here()));
  co_await scope.join();
}

// Started by a task that hogs, one after the other, with pauses in which everybody else sleeps.
rt::Task<void> note(Count& done) {
  ++done;
  co_return;
}
rt::Task<void> start_and_wait(int rounds, Bench& bench) {
  Count done{0};
  rt::Scope scope;
  for (int i = 0; i < rounds; ++i) {
    scope.start(note(done));
    while (done <= i) {
    }
    if (i % 10 == 0) usleep(200);
    bench.progress.fetch_add(1);
  }
  co_await scope.join();
}

// ---- many ---------------------------------------------------------------------------------------

rt::Task<void> tick_once(std::atomic<uint8_t>& times) {
  co_await rt::yield();
  times.fetch_add(1);
}
rt::Task<void> tick_all(std::deque<std::atomic<uint8_t>>& times) {
  rt::Scope scope;
  for (auto& t : times) scope.start(tick_once(t));
  co_await scope.join();
}

constexpr uint64_t kHops = (kTsan ? 40'000 : 100'000) / kLess;

// An account is gone as soon as the last child is: nobody may charge it behind that, and it must be
// complete, although the child's last slices were on other workers.
rt::Task<void> short_lived(int rounds, Count& wrong) {
  for (int i = 0; i < rounds; ++i) {
    rt::Account account;
    Count done{0}, moves{0};
    rt::Scope scope;
    scope.start(visit(done, moves, i % 4, here()), Place::same(), &account);
    co_await scope.join();
    wrong += account.resumes != 1u + static_cast<unsigned>(i % 4);
  }
}
rt::Task<void> many_short_lived(int rounds, Count& wrong) {
  rt::Scope scope;
  for (int i = 0; i < 6; ++i) scope.start(short_lived(rounds, wrong));
  co_await scope.join();
}

// ---- streams whose task moves -------------------------------------------------------------------

// Takes the running task to another worker: a hog has this one until it is gone. One at a time, or
// two hogs would wait for each other's worker.
rt::Task<void> hog_for(const std::atomic<bool>& gone) {
  while (!gone) {
  }
  co_return;
}
rt::Task<void> move_away(rt::Gate& movers) {
  co_await movers.acquire();
  const int from = here();
  std::atomic<bool> gone{false};
  rt::Scope scope;
  scope.start(hog_for(gone), Place::here());
  while (here() == from) co_await rt::yield();
  gone = true;
  co_await scope.join();
  movers.release();
}

struct Talk {
  rt::Gate movers{1};
  int rounds = 60;
  Count moves{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<bool> wrong{false};
};
char letter(uint64_t i) { return static_cast<char>('a' + i % 23); }

rt::Task<void> answer(net::Stream stream, Talk& t) {
  for (int i = 0;; ++i) {
    if (i % 7 == 3) co_await move_away(t.movers);
    Result<std::string_view> part = co_await stream.read_some(kNone);
    REQUIRE(part.has_value());
    if (part->empty()) co_return;
    const std::string copy(*part);      // lent
    Result<void> sent = co_await stream.write_all(copy, kNone);
    REQUIRE(sent.has_value());
  }
}
rt::Task<void> ask(sys::Address to, Talk& t, uint64_t seed) {
  Result<net::Stream> stream = co_await net::dial(to, kNone);
  REQUIRE(stream.has_value());
  Rng rng(seed);
  uint64_t sent = 0, got = 0;
  for (int i = 0; i < t.rounds; ++i) {
    std::string text(1 + rng.below(3000), ' ');
    for (char& c : text) c = letter(sent++);
    Result<void> ok = co_await stream->write_all(text, kNone);
    REQUIRE(ok.has_value());
    const int before = here();
    if (i % 3 == 1) co_await move_away(t.movers);
    t.moves += here() != before;
    while (got < sent) {
      Result<std::string_view> part = co_await stream->read_some(kNone);
      REQUIRE(part.has_value());
      REQUIRE(!part->empty());
      for (const char c : *part)
        if (c != letter(got++)) t.wrong = true;
    }
  }
  t.bytes += got;
}
rt::Task<void> answer_all(net::Listener& listener, Talk& t, int peers) {
  rt::Scope scope;
  for (int i = 0; i < peers; ++i) {
    Result<net::Stream> stream = co_await listener.accept();
    REQUIRE(stream.has_value());
    scope.start(answer(std::move(*stream), t));
  }
  co_await scope.join();
}
rt::Task<void> talk(Talk& t, int peers) {
  net::Listener listener;
  REQUIRE(listener.open(*sys::parse_ip("127.0.0.1", 0)).has_value());
  const sys::Address at = *listener.address();
  rt::Scope scope;
  scope.start(answer_all(listener, t, peers), Place::here());   // a listener does not move
  for (int i = 0; i < peers; ++i) scope.start(ask(at, t, static_cast<uint64_t>(i)));
  co_await scope.join();
}

// ---- ended elsewhere ----------------------------------------------------------------------------

rt::Task<void> dial_and_leave(sys::Address to, rt::Gate& movers, bool abort) {
  Result<net::Stream> stream = co_await net::dial(to, kNone);
  REQUIRE(stream.has_value());
  Result<void> sent = co_await stream->write_all("x", kNone);
  REQUIRE(sent.has_value());
  Result<std::string_view> back = co_await stream->read_some(kNone);   // the port knows it now
  REQUIRE(back.has_value());
  co_await move_away(movers);
  if (abort) stream->abort();
}
// The peer sees the end although the task is not where the socket is.
rt::Task<void> expect_the_end(net::Stream stream, bool abort, int& as_expected) {
  Result<std::string_view> part = co_await stream.read_some(kNone);
  REQUIRE(part.has_value());
  Result<void> sent = co_await stream.write_all("y", kNone);
  REQUIRE(sent.has_value());
  part = co_await stream.read_some(kNone);
  const bool reset = !part.has_value() && part.error().code == Errc::reset;
  as_expected += abort ? reset : part.has_value() && part->empty();
}
rt::Task<void> leave_many(int times, int& as_expected, Bench& bench) {
  net::Listener listener;
  REQUIRE(listener.open(*sys::parse_ip("127.0.0.1", 0)).has_value());
  rt::Gate movers(1);
  for (int i = 0; i < times; ++i) {
    rt::Scope scope;
    const bool abort = i % 2 == 1;
    scope.start(dial_and_leave(*listener.address(), movers, abort));
    Result<net::Stream> stream = co_await listener.accept();
    REQUIRE(stream.has_value());
    scope.start(expect_the_end(std::move(*stream), abort, as_expected), Place::here());
    co_await scope.join();
    bench.progress.fetch_add(1);
  }
}

// ---- stopped in the middle ----------------------------------------------------------------------

// Reads what never comes, on a stream that is not where the task is; and starts anew when a
// deadline ends it, until the runtime stops.
rt::Task<void> read_in_vain(net::Stream& stream, rt::Gate& movers, Count& cancelled) {
  co_await move_away(movers);
  for (;;) {
    const net::Deadline soon = net::deadline_in(sys::now(), 50 * kMicro, "soon");
    Result<std::string_view> r = co_await stream.read_some(soon);
    REQUIRE(!r.has_value());
    if (r.error().code == Errc::cancelled) break;
    REQUIRE(r.error().code == Errc::timed_out);
  }
  ++cancelled;
}
rt::Task<void> nap_in_vain(Count& cancelled) {
  int64_t outcome = 0;
  while (outcome == 0) {
    rt::Sleep sleep(sys::now() + 30 * kMicro);
    outcome = co_await sleep;
  }
  ++cancelled;
}
rt::Task<void> until_stopped(Count& cancelled, std::atomic<bool>& ready) {
  rt::Gate movers(1);
  std::deque<Ends> pairs(4);
  for (Ends& e : pairs) co_await connect(e);
  ready = true;
  rt::Scope scope;
  for (Ends& e : pairs) {
    scope.start(read_in_vain(e.server, movers, cancelled));
    scope.start(read_in_vain(e.client, movers, cancelled));
    scope.start(nap_in_vain(cancelled));
  }
  co_await scope.join();
}

// ---- timers -------------------------------------------------------------------------------------

rt::Task<void> sleep_well(Nanos until, Count& early, std::atomic<Nanos>& latest) {
  rt::Sleep sleep(until);
  const int64_t outcome = co_await sleep;
  REQUIRE(outcome == 0);
  const Nanos late = sys::now() - until;
  early += late < 0;
  if (late > latest) latest = late;
}
rt::Task<void> sleep_all(Count& early, std::atomic<Nanos>& latest) {
  Rng rng(3);
  rt::Scope scope;
  for (int i = 0; i < 200; ++i) {
    const Nanos until = sys::now() + static_cast<Nanos>(rng.below(50'000'000));
    scope.start(sleep_well(until, early, latest));
  }
  co_await scope.join();
}
rt::Task<void> one_nap(Nanos length) {
  rt::Sleep sleep(sys::now() + length);
  co_await sleep;
}

}  // namespace

TEST_CASE("steal: what waits behind a hog is taken by another worker") {
  for (const int workers : {2, 3}) {
    for (const Place place : {Place::any(), Place::here()}) {
      CAPTURE(workers);
      CAPTURE(place.worker);
      Count moves{0};
      Bench bench(Kind::steal, workers);
      bench.run(behind_a_hog(moves, place));
      CHECK(bench.runtime.counters().steals > 0);
      CHECK(moves > 0);
    }
  }
}

TEST_CASE("steal: one worker that is free does the work of all") {
  for (const int hogs : {1, 2, 3}) {
    CAPTURE(hogs);
    Count moves{0};
    Bench bench(Kind::steal, hogs + 1);
    bench.run(hogs_everywhere(hogs, moves));
    CHECK(bench.runtime.counters().resumes >= 8 * 21);
  }
}

// The publisher never lets go: each wake-up must arrive, whatever state the others are in.
TEST_CASE("steal: a worker that hogs and one that sleeps: no wake-up is lost") {
  for (const int workers : {2, 4}) {
    CAPTURE(workers);
    const int rounds = kTsan ? 1000 : 3000;
    Bench bench(Kind::steal, workers);
    bench.run(start_and_wait(rounds, bench), 60);
    CHECK(bench.runtime.counters().steals >= rounds);
  }
}

// With one worker nobody empties the ring while it is filled: all but 256 go through the overflow.
TEST_CASE("steal: ten thousand tasks, through the overflow, each exactly once") {
  struct Case { int threads; bool lifo; };
  for (const Case c : {Case{1, false}, Case{1, true}, Case{3, false}, Case{3, true}}) {
    CAPTURE(c.threads);
    CAPTURE(c.lifo);
    std::deque<std::atomic<uint8_t>> times(10'000);
    rt::RuntimeConfig config;
    config.kind = Kind::steal;
    config.threads = c.threads;
    config.lifo = c.lifo;
    rt::Runtime runtime;
    REQUIRE(runtime.open(config).has_value());
    runtime.run(tick_all(times));
    for (const auto& t : times) REQUIRE(t == 1);
    if (c.threads == 1) CHECK(runtime.counters().longest_queue >= 256);
  }
}

TEST_CASE("steal: accounts are complete when a scope is joined, and not touched behind it") {
  Count wrong{0};
  Bench bench(Kind::steal, 3);
  bench.run(many_short_lived(kTsan ? 1000 : 5000, wrong));
  CHECK(wrong == 0);
  CHECK(bench.runtime.counters().steals > 0);
}

TEST_CASE("steal: ping-pong") {
  for (const int workers : {1, 2, 4}) {
    CAPTURE(workers);
    uint64_t hops = 0;
    Bench bench(Kind::steal, workers);
    bench.run(ping_pong(kHops, bench.progress, hops, Place::any(), Place::any()), 60);
    CHECK(hops == kHops);
  }
}

// More reads than a port has buffers to lend: one that does not come home would end this.
TEST_CASE("steal: a stream whose task moves between its operations") {
  for (const int workers : {2, 3}) {
    CAPTURE(workers);
    Talk t;
    Bench bench(Kind::steal, workers);
    bench.run(talk(t, 4), 60);
    CHECK(!t.wrong);
    CHECK(t.moves > 0);
    CHECK(t.bytes > 4 * 60 * 1000);
    CHECK(bench.runtime.counters().posted > 0);
  }
}

TEST_CASE("steal: a stream is closed or reset by a task on another worker") {
  const size_t before = open_descriptors();
  {
    int as_expected = 0;
    Bench bench(Kind::steal, 2);
    bench.run(leave_many(100, as_expected, bench), 60);
    CHECK(as_expected == 100);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("steal: stopped while operations are handed over") {
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    Count cancelled{0};
    Bench bench(Kind::steal, 3);
    std::atomic<bool> ready{false};
    std::thread foreign([&] {
      while (!ready) usleep(100);
      usleep(static_cast<useconds_t>(500 * round));
      bench.runtime.stop();
    });
    bench.run(until_stopped(cancelled, ready), 60);
    foreign.join();
    CHECK(cancelled == 12);
  }
}

TEST_CASE("steal, bridge: sleeps end on time and not before") {
  for (const Kind kind : {Kind::steal, Kind::bridge}) {
    CAPTURE(rt::name_of(kind));
    Count early{0};
    std::atomic<Nanos> latest{0};
    Bench bench(kind, 3);
    bench.run(sleep_all(early, latest));
    CHECK(early == 0);
    CHECK(latest < 2 * kSecond);   // a busy machine
  }
}

TEST_CASE("steal, bridge: an idle runtime makes a handful of polls and uses no processor") {
  for (const Kind kind : {Kind::steal, Kind::bridge}) {
    CAPTURE(rt::name_of(kind));
    rt::RuntimeConfig config;
    config.kind = kind;
    config.threads = 4;
    rt::Runtime runtime;
    REQUIRE(runtime.open(config).has_value());
    timespec before{}, after{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    runtime.run(one_nap(100 * kMilli));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    CHECK(runtime.counters().port.polls <= 4u * 5 + 2);
    const Nanos used = (after.tv_sec - before.tv_sec) * kSecond + after.tv_nsec - before.tv_nsec;
    CHECK(used < 50 * kMilli);
  }
}
