#include "chimera/base/time.hpp"

#include "tests/check.hpp"

using namespace chimera;
using chimera_test::Guarded;

TEST_CASE("later saturates at kNever") {
  CHECK(later(5, 7) == 12);
  CHECK(later(kNever, 1) == kNever);
  CHECK(later(1, kNever) == kNever);
  CHECK(later(kNever - 1, 1) == kNever);
  CHECK(later(kNever - 2, 1) == kNever - 1);
}

TEST_CASE("parse_duration") {
  static const struct {
    const char* text;
    Nanos value;
  } good[] = {
      {"80ms", 80 * kMilli}, {"5s", 5 * kSecond}, {"1.5m", 90 * kSecond}, {"2h", 7200 * kSecond},
      {"250us", 250 * kMicro},
      {"10ns", 10}, {"0", 0}, {"0s", 0}, {"3", 3 * kSecond}, {"0.25", 250 * kMilli},
      {".5s", 500 * kMilli},
      {"1e3", 1000 * kSecond}, {"0.1us", 100}, {"0.4ns", 0}, {"0.5ns", 1},
      {"876600h", 3155760000 * kSecond},
  };
  for (const auto& c : good) {
    INFO(std::string(c.text));
    const auto v = parse_duration(Guarded(c.text).view());
    REQUIRE(v);
    CHECK(*v == c.value);
  }
  for (const char* bad : {"", "s", "ms", "-1s", "-0", "1 s", " 1s", "1s ", "5x", "5S", "5sec",
                          "1h30m", "1d", "inf", "nan", "infs", "0x5s", "1e",
                          "1es", "876601h", "1e300", "1e999s", "."}) {
    INFO(std::string(bad));
    const auto v = parse_duration(Guarded(bad).view());
    REQUIRE_FALSE(v);
    CHECK(v.error().code == Errc::bad_input);
  }
}

TEST_CASE("append_duration") {
  static const struct {
    Nanos value;
    const char* text;
  } cases[] = {
      {0, "0 ns"}, {999, "999 ns"}, {1000, "1.00 us"}, {9990, "9.99 us"}, {9996, "10.0 us"},
      {99960, "100 us"},
      {850 * kMicro, "850 us"}, {999499, "999 us"}, {999500, "1.00 ms"},
      {12300 * kMicro, "12.3 ms"},
      {999499999, "999 ms"}, {999500000, "1.00 s"}, {4560 * kMilli, "4.56 s"},
      {59949 * kMilli, "59.9 s"},
      {59950 * kMilli, "1 m 00 s"}, {125 * kSecond, "2 m 05 s"}, {3599 * kSecond, "59 m 59 s"},
      {3599500 * kMilli, "1 h 00 m"}, {3600 * kSecond, "1 h 00 m"}, {7500 * kSecond, "2 h 05 m"},
      {360000 * kSecond, "100 h 00 m"}, {-1500 * kMilli, "-1.50 s"}, {INT64_MIN, "-2562047 h 47 m"},
  };
  for (const auto& c : cases) {
    std::string s;
    append_duration(s, c.value);
    CHECK(s == c.text);
  }
}

TEST_CASE("append_rfc3339") {
  static const struct {
    int64_t ns;
    const char* text;
  } cases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {1763236189828383200, "2025-11-15T19:49:49.828383200Z"},
      {1763236189828383000, "2025-11-15T19:49:49.828383Z"},
      {1763236189828000000, "2025-11-15T19:49:49.828Z"},
      {1763236189000000000, "2025-11-15T19:49:49Z"},
      {1, "1970-01-01T00:00:00.000000001Z"},
      {50 * kMilli, "1970-01-01T00:00:00.050Z"},
      {-1, "1969-12-31T23:59:59.999999999Z"},
      {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
      {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
  };
  for (const auto& c : cases) {
    std::string s;
    append_rfc3339(s, c.ns);
    CHECK(s == c.text);
  }
}

TEST_CASE("dates") {
  static const struct {
    int64_t s;
    const char* date;
  } cases[] = {
      {951782399, "2000-02-28"}, {951782400, "2000-02-29"}, {951868800, "2000-03-01"},
      {4107542399, "2100-02-28"},
      {4107542400, "2100-03-01"}, {1709164800, "2024-02-29"}, {1735603200, "2024-12-31"},
      {1735689599, "2024-12-31"},
      {1735689600, "2025-01-01"}, {-62135596800, "0001-01-01"}, {253402300799, "9999-12-31"},
  };
  for (const auto& c : cases) {
    std::string s;
    append_utc_date(s, c.s);
    CHECK(s == c.date);
  }
  std::string s;
  append_utc_seconds(s, 1763146410);
  CHECK(s == "2025-11-14 18:53:30 UTC");
  s.clear();
  append_utc_seconds(s, -1);
  CHECK(s == "1969-12-31 23:59:59 UTC");
}
