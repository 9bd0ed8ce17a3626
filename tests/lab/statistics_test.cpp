#include "chimera/lab/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "chimera/base/rng.hpp"
#include "chimera/lab/distributions.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::lab;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct OneCase {
  const char* name;
  std::vector<double> values;
  double mean, sd, cv, min, max;
  std::vector<double> linear, index, interval;
};
struct TwoCase {
  const char *name, *a, *b;
  std::vector<double> welch, mann_whitney, effect;
};
struct GroupsCase {
  const char* name;
  std::vector<const char*> groups;
  std::vector<double> kruskal, brown_forsythe;
};
struct HolmCase {
  std::vector<double> p, adjusted;
};
struct PowerCase {
  size_t n1, n2;
  double sd, difference;
};
struct BootstrapCase {
  const char* name;
  double sd_low, sd_high, cv_low, cv_high;
};
enum Which { kLogGamma, kBeta, kGamma, kNormal, kNormalQuantile, kTQuantile, kPower };
struct PointCase {
  Which which;
  double a, b, x, value;
};

#include "tests/lab/statistics_nist.inc"
#include "tests/lab/statistics_reference.inc"

bool near(double got, double want, double relative) {
  if (std::isnan(want)) return std::isnan(got);
  return got == want || std::fabs(got - want) <= relative * std::fabs(want);
}

#define CHECK_NEAR(got, want, relative)                                      \
  do {                                                                       \
    const double got_ = (got), want_ = (want);                               \
    CHECK_MESSAGE(near(got_, want_, relative), #got, " is ", got_, ", not ", \
                  want_, " (", (got_ - want_) / want_, ")");                 \
  } while (false)

const std::vector<double>& values_of(const char* name) {
  for (const OneCase& c : kOne) {
    if (strcmp(c.name, name) == 0) return c.values;
  }
  FAIL("no sample " << name);
  return kLew;
}
Sample sample_of(const char* name) { return Sample(values_of(name)); }

std::vector<double> points_of(const Description& d) { return {d.p5, d.p25, d.p50, d.p75, d.p95}; }

std::vector<const Sample*> pointers(const std::vector<Sample>& samples) {
  std::vector<const Sample*> out;
  for (const Sample& s : samples) out.push_back(&s);
  return out;
}

// The same figure is a figure: equal, or NaN both.
void check_same(const TestResult& got, const TestResult& want) {
  CHECK_NEAR(got.statistic, want.statistic, 0);
  CHECK_NEAR(got.df, want.df, 0);
  CHECK_NEAR(got.df2, want.df2, 0);
  CHECK_NEAR(got.p, want.p, 0);
}

}  // namespace

TEST_CASE("special functions and quantiles as scipy's") {
  for (const PointCase& c : kPoints) {
    CAPTURE(int(c.which));
    CAPTURE(c.a);
    CAPTURE(c.b);
    CAPTURE(c.x);
    double got = kUnknown;
    switch (c.which) {
      case kLogGamma: got = log_gamma(c.x); break;
      case kBeta: got = incomplete_beta(c.a, c.b, c.x); break;
      case kGamma: got = upper_gamma(c.a, c.x); break;
      case kNormal: got = normal_cdf(c.x); break;
      case kNormalQuantile: got = normal_quantile(c.x); break;
      case kTQuantile: got = t_quantile(c.x, c.a); break;
      case kPower: got = t_test_power(c.x, c.a, 0.05); break;
    }
    CHECK_NEAR(got, c.value, c.which == kTQuantile ? 1e-9 : 1e-10);
  }
}

