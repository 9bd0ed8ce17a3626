#include "chimera/sys/clock.hpp"

#include <time.h>

namespace chimera::sys {
namespace {

int64_t read_clock(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * kSecond + int64_t{t.tv_nsec};
}

// Read while the program's constructors run, before main() and before there are threads. The kernel
// has an earlier instant in /proc/self/stat, but in steps of 10 ms: more than a whole start takes.
const Nanos process_began = read_clock(CLOCK_MONOTONIC);

}  // namespace

// Not inlined: it is called from 80 places, and each would name the clock.
[[gnu::noinline]] Nanos now() { return read_clock(CLOCK_MONOTONIC); }
int64_t unix_now_ns() { return read_clock(CLOCK_REALTIME); }
Nanos process_start() { return process_began; }

}  // namespace chimera::sys
