// `-f html`: one page that needs nothing else. The answer first, then what it rests on.
#include <math.h>

#include <algorithm>

#include "chimera/base/time.hpp"
#include "report_parts.hpp"

namespace chimera::lab {
namespace {

constexpr std::string_view kPageStyle =
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--b);color:var(--f);font:16px/1.55 system-ui,-apple-system,"
    "'Segoe UI',Roboto,'DejaVu Sans',sans-serif;overflow-wrap:anywhere}"
    "main{max-width:1080px;margin:auto;padding:24px 16px 72px}"
    "h1{font-size:clamp(22px,3.6vw,32px);line-height:1.25;margin:6px 0 14px;max-width:30em;"
    "text-wrap:balance}"
    "h2{font-size:19px;margin:52px 0 6px}h3{font-size:15px;margin:14px 0 8px}"
    "p,li{max-width:48em}p{margin:8px 0}ul{margin:8px 0;padding-left:20px}li{margin:4px 0}"
    ".m{color:var(--m);font-size:14px}a{color:inherit}"
    ".t{overflow-x:auto;margin:14px 0}"
    "table{border-collapse:collapse;font-size:14px;line-height:1.3;"
    "font-variant-numeric:tabular-nums;overflow-wrap:normal}"
    "th,td{padding:7px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--l)}"
    "thead th{color:var(--m);font-weight:500}"
    "th:first-child{text-align:left;padding-left:0;position:sticky;left:0;background:var(--b);"
    "max-width:46vw;overflow:hidden;text-overflow:ellipsis}"
    ".s{text-align:left}.k svg{display:block;width:150px}.z{stroke-width:4;stroke-opacity:.7}"
    ".a{display:block;width:100%;margin:18px 0 4px}.y{padding-left:44px}"
    ".x{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));"
    "gap:8px 48px;align-items:end}"
    ".f{display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;margin:10px 0;list-style:none;"
    "color:var(--m);font-size:13px}.f li{display:flex;gap:7px;align-items:center;margin:0}"
    ".f svg{flex:none}pre{overflow-x:auto;background:color-mix(in srgb,var(--l) 40%,var(--b));"
    "padding:12px 14px;border-radius:6px;font-size:13px}"
    "summary{cursor:pointer;color:var(--m);font-size:14px;margin:10px 0}";

class Page {
 public:
  explicit Page(const StatsReport& r) : r_(r) {}
  std::string all();

 private:
  void head();
  void metric(const Analysis& a, bool first);
  void runs(const Analysis& a, const Scale& s);
  void configurations(const Analysis& a, const Scale& s);
  void losses(const Analysis& a);
  void sizes(const Analysis& a, const Scale& s);
  void order(const Analysis& a, const Scale& s);
  void tests(const Analysis& a, const Scale& s);
  void left_out(const Analysis& a);
  void reproduce(const Analysis& a);

  void section(const char* title, const char* words = "");
  void list(std::span<const std::string> sentences);
  template <class Chart>
  void chart(const Chart& c, const char* classes, std::string_view title,
             std::string_view words);
  // A line of series' marks and names.
  void series(const Analysis& a);

