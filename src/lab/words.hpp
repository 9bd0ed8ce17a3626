// Sentences with figures in them, by a pattern: a tenth of the code of appending piece by piece.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace chimera::lab {

// What a pattern's mark is replaced by.
struct Word {
  Word(std::string_view s) : text(s) {}                    // NOLINT: implicit on purpose
  Word(const char* s) : text(s) {}                         // NOLINT
  Word(const std::string& s) : text(s) {}                  // NOLINT
  Word(double x) : number(x) {}                            // NOLINT
  Word(size_t n) : number(static_cast<double>(static_cast<int64_t>(n))) {}   // NOLINT

  std::string_view text;
  double number = 0;
};

// Appends `pattern` with its marks replaced, in their order (any other "%" is itself):
//   %s  a text
//   %d  a number without a fraction, in groups: "8,179"
//   %v  a number to read: append_value()
//   %1  with one decimal
//   %p  a p value behind its sign: "= 0.012", "< 0.0001"
void say(std::string& out, const char* pattern, std::initializer_list<Word> words);

// Two decimals, none from 10,000 on, below 0.1 enough for two digits; "-" when it is not finite.
void append_value(std::string& out, double x);

}  // namespace chimera::lab
