// An answer read by a test: the call, and what a sink was told of it.
#pragma once

#include "chimera/llm/answer.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using namespace chimera;
using namespace chimera::llm;

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
