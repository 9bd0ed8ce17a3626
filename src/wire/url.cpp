#include "chimera/wire/url.hpp"

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera::wire {
namespace {

constexpr size_t kNone = std::string_view::npos;

uint16_t default_port(const Url& url) { return url.https ? 443 : 80; }

// Only printable ASCII: whatever else is in a URL was meant to be percent-encoded, and must never
// reach a request line.
bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7f) return false;
  }
  return true;
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  std::string_view rest = text, part;
  while (next_part(rest, '.', part)) {
    const Result<uint64_t> n = parse_u64(part);
    if (!n || *n > 255 || (part.size() > 1 && part[0] == '0')) return false;
    ++parts;
  }
  return parts == 4 && !text.ends_with('.');
}

// RFC 4291 section 2.2: eight groups of one to four hex digits, "::" once for a run of zero groups,
// the last two groups also as an IPv4 address.
bool is_ipv6(std::string_view text) {
  bool gap = text.starts_with("::");
  if (gap) text.remove_prefix(2);
  int groups = 0;
  while (!text.empty()) {
    const size_t n = std::min(text.find_first_not_of("0123456789abcdefABCDEF"), text.size());
    if (n < text.size() && text[n] == '.') {
      if (!is_ipv4(text)) return false;
      groups += 2;
      break;
    }
    if (n == 0 || n > 4) return false;
    ++groups;
    text.remove_prefix(n);
    if (text.empty()) break;
    if (text[0] != ':' || text.size() == 1) return false;
    text.remove_prefix(1);
    if (text[0] != ':') continue;
    if (gap) return false;
    gap = true;
    text.remove_prefix(1);
  }
  return gap ? groups < 8 : groups == 8;
}

// A name or an IPv4 address. Whether a name has good labels is the resolver's business.
bool is_host_name(std::string_view text) {
  for (const char c : text) {
    if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '.' && c != '_') return false;
  }
  return !text.empty() && text.size() <= 254;
}

// What "host:port" is made of. `port` is only there when `has_port`.
struct Authority {
  std::string_view host, port;
  bool has_port = false;
  bool bracketed = false;
};

// Several colons without brackets are left in `host`: it may be a bare IPv6 address.
Result<Authority> split_authority(std::string_view text) {
  if (text.find('@') != kNone) return fail(Errc::bad_input, "user information in the URL");
  Authority a;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == kNone) return fail(Errc::bad_input, "host");
    a.bracketed = true;
    a.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!text.empty() && text[0] != ':') return fail(Errc::bad_input, "host");
    a.has_port = !text.empty();
    a.port = text.substr(text.empty() ? 0 : 1);
    return a;
  }
  const size_t colon = text.find(':');
  a.has_port = colon != kNone && text.find(':', colon + 1) == kNone;
  a.host = text.substr(0, a.has_port ? colon : kNone);
  if (a.has_port) a.port = text.substr(colon + 1);
  return a;
}

Result<void> set_host(Url& url, std::string_view host) {
  url.ipv6 = host.find(':') != kNone;
  if (url.ipv6 ? !is_ipv6(host) : !is_host_name(host)) return fail(Errc::bad_input, "host");
  url.host = lowered(host);
  return {};
}

bool set_port(Url& url, std::string_view text) {
  const Result<uint64_t> port = parse_u64(text);
  if (!port || *port == 0 || *port > 65535) return false;
  url.port = static_cast<uint16_t>(*port);
  return true;
}

// The segments "." and ".." taken out of a path (RFC 3986 section 5.2.4), which begins with '/'.
std::string without_dots(std::string_view path) {
  std::string out;
  std::string_view part;
  do {
    path.remove_prefix(1);
    part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part == ".." && !out.empty()) out.resize(out.rfind('/'));
    if (part != "." && part != "..") out.append("/").append(part);
  } while (!path.empty());
  if (part == "." || part == "..") out += '/';
  return out;
}

// `rest` is what follows the authority: empty, or from '/', '?' or '#' on.
void set_path(Url& url, std::string_view rest) {
  rest = rest.substr(0, rest.find('#'));
  const size_t mark = rest.find('?');
  if (mark != kNone) url.query = rest.substr(mark + 1);
  rest = rest.substr(0, mark);
  url.path = without_dots(rest.empty() ? std::string_view("/") : rest);
}

