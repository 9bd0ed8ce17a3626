// runs: linux tsan
//
// The HTTP client against scripted servers: framing, reuse, truncation, deadlines, cuts.
#include "chimera/net/http_client.hpp"

#include "tests/net/rig.hpp"

using namespace chimera_test;
using net::Exchange;
using net::HttpClient;
using net::HttpRequest;

namespace {

struct Sink : net::BodySink {
  Result<void> on_head(const wire::ResponseHead& head) override {
    ++heads;
    status = head.status;
    return refuse_head ? Result<void>(fail(Errc::bad_input, "sink")) : Result<void>();
  }
  Result<void> on_body(std::string_view bytes, Nanos at) override {
    CHECK(at >= last);
    last = at;
    body += bytes;
    pieces.push_back(bytes.size());
    if (body.size() >= refuse_at) return fail(Errc::bad_input, "sink");
    return {};
  }
  bool begun() const override { return body.size() >= begins_at; }
  bool satisfied() const override { return body.size() >= enough_at; }

  std::string body;
  std::vector<size_t> pieces;
  int status = 0, heads = 0;
  bool refuse_head = false;
  size_t refuse_at = SIZE_MAX, begins_at = 0, enough_at = SIZE_MAX;
  Nanos last = 0;
};

struct Call {
  HttpRequest request;
  Sink sink;
  Exchange exchange;
  Result<void> outcome;
};

// Generous limits: a test that is about one sets that one.
net::Timeouts relaxed() {
  net::Timeouts t;
  t.connect = t.idle = 20 * kSecond;
  return t;
}

struct Setup {
  net::ReadPolicy policy;
  net::Timeouts timeouts = relaxed();
  uint32_t read_size = 1024;
  Nanos pause = 0;         // between the calls
  Nanos stop_at = 0;
};

rt::Task<bool> make_calls(HttpClient& client, std::vector<Call>& calls, Nanos pause) {
  for (size_t i = 0; i < calls.size(); ++i) {
    if (i > 0 && pause > 0) {
      rt::Sleep sleep(sys::now() + pause);
      co_await sleep;
    }
    Call& c = calls[i];
    c.outcome = co_await client.exchange(c.request, c.sink, c.exchange);
  }
  client.close();
  co_return true;
}

void make(std::vector<Call>& calls, const sys::Address& to, const Setup& setup) {
  const Result<wire::Url> url = wire::parse_url("http://" + to_text(to));
  REQUIRE(url.has_value());
  HttpClient client(*url, setup.policy, setup.timeouts);
  finish(make_calls(client, calls, setup.pause), setup.read_size, setup.stop_at);
}

// One GET to a server that sends `response`, and then what `ending` does.
void hang_up(Peer& p) { p.hang_up(); }
void reset(Peer& p) { p.reset(); }
void stay(Peer& p) { p.wait_closed(); }

Call get(std::string_view response, void (*ending)(Peer&), const Setup& setup = Setup(),
         std::string_view method = "GET") {
  Server server([&](Server& s) {
    Peer peer = s.accept();
    peer.request();
    peer.send(response);
    ending(peer);
  });
  std::vector<Call> calls(1);
  calls[0].request.method = method;
  make(calls, server.address, setup);
  return std::move(calls[0]);
}

std::string chunked_head() { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"; }

}  // namespace

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

namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Answers `kOk` on each connection as many times as `counts` says, then hangs up; the connections
// are counted.
void serve_counts(Server& s, const std::vector<int>& counts, int& connections) {
  for (const int n : counts) {
    Peer peer = s.accept(2000);
    if (!peer.ok()) return;
    ++connections;
    for (int i = 0; i < n; ++i) {
      if (peer.request().empty()) break;
      peer.send(kOk);
    }
  }
}

}  // namespace