TEST_CASE("distributions at and beyond their borders") {
  CHECK(incomplete_beta(2, 3, 0) == 0);
  CHECK(incomplete_beta(2, 3, 1) == 1);
  CHECK(incomplete_beta(2, 3, -1) == 0);
  CHECK(incomplete_beta(2, 3, 2) == 1);
  CHECK(upper_gamma(2, 0) == 1);
  CHECK(upper_gamma(2, -3) == 1);
  CHECK(upper_gamma(2, kInfinity) == 0);
  CHECK(f_tail(0, 3, 4) == 1);
  CHECK(f_tail(kInfinity, 3, 4) == 0);
  CHECK(chi_square_tail(1e6, 3) == 0);
  CHECK(normal_cdf(0) == 0.5);
  CHECK(normal_cdf(50) == 1);
  CHECK(normal_cdf(-50) == 0);
  CHECK(std::fabs(normal_quantile(0.5)) < 1e-15);
  CHECK(std::fabs(t_quantile(0.5, 3)) < 1e-15);
  CHECK(t_quantile(0.025, 7) == -t_quantile(0.975, 7));
  CHECK(t_test_shift(1, 10, 0.05) <= 32);
  for (const double value : {incomplete_beta(2, 3, kUnknown), upper_gamma(2, kUnknown),
                             f_tail(kUnknown, 1, 2), normal_cdf(kUnknown)}) {
    CHECK(std::isnan(value));
  }
}

TEST_CASE("the two sides of an incomplete function meet") {
  Rng rng(3);
  for (int i = 0; i < 2000; ++i) {
    const double a = 0.5 + 60 * rng.uniform(), b = 0.5 + 60 * rng.uniform(), x = rng.uniform();
    CAPTURE(a);
    CAPTURE(b);
    CAPTURE(x);
    CHECK(std::fabs(incomplete_beta(a, b, x) + incomplete_beta(b, a, 1 - x) - 1) < 1e-12);
    const double t = (a + 1) / (a + b + 2);  // where the fraction changes sides
    CHECK_NEAR(incomplete_beta(a, b, t * (1 - 1e-15)), incomplete_beta(a, b, t * (1 + 1e-15)),
               1e-12);
    CHECK_NEAR(upper_gamma(a, (a + 1) * (1 - 1e-15)), upper_gamma(a, a + 1), 1e-12);
  }
}

TEST_CASE("quantiles undo the tails; t's where it has a closed form") {
  for (const double p : {0.51, 0.75, 0.9, 0.975, 0.999}) {
    CAPTURE(p);
    CHECK_NEAR(normal_cdf(normal_quantile(p)), p, 1e-15);
    for (const double df : {1.0, 3.7, 58.0, 3000.0}) {
      CAPTURE(df);
      const double t = t_quantile(p, df);
      CHECK_NEAR(f_tail(t * t, 1, df), 2 * (1 - p), 1e-11);
      CHECK_NEAR(t_test_power(0, df, 2 * (1 - p)), 2 * (1 - p), 1e-11);
    }
    CHECK_NEAR(t_quantile(p, 1), std::tan(std::numbers::pi * (p - 0.5)), 1e-11);
    CHECK_NEAR(t_quantile(p, 2), (2 * p - 1) / std::sqrt(2 * p * (1 - p)), 1e-12);
  }
}

TEST_CASE("values are sorted") {
  Rng rng(1);
  for (size_t n = 0; n < 300; ++n) {
    CAPTURE(n);
    std::vector<double> values;
    for (size_t i = 0; i < n; ++i) values.push_back(static_cast<double>(rng.below(n)) - 20);
    std::vector<double> want = values;
    std::sort(want.begin(), want.end());
    sort_values(values);
    CHECK(values == want);
  }
}

TEST_CASE("descriptions and t intervals as numpy's and scipy's") {
  for (const OneCase& c : kOne) {
    CAPTURE(c.name);
    const Sample s(c.values);
    const Description d = describe(s), by_index = describe(s, Percentiles::kIndex);
    CHECK(d.n == c.values.size());
    CHECK_NEAR(d.mean, c.mean, 1e-14);
    CHECK_NEAR(d.sd, c.sd, 1e-13);
    CHECK_NEAR(d.cv_percent, c.cv, 1e-13);
    CHECK(d.min == c.min);
    CHECK(d.max == c.max);
    for (size_t i = 0; i < 5; ++i) {
      CAPTURE(i);
      CHECK_NEAR(points_of(d)[i], c.linear[i], 1e-14);
      CHECK(points_of(by_index)[i] == c.index[i]);
    }
    CHECK_NEAR(mean_interval(d).low, c.interval[0], 1e-12);
    CHECK_NEAR(mean_interval(d).high, c.interval[1], 1e-12);
  }
}

