// runs: virtual
#include "chimera/net/http_server.hpp"
#include "tests/net/raw_client.hpp"

using namespace chimera;
using namespace chimera_test;

namespace {

struct Nothing final : net::Handler {
  rt::Task<net::After> handle(const net::ServerRequest&, net::Stream& stream,
                              net::Peer&) override {
    Result<void> sent = co_await net::respond(stream, 200, "text/plain", "", true);
    co_return sent ? net::After::keep : net::After::close;
  }
  bool welcome(uint64_t) override { return true; }
};

// Sends `begin`, one byte of `rest` every 10 s, and says how long the connection lived.
rt::Task<void> linger(sys::Address at, std::string_view begin, std::string_view rest,
                      Nanos& lived) {
  Result<net::Stream> stream = co_await net::dial(at, patience());
  CHECK(stream.has_value());
  const Nanos start = sys::now();
  co_await stream->write_all(begin, patience());
  for (;;) {
    const net::Deadline d = net::deadline_in(sys::now(), 10 * kSecond, "byte");
    Result<std::string_view> bytes = co_await stream->read_some(d);
    if (bytes && !bytes->empty()) continue;
    if (bytes || bytes.error().code != Errc::timed_out) break;
    if (rest.empty()) continue;
    co_await stream->write_all(rest.substr(0, 1), patience());
    rest.remove_prefix(1);
  }
  lived = sys::now() - start;
}

TEST_CASE("how long a silent or slow client is borne with") {
  struct Case {
    const char* name;
    const char* begin;
    const char* rest;
    Nanos lived;
  };
  static const Case cases[] = {
      {"says nothing", "", "", 75 * kSecond},
      {"nothing after an answer", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", 75 * kSecond},
      {"half a head", "GET / HTTP/1.1\r\nHo", "", 30 * kSecond},
      {"a head byte by byte", "GET / ", "HTTP/1.1\r\nHost: x\r\n", 30 * kSecond},
      {"half a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab", "",
       30 * kSecond},
      {"a body byte by byte", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", "hello",
       50 * kSecond},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    net::Listener listener;
    Nothing handler;
    REQUIRE(listener.open(sys::parse_ip("127.0.0.1", 0).value()).has_value());
    const sys::Address at = listener.address().value();
    Nanos lived = 0;
    run_beside(net::serve(listener, handler), [&] { return linger(at, c.begin, c.rest, lived); });
    CHECK(lived == doctest::Approx(static_cast<double>(c.lived)).epsilon(0.001));
  }
}

}  // namespace
