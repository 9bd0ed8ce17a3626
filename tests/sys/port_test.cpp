// runs: linux virtual tsan windows
//
// The conformance suite of sys/port.hpp: operations, cancels, lent buffers; wakes and waits are in
// port_wait_test.cpp. It knows nothing of the platform it is linked with. A case that hangs fails
// (see rig.hpp).
#include "chimera/sys/port.hpp"

#include <deque>

#include "tests/sys/rig.hpp"

using namespace chimera_test;

TEST_CASE("an instant result still comes by wait") {
  Rig rig;
  const Pair p = rig.connect();
  rig.send(p.client, "hello");
  rig.listen_for(5 * kMilli);   // the bytes are there
  char buffer[16];
  Flight& r = rig.read(p.server, buffer, sizeof buffer);
  Flight& w = rig.write(p.server, "x");
  CHECK(r.returned == 0);
  CHECK(w.returned == 0);
  CHECK(rig.finish(r) == 5);
  CHECK(rig.finish(w) == 1);
  CHECK(std::string_view(buffer, 5) == "hello");
  CHECK_FALSE(r.lent);
  CHECK(rig.listen_for(2 * kMilli) == 0);
}

TEST_CASE("dial, accept, write, read") {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    CAPTURE(ip);
    Rig rig;
    const Handle listener = rig.listen(ip);
    if (listener == kNoHandle) {
      MESSAGE("skipped: this system has no " << ip);
      continue;
    }
    CHECK(rig.address.loopback());
    CHECK(rig.address.port != 0);
    const Pair p = rig.connect_to(listener, rig.address.family);
    char buffer[16];
    rig.send(p.client, "to server");
    CHECK(rig.finish(rig.read(p.server, buffer, sizeof buffer)) == 9);
    CHECK(std::string_view(buffer, 9) == "to server");
    rig.send(p.server, "to client");
    CHECK(rig.finish(rig.read(p.client, buffer, sizeof buffer)) == 9);
    CHECK(std::string_view(buffer, 9) == "to client");
  }
}

TEST_CASE("an accept may wait before anybody dials") {
  Rig rig;
  const Handle listener = rig.listen();
  Flight& a = rig.accept(listener);
  CHECK(rig.listen_for(5 * kMilli) == 0);
  Flight& d = rig.dial(rig.open(), rig.address);
  CHECK(rig.finish(d) == 0);
  REQUIRE(rig.finish(a) >= 0);
  close_socket(static_cast<Handle>(a.outcome));
}

TEST_CASE("a dial to a closed port is refused, once") {
  Rig rig;
  rig.drop(rig.listen());
  for (int i = 0; i < 10; ++i) {
    Flight& d = rig.dial(rig.open(), rig.address);
    CHECK(rig.finish(d) == -kRefused);
    CHECK(rig.listen_for(kMilli) == 0);
    CHECK(d.returned == 1);
  }
}

TEST_CASE("the end of the stream is 0, again and again, after the last byte") {
  Rig rig;
  const Pair p = rig.connect();
  char buffer[4];
  rig.send(p.server, "tail!");
  rig.drop(p.server);
  CHECK(rig.finish(rig.read(p.client, buffer, 4)) == 4);
  CHECK(rig.finish(rig.read(p.client, buffer, 4)) == 1);
  for (int i = 0; i < 3; ++i) CHECK(rig.finish(rig.read(p.client, buffer, 4)) == 0);
}

TEST_CASE("a reset ends a read that waits, and one that comes later") {
  for (const bool waiting : {true, false}) {
    CAPTURE(waiting);
    Rig rig;
    const Pair p = rig.connect();
    char buffer[4];
    if (waiting) {
      Flight& r = rig.read(p.client, buffer, 4);
      CHECK(rig.listen_for(2 * kMilli) == 0);
      rig.drop(p.server, true);
      CHECK(rig.finish(r) == -kReset);
    } else {
      rig.drop(p.server, true);
      rig.listen_for(2 * kMilli);
      CHECK(rig.finish(rig.read(p.client, buffer, 4)) == -kReset);
    }
  }
}

TEST_CASE("writing to a peer that is gone is an error, not a signal") {
  for (const bool abortive : {true, false}) {
    CAPTURE(abortive);
    Rig rig;
    const Pair p = rig.connect();
    rig.drop(p.server, abortive);
    int64_t outcome = 1;
    for (int i = 0; i < 100 && outcome >= 0; ++i) {
      rig.listen_for(kMilli);
      outcome = rig.finish(rig.write(p.client, "x"));
    }
    CHECK(outcome == -kReset);
    CHECK(rig.finish(rig.write(p.client, "x")) == -kReset);
  }
}

