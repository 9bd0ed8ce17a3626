// chimera worker: jobs on stdin, events on stdout.
//
// How this works: everything happens on worker 0, so that nothing here needs a lock. One task reads
// stdin and puts jobs into the queue; -j tasks take them out and make the calls; one wakes at the
// next deadline of what waits; one writes, behind everybody else who is ready. Gates count: a
// permit of `work_` is a job in the queue, or the end. When nobody takes the events, nothing more
// is read and no job is begun; what is being done goes on, deadlines included.
#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/rt/line_source.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/process.hpp"
#include "calls.hpp"
#include "job_queue.hpp"
#include "worker_events.hpp"

namespace chimera::cli {
namespace {

constexpr size_t kQueueBytes = 64u << 20;   // of the lines of what waits, besides their number
constexpr size_t kEventBytes = 64u << 10;   // unwritten: then nothing new is begun
constexpr Nanos kShortPause = kMilli;       // before a reader that took nothing is tried again;
constexpr Nanos kLongPause = 32 * kMilli;   // doubled up to this

// A server that a job names itself, and the way there.
struct Elsewhere {
  Elsewhere(wire::Url u, const Settings& s)
      : url(std::move(u)),
        client(client_for(s, url)),
        servers({&url, 1}, client, llm::Policy::first),
        caller(servers) {}
  wire::Url url;
  llm::ClientSettings client;
  llm::Servers servers;
  llm::Caller caller;
};

class Dispatcher {
 public:
  Dispatcher(Settings& s, CallWays& ways)
      : settings_(s),
        runtime_(ways.runtime),
        servers_(*ways.servers),
        lanes_(s.permits != 0 ? std::min(s.permits, s.worker.jobs) : s.worker.jobs) {}

  Result<void> open() { return input_.open(""); }
  rt::Task<void> run();
  int exit_code() const;

 private:
  rt::Task<void> read();
  rt::Task<void> serve();
  rt::Task<void> watch();
  rt::Task<void> write();
  void take_line(std::string_view line);
  void accept(Own<LiveJob> job);
  void cancel(const Job& order);
  bool full(size_t more) const;
  Own<LiveJob> next();
  void make_room();
  llm::Caller* caller_of(LiveJob& job, llm::Caller& usual, Own<Elsewhere>& other);
  rt::Task<void> work_on(LiveJob& job, llm::Caller& caller);
  void fail_call(const LiveJob& job, const llm::Call& call, std::string_view server);
  void fail_job(std::string_view id, const char* kind, std::string_view message, int code,
                std::string_view text = {}, uint64_t line = 0);
  bool held_up() { return events_.size() > kEventBytes && !runtime_.stopping(); }
  rt::Gate::Acquire reader();
  rt::Task<void> flush();
  void give_up_output(const Error& e);

