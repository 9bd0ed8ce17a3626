// chimera run DIR: the main job.
//
// How this works: run_command() settles everything that can fail early (folder, output, servers),
// then starts the runtime with the root coroutine run_all(): one run_crew() after the other, each
// followed at once by its result files, so that whatever is finished stays.
#include "chimera/agent/crew.hpp"
#include "chimera/agent/prompts.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/presets.hpp"
#include "chimera/lab/record.hpp"
#include "chimera/llm/detect.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "run_parts.hpp"

namespace chimera::cli {
namespace {

// What the process had used by some instant.
struct Measured {
  sys::Usage used;
  rt::WorkerCounters counters;
};

struct Job {
  explicit Job(Settings& s) : settings(s) {}

  Settings& settings;
  agent::CrewSettings crew;
  std::vector<llm::Dialect> dialects;
  rt::Runtime runtime;
  lab::ProcessFigures process;
  agent::SerialOutcome serial;
  std::vector<lab::RunDigest> runs;
  Nanos summary_saved = 0;
  std::vector<std::string> warned;
  bool partial_saved = false;
  size_t agents_done = 0, agents_failed = 0;
  Error first_failure;
  int output_code = 0;          // an exit code when output could not be written
  Result<void> printed;         // behind a failure nothing more: it would wait for it once more
};

// ---- results ------------------------------------------------------------------------------------

void note(Job& job, const Result<void>& written, std::string_view what) {
  if (written || job.output_code != 0) return;
  job.output_code = written.error().code == Errc::closed ? 141 : 74;
  if (job.output_code == 74) complain("cannot write", written.error(), what);
  if (job.settings.output.empty()) job.runtime.stop();   // nothing of what comes could be kept
}

void print(Job& job, std::string_view text) {
  if (!job.printed) return;
  job.printed = sys::write_stream(sys::Stream::out, text);
  note(job, job.printed, "standard output");
}

Measured measure(const Job& job) { return {sys::usage(), job.runtime.counters()}; }

// A record is of one run: what the process used for others, and between them, is not in it.
void charge_run(Job& job, const Measured& before) {
  const Measured now = measure(job);
  job.process.used = lab::since(before.used, now.used);
  job.process.used.max_rss_kib = sys::peak_rss_kib();
  job.process.counters = lab::since(before.counters, now.counters);
}

void save(Job& job, std::string path, std::string_view name, std::string_view text) {
  path.append("/").append(name);
  note(job, sys::write_file_atomic(path, text), path);
}

void save_run(Job& job, const agent::RunOutcome& run) {
  // A run that was cut short must not be taken for a result by whoever reads run_*.
  std::string folder = job.settings.output + (run.interrupted ? "/partial_run_" : "/run_");
  append_i64(folder, run.number);
  const auto made = sys::make_directories(folder);
  note(job, made, folder);
  if (!made) return;
  save(job, folder, "combined_report.md", lab::combined_markdown(run));
  for (size_t i = 0; i < run.agents.size(); ++i) {
    const char* const fixed[] = {"collector", "insight"};
    std::string name = i < 2 ? fixed[i] : run.agents[i].config.id;
    save(job, folder, name.append("_report.md"), lab::agent_markdown(run.agents[i]));
  }
  // Last: a folder with it is whole.
  save(job, folder, "metrics.json", lab::metrics_json(run, job.process));
}

lab::Summary summary_of(const Job& job) {
  return {job.settings.scenario, job.crew.agents, job.runs};
}

void save_summary(Job& job) {
  const lab::Summary summary = summary_of(job);
  save(job, job.settings.output, "summary.md", lab::summary_markdown(summary));
  save(job, job.settings.output, "summary.json",
       lab::summary_json(summary, job.process, sys::unix_now_ns()));
  job.summary_saved = sys::now();
}

std::string agent_name(const Job& job, const agent::RunOutcome& run, const agent::AgentOutcome& a) {
  std::string name = "agent " + a.config.id;
  if (job.settings.runs > 1) {
    name.append(", run ");
    append_i64(name, run.number);
  }
  return name;
}

void count_agents(Job& job, const agent::RunOutcome& run) {
  for (const agent::AgentOutcome& a : run.agents) {
    ++(a.failed ? job.agents_failed : job.agents_done);
    if (!a.failed) continue;
    if (job.agents_failed == 1) job.first_failure = a.error;
    if (a.error.code == Errc::cancelled) continue;
    const bool reached = a.analysis_stage.made;
    complain(agent_name(job, run, a), a.error, reached ? a.config.base_url : job.crew.directory,
             a.error_text);
  }
}

// Each once: what was wrong in one run is mostly wrong in all of them.
void warn(Job& job, const std::string& line) {
  if (job.settings.quiet) return;
  for (const std::string& old : job.warned) {
    if (old == line) return;
  }
  job.warned.push_back(line);
  say("warning: " + line);
}

void tell(Job& job, const agent::RunOutcome& run) {
  for (const std::string& w : lab::input_warnings_of(run)) warn(job, w);
  for (const agent::AgentOutcome& a : run.agents) {
    if (!job.settings.verbose || a.failed) continue;
    const lab::AgentFigures f = lab::figures_of(a);
    std::string line = agent_name(job, run, a) + ": ";
    append_u64(line, f.total_tokens);
    line.append(" tokens, ");
    append_fixed(line, f.average_tokens_per_second, 2);
    line.append(" tok/s, TTFT ");
    append_fixed(line, f.average_ttft_ms, 1);
    line.append(" ms, ");
    append_duration(line, a.total);
    say(line);
  }
}

// Nothing came of it: then stdout, which is for answers, stays empty.
bool fruitless(const agent::RunOutcome& run) {
  for (const agent::AgentOutcome& a : run.agents) {
    if (!a.failed || !a.analysis_stage.call.text.empty()) return false;
  }
  return true;
}

void print_run(Job& job, const agent::RunOutcome& run) {
  const Settings& s = job.settings;
  if (fruitless(run) && (s.format == Format::text || s.format == Format::md)) return;
  if (s.format == Format::json || s.format == Format::ndjson) {
    const std::string record = lab::metrics_json(run, job.process);
    if (s.format == Format::ndjson) return print(job, one_line(record).append("\n"));
    std::string out = job.runs.empty() ? "{\"runs\": [" : ",\n";
    print(job, out.append(record));
  }
  if (s.format == Format::text && s.output.empty()) print(job, lab::run_text(run, job.process));
  if (s.format != Format::md) return;
  std::string all;
  for (const agent::AgentOutcome& a : run.agents) all.append(lab::agent_markdown(a)).append("\n");
  all.append(lab::combined_markdown(run)).append("\n");
  print(job, printable(all, true));   // what a model says may hold escape bytes
}

// Called on worker 0 when a run has ended; nothing is in flight then.
void finish_run(Job& job, const agent::RunOutcome& run) {
  count_agents(job, run);
  tell(job, run);
  const bool saving = !job.settings.output.empty();
  if (saving) save_run(job, run);
  job.partial_saved = saving && run.interrupted;
  if (run.interrupted && job.settings.format != Format::text) return;
  print_run(job, run);
  if (run.interrupted) return;
  job.runs.push_back(lab::digest_of(run));
  // Every second is often enough for many short runs: each writes all that were before it.
  if (saving && sys::now() - job.summary_saved > kSecond) save_summary(job);
}

void print_summary(Job& job) {
  const Settings& s = job.settings;
  const lab::Summary summary = summary_of(job);
  const bool many = s.runs != 1 || (s.format == Format::text && !s.output.empty());
  if (s.format == Format::text || s.format == Format::md) {
    if (many) print(job, lab::summary_markdown(summary));
    if (s.output.empty()) return;
    std::string line = "\nResults are in ";
    print(job, line.append(printable(s.output, false)).append("\n"));
    return;
  }
  const std::string json = lab::summary_json(summary, job.process, sys::unix_now_ns());
  if (s.format == Format::ndjson) return print(job, one_line(json).append("\n"));
  std::string out = job.runs.empty() ? "{\"runs\": [" : "";
  out.append("],\n\"schema\": \"chimera.run/1\",\n\"summary\": ").append(json).append("}\n");
  print(job, out);
}

// ---- the work -----------------------------------------------------------------------------------

// Not before the first request, which it would delay.
void describe_process(Job& job) {
  const Settings& s = job.settings;
  lab::ProcessFigures& p = job.process;
  const sys::SystemInfo system = sys::system_info();
  p.runtime = rt::name_of(s.runtime.kind);
  p.threads = job.runtime.config().threads;
  p.workers = job.runtime.workers();
  p.preset = preset_in_force(s, p.threads);
  p.pin = s.runtime.pin;
  p.lifo = s.runtime.lifo;
  p.permits = s.permits;
  p.read_size = s.runtime.read_size;
  p.coalesce = s.client.policy.coalesce;
  p.keep_alive = s.client.policy.keep_alive;
  p.version = version();
  p.command = "chimera run" + s.command;
  p.binary_bytes = sys::executable_bytes();
  p.seed = s.common.seed.value_or(-1);
  p.simulated = s.simulate;
  p.arch = system.arch;
  p.hostname = system.hostname;
  p.os = system.os;
  p.kernel = system.kernel;
}

// Until the first request of all.
void note_startup(Job& job, const agent::RunOutcome& run) {
  Nanos first = kNever;
  auto look = [&](Nanos sent) { first = sent != 0 && sent < first ? sent : first; };
  for (const agent::AloneOutcome& a : run.serial.agents) look(a.first_sent);
  for (const agent::AgentOutcome& a : run.agents) look(a.analysis_stage.call.sent);
  if (first != kNever) job.process.startup = first - sys::process_start();
}

// Adds a server whose version is not known yet.
bool first_of_its_name(Job& job, const wire::Url& url) {
  std::string base = url.text();
  for (const auto& [seen, version] : job.process.endpoint_versions) {
    if (seen == base) return false;
  }
  job.process.endpoint_versions.emplace_back(std::move(base), std::string());
  return true;
}

// Asked after the first run, so that it delays none. A server that does not say stays unknown.
rt::Task<void> ask_versions(Job& job) {
  llm::ClientSettings client = job.settings.client;
  client.timeouts.total = 2 * kSecond;
  for (const wire::Url& url : job.crew.endpoints) {
    if (!first_of_its_name(job, url)) continue;
    llm::Documents server(url, client);
    const auto got = co_await server.get("/api/version");
    if (got) job.process.endpoint_versions.back().second = version_in(server.body());
  }
}

// `work` while its progress is shown, as that of run `k`.
rt::Task<void> watched(const Job& job, std::span<agent::Progress> progress, int k,
                       rt::Task<void> work) {
  for (agent::Progress& p : progress) p.stage.store(agent::Stage::waiting);
  rt::Stop stop_ticker;
  rt::Scope ticker;
  if (job.settings.progress) {
    ticker.start(show_progress(job.crew, progress, k, job.settings.runs, stop_ticker),
                 rt::Place::here());
  }
  co_await work;
  stop_ticker.request();
  co_await ticker.join();
}

rt::Task<void> run_all(Job& job) {
  std::vector<agent::Progress> progress(job.crew.agents.size());
  const bool record = !job.settings.output.empty() || job.settings.format != Format::text;
  if (job.settings.serial && job.settings.runs > 0) {
    rt::Task<void> each = agent::run_serial(job.crew, progress, job.serial);
    co_await watched(job, progress, 0, std::move(each));
  }
  for (int k = 1; k <= job.settings.runs && !job.runtime.stopping(); ++k) {
    agent::RunOutcome run;
    const Measured before = measure(job);
    rt::Task<void> together = agent::run_crew(job.crew, k, progress, run);
    co_await watched(job, progress, k, std::move(together));
    charge_run(job, before);
    if (k == 1) describe_process(job);
    run.serial = std::move(job.serial);   // lent: every record has it
    if (k == 1) note_startup(job, run);
    if (k == 1 && record && !run.interrupted) co_await ask_versions(job);
    finish_run(job, run);
    job.serial = std::move(run.serial);
  }
}

int finish(Job& job) {
  if (job.process.version.empty()) describe_process(job);   // no run came to its end
  if (!job.settings.output.empty()) save_summary(job);
  print_summary(job);
  if (sys::stop_signal() != 0) {
    std::string line = "interrupted: ";
    append_u64(line, job.runs.size());
    line.append(" of ");
    append_i64(line, job.settings.runs);
    line.append(" runs finished").append(job.settings.output.empty() ? "" : " and kept");
    if (job.partial_saved) line.append("; what had come of the next one is in partial_run_");
    if (job.partial_saved) append_u64(line, job.runs.size() + 1);
    say(line);
    return 128 + sys::stop_signal();
  }
  if (job.output_code != 0) return job.output_code;
  if (job.agents_failed == 0) return 0;
  return job.agents_done != 0 ? 1 : exit_code(job.first_failure);
}

int refuse(std::string_view what, const Error& e, std::string_view subject) {
  complain(what, e, subject);
  return exit_code(e);
}

Result<void> check_folders(const Settings& s, const std::string& directory, std::string& subject) {
  subject = directory;
  const auto readable = sys::check_directory(directory);
  if (!readable) {
    const auto info = sys::file_info(directory, true);
    const bool other = info && info->kind != sys::FileInfo::Kind::directory;
    return other ? fail(Errc::bad_input, "not a folder") : readable;
  }
  subject = s.output;
  if (!s.output.empty() && !s.dry_run) CHI_TRY_VOID(sys::make_directories(s.output));
  return {};
}

// The later of two agents on one server waits there for the earlier one.
bool share_a_server(std::span<const agent::AgentConfig> agents) {
  for (size_t i = 1; i < agents.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (agents[i].base_url == agents[k].base_url) return true;
    }
  }
  return false;
}

int start(Job& job) {
  const auto opened = open_runtime(job.runtime, job.settings);
  if (!opened) return refuse("runtime", opened.error(), {});
  job.runtime.run(run_all(job));
  return finish(job);
}

}  // namespace

