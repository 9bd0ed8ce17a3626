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
    "body{margin:0;background:var(--b);color:var(--f);font:16px/1.55 system-ui,sans-serif;"
    "overflow-wrap:anywhere}"
    "main{max-width:1080px;margin:auto;padding:24px 16px 72px}"
    "h1{font-size:clamp(20px,3vw,26px);line-height:1.25;margin:6px 0 14px;max-width:36em;"
    "text-wrap:balance}"
    "h2{font-size:19px;margin:48px 0 6px}h3{font-size:15px;margin:14px 0 8px}"
    "p,li{max-width:48em}p{margin:8px 0}ul{margin:8px 0;padding-left:20px}li{margin:4px 0}"
    ".m,summary{color:var(--m);font-size:14px}a{color:inherit}summary{cursor:pointer;margin:10px 0}"
    ".t{overflow-x:auto;margin:14px 0}"
    "table{border-spacing:0;font-size:14px;line-height:1.3;"
    "font-variant-numeric:tabular-nums;overflow-wrap:normal}"
    "th,td{padding:7px 8px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--l)}"
    "thead th{color:var(--m);font-weight:500}.s,[scope=row]{text-align:left;"
    "max-width:min(44vw,240px);overflow:hidden;text-overflow:ellipsis}"
    "th:first-child{padding-left:0;position:sticky;left:0;background:var(--b)}"
    "main>.t:first-of-type td:nth-child(2){font-weight:600}"
    "td svg{display:block;width:150px;height:18px}.z{stroke-width:4;stroke-opacity:.7}"
    ".a{display:block;width:100%;margin:18px 0 4px}.y{padding-left:44px}"
    ".x{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));"
    "gap:8px 48px;align-items:end}"
    ".f{display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;margin:10px 0;list-style:none;"
    "color:var(--m);font-size:13px}.f li{display:flex;gap:7px;align-items:center;margin:0}"
    ".f svg{flex:none}pre{overflow-x:auto;background:var(--l);"
    "padding:12px 14px;border-radius:6px;font-size:13px}";

class Page {
 public:
  explicit Page(const StatsReport& r) : r_(r) {}
  std::string all();

 private:
  std::string& out() { return d_.markup(); }
  void head();
  void metric(const Analysis& a, bool first);
  void ranking(const Analysis& a, std::span<const Row> rows);
  void runs(const RowChart& c);
  void configurations(const Analysis& a, RowChart c);
  void losses(const Analysis& a, std::span<const Row> rows);
  void sizes(const Analysis& a, std::span<const Row> rows);
  void order(const Analysis& a, const RowChart& rows);
  void tests(const Analysis& a);

  void section(const char* title, const char* words);
  void open_chart(const char* classes, double height, std::string_view title,
                  std::string_view words);
  void point_chart(const PointChart& c, const char* title);
  // A sign and its name, of a list of them.
  void key(int colour, int shape, std::string_view name);
  void row_chart(const RowChart& c, std::string_view title);

  const StatsReport& r_;
  Document d_{Document::html, 0};
  int charts_ = 0;
};

void Page::section(const char* title, const char* words) {
  d_.heading(title, {});
  if (*words != 0) compose(out(), "<p class='m'>%s</p>", {words});
}

void Page::open_chart(const char* classes, double height, std::string_view title,
                      std::string_view words) {
  ++charts_;
  compose(
      out(),
      "<svg class='%s' height='%c' role='img' aria-labelledby='t%c d%c'><title id='t%c'>%e</title>"
      "<desc id='d%c'>%e</desc>",
      {classes, height, charts_, charts_, charts_, title, charts_, words});
}

void Page::row_chart(const RowChart& c, std::string_view title) {
  open_chart("a", height_of(c), title, words_of(c));
  draw(out(), c);
  out() += "</svg>";
}

