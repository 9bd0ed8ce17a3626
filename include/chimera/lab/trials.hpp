// Reading results back: every run that result files tell of, as numbers. Ours and upstream's, in
// all layouts and schemas that exist (reference: TR108 to TR116, chimeraforge 0.30):
//
//   runtime-<name>/<config>/run_<k>/run_1/metrics.json    upstream's sweep, `chimera bench`
//   runtime-<name>/<config>/run_<k>/metrics.json          the same trial: counts once
//   <config>/run_<k>/metrics.json                         upstream's --runs, `chimera run -O`
//   bench_<time>.json                                     `chimeraforge bench`: a trial per run
//
// A PATH is such a file or a folder. Of a folder, every *.json below it is looked at but
// summary.json and bench.json; links to folders are not followed, folders named ".git" are left out
// without a word, and so are ".unfinished" ones, where `chimera bench` keeps what is not a trial
// yet. A file that is reached by two ways counts once. What cannot be used is listed with the
// reason and skipped, and is never fatal. Only regular files are opened, up to 64 MiB; at most
// 100,000 files are read and as many trials kept.
//
// All names in a Trial are from outside: bytes to be made printable; those from within a file are
// as they stand there, with JSON's escapes.
//
// Thread: any; file access blocks. Cost: holds one file's text at a time, and about 1 KB a trial.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/agent/outcome.hpp"
#include "chimera/base/own.hpp"

namespace chimera::lab {

// Why a call or a trial is left out of cleaned figures: a set of llm::Validity.
using Reasons = uint8_t;
constexpr Reasons reason(llm::Validity v) {
  return static_cast<Reasons>(1u << static_cast<int>(v));
}
std::string reason_words(Reasons reasons);   // "cold, loop"; "" when there is none

// The numbers below are called as in the files, and in their units. What a file does not have is
// NaN; booleans are 0 and 1.

// A call, or what an agent's calls come to: sums; means of the rate and the time to first token.
struct TrialPart {
  enum Number : uint8_t {
    eval_duration_ms, load_duration_ms, prompt_eval_duration_ms,   // the server's clock
    total_duration_ms, ttft_ms, tokens, rate_tps,
    execution_time_s,    // of an agent: from before ingest to behind its last call
    text_bytes,          // of a call's answer without outer blanks; not stored as such
    kNumbers
  };
  double numbers[kNumbers];
  // Of a call. A record of ours says how it ended. Of upstream's: cold is a load over 1 s, loop is
  // llm::repeats_itself() of the stored answer, truncated is no tokens where there is text or where
  // the server stated no duration either (the stream ended without `done`), empty is no text.
  Reasons reasons = 0;

  TrialPart();
  double operator[](Number n) const { return numbers[n]; }
};

struct TrialAgent {
  TrialPart total;
  TrialPart calls[2];    // analysis and report; in v1 one, and what was not made is all NaN
};

enum class TrialSchema : uint8_t {
  upstream_v1,     // one call an agent, no answers stored
  upstream_v2,     // two calls, with their answers
  chimera,         // "chimera.trial/1"
  chimeraforge,    // bench_*.json: one agent, one call, no efficiency
};

struct Trial {
  enum Number : uint8_t {
    // upstream's summary
    efficiency_percent, concurrent_wall_time_s, throughput_delta, ttft_delta_ms,
    run_number,      // k of the folder run_<k>, of two the outer one; else what the record says
    // the next eight are computed from the agents' times and tokens where the record has them not
    sequential_estimated_s, concurrency_speedup, resource_contention_detected,
    // our decomposition
    imbalance_pp, imbalance_pp_of_wall, overhead_ms, overhead_pp, aggregate_tps,
    contention_percent, true_efficiency_percent, true_speedup_tokens,
    // of our record
    complete, simulated, binary_bytes, max_rss_kib, startup_ms, user_s, system_s,
    voluntary_switches, involuntary_switches,
    // not stored as such
    finished_s,      // when its last agent was done: seconds since 1970
    same_server,     // another agent's server has the first agent's URL
    same_host,       // or its host: they may share one GPU
    machine,         // a number made of the host's name: equal names, equal numbers
    kNumbers
  };
  static constexpr size_t kMetrics = 8;
  double numbers[kNumbers + kMetrics];   // and the metrics asked for
  std::string path;                      // of the file
  // The folder runtime-<name>; else the record's preset, else its runtime, else "unknown". The
  // folder goes first because two binaries can have one preset. chimeraforge: the backend.
  std::string runtime;
  // The folder that holds run_<k>, else the scenario. chimeraforge: "model|quant|workload|context".
  std::string config;
  TrialSchema schema{};
  Reasons reasons = 0;                   // those of its calls; error: also an incomplete run
  std::vector<TrialAgent> agents;

  Trial();
  double operator[](Number n) const { return numbers[n]; }
  double metric(size_t i) const { return numbers[kNumbers + i]; }
};

struct TrialSet {
  // What to look up in every trial, at most Trial::kMetrics: any number of a record by its path
  // (of up to 1,024 bytes),
  // "collector.result.llm_calls[1].metrics.ttft_ms"; a Trial::Number by its name, "imbalance_pp";
  // or the last parts of a path that no other path ends in, "insight_ttft_ms",
  // "decomposition.makespan_s". In this order. Of chimeraforge's files a path begins inside the
  // run, "throughput_tps".
  std::vector<std::string> metrics;
  // Parallel to metrics: one of several paths that this name fits, "" when there never were. Where
  // that left the choice open, a trial has NaN.
  std::vector<std::string> ambiguous;

  // Owned. By runtime, config, run and path, in natural order.
  std::vector<Trial*> trials;
  std::vector<agent::SkippedFile> skipped;   // in the order met
  size_t files = 0;                          // that trials were read from

  explicit TrialSet(std::span<const std::string> names);
  ~TrialSet();
  TrialSet(const TrialSet&) = delete;
  TrialSet& operator=(const TrialSet&) = delete;
};

enum class TrialOrder : uint8_t {
  runtime,   // by runtime, configuration, run and path
  config,    // by configuration, runtime, run and path
  time,      // by finished_s (those without it last) and path
};
// In natural order. Cost: n log(n)^2, less when nearly sorted.
void sort_trials(std::span<Trial*> trials, TrialOrder by);

// Adds the trials below these paths. A path that is not there is skipped too. Errors: cancelled
// when a stop signal came on the way.
Result<void> read_trials(std::span<const std::string> paths, TrialSet& set);

// Adds the trials of one file with this text; returns why there are none, "" when there are.
std::string read_trial_text(std::string_view text, const std::string& path, TrialSet& set);

// The names of Trial::Number, in its order, as far as the files have them.
std::span<const char* const> trial_number_names();

// Below, equal or above 0. Runs of digits count as numbers: "run_2" is before "run_10".
int compare_natural(std::string_view a, std::string_view b);

}  // namespace chimera::lab