int run_command(Settings& s) {
  if (s.positional.size() > 1) {
    say("run takes one folder: see chimera run --help");
    return 2;
  }
  Job job(s);
  job.crew.directory = s.positional.empty() ? "." : s.positional[0];
  std::vector<std::string> warnings;
  std::string subject;
  Result<void> ready = complete(s, warnings);
  if (!ready && ready.error().code == Errc::usage) {
    say(std::string(ready.error().where) + ": see chimera run --help");
    return 2;
  }
  if (!ready) return refuse("run", ready.error(), {});
  ready = check_folders(s, job.crew.directory, subject);
  if (!ready) return refuse("run", ready.error(), subject);
  agent::IngestOptions::Folder* without = job.crew.ingest.without;
  for (const std::string* path : {&s.without, &s.output}) {
    const auto info = sys::file_info(*path, true);
    if (info) *without++ = {info->device, info->inode};
  }
  s.progress = s.progress && !s.quiet && sys::is_terminal(2) && sys::env("TERM") != "dumb";

  SimServers servers;
  ready = !rt::kMinimal && s.simulate ? servers.start(s) : Result<void>();
  if (!ready && ready.error().code == Errc::closed) return 74;   // the server itself has said why
  if (!ready) return refuse("cannot start the simulated servers", ready.error(), {});
  job.crew.scenario = s.scenario;
  job.crew.endpoints = s.urls;
  job.dialects = std::vector<llm::Dialect>(s.urls.size());
  job.crew.dialects = job.dialects;
  job.crew.client = s.client;
  job.crew.permits = s.permits;
  job.crew.agents = agent::make_agents(s.scenario, static_cast<size_t>(s.agents), s.model, s.urls,
                                       agent::OptionSets{s.common, s.a, s.b});
  if (share_a_server(job.crew.agents)) {
    warnings.push_back("agents share a server: they wait for each other there, and efficiency then "
                       "measures its queue");
  }
  const std::string older = s.output.empty() ? std::string() : older_results(s.output, s.runs);
  if (!older.empty()) warnings.push_back(s.output + " keeps results of an earlier run: " + older);
  for (const std::string& w : warnings) warn(job, w);
  return s.dry_run ? dry_run(job.crew) : start(job);
}

}  // namespace chimera::cli
