// How this works: a text is a list of sections, a section a number of items of one sort, an item
// one sentence pattern whose %-marks are filled in. All figures of a sentence are drawn together,
// so that they agree. The last section is repeated until only the ending fits, which was made
// first: recommendations, and short sentences that bring the text to its length. A rendered line is
// handed out in pieces.
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "plan.hpp"

namespace chimera::sim {
namespace {

constexpr size_t kPiece = 8;             // letters of one token
constexpr uint32_t kItemTokens = 60;     // one finding per that many tokens of the answer
constexpr uint32_t kFewest = 2, kMost = 6;
constexpr uint32_t kShortestWhole = 80;  // tokens of an answer that has an ending

// %a a base figure (tok/s, ms), %b a larger one; %p percent, %r and %l the base raised and lowered
// by it; %k of %t things, a share of %s percent; %v a small percentage or time; %n a count, %x
// seconds, %q microseconds, %y megabytes, %z two digits of a correlation; %m and %o two different
// durations, %c a configuration
constexpr const char* kSummary[] = {
    "Across %t samples the system holds %a\u2013%b tok/s; %m decides most of the outcome.",
    "Latency stays within %a ms \u00b1 %v %% once the model is resident.",
    "A gain of \u2248 %p %% comes from %c.",
    "Variation between runs is small (%v %%), so the ranking is trustworthy.",
};
constexpr const char* kFindings[] = {
    "Key finding: throughput improves by %p %% with %c, from %a to %r tok/s.",
    "**Insight:** %m is %a ms at the median and %b ms at p99.",
    "Finding: %c costs %x s of start-up, paid once per load.",
    "Key discovery: %m and %o are correlated (r \u2248 0.%z).",
    "**Finding:** %k of %t runs show contention \u2014 all of them cold starts \U0001F525.",
    "Insight: throughput (\u541e\u5410\u91cf) saturates at %b tok/s for %c.",
};
constexpr const char* kAdvice[] = {
    "We recommend %c for interactive use; it lowers %m by %p %%.",
    "Teams should watch %m and raise an alert above %b ms.",
    "Consider a warm-up call: it removes %x s of loading from the first answer.",
    "I suggest repeating each measurement %n times \u2192 the interval shrinks below %v %%.",
    "Memory should stay below %y MB; consider %c otherwise \u2705.",
};
constexpr const char* kBody[] = {
    "With %c, %m reaches %a ms in the median and %b ms at the 95th percentile.",
    "The difference between both agents is %v ms, well inside the spread of %m.",
    "Load time (%x s) appears only in the first call; prefill takes %q \u00b5s per token.",
    "Of %t requests, %k finished within the target \u2013 a share of %s %%.",
    "Comparing %c with the baseline, %m falls by %p %%, from %a to %l ms.",
    "No sample lies more than three deviations from the mean of %a ms.",
};
// Of all lengths from two tokens on, in sum; the longest first.
constexpr const char* kClosing[] = {
    " Change one setting at a time and keep all of the others.",
    " Leave out the first run after loading.",
    " Note the seed of each run.",
    " Compare like with like.",
    " Pin the version.",
    " Keep logs.",
    " Repeat.",
};
constexpr const char* kDurations[] = {"time to first token", "prefill time", "decode latency",
                                      "queue delay"};
constexpr const char* kConfigurations[] = {
    "num_gpu 80",      "a context of 512",      "a context of 1024",
    "temperature 0.8", "two dedicated servers", "full offload"};

enum class Sort : uint8_t { summary, findings, body };
struct Section {
  const char* heading;
  Sort sort;
};
constexpr Section kSections[2][4] = {
    {{"## Executive Summary\n\n", Sort::summary},
     {"\n\n## Key Findings\n\n", Sort::findings},
     {"\n\n## Performance Metrics\n\n", Sort::body},
     {"\n\n### Further Observations\n\n", Sort::body}},
    {{"## Executive Summary\n\n", Sort::summary},
     {"\n\n## Key Findings\n\n", Sort::findings},
     {"\n\n## Data Overview\n\n", Sort::body},
     {"\n\n## Performance Analysis\n\n", Sort::body}}};
constexpr uint32_t kLastSection = 3;

// The first `fixed` patterns in their order, then the others in turn, from a place of the seed's.
template <size_t N>
const char* pick(const char* const (&list)[N], uint32_t item, uint32_t fixed, uint32_t start) {
  return list[item < fixed ? item : fixed + (start + item) % (N - fixed)];
}

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

// Whole sentences of exactly so many tokens; a line end for one.
void append_closing(std::string& out, uint32_t tokens) {
  while (tokens > 1) {
    for (const char* sentence : kClosing) {
      const uint32_t n = count_tokens(sentence);
      if (n > tokens || tokens - n == 1) continue;
      out += sentence;
      tokens -= n;
    }
  }
  if (tokens == 1) out += '\n';
}

double tenth(uint64_t tenths) { return static_cast<double>(tenths) / 10; }

}  // namespace

uint32_t count_tokens(std::string_view s) {
  uint32_t n = 0;
  for (; !s.empty(); ++n) s.remove_prefix(token_length(s));
  return n;
}

const char* a_phrase(uint64_t which) {
  return kDurations[which % std::size(kDurations)];
}

Genre genre_of(std::string_view prompt) {
  const bool report = icontains(prompt, "technical report") || icontains(prompt, "write a report");
  return report ? Genre::report : Genre::analysis;
}

Text::Text(Genre genre, uint32_t tokens, uint64_t seed)
    : rng_(seed), genre_(genre), left_(tokens), start_(static_cast<uint32_t>(rng_.below(60))) {
  const uint32_t items = tokens / kItemTokens;
  items_ = items < kFewest ? kFewest : items > kMost ? kMost : items;
  if (tokens >= kShortestWhole) {
    line_ = "\n\n## Recommendations\n";
    for (uint32_t i = 0; i < items_ / 2; ++i) {
      line_ += '\n';
      append_u64(line_, i + 1);
      line_ += ". ";
      fill(pick(kAdvice, i, 1, start_));
    }
    ending_.swap(line_);
    ending_tokens_ = count_tokens(ending_);
  }
  if (genre == Genre::report) line_ = "# Benchmark Report\n\n";
}

Text::Text(std::string_view document)
    : rng_(0), genre_(Genre::analysis), left_(0), start_(0), items_(kFewest), line_(document) {}

void Text::fill(const char* pattern) {
  const double base = tenth(200 + rng_.below(1000));
  const uint64_t percent = 5 + rng_.below(36), total = 20 + rng_.below(480);
  const uint64_t part = 1 + rng_.below(total), small = rng_.below(29), other = rng_.below(160);
  const uint64_t duration = rng_.below(4);
  const double change = base * static_cast<double>(percent) / 100;
  for (; *pattern != '\0'; ++pattern) {
    if (*pattern != '%') {
      line_ += *pattern;
      continue;
    }
    double figure = 0;
    switch (*++pattern) {
      case 'a': figure = base; break;
      case 'b': figure = base + 1 + base * static_cast<double>(other) / 400; break;
      case 'r': figure = base + change; break;
      case 'l': figure = base - change; break;
      case 's': figure = 100 * static_cast<double>(part) / static_cast<double>(total); break;
      case 'v': figure = tenth(2 + small); break;
      case 'x': figure = tenth(5 + other / 4); break;
      case 'p': append_u64(line_, percent); continue;
      case 't': append_u64(line_, total); continue;
      case 'k': append_u64(line_, part); continue;
      case 'n': append_u64(line_, 5 + small); continue;
      case 'q': append_u64(line_, 100 + other * 5); continue;
      case 'y': append_u64(line_, 2000 + other * 50); continue;
      case 'z': append_u64(line_, 65 + small); continue;
      case 'm': line_ += kDurations[duration]; continue;
      case 'o': line_ += kDurations[(duration + 1 + small % 3) % 4]; continue;
      case 'c': line_ += kConfigurations[other % 6]; continue;
      default: line_ += '%'; continue;
    }
    append_fixed(line_, figure, 1);
  }
}

void Text::render() {
  line_.clear();
  at_ = 0;
  const Section& s = kSections[genre_ == Genre::report][section_];
  if (item_ == 0) line_ += s.heading;
  switch (s.sort) {
    case Sort::summary:
      if (item_ > 0) line_ += ' ';
      fill(pick(kSummary, item_, 1, start_));
      break;
    case Sort::findings:
      line_ += item_ > 0 ? "\n- " : "- ";
      fill(pick(kFindings, item_, 2, start_));
      break;
    case Sort::body:
      if (item_ > 0) line_ += ' ';
      fill(pick(kBody, item_, 0, start_));
      break;
  }
  if (!ending_.empty() && count_tokens(line_) + ending_tokens_ > left_) {
    line_.clear();
    line_.swap(ending_);
    append_closing(line_, left_ - ending_tokens_);
  }
  if (++item_ < (s.sort == Sort::summary ? items_ / 2 : items_)) return;
  item_ = 0;
  start_ += section_ < kLastSection;
  section_ += section_ < kLastSection;
}

void Text::next(std::string& out) {
  if (at_ == line_.size()) render();
  const size_t n = token_length(std::string_view(line_).substr(at_));
  out.append(line_, at_, n);
  at_ += n;
  if (left_ > 0) --left_;
}

}  // namespace chimera::sim
