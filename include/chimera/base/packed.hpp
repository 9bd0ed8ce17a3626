// Text that is rarely shown (help), kept in about 57 % of its bytes: a byte of 0x80 or more stands
// for a fragment that is frequent in such text. Packed while compiling; sources have it plain.
//
// Thread: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chimera {

// 128 of them, those with the same first character together, longer ones first. Chosen from the
// help texts for what each saves; any others would do, for they are looked up, not counted.
inline constexpr char kFragments[] =
    "\nEXAMPLES\n|         | run n| the | of | --| = | @N| an|  | (| *| /| a| b| i| m| r| s|"
    " t| w|(T)|, |.\n|. |/api/|0)|00|127.0.0.1|: |; |COMMAND|DIR|TTFT |TIME|agent|a |ab|ad|"
    "ag|ai|al|am|an|ar|at|be|bo|by|chimera|ch|co|default|d |de|do|efficiency|each|ent|e |e)|"
    "ec|ed|en|er|es|ev|ex|first |from|fil|g |http://|help|ha|ho|ind|ing|ic|im|in|it|js|ke|la|"
    "le|ll|lo|model|me|no|overhead|or |of|on|or|ou|percent|pro|pl|qu|repeat|requ|re|server|"
    "s\n|s |s)|s/|se|st|sw|token|tion|t |td|te|th|ti|to|tr|ul|um|un|when|with|wi|y |";

// Appends `packed` as it was before PackedTable packed it. Plain ASCII stays what it is.
void append_unpacked(std::string& out, const char* packed);

namespace detail {

// Plain loops over plain characters: GCC 12 cannot evaluate std::string_view's functions while
// compiling when a sanitizer is on.
class Packer {
 public:
  consteval Packer() {
    size_t count = 0;
    for (size_t at = 0; kFragments[at] != 0; ++at) {
      if (at != 0 && kFragments[at - 1] != '|') continue;
      const auto first = static_cast<size_t>(kFragments[at]);
      if (count_[first]++ == 0) first_[first] = count;
      begin_[count++] = at;                         // out of range: too many of them
    }
  }

  // Calls `put` with each byte of the packed text.
  template <class Put>
  constexpr void pack(const char* text, Put put) const {
    while (*text != 0) {
      const auto first = static_cast<size_t>(*text);
      size_t code = first_[first];                  // out of range: not ASCII
      const size_t end = code + count_[first];
      size_t length = 0;
      while (code < end && (length = matching(text, begin_[code])) == 0) ++code;
      put(code < end ? static_cast<char>(0x80 + code) : *text);
      text += code < end ? length : 1;
    }
  }

 private:
  // The length of the fragment that begins at `at` when the text begins with it, or 0.
  static constexpr size_t matching(const char* text, size_t at) {
    size_t n = 0;
    while (kFragments[at + n] != '|' && kFragments[at + n] == text[n]) ++n;
    return kFragments[at + n] == '|' ? n : 0;
  }

  size_t begin_[128] = {};
  size_t first_[128] = {}, count_[128] = {};        // by first character
};

}  // namespace detail

// The rows of a constexpr table with the text in one of their fields packed:
// `constexpr auto& kTable = PackedTable<kPlain, &Row::help>::kRows;`
#ifdef __clang__   // its bound on constant evaluation is too low; it only checks
template <const auto& Plain, auto Field>
struct PackedTable {
  static constexpr auto kRows = std::to_array(Plain);
};
#else
template <const auto& Plain, auto Field>
class PackedTable {
  static consteval size_t bytes() {
    const detail::Packer packer;
    size_t n = 0;
    for (const auto& row : Plain) {
      packer.pack(row.*Field, [&](char) { ++n; });
      ++n;
    }
    return n;
  }
  static constexpr size_t kCount = std::size(Plain);

  // One after the other, a NUL behind each.
  static constexpr auto kText = [] {
    const detail::Packer packer;
    std::array<char, bytes()> text{};
    size_t n = 0;
    for (const auto& row : Plain) {
      packer.pack(row.*Field, [&](char c) { text[n++] = c; });
      ++n;
    }
    return text;
  }();

 public:
  static constexpr auto kRows = [] {
    auto rows = std::to_array(Plain);
    size_t at = 0;
    for (auto& row : rows) {
      row.*Field = kText.data() + at;
      while (kText[at++] != 0) {
      }
    }
    return rows;
  }();
};
#endif

}  // namespace chimera
