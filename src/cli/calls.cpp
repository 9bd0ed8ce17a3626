#include "calls.hpp"

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/wire/json_schema.hpp"
#include "chimera/wire/markdown.hpp"

namespace chimera::cli {
namespace {

int refuse(const char* command, const Error& e) {
  complain(command, e, {});
  return exit_code(e);
}

}  // namespace

int open_calls(Settings& s, const char* command, bool quick, CallWays& ways) {
  std::vector<std::string> warnings;
  const auto settled = complete(s, warnings);
  if (!settled && settled.error().code == Errc::usage) {
    say(std::string(settled.error().where) + ": see chimera " + command + " --help");
    return 2;
  }
  if (!settled) return refuse(command, settled.error());
  for (const std::string& w : warnings) {
    if (!s.quiet) say("warning: " + w);
  }
  if (!rt::kMinimal && s.simulate) {
    if (s.sim_servers == 0) s.sim_servers = 1;
    const auto started = ways.simulated.start(s);
    if (!started && started.error().code == Errc::closed) return 74;   // it has said why
    if (!started) return refuse("cannot start the simulated servers", started.error());
  }
  if (s.dry_run) return 0;
  if (quick) prefer_local(s);
  const auto opened = open_runtime(ways.runtime, s);
  if (!opened) return refuse(command, opened.error());
  ways.servers.reset(new llm::Servers(s.urls, s.client, s.calls.policy));
  return 0;
}

llm::Request request_of(std::string_view model, const CallSettings& calls,
                        const llm::Options& options, std::string_view prompt) {
  llm::Request r{model, prompt, calls.system, options};
  r.images = calls.images;
  r.format = calls.schema;
  r.tools = calls.tools;
  r.stream = calls.stream;
  return r;
}

Result<void> usable_text(const CallSettings& s, const llm::Call& call, std::string_view& text,
                         std::string& what) {
  text = call.text;
  if (trim(text).empty() && call.tool_calls.empty()) {
    what = "the model said nothing";
    if (!call.done_reason.empty() && call.done_reason != "stop") {
      what.append(": ").append(printable(call.done_reason, false));
    }
    return fail(Errc::truncated, "the model said nothing");
  }
  if (s.extract && !wire::first_code_block(call.text, text)) {
    what = "no code block in the answer";
    return fail(Errc::bad_input, "no code block in the answer");
  }
  if (s.schema.empty() || (text.empty() && !call.tool_calls.empty())) return {};
  if (call.done_reason == "refusal") {
    what = "the model refused: " + llm::error_words(text);
    return fail(Errc::bad_input, "the model refused");
  }
  wire::JsonReader r(text);
  r.skip();
  if (r.next() != wire::JsonReader::Event::end) {
    what = std::string("the answer is not JSON: ") + r.what();
    return fail(Errc::bad_input, "the answer is not JSON");
  }
  if (s.schema[0] != '{') return {};
  std::string why;
  const auto fits = wire::check_schema(text, s.schema, why);
  if (fits) return {};
  const bool schema = fits.error().code == Errc::usage;
  what = (schema ? "the schema cannot be used: " : "the answer does not fit the schema: ") + why;
  return fail(Errc::bad_input, "schema");
}

rt::Task<void> fitting_call(llm::Caller& caller, const llm::Request& request,
                            const CallSettings& calls, llm::Options& options, int retries,
                            llm::PieceSink* pieces, bool loud, Fitted& out) {
  Nanos started = 0;
  uint32_t attempts = 0;
  for (int attempt = 0;; ++attempt) {
    co_await caller.generate(request, pieces, out.call);
    if (attempt == 0) started = out.call.started;
    out.call.started = started;
    out.call.attempts = attempts += out.call.attempts;
    out.words = out.call.error_text;
    out.outcome = Result<void>();
    if (out.call.failed) {
      out.outcome = fail(out.call.error);
      co_return;
    }
    out.outcome = usable_text(calls, out.call, out.text, out.words);
    const bool misfit = !out.outcome && out.outcome.error().code == Errc::bad_input;
    if (!misfit || attempt >= retries || rt::Runtime::current()->stopping()) co_return;
    if (loud) say("asking again: " + out.words);
    if (options.seed) options.seed = *options.seed == INT64_MAX ? 0 : *options.seed + 1;
  }
}

void write_tool_calls(wire::JsonWriter& w, std::span<const llm::ToolCall> calls) {
  w.key("tool_calls").begin_array();
  for (const llm::ToolCall& c : calls) {
    w.begin_object();
    if (!c.id.empty()) w.field("id", c.id);
    w.key("function").begin_object().field("name", c.name).key("arguments");
    wire::check_json(c.arguments) ? w.raw(c.arguments) : w.string(c.arguments);
    w.end_object().end_object();
  }
  w.end_array();
}

void write_message(wire::JsonWriter& w, const llm::Message& m) {
  w.begin_object().field("role", m.role).field("content", m.content);
  if (!m.images.empty()) {
    w.key("images").begin_array();
    for (const std::string& image : m.images) w.string(image);
    w.end_array();
  }
  if (!m.tool_calls.empty()) write_tool_calls(w, m.tool_calls);
  if (!m.tool_name.empty()) w.field("tool_name", m.tool_name);
  if (!m.tool_call_id.empty()) w.field("tool_call_id", m.tool_call_id);
  w.end_object();
}

void write_figures(wire::JsonWriter& w, const Settings& s, const llm::Call& call) {
  write_figures(w, s.urls[call.server].text(), call);
}

void write_figures(wire::JsonWriter& w, std::string_view server, const llm::Call& c) {
  if (!c.done_reason.empty()) w.field("done_reason", c.done_reason);
  const struct { const char* name; int64_t value; } kFigures[] = {
      {"total_duration", c.total_duration},
      {"load_duration", c.load_duration},
      {"prompt_eval_count", static_cast<int64_t>(c.prompt_eval_count)},
      {"prompt_eval_duration", c.prompt_eval_duration},
      {"eval_count", static_cast<int64_t>(c.eval_count)},
      {"eval_duration", c.eval_duration}};
  for (const auto& f : kFigures) {
    if (f.value != 0) w.field(f.name, f.value);
  }
  w.key("chimera").begin_object();
  w.field("server", server).field("attempts", int64_t{c.attempts});
  w.field("ttft_ms", to_ms(c.ttft())).field("total_ms", to_ms(c.ended - c.started));
  w.end_object();
}

std::string harmless(std::string_view text, bool terminal) {
  if (terminal) return printable(text, true);
  std::string out;
  for (const char c : text) {
    if (c == '\x1b') {
      out.append("\\x1b");
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace chimera::cli
