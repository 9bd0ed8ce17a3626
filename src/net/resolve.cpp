// How this works: resolve() tries what needs no server first (a literal, localhost, the hosts
// file). Then each name of the search list is asked for as A and AAAA at once: two children of a
// scope, each of which goes through servers and attempts on its own. The first that has an answer
// naps for the resolution delay and then stops the other; whoever finishes ends the other's nap.
//
// Every try has its own connected UDP socket (a random port, and the kernel drops what others send)
// and its own random id. What is not the answer to it is ignored.
#include "chimera/net/resolve.hpp"

#include <algorithm>

#include "chimera/base/rng.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/names.hpp"
#include "chimera/wire/dns.hpp"

namespace chimera::net {
namespace {

using Addresses = std::vector<sys::Address>;
using Family = sys::Address::Family;

constexpr Nanos kResolutionDelay = 50 * kMilli;   // RFC 8305 section 3
constexpr size_t kMostAddresses = 16;
constexpr size_t kFileLimit = 16u << 20;
constexpr int kRcodeNoName = 3;

ResolverFiles files;

// One of the two questions about a name, and what came of it.
struct Side {
  Side(wire::DnsType t, rt::Stop* with) : type(t), stop(with), nap(with) {}
  wire::DnsType type;
  Addresses found;
  bool heard = false;      // a server said something, be it that it failed
  bool no_name = false;
  rt::Stop stop;           // the other side has enough
  rt::Stop nap;            // nothing to wait for any more

