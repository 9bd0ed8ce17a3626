// The answer of one call, taken apart as it comes: lines of JSON, server-sent events, or one
// document, with Ollama's records or OpenAI's. The same bytes in any cuts give the same Call, but
// for the instants and what is derived of them.
//
// Thread: any, one at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/own.hpp"
#include "chimera/llm/call.hpp"
#include "chimera/wire/ndjson.hpp"
#include "chimera/wire/sse.hpp"

namespace chimera::llm {

// Bytes of text, thinking, tool calls and the gaps between pieces.
inline constexpr size_t kAnswerLimit = 64u << 20;
inline constexpr size_t kToolLimit = 1024;   // tool calls of an answer, parts of them in a record

// Told of each piece as it comes, while the task that asked is suspended: perhaps on another worker
// (bridge, steal), but never two at a time, and what was told is visible to that task afterwards.
class PieceSink {
 public:
  virtual void on_piece(std::string_view visible, Nanos at) = 0;
  virtual void on_thinking(std::string_view, Nanos) {}
  virtual void on_tool_call(const ToolCall&) {}   // it is complete

 protected:
  ~PieceSink() = default;
};

// Part of a tool call, as one record brings it.
struct ToolPart {
  std::string id, name, arguments;
  int64_t index = -1;            // which call it belongs to; -1 = not said
};

// What one record brings besides the counts, which go into the call.
struct Record {
  std::string visible, thinking;
  std::vector<ToolPart> tools;
  std::string reason;            // OpenAI's finish_reason
  int64_t index = 0;             // of an OpenAI choice; only the first one counts
  uint32_t choices = 0;
  bool refused = false;          // `visible` has the model's words of why it does not answer
  bool usage = false;            // it was there
  bool error = false;            // so was an error

  void clear();
};

// Thinking that is written into the text itself, "<think>...</think>" at its very start, perhaps
// behind a little white space: what servers do that know nothing of the model's habits. The white
// space in front of it and behind it is left out.
class InlineThinking {
 public:
  // Divides the next piece of text; what may be part of a mark is held back.
  void feed(std::string_view text, std::string& visible, std::string& thinking);
  // No more will come: what was held back.
  void finish(std::string& visible, std::string& thinking);
  bool over() const { return state_ == State::outside; }

 private:
  enum class State : uint8_t { start, inside, behind, outside };
  std::string held_;
  State state_ = State::start;
};

// `call` and `pieces` (may be null) stay the caller's.
class AnswerReader {
 public:
  AnswerReader(Api api, Call& call, PieceSink* pieces);

  // What the head says. Servers err: an answer that begins with "{" is JSON, one that begins as
  // events do is events, whatever was said.
  void announce(std::string_view content_type);
  // `at` is when the read that brought the bytes returned. Errors: protocol (not JSON, or not of
  // the expected types), too_large ("line", "event", "document", "answer", "1024 tool calls"), and
  // what an error record says: server_error, no_model (its words in call.error_text).
  Result<void> feed(std::string_view bytes, Nanos at);
  // The stream has ended, well or not: `complete` = what is unterminated counts. What was held back
  // comes out in any case.
  Result<void> finish(bool complete, Nanos at);
  // One record that lies there whole. Unknown fields are checked and ignored.
  Result<void> take(std::string_view json, Nanos at);
  Call& call() const { return call_; }

 private:
  enum class Form : uint8_t { unknown, json, events };

  void choose(char first);
  Result<void> take_line(std::string_view line, Record& record, Nanos at);
  Result<void> take_event(const wire::SseEvent& event, Record& record, Nanos at);
  Result<void> take(std::string_view json, Record& record, Nanos at);
  Result<void> add(Record& record, Nanos at);
  Result<void> add_text(std::string_view text, Nanos at);
  bool has_room(size_t more) const;
  Result<void> add_tools(std::vector<ToolPart>& parts);
  void tell_tools();
  void stamp(bool visible, Nanos at);
  void end(Nanos at);

  Call& call_;
  PieceSink* pieces_;
  wire::LineSplitter lines_;
  Own<wire::EventSplitter> events_;     // when the answer is one of events
  InlineThinking inline_thinking_;
  std::string document_;                // lines of a JSON text that is not over
  std::vector<int64_t> tool_index_;     // of each of call_.tool_calls
  uint32_t tool_bytes_ = 0;
  uint32_t tools_told_ = 0;
  Form form_ = Form::unknown;
  bool openai_;
  bool says_events_ = false;            // the head
  bool indented_ = false;               // a blank stood in front of the first byte that is none
  bool closed_ = false;                 // [DONE]: nothing behind it counts
  bool refused_ = false;
};

// The words of an error body: {"error": "..."}, {"error": {"message": "..."}}, {"message": "..."},
// {"detail": "..."} or plain text; made printable, at most 300 bytes.
std::string error_words(std::string_view body);

}  // namespace chimera::llm
