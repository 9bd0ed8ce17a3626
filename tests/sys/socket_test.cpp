// runs: linux tsan
#include "chimera/sys/socket.hpp"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/sys/linux/address.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::sys;
using chimera_test::Guarded;

namespace {

constexpr uint16_t kPort = 8080;

Address v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port) {
  Address out;
  out.family = Address::Family::v4;
  out.port = port;
  const uint8_t ip[4] = {a, b, c, d};
  memcpy(out.ip, ip, 4);
  return out;
}

// Blocks (bounded) until the socket has something to say.
bool readable(int fd) {
  pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&p, 1, 5000) == 1;
}

struct Pair {
  Handle listener = kNoHandle, client = kNoHandle, server = kNoHandle;
};

Pair connected(const char* ip) {
  Pair p;
  p.listener = listen_on(*parse_ip(ip, 0), 4).value();
  const Address at = local_address(p.listener).value();
  p.client = open_socket(at.family, Transport::stream).value();
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(at.port);
  memcpy(&name.sin_addr, at.ip, 4);
  const int rc = connect(p.client, reinterpret_cast<sockaddr*>(&name), sizeof name);
  REQUIRE((rc == 0 || errno == EINPROGRESS));
  REQUIRE(readable(p.listener));
  p.server = accept(p.listener, nullptr, nullptr);
  REQUIRE(p.server >= 0);
  return p;
}

}  // namespace

TEST_CASE("an address as the system takes it keeps its zone") {
  Result<Address> a = parse_ip("fe80::1%1", 80);
  REQUIRE(a.has_value());
  sockaddr_storage out;
  REQUIRE(to_sockaddr(*a, out) == sizeof(sockaddr_in6));
  CHECK(reinterpret_cast<const sockaddr_in6&>(out).sin6_scope_id == 1);
  CHECK(from_sockaddr(out).scope == 1);
}

TEST_CASE("what the system says of a way that is closed") {
  for (const int error : {ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT, EACCES, EPERM}) {
    CHECK(no_route(error));   // the last two are a firewall's
  }
  for (const int error : {ECONNREFUSED, ETIMEDOUT, EMFILE, EINVAL}) CHECK_FALSE(no_route(error));
}

