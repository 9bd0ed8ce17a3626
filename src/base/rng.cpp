#include "chimera/base/rng.hpp"

#include <math.h>  // sqrt alone: correctly rounded everywhere

#include "chimera/base/math.hpp"

namespace chimera {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

constexpr uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

// SplitMix64's output function: a bijection in which every input bit reaches every output bit.
constexpr uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

Rng::Rng(uint64_t seed) {
  for (uint64_t& word : s_) word = mix(seed += kGolden);
}

uint64_t Rng::next() {
  const uint64_t result = rotl(s_[1] * 5, 7) * 9;
  const uint64_t t = s_[1] << 17;
  s_[2] ^= s_[0];
  s_[3] ^= s_[1];
  s_[1] ^= s_[2];
  s_[0] ^= s_[3];
  s_[2] ^= t;
  s_[3] = rotl(s_[3], 45);
  return result;
}

uint64_t Rng::below(uint64_t bound) {
  // The first 2^64 mod bound values are the surplus that would favour small remainders.
  const uint64_t surplus = (0 - bound) % bound;
  uint64_t r = next();
  while (r < surplus) r = next();
  return r % bound;
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double x, y, square;
  do {
    x = 2 * uniform() - 1;
    y = 2 * uniform() - 1;
    square = x * x + y * y;
  } while (square >= 1 || square == 0);
  const double scale = sqrt(-2 * natural_log(square) / square);
  spare_ = y * scale;
  has_spare_ = true;
  return x * scale;
}

uint64_t mix_seed(uint64_t seed, uint64_t stream) {
  return mix(mix(seed + kGolden) ^ mix(stream + 2 * kGolden));
}

}  // namespace chimera
