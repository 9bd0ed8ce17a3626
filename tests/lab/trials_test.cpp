#include "chimera/lab/trials.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/lab/record_fixture.hpp"

using namespace chimera_test;
using chimera::llm::Validity;
namespace fs = std::filesystem;

namespace {

// A folder of its own under the system's, gone at the end.
class Folder {
 public:
  Folder() {
    std::string name = fs::temp_directory_path() / "chimera-trials-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  std::string of(const std::string& below) const { return path_ + "/" + below; }
  const std::string& path() const { return path_; }
  void write(const std::string& below, const std::string& text) const {
    fs::create_directories(fs::path(of(below)).parent_path());
    std::ofstream(of(below), std::ios::binary) << text;
  }

 private:
  std::string path_;
};

// A record as upstream's program writes it, or a part of one.
struct Made {
  double efficiency = 98;
  int number = 1;
  double seconds_a = 10, seconds_b = 8;
  std::string scenario = "chimera_homo";
  std::string call_a = call(100, 0), call_b = call(50, 0);   // of individual_runs
  std::string answers_a = "", answers_b = "";                // llm_calls; "" = v1

  static std::string call(int tokens, double load_ms, double eval_ms = 900) {
    return "{\"eval_duration_ms\":" + std::to_string(eval_ms) +
           ",\"load_duration_ms\":" + std::to_string(load_ms) +
           ",\"prompt_eval_duration_ms\":0.0,\"tokens_generated\":" + std::to_string(tokens) + "}";
  }
  static std::string answer(const std::string& text) {
    std::string out = ",\"llm_calls\":[{\"prompt\":\"p\",\"response\":";
    wire::append_json_string(out, text);
    return out + "}]";
  }
  static std::string agent(double seconds, const std::string& calls, const std::string& answers,
                           const char* port) {
    return "{\"config\":{\"base_url\":\"http://h:" + std::string(port) +
           "\"},\"execution_time_s\":" + std::to_string(seconds) +
           ",\"result\":{\"aggregate_metrics\":{\"total_tokens_generated\":100},"
           "\"individual_runs\":[" + calls + "]" + answers +
           ",\"timestamp\":\"2025-11-14T01:14:29.500Z\"}}";
  }
  std::string json() const {
    return "{\"collector\":" + agent(seconds_a, call_a, answers_a, "1") +
           ",\"insight\":" + agent(seconds_b, call_b, answers_b, "2") +
           ",\"run_number\":" + std::to_string(number) + ",\"scenario\":\"" + scenario +
           "\",\"summary\":{\"concurrent_wall_time_s\":10.5,\"efficiency_percent\":" +
           std::to_string(efficiency) + ",\"run_number\":" + std::to_string(number) + "}}";
  }
};

std::string repeated(const std::string& unit, int times) {
  std::string out;
  while (times-- > 0) out += unit;
  return out;
}

void read(const std::vector<std::string>& paths, TrialSet& set) {
  REQUIRE(read_trials(paths, set).has_value());
}

// The trial of one text, which must be one.
const Trial& only(const std::string& text, TrialSet& set, const std::string& path = "m.json") {
  const std::string why = read_trial_text(text, path, set);
  CAPTURE(text);
  REQUIRE(why == "");
  REQUIRE(set.trials.size() == 1);
  return *set.trials[0];
}

fs::path shared(const char* folder) {
  const char* root = getenv("CHIMERA_SHARED");
  const fs::path path = fs::path(root ? root : "../shared") / "data" / folder;
  std::error_code none;
  if (fs::is_directory(path, none)) return path;
  MESSAGE("skipped: no " << folder);
  return {};
}

}  // namespace

TEST_SUITE("trials") {

TEST_CASE("where a trial belongs") {
  struct Case {
    const char *path, *runtime, *config;
    int run;
  };
  static constexpr Case kCases[] = {
      {"r/runtime-smol/homo_ctx512/run_3/run_1/metrics.json", "smol", "homo_ctx512", 3},
      {"r/runtime-smol/homo_ctx512/run_3/metrics.json", "smol", "homo_ctx512", 3},
      {"/r/runtime-smol-1kb/c/run_12/metrics.json", "smol-1kb", "c", 12},
      {"runtime-a/x/runtime-b/c/run_2/metrics.json", "b", "c", 2},
      {"out/run_4/metrics.json", "unknown", "out", 4},
      {"./run_4/metrics.json", "unknown", "chimera_homo", 4},
      {"../run_4/metrics.json", "unknown", "chimera_homo", 4},
      {"runtime-a/run_4/metrics.json", "a", "chimera_homo", 4},
      {"metrics.json", "unknown", "chimera_homo", 7},
      {"phase1/hetero/run_x/metrics.json", "unknown", "run_x", 7},
      {"a/run_5/b/metrics.json", "unknown", "b", 7},
      {"a//run_5//metrics.json", "unknown", "a", 5},
      {"a/run_99999999999999999999/metrics.json", "unknown", "a", 0},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.path);
    TrialSet set({});
    const Trial& t = only(Made{.number = 7}.json(), set, c.path);
    CHECK(t.path == c.path);
    CHECK(t.runtime == c.runtime);
    CHECK(t.config == c.config);
    CHECK(t[Trial::run_number] == c.run);
  }
}

TEST_CASE("numbers of an upstream record, and what is computed from them") {
  TrialSet set({});
  const Trial& t = only(Made{}.json(), set);
  CHECK(t.schema == TrialSchema::upstream_v1);
  CHECK(t.reasons == 0);
  REQUIRE(t.agents.size() == 2);
  CHECK(t.agents[0].total[TrialPart::execution_time_s] == 10);
  CHECK(t.agents[1].total[TrialPart::tokens] == 100);
  CHECK(t.agents[1].calls[0][TrialPart::tokens] == 50);
  CHECK(t.agents[1].calls[0][TrialPart::eval_duration_ms] == 900);
  CHECK(isnan(t.agents[1].calls[0][TrialPart::text_bytes]));
  CHECK(isnan(t.agents[1].calls[1][TrialPart::tokens]));
  CHECK(t[Trial::efficiency_percent] == 98);
  CHECK(t[Trial::finished_s] == 1763082869.5);
  CHECK(t[Trial::same_server] == 0);
  CHECK(t[Trial::same_host] == 1);
  CHECK(isnan(t[Trial::max_rss_kib]));

  // The formulas have one home, record_figures.cpp: these are the same.
  RunOutcome run;
  run.wall = 10500 * kMilli;
  run.agents.resize(2);
  run.agents[0].total = 10 * kSecond;
  run.agents[1].total = 8 * kSecond;
  for (AgentOutcome& a : run.agents) a.analysis_stage.call.eval_count = 100;
  const RunFigures f = figures_of(run);
  const std::pair<Trial::Number, double> wanted[] = {
      {Trial::sequential_estimated_s, f.sequential_s}, {Trial::concurrency_speedup, f.speedup},
      {Trial::resource_contention_detected, 0},        {Trial::imbalance_pp, f.imbalance_pp},
      {Trial::imbalance_pp_of_wall, f.imbalance_pp_of_wall},
      {Trial::overhead_ms, f.overhead_ms},             {Trial::overhead_pp, f.overhead_pp},
      {Trial::aggregate_tps, f.aggregate_tps}};
  for (const auto& [number, value] : wanted) {
    CAPTURE(int{number});
    CHECK(close(t[number], value));
  }
  CHECK(isnan(t[Trial::contention_percent]));
  CHECK(isnan(t[Trial::throughput_delta]));
}

TEST_CASE("a record of ours comes back") {
  RunOutcome run = run_of(3);
  run.agents[1].analysis_stage.call.load_duration = 2 * kSecond;
  llm::Call& cut = run.agents[2].report_stage.call;
  cut.done = false;
  cut.eval_count = 0;
  run.agents[0].report_stage.call.text = repeated("again ", 200);
  run.serial = serial_of(run, 3);
  for (AgentOutcome& a : run.agents) a.config.base_url = "http://one";
  ProcessFigures p;
  p.runtime = "fixed";
  p.preset = "smol-1kb";
  p.simulated = true;
  p.binary_bytes = 270000;
  p.used.max_rss_kib = 1234;
  p.used.user = 20 * kMilli;
  p.used.involuntary_switches = 5;
  p.startup = 1500 * kMicro;
  TrialSet set({});
  const Trial& t = only(metrics_json(run, p), set, "out/run_1/metrics.json");
  CHECK(t.schema == TrialSchema::chimera);
  CHECK(t.runtime == "smol-1kb");
  CHECK(t[Trial::simulated] == 1);
  CHECK(t[Trial::complete] == 1);
  CHECK(t[Trial::binary_bytes] == 270000);
  CHECK(t[Trial::max_rss_kib] == 1234);
  CHECK(t[Trial::user_s] == 0.02);
  CHECK(t[Trial::involuntary_switches] == 5);
  CHECK(t[Trial::startup_ms] == 1.5);
  CHECK(t[Trial::same_server] == 1);
  const RunFigures f = figures_of(run);
  CHECK(t[Trial::efficiency_percent] == f.efficiency_percent);
  CHECK(t[Trial::imbalance_pp] == f.imbalance_pp);
  CHECK(t[Trial::contention_percent] == f.contention_percent);
  CHECK(t[Trial::true_efficiency_percent] == f.true_efficiency_percent);
  CHECK(t[Trial::throughput_delta] == f.throughput_delta);
  REQUIRE(t.agents.size() == 3);
  CHECK(t.agents[2].total[TrialPart::execution_time_s] == 6);
  CHECK(t.agents[0].calls[0][TrialPart::text_bytes] == 22);
  CHECK(reason_words(t.agents[0].calls[1].reasons) == "loop");
  CHECK(reason_words(t.agents[1].calls[0].reasons) == "cold");
  CHECK(reason_words(t.agents[2].calls[1].reasons) == "truncated");
  CHECK(reason_words(t.reasons) == "cold, truncated, loop");

  // Without a preset the runtime names it; an agent that failed makes the run an error.
  p.preset.clear();
  TrialSet broken({});
  const Trial& b = only(metrics_json(broken_run(2), p), broken, "run_1/metrics.json");
  CHECK(b.runtime == "fixed");
  CHECK(b[Trial::complete] == 0);
  CHECK(reason_words(b.reasons) == "error");
}

TEST_CASE("when a trial was done") {
  static constexpr std::pair<const char*, double> kStamps[] = {
      {"1970-01-01T00:00:00Z", 0},           {"1970-01-01T00:00:01.25Z", 1.25},
      {"1999-12-31T23:59:59Z", 946684799},   {"2000-02-29T12:00:00Z", 951825600},
      {"2000-03-01T00:00:00.000Z", 951868800}, {"2024-12-31T00:00:00+05:30", 1735603200},
      {"2025-01-01T00:00:00Z", 1735689600},
      {"2026-06-30T06:07:08.123456789Z", 1782799628.123456789},
      {"2099-12-31T23:59:59Z", 4102444799},
      {"", NAN}, {"2025-11-14", NAN}, {"yesterday", NAN}};
  for (const auto& [stamp, seconds] : kStamps) {
    CAPTURE(stamp);
    TrialSet set({});
    const std::string result = "{\"timestamp\":\"" + std::string(stamp) + "\"}";
    const Trial& t = only("{\"efficiency_percent\":1,\"insight\":{\"result\":" + result + "}}",
                          set);
    CHECK(isnan(t[Trial::finished_s]) == isnan(seconds));
    if (!isnan(seconds)) CHECK(fabs(t[Trial::finished_s] - seconds) < 1e-6);
  }
}

TEST_CASE("why a call is left out") {
  struct Case {
    const char* name;
    std::string call, answers;
    const char* words;
  };
  const std::string good = "Words of an answer.";
  const Case cases[] = {
      {"v1", Made::call(100, 300), "", ""},
      {"v1, load of a second", Made::call(100, 1000), "", ""},
      {"v1, cold", Made::call(100, 1000.5), "", "cold"},
      {"v1, no record at the end", Made::call(0, 0, 0), "", "truncated"},
      {"v2", Made::call(100, 300), Made::answer(good), ""},
      {"v2, 31 times the same and no end", Made::call(0, 0, 0), Made::answer(repeated("0", 31)),
       "truncated"},
      {"v2, nothing came at all", Made::call(0, 0, 0), Made::answer(""), "truncated"},
      {"v2, done without a token", Made::call(0, 3, 0), Made::answer(""), "empty"},
      {"v2, done with blank tokens", Made::call(7, 3), Made::answer(" \n\n"), "empty"},
      {"v2, loop", Made::call(8179, 3), Made::answer(good + repeated("\n- more\n", 100)), "loop"},
      {"v2, cold loop", Made::call(4092, 4700), Made::answer(good + repeated("ab\"c\u2013", 100)),
       "cold, loop"},
      {"v2, a loop that was left", Made::call(900, 3), Made::answer(repeated("x", 500) + good), ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    TrialSet set({});
    Made made;
    made.call_b = c.call;
    made.answers_b = c.answers;
    const Trial& t = only(made.json(), set);
    CHECK(reason_words(t.reasons) == c.words);
    CHECK(t.agents[1].calls[0].reasons == t.reasons);
    CHECK(t.agents[0].calls[0].reasons == 0);
    CHECK((t.schema == TrialSchema::upstream_v2) == !c.answers.empty());
  }
  CHECK(reason_words(0) == "");
  CHECK(reason_words(reason(Validity::empty) | reason(Validity::cold)) == "cold, empty");
}

TEST_CASE("any number by its name") {
  struct Case {
    const char* name;
    double value;            // NaN: none
    const char* ambiguous;
  };
  static constexpr Case kCases[] = {
      {"summary.efficiency_percent", 98, ""},
      {"efficiency_percent", 98, ""},
      {"collector.execution_time_s", 10, ""},
      {"insight.result.individual_runs[0].tokens_generated", 50, ""},
      {"imbalance_pp", 10, ""},                       // computed
      {"concurrent_wall_time_s", 10.5, ""},
      {"run_number", 2, ""},                          // there twice, but once alone
      {"flag", 1, ""},
      {"odd.deep[1].leaf", 5, ""},
      {"deep[1].leaf", 5, ""},
      {"leaf", NAN, "odd.deep[1].leaf"},
      {"execution_time_s", NAN, "insight.execution_time_s"},
      {"eaf", NAN, ""},
      {"nothing", NAN, ""},
      {"scenario", NAN, ""},                          // text
      {"", NAN, ""},
  };
  std::string json = Made{.number = 2}.json();
  json.pop_back();
  json += ",\"odd\":{\"deep\":[{\"leaf\":4,\"flag\":true},{\"leaf\":5}]}}";
  for (const Case& c : kCases) {
    CAPTURE(c.name);
    const std::string names[] = {"nothing", c.name};
    TrialSet set(names);
    const Trial& t = only(json, set);
    CHECK(isnan(t.metric(0)));
    CHECK(isnan(t.metric(1)) == isnan(c.value));
    if (!isnan(c.value)) CHECK(close(t.metric(1), c.value));
    CHECK(set.ambiguous[1] == c.ambiguous);
  }
}

TEST_CASE("chimeraforge's files: a trial per run") {
  // The second result has its words behind its runs; the figures outside the runs are no metrics.
  const std::string json = R"([
    {"model":"gemma3","backend":"ollama","quant":"q4","workload":"single","runs":2,
     "context_length":512,"individual_runs":[
       {"tokens_generated":10,"throughput_tps":40.5,"ttft_ms":80.0,"total_duration_ms":900.0},
       {"tokens_generated":0,"throughput_tps":0.0,"ttft_ms":-1.0,"total_duration_ms":1.0}],
     "aggregate":{"count":2,"throughput_tps":{"mean":20.25}},
     "timestamp":"2026-01-02T03:04:05+00:00"},
    {"aggregate":{"ttft_ms":{"mean":70.0}},"individual_runs":[
       {"tokens_generated":12,"throughput_tps":41.0,"ttft_ms":70.0}],
     "model":"phi","backend":"vllm","workload":"batch","context_length":1024}])";
  const std::string names[] = {"throughput_tps", "ttft_ms", "runs"};
  TrialSet set(names);
  REQUIRE(read_trial_text(json, "bench_1.json", set) == "");
  REQUIRE(set.trials.size() == 3);
  const Trial &a = *set.trials[0], &b = *set.trials[1], &c = *set.trials[2];
  CHECK(a.schema == TrialSchema::chimeraforge);
  CHECK(a.runtime == "ollama");
  CHECK(a.config == "gemma3|q4|single|512");
  CHECK(a[Trial::run_number] == 1);
  CHECK(a[Trial::finished_s] == 1767323045);
  CHECK(a.metric(0) == 40.5);
  CHECK(a.metric(1) == 80);
  CHECK(isnan(a.metric(2)));
  CHECK(isnan(a[Trial::efficiency_percent]));
  CHECK(a.agents[0].calls[0][TrialPart::rate_tps] == 40.5);
  CHECK(a.reasons == 0);
  CHECK(b.config == a.config);
  CHECK(b[Trial::run_number] == 2);
  CHECK(reason_words(b.reasons) == "truncated");
  CHECK(isnan(c[Trial::finished_s]));   // has no time
  CHECK(c.runtime == "vllm");
  CHECK(c.config == "phi||batch|1024");
  CHECK(c[Trial::run_number] == 1);
  CHECK(c.metric(0) == 41);
  CHECK(set.ambiguous == std::vector<std::string>(3));
}

