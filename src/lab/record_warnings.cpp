#include <algorithm>
#include <cstddef>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "record_parts.hpp"

namespace chimera::lab {
namespace {

// A prompt is estimated at three bytes a token; no tokenizer needs nine.
constexpr uint64_t kCutFactor = 3;
constexpr size_t kSkippedNamed = 3;   // files in the warning

std::string call_name(const agent::AgentOutcome& a, const char* stage) {
  std::string out = a.config.id;
  return out.append(", ").append(stage).append(" call: ");
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

// What does not fit: the smallest prompt, or most of the metrics.
std::string fit_words(const agent::PromptFit& f) {
  std::string out;
  if (f.over) {
    append_counts(out, "the prompt is estimated at ", f.estimated,
                  " tokens, too many for the context of ", f.context);
  } else if (f.metrics_left_out > f.metrics / 2) {
    append_counts(out, "", f.metrics_left_out, " of ", f.metrics);
    append_counts(out, " metrics did not fit the prompt (context ", f.context, ", prompt ",
                  f.estimated);
    out += " tokens)";
  }
  return out;
}

std::string cut_words(const agent::StageOutcome& s) {
  std::string out;
  const uint64_t counted = s.call.prompt_eval_count;
  const uint64_t known = counted + s.call.cached_count;   // some count the cached ones apart
  if (!s.fit.over && counted > 0 && known < s.fit.estimated / kCutFactor) {
    append_counts(out, "the server read ", counted, " prompt tokens where about ",
                  s.fit.estimated);
    out += " were sent: it cut the prompt, or had its beginning cached";
  }
  return out;
}

// All agents read the same folder.
void warn_of_files(const agent::Inventory& inventory, std::vector<std::string>& out) {
  if (inventory.root.empty()) return;   // was not read
  const size_t skipped = inventory.skipped.size();
  const std::string root = printable(inventory.root, false);
  if (inventory.files.empty()) {
    out.push_back("no CSV, JSON or Markdown file in " + root);
    if (skipped > 0) out.back() += " can be used";
  }
  if (skipped > 0) {
    std::string words;
    append_u64(words, skipped);
    words += skipped == 1 ? " file was skipped: " : " files were skipped: ";
    for (size_t i = 0; i < std::min(skipped, kSkippedNamed); ++i) {
      const agent::SkippedFile& s = inventory.skipped[i];
      words.append(i > 0 ? ", " : "").append(printable(s.path, false));
      words.append(" (").append(s.why).append(")");
    }
    if (skipped > kSkippedNamed) words += ", ...";
    out.push_back(words.append("; see chimera ingest ").append(root));
  }
  for (const char* note : inventory.notes) out.push_back(note);
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
    words.append(" agents share the server ").append(url);
    out.push_back(words.append(": their calls may wait for each other there"));
  }
}

// What makes the baseline of --serial doubtful, or none.
void warn_of_serial(const agent::SerialOutcome& serial, std::vector<std::string>& out) {
  for (const agent::AloneOutcome& a : serial.agents) {
    if (a.validity == llm::Validity::ok) continue;
    std::string words = "serial: ";
    words.append(a.id).append(" alone ");
    if (a.failed) {
      words.append("failed, ").append(error_words(a.error, a.error_text));
      words.append(": no true efficiency");
    } else {
      words.append("had a call that was ").append(llm::name_of(a.validity));
      words.append(": the true efficiency is doubtful");
    }
    out.push_back(words);
  }
}

}  // namespace

std::vector<std::string> input_warnings_of(const agent::RunOutcome& run) {
  std::vector<std::string> out;
  if (!run.agents.empty()) warn_of_files(run.agents[0].inventory, out);
  warn_of_serial(run.serial, out);
  for (const agent::AgentOutcome& a : run.agents) {
    const auto stages = stages_of(a);
    for (size_t i = 0; i < stages.size(); ++i) {
      if (stages[i]->fit.over)
        out.push_back(call_name(a, kStageNames[i]).append(fit_words(stages[i]->fit)));
    }
  }
  return out;
}

std::vector<std::string> warnings_of(const agent::RunOutcome& run) {
  std::vector<std::string> out = input_warnings_of(run);
  warn_of_shared_servers(run, out);
  for (const agent::AgentOutcome& a : run.agents) {
    if (a.failed && !a.analysis_stage.made) {
      out.push_back(a.config.id);
      out.back().append(": failed, ").append(error_words(a.error, a.error_text));
    }
    const auto stages = stages_of(a);
    for (size_t i = 0; i < stages.size(); ++i) {
      const agent::StageOutcome& s = *stages[i];
      if (!s.made) continue;
      const std::string fit = s.fit.over ? std::string() : fit_words(s.fit);
      for (const std::string& words : {fit, validity_words(s.call), cut_words(s)}) {
        if (!words.empty()) out.push_back(call_name(a, kStageNames[i]).append(words));
      }
    }
  }
  return out;
}

}  // namespace chimera::lab
