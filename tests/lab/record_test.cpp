#include "chimera/lab/record.hpp"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::lab;
using agent::AgentConfig;
using agent::AgentOutcome;
using agent::RunOutcome;
using wire::JsonReader;
namespace fs = std::filesystem;

namespace {

// A document as path -> value, in the order of the file. Containers have the value "{" or "[".
struct Flat {
  std::vector<std::pair<std::string, std::string>> all;
  std::map<std::string, std::string> at;
  bool sorted = true;        // every object's keys

  const std::string& text(const std::string& path) const {
    static const std::string none = "(missing)";
    const auto i = at.find(path);
    return i == at.end() ? none : i->second;
  }
  bool has(const std::string& path) const { return at.contains(path); }
  double number(const std::string& path) const { return parse_double(text(path)).value_or(-12345); }
};

bool read_value(JsonReader& in, JsonReader::Event e, const std::string& path, Flat& out) {
  using enum JsonReader::Event;
  auto put = [&](std::string value) {
    out.at[path] = value;
    out.all.emplace_back(path, std::move(value));
  };
  if (e == object_begin) {
    put("{");
    std::string last;
    while ((e = in.next()) == key) {
      std::string name;
      in.string(name);
      out.sorted &= last < name;
      last = name;
      if (!read_value(in, in.next(), path + "." + name, out)) return false;
    }
    return e == object_end;
  }
  if (e == array_begin) {
    put("[");
    for (size_t i = 0; (e = in.next()) != array_end; ++i) {
      if (!read_value(in, e, path + "[" + std::to_string(i) + "]", out)) return false;
    }
    return true;
  }
  std::string value;
  if (e == string) {
    in.string(value);
  } else {
    value = in.raw();
  }
  put(std::move(value));
  return e == string || e == number || e == boolean || e == null;
}

Flat flatten(std::string_view json) {
  Flat out;
  JsonReader in(json);
  const bool read = read_value(in, in.next(), "", out);
  REQUIRE(read);
  CHECK(in.next() == JsonReader::Event::end);
  return out;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

bool close(double a, double b) { return fabs(a - b) <= 1e-9 * fmax(1, fabs(b)); }

Nanos nanos(double value, double unit) { return llround(value * unit); }

// "2025-11-15T19:21:02.810798Z"
int64_t unix_ns(const std::string& stamp) {
  tm t{};
  const char* rest = strptime(stamp.c_str(), "%Y-%m-%dT%H:%M:%S", &t);
  REQUIRE(rest != nullptr);
  const double fraction = *rest == '.' ? strtod(("0" + std::string(rest)).c_str(), nullptr) : 0;
  return timegm(&t) * kSecond + llround(fraction * 1e9);
}

// upstream's record of one agent as the outcome that it came from, as far as the file tells.
AgentOutcome agent_from(const Flat& f, const std::string& key) {
  AgentOutcome a;
  const std::string c = key + ".config.", r = key + ".result.";
  a.config.id = f.text(c + "id");
  a.config.label = f.text(c + "label");
  a.config.model = f.text(c + "model");
  a.config.base_url = f.text(c + "base_url");
  a.config.persona = f.text(c + "prompt");
  if (f.has(c + "options.num_ctx")) a.config.options.num_ctx = f.number(c + "options.num_ctx");
  if (f.has(c + "options.num_gpu")) a.config.options.num_gpu = f.number(c + "options.num_gpu");
  if (f.has(c + "options.temperature")) {
    a.config.options.temperature = f.number(c + "options.temperature");
  }
  agent::StageOutcome* stages[] = {&a.analysis_stage, &a.report_stage};
  for (int i = 0; i < 2; ++i) {
    const std::string call = r + "llm_calls[" + std::to_string(i) + "].";
    agent::StageOutcome& s = *stages[i];
    s.made = true;
    s.prompt = f.text(call + "prompt");
    s.call.text = f.text(call + "response");
    s.call.done = true;
    s.call.eval_count = f.number(call + "metrics.tokens_generated");
    s.call.eval_duration = nanos(f.number(call + "metrics.eval_duration_ms"), 1e6);
    s.call.load_duration = nanos(f.number(call + "metrics.load_duration_ms"), 1e6);
    s.call.prompt_eval_duration = nanos(f.number(call + "metrics.prompt_eval_duration_ms"), 1e6);
    s.call.sent = kSecond;
    s.call.first_token = kSecond + nanos(f.number(call + "metrics.ttft_ms"), 1e6);
    s.call.ended = kSecond + nanos(f.number(call + "metrics.total_duration_ms"), 1e6);
  }
  a.total = nanos(f.number(key + ".execution_time_s"), 1e9);
  a.ingest_duration = nanos(f.number(r + "workflow.ingest_seconds"), 1e9);
  a.analysis_stage.duration = nanos(f.number(r + "workflow.analysis_seconds"), 1e9);
  a.report_stage.duration = nanos(f.number(r + "workflow.report_seconds"), 1e9);
  a.finished_unix_ns = unix_ns(f.text(r + "timestamp"));
  a.report_markdown = f.text(r + "report_markdown");
  a.analysis.summary = f.text(r + "analysis.summary");
  for (int i = 0; f.has(r + "analysis.key_findings[" + std::to_string(i) + "]"); ++i) {
    a.analysis.key_findings.push_back(
        f.text(r + "analysis.key_findings[" + std::to_string(i) + "]"));
  }
  for (int i = 0; f.has(r + "analysis.recommendations[" + std::to_string(i) + "]"); ++i) {
    a.analysis.recommendations.push_back(
        f.text(r + "analysis.recommendations[" + std::to_string(i) + "]"));
  }
  a.inventory.files.resize(f.number(r + "benchmark_data_count"));
  return a;
}

RunOutcome run_from(const Flat& f) {
  RunOutcome run;
  run.number = f.number(".run_number");
  run.scenario = *agent::parse_scenario(f.text(".scenario"));
  run.agents = {agent_from(f, ".collector"), agent_from(f, ".insight")};
  run.wall = nanos(f.number(".summary.concurrent_wall_time_s"), 1e9);
  return run;
}

// Real answers taken apart: as upstream did, but for the marks that it leaves in (prompts.hpp).
void check_analysis(const Flat& f, const std::string& key) {
  const std::string path = key + ".result.analysis.";
  const AgentOutcome theirs = agent_from(f, key);
  const agent::Analysis ours = agent::parse_analysis(f.text(path + "raw_response"));
  CHECK(ours.summary == theirs.analysis.summary);
  auto compare = [](const std::vector<std::string>& a, const std::vector<std::string>& b) {
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      CAPTURE(a[i]);
      CAPTURE(b[i]);
      const bool same = a[i] == b[i] || a[i] + "**" == b[i] || "**" + b[i] == a[i] ||
                        (b[i].ends_with(a[i]) && is_digit(b[i][0]));
      CHECK(same);
    }
  };
  compare(ours.key_findings, theirs.analysis.key_findings);
  compare(ours.recommendations, theirs.analysis.recommendations);
}

// What cannot be the same: our block, the inventory (the files are not there), the language.
bool left_out(const std::string& path) {
  return path.starts_with(".chimera") || path.find(".performance_metrics") != path.npos ||
         path.ends_with(".data_summary") || path.ends_with(".rust_version") ||
         path.ends_with(".generated_at");
}

void check_same(const Flat& ours, const Flat& theirs) {
  std::vector<std::pair<std::string, std::string>> a, b;
  for (const auto& p : ours.all) if (!left_out(p.first)) a.push_back(p);
  for (const auto& p : theirs.all) if (!left_out(p.first)) b.push_back(p);
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    CAPTURE(b[i].first);
    REQUIRE(a[i].first == b[i].first);
    if (a[i].second == b[i].second) continue;
    const auto x = parse_double(a[i].second), y = parse_double(b[i].second);
    if (!x || !y) {
      CHECK(a[i].second == b[i].second);
      continue;
    }
    CHECK(close(*x, *y));
    // An integer stays one, a float shows that it is one.
    auto whole = [](const std::string& number) { return number.find('.') == number.npos; };
    CHECK(whole(a[i].second) == whole(b[i].second));
  }
}

