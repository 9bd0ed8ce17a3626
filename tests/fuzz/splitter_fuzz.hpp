// Incremental splitters: whole and cut give the same records and the same error.
// Input: the limit (below 128: the usual one), the record at which the sink fails (0: none), a
// count, that many cut lengths, the text.
#pragma once

#include <string>
#include <vector>

#include "chimera/base/result.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {

struct Records {
  std::vector<std::string> texts;
  chimera::Result<void> result;
};

// `text_of(record, limit)` checks what a record promises and says all of it.
template <class Splitter, class Record>
Records split(std::string_view text, size_t limit, size_t fail_at, const std::string_view* cuts,
              std::string (*text_of)(Record, size_t limit)) {
  Records out;
  Splitter splitter(limit);
  const auto sink = [&](Record record) -> chimera::Result<void> {
    out.texts.push_back(text_of(record, limit));
    if (out.texts.size() == fail_at) return chimera::fail(chimera::Errc::server_error, "sink");
    return {};
  };
  size_t at = 0;
  while (out.result && !text.empty()) {
    std::string_view next = text;
    if (cuts == nullptr) text = {};
    if (cuts != nullptr) next = take_cut(text, *cuts, at);
    const std::vector<char> piece(next.begin(), next.end());  // its end is guarded
    out.result = splitter.feed({piece.data(), piece.size()}, sink);
  }
  if (out.result) out.result = splitter.finish(sink);
  return out;
}

template <class Splitter, class Record>
int fuzz_splitter(std::string_view input, size_t usual_limit,
                  std::string (*text_of)(Record, size_t limit)) {
  const size_t byte = take_byte(input), limit = byte < 128 ? usual_limit : byte - 127;
  const size_t fail_at = take_byte(input);
  const size_t count = take_byte(input) % 8;
  const std::string_view cuts = input.substr(0, count);
  input.remove_prefix(cuts.size());

  const Records whole = split<Splitter>(input, limit, fail_at, nullptr, text_of);
  const Records cut = split<Splitter>(input, limit, fail_at, &cuts, text_of);
  FUZZ_CHECK(whole.texts == cut.texts);
  FUZZ_CHECK(whole.result.has_value() == cut.result.has_value());
  FUZZ_CHECK(whole.result || whole.result.error().code == cut.result.error().code);
  return 0;
}

}  // namespace chimera_fuzz
