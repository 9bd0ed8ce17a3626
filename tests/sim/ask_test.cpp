// runs: linux virtual
#include "src/sim/engine.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::sim;

namespace {

Ask parsed(Dialect dialect, std::string_view body) {
  const chimera_test::Guarded guarded(body);
  Result<Ask> ask = parse_ask(guarded.view(), dialect);
  CAPTURE(body);
  REQUIRE(ask.has_value());
  return *ask;
}

TEST_CASE("a chat: the texts of its messages, one a line") {
  const Ask a = parsed(Dialect::chat, R"({"model":"m","messages":[
      {"role":"system","content":"be brief"},
      {"role":"user","content":[{"type":"text","text":"o"},{"type":"image_url"},"ne"],
       "images":["x"]},
      {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f"}}]},
      {"content":"two","role":"user"}],"think":"low","format":"json"})");
  CHECK(a.prompt == "be brief\none\ntwo");
  CHECK(a.asks);
  CHECK(a.stream);
  CHECK(a.think);
  CHECK(a.structured);
  CHECK(a.schema.empty());
  CHECK(!parsed(Dialect::chat, R"({"model":"m","messages":[]})").asks);
  CHECK(!parsed(Dialect::chat, R"({"model":"m","think":false})").think);
  CHECK(parsed(Dialect::chat, R"({"messages":[{"role":"user","content":""}]})").asks);
}

TEST_CASE("OpenAI's fields; what belongs to another dialect is ignored") {
  const Ask a = parsed(Dialect::openai_chat, R"({"model":"m","stream":true,"seed":3,"max_tokens":7,
      "messages":[{"role":"user","content":"q"}],"stream_options":{"include_usage":true},
      "think":7,"options":7,"prompt":7,"reasoning_effort":"none","response_format":
      {"type":"json_schema","json_schema":{"name":"x","schema": {"type":"object"} }}})");
  CHECK(a.prompt == "q");
  CHECK(a.seed == 3);
  CHECK(a.num_predict == 7);
  CHECK(a.usage);
  CHECK(!a.think);
  CHECK(a.schema == R"({"type":"object"})");
  const Ask b = parsed(Dialect::openai_text, R"({"prompt":["a","b"],"messages":7})");
  CHECK(b.prompt == "ab");
  CHECK(!b.stream);
  CHECK(b.think);
  const Ask c = parsed(Dialect::generate, R"({"prompt":"p","max_tokens":"x","messages":7})");
  CHECK(c.num_predict == -1);
}

TEST_CASE("the first tool, unless its results are there or none is wanted") {
  const std::string tools = R"(,"tools":[{"type":"function","function":
      {"name":"f","parameters":{"type":"object","properties":{}}}},{"x":1}])";
  const std::string asked = R"({"messages":[{"role":"user","content":"q"}])" + tools;
  const Ask a = parsed(Dialect::chat, asked + "}");
  CHECK(a.tool == "f");
  CHECK(a.tool_schema == R"({"type":"object","properties":{}})");
  CHECK(parsed(Dialect::openai_chat, asked + R"(,"tool_choice":"auto"})").tool == "f");
  CHECK(parsed(Dialect::openai_chat, asked + R"(,"tool_choice":"none"})").tool.empty());
  CHECK(parsed(Dialect::chat, R"({"messages":[{"role":"tool","content":"r"}])" + tools + "}")
            .tool.empty());
  CHECK(parsed(Dialect::chat, R"({"tools":[{"function":{"name":"g"}}]})").tool_schema ==
        R"({"type":"object"})");
  CHECK(parsed(Dialect::chat, R"({"tools":[]})").tool.empty());
  CHECK(parsed(Dialect::generate, R"({"tools":7})").tool.empty());
}

TEST_CASE("what is mistyped is refused with words") {
  for (const char* body :
       {"", "[]", R"({"messages":7})", R"({"messages":[7]})", R"({"messages":[{"content":"x"}]})",
        R"({"messages":[{"role":"user","content":{}}]})",
        R"({"messages":[{"role":"user","content":[7]}]})",
        R"({"messages":[{"role":"user","content":[{"text":7}]}]})",
        R"({"messages":[{"role":"user"})", R"({"messages":[{"role":"user"},)", R"({"tools":{}})",
        R"({"tools":[7]})", R"({"tools":[{"function":{}}]})"}) {
    CAPTURE(body);
    for (const Dialect dialect : {Dialect::chat, Dialect::openai_chat}) {
      const Result<Ask> ask = parse_ask(body, dialect);
      REQUIRE(!ask.has_value());
      CHECK(ask.error().code == Errc::bad_input);
      CHECK(std::string_view(ask.error().where).size() > 5);
    }
  }
  for (const char* body : {R"({"format":7})", R"({"format":"xml"})", R"({"think":7})"}) {
    CAPTURE(body);
    CHECK(!parse_ask(body, Dialect::generate).has_value());
  }
  const std::string asked = R"({"messages":[{"role":"user","content":"q"}],)";
  for (const char* more : {R"("response_format":{"type":"x"}})", R"("stream_options":1})",
                           R"("seed":"1"})", R"("max_tokens":1.5})"}) {
    CAPTURE(more);
    CHECK(!parse_ask(asked + more, Dialect::openai_chat).has_value());
  }
  CHECK(!parse_ask("{}", Dialect::openai_chat).has_value());
  const std::string big = R"({"format":{"title":")" + std::string(70'000, 'x') + "\"}}";
  CHECK(!parse_ask(big, Dialect::chat).has_value());
}

}  // namespace
