#include "chimera/llm/pool.hpp"

namespace chimera::llm {

Result<Policy> parse_policy(std::string_view text) {
  static constexpr const char* kNames[] = {"first", "round-robin", "least", "race"};
  for (int i = 0; i < 4; ++i) {
    if (text == std::string_view(kNames[i])) return static_cast<Policy>(i);
  }
  return fail(Errc::usage, "first, round-robin, least or race");
}

namespace {

constexpr Nanos kShunned = 5 * kSecond;   // how long a server that failed is asked last

// Whether another server may do better: not when the caller's own request or time is at fault.
bool may_go_elsewhere(const Call& call) {
  if (!call.failed || call.pieces != 0) return false;
  switch (call.error.code) {
    case Errc::resolve:
    case Errc::refused:
    case Errc::reset:
    case Errc::closed:
    case Errc::truncated:
    case Errc::protocol:
    case Errc::too_large:
    case Errc::tls:
    case Errc::no_model:
    case Errc::busy:
    case Errc::server_error: return true;
    case Errc::timed_out: return std::string_view(call.error.where) != "total";
    case Errc::http_status: return call.error.os >= 500;
    default: return false;
  }
}

}  // namespace

Servers::Servers(std::span<const wire::Url> urls, const ClientSettings& settings, Policy policy)
    : urls_(urls), settings_(settings), policy_(policy), states_(urls.size()) {}

uint32_t Servers::next_turn() {
  lock_.lock();
  const uint32_t turn = turn_++;
  lock_.unlock();
  return turn % static_cast<uint32_t>(size());
}

bool Servers::better(size_t a, size_t b, uint32_t turn, Nanos now) const {
  const State &x = states_[a], &y = states_[b];
  const bool x_shunned = x.shunned_until > now, y_shunned = y.shunned_until > now;
  if (x_shunned != y_shunned) return y_shunned;
  if (policy_ == Policy::least) return x.in_flight < y.in_flight;
  if (policy_ != Policy::round_robin) return false;
  return (a + size() - turn) % size() < (b + size() - turn) % size();
}

// The one to ask next; between equals the first. Its call is in flight until give_back().
size_t Servers::take(std::string_view tried, uint32_t turn) {
  const Nanos now = rt::now();
  lock_.lock();
  size_t best = tried.find('\0');
  for (size_t i = best + 1; i < size(); ++i) {
    if (tried[i] == '\0' && better(i, best, turn, now)) best = i;
  }
  ++states_[best].in_flight;
  lock_.unlock();
  return best;
}

void Servers::give_back(size_t i, bool failed, Nanos asked_to_wait) {
  const Nanos pause = asked_to_wait > kShunned ? asked_to_wait : kShunned;
  const Nanos until = failed ? later(rt::now(), pause) : 0;
  lock_.lock();
  --states_[i].in_flight;
  states_[i].shunned_until = until;
  lock_.unlock();
}

// What came of asking all servers.
struct Caller::Round {
  uint32_t attempts = 0;
  bool over = false;             // there is an answer, or a failure that stands
  bool again = false;            // one of the failures is worth it
  Nanos asked = kNever;          // the shortest wait that one of those asked for

