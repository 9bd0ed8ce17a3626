// Answers in the form in which real servers were seen to send them: fields, their order and odd
// values, comments, heads and chunking as recorded, with words of our own. Each goes through the
// whole client, read in one piece, byte by byte and cut at random, and must come to the same.
#include <random>

#include "chimera/llm/endpoint.hpp"
#include "tests/llm/answer_rig.hpp"
#include "tests/net/rig.hpp"

using namespace chimera_test;

namespace {

using Texts = std::vector<std::string>;

struct Transcript {
  const char* server;
  Api api;
  std::string head;       // fields, without those that say how long the body is
  size_t chunk;           // bytes of one; 0 = one for each of `texts`, kNoChunks = until the end
  Texts texts;
  Expected want;
};
constexpr size_t kNoChunks = ~size_t{0};

std::string hex(size_t n) {
  char digits[20];
  snprintf(digits, sizeof digits, "%zx", n);
  return digits;
}

std::string message(const Transcript& t) {
  std::string out = "HTTP/1.1 200 OK\r\n" + t.head, body;
  for (const std::string& text : t.texts) body += text;
  if (t.chunk == kNoChunks) return out + "Connection: close\r\n\r\n" + body;
  out += "Transfer-Encoding: chunked\r\n\r\n";
  Texts chunks = t.texts;
  if (t.chunk != 0) {
    chunks.clear();
    for (size_t at = 0; at < body.size(); at += t.chunk) chunks.push_back(body.substr(at, t.chunk));
  }
  for (const std::string& c : chunks) out += hex(c.size()) + "\r\n" + c + "\r\n";
  return out + "0\r\n\r\n";
}

struct Told : PieceSink {
  void on_piece(std::string_view text, Nanos) override { visible += text; }
  void on_thinking(std::string_view text, Nanos) override { thinking += text; }
  void on_tool_call(const ToolCall& tool) override { tools.push_back(tool); }
  std::string visible, thinking;
  std::vector<ToolCall> tools;
};

rt::Task<bool> ask(wire::Url url, ClientSettings settings, Told& told, Call& call) {
  Dialect dialect;
  Endpoint endpoint(url, settings, dialect);
  const Options options;
  const Request request{"m", "p", {}, options};
  co_await endpoint.generate(request, &told, call);
  co_return true;
}

// `longest`: bytes sent at once, at most; `read_size`: and read.
void replay(const Transcript& t, const std::string& bytes, size_t longest, uint32_t read_size) {
  Server server([&](Server& s) {
    Peer peer = s.accept();
    peer.request();
    std::mt19937 random(static_cast<unsigned>(longest));
    for (std::string_view rest = bytes; !rest.empty();) {
      const size_t n = std::min(rest.size(), longest == 0 ? rest.size() : 1 + random() % longest);
      peer.send(rest.substr(0, n));
      rest.remove_prefix(n);
    }
    if (t.chunk == kNoChunks) return;
    peer.wait_closed();
  });
  ClientSettings settings;
  settings.api = t.api;
  Told told;
  Call call;
  finish(ask(*wire::parse_url("http://" + to_text(server.address)), settings, told, call),
         read_size);
  compare(call, call.failed ? Result<void>(fail(call.error)) : Result<void>(), t.want);
  CHECK(told.visible == call.text);
  CHECK(told.thinking == call.thinking);
  if (call.done) CHECK(tools_of(told.tools) == t.want.tools);
}

void replay_all(const std::vector<Transcript>& transcripts) {
  for (const Transcript& t : transcripts) {
    CAPTURE(std::string(t.server));
    const std::string bytes = message(t);
    for (const uint32_t read_size : {65536u, 1u, 2u, 3u, 7u, 61u}) replay(t, bytes, 0, read_size);
    for (const size_t longest : {5u, 40u, 41u, 42u, 300u, 301u}) replay(t, bytes, longest, 4096);
  }
}

// The chunks of a stream: what all have in front, a choice each, and what all have behind.
struct Form {
  std::string front, behind, end = "\n\n";
  std::string operator()(const std::string& choices, const std::string& rest = "") const {
    return front + "\"choices\":[" + choices + "]" + behind + rest + "}" + end;
  }
};

std::string event_stream(const char* more) {
  return std::string("Content-Type: text/event-stream\r\n") + more;
}
const std::string kUtf8Events =
    "Date: Thu, 15 Jan 2026 10:00:00 GMT\r\nContent-Type: text/event-stream; charset=utf-8\r\n";
const std::string kDone = "data: [DONE]\n\n";

}  // namespace

