// A socket that has all of its bytes already, each with the instant of its arrival.
#include "chimera/sys/feed.hpp"

#include <errno.h>

#include "../machine.hpp"
#include "chimera/sys/clock.hpp"
#include "src/sys/virtual/world.hpp"

namespace chimera::sys {

using virtual_world::world;

Result<Handle> Feed::open(const std::string& path) {
  const vopr::Machine& m = vopr::machine();
  auto s = make_own<virtual_world::Socket>();
  s->kind = virtual_world::Socket::Kind::stream;
  s->back.random_cuts = true;
  if (path.empty()) {
    for (const auto& a : m.input) s->in.push(a.bytes, a.at);
    s->in.fin_at = m.input_ends;
  } else {
    const auto at = m.files.find(path);
    if (at == m.files.end()) return fail(Errc::not_found, "open", ENOENT);
    s->in.push(at->second, now());
    s->in.fin_at = now();
  }
  socket_ = world().adopt(std::move(s));
  if (socket_ == kNoHandle) return fail(Errc::io, "socket", EMFILE);
  return socket_;
}

void Feed::stop() { socket_ = kNoHandle; }

}  // namespace chimera::sys
