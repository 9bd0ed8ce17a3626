#include "chimera/base/time.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera {
namespace {

constexpr int64_t kDaySeconds = 86400;
constexpr double kLongest = 36525.0 * kDaySeconds * static_cast<double>(kSecond);  // 100 years

struct Unit {
  std::string_view name;
  Nanos length;
};
constexpr Unit kUnits[] = {{"ns", 1},     {"us", kMicro},      {"ms", kMilli},      {"s", kSecond},
                           {"", kSecond}, {"m", 60 * kSecond}, {"h", 3600 * kSecond}};

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

void append_padded(std::string& out, int64_t value, size_t width) {
  std::string digits;
  append_i64(digits, value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

// "18:53:30", `second` counted from midnight.
void append_clock(std::string& out, int64_t second) {
  append_padded(out, second / 3600, 2);
  out += ':';
  append_padded(out, second / 60 % 60, 2);
  out += ':';
  append_padded(out, second % 60, 2);
}

// "2 m 05 s"
void append_two(std::string& out, int64_t big, const char* big_unit, int64_t small, char unit) {
  append_i64(out, big);
  out += big_unit;
  append_padded(out, small, 2);
  out += ' ';
  out += unit;
}

// Three significant digits.
void append_significant(std::string& out, double value, const char* unit) {
  append_fixed(out, value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  out += unit;
}

}  // namespace

Result<Nanos> parse_duration(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && is_alpha(text[end - 1])) --end;
  const std::string_view number = text.substr(0, end);
  for (const Unit& unit : kUnits) {
    if (unit.name != text.substr(end)) continue;
    if (number.starts_with('-')) break;
    CHI_TRY(const double value, parse_double(number));
    const double ns = value * static_cast<double>(unit.length);
    if (ns > kLongest) return fail(Errc::bad_input, "duration too long");
    return static_cast<Nanos>(ns + 0.5);
  }
  return fail(Errc::bad_input, "not a time such as 80ms");
}

void append_duration(std::string& out, Nanos n) {
  double left = static_cast<double>(n);
  if (n < 0) {
    out += '-';
    left = -left;
  }
  // A unit ends where rounding would print its successor: 999.5 us is "1.00 ms".
  if (left < 1e3) {
    append_fixed(out, left, 0);
    out += " ns";
  } else if (left < 999.5e3) {
    append_significant(out, left / 1e3, " us");
  } else if (left < 999.5e6) {
    append_significant(out, left / 1e6, " ms");
  } else if (left < 59.95e9) {
    append_significant(out, left / 1e9, " s");
  } else if (const auto s = static_cast<int64_t>(left / 1e9 + 0.5); s < 3600) {
    append_two(out, s / 60, " m ", s % 60, 's');
  } else {
    const auto minutes = static_cast<int64_t>(left / 60e9 + 0.5);
    append_two(out, minutes / 60, " h ", minutes % 60, 'm');
  }
}

void append_utc_date(std::string& out, int64_t unix_s) {
  // Howard Hinnant's "days to civil" (chrono-Compatible Low-Level Date Algorithms): years begin in
  // March, so that the leap day comes last, in eras of 400 years.
  const int64_t days = floor_div(unix_s, kDaySeconds) + 719468;
  const int64_t era = floor_div(days, 146097);
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t leap_days = year_of_era / 4 - year_of_era / 100;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + leap_days);
  const int64_t march_month = (5 * day_of_year + 2) / 153;
  const int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  append_padded(out, year_of_era + era * 400 + (month <= 2), 4);
  out += '-';
  append_padded(out, month, 2);
  out += '-';
  append_padded(out, day_of_year - (153 * march_month + 2) / 5 + 1, 2);
}

void append_utc_seconds(std::string& out, int64_t unix_s) {
  append_utc_date(out, unix_s);
  out += ' ';
  append_clock(out, unix_s - floor_div(unix_s, kDaySeconds) * kDaySeconds);
  out += " UTC";
}

void append_rfc3339(std::string& out, int64_t unix_ns) {
  const int64_t unix_s = floor_div(unix_ns, kSecond);
  append_utc_date(out, unix_s);
  out += 'T';
  append_clock(out, unix_s - floor_div(unix_s, kDaySeconds) * kDaySeconds);
  int64_t fraction = (unix_ns % kSecond + kSecond) % kSecond;
  if (fraction != 0) {
    size_t digits = 9;
    for (; fraction % 1000 == 0; fraction /= 1000) digits -= 3;
    out += '.';
    append_padded(out, fraction, digits);
  }
  out += 'Z';
}

}  // namespace chimera
