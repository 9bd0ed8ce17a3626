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
#include "chimera/sys/process.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::cli {
namespace {

using wire::JsonWriter;

constexpr size_t kPlanBytes = 256u << 20, kRecordBytes = 64u << 20;
constexpr std::string_view kPlan = "  \"plan\": {\n", kBehindPlan = "\n  \"schema\": ";

// Without what is secret.
void write_arguments(JsonWriter& j, const std::vector<std::string>& arguments) {
  j.key("arguments").begin_array();
  for (const std::string& a : arguments) {
    if (!a.starts_with("--header=") && !a.starts_with("--api-key-file=")) j.string(a);
  }
  j.end_array();
}

void write_trials(JsonWriter& j, const Experiment& e) {
  j.key("trials").begin_array();
  for (const lab::BenchTrial& t : e.trials) {
    j.begin_object().field("block", uint64_t{t.block}).field("path", folder_of(e, t));
    j.field("seed", uint64_t{t.seed}).end_object();
  }
  j.end_array();
}

void write_plan(JsonWriter& j, const Experiment& e) {
  const Settings& s = e.settings;
  j.key("plan").begin_object();
  write_arguments(j, s.bench.forwarded);
  j.key("configs").begin_array();
  for (const lab::BenchConfig& c : e.configs) {
    j.begin_object();
    write_arguments(j, c.arguments);
    j.field("name", c.name).field("servers", c.servers).end_object();
  }
  j.end_array().field("data", e.directory).field("order", s.bench.shuffled ? "shuffled" : "blocked");
  j.field("runs", s.bench.runs).field("seed", s.bench.seed).key("servers").begin_array();
  for (const wire::Url& u : s.urls) j.string(u.text());
  j.end_array().field("simulated", s.simulate).field("simulator", s.sim_spec);
  j.field("speed", s.sim.speed).field("trial_timeout_s", to_seconds(s.bench.trial_timeout));
  write_trials(j, e);
  j.key("variants").begin_array();
  for (const BenchVariant& v : e.variants) {
    j.begin_object().field("binary_bytes", v.bytes).field("name", v.name);
    j.field("program", v.program).end_object();
  }
  j.end_array().field("version", version()).field("warm_up", e.warm_up).end_object();
}

std::string bench_json(const Experiment& e) {
  const sys::SystemInfo system = sys::system_info();
  std::string out, stamp;
  append_rfc3339(stamp, sys::unix_now_ns());
  JsonWriter j(out, JsonWriter::Style::pretty);
  j.begin_object().field("command", "chimera bench" + e.settings.command);
  j.field("created_at", stamp);
  write_plan(j, e);
  j.field("schema", "chimera.bench/1").key("system").begin_object().field("arch", system.arch);
  j.field("hostname", system.hostname).field("kernel", system.kernel).field("os", system.os);
  j.end_object().end_object();
  return out;
}

std::string_view plan_in(std::string_view json) {
  const size_t begin = json.find(kPlan), end = json.find(kBehindPlan);
  return begin == json.npos || end == json.npos || end < begin ? std::string_view()
                                                               : json.substr(begin, end - begin);
}

// 0 when both are the same plan; else says where they part.
int compare_plans(const Experiment& e, std::string_view there, std::string_view here) {
  if (there == here) return 0;
  std::string_view a, b;
  bool more = true;
  while (more && a == b) {
    more = next_line(there, a);
    more = next_line(here, b) && more;
  }
  std::string line = e.settings.output + " holds another experiment, with ";
  line.append(trim(a)).append(" instead of ").append(trim(b));
  say(line.append(": give another -O, or the command in its bench.json"));
  return 2;
}

}  // namespace

int claim_output(const Experiment& e) {
  const std::string& folder = e.settings.output;
  const std::string path = folder + "/bench.json", json = bench_json(e);
  Result<void> done = sys::make_directories(folder);
  if (done) done = sys::lock_directory(folder);
  if (!done && done.error().code == Errc::busy) {
    say("bench: another bench is at work in " + folder);
    return 75;
  }
  if (done && sys::file_info(path, true)) {
    const auto old = sys::read_file(path, kPlanBytes);
    if (old) return compare_plans(e, plan_in(*old), plan_in(json));
    done = std::unexpected(old.error());
  } else if (done) {
    done = sys::write_file_atomic(path, json);
  }
  if (done) return 0;
  complain("cannot write", done.error(), folder);
  return 74;
}

std::string bench_lines(const Experiment& e, size_t index) {
  const lab::BenchTrial& t = e.trials[index];
  std::string s = "\n    \"bench\": {\n      \"block\": ";
  append_u64(s, t.block);
  append_u64(s.append(",\n      \"order\": "), index + 1);
  append_u64(s.append(",\n      \"seed\": "), t.seed);
  append_shortest(s.append(",\n      \"speed\": "), e.settings.sim.speed);
  s.append(",\n      \"trials\": ");
  append_u64(s, e.trials.size());
  s.append(",\n      \"variant\": ");
  wire::append_json_string(s, e.variants[t.variant].name);
  return s.append(",\n      \"warm_up\": ").append(e.warm_up ? "true\n    }," : "false\n    },");
}

// In the text: the record is whole as it is, and stays so to the byte.
Result<void> complete_record(const Experiment& e, size_t index, const std::string& folder) {
  const std::string inner = folder + "/run_1/metrics.json";
  std::string record;
  const auto text = sys::read_file(inner, kRecordBytes);
  if (text) {
    record = *text;
  } else {
    if (text.error().code != Errc::not_found) return std::unexpected(text.error());
    CHI_TRY_VOID(sys::make_directories(folder + "/run_1"));
    record =
        "{\n  \"chimera\": {\n    \"binary_bytes\": 0,\n    \"complete\": false,\n"
        "    \"schema\": \"chimera.trial/1\",\n    \"simulated\": false\n  },\n"
        "  \"run_number\": 1,\n  \"scenario\": \"unknown\",\n"
        "  \"summary\": {\n    \"efficiency_percent\": 0.0\n  }\n}";
  }
  const size_t place = record.find("\n    \"binary_bytes\": ");
  if (place != record.npos) record.insert(place, bench_lines(e, index));
  constexpr std::string_view kReal = "\n    \"simulated\": false";
  const size_t real = record.find(kReal);
  if (e.settings.simulate && real != record.npos) {
    record.replace(real + kReal.size() - 5, 5, "true");
  }
  CHI_TRY_VOID(sys::write_file_atomic(inner, record));
  return sys::write_file_atomic(folder + "/metrics.json", record);
}

}  // namespace chimera::cli
