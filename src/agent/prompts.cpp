// How fitting works: each prompt is a function of the number of items it may show, in order of
// importance. The largest number whose text is within the budget is found by bisection, so that
// even 2,000 metrics cost a dozen drafts. In a report prompt only the metrics are found that way;
// the other parts get their share before.
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

// Asked for a text that is longer: what it says can be addressed.
size_t bytes_for(Budget budget) { return static_cast<size_t>(budget.prompt * kBytesPerToken); }

constexpr size_t kListMark = 5;       // bytes of "10. " and the line end
constexpr size_t kLongerNotes = 20;   // at most, of "(10 of 12 ...):" over "(0 of 12 ...)"

constexpr std::string_view kCollector =
    "You are a data collector who takes stock of benchmark files. Say what data there is, how much "
    "and how recent, and what is missing for judging a model. Be brief and concrete; another "
    "analyst relies on it.";
constexpr std::string_view kAnalyst =
    "You are an insight analyst for language model operations. Judge throughput, latency and "
    "quality together, weigh risks against gains, and rest statements on the figures given.";

constexpr std::string_view kAnalysisTask =
    "Your task: analyse the benchmark data listed below.\n\nBenchmark data:\n";
constexpr std::string_view kAnalysisRequests =
    "\nPlease give:\n"
    "1. Executive summary\n"
    "2. Key findings\n";
constexpr std::string_view kAskMetrics = "3. Analysis of the performance metrics\n";
constexpr std::string_view kAskMissing =
    "3. What is missing to judge performance: no figures are given, state none\n";
constexpr std::string_view kAnalysisFormat =
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
    "Write in Markdown and ";
constexpr std::string_view kNameFigures = "name the figures that your statements rest on.";
constexpr std::string_view kNoFigures = "state no figure that is not given above.";

using Draft = FunctionRef<std::string(size_t shown)>;

bool fits(std::string_view text, Budget budget) { return estimate_tokens(text) <= budget.prompt; }

// The most of `items` whose draft is within the budget; 0 if none is. `text` is its draft.
size_t fitted(size_t items, Budget budget, Draft draft, std::string& text) {
  text = draft(items);
  if (fits(text, budget)) return items;
  size_t shown = 0;
  for (size_t beyond = items; shown + 1 < beyond;) {
    const size_t middle = shown + (beyond - shown) / 2;
    (fits(draft(middle), budget) ? shown : beyond) = middle;
  }
  text = draft(shown);
  return shown;
}

void measure(Prompt& p, Budget budget) {
  p.fit.context = budget.context;
  p.fit.context_assumed = budget.assumed;
  p.fit.estimated = estimate_tokens(p.text);
  p.fit.over = !fits(p.text, budget);
}

uint32_t missing(size_t all, size_t shown) { return static_cast<uint32_t>(all - shown); }

// Files without performance figures have only counts, which the data summary says already.
std::vector<Metric> metrics_to_show(const Inventory& inventory) {
  return inventory.metrics.empty() ? std::vector<Metric>() : data_metrics(inventory);
}

void append_persona(std::string& out, const AgentConfig& config) {
  if (config.persona.empty()) return;
  out += config.persona;
  out += "\n\n";
}

// What stands behind a part's title: ":", or " (12 of 60 metrics shown):" when not all are, and the
// line end.
void append_shown(std::string& out, size_t shown, size_t all, const char* what) {
  if (shown < all) {
    out += " (";
    append_u64(out, shown);
    out += " of ";
    append_u64(out, all);
    out += ' ';
    out += what;
    out += " shown)";
  }
  out += all == 0 ? ": none given\n" : shown == 0 ? "\n" : ":\n";
}

void append_metrics(std::string& out, std::span<const Metric> metrics, size_t shown) {
  out += "Performance metrics";
  append_shown(out, shown, metrics.size(), "metrics");
  if (shown == 0) return;
  wire::JsonWriter json(out, wire::JsonWriter::Style::pretty);
  write_metrics(json, metrics.first(shown));
  out += '\n';
}

void append_list(std::string& out, const char* title, std::span<const std::string> items,
                 size_t shown, const char* what) {
  out += "- ";
  out += title;
  append_shown(out, shown, items.size(), what);
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
  // shown of the analysis
  std::string_view summary;         // all of it or its beginning
  size_t findings = 0, advice = 0;
};

std::string report_draft(const ReportParts& parts, size_t metrics) {
  const Analysis& a = parts.analysis;
  const bool cut = parts.summary.size() < a.summary.size();
  std::string out;
  append_persona(out, parts.config);
  out += kReportTask;
  out += a.summary.empty()         ? "- Summary: none given"
         : parts.summary.empty()   ? "- Summary (left out)"
         : cut                     ? "- Summary (shortened): "
                                   : "- Summary: ";
  out += parts.summary;
  out += '\n';
  append_list(out, "Key findings", a.key_findings, parts.findings, "findings");
  out += "- ";
  append_metrics(out, parts.metrics, metrics);
  append_list(out, "Recommendations", a.recommendations, parts.advice, "recommendations");
  out += kReportOutline;
  out += metrics > 0 ? kNameFigures : kNoFigures;
  return out;
}

