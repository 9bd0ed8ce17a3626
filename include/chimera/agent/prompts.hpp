// What the agents say to their models, made to fit the context window; how the first answer is
// taken apart; what a report begins with. Structure of the TR115 benchmark, words of our own.
//
// Every prompt has the same order: persona, role, data, numbered requests, format request. The same
// inputs give the same bytes, so a server can reuse its prompt cache between runs.
//
// Thread: any; pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/agent/outcome.hpp"

namespace chimera::agent {

// The text that goes in front of every prompt of agent `index` (0-based): a data collector for even
// indices, an insight analyst for odd ones.
std::string_view persona_of(size_t index);

// A prompt longer than the context window is cut by the server without a word, and what it cuts is
// the beginning: TR115's report prompts lost persona and task that way and its models drifted into
// endless repeats. Here the prompt is made to fit, and the record says what was left out.
struct Budget {
  uint64_t context = 0;      // tokens: num_ctx, or 4096 (Ollama's default) when it is not set
  uint64_t prompt = 0;       // what the prompt may use of it
  bool assumed = false;      // num_ctx is not set
};
// The answer's share is num_predict when that is set and positive, at most half the context;
// otherwise a quarter of the context.
Budget budget_of(const llm::Options& options);

// ceil(bytes / 3). No tokenizer is at hand; English runs at 4 to 5 bytes a token, numbers and paths
// at 2 to 3, so that a mixed prompt is over- rather than underestimated.
uint64_t estimate_tokens(std::string_view text);

struct Prompt {
  std::string text;
  PromptFit fit;
};

// Left out when it does not fit: metrics from the end of the sorted list, then file paths of the
// data summary from the last listed one back. Metrics are asked about only when some are shown.
Prompt analysis_prompt(const AgentConfig& config, const Inventory& inventory, Budget budget);

// When it does not fit, the analysis' summary, its findings, the metrics and the recommendations
// share the room equally, and what one does not need goes to the others. Each loses its end: whole
// items from the last one back (metrics in their sorted order), the summary at a character
// boundary. The prompt says what is missing ("12 of 60 metrics shown").
Prompt report_prompt(const AgentConfig& config, const Inventory& inventory,
                     const Analysis& analysis, Budget budget);

// The analysis answer by the benchmark's rules:
//   summary          the lines behind the first one with "executive summary" (or being "summary"),
//                    up to the next one that starts with '#', without empty ones; when that is
//                    nothing, the first five lines
//   key_findings     the first ten lines with finding, insight, discovery or key (any case, also
//                    inside words) that are no '#' headings
//   recommendations  likewise with recommend, suggest, should or consider
// List marks are taken off the two lists' items. Here we differ from the benchmark, which damages
// text: it turns "**1. Foo**" into "Foo**", leaves the number of "- 1. Foo" and eats that of
// "3.5 tok/s"; ours are "Foo", "Foo" and "3.5 tok/s".
Analysis parse_analysis(std::string_view answer);

// "num_gpu=80, num_ctx=512, temp=1, top_p=default, top_k=default, repeat_penalty=default", with our
// own options behind it when set; "Ollama defaults" when nothing is set.
std::string describe(const llm::Options& options);

// What AgentOutcome::report_markdown begins with: title, date, agent, model, configuration, rule.
// The model's report follows directly.
std::string report_header(const AgentConfig& config, int64_t unix_ns);

}  // namespace chimera::agent
