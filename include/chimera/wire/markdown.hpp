// The headings of a Markdown text. Two counts exist on purpose:
//
// - count_hash_lines is the reference program's number (`markdown_heading_count`): every line whose
//   first visible character is '#'. Comments in code blocks, "#hashtag" and "#!/bin/sh" count too;
//   a first line behind a byte order mark does not.
// - HeadingReader gives what a reader of the page sees as headings: ATX headings of CommonMark 0.31
//   section 4.2 outside fenced code (section 4.5). Not known to it: underlined headings, lists and
//   quotes as containers, HTML blocks.
//
// Thread: any. Errors: none, every text is Markdown. Cost: one look at each byte, no allocation.
#pragma once

#include <cstddef>
#include <string_view>

namespace chimera::wire {

size_t count_hash_lines(std::string_view text);

struct Heading {
  int level = 0;            // 1..6
  std::string_view text;    // trimmed, without the marks at either end; may be empty
};

// What is inside the first fenced code block (to the end of the text when it is not closed), with
// its last newline. False when there is none.
bool first_code_block(std::string_view text, std::string_view& code);

class HeadingReader {
 public:
  explicit HeadingReader(std::string_view text);
  // False when no heading is left.
  bool next(Heading& heading);

 private:
  friend bool first_code_block(std::string_view text, std::string_view& code);
  bool in_code(std::string_view line);

  std::string_view rest_;
  char fence_ = 0;             // '`' or '~' inside a fenced block
  size_t fence_length_ = 0;
};

}  // namespace chimera::wire
