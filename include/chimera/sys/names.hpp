// What the system knows of host names, as text. Empty where it does not tell.
//
// Thread: any. Reads a small local file.
#pragma once

#include <string>

namespace chimera::sys {

std::string hosts_text();      // in the form of hosts(5)
std::string resolver_text();   // in the form of resolv.conf(5)

}  // namespace chimera::sys
