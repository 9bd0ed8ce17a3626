#include "chimera/wire/toml.hpp"

#include <algorithm>
#include <cstdlib>

#include "tests/check.hpp"

using chimera::wire::parse_toml;
using chimera::wire::TomlItem;
using chimera_test::Guarded;

namespace {

constexpr const char* kTypes[] = {"table", "array", "string", "integer", "floating", "boolean",
                                  "datetime"};

struct Read {
  bool good = false;
  std::vector<TomlItem> items;
  uint32_t line = 0;
  std::string why;
};

Read read(std::string_view text) {
  const Guarded page(text);
  Read r;
  const auto done = parse_toml(page.view(), r.items, r.line);
  r.good = done.has_value();
  if (!done) r.why = done.error().where;
  if (!done) CHECK(done.error().code == chimera::Errc::bad_input);
  return r;
}

// "path type value" a line.
std::vector<std::string> lines_of(const std::vector<TomlItem>& items) {
  std::vector<std::string> out;
  for (const TomlItem& i : items) out.push_back(i.path + " " + kTypes[i.type] + " " + i.value);
  return out;
}

struct Reference {
  std::string_view text, items;
  bool good;
};
#include "toml_reference.inc"

// A number's bits; what sign a NaN has is nobody's business.
std::string hexadecimal(const std::string& number) {
  char digits[64];
  snprintf(digits, sizeof digits, "%a", strtod(number.c_str(), nullptr));
  return strstr(digits, "nan") != nullptr ? "nan" : digits;
}

// Floats are compared as numbers.
std::string canonical(const std::vector<TomlItem>& items) {
  std::vector<std::pair<std::string, std::string>> sorted;
  for (const TomlItem& i : items) {
    std::string value = i.value;
    if (i.type == TomlItem::floating) {
      value = hexadecimal(value);
    }
    sorted.emplace_back(i.path, std::string(kTypes[i.type]) + " " + value);
  }
  std::sort(sorted.begin(), sorted.end());
  std::string out;
  for (const auto& [path, rest] : sorted) out += path + " " + rest + "\n";
  return out;
}

// The reference's floats are written as Python does.
std::string with_hexadecimal_floats(std::string_view items) {
  std::string out(items);
  constexpr std::string_view kWord = " floating ";
  for (size_t at = 0; (at = out.find(kWord, at)) != out.npos;) {
    at += kWord.size();
    const size_t end = out.find('\n', at);
    out.replace(at, end - at, hexadecimal(out.substr(at, end - at)));
  }
  return out;
}

}  // namespace

TEST_CASE("toml: a document is a flat list, in its order") {
  const Read r = read(
      "name = \"x\"\n"
      "[server]\n"
      "url = 'http://desk:11434'  # comment\n"
      "\"odd key\" = [1, 0x1_0]\n"
      "[[config]]\n"
      "temperature = +0.80_0\n"
      "[[config]]\n"
      "a.b = { on = true, list = [{}] }\n");
  CHECK(r.why == "");
  REQUIRE(r.good);
  const std::vector<std::string> wanted = {
      "name string x", "server table ", "server.url string http://desk:11434",
      "server.\"odd key\" array ", "server.\"odd key\"[0] integer 1",
      "server.\"odd key\"[1] integer 16", "config array ", "config[0] table ",
      "config[0].temperature floating 0.800", "config[1] table ", "config[1].a table ",
      "config[1].a.b table ", "config[1].a.b.on boolean true", "config[1].a.b.list array ",
      "config[1].a.b.list[0] table "};
  CHECK(lines_of(r.items) == wanted);
  CHECK(r.items[2].line == 3);
  CHECK(r.items.back().line == 8);
}

TEST_CASE("toml: what Python's tomllib makes of it") {
  size_t good = 0;
  for (const Reference& c : kReferences) {
    CAPTURE(c.text);
    const Read r = read(c.text);
    CAPTURE(r.why);
    CHECK(r.good == c.good);
    if (r.good && c.good) CHECK(canonical(r.items) == with_hexadecimal_floats(c.items));
    good += c.good;
  }
  CHECK(std::size(kReferences) > 350);
  CHECK(good > 100);
}

