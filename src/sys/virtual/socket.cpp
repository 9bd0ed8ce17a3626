#include "chimera/sys/socket.hpp"

#include <errno.h>

#include <utility>

#include "world.hpp"

namespace chimera::sys {
namespace {

using namespace virtual_world;

void close_handle(Handle h, bool abortive) {
  Socket* s = world().find(h);
  CHI_CHECK(s != nullptr && s->port == nullptr);   // open, and forgotten by its port
  hang_up(*s, abortive);
  world().table[static_cast<size_t>(h)].reset();
}

}  // namespace

Result<Handle> open_socket(Address::Family family, Transport transport) {
  auto s = make_own<Socket>();
  s->kind = transport == Transport::datagram ? Socket::Kind::datagram : Socket::Kind::fresh;
  CHI_TRY(s->local, parse_ip(family == Address::Family::v6 ? "::1" : "127.0.0.1", 0));
  const Handle h = world().adopt(std::move(s));
  if (h == kNoHandle) return fail(Errc::io, "socket", EMFILE);
  return h;
}

Result<Handle> listen_on(const Address& at, int backlog) {
  if (at.port != 0 && world().listener_at(at) != nullptr)
    return fail(Errc::refused, "listen", EADDRINUSE);
  auto s = make_own<Socket>();
  s->kind = Socket::Kind::listener;
  s->local = at;
  s->backlog = backlog < 0 ? 1 : static_cast<size_t>(backlog) + 1;   // one more, as Linux has it
  if (at.port == 0) s->local.port = world().pick_port();
  const Handle h = world().adopt(std::move(s));
  if (h == kNoHandle) return fail(Errc::io, "socket", EMFILE);
  return h;
}

Result<Address> local_address(Handle h) {
  const Socket* s = world().find(h);
  if (s == nullptr) return fail(Errc::io, "local address", EBADF);
  return s->local;
}

bool quiet(Handle h) {
  Socket* s = world().find(h);
  const bool reads = s != nullptr && (s->kind == Socket::Kind::stream ||
                                      s->kind == Socket::Kind::datagram);
  return reads && ready_at(*s, Op::Kind::read) > world().now;
}

void close_socket(Handle h) { close_handle(h, false); }
void abort_socket(Handle h) { close_handle(h, true); }

}  // namespace chimera::sys
