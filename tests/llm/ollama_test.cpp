#include "chimera/llm/ollama.hpp"

#include "chimera/llm/endpoint.hpp"
#include "chimera/wire/ndjson.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::llm;
using chimera_test::each_split;

namespace {

std::string body_of(const Options& o, std::string_view system = {}) {
  const Request r{"m", "say \"hi\"\n", system, o};
  return generate_body(r);
}

}  // namespace

TEST_CASE("generate: options go exactly where Ollama reads them") {
  Options o;
  CHECK(body_of(o) == R"({"model":"m","prompt":"say \"hi\"\n","stream":true})");
  CHECK(body_of(o, "be brief") ==
        R"({"model":"m","prompt":"say \"hi\"\n","system":"be brief","stream":true})");
  o.num_gpu = 80;
  o.num_ctx = 512;
  o.temperature = 1.0;
  o.top_p = 0.9;
  o.top_k = 40;
  o.repeat_penalty = 1.1;
  o.seed = -3;
  o.num_predict = 0;
  CHECK(body_of(o) ==
        R"({"model":"m","prompt":"say \"hi\"\n","stream":true,"options":{"num_gpu":80,)"
        R"("num_ctx":512,"temperature":1.0,"top_p":0.9,"top_k":40,"repeat_penalty":1.1,)"
        R"("seed":-3,"num_predict":0}})");
}

TEST_CASE("generate: keep_alive and think are top-level, and JSON when they can be") {
  struct Case { const char *keep_alive, *think, *tail; };
  static const Case cases[] = {
      {"5m", "", R"("keep_alive":"5m"})"},
      {"-1", "", R"("keep_alive":-1})"},
      {"0", "true", R"("keep_alive":0,"think":true})"},
      {"", "high", R"("think":"high"})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.tail);
    Options o;
    o.keep_alive = c.keep_alive;
    o.think = c.think;
    CHECK(body_of(o).ends_with(c.tail));
    CHECK(body_of(o).find("options") == std::string::npos);
  }
}

TEST_CASE("generate: free options are JSON when they parse, text otherwise") {
  Options o;
  o.extra = {{"mirostat", "2"}, {"stop", R"(["a","b"])"}, {"name", "plain text"}};
  CHECK(body_of(o).ends_with(R"("options":{"mirostat":2,"stop":["a","b"],"name":"plain text"}})"));
}

TEST_CASE("records: text, thinking, counts and durations") {
  Call c;
  std::string piece;
  REQUIRE(
      take_record(R"({"response":"Hel","done":false,"new_field":{"x":[1,2,{}]}})", 1000, c, piece));
  CHECK(piece == "Hel");
  REQUIRE(take_record(R"({"response":"","thinking":"hm"})", 4000, c, piece));
  CHECK(piece.empty());
  REQUIRE(take_record("{\"response\":\"l\\u00f6\",\"done\":false}", 9000, c, piece));
  REQUIRE(take_record(R"({"done":true,"done_reason":"length","total_duration":9,"load_duration":8,)"
                      R"("prompt_eval_count":7,"prompt_eval_duration":6,"eval_count":5,)"
                      R"("eval_duration":4e0,"context":[1,2,3]})",
                      9500, c, piece));
  CHECK(c.text == "Hell\xc3\xb6");
  CHECK(c.thinking == "hm");
  CHECK(c.pieces == 3);
  CHECK(c.first_token == 1000);
  CHECK(c.first_visible == 1000);
  CHECK(c.last_token == 9000);
  CHECK(c.gaps_us == std::vector<uint32_t>{3, 5});
  CHECK(c.done);
  CHECK(c.done_reason == "length");
  CHECK(c.total_duration == 9);
  CHECK(c.load_duration == 8);
  CHECK(c.prompt_eval_count == 7);
  CHECK(c.prompt_eval_duration == 6);
  CHECK(c.eval_count == 5);
  CHECK(c.eval_duration == 4);
}

TEST_CASE("records: first visible piece comes behind the thinking") {
  Call c;
  std::string piece;
  REQUIRE(take_record(R"({"thinking":"a"})", 10, c, piece));
  REQUIRE(take_record(R"({"response":"b"})", 20, c, piece));
  CHECK(c.first_token == 10);
  CHECK(c.first_visible == 20);
}

TEST_CASE("records: an error of null or nothing is none") {
  for (const char* error : {"null", R"("")"}) {
    CAPTURE(error);
    Call c;
    std::string piece;
    const std::string line =
        std::string(R"({"response":"a","error":)") + error + R"(,"done":true})";
    CHECK(take_record(line, 1, c, piece).has_value());
    CHECK(c.text == "a");
    CHECK(c.done);
  }
  for (const char* error : {R"("x")", "0", "false", "{}", "[]", R"({"message":""})"}) {
    CAPTURE(error);
    Call c;
    std::string piece;
    const auto r = take_record(std::string(R"({"error":)") + error + "}", 1, c, piece);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Errc::server_error);
  }
}

