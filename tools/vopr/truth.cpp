#include "truth.hpp"

#include <algorithm>

namespace chimera::vopr {

Truth::Truth(size_t servers, size_t thinking_events)
    : witnesses_(servers), thinking_events_(thinking_events) {
  for (size_t i = 0; i < servers; ++i) {
    witnesses_[i].truth = this;
    witnesses_[i].server = i;
  }
}

Asked* Truth::Seen::find(uint64_t number) {
  for (Asked& a : truth->all_) {
    if (a.server == server && a.number == number) return &a;
  }
  return nullptr;
}

void Truth::Seen::on_request(uint64_t number, std::string_view prompt, int64_t, Nanos arrived) {
  truth->all_.push_back({server, number, std::string(prompt), arrived, {}, {}, 0, 0});
}

void Truth::Seen::on_event(uint64_t number, std::string_view text, size_t, Nanos) {
  Asked& a = *find(number);
  (a.events < truth->thinking_events_ ? a.thinking : a.text).append(text);
  ++a.events;
}

void Truth::Seen::on_sent(uint64_t number, Nanos sent) { find(number)->ended = sent; }

std::vector<const Asked*> Truth::of(std::string_view tag) const {
  std::vector<const Asked*> found;
  for (const Asked& a : all_) {
    if (a.prompt.find(tag) != a.prompt.npos) found.push_back(&a);
  }
  return found;
}

int Truth::most_at_once(size_t text_events) const {
  std::vector<std::pair<Nanos, int>> edges;   // an end comes before a beginning at the same instant
  for (const Asked& a : all_) {
    if (!a.whole(thinking_events_, text_events) || a.ended <= a.arrived) continue;
    edges.push_back({a.arrived, 1});
    edges.push_back({a.ended, -1});
  }
  std::sort(edges.begin(), edges.end());
  int now = 0, most = 0;
  for (const auto& [at, change] : edges) most = std::max(most, now += change);
  return most;
}

}  // namespace chimera::vopr
