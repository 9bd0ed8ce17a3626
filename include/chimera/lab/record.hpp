// From raw outcomes to result files: figures by stated formulas, upstream's schema and ours
// (contract section 8; reference: TR115's own metrics.json and summary.json).
//
// Thread: any; pure functions.
#pragma once

#include <math.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "chimera/agent/outcome.hpp"
#include "chimera/agent/prompts.hpp"
#include "chimera/rt/worker.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::lab {

// upstream's figures of one agent: unweighted means over the calls it made, sums of the durations.
// As upstream counts, a call without its last record has no tokens.
struct AgentFigures {
  double average_tokens_per_second = 0, average_ttft_ms = 0;
  double stddev_throughput = 0, stddev_ttft = 0;    // sample SD over the calls; 0 under two
  double total_duration_ms = 0, load_ms = 0, prompt_eval_ms = 0, eval_ms = 0;
  uint64_t total_tokens = 0;
};
AgentFigures figures_of(const agent::AgentOutcome& a);
// eval_count / max(eval_duration, 1 us). A server that finished without stating a duration (the
// OpenAI dialects) is timed by the client: tokens behind the first per second from first to last.
// 0 without either.
double tokens_per_second(const llm::Call& c);

// upstream's figures of one run, for N agents (efficiency divides by N).
//
// What the efficiency is made of: in wall * N agent seconds, sum(T) are work (and waiting for a
// worker: the contention within T), N * max T - sum(T) are spent behind an earlier end, and
// N * (wall - max T) are the overhead. Divided by N * wall that is
//   efficiency_percent + imbalance_pp_of_wall + overhead_pp = 100
struct RunFigures {
  double wall_s = 0, sequential_s = 0, speedup = 1, efficiency_percent = 50;
  double throughput_delta = 0;      // agent 2 - agent 1, tok/s
  double ttft_delta_ms = 0;         // agent 1 - agent 2: positive = agent 2 faster
  bool contention_detected = false; // upstream's rule: speedup < 1.5 (with N agents: < 0.75 N)
  // ours: what that efficiency is made of
  double imbalance_pp = 0;          // 100 - 100 * sum(T) / (N * max T)
  double imbalance_pp_of_wall = 0;  // 100 * (N * max T - sum(T)) / (N * wall)
  double overhead_ms = 0;           // wall - max T
  double overhead_pp = 0;           // 100 * (wall - max T) / wall
  double contention_percent = 0;    // share of agent time in which a ready task waited for a worker
  double aggregate_tps = 0;         // all tokens / wall
  // Against the serial baseline; NaN without one, or when an agent failed.
  double true_efficiency_percent = NAN;   // 100 * sum(T alone) / (N * wall)
  double true_speedup_tokens = NAN;       // aggregate_tps / (tokens alone / sum(T alone))
};
RunFigures figures_of(const agent::RunOutcome& r);
// Of them what follows from the agents' times alone: all that a file of others has.
// `agents` is not 0.
RunFigures decompose(double wall_s, double sum_s, double longest_s, size_t agents);

// Percentile of ascending values by linear interpolation (type 7), q in 0..1; 0 when empty.
double percentile(std::span<const uint32_t> sorted, double q);

// What was set, and what the process and the runtime used. Per run: `used` but for its max_rss_kib,
// and `counters` but for its longest_*. Those and the rest are of the process, up to the run's end.
struct ProcessFigures {
  // the knobs
  std::string runtime, preset;           // "fixed", "smol-1kb"; "" = no preset has these knobs
  int threads = 0, permits = 0;
  uint64_t read_size = 0, coalesce = 0;
  bool keep_alive = true, pin = false, lifo = false;
  int64_t seed = -1;                     // -1 = none
  bool simulated = false;

  int workers = 0;                       // threads that run tasks
  sys::Usage used;
  rt::WorkerCounters counters;
  Nanos startup = 0;                     // process start -> first request byte handed to the kernel
  int64_t binary_bytes = 0;
  std::vector<std::pair<std::string, std::string>> endpoint_versions;   // base_url -> version
  std::string version, arch, hostname, os, kernel;
  std::string command;                   // sanitised command line: no keys, no header values
};

// What came between two measurements, `now` the later one. Maxima are those of `now`.
sys::Usage since(const sys::Usage& before, sys::Usage now);
rt::WorkerCounters since(const rt::WorkerCounters& before, const rt::WorkerCounters& now);

// metrics.json: upstream's keys, sorted, two spaces, no newline at the end; ours under "chimera".
// "collector" is the first agent, "insight" the second (left out with one agent), the others are in
// chimera.more_agents.
std::string metrics_json(const agent::RunOutcome& run, const ProcessFigures& process);
// What is kept of a run when its texts are on disk: enough for the summary.
struct RunDigest {
  int number = 1;
  bool complete = false;                 // every agent has its report
  RunFigures figures;
  struct Agent {
    double throughput = 0, ttft_ms = 0;  // means over its calls
  };
  std::vector<Agent> agents;
  uint64_t calls[6] = {};                // by llm::Validity
};
RunDigest digest_of(const agent::RunOutcome& run);

struct Summary {
  agent::Scenario scenario{};
  std::span<const agent::AgentConfig> agents;
  std::span<const RunDigest> runs;
};
// summary.json over the finished runs; means are over the complete ones.
std::string summary_json(const Summary& summary, const ProcessFigures& process,
                         int64_t generated_unix_ns);
// summary.md, combined_report.md, <agent>_report.md in upstream's layout. Figures that a run with
// failed agents does not have are "not measured" there; the JSON keeps upstream's numbers. Two
// complete runs and more have their spread behind upstream's lines.
std::string summary_markdown(const Summary& summary);
std::string combined_markdown(const agent::RunOutcome& run);
std::string agent_markdown(const agent::AgentOutcome& a);
// What makes a run's figures doubtful, one sentence each: agents that share a server, files that
// were skipped, cold loads, truncated, looping, empty or failed answers, prompts over the context,
// without most of the metrics or cut by the server.
std::vector<std::string> warnings_of(const agent::RunOutcome& run);
// Those of them that the user can mend: skipped files, limits, prompts over the context, and a
// serial baseline that is none.
std::vector<std::string> input_warnings_of(const agent::RunOutcome& run);

using agent::describe;    // "num_gpu=80, num_ctx=512, temp=1, top_p=default, ..."

// For a terminal, when no result folder was asked for: each agent's report, a table, what the
// efficiency is made of. Texts from outside are made printable.
std::string run_text(const agent::RunOutcome& run, const ProcessFigures& process);

}  // namespace chimera::lab
