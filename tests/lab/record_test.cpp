#include "tests/lab/record_fixture.hpp"

using namespace chimera_test;

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
  p.workers = 3;
  p.pin = p.lifo = true;
  p.used.user = 20 * kMilli;
  p.used.voluntary_switches = 17;
  p.counters.steals = 4;
  p.counters.steal_failures = 5;
  p.counters.ready_wait = 1500 * kMicro;
  p.counters.longest_resume = 250 * kMicro;
  p.counters.waits.bucket[1] = 6;
  p.counters.port.wakes = 7;
  run.serial = serial_of(run, 3);
  run.serial.agents[1].failed = true;
  run.serial.agents[1].validity = llm::Validity::error;

  const std::string json = metrics_json(run, p);
  ProcessFigures seeded = p;
  seeded.seed = 0;
  CHECK(flatten(metrics_json(run, seeded)).text(".chimera.seed") == "0");
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
      {".decomposition.true_efficiency_percent", "null"},
      {".decomposition.true_speedup_tokens", "null"},
      {".workers", "3"},
      {".pin", "true"},
      {".pop", "lifo"},
      {".preset", ""},
      {".user_s", "0.02"},
      {".voluntary_switches", "17"},
      {".counters.steals", "4"},
      {".counters.steal_failures", "5"},
      {".counters.turns", "0"},
      {".counters.posted", "0"},
      {".counters.wakes_sent", "0"},
      {".counters.longest_queue", "0"},
      {".counters.ready_wait_ms", "1.5"},
      {".counters.longest_resume_ms", "0.25"},
      {".counters.waits[0]", "0"},
      {".counters.waits[1]", "6"},
      {".counters.waits[23]", "0"},
      {".counters.wakes", "7"},
      {".serial.wall", "6.002"},
      {".serial.agents[0].id", "collector"},
      {".serial.agents[0].seconds", "3.0"},
      {".serial.agents[0].tokens", "40"},
      {".serial.agents[0].validity", "cold"},
      {".serial.agents[1].validity", "error"},
      {".serial.agents[2]", "(missing)"},
      {".agents[0].error", "null"},
      {".agents[0].ready_wait_ms", "20.0"},
      {".agents[0].calls[0].connect_ms", "1.0"},
      {".agents[0].calls[0].ttfb_ms", "50.0"},
      {".agents[0].calls[0].ttft_ms", "100.0"},
      {".agents[0].calls[0].events_per_read", "5.0"},
      {".agents[0].calls[0].inter_token_ms.p50", "0.025"},
      {".agents[0].calls[0].inter_token_ms.max", "0.04"},
      {".agents[0].calls[0].inter_token_ms.p95", "0.0385"},
      {".agents[0].calls[0].inter_token_ms.p99", "0.0397"},
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

TEST_CASE("the decomposition of a record, with and without a serial baseline") {
  RunOutcome run = run_of(2);
  const Flat without = flatten(metrics_json(run, {}));
  CHECK(without.text(".chimera.serial") == "null");
  CHECK(without.text(".chimera.decomposition.true_efficiency_percent") == "null");
  run.serial = serial_of(run, 3);
  const Flat f = flatten(metrics_json(run, {}));
  const std::string in = ".chimera.decomposition.";
  CHECK(close(f.number(in + "true_efficiency_percent"), 100 * 6 / (2 * 4.005)));
  CHECK(close(f.number(in + "true_speedup_tokens"), 6 / 4.005));
  CHECK(f.number(in + "efficiency_percent") == f.number(".summary.efficiency_percent"));
  CHECK(fabs(f.number(in + "efficiency_percent") + f.number(in + "imbalance_pp_of_wall") +
             f.number(in + "overhead_pp") - 100) < 1e-9);

  const std::vector<AgentConfig> configs = configs_of(run);
  RunDigest digests[] = {digest_of(run), digest_of(run)};
  const Flat summary = flatten(summary_json({run.scenario, configs, digests}, {}, 0));
  CHECK(close(summary.number(".chimera.figures.true_efficiency_percent.mean"), 600 / 8.01));
  CHECK(summary.text(".chimera.figures.true_speedup_tokens.sd") == "0.0");
  run.serial = {};
  digests[0] = digests[1] = digest_of(run);
  const Flat bare = flatten(summary_json({run.scenario, configs, digests}, {}, 0));
  CHECK_FALSE(bare.has(".chimera.figures.true_efficiency_percent"));
  CHECK(bare.has(".chimera.figures.overhead_pp.mean"));
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
      {"serial: failed alone", [](RunOutcome& r) {
         r.serial = serial_of(r, 1);
         r.serial.agents[1].failed = true;
         r.serial.agents[1].validity = llm::Validity::error;
         r.serial.agents[1].error = {Errc::refused, 111, "dial"};
       }, "serial: insight alone failed, refused 111: dial: no true efficiency"},
      {"serial: cold alone", [](RunOutcome& r) {
         r.serial = serial_of(r, 1);
         r.serial.agents[0].validity = llm::Validity::cold;
       }, "serial: collector alone had a call that was cold: the true efficiency is doubtful"},
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
                       name == "no file" || name == "prompt over" || name.starts_with("serial");
    CHECK(input_warnings_of(run).size() == input);
    const Flat file = flatten(metrics_json(run, {}));
    CHECK(file.text(".chimera.warnings[0]") == first);
  }
}

TEST_CASE("what took no time at all is zero, and what was not is null") {
  RunOutcome run = run_of(2);
  llm::Call& call = run.agents[0].analysis_stage.call;
  const std::string ttft = ".chimera.agents[0].calls[0].first_visible_ms";
  call.first_visible = call.sent;
  CHECK(flatten(metrics_json(run, {})).text(ttft) == "0.0");
  call.first_visible = 0;
  CHECK(lowered(flatten(metrics_json(run, {})).text(ttft)) == "null");
}

TEST_CASE("a third of the prompt is enough, also when some of it was cached") {
  RunOutcome run = run_of(2);
  llm::Call& call = run.agents[0].report_stage.call;
  for (const uint64_t cached : {0, 1, 49, 4000}) {
    CAPTURE(cached);
    call.cached_count = cached;
    call.prompt_eval_count = cached < 50 ? 50 - cached : 1;
    CHECK(warnings_of(run).empty());
    if (call.prompt_eval_count == 1) continue;
    --call.prompt_eval_count;
    CHECK(warnings_of(run).size() == 1);
  }
}

TEST_CASE("half of the metrics left out is no warning yet") {
  RunOutcome run = run_of(2);
  run.agents[1].report_stage.fit.metrics = 10;
  run.agents[1].report_stage.fit.metrics_left_out = 5;
  CHECK(warnings_of(run).empty());
}
