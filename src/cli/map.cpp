// chimera map: one prompt for each line, so many at a time, one result a line.
//
// How this works: N lanes, each a task with connections of its own, take the next record, ask, and
// hand their result to Results, which writes in the order of the input. A record that is taken
// holds one of the places of `window` until its result is written: so memory stays the same however
// long the input is, and however long one record keeps the others waiting. Where answers are long,
// `kHeld` bytes that wait are enough to begin no more.
#include <atomic>

#include "calls.hpp"
#include "chimera/base/counter.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/base/words.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/rt/line_source.hpp"
#include "chimera/sys/append_file.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/wire/json_schema.hpp"
#include "map_record.hpp"

namespace chimera::cli {
namespace {

constexpr int kWindow = 16;         // records taken and not yet written, for each lane
constexpr int64_t kHeld = 16 << 20;  // bytes of results behind one that is not there yet
constexpr Nanos kLook = 5 * kMilli;
constexpr Nanos kFrame = 200 * kMilli;

// What has been counted: each by one lane at a time, and shown while they work.
struct Tally {
  Counter skipped, done, failed, tokens;
  Counter by_class[32];             // failures, by Errc
  Error first;
};

struct Job {
  explicit Job(Settings& s)
      : settings(s),
        jobs(s.permits != 0 ? std::min(s.permits, s.map.jobs) : s.map.jobs),
        window(jobs * kWindow) {}

  Settings& settings;
  CallWays ways;
  int jobs;
  rt::LineSource source;
  MapInput input = MapInput::unknown;
  MapDone done;
  rt::Gate reading{1};
  rt::Gate enough{1};               // a permit: --until-error has come true
  rt::Stop no_more;                 // of worker 0, as is the source: ends the wait for a line
  rt::Gate window;
  Nanos next_start = 0;             // of --rate
  uint64_t taken = 0;               // records that were given a place in the order
  std::atomic<bool> over{false};    // no record is left, or none is to be taken any more
  Result<void> resumed, input_failure;

