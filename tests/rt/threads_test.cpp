// runs: linux tsan
//
// A worker among threads: hand-over, waking and parking, stops from outside, and a peer that never
// stops sending.
#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <deque>

#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;
using rt::Place;

namespace {

// ---- posting from a thread that is no worker ----------------------------------------------------

constexpr uint64_t kPosts = (kTsan ? 200'000 : 1'000'000) / kLess;
constexpr size_t kSlots = 512;

// A coroutine waits in it until somebody posts it.
struct Slot {
  rt::Runnable run;
  std::atomic<bool> armed{false};   // somebody waits
  uint64_t sent = 0;                // by the foreign thread, before it posts
  uint64_t seen = 0;                // by the coroutine
  bool over = false;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    run.suspend(frame);
    armed.store(true, std::memory_order_release);
  }
  void await_resume() const {}
};

rt::Task<void> consume(Slot& slot, Bench& bench) {
  for (;;) {
    co_await slot;
    if (slot.over) co_return;
    ++slot.seen;
    if (slot.seen != slot.sent) FAIL("posted once, resumed twice or never");
    bench.progress.fetch_add(1, std::memory_order_relaxed);
  }
}
rt::Task<void> consume_all(std::deque<Slot>& slots, Bench& bench) {
  rt::Scope scope;
  for (Slot& s : slots) scope.start(consume(s, bench));
  co_await scope.join();
}
void post_all(std::deque<Slot>& slots) {
  uint64_t posted = 0;
  auto post = [](Slot& s, bool over) {
    if (!s.armed.load(std::memory_order_acquire)) return false;
    s.armed.store(false, std::memory_order_relaxed);
    s.over = over;
    if (!over) ++s.sent;
    s.run.make_ready();
    return true;
  };
  while (posted < kPosts)
    for (Slot& s : slots) posted += posted < kPosts && post(s, false);
  for (Slot& s : slots)
    while (!post(s, true)) usleep(100);
}

// ---- ping and pong ------------------------------------------------------------------------------

constexpr uint64_t kHops = 200'000 / kLess;

// ---- parking ------------------------------------------------------------------------------------

rt::Task<void> sleep_until(Nanos until, int64_t& outcome) {
  rt::Sleep sleep(until);
  outcome = co_await sleep;
}

// ---- stops from outside -------------------------------------------------------------------------

rt::Task<void> read_for_ever(std::atomic<int>& cancelled) {
  Ends ends;
  co_await connect(ends);
  const net::Deadline never;
  Result<std::string_view> r = co_await ends.server.read_some(never);
  cancelled += !r.has_value() && r.error().code == Errc::cancelled;
}
rt::Task<void> sleep_for_ever(std::atomic<int>& cancelled) {
  int64_t outcome = 0;
  co_await sleep_until(kNever, outcome);
  cancelled += outcome == -sys::kCancelled;
}
// `ready` is set when they are all in flight.
rt::Task<void> wait_for_ever(std::atomic<int>& cancelled, std::atomic<bool>& ready) {
  rt::Scope scope;
  for (int i = 0; i < 10; ++i) {
    scope.start(read_for_ever(cancelled));
    scope.start(sleep_for_ever(cancelled));
  }
  rt::Sleep moment(sys::now() + 20 * kMilli);
  co_await moment;
  ready = true;
  co_await scope.join();
}

std::atomic<rt::Runtime*> signalled{nullptr};
void on_signal(int) { signalled.load()->stop(); }

// Starts and ends operations without a pause, until it is stopped in the middle of that.
rt::Task<void> storm(std::atomic<uint64_t>& steps) {
  rt::Stop stop;
  for (;;) {
    rt::Sleep sleep(sys::now() + 20 * kMicro, &stop);
    const int64_t outcome = co_await sleep;
    ++steps;
    if (outcome == -sys::kCancelled) co_return;
  }
}
rt::Task<void> storms(std::atomic<uint64_t>& steps) {
  rt::Scope scope;
  for (int i = 0; i < 8; ++i) scope.start(storm(steps));
  co_await scope.join();
}

// ---- a firehose ---------------------------------------------------------------------------------

struct Hose {
  Ends ends;
  rt::Stop stop;
  bool over = false;
  uint64_t bytes = 0;
  Nanos due = 0;              // of the timer
  uint64_t due_turn = 0;      // the first turn that began a read behind it
};
rt::Task<void> pour(Hose& h) {
  const std::string block(4096, 'x');
  const net::Deadline never;
  while (!h.over) {
    Result<size_t> n = co_await h.ends.client.write_some(block, never);
    if (!n) co_return;
  }
  h.ends.client.close();
}
rt::Task<void> drain(Hose& h) {
  const net::Deadline never;
  rt::Worker& here = *rt::Worker::current();
  for (;;) {
    Result<std::string_view> r = co_await h.ends.server.read_some(never);
    if (!r || r->empty()) co_return;
    h.bytes += r->size();
    if (h.due_turn == 0 && sys::now() >= h.due) h.due_turn = here.counters().turns;
  }
}
rt::Task<void> tick(Hose& h, uint64_t& worst, int& ticks) {
  rt::Worker& here = *rt::Worker::current();
  for (; ticks < 40; ++ticks) {
    h.due_turn = 0;
    h.due = sys::now() + 500 * kMicro;
    rt::Sleep sleep(h.due);
    co_await sleep;
    if (h.due_turn != 0) worst = std::max(worst, here.counters().turns - h.due_turn);
  }
  h.over = true;
}
rt::Task<void> firehose(Hose& h, uint64_t& worst, int& ticks) {
  co_await connect(h.ends);
  rt::Scope scope;
  scope.start(pour(h), Place::here());
  scope.start(drain(h), Place::here());
  scope.start(tick(h, worst, ticks), Place::here());
  co_await scope.join();
}

// ---- contention ---------------------------------------------------------------------------------

// Its 20 ms begin when the other two have been started and one of them has run.
rt::Task<void> hog(const std::atomic<bool>& go) {
  while (!go) {
  }
  spin_for(20 * kMilli);
  co_return;
}
rt::Task<void> nothing() { co_return; }
rt::Task<void> let_go(std::atomic<bool>& go) {
  go = true;
  co_return;
}
rt::Task<void> behind_a_hog(rt::Account& hogger, rt::Account& other, rt::Account& elsewhere) {
  std::atomic<bool> go{false};
  rt::Scope scope;
  scope.start(hog(go), Place::on(1), &hogger);
  scope.start(nothing(), Place::on(1), &other);
  scope.start(let_go(go), Place::on(0), &elsewhere);
  co_await scope.join();
}

}  // namespace

