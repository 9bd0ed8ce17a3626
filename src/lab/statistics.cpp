#include "chimera/lab/statistics.hpp"

#include <math.h>  // sqrt and fabs: correctly rounded everywhere

#include <algorithm>
#include <utility>

#include "chimera/base/math.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/lab/distributions.hpp"

namespace chimera::lab {
namespace {

// By way of a signed number: one instruction, where an unsigned one takes ten.
double real(size_t n) { return static_cast<double>(static_cast<int64_t>(n)); }
size_t whole(double x) { return static_cast<size_t>(static_cast<int64_t>(x)); }

}  // namespace

// Shell's, with the gaps of Gonnet and Baeza-Yates (1991): 100 bytes of code.
void sort_values(std::span<double> values) {
  for (size_t gap = values.size(); gap > 1;) {
    gap = gap < 5 ? 1 : gap * 5 / 11;
    for (size_t i = gap; i < values.size(); ++i) {
      const double moving = values[i];
      size_t at = i;
      for (; at >= gap && values[at - gap] > moving; at -= gap) values[at] = values[at - gap];
      values[at] = moving;
    }
  }
}

double percentile(std::span<const double> sorted, double q, Percentiles how) {
  if (sorted.empty()) return kUnknown;
  const bool index = how == Percentiles::kIndex;
  const size_t last = sorted.size() - 1;
  const double at = (q > 0 ? std::min(q, 1.0) : 0) * real(last + index);
  const size_t low = std::min(whole(at), last);
  if (index) return sorted[low];
  const double below = sorted[low], above = sorted[std::min(low + 1, last)];
  return below + (above - below) * (at - real(low));
}

Moments moments_of(std::span<const double> values) {
  Moments m;
  if (values.empty()) return m;
  m.n = real(values.size());
  double beyond = 0;
  for (double v : values) beyond += v - values[0];
  m.mean = values[0] + beyond / m.n;
  m.squares = 0;
  for (double v : values) m.squares += (v - m.mean) * (v - m.mean);
  return m;
}

Description describe(const Sample& s, Percentiles how) {
  Description d;
  d.n = s.size();
  if (d.n == 0) return d;
  const Moments m = moments_of(s.sorted());
  d.mean = m.mean;
  d.sd = sqrt(m.variance());
  d.cv_percent = 100 * d.sd / d.mean;
  d.min = s.sorted().front();
  d.max = s.sorted().back();
  static constexpr struct {
    double Description::*to;
    double q;
  } kPoints[] = {{&Description::p5, 0.05},
                 {&Description::p25, 0.25},
                 {&Description::p50, 0.5},
                 {&Description::p75, 0.75},
                 {&Description::p95, 0.95}};
  for (const auto& point : kPoints) d.*point.to = percentile(s.sorted(), point.q, how);
  return d;
}

Interval mean_interval(const Description& d) {
  if (d.n < 2) return {};
  const double n = real(d.n);
  const double half = t_quantile(0.975, n - 1) * d.sd / sqrt(n);
  return {d.mean - half, d.mean + half};
}

namespace {

// How fast the statistic's error changes with the statistic: the skewness of its jackknife values.
double acceleration(std::span<const double> without) {
  const Moments m = moments_of(without);
  double cubes = 0;
  for (double v : without) cubes += (m.mean - v) * (m.mean - v) * (m.mean - v);
  return m.squares > 0 ? cubes / (6 * m.squares * sqrt(m.squares)) : 0;
}

// `drawn`: the statistic of every resample; `without`: of the sample less each value.
Interval bca(std::span<double> drawn, std::span<const double> without, double estimate) {
  sort_values(drawn);
  double below = 0;
  const double noise = 1e-12 * fabs(estimate);  // the same values in another order
  for (double v : drawn) below += v < estimate - noise ? 1 : v > estimate + noise ? 0 : 0.5;
  const double count = real(drawn.size());
  const double bias = normal_quantile(std::clamp(below, 0.5, count - 0.5) / count);
  const double skew = acceleration(without);
  const auto bound = [&](double z) {
    const double from = bias + z;
    return percentile(drawn, normal_cdf(bias + from / (1 - skew * from)), Percentiles::kLinear);
  };
  static constexpr double kZ = 1.9599639845400545;  // the 97.5th percentile of the normal
  return {bound(-kZ), bound(kZ)};
}

}  // namespace

SpreadIntervals bootstrap_spread(const Sample& s, uint64_t seed, size_t resamples) {
  const std::span<const double> values = s.sorted();
  const size_t n = values.size();
  SpreadIntervals out;
  if (n < 3 || resamples == 0) return out;
  // The resamples' figures, then those without each value in turn.
  std::vector<double> sd(resamples + n), cv(resamples + n), some(n);
  Rng rng(seed);
  for (size_t i = 0; i < sd.size(); ++i) {
    const bool draw = i < resamples;
    const size_t left_out = i - resamples;
    for (size_t k = 0; k < n; ++k) {
      const size_t kept = std::min(k + (k >= left_out), n - 1);
      some[k] = values[draw ? whole(rng.uniform() * real(n)) : kept];
    }
    const Moments m = moments_of(std::span(some).first(draw ? n : n - 1));
    sd[i] = sqrt(m.variance());
    cv[i] = 100 * sd[i] / m.mean;
  }
  const Description d = describe(s);
  const auto interval = [&](std::span<double> all, double estimate) {
    return bca(all.first(resamples), all.subspan(resamples), estimate);
  };
  out.sd = interval(sd, d.sd);
  if (d.min > 0 || d.max < 0) out.cv_percent = interval(cv, d.cv_percent);
  return out;
}

TestResult welch_t(const Sample& a, const Sample& b) {
  TestResult r;
  if (a.size() < 2 || b.size() < 2) return r;
  const Moments x = moments_of(a.sorted()), y = moments_of(b.sorted());
  const double ex = x.variance() / x.n, ey = y.variance() / y.n, error = ex + ey;
  const double difference = x.mean - y.mean;
  r.statistic = difference == 0 ? 0 : difference / sqrt(error);
  const double share = ex / error, rest = ey / error;
  r.df = 1 / (share * share / (x.n - 1) + rest * rest / (y.n - 1));
  r.p = error > 0 ? f_tail(r.statistic * r.statistic, 1, r.df) : difference == 0;
  return r;
}

namespace {

// Over all pairs of a value of `a` and one of `b`: 1 where the former is larger, 1/2 where they are
// equal. This is U; with the values of all groups for `b` it is the rank sum of `a` less n / 2.
double wins(const Sample& a, std::span<const double> b) {
  size_t less = 0;
  double sum = 0;
  for (double v : a.sorted()) {
    while (less < b.size() && b[less] < v) ++less;
    size_t up_to = less;
    while (up_to < b.size() && b[up_to] <= v) ++up_to;
    sum += real(less + up_to) / 2;
  }
  return sum;
}

Sample pool(Samples groups) {
  size_t n = 0;
  for (const Sample* s : groups) n += s->size();
  std::vector<double> all(n);
  for (const Sample* s : groups) {
    for (double v : s->sorted()) all[--n] = v;
  }
  return Sample(std::move(all));
}

// The share that ties take from the variance of ranks: the sum of t^3 - t over runs of t equal
// values, of what it would be were all equal. 0 without ties, exactly 1 with nothing else.
double tied_share(std::span<const double> sorted) {
  const auto weight = [](size_t t) { return real(t) * real(t) * real(t) - real(t); };
  double sum = 0;
  for (size_t from = 0, to = 0; from < sorted.size(); from = to) {
    for (to = from + 1; to < sorted.size() && sorted[to] == sorted[from];) ++to;
    sum += weight(to - from);
  }
  return sum / weight(sorted.size());
}

// P(U <= u) for sizes m <= n without ties. The numbers of arrangements by their U are the
// coefficients of the Gaussian binomial, the product of (1 - q^(n+i)) / (1 - q^i) for i = 1..m.
double exact_tail(size_t m, size_t n, size_t u) {
  std::vector<double> ways(u + 1);
  ways[0] = 1;
  double all = 1;
  for (size_t i = 1; i <= m; ++i) {
    for (size_t k = u; k >= n + i; --k) ways[k] -= ways[k - n - i];
    for (size_t k = i; k <= u; ++k) ways[k] += ways[k - i];
    all *= real(n + i) / real(i);
  }
  double sum = 0;
  for (double w : ways) sum += w;
  return sum / all;
}

}  // namespace

TestResult mann_whitney(const Sample& a, const Sample& b) {
  TestResult r;
  if (a.size() == 0 || b.size() == 0) return r;
  const Sample* const both[] = {&a, &b};
  const double pairs = real(a.size()) * real(b.size()), n = real(a.size() + b.size());
  r.statistic = wins(a, b.sorted());
  const double least = std::min(r.statistic, pairs - r.statistic);
  const double ties = tied_share(pool(both).sorted());
  const size_t small = std::min(a.size(), b.size()), large = std::max(a.size(), b.size());
  if (small <= 8 && ties == 0) {
    r.p = std::min(1.0, 2 * exact_tail(small, large, whole(least)));
    return r;
  }
  const double variance = pairs / 12 * (n + 1) * (1 - ties);
  const double distance = pairs / 2 - least - 0.5;  // toward the middle by half a step
  r.p = distance > 0 ? chi_square_tail(distance * distance / variance, 1) : 1;
  return r;
}

TestResult kruskal_wallis(Samples groups) {
  TestResult r;
  const Sample all = pool(groups);
  const double n = real(all.size());
  double k = 0, between = 0;
  for (const Sample* s : groups) {
    if (s->size() == 0) continue;
    const double size = real(s->size()), distance = wins(*s, all.sorted()) / size - n / 2;
    between += size * distance * distance;
    ++k;
  }
  if (k < 2) return r;
  r.df = k - 1;
  const double variance = n * (n + 1) / 12 * (1 - tied_share(all.sorted()));
  r.statistic = variance > 0 ? between / variance : 0;
  r.p = chi_square_tail(r.statistic, r.df);
  return r;
}

TestResult brown_forsythe(Samples groups) {
  TestResult r;
  double n = 0, k = 0, mean = 0, between = 0, within = 0;
  bool some = false;
  for (const Sample* s : groups) {
    if (s->size() == 0) continue;
    const double median = percentile(s->sorted(), 0.5, Percentiles::kLinear);
    std::vector<double> away(s->size());
    for (size_t i = 0; i < away.size(); ++i) away[i] = fabs(s->sorted()[i] - median);
    const Moments m = moments_of(away);
    const double step = m.mean - mean;
    within += m.squares;
    between += step * step * n * m.n / (n + m.n);
    n += m.n;
    mean += step * m.n / n;
    ++k;
    some |= s->size() > 2;
  }
  if (k < 2 || !some) return r;
  r.df = k - 1;
  r.df2 = n - k;
  r.statistic = between == 0 ? 0 : between / r.df / (within / r.df2);
  r.p = f_tail(r.statistic, r.df, r.df2);
  return r;
}

void holm(std::span<double> p_values) {
  std::vector<double> sorted(p_values.size());
  size_t known = 0;
  for (double p : p_values) {
    if (p == p) sorted[known++] = p;
  }
  const std::span<double> family = std::span(sorted).first(known);
  sort_values(family);
  for (double& p : p_values) {
    double worst = p;
    for (size_t i = 0; i < known && family[i] <= p; ++i) {
      worst = std::max(worst, family[i] * real(known - i));
    }
    p = std::min(worst, 1.0);
  }
}

Effect effect_of(const Sample& a, const Sample& b) {
  Effect e;
  if (a.size() == 0 || b.size() == 0) return e;
  const Moments x = moments_of(a.sorted()), y = moments_of(b.sorted());
  e.cliff_delta = 2 * wins(a, b.sorted()) / (x.n * y.n) - 1;
  const double df = x.n + y.n - 2, difference = x.mean - y.mean;
  if (df < 1) return e;
  e.pooled_sd = sqrt((x.squares + y.squares) / df);
  e.cohen_d = difference == 0 ? 0 : difference / e.pooled_sd;
  const double unbiased = df > 1 ? exponential(log_gamma(df / 2) - log_gamma((df - 1) / 2)) : 0;
  e.hedges_g = e.cohen_d == 0 ? 0 : e.cohen_d * unbiased / sqrt(df / 2);
  return e;
}

double minimum_difference(size_t n1, size_t n2, double pooled_sd) {
  if (n1 == 0 || n2 == 0 || n1 + n2 < 3) return kUnknown;
  const double x = real(n1), y = real(n2);
  return t_test_shift(0.8, x + y - 2, 0.05) * sqrt(1 / x + 1 / y) * pooled_sd;
}

}  // namespace chimera::lab
