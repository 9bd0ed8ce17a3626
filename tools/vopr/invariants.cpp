#include "invariants.hpp"

#include <algorithm>
#include <map>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "chimera/wire/json_schema.hpp"
#include "machine.hpp"
#include "report.hpp"

namespace chimera::vopr {
namespace {

constexpr int64_t kMostMemory = 48 << 20;       // bytes; see Ending::peak
constexpr Nanos kLastWords = kSecond;           // for a reader that takes nothing (sys/file.hpp)

std::string number(int64_t n) {
  std::string s;
  append_i64(s, n);
  return s;
}

std::string member(std::string_view json, std::string_view key) {
  std::string out;
  wire::append_decoded(out, wire::json_member(json, key));
  return out;
}

int64_t integer(std::string_view json, std::string_view key) {
  return parse_i64(wire::json_member(json, key)).value_or(-1);
}

// The lines of `text`. A last one without its end is left out: what it was written to was full.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1)) {
    lines.push_back(text.substr(0, end));
  }
  return lines;
}

class Judge {
 public:
  Judge(const Scenario& s, const Truth& t, const Ending& e)
      : s_(s), truth_(t), end_(e), m_(machine()), stopped_(m_.stop != 0 && m_.stopped_at != 0) {}
  void judge();

 private:
  void stderr_lines();
  void ending();
  void map();
  void worker();
  void ask();
  void run();
  void report(const std::string& name, std::string_view text);
  void bench();
  void probe();
  void exit_code_of(size_t succeeded, size_t failed);
  void calm(size_t failed);
  void fired(std::string_view tag, std::string_view message, Nanos at);
  void complete(std::string_view tag, std::string_view thinking, std::string_view text);
  void partial(std::string_view tag, std::string_view thinking, std::string_view text);
  void few_enough(std::string_view tag, int64_t attempts);
  Nanos written_at(size_t offset) const;

  bool cut_short() const { return stopped_ || s_.output_fails || s_.few_handles; }

  const Scenario& s_;
  const Truth& truth_;
  const Ending& end_;
  const Machine& m_;
  const bool stopped_;
};

// An answer that is said to be complete is, byte for byte, one that a server gave to that question.
void Judge::complete(std::string_view tag, std::string_view thinking, std::string_view text) {
  for (const Asked* a : truth_.of(tag)) {
    if (!a->whole(s_.thinking_events, s_.events)) continue;
    if (a->text == text && a->thinking == thinking) return;
  }
  violated("an answer to " + std::string(tag) + " that no server gave: " + std::string(text));
}

// And a broken one its beginning.
void Judge::partial(std::string_view tag, std::string_view thinking, std::string_view text) {
  if (thinking.empty() && text.empty()) return;
  for (const Asked* a : truth_.of(tag)) {
    const bool thought =
        text.empty() ? a->thinking.starts_with(thinking) : a->thinking == thinking;
    if (thought && a->text.starts_with(text)) return;
  }
  violated("a part of an answer to " + std::string(tag) + " that no server gave: " +
           std::string(text));
}

// Every try, on each server; a kept connection that is stale costs one more. `attempts`: as
// reported, -1 = not known.
void Judge::few_enough(std::string_view tag, int64_t attempts) {
  const int64_t asked = static_cast<int64_t>(truth_.of(tag).size());
  const int64_t rounds = 1 + s_.retries;
  const auto servers = static_cast<int64_t>(s_.servers.size());
  const int64_t most = rounds * servers * (s_.keep_alive ? 2 : 1);
  if (asked > most || attempts > most) {
    violated("tried " + number(std::max(asked, attempts)) + " times, at most " + number(most) +
             ": " + std::string(tag));
  }
  if (attempts >= 0 && asked > attempts) {
    violated(std::string(tag) + ": " + number(asked) + " requests came, said to be " +
             number(attempts));
  }
}

