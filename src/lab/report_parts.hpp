// What the HTML page (report_html.cpp) and the SVG document (report_svg.cpp) share: the rows, axes
// and words of an Analysis.
#pragma once

#include <string>
#include <vector>

#include "chart.hpp"
#include "chimera/base/words.hpp"
#include "chimera/lab/stats_report.hpp"

namespace chimera::lab {

// A group's name within its level: that of a cell is its runtime. Never empty.
std::string_view short_name(const Group& g);
// "efficiency_percent, %"
std::string title_of(const Analysis& a);
// "42 runs of 5 runtimes in 6 configurations"
std::string extent_of(const Analysis& a);

// The compared groups that have values, best first: by the mean, the greater where neither is
// better. Of a configuration its cells, in the same order. The rows view the groups; `of` is one.
std::vector<Row> rows_of(const Analysis& a, const Group* config = nullptr);
inline const Group& group_of(const Row& r) {
  return *static_cast<const Group*>(r.of);
}
// For all their values.
Axis axis_of(std::span<const Row> rows);

// What the signs of a chart of rows mean: a drawing 26 pixels wide about y = 0, and words.
struct Sign {
  const char *drawing, *words;
};
inline constexpr Sign kSigns[] = {
    {"<g class='d'><circle cx='13' r='3.1'/></g>", "a run"},
    {"<path class='w' d='M0 0h26'/><rect class='q' x='6' y='-5' width='14' height='10'/>",
     "P25 to P75, line P5 to P95"},
    {"<path class='i' d='M13-7v14'/>", "median"},
    {"<path class='i' d='M1 0h24'/><use class='v' href='#s3' x='13'/>", "mean, 95 % interval"},
};

}  // namespace chimera::lab
