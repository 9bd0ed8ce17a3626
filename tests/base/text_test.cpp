#include "chimera/base/text.hpp"

#include "tests/check.hpp"

using namespace chimera;
using chimera_test::Guarded;

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view line; next_line(text, line);) out.emplace_back(line);
  return out;
}

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view part; next_part(text, ',', part);) out.emplace_back(part);
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("trim, case, search") {
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim(" \n ") == "");
  CHECK(trim("") == "");
  CHECK(trim_left("  a ") == "a ");
  CHECK(lowered("AZaz09[@\xc3\x84") == "azaz09[@\xc3\x84");
  CHECK(iequals("Content-Length", "content-LENGTH"));
  CHECK_FALSE(iequals("a", "ab"));
  CHECK_FALSE(iequals("[", "{"));
  CHECK(icontains("text/HTML; x", "html"));
  CHECK(icontains("keep-ALIVE", "alive"));
  CHECK(icontains("", ""));
  CHECK(icontains("a", ""));
  CHECK_FALSE(icontains("", "a"));
  CHECK_FALSE(icontains(Guarded("chunke").view(), "chunked"));
}

TEST_CASE("lines and parts") {
  CHECK(lines_of("") == Strings{});
  CHECK(lines_of("\n") == Strings{""});
  CHECK(lines_of("a") == Strings{"a"});
  CHECK(lines_of("a\n") == Strings{"a"});
  CHECK(lines_of("a\r\nb\n\nc") == Strings{"a", "b", "", "c"});
  CHECK(lines_of("a\r\r\nb\r") == Strings{"a\r", "b\r"});
  CHECK(parts_of("") == Strings{});
  CHECK(parts_of("a") == Strings{"a"});
  CHECK(parts_of("a,,b") == Strings{"a", "", "b"});
  CHECK(parts_of(",a,") == Strings{"", "a"});
}

TEST_CASE("the name that was meant") {
  static const struct {
    const char *word, *meant;
  } cases[] = {
      {"temprature", "temperature"},   // one left out
      {"temperatture", "temperature"},
      {"tepmerature", "temperature"},  // exchanged
      {"temparatire", "temperature"},
      {"temparetire", ""},             // three wrong
      {"Model", "model"},
      {"urll", "url"},
      {"ulr", "url"},
      {"ual", "url"},
      {"mrl", "url"},
      {"mal", ""},                     // two, in a short word
      {"temp", "temperature"},         // begins with it
      {"num", ""},                     // so do two
      {"num-c", "num-ctx"},
      {"retries", "max-retries"},      // has it within
      {"ries", "max-retries"},
      {"r", ""},
      {"url", "url"},
      {"", ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.word);
    const Guarded word(c.word);
    Nearest nearest(word.view());
    for (const char* name :
         {"model", "url", "url", "temperature", "num-ctx", "num-gpu", "max-retries"}) {
      nearest.offer(name);
    }
    CHECK(nearest.name() == c.meant);
  }
}

