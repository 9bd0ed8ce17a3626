#include <cstring>
#include <span>

#include "chimera/agent/prompts.hpp"
#include "chimera/base/text.hpp"

namespace chimera::agent {
namespace {

constexpr size_t kMostItems = 10;
constexpr size_t kFallbackLines = 5;
constexpr std::string_view kBold = "**";

// `s` behind a list number ("12. ", "3)"). "3.5" is a quantity: its point has a digit behind it.
std::string_view behind_number(std::string_view s) {
  size_t n = 0;
  while (n < s.size() && is_digit(s[n])) ++n;
  if (n == 0 || n == s.size() || (s[n] != '.' && s[n] != ')')) return s;
  if (n + 1 < s.size() && is_digit(s[n + 1])) return s;
  return trim_left(s.substr(n + 1));
}

std::string_view behind_bullets(std::string_view s) {
  for (;;) {
    const size_t mark = s.starts_with('-') ? 1
                        : s.starts_with("\u2022") ? strlen("\u2022")
                        : s.starts_with('*') && s.size() > 1 && is_space(s[1]) ? 1 : 0;
    if (mark == 0) return s;
    s = trim_left(s.substr(mark));
  }
}

std::string clean_item(std::string_view line) {
  const std::string_view s = behind_bullets(trim(line));
  if (!s.starts_with(kBold)) return std::string(behind_number(s));
  const std::string_view inner = s.substr(kBold.size());
  const std::string_view item = behind_number(inner);
  if (item.starts_with(kBold)) return std::string(trim(item.substr(kBold.size())));  // **1.** Foo
  const size_t closing = item.find(kBold);
  if (closing != item.npos && closing + kBold.size() == item.size()) {
    return std::string(trim(item.substr(0, closing)));
  }
  std::string kept(kBold);                                                     // **1. Foo:** bar
  return kept += item;
}

bool has_any(std::string_view line, std::span<const char* const> words) {
  for (const char* w : words) {
    if (icontains(line, w)) return true;
  }
  return false;
}

std::vector<std::string> items_with(std::string_view text, std::span<const char* const> words) {
  std::vector<std::string> items;
  std::string_view line;
  while (items.size() < kMostItems && next_line(text, line)) {
    line = trim(line);
    if (line.empty() || line[0] == '#' || !has_any(line, words)) continue;
    std::string item = clean_item(line);
    if (!item.empty()) items.push_back(std::move(item));
  }
  return items;
}

std::string summary_of(std::string_view text) {
  std::string summary;
  std::string_view rest = text, line;
  bool inside = false;
  while (next_line(rest, line)) {
    line = trim(line);
    if (!inside) {
      inside = icontains(line, "executive summary") || iequals(line, "summary");
      continue;
    }
    if (line.starts_with('#')) break;
    if (line.empty()) continue;
    if (!summary.empty()) summary += '\n';
    summary += line;
  }
  if (!summary.empty()) return summary;
  rest = text;
  for (size_t i = 0; i < kFallbackLines && next_line(rest, line); ++i) {
    summary += line;
    summary += '\n';
  }
  return std::string(trim(summary));
}

}  // namespace

Analysis parse_analysis(std::string_view answer) {
  static constexpr const char* kFindings[] = {"finding", "insight", "discovery", "key"};
  static constexpr const char* kAdvice[] = {"recommend", "suggest", "should", "consider"};
  answer = trim(answer);
  return {summary_of(answer), items_with(answer, kFindings), items_with(answer, kAdvice)};
}

}  // namespace chimera::agent
