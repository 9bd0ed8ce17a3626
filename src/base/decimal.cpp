#include "decimal.hpp"

#include <string.h>

#include <algorithm>
#include <bit>

#include "chimera/base/text.hpp"

namespace chimera {
namespace {

constexpr int kFraction = 52;  // bits of a double's fraction, behind the one that is implied
constexpr int kLowest = -1021;  // 0.5 * 2^kLowest is the smallest normal double

// The digits of an exponent, with a bound that is beyond every length of text.
int read_exponent(std::string_view text) {
  constexpr int kBound = 100'000'000;
  const bool negative = text.front() == '-';
  if (!is_digit(text.front())) text.remove_prefix(1);
  int value = 0;
  for (char c : text) value = std::min(value * 10 + (c - '0'), kBound);
  return negative ? -value : value;
}

// With the implied bit.
uint64_t fraction_of(double value) {
  constexpr uint64_t kImplied = uint64_t{1} << kFraction;
  const auto bits = std::bit_cast<uint64_t>(value);
  return (bits & (kImplied - 1)) | (bits >= kImplied ? kImplied : 0);
}

}  // namespace

Decimal::Decimal(uint64_t whole, int places) {
  char* at = digits_ + 20;
  for (; whole != 0; whole /= 10) *--at = static_cast<char>('0' + whole % 10);
  count_ = static_cast<int>(digits_ + 20 - at);
  point_ = count_ - places;
  memmove(digits_, at, static_cast<size_t>(count_));
  trim();
}

Decimal::Decimal(double value) : Decimal(fraction_of(value), 0) {
  const int biased = static_cast<int>(std::bit_cast<uint64_t>(value) >> kFraction);
  shift(std::max(biased, 1) + kLowest - 1 - (kFraction + 1));
}

Decimal::Decimal(std::string_view text) {
  bool whole = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.') {
      whole = false;
    } else if (!is_digit(c)) {
      point_ += read_exponent(text.substr(i + 1));
      break;
    } else if (c == '0' && count_ == 0) {
      point_ -= !whole;
    } else {
      append(c);
      point_ += whole;
    }
  }
  trim();
}

void Decimal::append(char digit) {
  if (count_ < kMost) {
    digits_[count_++] = digit;
  } else {
    cut_ = cut_ || digit != '0';
  }
}

void Decimal::trim() {
  while (count_ > 0 && digits_[count_ - 1] == '0') --count_;
  if (count_ == 0) point_ = 1;
}

void Decimal::step_up(int count) {
  while (count_ < count) append('0');
  ++digits_[count - 1];
}

void Decimal::shift(int bits) {
  while (bits != 0) {
    const int step = std::clamp(bits, -kStep, kStep);
    step > 0 ? multiply(step) : divide(-step);
    bits -= step;
  }
}

void Decimal::multiply(int bits) {
  char wide[kMost + 19];  // 2^60 has 19 digits
  char* const end = wide + sizeof wide;
  char* at = end;
  uint64_t carry = 0;
  for (int i = count_; i > 0 || carry != 0; carry /= 10) {
    if (i > 0) carry += static_cast<uint64_t>(digits_[--i] - '0') << bits;
    *--at = static_cast<char>('0' + carry % 10);
  }
  point_ += static_cast<int>(end - at) - count_;
  count_ = 0;
  while (at < end) append(*at++);
  trim();
}

void Decimal::divide(int bits) {
  const int have = count_;
  uint64_t rest = 0;
  count_ = 0;
  for (int i = 0; i < have || rest != 0; ++i) {
    rest = rest * 10 + (i < have ? static_cast<uint64_t>(digits_[i] - '0') : 0);
    const auto digit = static_cast<char>('0' + (rest >> bits));
    rest &= (uint64_t{1} << bits) - 1;
    if (count_ == 0 && digit == '0') {
      --point_;
    } else {
      append(digit);
    }
  }
  trim();
}

bool Decimal::rounds_up(int count) const {
  if (count < 0 || count >= count_) return false;
  if (digits_[count] != '5' || count + 1 < count_ || cut_) return digits_[count] >= '5';
  return count > 0 && (digits_[count - 1] - '0') % 2 != 0;
}

Decimal Decimal::rounded(int count) const {
  Decimal r;
  r.count_ = std::clamp(count, 0, count_);
  r.point_ = point_;
  memcpy(r.digits_, digits_, static_cast<size_t>(r.count_));
  if (rounds_up(count)) {
    while (r.count_ > 0 && r.digits_[r.count_ - 1] == '9') --r.count_;
    if (r.count_ > 0) {
      r.step_up(r.count_);
    } else {
      r.append('1');
      ++r.point_;
    }
  }
  r.trim();
  return r;
}

// Up to 15 digits and 10^22 are doubles themselves, and one operation on them rounds correctly.
bool Decimal::fast_double(double& value) const {
  const int exponent = point_ - count_;
  if (cut_ || count_ > 15 || exponent < -22 || exponent > 22) return false;
  double scale = 1;
  for (int i = exponent < 0 ? -exponent : exponent; i > 0; --i) scale *= 10;
  value = 0;
  for (char c : digits()) value = value * 10 + (c - '0');
  value = exponent < 0 ? value / scale : value * scale;
  return true;
}

double Decimal::to_double() const {
  double value = 0;
  if (fast_double(value) || point_ < -330) return value;
  constexpr uint64_t kInfinite = uint64_t{0x7ff} << kFraction;
  if (point_ > 310) return std::bit_cast<double>(kInfinite);

  // To a fraction in [0.5, 1) and a power of two; 10^1000 is a little more than 2^3321.
  Decimal d = *this;
  int exponent = point_ * 3321 / 1000;
  d.shift(-exponent);
  for (; d.point_ > 0; ++exponent) d.divide(1);
  for (; d.point_ < 0 || d.digits_[0] < '5'; --exponent) d.multiply(1);

  // Subnormals have fewer bits. The implied bit, where there is one, adds itself to the exponent.
  const int below = std::max(kLowest - exponent, 0);
  if (below > kFraction + 1) return 0;
  d.shift(kFraction + 1 - below);
  uint64_t bits = d.rounds_up(d.point_);
  uint64_t whole = 0;
  for (int i = 0; i < d.point_; ++i) {
    whole = whole * 10 + (i < d.count_ ? static_cast<uint64_t>(d.digits_[i] - '0') : 0);
  }
  bits += whole + (static_cast<uint64_t>(exponent + below - kLowest) << kFraction);
  return std::bit_cast<double>(std::min(bits, kInfinite));
}

}  // namespace chimera
