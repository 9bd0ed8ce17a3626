// What command line, environment and configuration file can set; and the one table of options that
// all of it comes from: parsing, --help, completion, the manual page.
//
// Thread: main thread, before the runtime starts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/agent/crew.hpp"
#include "chimera/llm/pool.hpp"
#include "chimera/lab/load.hpp"
#include "chimera/net/tls.hpp"
#include "chimera/rt/runtime.hpp"
#include "chimera/sim/settings.hpp"

namespace chimera::cli {

// What `selftest` is asked for. Empty or 0 = its own choice, which --quick makes smaller.
struct SelftestSettings {
  std::vector<uint32_t> rates, streams;  // tok/s of each stream; how many of them
  Nanos cell_time = 0;
  bool quick = false;
  // The largest errors that are no failure; 0 = none.
  Nanos max_ttft_error = 50 * kMilli, max_delay_p50 = 10 * kMilli, max_delay_p99 = 200 * kMilli;
};

// What `stats` is asked for.
struct StatsSettings {
  std::vector<std::string> metrics;      // empty = efficiency_percent
  std::vector<std::string> only;         // parts of "runtime/configuration"; empty = all
  std::vector<std::string> fail_on;
  std::string baseline;                  // a result file or folder; empty = none
  uint64_t seed = 1;                     // of the bootstrap
  bool index = false;                    // percentiles as TR115 printed them
  bool clean = false;
};

// What `bench` is asked for.
struct BenchSettings {
  std::string presets;                   // "a,b"; empty = all that this binary holds
  std::string binaries;                  // paths instead of presets: words, see add_word()
  std::string study = "tr115";           // --configs
  std::string plan;                      // a TOML file, instead of a study
  int runs = 5;
  uint64_t seed = 1;
  bool shuffled = true;
  std::optional<bool> warm_up;           // not given: where a server may have to load a model
  Nanos trial_timeout = 600 * kSecond;   // 0 = none
  bool redo_failed = false;
  // Options of `run` that came, as words for each trial.
  std::string forwarded;
};

// What `ask`, `map` and `worker` are asked for.
struct CallSettings {
  std::string system;
  std::string schema;                    // JSON: "json" with its quotes, or a schema; empty = free
  std::string tools;                     // a JSON array of declarations; empty = none
  std::vector<std::string> images;       // base64
  llm::Policy policy = llm::Policy::first;
  bool stream = true;
  bool extract = false;                  // the first code block alone
};

enum class Thinking : uint8_t { unset, hide, err, in_line };

struct AskSettings {
  Thinking thinking = Thinking::unset;   // unset: stderr when that is a terminal, else hide
  bool go_on = false;                    // -c: the conversation in the default place
  bool anew = false;                     // begin it anew
  std::string session;                   // --session FILE
  bool no_stdin = false;
  bool raw = false;                      // control codes too
};

enum class MapInput : uint8_t {
  unknown,      // decided by the first line: a JSON object or text
  text,         // a line is a record, its number the id
  ndjson,       // a line is a JSON object; "id" is its id, else its number
};

struct MapSettings {
  std::string pattern;                   // --template
  MapInput input = MapInput::unknown;
  int jobs = 4;
  bool unordered = false;
  std::string resume;                    // a file of an earlier map's results
  double rate = 0;                       // new requests per second; 0 = no limit
  int until_error = 0;                   // stop behind so many failed records; 0 = never
  bool terminal = false;                 // results go to one
};

struct WorkerSettings {
  int jobs = 4;                          // at the same time
  int queue = 1024;                      // jobs that wait, at most
  bool block = false;                    // when it is full: read no more, instead of refusing
  bool tokens = true;
};

// What `bench` is asked for in load mode, which -c, -n and --rate mean.
struct LoadSettings {
  std::vector<uint32_t> levels;          // requests at once, one level after the other
  std::optional<double> rate;            // requests a second; infinite = all at once
  uint64_t requests = 0;                 // of each level; 0 = not given
  Nanos duration = 0;                    // of each level; 0 = not given
  uint64_t warm_up = 0;                  // requests left out
  lab::Arrival arrival;
  std::vector<lab::Condition> slo;
  lab::Goals goals;
  std::optional<std::string> prompt;
  std::string prompts;                   // a file; empty = none
  bool warm_cache = false;
  lab::LoadMetric hgrm = lab::m_response;

