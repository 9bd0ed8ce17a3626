// Numbers: texts against the C library's strtod and strtoull, the input's first eight bytes as a
// double and an integer there and back, and durations and sizes within their bounds.
#include "chimera/base/number.hpp"

#include <math.h>
#include <stdlib.h>

#include <bit>
#include <cstring>

#include "chimera/base/time.hpp"
#include "chimera/wire/json.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera;

bool same(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

void check_text(const std::string& text) {
  const auto got = parse_double(text);
  char* end = nullptr;
  const double expected = strtod(text.c_str(), &end);
  const bool plain = text.find_first_not_of("0123456789+-.eE") == text.npos;
  const bool whole = !text.empty() && end == text.c_str() + text.size();
  FUZZ_CHECK(got.has_value() == (plain && whole && isfinite(expected)));
  FUZZ_CHECK(!got || same(*got, expected));

  const auto count = parse_u64(text);
  FUZZ_CHECK(!count || *count == strtoull(text.c_str(), nullptr, 10));
  const auto integer = parse_i64(text);
  FUZZ_CHECK(!integer || *integer == strtoll(text.c_str(), nullptr, 10));
  const auto size = parse_size(text);
  FUZZ_CHECK(!count || (size && *size == *count));
}

size_t significant_digits(std::string_view number) {
  std::string digits;
  for (const char c : number.substr(0, number.find('e'))) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const size_t first = digits.find_first_not_of('0');
  return first == digits.npos ? 0 : digits.find_last_not_of('0') - first + 1;
}

void check_shortest(double value) {
  std::string text;
  append_shortest(text, value);
  FUZZ_CHECK(wire::check_json(text));
  if (!isfinite(value)) {
    FUZZ_CHECK(text == "null");
    return;
  }
  FUZZ_CHECK(text.find_first_of(".e") != text.npos);
  const auto back = parse_double(text);
  FUZZ_CHECK(back && same(*back, value) && same(strtod(text.c_str(), nullptr), value));
  char print[64];
  size_t enough = 0;
  do {
    snprintf(print, sizeof print, "%.*e", static_cast<int>(enough++), value);
  } while (strtod(print, nullptr) != value);
  FUZZ_CHECK(significant_digits(text) <= enough);
}

void check_fixed(double value, int decimals) {
  std::string text;
  append_fixed(text, value, decimals);
  char print[512];
  snprintf(print, sizeof print, "%.*f", decimals, value);
  FUZZ_CHECK(isnan(value) || text == print);
}

void check_integer(int64_t value) {
  std::string text, natural, stamp;
  append_i64(text, value);
  FUZZ_CHECK(parse_i64(text) && *parse_i64(text) == value);
  append_u64(natural, static_cast<uint64_t>(value));
  FUZZ_CHECK(parse_u64(natural) && *parse_u64(natural) == static_cast<uint64_t>(value));
  append_rfc3339(stamp, value);
  FUZZ_CHECK(stamp.size() >= 20 && stamp.ends_with('Z'));
}

}  // namespace

int fuzz_number(std::string_view input) {
  check_text(std::string(input));
  if (const auto duration = parse_duration(input)) {
    FUZZ_CHECK(*duration >= 0 && *duration <= int64_t{36525} * 86400 * kSecond);
    std::string text;
    append_duration(text, *duration);
    FUZZ_CHECK(!text.empty());
  }
  if (input.size() < 8) return 0;
  uint64_t bits = 0;
  memcpy(&bits, input.data(), sizeof bits);
  check_shortest(std::bit_cast<double>(bits));
  check_fixed(std::bit_cast<double>(bits), input.size() > 8 ? input[8] & 0x3f : 2);
  check_integer(static_cast<int64_t>(bits));
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_number)
