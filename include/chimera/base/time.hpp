// Time as plain nanoseconds. All instants come from one monotonic clock (sys/clock.hpp); wall-clock
// time is used for stamps in reports only.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera {

using Nanos = int64_t;  // a duration, or an instant of the monotonic clock

inline constexpr Nanos kMicro = 1000;
inline constexpr Nanos kMilli = 1000 * kMicro;
inline constexpr Nanos kSecond = 1000 * kMilli;
inline constexpr Nanos kNever = INT64_MAX;  // a deadline that does not fire

// `a + b` for an instant and a duration, kept at kNever instead of overflowing.
constexpr Nanos later(Nanos instant, Nanos duration) {
  return duration >= kNever - instant ? kNever : instant + duration;
}
constexpr double to_ms(Nanos n) { return static_cast<double>(n) / 1e6; }
constexpr double to_seconds(Nanos n) { return static_cast<double>(n) / 1e9; }

// "80ms", "5s", "1.5m", "2h", "250us", "10ns"; a bare number is seconds (as curl's --max-time).
// Errors: bad_input for anything else, negative values and values over 100 years.
Result<Nanos> parse_duration(std::string_view text);

// A duration for people: "850 us", "12.3 ms", "4.56 s", "2 m 05 s".
void append_duration(std::string& out, Nanos n);

// RFC 3339 UTC of `ns` since 1970: "2025-11-15T19:49:49.828383200Z". The fraction has 0, 3, 6 or 9
// digits, the fewest that lose nothing.
void append_rfc3339(std::string& out, int64_t unix_ns);
// "2025-11-14 18:53:30 UTC"
void append_utc_seconds(std::string& out, int64_t unix_s);
// "2025-11-14"
void append_utc_date(std::string& out, int64_t unix_s);

}  // namespace chimera
