#include "stats_gates.hpp"

#include <math.h>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera::cli {
namespace {

using lab::Trial;
using lab::TrialPart;

struct CallNumber {
  std::string_view name;
  TrialPart::Number number;
};
constexpr CallNumber kCalls[] = {{"ttft", TrialPart::ttft_ms},
                                 {"tps", TrialPart::rate_tps},
                                 {"tokens", TrialPart::tokens},
                                 {"load", TrialPart::load_duration_ms},
                                 {"duration", TrialPart::total_duration_ms}};

size_t figure_of(std::string_view name) {
  if (name == "cv") return lab::f_cv;
  if (name == "median") return lab::f_p50;
  for (size_t i = 0; i < lab::kFigures; ++i) {
    if (name == lab::kFigureKeys[i].key) return i;
  }
  return lab::kFigures;
}

}  // namespace

// A figure that describes values, or a percentile: "p95", "p99.9".
bool Condition::parse_statistic(std::string_view name) {
  figure_ = figure_of(name);
  if (figure_ <= lab::f_max) return true;
  if (!name.starts_with('p')) return false;
  const auto percent = parse_double(name.substr(1));
  if (!percent || !(*percent >= 0 && *percent <= 100)) return false;
  quantile_ = *percent / 100;
  return true;
}

// STAT, or NAME_STAT.
bool Condition::parse_name(std::string_view name) {
  what_ = figure_of(name);
  if (what_ < lab::kFigures) return true;
  of_ = Of::values;
  if (parse_statistic(name)) return true;   // a percentile: the others are figures
  const size_t cut = name.rfind('_');
  if (cut == std::string_view::npos || !parse_statistic(name.substr(cut + 1))) return false;
  name = name.substr(0, cut);
  for (const CallNumber& c : kCalls) {
    if (name != c.name) continue;
    of_ = Of::calls;
    what_ = c.number;
    return true;
  }
  const auto names = lab::trial_number_names();
  of_ = Of::runs;
  for (what_ = 0; what_ < names.size(); ++what_) {
    if (name == names[what_]) return true;
  }
  return false;
}

bool Condition::parse(std::string_view text) {
  const size_t at = text.find_first_of("<>");
  if (at == std::string_view::npos || !parse_name(trim(text.substr(0, at)))) return false;
  below_ = text[at] == '<';
  std::string_view number = text.substr(at + 1);
  or_equal_ = number.starts_with('=');
  number.remove_prefix(or_equal_);
  const auto limit = parse_double(trim(number));
  if (limit) limit_ = *limit;
  return limit.has_value();
}

double Condition::value(const lab::Group& g, lab::Percentiles how) const {
  if (of_ == Of::figure) return lab::Figures(g).values[what_];
  if (of_ == Of::values) return lab::percentile(g.sample.sorted(), quantile_, how);
  const lab::Sample sample = of_ == Of::calls ? g.calls(static_cast<TrialPart::Number>(what_))
                                              : g.runs(static_cast<Trial::Number>(what_));
  if (quantile_ >= 0) return lab::percentile(sample.sorted(), quantile_, how);
  return lab::Figures(lab::describe(sample, how)).values[figure_];
}

bool Condition::broken(const lab::Group& g, lab::Percentiles how, std::string& why) const {
  const double x = value(g, how);
  const bool unknown = isnan(x);
  if (!unknown && !(below_ ? x < limit_ : x > limit_) && !(or_equal_ && x == limit_)) return false;
  why.append(g.name()).append(unknown ? " has no such number" : " has ");
  if (!unknown) append_shortest(why, x);
  why.append(" (n = ");
  append_u64(why, g.d.n);
  why.append(")");
  return true;
}

}  // namespace chimera::cli
