// The clocks. Thread: any.
#pragma once

#include "chimera/base/time.hpp"

namespace chimera::sys {

Nanos now();                  // monotonic; the only clock durations are computed from
int64_t unix_now_ns();        // wall clock, for stamps only
// When this process was started, on the clock of now(); from the kernel where it tells (10 ms
// resolution on Linux), else the first call of this function.
Nanos process_start();

}  // namespace chimera::sys
