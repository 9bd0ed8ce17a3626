#include "chimera/sys/thread.hpp"

#include <windows.h>

#include <bit>

namespace chimera::sys {
namespace {

constexpr size_t kStackBytes = 256 * 1024;

struct Start {
  void (*body)(void*);
  void* argument;
};

DWORD WINAPI begin(void* p) {
  const Start start = *static_cast<Start*>(p);
  delete static_cast<Start*>(p);
  start.body(start.argument);
  return 0;
}

// The processors of this process's group; a bit each.
DWORD_PTR allowed() {
  DWORD_PTR ours = 0, all = 0;
  return GetProcessAffinityMask(GetCurrentProcess(), &ours, &all) ? ours : 0;
}

}  // namespace

Result<Thread> Thread::start(void (*body)(void*), void* argument) {
  Start* const start = new Start{body, argument};
  const HANDLE h = CreateThread(nullptr, kStackBytes, begin, start,
                                STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (h == nullptr) {
    delete start;
    return fail(Errc::io, "thread", static_cast<int>(GetLastError()));
  }
  Thread thread;
  thread.id_ = reinterpret_cast<uintptr_t>(h);
  return thread;
}

void Thread::join() {
  CHI_CHECK(id_ != 0);
  const HANDLE h = reinterpret_cast<HANDLE>(static_cast<uintptr_t>(id_));
  CHI_CHECK(WaitForSingleObject(h, INFINITE) == WAIT_OBJECT_0);
  CloseHandle(h);
  id_ = 0;
}

int core_count() {
  const int count = std::popcount(allowed());
  return count > 0 ? count : 1;
}

bool pin_to_core(int core) {
  DWORD_PTR left = allowed();
  for (; core > 0 && left != 0; --core) left &= left - 1;
  return left != 0 && SetThreadAffinityMask(GetCurrentThread(), left & -left) != 0;
}

}  // namespace chimera::sys
