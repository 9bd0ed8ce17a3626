// JSON (RFC 8259): a strict pull reader over a complete text, and a writer.
//
// Strict means strict: no trailing commas, no comments, no leading zeros, no control characters in
// strings, well-formed UTF-8 only (RFC 8259 section 8.1), nothing but white space after the value -
// also inside values that the caller skips. A BOM is bad. Depth is limited to 512.
//
// Thread: any, one at a time. Errors: bad_input, with offset() at the offending byte.
// Cost: looks at each byte about once; allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera::wire {

inline constexpr int kJsonDepth = 512;

class JsonReader {
 public:
  enum class Event : uint8_t {
    object_begin, object_end, array_begin, array_end,
    key,          // raw() is the name's text, still escaped; string() decodes it
    string,       // raw() is the text between the quotes, still escaped
    number,       // raw() is the number's text
    boolean, null,
    end,          // the document is complete and nothing but white space follows
    error,        // and for ever after
  };

  explicit JsonReader(std::string_view text) : text_(text) {}

  Event next();
  std::string_view raw() const { return raw_; }
  // Appends the decoded key or string. A lone surrogate escape becomes U+FFFD.
  void string(std::string& out) const;
  // True when the current key or string equals `plain` (decoded).
  bool is(std::string_view plain) const { return escaped_ ? is_escaped(plain) : raw_ == plain; }
  bool boolean() const { return raw_.size() == 4; }
  // The current number. Errors: bad_input when it does not fit (integers: also with a fraction or
  // an exponent that is not integral).
  Result<double> number() const;
  Result<int64_t> integer() const;
  Result<uint64_t> unsigned_integer() const;

  // Called when the next event starts a value (behind a key, or in an array): reads and checks that
  // whole value. False on an error.
  bool skip();
  // Called inside an object or array: reads and checks the rest of it, its end event included.
  // False on an error.
  bool skip_rest();

  size_t offset() const { return at_; }      // bytes consumed
  const char* what() const { return what_; } // why the error: a literal
  Error error() const { return {Errc::bad_input, 0, what_}; }

 private:
  enum class State : uint8_t { value, after_value, first_item, first_key, done, failed };
  Event fail_at(size_t at, const char* what);
  Event rest();
  Event value();
  Event key();
  Event after_value();
  Event open(bool object);
  Event close();
  Event number_token();
  Event literal(std::string_view word, Event event);
  bool string_token();
  bool special();
  bool is_escaped(std::string_view plain) const;
  bool escape();
  bool digits();
  void blanks();
  bool take(char c);
  bool in_object() const;

  std::string_view text_;
  std::string_view raw_;
  size_t at_ = 0;
  const char* what_ = "";
  Event event_ = Event::end;             // the current one; before the first: never looked at
  State state_ = State::value;
  int depth_ = 0;
  bool escaped_ = false;                 // raw_ holds a backslash
  uint64_t in_object_[kJsonDepth / 64] = {};   // one bit per level
};

// Behind the characters from `p` on that stand for themselves in a string: ASCII but control
// characters, quote and backslash. `end` when there is nothing else.
const char* skip_plain(const char* p, const char* end);

// Checks one whole document. Errors: bad_input.
Result<void> check_json(std::string_view text);

// Writes JSON into a string. The caller brings keys in the order it wants them in the file.
// Output is always well-formed UTF-8: ill-formed input bytes become U+FFFD.
class JsonWriter {
 public:
  enum class Style : uint8_t {
    compact,   // no blanks at all
    pretty,    // two spaces, one item a line, "{}" and "[]" when empty: as serde_json
  };
  JsonWriter(std::string& out, Style style) : out_(out), style_(style) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& key(const char* name);
  JsonWriter& string(std::string_view s);
  JsonWriter& number(double v);           // append_shortest: always with a fraction or exponent
  JsonWriter& integer(int64_t v);
  JsonWriter& unsigned_integer(uint64_t v);
  JsonWriter& boolean(bool v);
  JsonWriter& null();
  // Already a JSON value; compact: without its line breaks.
  JsonWriter& raw(std::string_view json);

  // key and value in one call
  JsonWriter& field(const char* name, std::string_view v);
  JsonWriter& field(const char* name, double v);
  JsonWriter& field(const char* name, int64_t v);
  JsonWriter& field(const char* name, uint64_t v);
  JsonWriter& field(const char* name, bool v);
  JsonWriter& field(const char* name, const char* v) { return field(name, std::string_view(v)); }
  JsonWriter& field(const char* name, int v) { return field(name, int64_t{v}); }

 private:
  void before_value();
  void new_line();
  void open(char bracket);
  void close(char bracket);

  std::string& out_;
  Style style_;
  int depth_ = 0;
  bool empty_ = true;        // nothing yet in the innermost container
  bool after_key_ = false;
};

// The text of a JSON string with quotes, escaped as the writer does.
void append_json_string(std::string& out, std::string_view s);

}  // namespace chimera::wire
