#include "chimera/agent/prompts.hpp"

#include "chimera/base/text.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::agent;

namespace {

Inventory inventory_of(size_t files, size_t metrics) {
  Inventory v;
  for (size_t i = 0; i < files; ++i) {
    IngestedFile f;
    f.kind = static_cast<FileKind>(i % kFileKinds);
    f.path = "reports/gemma3/parameter_tuning_" + std::to_string(i) + ".dat";
    f.modified_s = 1763146410;
    ++v.files_of[i % kFileKinds];
    v.files.push_back(std::move(f));
  }
  for (size_t i = 0; i < metrics; ++i) {
    Metric m;
    m.name = "json_m" + std::to_string(100 + i) + ".tokens_per_second";
    m.number = 1.5;
    v.metrics.push_back(std::move(m));
  }
  return v;
}

AgentConfig config_of(std::string persona) {
  AgentConfig c;
  c.id = "collector";
  c.label = "Baseline Collector";
  c.model = "gemma3:latest";
  c.persona = std::move(persona);
  return c;
}

Analysis analysis_of(size_t findings, size_t recommendations) {
  Analysis a;
  a.summary = "Throughput is st\u00e4ndig high.";
  for (size_t i = 0; i < findings; ++i) {
    a.key_findings.push_back("finding number " + std::to_string(i));
  }
  for (size_t i = 0; i < recommendations; ++i) {
    a.recommendations.push_back("advice number " + std::to_string(i));
  }
  return a;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

size_t count(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("scenario names in both spellings") {
  CHECK(*parse_scenario("baseline-vs-chimera") == Scenario::baseline_vs_chimera);
  CHECK(*parse_scenario("chimera_hetero") == Scenario::chimera_hetero);
  CHECK(*parse_scenario("chimera-homo") == Scenario::chimera_homo);
  for (const char* bad : {"", "chimera", "Chimera-homo", "chimera_homo "}) {
    CAPTURE(std::string(bad));
    const auto r = parse_scenario(bad);
    REQUIRE_FALSE(r);
    CHECK(r.error().code == Errc::usage);
  }
  CHECK(std::string_view(name_of(Scenario::chimera_homo)) == "chimera_homo");
}

TEST_CASE("a run is complete when every agent made its report") {
  RunOutcome run;
  CHECK_FALSE(run.complete());
  run.agents.resize(2);
  for (AgentOutcome& a : run.agents) a.report_stage.made = true;
  CHECK(run.complete());
  run.agents[1].failed = true;
  CHECK_FALSE(run.complete());
  run.agents[1].failed = false;
  run.agents[0].report_stage.made = false;
  CHECK_FALSE(run.complete());
}

TEST_CASE("personas alternate") {
  CHECK(persona_of(0).starts_with("You are a data collector"));
  CHECK(persona_of(1).starts_with("You are an insight analyst"));
  CHECK(persona_of(0) == persona_of(2));
  CHECK(persona_of(1) == persona_of(7));
}

TEST_CASE("budget: the context and the answer's share") {
  struct Case {
    const char* name;
    int64_t num_ctx, num_predict;    // 0 = not set
    uint64_t context, prompt;
  };
  const Case cases[] = {
      {"nothing set", 0, 0, 4096, 3072},      {"context", 512, 0, 512, 384},
      {"answer", 2048, 500, 2048, 1548},      {"answer at most half", 512, 4000, 512, 256},
      {"answer alone", 0, 1000, 4096, 3096},  {"endless answer", 1024, -1, 1024, 768},
      {"no context", -5, 0, 4096, 3072},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.name));
    llm::Options o;
    if (t.num_ctx != 0) o.num_ctx = t.num_ctx;
    if (t.num_predict != 0) o.num_predict = t.num_predict;
    CHECK(budget_of(o).context == t.context);
    CHECK(budget_of(o).prompt == t.prompt);
    CHECK(budget_of(o).assumed == (t.num_ctx <= 0));
  }
  CHECK(estimate_tokens("") == 0);
  CHECK(estimate_tokens("abc") == 1);
  CHECK(estimate_tokens("abcd") == 2);
}

TEST_CASE("analysis prompt: persona first, everything in order, nothing left out when it fits") {
  const Inventory v = inventory_of(12, 3);
  const Prompt p = analysis_prompt(config_of("I am the persona."), v, {4096, 3072});
  CHECK(p.text.starts_with("I am the persona.\n\n"));
  CHECK(has(p.text, data_summary(v)));
  size_t last = 0;
  for (const char* part : {"Total files analyzed: 12", "1. Executive summary", "2. Key findings",
                           "3. Analysis", "4. Recommendations", "Markdown"}) {
    CAPTURE(std::string(part));
    const size_t at = p.text.find(part, last);
    REQUIRE(at != p.text.npos);
    last = at;
  }
  CHECK_FALSE(has(p.text, "shown"));
  CHECK(p.fit.left_out() == 0);
  CHECK_FALSE(p.fit.over);
  CHECK(p.fit.context == 4096);
  CHECK(p.fit.estimated == estimate_tokens(p.text));
  CHECK(analysis_prompt(config_of("I am the persona."), v, {4096, 3072}).text == p.text);
  CHECK(analysis_prompt(config_of(""), v, {4096, 3072}).text.starts_with("Your task"));
}

TEST_CASE("analysis prompt: metrics from the end of the list, then file paths give way") {
  const Inventory v = inventory_of(12, 20);
  const size_t metrics = data_metrics(v).size();
  const AgentConfig config = config_of("P.");
  const Prompt all = analysis_prompt(config, v, {9999, 9999});
  const uint64_t whole = all.fit.estimated;
  CHECK(has(all.text, "Performance metrics:\n{\n"));
  CHECK(has(all.text, "\"json_m119.tokens_per_second\": 1.5"));
  bool saw[3] = {};      // some metrics, some paths, over
  uint32_t last_left_out = 0;
  for (uint64_t budget = whole; budget > 0; --budget) {
    CAPTURE(budget);
    const Prompt p = analysis_prompt(config, v, {9999, budget});
    CHECK(p.fit.over == (p.fit.estimated > budget));
    CHECK(p.fit.left_out() >= last_left_out);
    last_left_out = p.fit.left_out();
    const size_t paths = count(p.text, "  - "), figures = count(p.text, "\n  \"");
    CHECK(paths + p.fit.paths_left_out == 12);
    CHECK(figures + p.fit.metrics_left_out == metrics);
    CHECK(p.fit.metrics == metrics);
    if (paths < 12) CHECK(figures == 0);
    CHECK(has(p.text, "3. Analysis of the performance metrics") == (figures > 0));
    CHECK(has(p.text, "state none") == (figures == 0));
    if (p.fit.over) CHECK(paths == 0);
    // What is counted is counted right, in each kind of four files.
    std::string_view rest = p.text, line;
    size_t listed = 0;
    while (next_line(rest, line)) {
      if (line.starts_with("  - ")) ++listed;
      if (line.find(" Files (") != line.npos) listed = 0;
      if (!line.starts_with("  ... and ")) continue;
      CHECK(listed > 0);
      CHECK(line == "  ... and " + std::to_string(4 - listed) + " more");
    }
    CHECK(has(p.text, "Total files analyzed: 12"));
    CHECK_FALSE(has(p.text, "paths shown"));
    saw[0] |= figures > 0 && figures < metrics;
    saw[1] |= paths > 0 && paths < 12;
    saw[2] |= p.fit.over;
  }
  for (bool seen : saw) CHECK(seen);
  // The first ones stay.
  const Prompt p = analysis_prompt(config, inventory_of(12, 0), {9999, 300});
  CHECK(p.fit.paths_left_out > 0);
  CHECK(has(p.text, "tuning_0.dat"));
  CHECK_FALSE(has(p.text, "tuning_11.dat"));
  CHECK_FALSE(has(p.text, "Performance metrics"));      // there are none
  CHECK(has(p.text, "state none"));
}

TEST_CASE("data summary with fewer paths") {
  const Inventory v = inventory_of(18, 0);       // six of each kind
  CHECK(summary_paths(v) == 15);
  CHECK(data_summary(v, 15) == data_summary(v));
  CHECK(count(data_summary(v), "  ... and 1 more\n") == 3);
  const std::string some = data_summary(v, 7);
  CHECK(count(some, "  - ") == 7);
  CHECK(has(some, "  ... and 4 more\n"));
  CHECK(count(some, "more") == 2);
  CHECK(count(data_summary(v, 0), "more") == 0);
}

TEST_CASE("report prompt: the four parts share the room") {
  const Inventory v = inventory_of(3, 20);
  const size_t metrics = data_metrics(v).size();
  Analysis a = analysis_of(10, 10);
  for (int i = 0; i < 20; ++i) a.summary += " Throughput is st\u00e4ndig high.";
  const AgentConfig config = config_of("P.");
  const Prompt whole = report_prompt(config, v, a, {9999, 9999});
  CHECK(whole.text.starts_with("P.\n\n"));
  CHECK(whole.fit.left_out() == 0);
  CHECK_FALSE(has(whole.text, "shown"));
  CHECK(has(whole.text, "10. finding number 9\n"));
  CHECK(has(whole.text, "10. advice number 9\n"));
  CHECK(has(whole.text, "\"json_m119.tokens_per_second\": 1.5"));
  CHECK(has(whole.text, "6. Appendix"));
  const size_t fixed = report_prompt(config, v, a, {9999, 1}).text.size();

  bool saw[5] = {};      // some metrics, recommendations, findings; summary cut; over
  for (uint64_t budget = whole.fit.estimated; budget > 0; --budget) {
    CAPTURE(budget);
    const Prompt p = report_prompt(config, v, a, {9999, budget});
    CHECK(p.fit.over == (p.fit.estimated > budget));
    CHECK(is_utf8(p.text));
    const size_t figures = count(p.text, "\n  \""), advice = count(p.text, "advice number");
    const size_t findings = count(p.text, "finding number");
    CHECK(figures + p.fit.metrics_left_out == metrics);
    CHECK(advice + p.fit.recommendations_left_out == 10);
    CHECK(findings + p.fit.findings_left_out == 10);
    CHECK(p.fit.summary_cut == !has(p.text, "- Summary: "));
    CHECK_FALSE(has(p.text, "(shortened): \n"));
    CHECK(has(p.text, "state no figure") == (figures == 0));
    if (figures < metrics) {
      CHECK(has(p.text, "(" + std::to_string(figures) + " of " + std::to_string(metrics) +
                            " metrics shown)"));
    }
    // Each part that is short has used a quarter of the room, but for one item and the slack.
    const size_t room = budget * 3 > fixed ? budget * 3 - fixed : 0;
    const size_t quarter = room / 4;
    if (figures < metrics) CHECK((figures + 1) * 45 + 40 >= quarter);
    if (findings < 10) CHECK((findings + 1) * 25 + 30 >= quarter);
    if (advice < 10) CHECK((advice + 1) * 25 + 30 >= quarter);
    if (p.fit.over) {
      CHECK(p.fit.left_out() == metrics + 21);
      CHECK(has(p.text, "- Summary (left out)\n- Key findings (0 of 10 findings shown)\n"));
    }
    saw[0] |= figures > 0 && figures < metrics;
    saw[1] |= advice > 0 && advice < 10;
    saw[2] |= findings > 0 && findings < 10;
    saw[3] |= has(p.text, "(shortened): Throughput");
    saw[4] |= p.fit.over;
  }
  for (bool seen : saw) CHECK(seen);
}

TEST_CASE("report prompt: what a part does not need goes to the others") {
  const Inventory v = inventory_of(3, 60);
  const AgentConfig config = config_of("P.");
  Analysis a = analysis_of(2, 1);
  const Prompt p = report_prompt(config, v, a, {1024, 768});
  CHECK(p.fit.findings_left_out + p.fit.recommendations_left_out + p.fit.summary_cut == 0);
  CHECK(p.fit.metrics_left_out > 0);
  CHECK(p.fit.estimated > 768 - 20);
  // Of a summary that is cut, as much is shown as fits.
  a.summary.assign(9000, 'x');
  CHECK(report_prompt(config, v, a, {1024, 768}).fit.estimated == 768);
  const Prompt without = report_prompt(config, inventory_of(3, 0), {}, {1024, 768});
  CHECK(has(without.text, "- Summary: none given\n- Key findings: none given\n"
                          "- Performance metrics: none given\n"));
}

TEST_CASE("report prompt: the largest number of metrics that fits is shown") {
  const Inventory v = inventory_of(1, 2000);
  const AgentConfig config = config_of(std::string(persona_of(0)));
  const Prompt p = report_prompt(config, v, {}, {2048, 1536});
  CHECK_FALSE(p.fit.over);
  CHECK(p.fit.estimated > 1536 - 20);        // no room for another line of 38 bytes
  CHECK(has(p.text, "json_m100."));
  CHECK(has(p.text, "- Key findings: none given\n"));
}

TEST_CASE("both prompts fit the smallest context of the experiment") {
  const Inventory v = inventory_of(101, 60);
  llm::Options o;
  o.num_ctx = 512;
  for (size_t i = 0; i < 2; ++i) {
    const AgentConfig config = config_of(std::string(persona_of(i)));
    CHECK_FALSE(analysis_prompt(config, v, budget_of(o)).fit.over);
    const Prompt p = report_prompt(config, v, analysis_of(10, 10), budget_of(o));
    CHECK_FALSE(p.fit.over);
    CHECK_FALSE(p.fit.context_assumed);
    CHECK(p.fit.metrics_left_out < p.fit.metrics);
  }
}

TEST_CASE("analysis: the summary") {
  struct Case {
    const char* name;
    const char* answer;
    const char* summary;
  };
  const Case cases[] = {
      {"nothing", "", ""},
      {"heading to heading",
       "Sure.\n## 1. Executive Summary\n\n  It is fast. \n\nVery.\n## Next\nx",
       "It is fast.\nVery."},
      {"bold heading runs on", "**1. Executive Summary**\n\nFast.\n\n**2. Findings**\n- a\n",
       "Fast.\n**2. Findings**\n- a"},
      {"the word alone", "Summary\nGood.", "Good."},
      {"any case, CRLF", "EXECUTIVE SUMMARY:\r\nGood.\r\n", "Good."},
      {"no such line: five lines", "a\n b\n\nd\ne\nf\ng", "a\n b\n\nd\ne"},
      {"nothing behind it: five lines", "x\n# Executive summary\n# Next\ny",
       "x\n# Executive summary\n# Next\ny"},
      {"the word in a sentence is none", "A summary of it\nb", "A summary of it\nb"},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.name));
    const chimera_test::Guarded answer(t.answer);
    CHECK(parse_analysis(answer.view()).summary == t.summary);
  }
}

