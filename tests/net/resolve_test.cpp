// runs: linux tsan
//
// The resolver against DNS servers of our own on loopback. What depends on exact times is in
// tests/virtual/resolve_test.cpp.
#include "chimera/net/resolve.hpp"

#include <atomic>

#include "tests/net/dns_rig.hpp"
#include "tests/net/rig.hpp"

using namespace chimera_test;
using net::Deadline;

namespace {

// Replies to one question; `n` counts the questions of this server from 0.
using Replies = std::vector<std::string>;
using Answering = Replies (*)(const std::string& query, int n);

// A DNS server: UDP, and TCP when it has `tcp`, whose replies are sent as they are.
class Dns {
 public:
  explicit Dns(Answering udp, const char* ip = "127.0.0.1", uint16_t at = 0,
               Answering tcp = nullptr)
      : port(at) {
    // A port that is free for datagrams may be taken for streams, by anybody on this machine.
    for (int i = 0; i < 50 && !open(ip, at, tcp != nullptr); ++i) usleep(1000);
    REQUIRE(udp_ >= 0);
    thread_ = std::thread([this, udp, tcp] {
      while (!stop_) serve(udp, tcp);
    });
  }
  ~Dns() {
    stop_ = true;
    thread_.join();
    close(udp_);
    if (tcp_ >= 0) close(tcp_);
  }
  int asked() const { return asked_; }

  uint16_t port;

