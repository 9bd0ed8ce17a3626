#include "chimera/agent/outcome.hpp"

#include <algorithm>

namespace chimera::agent {

static constexpr const char* kScenarios[] = {"baseline_vs_chimera", "chimera_hetero",
                                             "chimera_homo"};

const char* name_of(Scenario s) { return kScenarios[static_cast<size_t>(s)]; }

Result<Scenario> parse_scenario(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '-', '_');
  for (size_t i = 0; i < std::size(kScenarios); ++i) {
    if (plain == kScenarios[i]) return static_cast<Scenario>(i);
  }
  return fail(Errc::usage, "scenario");
}

AloneOutcome alone_of(const AgentOutcome& a) {
  AloneOutcome alone;
  alone.id = a.config.id;
  alone.total = a.total;
  alone.first_sent = a.analysis_stage.call.sent;
  alone.failed = a.failed;
  alone.error = a.error;
  alone.error_text = a.error_text;
  alone.validity = a.failed ? llm::Validity::error : llm::Validity::ok;
  for (const StageOutcome* s : {&a.report_stage, &a.analysis_stage}) {
    if (!s->made) continue;
    alone.tokens += s->call.tokens();
    const llm::Validity v = s->call.validity();
    if (v != llm::Validity::ok) alone.validity = v;
  }
  return alone;
}

bool SerialOutcome::complete() const {
  if (agents.empty()) return false;
  for (const AloneOutcome& a : agents) {
    if (a.failed) return false;
  }
  return true;
}

bool RunOutcome::complete() const {
  if (agents.empty()) return false;
  for (const AgentOutcome& a : agents) {
    if (a.failed || !a.report_stage.made) return false;
  }
  return true;
}

}  // namespace chimera::agent
