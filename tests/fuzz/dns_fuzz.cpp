// DNS: answers as they come, records behind a header that is ours, and questions for any name.
#include "chimera/wire/dns.hpp"

#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::wire;

constexpr size_t kHeader = 12;

void check_answer(std::string_view query, std::string_view packet, bool v6) {
  const auto got = parse_dns_answer(query, packet);
  if (!got || !*got) return;
  const DnsAnswer& answer = **got;
  FUZZ_CHECK(answer.rcode >= 0 && answer.rcode <= 15);
  FUZZ_CHECK(answer.addresses.size() <= kDnsAddressLimit);
  FUZZ_CHECK(answer.addresses.empty() || (answer.rcode == 0 && !answer.truncated));
  for (const DnsAddress& a : answer.addresses) FUZZ_CHECK(a.v6 == v6);
}

// The input as the name: a question is no answer, and with the answer bit one without addresses.
void check_name(std::string_view name) {
  const auto query = dns_query(7, name, DnsType::a);
  if (!query) return;
  FUZZ_CHECK(query->size() <= kHeader + 255 + 4);
  auto got = parse_dns_answer(*query, *query);
  FUZZ_CHECK(got && !*got);
  std::string answer = *query;
  answer[2] = static_cast<char>(answer[2] | '\x80');
  got = parse_dns_answer(*query, answer);
  FUZZ_CHECK(got && *got && (*got)->addresses.empty());
}

}  // namespace

int fuzz_dns(std::string_view input) {
  check_name(input);
  for (const bool v6 : {false, true}) {
    std::string query = *dns_query(0, "www.example.com", v6 ? DnsType::aaaa : DnsType::a);
    for (size_t i = 0; i < 2 && i < input.size(); ++i) query[i] = input[i];
    check_answer(query, input, v6);
    // The input's first byte as the number of records, the rest as the records.
    std::string packet = query;
    packet[2] = '\x81';
    packet[7] = input.empty() ? '\0' : input[0];
    packet += input.substr(input.empty() ? 0 : 1);
    check_answer(query, packet, v6);
  }
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_dns)
