// What has to be so, whatever went wrong. Judged from outside: from what the program wrote and its
// exit code, and from what the servers know.
//
// Thread: one.
#pragma once

#include "scenario.hpp"
#include "truth.hpp"

namespace chimera::vopr {

struct Ending {
  int code = 0;
  Nanos began = 0, ended = 0;
  int64_t peak = 0;              // bytes of memory, above what was there before
};

// Tells report.hpp of what is not.
void check(const Scenario& s, const Truth& truth, const Ending& end);

}  // namespace chimera::vopr
