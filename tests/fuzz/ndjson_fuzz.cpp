#include "chimera/wire/ndjson.hpp"

#include "chimera/base/text.hpp"
#include "tests/fuzz/splitter_fuzz.hpp"

namespace chimera_fuzz {
namespace {

std::string text_of(std::string_view line, size_t limit) {
  FUZZ_CHECK(line.find('\n') == line.npos && !chimera::trim(line).empty());
  FUZZ_CHECK(line.size() <= limit);
  return std::string(line);
}

}  // namespace

int fuzz_ndjson(std::string_view input) {
  return fuzz_splitter<chimera::wire::LineSplitter>(input, chimera::wire::kLineLimit, text_of);
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_ndjson)
