// The simulator's reading of a request in each dialect: only JSON is accepted, and a refusal has
// words. What is made for its schemas is JSON, of a bounded size.
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "src/sim/document.hpp"
#include "src/sim/engine.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {

using namespace chimera;

static void fuzz_document(std::string_view schema) {
  FUZZ_CHECK(schema.size() <= sim::kSchemaLimit);
  const std::string document = sim::document_for(schema, 1);
  FUZZ_CHECK(wire::check_json(document) && document.find('\n') == document.npos);
  FUZZ_CHECK(document.size() <= 3 * sim::kSchemaLimit);
}

int fuzz_sim_ask(std::string_view input) {
  using sim::Dialect;
  for (const Dialect dialect :
       {Dialect::generate, Dialect::chat, Dialect::openai_chat, Dialect::openai_text}) {
    const auto ask = sim::parse_ask(input, dialect);
    if (!ask) {
      FUZZ_CHECK(ask.error().code == Errc::bad_input && ask.error().where[0] != '\0');
      continue;
    }
    FUZZ_CHECK(wire::check_json(input) && ask->num_ctx > 0);
    FUZZ_CHECK(is_utf8(ask->model) && is_utf8(ask->prompt) && is_utf8(ask->tool));
    FUZZ_CHECK(ask->load_key.ends_with("\n" + sim::whole_name(ask->model)));
    FUZZ_CHECK(ask->asks || !sim::is_openai(dialect));
    fuzz_document(ask->schema);
    fuzz_document(ask->tool_schema);
  }
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_sim_ask)