// Where nothing goes wrong, only what was wrong in the input fails. (A slow network is a reason for
// `probe`, which gives each server ten seconds.)
void Judge::calm(size_t failed) {
  if (!s_.calm || (s_.command == cli::kProbe && s_.slow)) return;
  size_t bad = 0;
  for (const Item& item : s_.items) bad += item.bad;
  const bool worker = s_.command == cli::kWorker;   // where a cancel may make the exit code 1
  if (failed > bad || (bad == 0 && !worker && end_.code != 0)) violated("failed for no reason");
}

// `message` says which deadline of the client's fired, `at` when: exactly then was it due. As far
// as the server's instants are the client's: one without handles accepts later.
void Judge::fired(std::string_view tag, std::string_view message, Nanos at) {
  const bool near =
      s_.storm == 0 && !s_.slow && s_.pause == 0 && !s_.output_slow && !s_.few_handles;
  const std::vector<const Asked*> asked = truth_.of(tag);
  if (!near || s_.servers.size() != 1 || asked.empty()) return;
  const Asked& last = *asked.back();
  const auto says = [message](const char* which) { return message.find(which) != message.npos; };
  Nanos due = at;
  const bool too_close = last.ended == at;   // which of the two came first at this instant?
  if (says("the idle deadline") && !too_close) due = std::max(last.arrived, last.ended) + s_.idle;
  if (says("the first-token deadline")) due = last.arrived + s_.first_token;
  if (at != due) violated(std::string(message) + ": " + number((at - due) / kMicro) + " us late");
}

Nanos Judge::written_at(size_t offset) const {
  for (const Written& w : m_.out_marks) {
    if (w.upto > offset) return w.at;
  }
  return kNever;
}

// ---- all commands -------------------------------------------------------------------------------

void Judge::stderr_lines() {
  for (const std::string_view line : lines_of(m_.err)) {
    if (!line.starts_with("chimera: ")) return violated("on stderr: " + std::string(line));
    if (line.find("standard library check") != line.npos) return violated(line);
  }
  if (!m_.err.empty() && !m_.err.ends_with('\n')) violated("half a line on stderr: " + m_.err);
}

void Judge::ending() {
  static constexpr int kCodes[] = {0,  1,  6,  7,  18, 22, 28, 56,  65,  69,
                                   74, 75, 77, 99, 130, 141};
  const bool known = std::find(std::begin(kCodes), std::end(kCodes), end_.code) != std::end(kCodes);
  if (!known) violated("exit code " + number(end_.code));
  if (end_.code == 130 && !stopped_) violated("exit code 130 without a signal");
  if (end_.code == 141 && m_.out_closes_after == UINT64_MAX) violated("exit code 141");
  // Those of worker are events; a signal and a reader who has gone need none.
  const bool told = s_.command == cli::kWorker || !m_.err.empty();
  const bool quiet = end_.code == 0 || end_.code == 130 || end_.code == 141;
  if (!quiet && !told) violated("failed without a word");
  const bool says_so = end_.code == 74 || end_.code == 141 || stopped_;
  if (m_.refused && !says_so) violated("a failed write, and exit code " + number(end_.code));
  if (stopped_) {
    const auto bytes = static_cast<Nanos>(m_.out.size());
    const Nanos reading = m_.out_pace == kNever ? 0 : m_.out_pace * bytes;
    const Nanos grace = s_.pause + (s_.output_slow ? kLastWords + 100 * kMilli + reading : 0);
    const Nanos late = end_.ended - m_.stopped_at;
    if (late > grace) violated("ended " + number(late / kMicro) + " us behind the signal");
  }
  if (end_.peak > kMostMemory) violated("memory: " + number(end_.peak) + " bytes");
  // Where a server learns at once that the client has given up.
  if (s_.storm != 0 || s_.slow) return;
  const int at_once = truth_.most_at_once(s_.events);
  const int most = s_.jobs * static_cast<int>(s_.races ? s_.servers.size() : 1);
  if (at_once > most) violated(number(at_once) + " at once, permitted are " + number(most));
}