fs::path samples() {
  const char* shared = getenv("CHIMERA_SHARED");
  const fs::path root = fs::path(shared ? shared : "../shared") / "data/tr115_v2_samples";
  std::error_code none;
  return fs::is_directory(root, none) ? root : fs::path();
}

// Without the fenced data summary, which comes from files that are not there.
std::string without_summary(std::string text) {
  const size_t from = text.find("- Data summary:\n"), to = text.find("\n## Metrics");
  REQUIRE(from != text.npos);
  REQUIRE(to != text.npos);
  return text.erase(from, to - from);
}

}  // namespace

std::vector<AgentConfig> configs_of(const RunOutcome& run) {
  std::vector<AgentConfig> configs;
  for (const AgentOutcome& a : run.agents) configs.push_back(a.config);
  return configs;
}

TEST_CASE("upstream's files come out again from their raw values") {
  const fs::path root = samples();
  if (root.empty()) {
    MESSAGE("skipped: no TR115 samples");
    return;
  }
  size_t found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() != "metrics.json") continue;
    CAPTURE(entry.path().string());
    ++found;
    const fs::path folder = entry.path().parent_path();
    const Flat theirs = flatten(read_file(entry.path()));
    check_analysis(theirs, ".collector");
    check_analysis(theirs, ".insight");
    const RunOutcome run = run_from(theirs);
    ProcessFigures process;
    process.arch = theirs.text(".collector.result.system_info.arch");
    process.hostname = theirs.text(".collector.result.system_info.hostname");
    process.os = theirs.text(".collector.result.system_info.os");

    const Flat ours = flatten(metrics_json(run, process));
    CHECK(ours.sorted);
    check_same(ours, theirs);

    const std::vector<RunDigest> digests = {digest_of(run)};
    const std::vector<AgentConfig> configs = configs_of(run);
    const Summary about{run.scenario, configs, digests};
    const Flat summary = flatten(summary_json(about, process, 0));
    CHECK(summary.sorted);
    check_same(summary, flatten(read_file(folder.parent_path() / "summary.json")));

    CHECK(summary_markdown(about) == read_file(folder.parent_path() / "summary.md"));
    const std::string combined = combined_markdown(run);
    const std::string upper = combined.substr(0, combined.find("\n## Decomposition"));
    CHECK(upper == replaced(read_file(folder / "combined_report.md"), "# Rust", "# Chimera"));
    // Upstream's samples have their dashes replaced in the reports, but not in the records.
    const char* names[] = {"collector_report.md", "insight_report.md"};
    for (size_t i = 0; i < 2; ++i) {
      CAPTURE(std::string(names[i]));
      CHECK(without_summary(replaced(agent_markdown(run.agents[i]), "\u2013", "-")) ==
            without_summary(replaced(read_file(folder / names[i]), "\u2013", "-")));
    }
  }
  CHECK(found == 5);
}

