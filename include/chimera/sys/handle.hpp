// The width of an operating system handle: the one place outside src/sys that asks which system it
// is.
#pragma once

#include <cstdint>

namespace chimera::sys {

#ifdef _WIN32
using Handle = uintptr_t;
inline constexpr Handle kNoHandle = ~uintptr_t{0};
#else
using Handle = int;
inline constexpr Handle kNoHandle = -1;
#endif

}  // namespace chimera::sys
