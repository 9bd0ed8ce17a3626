#include "chimera/base/math.hpp"

#include <cmath>

#include "chimera/base/rng.hpp"
#include "tests/check.hpp"

using namespace chimera;

TEST_CASE("exp and ln agree with the C library to a few units in the last place") {
  Rng rng(7);
  for (int i = 0; i < 200000; ++i) {
    const double x = (rng.uniform() - 0.5) * 1400;
    CAPTURE(x);
    REQUIRE(std::fabs(exponential(x) / std::exp(x) - 1) < 1e-15);
    const double y = std::exp(x);
    const double expected = std::log(y), scale = std::fmax(1, std::fabs(expected));
    REQUIRE(std::fabs(natural_log(y) - expected) <= 4e-16 * scale);
  }
}

TEST_CASE("exp and ln at their landmarks") {
  CHECK(exponential(0) == 1);
  CHECK(exponential(1) == doctest::Approx(2.718281828459045).epsilon(1e-15));
  CHECK(exponential(-1000) == 0);
  CHECK(std::isinf(exponential(1000)));
  CHECK(natural_log(1) == 0);
  CHECK(natural_log(0x1p-1022) == doctest::Approx(-708.3964185322641).epsilon(1e-15));
}
