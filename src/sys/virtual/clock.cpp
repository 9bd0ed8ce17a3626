// The hand-cranked clock, and the rest of the control interface.
#include "chimera/sys/clock.hpp"

#include "world.hpp"

namespace chimera::sys {

using virtual_world::world;

namespace {
constexpr int64_t kUnixAtZero = 1'700'000'000LL * kSecond;   // 2023-11-14 22:13:20 UTC
}

Nanos now() { return world().now; }
int64_t unix_now_ns() { return kUnixAtZero + world().now + world().wall_step; }
Nanos process_start() { return virtual_world::kStart; }

namespace virtual_world {

void reset(uint64_t seed) {
  World& w = world();
  CHI_CHECK(w.ports.empty());
  w = World{};
  w.rng = Rng(seed);
}

Options& options() { return world().options; }
Rule& default_rule() { return world().rule; }

void set_rule(const Address& to, const Rule& rule) {
  auto& all = world().destinations;
  std::erase_if(all, [&to](const World::Destination& d) { return d.to == to; });
  all.push_back({to, rule});
}

void advance(Nanos by) { set_now(later(world().now, by)); }

void set_now(Nanos instant) {
  CHI_CHECK(instant >= world().now);
  world().now = instant;
}

void step_wall_clock(Nanos by) { world().wall_step += by; }

void set_turns(Turns turns, void* context) {
  world().turns = turns;
  world().turns_context = context;
}

void set_responder(Responder responder, void* context) {
  world().responder = responder;
  world().responder_context = context;
}

const Counters& counters() { return world().counters; }
size_t open_handles() { return world().open_count(); }

}  // namespace virtual_world
}  // namespace chimera::sys
