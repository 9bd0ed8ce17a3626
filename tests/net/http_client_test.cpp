// runs: linux tsan
//
// The HTTP client against scripted servers: requests, framing, truncation.
#include "tests/net/http_client_rig.hpp"

using namespace chimera_test::http;
using namespace chimera_test;

TEST_CASE("the bytes of a request") {
  const wire::Url origin = *wire::parse_url("http://host.example:8080");
  HttpRequest r;
  r.target = "/api/tags?x=1";
  CHECK(net::request_head(origin, r, true) ==
        "GET /api/tags?x=1 HTTP/1.1\r\nHost: host.example:8080\r\nUser-Agent: chimera\r\n"
        "Accept: */*\r\n\r\n");
  r.method = "POST";
  r.content_type = "application/json";
  r.extra_fields = "X-A: b\r\n";
  r.body = "{}";
  CHECK(net::request_head(origin, r, false) ==
        "POST /api/tags?x=1 HTTP/1.1\r\nHost: host.example:8080\r\nUser-Agent: chimera\r\n"
        "Accept: */*\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\nX-A: b\r\n\r\n");
}

TEST_CASE("fields of the caller replace ours; those that frame the message are left out") {
  const wire::Url origin = *wire::parse_url("http://host");
  HttpRequest r;
  r.method = "POST";
  r.content_type = "application/json";
  r.body = "{}";
  r.extra_fields =
      "user-agent: mine\r\nACCEPT: a/b\r\nContent-Length: 9\r\nHost: other\r\nConnection: close\r\n"
      "X-A:  b\r\nContent-Type: text/plain\r\ntransfer-encoding: chunked\r\n";
  CHECK(net::request_head(origin, r, true) ==
        "POST / HTTP/1.1\r\nContent-Length: 2\r\nuser-agent: mine\r\nACCEPT: a/b\r\nHost: other\r\n"
        "X-A: b\r\nContent-Type: text/plain\r\n\r\n");
}

