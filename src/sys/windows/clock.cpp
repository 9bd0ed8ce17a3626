#include "chimera/sys/clock.hpp"

#include <windows.h>

namespace chimera::sys {
namespace {

// From 1601 to 1970, in units of 100 ns.
constexpr int64_t kUnixEpoch = 116'444'736'000'000'000;

int64_t frequency() {
  LARGE_INTEGER f;
  QueryPerformanceFrequency(&f);
  return f.QuadPart;
}

const int64_t ticks_per_second = frequency();
const Nanos process_began = now();

}  // namespace

// In two parts: nanoseconds of all ticks since the start of the system would overflow.
Nanos now() {
  LARGE_INTEGER ticks;
  QueryPerformanceCounter(&ticks);
  const int64_t seconds = ticks.QuadPart / ticks_per_second;
  const int64_t rest = ticks.QuadPart % ticks_per_second;
  return seconds * kSecond + rest * kSecond / ticks_per_second;
}

int64_t unix_now_ns() {
  FILETIME t;
  GetSystemTimePreciseAsFileTime(&t);
  const int64_t since_1601 = static_cast<int64_t>(t.dwHighDateTime) << 32 | t.dwLowDateTime;
  return (since_1601 - kUnixEpoch) * 100;
}

Nanos process_start() { return process_began; }

}  // namespace chimera::sys