TEST_CASE("records: an answer has a limit, thinking included") {
  Call c;
  std::string piece;
  c.text.assign(kAnswerLimit - 3, 'x');
  c.thinking = "y";
  REQUIRE(take_record(R"({"response":"a","thinking":"b"})", 1, c, piece).has_value());
  const auto r = take_record(R"({"response":"a"})", 2, c, piece);
  REQUIRE_FALSE(r.has_value());
  CHECK(r.error().code == Errc::too_large);
  CHECK(std::string(r.error().where) == "answer");
  CHECK(piece.empty());
  CHECK(c.text.size() + c.thinking.size() == kAnswerLimit);
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
    Call c;
    std::string piece;
    const auto r = take_record(t.line, 1, c, piece);
    REQUIRE(!r);
    CHECK(r.error().code == t.code);
    CHECK(std::string(r.error().where) == t.where);
    CHECK(c.text.empty());
  }
}

TEST_CASE("records: null text is empty text") {
  Call c;
  std::string piece;
  REQUIRE(take_record(R"({"response":null,"done":true})", 1, c, piece));
  CHECK(c.text.empty());
  CHECK(c.pieces == 0);
  CHECK(c.done);
}

TEST_CASE("records: the same bytes in any cuts give the same text and counts") {
  const std::string stream =
      "{\"response\":\"\xe2\x82\xac \",\"done\":false}\n{\"response\":\"\\ud83d\\ude00\"}\r\n\n"
      "{\"done\":true,\"eval_count\":2}";
  each_split(stream, [](const std::vector<std::string_view>& pieces) {
    Call c;
    std::string piece;
    wire::LineSplitter lines;
    auto line = [&](std::string_view text) { return take_record(text, 1, c, piece); };
    for (std::string_view p : pieces) REQUIRE(lines.feed(p, line));
    REQUIRE(lines.finish(line));
    CHECK(c.text == "\xe2\x82\xac \xf0\x9f\x98\x80");
    CHECK(c.pieces == 2);
    CHECK(c.eval_count == 2);
    CHECK(c.done);
  });
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
        Call quick, slow;
        std::string piece, slow_piece;
        const chimera_test::Guarded guarded(line);
        const auto a = take_record(guarded.view(), 5, quick, piece);
        const auto b = take_record(" " + line, 5, slow, slow_piece);
        CHECK(a.has_value() == b.has_value());
        CHECK(quick.text == slow.text);
        CHECK(piece == slow_piece);
        CHECK(quick.pieces == slow.pieces);
        CHECK(quick.done == slow.done);
      }
    }
  }
}

TEST_CASE("error bodies in words, always printable") {
  struct Case { const char *body, *words; };
  static const Case cases[] = {
      {R"({"error":"no such model"})", "no such model"},
      {R"({"code":7,"error":{"type":"t","message":"deep"}})", "deep"},
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