TEST_CASE("toml: an error says what and where") {
  struct Case {
    const char* text;
    uint32_t line;
    const char* why;
  };
  static const Case cases[] = {
      {"a = 1\na = 2", 2, "this key was there before"},
      {"a = 1\n\n# x\nb 2", 4, "= is missing"},
      {"[a]\n[a]", 2, "defined before"},
      {"[[a]]\n[a]", 2, "defined before"},
      {"a.b = 1\n[a]", 2, "defined before"},
      {"a = {}\n[a.b]", 2, "this table is complete already"},
      {"a = {}\n[a]", 2, "this table is complete already"},
      {"a = {}\na.b = 1", 2, "this table is complete already"},
      {"a = []\n[a.b]", 2, "a value where the key needs a table"},
      {"a = [{}]\n[[a]]", 2, "defined before"},
      {"a = 1\n[a.b]", 2, "a value where the key needs a table"},
      {"a = \"\"\"\nx\ny", 3, "a string has no end"},
      {"a = 'x\ny'", 1, "a string has no end"},
      {"a = \"\\q\"", 1, "no such escape"},
      {"a = [\n1\n2]", 3, ", or ] is missing"},
      {"a = {b = 1 c = 2}", 1, ", or } is missing"},
      {"[a\nb = 1", 1, "] is missing"},
      {"= 1", 1, "a key is missing"},
      {"a = 1 2", 1, "more behind the end of a value"},
      {"a = 09", 1, "not a value"},
      {"a = ", 1, "not a value"},
      {"a = 1\nb = 1979-02-29", 2, "no such date or time"},
      {"a = 24:00:00", 1, "no such date or time"},
      {"a = 9223372036854775808", 1, "an integer of more than 64 bits"},
      {"a = 0xffff_ffff_ffff_ffff", 1, "an integer of more than 64 bits"},
      {"a = 0x1_0000_0000_0000_0000", 1, "an integer of more than 64 bits"},
      {"a = 1e400", 1, "a number that is too large"},
      {"a = 1\nb = \"\x01\"", 2, "a control character"},
      {"a = 1\n\nb = \"\xff\"", 3, "not UTF-8"},
      {"a = 1\rb = 2", 1, "a control character"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Read r = read(c.text);
    CHECK_FALSE(r.good);
    CHECK(r.line == c.line);
    CHECK(r.why == c.why);
  }
}

TEST_CASE("toml: dates and times stand as they are") {
  static const char* const good[] = {
      "1979-05-27T07:32:00Z", "1979-05-27t00:32:00.999999z", "1979-05-27 07:32:00-07:00",
      "1979-05-27T07:32:00+23:59", "1979-05-27T00:32:00.5", "1979-05-27 00:32:00", "1979-05-27",
      "07:32:00", "00:32:00.999999999999", "2000-02-29", "2024-02-29", "0000-01-01", "9999-12-31",
      "2024-04-30", "2024-07-31", "2024-08-31", "2016-12-31T23:59:60Z"};
  for (const char* value : good) {
    CAPTURE(value);
    const std::string text(value);
    for (const char* end : {"", " # x\n", "\r\n"}) {
      const Read r = read("a = " + text + end);
      CHECK(r.why == "");
      REQUIRE(r.items.size() == 1);
      CHECK(lines_of(r.items) == std::vector<std::string>{"a datetime " + text});
    }
    CHECK(read("a = [" + text + "," + text + "]").items.size() == 3);
    CHECK(read("a = {b = " + text + ", c = 1}").items.size() == 3);
    for (const char* behind : {"x", "_", ":", "+", ".", "Zz", " 1", "-1", "T", " Z"}) {
      CAPTURE(behind);
      CHECK_FALSE(read("a = " + text + behind).good);
    }
  }
  static const char* const bad[] = {
      "1979-5-27", "1979-05-7", "979-05-27", "19790-05-27", "1979-00-27", "1979-13-27",
      "1979-05-00", "1979-05-32", "2023-02-29", "1900-02-29", "2024-02-30", "2024-04-31",
      "2024-11-31", "1979-05-27T", "1979-05-27T07", "1979-05-27T07:32", "1979-05-27T24:00:00",
      "1979-05-27T07:60:00", "1979-05-27T07:32:61", "1979-05-27T07:32:00.",
      "1979-05-27T07:32:00.Z", "1979-05-27T7:32:00", "1979-05-27T07:32:00+",
      "1979-05-27T07:32:00+7:00", "1979-05-27T07:32:00+24:00", "1979-05-27T07:32:00+07:60",
      "1979-05-27T07:32:00+0700", "1979-05-27  07:32:00", "1979-05-27Z", "1979-05-27\t07:32:00",
      "1979/05/27", "07:32", "7:32:00", "24:00:00", "07:60:00", "07:32:61", "07:32:00Z",
      "07:32:00+01:00", "07:32:00.", "-07:32:00", "+1979-05-27", "1979-05", "1979-"};
  for (const char* value : bad) {
    CAPTURE(value);
    CHECK_FALSE(read(std::string("a = ") + value).good);
  }
}

TEST_CASE("toml: a byte order mark at the start, and nowhere else") {
  CHECK(read("\xef\xbb\xbf" "a = 1").good);
  CHECK(read("\xef\xbb\xbf").good);
  CHECK_FALSE(read("\xef\xbb\xbf\xef\xbb\xbf" "a = 1").good);
  CHECK_FALSE(read("\n\xef\xbb\xbf" "a = 1").good);
}

TEST_CASE("toml: limits") {
  const auto repeated = [](std::string_view what, size_t times) {
    std::string s;
    while (times-- > 0) s += what;
    return s;
  };
  CHECK(read("a = " + repeated("[", 30) + repeated("]", 30)).good);
  CHECK(read("a = " + repeated("[", 100'000)).why == "nested too deep");
  CHECK(read("a = " + repeated("{a=", 100'000)).why == "nested too deep");
  CHECK(read(repeated("a.", 33) + "a = 1").why == "nested too deep");
  CHECK(read(repeated("a", 512) + " = 1").good);
  CHECK(read(repeated("a", 513) + " = 1").why == "a key of more than 512 bytes");
  CHECK(read("a = [" + repeated("1,", 4095) + "]").good);
  CHECK(read("a = [" + repeated("1,", 4096) + "]").why == "more than 4096 items");
}

TEST_CASE("toml: what was in the list stays, and is not looked at") {
  std::vector<TomlItem> items;
  uint32_t line = 0;
  REQUIRE(parse_toml("a = 1", items, line));
  REQUIRE(parse_toml("a = 2", items, line));
  CHECK(lines_of(items) == std::vector<std::string>{"a integer 1", "a integer 2"});
}
