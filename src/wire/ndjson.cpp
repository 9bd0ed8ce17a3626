#include "chimera/wire/ndjson.hpp"

#include <string.h>

#include "chimera/base/text.hpp"

namespace chimera::wire {
namespace {

// A line buffer up to this size is kept for the next line that arrives in pieces. Token lines are
// a few hundred bytes; a rare huge one must not weigh on the stream for the rest of its life.
constexpr size_t kKeptCapacity = 4096;

Result<void> hand_on(std::string_view line, LineSplitter::Sink sink) {
  const bool blank = line.empty() || (is_space(line[0]) && trim(line).empty());
  if (blank) return {};
  if (line.back() == '\r') line.remove_suffix(1);
  return sink(line);
}

}  // namespace

Result<void> LineSplitter::feed(std::string_view bytes, Sink sink) {
  while (!bytes.empty()) {
    const char* const newline =
        static_cast<const char*>(memchr(bytes.data(), '\n', bytes.size()));
    const char* const end = newline != nullptr ? newline : bytes.data() + bytes.size();
    const std::string_view piece(bytes.data(), static_cast<size_t>(end - bytes.data()));
    if (piece.size() > limit_ - kept_.size()) return fail(Errc::too_large, "line");
    if (newline == nullptr) {
      kept_ += piece;
      return {};
    }
    bytes.remove_prefix(piece.size() + 1);
    if (kept_.empty()) {
      CHI_TRY_VOID(hand_on(piece, sink));
    } else {
      kept_ += piece;
      CHI_TRY_VOID(finish(sink));
    }
  }
  return {};
}

Result<void> LineSplitter::finish(Sink sink) {
  std::string line;
  line.swap(kept_);
  const Result<void> result = hand_on(line, sink);
  if (line.capacity() <= kKeptCapacity) {
    line.clear();
    line.swap(kept_);
  }
  return result;
}

}  // namespace chimera::wire
