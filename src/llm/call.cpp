#include "chimera/llm/call.hpp"

#include <algorithm>

#include "chimera/base/text.hpp"

namespace chimera::llm {
namespace {
constexpr const char* kApis[] = {"ollama", "ollama-chat", "openai", "openai-completions", "auto"};
}

const char* name_of(Api api) { return kApis[static_cast<size_t>(api)]; }

Result<Api> parse_api(std::string_view text) {
  for (size_t i = 0; i < std::size(kApis); ++i) {
    if (text == std::string_view(kApis[i])) return static_cast<Api>(i);
  }
  return fail(Errc::usage, "ollama, ollama-chat, openai, openai-completions or auto");
}

bool Options::any_model_option() const {
  return num_gpu || num_ctx || top_k || num_predict || seed || temperature || top_p ||
         repeat_penalty || !extra.empty();
}

const char* name_of(Validity v) {
  static constexpr const char* kNames[] = {"ok", "cold", "truncated", "loop", "error", "empty"};
  return kNames[static_cast<size_t>(v)];
}

Validity Call::validity() const {
  const bool cut_short = failed && error.code == Errc::truncated;
  if (failed && !cut_short) return Validity::error;
  if (cut_short || !done) return Validity::truncated;
  if (trim(text).empty() && tool_calls.empty()) return Validity::empty;
  if (repeats_itself(text)) return Validity::loop;
  return load_duration > kSecond ? Validity::cold : Validity::ok;
}

Nanos Call::ttft() const {
  if (sent == 0) return 0;
  return std::max<Nanos>((first_token != 0 ? first_token : ended) - sent, 0);
}

// A text ends in repeats of a unit of p bytes exactly when each byte of that end equals the one p
// before it. At most 1,600 bytes are looked at, whatever the length, and a period that does not
// hold is refuted within a few of them.
bool repeats_itself(std::string_view text) {
  constexpr size_t kEnd = 400, kUnit = 200, kTimes = 8;
  for (size_t p = 1; p <= kUnit; ++p) {
    const size_t need = std::max(kEnd, kTimes * p);
    if (text.size() < need) return false;
    const std::string_view end = text.substr(text.size() - need);
    if (end.substr(p) == end.substr(0, need - p)) return true;
  }
  return false;
}

}  // namespace chimera::llm
