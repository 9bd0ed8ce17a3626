#include <stdlib.h>
#include <time.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/lab/record_fixture.hpp"

using namespace chimera_test;
namespace fs = std::filesystem;

namespace {

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
