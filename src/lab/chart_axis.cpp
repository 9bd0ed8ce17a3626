// Where values lie, and where labels go.
#include <math.h>

#include <algorithm>

#include "chart.hpp"
#include "chimera/base/number.hpp"

namespace chimera::lab {
namespace {

double power_of_ten(int n) {
  double p = 1;
  for (; n > 0; --n) p *= 10;
  return p;
}

// k * times * 10^exponent. By a division where the exponent is negative: exact to the last bit, so
// that a value that is written like a tick is equal to it.
double tick_value(int64_t k, int times, int exponent) {
  const auto v = static_cast<double>(k * times);
  return exponent < 0 ? v / power_of_ten(-exponent) : v * power_of_ten(exponent);
}

// What is drawn for a mark at x.
struct Rect {
  double x, left, top, right, bottom;
  // Whether they meet in this plot, or might in a wider one, which moves marks apart: what belongs
  // to the mark further left has to end first.
  bool meets(const Rect& o) const {
    const bool before = x <= o.x && right <= o.left, behind = o.x <= x && o.right <= left;
    return !before && !behind && top < o.bottom && o.top < bottom;
  }
};

Rect rect_of(const Label& l) {
  const double from = l.left ? l.x - kLabelGap - l.width : l.x + kLabelGap;
  return {l.x, from, l.at - kLabelHeight / 2, from + l.width, l.at + kLabelHeight / 2};
}

bool is_free(std::span<const Label> labels, const uint32_t* placed, size_t count, const Label& l) {
  const Rect r = rect_of(l);
  for (const Label& o : labels)
    if (r.meets({o.x, o.x - 5, o.y - 5, o.x + 5, o.y + 5})) return false;
  for (size_t i = 0; i < count; ++i)
    if (r.meets(rect_of(labels[placed[i]]))) return false;
  return true;
}

// The free place that is nearest to the mark, on its right before its left.
bool find_place(std::span<const Label> labels, const uint32_t* placed, size_t count, Label& l,
                double height) {
  for (double away = 0; away <= height; away = away > 0 ? -away : 3 - away) {
    l.at = l.y + away;
    if (l.at < kLabelHeight / 2 || l.at > height - kLabelHeight / 2) continue;
    for (const bool left : {false, true}) {
      l.left = left;
      const Rect r = rect_of(l);
      if (r.left >= 0 && r.right <= kNarrow && is_free(labels, placed, count, l)) return true;
    }
  }
  return false;
}

}  // namespace

Axis::Axis(double least, double greatest, int most) {
  if (!isfinite(least)) least = isfinite(greatest) ? greatest : 0;
  if (!isfinite(greatest) || greatest < least) greatest = least;
  least = std::clamp(least, -1e290, 1e290);
  greatest = std::clamp(greatest, -1e290, 1e290);
  const double size = std::max(fabs(least), fabs(greatest));
  if (greatest - least <= size * 1e-9) {
    const double room = size > 1e-290 ? size / 100 : 1;
    least -= room;
    greatest += room;
  }
  const double raw = (greatest - least) / most;
  double unit = 1;
  for (; unit * 10 <= raw; ++exponent_) unit *= 10;
  for (; unit > raw; --exponent_) unit /= 10;
  times_ = raw > unit * 5 ? 10 : raw > unit * 2 ? 5 : raw > unit ? 2 : 1;
  if (times_ == 10) {
    times_ = 1;
    ++exponent_;
  }
  const double step = tick_value(1, times_, exponent_);
  const auto of = [this](int64_t k) { return tick_value(k, times_, exponent_); };
  first_ = static_cast<int64_t>(floor(least / step));
  if (of(first_) > least) --first_;
  if (of(first_ + 1) <= least) ++first_;
  auto last = static_cast<int64_t>(ceil(greatest / step));
  if (of(last) < greatest) ++last;
  if (of(last - 1) >= greatest) --last;
  steps_ = static_cast<int>(std::max<int64_t>(last - first_, 1));
}

double Axis::value(int i) const {
  return tick_value(first_ + i, times_, exponent_);
}

double Axis::at(double v) const {
  return fmin(fmax((v - low()) / (high() - low()) * 100, 0), 100);  // NaN: 0
}

void Axis::append_label(std::string& out, int i) const {
  const double size = std::max(fabs(low()), fabs(high()));
  if (exponent_ < -6 || size >= 1e15) {
    append_i64(out, (first_ + i) * times_);
    if (first_ + i == 0) return;
    out += 'e';
    append_i64(out, exponent_);
    return;
  }
  int thousands = 0;
  double scale = 1;
  for (; size >= 1e4 && size >= scale * 1e3; ++thousands) scale *= 1e3;
  append_fixed(out, value(i) / scale, std::max(3 * thousands - exponent_, 0));
  if (thousands > 0) out += "kMGT"[thousands - 1];
}

// A row has values on both sides: what is cut off there are some of its runs.
static bool parts_a_row(std::span<const Row> rows, double below, double above) {
  for (const Row& r : rows)
    if (r.d->min <= below && r.d->max >= above) return true;
  return false;
}

Axis focused_axis(std::vector<double>& values, std::span<const Row> rows) {
  size_t n = 0;
  for (const double v : values)
    if (isfinite(v)) values[n++] = v;
  values.resize(n);
  if (n == 0) return Axis(0, 1);
  sort_values(values);
  size_t from = 0, to = n;
  for (;;) {
    const double range = values[to - 1] - values[from];
    size_t at = from;  // behind the widest gap
    double gap = 0;
    for (size_t i = from + 1; i < to; ++i) {
      const double between = values[i] - values[i - 1];
      if (between > gap) {
        gap = between;
        at = i;
      }
    }
    if (gap <= 0) break;
    const bool parts = parts_a_row(rows, values[at - 1], values[at]);
    if (parts ? gap * 10 < range * 9 : gap * 3 < range) break;
    // What may be cut off in all, and what must be left.
    const bool low_end = at - from < to - at;
    const size_t left = low_end ? to - at : at - from;
    if (left < 5 || (n - left) * 3 > n) break;
    (low_end ? from : to) = at;
  }
  return Axis(values[from], values[to - 1]);
}

bool place(std::span<Label> labels, double height) {
  std::vector<uint32_t> order(labels.size());
  bool all = true;
  for (uint32_t i = 0; i < order.size(); ++i) {
    // From the top, of the same height from the left.
    uint32_t at = i;
    const auto behind = [&](const Label& a, const Label& b) {
      return a.y > b.y || (a.y >= b.y && a.x > b.x);
    };
    for (; at > 0 && behind(labels[order[at - 1]], labels[i]); --at) order[at] = order[at - 1];
    order[at] = i;
  }
  for (size_t i = 0; i < order.size(); ++i) {
    Label& l = labels[order[i]];
    if (find_place(labels, order.data(), i, l, height)) continue;
    l.at = l.y;
    l.left = false;
    all = false;
  }
  return all;
}

std::vector<uint32_t> frontier_of(std::span<const Point> points) {
  std::vector<uint32_t> best;
  for (uint32_t i = 0; i < points.size(); ++i) {
    const Point& p = points[i];
    bool beaten = false;
    for (const Point& o : points) beaten |= o.x <= p.x && o.y <= p.y && (o.x < p.x || o.y < p.y);
    if (beaten) continue;
    size_t at = best.size();
    best.push_back(i);
    for (; at > 0 && points[best[at - 1]].x > p.x; --at) best[at] = best[at - 1];
    best[at] = i;
  }
  return best;
}

}  // namespace chimera::lab
