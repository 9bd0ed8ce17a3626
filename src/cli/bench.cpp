// chimera bench: runtimes x workloads x repeats, one process a trial.
//
// How this works: bench_command() settles what is to be done (bench_plan.cpp) and claims the output
// folder (bench_record.cpp). The Session then goes through the trials in their order. One that has
// its folder is done. For any other, `chimera run` is started with a folder of its own, in
// OUT/.unfinished; when it has ended its record is completed and the folder gets its final name.
// So a trial is there whole or not at all, whatever ends this program.
#include <string.h>

#include "bench_parts.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/wire/json.hpp"
#include "run_parts.hpp"

namespace chimera::cli {
namespace {

constexpr Nanos kFrame = 200 * kMilli;
constexpr Nanos kLastWords = 5 * kSecond;   // between a child's last word and its end
constexpr size_t kMostWords = 4000;
constexpr size_t kMostTrials = 100'000;     // as many as are read again
constexpr int kStopped = -1;                // by a signal
constexpr const char* kFailedFile = "/failed.txt";   // in a trial's folder

// How a child ended: its exit code, or kStopped, and its lines on stderr.
struct Ending {
  int code = 0;
  std::string words;
};

Ending not_started(const Error& error, std::string_view program) {
  // A server that cannot listen has said so.
  if (error.code == Errc::closed) return {74, "chimera: a simulated server ended at once\n"};
  return {exit_code(error), "chimera: cannot start: " + explain(error, {}, program) + "\n"};
}

class Session {
 public:
  explicit Session(Experiment& e)
      : e_(e), s_(e.settings), out_(s_.output), unfinished_(out_ + "/.unfinished"),
        trial_(unfinished_ + "/trial") {
    shows_ = s_.progress && !s_.quiet && sys::is_terminal(2) && sys::env("TERM") != "dumb";
  }

  // The exit code.
  int run();
  void dry_run(std::string& text);

 private:
  bool done_before(size_t index);
  int trial(size_t index);
  std::string place(const lab::BenchTrial& t) const;
  Ending measure(size_t index);
  Ending child(const std::string& program, std::string_view arguments);
  std::string command(const lab::BenchTrial& t, std::string_view output, bool warm_up);
  void choose_servers(size_t index);
  int keep(size_t index, const Ending& ending);
  void show();
  int cannot_write(const Error& error, const std::string& path);
  void append_counts(std::string& s) const;
  std::string summary() const;
  int conclude(int code);

  Experiment& e_;
  Settings& s_;
  const std::string& out_;
  const std::string unfinished_, trial_;   // the folder of the trial at work
  bool shows_ = false;

