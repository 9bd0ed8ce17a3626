// chimera bench in load mode: requests by a plan, and what came of them.
//
// How this works: a level of the test is phase(), which waits for the instant that the next request
// is due (closed loop: that is at once), then for a permit of the gate that limits how many are
// under way, and starts one() for it. Answers never slow it down, as long as there are permits. All
// of it is on one worker, so nothing here is shared. Figures: lab/load_figures.
#include <math.h>

#include <algorithm>

#include "bench_parts.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/base/words.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/lab/load_report.hpp"
#include "chimera/llm/endpoint.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/append_file.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "run_parts.hpp"

namespace chimera::cli {
namespace {

constexpr Nanos kFrame = 200 * kMilli;
constexpr Nanos kDuration = 30 * kSecond;       // of a level that has no other end
constexpr uint64_t kOtherHandles = 64;
constexpr size_t kPromptBytes = 64u << 20;
constexpr size_t kFlush = 64u << 10;            // bytes of -O that are kept back
constexpr uint32_t kReadSize = 16384;

constexpr std::string_view kPrompt =
    "A river town keeps a record of its water levels, one reading an hour, for three years. The "
    "spring floods come a little earlier each year, the summers are drier, and one gauge stopped "
    "for eleven days in the second autumn. Describe how you would look for a trend in these "
    "readings: which summaries you would compute first, how you would treat the missing days, what "
    "might mislead you, and what you would tell the town council in three short sentences. Write "
    "plain English, without a list.";

struct Server {
  explicit Server(const wire::Url& u) : url(u), name(u.text()) {}
  const wire::Url& url;
  std::string name;
  Own<llm::Dialect> dialect = make_own<llm::Dialect>();
  std::vector<Own<llm::Endpoint>> idle;         // the one used last is behind
};

// What a phase sends.
struct Phase {
  uint32_t permits = 1;
  double rate = 0;                              // 0 = closed loop
  uint64_t requests = UINT64_MAX;
  Nanos duration = 0;                           // 0 = no end
};

class LoadTest {
 public:
  explicit LoadTest(Settings& s) : s_(s), l_(s.load) {}
  int run();

 private:
  int prepare();
  int find_prompts();
  int open_output();
  void describe();
  void dry_run(std::string& out);
  std::string prompt_of(uint64_t id) const;

  rt::Task<void> all();
  rt::Task<void> measure(uint32_t at_once);
  rt::Task<void> phase(const Phase& p);
  rt::Task<void> dispatch(const Phase& p, rt::Gate& gate, rt::Scope& scope);
  rt::Task<void> one(rt::Gate& gate, Nanos planned, Nanos permitted);
  rt::Task<void> show(const Phase& p, rt::Stop& stop);
  void settle(const llm::Call& call, lab::LoadRequest& r, uint64_t id);
  void keep(const lab::LoadRequest& r, const llm::Call& call, uint64_t id);
  void flush();
  std::string progress_line(const Phase& p) const;
  uint32_t permits_of(uint32_t at_once) const { return at_once != 0 ? at_once : most_; }

  int conclude();
  int verdict() const;

  Settings& s_;
  LoadSettings& l_;
  rt::Runtime runtime_;
  std::vector<Server> servers_;
  std::string prompt_text_;
  std::vector<std::string_view> prompts_;
  uint64_t nonce_ = 0;                          // of this run: no cache has its prefixes
  uint64_t next_ = 0;                           // number of the next request
  uint32_t most_ = lab::kMostAtOnce;            // at once, where no limit was asked for
  bool shows_ = false;

  lab::LoadReport report_;
  lab::LoadRecord* record_ = nullptr;           // of the level at work; nullptr = warming up
  lab::LoadFigures* figures_ = nullptr;
  uint32_t under_way_ = 0;
  Nanos began_ = 0;                             // the phase at work
  uint64_t done_ = 0;                           // of the phase at work

