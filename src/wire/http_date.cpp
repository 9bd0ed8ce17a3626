#include "chimera/wire/http_date.hpp"

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera::wire {
namespace {

constexpr int64_t kDay = 86400;

// Days from 1970 to the first of March of `year` and on (Howard Hinnant, "chrono-compatible
// low-level date algorithms"). Months from January = 1.
int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2;
  const int64_t era = year / 400, of_era = year % 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

// 1 for January; 0 for none.
int64_t month_of(std::string_view name) {
  constexpr std::string_view kNames = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const size_t at = name.size() == 3 ? kNames.find(name) : kNames.npos;
  return at == kNames.npos || at % 3 != 0 ? 0 : static_cast<int64_t>(at / 3) + 1;
}

// The next run of characters that are neither blank nor one of ",-:".
std::string_view next_word(std::string_view& rest) {
  constexpr std::string_view kBetween = " ,-:";
  rest.remove_prefix(std::min(rest.find_first_not_of(kBetween), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBetween));
  rest.remove_prefix(word.size());
  return word;
}

}  // namespace

// "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994":
// the same words in another order.
Result<int64_t> parse_http_date(std::string_view text, int64_t now) {
  std::string_view words[8];
  for (std::string_view& word : words) word = next_word(text);
  const bool asctime = month_of(words[1]) != 0;
  if (asctime) {
    std::string_view* const w = words;
    const std::string_view month = w[1], year = w[6];
    w[1] = w[2];
    w[2] = month;
    for (int i = 6; i > 3; --i) w[i] = w[i - 1];
    w[3] = year;
  }
  const int64_t month = month_of(words[2]);
  int64_t n[7] = {};
  for (const int i : {1, 3, 4, 5, 6}) {
    CHI_TRY(const uint64_t value, parse_u64(words[i]));
    n[i] = static_cast<int64_t>(std::min<uint64_t>(value, 10000));
  }
  const bool good = month != 0 && n[1] >= 1 && n[1] <= 31 && n[4] < 24 && n[5] < 60 && n[6] <= 60 &&
                    n[3] < 10000 && words[7] == (asctime ? "" : "GMT");
  if (!good) return fail(Errc::bad_input, "date");
  const bool short_year = words[3].size() == 2;
  const int64_t clock = n[4] * 3600 + n[5] * 60 + n[6];
  int64_t date = days_from_civil(n[3] + (short_year ? 2000 : 0), month, n[1]) * kDay + clock;
  constexpr int64_t kFiftyYears = 18262 * kDay;
  if (short_year && date > now + kFiftyYears) {
    date = days_from_civil(n[3] + 1900, month, n[1]) * kDay + clock;
  }
  return date;
}

int64_t retry_after(std::string_view value, std::string_view date, int64_t now) {
  const Result<uint64_t> seconds = parse_u64(value);
  if (seconds) return static_cast<int64_t>(std::min<uint64_t>(*seconds, INT32_MAX));
  const Result<int64_t> at = parse_http_date(value, now);
  if (!at) return 0;
  return std::clamp<int64_t>(*at - parse_http_date(date, now).value_or(now), 0, INT32_MAX);
}

}  // namespace chimera::wire
