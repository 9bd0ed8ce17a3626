#include "chimera/base/sort.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "chimera/base/rng.hpp"
#include "tests/check.hpp"

using namespace chimera;

TEST_CASE("numbers come into order, whatever their number and order") {
  Rng rng(7);
  for (size_t count = 0; count < 200; ++count) {
    for (const uint64_t range : {1u, 3u, 1000u}) {
      CAPTURE(count);
      std::vector<uint32_t> numbers(count);
      for (uint32_t& n : numbers) n = static_cast<uint32_t>(rng.below(range));
      std::vector<uint32_t> expected = numbers;
      std::sort(expected.begin(), expected.end());
      sort_numbers(numbers);
      CHECK(numbers == expected);
    }
  }
}

TEST_CASE("things are moved by their places alone") {
  std::vector<std::string> words = {"pear", "", "apple", "fig", "apple", "zebra", "b"};
  sort_places(words.size(), [&](size_t i, size_t k) { return words[i] < words[k]; },
              [&](size_t i, size_t k) { words[i].swap(words[k]); });
  CHECK(words == std::vector<std::string>{"", "apple", "apple", "b", "fig", "pear", "zebra"});
}