// 0 when all went well, 1 when some did, else another one (contract section 4).
void Judge::exit_code_of(size_t succeeded, size_t failed) {
  if (cut_short()) return;
  const bool right = failed == 0      ? end_.code == 0
                     : succeeded != 0 ? end_.code == 1
                                      : end_.code != 0;
  if (!right) {
    violated("exit code " + number(end_.code) + " with " + number(static_cast<int64_t>(succeeded)) +
             " done, " + number(static_cast<int64_t>(failed)) + " failed");
  }
}

// ---- map ----------------------------------------------------------------------------------------

void Judge::map() {
  const auto file = m_.files.find(s_.output);
  const bool to_file = !s_.output.empty() && file != m_.files.end();
  size_t done = 0, failed = 0, skipped = 0;
  std::vector<int> seen(s_.items.size() + 1);
  int64_t last = 0;
  for (const std::string_view line : lines_of(to_file ? file->second : m_.out)) {
    if (!wire::check_json(line)) return violated("not JSON: " + std::string(line));
    const int64_t id = integer(line, "id");
    if (id < 1 || id > static_cast<int64_t>(s_.items.size())) return violated("a strange id");
    const Item& item = s_.items[static_cast<size_t>(id - 1)];
    if (++seen[static_cast<size_t>(id)] > 1) return violated("two results of record " + item.id);
    if (item.done_before) return violated("record " + item.id + " was done before");
    if (!s_.unordered && id < last) return violated("out of order: record " + item.id);
    last = id;
    const std::string_view own = wire::json_member(line, "chimera");
    const bool ok = wire::json_member(line, "error").empty();
    ++(ok ? done : failed);
    if (ok) complete(item.tag, member(own, "thinking"), member(line, "text"));
    if (ok && item.bad) violated("an answer to what is no record: " + item.id);
    few_enough(item.tag, ok ? integer(own, "attempts") : -1);
  }
  for (const Item& item : s_.items) skipped += item.done_before;
  if (!cut_short() && !s_.bounded_input && done + failed + skipped != s_.items.size()) {
    violated("records without a result: " +
             number(static_cast<int64_t>(s_.items.size() - done - failed - skipped)));
  }
  calm(failed);
  if (done != 0 || skipped == 0 || !s_.bounded_input) exit_code_of(done + skipped, failed);
}

// ---- worker -------------------------------------------------------------------------------------

struct JobSeen {
  Nanos accepted = 0;
  bool ended = false, failed_at_once = false;
  std::string thinking, text;    // of its tokens
};