// Turns what each part needs into what it gets of `room`: equal shares, and what one does not need
// goes to the others.
void share(std::span<size_t> parts, size_t room) {
  size_t open = parts.size(), level = 0;
  size_t settled = 0;               // parts that need no more than this have it
  for (bool again = true; again && open > 0;) {
    level = room / open;
    again = false;
    for (const size_t need : parts) {
      if (need > level || need < settled) continue;
      room -= need;
      --open;
      again = true;
    }
    settled = level + 1;
  }
  if (open == 0) return;
  for (size_t& part : parts) part = std::min(part, level);
}

size_t bytes_of(std::span<const std::string> items) {
  size_t bytes = 0;
  for (const std::string& item : items) bytes += item.size() + kListMark;
  return bytes;
}

size_t items_within(std::span<const std::string> items, size_t room) {
  size_t n = items.size();
  while (n > 0 && bytes_of(items.first(n)) > room) --n;
  return n;
}

// Sets what is shown of the analysis; the metrics take what the others leave of the room.
void shorten(ReportParts& parts, Budget budget) {
  const Analysis& a = parts.analysis;
  std::string json;
  append_metrics(json, parts.metrics, parts.metrics.size());
  size_t shares[] = {a.summary.size(), bytes_of(a.key_findings), json.size(),
                     bytes_of(a.recommendations)};
  parts.summary = {};
  parts.findings = parts.advice = 0;
  const size_t fixed = report_draft(parts, 0).size() + kLongerNotes;
  const size_t room = bytes_for(budget);
  share(shares, room > fixed ? room - fixed : 0);
  parts.summary = utf8_truncate(a.summary, shares[0]);
  parts.findings = items_within(a.key_findings, shares[1]);
  parts.advice = items_within(a.recommendations, shares[3]);
}

}  // namespace

std::string_view persona_of(size_t index) { return index % 2 == 0 ? kCollector : kAnalyst; }

Budget budget_of(const llm::Options& options) {
  Budget b;
  const int64_t context = options.num_ctx.value_or(0);
  b.assumed = context <= 0;
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
  const std::vector<Metric> metrics = metrics_to_show(inventory);
  const size_t paths = summary_paths(inventory);
  // Importance: paths, then metrics.
  auto draft = [&](size_t shown) {
    const size_t figures = shown - std::min(shown, paths);
    std::string out;
    append_persona(out, config);
    out += kAnalysisTask;
    out += data_summary(inventory, shown);
    if (!metrics.empty()) append_metrics(out, metrics, figures);
    out += kAnalysisRequests;
    out += figures > 0 ? kAskMetrics : kAskMissing;
    return out += kAnalysisFormat;
  };
  Prompt p;
  const size_t shown = fitted(paths + metrics.size(), budget, draft, p.text);
  p.fit.metrics = static_cast<uint32_t>(metrics.size());
  p.fit.metrics_left_out = missing(metrics.size(), shown - std::min(shown, paths));
  p.fit.paths_left_out = missing(paths, std::min(shown, paths));
  measure(p, budget);
  return p;
}

Prompt report_prompt(const AgentConfig& config, const Inventory& inventory,
                     const Analysis& analysis, Budget budget) {
  const std::vector<Metric> metrics = metrics_to_show(inventory);
  ReportParts parts{config,           analysis,
                    metrics,          analysis.summary,
                    analysis.key_findings.size(), analysis.recommendations.size()};
  auto draft = [&](size_t shown) { return report_draft(parts, shown); };
  Prompt p;
  p.text = draft(metrics.size());
  size_t shown = metrics.size();
  if (!fits(p.text, budget)) {
    shorten(parts, budget);
    shown = fitted(metrics.size(), budget, draft, p.text);
    // Items are whole; the bytes that they left go to the summary.
    const size_t room = bytes_for(budget);
    if (!parts.summary.empty() && p.text.size() < room) {
      parts.summary = utf8_truncate(analysis.summary,
                                    parts.summary.size() + (room - p.text.size()));
      p.text = draft(shown);
    }
  }
  p.fit.metrics = static_cast<uint32_t>(metrics.size());
  p.fit.metrics_left_out = missing(metrics.size(), shown);
  p.fit.findings_left_out = missing(analysis.key_findings.size(), parts.findings);
  p.fit.recommendations_left_out = missing(analysis.recommendations.size(), parts.advice);
  p.fit.summary_cut = parts.summary.size() < analysis.summary.size();
  measure(p, budget);
  return p;
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
