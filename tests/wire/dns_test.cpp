#include "chimera/wire/dns.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::Guarded;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

std::string u16(unsigned v) {
  return {static_cast<char>(v >> 8 & 0xff), static_cast<char>(v & 0xff)};
}
std::string u32(uint32_t v) { return u16(v >> 16) + u16(v & 0xffff); }

// "a.b" -> "\1a\1b\0"
std::string labels(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  return out + '\0';
}

constexpr unsigned kA = 1, kCname = 5, kTxt = 16, kAaaa = 28;
const std::string kAsked = "\xc0\x0c"s;   // points to the question's name

std::string record(const std::string& owner, unsigned type, const std::string& data,
                   uint32_t ttl = 300) {
  return owner + u16(type) + u16(1) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
}

std::string query_for(std::string_view name = "www.Example.com", DnsType type = DnsType::a) {
  const auto q = dns_query(0x1234, name, type);
  REQUIRE(q);
  return *q;
}

// An answer to `query`: its id and question, these flags, and these records.
std::string answer_to(const std::string& query, const std::vector<std::string>& records,
                      unsigned flags = 0x8180) {
  std::string out = query.substr(0, 2) + u16(flags) + u16(1) +
                    u16(static_cast<unsigned>(records.size())) + u32(0) + query.substr(12);
  for (const std::string& r : records) out += r;
  return out;
}

using Parsed = Result<std::optional<DnsAnswer>>;

Parsed parse(std::string_view query, std::string_view packet) {
  const Guarded q(query), p(packet);
  return parse_dns_answer(q.view(), p.view());
}

// "1.2.3.4" and so on for v4, plain hex for v6, joined; or why there is none.
std::string text(const Parsed& r) {
  if (!r) return r.error().code == Errc::protocol ? "bad" : "?";
  if (!r->has_value()) return "not ours";
  if ((*r)->truncated) return "truncated";
  if ((*r)->rcode != 0) return "rcode " + std::to_string((*r)->rcode);
  std::string out;
  for (const DnsAddress& a : (*r)->addresses) {
    if (!out.empty()) out += ' ';
    char buffer[4];
    for (int i = 0; i < (a.v6 ? 16 : 4); ++i) {
      snprintf(buffer, sizeof buffer, a.v6 ? "%02x" : i > 0 ? ".%u" : "%u", unsigned{a.ip[i]});
      out += buffer;
    }
  }
  return out.empty() ? "none" : out;
}

const std::string kOne = "\x01\x02\x03\x04"s, kTwo = "\x09\x08\x07\x06"s;
const std::string kV6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s;

}  // namespace

TEST_CASE("a query, byte for byte") {
  CHECK(query_for("www.Example.com.", DnsType::aaaa) ==
        "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
        "\x03www\x07" "Example\x03" "com\x00\x00\x1c\x00\x01"s);
  CHECK(query_for("a") == "\x12\x34\x01\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"s);
}