TEST_CASE("short reads of every length bring a message whole and in order") {
  Rig rig;
  for (uint32_t length = 1; length <= 64; ++length) {
    CAPTURE(length);
    const Pair p = rig.connect();
    Flow f(rig, p.client, p.server, length, 4096);
    f.read_len = length;
    CHECK(rig.until([&] { return f.step(), f.done(); }));
    CHECK(f.reads >= 4096 / length);
    rig.drop(p.client);
    rig.drop(p.server);
  }
}

TEST_CASE("a large write to a slow reader loses nothing") {
  Rig rig;
  const Pair p = rig.connect();
  Flow f(rig, p.client, p.server, 1, 1 << 20);
  f.write_len = 1 << 20;
  f.read_len = 1000;
  CHECK(rig.until([&] { return f.step(), f.done(); }));
  CHECK(f.reads >= (1 << 20) / 1000);
}

// Beside it on the same handle: no read, one that came before, or one that comes when it waits.
TEST_CASE("a write waits while the way is full, and goes on when the reader does") {
  for (const std::string_view read : {"none", "before", "behind"}) {
    CAPTURE(std::string(read));
    Rig rig;
    const Pair p = rig.connect();
    char buffer[4];
    Flight& r = rig.make(Op::Kind::read, p.client, buffer, 4);
    if (read == "before") rig.submit(r);
    Flow f(rig, p.client, p.server, 1, uint64_t{64} << 20);
    f.write_len = 1 << 20;
    bool full = false;
    for (int i = 0; i < 100 && !full; ++i) {
      f.step(false);
      full = rig.listen_for(20 * kMilli) == 0;
    }
    REQUIRE(f.out.flying);
    if (read == "behind") rig.submit(r);
    f.total = f.made;   // enough: now empty the way
    f.read_len = 64 * 1024;
    CHECK(rig.until([&] { return f.step(), f.done(); }));
    CHECK(r.flying == (read != "none"));
  }
}

TEST_CASE("a cancelled read or accept comes back once") {
  Rig rig;
  const Handle listener = rig.listen();
  const Pair p = rig.connect_to(listener, Address::Family::v4);
  char buffer[4];
  for (int i = 0; i < 20; ++i) {
    CAPTURE(i);
    Flight& r = rig.read(p.client, buffer, 4);
    Flight& a = rig.accept(listener);
    if (i % 2 == 0) CHECK(rig.listen_for(kMilli) == 0);
    rig.port->cancel(r);
    rig.port->cancel(a);
    CHECK(r.returned + a.returned == 0);   // cancel is a request
    CHECK(rig.finish(r) == -kCancelled);
    CHECK(rig.finish(a) == -kCancelled);
    CHECK(rig.listen_for(kMilli) == 0);
  }
  rig.send(p.server, "ok");                // and both still work
  CHECK(rig.finish(rig.read(p.client, buffer, 4)) == 2);
}

TEST_CASE("a cancelled dial comes back once") {
  Rig rig;
  rig.listen("127.0.0.1", 1);              // nobody accepts: soon the backlog is full
  std::vector<Flight*> dials;
  for (int i = 0; i < 8; ++i) dials.push_back(&rig.dial(rig.open(), rig.address));
  rig.listen_for(20 * kMilli);
  int pending = 0;
  for (Flight* d : dials) {
    if (!d->flying) continue;
    ++pending;
    rig.port->cancel(*d);
    CHECK(rig.finish(*d) == -kCancelled);
  }
  CHECK(rig.listen_for(5 * kMilli) == 0);
  if (pending == 0) MESSAGE("no dial stayed pending on this system");
  for (Flight* d : dials) CHECK(d->returned == 1);
}

TEST_CASE("a cancel that races with data gives one of the two and loses no byte") {
  Rig rig;
  const Pair p = rig.connect();
  Rng rng(7);
  uint64_t sent = 0, got = 0;
  int cancelled = 0, filled = 0;
  std::string out;
  char buffer[8];
  for (int i = 0; i < 2000; ++i) {
    CAPTURE(i);
    const bool data_first = rng.chance(0.3), data_after = rng.chance(0.5);
    const auto put = [&] {
      out.assign(1 + rng.below(6), '\0');
      for (char& c : out) c = pattern(3, sent++);
      rig.send(p.server, out);
    };
    if (data_first) put();
    Flight& r = rig.read(p.client, buffer, sizeof buffer);
    if (rng.chance(0.3)) rig.turn(now());
    if (data_after) put();
    if (r.flying) rig.port->cancel(r);
    const int64_t n = rig.finish(r);
    if (n == -kCancelled) {
      ++cancelled;
      continue;
    }
    ++filled;
    REQUIRE(n > 0);
    for (int64_t k = 0; k < n; ++k) REQUIRE(buffer[k] == pattern(3, got++));
  }
  CHECK(cancelled > 100);
  CHECK(filled > 0);
  while (got < sent) {
    const int64_t n = rig.finish(rig.read(p.client, buffer, sizeof buffer));
    REQUIRE(n > 0);
    for (int64_t k = 0; k < n; ++k) REQUIRE(buffer[k] == pattern(3, got++));
  }
  CHECK(got == sent);
}

