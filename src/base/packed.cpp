#include "chimera/base/packed.hpp"

namespace chimera {

void append_unpacked(std::string& out, const char* packed) {
  for (; *packed != 0; ++packed) {
    const auto c = static_cast<unsigned char>(*packed);
    if (c < 0x80) {
      out.push_back(*packed);
      continue;
    }
    const char* fragment = kFragments;
    for (int skip = c - 0x80; skip > 0; ++fragment) skip -= *fragment == '|';
    for (; *fragment != '|'; ++fragment) out.push_back(*fragment);
  }
}

}  // namespace chimera
