// The table of options. A setter takes the value as text, so that the environment and a
// configuration file can use it too.
#include "chimera/base/number.hpp"
#include "chimera/base/packed.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/wire/json_schema.hpp"

namespace chimera::cli {
namespace {

using Value = std::string_view;

Result<void> wrong(const char* why) { return fail(Errc::usage, why); }

Result<void> set_duration(Nanos& out, Value v) {
  CHI_TRY(out, parse_duration(v));
  return {};
}
// `range` says the two limits in words.
Result<void> set_int(int& out, Value v, int least, int most, const char* range) {
  CHI_TRY(const int64_t n, parse_i64(v));
  if (n < least || n > most) return wrong(range);
  out = static_cast<int>(n);
  return {};
}
Result<void> set_size(uint32_t& out, Value v, uint64_t least) {
  CHI_TRY(const uint64_t n, parse_size(v));
  if (n < least || n > (64u << 20)) return wrong("out of range: at most 64m");
  out = static_cast<uint32_t>(n);
  return {};
}

// A model option by its Ollama name. Integers and decimals are checked here, not by the server.
Result<void> set_model_option(llm::Options& o, Value name, Value v) {
  struct Integer { Value name; std::optional<int64_t> llm::Options::*field; int64_t least; };
  struct Decimal { Value name; std::optional<double> llm::Options::*field; };
  static constexpr Integer kIntegers[] = {{"num-gpu", &llm::Options::num_gpu, -1},
                                          {"num-ctx", &llm::Options::num_ctx, 1},
                                          {"top-k", &llm::Options::top_k, 0},
                                          {"num-predict", &llm::Options::num_predict, -2},
                                          {"seed", &llm::Options::seed, INT64_MIN}};
  static constexpr Decimal kDecimals[] = {{"temperature", &llm::Options::temperature},
                                          {"top-p", &llm::Options::top_p},
                                          {"repeat-penalty", &llm::Options::repeat_penalty}};
  for (const Integer& i : kIntegers) {
    if (name != i.name) continue;
    CHI_TRY(const int64_t n, parse_i64(v));
    if (n < i.least) return fail(Errc::bad_input, "too small");
    o.*i.field = n;
    return {};
  }
  for (const Decimal& d : kDecimals) {
    if (name != d.name) continue;
    CHI_TRY(const double x, parse_double(v));
    if (x < 0) return fail(Errc::bad_input, "negative");
    o.*d.field = x;
    return {};
  }
  return wrong("no such model option");
}

Result<void> common_option(Settings& s, const Option& o, Value v) {
  return set_model_option(s.common, o.name, v);
}
Result<void> chimera_option(Settings& s, const Option& o, Value v) {
  return set_model_option(s.a, Value(o.name).substr(8), v);     // behind "chimera-"
}
Result<void> chimera2_option(Settings& s, const Option& o, Value v) {
  return set_model_option(s.b, Value(o.name).substr(9), v);     // behind "chimera2-"
}

// NAME=VALUE
Result<void> free_option(Settings& s, const Option&, Value v) {
  const size_t equals = v.find('=');
  const Value name = v.substr(0, equals), value = v.substr(equals + 1);
  if (name.empty() || equals == Value::npos) return wrong("NAME VALUE");
  return add_model_option(s.common, name, value);
}

Result<void> add_url(Settings& s, const Option&, Value v) {
  CHI_TRY(wire::Url url, wire::parse_url(v));
  wire::strip_slashes(url);
  s.urls.push_back(std::move(url));
  return {};
}
// upstream's names for the servers of the first and the second agent
Result<void> place_url(Settings& s, const Option& o, Value v) {
  CHI_TRY(wire::Url url, wire::parse_url(v));
  wire::strip_slashes(url);
  const size_t at = o.name[0] == 'c' ? 0 : 1;
  while (s.urls.size() <= at) s.urls.push_back(wire::Url(url));
  s.urls[at] = std::move(url);
  return {};
}

Result<void> add_header(Settings& s, const Option&, Value v) {
  const size_t colon = v.find(':');
  const Value name = v.substr(0, colon);
  const Value value = colon == Value::npos ? Value() : trim(v.substr(colon + 1));
  if (colon == Value::npos || !wire::valid_field(name, value)) return wrong("'Name: value'");
  if (wire::reserved_field(name)) return wrong("chimera sets this header itself");
  s.headers.append(name).append(": ").append(value).append("\r\n");
  return {};
}

Result<void> key_file(Settings& s, const Option&, Value v) {
  CHI_TRY(const std::string text, sys::read_file(std::string(v), 64 << 10));
  s.api_key = trim(text);
  return {};
}

Result<void> sim_key(Settings& s, const Option& o, Value v) { return sim::set(s.sim, o.name, v); }

// Keys of simulated servers; `key` is one with its '=' when it has an option of its own.
[[maybe_unused]] Result<void> sim_more(Settings& s, const char* key, Value v) {
  std::string spec = key;
  spec.append(v);
  CHI_TRY_VOID(sim::set_all(s.sim, spec));
  s.simulate = true;
  s.sim_spec.append(s.sim_spec.empty() ? "" : ",").append(spec);
  return {};
}

// Those that the option's command has.
Result<void> set_format(Settings& s, const Option& o, Value v) {
  struct Name { Value name; Format format; uint32_t commands; };
  static constexpr Name kNames[] = {{"text", Format::text, 0xffff}, {"json", Format::json, 0xffff},
                                    {"ndjson", Format::ndjson, kRun | kAsk | kMap},
                                    {"md", Format::md, kRun | kStats},
                                    {"csv", Format::csv, kStats}, {"html", Format::html, kStats},
                                    {"svg", Format::svg, kStats}};
  for (const Name& n : kNames) {
    if (v != n.name || (o.commands & n.commands) == 0) continue;
    s.format = n.format;
    return {};
  }
  if (o.commands == kRun) return wrong("text, json, ndjson or md");
  if (o.commands == kMap) return wrong("ndjson or text");
  if (o.commands == kAsk) return wrong("text, json or ndjson");
  return wrong(o.commands == kStats ? "text, json, csv, md, html or svg" : "text or json");
}

// Numbers from 1 to `most`, with commas between them.
[[maybe_unused]] Result<void> set_list(std::vector<uint32_t>& out, Value v, uint64_t most,
                                       const char* range) {
  out.clear();
  for (Value part; next_part(v, ',', part);) {
    CHI_TRY(const uint64_t n, parse_u64(trim(part)));
    if (n < 1 || n > most) return wrong(range);
    out.push_back(static_cast<uint32_t>(n));
  }
  return out.empty() ? wrong(range) : Result<void>();
}

Result<void> set_output(Settings& s, const Option&, Value v) {
  s.output = v;
  return v.empty() ? wrong("a path") : Result<void>();
}

// `words` names both.
Result<void> on_off(bool& out, Value v, const char* on, const char* off, const char* words) {
  if (v != on && v != off) return wrong(words);
  out = v == on;
  return {};
}

Result<void> set_kind(Settings& s, const Option&, Value v) {
  const auto kind = rt::parse_kind(v);
  if (kind) {
    s.given.kind = *kind;
    return {};
  }
  static const std::string only =
      std::string("this binary holds only ") + rt::name_of(rt::kDefaultKind);
  return wrong(rt::kOneRuntime ? only.c_str() : "steal, fixed, local or bridge");
}

Result<void> set_think(Settings& s, const Option&, Value v) {
  for (const char* level : {"true", "false", "low", "medium", "high"}) {
    if (v == level) s.common.think = v;
  }
  return v == s.common.think && !v.empty() ? Result<void>()
                                           : wrong("true, false, low, medium or high");
}

// Two fields share the name: the connection's (on, off) and the model's (a time, as Ollama takes
// it).
Result<void> keep_alive(Settings& s, const Option& o, Value v) {
  const bool time = v != "on" && v != "off";
  if (!time || o.commands == kFetch) {
    return on_off(s.client.policy.keep_alive, v, "on", "off", "on or off");
  }
  if (!parse_i64(v) && !parse_duration(v)) return wrong("on, off or a time");
  s.common.keep_alive = v;
  return {};
}

// FILE, or the JSON itself when it begins with a brace or a bracket.
Result<std::string> json_of(Value v) {
  std::string text(v);
  if (!v.starts_with('{') && !v.starts_with('[')) {
    CHI_TRY(text, sys::read_file(text, 16 << 20));
  }
  if (!wire::check_json(text)) return fail(Errc::bad_input, "not JSON");
  return std::string(trim(text));
}

Result<void> set_schema(Settings& s, const Option&, Value v) {
  CHI_TRY(s.calls.schema, json_of(v));
  return s.calls.schema[0] == '{' ? Result<void>() : wrong("a schema is an object");
}

// A declaration as {"type":"function","function":{...}}, or what is behind "function" alone; or an
// array of them.
Result<void> add_tool(Settings& s, const Option&, Value v) {
  CHI_TRY(std::string list, json_of(v));
  std::string& all = s.calls.tools;
  if (list[0] == '{') list = "[" + list + "]";
  for (wire::JsonWalk walk(list); walk.next();) {
    const bool whole = !wire::json_member(walk.value, "function").empty();
    if (!whole && wire::json_member(walk.value, "name").empty()) {
      return wrong("a tool has a \"name\", or a \"function\" that has one");
    }
    if (!all.empty()) all.pop_back();
    all.append(all.empty() ? "[" : ",").append(whole ? "" : R"({"type":"function","function":)");
    all.append(walk.value).append(whole ? "]" : "}]");
  }
  return {};
}

Result<void> add_image(Settings& s, const Option&, Value v) {
  CHI_TRY(const std::string bytes, sys::read_file(std::string(v), 64 << 20));
  append_base64(s.calls.images.emplace_back(), bytes);
  return {};
}

Result<void> set_thinking(Settings& s, const Option&, Value v) {
  s.ask.thinking = v == "hide"     ? Thinking::hide
                   : v == "stderr" ? Thinking::err
                   : v == "inline" ? Thinking::in_line
                                   : Thinking::unset;
  return s.ask.thinking == Thinking::unset ? wrong("hide, stderr or inline") : Result<void>();
}

#define SET(statement)                                      \
  [](Settings& s, const Option&, Value v) -> Result<void> { \
    (void)s;                                                \
    (void)v;                                                \
    statement;                                              \
  }
#define ON(statement)                                   \
  [](Settings& s, const Option&, Value) -> Result<void> { \
    (void)s;                                              \
    statement;                                            \
    return {};                                            \
  }

constexpr Option kPlain[] = {
    {kTrial | kCalls, 'm', "model", "NAME", "model (gemma3:latest)",
     SET(s.model = v; return v.empty() ? wrong("a name") : Result<void>())},
    {kRun | kBench, 'u', "url", "URL",
     "server, repeatable; agent i uses url[i mod n] (OLLAMA_HOST, else http://127.0.0.1:11434)",
     add_url},
    {kCalls | kProbe, 'u', "url", "URL",
     "server, repeatable (OLLAMA_HOST, else http://127.0.0.1:11434)", add_url},
    {kTrial | kCalls, 0, "api", "DIALECT",
     "ollama, ollama-chat, openai, openai-completions or auto (ollama)",
     SET(CHI_TRY(s.client.api, llm::parse_api(v)); s.api_given = true; return {})},
    {kCalls, 0, "policy", "NAME",
     "which of several servers: first (the others when it fails), round-robin, least (busy) or "
     "race "
     "(first)",
     SET(CHI_TRY(s.calls.policy, llm::parse_policy(v)); return {})},
#ifndef CHIMERA_MINIMAL
    {kRun | kBench, 0, "sim", "[=SPEC]",
     "use simulated servers instead, one per agent; SPEC: key=value,... as in chimera sim",
     SET(return sim_more(s, "", v))},
    {kCalls | kProbe, 0, "sim", "[=SPEC]",
     "use a simulated server instead; SPEC: key=value,... as in chimera sim",
     SET(return sim_more(s, "", v))},
    {kRun, 0, "sim-servers", "N", "how many simulated servers (one per agent)",
     SET(return set_int(s.sim_servers, v, 1, 64, "1 to 64"))},
    {kCalls | kProbe, 0, "sim-servers", "N", "how many simulated servers (1)",
     SET(return set_int(s.sim_servers, v, 1, 64, "1 to 64"))},
#endif
    {kRun, 0, "scenario", "NAME",
     "baseline-vs-chimera, chimera-hetero or chimera-homo (baseline-vs-chimera)",
     [](Settings& s, const Option&, Value v) -> Result<void> {
       const auto scenario = agent::parse_scenario(v);
       if (!scenario) return wrong("baseline-vs-chimera, chimera-hetero or chimera-homo");
       s.scenario = *scenario;
       return {};
     }},
    {kTrial, 'n', "agents", "N", "agents at work at the same time (2)",
     SET(return set_int(s.agents, v, 1, 512, "1 to 512"))},
    {kRun, 0, "runs", "N", "how often to repeat the whole job (1)",
     SET(return set_int(s.runs, v, 0, 100000, "0 to 100000"))},
    {kTrial, 0, "serial", nullptr,
     "before the first run, run each agent alone: true efficiency is measured against that",
     ON(s.serial = true)},
    {kCalls, 's', "system", "TEXT", "system prompt (none)", SET(s.calls.system = v; return {})},
    {kCalls, 0, "schema", "FILE|JSON",
     "the answer must be JSON that fits this JSON Schema; one that does not is asked for again, "
     "and "
     "then exit code 65",
     set_schema},
    {kCalls, 0, "json", nullptr, "the answer must be JSON", ON(s.calls.schema = "\"json\"")},
    {kAsk | kMap, 'x', "extract", nullptr, "of the answer only what is in its first code block",
     ON(s.calls.extract = true)},
    {kAsk, 0, "image", "FILE", "a picture with the prompt, repeatable", add_image},
    {kAsk, 0, "tool", "FILE|JSON",
     "a tool the model may call, or an array of them, repeatable; calls come out as lines of JSON",
     add_tool},
    {kAsk, 0, "thinking", "hide|stderr|inline",
     "where a model's reasoning goes (stderr when that is a terminal, else hide)", set_thinking},
    {kAsk, 'c', "continue", nullptr,
     "go on with the conversation of the last -c (begin it, when there is none)",
     ON(s.ask.go_on = true)},
    {kAsk, 0, "session", "FILE", "the same with a conversation kept in FILE",
     SET(s.ask.session = v; return v.empty() ? wrong("a file") : Result<void>())},
    {kAsk, 0, "new", nullptr, "with -c or --session: forget what was said before",
     ON(s.ask.anew = true)},
    {kAsk, 0, "no-stdin", nullptr, "do not read stdin", ON(s.ask.no_stdin = true)},
    {kCalls, 'S', "no-stream", nullptr, "let the server send the answer whole",
     ON(s.calls.stream = false)},
    {kAsk, 0, "raw", nullptr, "print control codes of an answer as they are",
     ON(s.ask.raw = true)},
    {kTrial | kCalls, 'o', "option", "NAME VALUE", "a model option, repeatable", free_option},
    {kTrial | kCalls, 0, "num-gpu", "N", "layers on the GPU (server's default)", common_option},
    {kTrial | kCalls, 0, "num-ctx", "N", "context window, tokens (server's default; 4096 assumed)",
     common_option},
    {kTrial | kCalls, 0, "num-predict", "N", "longest answer, tokens (server's default)",
     common_option},
    {kTrial | kCalls, 0, "temperature", "X", "sampling temperature (server's default)",
     common_option},
    {kTrial | kCalls, 0, "top-p", "X", "nucleus sampling (server's default)", common_option},
    {kTrial | kCalls, 0, "top-k", "N", "top-k sampling (server's default)", common_option},
    {kTrial | kCalls, 0, "repeat-penalty", "X", "penalty for repeats (server's default)",
     common_option},
    {kRun | kCalls, 0, "seed", "N", "sampling seed (none)", common_option},
    {kTrial | kCalls, 0, "think", "LEVEL", "true, false, low, medium, high (not sent)", set_think},
    {kRun, 0, "chimera-num-gpu", "N",
     "options of the optimised agents: the second; with chimera-homo all", chimera_option},
    {kRun, 0, "chimera-num-ctx", "N", "", chimera_option},
    {kRun, 0, "chimera-temperature", "X", "", chimera_option},
    {kRun, 0, "chimera-top-p", "X", "", chimera_option},
    {kRun, 0, "chimera-top-k", "N", "", chimera_option},
    {kRun, 0, "chimera-repeat-penalty", "X", "", chimera_option},
    {kRun, 0, "chimera2-num-gpu", "N", "options of the second agent with chimera-hetero",
     chimera2_option},
    {kRun, 0, "chimera2-num-ctx", "N", "", chimera2_option},
    {kRun, 0, "chimera2-temperature", "X", "", chimera2_option},
    {kRun, 0, "chimera2-top-p", "X", "", chimera2_option},
    {kRun, 0, "chimera2-top-k", "N", "", chimera2_option},
    {kRun, 0, "chimera2-repeat-penalty", "X", "", chimera2_option},
    {kRun, 0, "collector-ollama-url", "URL", "server of the first agent (as -u)", place_url},
    {kRun, 0, "insight-ollama-url", "URL", "server of the second agent (as a second -u)",
     place_url},

    {kClient, 0, "preset", "NAME",
     "knobs as a system of the study has them, see PRESETS (smol-1kb)",
     SET(s.given.preset = v; return v.empty() ? wrong("a name") : Result<void>())},
    {kRun | kMap, 0, "runtime", "KIND",
     "scheduler: steal, fixed, local or bridge (fixed)", set_kind},
    {kFetch | kAsk | kWorker, 0, "runtime", "KIND",
     "scheduler: steal, fixed, local or bridge (local, unless another knob asks for more)",
     set_kind},
    {kClient, 0, "threads", "N",
     "workers; of bridge: for I/O (fixed and bridge 2, steal one per processor)",
     SET(return set_int(s.given.threads.emplace(), v, 1, 256, "1 to 256"))},
    {kClient, 0, "permits", "N", "how many may be at work at once; 0 = all (0)",
     SET(return set_int(s.given.permits.emplace(), v, 0, 512, "0 to 512"))},
    {kClient, 0, "read-size", "BYTES", "cap of one socket read: 1k, 8k, ... (1k)",
     SET(return set_size(s.given.read_size.emplace(), v, 1))},
    {kClient, 0, "coalesce", "BYTES", "hold body bytes back until this many; 0 = off (0)",
     SET(return set_size(s.given.coalesce.emplace(), v, 0))},
    {kTrial | kCalls, 0, "keep-alive", "on|off|TIME",
     "5m, 0, -1: how long the server keeps the model (its default); on, off: reuse connections "
     "(on)",
     keep_alive},
    {kFetch, 0, "keep-alive", "on|off", "off: ask the server to close the connection (on)",
     keep_alive},
    {kClient, 0, "pin", nullptr, "pin worker i to processor i", ON(s.runtime.pin = true)},
    {kClient, 0, "pop", "fifo|lifo", "which task a worker of --runtime steal takes first (fifo)",
     SET(return on_off(s.runtime.lifo, v, "lifo", "fifo", "fifo or lifo"))},

    {kFetch | kTrial | kCalls | kProbe, 0, "connect-timeout", "TIME",
     "name and connection; 0 = none (5s)",
     SET(return set_duration(s.client.timeouts.connect, v))},
    {kFetch | kTrial | kCalls | kProbe, 0, "first-token-timeout", "TIME",
     "request sent to first token; 0 = none (0)",
     SET(return set_duration(s.client.timeouts.first_token, v))},
    {kFetch | kTrial | kCalls | kProbe, 0, "idle-timeout", "TIME",
     "longest silence within an answer; 0 = none (60s). When given, it also limits the wait for "
     "the first byte, unless --first-token-timeout does",
     SET(s.client.timeouts.idle_from_start = true; return set_duration(s.client.timeouts.idle, v))},
    {kFetch | kTrial | kCalls | kProbe, 't', "timeout", "TIME",
     "one whole request, a retry begins anew; 0 = none (0)",
     SET(return set_duration(s.client.timeouts.total, v))},
    {kTrial, 0, "max-retries", "N",
     "on a failed connection, 429 and 503; never after the first token (0)",
     SET(return set_int(s.client.max_retries, v, 0, 1000, "0 to 1000"))},
    {kCalls, 0, "max-retries", "N",
     "on a failed connection, 429 and 503, and on an answer that does not fit --schema; never once "
     "something was printed (2)",
     SET(return set_int(s.client.max_retries, v, 0, 1000, "0 to 1000"))},
    {kFetch | kTrial | kCalls | kProbe, 'H', "header", "'K: V'",
     "a request header, repeatable; never printed or stored", add_header},
    {kFetch | kTrial | kCalls | kProbe, 0, "api-key-file", "FILE",
     "bearer token; never printed or stored (OLLAMA_API_KEY, or OPENAI_API_KEY, as the dialect is)",
     key_file},

    {kRun, 'f', "format", "FORMAT", "what goes to stdout: text, json, ndjson or md (text)",
     set_format},
    {kIngest | kSelftest | kBench | kProbe, 'f', "format", "FORMAT",
     "what goes to stdout: text or json (text)", set_format},
    {kAsk, 'f', "format", "FORMAT",
     "what goes to stdout: text; json: one object behind the end; ndjson: an event a line, as it "
     "comes (text)",
     set_format},
    {kStats, 'f', "format", "FORMAT",
     "what goes to stdout: text, json, csv, md, html or svg (text)",
     set_format},
    {kRun | kBench, 'O', "output", "DIR", "write the result files into this folder (none)",
     set_output},
    {kFetch, 'O', "output", "FILE", "write the body into this file, whole or not at all (stdout)",
     set_output},
    {kStats, 'O', "output", "FILE", "write into this file, whole or not at all (stdout)",
     set_output},
    {kRun, 0, "output-dir", "DIR", "as -O", set_output},
    {kAsk, 0, "dry-run", nullptr, "print the exact bytes of the request, send nothing",
     ON(s.dry_run = true)},
    {kAsk, 'v', "verbose", nullptr, "tokens, rate and times on stderr", ON(s.verbose = true)},
    {kRun, 0, "dry-run", nullptr,
     "print the exact bytes of each agent's first request, send nothing", ON(s.dry_run = true)},
    {kRun, 0, "without", "DIR", "a folder within the one to read that is left out (that of -O)",
     SET(s.without = v; return v.empty() ? wrong("a folder") : Result<void>())},
    {kRun | kFetch | kSelftest | kBench | kStats | kCalls | kProbe, 0, "quiet", nullptr,
     "no warnings, no progress",
     ON(s.quiet = true)},
    {kRun, 'v', "verbose", nullptr, "a line on stderr for each agent of each run",
     ON(s.verbose = true)},
    {kRun | kSelftest | kBench | kMap, 0, "progress", "auto|never",
     "progress on a terminal's stderr (auto)",
     SET(return on_off(s.progress, v, "auto", "never", "auto or never"))},

#ifndef CHIMERA_MINIMAL
    {kWorker, 'j', "jobs", "N", "jobs at work at the same time (4)",
     SET(return set_int(s.worker.jobs, v, 1, 4096, "1 to 4096"))},
    {kWorker, 0, "queue", "N", "jobs that may wait; one more is refused (1024)",
     SET(return set_int(s.worker.queue, v, 1, 65536, "1 to 65536"))},
    {kWorker, 0, "block", nullptr, "when as many wait, read no more, instead of refusing",
     ON(s.worker.block = true)},
    {kWorker, 0, "no-tokens", nullptr, "no token events, only whole answers",
     ON(s.worker.tokens = false)},
    {kProbe, 'm', "model", "NAME", "the model must be there; exit code 69 when it is not (any)",
     SET(s.probe_model = v; return v.empty() ? wrong("a name") : Result<void>())},

    {kMap, 0, "template", "TEXT",
     "the prompt: {name} is that member of the record, {} or {text} the line (the line; of a JSON "
     "object \"prompt\" or \"text\")",
     SET(s.map.pattern = v; return v.empty() ? wrong("a text") : Result<void>())},
    {kMap, 0, "input", "auto|text|ndjson",
     "what a line is; auto: as the first one looks (auto)",
     [](Settings& s, const Option&, Value v) -> Result<void> {
       s.map.input = v == "text" ? MapInput::text : MapInput::ndjson;
       if (v == "auto") s.map.input = MapInput::unknown;
       const bool known = v == "auto" || v == "text" || v == "ndjson";
       return known ? Result<void>() : wrong("auto, text or ndjson");
     }},
    {kMap, 'j', "jobs", "N", "records at work at the same time (4)",
     SET(return set_int(s.map.jobs, v, 1, 1024, "1 to 1024"))},
    {kMap, 0, "unordered", nullptr, "write each result when it is there, not in the input's order",
     ON(s.map.unordered = true)},
    {kMap, 0, "resume", "OUT",
     "leave out records whose result is in this file already; one that failed is tried again",
     SET(s.map.resume = v; return v.empty() ? wrong("a file") : Result<void>())},
    {kMap, 0, "rate", "N", "begin so many records a second at most (no limit)",
     SET(CHI_TRY(s.map.rate, parse_double(v));
         return s.map.rate > 0 ? Result<void>() : wrong("more than 0"))},
    {kMap, 0, "until-error", "N", "stop when so many records have failed (never)",
     SET(return set_int(s.map.until_error, v, 1, 1000000000, "1 or more"))},
    {kMap, 'f', "format", "FORMAT",
     "what goes to stdout: ndjson, or text: the answer alone, its line breaks as blanks (ndjson)",
     set_format},
    {kMap, 'O', "output", "FILE", "append the results to this file instead of stdout", set_output},
    {kStats, 0, "metric", "NAME",
     "any number of the records, repeatable up to 8 times: a name, or the last parts of its path "
     "(efficiency_percent; of chimeraforge's files throughput_tps)",
     SET(s.stats.metrics.emplace_back(v); return v.empty() ? wrong("a name") : Result<void>())},
    {kStats, 0, "percentile", "linear|index",
     "between two neighbours, or sorted[floor(n*q)] as TR115 printed (linear)",
     SET(return on_off(s.stats.index, v, "index", "linear", "linear or index"))},
    {kStats, 0, "clean", nullptr,
     "leave out runs with a cold load, a truncated, looping, failed or empty answer, and list them",
     ON(s.stats.clean = true)},
    {kStats, 0, "only", "TEXT",
     "only runs whose runtime/configuration has this text in it, repeatable (all)",
     SET(s.stats.only.emplace_back(v); return {})},
    {kStats, 0, "baseline", "PATH", "compare each runtime with its older runs there (none)",
     SET(s.stats.baseline = v; return v.empty() ? wrong("a path") : Result<void>())},
    {kStats, 0, "fail-on", "CONDITION",
     "fail when it holds for any runtime, see GATES; repeatable, or several behind one --fail-on",
     SET(s.stats.fail_on.emplace_back(v); return {})},
    {kStats, 0, "seed", "N", "of the bootstrap (1)",
     SET(CHI_TRY(s.stats.seed, parse_u64(v)); return {})},
    {kSelftest, 0, "preset", "NAME", "one preset, see chimera run --help (all)",
     SET(s.given.preset = v; return v.empty() ? wrong("a name") : Result<void>())},
    {kSelftest, 0, "rates", "N,N,...", "tok/s of each stream (41,200,5000)",
     SET(return set_list(s.selftest.rates, v, 1'000'000, "1 to 1000000, with commas between"))},
    {kSelftest, 0, "streams", "N,N,...", "streams at the same time (2,64,512)",
     SET(return set_list(s.selftest.streams, v, 10'000, "1 to 10000, with commas between"))},
    {kSelftest, 0, "cell-time", "TIME",
     "how long a stream of a cell lasts behind its first token; at least 20 tokens (500ms)",
     SET(return set_duration(s.selftest.cell_time, v))},
    {kSelftest, 0, "quick", nullptr,
     "smaller defaults, for every build: 200,5000 tok/s, 2,64 streams, 200ms",
     ON(s.selftest.quick = true)},
    {kSelftest, 0, "max-ttft-error", "TIME", "bound of the TTFT error's median; 0 = none (50ms)",
     SET(return set_duration(s.selftest.max_ttft_error, v))},
    {kSelftest, 0, "max-delay-p50", "TIME", "bound of the delay's median; 0 = none (10ms)",
     SET(return set_duration(s.selftest.max_delay_p50, v))},
    {kSelftest, 0, "max-delay-p99", "TIME", "bound of the delay's p99; 0 = none (200ms)",
     SET(return set_duration(s.selftest.max_delay_p99, v))},

    {kBench, 0, "presets", "NAME,...", "what is compared, see chimera run --help (all)",
     SET(s.bench.presets = v; return v.empty() ? wrong("names") : Result<void>())},
    {kBench, 0, "binaries", "PATH...",
     "compare these programs instead, or the chimera-* of a folder; up to the next option",
     SET(add_word(s.bench.binaries, v); return v.empty() ? wrong("a path") : Result<void>())},
    {kBench, 0, "configs", "STUDY",
     "the workloads of a study: tr115, tr114, tr110, or tr113 (one server) (tr115)",
     SET(s.bench.study = v; return {})},
    {kBench, 0, "plan", "FILE.toml", "workloads of one's own instead, see PLAN",
     SET(s.bench.plan = v; return v.empty() ? wrong("a file") : Result<void>())},
    {kBench, 0, "runs", "N", "trials of each cell (5)",
     SET(return set_int(s.bench.runs, v, 1, 10000, "1 to 10000"))},
    {kBench, 0, "order", "shuffled|blocked",
     "shuffled: each cell once, in a random order, then again; blocked: one cell after the other "
     "(shuffled)",
     SET(return on_off(s.bench.shuffled, v, "shuffled", "blocked", "shuffled or blocked"))},
    {kBench, 0, "seed", "N", "of the order, and of simulated servers (1)",
     SET(CHI_TRY(s.bench.seed, parse_u64(v)); return {})},
    {kBench, 0, "warmup", "on|off",
     "before a trial, let its servers load what it needs (on, unless simulated servers load "
     "nothing)",
     SET(return on_off(s.bench.warm_up.emplace(), v, "on", "off", "on or off"))},
    {kBench, 0, "trial-timeout", "TIME", "a trial that takes longer has failed; 0 = none (10m)",
     SET(return set_duration(s.bench.trial_timeout, v))},
    {kBench, 0, "redo-failed", nullptr, "run trials that failed once more",
     ON(s.bench.redo_failed = true)},
    {kBench, 0, "sim-profile", "NAME", "simulated servers with the paces of a study: tr115 (none)",
     SET(return sim_more(s, "profile=", v))},
    {kBench, 0, "speed", "K", "their clock runs K times as fast, see SPEED (1)",
     SET(return sim_more(s, "speed=", v))},
    {kBench, 0, "dry-run", nullptr, "print the trials in their order, as commands; run none",
     ON(s.dry_run = true)},

    {kConfig, 'f', "format", "FORMAT", "what goes to stdout: text or json (text)", set_format},
    {kConfig, 0, "path", nullptr, "print where the default file is looked for, and no more", ON()},
    {kEvery, 0, "config", "FILE",
     "settings, see chimera config --help ($XDG_CONFIG_HOME/chimera/config.toml, if it is there)",
     SET(return v.empty() ? wrong("a file") : Result<void>())},
    {kEvery & ~uint32_t{kSim}, 0, "profile", "NAME", "with those of its [profile.NAME] (none)",
     SET(return v.empty() ? wrong("a name") : Result<void>())},
#endif
    {kEvery, 0, "no-config", nullptr, "without a file of settings", ON()},
    {kEvery, 0, "color", "auto|always|never",
     "bold headings in --help on a terminal; always: also when TERM or NO_COLOR speak against it "
     "(auto)",
     SET(return v == "auto" || v == "always" || v == "never" ? Result<void>()
                                                             : wrong("auto, always or never"))},
};

#undef SET
#undef ON

constexpr auto& kOptions = PackedTable<kPlain, &Option::help>::kRows;

}  // namespace

std::span<const Option> options() { return kOptions; }

Result<void> add_model_option(llm::Options& o, Value name, Value value) {
  std::string dashed(name);
  for (char& c : dashed) c = c == '_' ? '-' : c;
  const Result<void> known = set_model_option(o, dashed, value);
  if (known || known.error().code != Errc::usage) return known;
  for (auto& [other, old] : o.extra) {
    if (other != name) continue;
    old = value;
    return {};
  }
  o.extra.emplace_back(name, value);
  return {};
}

const Option* find_option(Commands command, std::string_view name) {
  for (const Option& o : kOptions) {
    if ((o.commands & command) != 0 && name == o.name) return &o;
  }
  if (rt::kMinimal || (command & kSim) == 0) return nullptr;
  static Option simulated;
  for (const sim::Key& k : sim::keys()) {
    if (name != k.name) continue;
    simulated = {kSim, 0, k.name, k.metavar, k.help, sim_key};
    return &simulated;
  }
  return nullptr;
}

const Option* find_option(Commands command, char letter) {
  for (const Option& o : kOptions) {
    if ((o.commands & command) != 0 && o.letter == letter) return &o;
  }
  return nullptr;
}

std::vector<Option> options_of(Commands command) {
  std::vector<Option> all;
  for (const Option& o : kOptions) {
    if ((o.commands & command) != 0) all.push_back(o);
  }
  if (rt::kMinimal || command != kSim) return all;
  for (const sim::Key& k : sim::keys()) all.push_back(*find_option(kSim, k.name));
  return all;
}

}  // namespace chimera::cli
