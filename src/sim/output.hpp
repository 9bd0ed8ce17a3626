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
  // `gone`: the client has left, though it may still hold its end open.
  Output(net::Stream& stream, rt::Stop& gone, const Settings& settings, uint64_t seed)
      : stream_(stream),
        gone_(gone),
        rng_(seed),
        cut_(settings.cut),
        random_(settings.random_cut) {}

  // Nothing is sent behind that many bytes of the response.
  void limit(uint64_t bytes) { left_ = bytes; }
  // False when nothing more can be sent: the client has gone, or the limit is reached.
  rt::Task<bool> send(std::string_view bytes);
  // Bytes of the response that were sent so far.
  uint64_t sent() const { return sent_; }

 private:
  size_t piece(size_t most);
  net::Stream& stream_;
  rt::Stop& gone_;
  Rng rng_;
  uint32_t cut_;
  bool random_;
  uint64_t left_ = UINT64_MAX, sent_ = 0;
};

}  // namespace chimera::sim
