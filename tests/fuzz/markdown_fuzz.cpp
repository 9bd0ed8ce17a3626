// Markdown: what a heading may be, and no more of them than lines that begin with a hash; the first
// code block is whole lines of the text between two fences.
#include "chimera/wire/markdown.hpp"

#include "chimera/base/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {

namespace {

// A line of code in a block is found in it as it stands, whatever stood before.
void check_code(std::string_view input) {
  std::string_view code;
  if (!chimera::wire::first_code_block(input, code)) return;
  FUZZ_CHECK(inside(code, input));
  if (code.empty()) return;
  const char* const end = code.data() + code.size();
  FUZZ_CHECK(code.data() > input.data() && code.data()[-1] == '\n');
  FUZZ_CHECK(end == input.data() + input.size() || end[-1] == '\n');
  const std::string_view front(input.data(), static_cast<size_t>(code.data() - input.data()));
  FUZZ_CHECK(front.find("```") != front.npos || front.find("~~~") != front.npos);
}

}  // namespace

int fuzz_markdown(std::string_view input) {
  using namespace chimera::wire;
  check_code(input);
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
