// What a crew of agents was told to do and what came of it: the raw record that every report and
// every figure is computed from (lab/record).
//
// Thread: plain data; an agent writes its own AgentOutcome only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chimera/agent/ingest.hpp"
#include "chimera/llm/call.hpp"

namespace chimera::agent {

enum class Scenario : uint8_t { baseline_vs_chimera, chimera_hetero, chimera_homo };
const char* name_of(Scenario s);                 // "baseline_vs_chimera"
// Both spellings, with '-' and with '_'. Errors: usage.
Result<Scenario> parse_scenario(std::string_view text);

struct AgentConfig {
  std::string id;          // "collector", "insight", "chimera_a", "chimera_b", "agent_3"...
  std::string label;       // "Baseline Collector", "Chimera Insight", "Chimera Agent A"...
  std::string model;
  std::string base_url;    // as text, without a trailing slash
  std::string persona;     // sent in front of every prompt
  llm::Options options;
};

// The analysis call's answer, taken apart.
struct Analysis {
  std::string summary;
  std::vector<std::string> key_findings, recommendations;   // at most 10 each
};

// How a prompt was made to fit num_ctx.
struct PromptFit {
  uint64_t context = 0;          // tokens of the context window
  bool context_assumed = false;  // num_ctx was not set
  uint64_t estimated = 0;        // tokens estimated for the prompt as sent
  uint32_t metrics = 0;          // there were; the next four: how many of them did not fit
  uint32_t metrics_left_out = 0, findings_left_out = 0, recommendations_left_out = 0;
  uint32_t paths_left_out = 0;   // of the data summary's
  bool summary_cut = false;      // the analysis' summary was shortened
  bool over = false;             // even the smallest form is over the budget

  uint32_t left_out() const {
    return metrics_left_out + findings_left_out + recommendations_left_out + paths_left_out +
           summary_cut;
  }
};

struct StageOutcome {
  std::string prompt;
  PromptFit fit;
  llm::Call call;
  Nanos duration = 0;            // prompt making, call and parsing
  bool made = false;             // the call was attempted
};

struct AgentOutcome {
  AgentConfig config;
  Inventory inventory;
  StageOutcome analysis_stage, report_stage;
  Analysis analysis;
  std::string report_markdown;   // our header block and the model's report
  Nanos ingest_duration = 0;
  Nanos total = 0;               // from before ingest to behind the report call
  int64_t finished_unix_ns = 0;
  bool failed = false;           // no report came of it
  Error error;                   // why, when failed
  std::string error_text;
  // the scheduler's account of this agent, within `total`
  Nanos ready_wait = 0;          // runnable but waiting for a worker
  Nanos running = 0;             // on a worker
  uint64_t resumes = 0;
};

// An agent that had all servers and workers to itself.
struct AloneOutcome {
  std::string id;
  Nanos total = 0;               // as AgentOutcome::total
  Nanos first_sent = 0;          // instant of its first request; 0 = none
  uint64_t tokens = 0;           // of both calls
  llm::Validity validity{};      // of the first call that was not ok
  bool failed = false;
  Error error;                   // why, when failed
  std::string error_text;
};
AloneOutcome alone_of(const AgentOutcome& a);

// Every agent once, one after the other: what working at the same time is measured against.
struct SerialOutcome {
  std::vector<AloneOutcome> agents;   // empty = was not asked for
  Nanos wall = 0;                     // around all of them

  bool complete() const;         // every agent has its report
};

struct RunOutcome {
  int number = 1;                // 1-based
  Scenario scenario = Scenario::baseline_vs_chimera;
  std::vector<AgentOutcome> agents;
  Nanos wall = 0;                // around all agents
  int64_t finished_unix_ns = 0;
  bool interrupted = false;
  SerialOutcome serial;          // of the same invocation

  bool complete() const;         // every agent has its report
};

}  // namespace chimera::agent
