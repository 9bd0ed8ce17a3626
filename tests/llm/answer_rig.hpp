// An answer read by a test: the call, and what a sink was told of it.
#pragma once

#include "chimera/llm/answer.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using namespace chimera;
using namespace chimera::llm;

// What a whole answer should come to.
struct Expected {
  std::string text = {}, thinking = {}, reason = {};
  uint32_t pieces = 0;
  uint64_t tokens = 0, prompt = 0, cached = 0;
  Nanos prompt_time = 0, time = 0;
  std::string tools = {};          // id:name(arguments) each
  Errc error{};
  std::string words = {};          // of the error; empty = none
  bool done = true;
};
inline std::string tools_of(const std::vector<ToolCall>& calls) {
  std::string out;
  for (const ToolCall& c : calls) out += c.id + ":" + c.name + "(" + c.arguments + ")";
  return out;
}

// A call, and how it ended, against what it should have come to.
inline void compare(const Call& call, const Result<void>& outcome, const Expected& want) {
  CHECK(outcome.has_value() == want.words.empty());
  if (!outcome) CHECK(outcome.error().code == want.error);
  CHECK(call.error_text == want.words);
  CHECK(call.text == want.text);
  CHECK(call.thinking == want.thinking);
  CHECK(call.done == want.done);
  CHECK(call.done_reason == want.reason);
  CHECK(call.pieces == want.pieces);
  CHECK((call.first_token != 0) == (call.pieces != 0));
  CHECK((call.first_visible != 0) == !call.text.empty());
  CHECK(call.eval_count == want.tokens);
  CHECK(call.prompt_eval_count == want.prompt);
  CHECK(call.cached_count == want.cached);
  CHECK(call.eval_duration == want.time);
  CHECK(call.prompt_eval_duration == want.prompt_time);
  CHECK(tools_of(call.tool_calls) == want.tools);
}

struct Heard : PieceSink {
  explicit Heard(Api api = Api::ollama) : reader(api, call, this) {}
  void on_piece(std::string_view visible, Nanos) override {
    piece = visible;
    told += visible;
  }
  void on_thinking(std::string_view text, Nanos) override { told_thinking += text; }
  void on_tool_call(const ToolCall& tool) override { tools.push_back(tool); }

  Result<void> take(std::string_view json, Nanos at) {
    piece.clear();
    return reader.take(json, at);
  }

  Call call;
  AnswerReader reader;
  std::string piece;              // the last one
  std::string told, told_thinking;
  std::vector<ToolCall> tools;
};

}  // namespace chimera_test
