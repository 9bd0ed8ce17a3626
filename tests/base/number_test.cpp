// runs: linux
// (The C library of Windows, which is asked here, does not round correctly.)
#include "chimera/base/number.hpp"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <bit>
#include <cstdint>
#include <limits>

#include "chimera/base/rng.hpp"
#include "chimera/base/text.hpp"
#include "tests/check.hpp"

using namespace chimera;
using chimera_test::Guarded;

namespace {

struct Case {
  const char* text;
  bool ok;
};

std::string shortest(double v) {
  std::string s;
  append_shortest(s, v);
  return s;
}

std::string fixed(double v, int decimals) {
  std::string s;
  append_fixed(s, v, decimals);
  return s;
}

}  // namespace

TEST_CASE("parse_u64") {
  CHECK(parse_u64("0").value() == 0);
  CHECK(parse_u64("007").value() == 7);
  CHECK(parse_u64("18446744073709551615").value() == UINT64_MAX);
  CHECK(parse_u64("18446744073709551609").value() == UINT64_MAX - 6);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "18446744073709551616",
                          "18446744073709551620", "99999999999999999999", "184467440737095516150",
                          "1e3", "/", ":"}) {
    INFO(std::string(bad));
    CHECK_FALSE(parse_u64(Guarded(bad).view()));
  }
}

TEST_CASE("parse_i64") {
  CHECK(parse_i64("0").value() == 0);
  CHECK(parse_i64("-0").value() == 0);
  CHECK(parse_i64("-42").value() == -42);
  CHECK(parse_i64("9223372036854775807").value() == INT64_MAX);
  CHECK(parse_i64("-9223372036854775808").value() == INT64_MIN);
  for (const char* bad : {"", "-", "--1", "+1", "-+1", " 1", "9223372036854775808",
                          "-9223372036854775809"}) {
    INFO(std::string(bad));
    CHECK_FALSE(parse_i64(Guarded(bad).view()));
  }
}

TEST_CASE("parse_double accepts what strtod reads as decimal, and nothing else") {
  static const struct {
    const char* text;
    double value;
  } good[] = {
      {"0", 0}, {"1", 1}, {"+2.", 2}, {"-.5", -0.5}, {"1e3", 1000}, {"1E+3", 1000},
      {"1.5e-3", 0.0015},
      {"0.1", 0.1}, {"007", 7}, {"4.9e-324", 5e-324}, {"1e-400", 0}, {"-1e-400", -0.0},
      {"1.7976931348623157e308", 1.7976931348623157e308},
      {"0.30000000000000004", 0.1 + 0.2},
      // Halfway between two doubles and a hair above, more digits than any buffer of ours.
      {"9007199254740993", 9007199254740992.0},
      {"9007199254740993.00000000000000000000000000000000000000000000000000000000000000000000001",
       9007199254740994.0},
  };
  for (const auto& c : good) {
    INFO(std::string(c.text));
    const auto v = parse_double(Guarded(c.text).view());
    REQUIRE(v);
    CHECK(std::bit_cast<uint64_t>(*v) == std::bit_cast<uint64_t>(c.value));
  }
  for (const char* bad : {"", ".", "-", "+", "e5", ".e5", "1e", "1e+", "1.2.3", "--1", "+-1", " 1",
                          "1 ", "0x10", "0x1p3", "inf", "INF", "-inf", "infinity", "nan", "NaN",
                          "nan(1)", "1e309", "-1e309",
                          "1e99999999999999999999", "1,5", "1_000", "1f", "1e5x"}) {
    INFO(std::string(bad));
    CHECK_FALSE(parse_double(Guarded(bad).view()));
  }
  CHECK_FALSE(parse_double(std::string_view("1\0", 2)));
}

TEST_CASE("parse_size") {
  CHECK(parse_size("4096").value() == 4096);
  CHECK(parse_size("0").value() == 0);
  CHECK(parse_size("1k").value() == 1024);
  CHECK(parse_size("64K").value() == 65536);
  CHECK(parse_size("1m").value() == 1048576);
  CHECK(parse_size("2g").value() == 2147483648u);
  CHECK(parse_size("17179869183g").value() == 17179869183u << 30);
  for (const char* bad : {"", "k", "1kb", "1.5k", "-1k", "1 k", "17179869184g",
                          "18446744073709551615k", "1t"}) {
    INFO(std::string(bad));
    CHECK_FALSE(parse_size(Guarded(bad).view()));
  }
}

