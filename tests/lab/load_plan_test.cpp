#include <algorithm>
#include <cmath>

#include "chimera/lab/distributions.hpp"
#include "chimera/lab/load.hpp"
#include "chimera/lab/statistics.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::lab;

namespace {

std::vector<double> gaps_of(const Arrival& arrival, double rate, uint64_t seed, size_t n) {
  Schedule schedule(arrival, rate, seed);
  std::vector<double> gaps;
  Nanos last = 0;
  for (size_t i = 0; i < n; ++i) {
    const Nanos at = schedule.next();
    gaps.push_back(to_seconds(at - last) * rate);
    last = at;
  }
  return gaps;
}

// Kolmogorov and Smirnov's distance times sqrt(n); over 1.63 once in a hundred.
template <class Cdf>
double distance(std::vector<double> values, Cdf cdf) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double most = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double p = cdf(values[i]), at = static_cast<double>(i);
    most = std::max({most, std::fabs(p - at / n), std::fabs(p - (at + 1) / n)});
  }
  return most * std::sqrt(n);
}

bool refused(std::string_view text) {
  const auto c = parse_condition(text);
  return !c && c.error().code == Errc::usage && c.error().where[0] != 0;
}

std::string listed(std::string_view text) {
  const auto levels = parse_levels(text);
  if (!levels) return "-";
  std::string s;
  for (const uint32_t n : *levels) s += (s.empty() ? "" : " ") + std::to_string(n);
  return s;
}

}  // namespace

TEST_CASE("load plan: a constant rate has its first request at once and no drift") {
  Schedule schedule({}, 3, 1);
  for (int64_t i = 0; i < 3000; ++i) {
    const Nanos at = schedule.next();
    CHECK(std::llabs(at - i * kSecond / 3) <= 2);
  }
}

TEST_CASE("load plan: poisson gaps are exponential, independent, and not rescaled") {
  for (const uint64_t seed : {1, 2, 3}) {
    CAPTURE(seed);
    const auto gaps = gaps_of({Arrival::Kind::poisson, 1}, 20, seed, 20000);
    CHECK(distance(gaps, [](double x) { return 1 - std::exp(-x); }) < 1.63);
    const Moments m = moments_of(gaps);
    CHECK(std::fabs(m.mean - 1) < 3 / std::sqrt(20000.0));
    double with_next = 0;
    for (size_t i = 1; i < gaps.size(); ++i) with_next += (gaps[i] - 1) * (gaps[i - 1] - 1);
    CHECK(std::fabs(with_next / m.squares) < 3 / std::sqrt(20000.0));   // of correlation
  }
}

TEST_CASE("load plan: poisson counts a second have a poisson's distribution") {
  // Chi-square of the counts in 4,000 seconds at 3 a second, against e^-3 3^k / k!.
  Schedule schedule({Arrival::Kind::poisson, 1}, 3, 7);
  std::vector<int> counts(4000);
  for (Nanos at; (at = schedule.next()) < 4000 * kSecond;) {
    ++counts[static_cast<size_t>(at / kSecond)];
  }
  constexpr size_t kBins = 10;   // the last: 9 and more
  double seen[kBins] = {}, squares = 0, mean = 0;
  for (const int n : counts) {
    ++seen[std::min<size_t>(static_cast<size_t>(n), kBins - 1)];
    mean += n / 4000.0;
    squares += (n - 3) * (n - 3) / 4000.0;
  }
  double chi = 0, p = std::exp(-3.0), left = 1;
  for (size_t k = 0; k < kBins; ++k) {
    const double expected = 4000 * (k + 1 == kBins ? left : p);
    chi += (seen[k] - expected) * (seen[k] - expected) / expected;
    left -= p;
    p *= 3.0 / static_cast<double>(k + 1);
  }
  CHECK(chi_square_tail(chi, kBins - 1) > 0.01);
  CHECK(squares / mean == doctest::Approx(1).epsilon(0.07));   // a rescaled one has less
}

TEST_CASE("load plan: the last of n poisson requests is not pinned to n / rate") {
  std::vector<double> lasts;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const auto gaps = gaps_of({Arrival::Kind::poisson, 1}, 1, seed, 100);
    double at = 0;
    for (const double gap : gaps) at += gap;
    lasts.push_back(at);
  }
  const Moments m = moments_of(lasts);
  CHECK(std::fabs(m.mean - 100) < 2);
  CHECK(std::sqrt(m.variance()) == doctest::Approx(10).epsilon(0.12));
}

TEST_CASE("load plan: gamma gaps have the shape that was asked for") {
  for (const double shape : {0.25, 0.5, 1.0, 2.0, 8.0}) {
    CAPTURE(shape);
    const auto gaps = gaps_of({Arrival::Kind::gamma, shape}, 50, 11, 20000);
    CHECK(distance(gaps, [&](double x) { return 1 - upper_gamma(shape, shape * x); }) < 1.63);
    CHECK(moments_of(gaps).variance() == doctest::Approx(1 / shape).epsilon(0.1));
  }
}

