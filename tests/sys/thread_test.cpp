// runs: linux tsan
#include "chimera/sys/thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <atomic>

#include "chimera/sys/clock.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::sys;

namespace {

struct Shared {
  std::atomic<int> runs{0};
  size_t stack = 0;
};

void count_up(void* p) { static_cast<Shared*>(p)->runs.fetch_add(1); }

void measure_stack(void* p) {
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstacksize(&attributes, &static_cast<Shared*>(p)->stack);
  pthread_attr_destroy(&attributes);
}

// Most of the stack.
void use_stack(void* p) {
  volatile char room[200 * 1024];
  for (size_t i = 0; i < sizeof room; i += 512) room[i] = 1;
  static_cast<Shared*>(p)->runs.fetch_add(room[512]);
}

void pin_each(void* p) {
  int* good = static_cast<int*>(p);
  for (int core = 0; core < core_count(); ++core) {
    if (!pin_to_core(core)) continue;
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    if (CPU_COUNT(&set) == 1 && CPU_ISSET(sched_getcpu(), &set)) ++*good;
  }
}

void pin_nonsense(void* p) {
  int* refused = static_cast<int*>(p);
  for (const int core : {-1, core_count(), 8192, INT32_MAX, INT32_MIN}) {
    *refused += !pin_to_core(core);
  }
}

void run(void (*body)(void*), void* argument) {
  Result<Thread> t = Thread::start(body, argument);
  REQUIRE(t.has_value());
  t->join();
}

Nanos thread_start;
void stamp(void*) { thread_start = process_start(); }

}  // namespace

TEST_CASE("threads run their body once and can be joined") {
  Shared shared;
  std::vector<Thread> threads;
  for (int i = 0; i < 16; ++i) {
    Result<Thread> t = Thread::start(count_up, &shared);
    REQUIRE(t.has_value());
    threads.push_back(*t);
  }
  for (Thread& t : threads) t.join();
  CHECK(shared.runs == 16);
}

TEST_CASE("a thread's stack is small and usable") {
  Shared shared;
  run(measure_stack, &shared);
  CHECK(shared.stack >= 256u * 1024);
#ifndef __SANITIZE_THREAD__
  CHECK(shared.stack <= 512u * 1024);  // a C library may round up
#endif
  run(use_stack, &shared);
  CHECK(shared.runs == 1);
}

TEST_CASE("the number of processors is that of the affinity mask, also when a thread is pinned") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CHECK(core_count() == CPU_COUNT(&before));
  int good = 0;
  run(pin_each, &good);  // pins itself to one after the other
  CHECK(good == core_count());
  CHECK(core_count() == CPU_COUNT(&before));
  int refused = 0;
  run(pin_nonsense, &refused);
  CHECK(refused == 5);
  cpu_set_t after;
  sched_getaffinity(0, sizeof after, &after);
  CHECK(CPU_EQUAL(&before, &after));  // only the calling thread is pinned
}

TEST_CASE("the clock goes forward in nanoseconds") {
  Nanos last = now();
  int backwards = 0;
  for (int i = 0; i < 100000; ++i) {
    const Nanos t = now();
    backwards += t < last;
    last = t;
  }
  CHECK(backwards == 0);
  const Nanos start = now();
  const timespec ten_ms{.tv_sec = 0, .tv_nsec = 10'000'000};
  nanosleep(&ten_ms, nullptr);
  CHECK(now() - start >= 10 * kMilli);
  CHECK(now() - start < 10 * kSecond);
}

TEST_CASE("the wall clock is that of time()") {
  const int64_t before = time(nullptr);
  const int64_t ours = unix_now_ns() / kSecond;
  const int64_t after = time(nullptr);
  CHECK(ours >= before - 1);  // time() may lag by a tick
  CHECK(ours <= after + 1);
}

TEST_CASE("the process started in the past, and always at the same instant") {
  const Nanos start = process_start();
  CHECK(start < now());
  CHECK(now() - start < 3600 * kSecond);
  run(stamp, nullptr);
  CHECK(thread_start == start);
  CHECK(process_start() == start);
}
