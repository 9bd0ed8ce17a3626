// TLS of the HTTP client (make TLS=1), by mbedTLS 2.28 or 3.x: 1.2 at least, 1.3 where the library
// has it. Servers are verified: chain, host name or address, and time; a session that a server
// knows again is resumed. Every connection of the program shares the sessions and the trust.
#pragma once

#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera::net {

// Whom to believe.
struct TlsTrust {
  std::string_view ca;      // certificates in PEM; empty = those of SSL_CERT_FILE, or the system's
  bool insecure = false;    // everybody
};

// To be called before the first connection by TLS. Only the first call that succeeds counts.
// Thread: one at a time. Cost: 5 ms, for the hundred certificates that a system has.
// Errors: bad_config.
Result<void> open_tls(const TlsTrust& trust);

}  // namespace chimera::net
