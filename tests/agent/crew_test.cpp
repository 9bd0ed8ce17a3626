#include "chimera/agent/crew.hpp"

#include <algorithm>
#include <filesystem>

#include "chimera/lab/record.hpp"
#include "chimera/net/http_server.hpp"
#include "tests/net/raw_client.hpp"

using namespace chimera;
using namespace chimera::agent;

namespace {

// Answers the analysis call with a recommendation, and the report call with what the test says.
struct Model : net::Handler {
  std::string report;
  int inside = 0, most_inside = 0, calls = 0;
  bool welcome(uint64_t) override { return true; }
  rt::Task<net::After> handle(const net::ServerRequest& request, net::Stream& stream,
                              net::Peer&) override {
    ++calls;
    most_inside = std::max(most_inside, ++inside);
    co_await rt::yield();
    const bool last = request.body.find("technical report") != std::string::npos;
    const std::string text = last ? report : "I recommend x.";
    const std::string body =
        "{\"response\":\"" + text + "\",\"done\":false}\n"
        "{\"done\":true,\"done_reason\":\"stop\",\"eval_count\":3,\"eval_duration\":1000000}\n";
    const auto sent = co_await net::respond(stream, 200, "application/x-ndjson", body, true);
    --inside;
    co_return sent ? net::After::keep : net::After::close;
  }
};

rt::Task<void> keep_busy(Nanos length) {
  for (const Nanos end = sys::now() + length; sys::now() < end;) {
  }
  co_return;
}

// Runs a crew behind something else that keeps the only worker busy for so long.
rt::Task<void> run_behind(const CrewSettings& settings, Nanos busy, RunOutcome& outcome) {
  rt::Scope other;
  other.start(keep_busy(busy), rt::Place::here());
  const std::span<Progress> unwatched;
  co_await run_crew(settings, 1, unwatched, outcome);
  co_await other.join();
}

// Calls `work` with the settings of a crew whose model this is.
template <class Work>
void with_model(Model& model, Work work) {
  net::Listener listener;
  REQUIRE(listener.open(sys::parse_ip("127.0.0.1", 0).value()).has_value());
  CrewSettings settings;
  settings.directory = (std::filesystem::temp_directory_path() / "chimera_crew_test").string();
  std::filesystem::create_directories(settings.directory);
  wire::Url url = wire::parse_url("http://127.0.0.1:1").value();
  url.port = listener.address()->port;
  settings.endpoints = {url};
  llm::Dialect dialect;
  settings.dialects = std::span(&dialect, 1);
  settings.agents = make_agents(Scenario::baseline_vs_chimera, 2, "m", settings.endpoints, {});
  chimera_test::run_beside(net::serve(listener, model), [&] { return work(settings); });
  std::filesystem::remove(settings.directory);
}

RunOutcome run_with(std::string_view report, Nanos busy) {
  Model model;
  model.report = report;
  RunOutcome outcome;
  with_model(model,
             [&](const CrewSettings& settings) { return run_behind(settings, busy, outcome); });
  return outcome;
}

TEST_CASE("a crew's agents bring their reports") {
  const RunOutcome run = run_with("All is well.", 0);
  CHECK(run.complete());
  for (const AgentOutcome& a : run.agents) {
    CHECK(a.report_markdown.ends_with("All is well."));
    CHECK(a.analysis.recommendations.size() == 1);
    CHECK(a.report_stage.fit.context_assumed);
    CHECK(a.resumes > 0);
    CHECK(a.total > 0);
  }
}

TEST_CASE("a report without text is a failure") {
  for (const char* report : {"", " \\n"}) {
    CAPTURE(std::string(report));
    const RunOutcome run = run_with(report, 0);
    CHECK_FALSE(run.complete());
    for (const AgentOutcome& a : run.agents) {
      CHECK(a.failed);
      CHECK(a.error.code == Errc::truncated);
      CHECK(std::string_view(a.error.where) == "the model said nothing");
      CHECK(a.report_stage.call.validity() == llm::Validity::empty);
      CHECK(a.report_markdown.empty());
    }
  }
}

// So many agents of the same kind, on one server or two.
rt::Task<void> run_many(CrewSettings settings, size_t agents, int permits, RunOutcome& outcome) {
  settings.permits = permits;
  settings.agents = make_agents(Scenario::chimera_homo, agents, "m", settings.endpoints, {});
  const std::span<Progress> unwatched;
  co_await run_crew(settings, 1, unwatched, outcome);
}
rt::Task<void> run_on_two(CrewSettings settings, net::Listener& second, Model& other,
                          RunOutcome& outcome) {
  settings.endpoints.push_back(settings.endpoints[0]);
  settings.endpoints[1].port = second.address()->port;
  llm::Dialect dialects[2];
  settings.dialects = dialects;
  rt::Scope scope;
  scope.start(net::serve(second, other), rt::Place::here());
  co_await run_many(settings, 3, 0, outcome);
  rt::Runtime::current()->stop();
  co_await scope.join();
}

// Agents that wait for a permit have not begun: their times do not overlap.
TEST_CASE("one permit: one agent at work at a time, and each comes in") {
  Model model;
  model.report = "All is well.";
  RunOutcome run;
  with_model(model, [&](const CrewSettings& settings) { return run_many(settings, 4, 1, run); });
  CHECK(run.complete());
  CHECK(model.calls == 8);
  CHECK(model.most_inside == 1);
  Nanos sum = 0;
  for (const AgentOutcome& a : run.agents) sum += a.total;
  CHECK(sum <= run.wall);
}

TEST_CASE("agents are divided among the servers in turn") {
  Model model, other;
  model.report = other.report = "All is well.";
  net::Listener second;
  REQUIRE(second.open(sys::parse_ip("127.0.0.1", 0).value()).has_value());
  RunOutcome run;
  with_model(model, [&](const CrewSettings& settings) {
    return run_on_two(settings, second, other, run);
  });
  CHECK(run.complete());
  CHECK(model.calls == 4);
  CHECK(other.calls == 2);
  const std::string port = std::to_string(second.address()->port);
  CHECK(run.agents[1].config.base_url.ends_with(port));
}

TEST_CASE("a serial baseline has one agent at work at a time") {
  for (const bool whole : {true, false}) {
    CAPTURE(whole);
    Model model;
    model.report = whole ? "All is well." : "";
    std::vector<Progress> progress(2);
    SerialOutcome serial;
    with_model(model, [&](const CrewSettings& settings) {
      return run_serial(settings, progress, serial);
    });
    CHECK(model.calls == 4);
    CHECK(model.most_inside == 1);
    CHECK(serial.complete() == whole);
    REQUIRE(serial.agents.size() == 2);
    CHECK(serial.agents[0].id == "collector");
    CHECK(serial.agents[1].id == "insight");
    CHECK(serial.wall >= serial.agents[0].total + serial.agents[1].total);
    CHECK(serial.agents[0].first_sent + serial.agents[0].total < serial.agents[1].first_sent +
          serial.agents[1].total);
    for (size_t i = 0; i < 2; ++i) {
      CHECK(serial.agents[i].total > 0);
      CHECK(serial.agents[i].tokens == 6);
      CHECK(serial.agents[i].validity == (whole ? llm::Validity::ok : llm::Validity::empty));
      CHECK(progress[i].stage.load() == (whole ? Stage::done : Stage::failed));
    }
  }
  CHECK_FALSE(SerialOutcome{}.complete());
}

TEST_CASE("what an agent waits before its clock starts is no contention") {
  const RunOutcome run = run_with("All is well.", 300 * kMilli);
  for (const AgentOutcome& a : run.agents) {
    CHECK(a.total < 300 * kMilli);
    CHECK(a.ready_wait <= a.total);
  }
  CHECK(lab::figures_of(run).contention_percent <= 100);
}

}  // namespace
