// chimera selftest: client against simulator in one process; what it prints is the instrument's own
// error.
//
// How this works: selftest_command() makes the list of cells (preset x rate x streams) and runs one
// after the other. A cell has two runtimes: the simulator's on a thread of its own, and the
// client's, of the preset under test, on this one. The server tells a Ledger what it sends and
// when; the client notes what it receives and when, on the same clock. When both have ended, and
// only then, the two are laid side by side (selftest_parts.cpp).
#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/presets.hpp"
#include "chimera/llm/endpoint.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sim/server.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "selftest_parts.hpp"
#include "selftest_report.hpp"

namespace chimera::cli {
namespace {

constexpr Nanos kFirstToken = 50 * kMilli;    // the simulator's
constexpr Nanos kPatience = 15 * kSecond;     // what a stream may take beyond its plan
constexpr Nanos kLookAround = 50 * kMilli;    // how soon a signal ends a cell
constexpr Nanos kMostStagger = 50 * kMilli;
constexpr uint32_t kServerReadSize = 16 * 1024;
constexpr uint64_t kOtherHandles = 64;
constexpr Bounds kNoBounds;
constexpr int kBlocks = 6, kQuickBlocks = 3;

// ---- the server's side --------------------------------------------------------------------------

// Who asked with seed i is stream i.
class Ledger final : public sim::Witness {
 public:
  Ledger(size_t streams, uint32_t tokens, uint32_t coalesce) : told(streams) {
    for (Told& t : told) t.begin(coalesce, tokens);
  }
  void on_request(uint64_t number, std::string_view, int64_t seed, Nanos arrived) override {
    while (stream_of_.size() <= number) stream_of_.push_back(nullptr);
    if (seed < 0 || static_cast<uint64_t>(seed) >= told.size()) return;   // not one of ours
    Told& stream = told[static_cast<size_t>(seed)];
    stream_of_[static_cast<size_t>(number)] = &stream;
    stream.arrived = arrived;
  }
  void on_event(uint64_t number, std::string_view text, size_t bytes, Nanos planned) override {
    Told* const stream = stream_of_[static_cast<size_t>(number)];
    if (stream != nullptr) stream->add_event(text, bytes, planned);
  }
  void on_sent(uint64_t number, Nanos sent) override {
    if (Told* const stream = stream_of_[static_cast<size_t>(number)]) stream->add_send(sent);
  }

  std::vector<Told> told;

 private:
  std::vector<Told*> stream_of_;   // by number of the request
};

// A simulated server on a thread of its own. Its listener goes where its worker is: on that thread.
class Server {
 public:
  ~Server() { stop(); }
  Result<void> start(const sim::Settings& settings, sim::Witness& witness) {
    rt::RuntimeConfig config;
    config.kind = rt::Kind::local;
    config.read_size = kServerReadSize;
    CHI_TRY_VOID(runtime_.open(config));
    server_ = make_own<sim::Server>();
    CHI_TRY_VOID(server_->open(settings, &witness));
    CHI_TRY(address_, server_->address());
    CHI_TRY(thread_, sys::Thread::start(serve, this));
    running_ = true;
    return {};
  }
  // Ends it and waits for the end: the ledger is whole then.
  void stop() {
    if (!running_) return;
    runtime_.stop();
    thread_.join();
    running_ = false;
  }
  uint16_t port() const { return address_.port; }

 private:
  static void serve(void* self) {
    Server& s = *static_cast<Server*>(self);
    s.runtime_.run(s.server_->run());
    s.server_.reset();
  }
  rt::Runtime runtime_;
  Own<sim::Server> server_;
  sys::Address address_;
  sys::Thread thread_;
  bool running_ = false;
};

// ---- the client's side --------------------------------------------------------------------------

class Notes final : public llm::PieceSink {
 public:
  explicit Notes(Heard& heard) : heard_(heard) {}
  void on_piece(std::string_view visible, Nanos at) override {
    heard_.at.push_back(at);
    heard_.text = text_hash(heard_.text, visible);
  }