TEST_CASE("a connection is kept, unless somebody does not want that") {
  struct Case {
    const char* name;
    std::string response;
    bool keep_alive;
    bool reused;
  };
  const Case cases[] = {
      {"length", std::string(kOk), true, true},
      {"chunked", chunked_head() + "2\r\nok\r\n0\r\n\r\n", true, true},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", true, true},
      {"not wanted here", std::string(kOk), false, false},
      {"not wanted there", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
       true, false},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", true, false},
      {"bytes behind the answer", std::string(kOk) + "HTTP/1.1 200 forged\r\n\r\n", true, false},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    int connections = 0;
    std::string first_request;
    Server server([&](Server& s) {
      int answered = 0;
      while (answered < 3) {
        Peer peer = s.accept(2000);
        if (!peer.ok()) return;
        ++connections;
        while (answered < 3) {
          const std::string request = peer.request();
          if (request.empty()) break;
          if (answered == 0) first_request = request;
          peer.send(c.response);
          ++answered;
        }
        peer.wait_closed();
      }
    });
    Setup setup;
    setup.policy.keep_alive = c.keep_alive;
    std::vector<Call> calls(3);
    make(calls, server.address, setup);
    server.join();
    for (size_t i = 0; i < 3; ++i) {
      CHECK(calls[i].outcome.has_value());
      CHECK(calls[i].exchange.reused == (c.reused && i > 0));
    }
    CHECK(connections == (c.reused ? 1 : 3));
    CHECK((first_request.find("Connection: close") != first_request.npos) == !c.keep_alive);
  }
}

TEST_CASE("a kept connection that has gone stale is replaced, once") {
  {
    int connections = 0;
    Server server([&](Server& s) { serve_counts(s, {1, 2}, connections); });
    Setup setup;
    setup.pause = 30 * kMilli;
    std::vector<Call> calls(3);
    make(calls, server.address, setup);
    server.join();
    for (const Call& c : calls) {
      CHECK(c.outcome.has_value());
      CHECK(c.sink.body == "ok");
      CHECK(c.sink.heads == 1);
    }
    CHECK_FALSE(calls[1].exchange.reused);
    CHECK(calls[2].exchange.reused);
    CHECK(connections == 2);
  }
  {
    int connections = 0;
    Server server([&](Server& s) {
      serve_counts(s, {1}, connections);
      Peer peer = s.accept(2000);
      connections += peer.ok();
      peer.request();
      peer.hang_up();
      if (s.accept(100).ok()) ++connections;
    });
    Setup setup;
    setup.pause = 30 * kMilli;
    std::vector<Call> calls(2);
    make(calls, server.address, setup);
    server.join();
    REQUIRE_FALSE(calls[1].outcome.has_value());
    CHECK(calls[1].outcome.error().code == Errc::truncated);
    CHECK(connections == 2);
  }
}

