// The reports for people: upstream's headings and lines, and our decomposition of the efficiency.
#include <math.h>

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "record_parts.hpp"

namespace chimera::lab {
namespace {

using agent::AgentOutcome;
using agent::RunOutcome;

constexpr std::string_view kDelta = "\u0394";

void append_signed(std::string& out, double v, int decimals) {
  if (v >= 0) out += '+';
  append_fixed(out, v, decimals);
}

// "- Label: 12.34 unit"; the unit brings its own blank.
void figure(std::string& out, const char* label, double v, int decimals, const char* unit) {
  out += "- ";
  out += label;
  out += ": ";
  append_fixed(out, v, decimals);
  out += unit;
  out += '\n';
}

void line(std::string& out, std::string_view label, std::string_view text) {
  out += "- ";
  out += label;
  out += ": ";
  out += text;
  out += '\n';
}

void delta(std::string& out, const char* label, double v, const char* unit) {
  out += label;
  out += ' ';
  out += kDelta;
  out += ": ";
  append_signed(out, v, 2);
  out += unit;
  out += '\n';
}

// Text between fences longer than any run of backticks in it, so that it cannot end them.
void fenced(std::string& out, std::string_view text) {
  size_t run = 0, longest = 2;
  for (char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  out.append(fence).append("\n").append(text).append("\n").append(fence).append("\n");
}

void bullets(std::string& out, const char* title, const std::vector<std::string>& items) {
  out += "\n## ";
  out += title;
  out += '\n';
  for (const std::string& item : items) out.append("- ").append(item).append("\n");
  if (items.empty()) out += "- None\n";
}

// An agent's figures over the calls that have them; negative = none has. A run without failures has
// the same in its record, which counts what was not measured as upstream does.
struct Measured {
  double throughput = -1, ttft_ms = -1;
  uint64_t tokens = 0;
  bool cut = false;        // some of the tokens came before a failure
};

Measured measured(const AgentOutcome& a) {
  Measured m;
  double rates = 0, ttfts = 0;
  int with_rate = 0, with_ttft = 0;
  for (const agent::StageOutcome* s : stages_of(a)) {
    const llm::Call& c = s->call;
    m.tokens += c.tokens();
    m.cut |= !c.done && c.tokens() > 0;
    const double rate = tokens_per_second(c);
    if (rate > 0) rates += rate, ++with_rate;
    if (c.first_token != 0) ttfts += to_ms(c.ttft()), ++with_ttft;
  }
  if (with_rate > 0) m.throughput = rates / with_rate;
  if (with_ttft > 0) m.ttft_ms = ttfts / with_ttft;
  return m;
}

constexpr std::string_view kNotMeasured = "not measured";

// "not measured (1 of 2 agents failed)"; nothing for a complete run.
std::string why_not_measured(const RunOutcome& run) {
  std::string out;
  if (run.complete()) return out;
  size_t failed = 0;
  for (const AgentOutcome& a : run.agents) failed += a.failed || !a.report_stage.made;
  out = kNotMeasured;
  out += " (";
  append_u64(out, failed);
  out += " of ";
  append_u64(out, run.agents.size());
  return out += " agents failed)";
}

void figure_or_not(std::string& out, const char* label, double v, const char* unit) {
  v < 0 ? line(out, label, kNotMeasured) : figure(out, label, v, 2, unit);
}

void agent_figures(std::string& out, const AgentOutcome& a) {
  const Measured m = measured(a);
  figure_or_not(out, "Throughput", m.throughput, " tok/s");
  figure_or_not(out, "TTFT", m.ttft_ms, " ms");
  figure(out, "Total Duration", figures_of(a).total_duration_ms, 2, " ms");
}

void decomposition(std::string& out, const RunFigures& f, const std::string& unknown) {
  if (!unknown.empty()) {
    for (const char* label : {"Imbalance", "Overhead", "Contention"}) line(out, label, unknown);
  } else {
    figure(out, "Imbalance", f.imbalance_pp, 2, " pp (agents of unequal length)");
    figure(out, "Imbalance of Wall", f.imbalance_pp_of_wall, 2, " pp");
    figure(out, "Overhead", f.overhead_ms, 2, " ms (wall time beyond the slowest agent)");
    figure(out, "Overhead of Wall", f.overhead_pp, 2, " pp");
    figure(out, "Contention", f.contention_percent, 2,
           "% (of agent time: ready, but waiting for a worker)");
  }
  figure(out, "Aggregate Throughput", f.aggregate_tps, 2, " tok/s");
  if (isnan(f.true_efficiency_percent)) return;
  figure(out, "True Efficiency", f.true_efficiency_percent, 2, "% (sum(T alone) / (N * wall))");
  if (isnan(f.true_speedup_tokens)) return;
  figure(out, "True Speedup", f.true_speedup_tokens, 2, "x (tok/s together / tok/s alone)");
}

constexpr const char* kWhyDecompose =
    "Efficiency alone says nothing about the runtime: it is 100% minus imbalance and overhead of "
    "the wall time, and imbalance comes from answers of unequal length and speed; only overhead "
    "and contention belong to the runtime.\n";

void agent_section(std::string& out, const AgentOutcome& a, size_t index) {
  out.append("\n## Agent ").append(agent_letter(index)).append(" (").append(a.config.label);
  out.append(")\n");
  line(out, "Base URL", a.config.base_url);
  line(out, "Config", describe(a.config.options));
  agent_figures(out, a);
  if (a.failed) line(out, "Error", error_words(a.error, a.error_text));
}

// run_text

constexpr size_t kColumns = 7;
using Row = std::array<std::string, kColumns>;

// The agent's calls in one word: "ok", or one word a call when they differ.
std::string validity_words(const AgentOutcome& a) {
  std::string out;
  std::string_view last;
  for (const agent::StageOutcome* s : stages_of(a)) {
    if (!s->made) continue;
    const std::string_view word = llm::name_of(s->call.validity());
    if (word == last) continue;
    if (!out.empty()) out += ',';
    out += word;
    last = word;
  }
  return out.empty() ? "error" : out;
}

Row table_row(const AgentOutcome& a) {
  const Measured m = measured(a);
  Row row = {printable(a.config.id, false), printable(a.config.base_url, false), "", "-", "-"};
  append_u64(row[2], m.tokens);
  if (m.cut) row[2] += '*';
  if (m.throughput >= 0) append_fixed(row[3] = "", m.throughput, 2);
  if (m.ttft_ms >= 0) {
    append_fixed(row[4] = "", m.ttft_ms, 1);
    row[4] += " ms";
  }
  append_fixed(row[5], to_seconds(a.total), 2);
  row[5] += " s";
  row[6] = validity_words(a);
  return row;
}

// Words to the left, numbers to the right; no blanks at the ends of lines.
void append_table(std::string& out, std::span<const Row> rows) {
  size_t widths[kColumns] = {};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) {
      const bool number = i >= 2 && i + 1 < kColumns;
      const std::string pad(widths[i] - row[i].size(), ' ');
      if (i > 0) out += "  ";
      if (number) out += pad;
      out += row[i];
      if (!number && i + 1 < kColumns) out += pad;
    }
    out += '\n';
  }
}

void append_efficiency(std::string& out, const RunFigures& f, const std::string& unknown) {
  struct Part {
    const char* before;
    double value;
    const char* behind;
  };
  const Part parts[] = {
      {"efficiency ", f.efficiency_percent, " % = 100"},
      {" - ", f.imbalance_pp_of_wall, " (imbalance)"},
      {" - ", f.overhead_pp, " (overhead, "},
      {"", f.overhead_ms, " ms)\n"},
      {"contention ", f.contention_percent, " %, "},
      {"together ", f.aggregate_tps, " tok/s, "},
      {"wall ", f.wall_s, " s\n"},
      {"true efficiency ", f.true_efficiency_percent, " % (sum(T alone) / (N * wall))\n"},
      {"true speedup ", f.true_speedup_tokens, "x (tok/s together / tok/s alone)\n"},
  };
  size_t from = 0;
  if (!unknown.empty()) {
    out.append("efficiency ").append(unknown).append("\n");
    from = 5;      // what was measured all the same
  }
  for (const Part& p : std::span(parts).subspan(from)) {
    if (isnan(p.value)) continue;
    out += p.before;
    append_fixed(out, p.value, 2);
    out += p.behind;
  }
}

// What a model wrote, made harmless for a terminal; nothing when it wrote nothing.
void append_text(std::string& out, std::string_view text) {
  text = trim(text);
  if (!text.empty()) out.append(printable(text, true)).append("\n\n");
}

// upstream's four lines.
void averages(std::string& out, const RunFigures& mean, bool known) {
  const struct {
    const char* label;
    double value;
    int decimals;
    const char* unit;
    bool is_delta;
  } lines[] = {{"Average Throughput", mean.throughput_delta, 2, " tok/s", true},
               {"Average TTFT", mean.ttft_delta_ms, 2, " ms", true},
               {"Average Speedup", mean.speedup, 2, "x", false},
               {"Average Efficiency", mean.efficiency_percent, 1, "%", false}};
  for (const auto& l : lines) {
    if (known && l.is_delta) {
      delta(out, l.label, l.value, l.unit);
      continue;
    }
    out += l.label;
    if (l.is_delta) (out += ' ') += kDelta;
    out += ": ";
    known ? append_fixed(out, l.value, l.decimals) : void(out += kNotMeasured);
    out += known ? l.unit : "";
    out += '\n';
  }
}

void append_spread(std::string& out, std::span<const RunFigures> runs) {
  static constexpr FigureName kShown[] = {{"Efficiency (%)", &RunFigures::efficiency_percent},
                                          {"Wall time (s)", &RunFigures::wall_s},
                                          {"Aggregate (tok/s)", &RunFigures::aggregate_tps},
                                          {"Imbalance (pp of wall)",
                                           &RunFigures::imbalance_pp_of_wall},
                                          {"Overhead (pp of wall)", &RunFigures::overhead_pp},
                                          {"Overhead (ms)", &RunFigures::overhead_ms},
                                          {"Contention (%)", &RunFigures::contention_percent},
                                          {"True efficiency (%)",
                                           &RunFigures::true_efficiency_percent},
                                          {"True speedup (x)", &RunFigures::true_speedup_tokens}};
  out += "\n## Spread\n| Figure | Mean | SD | Min | Max |\n|---|---:|---:|---:|---:|\n";
  for (const FigureName& f : kShown) {
    const Spread s = spread_of(runs, f.value);
    if (isnan(s.mean)) continue;   // without a serial baseline
    out += "| ";
    out += f.name;
    for (const double v : {s.mean, s.sd, s.min, s.max}) {
      out += " | ";
      append_fixed(out, v, 2);
    }
    out += " |\n";
  }
}

}  // namespace