void Page::point_chart(const PointChart& c, const char* title) {
  std::string words;
  compose(words, "%s against %s", {c.y_title, c.x_title});
  for (const Point& p : c.points)
    if (!p.label.empty()) compose(words, "; %s: %v, %v", {p.label, p.y, p.x});
  open_chart("a y", height_of(c), title, words);
  draw(out(), c);
  out() += "</svg>";
}

void Page::key(int colour, int shape, std::string_view name) {
  compose(out(),
          "<li><svg width='12' height='12' viewBox='-6 -6 12 12' aria-hidden='true'>"
          "<use class='d c%c' href='#s%c'/></svg>%e</li>",
          {colour, shape, name});
}

void Page::head() {
  compose(out(),
          "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
          "<meta name='viewport' content='width=device-width,initial-scale=1'><title>%e</title>"
          "<style>%s%s</style></head><body><svg width='0' height='0' style='position:absolute' "
          "aria-hidden='true'><defs>%s</defs></svg><main>",
          {r_.analyses[0]->headline, kChartStyle, kPageStyle, kChartShapes});
}

// The answer: headline, the first sentences, the ranking. Then what it rests on.
void Page::metric(const Analysis& a, bool first) {
  const char* const tag = first ? "h1" : "h2";
  const std::string title = title_of(a);
  compose(out(), "<p class='m'>%e \u00b7 %e</p><%s>%e</%s>",
          {title, extent_of(a), tag, a.headline, tag});
  const std::span<const std::string> all(a.verdict);
  const size_t shown = std::min<size_t>(all.size(), 2);
  for (const std::string& sentence : all.first(shown)) d_.paragraph(sentence);
  if (!a.warnings.empty())
    compose(out(), "<p class='m'><a href='#w'>%d warning%s to read first</a></p>",
            {a.warnings.size(), a.warnings.size() == 1 ? "" : "s"});
  const std::vector<Row> rows = rows_of(a);
  const RowChart chart{rows, axis_of(rows), title};
  if (!rows.empty()) ranking(a, rows);
  sentences(d_, "What can be said, and what cannot", all.subspan(shown));
  if (!rows.empty()) runs(chart);
  if (first) changes_table(d_, r_.changes);
  configurations(a, chart);
  if (first) losses(a, rows);
  if (first) sizes(a, rows);
  order(a, chart);
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
    if ((p.a != at && p.b != at) || isnan(p.p_holm[Pair::kWelch])) continue;
    ++tested;
    if (!(p.p_holm[Pair::kWelch] < kAlpha)) continue;
    ++differing;
    compose(names, differing > 1 ? ", %s" : "%s",
            {short_name(a.compared()[p.a == at ? p.b : p.a])});
  }
  if (tested == 0) return "-";
  if (differing == 0) return "none";
  if (differing == tested) return "all others";
  if (text_width(names, kBase) < 190) return names;
  names.clear();
  compose(names, "%d of %d", {differing, tested});
  return names;
}

// The mean and its interval, on an axis that holds most intervals.
void spark(std::string& out, const Row& r, const Axis& axis) {
  const double x = axis.at(r.d->mean);
  compose(out,
          "<svg class='c%c' aria-hidden='true'><path class='g' d='M0 9h150'/>"
          "<line class='w z' x1='%c%' x2='%c%' y1='9' y2='9'/>",
          {colour_of(r.series), axis.at(r.mean.low), axis.at(r.mean.high)});
  if (axis.holds(r.d->mean))
    compose(out, "<use class='v' href='#s3' x='%c%' y='9'/></svg>", {x});
  else
    compose(out, "<text x='%c' y='13'>%s</text></svg>", {x * 1.4, x > 0 ? "\u25b8" : "\u25c2"});
}

Axis interval_axis(std::span<const Row> rows) {
  std::vector<double> ends;
  for (const Row& r : rows)
    for (const double end : {r.d->mean, r.mean.low, r.mean.high}) ends.push_back(end);
  return focused_axis(ends, {});
}

