// runs: linux tsan
//
// Bridge: tasks on one worker, their exchanges on others, and back. And what all kinds have in
// common: names and defaults.
#include <algorithm>

#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;
using rt::Kind;
using rt::Place;

namespace {

const net::Deadline kNone;

rt::Task<void> say_where(std::vector<int>& log) {
  log.push_back(here());
  co_return;
}
rt::Task<void> exchanges(int n, std::vector<int>& there, std::vector<int>& back) {
  rt::IoSide io;
  for (int i = 0; i < n; ++i) {
    rt::Task<void> work = say_where(there);
    co_await io.run(std::move(work));
    back.push_back(here());
  }
}
rt::Task<void> two_sides(std::vector<int>& there) {
  rt::IoSide first, second;
  for (int i = 0; i < 3; ++i) {
    rt::Task<void> one = say_where(there);
    co_await first.run(std::move(one));
    rt::Task<void> two = say_where(there);
    co_await second.run(std::move(two));
  }
}

rt::Task<void> log_id(std::vector<int>& log, int id) {
  log.push_back(id);   // always by the one I/O worker
  co_return;
}
rt::Task<void> agent(std::vector<int>& log, int id) {
  rt::IoSide io;
  for (int i = 0; i < 3; ++i) {
    rt::Task<void> work = log_id(log, id);
    co_await io.run(std::move(work));
  }
}
rt::Task<void> agents(std::vector<int>& log, int n) {
  rt::Scope scope;
  for (int i = 0; i < n; ++i) scope.start(agent(log, i));
  co_await scope.join();
}

// A connection that is made, used and ended on the I/O side, by a task that is not there.
rt::Task<void> open_there(sys::Address to, net::Stream& stream) {
  Result<net::Stream> dialled = co_await net::dial(to, kNone);
  REQUIRE(dialled.has_value());
  stream = std::move(*dialled);
}
rt::Task<void> use_there(net::Stream& stream, std::string& got) {
  Result<void> sent = co_await stream.write_all("hello", kNone);
  REQUIRE(sent.has_value());
  Result<std::string_view> part = co_await stream.read_some(kNone);
  REQUIRE(part.has_value());
  got += *part;
}
rt::Task<void> bridged_stream(std::string& got) {
  net::Listener listener;
  REQUIRE(listener.open(*sys::parse_ip("127.0.0.1", 0)).has_value());
  rt::Scope scope;
  scope.start(echo(listener, 3), Place::here());
  {
    net::Stream stream;
    rt::IoSide io;
    rt::Task<void> open = open_there(*listener.address(), stream);
    co_await io.run(std::move(open));
    for (int i = 0; i < 3; ++i) {
      rt::Task<void> use = use_there(stream, got);
      co_await io.run(std::move(use));
    }
  }   // closed here, by the worker that knows it
  co_await scope.join();
}

}  // namespace

TEST_CASE("bridge: an exchange is one hop there and one back, always to the same worker") {
  std::vector<int> there, back;
  Bench bench(Kind::bridge, 2);
  CHECK(bench.runtime.workers() == 3);
  bench.run(exchanges(50, there, back));
  CHECK(there == std::vector<int>(50, 1));
  CHECK(back == std::vector<int>(50, 0));
  CHECK(bench.runtime.worker(1).counters().posted == 50);
  CHECK(bench.runtime.worker(0).counters().posted <= 50);   // who is back before the join is not
  CHECK(bench.runtime.counters().resumes == 50 + 51);
}

TEST_CASE("bridge: each connection has a worker of its own, round robin") {
  std::vector<int> there;
  Bench bench(Kind::bridge, 2);
  bench.run(two_sides(there));
  CHECK(there == std::vector<int>{1, 2, 1, 2, 1, 2});
}

TEST_CASE("bridge: exchanges are served in the order they were asked for") {
  std::vector<int> log;
  Bench bench(Kind::bridge, 1);
  bench.run(agents(log, 5));
  REQUIRE(log.size() == 15);
  int asked[5] = {};
  for (const int id : log) ++asked[id];
  for (const int n : asked) CHECK(n == 3);
  CHECK(std::is_sorted(log.begin(), log.begin() + 5));
}

TEST_CASE("bridge: under every other kind an exchange is made in place") {
  for (const Kind kind : {Kind::local, Kind::fixed, Kind::steal}) {
    CAPTURE(rt::name_of(kind));
    std::vector<int> there, back;
    Bench bench(kind, 2);
    bench.run(exchanges(10, there, back));
    CHECK(there == std::vector<int>(10, 0));
    CHECK(back == there);
    CHECK(bench.runtime.counters().posted == 0);
  }
}

TEST_CASE("bridge: a connection lives on the I/O side") {
  const size_t before = open_descriptors();
  {
    std::string got;
    Bench bench(Kind::bridge, 2);
    bench.run(bridged_stream(got));
    CHECK(got == "hellohellohello");
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("runtime: names, and what each kind's default is") {
  struct Row {
    Kind kind;
    const char* name;
    int workers;
  };
  const Row rows[] = {{Kind::local, "local", 1},
                      {Kind::fixed, "fixed", 2},
                      {Kind::steal, "steal", sys::core_count()},
                      {Kind::bridge, "bridge", 3}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(std::string(rt::name_of(row.kind)) == row.name);
    const Result<Kind> parsed = rt::parse_kind(row.name);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.kind);
    Bench bench(row.kind);
    CHECK(bench.runtime.workers() == row.workers);
  }
  CHECK(!rt::parse_kind("threads").has_value());
  CHECK(!rt::parse_kind("").has_value());
}
