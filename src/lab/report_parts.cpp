#include "report_parts.hpp"

#include "chimera/base/number.hpp"

namespace chimera::lab {
namespace {

double value_of(const void* of, size_t i) { return static_cast<const Group*>(of)->value(i); }

void tip_of(std::string& out, const void* of, size_t i) {
  const Group& g = *static_cast<const Group*>(of);
  const Trial& t = *g.trials[i];
  say(out, "%e / %e, run %d: ", {t.runtime, t.config, t[Trial::run_number]});
  append_shortest(out, g.value(i));
}

}  // namespace

std::vector<const Group*> ranked(const Analysis& a) {
  std::vector<const Group*> order;
  for (const Group& g : a.compared()) {
    if (g.d.n == 0) continue;
    size_t at = order.size();
    order.push_back(&g);
    const double sign = a.info.better < 0 ? -1 : 1;
    for (; at > 0 && order[at - 1]->d.mean * sign < g.d.mean * sign; --at) order[at] = order[at - 1];
    order[at] = &g;
  }
  return order;
}

std::string_view short_name(const Group& g) {
  const std::string_view name = g.level == Level::config ? g.config : g.runtime;
  return name.empty() ? "(no name)" : name;
}

std::string title_of(const Analysis& a) {
  std::string out;
  say(out, *a.info.unit == 0 ? "%s" : "%s, %s", {a.metric, a.info.unit});
  return out;
}

std::string extent_of(const Analysis& a) {
  std::string out;
  const char* between = "";
  const auto count = [&](size_t n, const char* what) {
    say(out, "%s%d %s%s", {between, n, what, n == 1 ? "" : "s"});
  };
  count(a.runs, "run");
  between = " of ";
  count(a.count[0], "runtime");
  between = " in ";
  count(a.count[1], "configuration");
  return out;
}

Axis axis_of(const Analysis& a) {
  std::vector<double> values;
  std::vector<Interval> groups;
  for (const Group& g : a.compared()) {
    for (const double v : g.sample.sorted()) values.push_back(v);
    groups.push_back({g.d.min, g.d.max});
  }
  return focused_axis(values, groups);
}

std::vector<Row> rows_of(const Analysis& a, std::span<const Group* const> groups) {
  std::vector<Row> rows;
  const std::span<const Group> compared = a.compared();
  for (const Group* g : groups) {
    Row& r = rows.emplace_back();
    r.name = short_name(*g);
    say(r.note, "mean %v, n %d", {g->d.mean, g->d.n});
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

std::string spoken(std::span<const Row> rows) {
  std::string out;
  for (const Row& r : rows) say(out, "%s: %s. ", {r.name, r.note});
  return out;
}

}  // namespace chimera::lab
