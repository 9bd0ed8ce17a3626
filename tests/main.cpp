#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "tests/system.hpp"

#ifdef _WIN32

#include <windows.h>

namespace chimera_test {

size_t page_size() {
  SYSTEM_INFO s;
  GetSystemInfo(&s);
  return s.dwPageSize;
}

char* map_pages(size_t bytes) {
  return static_cast<char*>(
      VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void forbid_page(char* page, size_t bytes) {
  DWORD before;
  VirtualProtect(page, bytes, PAGE_NOACCESS, &before);
}

void unmap_pages(char* pages, size_t) { VirtualFree(pages, 0, MEM_RELEASE); }

void watch(unsigned seconds) {
  static HANDLE timer = nullptr;
  if (timer != nullptr) DeleteTimerQueueTimer(nullptr, timer, nullptr);
  timer = nullptr;
  const auto ring = [](void*, BOOLEAN) { TerminateProcess(GetCurrentProcess(), 142); };
  if (seconds != 0) CreateTimerQueueTimer(&timer, nullptr, ring, nullptr, seconds * 1000, 0, 0);
}

}  // namespace chimera_test

#else

#include <sys/mman.h>
#include <unistd.h>

namespace chimera_test {

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

char* map_pages(size_t bytes) {
  return static_cast<char*>(
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

void forbid_page(char* page, size_t bytes) { mprotect(page, bytes, PROT_NONE); }
void unmap_pages(char* pages, size_t bytes) { munmap(pages, bytes); }
void watch(unsigned seconds) { alarm(seconds); }

}  // namespace chimera_test

#endif