TEST_CASE("both directions of a handle at the same time") {
  Rig rig;
  const Pair p = rig.connect();
  Flow there(rig, p.client, p.server, 1, 3 << 20), back(rig, p.server, p.client, 2, 3 << 20);
  there.write_len = back.write_len = 1 << 20;
  there.read_len = 5000;
  CHECK(rig.until([&] { return there.step(), back.step(), there.done() && back.done(); }));
  // A read that waits does not keep a write from finishing, nor does its cancellation hurt it.
  char buffer[4];
  Flight& r = rig.read(p.client, buffer, 4);
  CHECK(rig.finish(rig.write(p.client, "x")) == 1);
  CHECK(r.flying);
  rig.port->cancel(r);
  CHECK(rig.finish(r) == -kCancelled);
}

TEST_CASE("a handle closed and opened again inside one batch gets no stranger's event") {
  Rig rig;
  int reused = 0;
  char a[4], b[4], c[4];
  for (int i = 0; i < 50; ++i) {
    CAPTURE(i);
    const Pair first = rig.connect(), second = rig.connect();
    Flight& ra = rig.read(first.client, a, 4);
    Flight& rb = rig.read(second.client, b, 4);
    CHECK(rig.turn(now()) == 0);
    rig.send(first.server, "a");
    if (i % 3 == 0) rig.send(second.server, "b");
    if (i % 3 == 1) rig.drop(second.server, true);
    if (i % 3 == 2) rig.drop(second.server);
    while (!ra.returned && !rb.returned) rig.turn(now() + kSecond, 1);   // the batch is half read
    if (rb.flying) rig.port->cancel(rb);
    rig.finish(rb);
    rig.drop(second.client);
    const Pair fresh = rig.connect();
    reused += fresh.client == second.client;
    Flight& rc = rig.read(fresh.client, c, 4);
    rig.finish(ra);
    CHECK(rig.listen_for(kMilli) == 0);
    CHECK(rc.returned == 0);
    rig.send(fresh.server, "c");
    CHECK(rig.finish(rc) == 1);
    CHECK(c[0] == 'c');
    for (const Handle h : {first.client, first.server, fresh.client, fresh.server}) rig.drop(h);
    if (i % 3 == 0) rig.drop(second.server);
  }
  CHECK(reused > 0);
}

TEST_CASE("events nobody waits for do not make the port spin") {
  struct Case {
    const char* name;
    bool data, gone, abortive;
  };
  static const Case cases[] = {
      {"FIN", false, true, false},
      {"RST", false, true, true},
      {"unread data", true, false, false},
      {"unread data and FIN", true, true, false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rig rig;
    const Pair p = rig.connect();
    char buffer[4];
    rig.send(p.server, "x");
    CHECK(rig.finish(rig.read(p.client, buffer, 4)) == 1);   // the port knows the handle
    Flight& r = rig.read(p.client, buffer, 4);               // and is armed for it
    CHECK(rig.listen_for(kMilli) == 0);
    rig.port->cancel(r);
    rig.finish(r);
    if (c.data) rig.send(p.server, "unread");
    if (c.gone) rig.drop(p.server, c.abortive);
    const uint64_t before = rig.port->counters().polls;
    CHECK(rig.listen_for(50 * kMilli) == 0);
    CHECK(rig.port->counters().polls - before <= 5);
  }
}

TEST_CASE("200 pairs, mixed traffic, every op exactly once and every byte in place") {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    Rig rig(2048);
    Rng rng(seed);
    std::deque<Flow> flows;
    for (uint64_t i = 0; i < 200; ++i) {
      const Pair p = rig.connect();
      for (int back = 0; back < 2; ++back) {
        Flow& f = flows.emplace_back(rig, back ? p.server : p.client, back ? p.client : p.server,
                                     2 * i + static_cast<uint64_t>(back), 1 + rng.below(40000));
        f.rng = &rng;
        f.lent = rng.chance(0.3);
        f.write_len = static_cast<uint32_t>(1 + rng.below(20000));
        f.read_len = static_cast<uint32_t>(f.lent ? 2048 : 1 + rng.below(8000) + 64);
      }
    }
    bool finished = false;
    const Nanos deadline = now() + 60 * kSecond;
    for (int turns = 0; !finished && turns < 1'000'000 && now() < deadline; ++turns) {
      finished = true;
      for (Flow& f : flows) {
        if (rng.chance(0.8)) f.step();
        finished = finished && f.done();
      }
      rig.turn(now(), 1 + rng.below(64));
    }
    CHECK(finished);
    CHECK(rig.listen_for(kMilli) == 0);
  }
}

