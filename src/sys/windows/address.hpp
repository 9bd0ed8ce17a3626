// The socket headers of this system, and what its errors say of addresses.
#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

#include "../any/sockaddr.hpp"

namespace chimera::sys {

// True when the error says that this machine cannot reach an address, or may not.
inline bool no_route(int error) {
  return error == WSAENETUNREACH || error == WSAEHOSTUNREACH || error == WSAEADDRNOTAVAIL ||
         error == WSAEAFNOSUPPORT || error == WSAEACCES || error == ERROR_NETWORK_UNREACHABLE ||
         error == ERROR_HOST_UNREACHABLE;
}

}  // namespace chimera::sys
