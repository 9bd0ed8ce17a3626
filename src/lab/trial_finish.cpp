// A trial that was read to its end: why it is left out, what is computed, where it belongs.
#include "chimera/base/text.hpp"
#include "chimera/lab/record.hpp"
#include "trial_text.hpp"

namespace chimera::lab {

static constexpr double kColdMs = 1000;

// "2025-11-14T01:14:29.5147064Z", in UTC whatever stands behind the seconds.
double unix_seconds(std::string_view text) {
  uint32_t part[7] = {};   // year, month, day, hour, minute, second, fraction
  double unit = 1;
  size_t i = 0;
  for (const char c : text) {
    if (!is_digit(c)) {
      ++i;
      if (i == 7 || (i == 6 && c != '.')) break;
      continue;
    }
    if (i == 6) unit *= 10;
    if (unit > 1e9) break;
    part[i] = part[i] * 10 + static_cast<uint32_t>(c - '0');
  }
  const uint32_t year = part[0], month = part[1];
  if (i < 5 || year - 1901 > 198) return NAN;       // the formula holds from 1901 to 2099
  const uint32_t day = 367 * year - 7 * (year + (month + 9) / 12) / 4 + 275 * month / 9 + part[2];
  return (day - 719574.0) * 86400 + (part[3] * 60 + part[4]) * 60 + part[5] + part[6] / unit;
}

void TrialText::finish() {
  Trial& t = *trial_;
  for (TrialAgent& a : t.agents) {
    for (TrialPart& c : a.calls) {
      judge(c);
      t.reasons |= c.reasons;
    }
  }
  if (t[Trial::complete] == 0) t.reasons |= reason(Validity::error);
  derive();
  if (t.schema != TrialSchema::chimeraforge) place();
  for (size_t i = 0; i < set_.metrics.size(); ++i) {
    const size_t known = place_of(trial_number_names(), set_.metrics[i]);
    if (known != SIZE_MAX && hits_[i] != exact) t.numbers[Trial::kNumbers + i] = t.numbers[known];
  }
  start();
}

void TrialText::judge(TrialPart& c) {
  if (c[TrialPart::load_duration_ms] > kColdMs) c.reasons |= reason(Validity::cold);
  const double tokens = c[TrialPart::tokens];
  if (trial_->schema == TrialSchema::chimera || isnan(tokens)) return;
  const bool no_text = c[TrialPart::text_bytes] == 0;
  const bool stated = c[TrialPart::load_duration_ms] > 0 || c[TrialPart::eval_duration_ms] > 0 ||
                      c[TrialPart::prompt_eval_duration_ms] > 0;
  if (no_text && (stated || tokens > 0)) {
    c.reasons |= reason(Validity::empty);
  } else if (tokens <= 0) {
    c.reasons |= reason(Validity::truncated);
  }
}

// What a file does not state, from the times that it has.
void TrialText::derive() {
  double sum = 0, longest = 0, tokens = 0;
  for (const TrialAgent& a : trial_->agents) {
    sum += a.total[TrialPart::execution_time_s];
    longest = fmax(longest, a.total[TrialPart::execution_time_s]);
    tokens += a.total[TrialPart::tokens];
  }
  double* to = trial_->numbers;
  const double wall = to[Trial::concurrent_wall_time_s];
  if (!(wall > 0 && sum > 0)) return;
  const RunFigures f = decompose(wall, sum, longest, trial_->agents.size());
  // In the order of the enumeration.
  const double derived[] = {
      f.sequential_s, f.speedup, f.contention_detected ? 1.0 : 0.0, f.imbalance_pp,
      f.imbalance_pp_of_wall, f.overhead_ms, f.overhead_pp, tokens / wall};
  static_assert(Trial::sequential_estimated_s + std::size(derived) == Trial::contention_percent);
  to += Trial::sequential_estimated_s;
  for (const double value : derived) {
    if (isnan(*to)) *to = value;
    ++to;
  }
}

// Runtime, configuration and number out of the folders' names.
void TrialText::place() {
  Trial& t = *trial_;
  constexpr std::string_view kRuntime = "runtime-";
  std::string_view folders = path_, name;
  folders = folders.substr(0, folders.rfind('/') + 1);   // npos + 1 is 0
  std::string_view of_runtime = words_[preset].empty() ? words_[runtime] : words_[preset];
  std::string_view of_config;
  bool in_run = false;
  double number = 0;
  while (next_part(folders, '/', name)) {
    const bool is_run = name.starts_with("run_") && name.size() > 4 && is_digit(name[4]);
    if (is_run) {
      if (!in_run) number = static_cast<double>(parse_u64(name.substr(4)).value_or(0));
      in_run = true;
    } else if (!name.empty() && name != ".") {
      in_run = false;
      of_config = name == ".." ? std::string_view() : name;
      if (name.starts_with(kRuntime)) {
        of_runtime = name.substr(kRuntime.size());
        of_config = {};
      }
    }
  }
  t.numbers[Trial::run_number] = fmax(in_run ? number : t[Trial::run_number], 0);
  t.runtime = of_runtime.empty() ? std::string_view("unknown") : of_runtime;
  t.config = of_config.empty() ? words_[scenario] : of_config;
}

// Of a result, the words may stand behind its runs.
void TrialText::finish_result() {
  if (run_ != SIZE_MAX) finish();
  run_ = SIZE_MAX;
  for (; named_ + 1 < set_.trials.size(); ++named_) {
    Trial& t = *set_.trials[named_];
    for (const Word w : {model, quant, workload, context}) {
      if (w != model) t.config += '|';
      t.config += words_[w];
    }
    t.runtime = words_[backend];
    t.numbers[Trial::finished_s] = unix_seconds(words_[stamp]);
  }
  for (std::string_view& word : words_) word = {};
}

}  // namespace chimera::lab
