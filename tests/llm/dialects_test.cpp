// Whole answers in the exact form of real servers, whole, at every split and byte by byte.
#include <random>

#include "tests/llm/answer_rig.hpp"

using namespace chimera_test;

namespace {

struct Case {
  const char* name;
  Api api;
  const char* content_type;
  std::string bytes;
  Expected want;
};

void check(const Case& c, const std::vector<std::string_view>& pieces) {
  Heard heard(c.api);
  heard.reader.announce(c.content_type);
  Result<void> result;
  Nanos at = 1000;
  for (std::string_view piece : pieces) {
    result = heard.reader.feed(piece, at++);
    if (!result) break;
  }
  const Result<void> rest = heard.reader.finish(result.has_value(), at);
  if (result) result = rest;
  compare(heard.call, result, c.want);
  CHECK(heard.told == heard.call.text);
  CHECK(heard.told_thinking == heard.call.thinking);
  if (heard.call.done) CHECK(tools_of(heard.tools) == c.want.tools);
}

void check_cuts(const Case& c) {
  CAPTURE(std::string(c.name));
  each_split(c.bytes, [&](const std::vector<std::string_view>& pieces) { check(c, pieces); });
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string_view> pieces;
    for (std::string_view rest = c.bytes; !rest.empty();) {
      const size_t n = std::min<size_t>(rest.size(), 1 + random() % 40);
      pieces.push_back(rest.substr(0, n));
      rest.remove_prefix(n);
    }
    check(c, pieces);
  }
}

// A chunk of OpenAI's chat with this choice, as a stream has it.
std::string chunk(const std::string& choice, const std::string& rest = "") {
  return R"(data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1764150000,)"
         R"("model":"m","choices":[)" + choice + "]" + rest + "}\n\n";
}
std::string delta(const std::string& fields, const std::string& reason = "null") {
  return chunk(R"({"index":0,"delta":{)" + fields + R"(},"logprobs":null,"finish_reason":)" +
               reason + "}");
}
const std::string kDone = "data: [DONE]\n\n";
const char* const kEvents = "text/event-stream; charset=utf-8";
const char* const kLines = "application/x-ndjson";
const char* const kJson = "application/json";

}  // namespace

