#include "chimera/sys/socket.hpp"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "address.hpp"

namespace chimera::sys {
namespace {

bool set_option(int fd, int level, int name) {
  const int on = 1;
  return setsockopt(fd, level, name, &on, sizeof on) == 0;
}

// The step that failed, or null; errno says why.
const char* bind_and_listen(int fd, const Address& at, int backlog) {
  sockaddr_storage name;
  const socklen_t length = to_sockaddr(at, name);
  if (!set_option(fd, SOL_SOCKET, SO_REUSEADDR)) return "reuse address";
  if (bind(fd, reinterpret_cast<const sockaddr*>(&name), length) != 0) return "bind";
  return listen(fd, backlog) == 0 ? nullptr : "listen";
}

}  // namespace

Result<Handle> open_socket(Address::Family family, Transport transport) {
  if (family == Address::Family::none) return fail(Errc::bad_input, "address family");
  const bool stream = transport == Transport::stream;
  const int fd = socket(family == Address::Family::v4 ? AF_INET : AF_INET6,
                        (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 && no_route(errno)) return fail(Errc::refused, "no route", errno);
  if (fd < 0) return fail(Errc::io, "socket", errno);
  // Requests and simulated tokens are small and must leave at once. A listener hands the option
  // on to the sockets it accepts. Should it fail, the socket still works.
  if (stream) set_option(fd, IPPROTO_TCP, TCP_NODELAY);
  return fd;
}

Result<Handle> listen_on(const Address& at, int backlog) {
  CHI_TRY(const Handle fd, open_socket(at.family, Transport::stream));
  const char* failed = bind_and_listen(fd, at, backlog);
  if (failed == nullptr) return fd;
  const int why = errno;
  close(fd);
  return fail(Errc::refused, failed, why);
}

Result<Address> local_address(Handle h) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (getsockname(h, reinterpret_cast<sockaddr*>(&name), &length) != 0) {
    return fail(Errc::io, "local address", errno);
  }
  return from_sockaddr(name);
}

bool quiet(Handle h) {
  char byte;
  const ssize_t n = recv(h, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// Never repeated after EINTR: Linux has let go of the number by then, and it may be another's.
void close_socket(Handle h) { close(h); }

void abort_socket(Handle h) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(h, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(h);
}

}  // namespace chimera::sys
