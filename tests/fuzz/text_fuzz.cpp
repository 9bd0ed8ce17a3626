// Text helpers: repairs are well-formed, what is made printable is, cuts lose nothing.
#include "chimera/base/text.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; }

void check_printable(std::string_view input, bool multiline) {
  const std::string out = printable(input, multiline);
  FUZZ_CHECK(is_utf8(out) && printable(out, multiline) == out);
  for (size_t i = 0; i < out.size(); ++i) {
    FUZZ_CHECK(!is_control(out[i]) || (multiline && (out[i] == '\n' || out[i] == '\t')));
    const bool c1 = out[i] == '\xc2' && static_cast<unsigned char>(out[i + 1]) < 0xa0;
    FUZZ_CHECK(!c1);
  }
}

void check_utf8(std::string_view input) {
  const std::string repaired = to_valid_utf8(input);
  FUZZ_CHECK(is_utf8(repaired) && to_valid_utf8(repaired) == repaired);
  FUZZ_CHECK(is_utf8(input) == (repaired == input));
  FUZZ_CHECK(is_utf8(input.substr(0, valid_utf8_prefix(input))));
  FUZZ_CHECK(count_code_points(repaired) <= repaired.size());
  for (size_t most = 0; most < std::min<size_t>(repaired.size() + 2, 64); ++most) {
    const std::string_view cut = utf8_truncate(repaired, most);
    FUZZ_CHECK(cut.size() <= most && is_utf8(cut) && repaired.starts_with(cut));
    FUZZ_CHECK(cut.size() + 3 >= std::min(most, repaired.size()));
    FUZZ_CHECK(utf8_truncate(input, most).size() <= most);
  }
}

// Lines and parts, put together again, are the text.
void check_cuts(std::string_view input) {
  std::string joined;
  std::string_view rest = input, part;
  while (next_part(rest, ',', part)) joined.append(part).append(1, ',');
  if (!input.ends_with(',') && !joined.empty()) joined.pop_back();
  FUZZ_CHECK(joined == input);

  rest = input;
  size_t lines = 0;
  for (; next_line(rest, part); ++lines) FUZZ_CHECK(part.find('\n') == part.npos);
  const auto ends = static_cast<size_t>(std::count(input.begin(), input.end(), '\n'));
  FUZZ_CHECK(lines == ends + (!input.empty() && !input.ends_with('\n')));
}

}  // namespace

int fuzz_text(std::string_view input) {
  check_printable(input, false);
  check_printable(input, true);
  check_utf8(input);
  check_cuts(input);
  const std::string_view trimmed = trim(input);
  FUZZ_CHECK(inside(trimmed, input) && trim(trimmed) == trimmed);
  FUZZ_CHECK(iequals(lowered(input), input) && icontains(input, lowered(trimmed)));
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_text)
