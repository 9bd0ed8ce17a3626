#include "scenario.hpp"

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/sys/clock.hpp"
#include "machine.hpp"

namespace chimera::vopr {
namespace {

namespace world = sys::virtual_world;
using cli::Format;

// The random choices of one scenario.
struct Draw {
  explicit Draw(uint64_t seed) : rng(seed) {}
  bool one_in(uint64_t n) { return rng.below(n) == 0; }
  uint64_t from(uint64_t low, uint64_t high) { return low + rng.below(high - low + 1); }
  // Small numbers as often as large ones.
  uint64_t any_size(uint64_t most) {
    const uint64_t bits = from(0, 63 - static_cast<uint64_t>(__builtin_clzll(most)));
    return std::min(most, from(uint64_t{1} << bits, (uint64_t{2} << bits) - 1));
  }
  template <size_t N>
  const char* pick(const char* const (&list)[N]) { return list[rng.below(N)]; }
  Rng rng;
};

std::string number(uint64_t n) {
  std::string s;
  append_u64(s, n);
  return s;
}
std::string ms(uint64_t n) { return number(n) + "ms"; }

// ---- servers ------------------------------------------------------------------------------------

// Those after which the client may wait for ever, unless it has a deadline.
constexpr const char* kPatient[] = {"silence", "stall", "stall@3"};
constexpr const char* kFaults[] = {
    "refuse", "status-500", "status-503", "status-404", "retry-after", "fin",
    "fin@1", "rst", "rst@2", "rst@300b", "fin@200b", "fin@20b", "error", "error@1", "bad-json",
    "bad-chunk", "no-last-chunk", "drop-keep-alive", "split-utf8", "crlf", "cr", "comments",
    "no-space", "bom", "multi-line", "no-done", "null-finish", "cold", "slow-head@300ms",
    "stall@2+900ms", "long-line@20000b"};

void add_fault(sim::Settings& s, const char* name, Draw& d) {
  const auto fault = sim::parse_fault(name);
  CHI_CHECK(fault.has_value());
  s.faults.push_back(*fault);
  s.faults.back().probability = d.one_in(3) ? 1 : 0.3;
}

sim::Settings draw_server(Draw& d, size_t index, bool patient, bool calm) {
  sim::Settings s;
  s.port = static_cast<uint16_t>(kFirstPort + index);
  s.seed = d.rng.next() >> 1;
  s.ttft = d.one_in(3) ? 0 : static_cast<Nanos>(d.any_size(300)) * kMilli;
  s.rate = d.one_in(4) ? 0 : static_cast<double>(d.any_size(4000));
  s.slots = static_cast<uint32_t>(d.from(1, 4));
  s.queue = d.one_in(3) && !calm ? static_cast<uint32_t>(d.from(0, 2)) : 512;
  s.batch = d.one_in(3) ? 1 : 0;
  s.load = d.one_in(5) ? 1500 * kMilli : 0;
  if (d.one_in(3)) s.cut = static_cast<uint32_t>(d.any_size(200));
  s.random_cut = d.one_in(4);
  if (d.one_in(2)) s.rate *= 4;
  const uint64_t faults = calm || d.one_in(2) ? 0 : d.from(1, 2);
  for (uint64_t i = 0; i < faults; ++i) {
    const bool forever = patient && d.one_in(4);
    add_fault(s, forever ? d.pick(kPatient) : d.pick(kFaults), d);
  }
  return s;
}

// All answers are as long, so that the oracle knows which of them is whole.
void draw_servers(Scenario& s, Draw& d, bool patient) {
  const uint64_t count = d.one_in(2) ? 1 : d.from(2, 3);
  const auto tokens = static_cast<uint32_t>(d.any_size(60));
  const auto together = static_cast<uint32_t>(d.one_in(3) ? d.from(2, 5) : 1);
  const auto thinking = static_cast<uint32_t>(d.one_in(4) ? d.from(1, 6) : 0);
  for (size_t i = 0; i < count; ++i) {
    ServerPlan plan{draw_server(d, i, patient, s.calm), s.calm || !d.one_in(10)};
    plan.settings.tokens = {sim::Lengths::Kind::fixed, tokens, tokens};
    plan.settings.tokens_per_event = together;
    plan.settings.thinking = thinking;
    s.servers.push_back(std::move(plan));
    s.words.push_back("-u");
    s.words.push_back("http://127.0.0.1:" + number(kFirstPort + i));
  }
  s.thinking_events = (thinking + together - 1) / together;
  s.events = (tokens + together - 1) / together;
}

// ---- options ------------------------------------------------------------------------------------

void add(Scenario& s, const char* name, std::string value) {
  s.words.push_back(std::string("--") + name);
  s.words.push_back(std::move(value));
}

void draw_runtime(Scenario& s, Draw& d) {
  if (s.command == cli::kProbe || s.command == cli::kBench) return;
  static constexpr const char* kKinds[] = {"local", "fixed", "steal", "bridge"};
  const std::string kind = d.pick(kKinds);
  if (!d.one_in(4)) add(s, "runtime", kind);
  if (kind != "local" && d.one_in(3)) add(s, "threads", number(d.from(1, 4)));
  if (d.one_in(2)) add(s, "read-size", number(d.any_size(8192)));
  if (d.one_in(4)) add(s, "coalesce", number(d.any_size(2048)));
}

Nanos add_time(Scenario& s, Draw& d, const char* name, uint64_t most) {
  const uint64_t time = d.any_size(most);
  add(s, name, ms(time));
  return static_cast<Nanos>(time) * kMilli;
}

// With several at once, or none. `must`: one of them that ends every wait.
void draw_deadlines(Scenario& s, Draw& d, bool must) {
  s.idle = 60 * kSecond;
  if (s.calm && s.command != cli::kProbe) {
    s.idle = 0;
    return add(s, "idle-timeout", "0");
  }
  if (s.calm) return;
  if (d.one_in(3)) {
    s.timeout = static_cast<Nanos>(d.any_size(4000)) * kMilli;
    s.total = s.timeout;
    s.idle = 0;
    add(s, "timeout", ms(static_cast<uint64_t>(s.timeout / kMilli)));
    if (s.command == cli::kProbe) return;
    add(s, "connect-timeout", "0");
    add(s, "idle-timeout", "0");
    return;
  }
  s.only_deadlines = !must && !d.one_in(3);
  if (!s.only_deadlines) s.total = add_time(s, d, "timeout", 20000);
  if (s.command == cli::kProbe) return;
  if (d.one_in(4)) add_time(s, d, "connect-timeout", 2000);
  if (d.one_in(4)) s.idle = add_time(s, d, "idle-timeout", 3000);
  if (d.one_in(4)) s.first_token = add_time(s, d, "first-token-timeout", 3000);
}

void draw_client(Scenario& s, Draw& d) {
  static constexpr const char* kApis[] = {"ollama", "ollama-chat", "openai", "openai-completions",
                                          "auto"};
  if (s.command == cli::kProbe) return;
  if (d.one_in(2)) {
    const std::string api = d.pick(kApis);
    add(s, "api", api);
    if (api == "openai-completions") s.thinking_events = 0;
    if (api == "auto") s.timeout = 0;   // what it asks the server first has its own deadline
  }
  s.retries = s.command == cli::kRun || s.command == cli::kBench ? 0 : 2;
  if (d.one_in(2)) {
    s.retries = static_cast<int>(d.from(0, 3));
    add(s, "max-retries", number(static_cast<uint64_t>(s.retries)));
  }
  s.keep_alive = !d.one_in(3);
  if (!s.keep_alive) add(s, "keep-alive", "off");
  static constexpr const char* kPolicies[] = {"first", "round-robin", "least", "race"};
  const bool calls = s.command == cli::kMap || s.command == cli::kAsk || s.command == cli::kWorker;
  if (!calls || !d.one_in(2)) return;
  const std::string policy = d.pick(kPolicies);
  s.races = policy == "race" && s.servers.size() > 1;
  add(s, "policy", policy);
}

std::string filler(Draw& d) {
  return d.one_in(8) ? std::string(d.any_size(100'000), 'x') : std::string(d.any_size(200), 'y');
}

std::string tag_of(uint64_t i) { return "[[" + number(i) + "]]"; }

// ---- commands -----------------------------------------------------------------------------------

void arrive(Draw& d, std::string bytes, Nanos gap) {
  Machine& m = machine();
  m.has_input = true;
  if (gap != 0) m.input_ends += static_cast<Nanos>(d.rng.below(static_cast<uint64_t>(gap)));
  if (d.one_in(6) && bytes.size() > 1) {   // in two pieces
    const size_t at = 1 + d.rng.below(bytes.size() - 1);
    m.input.push_back({m.input_ends, bytes.substr(0, at)});
    m.input_ends += static_cast<Nanos>(d.rng.below(kMilli));
    bytes.erase(0, at);
  }
  m.input.push_back({m.input_ends, std::move(bytes)});
}

Nanos draw_gap(Draw& d) {
  return d.one_in(2) ? 0 : static_cast<Nanos>(d.any_size(200)) * kMilli;
}

void draw_map(Scenario& s, Draw& d) {
  s.jobs = static_cast<int>(d.from(1, 6));
  add(s, "jobs", number(static_cast<uint64_t>(s.jobs)));
  if (d.one_in(4)) {
    const uint64_t permits = d.from(1, 6);
    add(s, "permits", number(permits));
    s.jobs = std::min(s.jobs, static_cast<int>(permits));
  }
  s.unordered = d.one_in(3);
  if (s.unordered) s.words.push_back("--unordered");
  if (d.one_in(5)) add(s, "rate", number(d.any_size(200)));
  s.bounded_input = d.one_in(8);
  if (s.bounded_input) add(s, "until-error", number(d.from(1, 3)));
  const uint64_t records = d.any_size(d.one_in(5) ? 200 : 24);
  const Nanos gap = draw_gap(d);
  std::string before;
  const bool resumes = d.one_in(4);
  for (uint64_t i = 1; i <= records; ++i) {
    Item item{number(i), tag_of(i), 0, d.one_in(20), false};
    item.done_before = resumes && !item.bad && d.one_in(2);
    if (item.done_before) before.append("{\"id\":" + item.id + ",\"text\":\"t\"}\n");
    std::string line = R"({"id":)" + item.id + R"(,"prompt":")" + item.tag + " " + filler(d);
    arrive(d, line.append(item.bad ? "\"\n" : "\"}\n"), gap);
    s.items.push_back(std::move(item));
  }
  if (resumes) {
    if (d.one_in(3)) before.append(R"({"id":1,"text":"cut of)");
    machine().files["old"] = before;
    add(s, "resume", "old");
  }
  if (!resumes && d.one_in(3)) s.output = "results";
  if (!s.output.empty()) add(s, "output", s.output);
}

void draw_worker(Scenario& s, Draw& d) {
  s.jobs = static_cast<int>(d.from(1, 6));
  add(s, "jobs", number(static_cast<uint64_t>(s.jobs)));
  s.tokens = !d.one_in(4);
  if (!s.tokens) s.words.push_back("--no-tokens");
  if (d.one_in(4) && !s.calm) add(s, "queue", number(d.any_size(20)));
  if (d.one_in(4)) s.words.push_back("--block");
  const uint64_t jobs = d.any_size(40);
  const Nanos gap = draw_gap(d);
  const bool deadlines = d.one_in(2);
  for (uint64_t i = 1; i <= jobs; ++i) {
    Item item{number(i), tag_of(i), 0, d.one_in(30), false};
    std::string line = R"({"id":)" + item.id + R"(,"prompt":")" + item.tag + " " + filler(d) + "\"";
    if (deadlines && !s.calm && d.one_in(2)) {
      item.deadline = static_cast<Nanos>(d.any_size(3000)) * kMilli;
      line += ",\"deadline_ms\":" + number(static_cast<uint64_t>(item.deadline / kMilli));
    }
    if (d.one_in(5)) line += ",\"priority\":" + number(d.rng.below(10));
    arrive(d, line.append(item.bad ? "\n" : "}\n"), gap);
    s.items.push_back(std::move(item));
    if (d.one_in(6)) arrive(d, "{\"cancel\":" + number(d.from(1, i)) + "}\n", gap);
  }
}

void draw_ask(Scenario& s, Draw& d) {
  Item item{"1", tag_of(1), 0, false, false};
  s.words.push_back(item.tag + " " + filler(d));
  s.items.push_back(std::move(item));
  if (d.one_in(3)) arrive(d, "text on stdin " + filler(d), draw_gap(d));
  const uint64_t format = d.rng.below(3);
  s.format = format == 0 ? Format::text : format == 1 ? Format::json : Format::ndjson;
  static constexpr const char* kNames[] = {"text", "json", "ndjson"};
  add(s, "format", kNames[format]);
}

void draw_run(Scenario& s, Draw& d) {
  s.words.push_back("notes");
  s.agents = static_cast<int>(d.from(1, 4));
  s.runs = static_cast<int>(d.from(1, 3));
  add(s, "agents", number(static_cast<uint64_t>(s.agents)));
  add(s, "runs", number(static_cast<uint64_t>(s.runs)));
  s.jobs = s.agents;
  if (d.one_in(2)) {
    const uint64_t permits = d.from(1, 3);
    add(s, "permits", number(permits));
    s.jobs = std::min(s.jobs, static_cast<int>(permits));
  }
  if (d.one_in(5)) s.words.push_back("--serial");
  s.format = d.one_in(2) ? Format::text : Format::ndjson;
  add(s, "format", s.format == Format::text ? "text" : "ndjson");
  if (!d.one_in(3)) s.output = "out";
  if (!s.output.empty()) add(s, "output", s.output);
  auto& files = machine().files;
  files["notes/"] = files["notes/csv_data/"] = "";
  files["notes/csv_data/a.csv"] = "t,v\n1,2\n2,3.5\n";
  files["notes/csv_data/b.json"] = R"({"a": [1, 2, 3], "b": {"c": 4}})";
  files["notes/notes.md"] = "# Notes\n\nSome text.\n";
}

void draw_bench(Scenario& s, Draw& d) {
  s.jobs = static_cast<int>(d.from(1, 8));
  add(s, "concurrency", number(static_cast<uint64_t>(s.jobs)));
  const uint64_t requests = d.any_size(60);
  add(s, "requests", number(requests));
  for (uint64_t i = 0; i < requests; ++i) s.items.push_back({number(i), "", 0, false, false});
  if (d.one_in(3)) add(s, "rate", number(d.any_size(500)));
  s.output = "lines";
  add(s, "output", s.output);
  add(s, "format", "json");
  s.format = Format::json;
}

void draw_command(Scenario& s, Draw& d) {
  switch (s.command) {
    case cli::kMap: return draw_map(s, d);
    case cli::kWorker: return draw_worker(s, d);
    case cli::kAsk: return draw_ask(s, d);
    case cli::kRun: return draw_run(s, d);
    case cli::kBench: return draw_bench(s, d);
    default:
      s.format = Format::json;
      return add(s, "format", "json");
  }
}

// ---- what goes wrong ----------------------------------------------------------------------------

void draw_output(Scenario& s, Draw& d) {
  if (s.calm) return;
  Machine& m = machine();
  if (d.one_in(8)) m.out_closes_after = d.any_size(20'000);
  if (d.one_in(16)) m.out_full_after = d.any_size(20'000);
  if (!s.output.empty() && d.one_in(6)) m.disk_left = d.any_size(20'000);
  s.output_fails = (m.out_closes_after & m.out_full_after & m.disk_left) != UINT64_MAX;
  if (!d.one_in(8)) return;
  s.output_slow = true;
  m.out_pipe = d.any_size(65536);
  m.out_pace = s.stop_at != 0 && d.one_in(4) ? kNever : static_cast<Nanos>(d.any_size(100'000));
}

void draw_world(Scenario& s, Draw& d) {
  world::Options& o = world::options();
  o.shuffle = d.one_in(2);
  o.spurious_percent = d.one_in(4) ? static_cast<uint32_t>(d.from(1, 60)) : 0;
  o.late_cancel_percent = d.one_in(3) ? static_cast<uint32_t>(d.from(1, 100)) : 0;
  s.slow = d.one_in(2);
  s.cuts = d.one_in(2);
  if (s.calm) return;
  s.few_handles = d.one_in(25);
  if (s.few_handles) o.handle_limit = d.from(4, 40);
  if (d.one_in(2)) s.storm = static_cast<uint32_t>(d.any_size(60));
  if (d.one_in(2)) s.weather = d.from(5, 200);
  if (d.one_in(4)) s.stop_at = d.any_size(4000);
  if (d.one_in(6)) {
    s.wall_step_at = d.any_size(2000);
    s.wall_step = (d.one_in(2) ? 1 : -1) * static_cast<Nanos>(d.any_size(10'000)) * kSecond;
  }
  if (d.one_in(8)) {
    s.pause_at = d.any_size(2000);
    s.pause = static_cast<Nanos>(d.any_size(20'000)) * kMilli;
  }
}

}  // namespace

Scenario draw(uint64_t seed) {
  Draw d(mix_seed(seed, 1));
  Scenario s;
  static constexpr cli::Commands kCommands[] = {
      cli::kMap, cli::kMap, cli::kMap, cli::kWorker, cli::kWorker, cli::kWorker,
      cli::kAsk, cli::kAsk, cli::kRun, cli::kRun, cli::kBench, cli::kProbe};
  s.command = kCommands[d.rng.below(std::size(kCommands))];
  machine().input_ends = sys::now();
  s.calm = d.one_in(4);
  draw_world(s, d);
  // Without a deadline somebody may wait for ever, and a signal has to end it.
  const bool patient = d.one_in(2);
  draw_servers(s, d, patient);
  draw_deadlines(s, d, s.stop_at == 0);
  draw_runtime(s, d);
  draw_client(s, d);
  draw_command(s, d);
  draw_output(s, d);
  return s;
}

world::Rule draw_rule(const Scenario& s, Rng& rng) {
  world::Rule rule;
  for (world::Lane* lane : {&rule.to_server, &rule.to_client}) {
    const uint64_t latency = rng.below(rng.below(4) == 0 ? 400 : 20);
    if (s.slow) lane->latency = static_cast<Nanos>(latency) * kMilli;
    lane->random_cuts = s.cuts;
    if (s.cuts && rng.below(4) == 0) lane->max_read = 1 + static_cast<uint32_t>(rng.below(64));
    if (s.cuts && rng.below(4) == 0) lane->max_write = 1 + static_cast<uint32_t>(rng.below(64));
    if (rng.below(100) >= s.storm) continue;
    const uint64_t at = rng.below(rng.below(2) == 0 ? 64 : 6000);
    const uint64_t kind = rng.below(3);
    (kind == 0 ? lane->reset_after : kind == 1 ? lane->fin_after : lane->swallow_after) = at;
  }
  if (s.cuts && rng.below(3) == 0) rule.capacity = 1 + rng.below(2048);
  if (s.slow) rule.dial_delay = static_cast<Nanos>(rng.below(100)) * kMilli;
  if (rng.below(100) < s.storm / 2) {
    const uint64_t kind = rng.below(3);
    rule.dial = kind == 0   ? world::DialOutcome::refused
                : kind == 1 ? world::DialOutcome::unreachable
                            : world::DialOutcome::silent;
  }
  return rule;
}

std::string in_words(const Scenario& s) {
  std::string line = s.command == cli::kMap      ? "map"
                     : s.command == cli::kWorker ? "worker"
                     : s.command == cli::kAsk    ? "ask"
                     : s.command == cli::kRun    ? "run"
                     : s.command == cli::kBench  ? "bench"
                                                 : "probe";
  for (const std::string& w : s.words) {
    line.append(" ").append(w.substr(0, 40)).append(w.size() > 40 ? "..." : "");
  }
  line.append(" | ").append(number(s.items.size())).append(" items; servers:");
  for (const ServerPlan& p : s.servers) {
    line.append(p.listens ? " up" : " down");
    for (const sim::Fault& f : p.settings.faults) {
      line.append(" fault-").append(number(static_cast<uint64_t>(f.kind)));
    }
  }
  line.append(s.calm ? "; calm" : "").append(s.slow ? "; slow" : "");
  if (s.storm != 0) line.append("; storm ").append(number(s.storm));
  if (s.cuts) line.append("; cuts");
  if (s.stop_at != 0) line.append("; SIGINT at turn ").append(number(s.stop_at));
  if (s.pause_at != 0) line.append("; asleep at turn ").append(number(s.pause_at));
  if (s.output_fails) line.append("; output fails");
  if (s.output_slow) line.append("; output slow");
  if (s.few_handles) line.append("; few handles");
  return line;
}

}  // namespace chimera::vopr
