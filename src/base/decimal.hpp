// A double as the exact decimal number it is, and a decimal number as the nearest double.
//
// One operation does all the work, multiplying or dividing a row of decimal digits by a power of
// two, as on paper. The C library's strtod and printf would add 20 KB of floating point.
//
// Thread: any. Cost: no allocation; 0.1 to 0.5 us for the numbers people write, 100 us for the
// smallest of doubles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace chimera {

// 0.d1d2d3... * 10^point, without zeros at the end; 0 is no digits and 10^1.
class Decimal {
 public:
  Decimal() = default;
  explicit Decimal(double value);  // finite and not negative, exactly
  Decimal(uint64_t whole, int places);   // whole / 10^places
  // Digits with at most one point and an optional exponent, no sign; the caller has checked that.
  explicit Decimal(std::string_view text);

  // The first `count` digits, rounded half to even; not positive: what is left of rounding to the
  // left of all digits.
  Decimal rounded(int count) const;
  double to_double() const;  // the nearest, half to even; infinite when out of range

  std::string_view digits() const { return {digits_, static_cast<size_t>(count_)}; }
  int point() const { return point_; }
  // One more in digit number `count`, which is not a 9 and after which there is none.
  void step_up(int count);

 private:
  // No double, and no point halfway between two, has more than 768 digits. What is cut off behind
  // can only decide whether a number lies above such a point, which `cut_` remembers.
  static constexpr int kMost = 800;
  static constexpr int kStep = 60;  // bits of one shift: ten times as much still fits in 64

  void append(char digit);
  void trim();
  void shift(int bits);  // times 2^bits
  void multiply(int bits);
  void divide(int bits);
  bool rounds_up(int count) const;
  bool fast_double(double& value) const;

  int count_ = 0;
  int point_ = 0;
  bool cut_ = false;
  char digits_[kMost];
};

}  // namespace chimera