 private:
  bool open(const char* ip, uint16_t at, bool with_tcp) {
    port = at;
    udp_ = bound_socket(ip, SOCK_DGRAM, port);
    if (udp_ < 0 || !with_tcp) return udp_ >= 0;
    tcp_ = bound_socket(ip, SOCK_STREAM, port);
    if (tcp_ >= 0 && listen(tcp_, 8) == 0) return true;
    if (tcp_ >= 0) close(tcp_);
    close(udp_);
    udp_ = tcp_ = -1;
    return false;
  }
  void serve(Answering udp, Answering tcp) {
    pollfd p[2] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
    if (poll(p, 2, 5) <= 0) return;
    if ((p[0].revents & POLLIN) != 0) {
      char buffer[1024];
      sockaddr_storage from;
      socklen_t size = sizeof from;
      const ssize_t n =
          recvfrom(udp_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
      const std::string query(buffer, n > 0 ? static_cast<size_t>(n) : 0);
      if (query.size() < 17) return;
      for (const std::string& r : udp(query, asked_++))
        sendto(udp_, r.data(), r.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
    if ((p[1].revents & POLLIN) == 0) return;
    Peer peer(::accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC));
    std::string query;
    char buffer[1024];
    while (query.size() < 2 || query.size() < 2 + static_cast<size_t>(query[1])) {
      const ssize_t n = readable(peer.fd()) ? recv(peer.fd(), buffer, sizeof buffer, 0) : 0;
      if (n <= 0) return;
      query.append(buffer, static_cast<size_t>(n));
    }
    for (const std::string& r : tcp(query.substr(2), 0)) {
      peer.send(r);
      usleep(300);
    }
  }
  int udp_ = -1, tcp_ = -1;
  std::atomic<int> asked_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct Outcome {
  Result<std::vector<sys::Address>> addresses;
  Nanos took;
};
Outcome look_up(std::string_view host, Nanos limit = 8 * kSecond, Nanos stop_at = 0) {
  const size_t before = open_descriptors();
  const Nanos start = sys::now();
  const Deadline d = net::deadline_in(start, limit, "connect");
  Outcome o{finish(net::resolve(host, 80, d), 1024, stop_at), 0};
  o.took = sys::now() - start;
  CHECK(descriptors_come_down_to(before));
  return o;
}

std::string resolv_conf(std::string_view more = "") {
  return "nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:1 attempts:2\n" +
         std::string(more);
}

Replies both(const std::string& q, int) { return {reply(q, {asks_aaaa(q) ? aaaa(1) : a(1)})}; }
Replies nothing(const std::string&, int) { return {}; }

std::string framed(std::string_view message) {
  std::string f{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())};
  return f.append(message);
}
Replies single_bytes(std::string_view bytes) {
  Replies out;
  for (const char c : bytes) out.push_back(std::string(1, c));
  return out;
}

}  // namespace

TEST_CASE("names that need no server and no file") {
  struct Case {
    const char* host;
    const char* addresses;
  };
  static const Case cases[] = {
      {"127.0.0.1", "127.0.0.1:80"},
      {"192.0.2.7", "192.0.2.7:80"},
      {"::1", "[::1]:80"},
      {"2001:db8::5", "[2001:db8::5]:80"},
      {"localhost", "127.0.0.1:80 [::1]:80"},
      {"LocalHost", "127.0.0.1:80 [::1]:80"},
      {"localhost.", "127.0.0.1:80 [::1]:80"},
      {"a.localhost", "127.0.0.1:80 [::1]:80"},
      {"a.b.LOCALHOST.", "127.0.0.1:80 [::1]:80"},
  };
  // A hosts file that would say otherwise, and no DNS server.
  const Files files("10.9.9.9 localhost a.localhost\n", "", free_port("127.0.0.1"));
  for (const Case& c : cases) {
    CAPTURE(c.host);
    const Outcome o = look_up(c.host);
    REQUIRE(o.addresses.has_value());
    CHECK(joined(*o.addresses) == c.addresses);
  }
}

TEST_CASE("names that only look like localhost are not") {
  const Files files("10.0.0.1 xlocalhost\n10.0.0.2 localhost.example\n10.0.0.3 .localhos\n", "");
  CHECK(joined(*look_up("xlocalhost").addresses) == "10.0.0.1:80");
  CHECK(joined(*look_up("localhost.example").addresses) == "10.0.0.2:80");
}

TEST_CASE("the hosts file") {
  struct Case {
    const char* host;
    const char* addresses;
  };
  static const Case cases[] = {
      {"one", "10.0.0.1:80"},
      {"ONE", "10.0.0.1:80"},
      {"alias", "10.0.0.1:80"},
      {"one.", "10.0.0.1:80"},
      {"two", "[fd00::1]:80 10.0.0.2:80 [fd00::2]:80 10.0.0.3:80"},
      {"twice", "10.0.0.4:80"},
      {"half", "10.0.0.5:80"},
  };
  const Files files("# a comment\n10.0.0.1 one alias # one more\n"
                    "10.0.0.2 two\n10.0.0.3\ttwo\nfd00::1 two\nfd00::2 two\n"
                    "10.0.0.4 twice twice\n10.0.0.4 twice\nnot-an-ip half\n10.0.0.5 half\n",
                    "", free_port("127.0.0.1"));
  for (const Case& c : cases) {
    CAPTURE(c.host);
    const Outcome o = look_up(c.host);
    REQUIRE(o.addresses.has_value());
    CHECK(joined(*o.addresses) == c.addresses);
  }
}

TEST_CASE("what a DNS server may say") {
  struct Case {
    const char* name;
    Answering udp;
    Answering tcp;
    const char* addresses;
  };
  static const Case cases[] = {
      {"both families", both, nullptr, "[fd00::1]:80 10.0.0.1:80"},
      {"IPv6 has nothing",
       [](const std::string& q, int) -> Replies {
         return {reply(q, asks_aaaa(q) ? Replies{} : Replies{a(1), a(2)})};
       },
       nullptr, "10.0.0.1:80 10.0.0.2:80"},
      {"IPv4 has nothing",
       [](const std::string& q, int) -> Replies {
         return {reply(q, asks_aaaa(q) ? Replies{aaaa(3)} : Replies{})};
       },
       nullptr, "[fd00::3]:80"},
      {"no such name, but only for AAAA (RFC 4074)",
       [](const std::string& q, int) -> Replies {
         return {asks_aaaa(q) ? reply(q, {}, 3) : reply(q, {a(1)})};
       },
       nullptr, "10.0.0.1:80"},
      {"interleaved, the rest behind",
       [](const std::string& q, int) -> Replies {
         return {reply(q, asks_aaaa(q) ? Replies{aaaa(1)} : Replies{a(1), a(2), a(3)})};
       },
       nullptr, "[fd00::1]:80 10.0.0.1:80 10.0.0.2:80 10.0.0.3:80"},
      {"the same one twice",
       [](const std::string& q, int) -> Replies {
         return {reply(q, asks_aaaa(q) ? Replies{} : Replies{a(1), a(1), a(2), a(1)})};
       },
       nullptr, "10.0.0.1:80 10.0.0.2:80"},
      {"garbage, a wrong id, a wrong question, a query and an empty datagram come first",
       [](const std::string& q, int) -> Replies {
         std::string wrong_id = reply(q, {asks_aaaa(q) ? aaaa(66) : a(66)});
         wrong_id[0] = static_cast<char>(wrong_id[0] ^ 1);
         std::string wrong_name = reply(q, {asks_aaaa(q) ? aaaa(66) : a(66)});
         wrong_name[13] = 'X';
         std::string other_type = reply(q, {asks_aaaa(q) ? aaaa(66) : a(66)});
         other_type[q.size() - 3] = 16;
         return {"garbage", std::string(300, '\xff'), "", wrong_id, wrong_name, other_type, q,
                 reply(q, {}).substr(0, 11), both(q, 0)[0]};
       },
       nullptr, "[fd00::1]:80 10.0.0.1:80"},
      {"an alias chain, in any order",
       [](const std::string& q, int) -> Replies {
         const std::string_view b("\1b\1x", 4), c("\1c\1x", 4);
         const std::string bn = std::string(b) + '\0', cn = std::string(c) + '\0';
         const std::string last = asks_aaaa(q) ? record(28, std::string(15, '\0') + '\7', cn)
                                               : record(1, std::string("\xa\0\0\7", 4), cn);
         return {reply(q, {record(5, cn, bn), last, record(5, bn)})};
       },
       nullptr, "[::7]:80 10.0.0.7:80"},
      {"truncated: the same again over TCP, byte by byte",
       [](const std::string& q, int) -> Replies { return {reply(q, {}, 0, true)}; },
       [](const std::string& q, int) -> Replies {
         return single_bytes(framed(both(q, 0)[0]));
       },
       "[fd00::1]:80 10.0.0.1:80"},
      {"TCP with two messages at once: the first counts",
       [](const std::string& q, int) -> Replies { return {reply(q, {}, 0, true)}; },
       [](const std::string& q, int) -> Replies {
         return {framed(both(q, 0)[0]) + framed(reply(q, {}, 2))};
       },
       "[fd00::1]:80 10.0.0.1:80"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Dns server(c.udp, "127.0.0.1", 0, c.tcp);
    Dns never([](const std::string& q, int) -> Replies { return {reply(q, {a(99)})}; },
              "127.0.0.2", server.port);
    const Files files("", resolv_conf(), server.port);
    const Outcome o = look_up("host.example");
    REQUIRE(o.addresses.has_value());
    CHECK(joined(*o.addresses) == c.addresses);
    CHECK(o.took < kPrompt);
    CHECK(never.asked() == 0);
  }
}

TEST_CASE("a server that is of no use: the next one is asked at once") {
  struct Case {
    const char* name;
    Answering udp;
    Answering tcp;
  };
  static const Case cases[] = {
      {"SERVFAIL", [](const std::string& q, int) -> Replies { return {reply(q, {}, 2)}; }, nullptr},
      {"REFUSED", [](const std::string& q, int) -> Replies { return {reply(q, {}, 5)}; }, nullptr},
      {"NOTIMP", [](const std::string& q, int) -> Replies { return {reply(q, {}, 4)}; }, nullptr},
      {"a record that is cut short",
       [](const std::string& q, int) -> Replies {
         const std::string whole = reply(q, {asks_aaaa(q) ? aaaa(66) : a(66)});
         return {whole.substr(0, whole.size() - 1)};
       },
       nullptr},
      {"truncated, and nobody there on TCP",
       [](const std::string& q, int) -> Replies { return {reply(q, {}, 0, true)}; }, nullptr},
      {"TCP ends early",
       [](const std::string& q, int) -> Replies { return {reply(q, {}, 0, true)}; },
       [](const std::string& q, int) -> Replies {
         return {framed(reply(q, {a(66)})).substr(0, 20)};
       }},
      {"TCP answers something else",
       [](const std::string& q, int) -> Replies { return {reply(q, {}, 0, true)}; },
       [](const std::string&, int) -> Replies { return {framed("something else")}; }},
      {"truncated on TCP too",
       [](const std::string& q, int) -> Replies { return {reply(q, {}, 0, true)}; },
       [](const std::string& q, int) -> Replies { return {framed(reply(q, {}, 0, true))}; }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Dns first(c.udp, "127.0.0.1", 0, c.tcp);
    Dns second(both, "127.0.0.2", first.port);
    const Files files("", resolv_conf(), first.port);
    const Outcome o = look_up("host.example");
    REQUIRE(o.addresses.has_value());
    CHECK(joined(*o.addresses) == "[fd00::1]:80 10.0.0.1:80");
    CHECK(first.asked() == 2);
    CHECK(second.asked() == 2);
    CHECK(o.took < kPrompt);
  }
}

TEST_CASE("a server that nobody runs is passed over at once") {
  uint16_t port = 0;
  close(bound_socket("127.0.0.1", SOCK_DGRAM, port));
  Dns second(both, "127.0.0.2", port);
  const Files files("", resolv_conf(), port);
  const Outcome o = look_up("host.example");
  REQUIRE(o.addresses.has_value());
  CHECK(joined(*o.addresses) == "[fd00::1]:80 10.0.0.1:80");
  CHECK(o.took < 900 * kMilli);
}

TEST_CASE("no such name is final") {
  Dns first([](const std::string& q, int) -> Replies { return {reply(q, {}, 3)}; });
  Dns second(both, "127.0.0.2", first.port);
  const Files files("", resolv_conf(), first.port);
  const Outcome o = look_up("host.example");
  REQUIRE_FALSE(o.addresses.has_value());
  CHECK(o.addresses.error().code == Errc::resolve);
  CHECK(std::string_view(o.addresses.error().where) == "no such name");
  CHECK(first.asked() == 2);
  CHECK(second.asked() == 0);
}

TEST_CASE("a name without addresses, and no server at all, are resolve errors") {
  {
    Dns server([](const std::string& q, int) -> Replies { return {reply(q, {})}; });
    const Files files("", resolv_conf(), server.port);
    const Outcome o = look_up("host.example");
    REQUIRE_FALSE(o.addresses.has_value());
    CHECK(o.addresses.error().code == Errc::resolve);
  }
  {
    uint16_t port = 0;
    close(bound_socket("127.0.0.1", SOCK_DGRAM, port));
    const Files files("", "options attempts:1\n", port);   // no nameserver: 127.0.0.1
    const Outcome o = look_up("host.example");
    REQUIRE_FALSE(o.addresses.has_value());
    CHECK(o.addresses.error().code == Errc::resolve);
    CHECK(std::string_view(o.addresses.error().where) == "no DNS server answered");
    CHECK(o.took < kPrompt);
  }
}

TEST_CASE("what cannot be a name is never asked for") {
  static const std::string names[] = {"", ".", "a..b", ".a", std::string(64, 'x') + ".example",
                                      std::string(300, 'y')};
  Dns server(both);
  const Files files("", resolv_conf(), server.port);
  for (const std::string& name : names) {
    CAPTURE(name);
    const Outcome o = look_up(name);
    REQUIRE_FALSE(o.addresses.has_value());
    CHECK(o.addresses.error().code == Errc::resolve);
  }
  CHECK(server.asked() == 0);
}

TEST_CASE("a silent AAAA delays an A by the resolution delay only") {
  Dns server([](const std::string& q, int) -> Replies {
    return asks_aaaa(q) ? Replies{} : Replies{reply(q, {a(1)})};
  });
  const Files files("", resolv_conf(), server.port);
  const Outcome o = look_up("host.example");
  REQUIRE(o.addresses.has_value());
  CHECK(joined(*o.addresses) == "10.0.0.1:80");
  CHECK(o.took >= 50 * kMilli);
  CHECK(o.took < 900 * kMilli);   // below one timeout
}

TEST_CASE("silence ends at the deadline, which is named") {
  Dns server(nothing);
  const Files files("", resolv_conf(), server.port);
  const Outcome o = look_up("host.example", 60 * kMilli);
  REQUIRE_FALSE(o.addresses.has_value());
  CHECK(o.addresses.error().code == Errc::timed_out);
  CHECK(std::string_view(o.addresses.error().where) == "connect");
  CHECK(o.took >= 60 * kMilli);
  CHECK(o.took < 900 * kMilli);
  CHECK(server.asked() <= 2);
}

TEST_CASE("stopping the runtime cancels a lookup") {
  Dns server(nothing);
  const Files files("", resolv_conf(), server.port);
  const Outcome o = look_up("host.example", 8 * kSecond, 30 * kMilli);
  REQUIRE_FALSE(o.addresses.has_value());
  CHECK(o.addresses.error().code == Errc::cancelled);
  CHECK(o.took < 900 * kMilli);
}

TEST_CASE("the search list") {
  struct Case {
    const char* host;
    const char* addresses;   // null = no such name
  };
  static const Case cases[] = {
      {"host", "10.0.0.2:80"},              // host.second
      {"host.first", "10.0.0.3:80"},        // as it is, it has a dot
      {"deep.host", "10.0.0.4:80"},         // deep.host is not there, deep.host.second is
      {"host.", nullptr},                   // as it is only
      {"plain", "10.0.0.5:80"},             // in the end as it is
  };
  Dns server([](const std::string& q, int) -> Replies {
    const std::string name = asked_name(q);
    if (asks_aaaa(q)) return {reply(q, {})};
    if (name == "host.second") return {reply(q, {a(2)})};
    if (name == "host.first.") return {};
    if (name == "host.first") return {reply(q, {a(3)})};
    if (name == "deep.host.second") return {reply(q, {a(4)})};
    if (name == "plain") return {reply(q, {a(5)})};
    if (name == "plain.first") return {reply(q, {}, 2)};   // a broken zone does not end the search
    return {reply(q, {}, 3)};
  });
  const Files files("", "nameserver 127.0.0.1\nsearch nowhere second\n", server.port);
  for (const Case& c : cases) {
    CAPTURE(c.host);
    const Outcome o = look_up(c.host);
    CHECK(o.addresses.has_value() == (c.addresses != nullptr));
    if (c.addresses != nullptr && o.addresses) CHECK(joined(*o.addresses) == c.addresses);
    if (!o.addresses) CHECK(o.addresses.error().code == Errc::resolve);
  }
}

TEST_CASE("at most 16 addresses, of both families") {
  Dns server([](const std::string& q, int) -> Replies {
    Replies records;
    for (int i = 1; i <= 12; ++i) records.push_back(asks_aaaa(q) ? aaaa(i) : a(i));
    return {reply(q, records)};
  });
  const Files files("", resolv_conf(), server.port);
  const Outcome o = look_up("host.example");
  REQUIRE(o.addresses.has_value());
  REQUIRE(o.addresses->size() == 16);
  for (size_t i = 0; i < 16; ++i) {
    CHECK(((*o.addresses)[i].family == sys::Address::Family::v6) == (i % 2 == 0));
  }
}

TEST_CASE("an IPv6 server, and one that is no address") {
  uint16_t port = 0;
  Dns server(both, "::1", port);
  const Files files("", "nameserver dns.example\nnameserver ::1\n", server.port);
  const Outcome o = look_up("host.example");
  REQUIRE(o.addresses.has_value());
  CHECK(joined(*o.addresses) == "[fd00::1]:80 10.0.0.1:80");
}

TEST_CASE("ids differ from question to question") {
  static std::atomic<int> distinct;
  distinct = 0;
  Dns server([](const std::string& q, int n) -> Replies {
    static std::string last;
    if (n > 0 && q.substr(0, 2) != last) ++distinct;
    last = q.substr(0, 2);
    return both(q, n);
  });
  const Files files("", resolv_conf(), server.port);
  for (int i = 0; i < 10; ++i) CHECK(look_up("host.example").addresses.has_value());
  CHECK(server.asked() == 20);
  CHECK(distinct.load() >= 17);   // two equal neighbours happen once in 65536
}
