#include "chimera/wire/ndjson.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::each_split;
using std::string_view;

namespace {

using Strings = std::vector<std::string>;

// The lines, and "!" with the reason behind them when the splitter refused.
Strings lines_of(const std::vector<string_view>& pieces, size_t limit = kLineLimit) {
  Strings out;
  LineSplitter splitter(limit);
  const auto sink = [&](string_view line) -> Result<void> {
    out.emplace_back(line);
    return {};
  };
  for (string_view piece : pieces) {
    if (const auto fed = splitter.feed(piece, sink); !fed) {
      out.push_back(std::string("! ") + fed.error().where);
      CHECK(fed.error().code == Errc::too_large);
      return out;
    }
  }
  CHECK(splitter.finish(sink));
  CHECK(splitter.finish(sink));  // hands nothing on twice
  return out;
}

}  // namespace

TEST_CASE("ndjson: lines, at every split") {
  static const struct {
    const char* name;
    string_view bytes;
    Strings lines;
  } cases[] = {
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
  };
  for (const auto& c : cases) {
    INFO(std::string(c.name));
    each_split(c.bytes, [&](const std::vector<string_view>& pieces) {
      CHECK(lines_of(pieces) == c.lines);
    });
  }
}

TEST_CASE("ndjson: the limit, at every split") {
  static const struct {
    const char* name;
    string_view bytes;
    Strings lines;
  } cases[] = {
      {"at the limit", "12345678\nab\n", {"12345678", "ab"}},
      {"at the limit with CR", "1234567\r\n", {"1234567"}},
      {"one over", "ab\n123456789\ncd\n", {"ab", "! line"}},
      {"one over with CR", "12345678\r\n", {"! line"}},
      {"over, never ended", "ab\n123456789", {"ab", "! line"}},
      {"blanks count too", "         \n", {"! line"}},
      {"many short lines", "123456\n123456\n123456\n", {"123456", "123456", "123456"}},
  };
  for (const auto& c : cases) {
    INFO(std::string(c.name));
    each_split(c.bytes, [&](const std::vector<string_view>& pieces) {
      CHECK(lines_of(pieces, 8) == c.lines);
    });
  }
}

TEST_CASE("ndjson: the sink's first error stops it and comes back") {
  each_split("a\nb\nc\n", [](const std::vector<string_view>& pieces) {
    LineSplitter splitter;
    std::string seen;
    bool stopped = false;
    for (string_view piece : pieces) {
      const auto fed = splitter.feed(piece, [&](string_view line) -> Result<void> {
        seen += line;
        if (line == "b") return fail(Errc::protocol, "b", 7);
        return {};
      });
      if (fed) continue;
      CHECK(fed.error().code == Errc::protocol);
      CHECK(fed.error().os == 7);
      stopped = true;
      break;
    }
    CHECK(stopped);
    CHECK(seen == "ab");
  });
  LineSplitter last;
  const auto refuse = [](string_view) -> Result<void> { return fail(Errc::bad_input, "x"); };
  CHECK(last.feed("tail", refuse));
  CHECK(last.finish(refuse).error().code == Errc::bad_input);
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
