#include "chimera/llm/pool.hpp"

namespace chimera::llm {

Result<Policy> parse_policy(std::string_view text) {
  static constexpr const char* kNames[] = {"first", "round-robin", "least", "race"};
  for (int i = 0; i < 4; ++i) {
    if (text == std::string_view(kNames[i])) return static_cast<Policy>(i);
  }
  return fail(Errc::usage, "first, round-robin, least or race");
}

Servers::Servers(std::span<const wire::Url> urls, const ClientSettings& settings, Policy policy)
    : urls_(urls), settings_(settings), policy_(policy) {}

Caller::Caller(Servers& servers) : servers_(servers), endpoints_(servers.size()) {}

rt::Task<void> Caller::generate(const Request& request, PieceSink* pieces, Call& call) {
  if (!endpoints_[0]) {
    endpoints_[0] = make_own<Endpoint>(servers_.url(0), servers_.settings_);
  }
  co_await endpoints_[0]->generate(request, pieces, call);
}

}  // namespace chimera::llm
