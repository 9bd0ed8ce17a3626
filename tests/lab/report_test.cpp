#include "tests/lab/record_fixture.hpp"

using namespace chimera_test;

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

TEST_CASE("skipped files in an agent's report") {
  AgentOutcome a = agent_of("collector", kSecond);
  CHECK(agent_markdown(a).find("skipped") == std::string::npos);
  a.inventory = inventory_with(3);
  CHECK(agent_markdown(a).find("- Files analyzed: 1\n- Files skipped: 3\n- Execution") !=
        std::string::npos);
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
                       "| Imbalance (pp of wall) | 22.47 | 3.53 | 19.98 | 24.97 |\n"
                       "| Overhead (pp of wall) | 10.10 | 14.11 | 0.12 | 20.08 |\n"
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
      "runtime fixed, workers 0, read size 0 bytes (preset smol-1kb)\n"));
  for (char c : text) CHECK((c == '\n' || c == '\t' || (c >= ' ' && c < 127)));
  CHECK(run_text(run_of(2), p).find(
            "efficiency 74.91 % = 100 - 24.97 (imbalance) - 0.12 (overhead, 5.00 ms)\n"
            "contention 1.00 %, together 19.98 tok/s, wall 4.00 s\n"
            "runtime fixed, workers 0, read size 0 bytes (preset smol-1kb)\n") !=
        std::string::npos);
}

TEST_CASE("reports with a serial baseline") {
  RunOutcome run = run_of(2);
  run.serial = serial_of(run, 3);
  ProcessFigures p;
  p.runtime = "fixed";
  p.workers = 2;
  p.read_size = 1024;
  p.coalesce = 8;
  CHECK(run_text(run, p).ends_with(
      "wall 4.00 s\n"
      "true efficiency 74.91 % (sum(T alone) / (N * wall))\n"
      "true speedup 1.50x (tok/s together / tok/s alone)\n"
      "runtime fixed, workers 2, read size 1024 bytes, coalesced\n"));
  const std::string combined = combined_markdown(run);
  for (const char* line : {"\n- Imbalance: 25.00 pp (agents of unequal length)\n",
                           "\n- Imbalance of Wall: 24.97 pp\n", "\n- Overhead of Wall: 0.12 pp\n",
                           "\n- True Efficiency: 74.91% (sum(T alone) / (N * wall))\n",
                           "\n- True Speedup: 1.50x (tok/s together / tok/s alone)\n"}) {
    CAPTURE(std::string(line));
    CHECK(combined.find(line) != combined.npos);
  }
  const std::vector<AgentConfig> configs = configs_of(run);
  const RunDigest runs[] = {digest_of(run), digest_of(run)};
  const std::string two = summary_markdown({run.scenario, configs, runs});
  CHECK(two.find("\nAverage True Efficiency: 74.9% (sum(T alone) / (N * wall))\n") != two.npos);
  CHECK(two.find("\n| True efficiency (%) | 74.91 | 0.00 | 74.91 | 74.91 |\n") != two.npos);

  run.serial.agents[0].failed = true;
  CHECK(combined_markdown(run).find("True") == std::string::npos);
  const RunDigest without[] = {digest_of(run), digest_of(run)};
  CHECK(summary_markdown({run.scenario, configs, without}).find("rue ") == std::string::npos);
}
