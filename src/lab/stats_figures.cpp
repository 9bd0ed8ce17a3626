#include "chimera/lab/stats_report.hpp"

namespace chimera::lab {

const FigureKey kFigureKeys[kFigures] = {
    {"n", "n"},
    {"mean", "mean"},
    {"ci95_low", "95 % of mean"},
    {"ci95_high", ""},
    {"sd", "SD"},
    {"sd_ci95_low", "95 % of SD"},
    {"sd_ci95_high", ""},
    {"cv_percent", "CV %"},
    {"cv_ci95_low", "95 % of CV"},
    {"cv_ci95_high", ""},
    {"min", "min"},
    {"p5", "P5"},
    {"p25", "P25"},
    {"p50", "P50"},
    {"p75", "P75"},
    {"p95", "P95"},
    {"max", "max"},
    {"contention_runs", "cont."},
    {"excluded", "left out"},
    {"without_value", "no value"},
    {"contention_rate", "contention rate %"},
    {"error_rate", "error rate %"},
    {"efficiency_percent", "efficiency %"},
    {"imbalance_pp_of_wall", "imbalance pp"},
    {"overhead_pp", "overhead pp"},
    {"imbalance_pp", "imbalance of max T"},
    {"overhead_ms", "overhead ms"},
    {"contention_percent", "contention %"},
    {"true_efficiency_percent", "true eff. %"},
    {"true_speedup_tokens", "true speedup"},
    {"aggregate_tps", "tok/s"},
    {"wall_s", "wall s"},
    {"tokens", "tokens"},
    {"binary_bytes", "binary bytes"},
    {"max_rss_kib", "max RSS KiB"},
    {"startup_ms", "startup ms"},
    {"cpu_us_per_token", "CPU us/token"},
    {"user_s", "user s"},
    {"system_s", "system s"},
    {"voluntary_switches", "switches"},
    {"involuntary_switches", "preempted"},
};

static double real(size_t n) { return static_cast<double>(static_cast<int64_t>(n)); }

Figures::Figures(const Description& d) {
  for (double& v : values) v = kUnknown;
  values[f_n] = real(d.n);
  values[f_mean] = d.mean;
  values[f_sd] = d.sd;
  values[f_cv] = d.cv_percent;
  const double points[] = {d.min, d.p5, d.p25, d.p50, d.p75, d.p95, d.max};
  double* to = values + f_min;
  for (const double point : points) *to++ = point;
}

Figures::Figures(const Group& g) : Figures(g.d) {
  values[f_mean_low] = g.mean_ci.low;
  values[f_mean_high] = g.mean_ci.high;
  values[f_sd_low] = g.spread.sd.low;
  values[f_sd_high] = g.spread.sd.high;
  values[f_cv_low] = g.spread.cv_percent.low;
  values[f_cv_high] = g.spread.cv_percent.high;
  const double n = real(g.trials.size());
  values[f_contention_runs] = real(g.contention_runs);
  values[f_excluded] = real(g.excluded.size());
  values[f_without] = real(g.without);
  values[f_contention_rate] = 100 * real(g.contention_runs) / n;
  values[f_error_rate] = 100 * real(g.failed_runs) / (n + values[f_excluded]);
  static constexpr Trial::Number kMeans[] = {
      Trial::efficiency_percent, Trial::imbalance_pp_of_wall, Trial::overhead_pp,
      Trial::imbalance_pp, Trial::overhead_ms, Trial::contention_percent,
      Trial::true_efficiency_percent, Trial::true_speedup_tokens, Trial::aggregate_tps,
      Trial::concurrent_wall_time_s, Trial::kNumbers,
      Trial::binary_bytes, Trial::max_rss_kib, Trial::startup_ms, Trial::kNumbers,
      Trial::user_s, Trial::system_s, Trial::voluntary_switches, Trial::involuntary_switches};
  static_assert(f_efficiency + std::size(kMeans) == kFigures);
  double* to = values + f_efficiency;
  for (const Trial::Number number : kMeans) {
    *to++ = number == Trial::kNumbers ? kUnknown : g.means[number];
  }
  values[f_tokens] = g.tokens_per_run;
  values[f_cpu_per_token] = g.cpu_us_per_token;
}

}  // namespace chimera::lab