void Page::ranking(const Analysis& a, std::span<const Row> rows) {
  const Axis axis = interval_axis(rows);
  d_.begin_table(10, 1, 3);
  for (const char* head : {"", "mean", "95 %", "", "differs from", "n", "SD", "CV %", "min", "max"})
    d_.cell() = head;
  for (const Row& r : rows) {
    const Description& d = *r.d;
    d_.cell() = r.name;
    d_.number(d.mean);
    d_.interval(r.mean.low, r.mean.high);
    spark(d_.cell(), r, axis);
    d_.cell() = differs_from(a, static_cast<uint32_t>(r.series));
    d_.count(static_cast<double>(d.n));
    for (const double v : {d.sd, d.cv_percent, d.min, d.max}) d_.number(v);
  }
  d_.end_table();
}

// --- runs ---------------------------------------------------------------------------------------

void Page::runs(const RowChart& c) {
  section("Every run", "");
  out() += "<ul class='f'>";
  for (const Sign& sign : kSigns)
    compose(out(),
            "<li><svg class='c0' width='26' height='14' viewBox='0 -7 26 14' aria-hidden='true'>%s"
            "</svg>%s</li>",
            {sign.drawing, sign.words});
  out() += "</ul>";
  row_chart(c, c.axis_title);
}

void Page::configurations(const Analysis& a, RowChart c) {
  if (a.comparing == Level::runtime && a.count[1] > 1) {
    section("By configuration", "All on one axis. A dot is a run, the diamond the mean.");
    out() += "<div class='x'>";
    c.kind = RowChart::dots;
    for (const Group& config : a.of(Level::config)) {
      const std::vector<Row> rows = rows_of(a, &config);
      if (rows.empty()) continue;
      compose(out(), "<div><h3>%e</h3>", {short_name(config)});
      c.rows = rows;
      row_chart(c, short_name(config));
      out() += "</div>";
    }
    out() += "</div>";
  }
  out() += "<details><summary>All figures, of each runtime, configuration and cell</summary>";
  level_tables(d_, a);
  cell_tables(d_, a);
  out() += "</details>";
}

void Page::losses(const Analysis& a, std::span<const Row> rows) {
  double most = -1;
  for (const Row& r : rows) most = fmax(most, fmax(r.parts[0] + r.parts[1], r.marked));
  if (most < 0) return;
  section("What the efficiency loses",
          "Of 100 points: imbalance is what a shorter answer left unused (the model's doing), "
          "overhead what starting and joining the agents cost (the runtime's). The line below is "
          "contention: points of the efficiency in which a ready agent waited.");
  out() += "<ul class='f'>";
  key(0, 1, "imbalance");
  key(1, 1, "overhead");
  key(3, 1, "contention");
  out() += "</ul>";
  row_chart({rows, Axis(0, most), "points lost of 100", RowChart::bars}, "Imbalance and overhead");
  loss_table(d_, a);
}

// --- size and time ------------------------------------------------------------------------------

// From the least to the greatest; they are equal when there are none.
Axis span_of(std::span<const Point> points, double Point::* which) {
  double least = INFINITY, greatest = -INFINITY;
  for (const Point& p : points) {
    least = fmin(least, p.*which);
    greatest = fmax(greatest, p.*which);
  }
  return Axis(least, greatest);
}

// Whether their spread can be said as a share of the mean.
bool relative(std::span<const Row> rows) {
  bool all = true;
  for (const Row& r : rows) all &= r.d->min > 0;
  return all;
}

// Of the rows that have the number; none when it does not tell them apart.
std::vector<Point> points_of(std::span<const Row> rows, Trial::Number n, double unit) {
  std::vector<Point> points(rows.size());
  const bool as_share = relative(rows);
  bool apart = false;
  size_t kept = 0;
  for (const Row& r : rows) {
    const double y = as_share ? r.d->cv_percent : r.d->sd;
    Point& p = points[kept];
    p = {group_of(r).means[n] / unit, y, r.series, r.name, nullptr};
    if (isnan(p.x) || isnan(p.y)) continue;
    apart |= p.x < points[0].x || p.x > points[0].x;
    ++kept;
  }
  while (points.size() > (apart ? kept : 0)) points.pop_back();
  return points;
}