namespace {

llm::Call call_of(uint64_t tokens, Nanos ttft, Nanos total) {
  llm::Call c;
  c.text = "## Report\nAll is well.";
  c.started = kSecond;
  c.connected = kSecond + kMilli;
  c.sent = kSecond + 2 * kMilli;
  c.head = c.first_byte = c.sent + ttft / 2;
  c.first_token = c.first_visible = c.sent + ttft;
  c.ended = c.last_token = c.sent + total;
  c.pieces = static_cast<uint32_t>(tokens);
  c.reads = 4;
  c.body_bytes = 1000;
  c.done = true;
  c.done_reason = "stop";
  c.eval_count = tokens;
  c.eval_duration = total - ttft;
  c.prompt_eval_count = 100;
  return c;
}

AgentOutcome agent_of(const char* id, Nanos total) {
  AgentOutcome a;
  a.config.id = id;
  a.config.label = std::string("Label of ") + id;
  a.config.model = "m";
  a.config.base_url = std::string("http://") + id;
  a.config.persona = "P.";
  a.total = total;
  a.ready_wait = total / 100;
  for (agent::StageOutcome* s : {&a.analysis_stage, &a.report_stage}) {
    s->made = true;
    s->fit.context = 4096;
    s->fit.estimated = 150;
    s->call = call_of(20, 100 * kMilli, 600 * kMilli);
  }
  a.report_markdown = "# Report of " + a.config.id;
  return a;
}

RunOutcome run_of(size_t agents) {
  static const char* const kIds[] = {"collector", "insight", "agent_3"};
  RunOutcome run;
  for (size_t i = 0; i < agents; ++i) {
    run.agents.push_back(agent_of(kIds[i], static_cast<Nanos>(i + 1) * 2 * kSecond));
  }
  run.wall = static_cast<Nanos>(agents) * 2 * kSecond + 5 * kMilli;
  return run;
}

agent::Inventory inventory_with(size_t skipped) {
  agent::Inventory v;
  v.root = "data";
  v.files.resize(1);
  v.notes = {"a limit"};
  for (size_t i = 0; i < skipped; ++i) {
    v.skipped.push_back({"p" + std::to_string(i), "not UTF-8", Errc::bad_input});
  }
  return v;
}

bool contains(const std::vector<std::string>& all, std::string_view part) {
  for (const std::string& s : all) if (s.find(part) != s.npos) return true;
  return false;
}

}  // namespace

TEST_CASE("tokens per second") {
  struct Case {
    const char* name;
    uint64_t count;
    Nanos eval;
    uint32_t pieces;
    bool done;
    double want;
  };
  const Case cases[] = {
      {"the server's clock", 20, kSecond / 2, 20, true, 40},
      {"nothing shorter than a microsecond", 20, 10, 20, true, 20e6},
      {"the client's clock without it", 21, 0, 5, true, 200},
      {"pieces without a count", 0, 0, 11, true, 100},
      {"one token has no rate", 1, 0, 1, true, 0},
      {"cut off: upstream counts no tokens", 0, 0, 11, false, 0},
      {"no tokens", 0, kSecond, 0, true, 0},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.name));
    llm::Call c;
    c.eval_count = t.count;
    c.eval_duration = t.eval;
    c.pieces = t.pieces;
    c.done = t.done;
    c.first_token = kSecond;
    c.last_token = kSecond + 100 * kMilli;
    CHECK(close(tokens_per_second(c), t.want));
  }
}

