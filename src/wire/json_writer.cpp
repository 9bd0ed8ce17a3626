#include <string.h>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::wire {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// U+0080 to U+009F, which are control codes: some terminals obey U+009B as they do ESC [.
bool is_c1(const char* at, const char* end) {
  return *at == '\xc2' && end - at > 1 && static_cast<unsigned char>(at[1]) < 0xa0;
}

void append_escape(std::string& out, char code) {
  const char escape[] = {'\\', 'u', '0', '0', kHex[code >> 4 & 0xf], kHex[code & 0xf]};
  out.append(escape, sizeof escape);
}

}  // namespace

// In runs, because prompts are long and hold hardly anything that wants an escape.
void append_json_string(std::string& out, std::string_view s) {
  if (!is_utf8(s)) return append_json_string(out, to_valid_utf8(s));
  static constexpr char kPlain[] = "\"\\\b\f\n\r\t";
  static constexpr char kLetters[] = "\"\\bfnrt";
  out += '"';
  const char* const end = s.data() + s.size();
  for (const char* run = s.data(); run != end;) {
    const char* at = skip_plain(run, end);
    while (at != end && static_cast<signed char>(*at) < 0 && !is_c1(at, end)) {
      at = skip_plain(at + 1, end);
    }
    out.append(run, static_cast<size_t>(at - run));
    if (at == end) break;
    at += is_c1(at, end);
    if (const char* const plain = *at != 0 ? strchr(kPlain, *at) : nullptr; plain != nullptr) {
      out += '\\';
      out += kLetters[plain - kPlain];
    } else {
      append_escape(out, *at);
    }
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

// In JSON line breaks are between tokens only, and what lies beyond ASCII in strings only.
JsonWriter& JsonWriter::raw(std::string_view json) {
  before_value();
  const char* const end = json.data() + json.size();
  for (const char* at = json.data(); at != end; ++at) {
    if (is_c1(at, end)) {
      append_escape(out_, *++at);
    } else if (style_ == Style::pretty || (*at != '\n' && *at != '\r')) {
      out_ += *at;
    }
  }
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
