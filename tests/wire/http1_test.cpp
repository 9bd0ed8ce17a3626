#include "chimera/wire/http1.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::Guarded;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

constexpr Errc kFine = Errc::usage;   // stands for "no error" in the tables below

// What a table row expects, and what a parser said, in one comparable shape.
struct Seen {
  Errc error = kFine;
  Framing framing = Framing::none;
  uint64_t length = 0;
  bool keep_alive = false;
  bool operator==(const Seen&) const = default;
};

Seen bad(Errc code = Errc::protocol) { return {code, Framing::none, 0, false}; }

template <class Head>
Seen seen(const Result<std::optional<Head>>& r) {
  if (!r) return bad(r.error().code);
  return {kFine, (*r)->framing, (*r)->content_length, (*r)->keep_alive};
}

// Every proper prefix of `wire`, guarded, is either incomplete or bad; what the whole says is
// returned. A good head also says the same with a body behind it.
template <class Parse>
auto try_all_cuts(std::string_view wire, Parse parse) {
  size_t refused_at = wire.size();
  for (size_t n = 0; n < wire.size(); ++n) {
    const Guarded cut(wire.substr(0, n));
    const auto r = parse(cut.view());
    CAPTURE(n);
    if (r) {
      REQUIRE(!r->has_value());
      REQUIRE(n < refused_at);   // what was refused once stays refused
    } else {
      refused_at = std::min(refused_at, n);
    }
  }
  const Guarded all(wire);
  const auto whole = parse(all.view());
  REQUIRE((!whole || whole->has_value()));
  REQUIRE((!whole || refused_at == wire.size()));
  const auto more = parse(std::string(wire) + "\r\nbody");
  CHECK(seen(whole) == seen(more));
  return seen(whole);
}

auto response = [](std::string_view b) { return parse_response_head(b, false); };
auto head_response = [](std::string_view b) { return parse_response_head(b, true); };
auto request = [](std::string_view b) { return parse_request_head(b); };

}  // namespace

