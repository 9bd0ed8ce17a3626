#include "chimera/sys/thread.hpp"

#include "../turns.hpp"

namespace chimera::sys {

Result<Thread> Thread::start(void (*body)(void*), void* argument) {
  Thread thread;
  thread.id_ = vopr::start_thread(body, argument);
  return thread;
}

void Thread::join() { vopr::join_thread(id_); }

int core_count() { return 3; }
bool pin_to_core(int) { return true; }

}  // namespace chimera::sys