TEST_CASE("transcripts: OpenAI") {
  const Form gpt{R"(data: {"id":"chatcmpl-A1b2","object":"chat.completion.chunk",)"
                 R"("created":1768470000,"model":"gpt-4o-mini-2024-07-18",)"
                 R"("service_tier":"default","system_fingerprint":"fp_0123456789",)", ""};
  const std::string null_usage = R"(,"usage":null,"obfuscation":"kZ8v")";
  auto delta = [&](const std::string& fields, const std::string& reason = "null") {
    return gpt(R"({"index":0,"delta":{)" + fields + R"(},"logprobs":null,"finish_reason":)" +
                   reason + "}", null_usage);
  };
  const std::string usage =
      R"(,"usage":{"prompt_tokens":13,"completion_tokens":11,"total_tokens":24,)"
      R"("prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},)"
      R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,)"
      R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"obfuscation":"")";
  const std::string head = kUtf8Events + "Connection: keep-alive\r\nopenai-processing-ms: 281\r\n"
                                         "Server: cloudflare\r\nalt-svc: h3=\":443\"; ma=86400\r\n";
  replay_all({
      {"OpenAI, moderation behind the usage", Api::openai, head, 900,
       {delta(R"("role":"assistant","content":"","refusal":null)"),
        delta(R"("content":"Gr\u00fc")"), delta(R"("content":"n.")"), delta("", "\"stop\""),
        gpt("", usage),
        gpt("", R"(,"moderation":{"input":{"type":"moderation_results","results":[{"flagged":)"
                R"(false,"category_scores":{"violence/graphic":9.81832e-07}}]}})"), kDone},
       {.text = "Gr\xc3\xbcn.", .reason = "stop", .pieces = 2, .tokens = 11, .prompt = 13,
        .cached = 4}},
      {"OpenAI, a tool call", Api::openai, head, 0,
       {delta(R"("role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_Zx9",)"
              R"("type":"function","function":{"name":"river","arguments":""}}],"refusal":null)"),
        delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\""}}])"),
        delta(R"("tool_calls":[{"index":0,"function":{"arguments":"city"}}])"),
        delta(R"("tool_calls":[{"index":0,"function":{"arguments":"\":\"Ulm\"}"}}])"),
        delta("", "\"tool_calls\""), gpt("", usage), kDone},
       {.reason = "tool_calls", .pieces = 4, .tokens = 11, .prompt = 13, .cached = 4,
        .tools = R"(call_Zx9:river({"city":"Ulm"}))"}},
      {"OpenAI, a refusal", Api::openai, head, 333,
       {delta(R"("role":"assistant","content":null,"refusal":"")"), delta(R"("refusal":"I will")"),
        delta(R"("refusal":" not.")"), delta("", "\"stop\""), gpt("", usage), kDone},
       {.text = "I will not.", .reason = "refusal", .pieces = 2, .tokens = 11, .prompt = 13,
        .cached = 4}},
  });
}

