// Charts, as SVG elements out of plain numbers.
//
// x is in per cent of the plot and y in pixels: a chart is as wide as its place, and its text keeps
// its size, on a phone as on a wide screen. Labels are placed for a plot of kNarrow pixels; a wider
// one only moves them further apart. The caller opens and closes the <svg>, whose content
// box is the plot.
//
// Runs whose value is NaN are left out. The same numbers give the same bytes.
// Thread: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/markup.hpp"
#include "chimera/lab/statistics.hpp"

namespace chimera::lab {

inline constexpr double kNarrow = 272;  // of a page of 360, beside labels of y
inline constexpr double kSmall = 11.5;  // pixels of the text in charts
inline constexpr double kBase = 13;     // of names
inline constexpr double kBelow = 40;    // height of tick labels and the axis' title

// Colours (by `prefers-color-scheme`), texts and lines; the shapes of marks. Once in a document.
extern const std::string_view kChartStyle;
extern const std::string_view kChartShapes;
// Of series `i`: 8 colours that colour-blind readers can tell apart (after Okabe and Ito), and as
// many shapes, so that 64 series differ.
inline int colour_of(size_t i) {
  return static_cast<int>(i % 8);
}
inline int shape_of(size_t i) {
  return static_cast<int>((i + i / 8) % 8);
}

// --- axes ---------------------------------------------------------------------------------------

// From `low` to `high` in `steps` steps of 1, 2 or 5 times a power of ten.
class Axis {
 public:
  // Holds both ends; 2 to `most` + 1 steps. Ends that are equal, or as good as, get room around
  // them; those that are not finite or in the wrong order are taken as equal.
  Axis(double least, double greatest, int most = 5);

  double low() const { return value(0); }
  double high() const { return value(steps_); }
  int steps() const { return steps_; }
  double value(int i) const;                         // of tick i, 0 to steps()
  void append_label(std::string& out, int i) const;  // "0.25", "250k", "5e-7"
  // Where a value lies, in per cent, held to 0..100.
  double at(double v) const;
  bool holds(double v) const { return v >= low() && v <= high(); }

 private:
  int64_t first_ = 0;  // of the first tick, in steps
  int steps_ = 0, times_ = 1, exponent_ = 0;
};

// --- rows: dots, box, mean; bars ----------------------------------------------------------------

// One group.
struct Row {
  std::string_view name;
  size_t series = 0;
  // The runs: value(of, i), i < n. `tip` appends what a pointer that rests on one is told; may be
  // nullptr.
  size_t n = 0;
  const void* of = nullptr;
  double (*value)(const void* of, size_t i) = nullptr;
  void (*tip)(std::string& out, const void* of, size_t i) = nullptr;
  const Description* d = nullptr;
  Interval mean;
  // For bars: two parts, and a share that is not one of them.
  double parts[2] = {}, marked = 0;
};

// The axis of these values (sorted by it) but for those, at most a third, that would leave no room
// for the others: whole rows beyond a gap of a third of the range, and values beyond a gap of nine
// tenths.
Axis focused_axis(std::vector<double>& values, std::span<const Row> rows);

struct RowChart {
  enum Kind : uint8_t {
    box,   // every run a dot; P5 to P95, quartiles and median; the mean with its interval
    dots,  // the same without the box
    bars,  // the parts, one behind the other, and below them what is marked
  };
  std::span<const Row> rows;
  Axis axis;
  std::string_view axis_title;
  Kind kind = box;
};
double height_of(const RowChart& c);
void draw(std::string& out, const RowChart& c);
// What a row says behind its name, and all of it in words: the text alternative.
void append_note(std::string& out, const RowChart& c, const Row& row);
std::string words_of(const RowChart& c);

// --- points -------------------------------------------------------------------------------------

struct Point {
  double x = 0, y = 0;  // finite
  size_t series = 0;
  std::string_view label;    // "" = none
  const void* of = nullptr;  // for PointChart::tip
};
struct PointChart {
  std::span<const Point> points;
  Axis x, y;
  std::string_view x_title, y_title;
  double height = 240;    // of the plot alone
  bool frontier = false;  // join those that no other beats in both, less being better
  void (*tip)(std::string& out, const void* of) = nullptr;
};
double height_of(const PointChart& c);
void draw(std::string& out, const PointChart& c);

// A text beside a mark at (x, y), x in pixels of a plot kNarrow wide.
struct Label {
  double x = 0, y = 0, width = 0;
  // chosen:
  double at = 0;      // y of the text's middle
  bool left = false;  // of the mark
};
inline constexpr double kLabelHeight = 14, kLabelGap = 9;
// So that no label covers another, a mark, or leaves the plot sideways. False when the height does
// not suffice: those at the end keep the place of their mark.
bool place(std::span<Label> labels, double height);

// Which points no other beats in x and y, less being better (Pareto).
std::vector<uint32_t> frontier_of(std::span<const Point> points);  // by x, ascending

}  // namespace chimera::lab
