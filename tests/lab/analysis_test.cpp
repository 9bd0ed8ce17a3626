#include "chimera/lab/analysis.hpp"

#include <cmath>

#include "tests/lab/analysis_fixture.hpp"

using namespace chimera_test;
using chimera::llm::Validity;

namespace {

struct StudyRow {
  const char* runtime;
  std::vector<double> values;
};
struct GroupRow {
  const char *runtime, *config;  // "" = all
  size_t n;
  double mean, sd, cv, min, max;
  std::vector<double> linear, index, interval;
};
struct PairRow {
  const char *a, *b;
  std::vector<double> p, holm;  // Welch, Mann-Whitney, Brown-Forsythe
  double difference;
  std::vector<double> interval;
};

#include "tests/lab/analysis_reference.inc"

#define CHECK_NEAR(got, want, relative)                                    \
  do {                                                                     \
    const double g_ = (got), w_ = (want);                                  \
    CAPTURE(g_);                                                           \
    CAPTURE(w_);                                                           \
    CHECK((g_ == w_ || std::fabs(g_ - w_) <= (relative) * std::fabs(w_))); \
  } while (0)

// The four runtimes of the reference, in its order of runs: configuration c<i> has five.
void add_study(TrialSet& set) {
  for (const StudyRow& row : kStudy) {
    for (size_t i = 0; i < row.values.size(); ++i) {
      MadeTrial t;
      t.runtime = row.runtime;
      t.config = "c" + std::to_string(i / 5);
      t.run = static_cast<int>(i % 5) + 1;
      t.efficiency = row.values[i];
      t.add_to(set);
    }
  }
}

const Group* find(const Analysis& a, const GroupRow& row) {
  for (const Group& g : a.of(*row.config == 0 ? Level::runtime : Level::cell)) {
    if (g.runtime == row.runtime && (*row.config == 0 || g.config == row.config)) return &g;
  }
  return nullptr;
}

void check_percentiles(const Description& d, const std::vector<double>& want) {
  const double got[] = {d.p5, d.p25, d.p50, d.p75, d.p95};
  for (size_t i = 0; i < 5; ++i) CHECK_NEAR(got[i], want[i], 1e-9);
}

Own<Analysis> study() {
  static TrialSet set(kEfficiency);
  if (set.trials.empty()) add_study(set);
  return analyse(set, {});
}

}  // namespace

TEST_CASE("the study's figures are numpy's, under both conventions of percentiles") {
  TrialSet set(kEfficiency);
  add_study(set);
  const Own<Analysis> linear = analyse(set, {});
  const Own<Analysis> index = analyse(set, {.percentiles = Percentiles::kIndex});
  CHECK(linear->count[0] == 4);
  CHECK(linear->count[1] == 6);
  CHECK(linear->count[2] == 24);
  CHECK(linear->runs == 120);
  CHECK(std::size(kGroups) == 28);
  for (const GroupRow& row : kGroups) {
    CAPTURE(row.runtime);
    CAPTURE(row.config);
    const Group* g = find(*linear, row);
    REQUIRE(g != nullptr);
    CHECK(g->d.n == row.n);
    CHECK_NEAR(g->d.mean, row.mean, 1e-9);
    CHECK_NEAR(g->d.sd, row.sd, 1e-9);
    CHECK_NEAR(g->d.cv_percent, row.cv, 1e-9);
    CHECK_NEAR(g->d.min, row.min, 0);
    CHECK_NEAR(g->d.max, row.max, 0);
    CHECK_NEAR(g->mean_ci.low, row.interval[0], 1e-9);
    CHECK_NEAR(g->mean_ci.high, row.interval[1], 1e-9);
    CHECK(g->spread.sd.low < row.sd);
    CHECK(g->spread.sd.high > row.sd);
    check_percentiles(g->d, row.linear);
    check_percentiles(find(*index, row)->d, row.index);
  }
}

