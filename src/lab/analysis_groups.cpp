// Groups are runs of equal names in a sorted list: the runtimes and the cells of one order, the
// configurations of another.
#include <math.h>

#include "analysis_parts.hpp"

namespace chimera::lab {
namespace {

// Without a value of its own in the files.
double tokens_of(const Trial& t) {
  double sum = 0;
  for (const TrialAgent& a : t.agents) sum += a.total[TrialPart::tokens];
  return t.agents.empty() ? kUnknown : sum;
}

// A mean of what is there.
class Mean {
 public:
  void add(double x) {
    if (isnan(x)) return;
    sum_ += x;
    ++n_;
  }
  double value() const { return sum_ / n_; }   // NaN of nothing

 private:
  double sum_ = 0, n_ = 0;
};

bool failed(const Trial& t) {
  constexpr Reasons kFailed = reason(llm::Validity::error) | reason(llm::Validity::truncated) |
                              reason(llm::Validity::empty);
  return (t.reasons & kFailed) != 0;
}

void describe_runs(Group& g) {
  Mean means[Trial::kNumbers], tokens;
  double cpu = 0, made = 0;
  g.serial = !g.trials.empty();
  for (const Trial* t : g.trials) {
    for (size_t i = 0; i < std::size(means); ++i) means[i].add(t->numbers[i]);
    const double count = tokens_of(*t), used = (*t)[Trial::user_s] + (*t)[Trial::system_s];
    tokens.add(count);
    if (!isnan(count + used)) {
      cpu += used;
      made += count;
    }
    g.contention_runs += (*t)[Trial::resource_contention_detected] > 0;
    g.failed_runs += failed(*t);
    g.serial &= ran_serially(*t);
  }
  for (const Trial* t : g.excluded) g.failed_runs += failed(*t);
  for (size_t i = 0; i < std::size(means); ++i) g.means[i] = means[i].value();
  g.tokens_per_run = tokens.value();
  if (made > 0) g.cpu_us_per_token = cpu * 1e6 / made;
}

void describe_values(Group& g, const AnalysisSettings& settings) {
  std::vector<double> values(g.trials.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = g.value(i);
    const Trial* t = g.trials[i];
    if (g.least == nullptr || values[i] < g.least->metric(g.metric)) g.least = t;
    if (g.most == nullptr || values[i] > g.most->metric(g.metric)) g.most = t;
  }
  g.sample = Sample(std::move(values));
  g.d = describe(g.sample, settings.percentiles);
  g.mean_ci = mean_interval(g.d);
  g.spread = bootstrap_spread(g.sample, settings.seed);
}

void take(Group& g, Trial* t, bool clean) {
  if (unfinished(*t) || (clean && t->reasons != 0)) {
    g.excluded.push_back(t);
  } else if (isnan(t->metric(g.metric))) {
    ++g.without;
  } else {
    g.trials.push_back(t);
  }
}

bool together(const Trial& a, const Trial& b, Level level) {
  return (level == Level::config || a.runtime == b.runtime) &&
         (level == Level::runtime || a.config == b.config);
}

}  // namespace

Sample Group::runs(Trial::Number n) const {
  std::vector<double> values;
  for (const Trial* t : trials) {
    if (!isnan((*t)[n])) values.push_back((*t)[n]);
  }
  return Sample(std::move(values));
}

Sample Group::calls(TrialPart::Number n) const {
  std::vector<double> values;
  for (const Trial* t : trials) {
    for (const TrialAgent& a : t->agents) {
      for (const TrialPart& c : a.calls) {
        if (!isnan(c[n])) values.push_back(c[n]);
      }
    }
  }
  return Sample(std::move(values));
}

void make_groups(Analysis& a) {
  constexpr Level kLevels[] = {Level::runtime, Level::config, Level::cell};
  std::vector<Trial*> orders[2] = {a.set->trials, a.set->trials};
  sort_trials(orders[0], TrialOrder::runtime);
  sort_trials(orders[1], TrialOrder::config);
  const auto order = [&](Level level) -> std::span<Trial* const> {
    return orders[level == Level::config];
  };
  const auto begins = [&](Level level, size_t i) {
    return i == 0 || !together(*order(level)[i - 1], *order(level)[i], level);
  };
  size_t groups = 0;
  for (const Level level : kLevels) {
    size_t& count = a.count[static_cast<size_t>(level)];
    for (size_t i = 0; i < orders[0].size(); ++i) count += begins(level, i);
    groups += count;
  }
  a.groups = std::vector<Group>(groups);
  if (a.count[0] == 1 && a.count[1] > 1) a.comparing = Level::config;
  Group *next = a.groups.data(), *g = next;
  for (const Level level : kLevels) {
    for (size_t i = 0; i < orders[0].size(); ++i) {
      Trial* t = order(level)[i];
      if (begins(level, i)) {
        g = next++;
        g->level = level;
        g->runtime = t->runtime;
        g->config = t->config;
        g->metric = a.settings.metric;
        g->title = level == Level::config ? t->config : t->runtime;
        if (level == Level::cell) g->title.append(" / ").append(t->config);
      }
      take(*g, t, a.settings.clean);
    }
  }
  for (Group& each : a.groups) {
    describe_runs(each);
    describe_values(each, a.settings);
  }
  for (const Group& each : a.of(Level::runtime)) {
    a.runs += each.d.n;
    for (Trial* t : each.excluded) a.excluded.push_back(t);
  }
}

}  // namespace chimera::lab