TEST_CASE("NIST's univariate sets, to the certified digits") {
  const auto pairs = [](double middle) {  // one `middle`, then 500 times one below and one above
    const double tenth = 0.1;
    std::vector<double> values = {middle};
    for (int i = 0; i < 500; ++i) values.insert(values.end(), {middle - tenth, middle + tenth});
    return values;
  };
  std::vector<double> acc4 = pairs(10000000.2), acc3 = pairs(1000000.2), acc2 = pairs(1.2);
  for (size_t i = 1; i < 1001; ++i) {  // as the decimals of the files read
    acc4[i] = i % 2 == 1 ? 10000000.1 : 10000000.3;
    acc3[i] = i % 2 == 1 ? 1000000.1 : 1000000.3;
    acc2[i] = i % 2 == 1 ? 1.1 : 1.3;
  }
  const struct {
    const char* name;
    std::vector<double> values;
    double mean, sd, relative;
  } cases[] = {
      {"Lew", kLew, -177.435, 277.332168044316, 4e-15},
      {"Lottery", kLottery, 518.958715596330, 291.699727470969, 4e-15},
      {"Mavro", kMavro, 2.001856, 0.000429123454003053, 1e-12},
      {"Michelso", kMichelso, 299.8524, 0.0790105478190518, 1e-13},
      {"NumAcc1", {10000001, 10000003, 10000002}, 10000002, 1, 0},
      {"NumAcc2", acc2, 1.2, 0.1, 1e-14},
      // A double holds 1000000.1 to 6e-11, 10000000.1 to 1e-9: no more of the SD is in the input.
      {"NumAcc3", acc3, 1000000.2, 0.1, 1e-9},
      {"NumAcc4", acc4, 10000000.2, 0.1, 1e-8},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const Moments m = moments_of(c.values);
    CHECK_NEAR(m.mean, c.mean, 5e-15);
    CHECK_NEAR(std::sqrt(m.variance()), c.sd, c.relative);
    const Description sorted = describe(Sample(c.values));
    CHECK_NEAR(sorted.mean, c.mean, 5e-15);
    CHECK_NEAR(sorted.sd, c.sd, c.relative);
  }
  // What doubles of that distance can say, they do say: the exact SD of the doubles themselves.
  const double half = (10000000.3 - 10000000.1) / 2, off = 10000000.3 - half - 10000000.2;
  const double exact = std::sqrt((1000 * half * half + 1000.0 / 1001 * off * off) / 1000);
  CHECK_NEAR(std::sqrt(moments_of(acc4).variance()), exact, 1e-14);
}

TEST_CASE("TR115's tables 3.1 and 4.1, with its percentiles and with correct ones") {
  const struct {
    const char* name;
    double printed_median, printed_p5, linear_p5, sd;
  } cases[] = {
      {"tokio-default", 99.11, 95.35, 96.16, 1.21},
      {"tokio-localset", 99.40, 86.43, 91.34, 4.03},
      {"smol-1kb", 98.86, 95.43, 95.69, 1.32},
      {"smol", 98.84, 93.37, 95.16, 4.87},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const Sample s = sample_of(c.name);
    CHECK(describe(s, Percentiles::kIndex).p50 == c.printed_median);
    CHECK(describe(s, Percentiles::kIndex).p5 == c.printed_p5);
    CHECK(std::fabs(describe(s).p5 - c.linear_p5) < 0.006);
    CHECK(std::fabs(describe(s).sd - c.sd) < 0.006);
  }
}