TEST_CASE("addresses that parse, and how they are written") {
  // `ip` is hexadecimal: 8 digits for IPv4, 32 for IPv6.
  struct Case {
    const char* text;
    const char* ip;
    const char* written;  // without the port
  };
  static const Case cases[] = {
      {"0.0.0.0", "00000000", "0.0.0.0"},
      {"127.0.0.1", "7f000001", "127.0.0.1"},
      {"255.255.255.255", "ffffffff", "255.255.255.255"},
      {"1.20.100.9", "01146409", "1.20.100.9"},
      {"::", "00000000000000000000000000000000", "[::]"},
      {"::1", "00000000000000000000000000000001", "[::1]"},
      {"1::", "00010000000000000000000000000000", "[1::]"},
      {"0:0:0:0:0:0:0:0", "00000000000000000000000000000000", "[::]"},
      {"0000:0000:0000:0000:0000:0000:0000:0001", "00000000000000000000000000000001", "[::1]"},
      {"1:2:3:4:5:6:7:8", "00010002000300040005000600070008", "[1:2:3:4:5:6:7:8]"},
      {"::2:3:4:5:6:7:8", "00000002000300040005000600070008", "[0:2:3:4:5:6:7:8]"},
      {"1:2:3:4:5:6:7::", "00010002000300040005000600070000", "[1:2:3:4:5:6:7:0]"},
      {"1:2:3::5:6:7:8", "00010002000300000005000600070008", "[1:2:3:0:5:6:7:8]"},
      {"1:2:3:4:5:6::", "00010002000300040005000600000000", "[1:2:3:4:5:6::]"},
      {"::3:4:5:6:7:8", "00000000000300040005000600070008", "[::3:4:5:6:7:8]"},
      {"2001:db8::1", "20010db8000000000000000000000001", "[2001:db8::1]"},
      {"2001:0DB8:0000:0000:0000:0000:0000:0001", "20010db8000000000000000000000001",
       "[2001:db8::1]"},
      {"2001:db8:0:0:1:0:0:1", "20010db8000000000001000000000001", "[2001:db8::1:0:0:1]"},
      {"2001:db8::1:0:0:1", "20010db8000000000001000000000001", "[2001:db8::1:0:0:1]"},
      {"2001:0:0:1:0:0:0:1", "20010000000000010000000000000001", "[2001:0:0:1::1]"},
      {"2001:0:0:0:1:0:0:1", "20010000000000000001000000000001", "[2001::1:0:0:1]"},
      {"1:0:0:4:0:0:7:8", "00010000000000040000000000070008", "[1::4:0:0:7:8]"},
      {"0:0:3:0:0:0:0:8", "00000000000300000000000000000008", "[0:0:3::8]"},
      {"0:2:0:4:0:6:0:8", "00000002000000040000000600000008", "[0:2:0:4:0:6:0:8]"},
      {"abcd:ef01:2345:6789:ABCD:EF01:2345:6789", "abcdef0123456789abcdef0123456789",
       "[abcd:ef01:2345:6789:abcd:ef01:2345:6789]"},
      {"00a0:0b00:c000:000d::", "00a00b00c000000d0000000000000000", "[a0:b00:c000:d::]"},
      {"::ffff:1.2.3.4", "00000000000000000000ffff01020304", "[::ffff:1.2.3.4]"},
      {"::ffff:0102:0304", "00000000000000000000ffff01020304", "[::ffff:1.2.3.4]"},
      {"0:0:0:0:0:FFFF:129.144.52.38", "00000000000000000000ffff81903426",
       "[::ffff:129.144.52.38]"},
      {"::1.2.3.4", "00000000000000000000000001020304", "[::102:304]"},
      {"64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221", "[64:ff9b::c000:221]"},
      {"1:2:3:4:5:6:7.8.9.10", "0001000200030004000500060708090a", "[1:2:3:4:5:6:708:90a]"},
      {"::ffff:0:1.2.3.4", "0000000000000000ffff000001020304", "[::ffff:0:102:304]"},
      {"fe80::1%2", "fe800000000000000000000000000001", "[fe80::1%2]"},
      {"fe80::1%4294967295", "fe800000000000000000000000000001", "[fe80::1%4294967295]"},
      {"fe80::1%0", "fe800000000000000000000000000001", "[fe80::1]"},
      {"ff02::1:ff00:0%7", "ff0200000000000000000001ff000000", "[ff02::1:ff00:0%7]"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Guarded guarded{c.text};
    const Result<Address> a = parse_ip(guarded.view(), kPort);
    REQUIRE(a.has_value());
    CHECK(a->port == kPort);
    std::string hex;
    const bool six = a->family == Address::Family::v6;
    for (size_t i = 0; i < (six ? 16u : 4u); ++i) {
      hex += "0123456789abcdef"[a->ip[i] >> 4];
      hex += "0123456789abcdef"[a->ip[i] & 15];
    }
    CHECK(hex == c.ip);
    CHECK(to_text(*a) == std::string(c.written) + ":8080");

    // What was written reads back as the same address.
    std::string again = c.written;
    if (six) again = again.substr(1, again.size() - 2);
    const Result<Address> b = parse_ip(again, kPort);
    REQUIRE(b.has_value());
    CHECK(*b == *a);
  }
}

TEST_CASE("text that is not an address") {
  static const char* const cases[] = {
      "", " ", "localhost", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.",
      "256.0.0.1", "1.2.3.256", "1.2.3.1000", "01.2.3.4", "1.2.3.00", "1.2.3.04", "0x7f.0.0.1",
      "127.1", "2130706433", "+1.2.3.4", "-1.2.3.4", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n",
      "1.2.3.a", "1.2.3.4%1", "1,2,3,4", ":", ":1", "1:", ":::", "::::", "1:::2", "::1::",
      "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
      "1:2:3:4::5:6:7:8", "1:2:3:4:5:6:7:", ":2:3:4:5:6:7:8", "12345::", "::12345", "::g",
      "::-1", "::+1", ":: 1", "[::1]", "[::1]:80", "1.2.3.4:80", "::1.2.3", "::1.2.3.4.5",
      "::1.2.3.256", "::01.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4",
      "1:2:3:4:5:1.2.3.4", "::ffff:1.2.3.4:", "fe80::1%", "fe80::1%eth0", "fe80::1%4294967296",
      "fe80::1%-1", "fe80::1% 1", "fe80::1%1%2", "%1", "fe80%1::1", "::1/64",
      "fe80::1%18446744073709551616",
  };
  for (const char* text : cases) {
    CAPTURE(text);
    const Guarded guarded{text};
    const Result<Address> a = parse_ip(guarded.view(), 1);
    REQUIRE_FALSE(a.has_value());
    CHECK(a.error().code == Errc::bad_input);
  }
  CHECK_FALSE(parse_ip(std::string_view("1.2.3.4\0", 8), 1).has_value());
  CHECK_FALSE(parse_ip(std::string_view("::\0", 3), 1).has_value());
}

TEST_CASE("the cuts of an address: few are addresses, none is read past its end") {
  struct Case {
    const char* text;
    int valid;
  };
  static const Case cases[] = {
      {"192.168.100.254", 3},                     // ...100.2, .25, .254
      {"2001:db8:0:0:1::255.254.253.252%12", 9},  // "::", 3 hexadecimal, 3 dotted, 2 zones
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    int valid = 0;
    for (size_t n = 0; n <= strlen(c.text); ++n) {
      const Guarded guarded{std::string_view(c.text, n)};
      valid += parse_ip(guarded.view(), 9).has_value();
    }
    CHECK(valid == c.valid);
  }
}

TEST_CASE("text of ports and of no address") {
  CHECK(to_text(v4(10, 0, 0, 1, 0)) == "10.0.0.1:0");
  CHECK(to_text(v4(10, 0, 0, 1, 65535)) == "10.0.0.1:65535");
  CHECK(to_text(Address{}).empty());
}

TEST_CASE("loopback") {
  struct Case {
    const char* text;
    bool loopback;
  };
  static const Case cases[] = {
      {"127.0.0.1", true},         {"127.255.255.254", true}, {"126.255.255.255", false},
      {"128.0.0.1", false},        {"0.0.0.0", false},        {"::1", true},
      {"::2", false},              {"::", false},             {"1::1", false},
      {"::ffff:127.0.0.1", true},  {"::127.0.0.1", false},    {"::ffff:127.9.9.9", true},
      {"::ffff:128.0.0.1", false}, {"fe80::1", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(parse_ip(c.text, 0)->loopback() == c.loopback);
  }
  CHECK_FALSE(Address{}.loopback());
}

TEST_CASE("a socket is non-blocking, close-on-exec and does not wait to send") {
  for (const Transport t : {Transport::stream, Transport::datagram}) {
    const Result<Handle> h = open_socket(Address::Family::v4, t);
    REQUIRE(h.has_value());
    CHECK((fcntl(*h, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(*h, F_GETFD) & FD_CLOEXEC) != 0);
    int type = 0;
    socklen_t size = sizeof type;
    getsockopt(*h, SOL_SOCKET, SO_TYPE, &type, &size);
    CHECK(type == (t == Transport::stream ? SOCK_STREAM : SOCK_DGRAM));
    if (t == Transport::stream) {
      int no_delay = 0;
      size = sizeof no_delay;
      REQUIRE(getsockopt(*h, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size) == 0);
      CHECK(no_delay == 1);
    }
    close_socket(*h);
    CHECK(fcntl(*h, F_GETFD) == -1);
  }
  const Result<Handle> none = open_socket(Address::Family::none, Transport::stream);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == Errc::bad_input);
}

TEST_CASE("listening picks a port, names it, and tells when it is taken") {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    CAPTURE(ip);
    const Address wanted = *parse_ip(ip, 0);
    const Result<Handle> first = listen_on(wanted, 4);
    if (!first && wanted.family == Address::Family::v6) continue;  // a machine without IPv6
    REQUIRE(first.has_value());
    const Result<Address> at = local_address(*first);
    REQUIRE(at.has_value());
    CHECK(at->port != 0);
    Address expected = wanted;
    expected.port = at->port;
    CHECK(*at == expected);

    const Result<Handle> second = listen_on(*at, 4);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == Errc::refused);
    CHECK(second.error().os == EADDRINUSE);

    close_socket(*first);
    const Result<Handle> third = listen_on(*at, 4);
    REQUIRE(third.has_value());
    close_socket(*third);
  }
  const Result<Handle> foreign = listen_on(*parse_ip("192.0.2.1", 0), 4);  // RFC 5737
  REQUIRE_FALSE(foreign.has_value());
  CHECK(foreign.error().code == Errc::refused);
  CHECK(foreign.error().os == EADDRNOTAVAIL);
  CHECK(local_address(kNoHandle).error().os == EBADF);
}

