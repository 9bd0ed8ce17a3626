// runs: linux tsan
//
// The HTTP client against scripted servers: kept connections, stale ones, what is sent again.
#include "tests/net/http_client_rig.hpp"

using namespace chimera_test::http;
using namespace chimera_test;

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
  std::string body(16u << 20, 0), got;
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i % 251);
  size_t head = 0;
  Server server([&](Server& s) {
    Peer peer = s.accept();
    std::string buffer(64u << 10, 0);
    size_t rested = 0;
    while (got.size() < head + body.size() && readable(peer.fd())) {
      const ssize_t n = recv(peer.fd(), buffer.data(), buffer.size(), 0);
      if (n <= 0) return;
      got.append(buffer, 0, static_cast<size_t>(n));
      if (head == 0) head = got.find("\r\n\r\n") + 4;
      if (got.size() - rested < body.size() / 32) continue;
      rested = got.size();
      usleep(32'000);   // few pauses: on a busy machine each takes longer than asked for
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
  CHECK((got.substr(head) == body));   // in its many pieces
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