void Page::sizes(const Analysis& a, std::span<const Row> rows) {
  std::vector<Point> points = points_of(rows, Trial::binary_bytes, 1000);
  const bool disk = !points.empty();
  if (!disk) points = points_of(rows, Trial::max_rss_kib, 1024);
  section("Size against consistency",
          points.empty()
              ? "No chart: neither binaries of different sizes nor different use of "
                "memory are recorded."
              : "Down and left is better. The dashed line joins those that no other beats "
                "in both.");
  if (points.empty()) return;
  if (!disk)
    d_.paragraph("No binaries of different sizes are recorded: this is the size in memory.");
  PointChart c{points, span_of(points, &Point::x), span_of(points, &Point::y),
               disk ? "binary on disk, kB" : "max RSS, MiB",
               relative(rows) ? "CV, %" : "SD"};
  c.height = fmax(c.height, static_cast<double>(points.size()) * kLabelHeight * 1.3);
  c.frontier = true;
  point_chart(c, "Size against consistency");
  resources_table(d_, a);
}

void point_tip(std::string& out, const void* of) {
  const Trial& t = *static_cast<const Trial*>(of);
  compose(out, "%e / %e, run %d", {t.runtime, t.config, t[Trial::run_number]});
}

void Page::order(const Analysis& a, const RowChart& rows) {
  const std::span<const Group> groups = a.compared();
  size_t n = 0;
  for (const Group& g : groups) n += g.trials.size();
  std::vector<Point> points(n);
  n = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (size_t k = 0; k < groups[i].trials.size(); ++k) {
      const Trial* t = groups[i].trials[k];
      const double at = (*t)[Trial::finished_s], value = groups[i].value(k);
      if (isfinite(at) && isfinite(value)) points[n++] = {at, value, i, "", t};
    }
  }
  while (points.size() > n) points.pop_back();
  double first = INFINITY, last = -INFINITY;
  for (const Point& p : points) {
    first = fmin(first, p.x);
    last = fmax(last, p.x);
  }
  if (!(first < last)) return;
  const bool hours = last - first > 3 * 3600;
  for (Point& p : points) p.x = (p.x - first) / (hours ? 3600 : 60);
  std::string title(hours ? "hours after " : "minutes after ");
  append_utc_seconds(title, static_cast<int64_t>(first));
  section(
      "In the order of time",
      "When each run ended. Groups that ran one after the other cannot be told from the time of "
      "day; a slope is drift of machine or model. Hollow marks lie off the axis.");
  out() += "<ul class='f'>";
  for (size_t i = 0; i < groups.size(); ++i) key(colour_of(i), shape_of(i), short_name(groups[i]));
  out() += "</ul>";
  PointChart c{points, Axis(0, (last - first) / (hours ? 3600 : 60)), rows.axis, title,
               rows.axis_title};
  c.tip = point_tip;
  point_chart(c, "Runs in the order of time");
}

// --- tests --------------------------------------------------------------------------------------

void Page::tests(const Analysis& a) {
  if (a.pairs.empty()) return;
  section(
      "Tests",
      "Detectable is the smallest difference of means that so many runs would find in 80 of 100 "
      "experiments.");
  const auto overall = [&](const char* what, const TestResult& all, const TestResult& working) {
    if (isnan(all.p)) return;
    std::string line;
    compose(line, "%s: p %p", {what, all.p});
    if (!isnan(working.p))
      compose(line, "; without those whose agents work one after the other p %p", {working.p});
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

std::string stats_html(const StatsReport& r) {
  return Page(r).all();
}

}  // namespace chimera::lab
