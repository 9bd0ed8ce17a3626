// Names to addresses, without getaddrinfo (which a static glibc cannot offer) and without blocking
// a worker: IP literals, localhost (RFC 6761), the hosts file, then DNS over UDP with TCP fallback
// (RFC 1035), A and AAAA asked at once.
//
// Thread: any worker.
// Errors: resolve (no such name, or no server answered), timed_out, cancelled.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/net/stream.hpp"
#include "chimera/rt/task.hpp"
#include "chimera/sys/socket.hpp"

namespace chimera::net {

// The addresses to try, best first: both families interleaved, IPv6 first (RFC 8305), except for
// localhost, where 127.0.0.1 comes first because that is where servers of this kind listen.
rt::Task<Result<std::vector<sys::Address>>> resolve(std::string_view host, uint16_t port,
                                                    Deadline d, rt::Stop* with = nullptr);

// Where the system's files are and which port DNS servers have: for tests.
struct ResolverFiles {
  std::string hosts;          // empty = what the system has
  std::string resolv_conf;
  uint16_t dns_port = 53;
};
ResolverFiles& resolver_files();

}  // namespace chimera::net
