// What a load test is asked for: when requests are due, how many at once, and what its figures must
// be. Pure functions; the figures are in lab/load_figures.hpp.
//
// Thread: any, plain data. Errors: usage, with `where` = what would be right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/base/time.hpp"

namespace chimera::lab {

// What is measured. Up to kPerRequest there is one figure a request; their formulas are in the help
// of `bench`. The last three are not times.
enum LoadMetric : uint8_t {
  m_ttft, m_ttft_from_plan, m_ttfo, m_tpot, m_e2e, m_response, m_connect, m_lag, m_late,
  kPerRequest,
  m_itl = kPerRequest,
  kTimes,
  m_error = kTimes, m_goodput, m_throughput,   // shares; requests a second
  kLoadMetrics
};
// The name in conditions and results ("ttft_from_plan").
const char* name_of(LoadMetric m);

// ---- when requests are due ---------------------------------------------------------------------

// How the gaps between requests spread about 1/rate.
struct Arrival {
  enum class Kind : uint8_t { constant, poisson, gamma };
  Kind kind = Kind::constant;
  double shape = 1;            // of gamma; below 1 burstier than poisson, which is 1
};
// "constant", "poisson", "gamma:0.5"
Result<Arrival> parse_arrival(std::string_view text);
std::string text_of(const Arrival& a);

// The instants of an open loop, counted from its beginning. Gaps are independent of each other and
// not rescaled: the number of requests in a time varies as it should (with poisson its variance is
// its mean). constant has the first one at 0, the others behind a first gap.
class Schedule {
 public:
  // `rate` in requests a second; infinite = all are due at 0.
  Schedule(const Arrival& arrival, double rate, uint64_t seed);
  Nanos next();

 private:
  double gap();                // in units of 1/rate

  Arrival arrival_;
  double scale_;               // ns, 1/rate
  Rng rng_;
  double at_ = 0;              // ns
  bool first_ = true;
};

// Gamma with the mean `shape` (Marsaglia and Tsang, 2000); shape > 0.
double gamma_value(double shape, Rng& rng);

// ---- how many ----------------------------------------------------------------------------------

inline constexpr uint32_t kMostAtOnce = 10'000;
inline constexpr size_t kMostLevels = 100;

// "8", "1,2,4", "1-9+2" (1 3 5 7 9), "1-16*2" (1 2 4 8 16), "1-4" (1 2 3 4), with commas between:
// 1 to kMostAtOnce, at most kMostLevels.
Result<std::vector<uint32_t>> parse_levels(std::string_view text);
// "200", "10k", "1.5m": k = 1,000. From 1 to 10 million.
Result<uint64_t> parse_count(std::string_view text);

// ---- what the figures must be ------------------------------------------------------------------

// "ttft:p95<200ms", "e2e:mean<=2s", "itl:max<1s", "error:rate<1%", "error<0.01", "goodput>95%",
// "throughput>=19": METRIC[:STATISTIC] COMPARISON VALUE. Times need a unit. STATISTIC is p0 to
// p100 (p99.9), mean, min or max for times; rate, which may be left out, for the others.
struct Condition {
  enum class Statistic : uint8_t { percentile, mean, min, max, rate };
  LoadMetric metric = m_ttft;
  Statistic statistic = Statistic::rate;
  double quantile = 0;         // of percentile
  bool below = true;           // "<"
  bool or_equal = false;
  double limit = 0;            // ms; a share; requests a second
  std::string text;

  bool holds(double value) const {      // false for NaN
    return below ? (or_equal ? value <= limit : value < limit)
                 : (or_equal ? value >= limit : value > limit);
  }
};
Result<Condition> parse_condition(std::string_view text);

// What each single request must keep to be a good one: "ttft:200ms,tpot:50ms". A request without
// the figure (an answer of one token has no tpot) is not good.
struct Goals {
  uint32_t most_us[kPerRequest];        // kNoGoal = any
  std::string text;                     // empty = none were given

  Goals();
  static constexpr uint32_t kNoGoal = UINT32_MAX;
};
Result<Goals> parse_goals(std::string_view text);

}  // namespace chimera::lab
