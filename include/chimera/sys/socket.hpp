// Sockets that have no operation in flight: making, binding, naming and closing them. Everything
// that may wait goes through sys/port.hpp.
//
// Thread: any; a socket is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/base/result.hpp"
#include "chimera/sys/handle.hpp"

namespace chimera::sys {

// An IPv4 or IPv6 address with a port, in host byte order.
struct Address {
  enum class Family : uint8_t { none, v4, v6 };
  Family family = Family::none;
  uint16_t port = 0;
  uint32_t scope = 0;        // IPv6 zone index
  uint8_t ip[16] = {};       // network byte order; v4 uses the first 4
  bool operator==(const Address&) const = default;
  bool loopback() const;     // 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104
};

// "127.0.0.1", "::1", "fe80::1%2" (no brackets, no port). Errors: bad_input.
// RFC 4291 text form; IPv4 strictly four decimal parts without leading zeros.
Result<Address> parse_ip(std::string_view text, uint16_t port);
// "127.0.0.1:80", "[::1]:80"
std::string to_text(const Address& a);

enum class Transport : uint8_t { stream, datagram };

// A non-blocking, close-on-exec socket of that family; TCP_NODELAY on streams. Errors: io; refused
// ("no route") where the system has no such family.
Result<Handle> open_socket(Address::Family family, Transport transport);
// Binds and listens; port 0 picks one (ask local_address). SO_REUSEADDR is set.
// Errors: refused with the OS number ("address in use" is os EADDRINUSE).
Result<Handle> listen_on(const Address& at, int backlog);
Result<Address> local_address(Handle h);
// True when nothing has arrived on a connected stream with no operation in flight: no byte, no end,
// no error.
bool quiet(Handle h);
// Closes. The handle must have been forgotten by its port (Port::forget) and have no op in flight.
void close_socket(Handle h);
// Closes with an immediate RST instead of an orderly FIN (SO_LINGER 0); for fault injection.
void abort_socket(Handle h);

}  // namespace chimera::sys