  Settings& settings_;
  rt::Runtime& runtime_;
  llm::Servers& servers_;
  const int lanes_;                      // so many jobs at the same time
  rt::LineSource input_;
  Events events_;
  JobList waiting_, running_;
  rt::Gate work_{1}, room_{1}, reader_{1};
  rt::Stop* alarm_ = nullptr;            // ends the sleep of watch()
  Nanos alarm_at_ = kNever;              // which lasts until then
  bool wants_room_ = false;              // read() waits
  int want_reader_ = 0;                  // so many wait until the events are written
  bool closed_ = false;                  // no job will come any more
  bool over_ = false;                    // and none is left
  bool warned_ = false;                  // of a key without a meaning
  uint64_t done_ = 0, failed_ = 0, cancelled_ = 0;
  int first_failure_ = 0;                // exit codes; 0 = none
  int output_code_ = 0, input_code_ = 0;
};

// ---- jobs come ----------------------------------------------------------------------------------

rt::Task<void> Dispatcher::read() {
  std::string line;
  for (;;) {
    const Result<bool> more = co_await input_.next(line);
    if (more && !*more) break;
    if (!more && more.error().code != Errc::too_large) {
      if (more.error().code == Errc::cancelled) break;
      complain("cannot read", more.error(), "standard input");
      input_code_ = cli::exit_code(more.error());
      break;
    }
    if (more) take_line(line);
    if (!more) fail_job({}, "too_large", more.error().where, 65, {}, input_.number());
    while (held_up()) co_await reader();
    while (settings_.worker.block && full(0) && !runtime_.stopping()) {
      wants_room_ = true;
      co_await room_.acquire();
    }
  }
  closed_ = true;
  for (int i = 0; i < lanes_; ++i) work_.release();
}

bool Dispatcher::full(size_t more) const {
  return waiting_.size() >= static_cast<size_t>(settings_.worker.queue) ||
         waiting_.bytes() + more > kQueueBytes;
}

void Dispatcher::take_line(std::string_view line) {
  if (trim(line).empty()) return;
  Own<LiveJob> job = make_own<LiveJob>();
  std::string why;
  const Result<void> parsed = parse_job(line, settings_, *job, why);
  if (!parsed) return fail_job(job->id, "bad_data", why, 65, {}, input_.number());
  if (job->cancel) return cancel(*job);
  if (job->id.empty()) append_u64(job->id, input_.number());
  if (!job->unknown.empty() && !warned_ && !settings_.quiet) {
    warned_ = true;
    std::string words = "warning: line ";
    append_u64(words, input_.number());
    say(words.append(": no such key, left out: ").append(job->unknown));
  }
  job->bytes = line.size();
  accept(std::move(job));
}

void Dispatcher::accept(Own<LiveJob> job) {
  if (waiting_.find(job->id) != nullptr || running_.find(job->id) != nullptr) {
    return fail_job(job->id, "bad_data", "a job with this id is at work", 65, {}, input_.number());
  }
  // With --block read() has waited: there is room for a job, if not always for so long a line.
  if (!settings_.worker.block && full(job->bytes)) {
    return fail_job(job->id, "busy", "the queue is full", 75);
  }
  job->accepted = rt::now();
  if (job->deadline != 0) job->late_at = job->accepted + job->deadline;
  events_.accepted(job->id);
  const Nanos late_at = job->late_at;
  waiting_.push(std::move(job));
  work_.release();
  if (late_at < alarm_at_ && alarm_ != nullptr) alarm_->request();
}

void Dispatcher::cancel(const Job& order) {
  LiveJob* job = waiting_.find(order.id);
  if (job != nullptr) {
    waiting_.remove(*job);
    ++cancelled_;
    return events_.cancelled(order.id);
  }
  job = running_.find(order.id);
  if (job == nullptr) return events_.error(order.id, "not_found", "no such job is at work", 65);
  if (job->cancelled) return;
  job->cancelled = true;
  job->stop->request();
}

// ---- jobs are done ------------------------------------------------------------------------------

// Says each piece as it comes.
class Pieces : public llm::PieceSink {
 public:
  Pieces(Events& events, const LiveJob& job) : events_(events), job_(job) {}
  void on_piece(std::string_view text, Nanos) override { events_.token(job_.id, text, false); }
  void on_thinking(std::string_view text, Nanos) override { events_.token(job_.id, text, true); }

