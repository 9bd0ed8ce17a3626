#include "chimera/wire/ndjson.hpp"

#include "tests/wire/splitter_rig.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::check_every_split;
using chimera_test::check_refusal;
using std::string_view;

namespace {

std::string text_of(string_view line) { return std::string(line); }

}  // namespace

TEST_CASE("ndjson: lines, at every split") {
  check_every_split<LineSplitter>(
      {
          {"nothing", "", {}},
          {"one line", "{}\n", {"{}"}},
          {"two lines", "{\"a\":1}\n{\"b\":2}\n", {"{\"a\":1}", "{\"b\":2}"}},
          {"CRLF", "a\r\nb\r\n", {"a", "b"}},
          {"mixed endings", "a\nb\r\nc\n", {"a", "b", "c"}},
          {"unterminated last line", "a\nb", {"a", "b"}},
          {"unterminated last line, CR", "a\nb\r", {"a", "b"}},
          {"empty lines", "\n\na\n\n\r\nb\n\n", {"a", "b"}},
          {"blank lines", "  \n\t\r\na\n \t ", {"a"}},
          {"blanks around stay", " a \n", {" a "}},
          {"CR inside", "a\rb\n", {"a\rb"}},
          {"two CR", "a\r\r\n", {"a\r"}},
          {"NUL", string_view("a\0b\n", 4), {std::string("a\0b", 3)}},
          {"UTF-8 and raw bytes", "\xf0\x9f\x98\x80\n\xff\n", {"\xf0\x9f\x98\x80", "\xff"}},
          {"newline only", "\n", {}},
      },
      kLineLimit, text_of);
}

TEST_CASE("ndjson: the limit, at every split") {
  check_every_split<LineSplitter>(
      {
          {"at the limit", "12345678\nab\n", {"12345678", "ab"}},
          {"at the limit with CR", "1234567\r\n", {"1234567"}},
          {"one over", "ab\n123456789\ncd\n", {"ab", "! line"}},
          {"one over with CR", "12345678\r\n", {"! line"}},
          {"over, never ended", "ab\n123456789", {"ab", "! line"}},
          {"blanks count too", "         \n", {"! line"}},
          {"many short lines", "123456\n123456\n123456\n", {"123456", "123456", "123456"}},
      },
      8, text_of);
}

TEST_CASE("ndjson: the sink's first error stops it and comes back") {
  check_refusal<LineSplitter>("a\nb\nc\n", "tail", text_of);
}

TEST_CASE("ndjson: a whole line is handed on where it lies, and nothing is held between lines") {
  LineSplitter splitter;
  const string_view bytes = "abc\nde\n";
  std::vector<const char*> at;
  const auto sink = [&](string_view line) -> Result<void> {
    at.push_back(line.data());
    return {};
  };
  CHECK(splitter.feed(bytes, sink));
  REQUIRE(at.size() == 2);
  CHECK(at[0] == bytes.data());
  CHECK(at[1] == bytes.data() + 4);
  CHECK(splitter.finish(sink));
  CHECK(at.size() == 2);
}

TEST_CASE("ndjson: a very long line in small pieces") {
  const std::string line(3u << 20, 'x');
  LineSplitter splitter;
  std::vector<size_t> lengths;
  const auto sink = [&](string_view got) -> Result<void> {
    lengths.push_back(got.size());
    return {};
  };
  for (size_t at = 0; at < line.size(); at += 1000) {
    REQUIRE(splitter.feed(string_view(line).substr(at, 1000), sink));
  }
  CHECK(splitter.feed("\nab\n", sink));
  CHECK(lengths == std::vector<size_t>{line.size(), 2});
}

TEST_CASE("ndjson: the limit of the contract is 16 MiB") {
  const auto sink = [](string_view) -> Result<void> { return {}; };
  std::string line(16u << 20, 'x');
  LineSplitter splitter;
  CHECK(splitter.feed(line, sink));
  CHECK(splitter.feed("\n", sink));
  line += "x";
  CHECK(splitter.feed(line, sink).error().code == Errc::too_large);
}
