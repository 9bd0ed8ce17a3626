#include "chimera/base/markup.hpp"

#include <math.h>

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera {
namespace {

// Bytes of the code point that begins well-formed text.
size_t front_length(std::string_view s) {
  size_t n = 1;
  while (n < s.size() && (s[n] & 0xc0) == 0x80) ++n;
  return n;
}

// In ems. Latin letters by class, a little over the mean of Arial and DejaVu Sans; what is not
// ASCII up to U+07FF as a capital, and the rest (CJK, emoji) square.
double em_of(std::string_view s) {
  const char c = s[0];
  if (s.size() > 1) return s.size() == 2 ? 0.72 : 1.05;
  if (std::string_view(" .,:;|!'ijlI()[]").find(c) != std::string_view::npos) return 0.37;
  if (std::string_view("mwMW@%").find(c) != std::string_view::npos) return 0.96;
  return c >= 'A' && c <= 'Z' ? 0.73 : 0.62;
}

// Bytes of the longest beginning of at most `width` pixels.
size_t fitting(std::string_view s, double width, double size) {
  size_t at = 0;
  while (at < s.size()) {
    const std::string_view one = s.substr(at, front_length(s.substr(at)));
    width -= em_of(one) * size;
    if (width < 0) break;
    at += one.size();
  }
  return at;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  static constexpr std::string_view kSpecial = "&<>\"'";
  static constexpr const char* kEntities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
  const std::string safe = printable(text, false);
  for (size_t i = 0; i < safe.size(); ++i) {
    const size_t special = kSpecial.find(safe[i]);
    if (special != std::string_view::npos) {
      out += kEntities[special];
    } else if (safe.compare(i, 2, "\xef\xbf") == 0 && safe[i + 2] >= '\xbe') {
      out += '?';      // U+FFFE and U+FFFF: no characters to XML
      i += 2;
    } else {
      out += safe[i];
    }
  }
}

void append_coordinate(std::string& out, double value) {
  auto n = static_cast<int64_t>(fmin(fmax(value, -1e9), 1e9) * 100 + (value < 0 ? -0.5 : 0.5));
  if (n < 0) {
    out += '-';
    n = -n;
  }
  append_u64(out, static_cast<uint64_t>(n / 100));
  if (n % 100 == 0) return;
  out += '.';
  out += static_cast<char>('0' + n / 10 % 10);
  if (n % 10 != 0) out += static_cast<char>('0' + n % 10);
}

double text_width(std::string_view text, double size) {
  double ems = 0;
  for (size_t at = 0, n = 0; at < text.size(); at += n) {
    n = front_length(text.substr(at));
    ems += em_of(text.substr(at, n));
  }
  return ems * size;
}

std::string fitted(std::string_view text, double width, double size) {
  std::string all = printable(text, false);
  if (text_width(all, size) <= width) return all;
  const double room = std::max(width - size, 0.0);
  const std::string_view s = all;
  const std::string_view front = s.substr(0, fitting(s, room * 0.6, size));
  // The end has what makes names of one family differ.
  size_t back = s.size();
  while (back > front.size() && text_width(s.substr(back - 1), size) <= room * 0.4) --back;
  while (back < s.size() && (s[back] & 0xc0) == 0x80) ++back;
  std::string out(front);
  out += "\u2026";
  out += s.substr(back);
  return out;
}

std::string_view next_wrapped(std::string_view& rest, double width, double size) {
  const size_t fits = fitting(rest, width, size);
  size_t end = rest.size();
  if (fits < rest.size()) {
    end = rest.rfind(' ', fits);
    if (end == std::string_view::npos || end == 0) end = std::max<size_t>(fits, front_length(rest));
  }
  const std::string_view line = rest.substr(0, end);
  rest = trim_left(rest.substr(end));
  return line;
}

}  // namespace chimera