TEST_CASE("figures of a run") {
  const RunFigures none = figures_of(RunOutcome{});
  CHECK(none.speedup == 1);
  CHECK(none.efficiency_percent == 50);

  const RunFigures two = figures_of(run_of(2));       // 2 s and 4 s in 4.005 s
  CHECK(close(two.sequential_s, 6));
  CHECK(close(two.speedup, 6 / 4.005));
  CHECK(close(two.efficiency_percent, 300 / 4.005));
  CHECK(close(two.imbalance_pp, 25));
  CHECK(close(two.overhead_ms, 5));
  CHECK(close(two.contention_percent, 1));
  CHECK(close(two.aggregate_tps, 80 / 4.005));
  CHECK(two.contention_detected);                      // 1.498 < 1.5

  const RunFigures three = figures_of(run_of(3));      // 2, 4, 6 s in 6.005 s
  CHECK(close(three.efficiency_percent, 1200 / 6.005 / 3));
  CHECK(close(three.imbalance_pp, 100 - 1200.0 / 18));
  CHECK(three.contention_detected);

  RunOutcome exact = run_of(2);
  exact.wall = 4 * kSecond;
  CHECK_FALSE(figures_of(exact).contention_detected);  // 1.5 is not below 1.5

  RunOutcome still = run_of(1);
  still.wall = 0;
  CHECK(figures_of(still).speedup == 1);
  CHECK(figures_of(run_of(1)).throughput_delta == 0);
  CHECK_FALSE(figures_of(run_of(1)).contention_detected);

  RunOutcome deltas = run_of(2);
  deltas.agents[0].report_stage.call.eval_duration = kSecond;     // 40 and 20 tok/s
  deltas.agents[1].analysis_stage.call.first_token += 50 * kMilli;
  CHECK(close(figures_of(deltas).throughput_delta, 10));
  CHECK(close(figures_of(deltas).ttft_delta_ms, -25));
  CHECK(close(figures_of(deltas.agents[0]).stddev_throughput, sqrt(200)));
}

TEST_CASE("percentile by linear interpolation") {
  const std::vector<uint32_t> v = {10, 20, 30, 40};
  const struct { double q, want; } cases[] = {
      {0, 10}, {0.5, 25}, {0.95, 38.5}, {1, 40}, {-1, 10}, {2, 40}, {1.0 / 3, 20}};
  for (const auto& t : cases) {
    CAPTURE(t.q);
    CHECK(close(percentile(v, t.q), t.want));
  }
  CHECK(percentile({}, 0.5) == 0);
  CHECK(percentile(std::vector<uint32_t>{7}, 0.99) == 7);
}

