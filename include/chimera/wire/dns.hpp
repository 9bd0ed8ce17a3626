// DNS as a stub resolver needs it: one question, one answer (RFC 1035, RFC 3596), and the two text
// files that say where to look. Pure functions over bytes; who sends, retries and caches is net's.
//
// Thread: any. Errors: bad_input (our question), protocol (their answer).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"
#include "chimera/base/time.hpp"

namespace chimera::wire {

inline constexpr size_t kDnsUdpLimit = 512;     // bytes of one UDP answer: we send no EDNS
inline constexpr size_t kDnsAddressLimit = 32;  // more addresses than that are left out

enum class DnsType : uint16_t { a = 1, aaaa = 28 };

struct DnsAddress {
  bool v6 = false;
  uint8_t ip[16] = {};       // network byte order; v4 uses the first 4
};

struct DnsAnswer {
  int rcode = 0;             // 0 = fine, 2 = server failure, 3 = no such name, 5 = refused
  bool truncated = false;    // ask again over TCP; no addresses then
  std::vector<DnsAddress> addresses;   // none with rcode 0: the name has none of this type
};

// The message that asks for `name` ("host", "host.example", also with a final dot), recursion
// desired. Over TCP its length goes before it as two bytes, the high one first.
// Errors: bad_input for a name with an empty label, a label over 63 or in all over 253 bytes.
Result<std::string> dns_query(uint16_t id, std::string_view name, DnsType type);

// Reads the answer to `query`, which dns_query made, following aliases inside it. nullopt = not the
// answer to this query (another id, question or direction): ignore it and go on waiting, it may be
// a late or a forged one. Errors: protocol for an answer that is ours but malformed.
Result<std::optional<DnsAnswer>> parse_dns_answer(std::string_view query, std::string_view packet);

// The addresses a hosts file gives for `name` (case-insensitive, names and aliases), in the file's
// order, as views into `text`. They are not checked to be addresses.
std::vector<std::string_view> parse_hosts(std::string_view text, std::string_view name);

// resolv.conf(5): what is not understood is ignored, numbers are brought into their range. The
// views point into the text.
struct ResolvConf {
  std::vector<std::string_view> nameservers;   // at most 3; empty = the caller's default
  std::vector<std::string_view> search;        // at most 6; the last "search" or "domain" counts
  int ndots = 1;                               // 0..15
  Nanos timeout = 5 * kSecond;                 // 1..30 s, per try and server
  int attempts = 2;                            // 1..5
};
ResolvConf parse_resolv_conf(std::string_view text);

// The full names to ask for instead of `name`, counted from 0; false when there are no more. A name
// with at least ndots dots comes first as it is, any other last; a final dot means as it is only.
bool search_name(const ResolvConf& conf, std::string_view name, size_t index, std::string& out);

}  // namespace chimera::wire
