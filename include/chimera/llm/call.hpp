// One request to a language model: what was asked, what came back, and when.
//
// Thread: plain data, one owner at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chimera/base/result.hpp"
#include "chimera/base/time.hpp"

namespace chimera::llm {

// Model options. What is not set is not sent, so that the server's own default holds.
struct Options {
  std::optional<int64_t> num_gpu, num_ctx, top_k, num_predict, seed;
  std::optional<double> temperature, top_p, repeat_penalty;
  std::string keep_alive;  // "5m", "0", "-1"; empty = not sent (a top-level field, not an option)
  std::string think;       // "true", "false", "low", "medium", "high"; empty = not sent (top level)
  std::vector<std::pair<std::string, std::string>> extra;   // -o NAME VALUE; VALUE is JSON, or text

  bool any_model_option() const;   // something belongs into the "options" object
};

// The protocols that model servers speak (contract section 2, --api).
enum class Api : uint8_t {
  ollama,               // Ollama's /api/generate
  ollama_chat,          // Ollama's /api/chat
  openai,               // /v1/chat/completions, over SSE
  openai_completions,   // /v1/completions, over SSE
  automatic,            // asked of the server (llm/endpoint.hpp: detect)
};
const char* name_of(Api api);            // "ollama", "ollama-chat", ..., "auto"
// Errors: usage.
Result<Api> parse_api(std::string_view text);

// What a model wants called: `arguments` is JSON text, as a rule an object.
struct ToolCall {
  std::string id, name, arguments;       // without an id from Ollama: ""
};

// One turn of a conversation.
struct Message {
  std::string role;                      // "system", "user", "assistant", "tool"
  std::string content;
  std::vector<std::string> images;       // base64
  std::vector<ToolCall> tool_calls;      // of the assistant
  std::string tool_name, tool_call_id;   // of a tool's answer
};

// How a call ended, for the statistics: everything but `ok` is left out of cleaned figures.
enum class Validity : uint8_t {
  ok,
  cold,        // the server loaded the model during the call (load_duration > 1 s)
  truncated,   // the stream ended without its `done` record
  loop,        // the answer repeats itself to the end (see repeats_itself)
  error,       // no usable answer
  empty,       // a complete answer without any text or tool call
};
const char* name_of(Validity v);

// Instants are on the monotonic clock (sys/clock.hpp); 0 = did not happen.
struct Call {
  std::string text;            // all visible pieces together, as received
  std::string thinking;        // all reasoning pieces together
  std::vector<ToolCall> tool_calls;

  // the client's clock
  Nanos started = 0;           // the call was made
  Nanos connected = 0;         // the connection was there (equal to `started` when reused)
  Nanos sent = 0;              // the last byte of the request was handed to the kernel
  Nanos head = 0;              // the response head was complete
  Nanos first_byte = 0;        // the first byte of the answer (head included) had come
  Nanos first_token = 0;       // the first non-empty piece, thinking included
  Nanos first_visible = 0;     // the first non-empty piece of `text`
  Nanos last_token = 0;
  Nanos ended = 0;             // the end of the answer, or the failure
  uint32_t attempts = 1;       // 1 + retries
  uint32_t server = 0;         // whose answer it is, when there was a choice (llm/pool.hpp)
  bool reused = false;         // over a connection that was there before

  // failure
  bool failed = false;
  int http_status = 0;
  Error error;
  std::string error_text;      // the server's words, made printable; empty when it said none

  // what came
  uint64_t body_bytes = 0;
  uint32_t reads = 0;          // socket reads that brought body bytes
  uint32_t pieces = 0;         // records with a non-empty piece
  std::vector<uint32_t>
      gaps_us;  // between consecutive pieces, microseconds; 0 when they shared a read

  // the server's word (Ollama's last record); durations in ns
  bool done = false;           // the terminator was seen
  std::string done_reason;     // "stop", "length", ...; "refusal": the text says why there is none
  uint64_t eval_count = 0, prompt_eval_count = 0, cached_count = 0;
  Nanos total_duration = 0, load_duration = 0, prompt_eval_duration = 0, eval_duration = 0;

  Validity validity() const;
  // Tokens of the answer: the server's count, else the number of pieces.
  uint64_t tokens() const { return eval_count != 0 ? eval_count : pieces; }
  // The upstream program's measure: sent -> first token; to `ended` when there was none. ns.
  Nanos ttft() const;
};

// True when the last 400 bytes or more of `text` are one unit of at most 200 bytes repeated at
// least 8 times (blanks count): the degenerate output that TR115 counted as a slow runtime.
bool repeats_itself(std::string_view text);

}  // namespace chimera::llm
