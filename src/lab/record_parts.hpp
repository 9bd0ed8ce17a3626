// What the record writers share.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "chimera/lab/record.hpp"

namespace chimera::lab {

struct Spread {
  double mean = 0, sd = 0;             // sample SD; 0 under two values
  double min = 0, max = 0;
};
Spread spread_of(std::span<const double> values);

// The figures of a run that are averaged over runs, in the order of their names.
struct FigureName {
  const char* name;
  double RunFigures::*value;
};
inline constexpr FigureName kFigures[] = {
    {"aggregate_tps", &RunFigures::aggregate_tps},
    {"concurrency_speedup", &RunFigures::speedup},
    {"concurrent_wall_time_s", &RunFigures::wall_s},
    {"contention_percent", &RunFigures::contention_percent},
    {"efficiency_percent", &RunFigures::efficiency_percent},
    {"imbalance_pp", &RunFigures::imbalance_pp},
    {"imbalance_pp_of_wall", &RunFigures::imbalance_pp_of_wall},
    {"overhead_ms", &RunFigures::overhead_ms},
    {"overhead_pp", &RunFigures::overhead_pp},
    {"sequential_estimated_s", &RunFigures::sequential_s},
    {"throughput_delta", &RunFigures::throughput_delta},
    {"true_efficiency_percent", &RunFigures::true_efficiency_percent},
    {"true_speedup_tokens", &RunFigures::true_speedup_tokens},
    {"ttft_delta_ms", &RunFigures::ttft_delta_ms},
};

// Those of the complete runs.
std::vector<RunFigures> complete_figures(std::span<const RunDigest> runs);
Spread spread_of(std::span<const RunFigures> figures, double RunFigures::*value);
// The mean of each of them; upstream's neutral values (speedup 1, efficiency 50) without runs.
RunFigures mean_of(std::span<const RunFigures> figures);

inline constexpr std::array<const char*, 2> kStageNames = {"analysis", "report"};
inline std::array<const agent::StageOutcome*, 2> stages_of(const agent::AgentOutcome& a) {
  return {&a.analysis_stage, &a.report_stage};
}

// What upstream calls tokens_generated and total_duration_ms (from sent to the end).
uint64_t generated_tokens(const llm::Call& c);
Nanos call_duration(const llm::Call& c);

// The "counters" and "serial" objects of a record (record_counters.cpp).
void write_counters(wire::JsonWriter& j, const rt::WorkerCounters& counters);
void write_serial(wire::JsonWriter& j, const agent::SerialOutcome& serial);

// "A" ... "Z", "27"...
std::string agent_letter(size_t index);
// "timed_out: first-token (words of the server)"
std::string error_words(const Error& error, std::string_view text);

}  // namespace chimera::lab
