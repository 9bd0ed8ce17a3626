// A result file of any bytes: it is refused whole and with a reason, or gives trials whose numbers
// are consistent; it is read alike after other files.
#include <math.h>

#include "chimera/lab/trials.hpp"
#include "chimera/wire/json.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::lab;

void check_trial(const Trial& t) {
  FUZZ_CHECK(t.path == "a/runtime-b/c/run_2/m.json" && t.agents.size() <= 1100);
  Reasons reasons = 0;
  for (const TrialAgent& a : t.agents) {
    for (const TrialPart& c : a.calls) reasons |= c.reasons;
  }
  FUZZ_CHECK((t.reasons & reasons) == reasons);
  FUZZ_CHECK(reason_words(t.reasons).empty() == (t.reasons == 0));
  FUZZ_CHECK(t.schema == TrialSchema::chimeraforge || !isnan(t[Trial::efficiency_percent]));
  FUZZ_CHECK(t.schema == TrialSchema::chimeraforge || t.runtime == "b");
  FUZZ_CHECK(t[Trial::run_number] >= 0);
}

}  // namespace

int fuzz_trials(std::string_view input) {
  const std::string names[] = {"ttft_ms", "summary.efficiency_percent", "overhead_ms"};
  TrialSet set(names);
  FUZZ_CHECK(read_trial_text("{\"efficiency_percent\":1}", "first", set).empty());
  const std::string why = read_trial_text(input, "a/runtime-b/c/run_2/m.json", set);
  FUZZ_CHECK(set.trials.size() >= 1 && (why.empty() || set.trials.size() == 1));
  FUZZ_CHECK(why.starts_with("not JSON") == !chimera::wire::check_json(input) ||
             why.starts_with("too many"));
  for (size_t i = 1; i < set.trials.size(); ++i) check_trial(*set.trials[i]);
  FUZZ_CHECK((*set.trials[0])[Trial::efficiency_percent] == 1);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_trials)