TEST_CASE("UTF-8: well-formed, ill-formed, and what replaces it") {
  static const struct {
    const char* name;
    std::string_view bytes;
    size_t prefix;
    std::string_view fixed;
  } cases[] = {
      {"empty", "", 0, ""},
      {"ASCII", "abc", 3, "abc"},
      {"NUL", std::string_view("a\0b", 3), 3, std::string_view("a\0b", 3)},
      {"two bytes, first", "\xc2\x80", 2, "\xc2\x80"},
      {"two bytes, last", "\xdf\xbf", 2, "\xdf\xbf"},
      {"three bytes, first", "\xe0\xa0\x80", 3, "\xe0\xa0\x80"},
      {"before the surrogates", "\xed\x9f\xbf", 3, "\xed\x9f\xbf"},
      {"behind the surrogates", "\xee\x80\x80", 3, "\xee\x80\x80"},
      {"four bytes, first", "\xf0\x90\x80\x80", 4, "\xf0\x90\x80\x80"},
      {"U+10FFFF", "\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf"},
      {"lone continuation", "a\x80z", 1, "a\xef\xbf\xbdz"},
      {"overlong slash", "\xc0\xaf", 0, "\xef\xbf\xbd\xef\xbf\xbd"},
      {"overlong, two bytes", "\xc1\xbf", 0, "\xef\xbf\xbd\xef\xbf\xbd"},
      {"overlong, three bytes", "\xe0\x9f\xbf", 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"overlong, four bytes", "\xf0\x8f\xbf\xbf", 0,
       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"surrogate", "\xed\xa0\x80", 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"over U+10FFFF", "\xf4\x90\x80\x80", 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"F5", "\xf5\x80", 0, "\xef\xbf\xbd\xef\xbf\xbd"},
      {"FF", "\xff", 0, "\xef\xbf\xbd"},
      {"cut two-byte sequence", "ab\xc3", 2, "ab\xef\xbf\xbd"},
      {"cut three-byte sequence", "\xe2\x82", 0, "\xef\xbf\xbd"},
      {"cut four-byte sequence", "\xf0\x9f\x98", 0, "\xef\xbf\xbd"},
      {"cut by ASCII", "\xf0\x9f\x98" "a", 0, "\xef\xbf\xbd" "a"},
      {"Unicode table 3-8", "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf" "A", 0,
       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" "A"},
      {"Unicode table 3-9", "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82" "A", 0,
       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
       "\xef\xbf\xbd" "A"},
  };
  for (const auto& c : cases) {
    INFO(std::string(c.name));
    const Guarded input(c.bytes);
    CHECK(valid_utf8_prefix(input.view()) == c.prefix);
    CHECK(is_utf8(input.view()) == (c.prefix == c.bytes.size()));
    CHECK(to_valid_utf8(input.view()) == c.fixed);
    CHECK(is_utf8(c.fixed));
  }
}

TEST_CASE("code points and truncation") {
  const std::string_view text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";  // 1 2 3 4 1 bytes
  CHECK(count_code_points(text) == 5);
  CHECK(count_code_points("") == 0);
  static const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (size_t max = 0; max < 13; ++max) {
    CAPTURE(max);
    CHECK(utf8_truncate(Guarded(text).view(), max).size() == ends[max]);
  }
  CHECK(utf8_truncate("\x80\x80\x80\x80\x80\x80", 4).size() == 4);
  CHECK(utf8_truncate("\x80\x80\x80", 2).size() <= 2);
}

TEST_CASE("printable") {
  static const struct {
    const char* name;
    std::string_view text, one_line, multi_line;
  } cases[] = {
      {"plain", "a\xc3\xa4\\", "a\xc3\xa4\\", "a\xc3\xa4\\"},
      {"escape sequence", "\x1b[31m", "\\x1b[31m", "\\x1b[31m"},
      {"newline and tab", "a\n\tb", "a\\x0a\\x09b", "a\n\tb"},
      {"return", "a\rb", "a\\x0db", "a\\x0db"},
      {"NUL and DEL", std::string_view("\0\x7f", 2), "\\x00\\x7f", "\\x00\\x7f"},
      {"C1", "\xc2\x9b" "0m\xc2\x80", "\\u{9b}0m\\u{80}", "\\u{9b}0m\\u{80}"},
      {"no-break space stays", "\xc2\xa0", "\xc2\xa0", "\xc2\xa0"},
      {"bidi override", "\xe2\x80\xae" "x", "\\u{202e}x", "\\u{202e}x"},
      {"bidi isolates and marks", "\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c", "\\u{2066}\\u{200f}\\u{61c}",
       "\\u{2066}\\u{200f}\\u{61c}"},
      {"bidi embeddings", "\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad",
       "\\u{202a}\\u{202b}\\u{202c}\\u{202d}", "\\u{202a}\\u{202b}\\u{202c}\\u{202d}"},
      {"bidi isolates", "\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9\xe2\x80\x8e",
       "\\u{2067}\\u{2068}\\u{2069}\\u{200e}", "\\u{2067}\\u{2068}\\u{2069}\\u{200e}"},
      {"ill-formed", "\xff\xe2\x82", "\\xff\\xe2\\x82", "\\xff\\xe2\\x82"},
  };
  for (const auto& c : cases) {
    INFO(std::string(c.name));
    CHECK(printable(Guarded(c.text).view(), false) == c.one_line);
    CHECK(printable(Guarded(c.text).view(), true) == c.multi_line);
  }
}

TEST_CASE("text: base64, the test vectors of RFC 4648") {
  const char* const cases[][2] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},
                                  {"foo", "Zm9v"},  {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
                                  {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}};
  for (const auto& c : cases) {
    std::string out;
    append_base64(out, c[0]);
    CHECK(out == c[1]);
  }
}