void Judge::worker() {
  std::vector<JobSeen> jobs(s_.items.size() + 1);
  size_t done = 0, failed = 0;
  size_t offset = 0;
  for (const std::string_view line : lines_of(m_.out)) {
    const Nanos at = written_at(offset + line.size());
    offset += line.size() + 1;
    if (!wire::check_json(line)) return violated("not JSON: " + std::string(line));
    const std::string event = member(line, "event");
    const int64_t id = integer(line, "id");
    const std::string kind = member(line, "class");
    if (event == "error" && kind == "bad_data" && wire::json_member(line, "id") == "null") {
      ++failed;
      continue;
    }
    if (id < 1 || id > static_cast<int64_t>(s_.items.size())) {
      return violated("a strange id: " + std::string(line));
    }
    const Item& item = s_.items[static_cast<size_t>(id - 1)];
    JobSeen& job = jobs[static_cast<size_t>(id)];
    const std::string what = event + " of job " + item.id;
    if (event == "error" && kind == "not_found") continue;   // a cancel, too late or too early
    if (job.ended) return violated("behind its outcome: " + what);
    if (event == "accepted") {
      if (job.accepted != 0) return violated("twice: " + what);
      job.accepted = at;
      continue;
    }
    const bool refused = event == "error" && (kind == "busy" || kind == "bad_data");
    if (job.accepted == 0 && !refused) return violated("not accepted: " + what);
    if (event == "token") {
      if (!s_.tokens) return violated("not asked for: " + what);
      job.thinking += member(line, "thinking");
      job.text += member(line, "text");
      continue;
    }
    job.ended = true;
    const Nanos due = item.deadline != 0 ? job.accepted + item.deadline : kNever;
    const bool timely = !s_.output_slow && s_.pause == 0 && job.accepted != 0;
    if (timely && at > due) violated("behind its deadline: " + what);
    const std::string message = member(line, "message");
    const bool by_deadline = message.find("while the job waited") != message.npos ||
                             (s_.only_deadlines && message.find("total") != message.npos);
    if (timely && by_deadline && due != kNever && at != due) {
      violated(what + ": its deadline fired " + number((due - at) / kMicro) + " us early");
    }
    if (event == "done") {
      ++done;
      complete(item.tag, member(line, "thinking"), member(line, "text"));
      const bool same = member(line, "text") == job.text;
      if (s_.tokens && !same) violated("its tokens are not its text: " + what);
      few_enough(item.tag, integer(wire::json_member(line, "chimera"), "attempts"));
    } else {
      failed += event == "error";
      fired(item.tag, message, at);
      if (event != "error" && event != "cancelled") return violated("a strange event: " + what);
      partial(item.tag, job.thinking, job.text);
      few_enough(item.tag, -1);
    }
  }
  calm(failed);
  if (s_.output_fails || (s_.output_slow && stopped_)) return;
  size_t cancelled = 0;
  for (size_t i = 1; i < jobs.size(); ++i) {
    const bool outcome = jobs[i].ended || s_.items[i - 1].bad;
    cancelled += jobs[i].ended;
    if (jobs[i].accepted != 0 && !outcome) violated("no outcome: job " + s_.items[i - 1].id);
    if (!cut_short() && !outcome) violated("lost: job " + s_.items[i - 1].id);
  }
  if (!stopped_ && failed != 0 && end_.code == 0) violated("exit code 0, and jobs failed");
  if (!stopped_ && failed == 0 && done != 0 && end_.code != 0) violated("failed without a failure");
}

// ---- ask ----------------------------------------------------------------------------------------

void Judge::ask() {
  const std::string& tag = s_.items[0].tag;
  few_enough(tag, -1);
  std::string thinking, text;
  if (s_.format == cli::Format::text) {
    text = m_.out;
    for (const Asked* a : truth_.of(tag)) {
      const bool this_one = a->text == text || thinking.empty();
      if (this_one && a->text.starts_with(text)) thinking = a->thinking;   // it is not shown
    }
    if (text.empty()) thinking.clear();
  } else if (s_.format == cli::Format::json) {
    if (end_.code != 0) return;
    text = member(m_.out, "text");
    thinking = member(m_.out, "thinking");
  } else {
    for (const std::string_view line : lines_of(m_.out)) {
      if (!wire::check_json(line)) return violated("not JSON: " + std::string(line));
      const std::string_view message = wire::json_member(line, "message");
      text += member(message, "content");
      thinking += member(message, "thinking");
    }
  }
  if (end_.code == 0) complete(tag, thinking, text);
  if (end_.code != 0 && s_.format != cli::Format::json) partial(tag, thinking, text);
  calm(0);
  fired(tag, m_.err, end_.ended);
  const bool undisturbed = !s_.output_slow && s_.pause == 0 && !m_.has_input;
  const bool exact = undisturbed && s_.timeout != 0 && s_.retries == 0 && s_.servers.size() == 1 &&
                     m_.err.find("total") != m_.err.npos;
  const Nanos took = end_.ended - end_.began;
  if (exact && end_.code == 28 && took != s_.timeout) {
    violated("the deadline of " + number(s_.timeout / kMicro) + " us fired after " +
             number(took / kMicro));
  }
}

// ---- run, bench, probe --------------------------------------------------------------------------

