// runs: linux tsan
//
// Streams, listeners and connection races on real loopback sockets. The exact times of a race are
// in tests/virtual/dial_test.cpp.
#include "chimera/net/stream.hpp"

#include <errno.h>

#include <atomic>

#include "tests/net/rig.hpp"

using namespace chimera_test;
using net::Deadline;
using net::Listener;
using net::Stream;

namespace {

sys::Address address(const char* ip, uint16_t port) { return *sys::parse_ip(ip, port); }
Deadline in(Nanos n, const char* name = "connect") { return net::deadline_in(sys::now(), n, name); }

// How many descriptors a dial adds, or its error.
rt::Task<Result<size_t>> count_open(const std::vector<sys::Address>& to, Deadline d,
                                    size_t before) {
  const Result<Stream> s = co_await net::dial_any(to, d);
  if (!s) co_return fail(s.error());
  co_return open_descriptors() - before;
}

rt::Task<size_t> descriptors() { co_return open_descriptors(); }

// A port whose connections nobody accepts and whose queue is full: a dial to it is silent.
class Silent {
 public:
  Silent() {
    fd_ = bound_socket("127.0.0.1", SOCK_STREAM, port);
    REQUIRE(fd_ >= 0);
    REQUIRE(listen(fd_, 0) == 0);
    sockaddr_storage to;
    const socklen_t size = raw_address("127.0.0.1", port, to);
    for (int& filler : fillers_) {
      filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      connect(filler, reinterpret_cast<sockaddr*>(&to), size);
    }
    usleep(2000);
  }
  ~Silent() {
    for (const int filler : fillers_) close(filler);
    close(fd_);
  }
  uint16_t port = 0;

 private:
  int fd_, fillers_[4];
};

}  // namespace

TEST_CASE("deadlines") {
  CHECK(net::deadline_in(100, 5, "x").at == 105);
  CHECK(net::deadline_in(100, 0, "x").at == kNever);
  CHECK(net::deadline_in(100, kNever, "x").at == kNever);
  const Deadline a{5, "a"}, b{6, "b"}, c{5, "c"};
  CHECK(std::string_view(earlier(a, b).name) == "a");
  CHECK(std::string_view(earlier(b, a).name) == "a");
  CHECK(std::string_view(earlier(a, c).name) == "a");   // the first of two equal ones
}

TEST_CASE("what the outcomes of operations mean") {
  struct Case {
    int64_t outcome;
    Errc code;
    int os;
    const char* where;
  };
  static const Case cases[] = {
      {-rt::kTimedOut, Errc::timed_out, 0, "idle"},
      {-sys::kCancelled, Errc::cancelled, 0, "read"},
      {-sys::kRefused, Errc::refused, 0, "read"},
      {-sys::kReset, Errc::reset, 0, "read"},
      {-sys::kUnreachable, Errc::refused, 0, "no route"},
      {-sys::kTooManyHandles, Errc::io, 0, "descriptors"},
      {-(sys::kOsError + 5), Errc::io, 5, "read"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.outcome);
    const Error e = net::error_of(c.outcome, "read", "idle");
    CHECK(e.code == c.code);
    CHECK(e.os == c.os);
    CHECK(std::string_view(e.where) == c.where);
  }
}

TEST_CASE("one family refused: the other one is used, and one socket is left") {
  struct Case {
    const char* name;
    const char* refused;
    const char* listens;
  };
  static const Case cases[] = {
      {"IPv6 refused", "::1", "127.0.0.1"},
      {"IPv4 refused", "127.0.0.1", "::1"},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    const size_t before = open_descriptors();
    {
      Server server(
          [](Server& s) {
            Peer peer = s.accept();
            if (peer.ok()) peer.wait_closed();
          },
          c.listens);
      const std::vector<sys::Address> to = {address(c.refused, free_port(c.refused)),
                                            server.address};
      const size_t base = finish(descriptors());   // with a runtime's own ones
      const Nanos start = sys::now();
      const auto added = finish(count_open(to, in(5 * kSecond), base));
      CHECK(sys::now() - start < kPrompt);
      REQUIRE(added.has_value());
      // The winner; the other side's may have been accepted already.
      CHECK(*added >= 1);
      CHECK(*added <= 2);
    }
    CHECK(descriptors_come_down_to(before));
  }
}

TEST_CASE("a silent first address: the second one wins, the first is closed") {
  const size_t before = open_descriptors();
  {
    Silent silent;
    Server server([](Server& s) { Peer peer = s.accept(); if (peer.ok()) peer.wait_closed(); });
    const std::vector<sys::Address> to = {address("127.0.0.1", silent.port), server.address};
    const size_t base = finish(descriptors());
    const auto added = finish(count_open(to, in(5 * kSecond), base));
    REQUIRE(added.has_value());
    CHECK(*added >= 1);
    CHECK(*added <= 2);
  }
  CHECK(descriptors_come_down_to(before));
}