// TR115, section 4.1: P5, P25, P50, P75, P95 of its table, digit for digit.
TEST_CASE("index percentiles are what TR115 printed") {
  TrialSet set(kEfficiency);
  add_study(set);
  const Own<Analysis> a = analyse(set, {.percentiles = Percentiles::kIndex});
  const struct {
    const char* runtime;
    double p5, p50;
  } printed[] = {{"tokio-default", 95.35, 99.11},
                 {"tokio-localset", 86.43, 99.40},
                 {"smol-1kb", 95.43, 98.86},
                 {"smol", 93.37, 98.84}};
  for (const auto& row : printed) {
    const Group* g = find(*a, {row.runtime, "", 0, 0, 0, 0, 0, 0, {}, {}, {}});
    REQUIRE(g != nullptr);
    CHECK(g->d.p5 == row.p5);
    CHECK(g->d.p50 == row.p50);
  }
}

TEST_CASE("the study's tests are scipy's, with Holm over all pairs of a kind") {
  const Own<Analysis> a = study();
  REQUIRE(a->pairs.size() == std::size(kPairs));
  for (size_t i = 0; i < a->pairs.size(); ++i) {
    const Pair& p = a->pairs[i];
    const PairRow& row = kPairs[i];
    CHECK(a->compared()[p.a].name() == row.a);
    CHECK(a->compared()[p.b].name() == row.b);
    for (size_t kind = 0; kind < Pair::kKinds; ++kind) {
      CHECK_NEAR(p.tests[kind].p, row.p[kind], 1e-6);
      CHECK_NEAR(p.p_holm[kind], row.holm[kind], 1e-6);
    }
    CHECK_NEAR(p.difference, row.difference, 1e-9);
    CHECK_NEAR(p.difference_ci.low, row.interval[0], 1e-7);
    CHECK_NEAR(p.difference_ci.high, row.interval[1], 1e-7);
  }
  CHECK_NEAR(a->kruskal_wallis.statistic, kOverall[0], 1e-9);
  CHECK_NEAR(a->kruskal_wallis.p, kOverall[1], 1e-6);
  CHECK_NEAR(a->brown_forsythe.statistic, kOverall[2], 1e-9);
  CHECK_NEAR(a->brown_forsythe.p, kOverall[3], 1e-6);
  CHECK(a->working_kruskal_wallis.p == a->kruskal_wallis.p);  // nobody is serial
}

TEST_CASE("of the study it says that nothing differs, and what cannot be said") {
  const Own<Analysis> a = study();
  CHECK(a->headline ==
        "no difference in efficiency_percent between the 4 runtimes can be shown "
        "(6 pairs, smallest p after Holm = 1.000)");
  CHECK_SAYS(a->verdict, "Kruskal-Wallis p = 0.758");
  CHECK_SAYS(a->verdict, "Brown-Forsythe p = 0.520");
  CHECK_SAYS(a->verdict,
             "What cannot be said: with these runs a difference of 0.93 pp (smol-1kb "
             "and tokio-default) to 3.29 pp (smol and tokio-localset)");
  CHECK_SILENT(a->verdict, "spreads more");
}

TEST_CASE("a difference is found, with its size and its sureness") {
  TrialSet set(kEfficiency);
  add_two(set, 3, 11);
  const Own<Analysis> a = analyse(set, {});
  REQUIRE(a->pairs.size() == 1);
  CHECK(a->pairs[0].difference == doctest::Approx(3));
  CHECK(a->headline ==
        "efficiency_percent: a is 3.00 pp above b (96.50 against 93.50 %; 95 %: 2.12 "
        "to 3.88, p < 0.0001, Hedges g 2.90)");
  TrialSet three(kEfficiency);
  add_two(three, 3, 11);
  add_two(three, 20, 11, "c");  // 11 more of a besides
  const Own<Analysis> b = analyse(three, {});
  CHECK(b->headline ==
        "of the 3 runtimes, 3 of 3 pairs differ in efficiency_percent; from the "
        "highest: a (96.50), b (93.50), c (76.50)");
  CHECK_SAYS(b->verdict, "a is 3.00 pp above b");
}

