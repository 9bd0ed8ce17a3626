// Dates in HTTP fields: any bytes, and never an instant that no calendar has.
#include "chimera/wire/http_date.hpp"

#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {

int fuzz_http_date(std::string_view input) {
  constexpr int64_t kNow = 1764150000, kYear = 31557600;
  const auto at = chimera::wire::parse_http_date(input, kNow);
  FUZZ_CHECK(!at || (*at > -2000 * kYear && *at < 8100 * kYear));
  const int64_t wait = chimera::wire::retry_after(input, input.substr(input.size() / 2), kNow);
  FUZZ_CHECK(wait >= 0 && wait <= INT32_MAX);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_http_date)
