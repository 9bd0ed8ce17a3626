// Ollama's /api/generate: the request body, and the records of its answer. Pure functions.
// Source: the API description in Ollama's docs/api.md; upstream.md section 1.8 for what TR115 sent.
//
// Thread: any.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "chimera/llm/call.hpp"
#include "chimera/rt/worker.hpp"

namespace chimera::llm {

inline constexpr std::string_view kGeneratePath = "/api/generate";
inline constexpr size_t kAnswerLimit = 64u << 20;   // bytes of text and thinking of one answer

// What is asked of the model. Text stays the caller's.
struct Request {
  std::string_view model, prompt, system;   // system may be empty
  const Options& options;
  std::span<const Message> messages = {};   // the conversation before `prompt`, oldest first
  std::span<const std::string> images = {}; // base64, with `prompt`
  std::string_view format = {};   // JSON: "json" with its quotes, or a schema; empty = free
  std::string_view tools = {};              // a JSON array of declarations; empty = none
  bool stream = true;
  Nanos deadline = kNever;                  // instant; besides the settings' own `total`
  rt::Stop* stop = nullptr;                 // gives the call up; of this worker
};

// {"model","prompt","stream":true,...}; model options inside "options", keep_alive and think at the
// top level, where Ollama reads them. Keys in a fixed order.
std::string generate_body(const Request& request);

// Takes one line of the answer into `call`; `at` is when the read that brought it returned. Unknown
// fields are checked and ignored. `piece` is the line's visible text, valid until the next call.
// Errors: protocol (not JSON, or not of the expected types), too_large ("answer": kAnswerLimit),
// and what an {"error": ...} record says: server_error, no_model.
Result<void> take_record(std::string_view line, Nanos at, Call& call, std::string& piece);

// The words of an error body: {"error": "..."} or {"error": {"message": "..."}} or plain text; made
// printable, at most 300 bytes.
std::string error_words(std::string_view body);

}  // namespace chimera::llm
