// The rest of the machine that a program runs on: files, standard streams, signals. What of
// src/sys/linux is not replaced by src/sys/virtual is replaced by tools/vopr/sys, over this.
//
// Thread: one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "chimera/base/time.hpp"

namespace chimera::vopr {

// Bytes that were written to stdout, and when.
struct Written {
  Nanos at;
  size_t upto;
};

struct Machine {
  std::map<std::string, std::string> files;   // by whole path; folders have "/" at their end
  uint64_t disk_left = UINT64_MAX;            // bytes until the disk is full

  struct Arrival {
    Nanos at;
    std::string bytes;
  };
  std::vector<Arrival> input;                 // stdin, and its end behind the last
  Nanos input_ends = 0;
  bool has_input = false;

  std::string out, err;
  std::vector<Written> out_marks;
  uint64_t out_closes_after = UINT64_MAX;     // bytes: then nobody reads any more
  uint64_t out_full_after = UINT64_MAX;       // bytes: then it is a file on a full disk
  uint64_t out_pipe = UINT64_MAX;             // bytes that it holds unread
  Nanos out_pace = 0;                         // of its reader, for a byte; kNever: none

  bool refused = false;                       // a write, for good

  int stop = 0;                               // the signal that came
  Nanos stopped_at = 0;
  void (*on_stop)(void*) = nullptr;
  void* on_stop_argument = nullptr;

  bool full(uint64_t bytes);                  // takes them off what is left
  // Once; not before somebody catches it: that would be the end.
  void signal(int number);
};

Machine& machine();
void reset_machine();

}  // namespace chimera::vopr