TEST_CASE("lent buffers: reads wait while all are out, and nothing is lost") {
  Rig rig(256);
  struct One {
    Pair pair;
    Flight* read;
    std::string text;
  };
  std::deque<One> all;
  for (int i = 0; i < 100; ++i) {   // more than any port has
    One& o = all.emplace_back(One{rig.connect(), nullptr, "stream " + std::to_string(i)});
    rig.send(o.pair.server, o.text);
  }
  rig.listen_for(2 * kMilli);
  for (One& o : all) o.read = &rig.read(o.pair.client, nullptr, 256);
  const auto returned = [&] {
    size_t n = 0;
    for (One& o : all) n += static_cast<size_t>(o.read->returned);
    return n;
  };
  REQUIRE(rig.until([&] { return returned() > 0; }));
  rig.listen_for(5 * kMilli);
  size_t out = returned();
  CHECK(out < all.size());   // only a few
  const uint64_t before = rig.port->counters().polls;
  CHECK(rig.listen_for(20 * kMilli) == 0);
  CHECK(rig.port->counters().polls - before <= 5);   // the others wait quietly
  for (size_t checked = 0; checked < all.size();) {
    for (One& o : all) {
      if (o.read->flying || !o.read->lent) continue;
      REQUIRE(o.read->outcome == static_cast<int64_t>(o.text.size()));
      CHECK(std::string_view(o.read->data, o.text.size()) == o.text);
      rig.port->give_back(*o.read);
      CHECK(o.read->data == nullptr);
      if (++checked + out <= all.size())   // each one given back makes one more possible
        REQUIRE(rig.until([&] { return returned() >= out + checked; }));
    }
  }
}

TEST_CASE("lent buffers of 8 MiB: two are out at most") {
  Rig rig(8u << 20);
  std::deque<Flight*> reads;
  for (int i = 0; i < 3; ++i) {
    const Pair p = rig.connect();
    rig.send(p.server, "x");
    reads.push_back(&rig.read(p.client, nullptr, 0));
  }
  rig.listen_for(5 * kMilli);
  const auto out = [&] {
    int n = 0;
    for (const Flight* f : reads) n += f->lent && !f->flying;
    return n;
  };
  CHECK(out() == 2);
  for (Flight* f : reads) {
    REQUIRE(rig.until([&] { return !f->flying; }));
    CHECK(f->outcome == 1);
    rig.port->give_back(*f);
  }
}

TEST_CASE("lent reads: a cancelled one takes no buffer, nor do end and error keep one") {
  Rig rig(256);
  char own[4];
  for (int i = 0; i < 100; ++i) {   // more often than there are buffers
    const Pair p = rig.connect();
    Flight& waiting = rig.read(p.client, nullptr, 256);
    CHECK(rig.turn(now()) == 0);
    rig.port->cancel(waiting);
    CHECK(rig.finish(waiting) == -kCancelled);
    CHECK_FALSE(waiting.lent);
    CHECK(waiting.data == nullptr);
    rig.drop(p.server, i % 2 == 0);
    Flight& last = rig.read(p.client, nullptr, 256);
    CHECK(rig.finish(last) == (i % 2 == 0 ? -kReset : 0));
    if (last.lent) rig.port->give_back(last);
    CHECK(rig.finish(rig.read(p.client, own, 4)) <= 0);
    rig.drop(p.client);
  }
}

TEST_CASE("a firehose does not keep a quiet connection from being heard") {
  for (const size_t most : {size_t{1}, size_t{8}}) {
    CAPTURE(most);
    Rig rig;
    const Pair loud = rig.connect(), quiet = rig.connect();
    Flow hose(rig, loud.client, loud.server, 1, uint64_t{1} << 40);
    char buffer[4];
    for (int i = 0; i < 50; ++i) {
      Flight& r = rig.read(quiet.server, buffer, 4);
      for (int k = 0; k < 20; ++k) hose.step(), rig.turn(now(), most);
      CHECK(r.flying);
      Flight& w = rig.write(quiet.client, "q");
      int waits = 0;
      for (; waits < 10000 && w.flying; ++waits) hose.step(), rig.turn(now(), most);
      CHECK(waits <= 64);
      for (waits = 0; waits < 10000 && r.flying; ++waits) hose.step(), rig.turn(now(), most);
      CHECK(waits <= 64);
    }
  }
}
