#include <math.h>

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "record_parts.hpp"

namespace chimera::lab {

using agent::AgentOutcome;
using agent::RunOutcome;
using agent::StageOutcome;

Spread spread_of(std::span<const double> values) {
  Spread s;
  if (values.empty()) return s;
  s.min = *std::min_element(values.begin(), values.end());
  s.max = *std::max_element(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  for (double v : values) s.mean += v;
  s.mean /= n;
  if (values.size() < 2) return s;
  double squares = 0;
  for (double v : values) squares += (v - s.mean) * (v - s.mean);
  s.sd = sqrt(squares / (n - 1));
  return s;
}

uint64_t generated_tokens(const llm::Call& c) { return c.done ? c.tokens() : c.eval_count; }

Nanos call_duration(const llm::Call& c) {
  return c.sent == 0 ? 0 : std::max<Nanos>(c.ended - c.sent, 0);
}

double tokens_per_second(const llm::Call& c) {
  const double tokens = static_cast<double>(generated_tokens(c));
  if (c.eval_duration > 0) return tokens / std::max(to_seconds(c.eval_duration), 1e-6);
  if (!c.done || tokens < 2 || c.last_token <= c.first_token) return 0;
  return (tokens - 1) / to_seconds(c.last_token - c.first_token);
}

AgentFigures figures_of(const AgentOutcome& a) {
  AgentFigures f;
  std::array<double, 2> rates{}, ttfts{};
  size_t n = 0;
  // Milliseconds are added rather than nanoseconds: upstream's sums to the last bit.
  for (const StageOutcome* stage : stages_of(a)) {
    if (!stage->made) continue;
    const llm::Call& c = stage->call;
    rates[n] = tokens_per_second(c);
    ttfts[n++] = to_ms(c.ttft());
    f.total_duration_ms += to_ms(call_duration(c));
    f.load_ms += to_ms(c.load_duration);
    f.prompt_eval_ms += to_ms(c.prompt_eval_duration);
    f.eval_ms += to_ms(c.eval_duration);
    f.total_tokens += generated_tokens(c);
  }
  const Spread rate = spread_of(std::span(rates).first(n));
  const Spread ttft = spread_of(std::span(ttfts).first(n));
  f.average_tokens_per_second = rate.mean;
  f.stddev_throughput = rate.sd;
  f.average_ttft_ms = ttft.mean;
  f.stddev_ttft = ttft.sd;
  return f;
}

// Only a run and a baseline in which every agent did its work can be compared.
static void compare_to_serial(RunFigures& f, const RunOutcome& r) {
  if (!r.complete() || !r.serial.complete() || r.wall <= 0) return;
  double alone_s = 0, tokens = 0;
  for (const agent::AloneOutcome& a : r.serial.agents) {
    alone_s += to_seconds(a.total);
    tokens += static_cast<double>(a.tokens);
  }
  f.true_efficiency_percent = 100 * alone_s / (static_cast<double>(r.agents.size()) * f.wall_s);
  if (tokens > 0) f.true_speedup_tokens = f.aggregate_tps * alone_s / tokens;
}

RunFigures decompose(double wall_s, double sum_s, double longest_s, size_t agents) {
  RunFigures f;
  const double n = static_cast<double>(agents);
  f.wall_s = wall_s;
  f.sequential_s = sum_s;
  if (wall_s > 0) {
    f.speedup = sum_s / wall_s;
    f.imbalance_pp_of_wall = 100 * (n * longest_s - sum_s) / (n * wall_s);
    f.overhead_pp = 100 * (wall_s - longest_s) / wall_s;
  }
  f.efficiency_percent = f.speedup / n * 100;
  f.contention_detected = f.speedup < 0.75 * n;
  if (longest_s > 0) f.imbalance_pp = 100 - 100 * sum_s / (n * longest_s);
  f.overhead_ms = 1000 * (wall_s - longest_s);
  return f;
}

RunFigures figures_of(const RunOutcome& r) {
  if (r.agents.empty()) {
    RunFigures none;
    none.wall_s = to_seconds(r.wall);
    return none;
  }
  Nanos longest = 0, waited = 0;
  double sum_s = 0;
  uint64_t tokens = 0;
  for (const AgentOutcome& a : r.agents) {
    sum_s += to_seconds(a.total);
    longest = std::max(longest, a.total);
    waited += a.ready_wait;
    for (const StageOutcome* stage : stages_of(a)) tokens += stage->call.tokens();
  }
  RunFigures f = decompose(to_seconds(r.wall), sum_s, to_seconds(longest), r.agents.size());
  if (r.wall > 0) f.aggregate_tps = static_cast<double>(tokens) / f.wall_s;
  if (longest > 0) f.contention_percent = 100 * to_seconds(waited) / f.sequential_s;
  f.overhead_ms = to_ms(r.wall - longest);   // exact
  compare_to_serial(f, r);
  if (r.agents.size() < 2) return f;
  const AgentFigures a = figures_of(r.agents[0]), b = figures_of(r.agents[1]);
  f.throughput_delta = b.average_tokens_per_second - a.average_tokens_per_second;
  f.ttft_delta_ms = a.average_ttft_ms - b.average_ttft_ms;
  return f;
}

RunDigest digest_of(const RunOutcome& run) {
  RunDigest d;
  d.number = run.number;
  d.complete = run.complete();
  d.figures = figures_of(run);
  for (const AgentOutcome& a : run.agents) {
    const AgentFigures f = figures_of(a);
    d.agents.push_back({f.average_tokens_per_second, f.average_ttft_ms});
    for (const StageOutcome* s : stages_of(a)) {
      if (s->made) ++d.calls[static_cast<size_t>(s->call.validity())];
    }
  }
  return d;
}

std::vector<RunFigures> complete_figures(std::span<const RunDigest> runs) {
  std::vector<RunFigures> all;
  for (const RunDigest& run : runs) {
    if (run.complete) all.push_back(run.figures);
  }
  return all;
}

Spread spread_of(std::span<const RunFigures> figures, double RunFigures::*value) {
  std::vector<double> values;
  for (const RunFigures& f : figures) values.push_back(f.*value);
  return spread_of(values);
}

RunFigures mean_of(std::span<const RunFigures> figures) {
  RunFigures mean;
  if (figures.empty()) return mean;
  for (const FigureName& f : kFigures) mean.*f.value = spread_of(figures, f.value).mean;
  return mean;
}

double percentile(std::span<const uint32_t> sorted, double q) {
  if (sorted.empty()) return 0;
  const double at = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const size_t low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  const double below = sorted[low], above = sorted[high];
  return below + (above - below) * (at - static_cast<double>(low));
}

std::string agent_letter(size_t index) {
  if (index < 26) return std::string(1, static_cast<char>('A' + index));
  std::string number;
  append_u64(number, index + 1);
  return number;
}

std::string error_words(const Error& error, std::string_view text) {
  // The order of Errc.
  static constexpr const char* kNames[] = {
      "resolve",      "refused",   "timed_out", "reset",      "closed", "truncated", "protocol",
      "too_large",    "http_status", "auth",    "no_model",   "busy",   "server_error",
      "tls",          "cancelled", "bad_input", "bad_config", "usage",  "io",        "not_found",
      "unsupported"};
  static_assert(std::size(kNames) == static_cast<size_t>(Errc::unsupported) + 1);
  std::string out = kNames[static_cast<size_t>(error.code)];
  if (error.os != 0) {
    out += ' ';
    append_i64(out, error.os);
  }
  if (*error.where != '\0') {
    out += ": ";
    out += error.where;
  }
  if (!text.empty()) {
    out += " (";
    out += printable(text, false);
    out += ')';
  }
  return out;
}

}  // namespace chimera::lab
