#include <cmath>

#include "tests/check.hpp"
#include "tests/lab/analysis_fixture.hpp"

using namespace chimera;
using namespace chimera::lab;
using namespace chimera_test;

namespace {

struct Reports {
  std::string html, svg;
};

Reports reports_of(const TrialSet& set) {
  std::vector<Own<Analysis>> analyses;
  for (size_t i = 0; i < set.metrics.size(); ++i) {
    AnalysisSettings settings;
    settings.metric = i;
    analyses.push_back(analyse(set, settings));
  }
  const StatsReport r{set, analyses, {}, "chimera stats 'a<b>'", "1.2.3"};
  return {stats_html(r), stats_svg(r)};
}

// What is wrong with the nesting of elements, "" when nothing is. Those of a table may end without
// saying so.
std::string misnested(std::string_view text) {
  std::vector<std::string_view> open;
  for (size_t at = 0; (at = text.find('<', at)) != std::string_view::npos; ++at) {
    const size_t end = text.find('>', at);
    if (end == std::string_view::npos) return "no end";
    const std::string_view tag = text.substr(at + 1, end - at - 1);
    const bool closes = tag.starts_with('/'), whole = tag.ends_with('/');
    const std::string_view name = tag.substr(closes, tag.find_first_of(" /", 1) - closes);
    bool counts = !whole && name != "!doctype" && name != "meta";
    for (const char* optional : {"thead", "tbody", "tr", "th", "td"}) counts &= name != optional;
    if (!counts) continue;
    if (!closes) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return std::string(tag);
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "open: " + std::string(open.back());
}

}  // namespace

TEST_CASE("reports of few, odd and no runs are whole documents") {
  struct Case {
    const char* name;
    std::vector<MadeTrial> trials;
  };
  const MadeTrial a{.runtime = "a"}, b{.runtime = "b", .run = 2, .efficiency = 97};
  MadeTrial again = a, third = b, below = a, huge = b;
  again.run = 2;
  third.run = 3;
  below.efficiency = -5;
  below.run = 3;
  huge.efficiency = 1e18;
  huge.run = 4;
  const Case cases[] = {{"none", {}},
                        {"one run", {a}},
                        {"two groups of one", {a, b}},
                        {"all equal", {a, again}},
                        {"two and two", {a, again, b, third}},
                        {"negative", {a, again, below, b}},
                        {"huge range", {a, again, b, third, huge}}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    TrialSet set(kEfficiency);
    for (const MadeTrial& t : c.trials) t.add_to(set);
    const Reports r = reports_of(set);
    CHECK(misnested(r.html) == "");
    CHECK(misnested(r.svg) == "");
    CHECK(r.html.starts_with("<!doctype html>"));
    CHECK(r.html.ends_with("</html>\n"));
    CHECK(r.svg.starts_with("<svg "));
    for (const char* bad : {"nan", "inf", "%c", "%e", "%s", "%v"}) {
      CAPTURE(bad);
      CHECK(r.svg.substr(r.svg.find("</desc>")).find(bad) == std::string::npos);
    }
  }
}

TEST_CASE("names from outside are text in reports") {
  const std::string bad = "<script>alert('x')&\"\x01\xff";
  TrialSet set(kEfficiency);
  for (int k = 1; k < 4; ++k) {
    MadeTrial t{.runtime = bad, .config = bad, .run = k, .efficiency = 95.0 + k};
    t.add_to(set);
    t.runtime = "fine";
    t.config = "other";
    t.add_to(set);
  }
  set.skipped.push_back({"<img src=x>", "<b>why</b>", Errc::bad_input});
  const Reports r = reports_of(set);
  for (const std::string& text : {r.html, r.svg}) {
    CHECK(text.find("<script") == std::string::npos);
    CHECK(text.find("<img") == std::string::npos);
    CHECK(text.find("<b>why") == std::string::npos);
    CHECK(text.find('\x01') == std::string::npos);
    CHECK(text.find('\xff') == std::string::npos);
    CHECK(misnested(text) == "");
  }
  CHECK(r.html.find("&lt;script&gt;alert(&#39;x&#39;)&amp;&quot;\\x01\\xff") != std::string::npos);
  CHECK(r.html.find("<pre>chimera stats &#39;a&lt;b&gt;&#39;</pre>") != std::string::npos);
}

TEST_CASE("the page answers first and has every part that the data carry") {
  TrialSet set(kEfficiency);
  for (int k = 1; k <= 5; ++k) {
    for (const char* runtime : {"fast", "slow"}) {
      for (const char* config : {"one", "two"}) {
        MadeTrial t{.runtime = runtime, .config = config, .run = k};
        t.efficiency = (runtime[0] == 'f' ? 98.0 : 90.0) + 0.1 * k;
        t.stamp = "2025-11-15T19:0" + std::to_string(k) + ":00Z";
        t.more = std::string(",\"chimera\":{\"schema\":\"chimera.trial/1\",\"binary_bytes\":") +
                 (runtime[0] == 'f' ? "200000" : "300000") + ",\"max_rss_kib\":900}";
        t.add_to(set);
      }
    }
  }
  const Reports r = reports_of(set);
  size_t at = 0;
  for (const char* part :
       {"<h1>", "differs from", "Every run", "By configuration", "What the efficiency loses",
        "Size against consistency", "binary on disk, kB", "In the order of time",
        "minutes after 2025-11-15 19:01:00 UTC", "Tests", "Welch t", "Warnings", "<pre>"}) {
    CAPTURE(part);
    const size_t found = r.html.find(part, at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
  // Best first, and each differs from the other.
  const size_t table = r.html.find("<th scope='row'>fast");
  CHECK(table < r.html.find("<th scope='row'>slow"));
  // A dot a run in the chart of all, and one in its configuration's; a mark in that of time.
  size_t circles = 0, marks = 0;
  for (size_t i = 0; (i = r.html.find("<circle cx='13'", i)) != std::string::npos; ++i) --circles;
  for (size_t i = 0; (i = r.html.find("<circle", i)) != std::string::npos; ++i) ++circles;
  for (size_t i = 0; (i = r.html.find("<title>fast / one, run 3</title>", i)) != std::string::npos;
       ++i)
    ++marks;
  CHECK(circles == 40);
  CHECK(marks == 1);
  CHECK(r.html.find("<title>fast / one, run 3: 98.3</title>") != std::string::npos);
  CHECK(r.html.find("http") == r.html.npos);
  CHECK(r.svg.find("20 runs of 2 runtimes in 2 configurations") != std::string::npos);
}

TEST_CASE("a second metric has its own headline, table and chart") {
  TrialSet set(std::vector<std::string>{"efficiency_percent", "concurrent_wall_time_s"});
  for (int k = 1; k <= 4; ++k) {
    MadeTrial t{.runtime = k % 2 != 0 ? "a" : "b", .run = k, .efficiency = 90.0 + k};
    t.wall = 10 + k;
    t.add_to(set);
  }
  const Reports r = reports_of(set);
  CHECK(misnested(r.html) == "");
  CHECK(r.html.find("<h1>") != std::string::npos);
  CHECK(r.html.find("concurrent_wall_time_s, s") != std::string::npos);
  size_t charts = 0;
  for (size_t i = 0; (i = r.html.find("Every run</h2>", i)) != std::string::npos; ++i) ++charts;
  CHECK(charts == 2);
}
