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

bool RunOutcome::complete() const {
  if (agents.empty()) return false;
  for (const AgentOutcome& a : agents) {
    if (a.failed || !a.report_stage.made) return false;
  }
  return true;
}

}  // namespace chimera::agent
