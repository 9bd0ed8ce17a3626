// What ask, map and worker share: the way to the servers, the request, and what is said of an
// answer.
#pragma once

#include <string>
#include <string_view>

#include "chimera/cli/settings.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/wire/json.hpp"
#include "run_parts.hpp"

namespace chimera::cli {

struct CallWays {
  SimServers simulated;
  Own<llm::Servers> servers;
  rt::Runtime runtime;
};

// Settles where the servers are, starts simulated ones, opens the runtime and lets signals stop it.
// `quick`: one thread is enough, unless a knob asks for more. Returns 0, or the exit code when it
// has said on stderr why not.
int open_calls(Settings& s, const char* command, bool quick, CallWays& ways);

// What the options say, about `prompt`. Refers to both.
llm::Request request_of(const Settings& s, std::string_view prompt);

// An answer that is complete, as its user wants it: of --extract the code block alone. What
// --schema and --json forbid is an error. Errors: bad_input, with `what` in words. `text` refers to
// the call.
Result<void> usable_text(const CallSettings& s, const llm::Call& call, std::string_view& text,
                         std::string& what);

// A call, made again while its answer does not fit (usable_text) and retries are left. `outcome`
// says how it ended, `words` what there is to say about a failure; `text` is the usable part of the
// call's text. `quiet`: does not say that it asks again.
struct Fitted {
  llm::Call call;
  Result<void> outcome;
  std::string words;
  std::string_view text;
};
rt::Task<void> fitting_call(const Settings& s, llm::Caller& caller, llm::Request request,
                            llm::PieceSink* pieces, bool quiet, Fitted& out);

// The figures of an answer as members of an object: Ollama's, by Ollama's names (durations in ns),
// and "chimera": {server, api, attempts, ttft_ms, total_ms, tokens_per_second}.
void write_figures(wire::JsonWriter& w, const Settings& s, const llm::Call& call);
void write_figures(wire::JsonWriter& w, std::string_view server, const llm::Call& call);
// {"role","content",...} as Ollama writes it; what is empty is left out, but content.
void write_message(wire::JsonWriter& w, const llm::Message& m);
void write_tool_calls(wire::JsonWriter& w, std::span<const llm::ToolCall> calls);

// Text of a model for a stream: on a terminal without any control code, elsewhere at least without
// escapes.
std::string harmless(std::string_view text, sys::Stream to);

}  // namespace chimera::cli
