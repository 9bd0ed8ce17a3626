#include "chimera/lab/stats_report.hpp"

#include "chimera/wire/csv.hpp"
#include "tests/lab/analysis_fixture.hpp"

using namespace chimera_test;

namespace {

// Two runtimes with what a file can hold against a reader: markup, escapes, formulas.
struct Report {
  TrialSet set{kEfficiency};
  Own<Analysis> analysis;
  std::vector<Change> changes;

  explicit Report(const char* name = "a", int n = 6) {
    for (int i = 0; i < n; ++i) {
      MadeTrial t;
      t.run = i + 1;
      t.runtime = name;
      t.efficiency = 90 + i;
      t.add_to(set);
      t.runtime = "z";
      t.config = "other";
      t.calls[0].load_ms = i == 0 ? 3000 : 1;
      t.add_to(set);
    }
    set.skipped.push_back(
        {"x/broken.json", "not JSON: expected a value at byte 0", Errc::bad_input});
    analysis = analyse(set, {});
    changes = compare(*analysis, *analysis);
  }
  StatsReport view() {
    return {.set = set,
            .analyses = std::span(&analysis, 1),
            .changes = changes,
            .command = "chimera stats x",
            .version = "1"};
  }
};

constexpr const char* kNasty = "<b>|x|\x1b[31m\"=1+1";

}  // namespace

TEST_CASE("JSON has the contract's keys, and null for what cannot be said") {
  Report r;
  const Flat j = flatten(stats_json(r.view()));
  CHECK(j.text(".schema") == "chimera.stats/1");
  CHECK(j.text(".metric") == "efficiency_percent");
  CHECK(j.text(".percentile") == "linear");
  CHECK(j.text(".files") == "12");
  CHECK(j.text(".skipped[0].path") == "x/broken.json");
  CHECK(j.text(".skipped[0].why") == "not JSON: expected a value at byte 0");
  for (const char* key : {"n", "mean", "sd", "cv_percent", "min", "p5", "p25", "p50", "p75", "p95",
                          "max", "contention_runs", "excluded"}) {
    CAPTURE(key);
    CHECK(j.at.count(std::string(".groups[0].") + key) == 1);
  }
  CHECK(j.text(".groups[0].runtime") == "a");
  CHECK(j.text(".groups[0].config") == "null");
  CHECK(j.text(".groups[2].runtime") == "null");
  CHECK(j.text(".groups[2].config") == "c");
  CHECK(j.text(".groups[4].runtime") == "a");
  CHECK(j.text(".groups[4].config") == "c");
  CHECK(j.text(".groups[0].n") == "6");
  CHECK(j.text(".groups[0].mean") == "92.5");
  CHECK(j.at.count(".groups[0].ci95[1]") == 1);
  CHECK(j.text(".groups[0].resources.max_rss_kib") == "null");
  const char* kinds[] = {"welch_t", "mann_whitney", "brown_forsythe", "kruskal_wallis",
                         "brown_forsythe"};
  for (size_t i = 0; i < 5; ++i) {
    const std::string test = ".tests[" + std::to_string(i) + "].";
    CAPTURE(test);
    CHECK(j.text(test + "kind") == kinds[i]);
    CHECK(j.text(test + "a") == (i < 3 ? "a" : "null"));
    CHECK(j.text(test + "b") == (i < 3 ? "z" : "null"));
    for (const char* key : {"statistic", "df", "p", "p_holm", "effect"}) {
      CHECK(j.at.count(test + key) == 1);
    }
  }
  CHECK(j.text(".other.clean") == "true");
  CHECK(j.text(".other.excluded[0].why") == "cold");
  CHECK(j.text(".changes[0].group") == "a");
  CHECK(j.text(".changes[0].regressed") == "false");
}

TEST_CASE("CSV is a row a group, with a head") {
  Report r(kNasty);
  const std::string text = stats_csv(r.view());
  wire::CsvReader in(text);
  std::vector<wire::CsvField> row;
  std::string scratch;
  size_t rows = 0, columns = 0;
  while (in.next(row).value_or(false)) {
    if (rows == 0) columns = row.size();
    CHECK(row.size() == columns);
    if (rows == 1) CHECK(row[1].text(scratch) == kNasty);
    ++rows;
  }
  CHECK(columns == 3 + kFigures);
  CHECK(rows == 7);
  CHECK(stats_csv(Report("=cmd").view()).find(",\"'=cmd\",") != std::string::npos);
}