TEST_CASE("our block of metrics.json") {
  RunOutcome run = run_of(2);
  llm::Call& c = run.agents[0].analysis_stage.call;
  c.gaps_us = {40, 10, 30, 20};
  c.load_duration = 2 * kSecond;
  llm::Call& bad = run.agents[1].report_stage.call;
  bad = {};
  bad.started = kSecond;
  bad.failed = true;
  bad.error = {Errc::timed_out, 0, "first-token"};
  bad.error_text = "say\x1b[31m";
  run.agents[1].failed = true;
  run.agents[1].error = bad.error;
  run.agents[1].report_markdown.clear();
  run.agents[0].inventory = inventory_with(103);
  agent::PromptFit& fit = run.agents[0].analysis_stage.fit;
  fit = {4096, true, 150, 9, 1, 2, 4, 8, true, false};
  run.agents[0].config.options.seed = 7;
  run.agents[0].config.options.top_p = 0.5;
  run.agents[0].config.options.extra = {
      {"stop", "[\"a\"]"}, {"mirostat", "plain"}, {"top_p", "0.9"}, {"stop", "b"}};
  ProcessFigures p;
  p.runtime = "fixed";
  p.version = "1.2.3";
  p.startup = 1500 * kMicro;
  p.endpoint_versions = {{"http://b", "2"}, {"http://a", "1"}, {"http://b", "2"}};

  const std::string json = metrics_json(run, p);
  CHECK(json.starts_with("{\n  \"chimera\": {\n    \"agents\": [\n"));
  CHECK(json.ends_with("\n}"));
  const Flat f = flatten(json);
  CHECK(f.sorted);
  const std::pair<const char*, const char*> wanted[] = {
      {".schema", "chimera.trial/1"},
      {".runtime", "fixed"},
      {".seed", "null"},
      {".startup_ms", "1.5"},
      {".keep_alive", "true"},
      {".complete", "false"},
      {".endpoint_versions.http://a", "1"},
      {".endpoint_versions.http://b", "2"},
      {".decomposition.imbalance_pp", "25.0"},
      {".decomposition.makespan_s", "4.005"},
      {".agents[0].error", "null"},
      {".agents[0].ready_wait_ms", "20.0"},
      {".agents[0].calls[0].connect_ms", "1.0"},
      {".agents[0].calls[0].ttfb_ms", "50.0"},
      {".agents[0].calls[0].ttft_ms", "100.0"},
      {".agents[0].calls[0].events_per_read", "5.0"},
      {".agents[0].calls[0].inter_token_ms.p50", "0.025"},
      {".agents[0].calls[0].inter_token_ms.max", "0.04"},
      {".agents[0].calls[0].validity", "cold"},
      {".agents[0].calls[0].prompt_fit.context", "4096"},
      {".agents[0].calls[0].prompt_fit.context_assumed", "true"},
      {".agents[0].calls[0].prompt_fit.left_out", "16"},
      {".agents[0].calls[0].prompt_fit.metrics", "9"},
      {".agents[0].calls[0].prompt_fit.metrics_left_out", "1"},
      {".agents[0].calls[0].prompt_fit.findings_left_out", "2"},
      {".agents[0].calls[0].prompt_fit.recommendations_left_out", "4"},
      {".agents[0].calls[0].prompt_fit.paths_left_out", "8"},
      {".agents[0].calls[0].prompt_fit.summary_cut", "true"},
      {".ingest.files", "1"},
      {".ingest.notes[0]", "a limit"},
      {".ingest.skipped[0].path", "p0"},
      {".ingest.skipped[99].why", "not UTF-8"},
      {".ingest.skipped[100].why", "(missing)"},
      {".ingest.skipped_count", "103"},
      {".agents[0].calls[1].inter_token_ms", "null"},
      {".agents[1].error", "timed_out: first-token"},
      {".agents[1].calls[1].error", "timed_out: first-token (say\\x1B[31m)"},
      {".agents[1].calls[1].validity", "error"},
      {".agents[1].calls[1].connect_ms", "null"},
      {".agents[1].calls[1].ttft_ms", "null"},
      {".agents[1].calls[1].events_per_read", "null"},
  };
  for (const auto& [path, value] : wanted) {
    CAPTURE(std::string(path));
    CHECK(lowered(f.text(std::string(".chimera") + path)) == lowered(value));
  }
  const std::string options = ".collector.config.options";
  CHECK(f.text(options + ".seed") == "7");
  CHECK(f.text(options + ".mirostat") == "plain");
  CHECK(f.text(options + ".top_p") == "0.9");            // the one given by name stands
  CHECK(f.text(options + ".stop[0]") == "a");
  CHECK(f.text(".insight.result.runs") == "2");
  CHECK(f.text(".insight.result.llm_calls[0].response") == "## Report\nAll is well.");
  CHECK(f.text(".collector.result.system_info.rust_version") == "none (chimera 1.2.3, C++23)");
  CHECK_FALSE(f.has(".chimera.more_agents"));
}

TEST_CASE("one agent, three agents, none") {
  const ProcessFigures p;
  const Flat one = flatten(metrics_json(run_of(1), p));
  CHECK(one.has(".collector.result"));
  CHECK_FALSE(one.has(".insight"));
  CHECK_FALSE(one.has(".summary.insight_throughput"));
  CHECK(one.text(".summary.throughput_delta") == "0.0");

  const Flat three = flatten(metrics_json(run_of(3), p));
  CHECK(three.text(".chimera.more_agents[0].config.id") == "agent_3");
  CHECK(three.has(".chimera.more_agents[0].result.llm_calls[1].stage"));
  CHECK_FALSE(three.has(".chimera.more_agents[1]"));
  CHECK(three.text(".chimera.agents[2].id") == "agent_3");
  const std::string combined = combined_markdown(run_of(3));
  CHECK(combined.find("\n## Agent C (Label of agent_3)\n") != combined.npos);
  CHECK(combined.find("(ideal = 3x speedup)") != combined.npos);
  CHECK(combined_markdown(run_of(1)).find("## Delta") == std::string::npos);

  flatten(metrics_json(RunOutcome{}, p));
  const Flat empty = flatten(summary_json({}, p, 0));
  CHECK(empty.text(".aggregate.average_concurrency_speedup") == "1.0");
  CHECK(empty.text(".aggregate.average_efficiency") == "50.0");
  CHECK(empty.text(".aggregate.average_ttft_delta_ms") == "0.0");
  CHECK(empty.text(".generated_at") == "1970-01-01T00:00:00Z");
  CHECK_FALSE(empty.has(".agent_a"));
  CHECK(summary_markdown({}).ends_with("## Agent Configurations\n"));
}

