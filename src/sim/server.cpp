#include "chimera/sim/server.hpp"

#include "engine.hpp"

namespace chimera::sim {

Server::Server() = default;
Server::~Server() = default;

Result<void> Server::open(const Settings& settings, Witness* witness) {
  const Result<sys::Address> at = sys::parse_ip(settings.host, settings.port);
  if (!at) return fail(Errc::usage, "host: an IP address");
  engine_ = make_own<Engine>(settings, witness);
  engine_->settings.hurry();
  CHI_TRY_VOID(engine_->listener.open(*at));
  if (settings.truth.empty()) return {};
  CHI_TRY_VOID(engine_->truth.open(settings.truth));
  CHI_TRY(const sys::Address bound, address());
  engine_->truth.set_port(bound.port);
  return {};
}

Result<sys::Address> Server::address() const {
  return engine_->listener.address();
}

rt::Task<void> Server::run() {
  return net::serve(engine_->listener, *engine_);
}

}  // namespace chimera::sim
