#include "chimera/sys/names.hpp"

#include "chimera/sys/file.hpp"

namespace chimera::sys {
namespace {

constexpr size_t kLimit = 1u << 20;

}  // namespace

std::string hosts_text() { return read_file("/etc/hosts", kLimit).value_or(""); }
std::string resolver_text() { return read_file("/etc/resolv.conf", kLimit).value_or(""); }

}  // namespace chimera::sys
