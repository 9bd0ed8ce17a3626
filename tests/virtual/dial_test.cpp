// runs: virtual
//
// Happy eyeballs to the nanosecond: who is tried when, who wins, and what is left open.
#include "chimera/net/stream.hpp"
#include "chimera/sys/virtual.hpp"
#include "tests/net/rig.hpp"

using namespace chimera_test;
namespace world = chimera::sys::virtual_world;
using world::DialOutcome;

namespace {

struct Host {
  DialOutcome dial;
  Nanos delay;
};

struct Case {
  const char* name;
  std::vector<Host> hosts;
  Nanos limit;
  int winner;          // index of the host, -1 = none
  Errc error;          // when none
  Nanos took;
};

sys::Address address_of(size_t i, bool loopback) {
  const std::string ip = (loopback ? "127.0.0." : "192.0.2.") + std::to_string(i + 1);
  return *sys::parse_ip(ip, 80);
}

// The peer the winner is connected to is known by its latency: host i answers after i + 1 us.
rt::Task<Result<Nanos>> race(const std::vector<sys::Address>& to, net::Deadline d) {
  Result<net::Stream> stream = co_await net::dial_any(to, d);
  if (!stream) co_return fail(stream.error());
  const Nanos connected = sys::now();
  const size_t open = world::open_handles();
  CHECK(open == to.size() + 1);   // the listeners and the winner
  co_return connected;
}

void check(const Case& c, bool loopback) {
  CAPTURE(std::string(c.name));
  world::reset(1);
  std::vector<sys::Address> to;
  std::vector<sys::Handle> listeners;
  for (size_t i = 0; i < c.hosts.size(); ++i) {
    to.push_back(address_of(i, loopback));
    world::Rule rule;
    rule.dial = c.hosts[i].dial;
    rule.dial_delay = c.hosts[i].delay;
    world::set_rule(to[i], rule);
    listeners.push_back(*sys::listen_on(to[i], 8));
  }
  const Nanos start = sys::now();
  const net::Deadline d = net::deadline_in(start, c.limit, "connect");
  const Result<Nanos> at = finish(race(to, d));
  CHECK(at.has_value() == (c.winner >= 0));
  CHECK(sys::now() - start == c.took);
  if (!at) {
    CHECK(at.error().code == c.error);
    if (c.error == Errc::timed_out) CHECK(std::string_view(at.error().where) == "connect");
  }
  CHECK(world::open_handles() == listeners.size());
  for (const sys::Handle h : listeners) sys::close_socket(h);
}

constexpr DialOutcome yes = DialOutcome::by_listener, no = DialOutcome::refused,
                      never = DialOutcome::silent, lost = DialOutcome::unreachable;
constexpr Nanos ms = kMilli;

}  // namespace

TEST_CASE("connection races, in time") {
  const Case cases[] = {
      {"the first answers", {{yes, 20 * ms}, {yes, 0}}, 0, 0, {}, 20 * ms},
      {"the first is refused: the second at once", {{no, 0}, {yes, 3 * ms}}, 0, 1, {}, 3 * ms},
      {"the first has no route", {{lost, 7 * ms}, {yes, 3 * ms}}, 0, 1, {}, 10 * ms},
      {"the first is silent: the second after the stagger",
       {{never, 0}, {yes, 3 * ms}},
       0,
       1,
       {},
       253 * ms},
      {"a slow first beats a slower second",
       {{yes, 300 * ms}, {yes, 100 * ms}},
       0,
       0,
       {},
       300 * ms},
      {"a fast second beats a slow first", {{yes, 400 * ms}, {yes, 100 * ms}}, 0, 1, {}, 350 * ms},
      {"three silent, then one",
       {{never, 0}, {never, 0}, {never, 0}, {yes, ms}},
       0,
       3,
       {},
       751 * ms},
      {"a failure lets the next untried one go",
       {{no, 260 * ms}, {never, 0}, {yes, ms}},
       0,
       2,
       {},
       261 * ms},
      {"two failures let two go",
       {{no, 260 * ms}, {no, 10 * ms}, {never, 0}, {yes, ms}},
       0,
       3,
       {},
       261 * ms},
      {"refused everywhere", {{no, ms}, {no, ms}, {no, ms}}, 0, -1, Errc::refused, 3 * ms},
      {"the deadline",
       {{never, 0}, {never, 0}, {never, 0}},
       400 * ms,
       -1,
       Errc::timed_out,
       400 * ms},
      {"the deadline comes before the second's turn",
       {{never, 0}, {yes, 0}},
       100 * ms,
       -1,
       Errc::timed_out,
       100 * ms},
      {"the first error is the one that is told",
       {{no, 0}, {never, 0}},
       400 * ms,
       -1,
       Errc::refused,
       400 * ms},
      {"one address", {{yes, 9 * ms}}, 0, 0, {}, 9 * ms},
      {"one silent address", {{never, 0}}, 50 * ms, -1, Errc::timed_out, 50 * ms},
  };
  for (const Case& c : cases) check(c, false);
}

TEST_CASE("on loopback the stagger is 10 ms") {
  const Case silent = {"silent", {{never, 0}, {yes, 3 * ms}}, 0, 1, {}, 13 * ms};
  check(silent, true);
}

TEST_CASE("a read that starts after its deadline times out, though bytes are there") {
  world::reset(1);
  const sys::Address at = address_of(0, true);
  net::Listener listener;
  REQUIRE(listener.open(at).has_value());
  struct Late {
    static rt::Task<Result<void>> go(net::Listener& l, sys::Address to) {
      const net::Deadline none;
      CHI_CO_TRY(net::Stream client, co_await net::dial(to, none));
      CHI_CO_TRY(net::Stream server, co_await l.accept());
      CHI_CO_TRY_VOID(co_await server.write_all("bytes", none));
      const net::Deadline past = net::deadline_in(sys::now() - 5, 5, "total");
      const Result<std::string_view> read = co_await client.read_some(past);
      CHECK_FALSE(read.has_value());
      if (!read) CHECK(std::string_view(read.error().where) == "total");
      const Result<size_t> written = co_await client.write_some("x", past);
      CHECK_FALSE(written.has_value());
      rt::Sleep over(sys::now() - 1);
      const int64_t slept = co_await over;
      CHECK(slept == 0);
      const Result<std::string_view> again = co_await client.read_some(none);
      CHECK(again.has_value());
      if (again) CHECK(*again == "bytes");
      co_return Result<void>();
    }
  };
  const Result<void> done = finish(Late::go(listener, at));
  CHECK(done.has_value());
  listener.close();
}
