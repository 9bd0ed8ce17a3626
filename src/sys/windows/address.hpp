// Addresses as this system has them, and what its errors say of them.
#pragma once

#include "../any/sockaddr.hpp"

namespace chimera::sys {

// True when the error says that this machine cannot reach an address, or may not.
inline bool no_route(int error) {
  return error == WSAENETUNREACH || error == WSAEHOSTUNREACH || error == WSAEADDRNOTAVAIL ||
         error == WSAEAFNOSUPPORT || error == WSAEACCES || error == ERROR_NETWORK_UNREACHABLE ||
         error == ERROR_HOST_UNREACHABLE;
}

}  // namespace chimera::sys
