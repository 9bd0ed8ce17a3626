// Markdown headings: what a heading may be, and no more of them than lines that begin with a hash.
#include "chimera/wire/markdown.hpp"

#include "chimera/base/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {

int fuzz_markdown(std::string_view input) {
  using namespace chimera::wire;
  HeadingReader reader(input);
  Heading heading;
  size_t count = 0;
  const char* last = input.data();
  for (; reader.next(heading); ++count) {
    FUZZ_CHECK(heading.level >= 1 && heading.level <= 6);
    FUZZ_CHECK(inside(heading.text, input) && heading.text == chimera::trim(heading.text));
    FUZZ_CHECK(heading.text.find('\n') == heading.text.npos);
    FUZZ_CHECK(heading.text.empty() || heading.text.data() > last);
    if (!heading.text.empty()) last = heading.text.data();
  }
  FUZZ_CHECK(!reader.next(heading));
  // Only a mark in front hides a first line from the other count.
  FUZZ_CHECK(count <= count_hash_lines(input) + input.starts_with("\xEF\xBB\xBF"));
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_markdown)
