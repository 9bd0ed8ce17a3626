// How this works: a state machine whose state says what may come next; a bit per level remembers
// whether that level is an object. There is no recursion, and skipping is nothing but reading
// events, so a skipped value is checked as strictly as one that is used.
#include "chimera/wire/json.hpp"

#include <string.h>

#include <bit>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera::wire {
size_t put_utf8(char* out, uint32_t code) {
  const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = static_cast<char>(0xc0 | code >> 6);
    out[1] = tail(0);
    return 2;
  }
  if (code < 0x10000) {
    out[0] = static_cast<char>(0xe0 | code >> 12);
    out[1] = tail(6);
    out[2] = tail(0);
    return 3;
  }
  out[0] = static_cast<char>(0xf0 | code >> 18);
  out[1] = tail(12);
  out[2] = tail(6);
  out[3] = tail(0);
  return 4;
}

namespace {

// ASCII that stands for itself in a string. (char is unsigned on ARM.)
constexpr bool is_plain(char c) {
  return static_cast<signed char>(c) >= 0x20 && c != '"' && c != '\\';
}

using Event = JsonReader::Event;

// "00e9", already checked.
uint32_t hex4(std::string_view s) {
  uint32_t code = 0;
  for (char c : s.substr(0, 4)) code = code << 4 | static_cast<uint32_t>(hex_digit(c));
  return code;
}

constexpr std::string_view kEscapes = "\"\\/bfnrt";
constexpr char kEscaped[] = "\"\\/\b\f\n\r\t";

// Takes one escape, already checked, off the front of `raw`; a surrogate pair is one.
size_t take_escape(std::string_view& raw, char* out) {
  if (raw[1] != 'u') {
    out[0] = kEscaped[kEscapes.find(raw[1])];
    raw.remove_prefix(2);
    return 1;
  }
  uint32_t code = hex4(raw.substr(2));
  raw.remove_prefix(6);
  if (code >= 0xd800 && code < 0xdc00 && raw.starts_with("\\u")) {
    const uint32_t low = hex4(raw.substr(2));
    if (low >= 0xdc00 && low < 0xe000) {
      raw.remove_prefix(6);
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  const bool lone = code >= 0xd800 && code < 0xe000;
  return put_utf8(out, lone ? 0xfffd : code);
}

// Takes the next decoded piece off the front of `raw`: a run without escapes, or one escape, which
// is decoded into `room`.
std::string_view take_piece(std::string_view& raw, char (&room)[4]) {
  if (raw.front() == '\\') return {room, take_escape(raw, room)};
  const std::string_view run = raw.substr(0, raw.find('\\'));
  raw.remove_prefix(run.size());
  return run;
}

// The exact value of a JSON number without its sign, if it is whole: 12, 1.20e1, 1200e-2.
Result<uint64_t> whole_number(std::string_view text) {
  const std::unexpected<Error> bad = fail(Errc::bad_input, "not an integer that fits");
  int64_t exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != text.npos) {
    const size_t plus = text[e + 1] == '+';
    CHI_TRY(exponent, parse_i64(text.substr(e + 1 + plus)));
    text = text.substr(0, e);
  }
  const size_t point = text.find('.');
  // Digits that stand before the point once the exponent has moved it.
  int64_t places = static_cast<int64_t>(point == text.npos ? text.size() : point);
  if (exponent > INT64_MAX - places) return bad;
  places += exponent;

  uint64_t value = 0;
  for (char c : text) {
    if (c == '.') continue;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (places > 0) {
      --places;
      if (value > (UINT64_MAX - digit) / 10) return bad;
      value = value * 10 + digit;
    } else if (digit != 0) {
      return bad;
    }
  }
  for (; places > 0 && value != 0; --places) {
    if (value > UINT64_MAX / 10) return bad;
    value *= 10;
  }
  return value;
}

constexpr uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;

}  // namespace

// Eight at a time: this is most of what a token costs. A byte's high bit is set in `stop` when it
// is not plain, or when one below it is not.
const char* skip_plain(const char* p, const char* end) {
  for (; end - p >= 8; p += 8) {
    uint64_t eight;
    memcpy(&eight, p, 8);
    const uint64_t quote = eight ^ kOnes * '"', backslash = eight ^ kOnes * '\\';
    const uint64_t stop =
        ((eight - kOnes * 0x20) | (quote - kOnes) | (backslash - kOnes) | eight) & kHighs;
    if (stop == 0) continue;
    if constexpr (std::endian::native == std::endian::little) {
      return p + std::countr_zero(stop) / 8;
    } else {
      break;
    }
  }
  while (p != end && is_plain(*p)) ++p;
  return p;
}

// --- events ---

// The two states of a member come first: -fno-jump-tables makes a switch a chain of tests.
Event JsonReader::next() {
  if (state_ == State::failed) return Event::error;
  raw_ = {};
  blanks();
  if (state_ == State::value) return event_ = value();
  if (state_ == State::after_value) return event_ = after_value();
  return event_ = rest();
}

Event JsonReader::rest() {
  switch (state_) {
    case State::first_key:
      if (take('}')) return close();
      return key();
    case State::first_item:
      if (take(']')) return close();
      return value();
    default:
      return Event::end;
  }
}

Event JsonReader::fail_at(size_t at, const char* what) {
  at_ = at;
  what_ = what;
  raw_ = {};
  state_ = State::failed;
  return Event::error;
}

Event JsonReader::value() {
  if (at_ == text_.size()) return fail_at(at_, "JSON ends too early");
  state_ = State::after_value;
  const char c = text_[at_];
  if (c == '"') return string_token() ? Event::string : Event::error;
  if (c == '{') return open(true);
  if (c == '[') return open(false);
  if (c == 't') return literal("true", Event::boolean);
  if (c == 'f') return literal("false", Event::boolean);
  if (c == 'n') return literal("null", Event::null);
  return number_token();
}

Event JsonReader::key() {
  if (at_ == text_.size() || text_[at_] != '"') return fail_at(at_, "JSON key expected");
  if (!string_token()) return Event::error;
  blanks();
  if (!take(':')) return fail_at(at_, "JSON colon expected");
  state_ = State::value;
  return Event::key;
}

Event JsonReader::after_value() {
  if (depth_ == 0) {
    if (at_ != text_.size()) return fail_at(at_, "text behind the JSON value");
    state_ = State::done;
    return Event::end;
  }
  const bool object = in_object();
  if (take(object ? '}' : ']')) return close();
  if (!take(',')) return fail_at(at_, "JSON comma or bracket expected");
  blanks();
  return object ? key() : value();
}

Event JsonReader::open(bool object) {
  if (depth_ == kJsonDepth) return fail_at(at_, "JSON nested too deep");
  ++at_;
  uint64_t& word = in_object_[depth_ / 64];
  const uint64_t bit = uint64_t{1} << (depth_ % 64);
  word = object ? word | bit : word & ~bit;
  ++depth_;
  state_ = object ? State::first_key : State::first_item;
  return object ? Event::object_begin : Event::array_begin;
}

Event JsonReader::close() {
  const bool object = in_object();
  --depth_;
  state_ = State::after_value;
  return object ? Event::object_end : Event::array_end;
}

bool JsonReader::in_object() const {
  return in_object_[(depth_ - 1) / 64] >> ((depth_ - 1) % 64) & 1;
}

bool JsonReader::skip() {
  const Event first = next();
  if (first == Event::object_begin || first == Event::array_begin) return skip_rest();
  return first != Event::error;
}

bool JsonReader::skip_rest() {
  const int outside = depth_ - 1;
  Event e;
  do {
    e = next();
  } while (depth_ > outside && e != Event::error && e != Event::end);
  return e != Event::error;
}

// --- tokens ---

// Mostly there are none, and every kind of blank is below what is not one.
inline void JsonReader::blanks() {
  while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ') {
    const char c = text_[at_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    ++at_;
  }
}

inline bool JsonReader::take(char c) {
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool JsonReader::digits() {
  const size_t begin = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ != begin;
}

Event JsonReader::literal(std::string_view word, Event event) {
  const char* const here = text_.data() + at_;
  if (text_.size() - at_ < word.size() || memcmp(here, word.data(), word.size()) != 0) {
    return fail_at(at_, "JSON value expected");
  }
  raw_ = {here, word.size()};
  at_ += word.size();
  return event;
}

Event JsonReader::number_token() {
  const size_t begin = at_;
  const bool negative = take('-');
  // A leading zero stands alone; what follows it is no longer part of the number.
  if (!take('0') && !digits()) {
    return fail_at(at_, negative ? "JSON number without digits" : "JSON value expected");
  }
  if (take('.') && !digits()) return fail_at(at_, "JSON fraction without digits");
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    if (!digits()) return fail_at(at_, "JSON exponent without digits");
  }
  raw_ = text_.substr(begin, at_ - begin);
  return Event::number;
}

bool JsonReader::string_token() {
  const char* const end = text_.data() + text_.size();
  const char* const begin = text_.data() + at_ + 1;
  const char* p = begin;
  escaped_ = false;
  for (;;) {
    p = skip_plain(p, end);
    at_ = static_cast<size_t>(p - text_.data());
    if (p == end) break;
    if (*p == '"') {
      ++at_;
      raw_ = {begin, static_cast<size_t>(p - begin)};
      return true;
    }
    if (!special()) return false;
    p = text_.data() + at_;
  }
  fail_at(at_, "JSON ends inside a string");
  return false;
}

// What is not plain in a string and does not end it: an escape, or characters beyond ASCII. Apart,
// so that its registers do not weigh on the loop.
[[gnu::noinline]] bool JsonReader::special() {
  if (text_[at_] == '\\') return escape();
  if (static_cast<unsigned char>(text_[at_]) < 0x20) {
    fail_at(at_, "control character in a JSON string");
    return false;
  }
  // Sequences consist of non-ASCII bytes only, so a run of those can be checked by itself.
  const size_t run = at_;
  while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) >= 0x80) ++at_;
  const size_t good = valid_utf8_prefix(text_.substr(run, at_ - run));
  if (good == at_ - run) return true;
  fail_at(run + good, "ill-formed UTF-8 in a JSON string");
  return false;
}

