// The bytes of one response on their way out: cut to size, stopped where a fault says.
//
// Thread: one at a time.
#pragma once

#include <cstdint>
#include <string_view>

#include "chimera/base/rng.hpp"
#include "chimera/net/stream.hpp"
#include "chimera/sim/settings.hpp"

namespace chimera::sim {

class Output {
 public:
  Output(net::Stream& stream, const Settings& settings, uint64_t seed)
      : stream_(stream), rng_(seed), cut_(settings.cut), random_(settings.random_cut) {}

  // Nothing is sent behind that many bytes of the response.
  void limit(uint64_t bytes) { left_ = bytes; }
  // False when nothing more can be sent: the client has gone, or the limit is reached.
  rt::Task<bool> send(std::string_view bytes);

 private:
  size_t piece(size_t most);
  net::Stream& stream_;
  Rng rng_;
  uint32_t cut_;
  bool random_;
  uint64_t left_ = UINT64_MAX;
};

}  // namespace chimera::sim