TEST_CASE("dials that come to nothing") {
  struct Case {
    const char* name;
    int refused, silent;
    Nanos limit, stop_at;
    Errc error;
  };
  static const Case cases[] = {
      {"no address", 0, 0, kSecond, 0, Errc::resolve},
      {"one refused", 1, 0, kSecond, 0, Errc::refused},
      {"all refused", 3, 0, kSecond, 0, Errc::refused},
      {"one silent", 0, 1, 40 * kMilli, 0, Errc::timed_out},
      {"all silent", 0, 3, 40 * kMilli, 0, Errc::timed_out},
      {"one silent, stopped", 0, 1, 60 * kSecond, 30 * kMilli, Errc::cancelled},
      {"all silent, stopped", 0, 3, 60 * kSecond, 30 * kMilli, Errc::cancelled},
  };
  Silent silent;
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    std::vector<sys::Address> to;
    for (int i = 0; i < c.refused; ++i) to.push_back(address("127.0.0.1", free_port("127.0.0.1")));
    for (int i = 0; i < c.silent; ++i) to.push_back(address("127.0.0.1", silent.port));
    const size_t before = open_descriptors();
    const Nanos start = sys::now();
    const auto added = finish(count_open(to, in(c.limit), 0), 1024, c.stop_at);
    CHECK(sys::now() - start < kPrompt);
    REQUIRE_FALSE(added.has_value());
    CHECK(added.error().code == c.error);
    if (c.error == Errc::timed_out) CHECK(std::string_view(added.error().where) == "connect");
    CHECK(open_descriptors() == before);
  }
}

namespace {

struct Got {
  std::string bytes;
  size_t longest = 0;
  Error error;
  bool ended = false;
};

rt::Task<Got> read_all(sys::Address to, Nanos idle, uint32_t cap) {
  Got got;
  Result<Stream> stream = co_await net::dial(to, in(5 * kSecond));
  if (!stream) {
    got.error = stream.error();
    co_return got;
  }
  for (;;) {
    const Result<std::string_view> bytes = co_await stream->read_some(in(idle, "idle"), cap);
    if (!bytes) got.error = bytes.error();
    got.ended = bytes && bytes->empty();
    if (!bytes || got.ended) co_return got;
    got.longest = std::max(got.longest, bytes->size());
    got.bytes += *bytes;
  }
}

rt::Task<Result<void>> write_much(sys::Address to, std::string_view bytes, Nanos limit) {
  CHI_CO_TRY(Stream stream, co_await net::dial(to, in(5 * kSecond)));
  co_return co_await stream.write_all(bytes, in(limit, "write"));
}

std::string pattern(size_t n) {
  std::string s(n, '\0');
  for (size_t i = 0; i < n; ++i) s[i] = static_cast<char>(i * 131 + (i >> 8));
  return s;
}

}  // namespace

TEST_CASE("reads: all of it, no more at once than asked for") {
  const std::string sent = pattern(100'000);
  for (const uint32_t cap : {0u, 1u, 100u, 1024u, 5000u}) {
    CAPTURE(cap);
    if (cap == 1) continue;   // below, with less
    Server server([&](Server& s) { s.accept().send(sent); });
    const Got got = finish(read_all(server.address, 5 * kSecond, cap));
    CHECK(got.ended);
    CHECK((got.bytes == sent));
    CHECK(got.longest <= (cap == 0 || cap > 1024 ? 1024 : cap));
  }
  Server server([&](Server& s) { s.accept().send("single bytes"); });
  const Got got = finish(read_all(server.address, 5 * kSecond, 1));
  CHECK(got.bytes == "single bytes");
  CHECK(got.longest == 1);
}

TEST_CASE("a silent, a resetting and a stopped stream") {
  {
    Server server([](Server& s) {
      Peer peer = s.accept();
      peer.send("some");
      peer.wait_closed();
    });
    const Got got = finish(read_all(server.address, 40 * kMilli, 0));
    CHECK(got.bytes == "some");
    CHECK(got.error.code == Errc::timed_out);
    CHECK(std::string_view(got.error.where) == "idle");
  }
  {
    Server server([](Server& s) { s.accept().reset(); });
    const Got got = finish(read_all(server.address, 5 * kSecond, 0));
    CHECK(got.error.code == Errc::reset);
  }
  {
    Server server([](Server& s) {
      Peer peer = s.accept();
      peer.wait_closed();
    });
    const Nanos start = sys::now();
    const Got got = finish(read_all(server.address, 60 * kSecond, 0), 1024, 30 * kMilli);
    CHECK(got.error.code == Errc::cancelled);
    CHECK(sys::now() - start < kPrompt);
  }
}

TEST_CASE("a big write goes out whole, in as many steps as it takes") {
  const std::string sent = pattern(8u << 20);
  std::string got;
  Server server([&](Server& s) {
    Peer peer = s.accept();
    std::string buffer(1u << 16, '\0');
    while (readable(peer.fd())) {
      const ssize_t n = recv(peer.fd(), buffer.data(), buffer.size(), 0);
      if (n <= 0) return;
      got.append(buffer, 0, static_cast<size_t>(n));
    }
  });
  CHECK(finish(write_much(server.address, sent, 20 * kSecond)).has_value());
  server.join();
  CHECK((got == sent));
}

TEST_CASE("a write that nobody reads times out; one that is reset says so") {
  const std::string bytes = pattern(32u << 20);
  {
    std::atomic<bool> over{false};
    Server server([&](Server& s) {
      Peer peer = s.accept();
      while (!over) usleep(1000);
    });
    const Result<void> r = finish(write_much(server.address, bytes, 60 * kMilli));
    over = true;
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Errc::timed_out);
    CHECK(std::string_view(r.error().where) == "write");
  }
  {
    Server server([](Server& s) { s.accept().reset(); });
    const Result<void> r = finish(write_much(server.address, bytes, 10 * kSecond));
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Errc::reset);
  }
}

