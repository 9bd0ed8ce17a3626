// Addresses as this system has them, and what its errors say of them.
#pragma once

#include <errno.h>

#include "../any/sockaddr.hpp"

namespace chimera::sys {

// True when the error says that this machine cannot reach an address, or may not.
inline bool no_route(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL ||
         error == EAFNOSUPPORT || error == EACCES || error == EPERM;
}

}  // namespace chimera::sys
