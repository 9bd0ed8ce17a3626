// http and https URLs, as far as this program needs them (RFC 3986), and OLLAMA_HOST as Ollama
// reads it.
//
// Thread: any. Errors: bad_input with `where` naming the part.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera::wire {

struct Url {
  bool https = false;
  std::string host;          // lower case; an IPv6 literal without brackets
  uint16_t port = 80;        // never 0
  std::string path;          // begins with '/'; as it was given, without the segments "." and ".."
  std::string query;         // without '?'
  bool ipv6 = false;         // host is an IPv6 literal

  // What goes into Host: "host", "host:8080", "[::1]:8080"; the scheme's own port is left out.
  std::string authority() const;
  std::string text() const;        // the URL again; no trailing slash when the path is "/"
  std::string target() const;      // path and query: what goes into the request line
};

// "http://host:port/path?query"; the scheme may be missing (then http). User information, spaces,
// control and non-ASCII characters, IPv6 zones, and ports outside 1..65535 are refused; a fragment
// is dropped, and so are the dots of "/a/../b" (RFC 3986 section 5.2.4).
Result<Url> parse_url(std::string_view text);
// Takes the slashes at the end of the path away, for a URL that stands for a server; "/" stays.
void strip_slashes(Url& url);
// A request path behind the base path, whose slashes at the end do not count: join(base,
// "/api/tags"). `path` is our own text and not checked; its query, if it has one, replaces the
// base's.
Url join(const Url& base, std::string_view path);

// What a reference (of a Location field) means where `base` was asked for (RFC 3986 section 5.2):
// a URL, or "//host/path", "/path", "path", "../path", "?query". A fragment is dropped.
// Errors: bad_input, as parse_url; also any scheme but http and https.
Result<Url> resolve(const Url& base, std::string_view reference);

// One OLLAMA_HOST entry by Ollama's own rules (envconfig/config.go): quotes and blanks trimmed,
// empty -> http://127.0.0.1:11434, no scheme -> port 11434, http:// -> 80, https:// -> 443, path
// kept, a bad port -> that default with *bad_port set, "ollama.com" alone -> https, and for a
// client no host, 0.0.0.0 and :: -> loopback. Stricter: what cannot be a host is an error here.
Result<Url> parse_ollama_host(std::string_view text, bool* bad_port);

}  // namespace chimera::wire