TEST_CASE("what comes unasked on a kept connection is the answer to nothing") {
  for (const uint32_t read_size : {static_cast<uint32_t>(kOk.size()), 8192u}) {
    CAPTURE(read_size);
    int connections = 0;
    Server server([&](Server& s) {
      for (int i = 0; i < 2; ++i) {
        Peer peer = s.accept(2000);
        if (!peer.ok()) return;
        ++connections;
        peer.request();
        peer.send(std::string(kOk) + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
        peer.wait_closed();
      }
    });
    Setup setup;
    setup.policy.read_size = read_size;
    setup.read_size = 8192;
    setup.pause = 20 * kMilli;
    std::vector<Call> calls(2);
    make(calls, server.address, setup);
    server.join();
    for (const Call& c : calls) {
      CHECK(c.outcome.has_value());
      CHECK(c.sink.body == "ok");
      CHECK_FALSE(c.exchange.reused);
    }
    CHECK(connections == 2);
  }
}

TEST_CASE("a request over a kept connection is sent again only when the server hung up at once") {
  struct Case { const char* name; useconds_t wait; bool again; };
  static const Case cases[] = {{"idle close crossed the request", 0, true},
                               {"the server had it for a while", 300'000, false}};
  for (const Case& t : cases) {
    CAPTURE(t.name);
    int requests = 0;
    Server server([&](Server& s) {
      Peer peer = s.accept();
      requests += !peer.request(2).empty();
      peer.send(kOk);
      requests += !peer.request(2).empty();
      usleep(t.wait);
      peer.hang_up();
      peer = s.accept(300);
      if (!peer.ok()) return;
      requests += !peer.request(2).empty();
      peer.send(kOk);
    });
    std::vector<Call> calls(2);
    for (Call& c : calls) {
      c.request.method = "POST";
      c.request.content_type = "text/plain";
      c.request.body = "hi";
    }
    make(calls, server.address, Setup());
    server.join();
    CHECK(calls[0].outcome.has_value());
    CHECK(calls[1].outcome.has_value() == t.again);
    CHECK(requests == (t.again ? 3 : 2));
    CHECK(calls[1].exchange.reused == !t.again);
    CHECK(calls[1].exchange.replays == (t.again ? 1u : 0u));   // it counts, and is in the record
  }
}

TEST_CASE("a long request may take long, as long as it gets on") {
  const std::string body(16u << 20, 'b');
  size_t got = 0;
  Server server([&](Server& s) {
    Peer peer = s.accept();
    std::string buffer(64u << 10, 0);
    while (got < body.size() && readable(peer.fd())) {
      const ssize_t n = recv(peer.fd(), buffer.data(), buffer.size(), 0);
      if (n <= 0) return;
      got += static_cast<size_t>(n);
      usleep(3000);
    }
    peer.send(kOk);
    peer.wait_closed();
  });
  Setup setup;
  setup.timeouts.idle = 300 * kMilli;
  std::vector<Call> calls(1);
  calls[0].request.method = "POST";
  calls[0].request.content_type = "text/plain";
  calls[0].request.body = body;
  make(calls, server.address, setup);
  server.join();
  CHECK(calls[0].outcome.has_value());
  CHECK(calls[0].exchange.sent - calls[0].exchange.started > setup.timeouts.idle);
}

TEST_CASE("an answer in the middle of the request is heard, a reset without one is a reset") {
  const std::string body(16u << 20, 'b');
  for (const bool says_why : {true, false}) {
    CAPTURE(says_why);
    Server server([&](Server& s) {
      Peer peer = s.accept();
      peer.request();
      if (says_why) peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
      usleep(20'000);
      peer.hang_up();   // on unread bytes: a reset
    });
    std::vector<Call> calls(1);
    calls[0].request.method = "POST";
    calls[0].request.content_type = "text/plain";
    calls[0].request.body = body;
    make(calls, server.address, Setup());
    CHECK(calls[0].outcome.has_value() == says_why);
    if (!says_why) CHECK(calls[0].outcome.error().code == Errc::reset);
    CHECK(calls[0].sink.body == (says_why ? "big" : ""));
    CHECK(calls[0].exchange.status == (says_why ? 413 : 0));
    CHECK(calls[0].exchange.connected != 0);
    CHECK(calls[0].exchange.sent == 0);
  }
}

TEST_CASE("a server that holds the connection behind all that matters does not cost the answer") {
  struct Case {
    const char* name;
    size_t enough_at;
    void (*ending)(Peer&);
    bool good;
  };
  static const Case cases[] = {{"held", 5, stay, true},
                               {"held, but not enough", 6, stay, false},
                               {"ended before the terminator", 5, hang_up, false}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    int connections = 0;
    Server server([&](Server& s) {
      for (int i = 0; i < 2; ++i) {
        Peer peer = s.accept(5000);
        if (!peer.ok()) return;
        ++connections;
        peer.request();
        peer.send(i == 0 ? chunked_head() + "5\r\nhello\r\n" : std::string(kOk));
        i == 0 ? c.ending(peer) : stay(peer);
      }
    });
    Setup setup;
    setup.timeouts.idle = 4 * kSecond;
    std::vector<Call> calls(2);
    calls[0].sink.enough_at = c.enough_at;
    const Nanos start = sys::now();
    make(calls, server.address, setup);
    server.join();
    CHECK(calls[0].outcome.has_value() == c.good);
    CHECK(calls[0].sink.body == "hello");
    CHECK(calls[1].outcome.has_value());
    CHECK_FALSE(calls[1].exchange.reused);
    CHECK(connections == 2);
    if (!c.good) continue;
    CHECK(sys::now() - start >= 2 * kSecond);
    CHECK(sys::now() - start < 4 * kSecond);
    CHECK(calls[0].exchange.ended - calls[0].exchange.started < kSecond);
  }
}

TEST_CASE("a request is not sent again once bytes of an answer have come") {
  int connections = 0;
  Server server([&](Server& s) {
    Peer peer = s.accept();
    ++connections;
    peer.request();
    peer.send(kOk);
    peer.request();
    peer.send("H");
    peer.hang_up();
    if (s.accept(100).ok()) ++connections;
  });
  std::vector<Call> calls(2);
  make(calls, server.address, Setup());
  server.join();
  CHECK(calls[0].outcome.has_value());
  REQUIRE_FALSE(calls[1].outcome.has_value());
  CHECK(calls[1].exchange.reused);
  CHECK(calls[1].outcome.error().code == Errc::truncated);
  CHECK(connections == 1);
}

TEST_CASE("a first connection that is closed at once is not tried again") {
  int connections = 0;
  Server server([&](Server& s) {
    Peer peer = s.accept();
    connections += peer.ok();
    peer.request();
    peer.hang_up();
    if (s.accept(100).ok()) ++connections;
  });
  std::vector<Call> calls(1);
  make(calls, server.address, Setup());
  server.join();
  REQUIRE_FALSE(calls[0].outcome.has_value());
  CHECK(connections == 1);
}

namespace {

// Sends `part` every 4 ms, up to 10 s, until the other side has gone.
void drip(Peer& peer, std::string_view part) {
  for (int i = 0; i < 2500 && !readable(peer.fd(), 4); ++i) peer.send(part);
}

}  // namespace

TEST_CASE("each deadline fires, with its name") {
  const std::string endless = "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n";
  struct Case {
    const char* name;
    Nanos net::Timeouts::*limit;
    bool idle_from_start;
    size_t begins_at;
    void (*script)(Peer&, const std::string&);
    const char* where;
  };
  static const Case cases[] = {
      {"no byte at all", &net::Timeouts::first_token, false, 0,
       [](Peer& p, const std::string&) { p.wait_closed(); }, "first-token"},
      {"bytes, but not what the sink waits for", &net::Timeouts::first_token, false, 1u << 30,
       [](Peer& p, const std::string& head) {
         p.send(head);
         drip(p, "x");
       },
       "first-token"},
      {"silence in the body", &net::Timeouts::idle, false, 0,
       [](Peer& p, const std::string& head) {
         p.send(head + "abc");
         p.wait_closed();
       },
       "idle"},
      {"silence in the head", &net::Timeouts::idle, false, 0,
       [](Peer& p, const std::string& head) {
         p.send(head.substr(0, 20));
         p.wait_closed();
       },
       "idle"},
      {"silence from the start", &net::Timeouts::idle, true, 0,
       [](Peer& p, const std::string&) { p.wait_closed(); }, "idle"},
      {"a body without end", &net::Timeouts::total, false, 0,
       [](Peer& p, const std::string& head) {
         p.send(head);
         drip(p, "x");
       },
       "total"},
      {"a flood without end", &net::Timeouts::total, false, 0,
       [](Peer& p, const std::string& head) {
         p.send(head);
         const std::string block(1u << 16, 'f');
         const Nanos end = sys::now() + 5 * kSecond;
         while (sys::now() < end && ::send(p.fd(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
         }
       },
       "total"},
      {"no answer within all the time", &net::Timeouts::total, false, 0,
       [](Peer& p, const std::string&) { p.wait_closed(); }, "total"},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    Server server([&](Server& s) {
      Peer peer = s.accept();
      peer.request();
      c.script(peer, endless);
    });
    Setup setup;
    setup.timeouts.*c.limit = 50 * kMilli;
    setup.timeouts.idle_from_start = c.idle_from_start;
    std::vector<Call> calls(1);
    calls[0].sink.begins_at = c.begins_at;
    const Nanos start = sys::now();
    make(calls, server.address, setup);
    const Nanos took = sys::now() - start;
    REQUIRE_FALSE(calls[0].outcome.has_value());
    CHECK(calls[0].outcome.error().code == Errc::timed_out);
    CHECK(std::string_view(calls[0].outcome.error().where) == c.where);
    CHECK(took >= 50 * kMilli);
    CHECK(took < kPrompt);
  }
}

TEST_CASE("the connect deadline") {
  uint16_t port = 0;
  const int fd = bound_socket("127.0.0.1", SOCK_STREAM, port);
  REQUIRE(listen(fd, 0) == 0);
  sockaddr_storage to;
  const socklen_t size = raw_address("127.0.0.1", port, to);
  int fillers[4];
  for (int& f : fillers) {   // the queue is full: the next dial stays unanswered
    f = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect(f, reinterpret_cast<sockaddr*>(&to), size);
  }
  usleep(2000);
  for (const bool total : {false, true}) {
    Setup setup;
    (total ? setup.timeouts.total : setup.timeouts.connect) = 50 * kMilli;
    std::vector<Call> calls(1);
    const Nanos start = sys::now();
    make(calls, *sys::parse_ip("127.0.0.1", port), setup);
    REQUIRE_FALSE(calls[0].outcome.has_value());
    CHECK(calls[0].outcome.error().code == Errc::timed_out);
    CHECK(std::string_view(calls[0].outcome.error().where) == (total ? "total" : "connect"));
    CHECK(sys::now() - start < kPrompt);
  }
  for (const int f : fillers) close(f);
  close(fd);
}

TEST_CASE("idle does not count before the first byte, and starts anew with each") {
  const Setup idle = [] {
    Setup s;
    s.timeouts.idle = 80 * kMilli;
    return s;
  }();
  Server server([](Server& s) {
    Peer peer = s.accept();
    peer.request();
    usleep(200'000);   // the server loads its model
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n");
    for (int i = 0; i < 20; ++i) {   // 200 ms in all
      usleep(10'000);
      peer.send("x");
    }
    peer.wait_closed();
  });
  std::vector<Call> calls(1);
  make(calls, server.address, idle);
  CHECK(calls[0].outcome.has_value());
  CHECK(calls[0].exchange.body_bytes == 20);
}

TEST_CASE("coalescing withholds until there is enough, or the end") {
  const std::string hundred(100, 'h');
  Server server([&](Server& s) {
    Peer peer = s.accept();
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 10; ++i) {
      usleep(2000);
      peer.send(hundred);
    }
    peer.wait_closed();
  });
  Setup setup;
  setup.policy.coalesce = 350;
  std::vector<Call> calls(1);
  make(calls, server.address, setup);
  const Sink& sink = calls[0].sink;
  CHECK(calls[0].outcome.has_value());
  CHECK(sink.body == std::string(1000, 'h'));
  CHECK(calls[0].exchange.body_bytes == 1000);
  REQUIRE(sink.pieces.size() >= 2);
  for (size_t i = 0; i + 1 < sink.pieces.size(); ++i) CHECK(sink.pieces[i] >= 350);
}

TEST_CASE("stopping the runtime ends an exchange at once, wherever it is") {
  struct Case {
    const char* name;
    std::string_view sent;
  };
  static const Case cases[] = {
      {"before the head", ""},
      {"in the head", "HTTP/1.1 200"},
      {"in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    Setup setup;
    setup.stop_at = 30 * kMilli;
    const size_t before = open_descriptors();
    const Nanos start = sys::now();
    const Call call = get(c.sent, stay, setup);
    REQUIRE_FALSE(call.outcome.has_value());
    CHECK(call.outcome.error().code == Errc::cancelled);
    CHECK(sys::now() - start < kPrompt);
    CHECK(descriptors_come_down_to(before));
  }
}

TEST_CASE("the same bytes in any cuts give the same answer") {
  struct Case {
    const char* name;
    std::string response;
    bool close;
    const char* body;
    int status;
  };
  const Case cases[] = {
      {"chunks behind an interim head",
       "HTTP/1.1 100 Continue\r\n\r\n" + chunked_head() +
           "5;x=y\r\nhello\r\n2\r\n, \r\n0\r\nT: v\r\n\r\n",
       false, "hello, ", 200},
      {"length", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", false, "none", 404},
      {"to the close", "HTTP/1.1 200 OK\r\nX: y\r\n\r\nuntil the end", true, "until the end", 200},
  };
  for (const Case& c : cases) {
    std::vector<std::vector<size_t>> cuts(1);   // whole
    for (size_t i = 1; i < c.response.size(); ++i) cuts.push_back({i});
    cuts.emplace_back();
    for (size_t i = 1; i < c.response.size(); ++i) cuts.back().push_back(i);
    Server server([&](Server& s) {
      Peer peer(-1);
      for (const std::vector<size_t>& cut : cuts) {
        if (!peer.ok()) peer = s.accept();
        peer.request();
        size_t from = 0;
        for (const size_t at : cut) {
          peer.send(std::string_view(c.response).substr(from, at - from));
          usleep(200);
          from = at;
        }
        peer.send(std::string_view(c.response).substr(from));
        if (c.close) peer.hang_up();
      }
      if (peer.ok()) peer.wait_closed();
    });
    std::vector<Call> calls(cuts.size());
    make(calls, server.address, Setup());
    for (size_t i = 0; i < calls.size(); ++i) {
      CAPTURE(std::string(c.name));
      CAPTURE(i);
      CHECK(calls[i].outcome.has_value());
      CHECK(calls[i].sink.body == c.body);
      CHECK(calls[i].sink.heads == 1);
      CHECK(calls[i].exchange.status == c.status);
      CHECK(calls[i].exchange.body_bytes == strlen(c.body));
      CHECK(calls[i].exchange.reused == (!c.close && i > 0));
    }
  }
}
