// What a seed stands for: a command with its arguments, its servers, and what goes wrong.
//
// Thread: one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chimera/base/rng.hpp"
#include "chimera/cli/settings.hpp"
#include "chimera/sim/settings.hpp"
#include "chimera/sys/virtual.hpp"

namespace chimera::vopr {

// A thing that is asked for: a record of map, a job of worker, the prompt of ask.
struct Item {
  std::string id;               // as JSON
  std::string tag;              // in its prompt, and in no other
  Nanos deadline = 0;           // duration, 0 = none
  bool bad = false;             // its line is no record
  bool done_before = false;     // in the file of --resume
};

struct ServerPlan {
  sim::Settings settings;
  bool listens = true;
};

struct Scenario {
  cli::Commands command = cli::kMap;
  std::vector<std::string> words;            // behind the command
  std::vector<ServerPlan> servers;
  std::vector<Item> items;

  bool calm = false;                         // nothing goes wrong: then nothing may fail

  // the network
  uint32_t storm = 0;                        // of 100 connections so many have a fault
  bool slow = false;                         // latencies
  bool cuts = false;                         // reads and writes of random sizes
  uint64_t weather = 0;                      // redrawn every so many turns, 0 = never

  uint64_t stop_at = 0;                      // the turn in which SIGINT comes, 0 = none
  uint64_t wall_step_at = 0;                 // and in which the wall clock is set
  Nanos wall_step = 0;
  uint64_t pause_at = 0;                     // and in which the machine sleeps, 0 = never
  Nanos pause = 0;

  // what the invariants need to know
  int jobs = 1, retries = 0;
  bool keep_alive = true, unordered = false, tokens = true, races = false;
  bool bounded_input = false;                // --until-error, --queue: not all is answered
  Nanos timeout = 0;                         // -t and no other deadline, 0 = another
  Nanos total = 0, idle = 0, first_token = 0;   // as given; idle by default
  bool only_deadlines = false;               // of the whole call: those of the jobs, no -t
  cli::Format format = cli::Format::ndjson;
  std::string output;                        // -O
  bool output_fails = false;                 // stdout or the disk does, at some point
  bool output_slow = false;
  bool few_handles = false;                  // it may run out of them
  size_t thinking_events = 0, events = 0;    // of a whole answer
  int runs = 1, agents = 2;
};

Scenario draw(uint64_t seed);
std::string in_words(const Scenario& s);
// How a connection to a server behaves, from now on.
sys::virtual_world::Rule draw_rule(const Scenario& s, Rng& rng);

constexpr uint16_t kFirstPort = 7001;

}  // namespace chimera::vopr