// The report of an agent stands between two lines.
void Judge::report(const std::string& name, std::string_view text) {
  constexpr std::string_view kLine = "\n\n---\n\n", kError = "\n\n**Error:** ";
  const size_t begin = text.find(kLine), end = text.rfind("\n\n---\n\n## Workflow Summary");
  if (end == text.npos) return violated("cut short: " + name);
  if (begin == end) return;   // there is none
  const std::string_view body = text.substr(begin + kLine.size(), end - begin - kLine.size());
  const size_t error = body.find(kError);
  const std::string_view said = trim(body.substr(0, error));
  for (const Asked& a : truth_.all()) {
    const bool whole = a.whole(s_.thinking_events, s_.events) && trim(a.text) == said;
    if (whole || (error != body.npos && trim_left(a.text).starts_with(said))) return;
  }
  violated("a report that no server gave: " + name);
}

void Judge::run() {
  calm(0);
  for (const auto& [name, text] : m_.files) {
    const bool of_agent = name.ends_with("_report.md") && !name.ends_with("combined_report.md");
    if (of_agent) report(name, text);
    if (name.find(".tmp") != name.npos) violated("left behind: " + name);
    const bool json = name.ends_with("metrics.json") || name.ends_with("summary.json");
    if (json && !wire::check_json(text)) violated("not JSON: " + name);
  }
  const size_t most = static_cast<size_t>(2 * s_.agents * (s_.runs + 1) * (1 + s_.retries) *
                                          (s_.keep_alive ? 2 : 1));
  if (truth_.all().size() > most) violated("too many requests");
  if (s_.output.empty() || cut_short()) return;
  for (int k = 1; k <= s_.runs; ++k) {
    const std::string folder = s_.output + "/run_" + number(k);
    if (!m_.files.contains(folder + "/metrics.json")) violated("missing: " + folder);
  }
}

void Judge::bench() {
  const auto file = m_.files.find(s_.output);
  if (file == m_.files.end()) return;
  std::vector<bool> seen(s_.items.size());
  size_t ok = 0, count = 0;
  for (const std::string_view line : lines_of(file->second)) {
    if (!wire::check_json(line)) return violated("not JSON: " + std::string(line));
    const auto id = static_cast<size_t>(integer(line, "id"));
    if (id >= seen.size() || seen[id]) return violated("a strange id: " + std::string(line));
    seen[id] = true;
    ++count;
    ok += member(line, "class") == "ok";
  }
  if (!cut_short() && count != s_.items.size()) {
    violated("requests without an end: " + number(static_cast<int64_t>(s_.items.size() - count)));
  }
  calm(count - ok);
  size_t whole = 0;
  for (const Asked& a : truth_.all()) whole += a.whole(s_.thinking_events, s_.events);
  if (ok > whole) violated("more answers than the servers gave");
}

void Judge::probe() {
  if (cut_short()) return;
  if (!wire::check_json(m_.out)) return violated("not JSON: " + m_.out);
  size_t up = 0, down = 0;
  for (wire::JsonWalk walk(wire::json_member(m_.out, "endpoints")); walk.next();) {
    const bool is_up = wire::json_member(walk.value, "up") == "true";
    const size_t i = up + down;
    if (i < s_.servers.size() && is_up && !s_.servers[i].listens) violated("up without a server");
    ++(is_up ? up : down);
  }
  if (up + down != s_.servers.size()) violated("not every server is told of");
  calm(down);
  exit_code_of(up, down);
}

void Judge::judge() {
  stderr_lines();
  ending();
  switch (s_.command) {
    case cli::kMap: return map();
    case cli::kWorker: return worker();
    case cli::kAsk: return ask();
    case cli::kRun: return run();
    case cli::kBench: return bench();
    default: return probe();
  }
}

}  // namespace

void check(const Scenario& s, const Truth& truth, const Ending& end) {
  Judge(s, truth, end).judge();
}

}  // namespace chimera::vopr
