// The clocks. Thread: any.
#pragma once

#include "chimera/base/time.hpp"

namespace chimera::sys {

Nanos now();                  // monotonic; the only clock durations are computed from
int64_t unix_now_ns();        // wall clock, for stamps only
// When this program began to run, on the clock of now(): its constructors, behind exec and loading.
Nanos process_start();

}  // namespace chimera::sys
