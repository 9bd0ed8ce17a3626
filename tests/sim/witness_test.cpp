// runs: linux virtual
#include "chimera/llm/endpoint.hpp"
#include "chimera/sim/server.hpp"
#include "tests/net/raw_client.hpp"

using namespace chimera;
using namespace chimera_test;

namespace {

struct Seen final : sim::Witness {
  void on_request(uint64_t number, std::string_view text, int64_t with_seed, Nanos at) override {
    asked = text;
    request = number;
    seed = with_seed;
    arrived = at;
  }
  void on_event(uint64_t number, std::string_view words, size_t bytes, Nanos due) override {
    CHECK(number == request);
    CHECK((bytes == 0 || bytes > words.size()));
    text.append(words);
    line_bytes += bytes;
    planned.push_back(due);
  }
  void on_sent(uint64_t number, Nanos at) override {
    CHECK(number == request);
    while (sent.size() < planned.size()) sent.push_back(at);
    last = at;
  }
  std::string asked;
  uint64_t request = 0;
  int64_t seed = 0;
  Nanos arrived = 0, last = 0;
  std::string text;
  size_t line_bytes = 0;
  std::vector<Nanos> planned, sent;
};

// What a witness sees of one request on that route.
Seen seen_on(std::string_view path, std::string_view fields) {
  sim::Settings settings;
  constexpr const char* kSpec = "ttft=1ms,rate=2000,tokens=9,thinking=4,tool-calls=1";
  REQUIRE(sim::set_all(settings, kSpec).has_value());
  Seen seen;
  sim::Server server;
  REQUIRE(server.open(settings, &seen).has_value());
  const sys::Address at = server.address().value();
  const std::string body = std::string(R"({"model":"m","stream":true,)").append(fields) + "}";
  const std::string wire = std::string("POST ").append(path) +
                           " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\n\r\n" + body;
  const std::vector<std::string_view> pieces{wire};
  std::string reply;
  run_beside(server.run(), [&] { return converse(at, pieces, reply); });
  CHECK(reply.starts_with("HTTP/1.1 200"));
  return seen;
}

rt::Task<void> ask(sys::Address at, int64_t seed, llm::Call& call) {
  wire::Url url;
  url.host = "127.0.0.1";
  url.port = at.port;
  llm::ClientSettings settings;
  settings.policy.keep_alive = false;
  llm::Dialect dialect;
  llm::Endpoint endpoint(url, settings, dialect);
  llm::Options options;
  if (seed >= 0) options.seed = seed;
  const llm::Request request{"m", "hello", {}, options};
  co_await endpoint.generate(request, nullptr, call);
}

void converse_with(std::string_view spec, int64_t seed, Seen& seen, llm::Call& call) {
  sim::Settings settings;
  REQUIRE(sim::set_all(settings, spec).has_value());
  sim::Server server;
  REQUIRE(server.open(settings, &seen).has_value());
  const sys::Address at = server.address().value();
  run_beside(server.run(), [&] { return ask(at, seed, call); });
}

}  // namespace

TEST_CASE("the witness sees what the client gets, and when it was due") {
  Seen seen;
  llm::Call call;
  converse_with("ttft=2ms,rate=2000,tokens=20", 7, seen, call);
  REQUIRE_FALSE(call.failed);
  CHECK(seen.request == 1);
  CHECK(seen.seed == 7);
  CHECK(seen.text == call.text);
  CHECK(seen.line_bytes < call.body_bytes);   // the last record is no event
  REQUIRE(seen.planned.size() == 20);
  REQUIRE(seen.sent.size() == 20);
  CHECK(seen.planned[0] >= seen.arrived + 2 * kMilli);
  CHECK(seen.last >= seen.sent[19]);
  for (size_t k = 0; k < 20; ++k) {
    CAPTURE(k);
    CHECK(seen.planned[k] == seen.planned[0] + static_cast<Nanos>(k) * 500 * kMicro);
    CHECK(seen.sent[k] >= seen.planned[k]);
  }
  CHECK(seen.sent[0] <= call.first_token);
}

TEST_CASE("the witness: no seed, and an answer that breaks off") {
  Seen seen;
  llm::Call call;
  converse_with("ttft=0,rate=2000,tokens=20,fault=fin:1@5", -1, seen, call);
  CHECK(call.failed);
  CHECK(seen.seed == -1);
  CHECK(seen.planned.size() == 5);
  CHECK(seen.sent.size() == 5);
  CHECK(seen.text == call.text);
}

TEST_CASE("the witness: reasoning, text and calls of every route, the same for the same seed") {
  constexpr const char* kAsked = R"("messages":[{"role":"user","content":"q"}])";
  constexpr const char* kTools = R"("tools":[{"function":{"name":"f"}}])";
  const std::string chat = std::string(kAsked) + "," + kTools;
  const Seen ollama = seen_on("/api/chat", chat + R"(,"options":{"seed":3})");
  const Seen openai = seen_on("/v1/chat/completions", chat + R"(,"seed":3)");
  CHECK(ollama.seed == 3);
  CHECK(openai.seed == 3);
  CHECK(ollama.planned.size() == 15);  // 4 and 9, and "{" and "}"
  CHECK(ollama.text.ends_with("{}"));
  CHECK(ollama.text == openai.text);
  CHECK(openai.planned.size() == 15);
  CHECK(openai.sent.size() == 15);
  const Seen generate = seen_on("/api/generate", R"("prompt":"q","options":{"seed":3})");
  CHECK(generate.asked == "q");
  CHECK(ollama.asked == "q");
  CHECK(generate.planned.size() == 13);
  CHECK(generate.text + "{}" == ollama.text);
  const Seen text = seen_on("/v1/completions", R"("prompt":"q","seed":3)");
  CHECK(text.planned.size() == 9);
  CHECK(generate.text.ends_with(text.text));
}