TEST_CASE("means that a run far out hides differ by ranks, and it says so") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 12; ++i) {
    MadeTrial t;
    t.run = i + 1;
    t.runtime = "a";
    t.efficiency = i == 0 ? 20 : 95 + i * 0.1;
    t.add_to(set);
    t.runtime = "b";
    t.efficiency = i == 0 ? 10 : 93 + i * 0.1;
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  CHECK(a->headline ==
        "in efficiency_percent 1 of 1 pairs of the 2 runtimes differ by ranks, none by its means; "
        "most surely a is above b (medians 95.55 and 93.55 %; Mann-Whitney p = 0.0005, Cliff's "
        "delta 0.85)");
}

TEST_CASE("spread is a difference of its own") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 20; ++i) {
    MadeTrial t;
    t.run = i + 1;
    t.runtime = "calm";
    t.efficiency = 95 + i % 5 * 0.1;
    t.add_to(set);
    t.runtime = "wild";
    t.efficiency = 95.2 + (i % 5 - 2) * 2;
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  CHECK(a->headline.starts_with("no difference"));
  CHECK_SAYS(a->verdict,
             "wild spreads more than calm: SD 2.90 against 0.15 pp (Brown-Forsythe p <");
}

TEST_CASE("agents one after the other are recognised, and are no cost of the runtime") {
  TrialSet set(kEfficiency);
  add_two(set, 0.1, 6);
  for (int i = 0; i < 6; ++i) {
    MadeTrial t;
    t.runtime = "serial";
    t.run = i + 1;
    t.wall = 19.601;
    t.efficiency = 100 * 19.6 / 2 / t.wall;
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  CHECK(!a->compared()[0].serial);
  CHECK(a->compared()[2].serial);
  CHECK(a->compared()[2].contention_runs == 6);
  CHECK(a->kruskal_wallis.p < 0.01);
  CHECK(a->working_kruskal_wallis.p > 0.3);
  CHECK_SAYS(a->verdict, "serial runs its agents one after the other");
  CHECK_SAYS(a->verdict, "It made 51.02 tok/s in all, the others 99.99 to 99.99");
  CHECK(a->headline.starts_with("serial is apart with 50.00 %; no difference"));
}

TEST_CASE("the decomposition adds up, and names what efficiency is made of") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 8; ++i) {
    MadeTrial t;
    t.run = i + 1;
    t.seconds[1] = 10 - i;
    t.calls[1].tokens = 500 - i * 40;
    t.wall = 10.002;
    t.efficiency = 100 * (20 - i) / 2 / t.wall;
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  const Group& g = a->of(Level::runtime)[0];
  CHECK(g.means[Trial::efficiency_percent] + g.means[Trial::imbalance_pp_of_wall] +
            g.means[Trial::overhead_pp] ==
        doctest::Approx(100).epsilon(1e-12));
  CHECK(g.means[Trial::overhead_ms] == doctest::Approx(2));
  CHECK(a->identity.n == 8);
  CHECK(a->identity.largest_gap == doctest::Approx(0.02).epsilon(0.01));
  CHECK(a->identity.token_correlation == doctest::Approx(1));
  CHECK_SAYS(a->verdict, "a ranking by it ranks lengths of answers (r = 1.00");
  CHECK_SAYS(a->verdict, "is 2.00 to 2.00 ms on average");
}

