// runs: linux tsan
//
// The HTTP client against scripted servers: deadlines, coalescing, stopping, cuts.
#include "tests/net/http_client_rig.hpp"

using namespace chimera_test::http;
using namespace chimera_test;

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

TEST_CASE("the first token's deadline ends with it") {
  Setup setup;
  setup.timeouts.first_token = kSecond;
  Server server([](Server& s) {
    Peer peer = s.accept();
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nx");
    for (int i = 0; i < 7; ++i) {   // 1.4 s in all
      usleep(200'000);
      peer.send("x");
    }
    peer.wait_closed();
  });
  std::vector<Call> calls(1);
  calls[0].sink.begins_at = 1;
  make(calls, server.address, setup);
  CHECK(calls[0].outcome.has_value());
  CHECK(calls[0].exchange.body_bytes == 8);
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
