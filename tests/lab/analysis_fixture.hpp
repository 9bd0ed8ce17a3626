// Trials as their files would be, made up.
#pragma once

#include "chimera/lab/stats_report.hpp"
#include "tests/lab/record_fixture.hpp"

namespace chimera_test {

struct MadeCall {
  double tokens = 500, load_ms = 100;
  std::string text = "a fine answer";    // "" = v1, where answers are not stored
};

struct MadeTrial {
  std::string runtime = "r", config = "c";
  int run = 1;
  double efficiency = 98;
  double seconds[2] = {10, 9.6};
  double wall = 10.001;
  MadeCall calls[2] = {};                // one an agent
  std::string stamp = "2025-11-15T19:00:00Z";
  std::string more = "";                 // further keys at the top, each with a comma in front
  std::string host = "desk";
  const char* url[2] = {"http://a:11434", "http://b:11434"};

  static void append(std::string& out, double x) { append_shortest(out, x); }
  std::string agent(int i) const {
    const MadeCall& c = calls[i];
    std::string out = "{\"config\":{\"base_url\":\"";
    out.append(url[i]).append("\"},\"execution_time_s\":");
    append(out, seconds[i]);
    std::string call = "{\"eval_duration_ms\":9000.0,\"load_duration_ms\":";
    append(call, c.load_ms);
    call += ",\"tokens_generated\":";
    append(call, c.tokens);
    call += ",\"ttft_ms\":";
    append(call, 100 * (i + 1) + run);
    call += "}";
    out += ",\"result\":{\"aggregate_metrics\":{\"total_tokens_generated\":";
    append(out, c.tokens);
    out += "},\"individual_runs\":[" + call + "]";
    if (!c.text.empty()) {
      out += ",\"llm_calls\":[{\"response\":";
      wire::append_json_string(out, c.text);
      out += "}]";
    }
    out += ",\"system_info\":{\"hostname\":\"" + host + "\"}";
    return out + ",\"timestamp\":\"" + stamp + "\"}}";
  }
  std::string json() const {
    std::string out = "{\"collector\":" + agent(0) + ",\"insight\":" + agent(1);
    out += ",\"summary\":{\"concurrent_wall_time_s\":";
    append(out, wall);
    out += ",\"efficiency_percent\":";
    append(out, efficiency);
    return out + "}" + more + "}";
  }
  std::string path() const {
    return "x/runtime-" + runtime + "/" + config + "/run_" + std::to_string(run) + "/metrics.json";
  }
  void add_to(TrialSet& set) const { CHECK(read_trial_text(json(), path(), set) == ""); }
};

inline const std::vector<std::string> kEfficiency = {"efficiency_percent"};

// Whether one of the sentences holds these words.
inline bool says(const std::vector<std::string>& sentences, std::string_view words) {
  for (const std::string& s : sentences) {
    if (s.find(words) != std::string::npos) return true;
  }
  return false;
}

inline std::string all_of(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& s : sentences) out += s + "\n";
  return out;
}

#define CHECK_SAYS(sentences, words)                       \
  do {                                                     \
    CAPTURE(all_of(sentences));                            \
    CHECK_MESSAGE(says(sentences, words), "not said: " words); \
  } while (0)
#define CHECK_SILENT(sentences, words)                     \
  do {                                                     \
    CAPTURE(all_of(sentences));                            \
    CHECK_MESSAGE(!says(sentences, words), "said: " words); \
  } while (0)

// Runs of two runtimes, the second `gap` below, with a spread of about 1.
inline void add_two(TrialSet& set, double gap, int n, const char* other = "b") {
  for (int i = 0; i < n; ++i) {
    MadeTrial t;
    t.run = i + 1;
    t.runtime = "a";
    t.efficiency = 95 + i * 37 % 11 * 0.3;
    t.add_to(set);
    t.runtime = other;
    t.efficiency -= gap;
    t.add_to(set);
  }
}

}  // namespace chimera_test
