// runs: virtual
//
// The knobs of the virtual world do what sys/virtual.hpp says of them.
#include "chimera/sys/virtual.hpp"

#include <signal.h>
#include <sys/wait.h>

#include "tests/sys/rig.hpp"

using namespace chimera_test;
namespace world = chimera::sys::virtual_world;

namespace {

constexpr uint64_t kAll = 10000;   // bytes of a flow

world::Rule dial_rule(world::DialOutcome outcome, Nanos delay) {
  world::Rule rule;
  rule.dial = outcome;
  rule.dial_delay = delay;
  return rule;
}

// A world with this rule for every destination.
void begin(const world::Rule& rule, uint64_t seed = 1) {
  world::reset(seed);
  world::default_rule() = rule;
}

// The bytes that come before the outcome <= 0 which ends a stream, and that outcome.
struct Ending {
  uint64_t bytes = 0;
  int64_t outcome = 1;
};
Ending read_to_end(Rig& rig, Handle h) {
  Ending e;
  char buffer[64];
  while (e.outcome > 0) {
    e.outcome = rig.finish(rig.read(h, buffer, sizeof buffer));
    if (e.outcome > 0) e.bytes += static_cast<uint64_t>(e.outcome);
  }
  return e;
}

std::string standard_error_of(void (*body)()) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    signal(SIGABRT, SIG_DFL);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string text(4096, '\0');
  size_t size = 0;
  for (ssize_t n; (n = read(ends[0], text.data() + size, text.size() - size)) > 0;)
    size += static_cast<size_t>(n);
  text.resize(size);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK_FALSE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return text;
}

}  // namespace

TEST_CASE("the clock moves only when told, and when a wait has to") {
  begin({});
  CHECK(now() == world::kStart);
  CHECK(process_start() == world::kStart);
  const int64_t wall = unix_now_ns();
  world::advance(17);
  world::set_now(world::kStart + 40);
  CHECK(now() == world::kStart + 40);
  CHECK(unix_now_ns() == wall + 40);
  Rig rig;
  const Pair p = rig.connect();
  rig.send(p.client, "x");
  char c;
  CHECK(rig.finish(rig.read(p.server, &c, 1)) == 1);
  CHECK(now() == world::kStart + 40);   // nothing above takes time without latency
  CHECK(world::counters().jumps == 0);
  rig.port->wake();
  rig.turn(now() + 1000);
  CHECK(now() == world::kStart + 40);
  rig.turn(now() + 1000);
  CHECK(now() == world::kStart + 1040);
  rig.turn(now() - 5);
  CHECK(now() == world::kStart + 1040);
  CHECK(world::counters().jumps == 1);
}

TEST_CASE("latency and dial delay, to the nanosecond") {
  world::Rule rule;
  rule.dial_delay = 1'000'003;
  rule.to_server.latency = 12'345'678;
  rule.to_client.latency = 7;
  begin(rule);
  Rig rig;
  const Pair p = rig.connect();
  CHECK(now() == world::kStart + 1'000'003);
  char c;
  Nanos start = now();
  Flight& r = rig.read(p.server, &c, 1);
  rig.send(p.client, "x");
  CHECK(now() == start);
  CHECK(rig.turn(start + 12'345'677) == 0);
  CHECK(now() == start + 12'345'677);
  CHECK(rig.finish(r) == 1);
  CHECK(now() == start + 12'345'678);
  start = now();
  rig.send(p.server, "y");
  CHECK(rig.finish(rig.read(p.client, &c, 1)) == 1);
  CHECK(now() == start + 7);
  start = now();
  rig.drop(p.client);
  CHECK(rig.finish(rig.read(p.server, &c, 1)) == 0);   // so does a FIN
  CHECK(now() == start + 12'345'678);
}

TEST_CASE("the outcomes of a dial") {
  struct Case {
    const char* name;
    world::DialOutcome dial;
    bool listens;
    int64_t outcome;
  };
  static const Case cases[] = {
      {"somebody listens", world::DialOutcome::by_listener, true, 0},
      {"nobody listens", world::DialOutcome::by_listener, false, -kRefused},
      {"refused", world::DialOutcome::refused, true, -kRefused},
      {"unreachable", world::DialOutcome::unreachable, true, -kUnreachable},
      {"silent", world::DialOutcome::silent, true, -kCancelled},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    begin({});
    Rig rig;
    const Handle listener = rig.listen();
    if (!c.listens) rig.drop(listener);
    world::set_rule(rig.address, dial_rule(c.dial, 5));
    const Nanos start = now();
    Flight& d = rig.dial(rig.open(), rig.address);
    const bool silent = c.dial == world::DialOutcome::silent;
    CHECK(rig.listen_for(silent ? kSecond : 5) == (silent ? 0 : 1));
    CHECK(now() == start + (silent ? kSecond : 5));
    if (silent) rig.port->cancel(d);
    CHECK(rig.finish(d) == c.outcome);
    CHECK(world::counters().dials == (silent ? 0 : 1));
  }
}

