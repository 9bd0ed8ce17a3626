// Dates in HTTP fields (RFC 9110 section 5.6.7), in all three forms, and Retry-After.
//
// Thread: any. Errors: bad_input.
#pragma once

#include <cstdint>
#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera::wire {

// Seconds since 1970. `now` (the same) says which century a year of two digits is in: a date more
// than 50 years ahead is one of the past.
Result<int64_t> parse_http_date(std::string_view text, int64_t now);

// Retry-After (RFC 9110 section 10.2.3), seconds or a date, as seconds from `now`; 0 for what is
// neither, or past. `date` is the Date field of the same answer, or empty: clocks differ, so an
// instant of the server's counts from the server's own.
int64_t retry_after(std::string_view value, std::string_view date, int64_t now);

}  // namespace chimera::wire