TEST_CASE("integers to text") {
  std::string s;
  append_u64(s, 0);
  append_u64(s, UINT64_MAX);
  CHECK(s == "018446744073709551615");
  s.clear();
  append_i64(s, INT64_MIN);
  append_i64(s, -1);
  append_i64(s, INT64_MAX);
  CHECK(s == "-9223372036854775808-19223372036854775807");
  static const struct {
    uint64_t value;
    const char* text;
  } groups[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {123456, "123,456"},
                {1234567, "1,234,567"}, {UINT64_MAX, "18,446,744,073,709,551,615"}};
  for (const auto& c : groups) {
    s = "x";
    append_grouped(s, c.value);
    CHECK(s == std::string("x") + c.text);
  }
}

TEST_CASE("append_fixed rounds half to even on the exact value") {
  CHECK(fixed(99.4, 2) == "99.40");
  CHECK(fixed(0.125, 2) == "0.12");
  CHECK(fixed(0.375, 2) == "0.38");
  CHECK(fixed(2.675, 2) == "2.67");  // the double is below 2.675
  CHECK(fixed(0.5, 0) == "0");
  CHECK(fixed(1.5, 0) == "2");
  CHECK(fixed(-3.14159, 3) == "-3.142");
  CHECK(fixed(1e22, 1) == "10000000000000000000000.0");
  CHECK(fixed(1.7976931348623157e308, 64).size() == 309 + 1 + 64);
  CHECK(fixed(1, 100000) == fixed(1, 64));
}