TEST_CASE("transcripts: Azure") {
  const std::string safe = R"({"hate":{"filtered":false,"severity":"safe"},"violence":)"
                           R"({"filtered":false,"severity":"safe"}})";
  const std::string behind = R"(,"created":1768470000,"id":"chatcmpl-Az1","model":"gpt-4o",)"
                             R"("object":"chat.completion.chunk","system_fingerprint":"fp_1")";
  const Form azure{"data: {", behind};
  const Form blank{"data: {", R"(,"created":0,"id":"","model":"","object":"")"};
  const std::string asked = R"(,"prompt_filter_results":[{"prompt_index":0,)"
                            R"("content_filter_results":)" + safe + "}]";
  auto choice = [&](const std::string& fields, const std::string& reason) {
    return azure(R"({"content_filter_results":)" + safe + R"(,"delta":{)" + fields +
                 R"(},"finish_reason":)" + reason + R"(,"index":0,"logprobs":null})");
  };
  const std::string verdict =
      blank(R"({"content_filter_offsets":{"check_offset":44,"start_offset":44,"end_offset":198},)"
            R"("content_filter_results":)" + safe + R"(,"finish_reason":null,"index":0})");
  const std::string head = kUtf8Events + "x-ms-region: East US\r\nx-content-type-options: nosniff"
                                         "\r\napim-request-id: 00000000-0000\r\n";
  replay_all({
      {"Azure, filters that answer beside the text", Api::openai, head, 512,
       {blank("", asked), choice(R"("content":"","refusal":null,"role":"assistant")", "null"),
        choice(R"("content":"Eins")", "null"), verdict, choice(R"("content":", zwei")", "null"),
        choice("", "\"stop\""), verdict, kDone},
       {.text = "Eins, zwei", .reason = "stop", .pieces = 2}},
      {"Azure, stopped by a filter", Api::openai, head, 0,
       {blank("", asked), choice(R"("content":"Ei","role":"assistant")", "null"),
        choice("", "\"content_filter\""), kDone},
       {.text = "Ei", .reason = "content_filter", .pieces = 1}},
  });
}

