// URLs, references and OLLAMA_HOST: whatever was understood, its text() is understood as the same
// again.
#include "chimera/wire/url.hpp"

#include "chimera/base/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::wire;

void check_same(const Url& a, const Url& b) {
  FUZZ_CHECK(a.https == b.https && a.host == b.host && a.port == b.port && a.ipv6 == b.ipv6);
  FUZZ_CHECK(a.path == b.path && a.query == b.query);
}

void check_url(const Url& url) {
  FUZZ_CHECK(url.port != 0 && !url.host.empty() && url.host == chimera::lowered(url.host));
  FUZZ_CHECK(url.path.starts_with('/'));
  const std::string text = url.text();
  FUZZ_CHECK(chimera::printable(text, false) == text && text.find(' ') == text.npos);
  const auto again = parse_url(text);
  FUZZ_CHECK(again.has_value());
  check_same(*again, url);
  FUZZ_CHECK(again->text() == text);
}

// The input as what a Location field says, asked for at `base`.
void check_reference(const Url& base, std::string_view reference) {
  const auto url = resolve(base, reference);
  if (!url) return;
  check_url(*url);
  const std::string path = url->path + "/";
  FUZZ_CHECK(path.find("/./") == path.npos && path.find("/../") == path.npos);
}

}  // namespace

int fuzz_url(std::string_view input) {
  if (const auto url = parse_url(input)) {
    check_url(*url);
    check_url(join(*url, "/api/tags"));
    check_url(join(*url, "/api/tags?a=b"));
    check_reference(*url, "../x");
  }
  check_reference(*parse_url("http://h:8080/a/b?q"), input);
  bool bad_port = false;
  const auto host = parse_ollama_host(input, &bad_port);
  if (!host) return 0;
  check_url(*host);
  FUZZ_CHECK(host->path == "/" || !host->path.ends_with('/'));
  const std::string text = host->text();
  if (text.ends_with('"') || text.ends_with('\'')) return 0;  // quotes at the end are not kept
  const auto again = parse_ollama_host(text, &bad_port);
  FUZZ_CHECK(again && !bad_port);
  check_same(*again, *host);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_url)
