#include "chimera/base/words.hpp"

#include <math.h>

#include "chimera/base/markup.hpp"
#include "chimera/base/number.hpp"

namespace chimera {

void append_value(std::string& out, double x) {
  if (!isfinite(x)) {
    out += '-';
    return;
  }
  const double size = fabs(x);
  int decimals = size < 9999.5 ? 2 : 0;
  for (double least = 0.1; size != 0 && size < least && decimals < 12; least /= 10) ++decimals;
  append_fixed(out, x, decimals);
}

static void append_p(std::string& out, double p) {
  static constexpr double kLeast = 0.0001;
  out += p < kLeast ? "< " : "= ";
  if (isnan(p)) {
    out += "unknown";
  } else {
    append_fixed(out, fmax(p, kLeast), p < 0.001 ? 4 : 3);
  }
}

static void append_count(std::string& out, double n) {
  static constexpr double kMost = 18446744073709549568.0;   // that 64 bits hold
  append_grouped(out, static_cast<uint64_t>(fmin(fmax(n, 0) + 0.5, kMost)));
}

void compose(std::string& out, const char* pattern, std::initializer_list<Word> words) {
  const Word* word = words.begin();
  for (; *pattern != 0; ++pattern) {
    if (*pattern != '%' || word == words.end()) {
      out += *pattern;
      continue;
    }
    switch (pattern[1]) {
      case 's': out += word->text(); break;
      case 'd': append_count(out, word->number()); break;
      case 'v': append_value(out, word->number()); break;
      case 'e': append_escaped(out, word->text()); break;
      case 'c': append_coordinate(out, word->number()); break;
      case '1': append_fixed(out, word->number(), 1); break;
      case 'p': append_p(out, word->number()); break;
      default: out += '%'; continue;
    }
    ++pattern;
    ++word;
  }
}

}  // namespace chimera
