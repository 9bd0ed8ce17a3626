#include "chimera/sys/clock.hpp"

#include <sys/auxv.h>
#include <time.h>

#include <algorithm>
#include <atomic>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/file.hpp"

namespace chimera::sys {
namespace {

int64_t read_clock(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * kSecond + int64_t{t.tv_nsec};
}

// Field 22 of /proc/self/stat: clock ticks from the boot to our start. The second field, the
// program's name, may hold blanks and parentheses, so counting begins behind its last ')'.
Result<int64_t> start_since_boot() {
  CHI_TRY(const std::string stat, read_file("/proc/self/stat", 4096));
  std::string_view rest(stat);
  rest = trim_left(rest.substr(rest.rfind(')') + 1));
  std::string_view part;
  for (int field = 3; field <= 22; ++field) {
    if (!next_part(rest, ' ', part)) return fail(Errc::bad_input, "process start");
  }
  CHI_TRY(const uint64_t ticks, parse_u64(part));
  const unsigned long per_second = getauxval(AT_CLKTCK);  // sysconf would bring 1 KB of others
  if (ticks == 0 || ticks > UINT64_MAX / kSecond || per_second == 0) {
    return fail(Errc::unsupported, "process start");
  }
  return static_cast<int64_t>(ticks * (kSecond / per_second));
}

Nanos find_process_start() {
  const Nanos here = now();
  const Result<int64_t> started = start_since_boot();
  if (!started) return here;
  // The kernel counts on CLOCK_BOOTTIME, which also runs while the machine sleeps; the age of the
  // process carries over to our clock. Never in the future, should a container lie about its boot.
  return here - std::max<Nanos>(0, read_clock(CLOCK_BOOTTIME) - *started);
}

}  // namespace

Nanos now() { return read_clock(CLOCK_MONOTONIC); }

int64_t unix_now_ns() { return read_clock(CLOCK_REALTIME); }

Nanos process_start() {
  static std::atomic<Nanos> known{kNever};
  Nanos start = known.load(std::memory_order_relaxed);
  if (start != kNever) return start;
  const Nanos found = find_process_start();
  // Two threads may find slightly different answers; the first one stays.
  return known.compare_exchange_strong(start, found) ? found : start;
}

}  // namespace chimera::sys
