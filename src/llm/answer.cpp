#include "chimera/llm/answer.hpp"

#include <string.h>

#include <algorithm>
#include <optional>

#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "record.hpp"

namespace chimera::llm {
namespace {

// Takes `literal` off the front of `s`, if it is there.
template <size_t N>
bool take_literal(std::string_view& s, const char (&literal)[N]) {
  if (s.size() < N - 1 || memcmp(s.data(), literal, N - 1) != 0) return false;
  s = {s.data() + N - 1, s.size() - (N - 1)};
  return true;
}
// Takes characters that stand for themselves.
[[gnu::always_inline]] inline std::string_view take_plain(std::string_view& s) {
  const char* const end = s.data() + s.size();
  const char* const p = wire::skip_plain(s.data(), end);
  const std::string_view plain(s.data(), static_cast<size_t>(p - s.data()));
  s = {p, static_cast<size_t>(end - p)};
  return plain;
}

// The record that all tokens but the last come in, character for character as Ollama writes it,
// with a text that needs no decoding: a tenth of the instructions of the general reader, whose
// grammar it is a part of. Its text, or nothing: take the general way.
std::optional<std::string_view> common_text(std::string_view line) {
  if (!take_literal(line, "{\"model\":\"")) return {};
  take_plain(line);
  if (!take_literal(line, "\",\"created_at\":\"")) return {};
  take_plain(line);
  if (!take_literal(line, "\",\"response\":\"")) return {};
  const std::string_view plain = take_plain(line);
  if (!take_literal(line, "\",\"done\":false}") || !line.empty()) return {};
  return plain;
}

constexpr std::string_view kOpen = "<think>", kClose = "</think>";
constexpr size_t kMostHeld = 64;   // bytes of a beginning without a word

// Bytes at the end of `text` that a mark may begin with.
size_t begun_mark(std::string_view text, std::string_view mark) {
  size_t n = std::min(text.size(), mark.size() - 1);
  while (n > 0 && !text.ends_with(mark.substr(0, n))) --n;
  return n;
}

}  // namespace

void Record::clear() {
  visible.clear();
  thinking.clear();
  reason.clear();
  tools.clear();
  index = 0;
  choices = 0;
  refused = usage = error = false;
}

void InlineThinking::feed(std::string_view text, std::string& visible, std::string& thinking) {
  std::string joined;
  joined.swap(held_);
  joined += text;
  std::string_view rest = joined;
  if (state_ == State::start) {
    const std::string_view mark = trim_left(rest);
    if (begun_mark(mark, kOpen) == mark.size() && rest.size() < kMostHeld) {
      held_ = rest;
      return;
    }
    const bool thinks = mark.starts_with(kOpen);
    state_ = thinks ? State::inside : State::outside;
    if (thinks) rest = mark.substr(kOpen.size());
  }
  if (state_ == State::inside) {
    const size_t close = rest.find(kClose);
    if (close == rest.npos) {
      const size_t kept = begun_mark(rest, kClose);
      held_ = rest.substr(rest.size() - kept);
      thinking += rest.substr(0, rest.size() - kept);
      return;
    }
    thinking += rest.substr(0, close);
    rest.remove_prefix(close + kClose.size());
    state_ = State::behind;
  }
  if (state_ == State::behind) {
    rest = trim_left(rest);
    if (rest.empty()) return;
    state_ = State::outside;
  }
  visible += rest;
}

void InlineThinking::finish(std::string& visible, std::string& thinking) {
  (state_ == State::inside ? thinking : visible) += held_;
  held_.clear();
  state_ = State::outside;
}

AnswerReader::AnswerReader(Api api, Call& call, PieceSink* pieces)
    : call_(call),
      pieces_(pieces),
      openai_(api == Api::openai || api == Api::openai_completions) {}

void AnswerReader::announce(std::string_view content_type) {
  says_events_ = icontains(content_type, "event-stream");
}

// By the first byte that is not blank. Events begin with a field ("data:", "event:", "id:",
// "retry:"), a comment, or a BOM.
void AnswerReader::choose(char first) {
  const bool as_events = std::string_view("deir:\xef").find(first) != std::string_view::npos;
  const bool events = as_events || (says_events_ && first != '{');
  form_ = events ? Form::events : Form::json;
  if (events) events_ = make_own<wire::EventSplitter>();
  // A blank in front of the first field makes it another one, which nobody knows.
  auto nobody = [](const wire::SseEvent&) -> Result<void> { return {}; };
  if (events && indented_) (void)events_->feed(" ", nobody);
}

Result<void> AnswerReader::feed(std::string_view bytes, Nanos at) {
  if (form_ == Form::unknown) {
    const std::string_view rest = trim_left(bytes);
    const size_t blanks = bytes.size() - rest.size();
    if (blanks != 0) indented_ = bytes[blanks - 1] == ' ' || bytes[blanks - 1] == '\t';
    if (rest.empty()) return {};
    bytes = rest;
    choose(bytes[0]);
  }
  Record record;   // a waiting stream keeps none
  if (form_ == Form::events) {
    auto event = [&](const wire::SseEvent& e) { return take_event(e, record, at); };
    return events_->feed(bytes, event);
  }
  auto line = [&](std::string_view text) { return take_line(text, record, at); };
  return lines_.feed(bytes, line);
}

Result<void> AnswerReader::finish(bool complete, Nanos at) {
  Result<void> result;
  Record record;
  if (complete && form_ == Form::events) {
    auto event = [&](const wire::SseEvent& e) { return take_event(e, record, at); };
    result = events_->finish(event);
  } else if (complete) {
    auto line = [&](std::string_view text) { return take_line(text, record, at); };
    result = lines_.finish(line);
    if (result && !document_.empty()) result = take(document_, record, at);
  }
  end(at);
  return result;
}

// A line is a record, unless it begins a document that goes on: those end with an opening bracket
// or a comma, or are one already; a "}" in the first column ends it.
Result<void> AnswerReader::take_line(std::string_view line, Record& record, Nanos at) {
  if (line.back() == '}' && document_.empty()) return take(line, record, at);   // as a rule
  const char last = trim(line).back();
  const bool goes_on = last == '{' || last == '[' || last == ',';
  if (document_.empty() && !goes_on) return take(line, record, at);
  if (document_.size() + line.size() >= wire::kLineLimit) return fail(Errc::too_large, "document");
  document_.append(line).push_back('\n');
  if (line[0] != '}') return {};
  std::string whole;
  whole.swap(document_);
  return take(whole, record, at);
}

Result<void> AnswerReader::take_event(const wire::SseEvent& event, Record& record, Nanos at) {
  const std::string_view data = trim(event.data);
  if (closed_ || data.empty()) return {};
  if (data == "[DONE]") {
    call_.done = closed_ = true;
    end(at);
    return {};
  }
  if (event.type == "error") return fail(error_of_words(data, call_));
  return take(data, record, at);
}

Result<void> AnswerReader::take(std::string_view json, Nanos at) {
  Record record;
  return take(json, record, at);
}

Result<void> AnswerReader::take(std::string_view json, Record& record, Nanos at) {
  std::optional<std::string_view> common;
  if (!openai_) common = common_text(json);
  if (common && inline_thinking_.over()) return add_text(*common, at);
  record.clear();
  if (common) {
    record.visible = *common;
  } else {
    CHI_TRY_VOID(read_record(openai_, json, call_, record));
  }
  CHI_TRY_VOID(add(record, at));
  if (common) return {};
  if (!record.reason.empty()) call_.done_reason.swap(record.reason);
  // A document is the whole answer; in a stream, usage without choices comes last.
  const bool whole = form_ != Form::events && record.choices != 0;
  const bool last = !call_.done_reason.empty() || (record.usage && record.choices == 0);
  if (openai_ && (whole || last)) call_.done = true;
  refused_ = refused_ || record.refused;
  if (call_.done) end(at);
  return {};
}

// What add() does for text alone: nearly all of the pieces of an answer.
Result<void> AnswerReader::add_text(std::string_view text, Nanos at) {
  if (text.empty()) return {};
  if (!has_room(text.size())) return fail(Errc::too_large, "answer");
  call_.text.append(text);
  stamp(true, at);
  if (pieces_ != nullptr) pieces_->on_piece(text, at);
  return {};
}

bool AnswerReader::has_room(size_t more) const {
  const size_t gaps = call_.pieces * sizeof call_.gaps_us[0];
  return call_.text.size() + call_.thinking.size() + tool_bytes_ + gaps + more <= kAnswerLimit;
}

Result<void> AnswerReader::add(Record& r, Nanos at) {
  const bool any = !r.visible.empty() || !r.thinking.empty() || !r.tools.empty();
  if (!any) return {};
  if (!inline_thinking_.over() && !r.visible.empty()) {
    std::string text;
    text.swap(r.visible);
    inline_thinking_.feed(text, r.visible, r.thinking);
  }
  for (const ToolPart& part : r.tools) {
    const size_t bytes = part.id.size() + part.name.size() + part.arguments.size();
    tool_bytes_ += static_cast<uint32_t>(bytes);
  }
  if (!has_room(r.visible.size() + r.thinking.size())) return fail(Errc::too_large, "answer");
  call_.text.append(r.visible);
  call_.thinking.append(r.thinking);
  if (!r.tools.empty()) CHI_TRY_VOID(add_tools(r.tools));
  stamp(!r.visible.empty(), at);
  if (pieces_ == nullptr) return {};
  if (!r.thinking.empty()) pieces_->on_thinking(r.thinking, at);
  if (!r.visible.empty()) pieces_->on_piece(r.visible, at);
  return {};
}

// A part belongs to the last call of its index, unless it brings another id. Without an index, a
// part with a name begins a call, and goes on with the last one only under the same id.
Result<void> AnswerReader::add_tools(std::vector<ToolPart>& parts) {
  std::vector<ToolCall>& calls = call_.tool_calls;
  for (ToolPart& part : parts) {
    size_t i = calls.size();
    while (i > 0 && part.index >= 0 && tool_index_[i - 1] != part.index) --i;
    bool fresh = i == 0 || (part.index < 0 && !part.name.empty());
    if (i != 0 && !part.id.empty() && !calls[i - 1].id.empty()) fresh = part.id != calls[i - 1].id;
    if (fresh) {
      if (calls.size() == kToolLimit) return fail(Errc::too_large, "1024 tool calls");
      calls.emplace_back();
      tool_index_.push_back(part.index);
      i = calls.size();
    }
    ToolCall& call = calls[i - 1];
    if (call.id.empty()) call.id.swap(part.id);
    if (call.name.empty()) call.name.swap(part.name);
    call.arguments += part.arguments;
  }
  if (!openai_) tell_tools();   // whole, each in its record
  return {};
}

void AnswerReader::tell_tools() {
  if (pieces_ == nullptr) return;
  while (tools_told_ < call_.tool_calls.size()) {
    pieces_->on_tool_call(call_.tool_calls[tools_told_++]);
  }
}

void AnswerReader::stamp(bool visible, Nanos at) {
  Call& call = call_;
  if (call.pieces != 0) {
    const Nanos gap = (at - call.last_token) / kMicro;
    call.gaps_us.push_back(gap > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(gap));
  } else {
    call.first_token = at;
  }
  if (visible && call.first_visible == 0) call.first_visible = at;
  call.last_token = at;
  ++call.pieces;
}

// What was held back, and the tool calls, which are complete now.
void AnswerReader::end(Nanos at) {
  if (refused_ && call_.done) call_.done_reason = "refusal";
  std::string visible, thinking;
  inline_thinking_.finish(visible, thinking);
  call_.text += visible;
  call_.thinking += thinking;
  if (!visible.empty() && call_.first_visible == 0) call_.first_visible = call_.last_token;
  if (pieces_ == nullptr) return;
  if (!thinking.empty()) pieces_->on_thinking(thinking, at);
  if (!visible.empty()) pieces_->on_piece(visible, at);
  if (call_.done) tell_tools();
}

}  // namespace chimera::llm