std::string summary_markdown(const Summary& summary) {
  const std::vector<RunFigures> complete = complete_figures(summary.runs);
  const RunFigures mean = mean_of(complete);
  std::string out = "# Multi-Agent Summary (";
  out += agent::name_of(summary.scenario);
  out += ")\n\nRuns: ";
  append_u64(out, summary.runs.size());
  out += '\n';
  if (complete.size() < summary.runs.size()) {
    out += "Complete runs: ";
    append_u64(out, complete.size());
    out += '\n';
  }
  averages(out, mean, !complete.empty());
  if (!complete.empty() && !isnan(mean.true_efficiency_percent)) {
    out += "Average True Efficiency: ";
    append_fixed(out, mean.true_efficiency_percent, 1);
    out += "% (sum(T alone) / (N * wall))\n";
  }
  out += "\n## Agent Configurations\n";
  for (size_t i = 0; i < summary.agents.size(); ++i) {
    line(out, "Agent " + agent_letter(i), describe(summary.agents[i].options));
  }
  if (complete.size() > 1) append_spread(out, complete);
  return out;
}

std::string combined_markdown(const RunOutcome& run) {
  const RunFigures f = figures_of(run);
  const std::string unknown = why_not_measured(run);
  std::string out = "# Chimera Multi-Agent Report - Run ";
  append_i64(out, run.number);
  if (run.interrupted) out += "\n\nInterrupted.";
  out += "\n\n## Scenario\n";
  line(out, "Type", agent::name_of(run.scenario));
  figure(out, "Concurrent Wall Time", f.wall_s, 2, "s");
  figure(out, "Sequential Estimate", f.sequential_s, 2, "s");
  if (!unknown.empty()) {
    for (const char* label : {"Speedup", "Efficiency", "Contention Detected"}) {
      line(out, label, unknown);
    }
  } else {
    figure(out, "Speedup", f.speedup, 2, "x");
    std::string ideal = "% (ideal = ";
    append_u64(ideal, run.agents.size());
    figure(out, "Efficiency", f.efficiency_percent, 1, (ideal + "x speedup)").c_str());
    line(out, "Contention Detected", f.contention_detected ? "Yes" : "No");
  }
  for (size_t i = 0; i < run.agents.size(); ++i) agent_section(out, run.agents[i], i);
  if (run.agents.size() > 1) {
    out += "\n## Delta (B - A)\n";
    if (unknown.empty()) {
      delta(out, "- Throughput", f.throughput_delta, " tok/s");
      delta(out, "- TTFT", f.ttft_delta_ms, " ms (positive = Agent B faster TTFT)");
    } else {
      line(out, "Throughput and TTFT", unknown);
    }
  }
  out += "\n## Decomposition\n";
  decomposition(out, f, unknown);
  out += '\n';
  return out += kWhyDecompose;
}

