// The Chimera workflow: N agents at the same time, each ingest -> analysis call -> report call.
//
// Thread: run_crew on any worker; agents are spread round robin over all workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "chimera/agent/outcome.hpp"
#include "chimera/llm/endpoint.hpp"
#include "chimera/rt/task.hpp"

namespace chimera::agent {

enum class Stage : uint8_t { waiting, ingest, analysis, report, done, failed };
const char* name_of(Stage s);

// What an agent is doing, for whoever wants to show it. Written by the agent, read by anyone.
struct Progress {
  std::atomic<Stage> stage{Stage::waiting};
  std::atomic<uint64_t> pieces{0};           // of the current call
  std::atomic<int64_t> first_piece{0};       // instant; 0 = none yet
};

struct CrewSettings {
  std::string directory;
  IngestOptions ingest;
  Scenario scenario = Scenario::baseline_vs_chimera;
  std::vector<AgentConfig> agents;
  std::vector<wire::Url> endpoints;          // agent i uses endpoints[i mod n]
  std::span<llm::Dialect> dialects;          // of each of them
  llm::ClientSettings client;
  int permits = 0;                           // agents at work at once; 0 = all
};

// Model options: of every agent, and what --chimera-* and --chimera2-* lay over them.
struct OptionSets {
  llm::Options common, a, b;
};

// Upstream's rule of who gets which options (upstream.md section 4.1): baseline: the first agent
// none, the others `a`; hetero: the first `a`, the others `b`, or `a` when `b` holds nothing;
// homo: all `a`. `common` lies under all of them. Ids and labels as there; from the third on
// "agent_3" / "Agent 3".
std::vector<AgentConfig> make_agents(Scenario scenario, size_t count, const std::string& model,
                                     std::span<const wire::Url> endpoints, const OptionSets& sets);

// One run. `progress` has one entry per agent, or is empty. The outcome is always complete in form:
// an agent that failed says so in its record, and the others are not touched by it.
rt::Task<void> run_crew(const CrewSettings& settings, int number, std::span<Progress> progress,
                        RunOutcome& outcome);
// Each agent as a crew of one, one after the other, until all were or the runtime is to stop: the
// baseline of --serial.
rt::Task<void> run_serial(const CrewSettings& settings, std::span<Progress> progress,
                          SerialOutcome& outcome);

}  // namespace chimera::agent
