// The report of a load test, for people and for programs. Pure functions to text.
//
// Thread: any.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/lab/load_figures.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::lab {

struct LoadReport {
  std::string model;
  std::vector<std::string> servers;      // URLs
  std::string arrival;                   // "poisson"; empty = closed loop
  std::string goals;                     // as given; empty = none
  std::string prompts;                   // where they come from: "built-in", "--prompt", a file
  std::string version, command;
  uint64_t seed = 1;
  uint64_t warm_up = 0;                  // requests left out
  Nanos duration = 0;                    // asked for; 0 = none
  uint64_t requests = 0;                 // asked for; 0 = none
  bool warm_cache = false;
  bool simulated = false;
  bool interrupted = false;
  int64_t began = 0;                     // wall clock, ns since 1970
  std::vector<LoadFigures> levels;
};

std::string load_text(const LoadReport& r);
std::string load_markdown(const LoadReport& r);
// {"schema":"chimera.load/1", ...}: times in ms, what cannot be said is null.
std::string load_json(const LoadReport& r);
// A row for each level, and for each of its servers when there are several.
std::string load_csv(const LoadReport& r);
std::string load_hgrm(const LoadReport& r);

// One line of -O: {"schema":"chimera.request/1", ...}; instants in ns since `origin`.
struct LoadLine {
  uint64_t id = 0;
  uint32_t at_once = 0;                  // the level; 0 = no limit
  std::string_view server;
  std::string_view error;                // in words; empty = none
  int http_status = 0;
  uint32_t attempts = 1;
};
std::string request_line(const LoadLine& line, const LoadRequest& r, Nanos origin);

}  // namespace chimera::lab