TEST_CASE("analysis: one item of a list") {
  struct Case {
    const char* line;
    const char* item;
  };
  const Case cases[] = {
      {"- a key", "a key"},
      {"* a key", "a key"},
      {"\u2022 a key", "a key"},
      {"  - a key  ", "a key"},
      {"1. a key", "a key"},
      {"12) a key", "a key"},
      {"- 1. a key", "a key"},
      {"* 2) a key", "a key"},
      {"**1. a key**", "a key"},
      {"**a key**", "a key"},
      {"* **a key**", "a key"},
      {"**1.** a key", "a key"},
      {"**a key:** text", "**a key:** text"},
      {"- **a key:** text", "**a key:** text"},
      {"1. **a key:** text", "**a key:** text"},
      {"**1. a key:** text", "**a key:** text"},
      {"**a key** and **b**", "**a key** and **b**"},
      {"*key* in italics", "*key* in italics"},
      {"3.5 tok/s is key", "3.5 tok/s is key"},
      {"2025 was key", "2025 was key"},
      {"- - key", "key"},
      {"keyboard", "keyboard"},
      {"KEY", "KEY"},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.line));
    const chimera_test::Guarded answer(t.line);
    const Analysis a = parse_analysis(answer.view());
    REQUIRE(a.key_findings.size() == 1);
    CHECK(a.key_findings[0] == t.item);
    CHECK(a.recommendations.empty());
  }
}

