// runs: linux virtual
#include "chimera/net/http_server.hpp"

#include "tests/net/raw_client.hpp"

using namespace chimera;
using namespace chimera_test;

namespace {

// Says what it was asked.
struct Echo final : net::Handler {
  rt::Task<net::After> handle(const net::ServerRequest& r, net::Stream& stream,
                              net::Peer& peer) override {
    seen_gone = false;
    if (r.path == "/hang") {
      rt::Sleep wait(kNever, &peer.gone);
      co_await wait;
      seen_gone = peer.gone.requested();
      co_return net::After::keep;
    }
    if (r.path == "/abort") co_return net::After::abort;
    if (r.path == "/slow") {
      rt::Sleep wait(sys::now() + 20 * kMilli);
      co_await wait;
    }
    std::string body = r.method + " " + r.path + " ?" + r.query + " [" + r.body + "] ";
    body += std::to_string(r.connection) + "." + std::to_string(r.index);
    Result<void> sent = co_await net::respond(stream, 200, "text/plain", body, r.keep_alive);
    co_return sent ? net::After::keep : net::After::close;
  }
  bool welcome(uint64_t connection) override { return connection != refused; }
  bool seen_gone = false;
  uint64_t refused = 0;
};

struct Rig {
  net::Listener listener;
  Echo echo;
  sys::Address at;
};

// Sends `pieces` over a connection of their own.
std::string ask(const std::vector<std::string_view>& pieces, uint64_t refused = 0) {
  Rig rig;
  rig.echo.refused = refused;
  const sys::Address any = sys::parse_ip("127.0.0.1", 0).value();
  REQUIRE(rig.listener.open(any).has_value());
  rig.at = rig.listener.address().value();
  std::string reply;
  run_beside(net::serve(rig.listener, rig.echo), [&] { return converse(rig.at, pieces, reply); });
  return reply;
}

struct Case {
  const char* name;
  const char* wire;
  const char* first;  // what the reply begins with
  const char* holds;  // and holds
  size_t answers;     // status lines
};
const Case kCases[] = {
    {"simple", "GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "GET /a ?b=c [] 1.0", 1},
    {"pipelined",
     "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 200", "GET /b ? [] 1.1", 2},
    {"body by length",
     "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
     "GET /b HTTP/1.0\r\n\r\n",
     "HTTP/1.1 200", "POST /p ? [hello] 1.0", 2},
    {"body by chunks",
     "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\nGET /b HTTP/1.0\r\n\r\n",
     "HTTP/1.1 200", "POST /p ? [hello] 1.0", 2},
    {"HTTP/1.0 closes", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.1 200",
     "Connection: close\r\n", 1},
    {"absolute target", "GET http://h:1/z?q HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "GET /z ?q []", 1},
    {"absolute target without path", "GET http://h HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "GET / ? []",
     1},
    {"no Host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400", "", 1},
    {"not HTTP", "\x16\x03\x01 hello", "HTTP/1.1 400", "", 1},
    {"blank before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400", "", 1},
    {"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
     "HTTP/1.1 400", "", 1},
    {"length and chunks",
     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     "HTTP/1.1 400", "", 1},
    {"bad chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     "HTTP/1.1 400", "", 1},
    {"body too large", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
     "HTTP/1.1 413", "", 1},
    {"unknown expectation",
     "POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 417", "",
     1},
};

TEST_CASE("requests, at every split") {
  for (const Case& c : kCases) {
    CAPTURE(c.name);
    const bool slow = !clock_is_virtual() && !std::string_view(c.first).starts_with("HTTP/1.1 200");
    each_split(c.wire, [&](const std::vector<std::string_view>& pieces) {
      if (slow && pieces.size() == 2) return;  // 50 ms each, for the lingering close
      const std::string reply = ask(pieces);
      CAPTURE(reply);
      CHECK(reply.starts_with(c.first));
      CHECK(reply.find(c.holds) != reply.npos);
      CHECK(count(reply, "HTTP/1.1 ") == c.answers);
      CHECK(reply.find('<') == reply.npos);
    });
  }
}

TEST_CASE("a head over the limit is refused") {
  std::string wire = "GET / HTTP/1.1\r\nX: ";
  wire.append(70000, 'a');
  CHECK(ask({wire}).starts_with("HTTP/1.1 431"));
}

TEST_CASE("a body of chunks over the limit is refused") {
  const std::string piece(1u << 20, 'b');
  std::vector<std::string_view> wire = {
      "POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4100000\r\n"};
  for (size_t sent = 0; sent < 0x4100000; sent += piece.size()) wire.push_back(piece);
  wire.push_back("\r\n0\r\n\r\n");
  CHECK(ask(wire).starts_with("HTTP/1.1 413"));
}

TEST_CASE("what comes while a request is being answered is the next one") {
  const std::string reply =
      ask({"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", "GET /next HTTP/1.0\r\n\r\n"});
  CHECK(reply.find("GET /slow ") != reply.npos);
  CHECK(reply.find("GET /next ") != reply.npos);
}

TEST_CASE("the client that expects 100-continue hears it before it sends the body") {
  const std::string reply =
      ask({"POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
           "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
           "hi"});
  CHECK(reply.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
  CHECK(reply.find("[hi]") != reply.npos);
}

TEST_CASE("an unwelcome connection is reset") {
  CHECK(ask({"GET / HTTP/1.0\r\n\r\n"}, 1) == "<reset>");
}

TEST_CASE("a handler may reset the connection while the client is being watched") {
  CHECK(ask({"GET /abort HTTP/1.1\r\nHost: x\r\n\r\n"}) == "<reset>");
}

rt::Task<void> ask_and_leave(Rig& rig, bool& noticed) {
  Result<net::Stream> stream = co_await net::dial(rig.at, patience());
  CHECK(stream.has_value());
  co_await stream->write_all("GET /hang HTTP/1.1\r\nHost: x\r\n\r\n", patience());
  rt::Sleep a_while(sys::now() + 5 * kMilli);
  co_await a_while;
  CHECK(!rig.echo.seen_gone);
  stream->close();
  rt::Sleep again(sys::now() + 5 * kMilli);
  co_await again;
  noticed = rig.echo.seen_gone;
}

TEST_CASE("the handler is told that its client has left") {
  Rig rig;
  REQUIRE(rig.listener.open(sys::parse_ip("127.0.0.1", 0).value()).has_value());
  rig.at = rig.listener.address().value();
  bool noticed = false;
  run_beside(net::serve(rig.listener, rig.echo), [&] { return ask_and_leave(rig, noticed); });
  CHECK(noticed);
}

}  // namespace