TEST_CASE("without the doubtful runs: both results, and which runs those are") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 8; ++i) {
    for (const char* runtime : {"a", "b"}) {
      MadeTrial t;
      t.runtime = runtime;
      t.run = i + 1;
      t.efficiency = 98 + i * 0.1;
      if (i == 0) {
        t.calls[1].load_ms = 4400;
        t.efficiency = 90;
      }
      if (i == 1 && *runtime == 'b') {
        t.calls[0].tokens = 8179;
        t.calls[0].text = std::string(400, 'x');
        t.efficiency = 72.8;
      }
      t.add_to(set);
    }
  }
  const Own<Analysis> raw = analyse(set, {});
  REQUIRE(raw->other);
  CHECK(!raw->other->other);
  CHECK(raw->runs == 16);
  CHECK(raw->excluded.empty());
  CHECK(raw->other->settings.clean);
  CHECK(raw->other->runs == 13);
  REQUIRE(raw->other->excluded.size() == 3);
  CHECK(raw->other->excluded[2]->path == "x/runtime-b/c/run_2/metrics.json");
  CHECK(raw->other->of(Level::runtime)[1].excluded.size() == 2);
  CHECK_SAYS(raw->verdict,
             "Without the 3 doubtful runs (2 cold, 1 loop) the means are 98.40 to 98.45 "
             "instead of 94.19 to 97.35 %");
  const Own<Analysis> clean = analyse(set, {.clean = true});
  CHECK(clean->runs == 13);
  CHECK(clean->other->runs == 16);
  CHECK(clean->compared()[0].d.mean == raw->other->compared()[0].d.mean);
  CHECK_SAYS(clean->verdict,
             "With the 3 doubtful runs (2 cold, 1 loop) the means are 94.19 to 97.35 "
             "instead of 98.40 to 98.45 %");
  CHECK_SAYS(raw->verdict,
             "b's minimum, 72.80 % (c run 2): repetition loop of 8,179 tokens (agent 1)");
  CHECK_SAYS(raw->verdict, "a's minimum, 90.00 % (c run 1): cold load of 4.4 s (agent 2)");
}

