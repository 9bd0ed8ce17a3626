// runs: linux virtual tsan windows
//
// The conformance suite of sys/port.hpp: how a wait ends, by wakes and in time. It knows nothing of
// the platform it is linked with, except that a virtual world has no threads. A case that hangs
// fails (see rig.hpp).
#include "chimera/sys/port.hpp"

#include <atomic>
#include <thread>

#include "tests/sys/rig.hpp"

using namespace chimera_test;

TEST_CASE("a wake before the wait is kept, and ends it early") {
  Rig rig;
  for (int i = 0; i < 100; ++i) {
    const Nanos start = now();
    rig.port->wake();
    CHECK(rig.turn(start + 10 * kSecond) == 0);
    CHECK(now() - start < kSecond);
  }
  CHECK(rig.port->counters().wakes >= 1);
}

TEST_CASE("many wakes may count as one, and leave none behind") {
  Rig rig;
  for (int i = 0; i < 1000; ++i) rig.port->wake();
  const uint64_t before = rig.port->counters().polls;
  const Nanos start = now();
  CHECK(rig.listen_for(20 * kMilli) == 0);
  CHECK(now() - start >= 20 * kMilli);
  CHECK(rig.port->counters().polls - before <= 1002);
  CHECK(rig.port->counters().wakes <= 1000);
  const uint64_t after = rig.port->counters().polls;
  rig.listen_for(20 * kMilli);
  CHECK(rig.port->counters().polls - after <= 3);
}

TEST_CASE("a wake does not displace an op, nor an op a wake") {
  Rig rig;
  const Pair p = rig.connect();
  char buffer[4];
  for (int i = 0; i < 200; ++i) {
    Flight& r = rig.read(p.client, buffer, 1);
    rig.turn(now());
    rig.send(p.server, "x");
    const Nanos start = now();
    rig.port->wake();
    CHECK(rig.finish(r) == 1);
    CHECK(now() - start < kSecond);
  }
}

// Each thread wakes the port for each of its numbers and waits until it was seen. Two of them, so
// that one wakes while the port is busy with the wake of the other.
TEST_CASE("100,000 wakes from other threads: none lost, none needed twice") {
  if (clock_is_virtual()) return;
  Rig rig;
  constexpr int kEach = 50000;
  std::atomic<int> asked[2] = {0, 0}, seen[2] = {0, 0};
  std::atomic<bool> give_up{false};
  const auto body = [&](int t) {
    for (int i = 1; i <= kEach && !give_up; ++i) {
      asked[t].store(i, std::memory_order_relaxed);
      rig.port->wake();
      while (seen[t].load(std::memory_order_relaxed) != i && !give_up) std::this_thread::yield();
    }
  };
  std::thread one(body, 0), two(body, 1);
  bool lost = false;
  while (!lost && (seen[0] < kEach || seen[1] < kEach)) {
    const Nanos start = now();
    rig.turn(start + 3 * kSecond);
    lost = now() - start >= 3 * kSecond;
    for (int t = 0; t < 2; ++t) seen[t].store(asked[t].load());
  }
  give_up = true;
  one.join();
  two.join();
  CHECK_FALSE(lost);
  CHECK(seen[0] + seen[1] == 2 * kEach);
}

// The producers do not wait for an answer, so wakes fall into every moment of the port's own
// handling of the one before.
TEST_CASE("a wake at any moment of a wait ends it or the next one") {
  if (clock_is_virtual()) return;
  for (const int pause : {100, 500}) {
    CAPTURE(pause);
    Rig rig;
    constexpr int kEach = 60000;
    std::atomic<int> produced{0};
    const auto body = [&] {
      for (int i = 0; i < kEach; ++i) {
        produced.fetch_add(1);
        rig.port->wake();
        for (volatile int k = 0; k < pause;) k = k + 1;
      }
    };
    std::thread one(body), two(body);
    bool lost = false;
    for (int consumed = 0; consumed < 2 * kEach && !lost; consumed = produced.load()) {
      const Nanos start = now();
      rig.turn(start + 3 * kSecond);
      lost = now() - start >= 3 * kSecond;
    }
    one.join();
    two.join();
    CHECK_FALSE(lost);
  }
}

TEST_CASE("a wait until the past polls") {
  Rig rig;
  const Pair p = rig.connect();
  for (const Nanos until : {Nanos{0}, now() - kSecond, now()}) {
    const Nanos start = now();
    CHECK(rig.turn(until) == 0);
    CHECK(now() - start < 500 * kMilli);
  }
  char buffer[4];
  rig.send(p.server, "x");
  Flight& r = rig.read(p.client, buffer, 4);
  for (int i = 0; i < 1'000'000 && r.flying; ++i) rig.turn(0);
  CHECK(r.returned == 1);
}

TEST_CASE("a wait is not early, and does not poll its way there") {
  Rig rig;
  for (const Nanos length : {kMicro, 50 * kMicro, 900 * kMicro, 999'999 * Nanos{1}, 3 * kMilli}) {
    for (int i = 0; i < 10; ++i) {
      CAPTURE(length);
      const uint64_t before = rig.port->counters().polls;
      const Nanos start = now();
      CHECK(rig.listen_for(length) == 0);
      CHECK(now() - start >= length);
      CHECK(rig.port->counters().polls - before <= 2);
    }
  }
}

#ifndef __SANITIZE_THREAD__   // it takes 10 s
// What is due later than that the Linux port leaves to an alarm, which is set anew only for what is
// due earlier than it rings.
TEST_CASE("a long wait ends in time behind a longer one, and does not hold up what comes then") {
  Rig rig;
  rig.port->wake();
  CHECK(rig.turn(now() + 3600 * kSecond) == 0);
  for (const Nanos length : {10 * kSecond + 50 * kMilli, 20 * kMilli}) {
    const uint64_t before = rig.port->counters().polls;
    const Nanos start = now();
    CHECK(rig.listen_for(length) == 0);
    CHECK(now() - start >= length);
    CHECK(rig.port->counters().polls - before <= 4);
  }
}
#endif
