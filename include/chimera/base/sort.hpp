// One sort for everything that is sorted away from where time is short: std::sort costs 4 KB of
// code for every type, and a heap sort of its own 450 bytes.
//
// Thread: any. Cost: about 2 n log n comparisons through a pointer, no allocation. Not stable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "chimera/base/own.hpp"

namespace chimera {

// Puts `count` things in order that are known by their place alone: `less(i, k)` compares those at
// the places i and k, `swap(i, k)` exchanges them.
void sort_places(size_t count, FunctionRef<bool(size_t, size_t)> less,
                 FunctionRef<void(size_t, size_t)> swap);
void sort_numbers(std::span<uint32_t> numbers);

}  // namespace chimera
