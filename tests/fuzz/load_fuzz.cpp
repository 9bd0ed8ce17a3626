// What a load test is asked for: never a crash or an endless list, and what is accepted lies within
// its bounds.
#include <math.h>

#include "chimera/lab/load.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {

using namespace chimera;
using namespace chimera::lab;

int fuzz_load(std::string_view input) {
  if (const auto levels = parse_levels(input)) {
    FUZZ_CHECK(!levels->empty() && levels->size() <= kMostLevels);
    for (const uint32_t n : *levels) FUZZ_CHECK(n >= 1 && n <= kMostAtOnce);
  } else {
    FUZZ_CHECK(levels.error().code == Errc::usage && levels.error().where[0] != '\0');
  }
  if (const auto count = parse_count(input)) FUZZ_CHECK(*count >= 1 && *count <= 10'000'000);
  if (const auto arrival = parse_arrival(input)) {
    FUZZ_CHECK(isfinite(arrival->shape) && arrival->shape > 0);
    const auto again = parse_arrival(text_of(*arrival));
    FUZZ_CHECK(again && again->kind == arrival->kind && again->shape == arrival->shape);
    Schedule schedule(*arrival, 1000, 1);
    Nanos last = 0;
    for (int i = 0; i < 20; ++i) {
      const Nanos at = schedule.next();
      FUZZ_CHECK(at >= last);
      last = at;
    }
  }
  if (const auto c = parse_condition(input)) {
    FUZZ_CHECK(c->metric < kLoadMetrics && isfinite(c->limit));
    FUZZ_CHECK(c->quantile >= 0 && c->quantile <= 1);
    FUZZ_CHECK((c->metric < kTimes) == (c->statistic != Condition::Statistic::rate));
    FUZZ_CHECK(!c->holds(NAN));
  } else {
    FUZZ_CHECK(c.error().code == Errc::usage && c.error().where[0] != '\0');
  }
  const auto goals = parse_goals(input);
  FUZZ_CHECK(goals || (goals.error().code == Errc::usage && goals.error().where[0] != '\0'));
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_load)