TEST_CASE("a port can be listened on again while old connections linger") {
  const Pair p = connected("127.0.0.1");
  const Address at = local_address(p.listener).value();
  close_socket(p.server);  // the side that closes first keeps TIME_WAIT
  close_socket(p.client);
  close_socket(p.listener);
  const Result<Handle> again = listen_on(at, 4);
  REQUIRE(again.has_value());
  close_socket(*again);
}

TEST_CASE("a stream is quiet until a byte, the end or an error comes") {
  struct Case {
    const char* name;
    void (*happens)(Pair&);
    const char* then;      // what can still be read
  };
  static const Case cases[] = {
      {"a byte", [](Pair& p) { CHECK(write(p.server, "x", 1) == 1); }, "x"},
      {"the end", [](Pair& p) { shutdown(p.server, SHUT_WR); }, ""},
      {"an error", [](Pair& p) {
         abort_socket(p.server);
         p.server = kNoHandle;
       }, ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Pair p = connected("127.0.0.1");
    CHECK(quiet(p.client));
    c.happens(p);
    REQUIRE(readable(p.client));
    CHECK_FALSE(quiet(p.client));
    CHECK_FALSE(quiet(p.client));
    char byte;
    if (*c.then != 0) CHECK(read(p.client, &byte, 1) == 1);   // looking takes nothing
    if (*c.then != 0) CHECK(quiet(p.client));
    close_socket(p.server);
    close_socket(p.client);
    close_socket(p.listener);
  }
  CHECK_FALSE(quiet(kNoHandle));
}

TEST_CASE("closing ends a stream in order, aborting resets it") {
  for (const bool abort : {false, true}) {
    CAPTURE(abort);
    const Pair p = connected("127.0.0.1");
    abort ? abort_socket(p.server) : close_socket(p.server);
    REQUIRE(readable(p.client));
    char byte;
    const ssize_t n = read(p.client, &byte, 1);
    CHECK(n == (abort ? -1 : 0));
    if (abort) CHECK(errno == ECONNRESET);
    close_socket(p.client);
    close_socket(p.listener);
  }
}