TEST_CASE("transcripts: reasoning under every name") {
  const Form seek{R"(data: {"id":"33be-18fc","object":"chat.completion.chunk",)"
                  R"("created":1768470000,"model":"deepseek-reasoner",)"
                  R"("system_fingerprint":"fp_1_prod_kvcache",)", ""};
  auto deepseek = [&](const char* content, const char* thinking) {
    return seek(std::string(R"({"index":0,"delta":{"content":)") + content +
                    R"(,"reasoning_content":)" + thinking +
                    R"(},"logprobs":null,"finish_reason":null})", R"(,"usage":null)");
  };
  const Form mistral{R"(data: {"id":"9f9d","object":"chat.completion.chunk","created":1768470000,)"
                     R"("model":"magistral-medium-latest",)", ""};
  auto magistral = [&](const std::string& content, const std::string& rest = "null}") {
    return mistral(R"({"index":0,"delta":{"content":)" + content + R"(},"finish_reason":)" + rest);
  };
  auto thought = [&](const std::string& parts) {
    return magistral(R"([{"type":"thinking","thinking":[)" + parts + "]}]");
  };
  const Form open{R"(data: {"id":"gen-1768470000-aB","provider":"Parasail","model":"qwen/qwen3",)"
                  R"("object":"chat.completion.chunk","created":1768470000,)", ""};
  auto router = [&](const std::string& fields, const std::string& reason = "null") {
    return open(R"({"index":0,"delta":{"role":"assistant",)" + fields + R"(},"finish_reason":)" +
                reason + R"(,"native_finish_reason":)" + reason + R"(,"logprobs":null})");
  };
  const std::string processing = ": OPENROUTER PROCESSING\n\n";
  const std::string routed =
      R"("content":"","reasoning":"Hm","reasoning_details":[{"type":"reasoning.text","text":"Hm",)"
      R"("format":"unknown","index":0}])";
  const std::string cost =
      R"(,"usage":{"prompt_tokens":43,"completion_tokens":36,"total_tokens":79,"cost":0.000669,)"
      R"("is_byok":false,"prompt_tokens_details":{"cached_tokens":7,"audio_tokens":0},)"
      R"("cost_details":{"upstream_inference_cost":null}})";
  const std::string counted = open(
      R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null,)"
      R"("native_finish_reason":null,"logprobs":null})", cost);
  std::string failed = counted;
  failed.insert(failed.find(R"("model")"),
                R"("error":{"code":400,"message":"Token limit reached"},)");
  const Form zai{R"(data: {"id":"20260115","created":1768470000,"object":"chat.completion.chunk",)"
                 R"("model":"glm-4.7",)", ""};
  const Form snow{"data: {", R"(,"created":0,"id":"","model":"claude-sonnet-4-6",)"
                             R"("object":"chat.completion.chunk","service_tier":"",)"
                             R"("system_fingerprint":"")"};
  auto snowflake = [&](const std::string& content, const std::string& details) {
    return snow(R"({"delta":{"content":")" + content + "\"," + details +
                R"("refusal":"","role":"assistant","tool_calls":null},"index":0,)"
                R"("logprobs":{"content":null,"refusal":null}})");
  };
  replay_all({
      {"DeepSeek", Api::openai, kUtf8Events + "vary: origin, access-control-request-method\r\n",
       700,
       {": keep-alive\n\n", ": keep-alive\n\n",
        seek(R"({"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":""},)"
             R"("logprobs":null,"finish_reason":null})", R"(,"usage":null)"),
        deepseek("null", "\"Hm\""), deepseek("null", "\", so\""), deepseek("\"Ja\"", "null"),
        seek(R"({"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,)"
             R"("finish_reason":"stop"})",
             R"(,"usage":{"prompt_tokens":6,"completion_tokens":212,"total_tokens":218,)"
             R"("prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":)"
             R"({"reasoning_tokens":198},"prompt_cache_hit_tokens":3,)"
             R"("prompt_cache_miss_tokens":3})"),
        kDone},
       {.text = "Ja", .thinking = "Hm, so", .reason = "stop", .pieces = 3, .tokens = 212,
        .prompt = 6, .cached = 3}},
      {"Mistral, thinking in parts", Api::openai, kUtf8Events, 0,
       {mistral(R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null})"),
        magistral("\"\""), thought(R"({"type":"text","text":"Hm"})"),
        thought(R"({"type":"text","text":" so"})"), thought(""), magistral("\"Ja\""),
        magistral("\".\""),
        mistral(R"({"index":0,"delta":{"content":""},"finish_reason":"stop"})",
                R"(,"usage":{"prompt_tokens":10,"total_tokens":242,"completion_tokens":232})"),
        kDone},
       {.text = "Ja.", .thinking = "Hm so", .reason = "stop", .pieces = 4, .tokens = 232,
        .prompt = 10}},
      {"OpenRouter, usage behind the reason", Api::openai, event_stream("CF-RAY: 1\r\n"), 0,
       {processing, processing, router(R"("content":"","reasoning":null,"reasoning_details":[])"),
        router(routed), router(R"("content":"Ja","reasoning":null,"reasoning_details":[])"),
        router(R"("content":"","reasoning":null,"reasoning_details":[])", "\"stop\""), counted,
        kDone},
       {.text = "Ja", .thinking = "Hm", .reason = "stop", .pieces = 2, .tokens = 36, .prompt = 43,
        .cached = 7}},
      {"OpenRouter, an error behind the reason", Api::openai, event_stream(""), 100,
       {processing, router(routed, "\"length\""), failed, kDone},
       {.thinking = "Hm", .reason = "length", .pieces = 1, .tokens = 36, .prompt = 43, .cached = 7,
        .error = Errc::server_error, .words = "Token limit reached"}},
      {"Z.ai, no reason until the last", Api::openai,
       "Content-Type: text/event-stream;charset=UTF-8\r\n", kNoChunks,
       {zai(R"({"index":0,"delta":{"role":"assistant","reasoning_content":"\n1"}})"),
        zai(R"({"index":0,"delta":{"role":"assistant","content":"4"}})"),
        zai(R"({"index":0,"finish_reason":"stop","delta":{"role":"assistant","content":""}})",
            R"(,"usage":{"prompt_tokens":13,"completion_tokens":564,"total_tokens":577,)"
            R"("prompt_tokens_details":{"cached_tokens":0}})"),
        kDone},
       {.text = "4", .thinking = "\n1", .reason = "stop", .pieces = 2, .tokens = 564,
        .prompt = 13}},
      {"Snowflake, no reason at all, details alone", Api::openai, event_stream(""), 77,
       {snowflake("", R"("reasoning_details":[{"format":"anthropic-claude-v1","id":"r-1",)"
                      R"("index":0,"text":"15","type":"reasoning.text"}],)"),
        snowflake("40", ""), snowflake("5", ""),
        snow("", R"(,"usage":{"completion_tokens":73,"prompt_tokens":45,"prompt_tokens_details":)"
                 R"({"audio_tokens":0,"cached_tokens":0},"total_tokens":118})"),
        kDone},
       {.text = "405", .thinking = "15", .pieces = 3, .tokens = 73, .prompt = 45}},
  });
}