TEST_CASE("threads: posted from a foreign thread, each exactly once") {
  for (const int workers : {1, 2}) {
    CAPTURE(workers);
    std::deque<Slot> slots(kSlots);
    Bench bench(rt::Kind::fixed, workers);
    std::thread foreign([&] { post_all(slots); });
    bench.run(consume_all(slots, bench), 60);
    foreign.join();
    uint64_t seen = 0;
    for (const Slot& s : slots) seen += s.seen;
    CHECK(seen == kPosts);
    CHECK(bench.runtime.counters().posted >= kPosts);
  }
}

TEST_CASE("threads: ping-pong between two workers") {
  uint64_t hops = 0;
  Bench bench(rt::Kind::fixed, 2);
  bench.run(ping_pong(kHops, bench.progress, hops, Place::on(0), Place::on(1)), 60);
  CHECK(hops == kHops);
  const rt::WorkerCounters c = bench.runtime.counters();
  CHECK(c.posted > 0);                  // a release that comes first needs no hand-over
  CHECK(c.wakes_sent > 0);
  CHECK(c.wakes_sent <= c.posted);
}

TEST_CASE("threads: a parked runtime makes a handful of polls and uses no processor") {
  for (const int workers : {1, 2}) {
    CAPTURE(workers);
    int64_t outcome = 77;
    Bench bench(rt::Kind::fixed, workers);
    timespec before{}, after{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    bench.runtime.run(sleep_until(sys::now() + 100 * kMilli, outcome));   // no watchdog: it polls
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    CHECK(outcome == 0);
    CHECK(bench.runtime.counters().port.polls <= 4u * static_cast<unsigned>(workers) + 2);
    const Nanos used = (after.tv_sec - before.tv_sec) * kSecond + after.tv_nsec - before.tv_nsec;
    CHECK(used < 50 * kMilli);
  }
}

TEST_CASE("threads: a runtime is stopped by another thread") {
  for (const int workers : {1, 2}) {
    CAPTURE(workers);
    std::atomic<int> cancelled{0};
    std::atomic<bool> ready{false};
    Bench bench(rt::Kind::fixed, workers);
    std::thread foreign([&] {
      while (!ready) usleep(500);
      bench.runtime.stop();
      bench.runtime.stop();
    });
    bench.run(wait_for_ever(cancelled, ready));
    foreign.join();
    CHECK(cancelled == 20);
  }
}

namespace {

rt::Task<void> note_processors(cpu_set_t& allowed) {
  sched_getaffinity(0, sizeof allowed, &allowed);
  co_return;
}
rt::Task<void> note_all(cpu_set_t (&allowed)[2]) {
  rt::Scope scope;
  for (int i = 0; i < 2; ++i) scope.start(note_processors(allowed[i]), Place::on(i));
  co_await scope.join();
}

}  // namespace

TEST_CASE("threads: with pin each worker has a processor of its own" *
          doctest::skip(sys::core_count() < 2)) {
  cpu_set_t before, allowed[2];
  sched_getaffinity(0, sizeof before, &before);
  rt::RuntimeConfig config;
  config.kind = rt::Kind::fixed;
  config.threads = 2;
  config.pin = true;
  rt::Runtime runtime;
  REQUIRE(runtime.open(config).has_value());
  runtime.run(note_all(allowed));
  sched_setaffinity(0, sizeof before, &before);   // this thread was worker 0
  CHECK(CPU_COUNT(&allowed[0]) == 1);
  CHECK(CPU_COUNT(&allowed[1]) == 1);
  CHECK_FALSE(CPU_EQUAL(&allowed[0], &allowed[1]));
}

TEST_CASE("threads: what the system does not give is an error of open") {
  const Death death = in_a_fork([] {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_NPROC, &none);
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(2);   // root has no limit
    rt::RuntimeConfig config;
    config.threads = 4;
    rt::Runtime runtime;
    const Result<void> opened = runtime.open(config);
    _exit(!opened && opened.error().code == Errc::io ? 7 : 1);
  });
  CHECK(death.signal == 0);
  CHECK(death.code == 7);
}

