#include "chimera/lab/distributions.hpp"

#include <math.h>  // sqrt alone: correctly rounded everywhere

#include <algorithm>
#include <utility>

#include "chimera/base/math.hpp"

namespace chimera::lab {
namespace {

constexpr double kHalfLogTwoPi = 0.91893853320467274178;

// Where `rising(a, b, x)` reaches `target` between two bounds, to the last bit: halved until no
// double lies between. At most some 1,100 steps, when the answer is 0.
double solve(double (*rising)(double, double, double), double a, double b, double low, double high,
             double target) {
  for (;;) {
    const double middle = (low + high) / 2;
    if (middle == low || middle == high) return middle;
    (rising(a, b, middle) < target ? low : high) = middle;
  }
}

// Terms of a continued fraction that is evaluated from its end. Those of the incomplete functions
// converge within a few times the square root of their parameters.
int fraction_terms(double size) { return static_cast<int>(std::min(5000.0, 60 + 6 * sqrt(size))); }

double normal_at(double, double, double z) { return normal_cdf(z); }

}  // namespace

double log_gamma(double x) {
  double shift = 1;
  for (; x < 15; ++x) shift *= x;
  const double inverse = 1 / (x * x);
  const double series =
      (1.0 / 12 - inverse * (1.0 / 360 - inverse * (1.0 / 1260 - inverse * (1.0 / 1680)))) / x;
  return (x - 0.5) * natural_log(x) - x + kHalfLogTwoPi + series - natural_log(shift);
}

double incomplete_beta(double a, double b, double x) {
  if (!(x > 0 && x < 1)) return std::clamp(x, 0.0, 1.0);
  double y = 1 - x;
  const bool mirrored = x > (a + 1) / (a + b + 2);  // the fraction converges quickly below that
  if (mirrored) {
    std::swap(a, b);
    std::swap(x, y);
  }
  double rest = 1;
  for (int m = fraction_terms(a + b); m >= 0; --m) {
    const double at = a + 2 * m;
    rest = 1 - (a + m) * (a + b + m) * x / (at * (at + 1) * rest);
    if (m > 0) rest = 1 + m * (b - m) * x / ((at - 1) * at * rest);
  }
  const double front = log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * natural_log(x) +
                       b * natural_log(y);
  const double value = exponential(front) / (a * rest);
  return mirrored ? 1 - value : value;
}

double upper_gamma(double a, double x) {
  if (!(x > 0)) return 1 - x * 0;
  const double front = exponential(a * natural_log(x) - x - log_gamma(a));
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (double n = a + 1; term > sum * 1e-17; ++n) sum += term *= x / n;
    return 1 - front * sum;
  }
  double rest = x + 1 - a;
  const int terms = fraction_terms(a);
  rest += 2 * terms;
  for (int n = terms; n > 0; --n) rest = x + 2 * n - 1 - a - n * (n - a) / rest;
  return front / rest;
}

double f_tail(double f, double df1, double df2) {
  return incomplete_beta(df2 / 2, df1 / 2, df2 / (df2 + df1 * f));
}

double chi_square_tail(double x, double df) { return upper_gamma(df / 2, x / 2); }

double normal_cdf(double z) {
  const double tail = chi_square_tail(z * z, 1) / 2;
  return z < 0 ? tail : 1 - tail;
}

double normal_quantile(double p) { return solve(normal_at, 0, 0, -38, 38, p); }

// y = t^2 / (df + t^2) is beta distributed.
double t_quantile(double p, double df) {
  const double within = p < 0.5 ? 1 - 2 * p : 2 * p - 1;
  const double y = solve(incomplete_beta, 0.5, df / 2, 0, 1, within);
  const double t = sqrt(df * y / (1 - y));
  return p < 0.5 ? -t : t;
}

namespace {

// `inside` is the critical t, as the y of t_quantile(). The sum over j of a Poisson weight times
// I(j + 1/2, b); each I follows from the one before (DLMF 8.17.20).
double power_at(double df, double inside, double shift) {
  const double lambda = shift * shift / 2, b = df / 2;
  double weight = exponential(-lambda), power = 1;
  double within = incomplete_beta(0.5, b, inside);
  double step = within - incomplete_beta(1.5, b, inside);
  for (int j = 0; j < lambda || weight > 1e-17; ++j) {
    power -= weight * within;
    weight *= lambda / (j + 1);
    within -= step;
    step *= inside * (j + 0.5 + b) / (j + 1.5);
  }
  return power;
}

double critical(double df, double alpha) {
  return solve(incomplete_beta, 0.5, df / 2, 0, 1, 1 - alpha);
}

}  // namespace

double t_test_power(double shift, double df, double alpha) {
  return power_at(df, critical(df, alpha), shift);
}

double t_test_shift(double power, double df, double alpha) {
  return solve(power_at, df, critical(df, alpha), 0, 32, power);
}

}  // namespace chimera::lab
