// runs: linux tsan
//
// A call that is given up, and races, under every runtime: the socket is closed at once, whatever
// worker it is on.
#include "tests/llm/model_server.hpp"

using namespace chimera_test;
using namespace chimera::llm;
using rt::Kind;

namespace {

constexpr Kind kKinds[] = {Kind::local, Kind::fixed, Kind::steal, Kind::bridge};

// Models on worker 0, beside the client.
struct Farm {
  explicit Farm(size_t n) : models(n), listeners(n) {
    for (net::Listener& l : listeners) {
      REQUIRE(l.open(*sys::parse_ip("127.0.0.1", 0)));
      urls.push_back(*wire::parse_url("http://" + to_text(*l.address())));
    }
  }
  std::vector<Model> models;
  std::vector<net::Listener> listeners;
  std::vector<wire::Url> urls;
  ClientSettings settings;
};

rt::Task<void> beside(Farm& farm, rt::Task<void> client) {
  rt::Scope scope;
  for (size_t i = 0; i < farm.models.size(); ++i) {
    scope.start(net::serve(farm.listeners[i], farm.models[i]), rt::Place::here());
  }
  rt::Scope inner;
  inner.start(std::move(client), rt::Place::here());
  co_await inner.join();
  rt::Runtime::current()->stop();
  co_await scope.join();
}

void run(Farm& farm, Kind kind, rt::Task<void> client) {
  watch(120);
  rt::RuntimeConfig config;
  config.kind = kind;
  config.threads = kind == Kind::local ? 1 : 3;
  rt::Runtime runtime;
  REQUIRE(runtime.open(config).has_value());
  runtime.run(beside(farm, std::move(client)));
  watch(0);
}

rt::Task<void> generate(Endpoint& endpoint, rt::Stop& stop, Call& call) {
  const Options options;
  Request request{"m", "p", {}, options};
  request.stop = &stop;
  co_await endpoint.generate(request, nullptr, call);
}

// Asks, and gives up after a while; then asks again, with the same endpoint, and does not.
rt::Task<void> give_up(Farm& farm, Call& first, Call& second) {
  Dialect dialect;
  Endpoint endpoint(farm.urls[0], farm.settings, dialect);
  {
    rt::Stop stop;
    rt::Scope scope;
    scope.start(generate(endpoint, stop, first), rt::Place::here());
    rt::Sleep moment(sys::now() + 30 * kMilli);
    co_await moment;
    stop.request();
    co_await scope.join();
  }
  while (farm.models[0].left == 0) co_await rt::yield();
  farm.models[0].wait = 0;
  rt::Stop stop;
  co_await generate(endpoint, stop, second);
}

rt::Task<void> races(Farm& farm, int times, std::string& text) {
  Servers servers(farm.urls, farm.settings, Policy::race);
  Caller caller(servers);
  const Options options;
  rt::Stop stop;
  Request request{"m", "p", {}, options};
  request.stop = &stop;
  for (int i = 0; i < times; ++i) {
    Call call;
    co_await caller.generate(request, nullptr, call);
    text += call.text;
    text += std::to_string(call.server);
  }
}

rt::Task<void> turns(Servers& servers, int times, std::atomic<int>& good) {
  Caller caller(servers);
  const Options options;
  const Request request{"m", "p", {}, options};
  for (int i = 0; i < times; ++i) {
    Call call;
    co_await caller.generate(request, nullptr, call);
    good += !call.failed;
  }
}
rt::Task<void> many(Farm& farm, Policy policy, std::atomic<int>& good) {
  Servers servers(farm.urls, farm.settings, policy);
  rt::Scope scope;
  for (int i = 0; i < 6; ++i) {
    const int workers = rt::Runtime::current()->workers();
    const bool bridge = rt::Runtime::current()->config().kind == Kind::bridge;
    scope.start(turns(servers, 5, good), rt::Place::on(bridge ? 0 : i % workers));
  }
  co_await scope.join();
}

}  // namespace

TEST_CASE("a call is given up by its Stop, under every runtime") {
  for (const Kind kind : kKinds) {
    CAPTURE(rt::name_of(kind));
    Farm farm(1);
    farm.models[0].wait = 100 * kSecond;
    Call first, second;
    const Nanos start = sys::now();
    run(farm, kind, give_up(farm, first, second));
    CHECK(first.failed);
    CHECK(first.error.code == Errc::cancelled);
    CHECK(first.attempts == 1);
    CHECK_FALSE(second.failed);
    CHECK(second.text == "word");
    CHECK(sys::now() - start < 60 * kSecond);
  }
}

TEST_CASE("races under every runtime") {
  for (const Kind kind : kKinds) {
    CAPTURE(rt::name_of(kind));
    Farm farm(3);
    farm.models[0].wait = farm.models[2].wait = 100 * kSecond;
    std::string text;
    run(farm, kind, races(farm, 10, text));
    std::string want;
    for (int i = 0; i < 10; ++i) want += "word1";
    CHECK(text == want);
    CHECK(farm.models[0].left != 0);
    CHECK(farm.models[2].left != 0);
  }
}

TEST_CASE("callers on several workers share the servers") {
  for (const Kind kind : kKinds) {
    for (const Policy policy : {Policy::round_robin, Policy::least, Policy::race}) {
      CAPTURE(rt::name_of(kind));
      Farm farm(3);
      farm.models[1].status = 500;
      std::atomic<int> good{0};
      run(farm, kind, many(farm, policy, good));
      CHECK(good == 30);
    }
  }
}
