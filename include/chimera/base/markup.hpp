// Text in HTML and SVG, and how wide it will be.
//
// Thread: any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chimera {

// So that `text`, from anywhere, is text wherever it stands, between quotes too: escaped,
// printable, UTF-8 that XML allows.
void append_escaped(std::string& out, std::string_view text);
// With up to two decimals, none at the end that is 0; |value| under 1e9.
void append_coordinate(std::string& out, double value);

// An upper estimate of a line's width in pixels, for common sans-serif faces of `size` pixels.
double text_width(std::string_view text, double size);
// `text`, or as much of its beginning and end as fits, with an ellipsis in between.
std::string fitted(std::string_view text, double width, double size);
// Cuts from `rest` the words that fit in a line; at least one.
std::string_view next_wrapped(std::string_view& rest, double width, double size);

}  // namespace chimera
