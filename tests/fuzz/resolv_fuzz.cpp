// The hosts file and resolv.conf. Input: a name, a line end, the file.
#include <algorithm>

#include "chimera/base/text.hpp"
#include "chimera/wire/dns.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::wire;
using chimera::kSecond;

void check_word(std::string_view word, std::string_view text) {
  FUZZ_CHECK(!word.empty() && inside(word, text));
  FUZZ_CHECK(std::none_of(word.begin(), word.end(), chimera::is_space));
}

void check_search(const ResolvConf& conf, std::string_view name) {
  const size_t expected = name.ends_with('.') ? 1 : conf.search.size() + 1;
  std::string full;
  size_t plain = 0, count = 0;
  for (; search_name(conf, name, count, full); ++count) {
    FUZZ_CHECK(full.starts_with(name) && count < expected);
    plain += full == name;
  }
  FUZZ_CHECK(count == expected && plain == 1);
}

}  // namespace

int fuzz_resolv(std::string_view input) {
  std::string_view name;
  chimera::next_part(input, '\n', name);
  for (const std::string_view address : parse_hosts(input, name)) check_word(address, input);

  const ResolvConf conf = parse_resolv_conf(input);
  FUZZ_CHECK(conf.nameservers.size() <= 3 && conf.search.size() <= 6);
  for (const std::string_view server : conf.nameservers) check_word(server, input);
  for (const std::string_view suffix : conf.search) check_word(suffix, input);
  FUZZ_CHECK(conf.ndots >= 0 && conf.ndots <= 15);
  FUZZ_CHECK(conf.timeout >= kSecond && conf.timeout <= 30 * kSecond);
  FUZZ_CHECK(conf.attempts >= 1 && conf.attempts <= 5);
  check_search(conf, name);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_resolv)
