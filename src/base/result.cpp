#include "chimera/base/result.hpp"

#include <stdio.h>
#include <stdlib.h>

namespace chimera {

void check_failed(const char* condition, const char* file, int line) {
  char text[256];
  snprintf(text, sizeof text, "chimera: broken promise: %s (%s:%d)\n", condition, file, line);
  fputs(text, stderr);  // already part of every binary; base has no access to write()
  abort();
}

}  // namespace chimera