TEST_CASE("two samples: tests and effects as scipy's") {
  for (const TwoCase& c : kTwo) {
    CAPTURE(c.name);
    const Sample a = sample_of(c.a), b = sample_of(c.b);
    const TestResult t = welch_t(a, b), u = mann_whitney(a, b);
    CHECK_NEAR(t.statistic, c.welch[0], 1e-9);
    CHECK_NEAR(t.df, c.welch[1], 1e-10);
    CHECK_NEAR(t.p, c.welch[2], 1e-9);
    CHECK(u.statistic == c.mann_whitney[0]);
    CHECK_NEAR(u.p, c.mann_whitney[1], 1e-10);
    const Effect e = effect_of(a, b);
    CHECK_NEAR(e.pooled_sd, c.effect[0], 1e-12);
    CHECK_NEAR(e.cohen_d, c.effect[1], 1e-9);
    CHECK_NEAR(e.hedges_g, c.effect[2], 1e-9);
    CHECK_NEAR(e.cliff_delta, c.effect[3], 1e-12);
  }
}

TEST_CASE("several samples: tests as scipy's") {
  for (const GroupsCase& c : kGroups) {
    CAPTURE(c.name);
    std::vector<Sample> samples;
    for (const char* name : c.groups) samples.push_back(sample_of(name));
    samples.insert(samples.begin() + 1, Sample({}));  // empty groups do not count
    const auto groups = pointers(samples);
    const TestResult h = kruskal_wallis(groups), f = brown_forsythe(groups);
    CHECK_NEAR(h.statistic, c.kruskal[0], 1e-9);
    CHECK(h.df == c.kruskal[1]);
    CHECK_NEAR(h.p, c.kruskal[2], 1e-10);
    CHECK_NEAR(f.statistic, c.brown_forsythe[0], 1e-9);
    CHECK(f.df == c.brown_forsythe[1]);
    CHECK(f.df2 == c.brown_forsythe[2]);
    CHECK_NEAR(f.p, c.brown_forsythe[3], 1e-9);
  }
}

TEST_CASE("Holm's correction") {
  for (const HolmCase& c : kHolm) {
    CAPTURE(c.p[0]);
    std::vector<double> p = c.p;
    holm(p);
    for (size_t i = 0; i < p.size(); ++i) CHECK_NEAR(p[i], c.adjusted[i], 1e-14);
  }
  std::vector<double> gaps = {0.01, kUnknown, 0.04, kUnknown};
  holm(gaps);
  CHECK(gaps[0] == 0.02);
  CHECK(std::isnan(gaps[1]));
  CHECK(gaps[2] == 0.04);
  CHECK(std::isnan(gaps[3]));
  holm({});
}

TEST_CASE("the smallest difference that would be found") {
  for (const PowerCase& c : kPower80) {
    CAPTURE(c.n1);
    CAPTURE(c.n2);
    CHECK_NEAR(minimum_difference(c.n1, c.n2, c.sd), c.difference, 1e-9);
    CHECK(minimum_difference(c.n2, c.n1, c.sd) == minimum_difference(c.n1, c.n2, c.sd));
  }
  CHECK(minimum_difference(5, 5, 0) == 0);
  CHECK(std::isnan(minimum_difference(1, 1, 1)));
  CHECK(std::isnan(minimum_difference(0, 5, 1)));
  CHECK(std::isnan(minimum_difference(5, 0, 1)));
  CHECK(std::isnan(minimum_difference(5, 5, kUnknown)));
}

// Another random source than scipy's: what both approach with many resamples is compared. The plain
// percentile interval is 5 to 30 % of its width away.
TEST_CASE("bootstrap intervals approach scipy's BCa") {
  for (const BootstrapCase& c : kBootstrap) {
    CAPTURE(c.name);
    const SpreadIntervals got = bootstrap_spread(sample_of(c.name), 7, 20000);
    const auto close = [](double a, double b, double width) {
      return std::fabs(a - b) < 0.03 * std::fabs(width);
    };
    CAPTURE(got.sd.low);
    CAPTURE(got.sd.high);
    CAPTURE(c.sd_low);
    CAPTURE(c.sd_high);
    CHECK(close(got.sd.low, c.sd_low, c.sd_high - c.sd_low));
    CHECK(close(got.sd.high, c.sd_high, c.sd_high - c.sd_low));
    CAPTURE(got.cv_percent.low);
    CAPTURE(got.cv_percent.high);
    CAPTURE(c.cv_low);
    CAPTURE(c.cv_high);
    CHECK(close(got.cv_percent.low, c.cv_low, c.cv_high - c.cv_low));
    CHECK(close(got.cv_percent.high, c.cv_high, c.cv_high - c.cv_low));
  }
}

