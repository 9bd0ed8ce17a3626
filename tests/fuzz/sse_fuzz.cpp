// Server-sent events: whole and cut give the same events and the same error.
// Input: the limit (below 128: the usual one), the event at which the sink fails (0: none), a
// count, that many cut lengths, the text.
#include "chimera/wire/sse.hpp"

#include <vector>

#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using chimera::Errc;
using chimera::Result;
using chimera::wire::EventSplitter;

struct Plan {
  size_t limit;
  size_t fail_at;
  std::string_view cuts;
};
struct Events {
  std::vector<std::string> events;
  Result<void> result;
};

Events split(std::string_view text, const Plan& plan, bool whole) {
  Events out;
  EventSplitter splitter(plan.limit);
  const auto sink = [&](const chimera::wire::SseEvent& event) -> Result<void> {
    FUZZ_CHECK(event.data.find('\r') == event.data.npos && event.data.size() <= plan.limit);
    FUZZ_CHECK(event.type.find_first_of("\r\n") == event.type.npos);
    std::string both(event.type);
    out.events.push_back(both.append("\n").append(event.data));
    if (out.events.size() == plan.fail_at) return chimera::fail(Errc::server_error, "sink");
    return {};
  };
  size_t at = 0;
  while (out.result && !text.empty()) {
    std::string_view next = text;
    if (whole) text = {};
    if (!whole) next = take_cut(text, plan.cuts, at);
    const std::vector<char> piece(next.begin(), next.end());  // its end is guarded
    out.result = splitter.feed({piece.data(), piece.size()}, sink);
  }
  if (out.result) out.result = splitter.finish(sink);
  return out;
}

}  // namespace

int fuzz_sse(std::string_view input) {
  const size_t limit = take_byte(input);
  const size_t fail_at = take_byte(input);
  const size_t count = take_byte(input) % 8;
  const std::string_view cuts = input.substr(0, count);
  input.remove_prefix(cuts.size());
  const Plan plan{limit < 128 ? chimera::wire::kEventLimit : limit - 127, fail_at, cuts};

  const Events whole = split(input, plan, true), cut = split(input, plan, false);
  FUZZ_CHECK(whole.events == cut.events);
  FUZZ_CHECK(whole.result.has_value() == cut.result.has_value());
  FUZZ_CHECK(whole.result || whole.result.error().code == cut.result.error().code);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_sse)
