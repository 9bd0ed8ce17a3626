// The report for people, on a terminal or as Markdown: one document, laid out in two ways.
#include <math.h>

#include <algorithm>

#include "chimera/base/text.hpp"
#include "chimera/base/words.hpp"
#include "chimera/lab/stats_report.hpp"

namespace chimera::lab {
namespace {

class Document {
 public:
  Document(bool markdown, size_t columns) : markdown_(markdown), columns_(columns) {}

  void heading(const char* pattern, std::initializer_list<Word> words) {
    std::string text;
    compose(text, pattern, words);
    if (!out.empty()) out += '\n';
    if (markdown_) out += out.empty() ? "# " : "## ";
    out.append(safe(text)) += '\n';
    if (markdown_) out += '\n';
  }
  void point(std::string_view text) { wrapped("- ", text); }
  void paragraph(std::string_view text) { wrapped("", text); }

  // A table is rows of cells with equal columns; the first `left` columns are names.
  void begin_table(size_t columns, size_t left = 1) {
    cells_.clear();
    width_ = columns;
    left_ = left;
  }
  std::string& cell() { return cells_.emplace_back(); }
  void number(double x) { append_value(cell(), x); }
  void count(double x) { compose(cell(), "%d", {x}); }
  void interval(double low, double high) {
    std::string& to = cell();
    isnan(low) ? void(to += '-') : compose(to, "%v to %v", {low, high});
  }
  void end_table();

  std::string out;

 private:
  std::string safe(std::string_view text) const;
  void wrapped(std::string_view mark, std::string_view text);
  void row(size_t at, std::span<const size_t> widths);

