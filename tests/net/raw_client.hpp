// A client for server tests that sends bytes as they are, in pieces, and keeps what comes back; and
// the frame around server and client in one local runtime.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/net/stream.hpp"
#include "chimera/rt/runtime.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using namespace chimera;

inline bool clock_is_virtual() {
  const Nanos start = sys::now();
  for (int i = 0; i < 1000; ++i) {
    if (sys::now() != start) return false;
  }
  return true;
}

inline net::Deadline patience() {
  return net::deadline_in(sys::now(), 2 * kSecond, "test");
}

// Everything the server says to `pieces` until it closes. A reset is noted as "<reset>" at the end,
// a silence of 2 s as "<silence>".
inline rt::Task<void> converse(sys::Address to, std::vector<std::string_view> pieces,
                               std::string& reply) {
  Result<net::Stream> stream = co_await net::dial(to, patience());
  if (!stream) {
    reply = stream.error().code == Errc::reset ? "<reset>" : "<no connection>";
    co_return;
  }
  for (const std::string_view piece : pieces) {
    co_await stream->write_all(piece, patience());
    if (pieces.size() == 1) break;
    rt::Sleep between(sys::now() + 100 * kMicro);
    co_await between;
  }
  for (;;) {
    Result<std::string_view> bytes = co_await stream->read_some(patience());
    if (!bytes) {
      reply += bytes.error().code == Errc::reset ? "<reset>" : "<silence>";
      co_return;
    }
    if (bytes->empty()) co_return;
    reply.append(*bytes);
  }
}

template <class Body>
rt::Task<void> frame(rt::Task<void> server, Body& body) {
  rt::Scope scope;
  scope.start(std::move(server), rt::Place::here());
  rt::Task<void> client = body();
  co_await client;
  rt::Runtime::current()->stop();
  co_await scope.join();
}

// Runs `server` (which ends when the runtime stops) and the task `body()` makes, in one thread.
template <class Body>
void run_beside(rt::Task<void> server, Body body) {
  static rt::RuntimeConfig config{rt::Kind::local, 1, 4096, false};
  rt::Runtime runtime;
  REQUIRE(runtime.open(config).has_value());
  runtime.run(frame(std::move(server), body));
}

inline size_t count(std::string_view text, std::string_view what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace chimera_test
