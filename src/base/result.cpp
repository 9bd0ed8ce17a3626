#include "chimera/base/result.hpp"

#include <stdio.h>
#include <stdlib.h>

#include "chimera/base/number.hpp"

namespace chimera {

void check_failed(const char* condition, const char* file, int line) {
  std::string text = "chimera: broken promise: ";
  text.append(condition).append(" (").append(file) += ':';
  append_i64(text, line);
  text += ")\n";
  fputs(text.c_str(), stderr);  // base has no access to write()
  abort();
}

}  // namespace chimera
