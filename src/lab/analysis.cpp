#include <math.h>

#include "analysis_parts.hpp"
#include "chimera/lab/distributions.hpp"

namespace chimera::lab {
namespace {

struct Row {
  const char* ending;
  MetricInfo info;
};
// The first that fits counts.
constexpr Row kMetrics[] = {
    {"throughput_delta", {"tok/s", 0}},
    {"ttft_delta_ms", {"ms", 0}},
    {"efficiency_percent", {"%", 1}},
    {"percent", {"%", -1}},
    {"speedup", {"x", 1}},
    {"speedup_tokens", {"x", 1}},
    {"_pp", {"pp", -1}},
    {"_pp_of_wall", {"pp", -1}},
    {"_ms", {"ms", -1}},
    {"_s", {"s", -1}},
    {"_seconds", {"s", -1}},
    {"_kib", {"KiB", -1}},
    {"_bytes", {"bytes", -1}},
    {"_switches", {"", -1}},
    {"_detected", {"", -1}},
    {"complete", {"", 1}},
    {"_tps", {"tok/s", 1}},
    {"throughput", {"tok/s", 1}},
    {"tokens_per_second", {"tok/s", 1}},
    {"tokens_per_sec", {"tok/s", 1}},
};

Own<Analysis> analyse_one(const TrialSet& set, const AnalysisSettings& settings) {
  Own<Analysis> a = make_own<Analysis>();
  a->set = &set;
  a->settings = settings;
  a->metric = set.metrics[settings.metric];
  a->info = metric_info(a->metric);
  make_groups(*a);
  run_tests(*a);
  return a;
}

}  // namespace

MetricInfo metric_info(std::string_view name) {
  for (const Row& row : kMetrics) {
    if (name.ends_with(row.ending)) return row.info;
  }
  return {};
}

bool is_efficiency(std::string_view metric) {
  return metric.ends_with("efficiency_percent") && !metric.ends_with("true_efficiency_percent");
}

bool ran_serially(const Trial& t) {
  const double wall = t[Trial::concurrent_wall_time_s], sum = t[Trial::sequential_estimated_s];
  return t.agents.size() > 1 && fabs(wall / sum - 1) < 0.02;
}

Interval welch_interval(const Group& a, const Group& b, const TestResult& welch) {
  const auto error = [](const Group& g) {
    return g.d.sd * g.d.sd / static_cast<double>(static_cast<int64_t>(g.d.n));
  };
  const double middle = a.d.mean - b.d.mean, sum = error(a) + error(b);
  if (sum != 0 && isnan(welch.df)) return {};   // also of sums that overflow
  const double half = sum == 0 ? 0 : t_quantile(0.975, welch.df) * sqrt(sum);
  return {middle - half, middle + half};
}

const Trial* worst_of(const Analysis& a, const Group& g) {
  return a.info.better < 0 ? g.most : g.least;
}

std::span<const Group> Analysis::of(Level level) const {
  size_t from = 0;
  const auto which = static_cast<size_t>(level);
  for (size_t i = 0; i < which; ++i) from += count[i];
  return std::span(groups).subspan(from, count[which]);
}

Own<Analysis> analyse(const TrialSet& set, const AnalysisSettings& settings) {
  Own<Analysis> a = analyse_one(set, settings);
  bool decides = false;
  for (const Trial* t : set.trials) decides |= doubtful(*t, settings.metric);
  if (decides) {
    AnalysisSettings opposite = settings;
    opposite.clean = !settings.clean;
    a->other = analyse_one(set, opposite);
    warn(*a->other);
    judge(*a->other);
  }
  warn(*a);
  judge(*a);
  return a;
}

// The group of the older analysis that a group is compared with; nullptr when there is none.
static const Group* counterpart(const Group& g, const Analysis& now, const Analysis& before) {
  const auto old = before.compared();
  if (old.size() == 1 && now.compared().size() == 1) return &old[0];
  for (const Group& other : old) {
    if (other.name() == g.name()) return &other;
  }
  return nullptr;
}

std::vector<Change> compare(const Analysis& now, const Analysis& before) {
  size_t n = 0;
  for (const Group& g : now.compared()) n += counterpart(g, now, before) != nullptr;
  std::vector<Change> changes(n);
  std::vector<double> p(n);
  n = 0;
  for (const Group& g : now.compared()) {
    const Group* old = counterpart(g, now, before);
    if (old == nullptr) continue;
    Change& c = changes[n];
    c.now = &g;
    c.before = old;
    c.welch = welch_t(g.sample, old->sample);
    c.difference = g.d.mean - old->d.mean;
    c.difference_ci = welch_interval(g, *old, c.welch);
    p[n++] = c.welch.p;
  }
  holm(p);
  for (size_t i = 0; i < n; ++i) {
    Change& c = changes[i];
    c.p_holm = p[i];
    const double gain = c.difference * now.info.better;
    c.regressed = c.p_holm < kAlpha && gain < 0;
    c.improved = c.p_holm < kAlpha && gain > 0;
  }
  return changes;
}

}  // namespace chimera::lab
