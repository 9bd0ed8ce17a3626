// The body of error_words() over a system's own table.
#pragma once

#include <span>
#include <string>

#include "chimera/base/number.hpp"
#include "chimera/sys/errors.hpp"

namespace chimera::sys {

struct Words {
  int number;
  const char* words;
};

inline const char* words_of(std::span<const Words> table, int os_error) {
  for (const Words& w : table) {
    if (w.number == os_error) return w.words;
  }
  thread_local char other[24];
  std::string text = "error ";
  append_i64(text, os_error);
  text.copy(other, sizeof other - 1);
  return other;
}

}  // namespace chimera::sys