std::string agent_markdown(const AgentOutcome& a) {
  const AgentFigures f = figures_of(a);
  std::string out = "# ";
  out.append(a.config.label).append("\n\n");
  out += a.report_markdown.empty() ? std::string_view("No report.") : trim(a.report_markdown);
  if (a.failed) out.append("\n\n**Error:** ").append(error_words(a.error, a.error_text));
  out += "\n\n---\n\n## Workflow Summary\n- Files analyzed: ";
  append_u64(out, a.inventory.files.size());
  if (!a.inventory.skipped.empty()) {
    out += "\n- Files skipped: ";
    append_u64(out, a.inventory.skipped.size());
  }
  out += "\n- Execution time: ";
  append_fixed(out, to_seconds(a.total), 2);
  out += "s (ingest ";
  append_fixed(out, to_seconds(a.ingest_duration), 2);
  out += "s | analysis ";
  append_fixed(out, to_seconds(a.analysis_stage.duration), 2);
  out += "s | report ";
  append_fixed(out, to_seconds(a.report_stage.duration), 2);
  out += "s)\n- Data summary:\n";
  fenced(out, trim(agent::data_summary(a.inventory)));
  out += "\n## Metrics\n";
  agent_figures(out, a);
  const Measured m = measured(a);
  out += "- Tokens Generated: ";
  append_u64(out, m.tokens);
  out += m.cut ? " (some received before the failure)\n" : "\n";
  figure(out, "Prompt Eval", f.prompt_eval_ms, 2, " ms");
  figure(out, "Eval Duration", f.eval_ms, 2, " ms");
  figure(out, "Load Duration", f.load_ms, 2, " ms");
  bullets(out, "Key Findings", a.analysis.key_findings);
  bullets(out, "Recommendations", a.analysis.recommendations);
  out += "\n## Persona Prompt\n";
  fenced(out, a.config.persona);
  return out;
}

