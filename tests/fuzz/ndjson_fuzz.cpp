// Lines: whole and cut give the same lines and the same error.
// Input: the line limit (below 128: the usual one), the line at which the sink fails (0: none), a
// count, that many cut lengths, the text.
#include "chimera/wire/ndjson.hpp"

#include <vector>

#include "chimera/base/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using chimera::Errc;
using chimera::Result;
using chimera::wire::LineSplitter;

struct Plan {
  size_t limit;
  size_t fail_at;
  std::string_view cuts;
};
struct Lines {
  std::vector<std::string> lines;
  Result<void> result;
};

Lines split(std::string_view text, const Plan& plan, bool whole) {
  Lines out;
  LineSplitter splitter(plan.limit);
  const auto sink = [&](std::string_view line) -> Result<void> {
    FUZZ_CHECK(line.find('\n') == line.npos && !chimera::trim(line).empty());
    FUZZ_CHECK(line.size() <= plan.limit);
    out.lines.emplace_back(line);
    if (out.lines.size() == plan.fail_at) return chimera::fail(Errc::server_error, "sink");
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
  if (!out.result) return out;
  out.result = splitter.finish(sink);
  return out;
}

}  // namespace

int fuzz_ndjson(std::string_view input) {
  const size_t limit = take_byte(input);
  const size_t fail_at = take_byte(input);
  const size_t count = take_byte(input) % 8;
  const std::string_view cuts = input.substr(0, count);
  input.remove_prefix(cuts.size());
  const Plan plan{limit < 128 ? chimera::wire::kLineLimit : limit - 127, fail_at, cuts};

  const Lines whole = split(input, plan, true), cut = split(input, plan, false);
  FUZZ_CHECK(whole.lines == cut.lines);
  FUZZ_CHECK(whole.result.has_value() == cut.result.has_value());
  FUZZ_CHECK(whole.result || whole.result.error().code == cut.result.error().code);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_ndjson)