bool JsonReader::escape() {
  escaped_ = true;
  const std::string_view rest = text_.substr(at_);
  size_t length = 2;
  bool good = rest.size() >= 2 && kEscapes.find(rest[1]) != kEscapes.npos;
  if (rest.size() >= 6 && rest[1] == 'u') {
    length = 6;
    good = true;
    for (char c : rest.substr(2, 4)) good = good && hex_digit(c) >= 0;
  }
  if (!good) {
    fail_at(at_, "bad escape in a JSON string");
    return false;
  }
  at_ += length;
  return true;
}

// --- values ---

void JsonReader::string(std::string& out) const {
  if (!escaped_) {
    out += raw_;
    return;
  }
  char room[4];
  for (std::string_view rest = raw_; !rest.empty();) out += take_piece(rest, room);
}

bool JsonReader::is_escaped(std::string_view plain) const {
  char room[4];
  for (std::string_view rest = raw_; !rest.empty();) {
    const std::string_view piece = take_piece(rest, room);
    if (!plain.starts_with(piece)) return false;
    plain.remove_prefix(piece.size());
  }
  return plain.empty();
}

Result<double> JsonReader::number() const {
  if (event_ != Event::number) return fail(Errc::bad_input, "not a number");
  return parse_double(raw_);
}

Result<uint64_t> JsonReader::unsigned_integer() const {
  if (event_ != Event::number) return fail(Errc::bad_input, "not a number");
  const bool negative = raw_.starts_with('-');
  CHI_TRY(const uint64_t value, whole_number(raw_.substr(negative)));
  if (negative && value != 0) return fail(Errc::bad_input, "negative");
  return value;
}

Result<int64_t> JsonReader::integer() const {
  if (event_ != Event::number) return fail(Errc::bad_input, "not a number");
  const bool negative = raw_.starts_with('-');
  CHI_TRY(const uint64_t value, whole_number(raw_.substr(negative)));
  if (value > static_cast<uint64_t>(INT64_MAX) + negative) {
    return fail(Errc::bad_input, "not an integer that fits");
  }
  return static_cast<int64_t>(negative ? 0 - value : value);
}

Result<void> check_json(std::string_view text) {
  JsonReader reader(text);
  for (;;) {
    const Event e = reader.next();
    if (e == Event::error) return fail(reader.error());
    if (e == Event::end) return {};
  }
}

}  // namespace chimera::wire
