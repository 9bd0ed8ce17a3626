// Markup out of templates, and how wide text will be: what HTML and SVG writers share.
//
// Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace chimera::lab {

// What a template's `$` stands for: a text from anywhere, or a number.
class Arg {
 public:
  // A coordinate: with up to two decimals. NOLINT: implicit on purpose, as all of these.
  Arg(double v) : number_(v), kind_(kCoordinate) {}
  Arg(int v) : Arg(static_cast<double>(v)) {}
  // A figure to read: with `decimals` digits, a dash for NaN.
  Arg(double v, int decimals) : number_(v), kind_(decimals) {}
  Arg(std::string_view s) : text_(s.data()), kind_(kText), size_(static_cast<uint32_t>(s.size())) {}
  Arg(const std::string& s) : Arg(std::string_view(s)) {}
  Arg(const char* s) : Arg(std::string_view(s)) {}
  void append_to(std::string& out) const;

 private:
  enum Kind : int { kText = -2, kCoordinate = -1 };   // else the decimals of a figure
  union {
    const char* text_;
    double number_;
  };
  int kind_;
  uint32_t size_ = 0;
};

// Appends `form`, each `$` in it replaced by the next argument. Texts are escaped, so that they are
// text wherever they stand, between quotes too, and well-formed UTF-8 that XML allows; the form is
// not. There are as many arguments as `$`.
void put(std::string& out, std::string_view form, std::initializer_list<Arg> args);
inline void put(std::string& out, std::string_view form) { out += form; }

void append_escaped(std::string& out, std::string_view text);
// With `decimals` digits, thousands apart (a thin blank), never "-0.00"; a dash for NaN.
void append_figure(std::string& out, double value, int decimals);

// An upper estimate of a line's width in pixels, for common sans-serif faces of `size` pixels.
double text_width(std::string_view text, double size);
// `text`, or as much of its beginning and end as fits, with an ellipsis in between.
std::string fitted(std::string_view text, double width, double size);
// Cuts from `rest` the words that fit in a line; at least one.
std::string_view next_wrapped(std::string_view& rest, double width, double size);

}  // namespace chimera::lab
