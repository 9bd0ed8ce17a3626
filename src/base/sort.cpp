#include "chimera/base/sort.hpp"

namespace chimera {

// A heap sort (Williams, Floyd 1964): the first half of the steps makes a heap of the first `end`
// places, largest in front; each of the others puts the largest behind it.
void sort_places(size_t count, FunctionRef<bool(size_t, size_t)> less,
                 FunctionRef<void(size_t, size_t)> swap) {
  size_t start = count / 2, end = count;
  while (end > 1) {
    if (start > 0) {
      --start;
    } else {
      swap(0, --end);
    }
    for (size_t at = start;;) {     // sift down
      size_t child = 2 * at + 1;
      if (child >= end) break;
      if (child + 1 < end && less(child, child + 1)) ++child;
      if (!less(at, child)) break;
      swap(at, child);
      at = child;
    }
  }
}

void sort_numbers(std::span<uint32_t> numbers) {
  sort_places(numbers.size(), [=](size_t i, size_t k) { return numbers[i] < numbers[k]; },
              [=](size_t i, size_t k) { std::swap(numbers[i], numbers[k]); });
}

}  // namespace chimera
