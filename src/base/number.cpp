// How this works: integers are plain loops. Doubles go through strtod and snprintf, which glibc,
// musl and mingw round correctly; the shortest form is searched with them: print with few digits,
// read back, compare.
#include "chimera/base/number.hpp"

#include <bit>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chimera/base/text.hpp"

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

// A finite, non-negative double as digits without trailing zeros, d.ddd * 10^exponent.
struct Decimal {
  char digits[18];
  int count;
  int exponent;
};

// "d.ddde-xx", the form of "%.*e", with `count` digits; exponents have two or three.
struct Scientific {
  char text[32];
  bool reads_as(double value) const { return strtod(text, nullptr) == value; }
};

// The nearest decimal of `count` digits, or a neighbour, if it reads back as `value`.
bool try_digits(Scientific& s, double value, int count) {
  snprintf(s.text, sizeof s.text, "%.*e", count - 1, value);
  if (s.reads_as(value)) return true;
  // Below a power of two the doubles lie twice as dense: the nearest decimal may fall to a lower
  // double while the next one up, further away, still reads as `value`. (A last digit of 9 would
  // carry into a shorter decimal, which was tried before.)
  const bool power_of_two = std::bit_cast<uint64_t>(value) << 12 == 0;
  char& last = s.text[count];
  if (!power_of_two || count < 2 || last == '9') return false;
  ++last;
  return s.reads_as(value);
}

Decimal shortest_decimal(double value) {
  // 15 digits survive a round trip through any normal double, so trying 15 finds all shorter ones
  // too, padded with zeros. Subnormals have less precision: 5e-324 needs one digit.
  const bool subnormal = value < 0x1p-1022;
  Scientific s;
  int count = subnormal ? 1 : 15;
  while (!try_digits(s, value, count) && count < 17) ++count;

  Decimal d{};
  d.digits[0] = s.text[0];
  if (count > 1) memcpy(d.digits + 1, s.text + 2, static_cast<size_t>(count - 1));
  d.exponent = atoi(strchr(s.text, 'e') + 1);
  while (count > 1 && d.digits[count - 1] == '0') --count;
  d.count = count;
  return d;
}

Result<uint64_t> bad_number() { return fail(Errc::bad_input, "number"); }

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
  if (magnitude > limit) return fail(Errc::bad_input, "number");
  return static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
}

Result<double> parse_double(std::string_view text) {
  if (!is_decimal(text)) return fail(Errc::bad_input, "number");
  double value;
  char small[64];
  if (text.size() < sizeof small) {
    memcpy(small, text.data(), text.size());
    small[text.size()] = '\0';
    value = strtod(small, nullptr);
  } else {
    value = strtod(std::string(text).c_str(), nullptr);
  }
  if (isinf(value)) return fail(Errc::bad_input, "number too large");
  return value;
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
  char text[384];  // 309 digits before the point at most
  const int most = 64;
  const int n = snprintf(text, sizeof text, "%.*f", decimals < most ? decimals : most, value);
  out.append(text, static_cast<size_t>(n));
}

void append_shortest(std::string& out, double value) {
  if (!isfinite(value)) {
    out += "null";
    return;
  }
  if (signbit(value)) out += '-';
  const Decimal d = shortest_decimal(fabs(value));
  const std::string_view digits(d.digits, static_cast<size_t>(d.count));
  const int point = d.exponent + 1;  // digits before the decimal point

  if (point > 16 || point <= -5) {
    out += digits[0];
    if (d.count > 1) out += '.';
    out += digits.substr(1);
    out += 'e';
    append_i64(out, d.exponent);
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
