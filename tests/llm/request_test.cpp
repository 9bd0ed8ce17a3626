// What is sent, in each dialect.
#include "chimera/llm/request.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::llm;

namespace {

std::string body_of(const Options& o, std::string_view system = {}) {
  const Request r{"m", "say \"hi\"\n", system, o};
  return request_body(Api::ollama, r);
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


namespace {

const char kPng[] = "iVBORw0KGgoAAA", kJpeg[] = "/9j/4AAQ";

Request plain(const Options& o) { return {"m", "hi", "be brief", o}; }

}  // namespace

TEST_CASE("requests: each dialect's form") {
  Options o;
  o.temperature = 0.5;
  o.top_k = 4;
  o.num_ctx = 512;
  o.num_gpu = 1;
  o.num_predict = 9;
  o.think = "low";
  o.keep_alive = "5m";
  o.extra = {{"stop", R"(["a"])"}};
  const Request r = plain(o);
  CHECK(request_body(Api::ollama_chat, r) ==
        R"({"model":"m","messages":[{"role":"system","content":"be brief"},)"
        R"({"role":"user","content":"hi"}],"stream":true,"options":{"num_gpu":1,"num_ctx":512,)"
        R"("temperature":0.5,"top_k":4,"num_predict":9,"stop":["a"]},"keep_alive":"5m",)"
        R"("think":"low"})");
  CHECK(request_body(Api::openai, r) ==
        R"({"model":"m","messages":[{"role":"system","content":"be brief"},)"
        R"({"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true},)"
        R"("reasoning_effort":"low","temperature":0.5,"top_k":4,"max_tokens":9,"stop":["a"]})");
  CHECK(request_body(Api::openai_completions, r) ==
        R"({"model":"m","prompt":"be brief\n\nhi","stream":true,)"
        R"("stream_options":{"include_usage":true},"reasoning_effort":"low","temperature":0.5,)"
        R"("top_k":4,"max_tokens":9,"stop":["a"]})");
}

TEST_CASE("requests: what OpenAI has no word for") {
  for (const char* think : {"true", "false"}) {
    Options o;
    o.think = think;
    o.num_predict = -1;
    Request r = plain(o);
    r.system = {};
    r.stream = false;
    CHECK(request_body(Api::openai, r) ==
          R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false})");
  }
}

TEST_CASE("requests: formats") {
  const Options o;
  Request r{"m", "hi", {}, o};
  r.stream = false;
  r.format = "\"json\"";
  CHECK(request_body(Api::ollama, r) ==
        R"({"model":"m","prompt":"hi","stream":false,"format":"json"})");
  CHECK(request_body(Api::openai_completions, r) ==
        R"({"model":"m","prompt":"hi","stream":false,"response_format":{"type":"json_object"}})");
  r.format = R"({"type":"object"})";
  CHECK(request_body(Api::ollama, r).ends_with(R"("format":{"type":"object"}})"));
  CHECK(request_body(Api::openai, r)
            .ends_with(R"("response_format":{"type":"json_schema","json_schema":)"
                       R"({"name":"answer","schema":{"type":"object"}}}})"));
}

TEST_CASE("requests: images") {
  const Options o;
  const std::string images[] = {kPng, kJpeg, "R0lGODlh", "UklGRg", "Qk1", "????"};
  Request r{"m", "what?", {}, o};
  r.images = images;
  CHECK(request_body(Api::ollama, r) ==
        R"({"model":"m","prompt":"what?","images":["iVBORw0KGgoAAA","/9j/4AAQ","R0lGODlh",)"
        R"("UklGRg","Qk1","????"],"stream":true})");
  r.images = {images, 1};
  CHECK(request_body(Api::ollama_chat, r) ==
        R"({"model":"m","messages":[{"role":"user","content":"what?",)"
        R"("images":["iVBORw0KGgoAAA"]}],"stream":true})");
  const char* const types[] = {"png", "jpeg", "gif", "webp", "bmp", "png"};
  for (size_t i = 0; i < std::size(images); ++i) {
    r.images = {images + i, 1};
    CHECK(request_body(Api::openai, r) ==
          R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"what?"},)"
          R"({"type":"image_url","image_url":{"url":"data:image/)" + std::string(types[i]) +
          ";base64," + images[i] +
          R"("}}]}],"stream":true,"stream_options":{"include_usage":true}})");
  }
}

