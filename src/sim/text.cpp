// How this works: a text is a list of sections, a section a number of items of one sort, an item
// one sentence pattern whose %-marks are filled in. The last section is repeated until nobody asks
// for more. A rendered line is handed out in pieces.
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "plan.hpp"

namespace chimera::sim {
namespace {

constexpr size_t kPiece = 8;          // letters of one token
constexpr uint32_t kItemTokens = 60;  // one finding per that many tokens of the answer
constexpr uint32_t kFewest = 2, kMost = 8;

// %n whole number, %d one decimal, %p percent, %m a metric, %c a configuration
constexpr const char* kSummary[] = {
    "Across %n samples the system holds %d\u2013%d tok/s; %m decides most of the outcome. ",
    "Latency stays within %d ms \u00b1 %d %% once the model is resident. ",
    "The largest gain, \u2248 %p %%, comes from %c. ",
    "Variation between runs is small (%d %%), so the ranking is trustworthy. ",
};
constexpr const char* kFindings[] = {
    "Key finding: %m improves by %p %% with %c, from %d to %d tok/s.\n",
    "**Insight:** time per token is %n \u00b5s at the median and %n \u00b5s at p99.\n",
    "Finding: %c costs %d ms of start-up, paid once per load.\n",
    "Key discovery: %m and %m are correlated (r \u2248 0.%p).\n",
    "**Finding:** %n of %n runs show contention \u2014 all of them cold starts \U0001F525.\n",
    "Insight: throughput (\u541e\u5410\u91cf) saturates at %d tok/s for %c.\n",
};
constexpr const char* kAdvice[] = {
    "We recommend %c for interactive use; it lowers %m by %p %%.\n",
    "Teams should watch %m and raise an alert above %n ms.\n",
    "Consider a warm-up call: it removes %d s of loading from the first answer.\n",
    "I suggest repeating each measurement %n times \u2192 the interval shrinks below %d %%.\n",
    "Memory should stay below %n MB; consider %c otherwise \u2705.\n",
};
constexpr const char* kBody[] = {
    "With %c, %m reaches %d in the median and %d at the 95th percentile. ",
    "The difference between both agents is %d ms, well inside the spread of %m. ",
    "Load time (%d s) appears only in the first call; prefill takes %n \u00b5s per token. ",
    "Of %n requests, %n finished within the target \u2013 a share of %p %%. ",
    "Comparing %c with the baseline, %m moves from %d to %d.\n\n",
    "No sample lies more than three deviations from the mean of %d. ",
};
constexpr const char* kMetrics[] = {"throughput",     "time to first token", "prefill time",
                                    "decode latency", "memory use",          "queue delay"};
constexpr const char* kConfigurations[] = {
    "num_gpu 80",      "a context of 512",      "a context of 1024",
    "temperature 0.8", "two dedicated servers", "full offload"};

template <size_t N>
const char* pick(const char* const (&list)[N], Rng& rng) {
  return list[rng.below(N)];
}

enum class Sort : uint8_t { summary, findings, advice, body };
struct Section {
  const char* heading;
  Sort sort;
};
constexpr Section kAnalysis[] = {{"## Executive Summary\n\n", Sort::summary},
                                 {"\n\n## Key Findings\n\n", Sort::findings},
                                 {"\n## Recommendations\n\n", Sort::advice},
                                 {"\n## Performance Metrics\n\n", Sort::body},
                                 {"\n\n### Further Observations\n\n", Sort::body}};
constexpr Section kReport[] = {
    {"## Executive Summary\n\n", Sort::summary},     {"\n\n## Key Findings\n\n", Sort::findings},
    {"\n## Recommendations\n\n", Sort::advice},      {"\n## Data Overview\n\n", Sort::body},
    {"\n\n## Performance Analysis\n\n", Sort::body}, {"\n\n## Appendix\n\n", Sort::body}};
constexpr uint32_t kLastAnalysis = sizeof kAnalysis / sizeof kAnalysis[0] - 1;
constexpr uint32_t kLastReport = sizeof kReport / sizeof kReport[0] - 1;

bool is_word(char c) {
  return is_alpha(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}

// The length of the first token: line ends, or a blank with a piece of a word or equal marks.
size_t token_length(std::string_view s) {
  size_t i = 0;
  while (i < s.size() && s[i] == '\n') ++i;
  if (i > 0) return i;
  if (s[0] == ' ') i = 1;
  const size_t start = i;
  while (i < s.size() &&
         (is_word(s[start]) ? is_word(s[i]) && i - start < kPiece : s[i] == s[start]))
    ++i;
  while (i < s.size() && (static_cast<unsigned char>(s[i]) & 0xc0) == 0x80) ++i;
  return i;
}

}  // namespace

Genre genre_of(std::string_view prompt) {
  const bool report = icontains(prompt, "technical report") || icontains(prompt, "write a report");
  return report ? Genre::report : Genre::analysis;
}

Text::Text(Genre genre, uint32_t tokens, uint64_t seed) : rng_(seed), genre_(genre) {
  const uint32_t items = tokens / kItemTokens;
  items_ = items < kFewest ? kFewest : items > kMost ? kMost : items;
  if (genre == Genre::report) line_ = "# Benchmark Report\n\n";
}

void Text::fill(const char* pattern) {
  for (; *pattern != '\0'; ++pattern) {
    if (*pattern != '%') {
      line_ += *pattern;
      continue;
    }
    switch (*++pattern) {
      case 'n': append_u64(line_, 2 + rng_.below(998)); break;
      case 'd': append_fixed(line_, static_cast<double>(10 + rng_.below(990)) / 10, 1); break;
      case 'p': append_u64(line_, 10 + rng_.below(89)); break;
      case 'm': line_ += pick(kMetrics, rng_); break;
      case 'c': line_ += pick(kConfigurations, rng_); break;
      default: line_ += '%';
    }
  }
}

void Text::render() {
  line_.clear();
  at_ = 0;
  const Section& s = genre_ == Genre::report ? kReport[section_] : kAnalysis[section_];
  if (item_ == 0) line_ += s.heading;
  switch (s.sort) {
    case Sort::summary: fill(item_ == 0 ? kSummary[0] : pick(kSummary, rng_)); break;
    case Sort::findings:
      line_ += "- ";
      fill(item_ < 2 ? kFindings[item_] : pick(kFindings, rng_));
      break;
    case Sort::advice:
      append_u64(line_, item_ + 1);
      line_ += ". ";
      fill(item_ == 0 ? kAdvice[0] : pick(kAdvice, rng_));
      break;
    case Sort::body: fill(pick(kBody, rng_)); break;
  }
  const bool last = section_ == (genre_ == Genre::report ? kLastReport : kLastAnalysis);
  if (++item_ < items_) return;
  item_ = 0;
  if (!last) ++section_;
}

void Text::next(std::string& out) {
  if (at_ == line_.size()) render();
  const size_t n = token_length(std::string_view(line_).substr(at_));
  out.append(line_, at_, n);
  at_ += n;
}

}  // namespace chimera::sim