TEST_CASE("response heads: framing and refusals, at every cut") {
  const Seen close{kFine, Framing::until_close, 0, false};
  const Seen chunked{kFine, Framing::chunked, 0, true};
  const Seen five{kFine, Framing::length, 5, true};
  const Seen no_body{kFine, Framing::none, 0, true};
  struct Case { const char* name; std::string wire; Seen want; };
  const Case cases[] = {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", five},
      {"zero length", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
       {kFine, Framing::length, 0, true}},
      {"leading zeros in a length", "HTTP/1.1 200 OK\r\nContent-Length: 005\r\n\r\n", five},
      {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunked},
      {"chunked in capitals", "HTTP/1.1 200 OK\r\ntransfer-encoding:\tCHUNKED \r\n\r\n", chunked},
      {"neither", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", close},
      {"no fields at all", "HTTP/1.1 200 OK\r\n\r\n", close},
      {"no reason", "HTTP/1.1 200 \r\n\r\n", close},
      {"no reason and no blank", "HTTP/1.1 200\r\nContent-Length:5\r\n\r\n", five},
      {"a reason with bytes over 127", "HTTP/1.1 404 \xc3\xa9t\xe9\r\n\r\n", close},
      {"bare LF line ends", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", five},
      {"mixed line ends", "HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\n", five},
      {"mixed the other way", "HTTP/1.1 200 OK\nContent-Length: 5\r\n\n", five},
      {"minor version 9", "HTTP/1.9 200 OK\r\nContent-Length: 5\r\n\r\n", five},
      {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", {kFine, Framing::length, 5, false}},
      {"1.0 kept alive", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n",
       five},
      {"1.0 kept alive until close", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", close},
      {"close", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
       {kFine, Framing::length, 5, false}},
      {"close in a list", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x ,\tCLOSE\r\n\r\n",
       {kFine, Framing::length, 5, false}},
      {"close in a second field beats keep-alive",
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"
       "Connection: close\r\n\r\n",
       {kFine, Framing::length, 5, false}},
      {"closed is not close", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: closed\r\n\r\n",
       five},
      {"100", "HTTP/1.1 100 Continue\r\n\r\n", no_body},
      {"199 with a length", "HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\n", no_body},
      {"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", no_body},
      {"304 chunked", "HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n", no_body},
      {"status 599", "HTTP/1.1 599 X\r\n\r\n", close},
      {"the longest length", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
       {kFine, Framing::length, UINT64_MAX, true}},
      {"equal lengths twice", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
       five},
      {"equal lengths in a list", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", five},

      {"different lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
       bad()},
      {"different lengths in a list", "HTTP/1.1 200 OK\r\nContent-Length: 5,6\r\n\r\n", bad()},
      {"list with an empty end", "HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n", bad()},
      {"list with an empty start", "HTTP/1.1 200 OK\r\nContent-Length: ,5\r\n\r\n", bad()},
      {"empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", bad()},
      {"plus", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", bad()},
      {"minus", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", bad()},
      {"hex", "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n", bad()},
      {"underscore", "HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n", bad()},
      {"blank inside", "HTTP/1.1 200 OK\r\nContent-Length: 1 0\r\n\r\n", bad()},
      {"fraction", "HTTP/1.1 200 OK\r\nContent-Length: 5.0\r\n\r\n", bad()},
      {"2^64", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", bad()},
      {"a bad length on 204", "HTTP/1.1 204 X\r\nContent-Length: x\r\n\r\n", bad()},
      {"length and chunked",
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", bad()},
      {"chunked and length",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", bad()},
      {"both on 304",
       "HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", bad()},
      {"chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", bad()},
      {"chunked twice",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       bad()},
      {"chunked, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", bad()},
      {"gzip, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", bad()},
      {"identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", bad()},
      {"xchunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n", bad()},
      {"empty coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n", bad()},
      {"chunked behind a vertical tab", "HTTP/1.1 200 OK\r\nTransfer-Encoding: \vchunked\r\n\r\n",
       bad()},

      {"status 99", "HTTP/1.1 99 X\r\n\r\n", bad()},
      {"status 099", "HTTP/1.1 099 X\r\n\r\n", bad()},
      {"status 600", "HTTP/1.1 600 X\r\n\r\n", bad()},
      {"status 1000", "HTTP/1.1 1000 X\r\n\r\n", bad()},
      {"status abc", "HTTP/1.1 abc X\r\n\r\n", bad()},
      {"status missing", "HTTP/1.1 \r\n\r\n", bad()},
      {"status and its blank missing", "HTTP/1.1\r\n\r\n", bad()},
      {"two blanks before the status", "HTTP/1.1  200 OK\r\n\r\n", bad()},
      {"a tab before the status", "HTTP/1.1\t200 OK\r\n\r\n", bad()},
      {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", bad()},
      {"HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n", bad()},
      {"HTTP/1.", "HTTP/1. 200 OK\r\n\r\n", bad()},
      {"HTTP/1.x", "HTTP/1.x 200 OK\r\n\r\n", bad()},
      {"http/1.1", "http/1.1 200 OK\r\n\r\n", bad()},
      {"another protocol", "SSH-2.0-OpenSSH\r\n\r\n", bad()},
      {"an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", bad()},
      {"control character in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n", bad()},
      {"bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", bad()},

      {"folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 5\r\n\r\n", five},
      {"folded twice, with tabs",
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA:\r\n\tb\r\n\t Content-Length: 6\r\n\r\n", five},
      {"folded into nothing", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n \r\n\r\n", five},
      {"folded, bare LF", "HTTP/1.1 200 OK\nA: b\n c\nContent-Length: 5\n\n", five},
      {"folded before any field", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", bad()},
      {"folded Content-Length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\n", bad()},
      {"more behind a Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 6\r\n\r\n", bad()},
      {"folded Transfer-Encoding",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n", bad()},
      {"folded Connection",
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: a,\r\n close\r\n\r\n", bad()},
      {"bare CR in a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\rd\r\n\r\n", bad()},
      {"bare CR before a folded line", "HTTP/1.1 200 OK\r\nA: b\r\r\n c\r\n\r\n", bad()},
      {"blank before the first field", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", bad()},
      {"blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", bad()},
      {"empty name", "HTTP/1.1 200 OK\r\n: b\r\n\r\n", bad()},
      {"no colon", "HTTP/1.1 200 OK\r\nabc\r\n\r\n", bad()},
      {"NUL in a value", "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"s, bad()},
      {"NUL in a name", "HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n"s, bad()},
      {"DEL in a value", "HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n", bad()},
      {"bare CR in a value", "HTTP/1.1 200 OK\r\nA: b\rContent-Length: 5\r\n\r\n", bad()},
      {"two CR at the line end", "HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n", bad()},
      {"a line of one CR", "HTTP/1.1 200 OK\r\n\r\r\n\r\n", bad()},
      {"byte over 127 in a name", "HTTP/1.1 200 OK\r\n\xc3\xa9: b\r\n\r\n", bad()},
      {"separator in a name", "HTTP/1.1 200 OK\r\na(b): c\r\n\r\n", bad()},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Seen got = try_all_cuts(c.wire, response);
    CHECK(got.error == c.want.error);
    CHECK(got.framing == c.want.framing);
    CHECK(got.length == c.want.length);
    CHECK(got.keep_alive == c.want.keep_alive);
  }
}

TEST_CASE("the answer to HEAD has no body, whatever its fields say") {
  const Seen none{kFine, Framing::none, 0, true};
  for (const char* field : {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", ""}) {
    CAPTURE(field);
    const std::string wire = "HTTP/1.1 200 OK\r\n" + std::string(field) + "\r\n";
    CHECK(try_all_cuts(wire, head_response) == none);
  }
}

TEST_CASE("request heads: framing and refusals, at every cut") {
  const Seen none{kFine, Framing::none, 0, true};
  const Seen five{kFine, Framing::length, 5, true};
  struct Case { const char* name; std::string wire; Seen want; };
  const Case cases[] = {
      {"get", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", none},
      {"no fields", "GET / HTTP/1.1\r\n\r\n", none},
      {"folded line", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", bad()},
      {"1.0", "GET / HTTP/1.0\r\n\r\n", {kFine, Framing::none, 0, false}},
      {"post", "POST /api/generate HTTP/1.1\r\nContent-Length: 5\r\n\r\n", five},
      {"chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
       {kFine, Framing::chunked, 0, true}},
      {"one empty line first", "\r\nGET / HTTP/1.1\r\n\r\n", none},
      {"several empty lines first", "\r\n\n\r\n\r\nPOST / HTTP/1.1\r\nContent-Length:5\r\n\r\n",
       five},
      {"any token is a method", "M-SEARCH!#$%&'*+.^_`|~ * HTTP/1.1\r\n\r\n", none},
      {"absolute target", "GET http://a/b?c HTTP/1.1\r\n\r\n", none},

      {"a lone CR first", "\rGET / HTTP/1.1\r\n\r\n", bad()},
      {"a blank first", " GET / HTTP/1.1\r\n\r\n", bad()},
      {"a TLS hello", "\x16\x03\x01\x02\r\n\r\n", bad()},
      {"HTTP/0.9", "GET /\r\n\r\n", bad()},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", bad()},
      {"two blanks before the target", "GET  / HTTP/1.1\r\n\r\n", bad()},
      {"two blanks behind the target", "GET /  HTTP/1.1\r\n\r\n", bad()},
      {"a blank at the end", "GET / HTTP/1.1 \r\n\r\n", bad()},
      {"a blank in the target", "GET /a b HTTP/1.1\r\n\r\n", bad()},
      {"a tab for a blank", "GET\t/ HTTP/1.1\r\n\r\n", bad()},
      {"a control character in the target", "GET /\x01 HTTP/1.1\r\n\r\n", bad()},
      {"a bare CR in the target", "GET /\rx HTTP/1.1\r\n\r\n", bad()},
      {"DEL in the target", "GET /\x7f HTTP/1.1\r\n\r\n", bad()},
      {"a byte over 127 in the target", "GET /\xc3\xa9 HTTP/1.1\r\n\r\n", bad()},
      {"separator in the method", "G(T / HTTP/1.1\r\n\r\n", bad()},
      {"no method", "/ HTTP/1.1\r\n\r\n", bad()},
      {"length and chunked",
       "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", bad()},
      {"chunked not last", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", bad()},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", bad()},
      {"different lengths", "POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 05\r\n"
                            "CONTENT-LENGTH: 50\r\n\r\n", bad()},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Seen got = try_all_cuts(c.wire, request);
    CHECK(got.error == c.want.error);
    CHECK(got.framing == c.want.framing);
    CHECK(got.length == c.want.length);
    CHECK(got.keep_alive == c.want.keep_alive);
  }
}

TEST_CASE("what does not speak HTTP is refused without waiting for an empty line") {
  CHECK(!parse_response_head("SSH-2.0", false));
  CHECK(!parse_response_head("H\r\n", false));
  CHECK(!parse_request_head("\x16\x03\x01"));
  CHECK(!parse_request_head("\r\n\r\n\x16"));
  CHECK(parse_request_head("\r\n\r").has_value());
}

TEST_CASE("the parts of a head") {
  const std::string wire =
      "HTTP/1.1 206  Two Words\r\nX-A:  one \t\r\nx-b:\r\nX-A: two\r\nOdd: a:b\r\n\r\nbody";
  const auto r = parse_response_head(wire, false);
  REQUIRE(r);
  REQUIRE(r->has_value());
  const ResponseHead& head = **r;
  CHECK(head.status == 206);
  CHECK(!head.interim());
  CHECK(head.reason == " Two Words");
  CHECK(head.minor_version == 1);
  CHECK(head.size == wire.size() - 4);
  CHECK(head.field("x-a") == "one"sv);
  CHECK(head.field("X-B") == ""sv);
  CHECK(head.field("odd") == "a:b"sv);
  CHECK(!head.field("X"));
  CHECK(!head.field(""));
  std::string all;
  Field f;
  std::string_view rest = head.fields;
  while (next_field(rest, f)) all.append(f.name).append("=").append(f.value).append(";");
  CHECK(all == "X-A=one;x-b=;X-A=two;Odd=a:b;");

  const std::string asked = "\r\n\nPUT /a?b=c HTTP/1.0\nHost: h\n\nGET";
  const auto q = parse_request_head(asked);
  REQUIRE(q);
  REQUIRE(q->has_value());
  CHECK((*q)->method == "PUT");
  CHECK((*q)->target == "/a?b=c");
  CHECK((*q)->minor_version == 0);
  CHECK((*q)->size == asked.size() - 3);
  CHECK((*q)->fields == "Host: h\n");
}

TEST_CASE("a head of 64 KiB is read, one byte more is refused however it arrives") {
  const std::string start = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: ";
  std::string wire = start + std::string(kHeadLimit - start.size() - 4, 'x') + "\r\n\r\n";
  REQUIRE(wire.size() == kHeadLimit);
  const auto exact = response(wire);
  REQUIRE(exact);
  REQUIRE(exact->has_value());
  CHECK((*exact)->size == kHeadLimit);

  wire.insert(start.size(), 1, 'x');
  const auto over = response(wire);
  REQUIRE(!over);
  CHECK(over.error().code == Errc::too_large);
  CHECK(response(std::string_view(wire).substr(0, kHeadLimit - 1)).has_value());
  CHECK(!response(std::string_view(wire).substr(0, kHeadLimit)));

  const std::string blank_lines(kHeadLimit, '\n');
  CHECK(request(std::string_view(blank_lines).substr(1)).has_value());
  const auto endless = request(blank_lines);
  REQUIRE(!endless);
  CHECK(endless.error().code == Errc::too_large);
  CHECK(!request(blank_lines + "GET / HTTP/1.1\r\n\r\n"));
}

TEST_CASE("a long head that arrives byte by byte") {
  std::string wire = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 250; ++i) wire += "X-Field: " + std::string(240, 'v') + "\r\n";
  wire += "\r\n";
  size_t early = 0;
  for (size_t n = 0; n < wire.size(); ++n) {
    const auto r = response(std::string_view(wire).substr(0, n));
    early += !r || r->has_value();
  }
  CHECK(early == 0);
  CHECK(response(wire)->has_value());
}

TEST_CASE("256 fields are read, 257 are refused") {
  std::string fields;
  for (int i = 0; i < kFieldLimit; ++i) fields += "A: b\r\n";
  CHECK(response("HTTP/1.1 200 OK\r\n" + fields + "\r\n").has_value());
  const auto over = response("HTTP/1.1 200 OK\r\n" + fields + "A: b\r\n\r\n");
  REQUIRE(!over);
  CHECK(over.error().code == Errc::too_large);
}

TEST_CASE("any single byte changed in a head neither crashes nor changes where it can end") {
  const std::string wire = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
  for (size_t i = 0; i < wire.size(); ++i) {
    for (int b = 0; b < 256; ++b) {
      std::string changed = wire;
      changed[i] = static_cast<char>(b);
      const Guarded g(changed);
      const auto r = response(g.view());
      const auto q = request(g.view());
      if (r && r->has_value()) CHECK((*r)->size <= wire.size());
      if (q && q->has_value()) CHECK((*q)->size <= wire.size());
    }
  }
}

TEST_CASE("what may be sent as a field") {
  CHECK(valid_field("X-Key", "a b\tc"));
  CHECK(valid_field("x", ""));
  CHECK(valid_field("x", "caf\xc3\xa9"));
  CHECK(!valid_field("", "a"));
  CHECK(!valid_field("a b", "c"));
  CHECK(!valid_field("a:", "c"));
  CHECK(!valid_field("a\r\nb", "c"));
  CHECK(!valid_field("a", "b\r\nEvil: 1"));
  CHECK(!valid_field("a", "b\n"));
  CHECK(!valid_field("a", "\0"sv));
  CHECK(!valid_field("a", "\x7f"));
}

TEST_CASE("fields that only the sender of a message may set") {
  for (const char* name : {"Content-Length", "content-length", "TRANSFER-ENCODING", "Connection"}) {
    CAPTURE(name);
    CHECK(reserved_field(name));
  }
  for (const char* name : {"", "Host", "Content-Type", "Content-Lengt", "Content-Length2"}) {
    CAPTURE(name);
    CHECK_FALSE(reserved_field(name));
  }
}