TEST_CASE("append_shortest: the digits of Python's repr in serde_json's form") {
  static const struct {
    double value;
    const char* text;
  } cases[] = {
      {0.0, "0.0"}, {-0.0, "-0.0"}, {1.0, "1.0"}, {-1.0, "-1.0"}, {10.0, "10.0"}, {100.0, "100.0"},
      {0.1, "0.1"}, {0.2, "0.2"}, {0.1 + 0.2, "0.30000000000000004"},
      {1.0 / 3, "0.3333333333333333"},
      {2.0 / 3, "0.6666666666666666"}, {99.4031783815078, "99.4031783815078"}, {12.34, "12.34"},
      {-12.5, "-12.5"},
      {3.141592653589793, "3.141592653589793"}, {2.718281828459045, "2.718281828459045"},
      {98.98, "98.98"}, {41.0, "41.0"}, {1234.5678, "1234.5678"},
      {5.551115123125783e-17, "5.551115123125783e-17"},
      // where the plain notation ends
      {1e15, "1000000000000000.0"}, {1e16, "1e16"}, {1e17, "1e17"},
      {9999999999999998.0, "9999999999999998.0"},
      {1234567890123456.0, "1234567890123456.0"}, {12345678901234567.0, "1.2345678901234568e16"},
      {123456789012345680.0, "1.2345678901234568e17"}, {999999999999999.9, "999999999999999.9"},
      {1e-4, "0.0001"}, {1e-5, "0.00001"}, {1e-6, "1e-6"}, {1.5e-5, "0.000015"}, {1.5e-6, "1.5e-6"},
      {9.999999e-5, "0.00009999999"}, {1e-7, "1e-7"}, {1.234e-10, "1.234e-10"},
      {1e21, "1e21"}, {1.234e30, "1.234e30"}, {1e100, "1e100"}, {1e23, "1e23"}, {-1e-9, "-1e-9"},
      // the ends of the range
      {5e-324, "5e-324"}, {1e-323, "1e-323"}, {1.5e-323, "1.5e-323"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {2.225073858507201e-308, "2.225073858507201e-308"},
      {1.7976931348623157e308, "1.7976931348623157e308"},
      {1.7976931348623155e308, "1.7976931348623155e308"},
      {1.2e-320, "1.2e-320"}, {6.95e-310, "6.95e-310"},
      // powers of two, the first ones where the nearest 16 digits read as another double
      {0x1p-44, "5.684341886080802e-14"}, {0x1p-24, "5.960464477539063e-8"},
      {0x1p53, "9007199254740992.0"},
      {0x1p54, "1.8014398509481984e16"}, {0x1p63, "9.223372036854776e18"},
      {0x1p64, "1.8446744073709552e19"},
      {0x1p-1022, "2.2250738585072014e-308"}, {0x1p-1074, "5e-324"},
      {0x1p1023, "8.98846567431158e307"},
      {0x1p122, "5.316911983139664e36"}, {0x1p-1017, "7.120236347223045e-307"},
      {0x1p-1007, "7.291122019556398e-304"},
      {0x1p-1002, "2.3331590462580472e-302"}, {0x1p976, "6.386688990511104e293"},
      {0x1p-44 * 3, "1.7053025658242404e-13"},
  };
  for (const auto& c : cases) {
    INFO(std::string(c.text));
    CHECK(shortest(c.value) == c.text);
    CHECK(strtod(c.text, nullptr) == c.value);
  }
  CHECK(shortest(NAN) == "null");
  CHECK(shortest(INFINITY) == "null");
  CHECK(shortest(-INFINITY) == "null");
}

TEST_CASE("append_shortest reads back as the same double, and no shorter text does") {
  Rng rng(1);
  for (int i = 0; i < 20000; ++i) {
    // Every exponent of two first, then anything.
    const auto bits = i < 2046 ? static_cast<uint64_t>(i) << 52 : rng.next();
    const double value = std::bit_cast<double>(bits);
    if (!isfinite(value)) continue;
    const std::string s = shortest(value);
    CAPTURE(s);
    REQUIRE(std::bit_cast<uint64_t>(strtod(s.c_str(), nullptr)) == bits);
    int digits = 0;
    for (char c : s.substr(0, s.find('e'))) digits += is_digit(c);
    if (digits != 17 || s.find('e') == s.npos) continue;
    // 17 digits: neither 16-digit neighbour may do.
    std::string shorter = s;
    shorter.erase(s.find('e') - 1, 1);
    CHECK(strtod(shorter.c_str(), nullptr) != value);
    char& last = shorter[s.find('e') - 2];
    if (last == '9') continue;
    ++last;
    CHECK(strtod(shorter.c_str(), nullptr) != value);
  }
}

// The C library rounds correctly too, by other means.
TEST_CASE("append_fixed and parse_double agree with printf and strtod") {
  Rng rng(2);
  for (int i = 0; i < 20000; ++i) {
    const double any = std::bit_cast<double>(rng.next());
    const double value = i % 2 == 0 ? any : static_cast<double>(rng.below(4'000'000)) / 512;
    const int decimals = static_cast<int>(rng.below(12));
    char text[400];
    snprintf(text, sizeof text, "%.*f", decimals, value);
    CHECK(fixed(value, decimals) == text);
    if (!isfinite(value)) continue;
    snprintf(text, sizeof text, "%.*e", static_cast<int>(rng.below(25)), value);
    CAPTURE(std::string(text));
    const auto read = parse_double(text);
    const double expected = strtod(text, nullptr);
    REQUIRE(read.has_value() == !isinf(expected));
    if (read) CHECK(std::bit_cast<uint64_t>(*read) == std::bit_cast<uint64_t>(expected));
  }
}

TEST_CASE("parse_double decides halves with every digit, however many") {
  if (std::numeric_limits<long double>::digits < 64) return;   // no wider than a double: no halves
  Rng rng(3);
  for (int i = 0; i < 3000; ++i) {
    // The exact decimal of the point halfway between two neighbours, up to 768 digits.
    const double low = fabs(std::bit_cast<double>(i < 4 ? static_cast<uint64_t>(i) : rng.next()));
    const double high = nextafter(low, INFINITY);
    if (!isfinite(high)) continue;
    char text[1200];
    snprintf(text, sizeof text, "%.800Le",
             (static_cast<long double>(low) + static_cast<long double>(high)) / 2);
    std::string digits(text);
    const std::string exponent = digits.substr(digits.find('e'));
    digits.resize(digits.find('e'));
    const double even = std::bit_cast<uint64_t>(low) % 2 == 0 ? low : high;
    CAPTURE(digits + exponent);
    CHECK(parse_double(digits + exponent).value() == even);
    CHECK(parse_double(digits + std::string(100, '0') + "1" + exponent).value() == high);
    const size_t last = digits.find_last_not_of('0');
    --digits[last];
    digits.resize(last + 1);
    CHECK(parse_double(digits + std::string(900, '9') + exponent).value() == low);
  }
}

TEST_CASE("parse_double: a short number, and a digit far behind it") {
  for (const char* half : {"9007199254740993", "39297513014127300", "93479567041444200"}) {
    const std::string zeros = half + ("." + std::string(1000, '0'));
    CAPTURE(zeros);
    CHECK(parse_double(zeros).value() == strtod(zeros.c_str(), nullptr));
    const std::string more = zeros + "1";
    CHECK(parse_double(more).value() == strtod(more.c_str(), nullptr));
    CHECK(parse_double(more).value() > parse_double(zeros).value());
  }
}

TEST_CASE("append_fixed of what is not finite, and of what rounds away") {
  CHECK(fixed(NAN, 2) == "nan");
  CHECK(fixed(INFINITY, 2) == "inf");
  CHECK(fixed(-INFINITY, 2) == "-inf");
  CHECK(fixed(0.0, 2) == "0.00");
  CHECK(fixed(-0.0, 0) == "-0");
  CHECK(fixed(-0.001, 2) == "-0.00");
  CHECK(fixed(0.005, 2) == "0.01");  // the double is above 0.005
  CHECK(fixed(0.0051, 1) == "0.0");
  CHECK(fixed(99.999, 2) == "100.00");
  CHECK(fixed(0.96, 1) == "1.0");
}