TEST_CASE("a request arrives as it was meant") {
  std::string got;
  Server server([&](Server& s) {
    Peer peer = s.accept();
    got = peer.request(200'000);
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
    peer.wait_closed();
  });
  const std::string body(200'000, 'b');
  std::vector<Call> calls(1);
  calls[0].request.method = "POST";
  calls[0].request.content_type = "text/plain";
  calls[0].request.body = body;
  make(calls, server.address, Setup());
  server.join();
  CHECK(calls[0].outcome.has_value());
  const size_t end = got.find("\r\n\r\n");
  REQUIRE(end != got.npos);
  CHECK(got.starts_with("POST / HTTP/1.1\r\nHost: 127.0.0.1:"));
  CHECK((got.substr(end + 4) == body));
}

TEST_CASE("responses that are whole") {
  struct Case {
    const char* name;
    std::string_view method;
    std::string response;
    void (*ending)(Peer&);
    int status;
    const char* body;
  };
  const Case cases[] = {
      {"Content-Length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", stay, 200,
       "hello"},
      {"no bytes", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", stay, 200, ""},
      {"chunks", "GET", chunked_head() + "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", stay, 200, "hello!"},
      {"extensions and trailers", "GET",
       chunked_head() + "5;a=b;c=\"d\"\r\nhello\r\n0;last\r\nX-Sum: 1\r\nY: 2\r\n\r\n", stay, 200,
       "hello"},
      {"to the close", "GET", "HTTP/1.1 200 OK\r\n\r\nhello", hang_up, 200, "hello"},
      {"HTTP/1.0 to the close", "GET", "HTTP/1.0 200 OK\r\n\r\nhello", hang_up, 200, "hello"},
      {"100 and 103 are skipped", "GET",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
       stay, 200, "ok"},
      {"204 has no body", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", stay, 204,
       ""},
      {"304 has no body", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", stay,
       304, ""},
      {"HEAD has no body", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", stay, 200, ""},
      {"HEAD of chunks", "HEAD", chunked_head(), stay, 200, ""},
      {"an error status is an answer", "GET", "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy",
       stay, 503, "busy"},
      {"equal lengths twice", "GET",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", stay, 200, "ok"},
      {"bytes behind it are not body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokJUNK",
       stay, 200, "ok"},
  };
  for (const Case& c : cases) {
    for (const uint32_t read_size : {0u, 1u, 7u}) {
      CAPTURE(std::string(c.name));
      CAPTURE(read_size);
      Setup setup;
      setup.policy.read_size = read_size;
      const Call call = get(c.response, c.ending, setup, c.method);
      CHECK(call.outcome.has_value());
      CHECK(call.sink.status == c.status);
      CHECK(call.exchange.status == c.status);
      CHECK(call.sink.heads == 1);
      CHECK(call.sink.body == c.body);
      CHECK(call.exchange.body_bytes == strlen(c.body));
      CHECK(call.exchange.reads <= call.exchange.body_bytes);
      if (read_size == 1) CHECK(call.exchange.reads == call.exchange.body_bytes);
      const Exchange& x = call.exchange;
      CHECK(x.started <= x.connected);
      CHECK(x.connected <= x.sent);
      CHECK(x.first_byte >= x.connected);
      CHECK(x.first_byte <= x.head);
      CHECK(x.head <= x.ended);
      CHECK_FALSE(x.reused);
    }
  }
}

TEST_CASE("responses that are refused, broken off or too large") {
  struct Case {
    const char* name;
    std::string response;
    void (*ending)(Peer&);
    Errc error;
    const char* where;   // null = any
    const char* body;    // what came is delivered
  };
  const std::string big_field = "X: " + std::string(70'000, 'x');
  const Case cases[] = {
      {"length and chunked",
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", stay,
       Errc::protocol, nullptr, ""},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
       stay, Errc::protocol, nullptr, ""},
      {"gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", stay, Errc::protocol,
       nullptr, ""},
      {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", stay, Errc::protocol, nullptr, ""},
      {"a head over 64 KiB", "HTTP/1.1 200 OK\r\n" + big_field + "\r\n\r\n", stay, Errc::too_large,
       "head over 64 KiB", ""},
      {"nothing", "", hang_up, Errc::truncated, "head", ""},
      {"half a head", "HTTP/1.1 200 OK\r\nContent-", hang_up, Errc::truncated, "head", ""},
      {"an interim head only", "HTTP/1.1 100 Continue\r\n\r\n", hang_up, Errc::truncated, "head",
       ""},
      {"a short body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", hang_up,
       Errc::truncated, "body", "hello"},
      {"no body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", hang_up, Errc::truncated, "body",
       ""},
      {"half a chunk", chunked_head() + "9\r\nhello", hang_up, Errc::truncated, "body", "hello"},
      {"no last chunk", chunked_head() + "5\r\nhello\r\n", hang_up, Errc::truncated, "body",
       "hello"},
      {"no end of trailers", chunked_head() + "5\r\nhello\r\n0\r\nA: b\r\n", hang_up,
       Errc::truncated, "body", "hello"},
      {"a bad chunk size", chunked_head() + "5\r\nhello\r\nxyz\r\n", stay, Errc::protocol,
       "chunk size", "hello"},
      {"a reset before the head", "", reset, Errc::reset, nullptr, ""},
  };
  for (const Case& c : cases) {
    for (const uint32_t coalesce : {0u, 1000u}) {
      CAPTURE(std::string(c.name));
      CAPTURE(coalesce);
      Setup setup;
      setup.policy.coalesce = coalesce;
      const Call call = get(c.response, c.ending, setup);
      REQUIRE_FALSE(call.outcome.has_value());
      CHECK(call.outcome.error().code == c.error);
      if (c.where != nullptr) CHECK(std::string_view(call.outcome.error().where) == c.where);
      CHECK(call.sink.body == c.body);
      CHECK(call.exchange.ended != 0);
    }
  }
}

TEST_CASE("a reset or a silence in the body: what came before is delivered") {
  struct Case {
    const char* name;
    std::string head;
  };
  const Case cases[] = {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"},
      {"chunked", chunked_head() + "9\r\nhello"},
      {"to the close", "HTTP/1.1 200 OK\r\n\r\nhello"},
  };
  for (const Case& c : cases) {
    for (const uint32_t coalesce : {0u, 1000u}) {
      CAPTURE(std::string(c.name));
      CAPTURE(coalesce);
      Setup setup;
      setup.policy.coalesce = coalesce;
      const auto reset_later = [](Peer& p) {
        usleep(50'000);   // a reset overtakes bytes that have not been read
        p.reset();
      };
      const Call broken = get(c.head, reset_later, setup);
      REQUIRE_FALSE(broken.outcome.has_value());
      CHECK(broken.outcome.error().code == Errc::reset);
      CHECK(broken.sink.body == "hello");
      setup.timeouts.idle = 40 * kMilli;
      const Call silent = get(c.head, stay, setup);
      REQUIRE_FALSE(silent.outcome.has_value());
      CHECK(silent.outcome.error().code == Errc::timed_out);
      CHECK(std::string_view(silent.outcome.error().where) == "idle");
      CHECK(silent.sink.body == "hello");
    }
  }
}

TEST_CASE("nobody there") {
  std::vector<Call> calls(1);
  make(calls, *sys::parse_ip("127.0.0.1", free_port("127.0.0.1")), Setup());
  REQUIRE_FALSE(calls[0].outcome.has_value());
  CHECK(calls[0].outcome.error().code == Errc::refused);
  CHECK(calls[0].exchange.started != 0);
  CHECK(calls[0].exchange.connected == 0);
  CHECK(calls[0].exchange.sent == 0);
}

TEST_CASE("the sink's own error ends the exchange") {
  const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
  for (const bool head : {true, false}) {
    Server server([&](Server& s) {
      Peer peer = s.accept();
      peer.request();
      peer.send(response);
      peer.wait_closed();   // the connection is not kept
    });
    std::vector<Call> calls(1);
    calls[0].sink.refuse_head = head;
    calls[0].sink.refuse_at = 1;
    make(calls, server.address, Setup());
    REQUIRE_FALSE(calls[0].outcome.has_value());
    CHECK(calls[0].outcome.error().code == Errc::bad_input);
    CHECK(calls[0].sink.pieces.size() == (head ? 0 : 1));
  }
}
