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

class Packer {
 public:
  consteval Packer() {
    size_t count = 0;
    std::string_view rest = kFragments;
    for (size_t end; (end = rest.find('|')) != rest.npos; rest.remove_prefix(end + 1)) {
      const auto first = static_cast<size_t>(rest[0]);
      if (count_[first]++ == 0) first_[first] = count;
      fragments_[count++] = rest.substr(0, end);    // out of range: too many of them
    }
  }

  // Calls `put` with each byte of the packed text.
  template <class Put>
  constexpr void pack(std::string_view text, Put put) const {
    while (!text.empty()) {
      const auto first = static_cast<size_t>(text[0]);
      size_t code = first_[first];                  // out of range: not ASCII
      const size_t end = code + count_[first];
      while (code < end && !text.starts_with(fragments_[code])) ++code;
      put(code < end ? static_cast<char>(0x80 + code) : text[0]);
      text.remove_prefix(code < end ? fragments_[code].size() : 1);
    }
  }

 private:
  std::array<std::string_view, 128> fragments_{};
  std::array<size_t, 128> first_{}, count_{};       // by first character
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
    const char* next = kText.data();
    for (auto& row : rows) {
      row.*Field = next;
      next += std::string_view(next).size() + 1;
    }
    return rows;
  }();
};
#endif

}  // namespace chimera