TEST_CASE("a rule for one destination leaves the others alone") {
  begin({});
  Rig rig;
  const Handle slow = rig.listen();
  const Address slow_address = rig.address;
  world::set_rule(slow_address, dial_rule(world::DialOutcome::by_listener, 50));
  world::set_rule(slow_address, dial_rule(world::DialOutcome::by_listener, 100));   // replaces
  const Handle fast = rig.listen();
  rig.connect_to(fast, Address::Family::v4);
  CHECK(now() == world::kStart);
  rig.address = slow_address;
  rig.connect_to(slow, Address::Family::v4);
  CHECK(now() == world::kStart + 100);
}

TEST_CASE("short reads and short writes") {
  world::Rule rule;
  rule.to_server.max_read = 3;
  rule.to_server.max_write = 7;
  begin(rule);
  Rig rig;
  const Pair p = rig.connect();
  Flow there(rig, p.client, p.server, 1, kAll), back(rig, p.server, p.client, 2, kAll);
  there.write_len = kAll;
  CHECK(rig.until([&] { return there.step(), back.step(), there.done() && back.done(); }));
  CHECK(there.writes == (kAll + 6) / 7);
  CHECK(there.reads >= (kAll + 2) / 3);
  CHECK(back.writes == 3);   // 4096 at a time: the other lane is as it was
  CHECK(world::counters().bytes == 2 * kAll);
}

TEST_CASE("random cuts depend on the seed and nothing else") {
  world::Rule rule;
  rule.to_server.random_cuts = true;
  const auto cuts = [&](uint64_t seed) {
    begin(rule, seed);
    Rig rig;
    const Pair p = rig.connect();
    Flow f(rig, p.client, p.server, 1, kAll);
    std::vector<uint64_t> positions;
    CHECK(rig.until([&] { return f.step(), positions.push_back(f.got), f.done(); }));
    return positions;
  };
  CHECK(cuts(5) == cuts(5));
  CHECK(cuts(5) != cuts(6));
  CHECK(cuts(5).size() > 8);
}

TEST_CASE("shuffle is reproducible by seed, and is off by default") {
  const auto order = [](uint64_t seed, bool shuffle) {
    begin({}, seed);
    world::options().shuffle = shuffle;
    Rig rig;
    std::vector<Handle> order_of_submission, result;
    for (int i = 0; i < 20; ++i) {
      const Pair p = rig.connect();
      rig.send(p.client, "x");
      order_of_submission.push_back(p.server);
    }
    char c;
    for (const Handle h : order_of_submission) rig.read(h, &c, 1);
    REQUIRE(rig.turn(now()) == 20);
    for (int i = 0; i < 20; ++i) result.push_back(rig.done[i]->handle);
    CHECK((result == order_of_submission) == !shuffle);
    return result;
  };
  order(1, false);
  CHECK(order(1, true) == order(1, true));
  CHECK(order(1, true) != order(2, true));
}

TEST_CASE("reset, FIN and silence after byte N") {
  using Knob = uint64_t world::Lane::*;
  struct Case {
    const char* name;
    Knob knob;
    int64_t reader;   // how the stream ends for the one who reads
  };
  static const Case cases[] = {
      {"reset", &world::Lane::reset_after, -kReset},
      {"FIN", &world::Lane::fin_after, 0},
      {"half-open", &world::Lane::swallow_after, -kCancelled},
  };
  for (const Case& c : cases) {
    for (const uint64_t at : {0u, 1u, 99u, 100u, 101u, 250u}) {
      CAPTURE(c.name);
      CAPTURE(at);
      world::Rule rule;
      rule.to_client.*c.knob = at;
      rule.to_client.latency = 1000;
      begin(rule);
      Rig rig;
      const Pair p = rig.connect();
      const std::string hundred(100, 'h');
      for (int i = 0; i < 3; ++i) {   // the writer may learn of a reset, and of nothing else
        const int64_t n = rig.finish(rig.write(p.server, hundred));
        CHECK((n == 100 || (c.reader == -kReset && n == -kReset)));
      }
      if (c.reader == -kCancelled) {
        char buffer[512];
        uint64_t got = 0;
        while (got < at) got += static_cast<uint64_t>(rig.finish(rig.read(p.client, buffer, 512)));
        CHECK(got == at);
        Flight& r = rig.read(p.client, buffer, 512);
        rig.drop(p.server, true);     // neither does a reset get through
        CHECK(rig.listen_for(kSecond) == 0);
        rig.port->cancel(r);
        CHECK(rig.finish(r) == -kCancelled);
        continue;
      }
      const Ending e = read_to_end(rig, p.client);
      CHECK(e.bytes == at);
      CHECK(e.outcome == c.reader);
      CHECK(now() == world::kStart + 1000);
    }
  }
}

