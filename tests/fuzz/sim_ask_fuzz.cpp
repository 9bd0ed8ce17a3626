// The simulator's reading of a generate request: only JSON is accepted, and a refusal has words.
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "src/sim/engine.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {

int fuzz_sim_ask(std::string_view input) {
  const auto ask = chimera::sim::parse_ask(input, chimera::sim::Dialect::generate);
  if (!ask) {
    FUZZ_CHECK(ask.error().code == chimera::Errc::bad_input && ask.error().where[0] != '\0');
    return 0;
  }
  FUZZ_CHECK(chimera::wire::check_json(input) && ask->num_ctx > 0);
  FUZZ_CHECK(chimera::is_utf8(ask->model) && chimera::is_utf8(ask->prompt));
  FUZZ_CHECK(ask->load_key.ends_with("\n" + ask->model));
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_sim_ask)
