// Several model servers behind one call: which one is asked, and who answers when it cannot.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "chimera/base/own.hpp"
#include "chimera/llm/endpoint.hpp"

namespace chimera::llm {

// Which server a call goes to.
enum class Policy : uint8_t {
  first,         // the first that works: the others are spares
  round_robin,   // each in turn
  least,         // the one with the fewest calls in flight
  race,          // all of them; the first to say something goes on, the others are given up
};
// Errors: usage.
Result<Policy> parse_policy(std::string_view text);

// The servers, and what all callers know of them: calls in flight, until when one that failed is
// asked last, and its dialect.
//
// Thread: any. `urls` and `settings` stay the caller's.
class Servers {
 public:
  Servers(std::span<const wire::Url> urls, const ClientSettings& settings, Policy policy);
  size_t size() const { return urls_.size(); }
  const wire::Url& url(size_t i) const { return urls_[i]; }

 private:
  friend class Caller;
  struct State {
    uint32_t in_flight = 0;
    Nanos shunned_until = 0;     // asked last until then
    Dialect dialect;             // has a lock of its own
  };
  uint32_t next_turn();
  size_t take(std::string_view tried, uint32_t turn);
  void give_back(size_t i, bool failed, Nanos asked_to_wait);
  bool better(size_t a, size_t b, uint32_t turn, Nanos now) const;

  std::span<const wire::Url> urls_;
  const ClientSettings& settings_;
  Policy policy_;
  rt::SpinLock lock_;
  std::vector<State> states_;
  uint32_t turn_ = 0;
};

// One task's way to the servers: a connection to each that it has used, kept between calls.
//
// Thread: one task, which stays on its worker; one call at a time.
class Caller {
 public:
  explicit Caller(Servers& servers);
  // One answer, as Endpoint::generate. When a server cannot answer (any failure before the first
  // piece but the caller's own: cancelled, a deadline of the whole call, refused authorisation, bad
  // requests) the next one is asked; when none can, all of them again (max_retries), behind the
  // delay of wait_to_retry(). call.server says whose answer or failure it is, call.attempts counts
  // all, those of a race's losers too.
  rt::Task<void> generate(const Request& request, PieceSink* pieces, Call& call);

 private:
  struct Round;
  struct Race;
  struct Contestant;
  Endpoint& endpoint(size_t i);
  rt::Task<void> go_round(const Request& request, PieceSink* pieces, Call& call, Round& round);
  rt::Task<void> go_race(const Request& request, PieceSink* pieces, Call& call, Round& round);
  rt::Task<void> race(const Request& request, PieceSink* pieces, Call& call, Round& round);
  static rt::Task<void> compete(Endpoint& endpoint, const Request& request, Contestant& self);

  Servers& servers_;
  std::vector<Own<Endpoint>> endpoints_;   // made when first used
  rt::IoSide io_;                          // of a race: all of it is on one worker
};

}  // namespace chimera::llm
