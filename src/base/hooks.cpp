// What libstdc++ does when memory or an index runs out, replaced by a plain abort.
//
// The library's own operator new and __throw_* functions throw, and a static binary then carries
// the unwinder, the demangler and the exception types. Inputs are checked before they get here, so
// nothing below is reachable but by our own error or by real exhaustion.
//
// Sanitizer builds keep the tool's allocator, and with it the mismatch checks.
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <new>

#include "chimera/base/result.hpp"

namespace {

// noinline: there are seventy calls.
[[noreturn, gnu::noinline]] void out_of_memory() { chimera::die("chimera: out of memory\n"); }
[[noreturn, gnu::noinline]] void library_check() {
  chimera::die("chimera: standard library check failed\n");
}

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void* operator new(std::size_t size) {
  void* p = malloc(size != 0 ? size : 1);
  if (p == nullptr) out_of_memory();
  return p;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return malloc(size); }
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* p) noexcept { free(p); }
void operator delete(void* p, std::size_t) noexcept { free(p); }
void operator delete[](void* p) noexcept { free(p); }
void operator delete[](void* p, std::size_t) noexcept { free(p); }

// For over-aligned types. The C library's aligned_alloc is missing on Windows, so the block is cut
// out of a larger one, whose address stands in the word before it.
void* operator new(std::size_t size, std::align_val_t align) {
  const auto a = static_cast<std::size_t>(align);
  if (size > SIZE_MAX - a - sizeof(void*)) out_of_memory();
  char* const block = static_cast<char*>(operator new(size + a + sizeof(void*)));
  const auto first = reinterpret_cast<std::uintptr_t>(block) + sizeof(void*);
  char* const p = block + sizeof(void*) + ((a - first % a) % a);
  reinterpret_cast<void**>(p)[-1] = block;
  return p;
}
void operator delete(void* p, std::align_val_t) noexcept {
  if (p != nullptr) free(static_cast<void**>(p)[-1]);
}
void operator delete(void* p, std::size_t, std::align_val_t align) noexcept {
  operator delete(p, align);
}

#endif

namespace std {

[[gnu::noreturn]] void __throw_bad_alloc() { out_of_memory(); }
[[gnu::noreturn]] void __throw_bad_array_new_length() { out_of_memory(); }
[[gnu::noreturn]] void __throw_length_error(const char*) { library_check(); }
[[gnu::noreturn]] void __throw_logic_error(const char*) { library_check(); }
[[gnu::noreturn]] void __throw_invalid_argument(const char*) { library_check(); }
[[gnu::noreturn]] void __throw_out_of_range(const char*) { library_check(); }
[[gnu::noreturn]] void __throw_out_of_range_fmt(const char*, ...) { library_check(); }
[[gnu::noreturn]] void __throw_bad_function_call() { library_check(); }

}  // namespace std
