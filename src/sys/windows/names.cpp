#include "chimera/sys/names.hpp"

#include "address.hpp"

#include <iphlpapi.h>

#include <vector>

#include "chimera/sys/file.hpp"
#include "wide.hpp"

namespace chimera::sys {
namespace {

constexpr size_t kLimit = 16u << 20;   // lists of whom not to talk to are kept in `hosts`
constexpr ULONG kFirstBytes = 32 * 1024;

using Adapters = ULONG WINAPI(ULONG, ULONG, PVOID, PIP_ADAPTER_ADDRESSES, PULONG);

// Loaded when a name has to be looked up: most programs talk to an address or to this machine.
Adapters* adapters_function() {
  const HMODULE library = LoadLibraryW(L"iphlpapi.dll");
  if (library == nullptr) return nullptr;
  return reinterpret_cast<Adapters*>(
      reinterpret_cast<void*>(GetProcAddress(library, "GetAdaptersAddresses")));
}

std::string line_of(const SOCKET_ADDRESS& server) {
  sockaddr_storage s{};
  memcpy(&s, server.lpSockaddr,
         std::min<size_t>(sizeof s, static_cast<size_t>(server.iSockaddrLength)));
  Address a = from_sockaddr(s);
  if (a.family == Address::Family::none) return {};
  const std::string text = to_text(a);   // "1.2.3.4:0", "[::1]:0"
  const size_t colon = text.rfind(':');
  const bool bracket = text[0] == '[';
  return "nameserver " + text.substr(bracket, colon - 2 * bracket) + "\n";
}

}  // namespace

std::string hosts_text() {
  wchar_t folder[MAX_PATH];
  const UINT n = GetSystemDirectoryW(folder, MAX_PATH);
  const std::string path = narrow(std::wstring_view(folder, n)) + "\\drivers\\etc\\hosts";
  return read_file(path, kLimit).value_or("");
}

std::string resolver_text() {
  Adapters* const ask = adapters_function();
  if (ask == nullptr) return {};
  const ULONG flags = GAA_FLAG_SKIP_UNICAST | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST;
  std::vector<uint64_t> memory;
  ULONG bytes = kFirstBytes, error = ERROR_BUFFER_OVERFLOW;
  PIP_ADAPTER_ADDRESSES first = nullptr;
  for (int tries = 0; tries < 3 && error == ERROR_BUFFER_OVERFLOW; ++tries) {
    memory.resize(bytes / sizeof memory[0] + 1);
    first = reinterpret_cast<PIP_ADAPTER_ADDRESSES>(memory.data());
    error = ask(AF_UNSPEC, flags, nullptr, first, &bytes);
  }
  std::string out;
  if (error != NO_ERROR) return out;
  for (const IP_ADAPTER_ADDRESSES* a = first; a != nullptr; a = a->Next) {
    if (a->OperStatus != IfOperStatusUp) continue;
    for (const auto* s = a->FirstDnsServerAddress; s != nullptr; s = s->Next) {
      out += line_of(s->Address);
    }
  }
  return out;
}

}  // namespace chimera::sys