TEST_CASE("bootstrap intervals: the same seed, the same interval, in any order of values") {
  std::vector<double> values = values_of("twenty");
  const SpreadIntervals once = bootstrap_spread(Sample(values), 1);
  std::reverse(values.begin(), values.end());
  const SpreadIntervals again = bootstrap_spread(Sample(values), 1);
  CHECK(once.sd.low == again.sd.low);
  CHECK(once.cv_percent.high == again.cv_percent.high);
  CHECK(bootstrap_spread(Sample(values), 2).sd.low != once.sd.low);
  const double sd = describe(Sample(values)).sd;
  CHECK(once.sd.low < sd);
  CHECK(once.sd.high > sd);
}

TEST_CASE("too few values say nothing") {
  const Sample none({}), one({3.0}), two({3.0, 5.0}), three({1.0, 2.0, 9.0});
  const Description d0 = describe(none), d1 = describe(one), d2 = describe(two);
  CHECK(d0.n == 0);
  for (const double v : {d0.mean, d0.sd, d0.cv_percent, d0.min, d0.max, d0.p5, d0.p50, d1.sd,
                         d1.cv_percent, mean_interval(d0).low, mean_interval(d1).high}) {
    CHECK(std::isnan(v));
  }
  CHECK(d1.mean == 3);
  CHECK(d1.p5 == 3);
  CHECK(d1.max == 3);
  CHECK(describe(one, Percentiles::kIndex).p95 == 3);
  CHECK(d2.sd == doctest::Approx(std::sqrt(2.0)).epsilon(1e-15));
  CHECK(d2.p50 == 4);
  CHECK(mean_interval(d2).low < 3);
  CHECK(std::isnan(bootstrap_spread(two, 1).sd.low));
  CHECK(std::isnan(bootstrap_spread(three, 1, 0).sd.high));
  CHECK(bootstrap_spread(three, 1).sd.low >= 0);
  CHECK(bootstrap_spread(three, 1, 1).sd.low == bootstrap_spread(three, 1, 1).sd.high);
  for (const Sample* s : {&none, &one}) {
    CHECK(std::isnan(welch_t(*s, three).p));
    CHECK(std::isnan(welch_t(three, *s).p));
  }
  CHECK(std::isnan(mann_whitney(none, three).p));
  CHECK(std::isnan(mann_whitney(three, none).p));
  CHECK(mann_whitney(one, three).p == 1);
  CHECK(std::isnan(effect_of(none, three).cohen_d));
  CHECK(std::isnan(effect_of(three, none).cliff_delta));
  CHECK(std::isnan(effect_of(one, one).cohen_d));
  CHECK(effect_of(one, one).cliff_delta == 0);
  CHECK(effect_of(one, two).hedges_g == 0);  // no factor with one degree of freedom
  CHECK(effect_of(one, three).cliff_delta == doctest::Approx(1.0 / 3));
  const Sample* const single[] = {&three, &none};
  CHECK(std::isnan(kruskal_wallis(single).p));
  CHECK(std::isnan(brown_forsythe(single).p));
  CHECK(std::isnan(kruskal_wallis({}).p));
  CHECK(std::isnan(brown_forsythe({}).statistic));
  const Sample* const small[] = {&two, &one};
  CHECK(std::isnan(brown_forsythe(small).p));
  CHECK(kruskal_wallis(small).df == 1);
}