  size_t at_ = 0, kept_ = 0, succeeded_ = 0, failed_ = 0;
  int first_failure_ = 0;
  uint32_t warm_for_ = UINT32_MAX;   // the workload that the servers were last used with
  Nanos began_ = 0;
};

// ---- one trial ----------------------------------------------------------------------------------

std::string Session::place(const lab::BenchTrial& t) const {
  std::string path = out_;
  return path.append("/").append(folder_of(e_, t));
}

// The words behind the program's name.
std::string Session::command(const lab::BenchTrial& t, std::string_view output, bool warm_up) {
  const lab::BenchPart &variant = e_.variants[t.variant], &config = e_.configs[t.config];
  std::string words;
  add_word(words, "run");
  if (variant.what.empty()) add_word(words, "--preset=", variant.name);
  words.append(s_.bench.forwarded).append(config.what);
  if (warm_up) add_word(words, "--num-predict=1");
  // A dry run has no simulated servers.
  const bool none = s_.simulate && s_.dry_run;
  const size_t most = static_cast<size_t>(config.number == 0 ? s_.agents : config.number);
  for (size_t i = 0; i < most && (none || i < s_.urls.size()); ++i) {
    add_word(words, "--url=", none ? std::string("SIMULATED") : s_.urls[i].text());
  }
  if (!output.empty()) add_word(words, "--output=", output);
  add_word(words, "--without=", out_);
  words.append("--quiet\0--\0", 11);
  add_word(words, e_.directory);
  return words;
}

void Session::dry_run(std::string& text) {
  for (const lab::BenchTrial& t : e_.trials) {
    const std::string& program = e_.variants[t.variant].what;
    append_quoted(text, program.empty() ? "chimera" : program);
    const std::string words = command(t, place(t), false);
    std::string_view rest = words, word;
    while (next_part(rest, '\0', word)) {
      append_quoted(text += ' ', word.starts_with("--header=") ? "--header=***" : word);
    }
    text.push_back('\n');
  }
}

// Runs it to its end, or the deadline, or a signal to us.
Ending Session::child(const std::string& program, std::string_view arguments) {
  Ending end;
  const Nanos limit = s_.bench.trial_timeout;
  const Nanos deadline = limit == 0 ? kNever : later(sys::now(), limit);
  auto started = sys::Child::start(program, arguments);
  if (!started) return not_started(started.error(), program);
  sys::Child child = std::move(*started);
  for (;;) {
    const Nanos frame = later(sys::now(), kFrame);
    const auto line = child.read_line(frame < deadline ? frame : deadline);
    if (sys::stop_signal() != 0) return {kStopped, {}};
    const bool ours = line && line->starts_with("chimera: ");
    const bool warned = ours && line->starts_with("chimera: warning: ");   // as we did, once
    if (ours && !warned && end.words.size() < kMostWords) end.words.append(*line).push_back('\n');
    if (!line && line.error().code != Errc::timed_out) break;
    if (sys::now() >= deadline) {
      end.words.append("chimera: took longer than --trial-timeout\n");
      end.code = 28;
      return end;
    }
    if (!line) show();
  }
  const auto code = child.wait(later(sys::now(), kLastWords));
  end.code = code.value_or(1);
  return end;
}

// Simulated servers are new for each trial and have loaded nothing. Without a warm-up, the first of
// a row with the same workload finds them so, as it would find real ones.
void Session::choose_servers(size_t index) {
  const lab::BenchTrial& t = e_.trials[index];
  s_.sim_servers = static_cast<int>(e_.configs[t.config].number);
  const bool same = index != 0 && e_.trials[index - 1].config == t.config;
  if (same && !e_.warm_up) s_.sim_spec.append(",load=0");
}

Ending Session::measure(size_t index) {
  const lab::BenchTrial& t = e_.trials[index];
  const std::string& program = e_.variants[t.variant].what;
  SimServers servers;
  if (s_.simulate) {
    const size_t size = s_.sim_spec.size();
    choose_servers(index);
    const auto started = servers.start(s_, (uint64_t{t.seed} + 1) << 16);
    s_.sim_spec.resize(size);
    if (!started) return not_started(started.error(), {});
  }
  if (e_.warm_up && (s_.simulate || warm_for_ != t.config)) {
    Ending end = child(program, command(t, {}, true));
    if (end.code != 0) return end;
  }
  warm_for_ = t.config;
  return child(program, command(t, trial_, false));
}

int Session::cannot_write(const Error& error, const std::string& path) {
  complain("cannot write", error, path);
  return 74;
}

// Gives what a trial has left its final name. 0, or the exit code of a failure to write.
int Session::keep(size_t index, const Ending& ending) {
  const std::string path = place(e_.trials[index]);
  const bool failed = ending.code != 0;
  // What an interrupted run leaves.
  if (failed) (void)sys::move(trial_ + "/partial_run_1", trial_ + "/run_1");
  Result<void> done = complete_record(e_, index, trial_);
  if (done && failed) {
    std::string text = "exit ";
    append_i64(text, ending.code);
    done = sys::write_file_atomic(trial_ + kFailedFile, text.append("\n").append(ending.words));
  }
  if (done) done = sys::make_directories(path.substr(0, path.rfind('/')));
  if (done) done = sys::move(trial_, path);
  return done ? 0 : cannot_write(done.error(), path);
}

// 0; kStopped; or the exit code of a failure to write, which ends it all.
int Session::trial(size_t index) {
  auto ready = sys::remove_tree(trial_);
  if (ready) ready = sys::make_directories(trial_);
  if (!ready) return cannot_write(ready.error(), trial_);
  const Ending ending = measure(index);
  if (ending.code == kStopped) return kStopped;
  ++(ending.code == 0 ? succeeded_ : failed_);
  if (ending.code != 0) {
    if (first_failure_ == 0) first_failure_ = ending.code;
    std::string_view words = ending.words, first = "chimera: no word of why";
    next_line(words, first);
    if (shows_) draw({});
    std::string line = folder_of(e_, e_.trials[index]);
    say(line.append(" failed: ").append(first.substr(strlen("chimera: "))));
  }
  return keep(index, ending);
}

// Counts a trial that is there. A failed one may be wanted again: then it is taken away.
bool Session::done_before(size_t index) {
  const std::string path = place(e_.trials[index]);
  if (!sys::file_info(path + "/metrics.json", true)) return false;
  const auto failed = sys::read_file(path + kFailedFile, 64 << 10);
  if (failed && s_.bench.redo_failed) {
    (void)sys::remove_tree(path);
    return false;
  }
  ++kept_;
  ++(failed ? failed_ : succeeded_);
  if (!failed || first_failure_ != 0) return true;
  std::string_view rest = *failed, word;   // "exit 7"
  for (const char end : {' ', '\n'}) next_part(rest, end, word);
  first_failure_ = static_cast<int>(parse_u64(word).value_or(1) & 0xff);
  return true;
}

// ---- the whole ----------------------------------------------------------------------------------

// "41/240  runtime-smol/chimera_homo_gpu80_ctx512/run_1, 1 failed, 12.3 s; 3 m 20 s left"
void Session::show() {
  if (!shows_) return;
  const size_t total = e_.trials.size(), done = at_ - kept_;
  const Nanos spent = sys::now() - began_;
  std::string s;
  append_u64(s, at_);
  append_u64(s.append("/"), total);
  s.append("  ").append(folder_of(e_, e_.trials[at_]));
  if (failed_ != 0) append_u64(s.append(", failed: "), failed_);
  append_duration(s.append(", "), spent);
  if (done != 0) {
    const double each = to_seconds(spent) / static_cast<double>(done);
    const double left = each * static_cast<double>(total - at_);
    append_duration(s.append("; left: "), static_cast<Nanos>(left) * kSecond);
  }
  draw(utf8_truncate(s, static_cast<size_t>(std::max(sys::terminal_columns() - 1, 1))));
}

int Session::run() {
  began_ = sys::now();
  int code = 0;
  for (; at_ < e_.trials.size() && code == 0; ++at_) {
    if (sys::stop_signal() != 0) break;
    if (done_before(at_)) continue;
    show();
    code = trial(at_);
    if (code != 0) break;
  }
  if (shows_) draw({});
  const auto cleared = sys::remove_tree(unfinished_);
  if (!cleared && code == 0) code = cannot_write(cleared.error(), unfinished_);
  return conclude(code);
}

// "240 of 240 trials: 238 succeeded, 2 failed; 100 were there before"
void Session::append_counts(std::string& s) const {
  static constexpr const char* kWords[] = {" of ", " trials: ", " succeeded, ", " failed; ",
                                           " were there before"};
  const size_t numbers[] = {succeeded_ + failed_, e_.trials.size(), succeeded_, failed_, kept_};
  for (size_t i = 0; i < std::size(kWords); ++i) {
    append_u64(s, numbers[i]);
    s.append(kWords[i]);
  }
}

std::string Session::summary() const {
  const Nanos spent = sys::now() - began_;
  std::string text;
  if (s_.format == Format::json) {
    wire::JsonWriter j(text, wire::JsonWriter::Style::pretty);
    j.begin_object().field("failed", uint64_t{failed_}).field("kept", uint64_t{kept_});
    j.field("output", out_).field("schema", "chimera.bench.result/1");
    j.field("seconds", to_seconds(spent)).field("simulated", s_.simulate);
    j.field("speed", s_.sim.speed).field("succeeded", uint64_t{succeeded_});
    j.field("trials", uint64_t{e_.trials.size()}).end_object();
    return text += '\n';
  }
  append_counts(text);
  append_duration(text.append(". This took "), spent);
  text.append(".\n");
  if (s_.sim.speed != 1) {
    append_shortest(text.append("The simulated clock ran "), s_.sim.speed);
    text.append(" times as fast: what the client measured is in real time, so much shorter.\n");
  }
  return text.append("Results are in ").append(printable(out_, false)).append("\n");
}

int Session::conclude(int code) {
  const int printed = print(summary());
  if (sys::stop_signal() != 0) {
    std::string line = "interrupted: ";
    append_counts(line);
    say(line.append("; the same command goes on"));
    return 128 + sys::stop_signal();
  }
  if (code != 0 || printed != 0) return code != 0 ? code : printed;
  return failed_ == 0 ? 0 : succeeded_ != 0 ? 1 : first_failure_;
}

int usage(const char* words) { return refuse_bench(words, ": see chimera bench --help"); }

// Servers, and what to say about them.
int find_servers(Experiment& e) {
  Settings& s = e.settings;
  std::vector<std::string> warnings;
  const auto ready = complete(s, warnings);
  if (!ready && ready.error().code == Errc::usage) return usage(ready.error().where);
  if (!ready) return refuse_bench(ready.error(), {});
  bool shared = false;
  for (const lab::BenchPart& c : e.configs) shared = shared || c.number != 1;
  if (!s.simulate && shared && s.urls.size() < static_cast<size_t>(s.agents)) {
    warnings.push_back("agents share a server: they wait for each other there, and efficiency then "
                       "measures its queue");
  }
  for (const std::string& w : warnings) {
    if (!s.quiet) say("warning: " + w);
  }
  e.warm_up = s.bench.warm_up.value_or(!s.simulate || s.sim.load != 0);
  return 0;
}

}  // namespace

int bench_command(Settings& s) {
  if (s.load.wanted()) return bench_load(s);
  if (s.load.load_option != nullptr) {
    return refuse_bench(std::string("--") + s.load.load_option,
                        " is of load mode, which -c, -n or --rate begins");
  }
  if (s.format != Format::text && s.format != Format::json) {
    return usage("-f: text or json, but in load mode");
  }
  if (s.positional.size() > 1) return usage("one folder to read");
  if (s.output.empty()) {
    return usage("give -O OUT for the experiment, or -n, -c or --rate for a load test");
  }
  Experiment e(s);
  if (!s.positional.empty()) e.directory = s.positional[0];
  int code = find_variants(e);
  if (code == 0) code = find_configs(e);
  if (code == 0) code = find_servers(e);
  if (code != 0) return code;
  const uint32_t variants = static_cast<uint32_t>(e.variants.size());
  const uint32_t configs = static_cast<uint32_t>(e.configs.size());
  const uint32_t runs = static_cast<uint32_t>(s.bench.runs);
  if (uint64_t{variants} * configs > kMostTrials / runs) return usage("more than 100,000 trials");
  e.trials = lab::order_trials(variants, configs, runs, s.bench.seed, s.bench.shuffled);
  Session session(e);
  if (s.dry_run) {
    std::string text;
    session.dry_run(text);
    return print(text);
  }
  const auto folder = sys::file_info(e.directory, true);
  if (!folder || folder->kind != sys::FileInfo::Kind::directory) {
    return refuse_bench("no such folder: ", e.directory, 65);
  }
  code = claim_output(e);
  if (code != 0) return code;
  sys::catch_stop_signals([](void*) {}, nullptr);
  return session.run();
}

}  // namespace chimera::cli
