// What is asked of a model, and how each dialect says it. Pure functions.
// Sources: Ollama's docs/api.md; OpenAI's API reference for chat completions and completions.
//
// Thread: any.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "chimera/llm/call.hpp"
#include "chimera/rt/worker.hpp"
#include "chimera/wire/url.hpp"

namespace chimera::llm {

// Text stays the caller's.
struct Request {
  std::string_view model, prompt, system;   // system may be empty
  const Options& options;
  std::span<const Message> messages = {};   // the conversation before `prompt`, oldest first
  std::span<const std::string> images = {}; // base64, with `prompt`
  std::string_view format = {};             // JSON: "json" with its quotes, or a schema; or empty
  std::string_view tools = {};              // a JSON array of declarations; empty = none
  bool stream = true;
  Nanos deadline = kNever;                  // instant; besides the settings' own `total`
  rt::Stop* stop = nullptr;                 // gives the call up; of this worker
};

// The dialect that carries the request: /api/generate has no messages and tools, /v1/completions
// no images either, and then their chat sister is asked. `automatic` is settled without asking:
// OpenAI's for a server URL that ends in /v1, otherwise Ollama's.
Api carrier(Api api, const Request& request, const wire::Url& server);

// The request's target at that server: its base path and the dialect's. A base path that ends in
// /v1 has OpenAI's prefix already. `api` is a carrier().
std::string request_target(Api api, const wire::Url& server);

// The body. Where options go: Ollama's model options inside "options", keep_alive and think at the
// top level, where Ollama reads them. OpenAI's at the top level, num_predict as max_tokens (when it
// is a number of tokens), think as reasoning_effort (when it is a level); num_gpu, num_ctx and
// keep_alive say how Ollama loads a model and are left out. Keys in a fixed order. `api` is a
// carrier().
std::string request_body(Api api, const Request& request);

}  // namespace chimera::llm
