// Ollama's records, and error bodies.
#include "tests/llm/answer_rig.hpp"

#include "chimera/llm/endpoint.hpp"

using namespace chimera_test;

TEST_CASE("records: text, thinking, counts and durations") {
  Heard a;
  REQUIRE(
      a.take(R"({"response":"Hel","done":false,"new_field":{"x":[1,2,{}]}})", 1000));
  CHECK(a.piece == "Hel");
  REQUIRE(a.take(R"({"response":"","thinking":"hm"})", 4000));
  CHECK(a.piece.empty());
  REQUIRE(a.take("{\"response\":\"l\\u00f6\",\"done\":false}", 9000));
  REQUIRE(a.take(R"({"done":true,"done_reason":"length","total_duration":9,"load_duration":8,)"
                      R"("prompt_eval_count":7,"prompt_eval_duration":6,"eval_count":5,)"
                      R"("eval_duration":4e0,"context":[1,2,3]})", 9500));
  CHECK(a.call.text == "Hell\xc3\xb6");
  CHECK(a.call.thinking == "hm");
  CHECK(a.call.pieces == 3);
  CHECK(a.call.first_token == 1000);
  CHECK(a.call.first_visible == 1000);
  CHECK(a.call.last_token == 9000);
  CHECK(a.call.gaps_us == std::vector<uint32_t>{3, 5});
  CHECK(a.call.done);
  CHECK(a.call.done_reason == "length");
  CHECK(a.call.total_duration == 9);
  CHECK(a.call.load_duration == 8);
  CHECK(a.call.prompt_eval_count == 7);
  CHECK(a.call.prompt_eval_duration == 6);
  CHECK(a.call.eval_count == 5);
  CHECK(a.call.eval_duration == 4);
}

TEST_CASE("inline thinking: the same wherever the text is cut") {
  struct Case {
    std::string text, visible, thinking;
  };
  const Case cases[] = {
      {"<think>hm</think>Yes", "Yes", "hm"},
      {" \n<think>hm </thin k</think>\n\nYes </think>", "Yes </think>", "hm </thin k"},
      {"<think></think>", "", ""},
      {"<think>a</thin", "", "a</thin"},
      {"<thin", "<thin", ""},
      {"<thinker>", "<thinker>", ""},
      {"No <think>hm</think>", "No <think>hm</think>", ""},
      {"  No", "  No", ""},
      {std::string(56, ' ') + "<think>a</think>b", "b", "a"},
  };
  for (const Case& c : cases) {
    for (size_t i = 0; i <= c.text.size(); ++i) {
      for (size_t k = i; k <= c.text.size(); ++k) {
        CAPTURE(c.text);
        CAPTURE(i);
        CAPTURE(k);
        InlineThinking inline_thinking;
        std::string visible, thinking;
        inline_thinking.feed(std::string_view(c.text).substr(0, i), visible, thinking);
        inline_thinking.feed(std::string_view(c.text).substr(i, k - i), visible, thinking);
        inline_thinking.feed(std::string_view(c.text).substr(k), visible, thinking);
        inline_thinking.finish(visible, thinking);
        CHECK(visible == c.visible);
        CHECK(thinking == c.thinking);
      }
    }
  }
}

TEST_CASE("records: first visible piece comes behind the thinking") {
  Heard a;
  REQUIRE(a.take(R"({"thinking":"a"})", 10));
  REQUIRE(a.take(R"({"response":"b"})", 20));
  CHECK(a.call.first_token == 10);
  CHECK(a.call.first_visible == 20);
}

TEST_CASE("records: an error of null or nothing is none") {
  for (const char* error : {"null", R"("")"}) {
    CAPTURE(error);
    Heard a;
    const std::string line =
        std::string(R"({"response":"a","error":)") + error + R"(,"done":true})";
    CHECK(a.take(line, 1).has_value());
    CHECK(a.call.text == "a");
    CHECK(a.call.done);
  }
  for (const char* error : {R"("x")", "0", "false", "{}", "[]", R"({"message":""})"}) {
    CAPTURE(error);
    Heard a;
    const auto r = a.take(std::string(R"({"error":)") + error + "}", 1);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Errc::server_error);
  }
}

TEST_CASE("records: an answer has a limit, thinking included") {
  Heard a;
  a.call.text.assign(kAnswerLimit - 3, 'x');
  a.call.thinking = "y";
  REQUIRE(a.take(R"({"response":"a","thinking":"b"})", 1).has_value());
  const auto r = a.take(R"({"response":"a"})", 2);
  REQUIRE_FALSE(r.has_value());
  CHECK(r.error().code == Errc::too_large);
  CHECK(std::string(r.error().where) == "answer");
  CHECK(a.piece.empty());
  CHECK(a.call.text.size() + a.call.thinking.size() == kAnswerLimit);
  Heard over;   // by one byte
  over.call.text.assign(kAnswerLimit - 1, 'x');
  CHECK(over.take(R"({"response":"a","thinking":"b"})", 1).error().code == Errc::too_large);
}

TEST_CASE("records: the gaps between pieces count as part of an answer") {
  Heard a;
  a.call.pieces = kAnswerLimit / sizeof(uint32_t) - 1;
  a.call.last_token = 1;
  REQUIRE(a.take(R"({"response":"abcd"})", 1).has_value());
  const auto r = a.take(R"({"response":"a"})", 2);
  REQUIRE_FALSE(r.has_value());
  CHECK(std::string(r.error().where) == "answer");
}

