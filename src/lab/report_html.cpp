// `-f html`: one page that needs nothing else. The answer first, then what it rests on.
#include <math.h>

#include <algorithm>

#include "chimera/base/time.hpp"
#include "report_parts.hpp"
#include "stats_document.hpp"

namespace chimera::lab {
namespace {

constexpr const char kPageStyle[] =
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--b);color:var(--f);font:16px/1.55 system-ui,-apple-system,"
    "'Segoe UI',Roboto,'DejaVu Sans',sans-serif;overflow-wrap:anywhere}"
    "main{max-width:1080px;margin:auto;padding:24px 16px 72px}"
    "h1{font-size:clamp(21px,3.4vw,29px);line-height:1.25;margin:6px 0 14px;max-width:30em;"
    "text-wrap:balance}"
    "h2{font-size:19px;margin:48px 0 6px}h3{font-size:15px;margin:14px 0 8px}"
    "p,li{max-width:48em}p{margin:8px 0}ul{margin:8px 0;padding-left:20px}li{margin:4px 0}"
    ".m,summary{color:var(--m);font-size:14px}a{color:inherit}summary{cursor:pointer;margin:10px 0}"
    ".t{overflow-x:auto;margin:14px 0}"
    "table{border-collapse:collapse;font-size:14px;line-height:1.3;"
    "font-variant-numeric:tabular-nums;overflow-wrap:normal}"
    "th,td{padding:7px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--l)}"
    "thead th{color:var(--m);font-weight:500}[scope=row]{text-align:left}"
    "th:first-child{text-align:left;padding-left:0;position:sticky;left:0;background:var(--b);"
    "max-width:46vw;overflow:hidden;text-overflow:ellipsis}"
    "main>.t:first-of-type td:nth-child(2){font-weight:600}"
    "td svg{display:block;width:150px;height:18px}.z{stroke-width:4;stroke-opacity:.7}"
    ".a{display:block;width:100%;margin:18px 0 4px}.y{padding-left:44px}"
    ".x{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));"
    "gap:8px 48px;align-items:end}"
    ".f{display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;margin:10px 0;list-style:none;"
    "color:var(--m);font-size:13px}.f li{display:flex;gap:7px;align-items:center;margin:0}"
    ".f svg{flex:none}pre{overflow-x:auto;background:color-mix(in srgb,var(--l) 40%,var(--b));"
    "padding:12px 14px;border-radius:6px;font-size:13px}";

constexpr const char* kKey =
    "<li><svg width='12' height='12' viewBox='-6 -6 12 12' aria-hidden='true'>"
    "<use class='d c%c' href='#s%c'/></svg>%e</li>";

class Page {
 public:
  explicit Page(const StatsReport& r) : r_(r) {}
  std::string all();

 private:
  std::string& out() { return d_.markup(); }
  void head();
  void metric(const Analysis& a, bool first);
  void ranking(const Analysis& a);
  void runs(const Analysis& a);
  void configurations(const Analysis& a);
  void losses(const Analysis& a);
  void sizes(const Analysis& a);
  void order(const Analysis& a);
  void tests(const Analysis& a);

  void section(const char* title, const char* words);
  void open_chart(const char* classes, double height, std::string_view title,
                  std::string_view words);
  void point_chart(const PointChart& c, std::string_view title, std::string_view words);
  void row_chart(const RowChart& c, std::string_view title);