 private:
  Heard& heard_;
};

struct Trial {
  explicit Trial(const Cell& c)
      : cell(c), ledger(c.streams, c.tokens, c.preset->coalesce), heard(c.streams),
        gate(c.preset->permits) {}
  const Cell& cell;
  Ledger ledger;
  std::vector<Heard> heard;
  wire::Url url;
  llm::ClientSettings client;
  rt::Gate gate;
  Nanos doors_close = 0;   // who gets its permit later does not begin
};

void take_call(const llm::Call& call, Heard& heard) {
  heard.failed = call.failed;
  heard.error = call.error;
  heard.asked = call.sent;
  heard.ttft = call.ttft();
  heard.reads = call.reads;
}

rt::Task<void> ask(Trial& trial, size_t i) {
  Heard& heard = trial.heard[i];
  llm::Options options;
  options.seed = static_cast<int64_t>(i);
  heard.ran = true;
  heard.at.reserve(trial.cell.tokens);
  llm::Dialect dialect;
  llm::Endpoint endpoint(trial.url, trial.client, dialect);
  Notes notes(heard);
  llm::Call call;
  const llm::Request request{"selftest", "selftest", {}, options};
  co_await endpoint.generate(request, &notes, call);
  take_call(call, heard);
}

// The streams begin spread over one gap, as strangers would: not all tokens are due at once.
rt::Task<void> run_stream(Trial& trial, size_t i, Nanos begin) {
  const Nanos gap = std::min(kSecond / trial.cell.rate, kMostStagger);
  rt::Sleep turn(begin + gap * static_cast<Nanos>(i) / trial.cell.streams);
  co_await turn;
  co_await trial.gate.acquire();
  const bool open = trial.cell.preset->permits == 0 || sys::now() < trial.doors_close;
  if (open && !rt::Runtime::current()->stopping()) co_await ask(trial, i);
  trial.gate.release();
}

// A signal may come while a runtime is being made or taken down, so the handler does not touch one.
rt::Task<void> look_around(rt::Stop& over) {
  for (;;) {
    rt::Sleep pause(sys::now() + kLookAround, &over);
    const int64_t slept = co_await pause;
    if (slept < 0) co_return;
    if (sys::stop_signal() != 0) rt::Runtime::current()->stop();
  }
}

rt::Task<void> run_streams(Trial& trial) {
  rt::Stop over;
  rt::Scope watch, streams;
  watch.start(look_around(over), rt::Place::here());
  const Nanos begin = sys::now();
  trial.doors_close = begin + 2 * trial.cell.planned();
  for (size_t i = 0; i < trial.heard.size(); ++i) streams.start(run_stream(trial, i, begin));
  co_await streams.join();
  over.request();
  co_await watch.join();
}

sim::Settings server_settings(const Cell& cell) {
  sim::Settings s;
  s.ttft = kFirstToken;
  s.rate = cell.rate;
  s.tokens.a = s.tokens.b = cell.tokens;
  s.slots = cell.streams;
  return s;
}

rt::RuntimeConfig client_runtime(const Preset& p) {
  rt::RuntimeConfig config;
  config.kind = p.kind;
  config.threads = p.threads;
  config.read_size = p.read_size;
  return config;
}

Result<CellFigures> run_cell(const Cell& cell) {
  Trial trial(cell);
  Server server;
  CHI_TRY_VOID(server.start(server_settings(cell), trial.ledger));
  trial.url.host = "127.0.0.1";
  trial.url.port = server.port();
  trial.client.policy.coalesce = cell.preset->coalesce;
  trial.client.timeouts.connect = kPatience;
  trial.client.timeouts.total = cell.planned() + kPatience;
  {
    rt::Runtime runtime;
    CHI_TRY_VOID(runtime.open(client_runtime(*cell.preset)));
    runtime.run(run_streams(trial));
  }
  server.stop();
  return figures_of(trial.ledger.told, trial.heard, cell.rate);
}

// ---- the whole ----------------------------------------------------------------------------------

// What was not said is chosen: all presets, or what --quick takes.
struct Plan {
  std::vector<const Preset*> presets;
  std::span<const uint32_t> rates, streams;
  Nanos cell_time = 0;
  int blocks = 0;
};

Result<Plan> plan_of(const SelftestSettings& s, std::string_view preset) {
  Plan plan;
  for (const Preset& p : presets()) {
    if (holds(p) && (preset.empty() || preset == p.name)) plan.presets.push_back(&p);
  }
  static constexpr uint32_t kRates[] = {41, 200, 5000}, kStreams[] = {2, 64, 512};
  plan.rates = s.rates;
  plan.streams = s.streams;
  if (s.rates.empty()) plan.rates = std::span(kRates).subspan(s.quick ? 1 : 0);
  if (s.streams.empty()) plan.streams = std::span(kStreams).first(s.quick ? 2 : 3);
  plan.cell_time = s.cell_time != 0 ? s.cell_time : (s.quick ? 200 : 500) * kMilli;
  plan.blocks = s.quick ? kQuickBlocks : kBlocks;
  const uint32_t most = *std::max_element(plan.streams.begin(), plan.streams.end());
  CHI_TRY_VOID(sys::allow_handles(2 * uint64_t{most} + kOtherHandles));
  return plan;
}

Cell cell_of(const Plan& plan, const Preset& preset, uint32_t rate, uint32_t streams) {
  return {&preset, rate, streams, tokens_of_cell(rate, streams, plan.cell_time), kFirstToken};
}

// Runs cells, shows what is being done, and keeps what came of it.
class Session {
 public:
  Session(const Settings& s, const Plan& plan)
      : settings_(s), plan_(plan),
        progress_(s.progress && !s.quiet && sys::is_terminal(2) && sys::env("TERM") != "dumb") {
    const SelftestSettings& t = s.selftest;
    report.bounds = {t.max_ttft_error, t.max_delay_p50, t.max_delay_p99};
    report.cell_time = plan.cell_time;
  }

