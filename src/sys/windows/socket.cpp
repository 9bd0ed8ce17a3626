#include "chimera/sys/socket.hpp"

#include <atomic>

#include "address.hpp"

namespace chimera::sys {
namespace {

// The socket library counts its users: that two threads start it at once does no harm.
void start_library() {
  static std::atomic<bool> started{false};
  if (started.load(std::memory_order_acquire)) return;
  WSADATA about;
  WSAStartup(MAKEWORD(2, 2), &about);
  started.store(true, std::memory_order_release);
}

bool set_option(Handle h, int level, int name, DWORD value) {
  return setsockopt(h, level, name, reinterpret_cast<const char*>(&value), sizeof value) == 0;
}

// The step that failed, or null; WSAGetLastError() says why.
const char* bind_and_listen(Handle h, const Address& at, int backlog) {
  sockaddr_storage name;
  const socklen_t length = to_sockaddr(at, name);
  // What SO_REUSEADDR means elsewhere is always so here; here it would share the port with anybody.
  if (!set_option(h, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1)) return "exclusive address";
  if (at.family == Address::Family::v6) set_option(h, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(h, reinterpret_cast<const sockaddr*>(&name), length) != 0) return "bind";
  return listen(h, backlog) == 0 ? nullptr : "listen";
}

}  // namespace

Result<Handle> open_socket(Address::Family family, Transport transport) {
  if (family == Address::Family::none) return fail(Errc::bad_input, "address family");
  start_library();
  const bool stream = transport == Transport::stream;
  const SOCKET h =
      WSASocketW(family == Address::Family::v4 ? AF_INET : AF_INET6,
                 stream ? SOCK_STREAM : SOCK_DGRAM, 0, nullptr, 0,
                 WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (h == INVALID_SOCKET) {
    const int why = WSAGetLastError();
    return no_route(why) ? fail(Errc::refused, "no route", why) : fail(Errc::io, "socket", why);
  }
  u_long on = 1;   // for the calls that are not overlapped: quiet(), and a lent read
  ioctlsocket(h, FIONBIO, &on);
  if (stream) set_option(h, IPPROTO_TCP, TCP_NODELAY, 1);
  return h;
}

Result<Handle> listen_on(const Address& at, int backlog) {
  CHI_TRY(const Handle h, open_socket(at.family, Transport::stream));
  const char* failed = bind_and_listen(h, at, backlog);
  if (failed == nullptr) return h;
  const int why = WSAGetLastError();
  closesocket(h);
  return fail(Errc::refused, failed, why);
}

Result<Address> local_address(Handle h) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (getsockname(h, reinterpret_cast<sockaddr*>(&name), &length) != 0) {
    return fail(Errc::io, "local address", WSAGetLastError());
  }
  return from_sockaddr(name);
}

bool quiet(Handle h) {
  char byte;
  return recv(h, &byte, 1, MSG_PEEK) < 0 && WSAGetLastError() == WSAEWOULDBLOCK;
}

void close_socket(Handle h) { closesocket(h); }

void abort_socket(Handle h) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(h, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&now), sizeof now);
  closesocket(h);
}

}  // namespace chimera::sys