TEST_CASE("transcripts: hosted open models") {
  const Form gq{R"(data: {"id":"chatcmpl-4ef9","object":"chat.completion.chunk",)"
                R"("created":1768470000,"model":"openai/gpt-oss-120b",)"
                R"("system_fingerprint":"fp_c82f",)", ""};
  auto groq = [&](const std::string& fields, const std::string& rest = "") {
    return gq(R"({"index":0,"delta":{)" + fields + R"(},"logprobs":null,"finish_reason":null})",
              rest);
  };
  const std::string opened = groq(R"("role":"assistant","content":"")",
                                  R"(,"x_groq":{"id":"req_01k","seed":581043163})");
  const std::string mused = groq(R"("reasoning":"Hm","channel":"analysis")");
  const Form tg{R"(data: {"id":"oV1-28-9c","object":"chat.completion.chunk","created":1768470000,)",
                R"(,"model":"deepseek-ai/DeepSeek-R1")"};
  auto together = [&](const std::string& text, const std::string& reason = "null",
                      const std::string& usage = "null") {
    return tg(R"({"index":0,"text":")" + text + R"(","logprobs":null,"finish_reason":)" + reason +
                  R"(,"seed":7228414683750928000,"delta":{"token_id":201,"role":"assistant",)"
                  R"("content":")" + text + "\"}}", R"(,"usage":)" + usage);
  };
  const Form nv{R"(data: {"id":"ebaf","object":"chat.completion.chunk","created":1768470000,)"
                R"("model":"meta-llama/llama-3.1-8b-instruct",)", R"(,"system_fingerprint":"")"};
  const std::string sla = R"(,"sla_metrics":{"ttft_ms":274,"ts_us":1786507380308596})";
  const Form gm{"data: {", R"(,"created":1768470000,"id":"x1y2","model":"gemini-3-flash",)"
                           R"("object":"chat.completion.chunk")"};
  auto gemini = [&](const std::string& call, const char* reason = "") {
    return gm(R"({"delta":{"role":"assistant","tool_calls":[{"extra_content":{"google":)"
              R"({"thought_signature":"AAo="}},)" + call + "}]}," + reason + R"("index":0})",
              R"(,"usage":{"completion_tokens":9,"prompt_tokens":31,"total_tokens":40})");
  };
  replay_all({
      {"Groq, usage in a corner of its own", Api::openai, event_stream("x-groq-region: us\r\n"), 0,
       {opened, mused,
        groq(R"("tool_calls":[{"id":"fc_2","type":"function","function":{"name":"end",)"
             R"("arguments":"{\"a\":\"no\"}"},"index":0}])"),
        gq(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"})",
           R"(,"x_groq":{"id":"req_01k","usage":{"queue_time":0.0053,"prompt_tokens":343,)"
           R"("prompt_time":0.0168,"completion_tokens":180,"completion_time":0.379,)"
           R"("total_tokens":523,"total_time":0.395}})"),
        kDone},
       {.thinking = "Hm", .reason = "tool_calls", .pieces = 2, .tokens = 180, .prompt = 343,
        .tools = R"(fc_2:end({"a":"no"}))"}},
      {"Groq, an error event behind text", Api::openai, event_stream(""), kNoChunks,
       {opened, mused, groq(R"("content":"maybe")"),
        "event: error\ndata: {\"error\":{\"message\":\"Tool choice is required\",\"type\":"
        "\"invalid_request_error\",\"code\":\"tool_use_failed\",\"failed_generation\":\"\","
        "\"status_code\":400}}\n\n"},
       {.text = "maybe", .thinking = "Hm", .pieces = 2, .error = Errc::server_error,
        .words = "Tool choice is required", .done = false}},
      {"Together, everything twice, thinking in the text", Api::openai,
       "Content-Type: text/event-stream;charset=utf-8\r\n", 1000,
       {together("<think>"), together("\\n"), together("Hm"), together("</think>"),
        together("\\n\\n"), together("Ja"), together(" \xf0\x9f\x8c\x9f"), together(""),
        together("", "\"stop\"", R"({"prompt_tokens":10,"completion_tokens":955,)"
                                 R"("total_tokens":965,"cached_tokens":2})"),
        kDone},
       {.text = "Ja \xf0\x9f\x8c\x9f", .thinking = "\nHm", .reason = "stop", .pieces = 7,
        .tokens = 955, .prompt = 10, .cached = 2}},
      {"Novita, a role alone", Api::openai, event_stream(""), 0,
       {nv(R"({"index":0,"delta":{"role":"assistant"},"finish_reason":null})", sla),
        nv(R"({"index":0,"delta":{"content":"Ulm"},"finish_reason":null})", sla),
        nv(R"({"index":0,"delta":{},"finish_reason":"stop"})", sla),
        nv("", R"(,"usage":{"prompt_tokens":40,"completion_tokens":2,"total_tokens":42,)"
               R"("prompt_tokens_details":null,"completion_tokens_details":null})" + sla),
        kDone},
       {.text = "Ulm", .reason = "stop", .pieces = 1, .tokens = 2, .prompt = 40}},
      {"Gemini, tool calls without an index", Api::openai, event_stream("Server: scaffolding\r\n"),
       64,
       {gemini(R"("function":{"arguments":"{\"path\":\"a\"}","name":"read"},"id":"call_1",)"
               R"("type":"function")"),
        gemini(R"("function":{"arguments":"{\"path\":\"b\"}","name":"read"},"id":"call_2",)"
               R"("type":"function")", R"("finish_reason":"tool_calls",)"),
        kDone},
       {.reason = "tool_calls", .pieces = 2, .tokens = 9, .prompt = 31,
        .tools = R"(call_1:read({"path":"a"})call_2:read({"path":"b"}))"}},
  });
}

