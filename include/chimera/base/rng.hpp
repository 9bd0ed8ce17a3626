// A small, fast, reproducible random source: xoshiro256** seeded by SplitMix64 (Blackman and Vigna,
// 2018). The same seed gives the same sequence on every platform. Not for secrets.
//
// Thread: one at a time.
#pragma once

#include <cstdint>

namespace chimera {

class Rng {
 public:
  explicit Rng(uint64_t seed);
  uint64_t next();                       // 64 uniform bits
  uint64_t below(uint64_t bound);        // uniform in [0, bound), bound > 0, no modulo bias
  double uniform();                      // in [0, 1), 53 bits
  double normal();                       // mean 0, standard deviation 1 (Marsaglia's polar method)
  bool chance(double p) { return uniform() < p; }

 private:
  uint64_t s_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

// Mixes two values into a seed, so that streams derived from one seed are independent.
uint64_t mix_seed(uint64_t seed, uint64_t stream);

}  // namespace chimera
