// What the conformance suites of the port are built from: a port that counts every op out and in,
// and a stream of bytes that is checked one by one. Every loop has a deadline by the clock and a
// limit of turns, and an alarm ends the program when a wait does not come back at all.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/rng.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/port.hpp"
#include "chimera/sys/socket.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using namespace chimera;
using namespace chimera::sys;

inline bool clock_is_virtual() {
  const Nanos start = now();
  for (int i = 0; i < 100000; ++i)
    if (now() != start) return false;
  return true;
}

// An op that knows whether it is in flight and how often it came back.
struct Flight : Op {
  bool flying = false;
  int submitted = 0, returned = 0;
};

struct Pair {
  Handle client = kNoHandle, server = kNoHandle;
};

// A port, its sockets and its ops; counts every op out and in.
class Rig {
 public:
  explicit Rig(uint32_t lend_size = 0) {
    watch(120);
    auto p = Port::open(lend_size);
    REQUIRE(p);
    port = *p;
  }
  Rig(const Rig&) = delete;
  ~Rig() {
    for (Flight& f : flights_)
      if (f.flying) port->cancel(f);
    for (int i = 0; i < 10000 && in_flight_ > 0; ++i) turn(now());
    for (Flight& f : flights_)
      if (f.lent) port->give_back(f);
    while (!open_.empty()) drop(open_.back());
    Port::close(port);
    watch(0);
  }

  Flight& make(Op::Kind kind, Handle h, char* data = nullptr, size_t len = 0) {
    Flight& f = flights_.emplace_back();
    f.kind = kind;
    f.handle = h;
    f.data = data;
    f.len = static_cast<uint32_t>(len);
    return f;
  }
  Flight& submit(Flight& f) {
    f.flying = true;
    ++f.submitted;
    ++in_flight_;
    port->submit(f);
    return f;
  }
  Flight& read(Handle h, char* data, size_t len) {
    return submit(make(Op::Kind::read, h, data, len));
  }
  Flight& write(Handle h, std::string_view data) {
    return submit(make(Op::Kind::write, h, const_cast<char*>(data.data()), data.size()));
  }
  Flight& accept(Handle h) { return submit(make(Op::Kind::accept, h)); }
  Flight& dial(Handle h, const Address& to) {
    Flight& f = make(Op::Kind::dial, h);
    f.peer = &to;
    return submit(f);
  }

  // One wait; every op it hands back must have been in flight.
  size_t turn(Nanos until, size_t most = 64) {
    const size_t n = port->wait(until, std::span<Op*>(done, most));
    CHECK(n <= most);
    for (size_t i = 0; i < n; ++i) {
      Flight& f = *static_cast<Flight*>(done[i]);
      CHECK(f.flying);
      f.flying = false;
      ++f.returned;
      CHECK(f.returned == f.submitted);
      --in_flight_;
    }
    return n;
  }
  template <class Condition>
  bool until(Condition condition, Nanos limit = 20 * kSecond) {
    const Nanos deadline = later(now(), limit);
    for (int i = 0; i < 5'000'000 && !condition(); ++i) {
      if (now() >= deadline) return false;
      turn(deadline);
    }
    return condition();
  }
  int64_t finish(Flight& f) {
    REQUIRE(until([&] { return !f.flying; }));
    return f.outcome;
  }
  // How many ops come back within `time`.
  size_t listen_for(Nanos time) {
    size_t n = 0;
    const Nanos end = now() + time;
    while (now() < end) n += turn(end);
    return n;
  }