TEST_CASE("analysis: which lines are findings, which recommendations, and how many") {
  const Analysis a = parse_analysis(
      "# Key findings\n"
      "- An INSIGHT\n"
      "- A discovery\n"
      "nothing here\n"
      "- We should look at the finding\n"
      "  # I recommend no heading\n"
      "- Considerable\n"
      "- suggested\n"
      "-\n"
      "**\n");
  CHECK(a.key_findings ==
        std::vector<std::string>{"An INSIGHT", "A discovery", "We should look at the finding"});
  CHECK(a.recommendations ==
        std::vector<std::string>{"We should look at the finding", "Considerable", "suggested"});

  std::string many;
  for (int i = 0; i < 30; ++i) many += "- key, should\n";
  CHECK(parse_analysis(many).key_findings.size() == 10);
  CHECK(parse_analysis(many).recommendations.size() == 10);
}

TEST_CASE("options described as upstream does") {
  llm::Options o;
  CHECK(describe(o) == "Ollama defaults");
  o.num_gpu = 80;
  o.num_ctx = 512;
  o.temperature = 1.0;
  CHECK(describe(o) ==
        "num_gpu=80, num_ctx=512, temp=1, top_p=default, top_k=default, repeat_penalty=default");
  o.temperature = 0.8;
  o.top_p = 0.95;
  o.top_k = 40;
  o.repeat_penalty = 1.1;
  o.num_predict = 64;
  o.seed = 7;
  o.extra.emplace_back("mirostat", "2");
  CHECK(describe(o) ==
        "num_gpu=80, num_ctx=512, temp=0.8, top_p=0.95, top_k=40, repeat_penalty=1.1, "
        "num_predict=64, seed=7, mirostat=2");
}

TEST_CASE("the block a report begins with") {
  AgentConfig c = config_of("");
  CHECK(report_header(c, 1763234389 * kSecond) ==
        "# Technical Report: Baseline Collector Analysis\n\n**Date:** 2025-11-15\n"
        "**Agent Type:** Baseline Collector\n**Model:** gemma3:latest\n"
        "**Configuration:** Ollama defaults\n\n---\n\n");
}
