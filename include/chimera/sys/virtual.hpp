// The control side of the virtual world (src/sys/virtual): a scripted network with a hand-cranked
// clock behind port.hpp, socket.hpp and clock.hpp, for tests that link it in place of a system's.
// Whole single-threaded programs run in virtual time: Port::wait moves the clock to the next thing
// that happens, or to `until`, and never sleeps. When nothing can ever happen any more it aborts
// with "deadlock in the virtual world".
//
// The same seed and the same calls give the same run, byte for byte and nanosecond for nanosecond.
// A program of several threads runs in it too, when somebody has them take turns (set_turns).
//
// Thread: one thread drives the world and all its ports; only Port::wake may come from others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/time.hpp"
#include "chimera/sys/port.hpp"
#include "chimera/sys/socket.hpp"

namespace chimera::sys::virtual_world {

inline constexpr uint64_t kUnlimited = UINT64_MAX;

// One direction of a connection. The three `_after` faults count the bytes that passed; 0 strikes
// as soon as the connection is there.
struct Lane {
  Nanos latency = 0;                       // from the write to the moment the reader can see it
  uint32_t max_read = UINT32_MAX;          // bytes one read delivers at most
  uint32_t max_write = UINT32_MAX;         // bytes one write accepts at most
  bool random_cuts = false;                // each read and write moves a random part
  uint64_t reset_after = kUnlimited;       // both ends see a reset; later bytes are lost
  uint64_t fin_after = kUnlimited;         // the reader sees the end; the writer learns nothing
  uint64_t swallow_after = kUnlimited;     // half-open: later bytes, FIN and RST never arrive
};

enum class DialOutcome : uint8_t {
  by_listener,   // connects if somebody listens, waits while the backlog is full, else refused
  refused,       // datagrams: every write is answered by a refusal
  unreachable,
  silent,        // never completes; datagrams: never answered
};

// How a destination behaves. A connection keeps the rule it was dialled with.
struct Rule {
  DialOutcome dial = DialOutcome::by_listener;
  Nanos dial_delay = 0;                    // from submit to the outcome, whatever it is
  Lane to_server, to_client;               // to_server carries what the dialling side writes
  size_t capacity = 64 * 1024;             // bytes written and not yet read, per direction
};

struct Options {
  bool shuffle = false;                    // the ops of one wait come back in a random order
  uint32_t spurious_percent = 0;           // waits that return nothing for no reason, at most 90
  uint32_t late_cancel_percent = 0;        // cancels that lose against a result which is ready
  size_t handle_limit = 4096;              // open handles, then kTooManyHandles
};

// A new world: no sockets, default rules and options, no responder, the clock at kStart.
// No port may be open.
inline constexpr Nanos kStart = kSecond;
void reset(uint64_t seed);

Options& options();
Rule& default_rule();
void set_rule(const Address& to, const Rule& rule);   // replaces an earlier one for `to`

void advance(Nanos by);
void set_now(Nanos instant);                          // not backwards
void step_wall_clock(Nanos by);                       // unix_now_ns() alone, either way

// Called by every wait of every port first; it returns when that wait is to go on. Meanwhile others
// may have their turn, and it is then this function that turns the clock.
using Turns = void (*)(void* context, Port& port, Nanos until);
void set_turns(Turns turns, void* context);
// For it: whether a wait has something to return for by now, and the instant at which the next
// operation of all ports will be ready (kNever = none). next_event() finishes what is ready first.
bool ends_wait(Port& port, Nanos until);
Nanos next_event();

// Stands for every datagram server: sees each datagram, appends any number of replies. A reply
// arrives after both latencies of the destination's rule and its own delay. Without a responder
// datagrams are refused. It must not call into the world.
struct Reply {
  Nanos delay = 0;
  std::string bytes;
};
using Responder = void (*)(void* context, const Address& to, std::string_view datagram,
                           std::vector<Reply>& replies);
void set_responder(Responder responder, void* context);

// What happened since reset.
struct Counters {
  uint64_t dials = 0;        // dials that got an outcome
  uint64_t bytes = 0;        // stream bytes handed to readers
  uint64_t datagrams = 0;    // datagrams sent
  uint64_t jumps = 0;        // times a wait moved the clock
};
const Counters& counters();
size_t open_handles();       // for leak checks

}  // namespace chimera::sys::virtual_world
