#include "chimera/base/result.hpp"

#include <string.h>

namespace chimera {

// In a buffer of its own: the promise that was broken may be the allocator's.
void check_failed(const char* condition, const char* file, int line) {
  char number[12] = "";
  char* digits = number + sizeof number - 1;
  for (; line > 0; line /= 10) *--digits = static_cast<char>('0' + line % 10);
  char text[512];
  size_t size = 0;
  for (const char* part : {"chimera: broken promise: ", condition, " (", file, ":",
                           static_cast<const char*>(digits), ")\n"}) {
    const size_t n = strnlen(part, sizeof text - size);
    memcpy(text + size, part, n);
    size += n;
  }
  die({text, size});
}

}  // namespace chimera