TEST_CASE("names that can be asked for, and names that cannot") {
  const std::string l63(63, 'a'), l61(61, 'b');
  const std::string name253 = l63 + "." + l63 + "." + l63 + "." + l61;
  struct Case { const char* what; std::string name; bool ok; };
  const Case cases[] = {
      {"one letter", "a", true},
      {"a label of 63", l63 + ".x", true},
      {"a label of 64", l63 + "a.x", false},
      {"253 bytes", name253, true},
      {"253 bytes and the final dot", name253 + ".", true},
      {"254 bytes", name253 + "b", false},
      {"nothing", "", false},
      {"only a dot", ".", false},
      {"a dot first", ".a", false},
      {"two dots", "a..b", false},
      {"two dots at the end", "a..", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const Guarded name(c.name);
    const auto q = dns_query(1, name.view(), DnsType::a);
    CHECK(q.has_value() == c.ok);
    if (!q) CHECK(q.error().code == Errc::bad_input);
    if (q) CHECK(text(parse(*q, answer_to(*q, {record(kAsked, kA, kOne)}))) == "1.2.3.4");
  }
}

TEST_CASE("answers") {
  const std::string q = query_for();
  const std::string q6 = query_for("www.example.com", DnsType::aaaa);
  const std::string cdn = labels("cdn.example.net");
  // The first alias record's data begins behind the question and 12 bytes of record.
  const std::string to_cdn = "\xc0"s + static_cast<char>(q.size() + 12);
  struct Case { const char* name; std::string query; std::string packet; const char* want; };
  const Case cases[] = {
      {"one address", q, answer_to(q, {record(kAsked, kA, kOne)}), "1.2.3.4"},
      {"two addresses", q, answer_to(q, {record(kAsked, kA, kOne), record(kAsked, kA, kTwo)}),
       "1.2.3.4 9.8.7.6"},
      {"an IPv6 address", q6, answer_to(q6, {record(kAsked, kAaaa, kV6)}),
       "20010db8000000000000000000000001"},
      {"no records", q, answer_to(q, {}), "none"},
      {"the name spelt out, in other case", q,
       answer_to(q, {record(labels("WWW.eXAMPLE.com"), kA, kOne)}), "1.2.3.4"},
      {"a name half pointer", q,
       answer_to(q, {record("\3www\xc0\x10"s, kA, kOne)}), "1.2.3.4"},
      {"somebody else's address", q, answer_to(q, {record(labels("evil.com"), kA, kOne)}), "none"},
      {"another type is passed over", q,
       answer_to(q, {record(kAsked, kTxt, "\3abc"), record(kAsked, kAaaa, kV6),
                     record(kAsked, kA, kOne)}), "1.2.3.4"},
      {"another class is passed over", q,
       answer_to(q, {kAsked + u16(kA) + u16(3) + u32(1) + u16(4) + kTwo,
                     record(kAsked, kA, kOne)}), "1.2.3.4"},
      {"an alias", q, answer_to(q, {record(kAsked, kCname, cdn), record(to_cdn, kA, kOne)}),
       "1.2.3.4"},
      {"an alias behind its address", q,
       answer_to(q, {record(cdn, kA, kOne), record(kAsked, kCname, cdn)}), "1.2.3.4"},
      {"two aliases, in the wrong order", q,
       answer_to(q, {record(labels("b.c"), kCname, cdn), record(cdn, kA, kOne),
                     record(kAsked, kCname, labels("B.C"))}), "1.2.3.4"},
      {"an alias to nowhere", q, answer_to(q, {record(kAsked, kCname, cdn)}), "none"},
      {"an alias to the root", q, answer_to(q, {record(kAsked, kCname, "\0"s)}), "none"},
      {"an alias to itself", q, answer_to(q, {record(kAsked, kCname, kAsked)}), "bad"},
      {"aliases in a circle", q,
       answer_to(q, {record(kAsked, kCname, cdn), record(cdn, kCname, kAsked)}), "bad"},
      {"no such name", q, answer_to(q, {}, 0x8183), "rcode 3"},
      {"server failure", q, answer_to(q, {}, 0x8182), "rcode 2"},
      {"refused, with junk behind", q, answer_to(q, {}, 0x8185) + "junk", "rcode 5"},
      {"truncated", q, answer_to(q, {record(kAsked, kA, kOne)}, 0x8380), "truncated"},
      {"recursion not available is fine", q, answer_to(q, {record(kAsked, kA, kOne)}, 0x8000),
       "1.2.3.4"},
      {"junk behind the answer", q, answer_to(q, {record(kAsked, kA, kOne)}) + "junk", "1.2.3.4"},

      {"a query", q, answer_to(q, {}, 0x0100), "not ours"},
      {"another opcode", q, answer_to(q, {}, 0x8980), "not ours"},
      {"another name", q, answer_to(query_for("www.example.org"), {}), "not ours"},
      {"a longer name", q, answer_to(query_for("www.example.com.au"), {}), "not ours"},
      {"another type", q, answer_to(q6, {}), "not ours"},
      {"another id", q, "\x12\x35"s + answer_to(q, {}).substr(2), "not ours"},
      {"nothing", q, "", "not ours"},
      {"three bytes", q, "\x12\x34\x81", "not ours"},
      {"two questions", q, answer_to(q, {}).replace(4, 2, u16(2)), "not ours"},
      {"no question", q, answer_to(q, {}).replace(4, 2, u16(0)), "not ours"},

      {"an address of three bytes", q, answer_to(q, {record(kAsked, kA, "abc")}), "bad"},
      {"an address of five bytes", q, answer_to(q, {record(kAsked, kA, "abcde")}), "bad"},
      {"an IPv6 address of four bytes", q6, answer_to(q6, {record(kAsked, kAaaa, kOne)}), "bad"},
      {"more records promised than there are", q,
       answer_to(q, {record(kAsked, kA, kOne)}).replace(6, 2, u16(2)), "bad"},
      {"65535 records promised", q,
       answer_to(q, {record(kAsked, kA, kOne)}).replace(6, 2, u16(65535)), "bad"},
      {"fewer promised than there are", q,
       answer_to(q, {record(kAsked, kA, kOne), record(kAsked, kA, kTwo)}).replace(6, 2, u16(1)),
       "1.2.3.4"},
      {"data longer than the packet", q,
       answer_to(q, {kAsked + u16(kTxt) + u16(1) + u32(1) + u16(65535) + "abc"}), "bad"},
      {"an alias shorter than its data", q, answer_to(q, {record(kAsked, kCname, cdn + "x")}),
       "bad"},
      {"an alias that points forward", q,
       answer_to(q, {record(kAsked, kCname, "\xc0\xff")}), "bad"},
      {"an alias longer than its data", q,
       answer_to(q, {kAsked + u16(kCname) + u16(1) + u32(1) + u16(3) + cdn}), "bad"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(text(parse(c.query, c.packet)) == c.want);
  }
}

TEST_CASE("compression pointers cannot loop, lead forward or build endless names") {
  const std::string q = query_for("a.b");
  const auto at = [](size_t offset) { return "\xc0"s + static_cast<char>(offset); };
  const size_t here = q.size();
  const auto owner = [&](const std::string& name) {
    return text(parse(q, answer_to(q, {record(name, kA, kOne)})));
  };
  CHECK(owner(at(here)) == "bad");                        // to itself
  CHECK(owner(at(here + 2)) == "bad");                    // forward
  CHECK(owner("\1x"s + at(here)) == "bad");               // to its own labels
  CHECK(owner("\xff\xff") == "bad");                      // behind the packet
  CHECK(owner("\x40"s + std::string(64, 'x')) == "bad");  // label types nobody uses
  CHECK(owner("\x80\x0c") == "bad");
  CHECK(owner(at(14)) == "none");                         // "b": fine, but not the name asked
  CHECK(owner(at(12)) == "1.2.3.4");

  // Names that each point to the one before: 64 jumps are followed, 65 are not. They stand in the
  // data of a first record, which begins 11 bytes behind the question.
  const size_t base = here + 11;
  for (const size_t jumps : {64u, 65u}) {
    std::string chain = "\0"s;
    std::string last = at(base);
    while (chain.size() < 2 * jumps - 1) {
      chain += last;
      last = at(base + chain.size() - 2);
    }
    CAPTURE(jumps);
    const std::string packet =
        answer_to(q, {record("\0"s, kTxt, chain), record(last, kA, kOne)});
    CHECK(text(parse(q, packet)) == (jumps == 64 ? "none" : "bad"));
  }

  // 255 bytes in wire form are a name, 256 are not.
  const std::string l63 = "\x3f"s + std::string(63, 'x');
  CHECK(owner(l63 + l63 + l63 + "\x3d"s + std::string(61, 'x') + "\0"s) == "none");
  CHECK(owner(l63 + l63 + l63 + "\x3e"s + std::string(62, 'x') + "\0"s) == "bad");
}

TEST_CASE("the cap on addresses") {
  const std::string q = query_for();
  const Parsed r = parse(q, answer_to(q, std::vector<std::string>(100, record(kAsked, kA, kOne))));
  REQUIRE(r);
  CHECK((*r)->addresses.size() == kDnsAddressLimit);
}

TEST_CASE("every truncation and every changed byte of an answer") {
  const std::string q = query_for();
  const std::string cdn = labels("cdn.example.net");
  const std::string packet =
      answer_to(q, {record(kAsked, kCname, cdn), record("\xc0"s + static_cast<char>(q.size() + 12),
                                                        kA, kOne),
                    record(cdn, kA, kTwo)});
  REQUIRE(text(parse(q, packet)) == "1.2.3.4 9.8.7.6");
  for (size_t n = 0; n < packet.size(); ++n) {
    CAPTURE(n);
    CHECK(text(parse(q, packet.substr(0, n))) == (n < q.size() ? "not ours" : "bad"));
  }
  for (size_t i = 0; i < packet.size(); ++i) {
    for (int b = 0; b < 256; ++b) {
      std::string changed = packet;
      changed[i] = static_cast<char>(b);
      const Parsed r = parse(q, changed);
      if (r && r->has_value()) CHECK((*r)->addresses.size() <= 2);
    }
  }
}

TEST_CASE("random packets behind a good question") {
  const std::string q = query_for();
  uint32_t seed = 1;
  size_t read = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string packet = answer_to(q, {});
    packet[7] = 3;
    for (int i = 0; i < 60; ++i) {
      seed = seed * 1664525 + 1013904223;
      const unsigned v = seed >> 16;
      // mostly the bytes that mean something: pointers, small lengths, types
      packet += static_cast<char>(v % 4 == 0 ? 0xc0 : v % 4 == 1 ? v >> 8 & 0x3f : v >> 8 & 7);
    }
    read += parse(q, packet).has_value();
  }
  CHECK(read < 5000);
}

TEST_CASE("hosts files") {
  const std::string text =
      "# comment localhost\n"
      "127.0.0.1\tlocalhost\n"
      "::1 localhost ip6-localhost\r\n"
      "  10.0.0.5 \t Big.Box.example  big  # big2\n"
      "10.0.0.6 other#big\n"
      "10.0.0.7\n"
      "\n"
      "#10.0.0.8 big\n"
      "10.0.0.9 bigger big BIG";
  const Guarded g(text);
  struct Case { const char* name; std::vector<std::string_view> want; };
  const Case cases[] = {
      {"localhost", {"127.0.0.1", "::1"}}, {"LOCALHOST.", {"127.0.0.1", "::1"}},
      {"ip6-localhost", {"::1"}},          {"big", {"10.0.0.5", "10.0.0.9"}},
      {"big.box.example", {"10.0.0.5"}},   {"big2", {}},
      {"other", {"10.0.0.6"}},             {"10.0.0.7", {}},
      {"bi", {}},                          {"", {}},
      {"comment", {}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(parse_hosts(g.view(), c.name) == c.want);
  }
  CHECK(parse_hosts("", "a").empty());
  for (size_t n = 0; n < text.size(); ++n) {
    const Guarded cut(std::string_view(text).substr(0, n));
    CHECK(parse_hosts(cut.view(), "big").size() <= 2);
  }
}

TEST_CASE("resolv.conf") {
  using Views = std::vector<std::string_view>;
  const Guarded g(
      "# nameserver 9.9.9.9\n"
      "; nameserver 9.9.9.8\n"
      "domain first.example\n"
      "search  a.example\tb.example . # c.example\r\n"
      "nameserver 1.1.1.1 # main\n"
      "nameserver\n"
      "nameserver fe80::1%eth0\r\n"
      "\tnameserver 8.8.8.8\n"
      "nameserver 8.8.4.4\n"
      "nameservers 7.7.7.7\n"
      "sortlist 1.2.3.0\n"
      "options rotate ndots:3 timeout:2\n"
      "options attempts:4 edns0");
  const ResolvConf conf = parse_resolv_conf(g.view());
  CHECK(conf.nameservers == Views{"1.1.1.1", "fe80::1%eth0", "8.8.8.8"});
  CHECK(conf.search == Views{"a.example", "b.example"});
  CHECK(conf.ndots == 3);
  CHECK(conf.timeout == 2 * kSecond);
  CHECK(conf.attempts == 4);

  const ResolvConf empty = parse_resolv_conf("");
  CHECK(empty.nameservers.empty());
  CHECK(empty.search.empty());
  CHECK(empty.ndots == 1);
  CHECK(empty.timeout == 5 * kSecond);
  CHECK(empty.attempts == 2);

  CHECK(parse_resolv_conf("search a b c d e f g h\n").search.size() == 6);
  CHECK(parse_resolv_conf("search a b\ndomain c\n").search == Views{"c"});

  struct Case { const char* options; int ndots; int seconds; int attempts; };
  static const Case cases[] = {
      {"ndots:0 timeout:0 attempts:0", 0, 1, 1},
      {"ndots:99 timeout:99 attempts:99", 15, 30, 5},
      {"ndots:18446744073709551615 timeout:4294967297", 15, 30, 2},
      {"ndots:18446744073709551616 timeout:-1 attempts:x", 1, 5, 2},
      {"ndots: timeout attempts:2x ndots=4", 1, 5, 2},
      {"# ndots:4", 1, 5, 2},
  };
  for (const Case& c : cases) {
    CAPTURE(c.options);
    const std::string text = "options " + std::string(c.options);
    const ResolvConf o = parse_resolv_conf(text);
    CHECK(o.ndots == c.ndots);
    CHECK(o.timeout == c.seconds * kSecond);
    CHECK(o.attempts == c.attempts);
  }
}

TEST_CASE("the order in which a name is searched") {
  ResolvConf conf;
  conf.search = {"x", "y.z"};
  conf.ndots = 2;
  const auto all = [&](std::string_view name) {
    std::string out, one;
    for (size_t i = 0; search_name(conf, name, i, one); ++i) out += one + " ";
    return out;
  };
  CHECK(all("a") == "a.x a.y.z a ");
  CHECK(all("a.b") == "a.b.x a.b.y.z a.b ");
  CHECK(all("a.b.c") == "a.b.c a.b.c.x a.b.c.y.z ");
  CHECK(all("a.") == "a. ");
  conf.search.clear();
  CHECK(all("a") == "a ");
  CHECK(all("a.b.c") == "a.b.c ");
}
