#include "chimera/wire/sse.hpp"

#include "tests/fuzz/splitter_fuzz.hpp"

namespace chimera_fuzz {
namespace {

std::string text_of(const chimera::wire::SseEvent& event, size_t limit) {
  FUZZ_CHECK(event.data.find('\r') == event.data.npos && event.data.size() <= limit);
  FUZZ_CHECK(event.type.find_first_of("\r\n") == event.type.npos);
  return std::string(event.type).append("\n").append(event.data);
}

}  // namespace

int fuzz_sse(std::string_view input) {
  return fuzz_splitter<chimera::wire::EventSplitter>(input, chimera::wire::kEventLimit, text_of);
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_sse)