TEST_CASE("a swallowed stream fills the pipe and stops the writer") {
  world::Rule rule;
  rule.to_server.swallow_after = 10;
  rule.capacity = 1000;
  begin(rule);
  Rig rig;
  const Pair p = rig.connect();
  Flow f(rig, p.client, p.server, 1, 5000);
  CHECK_FALSE(rig.until([&] { return f.step(false), f.sent == f.total; }, kSecond));
  CHECK(f.sent == 1000);
}

TEST_CASE("capacity bounds what is written and not yet read") {
  world::Rule rule;
  rule.capacity = 1000;
  begin(rule);
  Rig rig;
  const Pair p = rig.connect();
  const std::string text(1500, 't');
  char buffer[2000];
  CHECK(rig.finish(rig.write(p.client, text)) == 1000);
  Flight& w = rig.write(p.client, text);
  CHECK(rig.listen_for(kSecond) == 0);
  CHECK(rig.finish(rig.read(p.server, buffer, 300)) == 300);
  CHECK(rig.finish(w) == 300);
}

TEST_CASE("closing with unread bytes resets; the other end still reads what came before") {
  begin({});
  Rig rig;
  const Pair p = rig.connect();
  rig.send(p.client, "never read");
  rig.send(p.server, "read");
  rig.drop(p.server);
  const Ending e = read_to_end(rig, p.client);
  CHECK(e.bytes == 4);
  CHECK(e.outcome == -kReset);
}

TEST_CASE("a full backlog keeps dials waiting until somebody accepts") {
  begin({});
  Rig rig;
  const Handle listener = rig.listen("127.0.0.1", 1);   // two, as Linux counts
  std::vector<Flight*> dials;
  for (int i = 0; i < 3; ++i) dials.push_back(&rig.dial(rig.open(), rig.address));
  CHECK(rig.listen_for(kSecond) == 2);
  CHECK(dials[2]->flying);
  const Handle h = static_cast<Handle>(rig.finish(rig.accept(listener)));
  CHECK(rig.finish(*dials[2]) == 0);
  close_socket(h);
}

TEST_CASE("spurious waits return nothing and take no time") {
  begin({});
  world::options().spurious_percent = 50;
  Rig rig;
  int early = 0;
  for (int i = 0; i < 1000; ++i) {
    const Nanos start = now();
    CHECK(rig.turn(start + 10) == 0);
    CHECK((now() == start || now() == start + 10));
    early += now() == start;
  }
  CHECK(early > 400);
  CHECK(early < 600);
}

TEST_CASE("a late cancel loses against what is ready, and only then") {
  begin({});
  world::options().late_cancel_percent = 100;
  Rig rig;
  const Pair p = rig.connect();
  char c;
  Flight& nothing = rig.read(p.server, &c, 1);
  rig.port->cancel(nothing);
  CHECK(rig.finish(nothing) == -kCancelled);
  rig.send(p.client, "x");
  Flight& ready = rig.read(p.server, &c, 1);
  rig.port->cancel(ready);
  CHECK(rig.finish(ready) == 1);
  CHECK(c == 'x');
}

TEST_CASE("the limit of handles") {
  begin({});
  Rig rig;
  const Handle listener = rig.listen();
  const Handle client = rig.open();
  CHECK(world::open_handles() == 2);
  world::options().handle_limit = 2;
  CHECK_FALSE(open_socket(Address::Family::v4, Transport::stream));
  CHECK(rig.finish(rig.dial(client, rig.address)) == 0);
  CHECK(rig.finish(rig.accept(listener)) == -kTooManyHandles);
  CHECK_FALSE(listen_on(rig.address, 1));   // taken, whatever the limit
}

