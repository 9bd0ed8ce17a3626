#include "src/cli/job_queue.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::cli;

namespace {

Job parsed(std::string_view line) {
  Settings settings;
  settings.model = "default";
  settings.common.temperature = 1;
  Job job;
  std::string why;
  const auto result = parse_job(line, settings, job, why);
  CHECK_MESSAGE(result.has_value(), why);
  return job;
}

std::string refused(std::string_view line) {
  Job job;
  std::string why;
  CHECK(!parse_job(line, Settings(), job, why).has_value());
  return why;
}

Own<LiveJob> job_of(const char* id, int64_t priority, Nanos late_at = kNever) {
  Own<LiveJob> job = make_own<LiveJob>();
  job->id = id;
  job->priority = priority;
  job->late_at = late_at;
  job->bytes = 10;
  return job;
}

std::string drained(JobList& list) {
  std::string ids;
  while (const Own<LiveJob> job = list.pop()) ids.append(job->id);
  return ids;
}

}  // namespace

TEST_CASE("job: what a line says, over the options") {
  const Job job = parsed(R"({"id":2.50,"prompt":"\u0068i","options":{"top_k":3,"x":[1]},)"
                         R"("think":"low","deadline_ms":1.5,"priority":-7,"tools":[],)"
                         R"("format":"json","odd":1})");
  CHECK(job.id == "2.50");
  CHECK(job.prompt == "hi");
  CHECK(job.model == "default");
  CHECK(job.options.temperature == 1);
  CHECK(job.options.top_k == 3);
  CHECK(job.options.extra.at(0).second == "[1]");
  CHECK(job.options.think == "low");
  CHECK(job.deadline == 1'500'000);
  CHECK(job.priority == -7);
  CHECK(job.calls.tools == "[]");
  CHECK(job.calls.schema == "\"json\"");
  CHECK(job.unknown == "odd");
}

TEST_CASE("job: ids, and orders to cancel") {
  CHECK(parsed(R"({"id":"a\u0062","prompt":"x"})").id == "\"ab\"");
  CHECK(parsed(R"({"id":null,"prompt":"x"})").id.empty());
  const Job order = parsed(R"({"cancel":-1e2})");
  CHECK(order.cancel);
  CHECK(order.id == "-1e2");
  CHECK(refused(R"({"cancel":null})") == "no prompt, and no messages");
  CHECK(refused(R"({"cancel":[1]})") == "cancel: neither a string nor a number");
}

TEST_CASE("job: a last message of the user is the prompt") {
  const Job job = parsed(R"({"messages":[{"role":"system","content":"s"},)"
                         R"({"role":"user","content":"q","images":["aa"]}]})");
  CHECK(job.messages.size() == 1);
  CHECK(job.prompt == "q");
  CHECK(job.calls.images.at(0) == "aa");
  CHECK(parsed(R"({"messages":[{"role":"tool","content":"42"}]})").messages.size() == 1);
}

TEST_CASE("job: what is no job says why") {
  CHECK(refused("nonsense").starts_with("not JSON: "));
  CHECK(refused("[]") == "not an object");
  CHECK(refused("{}") == "no prompt, and no messages");
  CHECK(refused(R"({"prompt":1})") == "prompt: not a string");
  CHECK(refused(R"({"prompt":"x","options":{"num_ctx":0}})") == "options.num_ctx: too small");
  CHECK(refused(R"({"prompt":"x","deadline_ms":-1})") ==
        "deadline_ms: not a number of milliseconds");
  CHECK(refused(R"({"prompt":"x","priority":1.5})") == "priority: not a whole number");
}

TEST_CASE("job list: by priority, and in order within one") {
  JobList list;
  for (const auto& [id, priority] : {std::pair{"a", 0}, {"b", 1}, {"c", 0}, {"d", -1}, {"e", 1}}) {
    list.push(job_of(id, priority));
  }
  CHECK(list.size() == 5);
  CHECK(list.bytes() == 50);
  CHECK(list.find("d") != nullptr);
  CHECK(list.find("x") == nullptr);
  list.remove(*list.find("d"));          // the last one
  list.push(job_of("f", 0));
  list.remove(*list.find("b"));          // the first one
  CHECK(drained(list) == "eacf");
  CHECK(list.size() == 0);
  list.push(job_of("g", 0));
  CHECK(drained(list) == "g");
}

TEST_CASE("job list: those that are late") {
  JobList list;
  list.push(job_of("a", 0, 30));
  list.push(job_of("b", 0));
  list.push(job_of("c", 0, 20));
  CHECK(list.next_deadline() == 20);
  CHECK(!list.pop_late(19));
  CHECK(list.pop_late(20)->id == "c");
  CHECK(list.next_deadline() == 30);
  CHECK(list.pop_late(kNever - 1)->id == "a");
  CHECK(list.next_deadline() == kNever);
  CHECK(drained(list) == "b");
  for (int i = 0; i < 100'000; ++i) list.push(job_of("z", 0));   // and its end nests nothing
}
