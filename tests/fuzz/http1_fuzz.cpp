// Heads of responses and requests: what a head promises about itself, and that no prefix of a good
// head is refused or taken for a whole one.
#include "chimera/wire/http1.hpp"

#include "chimera/base/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::wire;

// Of a response a value may be folded: then each of its lines is one, and the field says nothing of
// framing.
bool good_field(const Field& field, bool response) {
  std::string_view rest = field.value, line;
  if (!response || rest.find('\n') == rest.npos) return valid_field(field.name, field.value);
  while (chimera::next_line(rest, line)) {
    if (!valid_field(field.name, line)) return false;
  }
  return !reserved_field(field.name);
}

void check_head(const MessageHead& head, std::string_view input, bool response) {
  FUZZ_CHECK(head.size > 0 && head.size <= kHeadLimit && head.size <= input.size());
  FUZZ_CHECK(head.minor_version >= 0 && head.minor_version <= 9);
  FUZZ_CHECK(head.framing == Framing::length || head.content_length == 0);
  FUZZ_CHECK(head.framing != Framing::chunked || head.minor_version > 0);
  FUZZ_CHECK(inside(head.fields, input.substr(0, head.size)));
  Field field;
  int count = 0;
  for (std::string_view rest = head.fields; next_field(rest, field); ++count) {
    FUZZ_CHECK(inside(field.name, head.fields) && inside(field.value, head.fields));
    FUZZ_CHECK(good_field(field, response));
    const auto first = head.field(field.name);
    FUZZ_CHECK(first && (first->empty() || first->data() <= field.value.data()));
  }
  FUZZ_CHECK(count <= kFieldLimit);
}

// `parse` gave no error for `input`; `size` is that of the head it found, or the whole input.
template <class Parse>
void check_prefixes(std::string_view input, size_t size, Parse parse) {
  const size_t step = size / 256 + 1;
  for (size_t n = 0; n < size; n += step) {
    const auto part = parse(input.substr(0, n));
    FUZZ_CHECK(part && !*part);
  }
  const auto last = parse(input.substr(0, size == 0 ? 0 : size - 1));
  FUZZ_CHECK(last && !*last);
}

void check_response(std::string_view input, bool head_request) {
  const auto parse = [&](std::string_view s) { return parse_response_head(s, head_request); };
  const auto got = parse(input);
  if (!got) return;
  check_prefixes(input, *got ? (*got)->size : input.size(), parse);
  if (!*got) return;
  const ResponseHead& head = **got;
  check_head(head, input, true);
  FUZZ_CHECK(head.status >= 100 && head.status <= 599 && inside(head.reason, input));
  const bool bare = head_request || head.interim() || head.status == 204 || head.status == 304;
  FUZZ_CHECK((head.framing == Framing::none) == bare);
  FUZZ_CHECK(head.framing != Framing::until_close || !head.keep_alive);
  const auto again = parse(input.substr(0, head.size));
  FUZZ_CHECK(again && *again && (*again)->size == head.size);
}

void check_request(std::string_view input) {
  const auto got = parse_request_head(input);
  if (!got) return;
  check_prefixes(input, *got ? (*got)->size : input.size(), parse_request_head);
  if (!*got) return;
  const RequestHead& head = **got;
  check_head(head, input, false);
  FUZZ_CHECK(!head.method.empty() && !head.target.empty());
  FUZZ_CHECK(inside(head.method, input) && inside(head.target, input));
  FUZZ_CHECK(head.target.find_first_of(" \r\n") == head.target.npos);
  FUZZ_CHECK(head.framing != Framing::until_close);
}

}  // namespace

int fuzz_http1(std::string_view input) {
  check_response(input, false);
  check_response(input, true);
  check_request(input);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_http1)
