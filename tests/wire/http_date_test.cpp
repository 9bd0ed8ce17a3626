#include "chimera/wire/http_date.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;

namespace {
constexpr int64_t kNow = 1764150000;   // 2025-11-26 09:40:00
}

TEST_CASE("http date: the three forms of RFC 9110") {
  struct Case { const char* text; int64_t at; };
  static const Case cases[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
      {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
      {"Sun Nov  6 08:49:37 1994", 784111777},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"Thu, 29 Feb 2024 23:59:60 GMT", 1709251200},
      {"Wed Nov 26 09:40:00 2025", kNow},
      {"Wednesday, 26-Nov-25 09:40:00 GMT", kNow},
      {"Friday, 31-Dec-99 23:59:59 GMT", 946684799},   // not in 74 years
      {"Monday, 01-Jan-68 00:00:00 GMT", 3092601600},  // 42 years ahead
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const chimera_test::Guarded text(c.text);
    const auto at = parse_http_date(text.view(), kNow);
    REQUIRE(at.has_value());
    CHECK(*at == c.at);
  }
}

TEST_CASE("http date: what is none") {
  for (const char* text :
       {"", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "Sun, 06 Nov 123456 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994 GMT", "Sun Nov", "-1", "1.5"}) {
    CAPTURE(text);
    const chimera_test::Guarded guarded(text);
    CHECK_FALSE(parse_http_date(guarded.view(), kNow).has_value());
  }
}

TEST_CASE("retry-after: seconds, or a date by the server's own clock") {
  struct Case { const char *value, *date; int64_t seconds; };
  static const Case cases[] = {
      {"0", "", 0},
      {"120", "", 120},
      {"99999999999", "", INT32_MAX},
      {"Wed, 26 Nov 2025 09:41:00 GMT", "", 60},
      {"Wed, 26 Nov 2025 09:39:00 GMT", "", 0},
      {"Wed, 26 Nov 2025 09:41:00 GMT", "Wed, 26 Nov 2025 09:40:50 GMT", 10},
      {"Wed, 26 Nov 2025 09:41:00 GMT", "nonsense", 60},
      {"soon", "", 0},
      {"-5", "", 0},
      {"", "", 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.value);
    CHECK(retry_after(c.value, c.date, kNow) == c.seconds);
  }
}
