#include <math.h>

#include <algorithm>
#include <bit>

#include "chimera/base/number.hpp"
#include "chimera/base/sort.hpp"
#include "chimera/lab/load_figures.hpp"

namespace chimera::lab {
namespace {

// Values below 2,048 have a step each; above, each octave has 1,024.
constexpr int kBits = 11;
constexpr size_t kOctave = 1u << (kBits - 1);
constexpr size_t kSteps = (32 - kBits + 2) * kOctave;

size_t step_of(uint32_t us) {
  const int shift = std::max(static_cast<int>(std::bit_width(us)) - kBits, 0);
  return static_cast<size_t>(shift) * kOctave + (us >> shift);
}

// The middle of a step.
double value_of(size_t step) {
  const size_t octave = std::max(step / kOctave, size_t{1}) - 1;
  const uint64_t low = uint64_t{step - octave * kOctave} << octave;
  return static_cast<double>(low) + static_cast<double>((uint64_t{1} << octave) - 1) / 2;
}

double real(size_t n) { return static_cast<double>(static_cast<int64_t>(n)); }

}  // namespace

void LoadSample::count(uint32_t us) { ++steps_[step_of(us)]; }

void LoadSample::add(uint32_t us) {
  ++count_;
  least_ = std::min(least_, us);
  most_ = std::max(most_, us);
  sum_ += us;
  squares_ += static_cast<double>(us) * us;
  if (steps_.empty() && values_.size() < exact_) {
    values_.push_back(us);
    return;
  }
  if (steps_.empty()) {
    steps_.resize(kSteps);
    for (const uint32_t v : values_) count(v);
    values_ = {};
  }
  count(us);
}

void LoadSample::sort() { sort_numbers(values_); }

double LoadSample::mean() const { return count_ != 0 ? sum_ / real(count_) : kUnknown; }

double LoadSample::sd() const {
  if (count_ < 2) return kUnknown;
  return sqrt(std::max(squares_ - sum_ * mean(), 0.0) / real(count_ - 1));
}

double LoadSample::at(size_t rank) const {
  if (exact()) return values_[rank];
  if (rank == 0) return least_;
  if (rank + 1 >= count_) return most_;
  uint64_t below = 0;
  for (size_t i = 0; i < kSteps; ++i) {
    below += steps_[i];
    if (below > rank) return std::clamp(lab::value_of(i), min(), max());
  }
  return most_;
}

double LoadSample::percentile(double q) const {
  if (count_ == 0) return kUnknown;
  const double place = q * real(count_ - 1);
  const size_t low = std::min(static_cast<size_t>(static_cast<int64_t>(place)), count_ - 1);
  const double below = at(low), above = at(std::min(low + 1, count_ - 1));
  return below + (above - below) * (place - real(low));
}

// By halving, or step by step.
size_t LoadSample::up_to(double us) const {
  size_t low = 0;
  if (!exact()) {
    for (size_t i = 0; i < kSteps && lab::value_of(i) <= us; ++i) {
      low += static_cast<size_t>(steps_[i]);
    }
    return low;
  }
  for (size_t high = count_; low < high;) {
    const size_t middle = low + (high - low) / 2;
    (values_[middle] <= us ? low : high) = values_[middle] <= us ? middle + 1 : middle;
  }
  return low;
}

bool identifiable(double q, size_t count) {
  constexpr double kFrom = 0.99;
  // Half a thousandth of a value against the error of 1 - q.
  return count != 0 && (q < kFrom || q >= 1 || real(count) * (1 - q) > 0.9995);
}

// ---- percentile text ----------------------------------------------------------------------------

namespace {

void append_right(std::string& out, size_t width, const std::string& cell) {
  if (cell.size() < width) out.append(width - cell.size(), ' ');
  out.append(cell);
}
void append_number(std::string& out, size_t width, double x, int decimals) {
  std::string cell;
  append_fixed(cell, x, decimals);
  append_right(out, width, cell);
}

}  // namespace

// As HdrHistogram's outputPercentileDistribution(5): five lines for each halving of what is left
// above.
std::string hgrm_text(const LoadSample& s) {
  std::string out = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
  const double count = real(s.size());
  size_t reached = 0;
  for (double percent = 0; s.size() != 0 && reached < s.size();) {
    const double rank = ceil(percent / 100 * count - 1e-9);
    reached = std::max(static_cast<size_t>(static_cast<int64_t>(rank)), size_t{1});
    const double value = s.at(reached - 1);
    reached = std::max(reached, s.up_to(value));   // all that are equal are on one line
    const double share = reached == s.size() ? 1 : std::max(percent / 100, 0.0);
    append_number(out, 12, value / 1000, 3);
    append_number(out.append(" "), 14, share, 12);
    append_number(out.append(" "), 10, real(reached), 0);
    if (share < 1) append_number(out.append(" "), 14, 1 / (1 - share), 2);
    out.push_back('\n');
    double halves = 2;
    while (halves * (100 - percent) <= 100) halves *= 2;
    percent = std::min(percent + 100 / (5 * halves), 100.0);
  }
  append_number(out.append("#[Mean    = "), 12, s.size() != 0 ? s.mean() / 1000 : 0, 3);
  append_number(out.append(", StdDeviation   = "), 12, s.size() > 1 ? s.sd() / 1000 : 0, 3);
  append_number(out.append("]\n#[Max     = "), 12, s.size() != 0 ? s.max() / 1000 : 0, 3);
  append_number(out.append(", Total count    = "), 12, count, 0);
  append_number(out.append("]\n#[Buckets = "), 12, (32 - kBits + 2), 0);
  append_number(out.append(", SubBuckets     = "), 12, 2 * kOctave, 0);
  return out.append("]\n");
}

}  // namespace chimera::lab