TEST_CASE("summary over runs: means, SD, counts") {
  RunOutcome runs[] = {run_of(2), run_of(2)};
  runs[1].wall += 1000 * kMilli;
  runs[1].agents[0].report_stage.call.load_duration = 2 * kSecond;
  runs[1].agents[1].report_stage.call.text.clear();
  runs[1].agents[1].report_stage.made = false;
  runs[1].agents[1].failed = true;
  const RunDigest digests[] = {digest_of(runs[0]), digest_of(runs[1])};
  const std::vector<AgentConfig> configs = configs_of(runs[0]);
  const Summary about{runs[0].scenario, configs, digests};
  const Flat f = flatten(summary_json(about, {}, 1763234389 * kSecond));
  CHECK(f.sorted);
  CHECK(f.text(".generated_at") == "2025-11-15T19:19:49Z");
  // The second run lost an agent: it is listed and counted, but in no mean.
  CHECK(close(f.number(".chimera.figures.overhead_ms.mean"), 5));
  CHECK(close(f.number(".chimera.figures.overhead_ms.sd"), 0));
  CHECK(close(f.number(".aggregate.average_efficiency"), 300 / 4.005));
  CHECK(f.text(".chimera.calls.ok") == "6");
  CHECK(f.text(".chimera.calls.cold") == "1");
  CHECK(f.text(".chimera.calls.error") == "0");
  CHECK(f.text(".chimera.contention_runs") == "1");
  CHECK(f.text(".chimera.complete_runs") == "1");
  CHECK(f.text(".chimera.schema") == "chimera.summary/1");
  CHECK(f.has(".runs[1].scenario"));

  runs[1] = run_of(2);
  runs[1].wall += 1000 * kMilli;
  const RunDigest whole[] = {digest_of(runs[0]), digest_of(runs[1])};
  const Summary both{runs[0].scenario, configs, whole};
  const Flat g = flatten(summary_json(both, {}, 0));
  CHECK(close(g.number(".chimera.figures.overhead_ms.mean"), 505));
  CHECK(close(g.number(".chimera.figures.overhead_ms.sd"), 1000 / sqrt(2)));
  CHECK(close(g.number(".aggregate.average_efficiency"), (300 / 4.005 + 300 / 5.005) / 2));
  CHECK(g.text(".chimera.contention_runs") == "2");
}

TEST_CASE("warnings are computed from the run") {
  CHECK(warnings_of(run_of(3)).empty());
  struct Case {
    const char* name;
    void (*change)(RunOutcome&);
    const char* words;
  };
  const Case cases[] = {
      {"shared server",
       [](RunOutcome& r) { r.agents[2].config.base_url = r.agents[0].config.base_url; },
       "2 agents share the server http://collector:"},
      {"cold", [](RunOutcome& r) { r.agents[0].analysis_stage.call.load_duration = 4350 * kMilli; },
       "collector, analysis call: cold, the server loaded the model during the call (4.35 s)"},
      {"truncated", [](RunOutcome& r) { r.agents[1].report_stage.call.done = false; },
       "insight, report call: truncated"},
      {"loop", [](RunOutcome& r) { r.agents[1].report_stage.call.text.assign(500, '0'); },
       "insight, report call: loop"},
      {"empty", [](RunOutcome& r) { r.agents[1].report_stage.call.text.clear(); },
       "insight, report call: empty"},
      {"prompt over", [](RunOutcome& r) { r.agents[0].report_stage.fit.over = true; },
       "collector, report call: the prompt is estimated at 150 tokens, too many for the context of "
       "4096"},
      {"most metrics left out",
       [](RunOutcome& r) {
         r.agents[1].report_stage.fit.metrics = 9;
         r.agents[1].report_stage.fit.metrics_left_out = 5;
       },
       "insight, report call: 5 of 9 metrics did not fit the prompt (context 4096, prompt 150 "
       "tokens)"},
      {"one file skipped",
       [](RunOutcome& r) {
         r.agents[0].inventory = r.agents[1].inventory = inventory_with(1);
         r.agents[0].inventory.notes.clear();
       },
       "1 file was skipped: p0 (not UTF-8); see chimera ingest data"},
      {"many files skipped",
       [](RunOutcome& r) {
         r.agents[0].inventory = inventory_with(4);
         r.agents[0].inventory.notes.clear();
       },
       "4 files were skipped: p0 (not UTF-8), p1 (not UTF-8), p2 (not UTF-8), ...; see chimera "
       "ingest data"},
      {"notes", [](RunOutcome& r) { r.agents[0].inventory = inventory_with(0); }, "a limit"},
      {"no file", [](RunOutcome& r) { r.agents[0].inventory.root = "data"; },
       "no CSV, JSON or Markdown file in data"},
      {"prompt cut", [](RunOutcome& r) { r.agents[0].report_stage.call.prompt_eval_count = 49; },
       "collector, report call: the server read 49 prompt tokens where about 150 were sent"},
      {"failed call", [](RunOutcome& r) {
         r.agents[0].analysis_stage.call.failed = true;
         r.agents[0].analysis_stage.call.error = {Errc::refused, 111, "dial"};
       }, "collector, analysis call: failed, refused 111: dial"},
      {"failed before", [](RunOutcome& r) {
         r.agents[0].analysis_stage = r.agents[0].report_stage = {};
         r.agents[0].failed = true;
         r.agents[0].error = {Errc::not_found, 2, "folder"};
       }, "collector: failed, not_found 2: folder"},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.name));
    RunOutcome run = run_of(3);
    t.change(run);
    const std::vector<std::string> all = warnings_of(run);
    CHECK(all.size() == 1);
    const std::string first = all.empty() ? "" : all[0];
    CAPTURE(first);
    CHECK(contains(all, t.words));
    const std::string_view name = t.name;
    const bool input = name.find("skipped") != name.npos || name == "notes" ||
                       name == "no file" || name == "prompt over";
    CHECK(input_warnings_of(run).size() == input);
    const Flat file = flatten(metrics_json(run, {}));
    CHECK(file.text(".chimera.warnings[0]") == first);
  }
}

