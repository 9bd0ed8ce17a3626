// Every value of a file is met once, with its path, and goes where its path says. Upstream's
// records and ours are objects with a "summary"; chimeraforge's files are arrays of results with
// "individual_runs". Which one it was is known at the end.
#include "trial_text.hpp"

#include <string.h>

#include <algorithm>

#include "chimera/base/text.hpp"

namespace chimera::lab {
namespace {

using Event = Leaves::Event;

constexpr size_t kAgents = 1024, kTrials = 100'000;   // more are refused
constexpr size_t kPath = 1024;                                     // longer ones lead nowhere

// In the order of the enumerations; what is not stored as such comes last there and has no name.
constexpr const char* kCallNames[] = {
    "eval_duration_ms", "load_duration_ms", "prompt_eval_duration_ms", "total_duration_ms",
    "ttft_ms", "tokens_generated", "throughput_tokens_per_sec"};
constexpr const char* kAgentNames[] = {
    "eval_duration_ms", "load_duration_ms", "prompt_eval_duration_ms", "total_duration_ms",
    "average_ttft_ms", "total_tokens_generated", "average_tokens_per_second", "execution_time_s"};
constexpr const char* kTrialNames[] = {
    "efficiency_percent", "concurrent_wall_time_s", "throughput_delta", "ttft_delta_ms",
    "run_number", "sequential_estimated_s", "concurrency_speedup",
    "resource_contention_detected", "imbalance_pp", "imbalance_pp_of_wall", "overhead_ms",
    "overhead_pp", "aggregate_tps", "contention_percent", "true_efficiency_percent",
    "true_speedup_tokens",
    "complete", "simulated", "binary_bytes", "max_rss_kib", "startup_ms", "user_s", "system_s",
    "voluntary_switches", "involuntary_switches"};
// In the order of TrialText::Word.
constexpr const char* kWordPaths[] = {"model", "quant", "workload", "context_length", "backend",
                                      "timestamp", "scenario", "chimera.preset", "chimera.runtime"};
static_assert(std::size(kCallNames) == TrialPart::execution_time_s);
static_assert(std::size(kAgentNames) == TrialPart::text_bytes);
static_assert(std::size(kTrialNames) == Trial::finished_s);

}  // namespace

size_t place_of(std::span<const char* const> names, std::string_view name) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return i;
  }
  return SIZE_MAX;
}

std::span<const char* const> trial_number_names() { return kTrialNames; }

void TrialText::start() {
  if (set_.trials.size() >= kTrials) why_ = "too many runs";
  trial_ = new Trial;
  trial_->path = path_;
  set_.trials.push_back(trial_);
  for (Hit& hit : hits_) hit = none;
}

std::string TrialText::all() {
  const size_t first = named_;
  const char* words = read();
  // The last one was begun for a run that did not come.
  const size_t keep = words ? first : set_.trials.size() - 1;
  for (; set_.trials.size() > keep; set_.trials.pop_back()) delete set_.trials.back();
  std::string why = words ? words : "";
  if (leaves_.event == Event::error) {
    why += leaves_.in.what();
    why += " at byte ";
    append_u64(why, leaves_.in.offset());
  }
  return why;
}

const char* TrialText::read() {
  start();
  while (!why_ && leaves_.next()) leaf();
  if (leaves_.event == Event::error) return "not JSON: ";
  if (why_) return why_;
  if (forge_) {
    finish_result();
  } else if (isnan((*trial_)[Trial::efficiency_percent])) {
    return "not a result: no summary.efficiency_percent";
  } else {
    finish();
  }
  return why_;
}

[[gnu::noinline]] bool TrialText::take(const char* prefix) {
  if (!rest_.starts_with(prefix)) return false;
  rest_.remove_prefix(strlen(prefix));
  return true;
}

// Takes "<prefix><digits>]" and a point behind it.
bool TrialText::take_index(const char* prefix, size_t& index) {
  const std::string_view whole = rest_;
  std::string_view digits;
  if (take(prefix) && next_part(rest_, ']', digits)) {
    if (const auto number = parse_u64(digits)) {
      index = static_cast<size_t>(std::min<uint64_t>(*number, SIZE_MAX));
      take(".");
      return true;
    }
  }
  rest_ = whole;
  return false;
}

void TrialText::leaf() {
  // No name of ours is that long; to look through such a path again and again could take hours.
  if (leaves_.path.size() > kPath) return;
  rest_ = leaves_.path;
  size_t i = 0;
  if (take_index("[", i) && i != result_) {
    if (!forge_ && !isnan((*trial_)[Trial::efficiency_percent])) why_ = "a list of records";
    finish_result();
    result_ = i;
  }
  const size_t word = place_of(kWordPaths, rest_);
  if (word != SIZE_MAX) words_[word] = leaves_.in.raw();
  if (take_index("individual_runs[", i)) return run_leaf(i);
  if (!forge_) look_up();
  if (take("collector.")) return agent_leaf(0);
  if (take("insight.")) return agent_leaf(1);
  if (take_index("chimera.more_agents[", i)) return agent_leaf(std::min(i, kAgents) + 2);
  // Upstream's Python programs have the figures without a "summary" around them.
  if (!take("summary.") && take("chimera.")) our_leaf();
  take("decomposition.");
  put(trial_->numbers, kTrialNames);
}

