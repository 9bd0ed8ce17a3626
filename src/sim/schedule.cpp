#include <math.h>

#include "chimera/base/math.hpp"
#include "plan.hpp"

namespace chimera::sim {

// A factor of mean 1.
double Schedule::spread() {
  const double p = jitter_.parameter;
  switch (jitter_.kind) {
    case Jitter::Kind::none: return 1;
    case Jitter::Kind::normal: return 1 + p * rng_.normal();
    case Jitter::Kind::lognormal: return exponential(p * rng_.normal() - p * p / 2);
    case Jitter::Kind::pareto:
      return (p - 1) / p * exponential(-natural_log(1 - rng_.uniform()) / p);
  }
  return 1;
}

Nanos Schedule::next() {
  if (begun_ && gap_ > 0) {
    const double factor = spread();
    if (factor > 0) at_ += gap_ * factor;  // a normal spread can come out negative: then at once
  }
  begun_ = true;
  return at_ < 9e18 ? static_cast<Nanos>(at_ + 0.5) : kNever;
}

uint32_t draw_length(const Lengths& lengths, uint64_t seed) {
  Rng rng(seed);
  switch (lengths.kind) {
    case Lengths::Kind::fixed: break;
    case Lengths::Kind::uniform:
      return lengths.a + static_cast<uint32_t>(rng.below(lengths.b - lengths.a + 1));
    case Lengths::Kind::lognormal: {
      const double ratio = static_cast<double>(lengths.b) / lengths.a;
      const double variance = natural_log(1 + ratio * ratio);
      const double n = lengths.a * exponential(sqrt(variance) * rng.normal() - variance / 2);
      return n < 1 ? 1 : n > 1e9 ? 1'000'000'000 : static_cast<uint32_t>(n + 0.5);
    }
  }
  return lengths.a;
}

}  // namespace chimera::sim
