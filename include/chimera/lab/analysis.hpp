// From trials to an answer: which groups of runs there are, what their figures are, whether they
// differ, and what can be said in words. Everything a report shows is in here; writers only lay it
// out (lab/stats_report.hpp).
//
// NaN is "cannot be said". Every string may hold bytes from outside (names of folders, of metrics):
// make it printable for a terminal, escape it for HTML.
//
// Thread: any; pure functions. Cost: 1 ms a group (the bootstrap), 20 us a pair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/own.hpp"
#include "chimera/lab/statistics.hpp"
#include "chimera/lab/trials.hpp"

namespace chimera::lab {

struct AnalysisSettings {
  size_t metric = 0;                     // which of TrialSet::metrics
  Percentiles percentiles = Percentiles::kLinear;
  bool clean = false;                    // leave out trials that have Reasons
  uint64_t seed = 1;                     // of the bootstrap
};

// How a metric is read. Known by the name's last part or its ending; else "" and 0.
struct MetricInfo {
  const char* unit = "";                 // "%", "pp", "ms", "s", "tok/s", "KiB", "bytes", "x"
  int better = 0;                        // 1: more is better, -1: less is better, 0: neither
};
MetricInfo metric_info(std::string_view name);

enum class Level : uint8_t {
  runtime,    // all runs of a runtime: `config` is not meant
  config,     // all runs of a configuration: `runtime` is not meant
  cell,       // the runs of a runtime in a configuration
};

// Runs that belong together. All views and pointers are into the TrialSet.
struct Group {
  Level level{};
  std::string_view runtime, config;      // a name can be "": ask the level what counts

  // The runs that count, in the order of the set (configuration, run number), and their values:
  // value(i) is that of trials[i].
  std::vector<Trial*> trials;
  std::vector<Trial*> excluded;          // not complete; when clean, also for other `reasons`
  size_t without = 0;                    // left out because they do not have the metric
  size_t metric = 0;
  double value(size_t i) const { return trials[i]->metric(metric); }

  Sample sample = Sample({});            // the values in ascending order
  Description d;
  Interval mean_ci;                      // 95 %, Student's t
  SpreadIntervals spread;                // 95 %, bootstrap, of the SD and of the CV

  // Of the runs that count. The means are over those that have the number: means[imbalance_pp],
  // means[binary_bytes], means[max_rss_kib], means[true_efficiency_percent] ... NaN when none has.
  //   means[efficiency_percent] + means[imbalance_pp_of_wall] + means[overhead_pp] = 100
  double means[Trial::kNumbers];
  size_t contention_runs = 0;            // resource_contention_detected
  // A call ended in an error, or with no or half an answer: those that are left out count, too.
  size_t failed_runs = 0;
  double cpu_us_per_token = kUnknown;    // (user + system) / tokens, over the runs that have both
  double tokens_per_run = kUnknown;      // of all agents together; the mean
  // The agents work one after the other: at least two, each run's wall time is the sum of theirs to
  // within 2 %. Their efficiency is 100 / agents, whatever the runtime does.
  bool serial = false;

  const Trial* least = nullptr;          // with the smallest value, the first of equal ones
  const Trial* most = nullptr;           // with the largest
  // Why the worst run (the least, or where less is better the most) is what it is, in words, from
  // its calls: "cold load of 4.4 s on agent 2", "512 against 58 tokens". Of runtimes' groups (of
  // those compared); else "".
  std::string worst_why;

  // Another number of these runs, and one of all their calls: the TTFTs, the rates. Without NaN.
  Sample runs(Trial::Number n) const;
  Sample calls(TrialPart::Number n) const;
  // "smol", "chimera_homo", "smol / chimera_homo".
  const std::string& name() const { return title; }
  std::string title;
};

// Two of the compared groups, a before b in Analysis::compared(). Differences are a - b.
struct Pair {
  enum Kind : uint8_t { kWelch, kMannWhitney, kBrownForsythe, kKinds };
  uint32_t a = 0, b = 0;                 // indices into compared()
  TestResult tests[kKinds];
  double p_holm[kKinds] = {};            // the kind's family are all pairs
  Effect effect;
  double difference = kUnknown;          // of the means
  Interval difference_ci;                // 95 %, Welch; not corrected for the number of pairs
  double detectable = kUnknown;          // minimum_difference() with the pair's pooled SD
};

struct Analysis {
  const TrialSet* set = nullptr;         // must outlive this
  AnalysisSettings settings;
  std::string metric;                    // its name
  MetricInfo info;

  // The runtimes', then the configurations', then the cells', each in natural order. A level is
  // there even if it has one group. Groups without a value are kept, with n = 0.
  std::vector<Group> groups;
  size_t count[3] = {};                  // groups of each level
  std::span<const Group> of(Level level) const;
  // What is compared: the runtimes, or, if there is one runtime, the configurations.
  Level comparing = Level::runtime;
  std::span<const Group> compared() const { return of(comparing); }

  // All pairs of compared(), a by a; of the first kMostCompared groups, then there is a warning.
  static constexpr size_t kMostCompared = 40;
  std::vector<Pair> pairs;
  // Over all compared groups, and over those of them that are not serial ("the working ones").
  TestResult kruskal_wallis, brown_forsythe;
  TestResult working_kruskal_wallis, working_brown_forsythe;

  // The efficiency's identity over the runs that count and are not serial. Of efficiency_percent
  // only; else NaN.
  struct Identity {
    size_t n = 0;
    double largest_gap = kUnknown;       // max |efficiency - (100 - imbalance_pp)|, pp
    double token_correlation = kUnknown; // of efficiency with tokens of the shortest / the longest
    double least_overhead_ms = kUnknown, most_overhead_ms = kUnknown;   // means of the groups
  } identity;

  size_t runs = 0;                       // that count
  std::vector<Trial*> excluded;          // of all groups, in the order of the set
  std::vector<std::string> warnings;     // whole sentences without a full stop
  // The answer in one sentence, then what it rests on, a sentence each, most important first.
  std::string headline;
  std::vector<std::string> verdict;

  // The same from the other side: without the doubtful runs when these figures have them, with them
  // when these do not. Nothing when no run is doubtful. Has no `other` itself.
  Own<Analysis> other;
};

// `set` has been read. Never fails: without a value there is a group with n = 0.
Own<Analysis> analyse(const TrialSet& set, const AnalysisSettings& settings);

// One group against the group of the same name in an older analysis of the same metric; the only
// groups of both count as the same whatever they are called.
struct Change {
  const Group* now = nullptr;
  const Group* before = nullptr;         // never nullptr
  TestResult welch;                      // now - before
  double p_holm = kUnknown;              // the family are all changes
  double difference = kUnknown;
  Interval difference_ci;
  // p_holm < 0.05 and the mean is worse, or better. Never both; neither where metric_info() does
  // not know what better is.
  bool regressed = false, improved = false;
};
std::vector<Change> compare(const Analysis& now, const Analysis& before);

inline constexpr double kAlpha = 0.05;   // what "differs" means, after Holm

}  // namespace chimera::lab
