#include "chimera/base/math.hpp"

#include <bit>
#include <cstdint>
#include <limits>

namespace chimera {
namespace {

// ln 2 in two parts; the first has enough zero bits that k * kLn2High is exact.
constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;

double power_of_two(int k) {
  return std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52);
}

}  // namespace

// x = k ln 2 + r, |r| <= ln(2)/2; the Taylor series of e^r needs 14 terms there.
double exponential(double x) {
  if (x < -708) return 0;
  if (x > 709) return std::numeric_limits<double>::infinity();
  const double turns = x / (kLn2High + kLn2Low);
  const int k = static_cast<int>(turns < 0 ? turns - 0.5 : turns + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = 1;
  for (int n = 14; n > 0; --n) sum = 1 + sum * r / n;
  return sum * power_of_two(k);
}

// x = 2^k m, m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
double natural_log(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int k = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  if (m > 0x1.6a09e667f3bcdp0) {
    m /= 2;
    ++k;
  }
  const double s = (m - 1) / (m + 1), square = s * s;
  double sum = 0;
  for (int n = 21; n > 0; n -= 2) sum = sum * square + 1.0 / n;
  return k * kLn2High + (2 * s * sum + k * kLn2Low);
}

}  // namespace chimera