TEST_CASE("dialects: Ollama") {
  const std::string stamp = R"("model":"qwen3:4b","created_at":"2026-01-15T10:00:00.123456789Z",)";
  const Case cases[] = {
      {"generate", Api::ollama, kLines,
       "{" + stamp + R"("response":"Hel","done":false})" "\n{" + stamp +
           R"("response":"\u20aclo \ud83d\ude00","done":false})" "\n{" + stamp +
           R"("response":"","done":true,"done_reason":"stop","context":[1,2,3],)"
           R"("total_duration":5000000000,"load_duration":1000,"prompt_eval_count":26,)"
           R"("prompt_eval_duration":130079000,"eval_count":259,"eval_duration":4232710000})" "\n",
       {.text = "Hel\xe2\x82\xaclo \xf0\x9f\x98\x80", .reason = "stop", .pieces = 2, .tokens = 259,
        .prompt = 26, .prompt_time = 130079000, .time = 4232710000}},
      {"generate, reasoning under OpenAI's name (aimock)", Api::ollama, kLines,
       R"({"response":"","reasoning_content":"Let me","done":false})" "\n"
       R"({"response":"Four.","done":false})" "\n"
       R"({"response":"","done":true,"done_reason":"stop","eval_count":0})" "\n",
       {.text = "Four.", .thinking = "Let me", .reason = "stop", .pieces = 2}},
      {"chat, thinking", Api::ollama_chat, kLines,
       "{" + stamp + R"("message":{"role":"assistant","content":"","thinking":"Let"},"done":false})"
           "\n{" + stamp + R"("message":{"role":"assistant","content":"","thinking":" me"},)"
           R"("done":false})" "\n{" + stamp +
           R"("message":{"role":"assistant","content":"Four."},"done":false})" "\n{" + stamp +
           R"("message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",)"
           R"("total_duration":9,"load_duration":8,"prompt_eval_count":7,"prompt_eval_duration":6,)"
           R"("eval_count":5,"eval_duration":4})" "\n",
       {.text = "Four.", .thinking = "Let me", .reason = "stop", .pieces = 3, .tokens = 5,
        .prompt = 7, .prompt_time = 6, .time = 4}},
      {"chat, tools", Api::ollama_chat, kLines,
       "{" + stamp + R"("message":{"role":"assistant","content":"","tool_calls":[{"function":)"
           R"({"name":"weather","arguments":{"city":"K\u00f6ln","days":[1, 2]}}},{"id":"call_2",)"
           R"("function":{"index":1,"name":"time","arguments":{}}}]},"done":false})" "\n{" + stamp +
           R"("message":{"role":"assistant","content":""},"done_reason":"stop","done":true,)"
           R"("eval_count":5})" "\n",
       {.reason = "stop", .pieces = 1, .tokens = 5,
        .tools = R"(:weather({"city":"K\u00f6ln","days":[1, 2]})call_2:time({}))"}},
      {"chat, one document", Api::ollama_chat, "application/json; charset=utf-8",
       "{" + stamp + R"("message":{"role":"assistant","content":"Hi, you."},"done":true,)"
                     R"("done_reason":"stop","eval_count":3})",
       {.text = "Hi, you.", .reason = "stop", .pieces = 1, .tokens = 3}},
      {"inline thinking", Api::ollama, kLines,
       "{" + stamp + R"("response":"<thi","done":false})" "\n{" + stamp +
           R"("response":"nk>\nhm <","done":false})" "\n{" + stamp +
           R"("response":"b></thi","done":false})" "\n{" + stamp +
           R"("response":"nk>","done":false})" "\n{" + stamp +
           R"("response":"\n\n","done":false})" "\n{" + stamp +
           R"("response":"Yes <think>","done":false})" "\n{" + stamp +
           R"("response":"","done":true})" "\n",
       {.text = "Yes <think>", .thinking = "\nhm <b>", .pieces = 6}},
      {"inline thinking behind blanks", Api::ollama, kLines,
       R"({"response":"\n","done":false})" "\n" R"({"response":" \n<th","done":false})" "\n"
       R"({"response":"ink>hm</think>\nYes","done":false})" "\n" R"({"response":"","done":true})",
       {.text = "Yes", .thinking = "hm", .pieces = 3}},
      {"blanks, and no thinking", Api::ollama, kLines,
       R"({"response":"\n","done":false})" "\n" R"({"response":" <b>","done":false})" "\n"
       R"({"response":"","done":true})",
       {.text = "\n <b>", .pieces = 2}},
      {"nothing but blanks", Api::ollama, kLines,
       R"({"response":"\n\n","done":false})" "\n" R"({"response":"","done":true})",
       {.text = "\n\n", .pieces = 1}},
      {"no thinking after all", Api::ollama, kLines,
       R"({"response":"<think","done":false})" "\n" R"({"response":"","done":true})",
       {.text = "<think", .pieces = 1}},
      {"thinking without an end", Api::ollama, kLines,
       R"({"response":"<think>a</th","done":false})" "\n" R"({"response":"","done":true})",
       {.thinking = "a</th", .pieces = 1}},
      {"an error in the stream", Api::ollama_chat, kLines,
       R"({"message":{"role":"assistant","content":"a"},"done":false})" "\n"
       R"({"error":"an error was encountered while running the model"})" "\n",
       {.text = "a", .pieces = 1, .error = Errc::server_error,
        .words = "an error was encountered while running the model", .done = false}},
      {"cut off", Api::ollama_chat, kLines,
       R"({"message":{"role":"assistant","content":"a"},"done":false})" "\n",
       {.text = "a", .pieces = 1, .done = false}},
  };
  for (const Case& c : cases) check_cuts(c);
}

