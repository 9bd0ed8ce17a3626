// Sentences with figures in them, by a pattern: less code than appending piece by piece.
//
// Thread: any.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace chimera {

// What a pattern's mark is replaced by.
class Word {
 public:
  Word(std::string_view s) : text_(s.data()), size_(s.size()) {}      // NOLINT: implicit
  Word(const std::string& s) : text_(s.data()), size_(s.size()) {}    // NOLINT
  Word(const char* s) : text_(s), size_(kCString) {}                  // NOLINT
  Word(double x) : number_(x) {}                                      // NOLINT
  Word(int n) : number_(n) {}                                         // NOLINT
  Word(std::unsigned_integral auto n)                                 // NOLINT
      : number_(static_cast<double>(static_cast<int64_t>(n))) {}

  // Which of the two it is, the pattern says.
  double number() const { return number_; }
  std::string_view text() const {
    return size_ == kCString ? std::string_view(text_) : std::string_view(text_, size_);
  }

 private:
  static constexpr size_t kCString = SIZE_MAX;
  union {
    const char* text_;
    double number_;
  };
  size_t size_;                          // of a text
};

// Appends `pattern` with its marks replaced, in their order (any other "%" is itself):
//   %s  a text
//   %d  a number without a fraction, in groups: "8,179"
//   %v  a number to read: append_value()
//   %1  with one decimal
//   %p  a p value behind its sign: "= 0.012", "< 0.0001"
//   %e  a text in markup: append_escaped()
//   %c  a coordinate: with up to two decimals
void compose(std::string& out, const char* pattern, std::initializer_list<Word> words);

// Two decimals, none from 10,000 on, below 0.1 enough for two digits; "-" when it is not finite.
void append_value(std::string& out, double x);

}  // namespace chimera