TEST_CASE("requests: a conversation with tools") {
  const Options o;
  std::vector<Message> turns(3);
  turns[0].role = "user";
  turns[0].content = "weather?";
  turns[1].role = "assistant";
  turns[1].tool_calls = {{"c1", "weather", R"({"city": "K"})"}, {"", "time", "not JSON"}};
  turns[2].role = "tool";
  turns[2].content = "11 C";
  turns[2].tool_name = "weather";
  turns[2].tool_call_id = "c1";
  Request r{"m", {}, {}, o};
  r.messages = turns;
  r.tools = R"([{"type":"function"}])";
  CHECK(request_body(Api::ollama_chat, r) ==
        R"({"model":"m","messages":[{"role":"user","content":"weather?"},{"role":"assistant",)"
        R"("content":"","tool_calls":[{"id":"c1","function":{"name":"weather","arguments":)"
        R"({"city": "K"}}},{"function":{"name":"time","arguments":{}}}]},{"role":"tool",)"
        R"("content":"11 C","tool_name":"weather","tool_call_id":"c1"}],"stream":true,)"
        R"("tools":[{"type":"function"}]})");
  CHECK(request_body(Api::openai, r) ==
        R"({"model":"m","messages":[{"role":"user","content":"weather?"},{"role":"assistant",)"
        R"("content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"weather",)"
        R"("arguments":"{\"city\": \"K\"}"}},{"type":"function","function":{"name":"time",)"
        R"("arguments":"not JSON"}}]},{"role":"tool","content":"11 C","tool_call_id":"c1"}],)"
        R"("stream":true,"tools":[{"type":"function"}],"stream_options":{"include_usage":true}})");
}

TEST_CASE("requests: where they go") {
  struct Case { Api api; const char *url, *target; };
  static const Case cases[] = {
      {Api::ollama, "http://h", "/api/generate"},
      {Api::ollama_chat, "http://h/base/", "/base/api/chat"},
      {Api::openai, "http://h", "/v1/chat/completions"},
      {Api::openai, "http://h/v1", "/v1/chat/completions"},
      {Api::openai, "http://h/v1/", "/v1/chat/completions"},
      {Api::openai, "http://h/api/v1", "/api/v1/chat/completions"},
      {Api::openai, "http://h/v10", "/v10/v1/chat/completions"},
      {Api::openai_completions, "http://h/x", "/x/v1/completions"},
      {Api::openai_completions, "http://h/x/v1", "/x/v1/completions"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.url);
    CHECK(request_target(c.api, *wire::parse_url(c.url)) == c.target);
  }
}

TEST_CASE("requests: the dialect that carries them") {
  const Options o;
  const wire::Url plain_url = *wire::parse_url("http://h"), v1 = *wire::parse_url("http://h/v1/");
  const Request text{"m", "hi", {}, o};
  const std::vector<Message> turns(1);
  const std::string images[] = {kPng};
  Request chat = text, tools = text, picture = text;
  chat.messages = turns;
  tools.tools = "[]";
  picture.images = images;
  struct Case { Api api; Api text, chat, tools, picture; };
  using enum Api;
  static const Case cases[] = {
      {ollama, ollama, ollama_chat, ollama_chat, ollama},
      {ollama_chat, ollama_chat, ollama_chat, ollama_chat, ollama_chat},
      {openai, openai, openai, openai, openai},
      {openai_completions, openai_completions, openai, openai, openai},
      {automatic, ollama, ollama_chat, ollama_chat, ollama},
  };
  for (const Case& c : cases) {
    CAPTURE(name_of(c.api));
    CHECK(carrier(c.api, text, plain_url) == c.text);
    CHECK(carrier(c.api, chat, plain_url) == c.chat);
    CHECK(carrier(c.api, tools, plain_url) == c.tools);
    CHECK(carrier(c.api, picture, plain_url) == c.picture);
  }
  CHECK(carrier(automatic, text, v1) == openai);
}
