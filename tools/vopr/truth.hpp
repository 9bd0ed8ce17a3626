// What the servers really did: every request for an answer, and what was said to it.
//
// Thread: one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/sim/server.hpp"

namespace chimera::vopr {

struct Asked {
  size_t server = 0;
  uint64_t number = 0;
  std::string prompt;
  Nanos arrived = 0;
  std::string thinking, text;
  size_t events = 0;
  Nanos ended = 0;               // of the last that was sent

  // Ready to be compared with what came.
  bool whole(size_t thinking_events, size_t text_events) const {
    return events == thinking_events + text_events;
  }
};

class Truth {
 public:
  Truth(size_t servers, size_t thinking_events);
  sim::Witness& witness(size_t server) { return witnesses_[server]; }
  // The requests whose prompt has `tag` in it.
  std::vector<const Asked*> of(std::string_view tag) const;
  const std::vector<Asked>& all() const { return all_; }
  // The most whole answers that were under way at the same time.
  int most_at_once(size_t text_events) const;

 private:
  struct Seen final : sim::Witness {
    void on_request(uint64_t number, std::string_view prompt, int64_t seed, Nanos arrived) override;
    void on_event(uint64_t number, std::string_view text, size_t bytes, Nanos planned) override;
    void on_sent(uint64_t number, Nanos sent) override;
    Asked* find(uint64_t number);
    Truth* truth = nullptr;
    size_t server = 0;
  };
  std::vector<Seen> witnesses_;
  std::vector<Asked> all_;
  size_t thinking_events_;
};

}  // namespace chimera::vopr
