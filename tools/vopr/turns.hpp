// Threads that take turns on one: each is a stack of its own, and gives way where it waits (in a
// port, for time, for another's end). Who goes on is drawn from a seed, and the clock of the
// virtual world moves only when nobody can: so a program of many threads, and several programs
// beside it, run the same way every time.
//
// Thread: one.
#pragma once

#include <cstdint>

#include "chimera/base/time.hpp"

namespace chimera::vopr {

// Begins anew: the caller is the only thread. `on_step` is called at every turn, with its number;
// `on_idle` when nothing will happen any more, and says whether it has changed that.
void begin_turns(uint64_t seed, void (*on_step)(uint64_t step), bool (*on_idle)());
// All others must have ended.
void end_turns();

using ThreadId = unsigned long long;
ThreadId start_thread(void (*body)(void*), void* argument);
void join_thread(ThreadId id);
void sleep_until(Nanos instant);

uint64_t steps();        // turns so far
uint64_t trace();        // a hash of who had his turn and when
void add_to_trace(uint64_t value);

}  // namespace chimera::vopr
