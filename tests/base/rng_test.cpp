#include "chimera/base/rng.hpp"

#include <math.h>
#include <stdlib.h>

#include <set>

#include "tests/check.hpp"

using namespace chimera;

TEST_CASE("the sequence of a seed is fixed for ever") {
  // xoshiro256** over SplitMix64 seeds, computed with an independent implementation.
  Rng zero(0);
  CHECK(zero.next() == 0x99ec5f36cb75f2b4u);
  CHECK(zero.next() == 0xbf6e1f784956452au);
  CHECK(zero.next() == 0x1a5f849d4933e6e0u);
  Rng other(42);
  CHECK(other.next() == 0x15780b2e0c2ec716u);
  CHECK(other.next() == 0x6104d9866d113a7eu);
}

TEST_CASE("below stays below and reaches everything") {
  Rng rng(3);
  int counts[6] = {};
  for (int i = 0; i < 60000; ++i) {
    const uint64_t v = rng.below(6);
    REQUIRE(v < 6);
    ++counts[v];
  }
  for (int c : counts) {
    CHECK(c > 9500);
    CHECK(c < 10500);
  }
  for (int i = 0; i < 100; ++i) {
    CHECK(rng.below(1) == 0);
    CHECK(rng.below((1ull << 63) + 1) <= 1ull << 63);
  }
}

// The surplus of 2^64 over such a bound is a third of it.
TEST_CASE("below favours no number, however large the bound") {
  Rng rng(5);
  int small = 0;
  for (int i = 0; i < 3000; ++i) small += rng.below(uint64_t{3} << 62) < uint64_t{1} << 62;
  CHECK(small > 850);
  CHECK(small < 1150);
}

TEST_CASE("uniform and normal have the moments they should") {
  Rng rng(5);
  const int n = 100000;
  double sum = 0, low = 1, high = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform();
    sum += u;
    low = fmin(low, u);
    high = fmax(high, u);
    const double z = rng.normal();
    normal_sum += z;
    normal_squares += z * z;
  }
  double last = rng.normal();
  for (int i = 0; i < 100; ++i) {
    const double z = rng.normal();
    CHECK(z != last);
    last = z;
  }
  CHECK(low >= 0);
  CHECK(low < 0.001);
  CHECK(high < 1);
  CHECK(high > 0.999);
  CHECK(fabs(sum / n - 0.5) < 0.005);
  CHECK(fabs(normal_sum / n) < 0.02);
  CHECK(fabs(normal_squares / n - 1) < 0.02);
  int hits = 0;
  for (int i = 0; i < n; ++i) hits += rng.chance(0.25);
  CHECK(abs(hits - n / 4) < n / 100);
  CHECK_FALSE(rng.chance(0));
  CHECK(rng.chance(1));
}

TEST_CASE("derived seeds differ from each other and from their parent") {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    seen.insert(seed);
    for (uint64_t stream = 0; stream < 50; ++stream) seen.insert(mix_seed(seed, stream));
  }
  CHECK(seen.size() == 50 + 50 * 50);
  CHECK(mix_seed(1, 2) == mix_seed(1, 2));
}
