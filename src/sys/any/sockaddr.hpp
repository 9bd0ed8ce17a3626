// Address <-> sockaddr: what the systems' calls take and give.
#pragma once

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <netinet/in.h>
#include <sys/socket.h>
#endif

#include <cstring>

#include "chimera/sys/socket.hpp"

namespace chimera::sys {

// Fills `out` and returns how many bytes of it count; 0 for an address of no family.
inline socklen_t to_sockaddr(const Address& a, sockaddr_storage& out) {
  memset(&out, 0, sizeof out);
  if (a.family == Address::Family::v4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(a.port);
    memcpy(&v4.sin_addr, a.ip, 4);
    memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  if (a.family != Address::Family::v6) return 0;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(a.port);
  v6.sin6_scope_id = a.scope;
  memcpy(&v6.sin6_addr, a.ip, 16);
  memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

// Family::none for anything but IPv4 and IPv6.
inline Address from_sockaddr(const sockaddr_storage& in) {
  Address a;
  if (in.ss_family == AF_INET) {
    sockaddr_in v4;
    memcpy(&v4, &in, sizeof v4);
    a.family = Address::Family::v4;
    a.port = ntohs(v4.sin_port);
    memcpy(a.ip, &v4.sin_addr, 4);
  } else if (in.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    memcpy(&v6, &in, sizeof v6);
    a.family = Address::Family::v6;
    a.port = ntohs(v6.sin6_port);
    a.scope = static_cast<uint32_t>(v6.sin6_scope_id);
    memcpy(a.ip, &v6.sin6_addr, 16);
  }
  return a;
}

}  // namespace chimera::sys
