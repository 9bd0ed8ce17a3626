// The conditions of `stats --fail-on`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "chimera/lab/stats_report.hpp"

namespace chimera::cli {

// "mean<95", "cv > 2", "ttft_p95>=3000": what must not be.
class Condition {
 public:
  // False when this is none.
  bool parse(std::string_view text);
  // Whether it holds for a group, or cannot be told. Then `why` says which group has which number.
  bool broken(const lab::Group& g, lab::Percentiles how, std::string& why) const;

 private:
  enum class Of : uint8_t {
    figure,    // a number of the group
    values,    // a percentile of its values of the metric
    runs,      // of another number of its runs
    calls,     // of a number of its calls
  };
  bool parse_name(std::string_view name);
  bool parse_statistic(std::string_view name);
  double value(const lab::Group& g, lab::Percentiles how) const;

  Of of_ = Of::figure;
  size_t what_ = 0;                // the figure, the Trial::Number or the TrialPart::Number
  size_t figure_ = 0;              // the statistic, unless it is a percentile
  double quantile_ = -1;
  bool below_ = false, or_equal_ = false;
  double limit_ = 0;
};

}  // namespace chimera::cli
