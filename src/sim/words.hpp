// The words of an answer in each dialect: which documents say a token, the end, an error; and how a
// document becomes a line of NDJSON or a server-sent event.
//
// Sources: Ollama's API (docs/api.md), OpenAI's API reference (chat completions, completions), the
// WHATWG's grammar of event streams.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine.hpp"

namespace chimera::sim {

inline constexpr int64_t kEpoch = 1'735'689'600 * kSecond;  // 2025-01-01T00:00:00Z

// What all documents of one answer share, and what has been said so far.
struct Said {
  const Ask& ask;
  uint64_t id;                 // the answer's, of its seed
  std::string arguments;       // of every tool call: a JSON object without line ends
  std::string text, thinking;  // so far, when it is not streamed
  uint32_t calls = 0;          // tool calls said to their end
};

// Tokens that are said together.
enum class Part : uint8_t { thinking, text, call };
struct Piece {
  Part part;
  bool first = false, last = false;  // of this tool call
  std::string_view text;             // of a tool call: of its arguments
};

// What is known at the end; times in ns on the server's clock. As in Ollama, a figure that is zero
// is left out.
struct Figures {
  bool limited = false;                        // stopped by the request's limit
  const char* reason = nullptr;                // instead of "stop" and the like
  Nanos total = 0, load = 0, prompt_time = 0, time = 0;
  int64_t prompt_tokens = 0, thinking = 0, tokens = 0;
};

// Each appends documents with a line end behind each of them, some pieces none. `at` is the time
// they state, in unix ns. What is given to a client at once ends with end() alone.
struct Words {
  const char* type;  // the content type of a stream
  bool events;       // sent as server-sent events
  void (*begin)(std::string& out, const Said& said);
  void (*piece)(std::string& out, const Said& said, const Piece& piece, int64_t at);
  void (*end)(std::string& out, const Said& said, const Figures& f, const Fault& fault, int64_t at);
};
const Words& words_of(Dialect dialect);

// A document on its way: a line, or an event, as the fault has it.
void append_framed(std::string& out, std::string_view document, bool events, FaultKind fault);
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace chimera::sim