  bool failed_ = false;
  Error first_failure_;
  bool first_is_empty_ = false;                 // an answer without any text, no Error
  sys::AppendFile output_;
  std::string lines_;                           // for it
  int output_code_ = 0;
};

// ---- a request ----------------------------------------------------------------------------------

std::string LoadTest::prompt_of(uint64_t id) const {
  std::string prompt;
  if (!l_.warm_cache) {
    append_u64(prompt, nonce_);
    append_u64(prompt += '-', id);
    prompt += ". ";
  }
  return prompt.append(prompts_[static_cast<size_t>(id % prompts_.size())]);
}

void LoadTest::flush() {
  if (!output_.is_open() || lines_.empty()) return;
  // Blocks on the page cache, for 64 KiB: some 20 us every 150 requests.
  const auto written = output_.write(lines_);
  lines_.clear();
  if (written || output_code_ != 0) return;
  complain("cannot write", written.error(), s_.output);
  output_code_ = 74;
}

void LoadTest::keep(const lab::LoadRequest& r, const llm::Call& call, uint64_t id) {
  lab::LoadLine line;
  line.id = id;
  line.at_once = figures_->at_once;
  line.server = servers_[r.server].name;
  line.http_status = call.http_status;
  line.attempts = call.attempts;
  const std::string why =
      call.failed ? explain(call.error, line.server, call.error_text, false) : std::string();
  line.error = why;
  lines_.append(lab::request_line(line, r, began_));
  if (lines_.size() >= kFlush) flush();
}

void LoadTest::settle(const llm::Call& call, lab::LoadRequest& r, uint64_t id) {
  ++done_;
  if (record_ == nullptr) return;
  r.started = call.started;
  r.connected = call.connected;
  r.sent = call.sent;
  r.first_token = call.first_token;
  r.first_visible = call.first_visible;
  r.last_token = call.last_token;
  r.ended = call.ended;
  r.tokens = call.eval_count;
  r.prompt_tokens = call.prompt_eval_count;
  r.pieces = call.pieces;
  r.reads = call.reads;
  r.gaps_us = call.gaps_us;
  r.end = call.failed        ? lab::class_of(call.error)
          : call.pieces == 0 ? lab::LoadClass::empty
                             : lab::LoadClass::ok;
  record_->add(r);
  if (output_.is_open()) keep(r, call, id);
  if (r.end == lab::LoadClass::ok || r.end == lab::LoadClass::cancelled || failed_) return;
  failed_ = true;
  first_failure_ = call.error;
  first_is_empty_ = !call.failed;
  const std::string& name = servers_[r.server].name;
  if (s_.quiet) return;
  if (shows_) draw({});
  if (first_is_empty_) return say("first failure: an answer without any text (" + name + ")");
  complain("first failure", call.error, name, call.error_text);
}

rt::Task<void> LoadTest::one(rt::Gate& gate, Nanos planned, Nanos permitted) {
  const uint64_t id = next_++;
  const auto index = static_cast<uint32_t>(id % servers_.size());
  Server& server = servers_[index];
  Own<llm::Endpoint> endpoint;
  if (server.idle.empty()) {
    endpoint = make_own<llm::Endpoint>(server.url, s_.client, *server.dialect);
  } else {
    endpoint = std::move(server.idle.back());
    server.idle.pop_back();
  }
  llm::Call call;
  {
    const std::string prompt = prompt_of(id);
    const llm::Request request{s_.model, prompt, {}, s_.common};
    co_await endpoint->generate(request, nullptr, call);
  }
  server.idle.push_back(std::move(endpoint));
  lab::LoadRequest r;
  r.planned = planned;
  r.permitted = permitted;
  r.server = index;
  settle(call, r, id);
  --under_way_;
  if (record_ != nullptr) record_->in_flight(-1, rt::now());
  gate.release();
}

// ---- a level ------------------------------------------------------------------------------------

rt::Task<void> LoadTest::dispatch(const Phase& p, rt::Gate& gate, rt::Scope& scope) {
  const bool open = p.rate > 0;
  const Nanos end = p.duration != 0 ? later(began_, p.duration) : kNever;
  lab::Schedule schedule(l_.arrival, open ? p.rate : 1, s_.bench.seed);
  Nanos free_at = 0;                             // when the limit last let one go that had waited
  for (uint64_t i = 0; i < p.requests; ++i) {
    Nanos planned = open ? later(began_, schedule.next()) : rt::now();
    if (planned >= end) break;
    if (planned > rt::now()) {
      rt::Sleep pause(planned);
      const int64_t slept = co_await pause;
      if (slept < 0) break;
    }
    const bool waits = under_way_ >= p.permits;
    rt::Gate::Acquire permit = gate.acquire();
    co_await permit;
    const Nanos now = rt::now();
    if (waits) free_at = now;
    if (runtime_.stopping()) {
      gate.release();
      break;
    }
    if (!open) planned = now;
    const bool over = now >= end && (!open || waits);
    if (over) {
      gate.release();
      for (; open && figures_ != nullptr && planned < end && i < p.requests; ++i) {
        ++figures_->planned;
        ++figures_->unsent;
        planned = later(began_, schedule.next());
      }
      break;
    }
    ++under_way_;
    if (record_ != nullptr) {
      record_->in_flight(1, now);
      ++figures_->planned;
      figures_->held += open && planned < free_at;
    }
    scope.start(one(gate, planned, std::max(planned, free_at)), rt::Place::here());
  }
}

rt::Task<void> LoadTest::phase(const Phase& p) {
  rt::Gate gate(static_cast<int>(p.permits));
  rt::Stop stop_showing;
  rt::Scope scope, showing;
  began_ = rt::now();
  done_ = 0;
  if (shows_) showing.start(show(p, stop_showing), rt::Place::here());
  co_await dispatch(p, gate, scope);
  co_await scope.join();
  stop_showing.request();
  co_await showing.join();
}

rt::Task<void> LoadTest::measure(uint32_t at_once) {
  lab::LoadFigures figures;
  lab::LoadRecord record(servers_.size(), l_.goals);
  figures.at_once = at_once;
  figures.rate = l_.rate.value_or(0);
  figures_ = &figures;
  record_ = &record;
  Phase p;
  p.permits = permits_of(at_once);
  p.rate = figures.rate;
  if (l_.requests != 0) p.requests = l_.requests;
  p.duration = l_.duration;
  co_await phase(p);
  flush();
  record.finish(figures, l_.slo, s_.format == Format::hgrm ? l_.hgrm : lab::kLoadMetrics);
  report_.levels.push_back(std::move(figures));
  record_ = nullptr;
  figures_ = nullptr;
}

rt::Task<void> LoadTest::all() {
  if (l_.warm_up != 0) {
    Phase p;
    p.permits = std::max(l_.rate ? 1u : l_.levels[0], static_cast<uint32_t>(servers_.size()));
    p.requests = l_.warm_up;
    co_await phase(p);
  }
  for (size_t i = 0; i < l_.levels.size() && !runtime_.stopping(); ++i) {
    co_await measure(l_.levels[i]);
  }
  servers_.clear();                              // connections, where they belong
}

// ---- on the terminal ----------------------------------------------------------------------------

// "8 at once: 120 of 200 done, 8 under way, 19.8/s, failed: 2"
std::string LoadTest::progress_line(const Phase& p) const {
  std::string s;
  if (record_ == nullptr) s.append("warming up: ");
  if (record_ != nullptr && l_.levels.size() > 1) compose(s, "%d at once: ", {size_t{p.permits}});
  const double spent = to_seconds(rt::now() - began_);
  compose(s, "%d", {done_});
  if (p.requests != UINT64_MAX) compose(s, " of %d", {p.requests});
  compose(s, " done, %d under way, %1/s", {size_t{under_way_}, static_cast<double>(done_) / spent});
  if (p.duration != 0) compose(s, ", %1 of %1 s", {spent, to_seconds(p.duration)});
  if (record_ != nullptr && record_->failed() != 0) compose(s, ", failed: %d", {record_->failed()});
  return s;
}

rt::Task<void> LoadTest::show(const Phase& p, rt::Stop& stop) {
  for (;;) {
    rt::Sleep frame(rt::now() + kFrame, &stop);
    const int64_t slept = co_await frame;
    if (slept < 0) break;
    const auto columns = static_cast<size_t>(std::max(sys::terminal_columns() - 1, 1));
    draw(utf8_truncate(progress_line(p), columns));
  }
  draw({});
}

// ---- the whole ----------------------------------------------------------------------------------

int LoadTest::find_prompts() {
  report_.prompts = l_.prompt ? "--prompt" : l_.prompts.empty() ? "built-in" : l_.prompts;
  if (l_.prompts.empty()) {
    prompts_.push_back(l_.prompt ? std::string_view(*l_.prompt) : kPrompt);
    return 0;
  }
  auto text = sys::read_file(l_.prompts, kPromptBytes);
  if (!text) return refuse_bench(text.error(), l_.prompts);
  prompt_text_ = std::move(*text);
  std::string_view rest = prompt_text_, line;
  while (next_line(rest, line)) {
    if (!trim(line).empty()) prompts_.push_back(line);
  }
  if (!is_utf8(prompt_text_)) return refuse_bench("no UTF-8 text: ", l_.prompts, 65);
  return prompts_.empty() ? refuse_bench("no prompt in ", l_.prompts, 65) : 0;
}

// An old file is replaced.
int LoadTest::open_output() {
  if (s_.output.empty()) return 0;
  const auto info = sys::file_info(s_.output, true);
  if (info && info->kind == sys::FileInfo::Kind::directory) {
    return refuse_bench("in load mode -O names a file: ", s_.output, 74);
  }
  Result<void> ready;
  if (info && info->kind == sys::FileInfo::Kind::regular) {
    ready = sys::write_file_atomic(s_.output, {});
  }
  if (ready) ready = output_.open(s_.output);
  if (ready) return 0;
  complain("cannot write", ready.error(), s_.output);
  return 74;
}

void LoadTest::describe() {
  report_.model = s_.model;
  for (const Server& server : servers_) report_.servers.push_back(server.name);
  if (l_.rate) report_.arrival = lab::text_of(l_.arrival);
  report_.goals = l_.goals.text;
  report_.version = version();
  report_.command = "chimera bench" + s_.command;
  report_.seed = s_.bench.seed;
  report_.warm_up = l_.warm_up;
  report_.duration = l_.duration;
  report_.requests = l_.requests;
  report_.warm_cache = l_.warm_cache;
  report_.simulated = s_.simulate;
  report_.began = sys::unix_now_ns();
}

// 0, or the exit code when a line has said what is wrong.
int LoadTest::prepare() {
  if (l_.levels.empty()) l_.levels.push_back(l_.rate ? 0 : 1);
  if (l_.requests == 0 && l_.duration == 0) l_.duration = kDuration;
  if (!rt::kOneRuntime) {
    s_.runtime = rt::RuntimeConfig();
    s_.runtime.kind = rt::Kind::local;
    s_.runtime.read_size = kReadSize;
  }
  const uint32_t most = *std::max_element(l_.levels.begin(), l_.levels.end());
  auto allowed = sys::allow_handles(permits_of(most) + kOtherHandles);
  while (!allowed && most == 0 && most_ > kOtherHandles) {
    most_ /= 2;
    allowed = sys::allow_handles(most_ + kOtherHandles);
  }
  if (!allowed) return refuse_bench(allowed.error(), {});
  nonce_ = static_cast<uint64_t>(sys::unix_now_ns()) / kMicro;
  return find_prompts();
}

void LoadTest::dry_run(std::string& out) {
  const std::string prompt = prompt_of(0);
  // A dry run has no simulated servers.
  wire::Url none;
  none.host = "SIMULATED";
  none.path = "/";
  out.append(request_text(s_.simulate ? none : s_.urls[0], s_.client,
                          {s_.model, prompt, {}, s_.common}));
}

// What the exit code says besides signals and output.
int LoadTest::verdict() const {
  uint64_t succeeded = 0, failed = 0;
  bool broken = false, tolerated = false;
  for (const lab::LoadFigures& f : report_.levels) {
    succeeded += f.all.succeeded();
    failed += f.all.failed();
    for (const lab::ConditionResult& c : f.conditions) {
      broken |= !c.holds;
      tolerated |= c.condition.metric == lab::m_error;
    }
  }
  if (succeeded == 0) return failed_ && !first_is_empty_ ? exit_code(first_failure_) : 1;
  if (broken) return 99;
  return failed == 0 || tolerated ? 0 : 1;
}

int LoadTest::conclude() {
  const int signal = sys::stop_signal();
  report_.interrupted = signal != 0;
  const Format f = s_.format;
  const bool warn = (f == Format::csv || f == Format::hgrm) && !s_.quiet;
  for (const lab::LoadFigures& level : report_.levels) {
    for (const std::string& w : level.warnings) {
      if (warn) say("warning: " + w);
    }
  }
  const int printed = print(f == Format::json   ? lab::load_json(report_)
                            : f == Format::csv  ? lab::load_csv(report_)
                            : f == Format::hgrm ? lab::load_hgrm(report_)
                            : f == Format::md   ? lab::load_markdown(report_)
                                                : lab::load_text(report_));
  if (signal != 0) {
    say(report_.levels.empty() ? "interrupted before anything was measured"
                               : "interrupted: the report is of what had come");
    return 128 + signal;
  }
  if (printed != 0) return printed;
  return output_code_ != 0 ? output_code_ : verdict();
}

int LoadTest::run() {
  int code = prepare();
  if (code != 0) return code;
  if (s_.dry_run) {
    std::string text;
    dry_run(text);
    return print(text);
  }
  code = open_output();
  if (code != 0) return code;
  SimServers servers;
  if (s_.simulate) {
    if (s_.sim_servers == 0) s_.sim_servers = 1;
    const auto started = servers.start(s_, (s_.bench.seed + 1) << 16);
    if (!started && started.error().code == Errc::closed) return 74;   // it has said why itself
    if (!started) return refuse_bench(started.error(), {});
  }
  for (const wire::Url& url : s_.urls) servers_.emplace_back(url);
  describe();
  shows_ = s_.progress && !s_.quiet && sys::is_terminal(2) && sys::env("TERM") != "dumb";
  const auto opened = open_runtime(runtime_, s_);
  if (!opened) return refuse_bench(opened.error(), {});
  runtime_.run(all());
  return conclude();
}

int usage(const std::string& words) { return refuse_bench(words, ": see chimera bench --help"); }

}  // namespace

int bench_load(Settings& s) {
  const LoadSettings& l = s.load;
  if (l.experiment_option != nullptr) {
    return usage(std::string("--") + l.experiment_option +
                 " is of the experiment, and -c, -n and --rate are of load mode");
  }
  if (!s.positional.empty()) return usage("load mode reads no folder");
  if (l.rate && l.levels.size() > 1) return usage("--rate goes with one -c");
  if (l.rate && isinf(*l.rate) && l.requests == 0) return usage("--rate inf needs -n");
  if (!l.rate && l.arrival.kind != lab::Arrival::Kind::constant) {
    return usage("--arrival goes with --rate");
  }
  if (l.prompt && !l.prompts.empty()) return usage("give --prompt or --prompts, not both");
  std::vector<std::string> warnings;
  const auto ready = complete(s, warnings);
  if (!ready && ready.error().code == Errc::usage) return usage(ready.error().where);
  if (!ready) return refuse_bench(ready.error(), {});
  for (const std::string& w : warnings) {
    if (!s.quiet) say("warning: " + w);
  }
  LoadTest test(s);
  return test.run();
}

}  // namespace chimera::cli