  // The names of options that came and are of one mode only; nullptr = none did.
  const char* load_option = nullptr;
  const char* experiment_option = nullptr;
  bool wanted() const { return !levels.empty() || rate || requests != 0; }
};

enum class Format : uint8_t { text, json, ndjson, md, csv, html, svg, hgrm };

// The knobs of the experiment as given; what is not given comes from the preset, else from what the
// binary was built for (cli/presets.hpp).
struct Given {
  std::string preset;
  std::optional<rt::Kind> kind;
  std::optional<int> threads, permits;
  std::optional<uint32_t> read_size, coalesce;   // bytes
};

struct Settings {
  // which model, where
  std::string model = "gemma3:latest";
  std::vector<wire::Url> urls;           // empty = OLLAMA_HOST, else the default
  bool simulate = false;                 // --sim
  sim::Settings sim;
  std::string sim_spec;                  // as given, for the child processes
  int sim_servers = 0;                   // 0 = one per agent
  llm::Options common, a, b;             // for every agent; --chimera-*; --chimera2-*
  std::string headers;                   // complete lines
  std::string api_key;
  net::TlsTrust trust;                   // its `ca` is the next
  std::string trusted;                   // what the file of --cacert holds
  bool api_given = false;                // --api
  // Where complete() has servers and key from: "env OLLAMA_HOST", ...; "" = options or default.
  const char *servers_from = "", *key_from = "";

  // how
  Given given;                           // parse_arguments settles it into the next three
  rt::RuntimeConfig runtime;
  llm::ClientSettings client;
  int permits = 0;

  // run
  std::string without;                   // a folder within DIR that is not read; empty = -O's
  agent::Scenario scenario = agent::Scenario::baseline_vs_chimera;
  int agents = 2;
  int runs = 1;
  bool serial = false;                   // each agent alone first
  bool dry_run = false;

  CallSettings calls;
  AskSettings ask;
  MapSettings map;
  WorkerSettings worker;
  std::string probe_model;               // empty = any
  SelftestSettings selftest;
  StatsSettings stats;
  BenchSettings bench;
  LoadSettings load;

  // output
  Format format = Format::text;
  std::string output;                    // -O; empty = none
  bool quiet = false;
  bool progress = true;                  // on a terminal
  bool verbose = false;

  std::vector<std::string> positional;
  std::string command;                   // the arguments as a shell takes them, without secrets
};

// Which commands have an option, one bit each, and three bits about the option itself. Those of
// every command are rarely given.
enum Commands : uint32_t {
  kRun = 1,
  kFetch = 2,
  kIngest = 4,
  kSim = 8,
  kSelftest = 16,
  kBench = 32,
  kStats = 64,
  kForwarded = 128,                      // an option that bench hands on to each trial's run
  kAsk = 256,
  kMap = 512,
  kWorker = 1024,
  kProbe = 2048,
  kConfig = 4096,
  kCompletion = 8192,
  kRepeatable = 16384,                   // and what may be given several times
  kRare = 32768,                         // and what stands behind the others in --help
  kEvery = ~uint32_t{kForwarded | kRepeatable},
  kTrial = kRun | kBench | kForwarded,
  kCalls = kAsk | kMap | kWorker,        // those that send a user's own prompts
  kClient = kRun | kFetch | kCalls       // those with the knobs of a runtime
};

struct Option {
  uint32_t commands;
  char letter;                 // 0 = none
  const char* name;            // without the dashes
  const char* metavar;         // nullptr = a switch; "[=X]" = the value may be missing; "A B" = two
  // With the default in parentheses at the end, and the word "repeatable" if it is, for people;
  // packed (base/packed.hpp).
  const char* help;
  Result<void> (*set)(Settings& s, const Option& o, std::string_view value);
};
std::span<const Option> options();
// The option of a command, or nullptr. Those of `sim` are the simulator's keys as well; such a
// result is valid until the next call.
const Option* find_option(Commands command, std::string_view name);
const Option* find_option(Commands command, char letter);
// The name of the option that was probably meant by a word that names none; "" when none is near.
std::string_view nearest_option(Commands command, std::string_view word);

// Takes the arguments behind the command's name, and nothing else (cli/layers.hpp has all that
// counts). On an error `what` holds the words for people
// ("--rate: 'x' is not a number"). Errors: usage.
Result<void> parse_arguments(Commands command, std::span<char* const> arguments, Settings& s,
                             std::string& what);

// A model option by its Ollama name, as -o takes it. One with a field of its own goes there, so
// that it is sent once; of two with one name the last counts. Errors: bad_input.
Result<void> add_model_option(llm::Options& o, std::string_view name, std::string_view value);

void append_quoted(std::string& out, std::string_view word);   // as a shell takes it

// Fills what was not given from the variables of Ollama and OpenAI: URLs, dialect, key. `warnings`
// gets lines for stderr. Errors: bad_config, unsupported.
Result<void> complete(Settings& s, std::vector<std::string>& warnings);
// What has to be there before a server is spoken to: the trust in it, for https.
// Thread: one at a time. Errors: bad_config; unsupported in a build without TLS.
Result<void> prepare(const Settings& s, const wire::Url& url);
// What is sent to a server that was not named before complete(): the same, but for a key of the
// environment that is not meant for it.
llm::ClientSettings client_for(const Settings& s, const wire::Url& url);

}  // namespace chimera::cli