  // Errors: what keeps a cell from running at all; closed and io of stdout; cancelled by a signal.
  Result<void> run() {
    CHI_TRY_VOID(print(table_head()));
    for (const Preset* p : plan_.presets) {
      for (const uint32_t rate : plan_.rates) {
        for (const uint32_t n : plan_.streams) CHI_TRY_VOID(add_cell(cell_of(plan_, *p, rate, n)));
      }
    }
    return compare_read_sizes();
  }

  Report report;

 private:
  Result<void> print(std::string_view text) {
    if (settings_.format != Format::text) return {};
    return sys::write_stream(sys::Stream::out, text);
  }

  void show(std::string_view line) {
    if (!progress_) return;
    const int columns = sys::terminal_columns();
    std::string s = "\r\x1b[K";
    s.append(line.substr(0, columns > 1 ? static_cast<size_t>(columns) - 1 : 1));
    (void)sys::write_stream(sys::Stream::err, s);
  }

  Result<CellFigures> measure(const Cell& cell) {
    show(name_of(cell));
    auto figures = run_cell(cell);
    show({});
    if (sys::stop_signal() != 0) return fail(Errc::cancelled, "signal");
    return figures;
  }

  Result<void> add_cell(const Cell& cell) {
    CHI_TRY(const CellFigures figures, measure(cell));
    return keep(cell, figures, report.bounds);
  }

  Result<void> keep(const Cell& cell, const CellFigures& figures, const Bounds& bounds) {
    report.cells.push_back({cell, figures, faults_of(figures, bounds)});
    return print(table_line(report.cells.back()));
  }

  const Preset* chosen(std::string_view name) const {
    for (const Preset* p : plan_.presets) {
      if (p->name == name) return p;
    }
    return nullptr;
  }

  // In turns, so that what else the machine does meets both.
  Result<void> compare_read_sizes() {
    const Preset* const small = chosen("smol-1kb");
    const Preset* const large = chosen("smol");
    if (small == nullptr || large == nullptr) return {};
    ReadSizes& r = report.read_sizes;
    r.rate = *std::min_element(plan_.rates.begin(), plan_.rates.end());
    r.streams = *std::min_element(plan_.streams.begin(), plan_.streams.end());
    for (int i = 0; i < 2 * plan_.blocks; ++i) {
      const bool first = i % 4 == 0 || i % 4 == 3;
      const Cell cell = cell_of(plan_, first ? *small : *large, r.rate, r.streams);
      CHI_TRY(const CellFigures figures, measure(cell));
      (first ? r.small : r.large).push_back(figures.delay.p50);
      // A block that lost something is listed like a cell.
      if (!faults_of(figures, kNoBounds).empty()) CHI_TRY_VOID(keep(cell, figures, kNoBounds));
    }
    r.comparison = compare_blocks(r.small, r.large);
    return {};
  }

  const Settings& settings_;
  const Plan& plan_;
  bool progress_;
};

int conclude(const Settings& s, Session& session, const Result<void>& outcome) {
  Report& report = session.report;
  report.interrupted = !outcome;
  const bool closed = !outcome && outcome.error().code == Errc::closed;
  const int printed =
      closed ? 141 : print(s.format == Format::json ? report_json(report) : report_text(report));
  if (printed != 0) return printed;
  bool bad = false;
  for (const CellResult& c : report.cells) {
    if (c.faults.empty()) continue;
    bad = true;
    say("selftest: " + name_of(c.cell) + ": " + c.faults);
  }
  if (sys::stop_signal() != 0) return 128 + sys::stop_signal();
  if (!outcome) {
    complain("selftest", outcome.error(), {});
    return exit_code(outcome.error());
  }
  return bad ? 99 : 0;
}

}  // namespace

int selftest_command(Settings& s) {
  if (!s.positional.empty()) {
    say("selftest takes no arguments: see chimera selftest --help");
    return 2;
  }
  const auto plan = plan_of(s.selftest, s.given.preset);
  if (!plan) {
    complain("selftest", plan.error(), {});
    return exit_code(plan.error());
  }
  sys::catch_stop_signals([](void*) {}, nullptr);
  Session session(s, *plan);
  const Result<void> outcome = session.run();
  return conclude(s, session, outcome);
}

}  // namespace chimera::cli