TEST_CASE("moving a stream closes what was there, once") {
  const size_t before = open_descriptors();
  {
    Stream a(*sys::open_socket(sys::Address::Family::v4, sys::Transport::stream));
    Stream b(*sys::open_socket(sys::Address::Family::v4, sys::Transport::stream));
    CHECK(open_descriptors() == before + 2);
    a = std::move(b);
    CHECK(open_descriptors() == before + 1);
    CHECK(a.is_open());
    CHECK_FALSE(b.is_open());
    a.abort();
    CHECK_FALSE(a.is_open());
    CHECK(open_descriptors() == before);
    a.close();
  }
  CHECK(open_descriptors() == before);
}

namespace {

rt::Task<Error> accept_one(Listener& listener) {
  const Result<Stream> s = co_await listener.accept();
  co_return s ? Error() : s.error();
}

// One connection to ourselves: what is written on one side is read on the other.
rt::Task<Result<std::string>> echo(Listener& listener) {
  CHI_CO_TRY(const sys::Address at, listener.address());
  CHI_CO_TRY(Stream client, co_await net::dial(at, in(5 * kSecond)));
  CHI_CO_TRY(Stream server, co_await listener.accept());
  CHI_CO_TRY_VOID(co_await server.write_all("hello", in(5 * kSecond)));
  server.close();
  std::string got;
  for (;;) {
    CHI_CO_TRY(const std::string_view bytes, co_await client.read_some(in(5 * kSecond)));
    if (bytes.empty()) co_return got;
    got += bytes;
  }
}

}  // namespace

TEST_CASE("a dial that the system refuses or gives up") {
  const auto dial_from = [](sys::Address::Family family, const sys::Address& to, bool impatient) {
    const sys::Handle h = *sys::open_socket(family, sys::Transport::stream);
    const Stream owner(h);
    const unsigned ms = 300;
    if (impatient) setsockopt(h, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    return finish(net::dial_on(h, to, in(10 * kSecond)));
  };
  const Result<void> family = dial_from(sys::Address::Family::v4, address("::1", 9), false);
  REQUIRE_FALSE(family.has_value());
  CHECK(family.error().code == Errc::refused);
  CHECK(std::string_view(family.error().where) == "no route");

  uint16_t port = 0;
  const int full = bound_socket("127.0.0.1", SOCK_STREAM, port);
  REQUIRE(listen(full, 0) == 0);
  sockaddr_storage to;
  const socklen_t size = raw_address("127.0.0.1", port, to);
  int fillers[4];
  for (int& f : fillers) {
    f = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect(f, reinterpret_cast<sockaddr*>(&to), size);
  }
  const Result<void> silent =
      dial_from(sys::Address::Family::v4, address("127.0.0.1", port), true);
  REQUIRE_FALSE(silent.has_value());
  CHECK(silent.error().code == Errc::timed_out);
  CHECK(std::string_view(silent.error().where) == "connect");
  for (const int f : fillers) close(f);
  close(full);
}

TEST_CASE("listeners") {
  Listener listener;
  REQUIRE(listener.open(address("127.0.0.1", 0)).has_value());
  CHECK(listener.address()->port != 0);
  Listener second;
  const Result<void> taken = second.open(*listener.address());
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().code == Errc::refused);
  CHECK(taken.error().os == EADDRINUSE);
  const Result<std::string> got = finish(echo(listener));
  REQUIRE(got.has_value());
  CHECK(*got == "hello");
  CHECK(finish(accept_one(listener), 1024, 30 * kMilli).code == Errc::cancelled);
}
