#include <math.h>

#include "chimera/base/math.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/lab/load.hpp"

namespace chimera::lab {
namespace {

constexpr const char* kNames[kLoadMetrics] = {
    "ttft",    "ttft_from_plan", "ttfo", "tpot", "e2e",   "response",
    "connect", "lag",            "late", "itl",  "error", "goodput", "throughput"};

std::unexpected<Error> wrong(const char* right) { return fail(Errc::usage, right); }

LoadMetric metric_of(std::string_view name) {
  size_t i = 0;
  while (i < kLoadMetrics && name != kNames[i]) ++i;
  return static_cast<LoadMetric>(i);
}

}  // namespace

const char* name_of(LoadMetric m) { return kNames[m]; }

// ---- when ---------------------------------------------------------------------------------------

Result<Arrival> parse_arrival(std::string_view text) {
  constexpr const char* kRight = "constant, poisson or gamma:SHAPE, as gamma:0.5";
  if (text == "constant") return Arrival{};
  if (text == "poisson") return Arrival{Arrival::Kind::poisson, 1};
  if (!text.starts_with("gamma:")) return wrong(kRight);
  const auto shape = parse_double(text.substr(6));
  if (!shape || !(*shape >= 0.01 && *shape <= 1e6)) return wrong("gamma:0.01 to gamma:1e6");
  return Arrival{Arrival::Kind::gamma, *shape};
}

std::string text_of(const Arrival& a) {
  std::string s = a.kind == Arrival::Kind::constant ? "constant" : "poisson";
  if (a.kind == Arrival::Kind::gamma) append_shortest(s = "gamma:", a.shape);
  return s;
}

// Accepts 95 % of its tries and more. Below 1 by way of shape + 1, times U^(1/shape).
double gamma_value(double shape, Rng& rng) {
  double boost = 1;
  if (shape < 1) {
    boost = exponential(natural_log(1 - rng.uniform()) / shape);
    shape += 1;
  }
  const double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), t = 1 + c * x;
    if (t <= 0) continue;
    const double v = t * t * t;
    if (natural_log(1 - rng.uniform()) < x * x / 2 + d - d * v + d * natural_log(v)) {
      return d * v * boost;
    }
  }
}

Schedule::Schedule(const Arrival& arrival, double rate, uint64_t seed)
    : arrival_(arrival), scale_(1e9 / rate), rng_(mix_seed(seed, 0x6c6f6164)) {}

double Schedule::gap() {
  if (arrival_.kind == Arrival::Kind::poisson) return -natural_log(1 - rng_.uniform());
  if (arrival_.kind == Arrival::Kind::gamma) {
    return gamma_value(arrival_.shape, rng_) / arrival_.shape;
  }
  return first_ ? 0 : 1;
}

Nanos Schedule::next() {
  at_ += gap() * scale_;
  first_ = false;
  return at_ < 9e18 ? static_cast<Nanos>(at_) : kNever;
}

// ---- how many -----------------------------------------------------------------------------------

Result<std::vector<uint32_t>> parse_levels(std::string_view text) {
  constexpr const char* kRight = "8, or 1,2,4, or 1-16*2, or 1-9+2; each 1 to 10000";
  std::vector<uint32_t> levels;
  for (std::string_view part; next_part(text, ',', part);) {
    std::string_view first, last = trim(part), step;
    const bool range = last.find('-') != last.npos;
    if (range) next_part(last, '-', first);
    const size_t sign = last.find_first_of("*+");
    if (!range && sign != last.npos) return wrong(kRight);
    const bool times = sign != last.npos && last[sign] == '*';
    if (sign != last.npos) step = last.substr(sign + 1);
    const auto to = parse_u64(last.substr(0, sign));
    const auto from = range ? parse_u64(first) : to;
    const auto by = sign == last.npos ? Result<uint64_t>(1) : parse_u64(step);
    if (!from || !to || !by || *from < 1 || *to < *from || *to > kMostAtOnce) return wrong(kRight);
    if (*by < (times ? 2u : 1u) || *by > kMostAtOnce) return wrong(kRight);
    for (uint64_t n = *from; n <= *to; n = times ? n * *by : n + *by) {
      if (levels.size() == kMostLevels) return wrong("at most 100 levels");
      levels.push_back(static_cast<uint32_t>(n));
    }
  }
  return levels.empty() ? Result<std::vector<uint32_t>>(wrong(kRight)) : levels;
}