TEST_CASE("what is no result says why and leaves nothing") {
  struct Case {
    const char *name, *why;
    std::string text;
  };
  const std::string good = Made{}.json();
  const Case cases[] = {
      {"another document", "not a result: no summary.efficiency_percent", "{\"a\":1}"},
      {"a number", "not a result: no summary.efficiency_percent", "17"},
      {"an array", "not a result: no summary.efficiency_percent", "[{\"model\":\"m\"}]"},
      {"a single agent's", "not a result: no summary.efficiency_percent",
       "{\"baseline\":{},\"chimera\":{\"delta\":1}}"},
      {"its figure is text", "not a result: no summary.efficiency_percent",
       "{\"summary\":{\"efficiency_percent\":\"98\"}}"},
      {"cut", "not JSON: ", good.substr(0, good.size() / 2)},
      {"something behind it", "not JSON: ", good + "x"},
      {"not UTF-8", "not JSON: ", "{\"a\":\"\xff\"}"},
      {"nested too deep", "not JSON: ", repeated("[", 600)},
      {"a second run is cut", "not JSON: ",
       "[{\"individual_runs\":[{\"ttft_ms\":1},{\"ttft_ms\":2},{\"tt"},
      {"too many agents", "too many agents",
       "{\"chimera\":{\"more_agents\":[" + repeated("{\"execution_time_s\":1},", 1100) + "0]}}"},
      {"an index that 32 bits do not hold", "too many agents",
       "{\"chimera.more_agents[4294967296].execution_time_s\":1}"},
      {"too many calls", "too many calls",
       "{\"insight\":{\"result\":{\"individual_runs\":[{\"ttft_ms\":1},{\"ttft_ms\":1},"
       "{\"ttft_ms\":1}]}}}"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    TrialSet set({});
    REQUIRE(read_trial_text(good, "good.json", set) == "");
    const std::string why = read_trial_text(c.text, "bad.json", set);
    CHECK(why.starts_with(c.why));
    CHECK(set.trials.size() == 1);
  }
}

TEST_CASE("a long name before many values costs no more than a short one") {
  // Looked through for every value, it would take hours.
  TrialSet set({});
  const std::string name = "[" + repeated("x", 4 << 20);
  only("{\"" + name + "\":[" + repeated("1,", 1 << 20) + "1],\"efficiency_percent\":1}", set);
}

TEST_CASE("a record without agents still has its figures") {
  TrialSet set({});
  const Trial& t = only("{\"efficiency_percent\":86.5,\"concurrency_speedup\":1.73}", set);
  CHECK(t[Trial::efficiency_percent] == 86.5);
  CHECK(t[Trial::concurrency_speedup] == 1.73);
  CHECK(isnan(t[Trial::overhead_ms]));
  CHECK(t[Trial::run_number] == 0);
}

TEST_CASE("a trial that is there twice counts once") {
  const Folder dir;
  const std::string good = Made{}.json();
  dir.write("runtime-a/c/run_2/metrics.json", good);
  dir.write("runtime-a/c/run_2/run_1/metrics.json", good);
  dir.write("runtime-a/c/run_10/metrics.json", good.substr(0, 100));     // the inner one is whole
  dir.write("runtime-a/c/run_10/run_1/metrics.json", good);
  dir.write("runtime-a/c/run_3/metrics.json", good);                     // they differ
  dir.write("runtime-a/c/run_3/run_1/metrics.json", good + "\n");
  dir.write("runtime-a/c/run_3/summary.json", "{}");
  dir.write("runtime-a/c/run_4/run_1/metrics.json", good);               // several in one process
  dir.write("runtime-a/c/run_4/run_2/metrics.json", good);
  dir.write("runtime-a/c/notes.txt", "no result");

  const std::string inner = dir.of("runtime-a/c/run_2/run_1/metrics.json");
  const std::vector<std::string> ways[] = {
      {dir.path()},
      {dir.path() + "/"},
      {dir.path(), dir.path() + "/./", dir.of("runtime-a")},             // overlapping
      {inner, dir.path()},
      {dir.of("runtime-a/c/run_2/metrics.json"), inner, dir.path()}};
  for (const auto& paths : ways) {
    CAPTURE(paths[0]);
    TrialSet set({});
    read(paths, set);
    std::string runs;
    for (const Trial* t : set.trials) {
      CHECK(t->runtime == "a");
      CHECK(t->config == "c");
      runs += std::to_string(int((*t)[Trial::run_number])) + " ";
    }
    CHECK(runs == "2 3 4 4 10 ");
    REQUIRE(set.skipped.size() == 2);
    CHECK(set.skipped[0].path.ends_with("runtime-a/c/run_10/metrics.json"));
    CHECK(set.skipped[0].why.starts_with("not JSON: "));
    CHECK(set.skipped[1].path.ends_with("runtime-a/c/run_3/run_1/metrics.json"));
    CHECK(set.skipped[1].why == "not what the folder above it has");
  }
}

TEST_CASE("nothing in a folder stops the rest") {
  const Folder dir;
  dir.write("b/run_1/metrics.json", Made{}.json());
  dir.write("a/empty.json", "");
  dir.write("a/blank.json", " \n");
  dir.write("a/foreign.json", "[1,2]");
  dir.write("a/large.json", "{}");
  fs::resize_file(dir.of("a/large.json"), (64u << 20) + 1);
  dir.write("a/.git/metrics.json", Made{}.json());
  dir.write("a/text.md", "x");
  fs::create_directory(dir.of("a/folder.json"));
  fs::create_symlink("loop.json", dir.of("a/loop.json"));
  fs::create_symlink("nothing", dir.of("a/nowhere.json"));
  fs::create_symlink("/dev/zero", dir.of("a/zero.json"));
  fs::create_symlink("nothing", dir.of("a/nowhere"));
  fs::create_directory_symlink("..", dir.of("a/up"));
  fs::create_symlink("../b/run_1/metrics.json", dir.of("a/same.json"));
  REQUIRE(mkfifo(dir.of("a/pipe.json").c_str(), 0600) == 0);
  std::string deep = "deep";
  for (int i = 0; i < 70; ++i) deep += "/d";
  dir.write(deep + "/metrics.json", Made{}.json());

  TrialSet set({});
  read({dir.path(), dir.of("gone"), std::string("a\0b", 3)}, set);
  REQUIRE(set.trials.size() == 1);
  std::vector<std::string> skipped;
  for (const agent::SkippedFile& s : set.skipped) {
    const bool below = s.path.starts_with(dir.path());
    skipped.push_back((below ? s.path.substr(dir.path().size() + 1) : "NUL") + ": " + s.why);
  }
  const std::vector<std::string> wanted = {
      "a/blank.json: empty",
      "a/empty.json: empty",
      "a/foreign.json: not a result: no summary.efficiency_percent",
      "a/large.json: larger than 64 MiB",
      "a/loop.json: cannot be read",
      "a/nowhere.json: not there",
      "a/pipe.json: not a regular file",
      "a/zero.json: not a regular file",
      "deep" + deep.substr(4, 128) + ": folders nested too deep",
      "gone: not there",
      "NUL: not a regular file"};
  REQUIRE(skipped.size() == wanted.size());
  for (size_t i = 0; i < skipped.size(); ++i) CHECK(skipped[i] == wanted[i]);
}

TEST_CASE("numbers in names count as numbers") {
  static constexpr const char* kSorted[] = {
      "", "a", "a1", "a1b", "a2", "a10", "a10b", "ab", "ctx512", "ctx1024", "ctx1024_x", "run_2/z",
      "run_10/a", "run_x"};
  for (size_t i = 0; i < std::size(kSorted); ++i) {
    for (size_t j = 0; j < std::size(kSorted); ++j) {
      CAPTURE(kSorted[i]);
      CAPTURE(kSorted[j]);
      const int order = compare_natural(kSorted[i], kSorted[j]);
      CHECK((order < 0) == (i < j));
      CHECK((order == 0) == (i == j));
    }
  }
}

TEST_CASE("TR115's first study") {
  const fs::path root = shared("tr115_v1");
  if (root.empty()) return;
  const std::string names[] = {"collector_ttft_ms"};
  TrialSet set(names);
  read({root.string()}, set);
  CHECK(set.skipped.empty());
  REQUIRE(set.trials.size() == 150);
  size_t cold = 0, contended = 0;
  for (size_t i = 0; i < set.trials.size(); ++i) {
    const Trial& t = *set.trials[i];
    CAPTURE(t.path);
    CHECK(t.schema == TrialSchema::upstream_v1);
    CHECK(t.path.find("runtime-" + t.runtime + "/" + t.config + "/run_") != t.path.npos);
    CHECK(t[Trial::run_number] == i % 5 + 1);
    CHECK(t[Trial::same_server] == 0);
    CHECK(t[Trial::same_host] == 1);
    CHECK(t[Trial::finished_s] > 1.7630e9);
    CHECK(t[Trial::finished_s] < 1.7634e9);
    CHECK(t.metric(0) > 0);
    REQUIRE(t.agents.size() == 2);
    contended += t[Trial::resource_contention_detected] == 1;
    CHECK((t[Trial::resource_contention_detected] == 1) == (t[Trial::concurrency_speedup] < 1.5));
    // Serialised, the agents' times add up; else the longer one is the wall time.
    if (t.runtime != "async-std") {
      CHECK(t[Trial::overhead_ms] > 0);
      CHECK(t[Trial::overhead_ms] < 20);
      CHECK(close(t[Trial::efficiency_percent] + t[Trial::imbalance_pp_of_wall] +
                  t[Trial::overhead_pp], 100));
    }
    // Cold were the first runs of four configurations, in every runtime.
    const bool first = t[Trial::run_number] == 1 && t.config != "chimera_homo_gpu80_ctx1024" &&
                       t.config != "chimera_homo_gpu80_ctx2048";
    CHECK(reason_words(t.reasons) == (first ? "cold" : ""));
    cold += first;
  }
  CHECK(cold == 20);
  CHECK(contended == 44);
  CHECK(set.trials[0]->runtime == "async-std");
  CHECK(set.trials[5]->config == "chimera_hetero_gpu80-100_ctx512-1024");
  CHECK(set.trials[10]->config == "chimera_homo_gpu80_ctx512");
  CHECK(set.trials[149]->config == "chimera_homo_gpu100_ctx512");
}

TEST_CASE("TR115's second study") {
  const fs::path root = shared("tr115_v2_samples");
  if (root.empty()) return;
  const std::string names[] = {"insight.result.llm_calls[1].metrics.tokens_generated"};
  TrialSet set(names);
  read({root.string()}, set);
  CHECK(set.skipped.empty());
  REQUIRE(set.trials.size() == 5);
  for (const Trial* t : set.trials) {
    CAPTURE(t->path);
    CHECK(t->schema == TrialSchema::upstream_v2);
    CHECK(t->config == "chimera_hetero_gpu80-100_ctx512-1024");
    CHECK((*t)[Trial::run_number] == 2);
    CHECK(t->reasons == 0);
    CHECK(t->metric(0) == t->agents[1].calls[1][TrialPart::tokens]);
    CHECK(t->agents[0].calls[1][TrialPart::text_bytes] > 2000);
  }
  CHECK((*set.trials[0])[Trial::efficiency_percent] == 49.995694013179445);
  CHECK((*set.trials[4])[Trial::efficiency_percent] == 99.4031783815078);
}
}
