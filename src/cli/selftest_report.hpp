// What `chimera selftest` prints: a table of cells, sentences computed from them, JSON.
//
// Thread: plain data, one owner at a time.
#pragma once

#include <string>
#include <vector>

#include "chimera/cli/presets.hpp"
#include "selftest_parts.hpp"

namespace chimera::cli {

struct Cell {
  const Preset* preset;
  uint32_t rate, streams, tokens;    // tok/s of each stream; tokens of each stream
  Nanos first_token;                 // the simulator's TTFT
  Nanos planned() const { return first_token + kSecond * (int64_t{tokens} + 1) / rate; }
};
// "smol-1kb at 41 tok/s, 2 streams"
std::string name_of(const Cell& cell);

struct CellResult {
  Cell cell;
  CellFigures figures;
  std::string faults;                // empty = within bounds
};

// smol-1kb against smol, block by block: medians of the delay.
struct ReadSizes {
  uint32_t rate = 0, streams = 0;
  std::vector<Nanos> small, large;
  Comparison comparison;
  bool measured() const { return !small.empty() && small.size() == large.size(); }
};

struct Report {
  Bounds bounds;
  Nanos cell_time = 0;
  std::vector<CellResult> cells;
  ReadSizes read_sizes;
  bool interrupted = false;
};

// Printed as it goes: the head, then a line for each cell. Then report_text().
std::string table_head();
std::string table_line(const CellResult& c);
std::string report_text(const Report& r);
std::string report_json(const Report& r);

}  // namespace chimera::cli
