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

