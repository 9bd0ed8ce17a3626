// Runs as the record writers get them, made up; and a JSON document taken apart.
#pragma once

#include <math.h>

#include <map>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/lab/record.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using namespace chimera;
using namespace chimera::lab;
using agent::AgentConfig;
using agent::AgentOutcome;
using agent::RunOutcome;
using wire::JsonReader;

// A document as path -> value, in the order of the file. Containers have the value "{" or "[".
struct Flat {
  std::vector<std::pair<std::string, std::string>> all;
  std::map<std::string, std::string> at;
  bool sorted = true;        // every object's keys

  const std::string& text(const std::string& path) const {
    static const std::string none = "(missing)";
    const auto i = at.find(path);
    return i == at.end() ? none : i->second;
  }
  bool has(const std::string& path) const { return at.contains(path); }
  double number(const std::string& path) const { return parse_double(text(path)).value_or(-12345); }
};

inline bool read_value(JsonReader& in, JsonReader::Event e, const std::string& path, Flat& out) {
  using enum JsonReader::Event;
  auto put = [&](std::string value) {
    out.at[path] = value;
    out.all.emplace_back(path, std::move(value));
  };
  if (e == object_begin) {
    put("{");
    std::string last;
    while ((e = in.next()) == key) {
      std::string name;
      in.string(name);
      out.sorted &= last < name;
      last = name;
      if (!read_value(in, in.next(), path + "." + name, out)) return false;
    }
    return e == object_end;
  }
  if (e == array_begin) {
    put("[");
    for (size_t i = 0; (e = in.next()) != array_end; ++i) {
      if (!read_value(in, e, path + "[" + std::to_string(i) + "]", out)) return false;
    }
    return true;
  }
  std::string value;
  if (e == string) {
    in.string(value);
  } else {
    value = in.raw();
  }
  put(std::move(value));
  return e == string || e == number || e == boolean || e == null;
}

inline Flat flatten(std::string_view json) {
  Flat out;
  JsonReader in(json);
  const bool read = read_value(in, in.next(), "", out);
  REQUIRE(read);
  CHECK(in.next() == JsonReader::Event::end);
  return out;
}

inline bool close(double a, double b) { return fabs(a - b) <= 1e-9 * fmax(1, fabs(b)); }

inline std::vector<AgentConfig> configs_of(const RunOutcome& run) {
  std::vector<AgentConfig> configs;
  for (const AgentOutcome& a : run.agents) configs.push_back(a.config);
  return configs;
}

inline llm::Call call_of(uint64_t tokens, Nanos ttft, Nanos total) {
  llm::Call c;
  c.text = "## Report\nAll is well.";
  c.started = kSecond;
  c.connected = kSecond + kMilli;
  c.sent = kSecond + 2 * kMilli;
  c.head = c.first_byte = c.sent + ttft / 2;
  c.first_token = c.first_visible = c.sent + ttft;
  c.ended = c.last_token = c.sent + total;
  c.pieces = static_cast<uint32_t>(tokens);
  c.reads = 4;
  c.body_bytes = 1000;
  c.done = true;
  c.done_reason = "stop";
  c.eval_count = tokens;
  c.eval_duration = total - ttft;
  c.prompt_eval_count = 100;
  return c;
}

inline AgentOutcome agent_of(const char* id, Nanos total) {
  AgentOutcome a;
  a.config.id = id;
  a.config.label = std::string("Label of ") + id;
  a.config.model = "m";
  a.config.base_url = std::string("http://") + id;
  a.config.persona = "P.";
  a.total = total;
  a.ready_wait = total / 100;
  for (agent::StageOutcome* s : {&a.analysis_stage, &a.report_stage}) {
    s->made = true;
    s->fit.context = 4096;
    s->fit.estimated = 150;
    s->call = call_of(20, 100 * kMilli, 600 * kMilli);
  }
  a.report_markdown = "# Report of " + a.config.id;
  return a;
}

inline RunOutcome run_of(size_t agents) {
  static const char* const kIds[] = {"collector", "insight", "agent_3"};
  RunOutcome run;
  for (size_t i = 0; i < agents; ++i) {
    run.agents.push_back(agent_of(kIds[i], static_cast<Nanos>(i + 1) * 2 * kSecond));
  }
  run.wall = static_cast<Nanos>(agents) * 2 * kSecond + 5 * kMilli;
  return run;
}

// What `run` is compared to: its agents alone, `seconds` and 40 tokens each.
inline agent::SerialOutcome serial_of(const RunOutcome& run, int64_t seconds) {
  agent::SerialOutcome serial;
  for (const AgentOutcome& a : run.agents) {
    serial.agents.push_back(agent::alone_of(a));
    serial.agents.back().total = seconds * kSecond;
    serial.wall += seconds * kSecond + kMilli;
  }
  return serial;
}

inline agent::Inventory inventory_with(size_t skipped) {
  agent::Inventory v;
  v.root = "data";
  v.files.resize(1);
  v.notes = {"a limit"};
  for (size_t i = 0; i < skipped; ++i) {
    v.skipped.push_back({"p" + std::to_string(i), "not UTF-8", Errc::bad_input});
  }
  return v;
}

inline bool contains(const std::vector<std::string>& all, std::string_view part) {
  for (const std::string& s : all) if (s.find(part) != s.npos) return true;
  return false;
}

// Agent `insight` fails in its report call after five pieces; `agent_3` before its first.
inline RunOutcome broken_run(size_t agents) {
  RunOutcome run = run_of(agents);
  for (size_t i = 1; i < agents; ++i) {
    AgentOutcome& a = run.agents[i];
    a.failed = true;
    a.error = {Errc::reset, 104, "body"};
    a.report_markdown.clear();
    llm::Call& c = i == 1 ? a.report_stage.call : a.analysis_stage.call;
    if (i > 1) a.report_stage = {};
    const Nanos first = c.first_token;
    c = {};
    c.failed = true;
    c.error = a.error;
    c.sent = kSecond;
    c.ended = 2 * kSecond;
    if (i > 1) continue;
    c.pieces = 5;
    c.first_token = first;
    c.last_token = first + kSecond;
  }
  return run;
}

}  // namespace chimera_test