TEST_CASE("dialects: OpenAI's chat") {
  const std::string role = delta(R"("role":"assistant","content":"","refusal":null)");
  const Case cases[] = {
      {"OpenAI", Api::openai, kEvents,
       role + delta(R"("content":"Hel")") + delta(R"("content":"lo")") + delta("", "\"stop\"") +
           chunk("", R"(,"service_tier":"default","usage":{"prompt_tokens":19,)"
                     R"("completion_tokens":10,"total_tokens":29,"prompt_tokens_details":)"
                     R"({"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":)"
                     R"({"reasoning_tokens":4,"audio_tokens":0}})") + kDone,
       {.text = "Hello", .reason = "stop", .pieces = 2, .tokens = 10, .prompt = 19, .cached = 8}},
      {"OpenAI, tools", Api::openai, kEvents,
       delta(R"("role":"assistant","content":null)") +
           delta(R"("tool_calls":[{"index":0,"id":"call_A","type":"function","function":)"
                 R"({"name":"weather","arguments":""}}])") +
           delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"ci"}}])") +
           delta(R"("tool_calls":[{"index":0,"function":{"arguments":"ty\":\"K\"}"}}])") +
           delta(R"("tool_calls":[{"index":1,"id":"call_B","type":"function","function":)"
                 R"({"name":"time","arguments":"{}"}}])") +
           delta("", "\"tool_calls\"") + kDone,
       {.reason = "tool_calls", .pieces = 4,
        .tools = R"(call_A:weather({"city":"K"})call_B:time({}))"}},
      {"vLLM, usage null until the end, reasoning twice", Api::openai, kEvents,
       chunk(R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,)"
             R"("finish_reason":null,"token_ids":null})", R"(,"usage":null)") +
           delta(R"("reasoning":"hm","reasoning_content":"hm")") + delta(R"("content":"Yes")") +
           delta(R"("content":"")", R"("length","stop_reason":null)") +
           chunk("", R"(,"usage":{"prompt_tokens":5,"total_tokens":8,"completion_tokens":3})") +
           kDone,
       {.text = "Yes", .thinking = "hm", .reason = "length", .pieces = 2, .tokens = 3,
        .prompt = 5}},
      {"DeepSeek: reasoning, usage with the finish, comments", Api::openai, kEvents,
       ": keep-alive\n\n" + delta(R"("role":"assistant","content":null,"reasoning_content":"")") +
           delta(R"("content":null,"reasoning_content":"Let me")") + ": keep-alive\n\n" +
           delta(R"("content":"42","reasoning_content":null)") +
           chunk(R"({"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,)"
                 R"("finish_reason":"stop"})",
                 R"(,"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,)"
                 R"("prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":)"
                 R"({"reasoning_tokens":5},"prompt_cache_hit_tokens":0,)"
                 R"("prompt_cache_miss_tokens":9})") + kDone,
       {.text = "42", .thinking = "Let me", .reason = "stop", .pieces = 2, .tokens = 7,
        .prompt = 9}},
      {"llama.cpp, timings", Api::openai, "text/event-stream",
       R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant",)"
       R"("content":null}}],"created":1764150000,"id":"chatcmpl-x","model":"gpt-3.5-turbo",)"
       R"("system_fingerprint":"b6000-1a2b3c4d","object":"chat.completion.chunk"})" "\n\n"
       R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}],)"
       R"("created":1764150000,"id":"chatcmpl-x","model":"m","object":"chat.completion.chunk"})"
       "\n\n"
       R"(data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1764150000,)"
       R"("id":"chatcmpl-x","model":"m","object":"chat.completion.chunk"})" "\n\n"
       R"(data: {"choices":[],"created":1764150000,"id":"chatcmpl-x","model":"m",)"
       R"("object":"chat.completion.chunk","usage":{"completion_tokens":2,"prompt_tokens":11,)"
       R"("total_tokens":13},"timings":{"cache_n":3,"prompt_n":8,"prompt_ms":20.5,)"
       R"("prompt_per_token_ms":2.56,"prompt_per_second":390.2,"predicted_n":2,)"
       R"("predicted_ms":30.25,"predicted_per_token_ms":15.1,"predicted_per_second":66.1}})" "\n\n"
       "data: [DONE]\n\n",
       {.text = "Hi", .reason = "stop", .pieces = 1, .tokens = 2, .prompt = 11, .cached = 3,
        .prompt_time = 20500000, .time = 30250000}},
      {"llama.cpp, an error as a field", Api::openai, "text/event-stream",
       delta(R"("content":"a")") +
           "error: {\"code\":500,\"message\":\"context shift is disabled\",\"type\":\"x\"}\n\n",
       {.text = "a", .pieces = 1, .error = Errc::server_error, .words = "context shift is disabled",
        .done = false}},
      {"vLLM, an error", Api::openai, kEvents,
       "data: {\"error\": {\"object\": \"error\", \"message\": \"The model `x` does not exist.\", "
       "\"type\": \"NotFoundError\", \"param\": null, \"code\": 404}}\n\n" + kDone,
       {.error = Errc::no_model, .words = "The model `x` does not exist.", .done = false}},
      {"vLLM, an older error", Api::openai, kEvents,
       "data: {\"object\": \"error\", \"message\": \"boom\", \"code\": 400}\n\n" + kDone,
       {.error = Errc::server_error, .words = "boom", .done = false}},
      {"an error event", Api::openai, kEvents,
       "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"Overloaded\"}}\n\n",
       {.error = Errc::server_error, .words = "Overloaded", .done = false}},
      {"LM Studio: inline thinking, CRLF, no space, no DONE", Api::openai, "text/event-stream",
       "data:{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
       "\"delta\":{\"role\":\"assistant\",\"content\":\"<think>\"},\"logprobs\":null,"
       "\"finish_reason\":null}]}\r\n\r\n"
       "data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"so</think>\\n\\nYes\"}}]}\r\n\r\n"
       "data:{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
       {.text = "Yes", .thinking = "so", .reason = "stop", .pieces = 2}},
      {"Ollama's: finish_reason never, DONE", Api::openai, kEvents,
       delta(R"("role":"assistant","content":"a")") + kDone, {.text = "a", .pieces = 1}},
      {"usage alone ends it", Api::openai, kEvents,
       delta(R"("content":"a")") + chunk("", R"(,"usage":{"prompt_tokens":1,)"
                                             R"("completion_tokens":2})"),
       {.text = "a", .pieces = 1, .tokens = 2, .prompt = 1}},
      {"usage with every chunk does not", Api::openai, kEvents,
       chunk(R"({"index":0,"delta":{"content":"a"},"finish_reason":""})",
             R"(,"usage":{"prompt_tokens":1,"completion_tokens":1})"),
       {.text = "a", .pieces = 1, .tokens = 1, .prompt = 1, .done = false}},
      {"another choice is not ours", Api::openai, kEvents,
       chunk(R"({"delta":{"content":"b"},"finish_reason":"stop","index":1})") +
           chunk(R"({"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"c"}})") +
           kDone,
       {.text = "a", .pieces = 1}},
      {"a first field that a blank makes another one", Api::openai, kEvents,
       "\n\tdata: x\n" + delta(R"("content":"a")") + kDone, {.text = "a", .pieces = 1}},
      {"an id first, whatever was said", Api::openai, kJson,
       "id: 1\n" + delta(R"("content":"a")") + "retry: 10\n" + kDone, {.text = "a", .pieces = 1}},
      {"what comes behind DONE", Api::openai, kEvents, kDone + "data: nonsense\n\n", {}},
      {"one document", Api::openai, kJson,
       R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
       R"("message":{"role":"assistant","content":"Hi","refusal":null,"tool_calls":[{"id":"1",)"
       R"("type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]},)"
       R"("finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})",
       {.text = "Hi", .reason = "stop", .pieces = 1, .tokens = 2, .prompt = 1,
        .tools = R"(1:f({"a": 1}))"}},
      {"one pretty document", Api::openai, kJson,
       "{\n  \"id\": \"c\",\n  \"choices\": [\n    {\n      \"index\": 0,\n      \"message\": {\n"
       "        \"role\": \"assistant\",\n        \"reasoning_content\": \"hm\",\n"
       "        \"content\": \"{ \\\"a\\\": 1, }\"\n      },\n"
       "      \"finish_reason\": null\n    }\n"
       "  ],\n  \"usage\": {\n    \"prompt_tokens\": 1,\n    \"completion_tokens\": 2\n  }\n}\n",
       {.text = "{ \"a\": 1, }", .thinking = "hm", .pieces = 1, .tokens = 2, .prompt = 1}},
      {"a document that claims to be events", Api::openai, kEvents,
       R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]})",
       {.text = "a", .reason = "stop", .pieces = 1}},
      {"events that claim to be a document", Api::openai, kJson,
       "\n" + delta(R"("content":"a")") + kDone, {.text = "a", .pieces = 1}},
      {"content in parts (Mistral), and a part that is none of ours", Api::openai, kEvents,
       delta(R"("content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm"},)"
             R"({"type":"text","text":"m"}]}])") +
           delta(R"("content":[{"type":"thinking","thinking":" so"}])") +
           delta(R"("content":[{"type":"text","text":"A"},{"type":"reference",)"
                 R"("reference_ids":[1]},{"type":"text","text":"b"}])") +
           delta(R"("content":[])") + delta(R"("content":"c")", "\"stop\"") + kDone,
       {.text = "Abc", .thinking = "Hmm so", .reason = "stop", .pieces = 4}},
      {"a document in parts", Api::openai, kJson,
       R"({"choices":[{"index":0,"message":{"role":"assistant","content":[{"type":"thinking",)"
       R"("thinking":[{"type":"text","text":"Hm"}],"closed":true},{"type":"text","text":"Yes"}]},)"
       R"("finish_reason":"stop"}]})",
       {.text = "Yes", .thinking = "Hm", .reason = "stop", .pieces = 1}},
      {"a refusal", Api::openai, kEvents,
       delta(R"("role":"assistant","content":null,"refusal":"")") + delta(R"("refusal":"I can")") +
           delta(R"("refusal":"not.")") + delta("", "\"stop\"") +
           chunk("", R"(,"usage":{"prompt_tokens":1,"completion_tokens":2})") + kDone,
       {.text = "I cannot.", .reason = "refusal", .pieces = 2, .tokens = 2, .prompt = 1}},
      {"a refusal without a reason", Api::openai, kEvents, delta(R"("refusal":"No.")") + kDone,
       {.text = "No.", .reason = "refusal", .pieces = 1}},
      {"a refused document", Api::openai, kJson,
       R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"No."},)"
       R"("finish_reason":"stop"}]})",
       {.text = "No.", .reason = "refusal", .pieces = 1}},
      {"a refusal as a part, behind text", Api::openai, kJson,
       R"({"choices":[{"message":{"content":[{"type":"text","text":"Well. "},)"
       R"({"type":"refusal","refusal":"No."}]}}]})",
       {.text = "Well. No.", .reason = "refusal", .pieces = 1}},
      {"filtered", Api::openai, kEvents,
       delta(R"("role":"assistant","content":"")") + delta("", "\"content_filter\"") + kDone,
       {.reason = "content_filter"}},
      {"the same text under two names", Api::openai, kEvents,
       chunk(R"({"index":0,"text":"a","delta":{"role":"assistant","content":"a"}})") + kDone,
       {.text = "a", .pieces = 1}},
      {"one tool call without its array", Api::openai, kEvents,
       delta(R"("tool_calls":{"index":0,"id":"","function":{"name":"f","arguments":"{"}})") +
           delta(R"("tool_calls":{"index":0,"id":"","function":{"name":null,"arguments":"}"}})") +
           kDone,
       {.pieces = 2, .tools = ":f({})"}},
      {"arguments as an object", Api::openai, kEvents,
       delta(R"("tool_calls":[{"id":"1","function":{"name":"f","arguments":{"a": 1}}}])") + kDone,
       {.pieces = 1, .tools = R"(1:f({"a": 1}))"}},
      {"completions", Api::openai_completions, kEvents,
       R"(data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":)"
       R"([{"index":0,"text":"Hel","logprobs":null,"finish_reason":null}]})" "\n\n"
       R"(data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":)"
       R"([{"index":0,"text":"lo","logprobs":null,"finish_reason":"length","stop_reason":null}]})"
       "\n\n"
       R"(data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[],)"
       R"("usage":{"prompt_tokens":4,"total_tokens":6,"completion_tokens":2}})" "\n\n"
       "data: [DONE]\n\n",
       {.text = "Hello", .reason = "length", .pieces = 2, .tokens = 2, .prompt = 4}},
  };
  for (const Case& c : cases) check_cuts(c);
}

