// One document, laid out in three ways: for a terminal, as Markdown, as HTML.
#pragma once

#include <math.h>

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/words.hpp"
#include "chimera/lab/stats_report.hpp"

namespace chimera::lab {

// Every text given to it may be from anywhere: it is made harmless for the layout.
class Document {
 public:
  enum Layout : uint8_t { terminal, markdown, html };
  Document(Layout layout, size_t columns) : layout_(layout), columns_(columns) {}

  void heading(const char* pattern, std::initializer_list<Word> words);
  void point(std::string_view text);  // of a list
  void paragraph(std::string_view text);
  void code(std::string_view text);  // a line to copy
  // HTML as it stands.
  std::string& markup();

  // A table is rows of cells with equal columns; the first `left` columns are names. Of column
  // `raw` the cells below the head are HTML as they stand.
  void begin_table(size_t columns, size_t left = 1, size_t raw = SIZE_MAX) {
    cells_.clear();
    width_ = columns;
    left_ = left;
    raw_ = raw;
  }
  std::string& cell() { return cells_.emplace_back(); }
  void number(double x) { append_value(cell(), x); }
  void count(double x) { compose(cell(), "%d", {x}); }
  void interval(double low, double high) {
    std::string& to = cell();
    isnan(low) ? void(to += '-') : compose(to, "%v to %v", {low, high});
  }
  // A column without any value is left out.
  void end_table();

 private:
  std::string safe(std::string_view text) const;
  void wrapped(std::string_view mark, std::string_view text);
  void row(size_t at, std::span<const size_t> widths);
  void html_table(std::span<const size_t> widths);

  std::string out_;
  Layout layout_;
  bool in_list_ = false;
  size_t columns_;
  std::vector<std::string> cells_;
  size_t width_ = 1, left_ = 1, raw_ = SIZE_MAX;
};

// The parts of a report that are the same in every layout (stats_text.cpp); nothing at all where
// there is nothing to show.
void figures_table(Document& d, std::span<const Group> groups, std::span<const Figure> columns,
                   const char* head);
void level_tables(Document& d, const Analysis& a);  // runtimes, configurations
void cell_tables(Document& d, const Analysis& a);
void pairs_table(Document& d, const Analysis& a);
void loss_table(Document& d, const Analysis& a);
void resources_table(Document& d, const Analysis& a);
void changes_table(Document& d, std::span<const Change> changes);
void sentences(Document& d, const char* title, std::span<const std::string> list);
void left_out(Document& d, const Analysis& a);
void ending(Document& d, const StatsReport& r);  // skipped files, how to reproduce it

}  // namespace chimera::lab