  rt::Gate writing{1};              // for all that follows
  std::vector<std::string> waiting; // results behind the one that is to be written next
  std::vector<bool> ready;
  uint64_t written = 0;
  Counter held;                     // bytes in `waiting`
  sys::AppendFile file;
  Result<void> output;
  Tally tally;
  Nanos begin = 0;
};

// ---- results ------------------------------------------------------------------------------------

// Members of a JSON answer that would hide ours stay in "text" alone.
bool is_ours(std::string_view name) {
  return name == "id" || name == "text" || name == "error" || name == "class" ||
         name == "exit_code" || name == "chimera";
}

void write_answer(wire::JsonWriter& w, const Settings& s, const Fitted& f) {
  w.field("text", f.text);
  if (!s.calls.schema.empty() && trim(f.text).starts_with('{')) {
    for (wire::JsonWalk walk(f.text); walk.next();) {
      if (!is_ours(walk.key)) w.key(walk.key).raw(walk.value);
    }
  }
  const llm::Call& c = f.call;
  w.key("chimera").begin_object();
  if (!c.thinking.empty()) w.field("thinking", c.thinking);
  if (!c.done_reason.empty()) w.field("done_reason", c.done_reason);
  w.field("prompt_tokens", c.prompt_eval_count).field("tokens", c.tokens());
  w.field("ttft_ms", to_ms(c.ttft())).field("total_ms", to_ms(c.ended - c.started));
  w.field("server", s.urls[c.server].text()).field("attempts", int64_t{c.attempts});
  w.end_object();
}

std::string in_one_line(std::string_view text) {
  std::string line(trim(text));
  for (char& c : line) c = c == '\n' || c == '\r' ? ' ' : c;
  return line;
}

std::string result_line(const Settings& s, const std::string& id, const Fitted& f) {
  std::string line;
  if (s.format == Format::text) {
    if (f.outcome) line = harmless(in_one_line(f.text), s.map.terminal);
    return line.append("\n");
  }
  wire::JsonWriter w(line, wire::JsonWriter::Style::compact);
  w.begin_object().key("id").raw(id);
  if (f.outcome) {
    write_answer(w, s, f);
  } else {
    const Error& e = f.outcome.error();
    const bool asked = f.call.started != 0;
    const std::string where = asked ? s.urls[f.call.server].text() : std::string();
    w.field("error", e.code == Errc::bad_input ? (f.words.empty() ? e.where : f.words)
                                                : explain(e, where, f.words, false));
    w.field("class", class_of(e)).field("exit_code", exit_code(e));
  }
  w.end_object();
  return line.append("\n");
}

void put(Job& job, std::string_view line) {
  if (!job.output) return;
  job.output = job.file.is_open() ? job.file.write(line)
                                  : sys::write_stream(sys::Stream::out, line);
  if (!job.output) job.ways.runtime.stop();
}

void count(Job& job, const Fitted& f) {
  Tally& t = job.tally;
  if (f.outcome) {
    ++t.done;
    t.tokens += static_cast<int64_t>(f.call.tokens());
    return;
  }
  const Error& e = f.outcome.error();
  if (e.code == Errc::cancelled) return;
  if (t.failed == 0) t.first = e;
  ++t.failed;
  ++t.by_class[static_cast<size_t>(e.code)];
  const int most = job.settings.map.until_error;
  if (most == 0 || t.failed != most) return;
  job.over = true;
  job.enough.release();
}

size_t slot_of(const Job& job, uint64_t place) {
  return static_cast<size_t>(place % job.waiting.size());
}

// What is cancelled is no result: it is asked for again by --resume.
rt::Task<void> deliver(Job& job, uint64_t place, std::string line, const Fitted& f) {
  co_await job.writing.acquire();
  count(job, f);
  const bool cancelled = !f.outcome && f.outcome.error().code == Errc::cancelled;
  if (job.settings.map.unordered) {
    if (!cancelled) put(job, line);
    job.window.release();
  } else {
    const size_t slot = slot_of(job, place);
    if (!cancelled) job.waiting[slot].swap(line);
    job.ready[slot] = true;
    job.held += static_cast<int64_t>(job.waiting[slot].size());
    for (size_t i; job.ready[i = slot_of(job, job.written)]; ++job.written) {
      job.held += -static_cast<int64_t>(job.waiting[i].size());
      if (!job.waiting[i].empty()) put(job, job.waiting[i]);
      std::string().swap(job.waiting[i]);   // an assignment would keep the memory
      job.ready[i] = false;
      job.window.release();
    }
  }
  job.writing.release();
}

// ---- records ------------------------------------------------------------------------------------

struct Taken {
  std::string line;
  uint64_t number = 0, place = 0;
  Result<void> outcome;         // what is wrong with the line itself
  MapRecord record;
  std::string words;
};

void parse(Job& job, Taken& t) {
  t.record = MapRecord();   // that of a line that was left out may be there
  if (!t.outcome) {
    append_u64(t.record.id, t.number);
    return;
  }
  std::string_view line = t.line;
  if (t.number == 1 && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
  if (job.input == MapInput::unknown) {
    job.input = trim_left(line).starts_with('{') ? MapInput::ndjson : MapInput::text;
  }
  if (job.input == MapInput::ndjson) line = trim(line);
  auto r = map_record(line, job.input, job.settings.map.pattern, t.number, t.words);
  if (r) {
    t.record = std::move(*r);
    return;
  }
  t.outcome = fail(r.error());
  append_u64(t.record.id, t.number);
  const std::string_view id = wire::check_json(line) ? wire::json_member(line, "id") : "";
  if (!id.empty() && id != "null") t.record.id = id;
}

// The next record that is to be answered. False when there is none. One lane at a time.
rt::Task<bool> take_next(Job& job, Taken& t) {
  for (;;) {
    if (job.over || job.ways.runtime.stopping()) co_return false;
    const auto got = co_await job.source.next(t.line, &job.no_more);
    if (job.over || (got && !*got)) break;
    t.number = job.source.number();
    t.outcome = Result<void>();
    if (!got) {
      const Errc code = got.error().code;
      if (code == Errc::cancelled) break;
      if (code != Errc::too_large) {
        job.input_failure = fail(got.error());
        break;
      }
      t.outcome = fail(Errc::bad_input, "line over 16 MiB");
    }
    if (t.outcome && trim(t.line).empty()) continue;
    parse(job, t);
    if (t.outcome && job.done.size() != 0 && job.done.take(t.record.id)) {
      ++job.tally.skipped;
      continue;
    }
    t.place = job.taken++;
    co_return true;
  }
  job.over = true;
  co_return false;
}

// The record that the others wait for is at work, so that this ends.
rt::Task<void> wait_for_room(Job& job) {
  while (job.held > kHeld && !job.ways.runtime.stopping()) {
    rt::Sleep pause(rt::now() + kLook);
    co_await pause;
  }
}

// Each record of --rate begins at its own instant, on an absolute schedule.
rt::Task<void> pace(Job& job) {
  const double rate = job.settings.map.rate;
  if (rate <= 0) co_return;
  const Nanos now = rt::now();
  job.next_start = std::max(job.next_start, now);
  rt::Sleep until(job.next_start);
  if (job.next_start > now) co_await until;
  job.next_start += static_cast<Nanos>(1e9 / rate);
}

rt::Task<void> lane(Job& job) {
  const Settings& s = job.settings;
  llm::Options options = s.common;
  llm::Caller caller(*job.ways.servers);
  for (;;) {
    Taken t;
    co_await job.window.acquire();
    co_await job.reading.acquire();
    co_await wait_for_room(job);
    const bool more = co_await take_next(job, t);
    if (more && t.outcome) co_await pace(job);
    job.reading.release();
    if (!more) {
      job.window.release();
      co_return;
    }
    Fitted f;
    if (t.outcome) {
      std::string().swap(t.line);   // nobody needs it while the answer comes
      options.seed = s.common.seed;
      const llm::Request request = request_of(s.model, s.calls, options, t.record.prompt);
      co_await fitting_call(caller, request, s.calls, options, s.client.max_retries, nullptr, false,
                            f);
    } else {
      f.outcome = t.outcome;
      f.words = t.words;
    }
    std::string line = result_line(s, t.record.id, f);
    co_await deliver(job, t.place, std::move(line), f);
  }
}

// ---- the command --------------------------------------------------------------------------------

std::string counts(const Job& job) {
  const Tally& t = job.tally;
  const auto number = [](const Counter& c) { return static_cast<double>(int64_t{c}); };
  std::string line;
  compose(line, "%d done, %d failed", {number(t.done), number(t.failed)});
  const char* before = " (";
  for (size_t i = 0; i < std::size(t.by_class); ++i) {
    if (t.by_class[i] == 0) continue;
    const char* const name = class_of({static_cast<Errc>(i), 0, ""});
    compose(line.append(before), "%d %s", {number(t.by_class[i]), name});
    before = ", ";
  }
  if (t.failed != 0) line.push_back(')');
  if (t.skipped != 0) compose(line, ", %d done before", {number(t.skipped)});
  const double seconds = to_seconds(sys::now() - job.begin);
  compose(line, "; %d tokens, %v tok/s, ",
          {number(t.tokens), seconds > 0 ? number(t.tokens) / seconds : 0});
  append_duration(line, sys::now() - job.begin);
  return line;
}

rt::Task<void> show(Job& job, rt::Stop& stop) {
  for (;;) {
    const int columns = sys::terminal_columns();
    draw(utf8_truncate("map  " + counts(job), columns > 1 ? static_cast<size_t>(columns) - 1 : 1));
    rt::Sleep frame(rt::now() + kFrame, &stop);
    const int64_t slept = co_await frame;
    if (slept < 0) break;
  }
  draw({});
}

rt::Task<Result<void>> read_done(Job& job) {
  rt::LineSource old;
  const auto opened = old.open(job.settings.map.resume);
  if (!opened && opened.error().code == Errc::not_found) co_return Result<void>();
  if (!opened) co_return opened;
  for (std::string line;;) {
    const auto got = co_await old.next(line);
    if (!got && got.error().code != Errc::too_large) co_return fail(got.error());
    if (!got) continue;
    if (!*got) break;
    job.done.add(line);
  }
  job.done.freeze();
  co_return Result<void>();
}

// The next line may not come for long, and nobody waits for it any more.
rt::Task<void> stop_reading(Job& job) {
  co_await job.enough.acquire();
  job.no_more.request();
}

rt::Task<void> run_lanes(Job& job) {
  co_await job.enough.acquire();    // it begins without a permit
  job.source.stay_here();
  job.begin = sys::now();
  if (!job.settings.map.resume.empty()) {
    job.resumed = co_await read_done(job);
    if (!job.resumed) co_return;
    job.begin = sys::now();
  }
  rt::Stop stop;
  rt::Scope helpers, lanes;
  helpers.start(stop_reading(job), rt::Place::here());
  if (job.settings.progress) helpers.start(show(job, stop), rt::Place::here());
  const bool pinned = job.ways.runtime.config().kind == rt::Kind::steal;
  for (int i = 0; i < job.jobs; ++i) {
    const rt::Place place =
        pinned ? rt::Place::on(i % job.ways.runtime.workers()) : rt::Place::any();
    lanes.start(lane(job), place);
  }
  co_await lanes.join();
  stop.request();
  job.enough.release();
  co_await helpers.join();
}

// What was finished behind a record that was not, when it all ended early.
void put_rest(Job& job) {
  for (uint64_t i = job.written; i < job.taken; ++i) {
    std::string& line = job.waiting[slot_of(job, i)];
    if (!line.empty()) put(job, line);
  }
}

int finish(Job& job) {
  const Settings& s = job.settings;
  if (!s.map.unordered) put_rest(job);
  if (!job.output) {
    const Error& e = job.output.error();
    if (e.code != Errc::closed) {
      complain("cannot write", e, s.output.empty() ? "standard output" : s.output);
    }
    return e.code == Errc::closed ? 141 : 74;
  }
  const Tally& t = job.tally;
  if (!job.input_failure && job.input_failure.error().code != Errc::cancelled) {
    complain("map", job.input_failure.error(),
             s.positional.empty() ? "standard input" : s.positional[0]);
  }
  if (!s.quiet) say("map: " + counts(job));
  if (sys::stop_signal() != 0) return 128 + sys::stop_signal();
  if (!job.input_failure) return t.done != 0 ? 1 : exit_code(job.input_failure.error());
  if (t.failed == 0) return 0;
  return t.done + t.skipped != 0 ? 1 : exit_code(t.first);
}

int refuse(const Error& e, std::string_view subject) {
  complain("map", e, subject);
  return exit_code(e);
}

bool same_file(const std::string& a, const std::string& b) {
  const auto x = sys::file_info(a, true), y = sys::file_info(b, true);
  return x && y && x->device == y->device && x->inode == y->inode;
}

// Where results go. A line that was cut off there when an earlier run was killed is taken away, as
// its record is done again; without --resume it stays, and what comes begins a line of its own.
Result<void> open_output(Job& job) {
  const Settings& s = job.settings;
  const bool same = s.output.empty() ? sys::stdout_is(s.map.resume)
                                     : same_file(s.output, s.map.resume);
  if (!s.map.resume.empty() && same) {
    if (s.format == Format::text) return fail(Errc::usage, "no ids");
    CHI_TRY_VOID(sys::cut_last_line(s.map.resume));
  }
  if (s.output.empty()) return {};
  const bool amid = sys::ends_amid_line(s.output);
  CHI_TRY_VOID(job.file.open(s.output));
  return amid ? job.file.write("\n") : Result<void>();
}

}  // namespace

int map_command(Settings& s) {
  if (s.positional.size() > 1) {
    say("map takes one file; the prompt is that of --template: see chimera map --help");
    return 2;
  }
  if (!s.map.pattern.empty() && !template_has_place(s.map.pattern)) {
    say("--template has no place for the record, such as {text}: see chimera map --help");
    return 2;
  }
  Job job(s);
  job.input = s.map.input;
  job.waiting.resize(static_cast<size_t>(job.jobs) * kWindow);
  job.ready.resize(job.waiting.size());
  s.map.terminal = s.output.empty() && sys::is_terminal(1);   // and then they are the progress
  s.progress = s.progress && !s.quiet && !s.map.terminal && sys::is_terminal(2) &&
               sys::env("TERM") != "dumb";
  const bool file = !s.positional.empty() && s.positional[0] != "-";
  const std::string path = file ? s.positional[0] : std::string();
  const auto output = open_output(job);
  if (!output && output.error().code == Errc::usage) {
    say("map: -f text has no ids that --resume could tell by: see chimera map --help");
    return 2;
  }
  if (!output) {
    complain("cannot write", output.error(), s.output.empty() ? s.map.resume : s.output);
    return 74;
  }
  const int opened = open_calls(s, "map", false, job.ways);
  if (opened != 0) return opened;
  const auto input = job.source.open(path);
  if (!input && path.find_first_of(" {") != path.npos) {
    say("map: no such file: '" + path + "': a prompt is given with --template");
    return exit_code(input.error());
  }
  if (!input) return refuse(input.error(), file ? path : "standard input");
  job.ways.runtime.run(run_lanes(job));
  if (!job.resumed && sys::stop_signal() == 0) return refuse(job.resumed.error(), s.map.resume);
  return finish(job);
}

}  // namespace chimera::cli
