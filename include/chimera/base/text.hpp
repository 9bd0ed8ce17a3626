// Small text helpers over byte strings. Bytes are never decoded here except where a name says
// UTF-8.
//
// Thread: any. Cost: no allocation unless a std::string is returned or appended to.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chimera {

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

// Compares with a literal whose length is known here. std's == makes a call of its own to measure
// it: 15 bytes at each of a hundred places.
template <size_t N>
[[gnu::always_inline]] constexpr bool operator==(std::string_view a, const char (&literal)[N]) {
  return a == std::string_view(literal, __builtin_strlen(literal));
}

// The value of a hex digit of either case, or -1.
constexpr int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string_view trim(std::string_view s);        // ASCII white space, both ends
std::string_view trim_left(std::string_view s);
std::string lowered(std::string_view s);          // ASCII letters only
bool iequals(std::string_view a, std::string_view b);           // ASCII case-insensitive
bool icontains(std::string_view haystack, std::string_view lower_needle);

// Cuts the next line off `rest` (without its "\n" or "\r\n"); false when nothing is left.
bool next_line(std::string_view& rest, std::string_view& line);
// Cuts the part before the next `separator` off `rest`; the last part has no separator behind it.
// False when nothing is left: "a,b," has two parts, ",a" has two, "" none.
bool next_part(std::string_view& rest, char separator, std::string_view& part);

// Adds a word to a list of words in one string: each has a NUL behind it, and next_part() takes
// them off again.
void add_word(std::string& words, std::string_view word, std::string_view more = {});

// Of the names that are offered the one that was probably meant by a word that is none of them: up
// to two characters wrong, left out, too many or exchanged (one in a short word); else the only one
// that begins with the word; else the only one that has it within. The names stay the caller's.
class Nearest {
 public:
  explicit Nearest(std::string_view word) : word_(word) {}
  void offer(std::string_view name);
  std::string_view name() const { return alone_ ? name_ : std::string_view(); }   // "" = none

 private:
  std::string_view word_, name_;
  int rank_ = 5;                // of name_: edits, 3 = begins with the word, 4 = has it within
  bool alone_ = true;           // no other name has that rank, or it does not matter
};

// RFC 4648 section 4, with padding.
void append_base64(std::string& out, std::string_view bytes);

// Bytes of the longest prefix of `s` that is well-formed UTF-8 (RFC 3629: no surrogates, no
// overlong forms, at most U+10FFFF).
size_t valid_utf8_prefix(std::string_view s);
inline bool is_utf8(std::string_view s) { return valid_utf8_prefix(s) == s.size(); }
// `s` with each maximal ill-formed subsequence replaced by U+FFFD (the WHATWG and Unicode rule).
std::string to_valid_utf8(std::string_view s);
// The number of code points of well-formed text.
size_t count_code_points(std::string_view s);
// The longest prefix of at most `max_bytes` bytes that does not cut a UTF-8 sequence.
std::string_view utf8_truncate(std::string_view s, size_t max_bytes);

// `s` made harmless for a terminal or a log line: C0, DEL, C1 and bidi controls become \xNN or
// \u{...}; "\n" and "\t" stay only when `multiline`.
std::string printable(std::string_view s, bool multiline);

}  // namespace chimera