TEST_CASE("transcripts: servers of one's own") {
  const Form vl{R"(data: {"id":"chatcmpl-bcfb","object":"chat.completion.chunk",)"
                R"("created":1768470000,"model":"meta-llama/Llama-3.3-70B-Instruct",)", ""};
  auto vllm = [&](const std::string& fields, const char* reason = R"("finish_reason":null)") {
    return vl(R"({"index":0,"delta":{)" + fields + R"(},"logprobs":null,)" + reason +
              R"(,"token_ids":null})");
  };
  const Form sg{R"(data: {"id":"fea4","object":"chat.completion.chunk","created":1768470000,)"
                R"("model":"default",)", ""};
  auto sglang = [&](const char* role, const char* content, const char* thinking,
                    const char* reason = R"("finish_reason":null,"matched_stop":null)") {
    return sg(std::string(R"({"index":0,"delta":{"role":)") + role + R"(,"content":)" + content +
                  R"(,"reasoning_content":)" + thinking +
                  R"(,"tool_calls":null},"logprobs":null,)" + reason + "}", R"(,"usage":null)");
  };
  const Form lc{"data: {", R"(,"created":1768470000,"id":"chatcmpl-qC6l","model":"g.gguf",)"
                           R"("system_fingerprint":"b9554-d403f00ec",)"
                           R"("object":"chat.completion.chunk")"};
  auto llama = [&](const std::string& fields, const std::string& ms) {
    return lc(R"({"finish_reason":null,"index":0,"delta":{)" + fields + "}}",
              R"(,"timings":{"cache_n":7,"prompt_n":10,"prompt_ms":251.5,"prompt_per_token_ms":)"
              R"(25.15,"predicted_n":28,"predicted_ms":)" + ms + R"(,"draft_n":30})");
  };
  const Form lm{R"(data: {"id":"chatcmpl-um3b","object":"chat.completion.chunk",)"
                R"("created":1768470000,"model":"qwen3-4b","system_fingerprint":"qwen3-4b",)", ""};
  auto studio = [&](const std::string& fields, const char* reason = "null") {
    return lm(R"({"index":0,"delta":{)" + fields + R"(},"logprobs":null,"finish_reason":)" +
              reason + "}");
  };
  const Form hf{R"(data: {"object":"chat.completion.chunk","id":"","created":1768470000,)"
                R"("model":"/models/q","system_fingerprint":"2.4.1-sha-d2ed52f",)", ""};
  auto tgi = [&](const std::string& name, const std::string& arguments, const char* reason) {
    return hf(R"({"index":0,"delta":{"role":"assistant","tool_calls":{"index":0,"id":"",)"
              R"("type":"function","function":{"name":)" + name + R"(,"arguments":")" + arguments +
                  R"("}}},"logprobs":null,"finish_reason":)" + reason + "}", R"(,"usage":null)");
  };
  const std::string uvicorn = "date: Thu, 15 Jan 2026 10:00:00 GMT\r\nserver: uvicorn\r\n"
                              "content-type: text/event-stream; charset=utf-8\r\n";
  replay_all({
      {"vLLM", Api::openai, uvicorn, 0,
       {vl(R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,)"
           R"("finish_reason":null})", R"(,"prompt_token_ids":null,"prompt_text":null)"),
        vllm(R"("content":"1")"), vllm(R"("content":",")"), vllm(R"("content":"2")"),
        vllm("", R"("finish_reason":"stop","stop_reason":null)"),
        vl("", R"(,"usage":{"prompt_tokens":46,"total_tokens":60,"completion_tokens":14,)"
               R"("prompt_tokens_details":{"cached_tokens":16}},"system_fingerprint":)"
               R"("vllm-0.24.0-tp4")"),
        kDone},
       {.text = "1,2", .reason = "stop", .pieces = 3, .tokens = 14, .prompt = 46, .cached = 16}},
      {"SGLang, null for what is not there", Api::openai, uvicorn, 0,
       {sglang("\"assistant\"", "\"\"", "null"), sglang("null", "null", "\"Hm\""),
        sglang("null", "\"Ja\"", "null"),
        sglang("null", "null", "null", R"("finish_reason":"stop","matched_stop":200002)"),
        sg("", R"(,"usage":{"prompt_tokens":96,"total_tokens":207,"completion_tokens":111,)"
               R"("prompt_tokens_details":{"cached_tokens":64},"reasoning_tokens":91})"),
        kDone},
       {.text = "Ja", .thinking = "Hm", .reason = "stop", .pieces = 2, .tokens = 111, .prompt = 96,
        .cached = 64}},
      {"llama.cpp, timings with every token", Api::openai,
       "Keep-Alive: timeout=5, max=100\r\nContent-Type: text/event-stream\r\nServer: llama.cpp\r\n"
       "Access-Control-Allow-Origin: \r\n", 0,
       {lc(R"({"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}})"),
        llama(R"("reasoning_content":"Hm")", "407.596"), llama(R"("content":"Ja")", "434.5"),
        lc(R"({"finish_reason":"stop","index":0,"delta":{}})"),
        lc("", R"(,"usage":{"completion_tokens":29,"prompt_tokens":17,"total_tokens":46},)"
               R"("timings":{"cache_n":7,"prompt_n":10,"prompt_ms":251.5,"predicted_n":29,)"
               R"("predicted_ms":450.25,"predicted_per_second":66.73})"),
        kDone},
       {.text = "Ja", .thinking = "Hm", .reason = "stop", .pieces = 2, .tokens = 29, .prompt = 17,
        .cached = 7, .prompt_time = 251500000, .time = 450250000}},
      {"LM Studio, a name that is empty later", Api::openai,
       "X-Powered-By: Express\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n", 0,
       {studio(R"("role":"assistant","content":"\n")"),
        studio(R"("tool_calls":[{"index":0,"id":"345","type":"function","function":{"name":"look",)"
               R"("arguments":""}}])"),
        studio(R"("tool_calls":[{"index":0,"function":{"name":"","arguments":"{\"q\":"}}])"),
        studio(R"("tool_calls":[{"index":0,"function":{"name":"","arguments":"1}"}}])"),
        studio("", "\"tool_calls\""), kDone},
       {.text = "\n", .reason = "tool_calls", .pieces = 4, .tools = R"(345:look({"q":1}))"}},
      {"Hugging Face's, one tool call that is no array", Api::openai,
       event_stream("vary: origin\r\n"), 200,
       {tgi("\"look\"", "", "null"), tgi("null", "{\\\"q\\\":", "null"), tgi("null", "1}", "null"),
        tgi("null", "", "\"stop\""),
        hf("", R"(,"usage":{"prompt_tokens":20,"completion_tokens":12,"total_tokens":32})"), kDone},
       {.reason = "stop", .pieces = 4, .tokens = 12, .prompt = 20, .tools = R"(:look({"q":1}))"}},
  });
}