TEST_CASE("records: tool calls have a limit, in a record and in all") {
  const auto calls = [](size_t n) {
    std::string s = R"({"message":{"tool_calls":[{"function":{"name":"f"}})";
    for (size_t i = 1; i < n; ++i) s += R"(,{"function":{"name":"f"}})";
    return s + "]}}";
  };
  Heard all, one;
  REQUIRE(all.take(calls(kToolLimit), 1).has_value());
  CHECK(all.call.tool_calls.size() == kToolLimit);
  for (const auto& r : {all.take(calls(1), 2), one.take(calls(kToolLimit + 1), 1)}) {
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Errc::too_large);
    CHECK(std::string(r.error().where) == "1024 tool calls");
  }
  Heard ids;   // one call, whose id is known already
  REQUIRE(ids.take(R"({"message":{"tool_calls":[{"id":"a"}]}})", 1).has_value());
  ids.call.text.assign(kAnswerLimit - 8, 'x');
  const auto r = ids.take(R"({"message":{"tool_calls":[{"id":"another one"}]}})", 2);
  REQUIRE_FALSE(r.has_value());
  CHECK(std::string(r.error().where) == "answer");
}

TEST_CASE("records: what is refused, and why") {
  struct Case { const char* line; Errc code; const char* where; };
  static const Case cases[] = {
      {"nonsense", Errc::protocol, "reply is not JSON"},
      {R"({"response":"a")", Errc::protocol, "reply is not JSON"},
      {R"({"response":"a"} x)", Errc::protocol, "reply is not JSON"},
      {"{\"response\":\"\xff\"}", Errc::protocol, "reply is not JSON"},
      {R"({"other":01})", Errc::protocol, "reply is not JSON"},
      {R"({"eval_count":1x})", Errc::protocol, "reply is not JSON"},
      {"[1]", Errc::protocol, "reply is not a JSON object"},
      {R"("text")", Errc::protocol, "reply is not a JSON object"},
      {R"({"response":5})", Errc::protocol, "reply: a text field is not a string"},
      {R"({"done":"yes"})", Errc::protocol, "reply: done is not a boolean"},
      {R"({"eval_count":"5"})", Errc::protocol, "reply: a count is not a number"},
      {R"({"eval_count":-5})", Errc::protocol, "reply: a count is out of range"},
      {R"({"eval_count":1.5})", Errc::protocol, "reply: a count is out of range"},
      {R"({"error":"out of memory"})", Errc::server_error, "reply"},
      {R"({"error":{"message":"boom"}})", Errc::server_error, "reply"},
      {R"({"error":"model 'x' not found"})", Errc::no_model, "reply"},
  };
  for (const Case& t : cases) {
    CAPTURE(t.line);
    Heard a;
    const auto r = a.take(t.line, 1);
    REQUIRE(!r);
    CHECK(r.error().code == t.code);
    CHECK(std::string(r.error().where) == t.where);
    CHECK(a.call.text.empty());
  }
}

TEST_CASE("records: null text is empty text") {
  Heard a;
  REQUIRE(a.take(R"({"response":null,"done":true})", 1));
  CHECK(a.call.text.empty());
  CHECK(a.call.pieces == 0);
  CHECK(a.call.done);
}

// A blank in front is all that keeps the general reader at it.
TEST_CASE("records: the common form is read as the general reader would") {
  const std::string common =
      R"({"model":"m:latest","created_at":"2026-01-01T00:00:00Z","response":" word","done":false})";
  static const char kBytes[] = {'"', '\\', '\n', ' ', 'x', ',', '}', '\0', '\x7f', '\x80'};
  for (size_t at = 0; at <= common.size(); ++at) {
    for (const char byte : kBytes) {
      for (const int kind : {0, 1, 2}) {   // replaced, inserted, cut off
        std::string line = common;
        if (kind == 0 && at < line.size()) line[at] = byte;
        if (kind == 1) line.insert(at, 1, byte);
        if (kind == 2) line.resize(at);
        CAPTURE(line);
        Heard quick, slow;
        const chimera_test::Guarded guarded(line);
        const auto a = quick.take(guarded.view(), 5);
        const auto b = slow.take(" " + line, 5);
        CHECK(a.has_value() == b.has_value());
        CHECK(quick.call.text == slow.call.text);
        CHECK(quick.piece == slow.piece);
        CHECK(quick.call.pieces == slow.call.pieces);
        CHECK(quick.call.done == slow.call.done);
      }
    }
  }
}

TEST_CASE("error bodies in words, always printable") {
  struct Case { const char *body, *words; };
  static const Case cases[] = {
      {R"({"error":"no such model"})", "no such model"},
      {R"({"code":7,"error":{"type":"t","message":"deep"}})", "deep"},
      {R"({"object":"error","message":"no such thing","code":400})", "no such thing"},
      {R"({"message":"the second","error":"the first"})", "the first"},
      {R"({"detail":"Not Found"})", "Not Found"},
      {R"({"error":{"type":"t"}})", R"({"error":{"type":"t"}})"},
      {"plain words\n", "plain words"},
      {"<html>\x1b[2J", "<html>\\x1b[2J"},
      {"", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    CHECK(error_words(c.body) == c.words);
  }
  CHECK(error_words(std::string(5000, 'x')).size() == 300);
}

TEST_CASE("the error a status stands for") {
  struct Case { int status; const char* words; Errc code; };
  static const Case cases[] = {
      {400, "", Errc::http_status},      {401, "", Errc::auth},
      {403, "", Errc::auth},             {404, "404 page not found", Errc::http_status},
      {404, "model 'x' not found", Errc::no_model}, {429, "", Errc::busy},
      {500, "", Errc::http_status},      {503, "", Errc::busy},
  };
  for (const Case& c : cases) {
    CAPTURE(c.status);
    CHECK(error_of_status(c.status, c.words).code == c.code);
    CHECK(error_of_status(c.status, c.words).os == c.status);
  }
}
