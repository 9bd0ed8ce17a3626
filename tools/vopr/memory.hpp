// Every byte of operator new is counted.
#pragma once

#include <cstdint>

namespace chimera::vopr {

int64_t live_bytes();
int64_t peak_bytes();       // the most since
void reset_peak();

}  // namespace chimera::vopr
