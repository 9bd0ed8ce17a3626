// How this works: OUT/bench.json is written once and says everything the results depend on. Its
// "plan" is the same text for the same experiment, which is how a later call knows it again.
// Whether a trial was done is not written there: its folder is there or is not.
#include "bench_parts.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::cli {
namespace {

using wire::JsonWriter;

constexpr size_t kPlanBytes = 256u << 20, kRecordBytes = 64u << 20;
constexpr std::string_view kPlan = "  \"plan\": {\n", kBehindPlan = "\n  \"schema\": ";

// Without what is secret.
void write_words(JsonWriter& j, const char* name, std::string_view words) {
  j.key(name).begin_array();
  std::string_view word;
  while (next_part(words, '\0', word)) {
    if (!word.starts_with("--header=") && !word.starts_with("--api-key-file=")) j.string(word);
  }
  j.end_array();
}

void write_plan(JsonWriter& j, const Experiment& e) {
  const Settings& s = e.settings;
  j.key("plan").begin_object();
  write_words(j, "arguments", s.bench.forwarded);
  j.key("configs").begin_array();
  for (const lab::BenchPart& c : e.configs) {
    j.begin_object();
    write_words(j, "arguments", c.what);
    j.field("name", c.name).field("servers", c.number).end_object();
  }
  j.end_array().field("data", e.directory);
  j.field("order", s.bench.shuffled ? "shuffled" : "blocked").field("runs", s.bench.runs);
  j.field("seed", s.bench.seed);
  std::string urls;
  for (const wire::Url& u : s.urls) add_word(urls, u.text());
  write_words(j, "servers", urls);
  j.field("simulated", s.simulate).field("simulator", s.sim_spec).field("speed", s.sim.speed);
  j.field("trial_timeout_s", to_seconds(s.bench.trial_timeout)).key("trials").begin_array();
  for (const lab::BenchTrial& t : e.trials) {
    j.begin_object().field("block", uint64_t{t.block}).field("path", folder_of(e, t));
    j.field("seed", uint64_t{t.seed}).end_object();
  }
  j.end_array().key("variants").begin_array();
  for (const lab::BenchPart& v : e.variants) {
    j.begin_object().field("binary_bytes", v.number).field("name", v.name);
    j.field("program", v.what).end_object();
  }
  j.end_array().field("version", version()).field("warm_up", e.warm_up).end_object();
}

std::string bench_json(const Experiment& e) {
  std::string out, text = "chimera bench" + e.settings.command;
  JsonWriter j(out, JsonWriter::Style::pretty);
  j.begin_object().field("command", text);
  text.clear();
  append_rfc3339(text, sys::unix_now_ns());
  j.field("created_at", text);
  write_plan(j, e);
  j.field("schema", "chimera.bench/1").end_object();
  return out;
}

std::string_view plan_in(std::string_view json) {
  const size_t begin = json.find(kPlan), end = json.find(kBehindPlan);
  return begin == json.npos || end == json.npos || end < begin ? std::string_view()
                                                               : json.substr(begin, end - begin);
}

// Says where they part.
int refuse_plan(const Experiment& e, std::string_view there, std::string_view here) {
  std::string_view a, b;
  while (a == b && next_line(there, a) && next_line(here, b)) {}
  std::string line = "there is another experiment, with ";
  line.append(trim(a)).append(" instead of ").append(trim(b)).append(", in ");
  return refuse_bench(line, e.settings.output);
}

}  // namespace

int claim_output(const Experiment& e) {
  const std::string& folder = e.settings.output;
  const std::string path = folder + "/bench.json", json = bench_json(e);
  Result<void> done = sys::make_directories(folder);
  if (done) done = sys::lock_directory(folder);
  if (!done && done.error().code == Errc::busy) {
    return refuse_bench("another one is at work in ", folder, 75);
  }
  const auto old = sys::read_file(path, kPlanBytes);
  if (done && old) {
    const std::string_view there = plan_in(*old), here = plan_in(json);
    return there == here ? 0 : refuse_plan(e, there, here);
  }
  if (done) done = sys::write_file_atomic(path, json);
  if (done) return 0;
  complain("cannot write", done.error(), folder);
  return 74;
}

namespace {

// The member of a record, in the order of its keys.
std::string bench_member(const Experiment& e, size_t index) {
  const lab::BenchTrial& t = e.trials[index];
  static constexpr const char* kNames[] = {"block", "order", "seed", "trials"};
  const uint64_t numbers[] = {t.block, index + 1, t.seed, e.trials.size()};
  std::string s = "\n    \"bench\": {";
  for (size_t i = 0; i < std::size(kNames); ++i) {
    s.append("\n      \"").append(kNames[i]).append("\": ");
    append_u64(s, numbers[i]);
    s.push_back(',');
    if (i != 2) continue;
    append_shortest(s.append("\n      \"speed\": "), e.settings.sim.speed);
    s.push_back(',');
  }
  wire::append_json_string(s.append("\n      \"variant\": "), e.variants[t.variant].name);
  return s.append(",\n      \"warm_up\": ").append(e.warm_up ? "true" : "false").append("\n    },");
}

constexpr char kNoRecord[] =
    "{\n  \"chimera\": {\n    \"binary_bytes\": 0,\n    \"complete\": false,\n"
    "    \"schema\": \"chimera.trial/1\",\n    \"simulated\": false\n  },\n"
    "  \"run_number\": 1,\n  \"scenario\": \"unknown\",\n"
    "  \"summary\": {\n    \"efficiency_percent\": 0.0\n  }\n}";

}  // namespace

// In the text: the record is whole as it is, and stays so to the byte.
Result<void> complete_record(const Experiment& e, size_t index, const std::string& folder) {
  const std::string inner = folder + "/run_1/metrics.json";
  CHI_TRY_VOID(sys::make_directories(folder + "/run_1"));
  std::string record = sys::read_file(inner, kRecordBytes).value_or(kNoRecord);
  const size_t place = record.find("\n    \"binary_bytes\": ");
  if (place != record.npos) record.insert(place, bench_member(e, index));
  constexpr std::string_view kReal = "\n    \"simulated\": false";
  const size_t real = record.find(kReal);
  if (e.settings.simulate && real != record.npos) {
    record.replace(real + kReal.size() - 5, 5, "true");
  }
  CHI_TRY_VOID(sys::write_file_atomic(inner, record));
  return sys::write_file_atomic(folder + "/metrics.json", record);
}

}  // namespace chimera::cli