TEST_CASE("dialects: what is refused, and why") {
  struct Refused {
    const char* json;
    const char* where;
  };
  static const Refused cases[] = {
      {R"({"choices":{}})", "reply: choices is not an array"},
      {R"({"choices":[1]})", "reply: a choice is not an object"},
      {R"({"choices":[{"delta":5}]})", "reply: a field is not an object"},
      {R"({"choices":[{"delta":{"content":5}}]})", "reply: a text field is not a string"},
      {R"({"choices":[{"delta":{"content":"a","reasoning":[]}}]})",
       "reply: a text field is not a string"},
      {R"({"choices":[{"finish_reason":true}]})", "reply: a text field is not a string"},
      {R"({"choices":[{"index":-1}]})", "reply: an index is out of range"},
      {R"({"choices":[{"index":"0"}]})", "reply: an index is not a number"},
      {R"({"choices":[{"delta":{"content":[5]}}]})", "reply: a part of a text is not an object"},
      {R"({"choices":[{"delta":{"content":[{"text":["a"]}]}}]})",
       "reply: a text field is not a string"},
      {R"({"choices":[{"delta":{"content":[{"text":"a"}})", "reply is not JSON"},
      {R"({"choices":[{"delta":{"refusal":{}}}]})", "reply: a text field is not a string"},
      {R"({"choices":[{"delta":{"tool_calls":"f"}}]})", "reply: tool_calls is not an array"},
      {R"({"choices":[{"delta":{"tool_calls":[0]}}]})", "reply: a tool call is not an object"},
      {R"({"choices":[{"delta":{"tool_calls":[{"function":{"arguments":1}}]}}]})",
       "reply: arguments are no object and no text"},
      {R"({"usage":[]})", "reply: a field is not an object"},
      {R"({"usage":{"prompt_tokens":"1"}})", "reply: a count is not a number"},
      {R"({"usage":{"prompt_tokens":-1}})", "reply: a count is out of range"},
      {R"({"timings":{"prompt_ms":-0.5}})", "reply: a count is out of range"},
      {R"({"timings":{"prompt_ms":1e300}})", "reply: a count is out of range"},
      {R"({"choices":[],"other":01})", "reply is not JSON"},
      {R"({"choices":[)", "reply is not JSON"},
      {R"({"choices":[{"delta":{"content":"a"})", "reply is not JSON"},
      {R"({"object":{"a":1x}})", "reply is not JSON"},
      {"[]", "reply is not a JSON object"},
  };
  for (const Refused& c : cases) {
    CAPTURE(c.json);
    Heard heard(Api::openai);
    const Guarded json(c.json);
    const Result<void> r = heard.take(json.view(), 1);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Errc::protocol);
    CHECK(std::string(r.error().where) == c.where);
    CHECK(heard.call.text.empty());
  }
  // Of another dialect, and so unknown: it is checked, and ignored.
  Heard ollama, openai(Api::openai);
  CHECK(ollama.take(R"({"response":"a","usage":5,"choices":{}})", 1).has_value());
  CHECK(openai.take(R"({"response":5,"done":"x","object":7,"choices":null,"usage":null})", 1));
  CHECK_FALSE(openai.call.done);
}

