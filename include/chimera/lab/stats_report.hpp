// What `chimera stats` hands to a writer, and the writers: one signature, so that a format is a row
// in a table (cli/stats.cpp).
//
// Thread: any; pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "chimera/lab/analysis.hpp"

namespace chimera::lab {

// A group's numbers under their names in JSON and CSV, which are also those of --fail-on.
enum Figure : uint8_t {
  f_n, f_mean, f_mean_low, f_mean_high, f_sd, f_sd_low, f_sd_high, f_cv, f_cv_low, f_cv_high,
  f_min, f_p5, f_p25, f_p50, f_p75, f_p95, f_max,
  f_contention_runs, f_excluded, f_without, f_contention_rate, f_error_rate,
  // means: of the decomposition
  f_efficiency, f_imbalance_of_wall, f_overhead_pp, f_imbalance, f_overhead_ms, f_contention,
  f_true_efficiency, f_true_speedup, f_aggregate_tps, f_wall, f_tokens,
  // and of the resources
  f_binary_bytes, f_max_rss, f_startup, f_cpu_per_token, f_user, f_system, f_voluntary,
  f_involuntary,
  kFigures
};
struct FigureKey {
  const char* key;
  const char* head;                      // of a table's column, for people
};
extern const FigureKey kFigureKeys[kFigures];
struct Figures {
  double values[kFigures];
  explicit Figures(const Group& g);
  explicit Figures(const Description& d);    // f_n, f_mean, f_sd, f_cv, f_min to f_max; else NaN
  double operator[](Figure f) const { return values[f]; }
};

struct StatsReport {
  const TrialSet& set;
  std::span<const Own<Analysis>> analyses;   // one a metric, at least one; none is null
  std::span<const Change> changes;           // of the first metric against --baseline; may be empty
  std::string_view command;                  // to reproduce it: the shell's words, without secrets
  std::string_view version;                  // of chimera
  size_t columns = 100;                      // text: of the terminal
};

// Whole documents, with a newline at the end.
std::string stats_text(const StatsReport& r);   // printable
std::string stats_markdown(const StatsReport& r);
std::string stats_csv(const StatsReport& r);    // a row a group (and metric)
std::string stats_json(const StatsReport& r);   // contract section 8, "chimera.stats/1"
std::string stats_svg(const StatsReport& r);    // the first metric's runs, as one picture
std::string stats_html(const StatsReport& r);   // one page that needs nothing else

}  // namespace chimera::lab
