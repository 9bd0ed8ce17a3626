// In place of src/base/hooks.cpp.
#include "memory.hpp"

#include <malloc.h>
#include <stdlib.h>

#include <new>

namespace {

int64_t g_live = 0, g_peak = 0;

void* count(void* p) {
  if (p == nullptr) abort();
  g_live += static_cast<int64_t>(malloc_usable_size(p));
  if (g_live > g_peak) g_peak = g_live;
  return p;
}

void release(void* p) {
  if (p != nullptr) g_live -= static_cast<int64_t>(malloc_usable_size(p));
  free(p);
}

}  // namespace

void* operator new(std::size_t size) { return count(malloc(size)); }
void* operator new[](std::size_t size) { return count(malloc(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return count(malloc(size)); }
void* operator new(std::size_t size, std::align_val_t align) {
  const auto a = static_cast<std::size_t>(align);
  return count(aligned_alloc(a, (size + a - 1) / a * a));
}
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }

namespace chimera::vopr {

int64_t live_bytes() { return g_live; }
int64_t peak_bytes() { return g_peak; }
void reset_peak() { g_peak = g_live; }

}  // namespace chimera::vopr