std::string run_text(const RunOutcome& run, const ProcessFigures& process) {
  std::string out;
  std::vector<Row> rows(1);
  rows[0] = {"agent", "endpoint", "tokens", "tok/s", "TTFT", "duration", "validity"};
  for (const AgentOutcome& a : run.agents) {
    rows.push_back(table_row(a));
    append_text(out, a.report_markdown);
    if (!a.failed) continue;
    out.append(printable(a.config.label, false)).append(": no whole report: ");
    out.append(error_words(a.error, a.error_text)).append("\n\n");
    // What had come by then is still worth reading.
    if (a.report_markdown.empty()) append_text(out, a.analysis_stage.call.text);
  }
  append_table(out, rows);
  for (const Row& row : rows) {
    if (!row[2].ends_with('*')) continue;
    out += "* received before the failure\n";
    break;
  }
  out += '\n';
  append_efficiency(out, figures_of(run), why_not_measured(run));
  out.append("runtime ").append(process.runtime).append(", workers ");
  append_i64(out, process.workers);
  out += ", read size ";
  append_u64(out, process.read_size);
  out += process.coalesce != 0 ? " bytes, coalesced" : " bytes";
  if (!process.preset.empty()) out.append(" (preset ").append(process.preset).append(")");
  out += '\n';
  return out;
}

}  // namespace chimera::lab
