#include "selftest_parts.hpp"

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/sort.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/lab/record.hpp"

namespace chimera::cli {
namespace {

constexpr Nanos kStep = 100;   // of the percentiles, ns
constexpr uint32_t kFewestTokens = 20;
constexpr uint32_t kMostTokens = 200'000;   // of a cell: 10 MB of instants

Nanos absolute(Nanos n) { return n < 0 ? -n : n; }

void append_ms(std::string& s, Nanos n) {
  append_shortest(s, to_ms(n));
  s.append(" ms");
}

void append_count(std::string& s, uint64_t n, const char* what) {
  if (!s.empty()) s.append("; ");
  append_u64(s, n);
  s.append(what);
}

void check(std::string& s, const char* what, Nanos value, Nanos bound) {
  if (bound == 0 || value <= bound) return;
  if (!s.empty()) s.append("; ");
  s.append(what);
  append_ms(s, value);
  s.append(" exceeds ");
  append_ms(s, bound);
}

// All that is gathered over the streams of a cell.
struct Samples {
  std::vector<Nanos> delay, excess, lateness, ttft_error, ttft_truth, ttft_predicted, ttft_excess;
};

// One push_back of lvalues: that of temporaries is compiled a second time.
void add(std::vector<Nanos>& values, Nanos n) { values.push_back(n); }

void add_tokens(const Told& told, const Heard& heard, Samples& s) {
  const size_t sent = told.sent.size();
  for (size_t k = 0; k < sent; ++k) add(s.lateness, told.sent[k] - told.planned[k]);
  const size_t both = std::min(sent, heard.at.size());
  for (size_t k = 0; k < both; ++k) {
    add(s.delay, heard.at[k] - told.sent[k]);
    add(s.excess, heard.at[k] - told.released(k));
  }
}

// The request was out when the client says so, or when the server had it if that was earlier: then
// the client's stamp was late, and that is an error of the reading too.
void add_first(const Told& told, const Heard& heard, double rate, Samples& s) {
  if (told.sent.empty() || heard.at.empty()) return;
  const Nanos out = std::min(heard.asked, told.arrived);
  const Nanos truth = told.sent[0] - out;
  const Nanos error = heard.ttft - truth;
  const double gaps = static_cast<double>(told.first_lines() - 1);
  add(s.ttft_truth, truth);
  add(s.ttft_error, error);
  add(s.ttft_predicted, static_cast<Nanos>(gaps * 1e9 / rate));
  add(s.ttft_excess, absolute(error - (told.released(0) - told.sent[0])));
}

void count_stream(const Told& told, const Heard& heard, CellFigures& f) {
  ++f.ran;
  if (heard.failed && f.failed++ == 0) f.first_error = heard.error;
  f.sent += told.sent.size();
  f.received += heard.at.size();
  if (told.sent.size() > heard.at.size()) f.lost += told.sent.size() - heard.at.size();
  f.wrong_texts += told.text != heard.text;
  f.reads += heard.reads;
  f.records += heard.at.size() + (heard.failed ? 0 : 1);
}

}  // namespace

uint64_t text_hash(uint64_t before, std::string_view more) {
  for (const char c : more) before = (before ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return before;
}

void Told::begin(uint32_t coalesce, size_t tokens) {
  coalesce_ = coalesce;
  planned.reserve(tokens);
  sent.reserve(tokens);
  group_end_.reserve(tokens);
}

void Told::add_event(std::string_view words, size_t bytes, Nanos due) {
  text = text_hash(text, words);
  const uint32_t index = static_cast<uint32_t>(planned.size());
  planned.push_back(due);
  group_end_.push_back(UINT32_MAX);
  held_ += bytes;
  if (held_ < coalesce_) return;
  for (; group_ <= index; ++group_) group_end_[group_] = index;
  held_ = 0;
}

void Told::add_send(Nanos at) {
  while (sent.size() < planned.size()) sent.push_back(at);
  last_sent_ = at;
}

Nanos Told::released(size_t k) const {
  const size_t end = group_end_[k];
  return end < sent.size() ? sent[end] : last_sent_;
}

size_t Told::first_lines() const {
  return planned.empty() ? 1 : std::min<size_t>(group_end_[0], planned.size()) + 1;
}

Spread spread_of(const std::vector<Nanos>& values) {
  Spread s;
  if (values.empty()) return s;
  s.min = s.max = values[0];
  for (const Nanos v : values) {
    s.min = std::min(s.min, v);
    s.max = std::max(s.max, v);
  }
  std::vector<uint32_t> steps(values.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    steps[i] = static_cast<uint32_t>(std::min<Nanos>((values[i] - s.min) / kStep, UINT32_MAX));
  }
  sort_numbers(steps);
  s.p50 = s.min + static_cast<Nanos>(lab::percentile(steps, 0.5) * kStep);
  s.p99 = s.min + static_cast<Nanos>(lab::percentile(steps, 0.99) * kStep);
  return s;
}

CellFigures figures_of(std::span<const Told> told, std::span<const Heard> heard, double rate) {
  CellFigures f;
  Samples s;
  for (size_t i = 0; i < heard.size(); ++i) {
    if (!heard[i].ran) continue;
    count_stream(told[i], heard[i], f);
    add_tokens(told[i], heard[i], s);
    add_first(told[i], heard[i], rate, s);
  }
  f.ttft_error = spread_of(s.ttft_error);
  f.ttft_truth = spread_of(s.ttft_truth);
  f.ttft_predicted = spread_of(s.ttft_predicted).p50;
  f.ttft_excess = spread_of(s.ttft_excess).p50;
  f.delay = spread_of(s.delay);
  f.excess = spread_of(s.excess);
  f.lateness = spread_of(s.lateness);
  f.saturated = f.lateness.p50 > kSaturated;
  return f;
}

std::string faults_of(const CellFigures& f, const Bounds& bounds) {
  std::string s;
  if (f.lost != 0) append_count(s, f.lost, " tokens lost");
  if (f.wrong_texts != 0) append_count(s, f.wrong_texts, " answers differ from what was sent");
  if (f.failed != 0) {
    append_count(s, f.failed, " streams failed: ");
    s.append(explain(f.first_error, {}, {}, false));
  }
  if (f.ran == 0) append_count(s, 0, " streams ran");
  if (f.saturated) return s;
  check(s, "TTFT error p50 ", f.ttft_excess, bounds.ttft_error);
  check(s, "delay p50 ", f.excess.p50, bounds.delay_p50);
  check(s, "delay p99 ", f.excess.p99, bounds.delay_p99);
  return s;
}

Comparison compare_blocks(const std::vector<Nanos>& a, const std::vector<Nanos>& b) {
  const Spread of_a = spread_of(a), of_b = spread_of(b);
  Comparison c;
  c.a = of_a.p50;
  c.b = of_b.p50;
  c.difference = absolute(c.a - c.b);
  c.spread = std::max(of_a.max - of_a.min, of_b.max - of_b.min);
  c.differ = c.difference > c.spread;
  return c;
}

uint32_t tokens_of_cell(uint32_t rate, uint32_t streams, Nanos cell_time) {
  const double wanted = static_cast<double>(rate) * to_seconds(cell_time);
  const uint32_t share = std::max(kFewestTokens, kMostTokens / std::max(streams, 1u));
  if (wanted >= share) return share;
  return std::max(kFewestTokens, static_cast<uint32_t>(wanted));
}

}  // namespace chimera::cli