  Handle listen(std::string_view ip = "127.0.0.1", int backlog = 128) {
    auto at = parse_ip(ip, 0);
    REQUIRE(at);
    auto h = listen_on(*at, backlog);
    if (!h) return kNoHandle;
    open_.push_back(*h);
    address = *local_address(*h);
    return *h;
  }
  Handle open(Address::Family family = Address::Family::v4) {
    auto h = open_socket(family, Transport::stream);
    REQUIRE(h);
    open_.push_back(*h);
    return *h;
  }
  Pair connect() {
    if (listener_ == kNoHandle) listener_ = listen();
    return connect_to(listener_, Address::Family::v4);
  }
  Pair connect_to(Handle listener, Address::Family family) {
    Pair p;
    p.client = open(family);
    Flight& d = dial(p.client, address);
    Flight& a = accept(listener);
    REQUIRE(finish(d) == 0);
    REQUIRE(finish(a) >= 0);
    p.server = static_cast<Handle>(a.outcome);
    open_.push_back(p.server);
    return p;
  }
  void drop(Handle h, bool abortive = false) {
    port->forget(h);
    abortive ? abort_socket(h) : close_socket(h);
    std::erase(open_, h);
  }
  void send(Handle h, std::string_view data) {   // short enough for any socket's buffer
    REQUIRE(finish(write(h, data)) == static_cast<int64_t>(data.size()));
  }

  Port* port = nullptr;
  Address address;   // of the listener made last
  Op* done[64];      // what the last turn handed back

 private:
  std::deque<Flight> flights_;
  std::vector<Handle> open_;
  Handle listener_ = kNoHandle;
  int in_flight_ = 0;
};

inline char pattern(uint64_t stream, uint64_t i) {
  return static_cast<char>(i * 131 + (i >> 8) * 17 + stream * 29);
}

// `total` bytes of a pattern from one socket to another, checked byte for byte.
struct Flow {
  Flow(Rig& r, Handle from, Handle to, uint64_t stream, uint64_t bytes)
      : rig(r), id(stream), total(bytes), out(rig.make(Op::Kind::write, from)),
        in(rig.make(Op::Kind::read, to)) {}

  void step(bool both = true) {
    step_out();
    if (both) step_in();
  }
  void step_out() {
    if (out.flying || sent == total) return;
    if (out.submitted > 0) {
      REQUIRE(out.outcome > 0);
      REQUIRE(out.outcome <= static_cast<int64_t>(out.len));
      sent += static_cast<uint64_t>(out.outcome);
      ++writes;
      if (sent == total) return;
    }
    if (sent == made) make_more();
    out.len = static_cast<uint32_t>(made - sent);
    out.data = write_buffer.data() + write_buffer.size() - out.len;
    rig.submit(out);
  }
  void make_more() {
    write_buffer.resize(std::min<uint64_t>(pick(write_len), total - sent));
    for (char& c : write_buffer) c = pattern(id, made++);
  }
  void step_in() {
    if (in.flying || got == total) return;
    if (in.submitted > 0) take();
    if (got == total) return;
    const uint32_t n = pick(read_len);
    if (!lent) {
      read_buffer.assign(n, '\x55');
      in.data = read_buffer.data();
    }
    in.len = n;
    rig.submit(in);
  }
  void take() {
    REQUIRE(in.outcome > 0);
    REQUIRE(in.outcome <= static_cast<int64_t>(in.len));
    REQUIRE(in.lent == lent);
    uint64_t wrong = 0;
    for (int64_t i = 0; i < in.outcome; ++i) wrong += in.data[i] != pattern(id, got++);
    REQUIRE(wrong == 0);
    ++reads;
    if (lent) rig.port->give_back(in);
  }
  uint32_t pick(uint32_t most) {
    return rng == nullptr ? most : static_cast<uint32_t>(1 + rng->below(most));
  }
  bool done() const { return sent == total && got == total; }

  Rig& rig;
  uint64_t id, total, made = 0, sent = 0, got = 0, writes = 0, reads = 0;
  uint32_t write_len = 4096, read_len = 4096;
  Rng* rng = nullptr;    // lengths are random up to the two above
  bool lent = false;
  Flight &out, &in;
  std::string write_buffer, read_buffer;
};

}  // namespace chimera_test
