// runs: linux windows
#include "chimera/base/words.hpp"

#include <math.h>

#include "tests/check.hpp"

using namespace chimera;

namespace {

std::string count(double n) {
  std::string s;
  compose(s, "%d", {n});
  return s;
}

}  // namespace

TEST_CASE("words: a count is a whole number, whatever was measured") {
  CHECK(count(0) == "0");
  CHECK(count(1234567.5) == "1,234,568");
  CHECK(count(-3) == "0");
  CHECK(count(NAN) == "0");
  CHECK(count(1e300) == "18,446,744,073,709,549,568");
  CHECK(count(INFINITY) == "18,446,744,073,709,549,568");
}