TEST_CASE("a failed agent keeps its report file") {
  AgentOutcome a = agent_of("collector", kSecond);
  a.failed = true;
  a.error = {Errc::reset, 104, "body"};
  a.report_markdown.clear();
  a.config.persona = "code: ```x```";
  a.analysis.key_findings = {"one"};
  const std::string text = agent_markdown(a);
  CHECK(text.starts_with(
      "# Label of collector\n\nNo report.\n\n**Error:** reset 104: body\n\n---\n"));
  CHECK(text.find("\n## Key Findings\n- one\n") != text.npos);
  CHECK(text.find("\n## Recommendations\n- None\n") != text.npos);
  CHECK(text.ends_with("\n## Persona Prompt\n````\ncode: ```x```\n````\n"));
}

TEST_CASE("half of the metrics left out is no warning yet") {
  RunOutcome run = run_of(2);
  run.agents[1].report_stage.fit.metrics = 10;
  run.agents[1].report_stage.fit.metrics_left_out = 5;
  CHECK(warnings_of(run).empty());
}

TEST_CASE("skipped files in an agent's report") {
  AgentOutcome a = agent_of("collector", kSecond);
  CHECK(agent_markdown(a).find("skipped") == std::string::npos);
  a.inventory = inventory_with(3);
  CHECK(agent_markdown(a).find("- Files analyzed: 1\n- Files skipped: 3\n- Execution") !=
        std::string::npos);
}

// Agent `insight` fails in its report call after five pieces; `agent_3` before its first.
RunOutcome broken_run(size_t agents) {
  RunOutcome run = run_of(agents);
  for (size_t i = 1; i < agents; ++i) {
    AgentOutcome& a = run.agents[i];
    a.failed = true;
    a.error = {Errc::reset, 104, "body"};
    a.report_markdown.clear();
    llm::Call& c = i == 1 ? a.report_stage.call : a.analysis_stage.call;
    if (i > 1) a.report_stage = {};
    const Nanos first = c.first_token;
    c = {};
    c.failed = true;
    c.error = a.error;
    c.sent = kSecond;
    c.ended = 2 * kSecond;
    if (i > 1) continue;
    c.pieces = 5;
    c.first_token = first;
    c.last_token = first + kSecond;
  }
  return run;
}

TEST_CASE("an incomplete run has no efficiency") {
  RunOutcome run = broken_run(3);
  run.interrupted = true;
  const std::string combined = combined_markdown(run);
  const std::string why = "not measured (2 of 3 agents failed)";
  CHECK(combined.starts_with("# Chimera Multi-Agent Report - Run 1\n\nInterrupted.\n\n## Scen"));
  for (const char* label : {"Speedup", "Efficiency", "Contention Detected", "Imbalance", "Overhead",
                            "Contention", "Throughput and TTFT"}) {
    CAPTURE(std::string(label));
    CHECK(combined.find("\n- " + std::string(label) + ": " + why + "\n") != combined.npos);
  }
  CHECK(combined.find("- Concurrent Wall Time: 6.00s\n") != combined.npos);
  CHECK(combined.find("- Throughput: not measured\n- TTFT: not measured\n") != combined.npos);
  CHECK(combined.find("- Aggregate Throughput: ") != combined.npos);
  CHECK(combined_markdown(run_of(2)).find("not measured") == std::string::npos);
  CHECK(combined_markdown(run_of(2)).find("Interrupted") == std::string::npos);
  const std::string report = agent_markdown(run.agents[1]);
  CHECK(report.find("- Tokens Generated: 25 (some received before the failure)\n") != report.npos);
}

