// The table of options. A setter takes the value as text, so that the environment and a
// configuration file can use it too.
#include "chimera/base/number.hpp"
#include "chimera/base/packed.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sys/file.hpp"
#include "setters.hpp"

namespace chimera::cli {
namespace {

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
// Options of `bench` that only one of its modes has.
#define OF_MODE(mode, statement)                              \
  [](Settings& s, const Option& o, Value v) -> Result<void> { \
    s.load.mode = o.name;                                     \
    (void)v;                                                  \
    statement;                                                \
  }
#define LOAD(statement) OF_MODE(load_option, statement)
#define EXPERIMENT(statement) OF_MODE(experiment_option, statement)

constexpr Option kPlain[] = {
    {kTrial | kCalls, 'm', "model", "NAME", "model (gemma3:latest)",
     SET(s.model = v; return v.empty() ? wrong("a name") : Result<void>())},
    {kRun | kBench | kRepeatable, 'u', "url", "URL",
     "server, repeatable; agent i uses url[i mod n] (OLLAMA_HOST, else http://127.0.0.1:11434)",
     add_url},
    {kCalls | kProbe | kRepeatable, 'u', "url", "URL",
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
    {kRun | kForwarded, 'n', "agents", "N", "agents at work at the same time (2)",
     SET(return set_int(s.agents, v, 1, 512, "1 to 512"))},
    {kBench | kForwarded, 0, "agents", "N", "agents at work at the same time in a trial (2)",
     EXPERIMENT(return set_int(s.agents, v, 1, 512, "1 to 512"))},
    {kRun, 0, "runs", "N", "how often to repeat the whole job (1)",
     SET(return set_int(s.runs, v, 0, 100000, "0 to 100000"))},
    {kRun | kForwarded, 0, "serial", nullptr,
     "before the first run, run each agent alone: true efficiency is measured against that",
     ON(s.serial = true)},
    {kBench | kForwarded, 0, "serial", nullptr, "as that of `run`, in each trial",
     EXPERIMENT(s.serial = true; return {})},
    {kCalls, 's', "system", "TEXT", "system prompt (none)", SET(s.calls.system = v; return {})},
    {kCalls, 0, "schema", "FILE|JSON",
     "the answer must be JSON that fits this JSON Schema; one that does not is asked for again, "
     "and then exit code 65",
     set_schema},
    {kCalls, 0, "json", nullptr, "the answer must be JSON", ON(s.calls.schema = "\"json\"")},
    {kAsk | kMap, 'x', "extract", nullptr, "of the answer only what is in its first code block",
     ON(s.calls.extract = true)},
    {kAsk | kRepeatable, 0, "image", "FILE", "a picture with the prompt, repeatable", add_image},
    {kAsk | kRepeatable, 0, "tool", "FILE|JSON",
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
    {kTrial | kCalls | kRepeatable, 'o', "option", "NAME VALUE",
     "a model option, repeatable; or NAME=VALUE", free_option},
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
    {kRun | kRare, 0, "collector-ollama-url", "URL", "server of the first agent (as -u)",
     place_url},
    {kRun | kRare, 0, "insight-ollama-url", "URL", "server of the second agent (as a second -u)",
     place_url},

    {kClient | kRare, 0, "preset", "NAME",
     "knobs as a system of the study has them, see PRESETS (smol-1kb)",
     SET(s.given.preset = v; return v.empty() ? wrong("a name") : Result<void>())},
    {kRun | kMap | kRare, 0, "runtime", "KIND",
     "scheduler: steal, fixed, local or bridge (fixed)", set_kind},
    {kFetch | kAsk | kWorker | kRare, 0, "runtime", "KIND",
     "scheduler: steal, fixed, local or bridge (local, unless another knob asks for more)",
     set_kind},
    {kClient | kRare, 0, "threads", "N",
     "workers; of bridge: for I/O (fixed and bridge 2, steal one per processor)",
     SET(return set_int(s.given.threads.emplace(), v, 1, 256, "1 to 256"))},
    {kClient | kRare, 0, "permits", "N", "how many may be at work at once; 0 = all (0)",
     SET(return set_int(s.given.permits.emplace(), v, 0, 512, "0 to 512"))},
    {kClient | kRare, 0, "read-size", "BYTES", "cap of one socket read: 1k, 8k, ... (1k)",
     SET(return set_size(s.given.read_size.emplace(), v, 1))},
    {kClient | kRare, 0, "coalesce", "BYTES", "hold body bytes back until this many; 0 = off (0)",
     SET(return set_size(s.given.coalesce.emplace(), v, 0))},
    {kTrial | kCalls | kRare, 0, "keep-alive", "on|off|TIME",
     "5m, 0, -1: how long the server keeps the model (its default); on, off: reuse connections "
     "(on)",
     keep_alive},
    {kFetch | kRare, 0, "keep-alive", "on|off", "off: ask the server to close the connection (on)",
     keep_alive},
    {kClient | kRare, 0, "pin", nullptr, "pin worker i to processor i", ON(s.runtime.pin = true)},
    {kClient | kRare, 0, "pop", "fifo|lifo",
     "which task a worker of --runtime steal takes first (fifo)",
     SET(return on_off(s.runtime.lifo, v, "lifo", "fifo", "fifo or lifo"))},

    {kFetch | kTrial | kCalls | kProbe | kRare, 0, "connect-timeout", "TIME",
     "name and connection, of https also its handshake; 0 = none (5s)",
     SET(return set_duration(s.client.timeouts.connect, v))},
    {kFetch | kTrial | kCalls | kProbe | kRare, 0, "first-token-timeout", "TIME",
     "request sent to first token; 0 = none (0)",
     SET(return set_duration(s.client.timeouts.first_token, v))},
    {kFetch | kTrial | kCalls | kProbe | kRare, 0, "idle-timeout", "TIME",
     "longest silence within an answer; 0 = none (60s). When given, it also limits the wait for "
     "the first byte, unless --first-token-timeout does",
     SET(s.client.timeouts.idle_from_start = true; return set_duration(s.client.timeouts.idle, v))},
    {kFetch | kTrial | kCalls, 't', "timeout", "TIME",
     "one whole request, a retry begins anew; 0 = none (0)",
     SET(return set_duration(s.client.timeouts.total, v))},
    {kProbe, 't', "timeout", "TIME", "all that one server is asked; 0 = none (10s)",
     SET(return set_duration(s.client.timeouts.total, v))},
    {kTrial, 0, "max-retries", "N",
     "on a failed connection, 429 and 503; never after the first token (0)",
     SET(return set_int(s.client.max_retries, v, 0, 1000, "0 to 1000"))},
    {kCalls, 0, "max-retries", "N",
     "on a failed connection, 429 and 503, and on an answer that does not fit --schema; never once "
     "something was printed (2)",
     SET(return set_int(s.client.max_retries, v, 0, 1000, "0 to 1000"))},
    {kFetch | kTrial | kCalls | kProbe | kRepeatable, 'H', "header", "'K: V'",
     "a request header, repeatable; never printed or stored", add_header},
    {kFetch | kTrial | kCalls | kProbe, 0, "api-key-file", "FILE",
     "bearer token; never printed or stored (OLLAMA_API_KEY, or OPENAI_API_KEY, as the dialect is)",
     key_file},
#ifdef CHIMERA_TLS
    {kFetch | kTrial | kCalls | kProbe, 0, "cacert", "FILE",
     "of https: believe whom these certificates (PEM) vouch for (SSL_CERT_FILE, or the system's)",
     SET(CHI_TRY(s.trusted, sys::read_file(std::string(v), 16 << 20)); s.trust.ca = s.trusted;
         return s.trusted.empty() ? fail(Errc::bad_input, "empty") : Result<void>())},
    {kFetch | kTrial | kCalls | kProbe, 0, "insecure", nullptr,
     "of https: believe every server; others can then read and change what is said",
     ON(s.trust.insecure = true)},
#endif

    {kRun, 'f', "format", "FORMAT", "what goes to stdout: text, json, ndjson or md (text)",
     set_format},
    {kIngest | kSelftest | kProbe, 'f', "format", "FORMAT",
     "what goes to stdout: text or json (text)", set_format},
    {kAsk, 'f', "format", "FORMAT",
     "what goes to stdout: text; json: one object behind the end; ndjson: an event a line, as it "
     "comes (text)",
     set_format},
    {kBench, 'f', "format", "FORMAT",
     "what goes to stdout: text or json; in load mode also csv, md, hgrm or hgrm:METRIC (text)",
     set_format},
    {kStats, 'f', "format", "FORMAT",
     "what goes to stdout: text, json, csv, md, html or svg (text)",
     set_format},
    {kRun, 'O', "output", "DIR", "write the result files into this folder (none)", set_output},
    {kBench, 'O', "output", "PATH",
     "the folder of the experiment; in load mode a file for a line of JSON a request (none)",
     set_output},
    {kFetch, 'O', "output", "FILE", "write the body into this file, whole or not at all (stdout)",
     set_output},
    {kStats, 'O', "output", "FILE", "write into this file, whole or not at all (stdout)",
     set_output},
    {kRun | kRare, 0, "output-dir", "DIR", "as -O", set_output},
    {kAsk, 0, "dry-run", nullptr, "print the exact bytes of the request, send nothing",
     ON(s.dry_run = true)},
    {kAsk, 'v', "verbose", nullptr, "tokens, rate and times on stderr", ON(s.verbose = true)},
    {kRun, 0, "dry-run", nullptr,
     "print the exact bytes of each agent's first request, send nothing", ON(s.dry_run = true)},
    {kRun, 0, "without", "DIR",
     "a folder within the one to read that is left out, as that of -O is (none)",
     SET(s.without = v; return v.empty() ? wrong("a folder") : Result<void>())},
    {kRun | kFetch | kSelftest | kBench | kStats | kCalls | kProbe, 0, "quiet", nullptr,
     "no warnings, no progress",
     ON(s.quiet = true)},
    {kRun, 'v', "verbose", nullptr, "a line on stderr for each agent of each run",
     ON(s.verbose = true)},
    {kRun | kSelftest | kBench | kMap | kRare, 0, "progress", "auto|never",
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
     "leave out records whose result is in this file already; one that failed is tried again. A "
     "result of -f text has no id to tell by",
     SET(s.map.resume = v; return v.empty() ? wrong("a file") : Result<void>())},
    {kMap, 0, "rate", "N", "begin so many records a second at most (no limit)",
     SET(CHI_TRY(s.map.rate, parse_double(v));
         return s.map.rate >= kLeastRate ? Result<void>() : wrong("at least 0.000001"))},
    {kMap, 0, "until-error", "N", "stop when so many records have failed (never)",
     SET(return set_int(s.map.until_error, v, 1, 1000000000, "1 or more"))},
    {kMap, 'f', "format", "FORMAT",
     "what goes to stdout: ndjson, or text: the answer alone, its line breaks as blanks (ndjson)",
     set_format},
    {kMap, 'O', "output", "FILE", "append the results to this file instead of stdout", set_output},
    {kStats | kRepeatable, 0, "metric", "NAME",
     "any number of the records, repeatable up to 8 times: a name, or the last parts of its path "
     "(efficiency_percent; of chimeraforge's files throughput_tps)",
     SET(s.stats.metrics.emplace_back(v); return v.empty() ? wrong("a name") : Result<void>())},
    {kStats, 0, "percentile", "linear|index",
     "between two neighbours, or sorted[floor(n*q)] as TR115 printed (linear)",
     SET(return on_off(s.stats.index, v, "index", "linear", "linear or index"))},
    {kStats, 0, "clean", nullptr,
     "leave out runs with a cold load, a truncated, looping, failed or empty answer, and list them",
     ON(s.stats.clean = true)},
    {kStats | kRepeatable, 0, "only", "TEXT",
     "only runs whose runtime/configuration has this text in it, repeatable (all)",
     SET(s.stats.only.emplace_back(v); return {})},
    {kStats, 0, "baseline", "PATH", "compare each runtime with its older runs there (none)",
     SET(s.stats.baseline = v; return v.empty() ? wrong("a path") : Result<void>())},
    {kStats | kRepeatable, 0, "fail-on", "CONDITION",
     "fail when it holds for any runtime, see GATES; repeatable, or several behind one --fail-on",
     SET(s.stats.fail_on.emplace_back(v); return {})},
    {kStats, 0, "seed", "N", "of the bootstrap (1)",
     SET(CHI_TRY(s.stats.seed, parse_u64(v)); return {})},
    {kSelftest | kRare, 0, "preset", "NAME", "one preset, see chimera run --help (all)",
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
     EXPERIMENT(s.bench.presets = v;
                return v.empty() ? wrong("names") : Result<void>())},
    {kBench, 0, "binaries", "PATH...",
     "compare these programs instead, or the chimera-* of a folder; up to the next option",
     EXPERIMENT(add_word(s.bench.binaries, v);
                return v.empty() ? wrong("a path") : Result<void>())},
    {kBench, 0, "configs", "STUDY",
     "the workloads of a study: tr115, tr114, tr110, or tr113 (one server) (tr115)",
     EXPERIMENT(s.bench.study = v; return {})},
    {kBench, 0, "plan", "FILE.toml", "workloads of one's own instead, see PLAN",
     EXPERIMENT(s.bench.plan = v; return v.empty() ? wrong("a file") : Result<void>())},
    {kBench, 0, "runs", "N", "trials of each cell (5)",
     EXPERIMENT(return set_int(s.bench.runs, v, 1, 10000, "1 to 10000"))},
    {kBench, 0, "order", "shuffled|blocked",
     "shuffled: each cell once, in a random order, then again; blocked: one cell after the other "
     "(shuffled)",
     EXPERIMENT(return on_off(s.bench.shuffled, v, "shuffled", "blocked", "shuffled or blocked"))},
    {kBench, 0, "seed", "N", "of the order, or of the arrivals; and of simulated servers (1)",
     SET(CHI_TRY(s.bench.seed, parse_u64(v)); return {})},
    {kBench, 'w', "warmup", "on|off|N",
     "on, off: before a trial, let its servers load what it needs (on, unless simulated servers "
     "load nothing); N: requests that are left out, in load mode (0)",
     set_warm_up},
    {kBench, 0, "trial-timeout", "TIME", "a trial that takes longer has failed; 0 = none (10m)",
     EXPERIMENT(return set_duration(s.bench.trial_timeout, v))},
    {kBench, 0, "redo-failed", nullptr, "run trials that failed once more",
     EXPERIMENT(s.bench.redo_failed = true; return {})},
    {kBench, 0, "sim-profile", "NAME", "simulated servers with the paces of a study: tr115 (none)",
     SET(return sim_more(s, "profile=", v))},
    {kBench, 0, "speed", "K", "their clock runs K times as fast, see SPEED (1)",
     SET(return sim_more(s, "speed=", v))},
    {kBench, 'c', "concurrency", "N,...",
     "load mode: so many requests at once; 1,2,4 or 1-16*2 or 1-9+2 one level after the other (1; "
     "with --rate a limit, none)",
     LOAD(CHI_TRY(s.load.levels, lab::parse_levels(v)); return {})},
    {kBench, 'n', "requests", "N",
     "load mode: end a level after so many requests: 200, 10k (no end)",
     LOAD(CHI_TRY(s.load.requests, lab::parse_count(v)); return {})},
    {kBench, 'q', "rate", "R", "load mode: send R requests a second, whatever comes back; or inf",
     set_rate},
    {kBench, 'z', "duration", "TIME",
     "load mode: send nothing more then; what is under way is waited for (30s, without -n)",
     LOAD(return set_duration(s.load.duration, v))},
    {kBench, 0, "arrival", "KIND",
     "gaps between requests: constant, poisson or gamma:SHAPE (constant)",
     LOAD(CHI_TRY(s.load.arrival, lab::parse_arrival(v)); return {})},
    {kBench | kRepeatable, 0, "slo", "CONDITION",
     "METRIC:STATISTIC<VALUE, as ttft:p95<200ms or error<1%; exit code 99 when it does not hold, "
     "repeatable",
     LOAD(CHI_TRY(lab::Condition c, lab::parse_condition(v)); s.load.slo.push_back(std::move(c));
          return {})},
    {kBench, 0, "goodput", "METRIC:TIME,...",
     "what each request must keep to count as good: ttft:200ms,tpot:50ms (none)",
     LOAD(CHI_TRY(s.load.goals, lab::parse_goals(v)); return {})},
    {kBench, 0, "prompt", "TEXT", "what is asked (a text of about 100 tokens)",
     LOAD(s.load.prompt = v; return {})},
    {kBench, 0, "prompts", "FILE", "prompts, one a line, in turns",
     LOAD(s.load.prompts = v; return v.empty() ? wrong("a file") : Result<void>())},
    {kBench, 0, "cache", "cold|warm",
     "cold: each prompt has a prefix of its own, so that no cache has it; warm: none (cold)",
     LOAD(return on_off(s.load.warm_cache, v, "warm", "cold", "cold or warm"))},
    {kBench, 0, "sim-servers", "N", "load mode: how many simulated servers (1)",
     LOAD(return set_int(s.sim_servers, v, 1, 64, "1 to 64"))},
    {kBench, 0, "dry-run", nullptr,
     "print the trials in their order, as commands, or the exact bytes of the first request; run "
     "none",
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
#undef OF_MODE
#undef LOAD
#undef EXPERIMENT

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
    const uint32_t commands = k.repeatable ? kSim | kRepeatable : kSim;
    simulated = {commands, 0, k.name, k.metavar, k.help, sim_key};
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

std::string_view nearest_option(Commands command, std::string_view word) {
  // What other programs call it.
  static constexpr std::string_view kAliases[][2] = {
      {"max-tokens", "num-predict"}, {"host", "url"},     {"base-url", "url"},
      {"concurrency", "jobs"},       {"parallel", "jobs"}, {"prompt", "template"}};
  for (const auto& alias : kAliases) {
    if (word == alias[0] && find_option(command, alias[1]) != nullptr) return alias[1];
  }
  Nearest nearest(word);
  for (const Option& o : options_of(command)) nearest.offer(o.name);
  return nearest.name();
}

std::vector<Option> options_of(Commands command) {
  std::vector<Option> all;
  for (const Option& o : kOptions) {
    if ((o.commands & command) != 0) all.push_back(o);
  }
  if (rt::kMinimal || (command & kSim) == 0) return all;
  for (const sim::Key& k : sim::keys()) all.push_back(*find_option(kSim, k.name));
  return all;
}

}  // namespace chimera::cli
