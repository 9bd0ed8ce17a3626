#include <algorithm>
#include <cstddef>

#include "chimera/base/number.hpp"
#include "record_parts.hpp"

namespace chimera::lab {
namespace {

// A prompt is estimated at three bytes a token; no tokenizer needs nine.
constexpr uint64_t kCutFactor = 3;

std::string call_name(const agent::AgentOutcome& a, const char* stage) {
  return a.config.id + ", " + stage + " call: ";
}

std::string validity_words(const llm::Call& c) {
  switch (c.validity()) {
    case llm::Validity::ok: return {};
    case llm::Validity::cold: {
      std::string out = "cold, the server loaded the model during the call (";
      append_duration(out, c.load_duration);
      return out += ")";
    }
    case llm::Validity::truncated: return "truncated, the answer ended without its last record";
    case llm::Validity::loop: return "loop, the answer repeats itself to the end";
    case llm::Validity::error: return "failed, " + error_words(c.error, c.error_text);
    case llm::Validity::empty: return "empty, the answer has no text";
  }
  return {};
}

void append_counts(std::string& out, const char* before, uint64_t a, const char* between,
                   uint64_t b) {
  out += before;
  append_u64(out, a);
  out += between;
  append_u64(out, b);
}

std::string prompt_words(const agent::StageOutcome& s) {
  std::string out;
  const uint64_t counted = s.call.prompt_eval_count;
  if (s.fit.over) {
    append_counts(out, "the prompt is estimated at ", s.fit.estimated,
                  " tokens, too many for the context of ", s.fit.context);
  } else if (counted > 0 && counted < s.fit.estimated / kCutFactor) {
    append_counts(out, "the server read ", counted, " prompt tokens where about ",
                  s.fit.estimated);
    out += " were sent: it cut the prompt, or had its beginning cached";
  }
  return out;
}

void warn_of_shared_servers(const agent::RunOutcome& run, std::vector<std::string>& out) {
  for (size_t i = 0; i < run.agents.size(); ++i) {
    const std::string& url = run.agents[i].config.base_url;
    auto same = [&](const agent::AgentOutcome& a) { return a.config.base_url == url; };
    const auto here = run.agents.begin() + static_cast<ptrdiff_t>(i);
    if (std::any_of(run.agents.begin(), here, same)) continue;
    const auto sharing = std::count_if(here, run.agents.end(), same);
    if (sharing < 2) continue;
    std::string words;
    append_i64(words, sharing);
    out.push_back(words + " agents share the server " + url +
                  ": their calls may wait for each other there");
  }
}

}  // namespace

std::vector<std::string> warnings_of(const agent::RunOutcome& run) {
  std::vector<std::string> out;
  warn_of_shared_servers(run, out);
  for (const agent::AgentOutcome& a : run.agents) {
    if (a.failed && !a.analysis_stage.made) {
      out.push_back(a.config.id + ": failed, " + error_words(a.error, a.error_text));
    }
    const auto stages = stages_of(a);
    for (size_t i = 0; i < stages.size(); ++i) {
      if (!stages[i]->made) continue;
      for (const std::string& words : {validity_words(stages[i]->call), prompt_words(*stages[i])}) {
        if (!words.empty()) out.push_back(call_name(a, kStageNames[i]) + words);
      }
    }
  }
  return out;
}

}  // namespace chimera::lab
