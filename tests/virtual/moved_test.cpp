// runs: virtual
//
// Operations of a task that has moved: its socket stays where it was made. Two stealing workers are
// turned by hand, worker 0 first: whatever its port hands out is taken away by worker 1. The
// virtual port aborts when a socket meets another port than its own, or a buffer comes home to the
// wrong one.
#include "chimera/sys/virtual.hpp"
#include "tests/rt/by_hand.hpp"

using namespace chimera;
using namespace chimera_test;
using namespace chimera::sys;
using rt::ByHand;
using rt::Kind;
using rt::Place;
using virtual_world::advance;

namespace {

const net::Deadline kNone;

struct Outcome {
  std::string got;
  int slices_elsewhere = 0;
  Error error;
  Nanos at = 0;
  bool failed = false;
};

// More reads than there are buffers, with the socket on worker 0 and the task on worker 1.
rt::Task<void> converse(Address to, int times, Outcome& out) {
  Result<net::Stream> stream = co_await net::dial(to, kNone);
  REQUIRE(stream.has_value());
  for (int i = 0; i < times; ++i) {
    Result<void> sent = co_await stream->write_all("abc", kNone);
    REQUIRE(sent.has_value());
    Result<std::string_view> part = co_await stream->read_some(kNone);
    REQUIRE(part.has_value());
    out.got += *part;
    out.slices_elsewhere += here() == 1;
  }
}
rt::Task<void> conversation(Outcome& out, int times) {
  net::Listener listener;
  REQUIRE(listener.open(*parse_ip("127.0.0.1", 0)).has_value());
  rt::Scope scope;
  scope.start(echo(listener, times), Place::here());
  scope.start(converse(*listener.address(), times, out));
  co_await scope.join();
}

// A read that nothing ends but its deadline, or the runtime's stop, 5 ms on.
rt::Task<void> wait_in_vain(Address to, net::Deadline d, Outcome& out) {
  Result<net::Stream> stream = co_await net::dial(to, kNone);
  REQUIRE(stream.has_value());
  for (int i = 0; i < 2; ++i) {   // the first one brings the task to worker 1
    Result<void> sent = co_await stream->write_all("x", kNone);
    REQUIRE(sent.has_value());
    Result<std::string_view> part = co_await stream->read_some(kNone);
    REQUIRE(part.has_value());
  }
  out.slices_elsewhere += here() == 1;
  Result<std::string_view> nothing = co_await stream->read_some(d);
  out.at = sys::now();
  out.failed = !nothing.has_value();
  if (out.failed) out.error = nothing.error();
}
// Everybody waits by round 30. What happens at an instant may take a few rounds.
void pass_time(ByHand&, int round) {
  if (round >= 30 && round % 10 == 0) advance(kMilli);
}
void pass_time_and_stop(ByHand& all, int round) {
  pass_time(all, round);
  if (round == 70) all.runtime.stop();
}
rt::Task<void> vain(Outcome& out, bool stop) {
  net::Listener listener;
  REQUIRE(listener.open(*parse_ip("127.0.0.1", 0)).has_value());
  const net::Deadline soon = net::deadline_in(sys::now(), 5 * kMilli, "soon");
  rt::Scope scope;
  scope.start(echo(listener, 2), Place::here());
  scope.start(wait_in_vain(*listener.address(), stop ? kNone : soon, out));
  co_await scope.join();
}

// Closes a socket of worker 1 when nobody turns that one any more.
rt::Task<void> dial_into(Address to, net::Stream& stream) {
  Result<net::Stream> dialled = co_await net::dial(to, kNone);
  REQUIRE(dialled.has_value());
  stream = std::move(*dialled);
}
rt::Task<void> close_last_of_all() {
  net::Listener listener;
  REQUIRE(listener.open(*parse_ip("127.0.0.1", 0)).has_value());
  net::Stream stream;
  rt::Scope scope;
  scope.start(dial_into(*listener.address(), stream), Place::on(1));
  co_await scope.join();
  CHECK(stream.is_open());
}

}  // namespace

TEST_CASE("moved: every operation goes to the worker of its socket, every buffer home") {
  virtual_world::reset(1);
  const int times = 60;
  Outcome out;
  {
    ByHand all(Kind::steal, 2, false, 1024);
    all.run(conversation(out, times));
    std::string expected;
    for (int i = 0; i < times; ++i) expected += "abc";
    CHECK(out.got == expected);
    CHECK(out.slices_elsewhere > times / 2);
    CHECK(all[1].counters().steals > times / 2);
    CHECK(all[0].counters().posted > times);        // operations and buffers
    CHECK(all[1].counters().port.attempts == 0);    // worker 1 has no socket of its own
  }
  CHECK(virtual_world::open_handles() == 0);   // closed on worker 1, by worker 0
}

TEST_CASE("moved: a deadline and a stop reach an operation that was handed over") {
  for (const bool stop : {false, true}) {
    CAPTURE(stop);
    virtual_world::reset(1);
    Outcome out;
    {
      ByHand all(Kind::steal, 2, false, 1024);
      all.run(vain(out, stop), stop ? pass_time_and_stop : pass_time);
      CHECK(out.slices_elsewhere == 1);
      CHECK(out.failed);
      CHECK(out.error.code == (stop ? Errc::cancelled : Errc::timed_out));
      CHECK(std::string(out.error.where) == (stop ? "read" : "soon"));
      CHECK(out.at == virtual_world::kStart + 5 * kMilli);
    }
    CHECK(virtual_world::open_handles() == 0);
  }
}

TEST_CASE("moved: a socket that is closed when its worker has stopped is closed with it") {
  for (const Kind kind : {Kind::fixed, Kind::steal, Kind::bridge}) {
    CAPTURE(rt::name_of(kind));
    virtual_world::reset(1);
    {
      ByHand all(kind, 2);
      all.run(close_last_of_all());
      CHECK(virtual_world::open_handles() == 1);   // it waits in the inbox of worker 1
    }
    CHECK(virtual_world::open_handles() == 0);
    virtual_world::reset(1);
  }
}
