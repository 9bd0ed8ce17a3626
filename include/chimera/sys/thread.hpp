// One operating system thread. std::thread costs 150 KB in a static binary.
#pragma once

#include "chimera/base/result.hpp"

namespace chimera::sys {

class Thread {
 public:
  // Starts `body(argument)` on a new thread with a small stack (256 KiB). Errors: io with the OS
  // number.
  static Result<Thread> start(void (*body)(void*), void* argument);
  Thread() = default;
  void join();   // waits for the end; to be called once on every started thread
  unsigned long long native() const { return id_; }   // the system's own handle

 private:
  unsigned long long id_ = 0;
};

int core_count();                 // processors this process may run on, at least 1
bool pin_to_core(int core);       // the calling thread; false when the system refuses

}  // namespace chimera::sys