  const StatsReport& r_;
  std::string out_;
  int charts_ = 0;
};

void Page::section(const char* title, const char* words) {
  put(out_, "<h2>$</h2>", {title});
  if (words[0] != '\0') put(out_, "<p class='m'>$</p>", {words});
}

void Page::list(std::span<const std::string> sentences) {
  if (sentences.empty()) return;
  out_ += "<ul>";
  for (const std::string& s : sentences) put(out_, "<li>$</li>", {s});
  out_ += "</ul>";
}

template <class Chart>
void Page::chart(const Chart& c, const char* classes, std::string_view title,
                 std::string_view words) {
  ++charts_;
  put(out_,
      "<svg class='$' height='$' role='img' aria-labelledby='t$ d$'><title id='t$'>$</title>"
      "<desc id='d$'>$</desc>",
      {classes, height_of(c), charts_, charts_, charts_, title, charts_, words});
  draw(out_, c);
  out_ += "</svg>";
}

void Page::series(const Analysis& a) {
  out_ += "<ul class='f'>";
  const std::span<const Group> groups = a.compared();
  for (size_t i = 0; i < groups.size(); ++i)
    put(out_,
        "<li><svg width='12' height='12' viewBox='-6 -6 12 12' aria-hidden='true'>"
        "<use class='d c$' href='#s$'/></svg>$</li>",
        {colour_of(i), shape_of(i), short_name(groups[i])});
  out_ += "</ul>";
}

void Page::head() {
  const Analysis& a = *r_.analyses[0];
  put(out_,
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta name='viewport' content='width=device-width,initial-scale=1'><title>$</title><style>",
      {a.headline});
  out_ += kChartStyle;
  out_ += kPageStyle;
  out_ += "</style></head><body><svg width='0' height='0' style='position:absolute' "
          "aria-hidden='true'><defs>";
  out_ += kChartShapes;
  out_ += "</defs></svg><main>";
}

// The answer: headline, the first sentences, the ranking.
void Page::metric(const Analysis& a, bool first) {
  const Scale s(a);
  const char* const tag = first ? "h1" : "h2";
  put(out_, first ? "<p class='m'>$ \u00b7 $</p>" : "<hr><p class='m'>$ \u00b7 $</p>",
      {s.title, extent_words(a)});
  put(out_, "<$>$</$>", {tag, a.headline, tag});
  const std::span<const std::string> all(a.verdict);
  const size_t shown = std::min<size_t>(all.size(), 2);
  for (const std::string& sentence : all.first(shown)) put(out_, "<p>$</p>", {sentence});
  if (first && !a.warnings.empty())
    put(out_, "<p class='m'><a href='#warnings'>$ $ to read first</a></p>",
        {static_cast<double>(a.warnings.size()), a.warnings.size() == 1 ? "warning" : "warnings"});
  ranking_table(out_, a, s);
  if (all.size() > shown) {
    section("What can be said, and what cannot");
    list(all.subspan(shown));
  }
  runs(a, s);
  if (first && !r_.changes.empty()) {
    section("Against the baseline");
    changes_table(out_, r_.changes, s.decimals);
  }
  configurations(a, s);
  if (first) {
    losses(a);
    sizes(a, s);
  }
  order(a, s);
  tests(a, s);
}

void Page::runs(const Analysis& a, const Scale& s) {
  const std::vector<const Group*> groups = ranked(a.compared(), a.info.better);
  if (groups.empty()) return;
  const std::vector<Row> rows = rows_of(a, groups, s.decimals);
  const RowChart c{rows, s.axis, s.title};
  section("Every run");
  out_ += "<ul class='f'>";
  for (const Sign& sign : kSigns) {
    out_ += "<li><svg class='c0' width='26' height='14' viewBox='0 -7 26 14' aria-hidden='true'>";
    out_ += sign.drawing;
    put(out_, "</svg>$</li>", {sign.words});
  }
  out_ += "</ul>";
  chart(c, "a", s.title, spoken(c));
}

void Page::configurations(const Analysis& a, const Scale& s) {
  const std::span<const Group> configs = a.of(Level::config), cells = a.of(Level::cell);
  if (a.comparing != Level::runtime || configs.size() < 2) return;
  section("By configuration", "All on one axis. A dot is a run, the diamond the mean.");
  out_ += "<div class='x'>";
  for (const Group& config : configs) {
    std::vector<const Group*> groups;
    for (const Group& cell : cells)
      if (cell.config == config.config && cell.d.n > 0) groups.push_back(&cell);
    if (groups.empty()) continue;
    const std::vector<Row> rows = rows_of(a, groups, s.decimals);
    const RowChart c{rows, s.axis, s.title, false};
    put(out_, "<div><h3>$</h3>", {short_name(config)});
    chart(c, "a", short_name(config), spoken(c));
    out_ += "</div>";
  }
  out_ += "</div><details><summary>All figures, of each group, configuration and cell</summary>";
  std::vector<const Group*> all;
  for (const Group& g : a.groups)
    if (g.d.n > 0) all.push_back(&g);
  figures_table(out_, all, s.decimals);
  out_ += "</details>";
}

void Page::losses(const Analysis& a) {
  std::vector<const Group*> groups;
  std::vector<Bar> bars;
  double most = 0;
  for (const Group* g : ranked(a.compared(), a.info.better)) {
    const double imbalance = g->means[Trial::imbalance_pp_of_wall];
    const double overhead = g->means[Trial::overhead_pp];
    if (isnan(imbalance) || isnan(overhead)) continue;
    groups.push_back(g);
    Bar& bar = bars.emplace_back();
    bar.name = short_name(*g);
    put(bar.note, "$ + $ pp", {{imbalance, 2}, {overhead, 3}});
    bar.parts[0] = imbalance;
    bar.parts[1] = overhead;
    const double waited =
        g->means[Trial::efficiency_percent] * g->means[Trial::contention_percent] / 100;
    bar.marked = isnan(waited) ? 0 : waited;
    most = std::max({most, imbalance + overhead, bar.marked});
  }
  if (bars.empty()) return;
  section("What the efficiency loses",
          "Of 100 points: imbalance is what a shorter answer left unused (the model's doing), "
          "overhead what starting and joining the agents cost (the runtime's doing). The line "
          "below a bar is contention: points of the efficiency that were waiting for a worker.");
  out_ += "<ul class='f'>";
  int colour = 0;
  for (const char* name : {"imbalance", "overhead", "", "contention"}) {
    if (name[0] != '\0')
      put(out_,
          "<li><svg width='12' height='12' aria-hidden='true'><rect class='r c$' width='12' "
          "height='12'/></svg>$</li>",
          {colour, name});
    ++colour;
  }
  out_ += "</ul>";
  const BarChart c{bars, Axis(0, most), "points lost of 100"};
  std::string words;
  for (const Bar& b : bars) put(words, "$: $. ", {b.name, b.note});
  chart(c, "a", "Imbalance and overhead", words);
  loss_table(out_, groups);
}

// Of the groups, how many have the number, and whether it tells them apart.
bool tells_apart(std::span<const Group* const> groups, Trial::Number n) {
  double least = INFINITY, greatest = -INFINITY;
  for (const Group* g : groups) {
    const double v = g->means[n];
    if (isnan(v)) continue;
    least = std::min(least, v);
    greatest = std::max(greatest, v);
  }
  return least < greatest;
}

void Page::sizes(const Analysis& a, const Scale& s) {
  const std::vector<const Group*> groups = ranked(a.compared(), a.info.better);
  if (groups.empty()) return;
  const bool disk = tells_apart(groups, Trial::binary_bytes);
  const bool memory = tells_apart(groups, Trial::max_rss_kib);
  const Trial::Number size = disk ? Trial::binary_bytes : Trial::max_rss_kib;
  section("Size against consistency",
          disk     ? "Down and left is better: a small binary, a small spread. The dashed line "
                     "joins those that no other beats in both."
          : memory ? "All ran in binaries of one size, or of none that is recorded, so the size is "
                     "that in memory. Down and left is better; the dashed line joins those that no "
                     "other beats in both."
                   : "No chart: these files record neither binaries of different sizes nor "
                     "different use of memory.");
  if (disk || memory) {
    bool relative = true;
    for (const Group* g : groups) relative &= g->d.n < 2 || (g->d.min > 0 && g->d.n > 1);
    std::vector<Point> points;
    std::vector<double> xs, ys;
    for (const Group* g : groups) {
      Point& p = points.emplace_back();
      p.x = g->means[size] / (disk ? 1000 : 1024);
      p.y = relative ? g->d.cv_percent : g->d.sd;
      p.series = static_cast<size_t>(g - a.compared().data());
      p.label = short_name(*g);
      xs.push_back(p.x);
      ys.push_back(p.y);
    }
    const double few = static_cast<double>(points.size());
    PointChart c{points, focused_axis(xs), focused_axis(ys),
                 disk ? "binary on disk, kB" : "max RSS, MiB", relative ? "CV, %" : "SD"};
    c.height = std::max(c.height, few * kLabelHeight * 1.3);
    c.frontier = true;
    std::string words;
    for (const Point& p : points) put(words, "$: $, $. ", {p.label, p.x, p.y});
    chart(c, "a y", "Size against consistency", words);
  }
  if (disk || memory) resources_table(out_, groups, s.decimals);
}

void point_tip(std::string& out, const void* of) {
  const Trial& t = *static_cast<const Trial*>(of);
  put(out, "$ / $, run $", {t.runtime, t.config, {t[Trial::run_number], 0}});
}

void Page::order(const Analysis& a, const Scale& s) {
  double first = INFINITY, last = -INFINITY;
  std::vector<Point> points;
  const std::span<const Group> groups = a.compared();
  for (size_t i = 0; i < groups.size(); ++i) {
    for (size_t k = 0; k < groups[i].trials.size(); ++k) {
      const Trial* t = groups[i].trials[k];
      const double at = (*t)[Trial::finished_s];
      if (isnan(at)) continue;
      points.push_back({at, groups[i].value(k), i, "", t});
      first = std::min(first, at);
      last = std::max(last, at);
    }
  }
  if (!(first < last)) return;
  const double unit = last - first > 3 * 86400 ? 86400 : last - first > 3 * 3600 ? 3600 : 60;
  for (Point& p : points) p.x = (p.x - first) / unit;
  std::string title(unit > 3600 ? "days" : unit > 60 ? "hours" : "minutes");
  title += " after ";
  append_utc_seconds(title, static_cast<int64_t>(first));
  section("In the order of time",
          "When each run ended. Runtimes that ran one after the other cannot be told from the time "
          "of day; a slope is drift of machine or model.");
  series(a);
  const PointChart c{points, Axis(0, (last - first) / unit), s.axis, title, s.title,
                     240, false, point_tip};
  chart(c, "a y", "Runs in the order of time", extent_words(a));
}

void overall(std::string& out, const char* name, const TestResult& all, const TestResult& working) {
  if (isnan(all.p)) return;
  put(out, "<li>$: p $", {name, p_words(all.p)});
  if (!isnan(working.p) && (working.p < all.p || working.p > all.p))
    put(out, "; of those that do not work one agent after the other, p $", {p_words(working.p)});
  out += "</li>";
}

void Page::tests(const Analysis& a, const Scale& s) {
  if (a.pairs.empty()) return;
  section("Tests",
          "p values of pairs are Holm's, for all pairs; bold is under 0.05. Detectable is the "
          "smallest difference of means that so many runs would find in four cases of five.");
  out_ += "<ul>";
  overall(out_, "Does any tend to be larger (Kruskal-Wallis)", a.kruskal_wallis,
          a.working_kruskal_wallis);
  overall(out_, "Does the spread differ (Brown-Forsythe)", a.brown_forsythe,
          a.working_brown_forsythe);
  out_ += "</ul>";
  const bool many = a.pairs.size() > 30;
  if (many) out_ += "<details><summary>All pairs</summary>";
  tests_table(out_, a, s.decimals);
  if (many) out_ += "</details>";
}

void Page::left_out(const Analysis& a) {
  out_ += "<section id='warnings'>";
  section("Warnings");
  if (a.warnings.empty()) out_ += "<p>None.</p>";
  list(a.warnings);
  out_ += "</section>";
  if (!a.excluded.empty()) {
    section("Runs left out");
    excluded_table(out_, a);
  }
  if (!r_.set.skipped.empty()) {
    section("Files skipped");
    skipped_table(out_, r_.set);
  }
}

void Page::reproduce(const Analysis& a) {
  section("To see this again");
  put(out_, "<pre>$</pre>", {r_.command});
  put(out_, "<p class='m'>chimera $; $; percentiles $; bootstrap seed $.</p>",
      {r_.version, extent_words(a),
       a.settings.percentiles == Percentiles::kIndex ? "by index" : "linear",
       static_cast<double>(a.settings.seed)});
}

std::string Page::all() {
  head();
  for (const Own<Analysis>& a : r_.analyses) metric(*a, &a == r_.analyses.data());
  const Analysis& a = *r_.analyses[0];
  left_out(a);
  reproduce(a);
  out_ += "</main></body></html>\n";
  return std::move(out_);
}

}  // namespace

std::string stats_html(const StatsReport& r) { return Page(r).all(); }

}  // namespace chimera::lab
