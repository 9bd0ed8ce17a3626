#include "chimera/wire/chunked.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::each_split;
using namespace std::string_literals;

namespace {

struct Outcome {
  std::string body;
  std::string rest;          // what was left behind the message
  bool ok = true;
  bool done = false;
  Errc code{};
};

// Feeds the pieces as a caller would: each until it is used up, the message done, or an error.
Outcome decode(const std::vector<std::string_view>& pieces) {
  Outcome out;
  ChunkDecoder decoder;
  for (std::string_view piece : pieces) {
    for (;;) {
      const auto data = decoder.next(piece);
      if (!data) {
        out.ok = false;
        out.code = data.error().code;
        std::string_view more = "0\r\n\r\n";
        CHECK(!decoder.next(more));   // refuses all further input
        CHECK(!decoder.done());
        return out;
      }
      if (data->empty()) break;
      out.body += *data;
    }
    if (!decoder.done()) REQUIRE(piece.empty());
    out.rest += piece;
  }
  out.done = decoder.done();
  return out;
}

}  // namespace

TEST_CASE("chunk framing, at every split") {
  struct Case { const char* name; std::string wire; const char* body; bool ok; };
  const Case cases[] = {
      {"one chunk", "3\r\nabc\r\n0\r\n\r\n", "abc", true},
      {"two chunks and an extension", "1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n", "abc", true},
      {"no data", "0\r\n\r\n", "", true},
      {"lower-case hex", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789", true},
      {"upper-case hex", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", true},
      {"two digits", "1F\r\n0123456789012345678901234567890\r\n0\r\n\r\n",
       "0123456789012345678901234567890", true},
      {"fifteen digits", "000000000000003\r\nabc\r\n0\r\n\r\n", "abc", true},
      {"zero as fifteen digits", "000000000000000\r\n\r\n", "", true},
      {"data looks like framing", "7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n\r\n", true},
      {"trailers", "1\r\na\r\n0\r\nA: b\r\nC:d\r\n\r\n", "a", true},
      {"blanks around an extension", "1 ;a\r\na\r\n2 \t ; b = c\r\nbc\r\n0\t;\r\n\r\n", "abc",
       true},
      {"empty extension", "1;\r\na\r\n0;\r\n\r\n", "a", true},
      {"extension with a quoted semicolon", "1;a=\";\t\"\r\na\r\n0;x\r\n\r\n", "a", true},
      {"extension with bytes over 127", "1;\xc3\xa9\r\na\r\n0\r\n\r\n", "a", true},

      {"bare LF after the size", "3\nabc\r\n0\r\n\r\n", "", false},
      {"bare CR after the size", "3\rabc\r\n0\r\n\r\n", "", false},
      {"two CR after the size", "3\r\r\nabc\r\n0\r\n\r\n", "", false},
      {"LF in an extension", "3;\nx\r\nabc\r\n0\r\n\r\n", "", false},
      {"LF ends an extension", "3;x\nabc\r\n0\r\n\r\n", "", false},
      {"CR in an extension", "3;\rx\r\nabc\r\n0\r\n\r\n", "", false},
      {"NUL in an extension", "3;\0\r\nabc\r\n0\r\n\r\n"s, "", false},
      {"DEL in an extension", "3;\x7f\r\nabc\r\n0\r\n\r\n", "", false},
      {"g is not hex", "g\r\n", "", false},
      {"letters past f behind digits", "1g\r\na\r\n0\r\n\r\n", "", false},
      {"just before 0", "/\r\n", "", false},
      {"just behind 9", ":\r\n", "", false},
      {"just before A", "@\r\n", "", false},
      {"just behind F", "G\r\n", "", false},
      {"just before a", "`\r\n", "", false},
      {"sixteen digits", "0000000000000003\r\nabc\r\n", "", false},
      {"overflow to zero", "10000000000000000\r\n\r\n", "", false},
      {"all ones", "ffffffffffffffff\r\na", "", false},
      {"0x", "0x3\r\nabc\r\n", "", false},
      {"plus", "+3\r\nabc\r\n", "", false},
      {"minus", "-3\r\nabc\r\n", "", false},
      {"underscore", "1_0\r\nabc\r\n", "", false},
      {"blank first", " 3\r\nabc\r\n", "", false},
      {"blank behind the size", "3 \r\nabc\r\n0\r\n\r\n", "", false},
      {"blank between the digits", "1 0\r\nabc\r\n0\r\n\r\n", "", false},
      {"blank and no extension", "3 a\r\nabc\r\n0\r\n\r\n", "", false},
      {"tab behind the size", "3\t\r\nabc\r\n0\r\n\r\n", "", false},
      {"no size", "\r\nabc\r\n", "", false},
      {"only an extension", ";a\r\nabc\r\n", "", false},
      {"data overruns", "3\r\nabcd\r\n0\r\n\r\n", "abc", false},
      {"data overruns by two bytes", "3\r\nabcde0\r\n\r\n", "abc", false},
      {"data falls short", "3\r\nab\r\n0\r\n\r\n", "ab\r", false},
      {"any two bytes behind data", "3\r\nabcxx0\r\n\r\n", "abc", false},
      {"LF behind data", "3\r\nabc\n0\r\n\r\n", "abc", false},
      {"CR x behind data", "3\r\nabc\rx0\r\n\r\n", "abc", false},
      {"bare LF at the end", "0\r\n\n", "", false},
      {"any two bytes at the end", "0\r\nxx", "", true},   // the start of a trailer: not done
      {"CR x at the end", "0\r\n\rx", "", false},
      {"LF behind the last size", "0\n\r\n", "", false},
      {"LF ends a trailer", "0\r\nA: b\n\r\n", "", false},
      {"CR in a trailer", "0\r\nA: b\rc\r\n\r\n", "", false},
      {"NUL in a trailer", "0\r\nA: \0\r\n\r\n"s, "", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    each_split(c.wire, [&](const std::vector<std::string_view>& pieces) {
      CAPTURE(pieces.size());
      CAPTURE(pieces[0].size());
      const Outcome got = decode(pieces);
      CHECK(got.ok == c.ok);
      CHECK(got.body == c.body);
      CHECK(got.rest.empty());
      if (c.ok) CHECK(got.done == c.wire.ends_with("\r\n\r\n"));
      if (!c.ok) CHECK(got.code == Errc::protocol);
    });
  }
}

TEST_CASE("bytes behind the message stay, and no prefix is done") {
  const std::string message = "4;a=b\r\nwxyz\r\n00\r\nT: u\r\n\r\n";
  each_split(message + "HTTP/1.1 200", [&](const std::vector<std::string_view>& pieces) {
    const Outcome got = decode(pieces);
    CHECK(got.ok);
    CHECK(got.done);
    CHECK(got.body == "wxyz");
    CHECK(got.rest == "HTTP/1.1 200");
  });
  for (size_t n = 0; n < message.size(); ++n) {
    CAPTURE(n);
    CHECK(!decode({std::string_view(message).substr(0, n)}).done);
  }
}

TEST_CASE("a decoder can be used for the next message") {
  ChunkDecoder decoder;
  std::string_view bad = "x";
  CHECK(!decoder.next(bad));
  decoder.reset();
  std::string_view good = "1\r\na\r\n0\r\n\r\n";
  CHECK(decoder.next(good) == "a");
  CHECK(decoder.next(good) == "");
  CHECK(decoder.done());
}

TEST_CASE("data is handed on in place and as far as it is there") {
  ChunkDecoder decoder;
  const std::string wire = "fffffffffffffff\r\nabcdef";
  std::string_view input = wire;
  const auto data = decoder.next(input);
  REQUIRE(data);
  CHECK(*data == "abcdef");
  CHECK(data->data() == wire.data() + 17);
  CHECK(input.empty());
}

TEST_CASE("a size line may have 16 KiB, the trailers 64 KiB") {
  const size_t size_line = 16u << 10, trailers = 64u << 10;
  const auto wire = [](size_t extension, size_t trailer) {
    return "1;" + std::string(extension, 'x') + "\r\na\r\n0\r\nT:" + std::string(trailer, 'y') +
           "\r\n\r\n";
  };
  CHECK(decode({wire(size_line - 4, trailers - 6)}).done);
  const Outcome long_line = decode({wire(size_line - 3, 0)});
  CHECK(long_line.code == Errc::too_large);
  CHECK(long_line.body.empty());
  const Outcome long_trailer = decode({wire(0, trailers - 5)});
  CHECK(long_trailer.code == Errc::too_large);
  CHECK(long_trailer.body == "a");
}

TEST_CASE("extensions cannot outweigh data for ever, plain framing always may") {
  std::string padded, plain, paid;
  for (int i = 0; i < 1000; ++i) {
    padded += "1;" + std::string(100, 'x') + "\r\na\r\n";
    plain += "000000000000001\r\na\r\n";
    paid += "40;" + std::string(100, 'x') + "\r\n" + std::string(64, 'a') + "\r\n";
  }
  CHECK(decode({padded}).code == Errc::too_large);
  for (int i = 0; i < 4; ++i) plain += plain;
  CHECK(decode({plain}).ok);
  CHECK(decode({plain}).body.size() == 16000);
  CHECK(decode({paid}).body.size() == 64000);
}

TEST_CASE("any byte changed anywhere: never more data than came in, the same at every split") {
  const std::string wire = "2;e\r\nab\r\n0\r\nT: u\r\n\r\n";
  for (size_t i = 0; i < wire.size(); ++i) {
    for (int b = 0; b < 256; ++b) {
      std::string changed = wire;
      changed[i] = static_cast<char>(b);
      const Outcome whole = decode({changed});
      CHECK(whole.body.size() <= wire.size());
      std::vector<std::string_view> single;
      for (size_t k = 0; k < changed.size(); ++k) {
        single.push_back(std::string_view(changed).substr(k, 1));
      }
      const Outcome bytes = decode(single);
      CHECK(bytes.ok == whole.ok);
      CHECK(bytes.done == whole.done);
      CHECK(bytes.body == whole.body);
      CHECK(bytes.rest == whole.rest);
    }
  }
}

TEST_CASE("chunks as written are read back") {
  for (const size_t n : {size_t{1}, size_t{9}, size_t{15}, size_t{16}, size_t{255}, size_t{256},
                         size_t{4095}, size_t{4096}, size_t{70000}}) {
    const std::string data(n, 'z');
    std::string wire = "before";
    append_chunk(wire, data);
    wire += kLastChunk;
    const Outcome got = decode({std::string_view(wire).substr(6)});
    CAPTURE(n);
    CHECK(got.done);
    CHECK(got.body == data);
  }
  std::string wire;
  append_chunk(wire, std::string(26, 'q'));
  CHECK(wire == "1a\r\n" + std::string(26, 'q') + "\r\n");
}