  void note(const Call& call, Nanos asked_to_wait) {
    if (!worth_retrying(call)) return;
    again = true;
    if (asked_to_wait < asked) asked = asked_to_wait;
  }
};

Caller::Caller(Servers& servers) : servers_(servers), endpoints_(servers.size()) {}

Endpoint& Caller::endpoint(size_t i) {
  if (!endpoints_[i]) {
    endpoints_[i] = make_own<Endpoint>(servers_.url(i), servers_.settings_,
                                       servers_.states_[i].dialect);
  }
  return *endpoints_[i];
}

rt::Task<void> Caller::generate(const Request& request, PieceSink* pieces, Call& call) {
  const Nanos started = rt::now();
  const bool races = servers_.policy_ == Policy::race && servers_.size() > 1;
  uint32_t attempts = 0;
  for (int retry = 0;; ++retry) {
    Round round;
    rt::Task<void> going = races ? go_race(request, pieces, call, round)
                                 : go_round(request, pieces, call, round);
    co_await going;
    attempts += round.attempts;
    call.attempts = attempts;
    call.started = started;
    if (round.over || !round.again || retry >= servers_.settings_.max_retries) co_return;
    const bool go_on = co_await wait_to_retry(request, retry, round.asked, call);
    if (!go_on) co_return;
  }
}

rt::Task<void> Caller::go_round(const Request& request, PieceSink* pieces, Call& call,
                                Round& round) {
  std::string tried(servers_.size(), '\0');
  const uint32_t turn = servers_.next_turn();
  for (size_t n = 0; n < tried.size() && !round.over; ++n) {
    const size_t i = servers_.take(tried, turn);
    tried[i] = 1;
    co_await endpoint(i).attempt(request, pieces, call);
    const Nanos asked = endpoint(i).asked_to_wait();
    const bool elsewhere = may_go_elsewhere(call);
    servers_.give_back(i, elsewhere, asked);
    call.server = static_cast<uint32_t>(i);
    round.attempts += call.attempts;
    round.note(call, asked);
    round.over = !elsewhere;
  }
}

// All of it on one worker: the pieces come there, and the losers are stopped there.
struct Caller::Race {
  std::vector<Own<Contestant>> all;
  PieceSink* pieces;
  Contestant* winner = nullptr;
};

struct Caller::Contestant final : PieceSink {
  Contestant(Race& r, rt::Stop* whole) : race(r), stop(whole) {}
  void on_piece(std::string_view visible, Nanos at) override {
    if (wins()) race.pieces->on_piece(visible, at);
  }
  void on_thinking(std::string_view text, Nanos at) override {
    if (wins()) race.pieces->on_thinking(text, at);
  }
  void on_tool_call(const ToolCall& tool) override {
    if (wins()) race.pieces->on_tool_call(tool);
  }
  // Who comes first has won, and the others are given up.
  bool has_won() {
    if (race.winner == nullptr) {
      race.winner = this;
      for (Own<Contestant>& other : race.all) {
        if (other.get() != this) other->stop.request();
      }
    }
    return race.winner == this;
  }
  bool wins() { return has_won() && race.pieces != nullptr; }

  Race& race;
  rt::Stop stop;
  Call call;
};

rt::Task<void> Caller::compete(Endpoint& endpoint, const Request& request, Contestant& self) {
  Request own = request;
  own.stop = &self.stop;
  co_await endpoint.attempt(own, &self, self.call);
  if (!self.call.failed) self.has_won();   // perhaps without a word
}

rt::Task<void> Caller::go_race(const Request& request, PieceSink* pieces, Call& call,
                               Round& round) {
  Request own = request;
  co_await io_.run(race(own, pieces, call, round), request.stop, own.stop);
}

rt::Task<void> Caller::race(const Request& request, PieceSink* pieces, Call& call, Round& round) {
  Race contest{{}, pieces, nullptr};
  for (size_t i = 0; i < servers_.size(); ++i) {
    contest.all.push_back(make_own<Contestant>(contest, request.stop));
  }
  rt::Scope scope;
  for (size_t i = 0; i < servers_.size(); ++i) {
    scope.start(compete(endpoint(i), request, *contest.all[i]), rt::Place::here());
  }
  co_await scope.join();
  size_t best = 0;
  for (size_t i = 0; i < servers_.size(); ++i) {
    const Call& own = contest.all[i]->call;
    round.attempts += own.attempts;
    round.note(own, endpoint(i).asked_to_wait());
    const bool stands = !may_go_elsewhere(own);
    const bool first = stands && !round.over && contest.winner == nullptr;
    if (first || contest.winner == contest.all[i].get()) best = i;
    round.over = round.over || stands;
  }
  call = std::move(contest.all[best]->call);
  call.server = static_cast<uint32_t>(best);
}

}  // namespace chimera::llm
