// How this works: chunks lie side by side from the first address to a mark behind the last one, and
// two free ones never touch. Each is a multiple of 16 bytes and has its size and two flags in front
// of what its user gets. The last word of it lies in the next chunk's front: the user's while the
// chunk is in use, its size when it is free, for whoever merges it. Free chunks are in lists by
// size: one for each size up to 1 KB, four for each power of two above.
//
// At the end, malloc and what belongs to it, for new and delete and for the C library itself, in
// place of its own. musl's asked the system for pages and gave them back forty times before the
// first request, each time with a page to clear, and for a stream kept an eighth more; glibc's is
// 35 KB of code. Memory once taken from the system is used again, never given back.
#include "heap.hpp"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>

namespace chimera::sys {
namespace {

constexpr size_t kUnit = 16;
constexpr size_t kFlags = kUnit - 1;
constexpr size_t kBusy = 1;          // this chunk is in use
constexpr size_t kBusyBefore = 2;    // the one before it is
constexpr size_t kExact = 64;        // units from which lists hold several sizes
constexpr int kTries = 16;           // chunks looked at in a list of several sizes
constexpr size_t kGrowth = 128 << 10;

}  // namespace

struct Heap::Chunk {
  size_t before;                     // size of the one before, while that is free
  size_t size;                       // and flags
  Chunk *next, *previous;            // in the list, while free; here begins what the user gets

  static Chunk* at(uintptr_t address) { return reinterpret_cast<Chunk*>(address); }
  static Chunk* of(void* memory) {
    return at(reinterpret_cast<uintptr_t>(memory) - offsetof(Chunk, next));
  }
  uintptr_t address() const { return reinterpret_cast<uintptr_t>(this); }
  size_t bytes() const { return size & ~kFlags; }
  Chunk* behind(size_t n) const { return at(address() + n); }
};

size_t Heap::list_of(size_t bytes) {
  const size_t units = bytes / kUnit;
  if (units < kExact) return units;
  const size_t power = static_cast<size_t>(std::bit_width(units)) - 1;
  return std::min(kExact + (power - 6) * 4 + (units >> (power - 2)) % 4, kLists - 1);
}

void Heap::unlink(Chunk* c) {
  const size_t i = list_of(c->bytes());
  if (c->next != nullptr) c->next->previous = c->previous;
  if (c->previous != nullptr) {
    c->previous->next = c->next;
  } else if ((lists_[i] = c->next) == nullptr) {
    filled_[i / 64] &= ~(uint64_t{1} << i % 64);
  }
}

// Makes `bytes` from `c` on a free chunk, with busy ones on both sides.
void Heap::link(Chunk* c, size_t bytes) {
  c->size = bytes | kBusyBefore;
  Chunk* const after = c->behind(bytes);
  after->before = bytes;
  after->size &= ~kBusyBefore;
  const size_t i = list_of(bytes);
  c->previous = nullptr;
  c->next = lists_[i];
  if (c->next != nullptr) c->next->previous = c;
  lists_[i] = c;
  filled_[i / 64] |= uint64_t{1} << i % 64;
}

void Heap::release(Chunk* c) {
  size_t bytes = c->bytes();
  Chunk* const after = c->behind(bytes);
  if ((after->size & kBusy) == 0) {
    unlink(after);
    bytes += after->bytes();
  }
  if ((c->size & kBusyBefore) == 0) {
    bytes += c->before;
    c = Chunk::at(c->address() - c->before);
    unlink(c);
  }
  link(c, bytes);
}

// Cuts off what is too much of a chunk in use.
void Heap::shorten(Chunk* c, size_t bytes) {
  const size_t rest = c->bytes() - bytes;
  if (rest < 2 * kUnit) return;
  c->size -= rest;
  Chunk* const more = c->behind(bytes);
  more->size = rest | kBusyBefore;
  release(more);
}

// In the list of its own size, where some may be smaller, or else the first one of those behind.
Heap::Chunk* Heap::find(size_t bytes) {
  size_t i = list_of(bytes);
  int tries = kTries;
  for (Chunk* c = lists_[i]; c != nullptr; c = c->next) {
    if (c->bytes() >= bytes) return c;
    if (--tries == 0 && i != kLists - 1) break;
  }
  for (++i; i < kLists; i = (i / 64 + 1) * 64) {
    const uint64_t filled = filled_[i / 64] >> i % 64;
    if (filled != 0) return lists_[i + static_cast<size_t>(std::countr_zero(filled))];
  }
  return nullptr;
}

bool Heap::grow(size_t bytes) {
  bytes = (bytes + kGrowth - 1) / kGrowth * kGrowth;
  if (last_ == nullptr) {
    const uintptr_t begin = (set_break_(0) + kFlags) & ~kFlags;
    if (set_break_(begin + sizeof(Chunk)) < begin + sizeof(Chunk)) return false;
    last_ = Chunk::at(begin);
    last_->size = kBusy | kBusyBefore;
  }
  const uintptr_t end = last_->address() + bytes + sizeof(Chunk);
  if (set_break_(end) < end) return false;
  Chunk* const c = last_;
  last_ = c->behind(bytes);
  last_->size = kBusy | kBusyBefore;
  c->size = bytes | (c->size & kBusyBefore);
  release(c);
  return true;
}

void* Heap::take(size_t n) {
  if (n > PTRDIFF_MAX - 2 * kGrowth) return nullptr;
  const size_t bytes = std::max((n + sizeof(size_t) + kFlags) & ~kFlags, 2 * kUnit);
  Chunk* c = find(bytes);
  if (c == nullptr && grow(bytes)) c = find(bytes);
  if (c == nullptr) return nullptr;
  unlink(c);
  c->size |= kBusy;
  c->behind(c->bytes())->size |= kBusyBefore;
  shorten(c, bytes);
  return &c->next;
}

void Heap::give_back(void* memory) {
  Chunk* const c = Chunk::of(memory);
  if ((c->size & kBusy) == 0) __builtin_trap();
  release(c);
}

size_t Heap::room(void* memory) { return Chunk::of(memory)->bytes() - sizeof(size_t); }

}  // namespace chimera::sys

