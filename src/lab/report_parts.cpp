#include "report_parts.hpp"

#include <math.h>

#include <algorithm>

#include "chimera/base/number.hpp"

namespace chimera::lab {
namespace {

double value_of(const void* of, size_t i) { return static_cast<const Group*>(of)->value(i); }

void tip_of(std::string& out, const void* of, size_t i) {
  const Group& g = *static_cast<const Group*>(of);
  const Trial& t = *g.trials[i];
  put(out, "$ / $, run $: ", {t.runtime, t.config, {t[Trial::run_number], 0}});
  append_shortest(out, g.value(i));
}

void append_count(std::string& out, size_t n, const char* what) {
  append_grouped(out, n);
  out += ' ';
  out += what;
  if (n != 1) out += 's';
}

}  // namespace

std::vector<const Group*> ranked(std::span<const Group> groups, int better) {
  std::vector<const Group*> order;
  for (const Group& g : groups) {
    if (g.d.n == 0) continue;
    size_t at = order.size();
    order.push_back(&g);
    const auto behind = [&](const Group& o) {
      return better < 0 ? o.d.mean > g.d.mean : o.d.mean < g.d.mean;
    };
    for (; at > 0 && behind(*order[at - 1]); --at) order[at] = order[at - 1];
    order[at] = &g;
  }
  return order;
}

std::string_view short_name(const Group& g) {
  const std::string_view name = g.level == Level::config ? g.config : g.runtime;
  return name.empty() ? "(no name)" : name;
}

static Axis axis_of(const Analysis& a) {
  std::vector<double> values;
  std::vector<Interval> groups;
  for (const Group& g : a.compared()) {
    for (const double v : g.sample.sorted()) values.push_back(v);
    groups.push_back({g.d.min, g.d.max});
  }
  return focused_axis(values, groups);
}

Scale::Scale(const Analysis& a) : axis(axis_of(a)), title(a.metric), decimals(axis.decimals()) {
  if (a.info.unit[0] == '\0') return;
  title += ", ";
  title += a.info.unit;
  if (a.info.unit[0] == '%') decimals = std::max(decimals, 2);
}

std::vector<Row> rows_of(const Analysis& a, std::span<const Group* const> groups, int decimals) {
  std::vector<Row> rows;
  const std::span<const Group> compared = a.compared();
  for (const Group* g : groups) {
    Row& r = rows.emplace_back();
    r.name = short_name(*g);
    put(r.note, "mean $, n $", {{g->d.mean, decimals}, {static_cast<double>(g->d.n), 0}});
    for (size_t i = 0; i < compared.size(); ++i)
      if (short_name(compared[i]) == r.name) r.series = i;
    r.n = g->trials.size();
    r.of = g;
    r.value = value_of;
    r.tip = tip_of;
    r.d = g->d;
    r.mean = g->mean_ci;
  }
  return rows;
}

std::string spoken(const RowChart& c) {
  std::string out;
  for (const Row& r : c.rows) {
    if (!out.empty()) out += "; ";
    out += r.name;
    out += ": ";
    out += r.note;
  }
  return out;
}

std::string extent_words(const Analysis& a) {
  std::string out;
  append_count(out, a.runs, "run");
  out += " of ";
  append_count(out, a.of(Level::runtime).size(), "runtime");
  out += " in ";
  append_count(out, a.of(Level::config).size(), "configuration");
  return out;
}

std::string p_words(double p) {
  std::string out;
  if (p < 0.001) return "<0.001";
  append_figure(out, p, 3);
  return out;
}

}  // namespace chimera::lab
