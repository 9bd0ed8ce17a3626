#include "chimera/base/text.hpp"

#include <string.h>

#include <cstdint>

namespace chimera {
namespace {

// What stands at the front of a text: a well-formed UTF-8 sequence, or the maximal subpart of an
// ill-formed one (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts").
struct Sequence {
  uint32_t code = 0;
  uint32_t length = 1;
  bool ok = false;
};

Sequence front_sequence(std::string_view s) {
  const auto byte = [s](size_t i) { return static_cast<unsigned char>(s[i]); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xc2 || lead > 0xf4) return {};
  const uint32_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // Only the second byte has narrower bounds: they keep out overlong forms, surrogates, > U+10FFFF.
  uint32_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint32_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  uint32_t code = lead & (0x7fu >> length);
  for (uint32_t i = 1; i < length; ++i) {
    if (i >= s.size() || byte(i) < low || byte(i) > high) return {0, i, false};
    code = code << 6 | (byte(i) & 0x3fu);
    low = 0x80;
    high = 0xbf;
  }
  return {code, length, true};
}

constexpr bool is_continuation(char c) { return (c & '\xc0') == '\x80'; }

constexpr bool is_bidi_control(uint32_t c) {
  return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

// At least two digits.
void append_hex(std::string& out, uint32_t value) {
  int shift = 4;
  while (value >> shift > 0xf) shift += 4;
  for (; shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 0xf];
}

// Whether at most so many edits make one of the other.
bool within(std::string_view a, std::string_view b, int edits) {
  while (!a.empty() && !b.empty() && a[0] == b[0]) {
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() || b.empty()) return a.size() + b.size() <= static_cast<size_t>(edits);
  if (edits == 0) return false;
  const bool crossed = a.size() > 1 && b.size() > 1 && a[0] == b[1] && a[1] == b[0];
  return within(a.substr(1), b, edits - 1) || within(a, b.substr(1), edits - 1) ||
         within(a.substr(1), b.substr(1), edits - 1) ||
         (crossed && within(a.substr(2), b.substr(2), edits - 1));
}

}  // namespace

void Nearest::offer(std::string_view name) {
  const int most = name.size() < 5 ? 1 : 2;
  int rank = 0;
  while (rank <= most && !within(word_, name, rank)) ++rank;
  if (rank > most) rank = 3 + !name.starts_with(word_);
  const bool part = rank < 4 || (word_.size() > 2 && name.find(word_) != name.npos);
  if (!part || rank > rank_ || name == name_) return;
  alone_ = rank < rank_ || rank < 3;
  if (rank < rank_) name_ = name;
  rank_ = rank;
}

std::string_view trim_left(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  return s;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return trim_left(s);
}

std::string lowered(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = to_lower(c);
  return out;
}

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

bool icontains(std::string_view haystack, std::string_view lower_needle) {
  const size_t n = lower_needle.size();
  if (n == 0) return true;
  const char lower = lower_needle[0];
  const char upper = to_upper(lower);
  for (size_t i = 0; i + n <= haystack.size(); ++i) {
    const char c = haystack[i];
    if ((c == lower || c == upper) && iequals({&haystack[i], n}, lower_needle)) return true;
  }
  return false;
}

bool next_part(std::string_view& rest, char separator, std::string_view& part) {
  if (rest.empty()) return false;
  const size_t at = rest.find(separator);
  part = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return true;
}

bool next_line(std::string_view& rest, std::string_view& line) {
  const size_t before = rest.size();
  if (!next_part(rest, '\n', line)) return false;
  const bool terminated = line.size() != before;
  if (terminated && line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

void add_word(std::string& words, std::string_view word, std::string_view more) {
  words.append(word).append(more).push_back('\0');
}

void append_base64(std::string& out, std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (; !bytes.empty(); bytes.remove_prefix(bytes.size() < 3 ? bytes.size() : 3)) {
    uint32_t three = 0;
    for (size_t i = 0; i < 3; ++i) {
      three = three << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      out.push_back(i <= bytes.size() ? kDigits[three >> (18 - 6 * i) & 63] : '=');
    }
  }
}

size_t valid_utf8_prefix(std::string_view s) {
  size_t at = 0;
  while (at < s.size()) {
    // Almost all text is ASCII: eight at a time.
    uint64_t eight;
    if (s.size() - at >= sizeof eight) {
      memcpy(&eight, s.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    if (static_cast<unsigned char>(s[at]) < 0x80) {
      ++at;
      continue;
    }
    const Sequence q = front_sequence(s.substr(at));
    if (!q.ok) break;
    at += q.length;
  }
  return at;
}

std::string to_valid_utf8(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (;;) {
    const size_t good = valid_utf8_prefix(s);
    out.append(s.substr(0, good));
    s.remove_prefix(good);
    if (s.empty()) return out;
    out += "\xef\xbf\xbd";
    s.remove_prefix(front_sequence(s).length);
  }
}

size_t count_code_points(std::string_view s) {
  size_t count = 0;
  for (char c : s) count += !is_continuation(c);
  return count;
}

std::string_view utf8_truncate(std::string_view s, size_t max_bytes) {
  if (s.size() <= max_bytes) return s;
  size_t end = max_bytes;
  while (end > 0 && max_bytes - end < 3 && is_continuation(s[end])) --end;
  // Four continuation bytes in a row are not a sequence, so nothing is cut.
  if (is_continuation(s[end])) end = max_bytes;
  return s.substr(0, end);
}

std::string printable(std::string_view s, bool multiline) {
  std::string out;
  out.reserve(s.size());
  for (;;) {
    size_t plain = 0;
    while (plain < s.size() && s[plain] >= ' ' && s[plain] < 0x7f) ++plain;
    out.append(s.data(), plain);
    s.remove_prefix(plain);
    if (s.empty()) return out;
    const Sequence q = front_sequence(s);
    const bool kept_blank = multiline && (s[0] == '\n' || s[0] == '\t');
    if (!q.ok || (q.code < 0x20 && !kept_blank) || q.code == 0x7f) {
      for (uint32_t i = 0; i < q.length; ++i) {
        out += "\\x";
        append_hex(out, static_cast<unsigned char>(s[i]));
      }
    } else if ((q.code >= 0x80 && q.code < 0xa0) || is_bidi_control(q.code)) {
      out += "\\u{";
      append_hex(out, q.code);
      out += '}';
    } else {
      out.append(s.substr(0, q.length));
    }
    s.remove_prefix(q.length);
  }
}

}  // namespace chimera