TEST_CASE("transcripts: Ollama") {
  auto native = [](const std::string& fields) {
    return R"({"model":"qwen3:0.6b","created_at":"2026-01-15T14:11:06.261947395Z",)" + fields +
           "}\n";
  };
  auto chat = [&](const std::string& fields) {
    return native(R"("message":{"role":"assistant","content":)" + fields + R"(},"done":false)");
  };
  const std::string figures =
      R"("done":true,"done_reason":"stop","total_duration":2856251319,"load_duration":2896102,)"
      R"("prompt_eval_count":156,"prompt_eval_cached_count":18,"prompt_eval_duration":1709067000,)"
      R"("eval_count":20,"eval_duration":1138820000)";
  const std::string last = native(R"("message":{"role":"assistant","content":""},)" + figures);
  const Form v1{R"(data: {"id":"chatcmpl-424","object":"chat.completion.chunk",)"
                R"("created":1768470000,"model":"gpt-oss:20b","system_fingerprint":"fp_ollama",)",
                ""};
  auto compatible = [&](const std::string& fields, const char* reason) {
    return v1(R"({"index":0,"delta":{"role":"assistant",)" + fields + R"(},"finish_reason":)" +
              reason + "}");
  };
  const std::string lines = "Content-Type: application/x-ndjson\r\n"
                            "Date: Thu, 15 Jan 2026 10:00:00 GMT\r\n";
  const Expected want{.text = "2 + 3", .thinking = "Hm,", .reason = "stop", .pieces = 4,
                      .tokens = 20, .prompt = 156, .cached = 18, .prompt_time = 1709067000,
                      .time = 1138820000};
  Expected called = want, short_one = want;
  called.text = called.thinking = "";
  called.pieces = 1;
  called.tools = R"(call_s4:weather({"city":"Ulm"}))";
  short_one.text = "5";
  short_one.thinking = "We";
  short_one.pieces = 2;
  short_one.cached = 0;
  replay_all({
      {"Ollama, chat with thinking", Api::ollama_chat, lines, 0,
       {chat(R"("","thinking":"Hm")"), chat(R"("","thinking":",")"), chat("\"2\""),
        chat("\" + 3\""), last},
       want},
      {"Ollama, chat with a tool call", Api::ollama_chat, lines, 50,
       {chat(R"("","tool_calls":[{"id":"call_s4","function":{"index":0,"name":"weather",)"
             R"("arguments":{"city":"Ulm"}}}])"), last},
       called},
      {"Ollama, generate with thinking and a context", Api::ollama, lines, 0,
       {native(R"("response":"","done":false)"),
        native(R"("response":"","thinking":"We","done":false)"),
        native(R"("response":"5","done":false)"),
        native(R"("response":"","done":true,"done_reason":"stop","context":[200006,17360],)"
               R"("total_duration":1,"load_duration":1,"prompt_eval_count":156,)"
               R"("prompt_eval_duration":1709067000,"eval_count":20,"eval_duration":1138820000)")},
       short_one},
      {"Ollama, OpenAI's dialect", Api::openai, event_stream(""), 0,
       {compatible(R"("content":"","reasoning":"The")", "null"),
        compatible(R"("content":"","reasoning":" user")", "null"),
        compatible(R"("content":"Ja")", "null"), compatible(R"("content":"")", "\"stop\""),
        v1("", R"(,"usage":{"prompt_tokens":26,"prompt_tokens_details":{"cached_tokens":1},)"
               R"("completion_tokens":56,"total_tokens":82})"),
        kDone},
       {.text = "Ja", .thinking = "The user", .reason = "stop", .pieces = 3, .tokens = 56,
        .prompt = 26, .cached = 1}},
      {"Ollama of old, a reason that is empty", Api::openai, event_stream(""), kNoChunks,
       {compatible(R"("content":" Hello")", "\"\""), compatible(R"("content":"!")", "\"\""),
        compatible(R"("content":"")", "\"stop\""), kDone},
       {.text = " Hello!", .reason = "stop", .pieces = 2}},
  });
}