TEST_CASE("datagrams go to the responder, and its replies come when it says") {
  begin({});
  world::default_rule().to_server.latency = 100;
  world::default_rule().to_client.latency = 10;
  int calls = 0;
  world::set_responder(
      [](void* context, const Address& to, std::string_view asked, std::vector<world::Reply>& r) {
        ++*static_cast<int*>(context);
        r.push_back({50, "late " + std::string(asked)});
        r.push_back({0, "early " + to_text(to)});
      },
      &calls);
  Rig rig;
  const Address server = *parse_ip("192.0.2.1", 53);
  const Handle h = *open_socket(Address::Family::v4, Transport::datagram);
  CHECK(rig.finish(rig.write(h, "x")) < -kOsError);   // not dialled yet
  CHECK(rig.finish(rig.dial(h, server)) == 0);
  rig.send(h, "question");
  CHECK(calls == 1);
  const Nanos start = now();
  char buffer[64];
  CHECK(rig.finish(rig.read(h, buffer, 64)) == 18);
  CHECK(std::string_view(buffer, 18) == "early 192.0.2.1:53");
  CHECK(now() == start + 110);
  CHECK(rig.finish(rig.read(h, buffer, 6)) == 6);      // cut, the rest is gone
  CHECK(std::string_view(buffer, 6) == "late q");
  CHECK(now() == start + 160);
  world::set_responder(nullptr, nullptr);
  rig.send(h, "anybody?");
  CHECK(rig.finish(rig.read(h, buffer, 64)) == -kRefused);
  CHECK(world::counters().datagrams == 2);
  rig.port->forget(h);
  close_socket(h);
  CHECK(world::open_handles() == 0);
}

TEST_CASE("a wait that nothing will ever end says so") {
  begin({});
  const std::string text = standard_error_of([] {
    Port* port = *Port::open(0);
    Op* done[1];
    port->wake();
    port->wait(kNever, done);   // this one is ended by the wake
    port->wait(kNever, done);
  });
  CHECK(text.find("deadlock in the virtual world") != std::string::npos);
}

TEST_CASE("two ports share the world: one wait makes the other's op finish") {
  begin({});
  world::default_rule().to_server.latency = 30;
  Rig a, b;
  const Handle listener = b.listen();
  Flight& accepted = b.accept(listener);
  Flight& d = a.dial(a.open(), b.address);
  CHECK(a.finish(d) == 0);
  const Handle h = static_cast<Handle>(b.finish(accepted));
  char c;
  Flight& r = b.read(h, &c, 1);
  a.send(d.handle, "x");
  CHECK(a.turn(kNever) == 0);   // the clock turns for b, so a's wait ends with nothing
  CHECK(now() == world::kStart + 30);
  CHECK(b.turn(now()) == 1);
  CHECK(r.outcome == 1);
  b.drop(h);
}

TEST_CASE("a stream is quiet until what was sent arrives") {
  for (const bool end : {false, true}) {
    CAPTURE(end);
    world::Rule rule;
    rule.to_client.latency = 7;
    begin(rule);
    Rig rig;
    const Pair p = rig.connect();
    CHECK(quiet(p.client));
    CHECK(quiet(p.server));
    end ? rig.drop(p.server) : rig.send(p.server, "x");
    CHECK(quiet(p.client));
    rig.listen_for(6);
    CHECK(quiet(p.client));
    rig.listen_for(1);
    CHECK_FALSE(quiet(p.client));
  }
}

TEST_CASE("the wall clock is set, the other one is not") {
  world::reset(1);
  const int64_t wall = unix_now_ns();
  world::step_wall_clock(-5 * kSecond);
  CHECK(unix_now_ns() == wall - 5 * kSecond);
  CHECK(now() == world::kStart);
  world::reset(1);
  CHECK(unix_now_ns() == wall);
}

namespace {

// Turns the clock as a wait would, and counts.
struct Turner {
  int calls = 0;
  static void turn(void* self, Port& port, Nanos until) {
    ++static_cast<Turner*>(self)->calls;
    while (true) {
      const Nanos next = world::next_event();
      if (world::ends_wait(port, until)) return;
      world::set_now(std::min(next, until));
    }
  }
};

}  // namespace

TEST_CASE("turns: whoever takes them turns the clock, for every wait") {
  world::Rule rule;
  rule.dial_delay = 7 * kMilli;
  begin(rule);
  Turner turner;
  world::set_turns(Turner::turn, &turner);
  {
    Rig rig;
    Op* done[1];
    CHECK(rig.port->wait(now() + kSecond, done) == 0);
    CHECK(now() == world::kStart + kSecond);
    CHECK(turner.calls == 1);
    rig.port->wake();
    CHECK(rig.port->wait(kNever, done) == 0);
    CHECK(now() == world::kStart + kSecond);
    const Handle listener = *listen_on(*parse_ip("127.0.0.1", 80), 1);
    const Handle h = *open_socket(Address::Family::v4, Transport::stream);
    const Address to = *parse_ip("127.0.0.1", 80);
    Op dial;
    dial.kind = Op::Kind::dial;
    dial.handle = h;
    dial.peer = &to;
    rig.port->submit(dial);
    CHECK(rig.port->wait(kNever, done) == 1);
    CHECK(now() == world::kStart + kSecond + 7 * kMilli);
    CHECK(turner.calls == 3);
    rig.port->forget(h);
    close_socket(h);
    close_socket(listener);
  }
  world::reset(1);
}
