// How this works: integers are plain loops. Doubles go through Decimal, which is exact; the
// shortest form is searched with it: round to few digits, read back, compare.
#include "chimera/base/number.hpp"

#include <math.h>

#include <algorithm>
#include <bit>

#include "chimera/base/text.hpp"
#include "decimal.hpp"

namespace chimera {
namespace {

// Reads digits off the front of `text`; false when there is none.
bool skip_digits(std::string_view& text) {
  const size_t before = text.size();
  while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
  return text.size() != before;
}

void skip_sign(std::string_view& text) {
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
}

bool is_decimal(std::string_view text) {
  skip_sign(text);
  bool digits = skip_digits(text);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits = skip_digits(text) || digits;
  }
  if (!digits) return false;
  if (text.empty()) return true;
  if (to_lower(text.front()) != 'e') return false;
  text.remove_prefix(1);
  skip_sign(text);
  return skip_digits(text) && text.empty();
}

// The nearest decimal of `count` digits, or a neighbour, if it reads back as `value`.
bool try_digits(const Decimal& exact, double value, int count, Decimal& out) {
  out = exact.rounded(count);
  if (out.to_double() == value) return true;
  // Below a power of two the doubles lie twice as dense: the nearest decimal may fall to a lower
  // double while the next one up, further away, still reads as `value`. (A last digit of 9 would
  // carry into a shorter decimal, which was tried before.)
  const bool power_of_two = std::bit_cast<uint64_t>(value) << 12 == 0;
  const std::string_view digits = out.digits();
  const bool nine = digits.size() == static_cast<size_t>(count) && digits.back() == '9';
  if (!power_of_two || count < 2 || nine) return false;
  out.step_up(count);
  return out.to_double() == value;
}

Decimal shortest_decimal(double value) {
  // What people write has few digits. A quotient of two exact doubles is correctly rounded, so this
  // decimal reads back as `value`, and no other one of at most 15 digits does.
  double scale = 1;
  for (int places = 0; places <= 6 && value * scale < 1e15; ++places) {
    const auto whole = static_cast<uint64_t>(value * scale + 0.5);
    if (static_cast<double>(whole) / scale == value) return Decimal(whole, places);
    scale *= 10;
  }
  // 15 digits survive a round trip through any normal double, so trying 15 finds all shorter ones
  // too, without the zeros at their end. Subnormals have less precision: 5e-324 needs one digit.
  const Decimal exact(value);
  Decimal out;
  int count = value < 0x1p-1022 ? 1 : 15;
  while (!try_digits(exact, value, count, out) && count < 17) ++count;
  return out;
}

Result<uint64_t> bad_number() { return fail(Errc::bad_input, "not a number"); }

}  // namespace

Result<uint64_t> parse_u64(std::string_view text) {
  if (text.empty()) return bad_number();
  uint64_t value = 0;
  for (char c : text) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (!is_digit(c) || value > (UINT64_MAX - digit) / 10) return bad_number();
    value = value * 10 + digit;
  }
  return value;
}

Result<int64_t> parse_i64(std::string_view text) {
  const bool negative = text.starts_with('-');
  CHI_TRY(const uint64_t magnitude, parse_u64(text.substr(negative)));
  const uint64_t limit = static_cast<uint64_t>(INT64_MAX) + negative;
  if (magnitude > limit) return fail(Errc::bad_input, "not a number");
  return static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
}

Result<double> parse_double(std::string_view text) {
  if (!is_decimal(text)) return fail(Errc::bad_input, "not a number");
  const bool negative = text.front() == '-';
  skip_sign(text);
  const double value = Decimal(text).to_double();
  if (isinf(value)) return fail(Errc::bad_input, "number too large");
  return negative ? -value : value;
}

Result<uint64_t> parse_size(std::string_view text) {
  static constexpr std::string_view kUnits = "kmg";
  const size_t unit = text.empty() ? kUnits.npos : kUnits.find(to_lower(text.back()));
  const int shift = unit == kUnits.npos ? 0 : 10 * (static_cast<int>(unit) + 1);
  if (shift > 0) text.remove_suffix(1);
  CHI_TRY(const uint64_t value, parse_u64(text));
  if (value > UINT64_MAX >> shift) return fail(Errc::bad_input, "size too large");
  return value << shift;
}

void append_u64(std::string& out, uint64_t value) {
  char digits[20];
  char* at = digits + sizeof digits;
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  out.append(at, static_cast<size_t>(digits + sizeof digits - at));
}

void append_i64(std::string& out, int64_t value) {
  if (value < 0) out += '-';
  const auto bits = static_cast<uint64_t>(value);
  append_u64(out, value < 0 ? 0 - bits : bits);
}

void append_fixed(std::string& out, double value, int decimals) {
  if (signbit(value)) out += '-';
  if (!isfinite(value)) {
    out += isnan(value) ? "nan" : "inf";
    return;
  }
  decimals = std::min(decimals, 64);
  const Decimal exact(fabs(value));
  const Decimal d = exact.rounded(exact.point() + decimals);
  const auto digit = [&](int i) {
    const auto at = static_cast<size_t>(i);  // before the first digit: huge
    return at < d.digits().size() ? d.digits()[at] : '0';
  };
  const int point = d.point();
  for (int i = std::min(point - 1, 0); i < point; ++i) out += digit(i);
  if (decimals > 0) out += '.';
  for (int i = 0; i < decimals; ++i) out += digit(point + i);
}

void append_shortest(std::string& out, double value) {
  if (!isfinite(value)) {
    out += "null";
    return;
  }
  if (signbit(value)) out += '-';
  const Decimal d = shortest_decimal(fabs(value));
  const std::string_view digits = d.digits();
  const int point = d.point();  // digits before the decimal point

  if (point > 16 || point <= -5) {
    out += digits[0];
    if (digits.size() > 1) out += '.';
    out += digits.substr(1);
    out += 'e';
    append_i64(out, point - 1);
  } else if (point <= 0) {
    out += "0.";
    out.append(static_cast<size_t>(-point), '0');
    out += digits;
  } else {
    const auto whole = static_cast<size_t>(point);
    out += digits.substr(0, whole);
    if (digits.size() < whole) out.append(whole - digits.size(), '0');
    out += '.';
    out += digits.size() > whole ? digits.substr(whole) : "0";
  }
}

void append_grouped(std::string& out, uint64_t value) {
  const size_t begin = out.size();
  append_u64(out, value);
  for (size_t at = out.size(); at > begin + 3;) out.insert(at -= 3, 1, ',');
}

}  // namespace chimera