// Cuts "http://" or "https://" off `text` and says whether one was there.
Result<bool> cut_scheme(Url& url, std::string_view& text) {
  const size_t end = text.find("://");
  if (end == kNone || text.find_first_of("/?#") < end) return false;
  const std::string_view scheme = text.substr(0, end);
  url.https = iequals(scheme, "https");
  if (!url.https && !iequals(scheme, "http")) return fail(Errc::bad_input, "scheme");
  text.remove_prefix(end + 3);
  return true;
}

// Cuts the authority off `text`, what follows stays.
std::string_view cut_authority(std::string_view& text) {
  const size_t end = std::min(text.find_first_of("/?#"), text.size());
  const std::string_view authority = text.substr(0, end);
  text.remove_prefix(end);
  return authority;
}

// `bad_port` given: by Ollama's rules, which know a default for everything.
Result<Url> read_url(std::string_view text, bool* bad_port) {
  if (!is_printable(text)) return fail(Errc::bad_input, "character in the URL");
  const bool ollama = bad_port != nullptr;
  Url url;
  CHI_TRY(const bool has_scheme, cut_scheme(url, text));
  url.port = ollama && !has_scheme ? 11434 : default_port(url);
  CHI_TRY(const Authority a, split_authority(cut_authority(text)));
  CHI_TRY_VOID(set_host(url, ollama && a.host.empty() ? "127.0.0.1" : a.host));
  if (!ollama && url.ipv6 != a.bracketed) return fail(Errc::bad_input, "host");
  // Behind a scheme an empty port is no port (RFC 3986 section 3.2.3).
  const bool has_port = a.has_port && (ollama || !has_scheme || !a.port.empty());
  if (has_port && !set_port(url, a.port)) {
    if (!ollama) return fail(Errc::bad_input, "port");
    *bad_port = true;
  }
  set_path(url, text);
  return url;
}

// True for "name:...", which is a URL of its own and not a path (RFC 3986 section 4.2).
bool has_scheme(std::string_view reference) {
  const size_t end = reference.find_first_of(":/?#");
  return end != kNone && reference[end] == ':';
}

}  // namespace

std::string Url::authority() const {
  std::string out = ipv6 ? "[" + host + "]" : host;
  if (port != default_port(*this)) {
    out += ':';
    append_u64(out, port);
  }
  return out;
}

std::string Url::text() const {
  std::string out = https ? "https://" : "http://";
  out += authority();
  if (path != "/" || !query.empty()) out += target();
  return out;
}

std::string Url::target() const { return query.empty() ? path : path + "?" + query; }

Result<Url> parse_url(std::string_view text) { return read_url(text, nullptr); }

void strip_slashes(Url& url) {
  while (url.path.size() > 1 && url.path.ends_with('/')) url.path.pop_back();
}

Url join(const Url& base, std::string_view path) {
  Url url = base;
  strip_slashes(url);
  const size_t mark = path.find('?');
  if (mark != kNone) url.query = path.substr(mark + 1);
  if (url.path == "/") url.path.clear();
  if (!path.starts_with('/')) url.path += '/';
  url.path += path.substr(0, mark);
  return url;
}

Result<Url> resolve(const Url& base, std::string_view reference) {
  reference = reference.substr(0, reference.find('#'));
  const std::string scheme = base.https ? "https:" : "http:";
  std::string whole(reference);
  if (reference.starts_with("//")) {
    whole = scheme + whole;
  } else if (!has_scheme(reference)) {
    std::string path = base.path;
    if (reference.starts_with('/')) path.clear();
    else if (reference.empty() && !base.query.empty()) path = base.target();
    else if (!reference.empty() && reference[0] != '?') path.resize(path.rfind('/') + 1);
    whole = scheme + "//" + base.authority() + path + whole;
  } else if (reference.find("://") != reference.find(':')) {
    return fail(Errc::bad_input, "scheme");
  }
  return parse_url(whole);
}

Result<Url> parse_ollama_host(std::string_view text, bool* bad_port) {
  *bad_port = false;
  text = trim(text);
  while (text.starts_with('"') || text.starts_with('\'')) text.remove_prefix(1);
  while (text.ends_with('"') || text.ends_with('\'')) text.remove_suffix(1);
  text = trim(text);
  if (text == "ollama.com") text = "https://ollama.com";
  CHI_TRY(Url url, read_url(text, bad_port));
  strip_slashes(url);
  // A server listens on "every address"; a client can only dial one of them.
  if (url.host == "0.0.0.0") url.host = "127.0.0.1";
  if (url.ipv6 && url.host.find_first_not_of("0:") == kNone) url.host = "::1";
  return url;
}

}  // namespace chimera::wire
