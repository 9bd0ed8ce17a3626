#include "chimera/sys/names.hpp"

#include "chimera/sys/file.hpp"

namespace chimera::sys {
namespace {

constexpr size_t kLimit = 16u << 20;   // lists of whom not to talk to are kept in /etc/hosts

}  // namespace

std::string hosts_text() { return read_file("/etc/hosts", kLimit).value_or(""); }
std::string resolver_text() { return read_file("/etc/resolv.conf", kLimit).value_or(""); }

}  // namespace chimera::sys