TEST_CASE("threads: a runtime that never runs ends its threads") {
  for (int i = 0; i < 20; ++i) {
    Bench bench(rt::Kind::fixed, 3);
    if (i % 2 == 0) bench.runtime.stop();
  }
  size_t left = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* e = readdir(tasks)) left += e->d_name[0] != '.';
  closedir(tasks);
  CHECK(left < 20);   // a tool may have one of its own
}

TEST_CASE("threads: a runtime is stopped by a signal handler") {
  for (const int workers : {1, 2}) {
    CAPTURE(workers);
    std::atomic<int> cancelled{0};
    std::atomic<bool> ready{false};
    Bench bench(rt::Kind::fixed, workers);
    signalled = &bench.runtime;
    struct sigaction action {}, before {};
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, &before);
    const pthread_t self = pthread_self();   // worker 0 is interrupted in the middle of its wait
    std::thread foreign([&] {
      while (!ready) usleep(500);
      usleep(5000);
      pthread_kill(self, SIGUSR1);
    });
    bench.run(wait_for_ever(cancelled, ready));
    foreign.join();
    sigaction(SIGUSR1, &before, nullptr);
    CHECK(cancelled == 20);
  }
}

TEST_CASE("threads: a stop in the middle of operations that start and end") {
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    std::atomic<uint64_t> steps{0};
    Bench bench(rt::Kind::fixed, 2);
    std::thread foreign([&] {
      usleep(static_cast<useconds_t>(500 + 100 * round));
      bench.runtime.stop();
    });
    bench.run(storms(steps));
    foreign.join();
    CHECK(steps >= 8);
  }
}

TEST_CASE("threads: one stream that never ends does not hold up a timer") {
  Hose h;
  uint64_t worst = 0;
  int ticks = 0;
  Bench bench;
  bench.run(firehose(h, worst, ticks));
  CHECK(ticks == 40);
  CHECK(h.bytes > 100'000);
  CHECK(worst <= 2);
}

TEST_CASE("threads: who waits behind a hog of 20 ms is seen to wait") {
  rt::Account hogger, other, elsewhere;
  Bench bench(rt::Kind::fixed, 2);
  bench.run(behind_a_hog(hogger, other, elsewhere));
  CHECK(hogger.running >= 20 * kMilli);
  CHECK(other.ready_wait >= 20 * kMilli);
  CHECK(other.ready_wait < 5 * kSecond);
  CHECK(elsewhere.ready_wait < other.ready_wait);
  const rt::WorkerCounters c = bench.runtime.counters();
  uint64_t long_waits = 0;
  for (int i = 14; i < 24; ++i) long_waits += c.waits.bucket[i];   // from 8192 us
  CHECK(long_waits >= 1);
  CHECK(c.longest_resume >= 20 * kMilli);
}

static rt::Task<void> connect_on_each(std::span<Ends> ends) {
  rt::Scope scope;
  int i = 0;
  for (Ends& e : ends) scope.start(connect(e), Place::on(i++));
  co_await scope.join();
}

TEST_CASE("threads: the counters of a runtime are those of its workers together") {
  Bench bench(rt::Kind::fixed, 3);
  Ends ends[3];
  bench.run(connect_on_each(ends));
  rt::WorkerCounters sum;
  for (int i = 0; i < 3; ++i) {
    const rt::WorkerCounters w = bench.runtime.worker(i).counters();
    sum.resumes += w.resumes, sum.turns += w.turns, sum.parks += w.parks;
    sum.wakes_sent += w.wakes_sent, sum.posted += w.posted, sum.running += w.running;
    sum.port.polls += w.port.polls, sum.port.attempts += w.port.attempts;
    sum.port.arms += w.port.arms, sum.port.wakes += w.port.wakes;
    CHECK(w.turns > 0);
  }
  const rt::WorkerCounters c = bench.runtime.counters();
  CHECK(c.resumes == sum.resumes);
  CHECK(c.turns == sum.turns);
  CHECK(c.parks == sum.parks);
  CHECK(c.wakes_sent == sum.wakes_sent);
  CHECK(c.posted == sum.posted);
  CHECK(c.running == sum.running);
  CHECK(c.port.polls == sum.port.polls);
  CHECK(c.port.attempts == sum.port.attempts);
  CHECK(c.port.arms == sum.port.arms);
  CHECK(c.port.wakes == sum.port.wakes);
  CHECK((c.port.attempts > 0 && c.port.wakes > 0));
}
