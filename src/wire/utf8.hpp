// One code point as UTF-8 (json.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace chimera::wire {

// `out` has room for 4 bytes; `code` is at most 0x10ffff. Returns how many there are.
size_t put_utf8(char* out, uint32_t code);

}  // namespace chimera::wire
