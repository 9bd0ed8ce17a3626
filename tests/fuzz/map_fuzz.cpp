// Records of `map` and JSON Schema: the first line is a template and a schema, the rest a record
// and a document. A prompt from a template without places is that template; results are told again
// by their ids; a document that is checked is not changed by being written without blanks around
// it.
#include "chimera/wire/json_schema.hpp"
#include "chimera/base/text.hpp"
#include "src/cli/map_record.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera;

void check_document(std::string_view document, std::string_view schema) {
  if (!wire::check_json(document) || !wire::check_json(schema)) return;
  std::string what, again;
  const auto fits = wire::check_schema(document, schema, what);
  FUZZ_CHECK(fits.has_value() || !what.empty());
  const std::string padded = " \n" + std::string(trim(document)) + "\t";
  FUZZ_CHECK(wire::check_schema(padded, schema, again).has_value() == fits.has_value());
  FUZZ_CHECK(again == what);
}

void check_record(std::string_view line, std::string_view pattern, cli::MapInput input) {
  std::string what;
  const auto record = cli::map_record(line, input, pattern, 7, what);
  if (!record) return;
  FUZZ_CHECK(wire::check_json(record->id));
  if (!pattern.empty() && !cli::template_has_place(pattern)) {
    FUZZ_CHECK(record->prompt.size() <= pattern.size());
  }
  cli::MapDone done;
  done.add("{\"id\":" + record->id + "}");
  done.freeze();
  FUZZ_CHECK(done.size() == 1 && done.take(record->id) && !done.take(record->id));
}

}  // namespace

int fuzz_map(std::string_view input) {
  std::string_view rest = input, first;
  next_line(rest, first);
  if (first.size() > 4096) return 0;
  check_record(trim(rest), first, cli::MapInput::ndjson);
  check_record(rest, first, cli::MapInput::text);
  check_document(rest, first);
  return 0;
}

}  // namespace chimera_fuzz
FUZZ_ENTRY(fuzz_map)