  bool markdown_;
  size_t columns_;
  std::vector<std::string> cells_;
  size_t width_ = 1, left_ = 1;
};

// Harmless on a terminal; in Markdown what would begin something is taken literally.
std::string Document::safe(std::string_view text) const {
  const std::string plain = printable(text, false);
  if (!markdown_) return plain;
  std::string escaped;
  char last = ' ';
  for (size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i], next = i + 1 < plain.size() ? plain[i + 1] : ' ';
    // "p < 0.05" is no markup, "a_b" neither.
    const bool within = c == '<' ? is_space(next) : c == '_' && !is_space(last) && !is_space(next);
    if (!within && std::string_view("|*_`<[\\").find(c) != std::string_view::npos) {
      escaped += '\\';
    }
    escaped += c;
    last = c;
  }
  return escaped;
}

void Document::wrapped(std::string_view mark, std::string_view text) {
  const std::string all = safe(text);
  std::string_view rest = all, word;
  size_t column = mark.size();
  out += mark;
  for (bool first = true; next_part(rest, ' ', word); first = false) {
    const size_t length = count_code_points(word);
    if (!first && !markdown_ && column + 1 + length > columns_) {
      out += '\n';
      out.append(mark.size(), ' ');
      column = mark.size();
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += length;
  }
  out += '\n';
}

void Document::row(size_t at, std::span<const size_t> widths) {
  const size_t begin = out.size();
  if (markdown_) out += "| ";
  for (size_t i = 0; i < width_; ++i) {
    if (widths[i] == 0) continue;
    const std::string& cell = cells_[at + i];
    const size_t pad = widths[i] - count_code_points(cell);
    if (i >= left_) out.append(pad, ' ');
    out += cell;
    if (i < left_) out.append(pad, ' ');
    out += markdown_ ? " | " : "  ";
  }
  out.resize(std::max(out.find_last_not_of(' ') + 1, begin));
  out += '\n';
}

// A column without any value is left out.
void Document::end_table() {
  std::vector<size_t> widths(width_);
  for (size_t i = 0; i < width_; ++i) {
    bool some = i < left_;
    for (size_t at = width_ + i; at < cells_.size(); at += width_) some |= cells_[at] != "-";
    for (size_t at = i; some && at < cells_.size(); at += width_) {
      cells_[at] = safe(cells_[at]);
      widths[i] = std::max(widths[i], std::max<size_t>(count_code_points(cells_[at]), 1));
    }
  }
  for (size_t at = 0; at < cells_.size(); at += width_) {
    row(at, widths);
    if (at != 0 || !markdown_) continue;
    out += '|';
    for (size_t i = 0; i < width_; ++i) {
      if (widths[i] != 0) out += i < left_ ? " --- |" : " ---: |";
    }
    out += '\n';
  }
}

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
      const bool whole = f == f_n || (f >= f_contention_runs && f <= f_without) || f == f_tokens ||
                         f == f_binary_bytes;
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

constexpr Figure kLevelColumns[] = {f_n,      f_mean, f_mean_low,        f_sd,
                                    f_sd_low, f_cv,   f_contention_runs, f_excluded};
constexpr Figure kSpreadColumns[] = {f_min, f_p5, f_p25, f_p50, f_p75, f_p95, f_max, f_cv_low};
constexpr Figure kCellColumns[] = {f_n, f_mean, f_sd, f_cv, f_min, f_p50, f_max};
constexpr Figure kPartColumns[] = {
    f_efficiency, f_imbalance_of_wall, f_overhead_pp,   f_overhead_ms,
    f_contention, f_true_efficiency,   f_aggregate_tps, f_wall};
constexpr Figure kResourceColumns[] = {f_binary_bytes,  f_max_rss,   f_startup,
                                       f_cpu_per_token, f_voluntary, f_involuntary};

void level_tables(Document& d, const Analysis& a, Level level, const char* title,
                  const char* head) {
  const auto groups = a.of(level);
  if (groups.empty()) return;
  const bool index = a.settings.percentiles == Percentiles::kIndex;
  d.heading(title, {a.metric, *a.info.unit == 0 ? std::string() : std::string(", ") + a.info.unit});
  figures_table(d, groups, kLevelColumns, head);
  d.heading("Percentiles (%s)", {index ? "sorted[floor(n q)], as TR115 printed" : "linear"});
  figures_table(d, groups, kSpreadColumns, head);
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
  if (!a.excluded.empty()) d.heading("Left out (--clean)", {});
  for (const Trial* t : a.excluded) {
    std::string line;
    compose(line, "%s: %s", {t->path, reason_words(t->reasons)});
    d.point(line);
  }
}

void analysis(Document& d, const Analysis& a) {
  d.heading("%s: %s", {a.metric, a.settings.clean ? "runs without faults" : "all runs"});
  d.paragraph(a.headline);
  sentences(d, "What this rests on", a.verdict);
  sentences(d, "Warnings", a.warnings);
  level_tables(d, a, Level::runtime, "Runtimes: %s%s", "runtime");
  if (a.count[1] > 1) {
    level_tables(d, a, Level::config, "Configurations: %s%s", "configuration");
  }
  pairs_table(d, a);
  d.heading("Where the time went (means)", {});
  const auto groups = a.compared();
  const char* head = a.comparing == Level::config ? "configuration" : "runtime";
  figures_table(d, groups, kPartColumns, head);
  bool resources = false;
  for (const Group& g : groups) resources |= !isnan(g.means[Trial::max_rss_kib]);
  if (resources) {
    d.heading("Resources (means)", {});
    figures_table(d, groups, kResourceColumns, head);
  }
  cell_tables(d, a);
  left_out(d, a);
}

std::string document(const StatsReport& r, bool markdown) {
  Document d(markdown, r.columns);
  for (const auto& a : r.analyses) analysis(d, *a);
  changes_table(d, r.changes);
  std::string line;
  if (!r.set.skipped.empty()) d.heading("Skipped", {});
  for (const agent::SkippedFile& s : r.set.skipped) {
    line.clear();
    compose(line, "%s: %s", {s.path, s.why});
    d.point(line);
  }
  d.heading("Reproduce", {});
  line.clear();
  compose(line, "%s  (chimera %s; %d files, %d runs, bootstrap seed %d)",
          {r.command, r.version, r.set.files, r.set.trials.size(),
           size_t{r.analyses[0]->settings.seed}});
  d.paragraph(line);
  return std::move(d.out);
}

}  // namespace

std::string stats_text(const StatsReport& r) {
  return document(r, false);
}
std::string stats_markdown(const StatsReport& r) {
  return document(r, true);
}

}  // namespace chimera::lab
