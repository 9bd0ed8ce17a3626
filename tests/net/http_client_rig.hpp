// What the tests of the HTTP client share: a sink that records, calls against a scripted server.
#pragma once

#include <vector>

#include "chimera/net/http_client.hpp"
#include "tests/net/rig.hpp"

namespace chimera_test::http {

using net::Exchange;
using net::HttpClient;
using net::HttpRequest;

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
inline net::Timeouts relaxed() {
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

inline rt::Task<bool> make_calls(HttpClient& client, std::vector<Call>& calls, Nanos pause) {
  for (size_t i = 0; i < calls.size(); ++i) {
    if (i > 0 && pause > 0) {
      rt::Sleep sleep(sys::now() + pause);
      co_await sleep;
    }
    Call& c = calls[i];
    co_await client.exchange(c.request, c.sink, c.exchange);
    c.outcome = c.exchange.outcome;
  }
  client.close();
  co_return true;
}

inline void make(std::vector<Call>& calls, const sys::Address& to, const Setup& setup) {
  const Result<wire::Url> url = wire::parse_url("http://" + to_text(to));
  REQUIRE(url.has_value());
  HttpClient client(*url, setup.policy, setup.timeouts);
  finish(make_calls(client, calls, setup.pause), setup.read_size, setup.stop_at);
}

// One GET to a server that sends `response`, and then what `ending` does.
inline void hang_up(Peer& p) { p.hang_up(); }
inline void reset(Peer& p) { p.reset(); }
inline void stay(Peer& p) { p.wait_closed(); }

inline Call get(std::string_view response, void (*ending)(Peer&), const Setup& setup = Setup(),
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

inline std::string chunked_head() {
  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
}

}  // namespace chimera_test::http