TEST_CASE("why a run is the worst") {
  struct Case {
    const char* name;
    double seconds[2], wall;
    MadeCall calls[2];
    const char* why;
  };
  const Case cases[] = {
      {"length",
       {4.9, 1.8},
       4.901,
       {{396, 50}, {58, 50}},
       "answers of unequal length, 396 against 58 tokens, 4.90 s against 1.80 s"},
      {"speed",
       {10, 5},
       10.001,
       {{400, 50}, {390, 50}},
       "agents of unequal speed, 400 against 390 tokens, 10.00 s against 5.00 s"},
      {"the second is longer",
       {5, 10},
       10.001,
       {{200, 50}, {410, 50}},
       "answers of unequal length, 410 against 200 tokens, 10.00 s against 5.00 s"},
      {"equal",
       {10, 9.9},
       10.001,
       {{400, 50}, {400, 50}},
       "agents of equal length, 400 against 400 tokens, 10.00 s against 9.90 s"},
      {"serial",
       {10, 5},
       15.001,
       {{400, 50}, {400, 50}},
       "one after the other, 400 against 400 tokens, 10.00 s against 5.00 s"},
      {"truncated",
       {10, 5},
       10.001,
       {{400, 50}, {0, 50, "half an"}},
       "answer without its end (agent 2), 400 against 0 tokens, 10.00 s against 5.00 s"},
      {"empty",
       {10, 5},
       10.001,
       {{400, 50}, {3, 50, "  "}},
       "empty answer (agent 2), 400 against 3 tokens, 10.00 s against 5.00 s"},
      {"cold both",
       {10, 5},
       10.001,
       {{400, 2500}, {400, 1500}},
       "cold load of 2.5 s (agent 1), cold load of 1.5 s (agent 2), 400 against 400 tokens, 10.00 "
       "s "
       "against 5.00 s"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    TrialSet set(kEfficiency);
    MadeTrial t;
    for (int i = 0; i < 2; ++i) {
      t.seconds[i] = c.seconds[i];
      t.calls[i] = c.calls[i];
    }
    t.wall = c.wall;
    t.add_to(set);
    CHECK(analyse(set, {})->compared()[0].worst_why == c.why);
  }
}

TEST_CASE("the next worst run is told of when it has a fault and is far from the rest") {
  struct Case {
    const char* name;
    double next;
    MadeCall call;
    const char* said;  // "" = nothing
  };
  const Case cases[] = {{"far, and faulty",
                         86.43,
                         {0, 50, "31 times the same"},
                         "r's minimum, 72.80 % (c run 1): repetition loop of 8,179 tokens (agent "
                         "1), 8,179 against 500 "
                         "tokens, 10.00 s against 9.60 s; the next, 86.43 % (c run 2): answer "
                         "without its end (agent 2)"},
                        {"far, but sound", 86.43, {500, 50}, ""},
                        {"faulty, but near", 97.9, {500, 4000}, ""}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    TrialSet set(kEfficiency);
    for (int i = 0; i < 12; ++i) {
      MadeTrial t;
      t.run = i + 1;
      t.efficiency = 98 + i * 0.1;
      if (i == 0) {
        t.efficiency = 72.8;
        t.calls[0] = {8179, 50, std::string(500, 'x')};
      }
      if (i == 1) {
        t.efficiency = c.next;
        t.calls[1] = c.call;
      }
      t.add_to(set);
    }
    const Own<Analysis> a = analyse(set, {});
    CAPTURE(all_of(a->verdict));
    CHECK(says(a->verdict, "; the next") == (*c.said != 0));
    CHECK(says(a->verdict, c.said));
  }
}

TEST_CASE("failed runs count in the error rate, left out or not") {
  for (const bool clean : {false, true}) {
    TrialSet set(kEfficiency);
    for (int i = 0; i < 4; ++i) {
      MadeTrial t;
      t.run = i + 1;
      if (i == 0) t.calls[1].text = " ";
      if (i == 1) t.calls[1].load_ms = 2000;  // cold, not failed
      t.add_to(set);
    }
    const Own<Analysis> a = analyse(set, {.clean = clean});
    CHECK(a->compared()[0].d.n == (clean ? 2 : 4));
    CHECK(a->compared()[0].failed_runs == 1);
    CHECK(Figures(a->compared()[0])[f_error_rate] == 25);
  }
}

TEST_CASE("a run that is not complete never counts") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 4; ++i) {
    MadeTrial t;
    t.run = i + 1;
    t.add_to(set);
  }
  set.trials[2]->numbers[Trial::complete] = 0;   // as the record of a trial that failed has it
  set.trials[2]->numbers[Trial::kNumbers] = 0;
  const Own<Analysis> a = analyse(set, {});
  const Group& g = a->compared()[0];
  CHECK(g.d.n == 3);
  CHECK(g.d.min > 0);
  REQUIRE(g.excluded.size() == 1);
  CHECK(g.excluded[0] == set.trials[2]);
}

TEST_CASE("where less is better the worst run is the largest") {
  const std::vector<std::string> names = {"concurrent_wall_time_s"};
  TrialSet set(names);
  for (int i = 0; i < 3; ++i) {
    MadeTrial t;
    t.run = i + 1;
    t.wall = 10 + i;
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  CHECK(a->info.better == -1);
  CHECK(std::string_view(a->info.unit) == "s");
  CHECK_SAYS(a->verdict, "r's maximum, 12.00 s (c run 3)");
  CHECK(a->identity.n == 0);
}

TEST_CASE("metrics know their unit and which way is better") {
  const struct {
    const char *name, *unit;
    int better;
  } rows[] = {{"efficiency_percent", "%", 1},
              {"summary.efficiency_percent", "%", 1},
              {"true_efficiency_percent", "%", 1},
              {"contention_percent", "%", -1},
              {"ttft_ms", "ms", -1},
              {"ttft_delta_ms", "ms", 0},
              {"throughput_delta", "tok/s", 0},
              {"aggregate_tps", "tok/s", 1},
              {"concurrency_speedup", "x", 1},
              {"imbalance_pp", "pp", -1},
              {"max_rss_kib", "KiB", -1},
              {"binary_bytes", "bytes", -1},
              {"concurrent_wall_time_s", "s", -1},
              {"scenario_number", "", 0}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(std::string_view(metric_info(row.name).unit) == row.unit);
    CHECK(metric_info(row.name).better == row.better);
  }
}
