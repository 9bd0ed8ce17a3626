// How this works: one pass from left to right. What a key or header may still add to is asked of
// the items so far: each table knows whether it was opened and whether it is complete. The rules
// are those of Python's tomllib, which tests/wire/toml_test.cpp's reference values come from.
#include "chimera/wire/toml.hpp"

#include <string.h>

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "utf8.hpp"

namespace chimera::wire {
namespace {

constexpr size_t kItems = 4096, kPath = 512;
constexpr int kLevels = 32;

bool is_key_character(char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-'; }
// Of a value that is no string.
bool is_value_character(char c) { return is_key_character(c) || c == '+' || c == '.' || c == ':'; }

class Reader {
 public:
  Reader(std::string_view text, std::vector<TomlItem>& items)
      : text_(text), items_(items), first_(items.size()) {}

  bool document();

  const char* why = nullptr;
  uint32_t line = 1;

 private:
  // Who walks along a key: a [header], the key of a line, one in { }.
  enum class Walker : uint8_t { header, dotted, inside };

  // All of these: false when something is wrong, and `why` says what.
  bool wrong(const char* words);
  bool check_bytes();
  bool header(std::string& table);
  bool pair(const std::string& table, Walker walker, int level);
  bool key(std::string& path, Walker walker);
  bool name(std::string& path);
  bool enter(std::string& path, Walker walker);
  bool value(const std::string& path, int level);
  bool array(const std::string& path, int level);
  bool inline_table(const std::string& path, int level);
  bool string(std::string& out, bool may_be_long);
  bool escape(std::string& out, bool is_long);
  bool scalar(TomlItem& to);
  bool datetime(TomlItem& to);
  bool number(std::string_view token, TomlItem& to);
  bool end_of_line();
  TomlItem* add(const std::string& path, TomlItem::Type type);

  TomlItem* find(std::string_view path);
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }   // NUL is refused before
  bool take(char c);
  bool take_run(std::string_view run);
  void blanks();
  void blank_lines();

  std::string_view text_;
  std::vector<TomlItem>& items_;
  size_t first_;
  size_t at_ = 0;
};

bool Reader::wrong(const char* words) {
  if (why == nullptr) why = words;
  return false;
}

// ---- bytes --------------------------------------------------------------------------------------

// Control characters stand nowhere, so what follows need not look for them.
bool Reader::check_bytes() {
  size_t end = valid_utf8_prefix(text_);
  const char* words = end < text_.size() ? "not UTF-8" : nullptr;
  for (size_t i = 0; i < end; ++i) {
    const char c = text_[i];
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    const bool crlf = c == '\r' && i + 1 < text_.size() && text_[i + 1] == '\n';
    if (!control || c == '\n' || c == '\t' || crlf) continue;
    words = "a control character";
    end = i;
  }
  if (words == nullptr) return true;
  for (size_t i = 0; i < end; ++i) line += text_[i] == '\n';
  return wrong(words);
}

bool Reader::take(char c) {
  if (peek() != c) return false;
  ++at_;
  return true;
}

bool Reader::take_run(std::string_view run) {
  if (!text_.substr(at_).starts_with(run)) return false;
  at_ += run.size();
  return true;
}

void Reader::blanks() {
  while (peek() == ' ' || peek() == '\t') ++at_;
}

void Reader::blank_lines() {
  for (;; ++at_) {
    blanks();
    if (peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
    if (peek() == '\n') {
      ++line;
    } else if (peek() != '\r') {
      return;
    }
  }
}

bool Reader::end_of_line() {
  blanks();
  const char c = peek();
  return c == '\n' || c == '\r' || c == '#' || c == '\0' ? true
                                                         : wrong("more behind the end of a value");
}

// ---- items --------------------------------------------------------------------------------------

TomlItem* Reader::find(std::string_view path) {
  for (size_t i = first_; i < items_.size(); ++i) {
    if (items_[i].path == path) return &items_[i];
  }
  return nullptr;
}

TomlItem* Reader::add(const std::string& path, TomlItem::Type type) {
  if (items_.size() - first_ >= kItems) return wrong("more than 4096 items"), nullptr;
  TomlItem& item = items_.emplace_back();
  item.path = path;
  item.type = type;
  item.line = line;
  return &item;
}

void append_index(std::string& path, uint32_t index) {
  path += '[';
  append_u64(path, index);
  path += ']';
}

// Goes into the table at `path`, which is made when it is not there. Of an array of tables, that is
// its last one.
bool Reader::enter(std::string& path, Walker walker) {
  TomlItem* item = find(path);
  if (item == nullptr) {
    item = add(path, TomlItem::table);
    if (item != nullptr) item->closing = walker == Walker::dotted;
    return item != nullptr;
  }
  if (item->frozen || (walker == Walker::dotted && item->closed)) {
    return wrong("this table is complete already");
  }
  if (item->of_tables) {
    append_index(path, item->items - 1);
  } else if (item->type != TomlItem::table) {
    return wrong("a value where the key needs a table");
  }
  return true;
}

// ---- keys ---------------------------------------------------------------------------------------

bool Reader::name(std::string& path) {
  std::string word;
  if (peek() == '"' || peek() == '\'') {
    if (!string(word, false)) return false;
  } else {
    while (is_key_character(peek())) word += text_[at_++];
    if (word.empty()) return wrong("a key is missing");
  }
  if (!path.empty()) path += '.';
  bool plain = !word.empty();
  for (const char c : word) plain = plain && is_key_character(c);
  plain ? (void)path.append(word) : append_json_string(path, word);
  return path.size() <= kPath ? true : wrong("a key of more than 512 bytes");
}

// Appends a.b.c to `path` and goes into all but the last.
bool Reader::key(std::string& path, Walker walker) {
  for (int levels = 0;; ++levels) {
    blanks();
    if (!name(path)) return false;
    blanks();
    if (!take('.')) return true;
    if (levels >= kLevels) return wrong("nested too deep");
    if (!enter(path, walker)) return false;
  }
}

bool Reader::header(std::string& table) {
  const bool many = take_run("[[");
  if (!many) ++at_;
  for (size_t i = first_; i < items_.size(); ++i) items_[i].closed |= items_[i].closing;
  table.clear();
  if (!key(table, Walker::header)) return false;
  if (!take_run(many ? "]]" : "]")) return wrong("] is missing");
  TomlItem* item = find(table);
  const bool found = item != nullptr;
  if (!found) item = add(table, many ? TomlItem::array : TomlItem::table);
  if (item == nullptr) return false;
  if (found && (many ? !item->of_tables : item->closed || item->type != TomlItem::table)) {
    return wrong("defined before");
  }
  if (item->frozen) return wrong("this table is complete already");
  item->closed = true;
  if (!many) return end_of_line();
  item->of_tables = true;
  append_index(table, item->items++);
  return add(table, TomlItem::table) != nullptr && end_of_line();
}

bool Reader::pair(const std::string& table, Walker walker, int level) {
  std::string path = table;
  if (!key(path, walker)) return false;
  if (!take('=')) return wrong("= is missing");
  if (find(path) != nullptr) return wrong("this key was there before");
  blanks();
  return value(path, level);
}

// ---- values -------------------------------------------------------------------------------------

bool Reader::value(const std::string& path, int level) {
  if (level > kLevels) return wrong("nested too deep");
  if (path.size() > kPath + 16) return wrong("a key of more than 512 bytes");
  const char c = peek();
  if (c == '[') return array(path, level);
  if (c == '{') return inline_table(path, level);
  TomlItem* item = add(path, TomlItem::string);
  if (item == nullptr) return false;
  return c == '"' || c == '\'' ? string(item->value, true) : scalar(*item);
}

bool Reader::array(const std::string& path, int level) {
  if (add(path, TomlItem::array) == nullptr) return false;
  ++at_;
  for (uint32_t i = 0;; ++i) {
    blank_lines();
    if (take(']')) return true;
    std::string at = path;
    append_index(at, i);
    if (!value(at, level + 1)) return false;
    blank_lines();
    if (take(',')) continue;
    return take(']') ? true : wrong(", or ] is missing");
  }
}

bool Reader::inline_table(const std::string& path, int level) {
  if (add(path, TomlItem::table) == nullptr) return false;
  const size_t self = items_.size() - 1;
  ++at_;
  blanks();
  while (!take('}')) {
    if (!pair(path, Walker::inside, level + 1)) return false;
    blanks();
    if (take('}')) break;
    if (!take(',')) return wrong(", or } is missing");
    blanks();
    if (peek() == '}') return wrong("a key is missing");
  }
  items_[self].frozen = true;
  return true;
}

bool Reader::escape(std::string& out, bool is_long) {
  constexpr std::string_view kNames = "\"\\bfnrt", kMeanings = "\"\\\b\f\n\r\t";
  const char c = peek();
  if (is_long && (c == '\n' || c == '\r' || c == ' ' || c == '\t')) {
    blanks();
    if (peek() != '\n' && peek() != '\r') return wrong("no such escape");
    for (;; ++at_) {   // no blank_lines(): '#' is text here
      blanks();
      if (peek() == '\n') {
        ++line;
      } else if (peek() != '\r') {
        return true;
      }
    }
  }
  ++at_;
  const size_t known = c == '\0' ? kNames.npos : kNames.find(c);
  if (known != kNames.npos) {
    out += kMeanings[known];
    return true;
  }
  const int digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
  uint32_t code = 0;
  for (int i = 0; i < digits; ++i) {
    const int digit = hex_digit(peek());
    if (digit < 0) return wrong("no such escape");
    code = code << 4 | static_cast<uint32_t>(digit);
    ++at_;
  }
  if (digits == 0 || code > 0x10ffff || code >> 11 == 0x1b) return wrong("no such escape");
  char bytes[4];
  out.append(bytes, put_utf8(bytes, code));
  return true;
}

// All four kinds; a long one is between three quotes and may have lines.
bool Reader::string(std::string& out, bool may_be_long) {
  const char quote = text_[at_++];
  bool is_long = false;
  if (may_be_long && peek() == quote && at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
    is_long = true;
    at_ += 2;
    take('\r');
    if (take('\n')) ++line;
  }
  for (;;) {
    const char c = peek();
    if (c == '\0' || (!is_long && (c == '\n' || c == '\r'))) return wrong("a string has no end");
    ++at_;
    if (c == quote) {
      if (!is_long) return true;
      int run = 1;   // up to two quotes may stand in front of the three that end it
      while (run < 5 && take(quote)) ++run;
      out.append(static_cast<size_t>(run < 3 ? run : run - 3), quote);
      if (run >= 3) return true;
    } else if (c == '\\' && quote == '"') {
      if (!escape(out, is_long)) return false;
    } else if (c != '\r') {
      line += c == '\n';
      out += c;
    }
  }
}

bool Reader::scalar(TomlItem& to) {
  const size_t begin = at_;
  while (is_value_character(peek())) ++at_;
  const std::string_view token = text_.substr(begin, at_ - begin);
  if (token == "true" || token == "false") {
    to.type = TomlItem::boolean;
    to.value = token;
    return true;
  }
  const bool time = token.size() > 4 && is_digit(token[0]) && is_digit(token[1]) &&
                    (token[2] == ':' || (is_digit(token[3]) && token[4] == '-'));
  if (!time) return number(token, to) ? true : wrong("not a value");
  at_ = begin;
  return datetime(to) ? true : wrong("no such date or time");
}

bool take_char(std::string_view& s, char c) {
  if (!s.starts_with(c)) return false;
  s.remove_prefix(1);
  return true;
}

// Takes so many digits off the front: a number from `low` to `high`.
bool take_number(std::string_view& s, size_t digits, unsigned low, unsigned high, unsigned& n) {
  if (s.size() < digits) return false;
  n = 0;
  for (const char c : s.substr(0, digits)) {
    if (!is_digit(c)) return false;
    n = n * 10 + static_cast<unsigned>(c - '0');
  }
  s.remove_prefix(digits);
  return n >= low && n <= high;
}

// "1979-05-27"
bool take_date(std::string_view& s) {
  unsigned year = 0, month = 0, day = 0;
  if (!take_number(s, 4, 0, 9999, year) || !take_char(s, '-') || !take_number(s, 2, 1, 12, month) ||
      !take_char(s, '-') || !take_number(s, 2, 1, 31, day)) {
    return false;
  }
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day <= (month == 2 ? 28u + leap : 30 + (month + month / 8) % 2);
}

// "07:32:00.5"; a second 60 is one that is inserted (RFC 3339 section 5.6)
bool take_time(std::string_view& s) {
  unsigned n = 0;
  if (!take_number(s, 2, 0, 23, n) || !take_char(s, ':') || !take_number(s, 2, 0, 59, n) ||
      !take_char(s, ':') || !take_number(s, 2, 0, 60, n)) {
    return false;
  }
  if (!take_char(s, '.')) return true;
  if (s.empty() || !is_digit(s[0])) return false;
  while (!s.empty() && is_digit(s[0])) s.remove_prefix(1);
  return true;
}

// "Z", "+01:00"
bool take_offset(std::string_view& s) {
  unsigned n = 0;
  if (take_char(s, 'Z') || take_char(s, 'z')) return true;
  if (!take_char(s, '+') && !take_char(s, '-')) return false;
  return take_number(s, 2, 0, 23, n) && take_char(s, ':') && take_number(s, 2, 0, 59, n);
}

// A date, a time, or both with 'T' or a blank between them and perhaps an offset.
bool Reader::datetime(TomlItem& to) {
  std::string_view rest = text_.substr(at_);
  const size_t size = rest.size();
  if (rest[2] != ':') {
    if (!take_date(rest)) return false;
    std::string_view time = rest;
    const bool blank = take_char(time, ' ') && !time.empty() && is_digit(time[0]);
    if (blank || take_char(time, 'T') || take_char(time, 't')) {
      if (!take_time(time)) return false;
      rest = time;
      const bool offset = !rest.empty() && strchr("Zz+-", rest[0]) != nullptr;
      if (offset && !take_offset(rest)) return false;
    }
  } else if (!take_time(rest)) {
    return false;
  }
  if (!rest.empty() && is_value_character(rest[0])) return false;
  to.type = TomlItem::datetime;
  to.value = text_.substr(at_, size - rest.size());
  at_ += to.value.size();
  return true;
}

int digit_of(char c, unsigned base) {
  const int digit = hex_digit(c);
  return digit >= 0 && static_cast<unsigned>(digit) < base ? digit : -1;
}

// Moves digits, at least one, from the front of `rest`; '_' only between two.
bool take_digits(std::string_view& rest, unsigned base, std::string& out) {
  if (rest.empty() || digit_of(rest[0], base) < 0) return false;
  for (;;) {
    out += rest[0];
    rest.remove_prefix(1);
    if (rest.size() > 1 && rest[0] == '_' && digit_of(rest[1], base) >= 0) rest.remove_prefix(1);
    if (rest.empty() || digit_of(rest[0], base) < 0) return true;
  }
}

bool Reader::number(std::string_view token, TomlItem& to) {
  std::string& out = to.value;
  std::string_view rest = token;
  const bool sign = !rest.empty() && (rest[0] == '-' || rest[0] == '+');
  if (sign) rest.remove_prefix(1);
  to.type = TomlItem::integer;
  const char second = rest.size() > 2 && rest[0] == '0' && !sign ? rest[1] : '\0';
  const unsigned base = second == 'x' ? 16 : second == 'o' ? 8 : second == 'b' ? 2 : 10;
  if (base != 10) {
    rest.remove_prefix(2);
    std::string digits;
    if (!take_digits(rest, base, digits) || !rest.empty()) return false;
    uint64_t n = 0;
    for (const char c : digits) {
      if (n >> 59 != 0) return wrong("an integer of more than 64 bits");
      n = n * base + static_cast<unsigned>(hex_digit(c));
    }
    if (n > INT64_MAX) return wrong("an integer of more than 64 bits");
    append_u64(out, n);
    return true;
  }
  if (token.starts_with('-')) out += '-';
  if (rest == "inf" || rest == "nan") {
    to.type = TomlItem::floating;
    out += rest;
    return true;
  }
  const bool zero = rest.size() > 1 && rest[0] == '0' && (is_digit(rest[1]) || rest[1] == '_');
  if (zero || !take_digits(rest, 10, out)) return false;
  for (const char mark : {'.', 'e'}) {
    if (rest.empty() || to_lower(rest[0]) != mark) continue;
    to.type = TomlItem::floating;
    out += mark;
    rest.remove_prefix(1);
    if (mark == 'e' && !rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
      out += rest[0];
      rest.remove_prefix(1);
    }
    if (!take_digits(rest, 10, out)) return false;
  }
  if (!rest.empty()) return false;
  if (to.type == TomlItem::floating) {
    return parse_double(out) ? true : wrong("a number that is too large");
  }
  const auto n = parse_i64(out);
  if (!n) return wrong("an integer of more than 64 bits");
  if (*n == 0) out = "0";
  return true;
}

// ---- the whole ----------------------------------------------------------------------------------

bool Reader::document() {
  if (!check_bytes()) return false;
  take_run("\xef\xbb\xbf");
  std::string table;
  for (;;) {
    blank_lines();
    if (at_ >= text_.size()) return true;
    const bool good = peek() == '['
                          ? header(table)
                          : pair(table, Walker::dotted, 0) && end_of_line();
    if (!good) return false;
  }
}

}  // namespace

Result<void> parse_toml(std::string_view text, std::vector<TomlItem>& items, uint32_t& line) {
  Reader reader(text, items);
  const bool good = reader.document();
  line = reader.line;
  return good ? Result<void>() : fail(Errc::bad_input, reader.why);
}

}  // namespace chimera::wire
