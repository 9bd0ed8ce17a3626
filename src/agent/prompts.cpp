// How fitting works: each prompt is a function of the number of items it may show, in order of
// importance. The largest number whose text is within the budget is found by bisection, so that
// even 2,000 metrics cost a dozen drafts.
#include "chimera/agent/prompts.hpp"

#include <algorithm>
#include <span>

#include "chimera/base/number.hpp"
#include "chimera/base/own.hpp"
#include "chimera/base/text.hpp"

namespace chimera::agent {
namespace {

constexpr uint64_t kDefaultContext = 4096;
constexpr uint64_t kBytesPerToken = 3;
constexpr std::string_view kPathMark = "  - ";

constexpr std::string_view kCollector =
    "You are a data collector who takes stock of benchmark files. Say what data there is, how much "
    "and how recent, and what is missing for judging a model. Be brief and concrete; another "
    "analyst relies on your figures.";
constexpr std::string_view kAnalyst =
    "You are an insight analyst for language model operations. Judge throughput, latency and "
    "quality together, weigh risks against gains, and back each statement with a figure.";

constexpr std::string_view kAnalysisTask =
    "Your task: analyse the performance data listed below.\n\nBenchmark data:\n";
constexpr std::string_view kAnalysisRequests =
    "\nPlease give:\n"
    "1. Executive summary\n"
    "2. Key findings\n"
    "3. Analysis of the performance metrics\n"
    "4. Recommendations\n\n"
    "Answer in Markdown: one ## heading for each part, bullet points for findings and "
    "recommendations.";

constexpr std::string_view kReportTask =
    "Your task: write a technical report from the analysis below.\n\nAnalysis:\n";
constexpr std::string_view kReportOutline =
    "\nStructure of the report:\n"
    "1. Executive Summary\n"
    "2. Data Overview\n"
    "3. Performance Analysis\n"
    "4. Key Findings\n"
    "5. Recommendations\n"
    "6. Appendix\n\n"
    "Write in Markdown and name the figures that your statements rest on.";

using Draft = FunctionRef<std::string(size_t shown)>;

bool fits(std::string_view text, Budget budget) { return estimate_tokens(text) <= budget.prompt; }

// The draft that shows the most of `items` within the budget; the one that shows none if none fits.
Prompt fitted(size_t items, Budget budget, Draft draft) {
  size_t shown = items;
  std::string text = draft(items);
  if (!fits(text, budget)) {
    size_t beyond = items;
    for (shown = 0; shown + 1 < beyond;) {
      const size_t middle = shown + (beyond - shown) / 2;
      (fits(draft(middle), budget) ? shown : beyond) = middle;
    }
    text = draft(shown);
  }
  Prompt p{std::move(text), {}};
  p.fit.context = budget.context;
  p.fit.left_out = static_cast<uint32_t>(items - shown);
  return p;
}

Prompt measured(Prompt p, Budget budget) {
  p.fit.estimated = estimate_tokens(p.text);
  p.fit.over = !fits(p.text, budget);
  return p;
}

void append_persona(std::string& out, const AgentConfig& config) {
  if (config.persona.empty()) return;
  out += config.persona;
  out += "\n\n";
}

// " (12 of 60 metrics shown)"; nothing when all are.
void append_shown(std::string& out, size_t shown, size_t all, const char* what) {
  if (shown == all) return;
  out += " (";
  append_u64(out, shown);
  out += " of ";
  append_u64(out, all);
  out += ' ';
  out += what;
  out += " shown)";
}

// The data summary with its first `shown` of `all` file paths.
void append_summary(std::string& out, std::string_view summary, size_t shown, size_t all) {
  std::string_view line;
  size_t paths = 0;
  while (next_line(summary, line)) {
    if (line.starts_with(kPathMark) && ++paths > shown) continue;
    out += line;
    out += '\n';
  }
  if (shown == all) return;
  out += "Names of files:";
  append_shown(out, shown, all, "paths");
  out += '\n';
}

size_t count_paths(std::string_view summary) {
  std::string_view line;
  size_t paths = 0;
  while (next_line(summary, line)) paths += line.starts_with(kPathMark);
  return paths;
}

void append_list(std::string& out, const char* title, std::span<const std::string> items,
                 size_t shown, const char* what) {
  out += "- ";
  out += title;
  append_shown(out, shown, items.size(), what);
  out += items.empty() ? ": none given\n" : ":\n";
  for (size_t i = 0; i < shown; ++i) {
    append_u64(out, i + 1);
    out += ". ";
    out += items[i];
    out += '\n';
  }
}

struct ReportParts {
  const AgentConfig& config;
  const Analysis& analysis;
  std::span<const Metric> metrics;
  std::string_view summary;         // all of the analysis' or its beginning

