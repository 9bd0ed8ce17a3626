#include <string.h>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::wire {

// In runs, because prompts are long and hold hardly anything that wants an escape.
void append_json_string(std::string& out, std::string_view s) {
  if (!is_utf8(s)) return append_json_string(out, to_valid_utf8(s));
  static constexpr char kPlain[] = "\"\\\b\f\n\r\t";
  static constexpr char kLetters[] = "\"\\bfnrt";
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  const char* const end = s.data() + s.size();
  for (const char* run = s.data(); run != end;) {
    const char* at = skip_plain(run, end);
    while (at != end && static_cast<signed char>(*at) < 0) at = skip_plain(at + 1, end);
    out.append(run, static_cast<size_t>(at - run));
    if (at == end) break;
    char escape[] = "\\u00..";
    size_t length = 2;
    if (const char* const plain = *at != 0 ? strchr(kPlain, *at) : nullptr; plain != nullptr) {
      escape[1] = kLetters[plain - kPlain];
    } else {
      escape[4] = kHex[*at >> 4];
      escape[5] = kHex[*at & 0xf];
      length = 6;
    }
    out.append(escape, length);
    run = at + 1;
  }
  out += '"';
}

void JsonWriter::new_line() {
  if (style_ == Style::compact) return;
  out_ += '\n';
  out_.append(2 * static_cast<size_t>(depth_), ' ');
}

// What separates a value or key from the one before it.
void JsonWriter::before_value() {
  if (depth_ > 0 && !after_key_) {
    if (!empty_) out_ += ',';
    new_line();
  }
  after_key_ = false;
  empty_ = false;
}

void JsonWriter::open(char bracket) {
  before_value();
  out_ += bracket;
  ++depth_;
  empty_ = true;
}

void JsonWriter::close(char bracket) {
  CHI_CHECK(depth_ > 0 && !after_key_);
  --depth_;
  if (!empty_) new_line();
  out_ += bracket;
  empty_ = false;
}

JsonWriter& JsonWriter::begin_object() {
  open('{');
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  close('}');
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  open('[');
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  close(']');
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  string(name);
  out_ += style_ == Style::compact ? ":" : ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view s) {
  before_value();
  append_json_string(out_, s);
  return *this;
}

JsonWriter& JsonWriter::number(double v) {
  before_value();
  append_shortest(out_, v);
  return *this;
}

JsonWriter& JsonWriter::integer(int64_t v) {
  before_value();
  append_i64(out_, v);
  return *this;
}

JsonWriter& JsonWriter::unsigned_integer(uint64_t v) {
  before_value();
  append_u64(out_, v);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool v) { return raw(v ? "true" : "false"); }

JsonWriter& JsonWriter::null() { return raw("null"); }

JsonWriter& JsonWriter::raw(std::string_view json) {
  before_value();
  out_ += json;
  return *this;
}

// Out of line, because the callers have hundreds of them.
JsonWriter& JsonWriter::key(const char* name) { return key(std::string_view(name)); }
JsonWriter& JsonWriter::field(const char* name, std::string_view v) { return key(name).string(v); }
JsonWriter& JsonWriter::field(const char* name, double v) { return key(name).number(v); }
JsonWriter& JsonWriter::field(const char* name, int64_t v) { return key(name).integer(v); }
JsonWriter& JsonWriter::field(const char* name, uint64_t v) {
  return key(name).unsigned_integer(v);
}
JsonWriter& JsonWriter::field(const char* name, bool v) { return key(name).boolean(v); }

}  // namespace chimera::wire