TEST_CASE("dialects: tool calls without an index") {
  Heard heard(Api::openai);
  const char* const parts[] = {
      R"([{"id":"a","function":{"name":"f","arguments":"{"}}])",
      R"([{"function":{"arguments":"}"}}])",
      R"([{"id":"b","function":{"name":"g","arguments":"{}"}}])"};
  for (const char* part : parts) {
    REQUIRE(heard.take(std::string(R"({"choices":[{"delta":{"tool_calls":)") + part + "}}]}", 1));
    heard.call.done = false;   // a record that stands alone is a whole answer
  }
  CHECK(tools_of(heard.call.tool_calls) == "a:f({})b:g({})");
  // One index for all, but an id for each.
  Heard same(Api::openai);
  for (const char* id : {"a", "b"}) {
    const std::string part = std::string(R"([{"index":0,"id":")") + id +
                             R"(","function":{"name":"f","arguments":"{}"}}])";
    REQUIRE(same.take(R"({"choices":[{"delta":{"tool_calls":)" + part + "}}]}", 1));
  }
  CHECK(tools_of(same.call.tool_calls) == "a:f({})b:f({})");
  // No index, and the id and name again with every part.
  Heard again(Api::openai);
  for (const char* arguments : {"{", "}"}) {
    const std::string part = std::string(R"([{"id":"a","function":{"name":"f","arguments":")") +
                             arguments + R"("}}])";
    REQUIRE(again.take(R"({"choices":[{"delta":{"tool_calls":)" + part + "}}]}", 1));
    again.call.done = false;
  }
  CHECK(tools_of(again.call.tool_calls) == "a:f({})");
}
