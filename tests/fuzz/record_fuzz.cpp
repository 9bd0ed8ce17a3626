// Answers in all dialects: the call stays consistent, whatever was refused, and whole and cut give
// the same one. Also error bodies, and the request bodies for any words.
#include <vector>

#include "chimera/base/text.hpp"
#include "chimera/llm/answer.hpp"
#include "chimera/llm/request.hpp"
#include "chimera/wire/json.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::llm;
using chimera::Errc;
using chimera::Nanos;
using chimera::Result;

void check_call(const Call& call) {
  FUZZ_CHECK(call.gaps_us.size() + 1 == call.pieces || (call.pieces == 0 && call.gaps_us.empty()));
  FUZZ_CHECK((call.pieces != 0) == (call.first_token != 0));
  const bool said = !call.text.empty() || !call.thinking.empty() || !call.tool_calls.empty();
  FUZZ_CHECK(call.pieces != 0 || !said);
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

// Pieces of text and thinking come in order; none is told twice or kept back.
struct Told : PieceSink {
  void on_piece(std::string_view visible, Nanos) override { text += visible; }
  void on_thinking(std::string_view words, Nanos) override { thinking += words; }
  void on_tool_call(const ToolCall&) override { ++tools; }
  std::string text, thinking;
  size_t tools = 0;
};

void check_same(const Call& a, const Call& b) {
  FUZZ_CHECK(a.text == b.text && a.thinking == b.thinking && a.done == b.done);
  FUZZ_CHECK(a.pieces == b.pieces && a.done_reason == b.done_reason);
  FUZZ_CHECK(a.eval_count == b.eval_count && a.prompt_eval_count == b.prompt_eval_count);
  FUZZ_CHECK(a.error_text == b.error_text && a.tool_calls.size() == b.tool_calls.size());
  for (size_t i = 0; i < a.tool_calls.size(); ++i) {
    FUZZ_CHECK(a.tool_calls[i].id == b.tool_calls[i].id);
    FUZZ_CHECK(a.tool_calls[i].name == b.tool_calls[i].name);
    FUZZ_CHECK(a.tool_calls[i].arguments == b.tool_calls[i].arguments);
  }
}

Result<void> read(std::string_view input, Api api, std::string_view cuts, bool whole, Call& call) {
  Told told;
  AnswerReader reader(api, call, &told);
  reader.announce(api == Api::openai ? "text/event-stream" : "application/x-ndjson");
  Result<void> result;
  size_t at = 0;
  Nanos now = chimera::kMilli;
  while (result && !input.empty()) {
    std::string_view next = input;
    if (whole) input = {};
    if (!whole) next = take_cut(input, cuts, at);
    const std::vector<char> piece(next.begin(), next.end());   // its end is guarded
    result = reader.feed({piece.data(), piece.size()}, now++);
  }
  const bool fed = result.has_value();
  const Result<void> rest = reader.finish(fed, now);
  FUZZ_CHECK(told.text == call.text && told.thinking == call.thinking);
  FUZZ_CHECK(told.tools <= call.tool_calls.size());
  FUZZ_CHECK(!call.done || told.tools == call.tool_calls.size());
  return fed ? rest : result;
}

void check_answer(std::string_view input, Api api, std::string_view cuts) {
  Call whole, cut;
  const Result<void> a = read(input, api, cuts, true, whole);
  const Result<void> b = read(input, api, cuts, false, cut);
  FUZZ_CHECK(a.has_value() == b.has_value());
  if (!a) {
    const Errc code = a.error().code;
    FUZZ_CHECK(code == b.error().code);
    FUZZ_CHECK(code == Errc::protocol || code == Errc::server_error || code == Errc::no_model ||
               code == Errc::too_large);
    check_words(whole.error_text);
  }
  check_same(whole, cut);
  check_call(whole);
  check_call(cut);
}

void check_body(std::string_view words) {
  Options options;
  options.keep_alive = options.think = words;
  options.extra.emplace_back(words, words);
  std::vector<Message> messages(2);
  messages[0].role = messages[0].content = messages[1].tool_name = words;
  messages[0].tool_calls.push_back({std::string(words), std::string(words), std::string(words)});
  messages[1].images.emplace_back(words);
  const std::string image(words);
  const Request plain{words, words, words, options};
  Request chat = plain;
  chat.messages = messages;
  chat.images = {&image, 1};
  for (const Api api : {Api::ollama, Api::ollama_chat, Api::openai, Api::openai_completions}) {
    FUZZ_CHECK(chimera::wire::check_json(request_body(api, plain)));
    FUZZ_CHECK(chimera::wire::check_json(request_body(api, chat)));
  }
}

}  // namespace

// Input: a count, that many cut lengths, the answer.
int fuzz_record(std::string_view input) {
  check_words(error_words(input));
  check_body(input);
  // A printable first byte is part of the answer: of what was kept when there were no cuts.
  const bool has_cuts = !input.empty() && static_cast<unsigned char>(input[0]) < 8;
  const size_t count = has_cuts ? take_byte(input) : 0;
  const std::string_view cuts = input.substr(0, count);
  input.remove_prefix(cuts.size());
  check_answer(input, Api::ollama, cuts);
  check_answer(input, Api::openai, cuts);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_record)
