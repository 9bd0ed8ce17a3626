#include <math.h>

#include <algorithm>

#include "analysis_parts.hpp"

namespace chimera::lab {
namespace {

TestResult test(Pair::Kind kind, const Sample& a, const Sample& b) {
  if (kind == Pair::kWelch) return welch_t(a, b);
  if (kind == Pair::kMannWhitney) return mann_whitney(a, b);
  const Sample* const both[] = {&a, &b};
  return brown_forsythe(both);
}

void test_pair(Pair& pair, const Group& a, const Group& b) {
  for (const auto kind : {Pair::kWelch, Pair::kMannWhitney, Pair::kBrownForsythe}) {
    pair.tests[kind] = test(kind, a.sample, b.sample);
  }
  pair.effect = effect_of(a.sample, b.sample);
  pair.difference = a.d.mean - b.d.mean;
  pair.difference_ci = welch_interval(a, b, pair.tests[Pair::kWelch]);
  pair.detectable = minimum_difference(a.d.n, b.d.n, pair.effect.pooled_sd);
}

void test_pairs(Analysis& a) {
  const auto groups = a.compared();
  const auto n = static_cast<uint32_t>(std::min(groups.size(), Analysis::kMostCompared));
  a.pairs = std::vector<Pair>(n < 2 ? 0 : n * (n - 1) / 2);
  Pair* pair = a.pairs.data();
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t k = i + 1; k < n; ++k, ++pair) {
      pair->a = i;
      pair->b = k;
      test_pair(*pair, groups[i], groups[k]);
    }
  }
  std::vector<double> family(a.pairs.size());
  for (size_t kind = 0; kind < Pair::kKinds; ++kind) {
    for (size_t i = 0; i < family.size(); ++i) family[i] = a.pairs[i].tests[kind].p;
    holm(family);
    for (size_t i = 0; i < family.size(); ++i) a.pairs[i].p_holm[kind] = family[i];
  }
}

void test_all(Analysis& a) {
  const auto groups = a.compared();
  std::vector<const Sample*> all(groups.size());
  size_t working = 0, serial = groups.size();
  for (const Group& g : groups) all[g.serial ? --serial : working++] = &g.sample;
  const Samples some = Samples(all).first(working);
  a.kruskal_wallis = kruskal_wallis(all);
  a.brown_forsythe = brown_forsythe(all);
  a.working_kruskal_wallis = kruskal_wallis(some);
  a.working_brown_forsythe = brown_forsythe(some);
}

// Pearson's r of what is added, by running means.
class Correlation {
 public:
  void add(double x, double y) {
    ++n_;
    const double dx = x - mx_, dy = y - my_;
    mx_ += dx / n_;
    my_ += dy / n_;
    xx_ += dx * (x - mx_);
    yy_ += dy * (y - my_);
    xy_ += dx * (y - my_);
  }
  double value() const { return xy_ / sqrt(xx_ * yy_); }

 private:
  double n_ = 0, mx_ = 0, my_ = 0, xx_ = 0, yy_ = 0, xy_ = 0;
};

void find_identity(Analysis& a) {
  Analysis::Identity& out = a.identity;
  Correlation tokens;
  for (const Group& g : a.compared()) {
    if (g.serial || g.trials.empty()) continue;
    const double overhead = g.means[Trial::overhead_ms];
    out.least_overhead_ms = fmin(out.least_overhead_ms, overhead);
    out.most_overhead_ms = fmax(out.most_overhead_ms, overhead);
    for (size_t i = 0; i < g.trials.size(); ++i) {
      const Trial& t = *g.trials[i];
      const double gap = g.value(i) - (100 - t[Trial::imbalance_pp]);
      if (t.agents.size() < 2 || isnan(gap)) continue;
      ++out.n;
      out.largest_gap = fmax(out.largest_gap, fabs(gap));
      double least = kUnknown, most = kUnknown;
      for (const TrialAgent& agent : t.agents) {
        least = fmin(least, agent.total[TrialPart::tokens]);
        most = fmax(most, agent.total[TrialPart::tokens]);
      }
      if (most > 0) tokens.add(g.value(i), least / most);
    }
  }
  out.token_correlation = tokens.value();
}

}  // namespace

void run_tests(Analysis& a) {
  test_pairs(a);
  test_all(a);
  if (is_efficiency(a.metric)) find_identity(a);
}

}  // namespace chimera::lab
