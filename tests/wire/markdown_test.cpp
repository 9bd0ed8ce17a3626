#include "chimera/wire/markdown.hpp"

#include "tests/check.hpp"

using chimera::wire::Heading;
using chimera::wire::HeadingReader;
using chimera_test::Guarded;

namespace {

// "1:Title|2:Next"
std::string headings(std::string_view text) {
  HeadingReader reader(text);
  Heading h;
  std::string out;
  while (reader.next(h)) {
    if (!out.empty()) out += '|';
    out += std::to_string(h.level) + ":" + std::string(h.text);
  }
  CHECK_FALSE(reader.next(h));
  return out;
}

}  // namespace

TEST_CASE("markdown: the two counts of headings") {
  struct Case {
    const char* name;
    std::string_view text;
    size_t hash_lines;
    const char* headings;
  };
  static const Case cases[] = {
      {"nothing", "", 0, ""},
      {"levels", "# a\n## b\n###### c\n", 3, "1:a|2:b|6:c"},
      {"seven marks", "####### a\n", 1, ""},
      {"no blank", "#a\n#!/bin/sh\n#1", 3, ""},
      {"tab behind the mark", "#\ta", 1, "1:a"},
      {"only marks", "#\n##  \n", 2, "1:|2:"},
      {"closing marks", "# a ##\n## b#\n# c \\#\n### ###\n# #\n", 5, "1:a|2:b#|1:c \\#|3:|1:"},
      {"closing marks and blanks", "# a  ###   \n", 1, "1:a"},
      {"three blanks", "   # a\n", 1, "1:a"},
      {"four blanks are code", "    # a\n", 1, ""},
      {"a tab is code", "\t# a\n", 1, ""},
      {"inside a line", "a # b\n- # c\n> # d\n", 0, ""},
      {"CRLF", "# a\r\n\r\n## b\r\n", 2, "1:a|2:b"},
      {"fence", "```\n# a\n```\n# b\n", 2, "1:b"},
      {"fence of tildes", "~~~ sh\n# a\n~~~\n# b\n", 2, "1:b"},
      {"other fence inside", "~~~\n```\n# a\n~~~\n# b\n", 2, "1:b"},
      {"a longer fence closes", "```\n# a\n`````\n# b", 2, "1:b"},
      {"a shorter fence does not", "````\n```\n# a\n````\n# b", 2, "1:b"},
      {"text behind does not close", "```\n``` x\n# a\n```  \n# b", 2, "1:b"},
      {"a fence with an info text", "```python\n# a\n```\n# b\n", 2, "1:b"},
      {"backticks in the info text", "``` a`b\n# a\n", 1, "1:a"},
      {"tildes may hold them", "~~~ a`b\n# a\n", 1, ""},
      {"two marks are no fence", "``\n# a\n", 1, "1:a"},
      {"indented fence", "   ```\n# a\n   ```\n# b", 2, "1:b"},
      {"fence indented too far", "    ```\n# a\n", 1, "1:a"},
      {"never closed", "# a\n```\n# b\n# c", 3, "1:a"},
      {"byte order mark", "\xEF\xBB\xBF# a\n# b\n", 1, "1:a|1:b"},
      {"UTF-8 text", "# \xC3\xA9t\xC3\xA9 \xE2\x80\x94 x\n", 1,
       "1:\xC3\xA9t\xC3\xA9 \xE2\x80\x94 x"},
      {"any bytes", "\xff# a\n# \xff\x00", 1, "1:\xff"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Guarded page(c.text);
    CHECK(chimera::wire::count_hash_lines(page.view()) == c.hash_lines);
    CHECK(headings(page.view()) == c.headings);
    for (size_t n = 0; n < c.text.size(); ++n) {   // and every prefix stays inside its page
      const Guarded part(c.text.substr(0, n));
      CHECK(chimera::wire::count_hash_lines(part.view()) <= c.hash_lines);
      headings(part.view());
    }
  }
}

TEST_CASE("markdown: the first code block") {
  struct Case {
    std::string_view text;
    const char* code;     // nullptr = none
  };
  static const Case cases[] = {
      {"", nullptr},
      {"no code `x` here", nullptr},
      {"```\nx\n```\n", "x\n"},
      {"Sure:\n```python\nprint(1)\n\nprint(2)\n```\nand\n```\nother\n```",
       "print(1)\n\nprint(2)\n"},
      {"~~~\n```\n~~~", "```\n"},
      {"```\n```", ""},
      {"```", ""},
      {"```sh\nls", "ls"},
      {"```\r\na\r\n```\r\n", "a\r\n"},
      {"````\n```\n````", "```\n"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Guarded guarded(c.text);
    std::string_view code;
    const bool found = chimera::wire::first_code_block(guarded.view(), code);
    REQUIRE(found == (c.code != nullptr));
    if (found) CHECK(code == c.code);
  }
}
