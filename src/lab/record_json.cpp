// The two JSON documents. Keys are written in sorted order at every level, as upstream's are; that
// is why related fields may stand apart here. `chimera` sorts before `collector`.
#include <math.h>

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/sort.hpp"
#include "chimera/base/text.hpp"
#include "record_parts.hpp"

namespace chimera::lab {
namespace {

using agent::AgentConfig;
using agent::AgentOutcome;
using agent::RunOutcome;
using agent::StageOutcome;
using wire::JsonWriter;

constexpr size_t kMostSkipped = 100;   // files named in a record

void write_strings(JsonWriter& j, const char* name, const std::vector<std::string>& items) {
  j.key(name).begin_array();
  for (const std::string& item : items) j.string(item);
  j.end_array();
}

// A span of time in ms, or null when its end did not happen.
void write_ms(JsonWriter& j, const char* name, Nanos from, Nanos to) {
  j.key(name);
  from != 0 && to >= from ? j.number(to_ms(to - from)) : j.null();
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

// The pairs as an object in the order of their names; of equal names the first counts. There are a
// handful, and a sort of pairs of strings would cost 4 KB of code.
template <class Write>
void write_sorted(JsonWriter& j, const Pairs& pairs, Write write) {
  const std::string* last = nullptr;
  j.begin_object();
  for (;;) {
    const Pairs::value_type* next = nullptr;
    for (const auto& p : pairs) {
      if ((!last || p.first > *last) && (!next || p.first < next->first)) next = &p;
    }
    if (!next) break;
    j.key(next->first);
    write(next->second);
    last = &next->first;
  }
  j.end_object();
}

void write_options(JsonWriter& j, const char* name, const llm::Options& o) {
  Pairs all;
  for (const auto& [key, value] : o.extra) {
    // As the request carries it: JSON, or else text.
    all.emplace_back(key, value);
    if (wire::check_json(value)) continue;
    all.back().second.clear();
    wire::append_json_string(all.back().second, value);
  }
  auto whole = [&](const char* key, const std::optional<int64_t>& v) {
    if (v) append_i64(all.emplace_back(key, "").second, *v);
  };
  auto real = [&](const char* key, const std::optional<double>& v) {
    if (v) append_shortest(all.emplace_back(key, "").second, *v);
  };
  whole("num_ctx", o.num_ctx);
  whole("num_gpu", o.num_gpu);
  whole("num_predict", o.num_predict);
  whole("seed", o.seed);
  whole("top_k", o.top_k);
  real("repeat_penalty", o.repeat_penalty);
  real("temperature", o.temperature);
  real("top_p", o.top_p);
  j.key(name);
  write_sorted(j, all, [&](const std::string& json) { j.raw(json); });
}

void write_config(JsonWriter& j, const agent::AgentConfig& c) {
  j.begin_object();
  j.field("base_url", c.base_url).field("id", c.id).field("label", c.label);
  j.field("model", c.model);
  write_options(j, "options", c.options);
  j.field("prompt", c.persona).end_object();
}

void write_call_metrics(JsonWriter& j, const llm::Call& c) {
  j.begin_object();
  j.field("eval_duration_ms", to_ms(c.eval_duration));
  j.field("load_duration_ms", to_ms(c.load_duration));
  j.field("prompt_eval_duration_ms", to_ms(c.prompt_eval_duration));
  j.field("throughput_tokens_per_sec", tokens_per_second(c));
  j.field("tokens_generated", generated_tokens(c));
  j.field("total_duration_ms", to_ms(call_duration(c)));
  j.field("ttft_ms", to_ms(c.ttft())).end_object();
}

void write_aggregate_metrics(JsonWriter& j, const AgentFigures& f) {
  j.key("aggregate_metrics").begin_object();
  j.field("average_tokens_per_second", f.average_tokens_per_second);
  j.field("average_ttft_ms", f.average_ttft_ms);
  j.field("eval_duration_ms", f.eval_ms);
  j.field("load_duration_ms", f.load_ms);
  j.field("prompt_eval_duration_ms", f.prompt_eval_ms);
  j.field("stddev_throughput", f.stddev_throughput);
  j.field("stddev_ttft", f.stddev_ttft);
  j.field("total_duration_ms", f.total_duration_ms);
  j.field("total_tokens_generated", f.total_tokens).end_object();
}

void write_analysis(JsonWriter& j, const AgentOutcome& a) {
  j.key("analysis").begin_object();
  write_strings(j, "key_findings", a.analysis.key_findings);
  j.key("performance_metrics");
  agent::write_metrics(j, agent::data_metrics(a.inventory));
  j.field("raw_response", trim(a.analysis_stage.call.text));
  write_strings(j, "recommendations", a.analysis.recommendations);
  j.field("summary", a.analysis.summary).end_object();
}

// individual_runs and llm_calls; the number of calls comes back.
uint64_t write_calls(JsonWriter& j, const AgentOutcome& a) {
  uint64_t calls = 0;
  j.key("individual_runs").begin_array();
  for (const StageOutcome* stage : stages_of(a)) {
    if (!stage->made) continue;
    write_call_metrics(j, stage->call);
    ++calls;
  }
  j.end_array().key("llm_calls").begin_array();
  const auto stages = stages_of(a);
  for (size_t i = 0; i < stages.size(); ++i) {
    if (!stages[i]->made) continue;
    j.begin_object().key("metrics");
    write_call_metrics(j, stages[i]->call);
    j.field("prompt", stages[i]->prompt).field("response", trim(stages[i]->call.text));
    j.field("stage", kStageNames[i]).end_object();
  }
  j.end_array();
  return calls;
}

std::string timestamp(int64_t unix_ns) {
  std::string out;
  append_rfc3339(out, unix_ns);
  return out;
}

void write_result(JsonWriter& j, const AgentOutcome& a, const ProcessFigures& p) {
  j.begin_object().field("agent_type", a.config.label);
  write_aggregate_metrics(j, figures_of(a));
  write_analysis(j, a);
  j.field("benchmark_data_count", static_cast<uint64_t>(a.inventory.files.size()));
  write_options(j, "configuration", a.config.options);
  j.field("data_summary", agent::data_summary(a.inventory));
  const uint64_t calls = write_calls(j, a);
  j.field("model", a.config.model).field("prompt", a.config.persona);
  j.field("report_markdown", a.report_markdown).field("runs", calls);
  j.key("system_info").begin_object();
  j.field("arch", p.arch).field("hostname", p.hostname).field("os", p.os);
  j.field("rust_version", "none (chimera " + p.version + ", C++23)").end_object();
  j.field("timestamp", timestamp(a.finished_unix_ns));
  j.key("workflow").begin_object();
  j.field("analysis_seconds", to_seconds(a.analysis_stage.duration));
  j.field("ingest_seconds", to_seconds(a.ingest_duration));
  j.field("report_seconds", to_seconds(a.report_stage.duration));
  j.field("total_seconds", to_seconds(a.total)).end_object().end_object();
}

void write_execution(JsonWriter& j, const AgentOutcome& a, const ProcessFigures& p) {
  j.begin_object().key("config");
  write_config(j, a.config);
  j.field("execution_time_s", to_seconds(a.total)).key("result");
  write_result(j, a, p);
  j.end_object();
}

void write_run_summary(JsonWriter& j, const RunDigest& run, agent::Scenario scenario) {
  const RunFigures& f = run.figures;
  const size_t n = run.agents.size();
  const RunDigest::Agent a = n > 0 ? run.agents[0] : RunDigest::Agent{};
  j.begin_object();
  j.field("collector_throughput", a.throughput).field("collector_ttft_ms", a.ttft_ms);
  j.field("concurrency_speedup", f.speedup);
  j.field("concurrent_wall_time_s", f.wall_s);
  j.field("efficiency_percent", f.efficiency_percent);
  if (n > 1) {
    j.field("insight_throughput", run.agents[1].throughput);
    j.field("insight_ttft_ms", run.agents[1].ttft_ms);
  }
  j.field("resource_contention_detected", f.contention_detected);
  j.field("run_number", run.number).field("scenario", agent::name_of(scenario));
  j.field("sequential_estimated_s", f.sequential_s);
  j.field("throughput_delta", f.throughput_delta);
  j.field("ttft_delta_ms", f.ttft_delta_ms).end_object();
}

// ours

void write_error(JsonWriter& j, bool failed, const Error& error, std::string_view text) {
  j.key("error");
  failed ? j.string(error_words(error, text)) : j.null();
}

void write_gaps(JsonWriter& j, const std::vector<uint32_t>& gaps_us) {
  j.key("inter_token_ms");
  if (gaps_us.empty()) {
    j.null();
    return;
  }
  std::vector<uint32_t> sorted = gaps_us;
  sort_numbers(sorted);
  j.begin_object();
  static constexpr std::pair<const char*, double> kPoints[] = {
      {"max", 1}, {"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};
  for (const auto& [name, q] : kPoints) j.field(name, percentile(sorted, q) / 1000);
  j.end_object();
}

void write_fit(JsonWriter& j, const agent::PromptFit& f) {
  j.key("prompt_fit").begin_object().field("context", f.context);
  j.field("context_assumed", f.context_assumed).field("estimated", f.estimated);
  j.field("findings_left_out", uint64_t{f.findings_left_out});
  j.field("left_out", uint64_t{f.left_out()}).field("metrics", uint64_t{f.metrics});
  j.field("metrics_left_out", uint64_t{f.metrics_left_out}).field("over", f.over);
  j.field("paths_left_out", uint64_t{f.paths_left_out});
  j.field("recommendations_left_out", uint64_t{f.recommendations_left_out});
  j.field("summary_cut", f.summary_cut).end_object();
}

void write_our_call(JsonWriter& j, const StageOutcome& s, const char* stage) {
  const llm::Call& c = s.call;
  j.begin_object().field("attempts", static_cast<uint64_t>(c.attempts));
  j.field("body_bytes", c.body_bytes);
  write_ms(j, "connect_ms", c.started, c.connected);
  j.field("done_reason", c.done_reason);
  write_error(j, c.failed, c.error, c.error_text);
  j.key("events_per_read");
  c.reads > 0 ? j.number(static_cast<double>(c.pieces) / c.reads) : j.null();
  write_ms(j, "first_visible_ms", c.sent, c.first_visible);
  write_gaps(j, c.gaps_us);
  j.field("pieces", static_cast<uint64_t>(c.pieces));
  write_fit(j, s.fit);
  j.field("prompt_tokens", c.prompt_eval_count);
  j.field("reads", static_cast<uint64_t>(c.reads)).field("reused", c.reused);
  j.field("stage", stage).field("tokens", c.tokens());
  write_ms(j, "ttfb_ms", c.sent, c.first_byte);
  write_ms(j, "ttft_ms", c.sent, c.first_token);
  j.field("validity", llm::name_of(c.validity())).end_object();
}

void write_our_agent(JsonWriter& j, const AgentOutcome& a) {
  j.begin_object().key("calls").begin_array();
  const auto stages = stages_of(a);
  for (size_t i = 0; i < stages.size(); ++i) {
    if (stages[i]->made) write_our_call(j, *stages[i], kStageNames[i]);
  }
  j.end_array();
  write_error(j, a.failed, a.error, a.error_text);
  j.field("id", a.config.id).field("ready_wait_ms", to_ms(a.ready_wait));
  j.field("resumes", a.resumes).field("running_ms", to_ms(a.running)).end_object();
}

void write_decomposition(JsonWriter& j, const RunFigures& f) {
  j.key("decomposition").begin_object();
  j.field("aggregate_tps", f.aggregate_tps).field("contention_percent", f.contention_percent);
  j.field("efficiency_percent", f.efficiency_percent).field("imbalance_pp", f.imbalance_pp);
  j.field("imbalance_pp_of_wall", f.imbalance_pp_of_wall).field("makespan_s", f.wall_s);
  j.field("overhead_ms", f.overhead_ms).field("overhead_pp", f.overhead_pp);
  j.field("true_efficiency_percent", f.true_efficiency_percent);
  j.field("true_speedup_tokens", f.true_speedup_tokens).end_object();
}

// All agents read the same folder: the first one's inventory.
void write_ingest(JsonWriter& j, const agent::Inventory& inventory) {
  j.key("ingest").begin_object().field("files", uint64_t{inventory.files.size()});
  j.key("notes").begin_array();
  for (const char* note : inventory.notes) j.string(note);
  j.end_array().key("skipped").begin_array();
  const size_t named = std::min(inventory.skipped.size(), kMostSkipped);
  for (const agent::SkippedFile& s : std::span(inventory.skipped).first(named)) {
    j.begin_object().field("path", s.path).field("why", s.why).end_object();
  }
  j.end_array().field("skipped_count", uint64_t{inventory.skipped.size()}).end_object();
}

// long: the fields in the order of the file
void write_chimera(JsonWriter& j, const RunOutcome& run, const ProcessFigures& p) {
  j.key("chimera").begin_object().key("agents").begin_array();
  for (const AgentOutcome& a : run.agents) write_our_agent(j, a);
  j.end_array().field("binary_bytes", p.binary_bytes).field("coalesce", p.coalesce);
  j.field("command", p.command).field("complete", run.complete());
  write_counters(j, p.counters);
  write_decomposition(j, figures_of(run));
  j.key("endpoint_versions");
  write_sorted(j, p.endpoint_versions, [&](const std::string& version) { j.string(version); });
  if (!run.agents.empty()) write_ingest(j, run.agents[0].inventory);
  j.field("interrupted", run.interrupted);
  j.field("involuntary_switches", p.used.involuntary_switches);
  j.field("keep_alive", p.keep_alive).field("kernel", p.kernel);
  j.field("max_rss_kib", p.used.max_rss_kib);
  if (run.agents.size() > 2) {
    j.key("more_agents").begin_array();
    for (const AgentOutcome& a : std::span(run.agents).subspan(2)) write_execution(j, a, p);
    j.end_array();
  }
  j.field("permits", p.permits).field("pin", p.pin).field("pop", p.lifo ? "lifo" : "fifo");
  j.field("preset", p.preset).field("read_size", p.read_size);
  j.field("runtime", p.runtime).field("schema", "chimera.trial/1").key("seed");
  p.seed < 0 ? j.null() : j.integer(p.seed);
  write_serial(j, run.serial);
  j.field("simulated", p.simulated).field("startup_ms", to_ms(p.startup));
  j.field("system_s", to_seconds(p.used.system)).field("threads", p.threads);
  j.field("user_s", to_seconds(p.used.user)).field("version", p.version);
  j.field("voluntary_switches", p.used.voluntary_switches);
  write_strings(j, "warnings", warnings_of(run));
  j.field("workers", p.workers);
  j.end_object();
}

void write_call_counts(JsonWriter& j, std::span<const RunDigest> runs) {
  // Sorted by name; the enumeration is sorted by meaning.
  using enum llm::Validity;
  static constexpr llm::Validity kSorted[] = {cold, empty, error, loop, ok, truncated};
  j.key("calls").begin_object();
  for (const llm::Validity v : kSorted) {
    uint64_t count = 0;
    for (const RunDigest& run : runs) count += run.calls[static_cast<size_t>(v)];
    j.field(llm::name_of(v), count);
  }
  j.end_object();
}

void write_spreads(JsonWriter& j, std::span<const RunFigures> figures) {
  j.key("figures").begin_object();
  for (const FigureName& f : kFigures) {
    const Spread s = spread_of(figures, f.value);
    if (isnan(s.mean)) continue;   // without a serial baseline
    j.key(f.name).begin_object().field("mean", s.mean).field("sd", s.sd).end_object();
  }
  j.end_object();
}

}  // namespace

std::string metrics_json(const RunOutcome& run, const ProcessFigures& process) {
  static constexpr const char* kNames[] = {"collector", "insight"};
  std::string out;
  JsonWriter j(out, JsonWriter::Style::pretty);
  j.begin_object();
  write_chimera(j, run, process);
  for (size_t i = 0; i < std::min(run.agents.size(), std::size(kNames)); ++i) {
    j.key(kNames[i]);
    write_execution(j, run.agents[i], process);
  }
  j.field("run_number", run.number).field("scenario", agent::name_of(run.scenario));
  j.key("summary");
  write_run_summary(j, digest_of(run), run.scenario);
  j.end_object();
  return out;
}

std::string summary_json(const Summary& summary, const ProcessFigures& process,
                         int64_t generated_unix_ns) {
  static constexpr const char* kNames[] = {"agent_a", "agent_b"};
  const std::vector<RunFigures> figures = complete_figures(summary.runs);
  const RunFigures mean = mean_of(figures);
  uint64_t contention = 0;
  for (const RunFigures& f : figures) contention += f.contention_detected;

  std::string out;
  JsonWriter j(out, JsonWriter::Style::pretty);
  j.begin_object();
  for (size_t i = 0; i < std::min(summary.agents.size(), std::size(kNames)); ++i) {
    j.key(kNames[i]);
    write_config(j, summary.agents[i]);
  }
  j.key("aggregate").begin_object();
  j.field("average_concurrency_speedup", mean.speedup);
  j.field("average_efficiency", mean.efficiency_percent);
  j.field("average_throughput_delta", mean.throughput_delta);
  j.field("average_ttft_delta_ms", mean.ttft_delta_ms).end_object();
  j.key("chimera").begin_object();
  write_call_counts(j, summary.runs);
  j.field("complete_runs", uint64_t{figures.size()}).field("contention_runs", contention);
  write_spreads(j, figures);
  if (summary.agents.size() > 2) {
    j.key("more_agents").begin_array();
    for (const AgentConfig& c : summary.agents.subspan(2)) write_config(j, c);
    j.end_array();
  }
  j.field("preset", process.preset).field("runtime", process.runtime);
  j.field("schema", "chimera.summary/1").field("version", process.version).end_object();
  j.field("generated_at", timestamp(generated_unix_ns)).key("runs").begin_array();
  for (const RunDigest& run : summary.runs) write_run_summary(j, run, summary.scenario);
  j.end_array();
  j.field("scenario", agent::name_of(summary.scenario)).end_object();
  return out;
}

}  // namespace chimera::lab