  size_t items() const {
    return analysis.key_findings.size() + analysis.recommendations.size() + metrics.size();
  }
};

// Importance: findings, recommendations, metrics; what is dropped first comes last.
std::string report_draft(const ReportParts& parts, size_t shown) {
  const Analysis& a = parts.analysis;
  const size_t findings = std::min(shown, a.key_findings.size());
  const size_t advice = std::min(shown - findings, a.recommendations.size());
  const size_t metrics = shown - findings - advice;
  std::string out;
  append_persona(out, parts.config);
  out += kReportTask;
  out += parts.summary.size() < a.summary.size() ? "- Summary (shortened): " : "- Summary: ";
  out += parts.summary;
  out += '\n';
  append_list(out, "Key findings", a.key_findings, findings, "findings");
  out += "- Performance metrics";
  append_shown(out, metrics, parts.metrics.size(), "metrics");
  out += ":\n";
  wire::JsonWriter json(out, wire::JsonWriter::Style::pretty);
  write_metrics(json, parts.metrics.first(metrics));
  out += '\n';
  append_list(out, "Recommendations", a.recommendations, advice, "recommendations");
  out += kReportOutline;
  return out;
}

}  // namespace

std::string_view persona_of(size_t index) { return index % 2 == 0 ? kCollector : kAnalyst; }

Budget budget_of(const llm::Options& options) {
  Budget b;
  const int64_t context = options.num_ctx.value_or(0);
  b.context = context > 0 ? static_cast<uint64_t>(context) : kDefaultContext;
  const int64_t predict = options.num_predict.value_or(0);
  const uint64_t answer =
      predict > 0 ? std::min(static_cast<uint64_t>(predict), b.context / 2) : b.context / 4;
  b.prompt = b.context - answer;
  return b;
}

uint64_t estimate_tokens(std::string_view text) {
  return (text.size() + kBytesPerToken - 1) / kBytesPerToken;
}

Prompt analysis_prompt(const AgentConfig& config, const Inventory& inventory, Budget budget) {
  const std::string summary = data_summary(inventory);
  const size_t paths = count_paths(summary);
  auto draft = [&](size_t shown) {
    std::string out;
    append_persona(out, config);
    out += kAnalysisTask;
    append_summary(out, summary, shown, paths);
    out += kAnalysisRequests;
    return out;
  };
  return measured(fitted(paths, budget, draft), budget);
}

Prompt report_prompt(const AgentConfig& config, const Inventory& inventory,
                     const Analysis& analysis, Budget budget) {
  const std::vector<Metric> metrics = data_metrics(inventory);
  ReportParts parts{config, analysis, metrics, analysis.summary};
  auto draft = [&](size_t shown) { return report_draft(parts, shown); };
  Prompt p = fitted(parts.items(), budget, draft);
  if (!fits(p.text, budget) && !analysis.summary.empty()) {
    // Drafted without a summary first: what is left of the budget then is the summary's.
    parts.summary = {};
    p.text = draft(0);
    const uint64_t room = budget.prompt * kBytesPerToken;
    if (p.text.size() < room) {
      parts.summary = utf8_truncate(analysis.summary, room - p.text.size());
      p.text = draft(0);
    }
    ++p.fit.left_out;
  }
  return measured(std::move(p), budget);
}

std::string describe(const llm::Options& o) {
  if (!o.any_model_option()) return "Ollama defaults";
  std::string out;
  auto begin = [&](const char* name) {
    if (!out.empty()) out += ", ";
    out += name;
    out += '=';
  };
  auto whole = [&](const char* name, const std::optional<int64_t>& v) {
    begin(name);
    v ? append_i64(out, *v) : void(out += "default");
  };
  auto real = [&](const char* name, const std::optional<double>& v) {
    begin(name);
    v ? append_shortest(out, *v) : void(out += "default");
    if (v && out.ends_with(".0")) out.resize(out.size() - 2);
  };
  whole("num_gpu", o.num_gpu);
  whole("num_ctx", o.num_ctx);
  real("temp", o.temperature);
  real("top_p", o.top_p);
  whole("top_k", o.top_k);
  real("repeat_penalty", o.repeat_penalty);
  if (o.num_predict) whole("num_predict", o.num_predict);
  if (o.seed) whole("seed", o.seed);
  for (const auto& [name, value] : o.extra) {
    begin(name.c_str());
    out += value;
  }
  return out;
}

std::string report_header(const AgentConfig& config, int64_t unix_ns) {
  std::string out = "# Technical Report: " + config.label + " Analysis\n\n**Date:** ";
  append_utc_date(out, unix_ns / kSecond);
  out += "\n**Agent Type:** " + config.label;
  out += "\n**Model:** " + config.model;
  out += "\n**Configuration:** " + describe(config.options);
  return out += "\n\n---\n\n";
}

}  // namespace chimera::agent
