#include "machine.hpp"

#include "chimera/sys/clock.hpp"

namespace chimera::vopr {

namespace {
Machine* g_machine = new Machine;
}

Machine& machine() { return *g_machine; }

// Not by assignment, which leaves strings the memory that they have.
void reset_machine() {
  delete g_machine;
  g_machine = new Machine;
}

bool Machine::full(uint64_t bytes) {
  if (bytes > disk_left) {
    disk_left = 0;
    refused = true;
    return true;
  }
  disk_left -= disk_left == UINT64_MAX ? 0 : bytes;
  return false;
}

void Machine::signal(int number) {
  if (stop != 0 || on_stop == nullptr) return;
  stop = number;
  stopped_at = sys::now();
  on_stop(on_stop_argument);
}

}  // namespace chimera::vopr
