#include "report_parts.hpp"

#include <math.h>

#include "chimera/base/number.hpp"

namespace chimera::lab {
namespace {

double value_of(const void* of, size_t i) {
  return static_cast<const Group*>(of)->value(i);
}

void tip_of(std::string& out, const void* of, size_t i) {
  const Group& g = *static_cast<const Group*>(of);
  const Trial& t = *g.trials[i];
  compose(out, "%e / %e, run %d: ", {t.runtime, t.config, t[Trial::run_number]});
  append_shortest(out, g.value(i));
}

}  // namespace

std::string_view short_name(const Group& g) {
  const std::string_view name = g.level == Level::config ? g.config : g.runtime;
  return name.empty() ? "(no name)" : name;
}

std::string title_of(const Analysis& a) {
  std::string out;
  compose(out, *a.info.unit == 0 ? "%s" : "%s, %s", {a.metric, a.info.unit});
  return out;
}

std::string extent_of(const Analysis& a) {
  std::string out;
  const char* between = "";
  const auto count = [&](size_t n, const char* what) {
    compose(out, "%s%d %s%s", {between, n, what, n == 1 ? "" : "s"});
  };
  count(a.runs, "run");
  between = " of ";
  count(a.count[0], "runtime");
  between = " in ";
  count(a.count[1], "configuration");
  return out;
}

static const Group* cell_of(const Analysis& a, std::string_view runtime, std::string_view config) {
  for (const Group& cell : a.of(Level::cell))
    if (cell.runtime == runtime && cell.config == config && cell.d.n > 0) return &cell;
  return nullptr;
}

static void fill(Row& r, const Group& g) {
  r.name = short_name(g);
  r.n = g.trials.size();
  r.of = &g;
  r.value = value_of;
  r.tip = tip_of;
  r.d = &g.d;
  r.mean = g.mean_ci;
  r.parts[0] = g.means[Trial::imbalance_pp_of_wall];
  r.parts[1] = g.means[Trial::overhead_pp];
  r.marked = g.means[Trial::efficiency_percent] * g.means[Trial::contention_percent] / 100;
}

std::vector<Row> rows_of(const Analysis& a, const Group* config) {
  const std::span<const Group> groups = a.compared();
  std::vector<uint32_t> order(groups.size());
  const double sign = a.info.better < 0 ? -1 : 1;
  size_t n = 0;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    if (groups[i].d.n == 0) continue;
    size_t at = n++;
    for (; at > 0 && groups[order[at - 1]].d.mean * sign < groups[i].d.mean * sign; --at)
      order[at] = order[at - 1];
    order[at] = i;
  }
  std::vector<Row> rows(n);
  size_t kept = 0;
  for (size_t i = 0; i < n; ++i) {
    const Group* g = &groups[order[i]];
    if (config != nullptr) g = cell_of(a, g->runtime, config->config);
    if (g == nullptr) continue;
    rows[kept].series = order[i];
    fill(rows[kept++], *g);
  }
  while (rows.size() > kept) rows.pop_back();
  return rows;
}

Axis axis_of(std::span<const Row> rows) {
  std::vector<double> values;
  for (const Row& r : rows)
    for (const double v : group_of(r).sample.sorted()) values.push_back(v);
  return focused_axis(values, rows);
}

}  // namespace chimera::lab