  // Worth giving up the other side for. "No such name" counts for A alone: there are servers that
  // say it of AAAA when they mean that there is no such record (RFC 4074 section 4.2).
  bool decisive() const { return !found.empty() || (no_name && type == wire::DnsType::a); }
};

struct Lookup {
  Lookup(uint16_t p, Deadline d, rt::Stop* with)
      : port(p), deadline(d), stop(with),
        rng(mix_seed(static_cast<uint64_t>(sys::now()), reinterpret_cast<uintptr_t>(this))) {}
  uint16_t port;
  Deadline deadline;
  rt::Stop* stop;
  Rng rng;
  Addresses servers;
  Nanos timeout = 0;       // of one try
  int attempts = 0;
  std::string name;        // the one that is being asked for
};

// ---- pure helpers -------------------------------------------------------------------------------

// RFC 6761 section 6.3.
bool is_localhost(std::string_view host) {
  constexpr std::string_view kName = "localhost";
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() <= kName.size()) return iequals(host, kName);
  const size_t dot = host.size() - kName.size() - 1;
  return host[dot] == '.' && iequals(host.substr(dot + 1), kName);
}

sys::Address loopback(Family family, uint16_t port) {
  sys::Address a{.family = family, .port = port};
  if (family == Family::v4) a.ip[0] = 127;
  a.ip[family == Family::v4 ? 3 : 15] = 1;
  return a;
}

void add_new(Addresses& to, const sys::Address& a) {
  for (const sys::Address& known : to) {
    if (known == a) return;
  }
  if (to.size() < kMostAddresses) to.push_back(a);
}

// Both families in turn, IPv6 first (RFC 8305 section 4), each in its own order.
Addresses interleave(const Addresses& v6, const Addresses& v4) {
  Addresses out;
  for (size_t i = 0; i < v6.size() || i < v4.size(); ++i) {
    if (i < v6.size()) add_new(out, v6[i]);
    if (i < v4.size()) add_new(out, v4[i]);
  }
  return out;
}

Addresses parse_addresses(const std::vector<std::string_view>& texts, uint16_t port) {
  Addresses out;
  for (const std::string_view text : texts) {
    const Result<sys::Address> a = sys::parse_ip(text, port);
    if (a) add_new(out, *a);
  }
  return out;
}

// These two small local files are the only things that are ever read while a worker waits.
std::string read_small_file(const std::string& path) {
  Result<std::string> text = sys::read_file(path, kFileLimit);
  return text ? std::move(*text) : std::string();
}

Addresses from_hosts_file(std::string_view host, uint16_t port) {
  const std::string text = files.hosts.empty() ? sys::hosts_text() : read_small_file(files.hosts);
  Addresses v6, v4;
  for (const sys::Address& a : parse_addresses(wire::parse_hosts(text, host), port)) {
    (a.family == Family::v6 ? v6 : v4).push_back(a);
  }
  return interleave(v6, v4);
}

// Notes what a server said. False when another server is to be asked.
bool settle(Side& side, const wire::DnsAnswer& answer, uint16_t port) {
  side.heard = true;
  side.no_name = answer.rcode == kRcodeNoName;
  if (answer.truncated) return false;
  for (const wire::DnsAddress& from : answer.addresses) {
    sys::Address a{.family = from.v6 ? Family::v6 : Family::v4, .port = port};
    std::copy(std::begin(from.ip), std::end(from.ip), std::begin(a.ip));
    add_new(side.found, a);
  }
  return answer.rcode == 0 || side.no_name;
}

// ---- one question to one server -----------------------------------------------------------------

rt::Task<Result<void>> ask_udp(const sys::Address& server, std::string_view query, Deadline d,
                               rt::Stop* stop, wire::DnsAnswer& answer) {
  CHI_CO_TRY(const sys::Handle h, sys::open_socket(server.family, sys::Transport::datagram));
  Stream socket(h);
  CHI_CO_TRY_VOID(co_await dial_on(h, server, d, stop));
  CHI_CO_TRY_VOID(co_await socket.write_some(query, d));
  std::string packet(wire::kDnsUdpLimit, '\0');
  for (;;) {
    rt::Io read;
    read.handle = h;
    read.data = packet.data();
    read.len = static_cast<uint32_t>(packet.size());
    read.deadline = d.at;
    read.stop = stop;
    const int64_t outcome = co_await read;
    if (outcome < 0) co_return fail(error_of(outcome, "DNS server", d.name));
    const std::string_view got(packet.data(), static_cast<size_t>(outcome));
    CHI_CO_TRY(std::optional<wire::DnsAnswer> parsed, wire::parse_dns_answer(query, got));
    if (!parsed) continue;
    answer = std::move(*parsed);
    co_return Result<void>();
  }
}

// A message over TCP has its length before it, two bytes (RFC 1035 section 4.2.2).
rt::Task<Result<void>> ask_tcp(const sys::Address& server, std::string_view query, Deadline d,
                               rt::Stop* stop, wire::DnsAnswer& answer) {
  CHI_CO_TRY(Stream stream, co_await dial(server, d, stop));
  std::string message(1, static_cast<char>(query.size() >> 8));
  message += static_cast<char>(query.size() & 0xff);
  message += query;
  CHI_CO_TRY_VOID(co_await stream.write_all(message, d));
  std::string got;
  for (;;) {
    CHI_CO_TRY(const std::string_view bytes, co_await stream.read_some(d, 0, stop));
    if (bytes.empty()) co_return fail(Errc::truncated, "DNS answer");
    got.append(bytes);
    if (got.size() < 2) continue;
    const size_t size = static_cast<size_t>(static_cast<unsigned char>(got[0])) << 8 |
                        static_cast<unsigned char>(got[1]);
    if (got.size() < 2 + size) continue;
    CHI_CO_TRY(std::optional<wire::DnsAnswer> parsed,
               wire::parse_dns_answer(query, std::string_view(got).substr(2, size)));
    if (!parsed) co_return fail(Errc::protocol, "DNS answer");
    answer = std::move(*parsed);
    co_return Result<void>();
  }
}

// True when the side has what it can get, or may not go on.
rt::Task<bool> ask_server(Lookup& look, Side& side, const sys::Address& server) {
  const uint16_t id = static_cast<uint16_t>(look.rng.below(1u << 16));
  const Result<std::string> query = wire::dns_query(id, look.name, side.type);
  CHI_CHECK(query.has_value());   // the name has been looked at
  const Deadline d = earlier(look.deadline, deadline_in(sys::now(), look.timeout, "DNS server"));
  wire::DnsAnswer answer;
  Result<void> heard = co_await ask_udp(server, *query, d, &side.stop, answer);
  if (heard && answer.truncated) heard = co_await ask_tcp(server, *query, d, &side.stop, answer);
  if (heard && settle(side, answer, look.port)) co_return true;
  if (!heard && heard.error().code == Errc::cancelled) co_return true;
  co_return sys::now() >= look.deadline.at;
}

rt::Task<void> ask_servers(Lookup& look, Side& side, Side& other) {
  bool done = false;
  for (int attempt = 0; attempt < look.attempts && !done; ++attempt) {
    for (const sys::Address& server : look.servers) {
      done = co_await ask_server(look, side, server);
      if (done) break;
    }
  }
  other.nap.request();
  if (!side.decisive()) co_return;
  rt::Sleep delay(later(sys::now(), kResolutionDelay), &side.nap);
  co_await delay;
  other.stop.request();
}

// ---- all of them --------------------------------------------------------------------------------

rt::Task<Result<Addresses>> ask_name(Lookup& look) {
  Side v6(wire::DnsType::aaaa, look.stop), v4(wire::DnsType::a, look.stop);
  rt::Scope scope;
  scope.start(ask_servers(look, v6, v4), rt::Place::here());
  scope.start(ask_servers(look, v4, v6), rt::Place::here());
  co_await scope.join();
  Addresses found = interleave(v6.found, v4.found);
  if (!found.empty() || v4.no_name) co_return found;
  const bool stopped = look.stop != nullptr && look.stop->requested();
  if (stopped || rt::Runtime::current()->stopping()) co_return fail(Errc::cancelled, "DNS");
  if (sys::now() >= look.deadline.at) co_return fail(Errc::timed_out, look.deadline.name);
  if (!v6.heard && !v4.heard) co_return fail(Errc::resolve, "no DNS server answered");
  co_return found;
}

rt::Task<Result<Addresses>> ask_dns(std::string_view host, uint16_t port, Deadline d,
                                    rt::Stop* with) {
  const std::string text =
      files.resolv_conf.empty() ? sys::resolver_text() : read_small_file(files.resolv_conf);
  const wire::ResolvConf conf = wire::parse_resolv_conf(text);
  Lookup look(port, d, with);
  look.servers = parse_addresses(conf.nameservers, files.dns_port);
  if (look.servers.empty()) look.servers.push_back(loopback(Family::v4, files.dns_port));
  look.timeout = conf.timeout;
  look.attempts = conf.attempts;
  for (size_t i = 0; wire::search_name(conf, host, i, look.name); ++i) {
    if (!wire::dns_query(0, look.name, wire::DnsType::a)) continue;   // cannot be a name
    CHI_CO_TRY(Addresses found, co_await ask_name(look));
    if (!found.empty()) co_return found;
  }
  co_return fail(Errc::resolve, "no such name");
}

}  // namespace

ResolverFiles& resolver_files() { return files; }

rt::Task<Result<Addresses>> resolve(std::string_view host, uint16_t port, Deadline d,
                                    rt::Stop* with) {
  Addresses found;
  const Result<sys::Address> literal = sys::parse_ip(host, port);
  if (literal) {
    found.push_back(*literal);
  } else if (is_localhost(host)) {
    found.push_back(loopback(Family::v4, port));
    found.push_back(loopback(Family::v6, port));
  } else {
    found = from_hosts_file(host, port);
  }
  if (!found.empty()) co_return found;
  co_return co_await ask_dns(host, port, d, with);
}

}  // namespace chimera::net
