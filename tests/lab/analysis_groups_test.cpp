// What is compared, what is warned of, and results against a baseline.
#include "chimera/lab/analysis.hpp"

#include "tests/lab/analysis_fixture.hpp"

using namespace chimera_test;

TEST_CASE("with one runtime its configurations are compared") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 6; ++i) {
    MadeTrial t;
    t.run = i / 2 + 1;
    t.config = i % 2 == 0 ? "ctx512" : "ctx1024";
    t.efficiency = 90 + i;
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  CHECK(a->comparing == Level::config);
  REQUIRE(a->compared().size() == 2);
  CHECK(a->compared()[0].name() == "ctx512");  // natural order
  CHECK(a->pairs.size() == 1);
  CHECK_SAYS(a->verdict, "ctx512's minimum, 90.00 % (run 1)");
}

TEST_CASE("warnings are part of the result") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 12; ++i) {
    MadeTrial t;
    t.run = i % 6 + 1;
    t.runtime = i < 6 ? "first" : "second";  // one after the other in time
    t.stamp = "2025-11-15T19:" + std::to_string(10 + i) + ":00Z";
    t.efficiency = 95 + i % 6;
    if (i < 4) t.url[1] = t.url[0];
    if (i == 5) t.url[1] = "http://a:11435";
    if (i == 11) t.config = "other";
    if (i == 3) t.host = "attic";
    if (i > 5) {
      t.more = ",\"chimera\":{\"schema\":\"chimera.trial/1\",\"simulated\":true,\"binary_bytes\":" +
               std::to_string(300000 + i / 11) + ",\"resources\":{\"max_rss_kib\":2000}}";
    }
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  const auto& w = a->warnings;
  CHECK_SAYS(w,
             "the order was blocked: changes from one runtime to another in time 1, by chance 6");
  CHECK_SAYS(w, "4 of 12 runs had agents that share one server");
  CHECK_SAYS(w, "1 of 12 runs had both servers on one machine: they may share one GPU");
  CHECK_SAYS(w, "6 of 12 runs were on simulated servers");
  CHECK_SAYS(w,
             "the files are of different kinds: 0 of upstream's first, 6 of its second schema, 6 "
             "of chimera");
  CHECK_SAYS(w, "the runs of second come from different binaries: 300,000 to 300,001 bytes");
  CHECK_SAYS(w, "not every runtime has runs in every configuration (3 of 4)");
  CHECK_SAYS(w, "2 of 2 runtimes have fewer than 10 runs: n = 6: an SD interval of");
  CHECK_SAYS(w, "3 of 3 cells have fewer than 10 runs: n = 1 (second / other) is too few");
  CHECK_SAYS(w, "the runs come from different machines");
  CHECK_SILENT(w, "agents, ");
}

TEST_CASE("no warning where nothing is wrong") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 24; ++i) {
    MadeTrial t;
    t.run = i / 2 + 1;
    t.runtime = (i + i / 4) % 2 == 0 ? "a" : "b";
    t.stamp = "2025-11-15T19:" + std::to_string(10 + i) + ":00Z";
    t.add_to(set);
  }
  CAPTURE(all_of(analyse(set, {})->warnings));
  CHECK(analyse(set, {})->warnings.empty());
}

TEST_CASE("a metric that some runs do not have, or have several of") {
  const std::vector<std::string> names = {"chimera.extra", "tokens_generated"};
  TrialSet set(names);
  for (int i = 0; i < 4; ++i) {
    MadeTrial t;
    t.run = i + 1;
    if (i > 0) t.more = ",\"chimera\":{\"extra\":" + std::to_string(i) + "}";
    t.add_to(set);
  }
  const Own<Analysis> extra = analyse(set, {});
  CHECK(extra->runs == 3);
  CHECK(extra->compared()[0].without == 1);
  CHECK(extra->compared()[0].d.mean == 2);
  CHECK_SAYS(extra->warnings, "1 of 4 runs have no chimera.extra");
  const Own<Analysis> tokens = analyse(set, {.metric = 1});
  CHECK(tokens->runs == 0);
  CHECK(tokens->headline == "no run has a value of tokens_generated");
  CHECK_SAYS(tokens->warnings, "tokens_generated is the end of several paths");
}

TEST_CASE("nothing at all, and one run, are no problem") {
  TrialSet set(kEfficiency);
  const Own<Analysis> none = analyse(set, {});
  CHECK(none->groups.empty());
  CHECK(none->headline == "no run has a value of efficiency_percent");
  MadeTrial().add_to(set);
  const Own<Analysis> one = analyse(set, {});
  CHECK(one->groups.size() == 3);
  CHECK(one->headline == "r: efficiency_percent is 98.00 % on average, SD -, over n = 1 runs");
}

TEST_CASE("more than 40 runtimes: the first 40 are compared in pairs, and it says so") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 126; ++i) {
    MadeTrial t;
    t.runtime = "r" + std::to_string(i / 3);
    t.run = i % 3 + 1;
    t.efficiency = 90 + i % 3;
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  CHECK(a->compared().size() == 42);
  CHECK(a->pairs.size() == 780);
  CHECK_SAYS(a->warnings, "only the first 40 are compared");
}

TEST_CASE("against a baseline: worse, better, or not to be told") {
  struct Case {
    const char* name;
    double gap_before, gap_now;  // of runtime b below a
    int n;
    bool regressed, improved;  // of b
  };
  const Case cases[] = {{"same", 1, 1, 8, false, false},
                        {"worse", 1, 5, 8, true, false},
                        {"better", 5, 1, 8, false, true},
                        {"within the noise", 1, 1.3, 8, false, false},
                        {"one run each", 1, 50, 1, false, false}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    TrialSet before(kEfficiency), now(kEfficiency);
    add_two(before, c.gap_before, c.n);
    add_two(now, c.gap_now, c.n);
    const Own<Analysis> old = analyse(before, {}), a = analyse(now, {});
    const std::vector<Change> changes = compare(*a, *old);
    REQUIRE(changes.size() == 2);
    CHECK(!changes[0].regressed);
    CHECK(changes[1].regressed == c.regressed);
    CHECK(changes[1].improved == c.improved);
    CHECK(changes[1].difference == doctest::Approx(c.gap_before - c.gap_now));
    CHECK(std::isnan(changes[1].p_holm) == (c.n == 1));
  }
}

TEST_CASE("the only group of each side is the same, whatever its name; else names must fit") {
  TrialSet before(kEfficiency), now(kEfficiency), two(kEfficiency);
  for (int i = 0; i < 4; ++i) {
    MadeTrial t;
    t.run = i + 1;
    t.efficiency = 90 + i;
    t.runtime = "old";
    t.add_to(before);
    t.runtime = "new";
    t.add_to(now);
    t.add_to(two);
    t.runtime = "newer";
    t.add_to(two);
  }
  const Own<Analysis> old = analyse(before, {}), one = analyse(now, {}), both = analyse(two, {});
  CHECK(compare(*one, *old).size() == 1);
  CHECK(compare(*both, *old).empty());
  CHECK(compare(*both, *one).size() == 1);
}