TEST_CASE("the summary says what is not complete") {
  const RunOutcome whole = run_of(2), broken = broken_run(2);
  const std::vector<AgentConfig> configs = configs_of(whole);
  const RunDigest mixed[] = {digest_of(whole), digest_of(broken)};
  std::string text = summary_markdown({whole.scenario, configs, mixed});
  CHECK(text.find("Runs: 2\nComplete runs: 1\nAverage Throughput") != text.npos);
  CHECK(text.find("Average Speedup: 1.50x\nAverage Efficiency: 74.9%\n\n## Agent") != text.npos);
  CHECK(text.find("Spread") == text.npos);

  const RunDigest none[] = {digest_of(broken)};
  text = summary_markdown({whole.scenario, configs, none});
  CHECK(text.find("Runs: 1\nComplete runs: 0\nAverage Throughput \u0394: not measured\n"
                  "Average TTFT \u0394: not measured\nAverage Speedup: not measured\n"
                  "Average Efficiency: not measured\n\n## Agent") != text.npos);
  const Flat file = flatten(summary_json({whole.scenario, configs, none}, {}, 0));
  CHECK(file.text(".aggregate.average_efficiency") == "50.0");
  CHECK(file.text(".chimera.complete_runs") == "0");
}

TEST_CASE("several complete runs have a spread") {
  RunOutcome a = run_of(2), b = run_of(2);
  b.wall += kSecond;
  const std::vector<AgentConfig> configs = configs_of(a);
  const RunDigest runs[] = {digest_of(a), digest_of(b), digest_of(broken_run(2))};
  const std::string text = summary_markdown({a.scenario, configs, runs});
  CHECK(text.ends_with("\n\n## Spread\n"
                       "| Figure | Mean | SD | Min | Max |\n"
                       "|---|---:|---:|---:|---:|\n"
                       "| Efficiency (%) | 67.42 | 10.58 | 59.94 | 74.91 |\n"
                       "| Wall time (s) | 4.50 | 0.71 | 4.00 | 5.00 |\n"
                       "| Aggregate (tok/s) | 17.98 | 2.82 | 15.98 | 19.98 |\n"
                       "| Overhead (ms) | 505.00 | 707.11 | 5.00 | 1005.00 |\n"
                       "| Contention (%) | 1.00 | 0.00 | 1.00 | 1.00 |\n"));
  const RunDigest one[] = {digest_of(a)};
  CHECK(text.find("\n\nRuns: 3\nComplete runs: 2\n") != text.npos);
  CHECK(summary_markdown({a.scenario, configs, one}).find("Spread") == std::string::npos);
}

TEST_CASE("run_text of an incomplete run: what came, and no efficiency") {
  const std::string text = run_text(broken_run(3), {});
  const size_t at = text.find("agent      endpoint");
  REQUIRE(at != text.npos);
  CHECK(text.substr(at) == std::string(
      "agent      endpoint          tokens  tok/s      TTFT  duration  validity\n"
      "collector  http://collector      40  40.00  100.0 ms    2.00 s  ok\n"
      "insight    http://insight       25*  40.00  101.0 ms    4.00 s  ok,error\n"
      "agent_3    http://agent_3         0      -         -    6.00 s  error\n"
      "* received before the failure\n"
      "\n"
      "efficiency not measured (2 of 3 agents failed)\n"
      "together 10.82 tok/s, wall 6.00 s\n"
      "runtime , workers 0, read size 0 bytes\n"));
}

TEST_CASE("run_text: reports, table, efficiency") {
  RunOutcome run = run_of(2);
  run.agents[0].report_markdown = "# R1\x1b[2J\n\ttext";
  run.agents[1].report_markdown.clear();
  run.agents[1].failed = true;
  run.agents[1].error = {Errc::reset, 104, "body"};
  run.agents[1].report_stage.call.failed = true;
  ProcessFigures p;
  p.runtime = "fixed";
  p.preset = "smol-1kb";
  const std::string text = run_text(run, p);
  CHECK(text == std::string(
      "# R1\\x1b[2J\n\ttext\n\n"
      "Label of insight: no whole report: reset 104: body\n\n"
      "## Report\nAll is well.\n\n"
      "agent      endpoint          tokens  tok/s      TTFT  duration  validity\n"
      "collector  http://collector      40  40.00  100.0 ms    2.00 s  ok\n"
      "insight    http://insight        40  40.00  100.0 ms    4.00 s  ok,error\n"
      "\n"
      "efficiency not measured (1 of 2 agents failed)\n"
      "together 19.98 tok/s, wall 4.00 s\n"
      "runtime fixed, workers 0, read size 0 bytes\n"));
  for (char c : text) CHECK((c == '\n' || c == '\t' || (c >= ' ' && c < 127)));
  CHECK(run_text(run_of(2), p).find(
            "efficiency 74.91 % = 100 - 25.00 (imbalance) - 0.09 (overhead, 5.00 ms)\n"
            "contention 1.00 %, together 19.98 tok/s, wall 4.00 s\n") != std::string::npos);
}