  const StatsReport& r_;
  Document d_{Document::html, 0};
  int charts_ = 0;
};

void Page::section(const char* title, const char* words) {
  d_.heading(title, {});
  if (*words != 0) say(out(), "<p class='m'>%s</p>", {words});
}

void Page::open_chart(const char* classes, double height, std::string_view title,
                      std::string_view words) {
  ++charts_;
  say(out(),
      "<svg class='%s' height='%c' role='img' aria-labelledby='t%c d%c'><title id='t%c'>%e</title>"
      "<desc id='d%c'>%e</desc>",
      {classes, height, charts_, charts_, charts_, title, charts_, words});
}

void Page::row_chart(const RowChart& c, std::string_view title) {
  open_chart("a", height_of(c), title, spoken(c.rows));
  draw(out(), c);
  out() += "</svg>";
}

void Page::point_chart(const PointChart& c, std::string_view title, std::string_view words) {
  open_chart("a y", height_of(c), title, words);
  draw(out(), c);
  out() += "</svg>";
}

void Page::head() {
  say(out(),
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta name='viewport' content='width=device-width,initial-scale=1'><title>%e</title>"
      "<style>%s%s</style></head><body><svg width='0' height='0' style='position:absolute' "
      "aria-hidden='true'><defs>%s</defs></svg><main>",
      {r_.analyses[0]->headline, kChartStyle, kPageStyle, kChartShapes});
}

// The answer: headline, the first sentences, the ranking. Then what it rests on.
void Page::metric(const Analysis& a, bool first) {
  const char* const tag = first ? "h1" : "h2";
  say(out(), "<p class='m'>%e \u00b7 %e</p><%s>%e</%s>",
      {title_of(a), extent_of(a), tag, a.headline, tag});
  const std::span<const std::string> all(a.verdict);
  const size_t shown = std::min<size_t>(all.size(), 2);
  for (const std::string& sentence : all.first(shown)) d_.paragraph(sentence);
  if (!a.warnings.empty())
    say(out(), "<p class='m'><a href='#w'>%d warning%s to read first</a></p>",
        {a.warnings.size(), a.warnings.size() == 1 ? "" : "s"});
  ranking(a);
  sentences(d_, "What can be said, and what cannot", all.subspan(shown));
  runs(a);
  if (first) changes_table(d_, r_.changes);
  configurations(a);
  if (first) losses(a);
  if (first) sizes(a);
  order(a);
  tests(a);
  out() += first ? "<div id='w'>" : "<div>";
  sentences(d_, "Warnings", a.warnings);
  left_out(d_, a);
  out() += "</div>";
}

// --- ranking ------------------------------------------------------------------------------------

// Names of the groups whose means differ from that of compared group `at`.
std::string differs_from(const Analysis& a, uint32_t at) {
  std::string names;
  size_t tested = 0, differing = 0;
  for (const Pair& p : a.pairs) {
    if ((p.a != at && p.b != at) || isnan(p.p_holm[Pair::welch_t])) continue;
    ++tested;
    if (!(p.p_holm[Pair::welch_t] < kAlpha)) continue;
    ++differing;
    say(names, differing > 1 ? ", %s" : "%s", {short_name(a.compared()[p.a == at ? p.b : p.a])});
  }
  if (tested == 0) return "-";
  if (differing == 0) return "none";
  if (differing == tested) return "all others";
  if (differing < 3) return names;
  names.clear();
  say(names, "%d of %d", {differing, tested});
  return names;
}

// The mean and its interval, on an axis that holds most intervals.
void spark(std::string& out, const Group& g, const Axis& axis, int colour) {
  const auto x = [&](double v) { return axis.at(v); };
  say(out,
      "<svg class='c%c' aria-hidden='true'><path class='g' d='M0 9h150'/>"
      "<line class='w z' x1='%c%' x2='%c%' y1='9' y2='9'/>",
      {colour, x(g.mean_ci.low), x(g.mean_ci.high)});
  if (axis.holds(g.d.mean)) say(out, "<use class='v' href='#s3' x='%c%' y='9'/>", {x(g.d.mean)});
  else say(out, "<text x='%c' y='13'>%s</text>", {x(g.d.mean) * 1.4, x(g.d.mean) > 0 ? "\u25b8" : "\u25c2"});
  out += "</svg>";
}

Axis interval_axis(std::span<const Group* const> groups) {
  std::vector<double> ends;
  for (const Group* g : groups)
    for (const double end : {g->d.mean, g->mean_ci.low, g->mean_ci.high}) ends.push_back(end);
  return focused_axis(ends);
}

void Page::ranking(const Analysis& a) {
  const std::vector<const Group*> groups = ranked(a);
  if (groups.empty()) return;
  const Axis axis = interval_axis(groups);
  d_.begin_table(11, 1, 3);
  for (const char* head : {"", "mean", "95 %", "", "differs from", "SD", "CV %", "min", "P50", "max",
                           "n"})
    d_.cell() = head;
  for (const Group* g : groups) {
    const auto at = static_cast<uint32_t>(g - a.compared().data());
    d_.cell() = short_name(*g);
    d_.number(g->d.mean);
    d_.interval(g->mean_ci.low, g->mean_ci.high);
    spark(d_.cell(), *g, axis, colour_of(at));
    d_.cell() = differs_from(a, at);
    for (const double v : {g->d.sd, g->d.cv_percent, g->d.min, g->d.p50, g->d.max}) d_.number(v);
    d_.count(static_cast<double>(g->d.n));
  }
  d_.end_table();
}

// --- runs ---------------------------------------------------------------------------------------

void Page::runs(const Analysis& a) {
  const std::vector<Row> rows = rows_of(a, ranked(a));
  if (rows.empty()) return;
  section("Every run", "");
  out() += "<ul class='f'>";
  for (const Sign& sign : kSigns)
    say(out(),
        "<li><svg class='c0' width='26' height='14' viewBox='0 -7 26 14' aria-hidden='true'>%s"
        "</svg>%s</li>",
        {sign.drawing, sign.words});
  out() += "</ul>";
  const std::string title = title_of(a);
  row_chart({rows, axis_of(a), title}, title);
}

void Page::configurations(const Analysis& a) {
  if (a.comparing == Level::runtime && a.count[1] > 1) {
    const std::string title = title_of(a);
    section("By configuration", "All on one axis. A dot is a run, the diamond the mean.");
    out() += "<div class='x'>";
    for (const Group& config : a.of(Level::config)) {
      std::vector<const Group*> groups;
      for (const Group& cell : a.of(Level::cell))
        if (cell.config == config.config && cell.d.n > 0) groups.push_back(&cell);
      if (groups.empty()) continue;
      say(out(), "<div><h3>%e</h3>", {short_name(config)});
      const std::vector<Row> rows = rows_of(a, groups);
      row_chart({rows, axis_of(a), title, false}, short_name(config));
      out() += "</div>";
    }
    out() += "</div>";
  }
  out() += "<details><summary>All figures, of each runtime, configuration and cell</summary>";
  level_tables(d_, a);
  cell_tables(d_, a);
  out() += "</details>";
}

void Page::losses(const Analysis& a) {
  std::vector<Bar> bars;
  double most = 0;
  std::string words;
  for (const Group* g : ranked(a)) {
    Bar bar;
    bar.name = short_name(*g);
    bar.parts[0] = g->means[Trial::imbalance_pp_of_wall];
    bar.parts[1] = g->means[Trial::overhead_pp];
    if (isnan(bar.parts[0]) || isnan(bar.parts[1])) continue;
    say(bar.note, "%v + %v pp", {bar.parts[0], bar.parts[1]});
    const double waited =
        g->means[Trial::efficiency_percent] * g->means[Trial::contention_percent] / 100;
    bar.marked = waited > 0 ? waited : 0;
    most = std::max({most, bar.parts[0] + bar.parts[1], bar.marked});
    say(words, "%s: %s. ", {bar.name, bar.note});
    bars.push_back(bar);
  }
  if (bars.empty()) return;
  section("What the efficiency loses",
          "Of 100 points: imbalance is what a shorter answer left unused (the model's doing), "
          "overhead what starting and joining the agents cost (the runtime's doing). The line "
          "below a bar is contention: points of the efficiency in which a ready agent waited.");
  out() += "<ul class='f'>";
  for (const auto& [colour, name] : {std::pair{0, "imbalance"}, {1, "overhead"}, {3, "contention"}})
    say(out(), kKey, {colour, 1, name});
  out() += "</ul>";
  const BarChart c{bars, Axis(0, most), "points lost of 100"};
  open_chart("a", height_of(c), "Imbalance and overhead", words);
  draw(out(), c);
  out() += "</svg>";
  loss_table(d_, a);
}

// --- size and time ------------------------------------------------------------------------------

// Whether the groups have the number, and it tells them apart.
bool tells_apart(std::span<const Group* const> groups, Trial::Number n) {
  double least = INFINITY, greatest = -INFINITY;
  for (const Group* g : groups) {
    least = fmin(least, g->means[n]);
    greatest = fmax(greatest, g->means[n]);
  }
  return least < greatest;
}

// From the least to the greatest of them.
Axis span_of(std::span<const Point> points, double Point::*which) {
  double least = INFINITY, greatest = -INFINITY;
  for (const Point& p : points) {
    least = fmin(least, p.*which);
    greatest = fmax(greatest, p.*which);
  }
  return Axis(least, greatest);
}

void Page::sizes(const Analysis& a) {
  const std::vector<const Group*> groups = ranked(a);
  const bool disk = tells_apart(groups, Trial::binary_bytes);
  const bool memory = tells_apart(groups, Trial::max_rss_kib);
  section("Size against consistency",
          disk     ? "Down and left is better. The dashed line joins those that no other beats in "
                     "both."
          : memory ? "No binaries of different sizes are recorded: the size is that in memory. Down "
                     "and left is better; the dashed line joins those that no other beats in both."
                   : "No chart: neither binaries of different sizes nor different use of memory are "
                     "recorded.");
  if (!disk && !memory) return;
  bool relative = true;
  for (const Group* g : groups) relative &= g->d.min > 0;
  std::vector<Point> points;
  std::string words;
  for (const Group* g : groups) {
    const double size = disk ? g->means[Trial::binary_bytes] / 1000
                             : g->means[Trial::max_rss_kib] / 1024;
    const Point p{size, relative ? g->d.cv_percent : g->d.sd,
                  static_cast<size_t>(g - a.compared().data()), short_name(*g), nullptr};
    if (isnan(p.x) || isnan(p.y)) continue;
    say(words, "%s: %v, %v. ", {p.label, p.x, p.y});
    points.push_back(p);
  }
  if (!points.empty()) {
    PointChart c{points, span_of(points, &Point::x), span_of(points, &Point::y),
                 disk ? "binary on disk, kB" : "max RSS, MiB", relative ? "CV, %" : "SD"};
    c.height = std::max(c.height, static_cast<double>(points.size()) * kLabelHeight * 1.3);
    c.frontier = true;
    point_chart(c, "Size against consistency", words);
  }
  resources_table(d_, a);
}

void point_tip(std::string& out, const void* of) {
  const Trial& t = *static_cast<const Trial*>(of);
  say(out, "%e / %e, run %d", {t.runtime, t.config, t[Trial::run_number]});
}

void Page::order(const Analysis& a) {
  std::vector<Point> points;
  const std::span<const Group> groups = a.compared();
  double first = INFINITY, last = -INFINITY;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (size_t k = 0; k < groups[i].trials.size(); ++k) {
      const Trial* t = groups[i].trials[k];
      const double at = (*t)[Trial::finished_s];
      if (isnan(at)) continue;
      points.push_back({at, groups[i].value(k), i, "", t});
      first = fmin(first, at);
      last = fmax(last, at);
    }
  }
  if (!(first < last)) return;
  const double hours = (last - first) / 3600;
  const double unit = hours > 72 ? 86400 : hours > 3 ? 3600 : 60;
  for (Point& p : points) p.x = (p.x - first) / unit;
  std::string title(hours > 72 ? "days after " : hours > 3 ? "hours after " : "minutes after ");
  append_utc_seconds(title, static_cast<int64_t>(first));
  section("In the order of time",
          "When each run ended. Groups that ran one after the other cannot be told from the time of "
          "day; a slope is drift of machine or model. Hollow marks lie off the axis.");
  out() += "<ul class='f'>";
  for (size_t i = 0; i < groups.size(); ++i)
    say(out(), kKey, {colour_of(i), shape_of(i), short_name(groups[i])});
  out() += "</ul>";
  const std::string y_title = title_of(a);
  PointChart c{points, Axis(0, (last - first) / unit), axis_of(a), title, y_title};
  c.tip = point_tip;
  point_chart(c, "Runs in the order of time", extent_of(a));
}

