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
  out += fence + '\n';
  out += text;
  out += '\n' + fence + '\n';
}

void bullets(std::string& out, const char* title, const std::vector<std::string>& items) {
  out += "\n## ";
  out += title;
  out += '\n';
  for (const std::string& item : items) out += "- " + item + '\n';
  if (items.empty()) out += "- None\n";
}

void agent_figures(std::string& out, const AgentFigures& f) {
  figure(out, "Throughput", f.average_tokens_per_second, 2, " tok/s");
  figure(out, "TTFT", f.average_ttft_ms, 2, " ms");
  figure(out, "Total Duration", f.total_duration_ms, 2, " ms");
}

void decomposition(std::string& out, const RunFigures& f) {
  figure(out, "Imbalance", f.imbalance_pp, 2, " pp (agents of unequal length)");
  figure(out, "Overhead", f.overhead_ms, 2, " ms (wall time beyond the slowest agent)");
  figure(out, "Contention", f.contention_percent, 2,
         "% (of agent time: ready, but waiting for a worker)");
  figure(out, "Aggregate Throughput", f.aggregate_tps, 2, " tok/s");
}

constexpr const char* kWhyDecompose =
    "Efficiency alone says nothing about the runtime: it is 100% minus imbalance and overhead, and "
    "imbalance comes from answers of unequal length and speed; only overhead and contention belong "
    "to the runtime.\n";

void agent_section(std::string& out, const AgentOutcome& a, size_t index) {
  out += "\n## Agent " + agent_letter(index) + " (" + a.config.label + ")\n";
  line(out, "Base URL", a.config.base_url);
  line(out, "Config", describe(a.config.options));
  agent_figures(out, figures_of(a));
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
  const AgentFigures f = figures_of(a);
  Row row = {printable(a.config.id, false), printable(a.config.base_url, false)};
  append_u64(row[2], f.total_tokens);
  append_fixed(row[3], f.average_tokens_per_second, 2);
  append_fixed(row[4], f.average_ttft_ms, 1);
  row[4] += " ms";
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

void append_efficiency(std::string& out, const RunFigures& f) {
  const struct {
    const char* before;
    double value;
    const char* behind;
  } parts[] = {
      {"efficiency ", f.efficiency_percent, " % = 100"},
      {" - ", f.imbalance_pp, " (imbalance)"},
      {" - ", fmax(0, 100 - f.imbalance_pp - f.efficiency_percent), " (overhead, "},
      {"", f.overhead_ms, " ms)\n"},
      {"contention ", f.contention_percent, " %, "},
      {"together ", f.aggregate_tps, " tok/s, "},
      {"wall ", f.wall_s, " s\n"},
  };
  for (const auto& p : parts) {
    out += p.before;
    append_fixed(out, p.value, 2);
    out += p.behind;
  }
}

}  // namespace

std::string summary_markdown(const Summary& summary) {
  const RunFigures mean = mean_of(complete_figures(summary.runs));
  std::string out = "# Multi-Agent Summary (";
  out += agent::name_of(summary.scenario);
  out += ")\n\nRuns: ";
  append_u64(out, summary.runs.size());
  out += '\n';
  delta(out, "Average Throughput", mean.throughput_delta, " tok/s");
  delta(out, "Average TTFT", mean.ttft_delta_ms, " ms");
  out += "Average Speedup: ";
  append_fixed(out, mean.speedup, 2);
  out += "x\nAverage Efficiency: ";
  append_fixed(out, mean.efficiency_percent, 1);
  out += "%\n\n## Agent Configurations\n";
  for (size_t i = 0; i < summary.agents.size(); ++i) {
    line(out, "Agent " + agent_letter(i), describe(summary.agents[i].options));
  }
  return out;
}

std::string combined_markdown(const RunOutcome& run) {
  const RunFigures f = figures_of(run);
  std::string out = "# Chimera Multi-Agent Report - Run ";
  append_i64(out, run.number);
  out += "\n\n## Scenario\n";
  line(out, "Type", agent::name_of(run.scenario));
  figure(out, "Concurrent Wall Time", f.wall_s, 2, "s");
  figure(out, "Sequential Estimate", f.sequential_s, 2, "s");
  figure(out, "Speedup", f.speedup, 2, "x");
  std::string ideal = "% (ideal = ";
  append_u64(ideal, run.agents.size());
  figure(out, "Efficiency", f.efficiency_percent, 1, (ideal + "x speedup)").c_str());
  line(out, "Contention Detected", f.contention_detected ? "Yes" : "No");
  for (size_t i = 0; i < run.agents.size(); ++i) agent_section(out, run.agents[i], i);
  if (run.agents.size() > 1) {
    out += "\n## Delta (B - A)\n";
    delta(out, "- Throughput", f.throughput_delta, " tok/s");
    delta(out, "- TTFT", f.ttft_delta_ms, " ms (positive = Agent B faster TTFT)");
  }
  out += "\n## Decomposition\n";
  decomposition(out, f);
  out += '\n';
  return out += kWhyDecompose;
}

std::string agent_markdown(const AgentOutcome& a) {
  const AgentFigures f = figures_of(a);
  std::string out = "# " + a.config.label + "\n\n";
  out += a.report_markdown.empty() ? std::string_view("No report.") : trim(a.report_markdown);
  if (a.failed) out += "\n\n**Error:** " + error_words(a.error, a.error_text);
  out += "\n\n---\n\n## Workflow Summary\n- Files analyzed: ";
  append_u64(out, a.inventory.files.size());
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
  agent_figures(out, f);
  out += "- Tokens Generated: ";
  append_u64(out, f.total_tokens);
  out += '\n';
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
    if (!a.report_markdown.empty()) out += printable(trim(a.report_markdown), true) + "\n\n";
    if (!a.failed) continue;
    out += printable(a.config.label, false) + ": no whole report: ";
    out += error_words(a.error, a.error_text) + "\n\n";
    // What had come by then is still worth reading.
    const std::string_view part = trim(a.analysis_stage.call.text);
    if (a.report_markdown.empty() && !part.empty()) out += printable(part, true) + "\n\n";
  }
  append_table(out, rows);
  out += '\n';
  append_efficiency(out, figures_of(run));
  out += "runtime " + process.runtime + ", workers ";
  append_i64(out, process.threads);
  out += ", read size ";
  append_u64(out, process.read_size);
  out += process.coalesce != 0 ? " bytes, coalesced\n" : " bytes\n";
  return out;
}

}  // namespace chimera::lab
