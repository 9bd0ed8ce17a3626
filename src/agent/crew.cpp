#include "chimera/agent/crew.hpp"

#include "chimera/agent/prompts.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"

namespace chimera::agent {
namespace {

class CountPieces : public llm::PieceSink {
 public:
  explicit CountPieces(Progress* p) : progress_(p) {}
  void on_piece(std::string_view, Nanos at) override {
    if (progress_ == nullptr) return;
    if (progress_->pieces.fetch_add(1, std::memory_order_relaxed) == 0) {
      progress_->first_piece.store(at, std::memory_order_relaxed);
    }
  }

 private:
  Progress* progress_;
};

void enter(Progress* p, Stage s) {
  if (p == nullptr) return;
  p->pieces.store(0, std::memory_order_relaxed);
  p->first_piece.store(0, std::memory_order_relaxed);
  p->stage.store(s, std::memory_order_relaxed);
}

void fail_agent(AgentOutcome& out, const Error& error, std::string_view words) {
  out.failed = true;
  out.error = error;
  out.error_text = words;
}

// One call with its prompt made and measured. False when it brought no usable answer.
rt::Task<bool> make_call(llm::Endpoint& endpoint, AgentOutcome& out, StageOutcome& stage,
                         Prompt prompt, Progress* progress) {
  stage.made = true;
  stage.prompt = std::move(prompt.text);
  stage.fit = prompt.fit;
  CountPieces sink(progress);
  const llm::Request request{out.config.model, stage.prompt, {}, out.config.options};
  co_await endpoint.generate(request, &sink, stage.call);
  if (stage.call.failed) fail_agent(out, stage.call.error, stage.call.error_text);
  co_return !stage.call.failed;
}

// Ingests a file per turn, so that a worker's other streams wait for one file at most.
rt::Task<bool> ingest_all(const CrewSettings& s, AgentOutcome& out) {
  Result<Ingest> job = Ingest::open(s.directory, s.ingest);
  if (!job) {
    fail_agent(out, job.error(), s.directory);
    co_return false;
  }
  while (job->step()) {
    co_await rt::yield();
    if (!rt::Runtime::current()->stopping()) continue;
    fail_agent(out, {Errc::cancelled, 0, "ingest"}, {});
    co_return false;
  }
  out.inventory = std::move(job->inventory());
  co_return true;
}

rt::Task<void> work(const CrewSettings& s, size_t server, AgentOutcome& out, Progress* p) {
  const Nanos begin = sys::now();
  llm::Endpoint endpoint(s.endpoints[server], s.client, s.dialects[server]);
  enter(p, Stage::ingest);
  const bool read = co_await ingest_all(s, out);
  out.ingest_duration = sys::now() - begin;
  if (!read) co_return;

  const Budget budget = budget_of(out.config.options);
  enter(p, Stage::analysis);
  Nanos from = sys::now();
  Prompt prompt = analysis_prompt(out.config, out.inventory, budget);
  const bool analysed = co_await make_call(endpoint, out, out.analysis_stage, std::move(prompt), p);
  out.analysis = parse_analysis(out.analysis_stage.call.text);
  out.analysis_stage.duration = sys::now() - from;
  if (!analysed) co_return;

  enter(p, Stage::report);
  from = sys::now();
  Prompt order = report_prompt(out.config, out.inventory, out.analysis, budget);
  const bool wrote = co_await make_call(endpoint, out, out.report_stage, std::move(order), p);
  out.finished_unix_ns = sys::unix_now_ns();
  const std::string_view report = trim(out.report_stage.call.text);
  if (!report.empty()) {
    out.report_markdown = report_header(out.config, out.finished_unix_ns).append(report);
  } else if (wrote) {
    fail_agent(out, {Errc::truncated, 0, "the model said nothing"}, {});
  }
  out.report_stage.duration = sys::now() - from;
}

// One agent. Its clock starts when it is let in: a permit that is waited for is not its work. What
// it waits for a worker is charged to an account that begins with the clock, so that both agree.
rt::Task<void> run_agent(const CrewSettings& s, size_t server, rt::Gate& gate,
                         AgentOutcome& out, Progress* progress) {
  co_await gate.acquire();
  rt::Account account;
  rt::Scope scope;
  const Nanos begin = sys::now();
  scope.start(work(s, server, out, progress), rt::Place::same(), &account);
  co_await scope.join();
  out.total = sys::now() - begin;
  out.ready_wait = account.ready_wait.load();
  out.running = account.running.load();
  out.resumes = account.resumes.load();
  if (out.finished_unix_ns == 0) out.finished_unix_ns = sys::unix_now_ns();
  enter(progress, out.failed ? Stage::failed : Stage::done);
  gate.release();
}

}  // namespace

const char* name_of(Stage s) {
  switch (s) {
    case Stage::waiting: return "waiting";
    case Stage::ingest: return "ingest";
    case Stage::analysis: return "analysis";
    case Stage::report: return "report";
    case Stage::done: return "done";
    case Stage::failed: return "failed";
  }
  return "";
}

namespace {

template <class T>
void lay(std::optional<T>& under, const std::optional<T>& over) {
  if (over) under = over;
}

void lay_over(llm::Options& o, const llm::Options& over) {
  lay(o.num_gpu, over.num_gpu);
  lay(o.num_ctx, over.num_ctx);
  lay(o.top_k, over.top_k);
  lay(o.num_predict, over.num_predict);
  lay(o.seed, over.seed);
  lay(o.temperature, over.temperature);
  lay(o.top_p, over.top_p);
  lay(o.repeat_penalty, over.repeat_penalty);
}

// Which of the option sets agent `i` gets, or none.
const llm::Options* set_for(Scenario scenario, size_t i, const OptionSets& sets) {
  if (i == 0) return scenario == Scenario::baseline_vs_chimera ? nullptr : &sets.a;
  const bool second = scenario == Scenario::chimera_hetero && sets.b.any_model_option();
  return second ? &sets.b : &sets.a;
}

}  // namespace

std::vector<AgentConfig> make_agents(Scenario scenario, size_t count, const std::string& model,
                                     std::span<const wire::Url> endpoints, const OptionSets& sets) {
  static const char* const kNames[2][2][2] = {
      {{"chimera_a", "Chimera Agent A"}, {"chimera_b", "Chimera Agent B"}},
      {{"collector", "Baseline Collector"}, {"insight", "Chimera Insight"}}};
  const auto& names = kNames[scenario == Scenario::baseline_vs_chimera];
  std::vector<AgentConfig> agents(count);
  for (size_t i = 0; i < count; ++i) {
    AgentConfig& c = agents[i];
    c.id = i < 2 ? names[i][0] : "agent_";
    c.label = i < 2 ? names[i][1] : "Agent ";
    if (i >= 2) {
      append_u64(c.id, i + 1);
      append_u64(c.label, i + 1);
    }
    c.model = model;
    c.base_url = endpoints[i % endpoints.size()].text();
    c.persona = persona_of(i);
    c.options = sets.common;
    const llm::Options* own = set_for(scenario, i, sets);
    if (own != nullptr) lay_over(c.options, *own);
  }
  return agents;
}

namespace {

// The agents from `first` on, `count` of them.
rt::Task<void> run_agents(const CrewSettings& settings, size_t first, size_t count,
                          std::span<Progress> progress, RunOutcome& outcome) {
  outcome.scenario = settings.scenario;
  outcome.agents = std::vector<AgentOutcome>(count);  // resize() would bring 1 KB that moves them
  rt::Gate gate(settings.permits);
  rt::Scope scope;
  const Nanos begin = sys::now();
  for (size_t i = first; i < first + count; ++i) {
    AgentOutcome& agent = outcome.agents[i - first];
    agent.config = settings.agents[i];
    const size_t server = i % settings.endpoints.size();
    Progress* p = i < progress.size() ? &progress[i] : nullptr;
    scope.start(run_agent(settings, server, gate, agent, p));
  }
  co_await scope.join();
  outcome.wall = sys::now() - begin;
  outcome.finished_unix_ns = sys::unix_now_ns();
  outcome.interrupted = rt::Runtime::current()->stopping();
}

}  // namespace

rt::Task<void> run_crew(const CrewSettings& settings, int number, std::span<Progress> progress,
                        RunOutcome& outcome) {
  outcome.number = number;
  return run_agents(settings, 0, settings.agents.size(), progress, outcome);
}

rt::Task<void> run_serial(const CrewSettings& settings, std::span<Progress> progress,
                          SerialOutcome& outcome) {
  const Nanos begin = sys::now();
  for (size_t i = 0; i < settings.agents.size(); ++i) {
    if (rt::Runtime::current()->stopping()) break;
    RunOutcome alone;
    co_await run_agents(settings, i, 1, progress, alone);
    outcome.agents.push_back(alone_of(alone.agents[0]));
  }
  outcome.wall = sys::now() - begin;
}

}  // namespace chimera::agent