TEST_CASE("values that are all equal") {
  const Sample low(std::vector<double>(7, 0.1)), same({0.1, 0.1, 0.1}), high({0.3, 0.3, 0.3});
  const Description d = describe(low);
  CHECK(d.mean == 0.1);
  CHECK(d.sd == 0);
  CHECK(d.cv_percent == 0);
  CHECK(mean_interval(d).low == 0.1);
  CHECK(mean_interval(d).high == 0.1);
  CHECK(bootstrap_spread(low, 1).sd.low == 0);
  CHECK(bootstrap_spread(low, 1).cv_percent.high == 0);
  check_same(welch_t(low, same), {0, kUnknown, kUnknown, 1});
  check_same(welch_t(low, high), {-kInfinity, kUnknown, kUnknown, 0});
  check_same(mann_whitney(low, same), {10.5, kUnknown, kUnknown, 1});
  CHECK(mann_whitney(low, high).statistic == 0);
  const Sample* const equal[] = {&low, &same};
  check_same(kruskal_wallis(equal), {0, 1, kUnknown, 1});
  check_same(brown_forsythe(equal), {0, 1, 8, 1});
  const Sample* const apart[] = {&low, &high};
  CHECK(kruskal_wallis(apart).p < 0.01);
  check_same(brown_forsythe(apart), {0, 1, 8, 1});
  CHECK(effect_of(low, same).cohen_d == 0);
  CHECK(effect_of(low, same).hedges_g == 0);
  CHECK(effect_of(low, high).cohen_d == -kInfinity);
  CHECK(effect_of(low, high).hedges_g == -kInfinity);
  CHECK(effect_of(low, high).cliff_delta == -1);
}

TEST_CASE("a CV about zero means nothing, and says so") {
  CHECK(std::isinf(describe(Sample({-1.0, 1.0})).cv_percent));
  CHECK(std::isnan(describe(Sample({0.0, 0.0})).cv_percent));
  const Sample mixed({-1.0, 2.0, 3.0, 4.0});
  CHECK(std::isnan(bootstrap_spread(mixed, 1).cv_percent.low));
  CHECK(!std::isnan(bootstrap_spread(mixed, 1).sd.low));
  CHECK(std::isnan(bootstrap_spread(Sample({0.0, 0.0, 1.0}), 1).cv_percent.low));
  const Interval below = bootstrap_spread(sample_of("negative"), 1).cv_percent;
  CHECK(below.low < below.high);
  CHECK(below.high < 0);
}

TEST_CASE("a sample against itself") {
  for (const OneCase& c : kOne) {
    CAPTURE(c.name);
    const Sample s(c.values);
    CHECK(welch_t(s, s).statistic == 0);
    CHECK(welch_t(s, s).p == 1);
    CHECK(mann_whitney(s, s).p == 1);
    CHECK(effect_of(s, s).cliff_delta == 0);
    CHECK(effect_of(s, s).hedges_g == 0);
    const Sample* const both[] = {&s, &s};
    CHECK(kruskal_wallis(both).p == 1);
  }
}

TEST_CASE("swapped samples: the same p, the other sign") {
  for (const TwoCase& c : kTwo) {
    CAPTURE(c.name);
    const Sample a = sample_of(c.a), b = sample_of(c.b);
    const TestResult t = welch_t(a, b), back = welch_t(b, a);
    CHECK(t.p == back.p);
    CHECK(t.df == back.df);
    CHECK(t.statistic == -back.statistic);
    CHECK(mann_whitney(a, b).p == mann_whitney(b, a).p);
    CHECK(mann_whitney(a, b).statistic + mann_whitney(b, a).statistic ==
          static_cast<double>(a.size() * b.size()));
    const Effect e = effect_of(a, b), other = effect_of(b, a);
    CHECK(e.cohen_d == -other.cohen_d);
    CHECK(e.hedges_g == -other.hedges_g);
    CHECK_NEAR(e.cliff_delta, -other.cliff_delta, 1e-12);
    const Sample *const one[] = {&a, &b}, *const two[] = {&b, &a};
    CHECK_NEAR(kruskal_wallis(one).p, kruskal_wallis(two).p, 1e-9);
    CHECK_NEAR(brown_forsythe(one).p, brown_forsythe(two).p, 1e-9);
  }
}

