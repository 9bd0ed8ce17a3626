// The tables of the HTML page.
#include <math.h>

#include <algorithm>

#include "report_parts.hpp"

namespace chimera::lab {
namespace {

// A column of figures over groups. One that no group has is left out.
struct Column {
  const char* title;
  double (*of)(const Group& g);
  int decimals;                // kMetric: those of the metric
};
constexpr int kMetric = -1;

template <auto member>
double described(const Group& g) { return g.d.*member; }
template <Trial::Number number>
double mean(const Group& g) { return g.means[number]; }
double count(const Group& g) { return static_cast<double>(g.d.n); }
double contended(const Group& g) { return static_cast<double>(g.contention_runs); }

constexpr Column kAllFigures[] = {
    {"n", count, 0},
    {"mean", described<&Description::mean>, kMetric},
    {"SD", described<&Description::sd>, kMetric},
    {"SD from", [](const Group& g) { return g.spread.sd.low; }, kMetric},
    {"to", [](const Group& g) { return g.spread.sd.high; }, kMetric},
    {"CV, %", described<&Description::cv_percent>, 2},
    {"min", described<&Description::min>, kMetric},
    {"P5", described<&Description::p5>, kMetric},
    {"P25", described<&Description::p25>, kMetric},
    {"median", described<&Description::p50>, kMetric},
    {"P75", described<&Description::p75>, kMetric},
    {"P95", described<&Description::p95>, kMetric},
    {"max", described<&Description::max>, kMetric},
    {"contention runs", contended, 0},
};
constexpr Column kRanking[] = {
    {"SD", described<&Description::sd>, kMetric},
    {"CV, %", described<&Description::cv_percent>, 2},
    {"min", described<&Description::min>, kMetric},
    {"median", described<&Description::p50>, kMetric},
    {"max", described<&Description::max>, kMetric},
    {"n", count, 0},
};
constexpr Column kLosses[] = {
    {"efficiency, %", mean<Trial::efficiency_percent>, 2},
    {"imbalance, pp", mean<Trial::imbalance_pp_of_wall>, 2},
    {"overhead, pp", mean<Trial::overhead_pp>, 4},
    {"overhead, ms", mean<Trial::overhead_ms>, 2},
    {"contention, %", mean<Trial::contention_percent>, 3},
    {"together, tok/s", mean<Trial::aggregate_tps>, 2},
    {"true efficiency, %", mean<Trial::true_efficiency_percent>, 2},
    {"contention runs", contended, 0},
};
constexpr Column kResources[] = {
    {"bytes on disk", mean<Trial::binary_bytes>, 0},
    {"max RSS, KiB", mean<Trial::max_rss_kib>, 0},
    {"startup, ms", mean<Trial::startup_ms>, 2},
    {"CPU per token, \u00b5s", [](const Group& g) { return g.cpu_us_per_token; }, 1},
    {"mean", described<&Description::mean>, kMetric},
    {"SD", described<&Description::sd>, kMetric},
    {"CV, %", described<&Description::cv_percent>, 2},
};

void open_table(std::string& out) { out += "<div class='t'><table><thead><tr>"; }
void close_table(std::string& out) { out += "</tbody></table></div>"; }
void heads(std::string& out, std::initializer_list<const char*> titles) {
  for (const char* title : titles) put(out, "<th scope='col'>$</th>", {title});
}
void cell(std::string& out, const Arg& arg) { put(out, "<td>$</td>", {arg}); }
void row_head(std::string& out, std::string_view name) {
  put(out, "<tr><th scope='row'>$</th>", {name});
}

uint32_t columns_with(std::span<const Column> columns, std::span<const Group* const> groups) {
  uint32_t there = 0;
  for (size_t i = 0; i < columns.size(); ++i)
    for (const Group* g : groups)
      if (!isnan(columns[i].of(*g))) there |= 1u << i;
  return there;
}

void column_heads(std::string& out, std::span<const Column> columns, uint32_t there) {
  for (size_t i = 0; i < columns.size(); ++i)
    if ((there >> i & 1) != 0) heads(out, {columns[i].title});
}

void column_cells(std::string& out, std::span<const Column> columns, uint32_t there,
                  const Group& g, int decimals) {
  for (size_t i = 0; i < columns.size(); ++i)
    if ((there >> i & 1) != 0)
      cell(out, {columns[i].of(g), columns[i].decimals == kMetric ? decimals : columns[i].decimals});
}

void table(std::string& out, std::span<const Column> columns, std::span<const Group* const> groups,
           int decimals) {
  const uint32_t there = columns_with(columns, groups);
  open_table(out);
  heads(out, {""});
  column_heads(out, columns, there);
  out += "</tr></thead><tbody>";
  for (const Group* g : groups) {
    row_head(out, g->level == Level::cell ? g->name() : std::string(short_name(*g)));
    column_cells(out, columns, there, *g, decimals);
    out += "</tr>";
  }
  close_table(out);
}

void interval_cell(std::string& out, const Interval& i, int decimals) {
  if (isnan(i.low)) cell(out, kUnknown);
  else put(out, "<td>$ to $</td>", {{i.low, decimals}, {i.high, decimals}});
}

// Names of the groups whose means differ from that of compared group `at`.
void differs_cell(std::string& out, const Analysis& a, uint32_t at) {
  std::string names;
  size_t tested = 0, differing = 0;
  for (const Pair& p : a.pairs) {
    if ((p.a != at && p.b != at) || isnan(p.p_holm[Pair::welch_t])) continue;
    ++tested;
    if (!(p.p_holm[Pair::welch_t] < kAlpha)) continue;
    ++differing;
    if (!names.empty()) names += ", ";
    names += short_name(a.compared()[p.a == at ? p.b : p.a]);
  }
  if (tested == 0) names = "\u2013";
  else if (differing == 0) names = "none";
  else if (differing == tested && tested > 1) names = "all others";
  put(out, "<td class='s'>$</td>", {fitted(names, 300, kBase)});
}

// P5 to P95, the mean and its interval, on an axis that holds the intervals.
void spark_cell(std::string& out, const Group& g, const Axis& axis, int colour) {
  constexpr std::string_view kLine = "<line class='$' x1='$%' x2='$%' y1='9' y2='9'/>";
  const auto x = [&](double v) { return axis.at(v); };
  put(out, "<td class='k'><svg class='c$' height='18' aria-hidden='true'>", {colour});
  put(out, kLine, {"g", 0, 100});
  if (axis.holds(g.d.mean)) {
    put(out, kLine, {"w z", x(g.mean_ci.low), x(g.mean_ci.high)});
    put(out, "<use class='v' href='#s3' x='$%' y='9'/>", {x(g.d.mean)});
  } else {
    put(out, "<text class='$' x='$%' y='13'>$</text>",
        {g.d.mean < axis.low() ? "" : "e", x(g.d.mean),
         g.d.mean < axis.low() ? "\u25c2" : "\u25b8"});
  }
  out += "</svg></td>";
}

Axis interval_axis(std::span<const Group* const> groups) {
  std::vector<double> ends;
  for (const Group* g : groups) {
    ends.push_back(isnan(g->mean_ci.low) ? g->d.mean : g->mean_ci.low);
    ends.push_back(isnan(g->mean_ci.high) ? g->d.mean : g->mean_ci.high);
  }
  return focused_axis(ends);
}

std::string why_of(const Trial& t) {
  return reason_words(t.reasons);
}

}  // namespace

void ranking_table(std::string& out, const Analysis& a, const Scale& s) {
  const std::vector<const Group*> groups = ranked(a.compared(), a.info.better);
  if (groups.empty()) return;
  const Axis axis = interval_axis(groups);
  const uint32_t there = columns_with(kRanking, groups);
  open_table(out);
  heads(out, {a.comparing == Level::runtime ? "runtime" : "configuration", "mean", "95 % interval",
              "", "differs from"});
  column_heads(out, kRanking, there);
  out += "</tr></thead><tbody>";
  for (const Group* g : groups) {
    const auto at = static_cast<uint32_t>(g - a.compared().data());
    row_head(out, short_name(*g));
    put(out, "<td><b>$</b></td>", {{g->d.mean, s.decimals}});
    interval_cell(out, g->mean_ci, s.decimals);
    spark_cell(out, *g, axis, colour_of(at));
    differs_cell(out, a, at);
    column_cells(out, kRanking, there, *g, s.decimals);
    out += "</tr>";
  }
  close_table(out);
}

void figures_table(std::string& out, std::span<const Group* const> groups, int decimals) {
  table(out, kAllFigures, groups, decimals);
}

void loss_table(std::string& out, std::span<const Group* const> groups) {
  table(out, kLosses, groups, 0);
}

void resources_table(std::string& out, std::span<const Group* const> groups, int decimals) {
  table(out, kResources, groups, decimals);
}

void tests_table(std::string& out, const Analysis& a, int decimals) {
  if (a.pairs.empty()) return;
  open_table(out);
  heads(out, {"", "difference of means", "95 % interval", "Welch t", "Mann-Whitney",
              "Brown-Forsythe", "Hedges g", "Cliff \u03b4", "detectable"});
  out += "</tr></thead><tbody>";
  for (const Pair& p : a.pairs) {
    std::string name(short_name(a.compared()[p.a]));
    name += " \u2212 ";
    name += short_name(a.compared()[p.b]);
    row_head(out, name);
    cell(out, {p.difference, decimals});
    interval_cell(out, p.difference_ci, decimals);
    for (const double holm : p.p_holm)
      put(out, holm < kAlpha ? "<td><b>$</b></td>" : "<td>$</td>", {p_words(holm)});
    cell(out, {p.effect.hedges_g, 2});
    cell(out, {p.effect.cliff_delta, 2});
    cell(out, {p.detectable, decimals});
    out += "</tr>";
  }
  close_table(out);
}

void changes_table(std::string& out, std::span<const Change> changes, int decimals) {
  open_table(out);
  heads(out, {"", "before", "now", "difference", "95 % interval", "p", ""});
  out += "</tr></thead><tbody>";
  for (const Change& c : changes) {
    row_head(out, c.before->name());
    cell(out, {c.before->d.mean, decimals});
    cell(out, {c.now == nullptr ? kUnknown : c.now->d.mean, decimals});
    cell(out, {c.difference, decimals});
    interval_cell(out, c.difference_ci, decimals);
    cell(out, p_words(c.p_holm));
    cell(out, c.regressed ? "regressed" : c.improved ? "improved" : "");
    out += "</tr>";
  }
  close_table(out);
}

void excluded_table(std::string& out, const Analysis& a) {
  open_table(out);
  heads(out, {"run", "why", "value"});
  out += "</tr></thead><tbody>";
  for (const Trial* t : a.excluded) {
    row_head(out, t->path);
    cell(out, why_of(*t));
    cell(out, {t->metric(a.settings.metric), 2});
    out += "</tr>";
  }
  close_table(out);
}

void skipped_table(std::string& out, const TrialSet& set) {
  open_table(out);
  heads(out, {"file", "why"});
  out += "</tr></thead><tbody>";
  for (const agent::SkippedFile& f : set.skipped) {
    row_head(out, f.path);
    cell(out, f.why);
    out += "</tr>";
  }
  close_table(out);
}

}  // namespace chimera::lab
