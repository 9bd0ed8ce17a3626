// Server-sent events: besides cuts, they are those that a plain reading of the standard finds.
#include "chimera/wire/sse.hpp"

#include "tests/fuzz/splitter_fuzz.hpp"

namespace chimera_fuzz {
namespace {

using chimera::wire::EventSplitter;

std::string text_of(const chimera::wire::SseEvent& event, size_t limit) {
  FUZZ_CHECK(event.data.find('\r') == event.data.npos && event.data.size() <= limit);
  FUZZ_CHECK(event.type.find_first_of("\r\n") == event.type.npos);
  return std::string(event.type).append("\n").append(event.data);
}

// All lines of the text, whatever ends them; what follows the last end counts as one.
std::vector<std::string> lines_of(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<std::string> lines(1);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool crlf = text[i] == '\n' && i > 0 && text[i - 1] == '\r';
    const bool end = text[i] == '\n' || text[i] == '\r';
    if (!end) lines.back() += text[i];
    if (end && !crlf) lines.emplace_back();
  }
  lines.emplace_back();   // the end of the stream ends an event too
  return lines;
}

// WHATWG HTML, section 9.2.6, and an `error` field as the header says.
std::vector<std::string> reference(std::string_view text) {
  std::vector<std::string> events;
  std::string type, data;
  for (const std::string& line : lines_of(text)) {
    const size_t colon = line.find(':');
    const std::string name = line.substr(0, colon);
    std::string value = colon == line.npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    if (name == "event") type = value;
    if (name == "error") type = name;
    if (name == "data" || name == "error") data += value + "\n";
    if (!line.empty()) continue;
    if (!data.empty()) {
      data.pop_back();
      events.push_back(type + "\n" + data);
    }
    type.clear();
    data.clear();
  }
  return events;
}

}  // namespace

int fuzz_sse(std::string_view input) {
  const size_t limit = chimera::wire::kEventLimit;
  const Records whole = split<EventSplitter>(input, limit, 0, nullptr, text_of);
  FUZZ_CHECK(whole.result && whole.texts == reference(input));
  return fuzz_splitter<EventSplitter>(input, limit, text_of);
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_sse)