// A sanitizer brings its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

constexpr int kFutexWait = 128, kFutexWake = 129;   // of linux/futex.h, which musl lacks; private

constinit chimera::sys::Heap heap(
    [](uintptr_t to) { return static_cast<uintptr_t>(syscall(SYS_brk, to)); });

// Held for some hundred instructions. Who finds it taken sleeps: the holder may have lost the very
// processor that we would spin on.
constinit std::atomic<int> taken{0};   // 2: and somebody may sleep

class Lock {
 public:
  Lock() {
    int seen = 0;
    if (taken.compare_exchange_strong(seen, 1, std::memory_order_acquire)) return;
    while (taken.exchange(2, std::memory_order_acquire) != 0) call(kFutexWait, 2);
  }
  ~Lock() {
    if (taken.exchange(0, std::memory_order_release) == 2) call(kFutexWake, 1);
  }

 private:
  static void call(int what, int value) {
    const int saved = errno;
    syscall(SYS_futex, &taken, what, value, nullptr);
    errno = saved;
  }
};

}  // namespace

extern "C" {

void* malloc(size_t n) {
  const Lock lock;
  void* const memory = heap.take(n);
  if (memory == nullptr) errno = ENOMEM;
  return memory;
}

void free(void* memory) {
  if (memory == nullptr) return;
  const Lock lock;
  heap.give_back(memory);
}

void* calloc(size_t count, size_t size) {
  size_t bytes = 0;
  void* const memory = malloc(__builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
  return memory == nullptr ? nullptr : memset(memory, 0, bytes);
}

// musl's atexit asks under this name, and would bring another heap.
void* __libc_calloc(size_t count, size_t size) { return calloc(count, size); }

void* realloc(void* old, size_t n) {
  void* const memory = malloc(n);
  if (memory == nullptr || old == nullptr) return memory;
  memcpy(memory, old, std::min(n, chimera::sys::Heap::room(old)));
  free(old);
  return memory;
}

}  // extern "C"

#endif