TEST_CASE("load plan: an infinite rate is all at once; the same seed gives the same instants") {
  Schedule all({Arrival::Kind::poisson, 1}, INFINITY, 1);
  for (int i = 0; i < 10; ++i) CHECK(all.next() == 0);
  const Arrival poisson{Arrival::Kind::poisson, 1};
  CHECK(gaps_of(poisson, 5, 9, 100) == gaps_of(poisson, 5, 9, 100));
  CHECK(gaps_of(poisson, 5, 9, 100) != gaps_of(poisson, 5, 10, 100));
}

TEST_CASE("load plan: arrivals") {
  CHECK(text_of(*parse_arrival("constant")) == "constant");
  CHECK(text_of(*parse_arrival("poisson")) == "poisson");
  CHECK(text_of(*parse_arrival("gamma:0.5")) == "gamma:0.5");
  for (const char* bad : {"", "gamma", "gamma:", "gamma:0", "gamma:-1", "gamma:nan", "Poisson"}) {
    CAPTURE(bad);
    CHECK(!parse_arrival(bad));
  }
}

TEST_CASE("load plan: levels and counts") {
  CHECK(listed("8") == "8");
  CHECK(listed("1,2,4") == "1 2 4");
  CHECK(listed("1-16*2") == "1 2 4 8 16");
  CHECK(listed("1-9+2") == "1 3 5 7 9");
  CHECK(listed("1-4") == "1 2 3 4");
  CHECK(listed("3-20*2,64") == "3 6 12 64");
  CHECK(listed("10000") == "10000");
  CHECK(listed("1-100").size() == 291);
  for (const char* bad : {"", ",", "0", "-1", "1-", "4-1", "1-4*1", "1-4*0", "1-4+0", "4*2",
                          "1-4-8", "10001", "1-101", "1-4**2", "x", "1 2", "1-4+",
                          "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(listed(bad) == "-");
  }
  CHECK(*parse_count("200") == 200);
  CHECK(*parse_count("10k") == 10'000);
  CHECK(*parse_count("1.5K") == 1500);
  CHECK(*parse_count("1m") == 1'000'000);
  for (const char* bad : {"", "0", "k", "-1", "1.5", "11m", "1kk", "nan", "1e9", "0.0001k"}) {
    CAPTURE(bad);
    CHECK(!parse_count(bad));
  }
}

TEST_CASE("load plan: conditions") {
  using S = Condition::Statistic;
  const auto a = parse_condition("ttft:p95<200ms");
  REQUIRE(a);
  CHECK(a->metric == m_ttft);
  CHECK(a->statistic == S::percentile);
  CHECK(a->quantile == doctest::Approx(0.95));
  CHECK(a->limit == 200);
  CHECK(a->holds(199.9));
  CHECK(!a->holds(200));
  CHECK(!a->holds(kUnknown));
  CHECK(a->text == "ttft:p95<200ms");
  const auto b = parse_condition(" response : p99.9 <= 1.5s ");
  CHECK(!b);   // no blanks within a name
  const auto c = parse_condition("response:p99.9 <= 1.5s");
  REQUIRE(c);
  CHECK(c->quantile == doctest::Approx(0.999));
  CHECK(c->limit == 1500);
  CHECK(c->holds(1500));
  const auto d = parse_condition("error:rate<1%");
  REQUIRE(d);
  CHECK(d->metric == m_error);
  CHECK(d->limit == doctest::Approx(0.01));
  CHECK(parse_condition("error<0.01")->limit == doctest::Approx(0.01));
  CHECK(parse_condition("error<=0")->holds(0));
  CHECK(!parse_condition("goodput>95%")->holds(0.95));
  CHECK(parse_condition("throughput>=19.5")->holds(19.5));
  CHECK(parse_condition("itl:max<1s")->statistic == S::max);
  CHECK(parse_condition("e2e:mean<1m")->limit == 60000);
  CHECK(parse_condition("tpot:min>100us")->limit == doctest::Approx(0.1));
  CHECK(parse_condition("ttfo:median<1s")->quantile == 0.5);
  for (const char* bad :
       {"", "<", "ttft", "ttft<200ms", "ttft:p95<200", "ttft:p95<", "ttft:p101<1s", "ttft:p<1s",
        "ttft:p-1<1s", "ttft:rate<1s", "error:p95<1%", "error<2", "error<101%", "error<-1%",
        "tttf:p95<1s", "ttft:p95=1s", "ttft:p95<1s<2s", "ttft:p95<1parsec", "throughput>x"}) {
    CAPTURE(bad);
    CHECK(refused(bad));
  }
}

TEST_CASE("load plan: goals") {
  const auto g = parse_goals("ttft:200ms,tpot:50ms, e2e:2s");
  REQUIRE(g);
  CHECK(g->most_us[m_ttft] == 200'000);
  CHECK(g->most_us[m_tpot] == 50'000);
  CHECK(g->most_us[m_e2e] == 2'000'000);
  CHECK(g->most_us[m_response] == Goals::kNoGoal);
  CHECK(parse_goals("ttft:100h")->most_us[m_ttft] == Goals::kNoGoal - 1);
  for (const char* bad : {"", "ttft", "ttft:", "ttft:200", "itl:50ms", "error:1%", "ttft:1s,x:1s",
                          "ttft:1s,,e2e:1s"}) {
    CAPTURE(bad);
    CHECK(!parse_goals(bad));
  }
}
