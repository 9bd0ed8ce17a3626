// The report for people, on a terminal or as Markdown: one document, laid out in two ways.
#include "stats_document.hpp"

namespace chimera::lab {

// Columns of figures; an interval's lower bound brings both.
void figures_table(Document& d, std::span<const Group> groups, std::span<const Figure> columns,
                   const char* head) {
  d.begin_table(columns.size() + 1);
  d.cell() = head;
  for (const Figure f : columns) d.cell() = kFigureKeys[f].head;
  for (const Group& g : groups) {
    const Figures figures(g);
    // Within a runtime's table of its cells the configuration is the name.
    d.cell() = g.level == Level::cell ? g.config : g.level == Level::config ? g.config : g.runtime;
    for (const Figure f : columns) {
      const double x = figures[f];
      const bool whole = f == f_n || (f >= f_contention_runs && f <= f_without) ||
                         f == f_tokens || f == f_binary_bytes;
      if (f == f_mean_low || f == f_sd_low || f == f_cv_low) {
        d.interval(x, figures.values[f + 1]);
      } else if (whole && !isnan(x)) {
        d.count(x);
      } else {
        d.number(x);
      }
    }
  }
  d.end_table();
}

namespace {

constexpr Figure kLevelColumns[] = {f_n,      f_mean, f_mean_low,        f_sd,
                                    f_sd_low, f_cv,   f_contention_runs, f_excluded};
constexpr Figure kSpreadColumns[] = {f_min, f_p5, f_p25, f_p50, f_p75, f_p95, f_max, f_cv_low};
constexpr Figure kCellColumns[] = {f_n, f_mean, f_sd, f_cv, f_min, f_p50, f_max};
constexpr Figure kPartColumns[] = {f_efficiency, f_imbalance_of_wall, f_overhead_pp, f_overhead_ms,
                                   f_contention, f_true_efficiency, f_aggregate_tps, f_wall};
constexpr Figure kResourceColumns[] = {f_binary_bytes, f_max_rss, f_startup, f_cpu_per_token,
                                       f_voluntary, f_involuntary};

void level_table(Document& d, const Analysis& a, Level level, const char* title,
                 const char* head) {
  const auto groups = a.of(level);
  if (groups.empty()) return;
  const bool index = a.settings.percentiles == Percentiles::kIndex;
  d.heading(title, {a.metric, *a.info.unit == 0 ? std::string() : std::string(", ") + a.info.unit});
  figures_table(d, groups, kLevelColumns, head);
  d.heading("Percentiles (%s)", {index ? "sorted[floor(n q)], as TR115 printed" : "linear"});
  figures_table(d, groups, kSpreadColumns, head);
}

}  // namespace

void level_tables(Document& d, const Analysis& a) {
  level_table(d, a, Level::runtime, "Runtimes: %s%s", "runtime");
  if (a.count[1] > 1) {
    level_table(d, a, Level::config, "Configurations: %s%s", "configuration");
  }
}

void cell_tables(Document& d, const Analysis& a) {
  auto cells = a.of(Level::cell);
  if (a.count[0] < 2 || a.count[1] < 2) return;
  while (!cells.empty()) {
    size_t n = 1;
    while (n < cells.size() && cells[n].runtime == cells[0].runtime) ++n;
    d.heading("%s, by configuration", {cells[0].runtime});
    figures_table(d, cells.first(n), kCellColumns, "configuration");
    cells = cells.subspan(n);
  }
}

void pairs_table(Document& d, const Analysis& a) {
  if (a.pairs.empty()) return;
  d.heading("Pairs: a - b, p after Holm", {});
  d.begin_table(10, 2);
  for (const char* head : {"a", "b", "difference", "95 %", "Welch t", "Mann-Whitney",
                           "Brown-Forsythe", "Hedges g", "Cliff delta", "detectable"}) {
    d.cell() = head;
  }
  for (const Pair& p : a.pairs) {
    d.cell() = a.compared()[p.a].name();
    d.cell() = a.compared()[p.b].name();
    d.number(p.difference);
    d.interval(p.difference_ci.low, p.difference_ci.high);
    for (const double x : p.p_holm) {
      std::string& out = d.cell();
      isnan(x) ? void(out += '-') : compose(out, "%p", {x});
      if (out.starts_with("= ")) out.erase(0, 2);
    }
    d.number(p.effect.hedges_g);
    d.number(p.effect.cliff_delta);
    d.number(p.detectable);
  }
  d.end_table();
}

void changes_table(Document& d, std::span<const Change> changes) {
  if (changes.empty()) return;
  d.heading("Against the baseline", {});
  d.begin_table(7);
  for (const char* head :
       {"runs", "before", "now", "difference", "95 %", "p after Holm", "verdict"}) {
    d.cell() = head;
  }
  for (const Change& c : changes) {
    d.cell() = c.now->name();
    d.number(c.before->d.mean);
    d.number(c.now->d.mean);
    d.number(c.difference);
    d.interval(c.difference_ci.low, c.difference_ci.high);
    compose(d.cell(), "%p", {c.p_holm});
    d.cell() = c.regressed ? "regressed" : c.improved ? "improved" : "no difference shown";
  }
  d.end_table();
}

void sentences(Document& d, const char* title, std::span<const std::string> list) {
  if (list.empty()) return;
  d.heading(title, {});
  for (const std::string& s : list) d.point(s);
}

void left_out(Document& d, const Analysis& a) {
  const char* const title = a.settings.clean ? "Left out (--clean)" : "Left out: not complete";
  if (!a.excluded.empty()) d.heading(title, {});
  for (const Trial* t : a.excluded) {
    std::string line;
    compose(line, "%s: %s", {t->path, reason_words(t->reasons)});
    d.point(line);
  }
}

static const char* head_of(const Analysis& a) {
  return a.comparing == Level::config ? "configuration" : "runtime";
}

void loss_table(Document& d, const Analysis& a) {
  figures_table(d, a.compared(), kPartColumns, head_of(a));
}

void resources_table(Document& d, const Analysis& a) {
  figures_table(d, a.compared(), kResourceColumns, head_of(a));
}

void ending(Document& d, const StatsReport& r) {
  std::string line;
  if (!r.set.skipped.empty()) d.heading("Skipped", {});
  for (const agent::SkippedFile& s : r.set.skipped) {
    line.clear();
    compose(line, "%s: %s", {s.path, s.why});
    d.point(line);
  }
  d.heading("Reproduce", {});
  d.code(r.command);
  line.clear();
  compose(line, "chimera %s; %d files, %d runs, bootstrap seed %d",
      {r.version, r.set.files, r.set.trials.size(),
       r.analyses[0]->settings.seed});
  d.paragraph(line);
}

static void analysis(Document& d, const Analysis& a) {
  d.heading("%s: %s", {a.metric, a.settings.clean ? "runs without faults" : "all runs"});
  d.paragraph(a.headline);
  sentences(d, "What this rests on", a.verdict);
  sentences(d, "Warnings", a.warnings);
  level_tables(d, a);
  pairs_table(d, a);
  d.heading("Where the time went (means)", {});
  loss_table(d, a);
  bool resources = false;
  for (const Group& g : a.compared()) resources |= !isnan(g.means[Trial::max_rss_kib]);
  if (resources) {
    d.heading("Resources (means)", {});
    resources_table(d, a);
  }
  cell_tables(d, a);
  left_out(d, a);
}

static std::string document(const StatsReport& r, Document::Layout layout) {
  Document d(layout, r.columns);
  for (const auto& a : r.analyses) analysis(d, *a);
  changes_table(d, r.changes);
  ending(d, r);
  return std::move(d.markup());
}

std::string stats_text(const StatsReport& r) { return document(r, Document::terminal); }
std::string stats_markdown(const StatsReport& r) { return document(r, Document::markdown); }

}  // namespace chimera::lab