Result<uint64_t> parse_count(std::string_view text) {
  constexpr const char* kRight = "1 to 10m: a number, which may end in k (1,000) or m";
  double unit = 1;
  if (!text.empty()) {
    const char end = to_lower(text.back());
    unit = end == 'k' ? 1e3 : end == 'm' ? 1e6 : 1;
  }
  if (unit != 1) text.remove_suffix(1);
  const auto number = parse_double(text);
  const double count = number ? *number * unit : 0;
  if (!(count >= 1 && count <= 1e7) || count != floor(count)) return wrong(kRight);
  return static_cast<uint64_t>(count);
}

// ---- what must be -------------------------------------------------------------------------------

namespace {

// A time with its unit, in ms: a bare number would be milliseconds to some, seconds to others.
Result<double> parse_ms(std::string_view text) {
  if (text.empty() || !is_alpha(text.back())) return wrong("a time with its unit, as 200ms");
  const auto time = parse_duration(text);
  if (!time) return wrong("a time with its unit, as 200ms");
  return to_ms(*time);
}

Result<double> parse_share(std::string_view text) {
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto x = parse_double(trim(text));
  const double share = x ? (percent ? *x / 100 : *x) : -1;
  if (!(share >= 0 && share <= 1)) return wrong("a share, as 1% or 0.01");
  return share;
}

bool parse_statistic(std::string_view name, Condition& c) {
  using S = Condition::Statistic;
  if (c.metric >= kTimes) return name == "rate" || name.empty();
  static constexpr struct {
    std::string_view name;
    S statistic;
    double quantile;
  } kWords[] = {{"mean", S::mean, 0}, {"min", S::min, 0}, {"max", S::max, 0},
                {"median", S::percentile, 0.5}};
  for (const auto& w : kWords) {
    if (name != w.name) continue;
    c.statistic = w.statistic;
    c.quantile = w.quantile;
    return true;
  }
  if (!name.starts_with('p')) return false;
  const auto percent = parse_double(name.substr(1));
  if (!percent || !(*percent >= 0 && *percent <= 100)) return false;
  c.statistic = S::percentile;
  c.quantile = *percent / 100;
  return true;
}

}  // namespace

Result<Condition> parse_condition(std::string_view text) {
  constexpr const char* kRight = "METRIC:STATISTIC<VALUE, as ttft:p95<200ms or error:rate<1%";
  Condition c;
  c.text = trim(text);
  const size_t at = text.find_first_of("<>");
  if (at == text.npos) return wrong(kRight);
  c.below = text[at] == '<';
  std::string_view name = trim(text.substr(0, at)), value = text.substr(at + 1), metric;
  c.or_equal = value.starts_with('=');
  value = trim(value.substr(c.or_equal));
  next_part(name, ':', metric);
  c.metric = metric_of(metric);
  if (c.metric == kLoadMetrics) {
    return wrong("a metric: ttft, ttft_from_plan, ttfo, tpot, itl, e2e, response, connect, lag, "
                 "late, error, goodput or throughput");
  }
  if (!parse_statistic(name, c)) {
    return wrong(c.metric < kTimes ? "a statistic: p0 to p100, mean, min or max" : "rate");
  }
  if (c.metric == m_throughput) {
    const auto rate = parse_double(value);
    if (!rate) return wrong("requests a second");
    c.limit = *rate;
    return c;
  }
  CHI_TRY(c.limit, c.metric < kTimes ? parse_ms(value) : parse_share(value));
  return c;
}

Goals::Goals() {
  for (uint32_t& most : most_us) most = kNoGoal;
}

Result<Goals> parse_goals(std::string_view text) {
  Goals goals;
  goals.text = trim(text);
  for (std::string_view part; next_part(text, ',', part);) {
    std::string_view value = trim(part), name;
    next_part(value, ':', name);
    const LoadMetric metric = metric_of(name);
    if (metric >= kPerRequest) {
      return wrong("METRIC:TIME,... with ttft, ttft_from_plan, ttfo, tpot, e2e or response");
    }
    CHI_TRY(const double ms, parse_ms(value));
    goals.most_us[metric] = ms < 4e6 ? static_cast<uint32_t>(ms * 1000) : Goals::kNoGoal - 1;
  }
  if (goals.text.empty()) return wrong("METRIC:TIME,... as ttft:200ms,tpot:50ms");
  return goals;
}

}  // namespace chimera::lab
