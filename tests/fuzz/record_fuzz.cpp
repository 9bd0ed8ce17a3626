// Ollama's answer, line by line into one call: the call stays consistent, whatever was refused.
// Also its error bodies, and the request body for any words.
#include "chimera/base/text.hpp"
#include "chimera/llm/ollama.hpp"
#include "chimera/wire/json.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::llm;
using chimera::Errc;
using chimera::Nanos;

void check_call(const Call& call) {
  FUZZ_CHECK(call.gaps_us.size() + 1 == call.pieces || (call.pieces == 0 && call.gaps_us.empty()));
  FUZZ_CHECK((call.pieces != 0) == (call.first_token != 0));
  FUZZ_CHECK((call.pieces != 0) == !(call.text.empty() && call.thinking.empty()));
  FUZZ_CHECK((call.first_visible != 0) == !call.text.empty());
  FUZZ_CHECK(call.first_visible == 0 || call.first_visible >= call.first_token);
  FUZZ_CHECK(call.last_token >= call.first_token && call.last_token >= call.first_visible);
  Nanos gaps = 0;
  for (const uint32_t gap : call.gaps_us) gaps += gap * chimera::kMicro;
  FUZZ_CHECK(gaps <= call.last_token - call.first_token);
  FUZZ_CHECK(call.total_duration >= 0 && call.load_duration >= 0);
  FUZZ_CHECK(call.prompt_eval_duration >= 0 && call.eval_duration >= 0);
  FUZZ_CHECK(chimera::is_utf8(call.text) && chimera::is_utf8(call.thinking));
  FUZZ_CHECK(name_of(call.validity())[0] != '\0' && call.ttft() >= 0);
}

void check_words(std::string_view words) {
  FUZZ_CHECK(words.size() <= 300 && chimera::printable(words, false) == words);
}

void check_answer(std::string_view input) {
  Call call;
  std::string piece, visible;
  std::string_view line;
  for (Nanos at = chimera::kMilli; chimera::next_line(input, line); at += chimera::kMilli) {
    const std::string text = call.text;
    const auto taken = take_record(line, at, call, piece);
    FUZZ_CHECK(call.text == (taken ? text + piece : text));
    FUZZ_CHECK(!taken || chimera::wire::check_json(line));
    if (!taken) {
      const Errc code = taken.error().code;
      FUZZ_CHECK(code == Errc::protocol || code == Errc::server_error ||
                 code == Errc::no_model || code == Errc::too_large);
      check_words(call.error_text);
    }
    check_call(call);
  }
}

void check_body(std::string_view words) {
  Options options;
  options.keep_alive = options.think = words;
  options.extra.emplace_back(words, words);
  FUZZ_CHECK(chimera::wire::check_json(generate_body({words, words, words, options})));
}

}  // namespace

int fuzz_record(std::string_view input) {
  check_answer(input);
  check_words(error_words(input));
  check_body(input);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_record)
