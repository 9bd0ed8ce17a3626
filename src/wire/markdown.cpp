#include "chimera/wire/markdown.hpp"

#include "chimera/base/text.hpp"

namespace chimera::wire {
namespace {

size_t run_length(std::string_view s, char c) {
  size_t n = 0;
  while (n < s.size() && s[n] == c) ++n;
  return n;
}

// The line without its indentation; nothing when it is indented by four blanks or a tab, which
// makes it code.
std::string_view unindented(std::string_view line) {
  const size_t blanks = run_length(line, ' ');
  return blanks > 3 ? std::string_view() : line.substr(blanks);
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// "Title ##" -> "Title"; "C#" stays, its mark has no blank before it.
std::string_view without_closing_marks(std::string_view s) {
  size_t end = s.size();
  while (end > 0 && s[end - 1] == '#') --end;
  return end == 0 || is_blank(s[end - 1]) ? trim(s.substr(0, end)) : s;
}

}  // namespace

size_t count_hash_lines(std::string_view text) {
  size_t n = 0;
  std::string_view line;
  while (next_line(text, line)) n += trim_left(line).starts_with('#');
  return n;
}

HeadingReader::HeadingReader(std::string_view text) : rest_(text) {
  if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
}

// Follows fences: true for a line of a fenced block, its first and last line included.
bool HeadingReader::in_code(std::string_view line) {
  const std::string_view s = unindented(line);
  const char mark = s.empty() ? '\0' : s[0];
  const size_t length = mark == '`' || mark == '~' ? run_length(s, mark) : 0;
  const std::string_view behind = s.substr(length);
  if (fence_ != 0) {
    if (mark == fence_ && length >= fence_length_ && trim(behind).empty()) fence_ = 0;
    return true;
  }
  if (length < 3) return false;
  if (mark == '`' && behind.find('`') != behind.npos) return false;   // code inside a line
  fence_ = mark;
  fence_length_ = length;
  return true;
}

bool HeadingReader::next(Heading& heading) {
  std::string_view line;
  while (next_line(rest_, line)) {
    if (in_code(line)) continue;
    const std::string_view s = unindented(line);
    const size_t level = run_length(s, '#');
    if (level < 1 || level > 6 || (s.size() > level && !is_blank(s[level]))) continue;
    heading.level = static_cast<int>(level);
    heading.text = without_closing_marks(trim(s.substr(level)));
    return true;
  }
  return false;
}

bool first_code_block(std::string_view text, std::string_view& code) {
  HeadingReader reader(text);
  std::string_view line;
  const char* begin = nullptr;
  std::string_view before = reader.rest_;
  for (; next_line(reader.rest_, line); before = reader.rest_) {
    const bool was_in = reader.fence_ != 0;
    if (!reader.in_code(line)) continue;
    if (!was_in) begin = reader.rest_.data();
    code = {begin, static_cast<size_t>(reader.rest_.data() - begin)};
    if (reader.fence_ != 0) continue;
    code = {begin, static_cast<size_t>(before.data() - begin)};
    return true;
  }
  return begin != nullptr;
}

}  // namespace chimera::wire
