// What a simulated server is told to be: one struct, one table of keys, used for
// `chimera sim --key value` and for `--sim=key=value,key=value` alike.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"
#include "chimera/base/time.hpp"

namespace chimera::sim {

// How a server misbehaves. The table with names and help is in faults.cpp.
enum class FaultKind : uint8_t {
  none,
  refuse,           // the connection is reset at once
  silence,          // the request is read and never answered
  slow_head,        // the head trickles in, byte by byte
  status,           // another status instead of an answer
  retry_after,      // 429 with Retry-After
  fin,              // closed in the middle
  rst,              // reset in the middle
  stall,            // nothing more comes, for a while or for ever
  error,            // an error object in the stream
  bad_json,         // one line is not JSON
  bad_chunk,        // a chunk size is not a number
  no_last_chunk,    // closed without the last chunk
  drop_keep_alive,  // closed behind a complete answer that promised to keep the connection
  long_line,        // the last line carries a huge `context`
  split_utf8,       // every multi-byte character is cut by a chunk boundary
  crlf,             // lines end with CRLF
  // of server-sent events
  cr,               // lines end with CR
  comments,         // comments between events
  no_space,         // no blank behind "data:"
  bom,              // a byte order mark in front
  multi_line,       // an event's data on two lines
  no_done,          // no [DONE]
  null_finish,      // finish_reason stays null
  loop,             // the answer falls into saying the same again and again
  cold,             // the model has left the memory and is loaded again
};

inline constexpr Nanos kSlowHead = kSecond;   // how long that takes, unless it is said

struct Fault {
  FaultKind kind = FaultKind::none;
  double probability = 1;  // per request (refuse: per connection)
  int status = 0;          // for FaultKind::status
  // Where, as far as the kind takes it; -1 = not given.
  int64_t tokens = -1;  // before this token, counted from 0
  int64_t bytes = -1;   // behind this many bytes of the response, head included
  Nanos duration = -1;
};
// "fin", "fin:0.1", "fin:10%@20", "fin@300b", "stall:1@5+2s", "status-503:0.5".
// Errors: usage.
Result<Fault> parse_fault(std::string_view text);

struct FaultHelp {
  const char* name;
  const char* help;   // packed (base/packed.hpp)
};
std::span<const FaultHelp> fault_help();

// The spread of the gaps between tokens.
struct Jitter {
  enum class Kind : uint8_t { none, normal, lognormal, pareto };
  Kind kind = Kind::none;
  double parameter = 0;  // normal: deviation as a share of the gap; lognormal: sigma; pareto: alpha
};

// How many tokens an answer has.
struct Lengths {
  enum class Kind : uint8_t { fixed, uniform, lognormal };
  Kind kind = Kind::fixed;
  uint32_t a = 120;  // the number; the least; the mean
  uint32_t b = 120;  // -; the most; the deviation
};

struct Settings {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0 = the system picks one
  Nanos ttft = 80 * kMilli;
  double rate = 40;  // tokens per second; 0 = as fast as it goes
  Lengths tokens;
  Jitter jitter;
  uint32_t slots = 1;
  uint32_t queue = 512;  // requests that may wait for a slot
  Nanos load = 0;
  Nanos prefill = 0;  // per prompt token
  uint32_t thinking = 0;    // tokens of reasoning in front of an answer
  uint32_t tool_calls = 0;  // behind the answer to a request with tools
  uint32_t tokens_per_event = 1;
  uint32_t batch = 0;  // lines of one send at most; 0 = all that are due
  uint64_t seed = 1;
  // How much faster than ours the server's clock runs: all times above pass so much sooner, and
  // what the server says of its durations is on its own clock.
  double speed = 1;
  uint32_t cut = 0;  // bytes of one send; 0 = whole
  bool random_cut = false;
  std::vector<Fault> faults;        // the first that strikes counts
  std::vector<std::string> models;  // empty = every name is known
  std::string truth;                // file of send times; empty = none
  uint32_t given = 0;               // bit i: key i of the table was set, and not by a profile

  void hurry();                     // divides all times by `speed`, which stays
};

struct Key {
  const char* name;
  const char* metavar;
  const char* help;   // with the default; packed (base/packed.hpp)
  const char* wrong;  // what set() says about a bad value
  Result<void> (*store)(Settings&, std::string_view value);
  bool repeatable = false;
};
std::span<const Key> keys();

// Errors: usage, with `where` = what is wrong.
Result<void> set(Settings& settings, std::string_view key, std::string_view value);
// "key=value,key=value"; empty is fine. Errors: as set.
Result<void> set_all(Settings& settings, std::string_view spec);

}  // namespace chimera::sim
