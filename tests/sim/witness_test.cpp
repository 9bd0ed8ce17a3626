// runs: linux virtual
#include "chimera/llm/endpoint.hpp"
#include "chimera/sim/server.hpp"
#include "tests/net/raw_client.hpp"

using namespace chimera;
using namespace chimera_test;

namespace {

struct Seen final : sim::Witness {
  void on_request(uint64_t number, int64_t with_seed, Nanos at) override {
    request = number;
    seed = with_seed;
    arrived = at;
  }
  void on_event(uint64_t number, std::string_view words, size_t bytes, Nanos due) override {
    CHECK(number == request);
    CHECK(bytes > words.size());
    text.append(words);
    line_bytes += bytes;
    planned.push_back(due);
  }
  void on_sent(uint64_t number, Nanos at) override {
    CHECK(number == request);
    while (sent.size() < planned.size()) sent.push_back(at);
    last = at;
  }
  uint64_t request = 0;
  int64_t seed = 0;
  Nanos arrived = 0, last = 0;
  std::string text;
  size_t line_bytes = 0;
  std::vector<Nanos> planned, sent;
};

rt::Task<void> ask(sys::Address at, int64_t seed, llm::Call& call) {
  wire::Url url;
  url.host = "127.0.0.1";
  url.port = at.port;
  llm::ClientSettings settings;
  settings.policy.keep_alive = false;
  llm::Endpoint endpoint(url, settings);
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