TEST_CASE("shifted and scaled samples: the same answers") {
  const auto moved = [](const std::vector<double>& values) {
    std::vector<double> out;
    for (double v : values) out.push_back(v * 4 + 1024);  // hardly a rounding
    return Sample(out);
  };
  for (const TwoCase& c : kTwo) {
    CAPTURE(c.name);
    const Sample a = sample_of(c.a), b = sample_of(c.b);
    const Sample ma = moved(values_of(c.a)), mb = moved(values_of(c.b));
    CHECK_NEAR(describe(ma).mean, describe(a).mean * 4 + 1024, 1e-12);
    CHECK_NEAR(describe(ma).sd, describe(a).sd * 4, 1e-7);
    CHECK_NEAR(describe(ma).p25, describe(a).p25 * 4 + 1024, 1e-12);
    CHECK_NEAR(welch_t(ma, mb).p, welch_t(a, b).p, 1e-6);
    CHECK(mann_whitney(ma, mb).p == mann_whitney(a, b).p);
    CHECK_NEAR(effect_of(ma, mb).hedges_g, effect_of(a, b).hedges_g, 1e-6);
    CHECK(effect_of(ma, mb).cliff_delta == effect_of(a, b).cliff_delta);
    const Sample *const before[] = {&a, &b}, *const after[] = {&ma, &mb};
    CHECK(kruskal_wallis(after).p == kruskal_wallis(before).p);
    CHECK_NEAR(brown_forsythe(after).p, brown_forsythe(before).p, 1e-6);
    const Interval sd = bootstrap_spread(a, 5, 200).sd, scaled = bootstrap_spread(ma, 5, 200).sd;
    CHECK_NEAR(scaled.low, sd.low * 4, 1e-6);
    CHECK_NEAR(scaled.high, sd.high * 4, 1e-6);
  }
}

// Every arrangement of two samples is as likely as any other: the exact p is a count of them.
TEST_CASE("Mann-Whitney's exact p by counting all arrangements") {
  for (size_t m = 1; m <= 4; ++m) {
    for (size_t n = m; n <= 7; ++n) {
      std::vector<double> u, p;
      for (uint32_t mask = 0; mask < (1u << (m + n)); ++mask) {
        if (std::popcount(mask) != static_cast<int>(m)) continue;
        std::vector<double> a, b;
        for (uint32_t i = 0; i < m + n; ++i) (mask >> i & 1 ? a : b).push_back(i);
        const TestResult r = mann_whitney(Sample(a), Sample(b));
        u.push_back(r.statistic);
        p.push_back(r.p);
      }
      const double middle = static_cast<double>(m * n) / 2;
      for (size_t i = 0; i < u.size(); ++i) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(u[i]);
        double extreme = 0;
        for (double other : u) extreme += std::fabs(other - middle) >= std::fabs(u[i] - middle);
        CHECK_NEAR(p[i], extreme / static_cast<double>(u.size()), 1e-14);
      }
    }
  }
}

TEST_CASE("values that are not numbers end") {
  const Sample odd({1.0, kUnknown, 3.0, kInfinity, kUnknown, -kInfinity, 2.0, 0.0, 5.0, 6.0});
  const Sample fine({1.0, 2.0, 3.0, 4.0, 9.0, 8.0, 7.0, 6.0, 5.0});
  CHECK(describe(odd).n == 10);
  CHECK(std::isnan(describe(odd).mean));
  welch_t(odd, fine);
  mann_whitney(odd, fine);
  const Sample* const both[] = {&odd, &fine};
  kruskal_wallis(both);
  brown_forsythe(both);
  effect_of(fine, odd);
  bootstrap_spread(odd, 1, 10);
}
