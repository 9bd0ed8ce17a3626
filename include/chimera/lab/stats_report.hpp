// What `chimera stats` hands to a writer, and the writers: one signature, so that a format is a row
// in a table (cli/stats.cpp).
//
// Thread: any; pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "chimera/lab/analysis.hpp"

namespace chimera::lab {

struct StatsReport {
  const TrialSet& set;
  std::span<const Own<Analysis>> analyses;   // one a metric, at least one; none is null
  std::span<const Change> changes;           // of the first metric against --baseline; may be empty
  std::string_view command;                  // to reproduce it: the shell's words, without secrets
  std::string_view version;                  // of chimera
  size_t columns = 100;                      // text: of the terminal
};

// Whole documents, with a newline at the end.
std::string stats_text(const StatsReport& r);   // printable
std::string stats_markdown(const StatsReport& r);
std::string stats_csv(const StatsReport& r);    // a row a group (and metric)
std::string stats_json(const StatsReport& r);   // contract section 8, "chimera.stats/1"
std::string stats_svg(const StatsReport& r);    // the first metric's runs, as one picture
std::string stats_html(const StatsReport& r);   // one page that needs nothing else

}  // namespace chimera::lab