// NaN for what is neither a number nor a boolean.
double TrialText::number() const {
  if (leaves_.event == Event::number) return leaves_.in.number().value_or(NAN);
  return leaves_.event == Event::boolean ? leaves_.in.boolean() : NAN;
}

[[gnu::noinline]] void TrialText::put(double* numbers, std::span<const char* const> names) {
  const size_t i = place_of(names, rest_);
  if (i != SIZE_MAX) numbers[i] = number();
}

TrialAgent& TrialText::agent(size_t i) {
  if (i >= kAgents) {
    why_ = "too many agents";
    i = 0;
  }
  if (i >= trial_->agents.size()) trial_->agents.resize(i + 1);
  return trial_->agents[i];
}

TrialPart& TrialText::call(size_t i, size_t k) {
  auto& calls = agent(i).calls;
  if (k < std::size(calls)) return calls[k];
  why_ = "too many calls";
  return calls[0];
}

void TrialText::agent_leaf(size_t i) {
  size_t k = 0;
  if (is("config.base_url")) return take_url(leaves_.in.raw());
  if (take("result.")) {
    if (take_index("individual_runs[", k)) return put(call(i, k).numbers, kCallNames);
    if (take_index("llm_calls[", k) && is("response")) return take_answer(call(i, k));
    if (is("timestamp")) {
      double& finished = trial_->numbers[Trial::finished_s];
      finished = fmax(finished, unix_seconds(leaves_.in.raw()));
    }
    if (is("system_info.hostname")) {
      uint32_t hash = 0;
      for (const char c : leaves_.in.raw()) hash = hash * 131 + static_cast<unsigned char>(c);
      trial_->numbers[Trial::machine] = hash;
    }
    if (!take("aggregate_metrics.")) return;
  }
  put(agent(i).total.numbers, kAgentNames);
}

void TrialText::take_answer(TrialPart& c) {
  std::string text;
  leaves_.in.string(text);
  c.numbers[TrialPart::text_bytes] = static_cast<double>(std::ssize(trim(text)));
  if (llm::repeats_itself(text)) c.reasons |= reason(Validity::loop);
  if (trial_->schema == TrialSchema::upstream_v1) trial_->schema = TrialSchema::upstream_v2;
}

// Without the port, which a URL may leave out.
static std::string_view host(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme != url.npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of(":/", url.starts_with('[') ? url.find(']') : 0));
}

void TrialText::take_url(std::string_view url) {
  if (url_.empty()) {
    url_ = url;
    return;
  }
  double* to = trial_->numbers;
  to[Trial::same_server] = fmax(to[Trial::same_server], url == url_);
  to[Trial::same_host] = fmax(to[Trial::same_host], host(url) == host(url_));
}

void TrialText::our_leaf() {
  const std::string_view word = leaves_.in.raw();
  size_t i = 0, k = 0;
  if (is("schema") && word == "chimera.trial/1") trial_->schema = TrialSchema::chimera;
  if (!take_index("agents[", i) || !take_index("calls[", k) || !is("validity")) return;
  for (int v = 1; v <= static_cast<int>(Validity::empty); ++v) {
    const auto validity = static_cast<Validity>(v);
    if (word == llm::name_of(validity)) call(i, k).reasons |= reason(validity);
  }
}

void TrialText::run_leaf(size_t run) {
  if (run != run_) {
    if (run_ != SIZE_MAX) finish();
    forge_ = true;
    run_ = run;
    blank(trial_->numbers);              // of what stood outside the runs
    trial_->schema = TrialSchema::chimeraforge;
    trial_->numbers[Trial::run_number] = static_cast<double>(static_cast<int64_t>(run)) + 1;
    for (Hit& hit : hits_) hit = none;
  }
  look_up();
  TrialPart& c = call(0, 0);
  put(c.numbers, kCallNames);
  if (is("throughput_tps")) c.numbers[TrialPart::rate_tps] = number();
}

void TrialText::look_up() {
  const double value = number();
  if (isnan(value)) return;
  for (size_t i = 0; i < set_.metrics.size(); ++i) {
    const std::string_view name = set_.metrics[i];
    if (hits_[i] == exact || !rest_.ends_with(name)) continue;
    const size_t before = rest_.size() - name.size();
    if (before != 0 && rest_[before - 1] != '.') continue;
    hits_[i] = before == 0 ? exact : hits_[i] == none ? one : many;
    trial_->numbers[Trial::kNumbers + i] = hits_[i] == many ? NAN : value;
    if (hits_[i] == many && set_.ambiguous[i].empty()) set_.ambiguous[i] = rest_;
  }
}

TrialPart::TrialPart() { blank(numbers); }
Trial::Trial() { blank(numbers); }

std::string read_trial_text(std::string_view text, const std::string& path, TrialSet& set) {
  std::string why = TrialText(text, path, set).all();
  set.files += why.empty();
  return why;
}

}  // namespace chimera::lab
