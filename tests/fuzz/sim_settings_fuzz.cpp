// What a simulated server is told: never a crash, and what is accepted lies within its bounds.
#include <math.h>

#include "chimera/sim/settings.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::sim;

void check_fault(const Fault& fault) {
  FUZZ_CHECK(fault.kind != FaultKind::none);
  FUZZ_CHECK(fault.probability >= 0 && fault.probability <= 1);
  FUZZ_CHECK((fault.kind == FaultKind::status) == (fault.status != 0));
  FUZZ_CHECK(fault.status == 0 || (fault.status >= 400 && fault.status <= 599));
  FUZZ_CHECK(fault.tokens >= -1 && fault.bytes >= -1 && fault.duration >= -1);
}

void check_settings(const Settings& s) {
  FUZZ_CHECK(s.ttft >= 0 && s.load >= 0 && s.prefill >= 0);
  FUZZ_CHECK(s.rate == 0 || (s.rate >= 1e-3 && s.rate <= 1e9));
  FUZZ_CHECK(s.tokens.a >= 1);
  FUZZ_CHECK(s.tokens.kind != Lengths::Kind::uniform || s.tokens.b >= s.tokens.a);
  FUZZ_CHECK(isfinite(s.jitter.parameter) && s.jitter.parameter >= 0);
  FUZZ_CHECK(s.jitter.kind != Jitter::Kind::pareto || s.jitter.parameter > 1);
  FUZZ_CHECK(s.slots >= 1 && s.tokens_per_event >= 1);
  for (const Fault& fault : s.faults) check_fault(fault);
  for (const std::string& model : s.models) FUZZ_CHECK(!model.empty());
}

}  // namespace

int fuzz_sim_settings(std::string_view input) {
  Settings together;
  const auto all = set_all(together, input);
  FUZZ_CHECK(all || all.error().where[0] != '\0');
  check_settings(together);
  for (const Key& key : keys()) {
    Settings one;
    const auto set_one = set(one, key.name, input);
    FUZZ_CHECK(set_one || set_one.error().where == key.wrong);
    check_settings(one);
  }
  if (const auto fault = parse_fault(input)) check_fault(*fault);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_sim_settings)
