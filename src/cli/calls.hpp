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

// About `prompt`, with what `calls` adds to it. Refers to all of them.
llm::Request request_of(std::string_view model, const CallSettings& calls,
                        const llm::Options& options, std::string_view prompt);

// An answer that is complete, as its user wants it: of --extract the code block alone. What
// --schema and --json forbid is an error. Errors: bad_input, with `what` in words. `text` refers to
// the call.
Result<void> usable_text(const CallSettings& s, const llm::Call& call, std::string_view& text,
                         std::string& what);

// A call, made again while its answer does not fit (usable_text) and some of `retries` are left.
// `outcome` says how it ended, `words` what there is to say about a failure; `text` is the usable
// part of the call's text. The call is the last one, but for its start and its attempts, which are
// those of all.
struct Fitted {
  llm::Call call;
  Result<void> outcome;
  std::string words;
  std::string_view text;
};
// `options` are those that `request` refers to: their seed moves on with each answer that does not
// fit, because the same one would bring the same. `loud`: says so on stderr.
rt::Task<void> fitting_call(llm::Caller& caller, const llm::Request& request,
                            const CallSettings& calls, llm::Options& options, int retries,
                            llm::PieceSink* pieces, bool loud, Fitted& out);

// The figures of an answer as members of an object: Ollama's, by Ollama's names (durations in ns),
// and "chimera": {server, attempts, ttft_ms, total_ms}.
void write_figures(wire::JsonWriter& w, const Settings& s, const llm::Call& call);
void write_figures(wire::JsonWriter& w, std::string_view server, const llm::Call& call);
// {"role","content",...} as Ollama writes it; what is empty is left out, but content.
void write_message(wire::JsonWriter& w, const llm::Message& m);
void write_tool_calls(wire::JsonWriter& w, std::span<const llm::ToolCall> calls);

// Text of a model: for a terminal without any control code, elsewhere at least without escapes.
std::string harmless(std::string_view text, bool terminal);

}  // namespace chimera::cli