TEST_CASE("no byte from a file reaches a terminal or a page as it is") {
  Report r(kNasty);
  const std::string text = stats_text(r.view()), page = stats_markdown(r.view());
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(page.find('\x1b') == std::string::npos);
  CHECK(text.find("\\x1b[31m") != std::string::npos);
  CHECK(page.find("\\<b>\\|x\\|") != std::string::npos);
  CHECK(wire::check_json(stats_json(r.view())));
}

TEST_CASE("a row of every table, cell by cell") {
  Report r;
  const std::string page = stats_markdown(r.view());
  for (const char* row : {
           "| a       | 6 | 92.50 | 90.54 to 94.46 | 1.87 | 1.22 to 2.58 | 2.02 "
           "|     0 |        0 |",
           "| a       | 90.00 | 90.25 | 91.25 | 92.50 | 93.75 | 94.75 | 95.00 | 1.32 to 2.79 |",
           "| a | z |       0.00 | -2.41 to 2.41 |   1.000 |        1.000 "
           "|          1.000 |     0.00 |        0.00 |       3.36 |",
           "| a       |        92.50 |         2.00 |      0.0100 |        1.00 | 99.99 |  10.00 |",
           "| c             | 6 | 92.50 | 1.87 | 2.02 | 90.00 | 92.50 | 95.00 |",
           "| a    |  92.50 | 92.50 |       0.00 | -2.41 to 2.41 |      = 1.000 "
           "| no difference shown |"}) {
    CAPTURE(std::string(row));
    CHECK(page.find(std::string("\n") + row + "\n") != page.npos);
  }
}

TEST_CASE("Markdown tables have as many cells in every row") {
  Report r(kNasty);
  const std::string page = stats_markdown(r.view());
  std::string_view rest = page, line;
  size_t bars = 0, tables = 0;
  while (next_line(rest, line)) {
    size_t n = 0;
    for (size_t i = 0; i < line.size(); ++i) n += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    if (!line.starts_with("|")) n = 0;
    CAPTURE(line);
    if (bars != 0 && n != 0) CHECK(n == bars);
    tables += bars == 0 && n != 0;
    bars = n;
  }
  CHECK(tables >= 7);
  CHECK(page.starts_with("# efficiency"));
}

TEST_CASE("text keeps to the width of the terminal, but for tables and long words") {
  Report r;
  for (const size_t columns : {60u, 80u, 120u}) {
    StatsReport view = r.view();
    view.columns = columns;
    const std::string text = stats_text(view);
    std::string_view rest = text, line;
    while (next_line(rest, line)) {
      if (line.starts_with("- ") || line.starts_with("  ")) CHECK(line.size() <= columns);
    }
  }
}

// Sums overflow, squares are infinite, agents took no time: JSON has numbers and null only.
TEST_CASE("numbers at the end of the range") {
  TrialSet set(kEfficiency);
  for (int i = 0; i < 12; ++i) {
    MadeTrial t;
    t.run = i + 1;
    t.runtime = i % 2 == 0 ? "a" : "b";
    t.efficiency = i % 3 == 0 ? 1e308 : i % 3 == 1 ? -1e308 : 5e-324;
    t.seconds[i % 2] = i % 4 == 0 ? 0 : 1e308;
    t.wall = i % 5 == 0 ? 0 : 1e-300;
    t.calls[1].tokens = 1e300;
    t.add_to(set);
  }
  const Own<Analysis> a = analyse(set, {});
  const StatsReport r{.set = set,
                      .analyses = std::span(&a, 1),
                      .changes = {},
                      .command = "c",
                      .version = "1"};
  CHECK(wire::check_json(stats_json(r)));
  CHECK(stats_text(r).find("nan") == std::string::npos);
}

TEST_CASE("no runs: every writer has something to write") {
  TrialSet set(kEfficiency);
  const Own<Analysis> none = analyse(set, {});
  const StatsReport r{
      .set = set, .analyses = std::span(&none, 1), .changes = {}, .command = "c", .version = "1"};
  CHECK(wire::check_json(stats_json(r)));
  CHECK(stats_text(r).find("no run has a value") != std::string::npos);
  CHECK(stats_markdown(r).size() > 40);
  CHECK(stats_csv(r).find('\n') == stats_csv(r).size() - 1);
}