 private:
  Events& events_;
  const LiveJob& job_;
};

// Something has left the queue: read() may go on.
void Dispatcher::make_room() {
  if (!wants_room_ || full(0)) return;
  wants_room_ = false;
  room_.release();
}

Own<LiveJob> Dispatcher::next() {
  Own<LiveJob> job = waiting_.pop();
  make_room();
  return job;
}

// nullptr when the job's URL is none; it has failed then. The way to the last other server is kept.
llm::Caller* Dispatcher::caller_of(LiveJob& job, llm::Caller& usual, Own<Elsewhere>& other) {
  if (job.url.empty()) return &usual;
  Result<wire::Url> url = wire::parse_url(job.url);
  if (!url) {
    fail_job(job.id, "bad_data", "url: not a URL", 65);
    return nullptr;
  }
  const Result<void> ready = prepare(settings_, *url);   // once, of the first job with https
  if (!ready) {
    const Error& e = ready.error();
    fail_job(job.id, class_of(e), explain(e, {}, {}), cli::exit_code(e));
    return nullptr;
  }
  wire::strip_slashes(*url);
  job.elsewhere = *url;
  if (!other || other->url.text() != url->text()) {
    other = make_own<Elsewhere>(std::move(*url), settings_);
  }
  return &other->caller;
}

rt::Task<void> Dispatcher::serve() {
  llm::Caller usual(servers_);
  Own<Elsewhere> other;
  for (;;) {
    co_await work_.acquire();
    while (held_up()) co_await reader();
    Own<LiveJob> taken = next();
    if (!taken && closed_) co_return;
    if (!taken) continue;                // it was cancelled, or late
    LiveJob& job = *taken;
    llm::Caller* caller = caller_of(job, usual, other);
    if (caller == nullptr) continue;
    running_.push(std::move(taken));
    co_await work_on(job, *caller);
    running_.remove(job);
  }
}

// An answer that does not fit its format is asked for again while nobody has seen a piece of it.
rt::Task<void> Dispatcher::work_on(LiveJob& job, llm::Caller& caller) {
  const bool tokens = settings_.worker.tokens;
  Pieces pieces(events_, job);
  rt::Stop stop;
  Fitted f;
  job.stop = &stop;
  llm::Request request = request_of(job.model, job.calls, job.options, job.prompt);
  request.messages = job.messages;
  request.deadline = job.late_at;
  request.stop = &stop;
  co_await fitting_call(caller, request, job.calls, job.options,
                        tokens ? 0 : settings_.client.max_retries, tokens ? &pieces : nullptr,
                        false, f);
  const llm::Call& call = f.call;
  const std::string server = (job.url.empty() ? servers_.url(call.server) : job.elsewhere).text();
  if (call.failed) co_return fail_call(job, call, server);
  if (!f.outcome) {
    const Error& e = f.outcome.error();
    co_return fail_job(job.id, class_of(e), f.words, cli::exit_code(e), f.text);
  }
  ++done_;
  events_.done(job, call, f.text, server);
}

void Dispatcher::fail_call(const LiveJob& job, const llm::Call& call, std::string_view server) {
  const Error& e = call.error;
  if (e.code == Errc::cancelled) {
    ++cancelled_;
    return events_.cancelled(job.id);
  }
  fail_job(job.id, class_of(e), explain(e, server, call.error_text, false), cli::exit_code(e),
           call.text);
}

void Dispatcher::fail_job(std::string_view id, const char* kind, std::string_view message, int code,
                          std::string_view text, uint64_t line) {
  ++failed_;
  if (first_failure_ == 0) first_failure_ = code;
  events_.error(id, kind, message, code, text, line);
}

// Those that became late while they waited. What is being done has its deadline in the call.
rt::Task<void> Dispatcher::watch() {
  while (!over_ && !runtime_.stopping()) {
    rt::Stop stop;
    alarm_ = &stop;
    alarm_at_ = waiting_.next_deadline();
    rt::Sleep sleep(alarm_at_, &stop);
    co_await sleep;
    alarm_ = nullptr;
    const Nanos now = rt::now();
    while (const Own<LiveJob> late = waiting_.pop_late(now)) {
      fail_job(late->id, "deadline", "the deadline fired while the job waited", 28);
    }
    make_room();
  }
}

// ---- events go ----------------------------------------------------------------------------------

void Dispatcher::give_up_output(const Error& e) {
  events_.drop();
  output_code_ = cli::exit_code(e);
  if (e.code != Errc::closed && e.code != Errc::cancelled) {
    complain("cannot write", e, "standard output");
  }
  runtime_.stop();
}

// Until the events are written.
rt::Gate::Acquire Dispatcher::reader() {
  ++want_reader_;
  return reader_.acquire();
}

// A program that is to stop gives the reader one last moment (sys::write_stream).
rt::Task<void> Dispatcher::flush() {
  Nanos time = kShortPause;
  for (;;) {
    const Result<size_t> written = events_.write_some(runtime_.stopping());
    if (!written) give_up_output(written.error());
    if (events_.size() == 0) break;
    if (*written != 0) {
      time = kShortPause;
      continue;
    }
    rt::Sleep pause(rt::now() + time);
    co_await pause;
    time = std::min(2 * time, kLongPause);
  }
  for (; want_reader_ != 0; --want_reader_) reader_.release();
}

rt::Task<void> Dispatcher::write() {
  while (!over_) {
    co_await events_.something();
    co_await flush();
  }
}

rt::Task<void> Dispatcher::run() {
  rt::Scope helpers, servers;
  co_await work_.acquire();              // the gates begin without a permit
  co_await room_.acquire();
  co_await reader_.acquire();
  co_await events_.something();
  helpers.start(watch(), rt::Place::here());
  helpers.start(write(), rt::Place::here());
  for (int i = 0; i < lanes_; ++i) servers.start(serve(), rt::Place::here());
  co_await read();
  co_await servers.join();
  over_ = true;
  if (alarm_ != nullptr) alarm_->request();
  events_.wake();
  co_await helpers.join();
}

int Dispatcher::exit_code() const {
  if (output_code_ != 0 && output_code_ != 130) return output_code_;
  if (sys::stop_signal() != 0) return 128 + sys::stop_signal();
  if (input_code_ != 0) return input_code_;
  if (failed_ == 0 && (cancelled_ == 0 || done_ != 0)) return 0;
  return done_ != 0 || first_failure_ == 0 ? 1 : first_failure_;
}

}  // namespace

int worker_command(Settings& s) {
  if (!s.positional.empty()) {
    say("worker takes its jobs from standard input: see chimera worker --help");
    return 2;
  }
  CallWays ways;
  const int refused = open_calls(s, "worker", true, ways);
  if (refused != 0) return refused;
  Dispatcher dispatcher(s, ways);
  const auto opened = dispatcher.open();
  if (!opened) {
    complain("worker", opened.error(), "standard input");
    return exit_code(opened.error());
  }
  ways.runtime.run(dispatcher.run());
  return dispatcher.exit_code();
}

}  // namespace chimera::cli