// --- tests --------------------------------------------------------------------------------------

void Page::tests(const Analysis& a) {
  if (a.pairs.empty()) return;
  section("Tests",
          "p values of pairs are Holm's, over all pairs. Detectable is the smallest difference of "
          "means that so many runs would find in 80 of 100 experiments.");
  const auto overall = [&](const char* what, const TestResult& all, const TestResult& working) {
    if (isnan(all.p)) return;
    std::string line;
    say(line, "%s: p %p", {what, all.p});
    if (!isnan(working.p))
      say(line, "; without those whose agents work one after the other p %p", {working.p});
    d_.point(line);
  };
  overall("Does any tend to be larger (Kruskal-Wallis)", a.kruskal_wallis,
          a.working_kruskal_wallis);
  overall("Does the spread differ (Brown-Forsythe)", a.brown_forsythe, a.working_brown_forsythe);
  const bool many = a.pairs.size() > 30;
  out() += many ? "<details><summary>All pairs</summary>" : "<div>";
  pairs_table(d_, a);
  out() += many ? "</details>" : "</div>";
}

std::string Page::all() {
  head();
  for (const Own<Analysis>& a : r_.analyses) metric(*a, &a == r_.analyses.data());
  ending(d_, r_);
  out() += "</main></body></html>\n";
  return std::move(out());
}

}  // namespace

std::string stats_html(const StatsReport& r) { return Page(r).all(); }

}  // namespace chimera::lab
