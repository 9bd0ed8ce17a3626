#include "chimera/wire/sse.hpp"

#include "tests/wire/splitter_rig.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::check_every_split;
using chimera_test::check_refusal;
using std::string_view;

namespace {

// "data", or "type=data".
std::string text_of(const SseEvent& event) {
  std::string text(event.type);
  return text.append(text.empty() ? "" : "=").append(event.data);
}

}  // namespace

TEST_CASE("sse: events, at every split") {
  check_every_split<EventSplitter>(
      {
          {"nothing", "", {}},
          {"one", "data: {}\n\n", {"{}"}},
          {"two", "data: a\n\ndata: b\n\n", {"a", "b"}},
          {"no space", "data:a\n\n", {"a"}},
          {"one space of two", "data:  a\n\n", {" a"}},
          {"a tab is none", "data:\ta\n\n", {"\ta"}},
          {"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", {"a", "b"}},
          {"CR", "data: a\r\rdata: b\r\r", {"a", "b"}},
          {"mixed", "data: a\rdata: b\r\ndata: c\n\r\ndata: d\n\r", {"a\nb\nc", "d"}},
          {"CR and then LF CR", "data: a\r\n\rdata: b\n\n", {"a", "b"}},
          {"BOM", "\xef\xbb\xbf" "data: a\n\n", {"a"}},
          {"a second BOM", "\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\ndata: b\n\n", {"b"}},
          {"half a BOM", "\xef\xbb" "data: a\n\ndata: b\n\n", {"b"}},
          {"comments", ": hi\n\n:\n\ndata: a\n: between\ndata: b\n\n:\n", {"a\nb"}},
          {"several lines", "data: a\ndata:\ndata: b\n\n", {"a\n\nb"}},
          {"type, id, retry", "event: add\nid: 7\nretry: 10\ndata: a\n\ndata: b\n\n",
           {"add=a", "b"}},
          {"type alone is no event", "event: add\n\ndata: a\n\n", {"a"}},
          {"the last type counts", "event: a\nevent: b\ndata: c\n\n", {"b=c"}},
          {"unknown fields", "foo: a\nDATA: b\ndata : c\n data: d\n\ndata: e\n\n", {"e"}},
          {"colons in the value", "data: a: b:\n\n", {"a: b:"}},
          {"unended event", "data: a\n\ndata: b\n", {"a", "b"}},
          {"unended line", "data: a\n\ndata: b", {"a", "b"}},
          {"unended second line", "data: a\ndata: b", {"a\nb"}},
          {"unended CR", "data: a\r", {"a"}},
          {"NUL and raw bytes", string_view("data: \0\xff\n\n", 10), {std::string("\0\xff", 2)}},
          {"UTF-8", "data: \xf0\x9f\x98\x80\n\n", {"\xf0\x9f\x98\x80"}},
          {"llama.cpp's error", "error: {\"code\":500}\n\n", {"error={\"code\":500}"}},
          // The examples of the standard, section 9.2.6.
          {"stock", "data: YHOO\ndata: +2\ndata: 10\n\n", {"YHOO\n+2\n10"}},
          {"four blocks",

                     ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
           "data:  third event",
           {"first event", "second event", " third event"}},
          {"empty data", "data\n\ndata\ndata\n\ndata:", {"", "\n", ""}},
          {"identical", "data:test\n\ndata: test\n\n", {"test", "test"}},
      },
      kEventLimit, text_of);
}

TEST_CASE("sse: the limits, at every split") {
  check_every_split<EventSplitter>(
      {
          {"a line at the limit", "data:12345\n\nx\n", {"12345"}},
          {"a line over it", "data:a\n\ndata:123456\n\n", {"a", "! line"}},
          {"over, never ended", "data:a\n\n:23456789ab", {"a", "! line"}},
          {"data at the limit", "data:12345\ndata:6789\n\n", {"12345\n6789"}},
          {"data over it", "data:12345\ndata:67890\n\n", {"! event"}},
          {"many events", "data:12345\n\ndata:12345\n\n", {"12345", "12345"}},
      },
      10, text_of);
}

TEST_CASE("sse: the sink's first error stops it and comes back") {
  check_refusal<EventSplitter>("data: a\n\ndata: b\n\ndata: c\n\n", "data: tail", text_of);
}

TEST_CASE("sse: a whole event is handed on where it lies") {
  EventSplitter splitter;
  const string_view bytes = "data: abc\n\ndata: de\r\n\r\n: x\n\n";
  std::vector<const char*> at;
  const auto sink = [&](const SseEvent& event) -> Result<void> {
    at.push_back(event.data.data());
    return {};
  };
  CHECK(splitter.feed(bytes, sink));
  REQUIRE(at.size() == 2);
  CHECK(at[0] == bytes.data() + 6);
  CHECK(at[1] == bytes.data() + 17);
}

TEST_CASE("sse: the limit of the contract is 16 MiB") {
  const auto sink = [](const SseEvent&) -> Result<void> { return {}; };
  std::string line = "data:" + std::string((16u << 20) - 5, 'x');
  EventSplitter splitter;
  CHECK(splitter.feed(line, sink));
  CHECK(splitter.feed("\n\n", sink));
  line += "x";
  CHECK(splitter.feed(line, sink).error().code == Errc::too_large);
}
