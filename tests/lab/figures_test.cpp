#include "tests/lab/record_fixture.hpp"

using namespace chimera_test;

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
  CHECK(close(two.imbalance_pp_of_wall, 100 * 2 / 8.01));
  CHECK(close(two.overhead_ms, 5));
  CHECK(close(two.overhead_pp, 0.5 / 4.005));
  CHECK(isnan(two.true_efficiency_percent));
  CHECK(isnan(two.true_speedup_tokens));
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

TEST_CASE("efficiency, imbalance and overhead are all of the wall time") {
  struct Case {
    const char* name;
    std::vector<Nanos> totals;
    Nanos wall;
  };
  const Case cases[] = {
      {"equal", {3 * kSecond, 3 * kSecond}, 3 * kSecond + 1},
      {"no overhead", {2 * kSecond, 4 * kSecond}, 4 * kSecond},
      {"one after the other", {kSecond, kSecond}, 2 * kSecond + kMilli},
      {"three of a kind", {1, kSecond / 3, 2 * kSecond / 7}, kSecond / 3 + 12345},
      {"an hour", {3600 * kSecond, 3599 * kSecond + 7}, 3600 * kSecond + 1300 * kMicro},
      {"one agent", {kMilli}, kMilli + 17},
      {"an agent that did nothing", {0, kSecond, 0, kSecond}, kSecond + 3},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.name));
    RunOutcome run = run_of(1);
    run.agents.resize(t.totals.size(), run.agents[0]);
    for (size_t i = 0; i < t.totals.size(); ++i) run.agents[i].total = t.totals[i];
    run.wall = t.wall;
    const RunFigures f = figures_of(run);
    CHECK(fabs(f.efficiency_percent + f.imbalance_pp_of_wall + f.overhead_pp - 100) < 1e-9);
    const double longest_s = f.wall_s - f.overhead_ms / 1000;
    CHECK(fabs(f.imbalance_pp_of_wall - f.imbalance_pp * longest_s / f.wall_s) < 1e-9);
  }
}

TEST_CASE("figures against the agents alone") {
  RunOutcome run = run_of(2);                          // 80 tokens in 4.005 s
  run.serial = serial_of(run, 3);                      // 40 tokens in 3 s, twice
  CHECK(close(figures_of(run).true_efficiency_percent, 100 * 6 / (2 * 4.005)));
  CHECK(close(figures_of(run).true_speedup_tokens, (80 / 4.005) / (80.0 / 6)));
  // The same answers alone: the speedup by tokens is the true efficiency as a factor.
  CHECK(close(figures_of(run).true_speedup_tokens,
              2 * figures_of(run).true_efficiency_percent / 100));

  run.serial.agents[1].tokens = 80;                    // twice as long an answer, alone
  CHECK(close(figures_of(run).true_speedup_tokens, (80 / 4.005) / (120.0 / 6)));

  struct Case {
    const char* name;
    void (*change)(RunOutcome&);
  };
  const Case unknown[] = {
      {"failed alone", [](RunOutcome& r) { r.serial.agents[1].failed = true; }},
      {"failed together", [](RunOutcome& r) { r.agents[1].failed = true; }},
      {"no baseline", [](RunOutcome& r) { r.serial = {}; }},
      {"no time", [](RunOutcome& r) { r.wall = 0; }},
  };
  for (const Case& t : unknown) {
    CAPTURE(std::string(t.name));
    RunOutcome changed = run;
    t.change(changed);
    CHECK(isnan(figures_of(changed).true_efficiency_percent));
    CHECK(isnan(figures_of(changed).true_speedup_tokens));
  }
  for (agent::AloneOutcome& a : run.serial.agents) a.tokens = 0;
  CHECK_FALSE(isnan(figures_of(run).true_efficiency_percent));
  CHECK(isnan(figures_of(run).true_speedup_tokens));
}

TEST_CASE("what an agent did alone") {
  AgentOutcome a = agent_of("collector", 2 * kSecond);
  agent::AloneOutcome alone = agent::alone_of(a);
  CHECK(alone.id == "collector");
  CHECK(alone.total == 2 * kSecond);
  CHECK(alone.tokens == 40);
  CHECK(alone.first_sent == a.analysis_stage.call.sent);
  CHECK(alone.validity == llm::Validity::ok);
  a.report_stage.call.text.clear();
  CHECK(agent::alone_of(a).validity == llm::Validity::empty);
  a.analysis_stage.call.load_duration = 2 * kSecond;
  CHECK(agent::alone_of(a).validity == llm::Validity::cold);   // the first that was not ok
  a = {};
  a.failed = true;
  a.error = {Errc::not_found, 2, "folder"};
  alone = agent::alone_of(a);
  CHECK(alone.failed);
  CHECK(alone.error.code == Errc::not_found);
  CHECK(alone.validity == llm::Validity::error);
  CHECK(alone.tokens == 0);
}

TEST_CASE("what a run used is what came between two measurements") {
  rt::WorkerCounters before, now;
  before.resumes = 10;
  now.resumes = 25;
  before.ready_wait = 5 * kMilli;
  now.ready_wait = 7 * kMilli;
  before.port.polls = 3;
  now.port.polls = 4;
  before.waits.bucket[2] = 100;
  now.waits.bucket[2] = 101;
  now.waits.bucket[23] = 1;
  before.longest_resume = 900;
  now.longest_resume = 1000;
  before.longest_queue = now.longest_queue = 6;
  const rt::WorkerCounters used = since(before, now);
  CHECK(used.resumes == 15);
  CHECK(used.ready_wait == 2 * kMilli);
  CHECK(used.port.polls == 1);
  CHECK(used.waits.bucket[2] == 1);
  CHECK(used.waits.bucket[23] == 1);
  CHECK(used.waits.bucket[0] == 0);
  CHECK(used.longest_resume == 1000);    // maxima are of the process
  CHECK(used.longest_queue == 6);

  const sys::Usage first{1000, 5, 7, 11, 13}, second{1200, 6, 9, 14, 17};
  const sys::Usage between = since(first, second);
  CHECK(between.max_rss_kib == 1200);
  CHECK(between.user == 1);
  CHECK(between.system == 2);
  CHECK(between.voluntary_switches == 3);
  CHECK(between.involuntary_switches == 4);
}
