// What the HTML page (report_html.cpp, report_tables.cpp) and the SVG document (report_svg.cpp)
// share: the rows, axes and words of an Analysis.
#pragma once

#include <string>
#include <vector>

#include "chart.hpp"
#include "chimera/lab/stats_report.hpp"

namespace chimera::lab {

// The groups that have values, best first: by the mean, the greater where neither is better.
std::vector<const Group*> ranked(std::span<const Group> groups, int better);
// A group's name within its level: that of a cell is its runtime. Never empty.
std::string_view short_name(const Group& g);

// How the metric of an analysis is shown.
struct Scale {
  explicit Scale(const Analysis& a);
  Axis axis;                   // for all values of the compared groups
  std::string title;           // "efficiency_percent, %"
  int decimals;                // of its figures
};

// Rows of dots; they view `groups`. With a `few`, their notes are short.
std::vector<Row> rows_of(const Analysis& a, std::span<const Group* const> groups, int decimals);
// A chart's text alternative: every row's name and note.
std::string spoken(const RowChart& c);

// What the signs of a chart of rows mean: a drawing 26 pixels wide about y = 0, and words.
struct Sign {
  std::string_view drawing, words;
};
inline constexpr Sign kSigns[] = {
    {"<g class='d'><circle cx='13' r='3.1'/></g>", "a run"},
    {"<path class='w' d='M0 0h26'/><rect class='q' x='6' y='-5' width='14' height='10'/>",
     "P25 to P75, line P5 to P95"},
    {"<path class='i' d='M13-7v14'/>", "median"},
    {"<path class='i' d='M1 0h24'/><use class='v' href='#s3' x='13'/>",
     "mean, 95 % interval"},
};

// "42 runs of 5 runtimes in 6 configurations"
std::string extent_words(const Analysis& a);

// --- HTML ---------------------------------------------------------------------------------------

// The page's tables (report_tables.cpp). Each in a box of its own that scrolls; nothing at all
// when it would be empty.
void ranking_table(std::string& out, const Analysis& a, const Scale& s);
void figures_table(std::string& out, std::span<const Group* const> groups, int decimals);
void tests_table(std::string& out, const Analysis& a, int decimals);
void loss_table(std::string& out, std::span<const Group* const> groups);
void resources_table(std::string& out, std::span<const Group* const> groups, int decimals);
void changes_table(std::string& out, std::span<const Change> changes, int decimals);
void excluded_table(std::string& out, const Analysis& a);
void skipped_table(std::string& out, const TrialSet& set);

// "0.012", "<0.001", a dash
std::string p_words(double p);

}  // namespace chimera::lab
