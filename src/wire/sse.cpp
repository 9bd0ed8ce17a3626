#include "chimera/wire/sse.hpp"

#include <algorithm>

#include "chimera/base/text.hpp"

namespace chimera::wire {
namespace {

constexpr std::string_view kBom = "\xef\xbb\xbf";
constexpr size_t kKeptCapacity = 4096;   // as in ndjson.cpp: a rare huge event must not stay

void empty(std::string& s) {
  if (s.capacity() > kKeptCapacity) std::string().swap(s);   // an assignment would keep it
  s.clear();
}

bool ends_line(char c) { return c == '\n' || c == '\r'; }

}  // namespace

Result<void> EventSplitter::feed(std::string_view bytes, Sink sink) {
  while (!bytes.empty()) {
    if (skip_lf_ && bytes[0] == '\n') bytes.remove_prefix(1);
    skip_lf_ = false;
    const auto end = std::find_if(bytes.begin(), bytes.end(), ends_line);
    const std::string_view piece = bytes.substr(0, static_cast<size_t>(end - bytes.begin()));
    if (piece.size() > limit_ - line_.size()) return fail(Errc::too_large, "line");
    bytes.remove_prefix(piece.size());
    if (bytes.empty()) {
      line_ += piece;
      break;
    }
    skip_lf_ = bytes[0] == '\r';
    bytes.remove_prefix(1);
    if (line_.empty()) {
      CHI_TRY_VOID(take_line(piece, false, sink));
      continue;
    }
    line_ += piece;
    const Result<void> taken = take_line(line_, true, sink);
    empty(line_);
    if (!taken) return taken;
  }
  settle();
  return {};
}

Result<void> EventSplitter::finish(Sink sink) {
  if (!line_.empty()) CHI_TRY_VOID(take_line(line_, true, sink));
  empty(line_);
  return dispatch(sink);
}

// `kept`: the line lies in line_ and not in the caller's bytes.
Result<void> EventSplitter::take_line(std::string_view line, bool kept, Sink sink) {
  if (!begun_ && line.starts_with(kBom)) line.remove_prefix(kBom.size());
  begun_ = true;
  if (line.empty()) return dispatch(sink);
  const size_t colon = std::min(line.find(':'), line.size());
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") return take_data(value, kept);
  if (name == "event") type_ = value;
  if (name != "error") return {};
  type_ = name;
  return take_data(value, kept);
}

Result<void> EventSplitter::take_data(std::string_view value, bool kept) {
  if (!has_data_ && !kept) {
    here_ = value;
    has_data_ = in_here_ = true;
    return {};
  }
  settle();
  if (value.size() + data_.size() + has_data_ > limit_) return fail(Errc::too_large, "event");
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
  return {};
}

// The caller's bytes are about to go.
void EventSplitter::settle() {
  if (in_here_) data_ = here_;
  in_here_ = false;
}

Result<void> EventSplitter::dispatch(Sink sink) {
  Result<void> result;
  const SseEvent event{type_, in_here_ ? here_ : std::string_view(data_)};
  if (has_data_) result = sink(event);
  has_data_ = in_here_ = false;
  empty(data_);
  empty(type_);
  return result;
}

}  // namespace chimera::wire
