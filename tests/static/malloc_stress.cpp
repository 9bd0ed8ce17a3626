// malloc() of the static binaries (src/sys/linux/libc.cpp), under threads: this program is linked
// as the product is, with both C libraries, because the sanitizers of the other suites bring their
// own. Ends with the line of a doctest program, which is what tools/run_tests.sh counts.
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "chimera/base/number.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/sys/file.hpp"

namespace {

int g_passed = 0, g_failed = 0;
std::atomic<int> g_wrong{0};

void print(std::string_view text) {
  (void)chimera::sys::write_stream(chimera::sys::Stream::out, text);
}

void check(bool ok, const char* what) {
  ++(ok ? g_passed : g_failed);
  if (!ok) print(std::string("FAILED: ") + what + "\n");
}

// What a block begins with; the rest of it repeats the mark.
struct Head {
  uint32_t size;
  uint32_t mark;
};

unsigned char byte_of(uint32_t mark) { return static_cast<unsigned char>(mark * 31 + 7); }

void* fill(void* p, size_t size, uint32_t mark) {
  const Head head{static_cast<uint32_t>(size), mark};
  memset(p, byte_of(mark), size);
  memcpy(p, &head, sizeof head);
  return p;
}

bool whole(const void* p) {
  Head head;
  memcpy(&head, p, sizeof head);
  const auto* bytes = static_cast<const unsigned char*>(p);
  for (size_t i = sizeof head; i < head.size; ++i) {
    if (bytes[i] != byte_of(head.mark)) return false;
  }
  return reinterpret_cast<uintptr_t>(p) % 16 == 0;
}

size_t size_for(chimera::Rng& rng) {
  const uint64_t kind = rng.below(100);
  const size_t limit = kind < 90 ? 500 : kind < 99 ? 20'000 : 400'000;
  return sizeof(Head) + static_cast<size_t>(rng.below(limit));
}

// Blocks lie here between threads: who takes one checks it, and frees it or makes it longer.
constexpr size_t kSlots = 512;
std::atomic<void*> g_slots[kSlots];

void* work(void* argument) {
  const uint64_t seed = reinterpret_cast<uintptr_t>(argument);
  chimera::Rng rng(seed);
  for (uint32_t i = 0; i < 200'000; ++i) {
    const size_t size = size_for(rng);
    std::atomic<void*>& slot = g_slots[rng.below(kSlots)];
    void* p = slot.exchange(nullptr);
    if (p != nullptr && !whole(p)) ++g_wrong;
    if (p != nullptr && rng.below(4) == 0) {
      Head old;
      memcpy(&old, p, sizeof old);
      p = realloc(p, size);
      const auto* bytes = static_cast<const unsigned char*>(p);
      const size_t kept = old.size < size ? old.size : size;
      for (size_t k = sizeof old; k < kept; ++k) {
        if (bytes[k] != byte_of(old.mark)) ++g_wrong;
      }
    } else {
      free(p);
      p = rng.below(2) == 0 ? malloc(size) : calloc(1, size);
    }
    p = slot.exchange(fill(p, size, i));
    if (p != nullptr && !whole(p)) ++g_wrong;
    free(p);
  }
  return nullptr;
}

void stress() {
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; ++i) {
    pthread_create(&threads[i], nullptr, work, reinterpret_cast<void*>(i + 1));
  }
  for (pthread_t t : threads) pthread_join(t, nullptr);
  for (std::atomic<void*>& slot : g_slots) {
    void* const p = slot.exchange(nullptr);
    if (p != nullptr && !whole(p)) ++g_wrong;
    free(p);
  }
  check(g_wrong == 0, "blocks passed between four threads keep what they hold");
}

bool is_zero(const void* p, size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(p);
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

void zeroes() {
  bool all = true;
  for (size_t size = 1; size < 300'000; size = size * 3 / 2 + 1) {
    void* dirty = malloc(size);
    memset(dirty, 0xff, size);
    free(dirty);
    void* clean = calloc(size, 1);
    all = all && is_zero(clean, size);
    free(clean);
  }
  check(all, "calloc clears what was used before");
}

// Volatile: the compiler knows these functions, that such a size cannot be had, and with
// -fno-math-errno it takes errno for untouched.
void limits() {
  void* (*volatile malloc)(size_t) = ::malloc;
  void* (*volatile calloc)(size_t, size_t) = ::calloc;
  void* (*volatile realloc)(void*, size_t) = ::realloc;
  void (*volatile free)(void*) = ::free;
  const size_t huge = SIZE_MAX;
  errno = 0;
  check(malloc(huge) == nullptr && errno == ENOMEM, "malloc(SIZE_MAX) is refused");
  check(malloc(huge - 4096) == nullptr, "malloc near SIZE_MAX is refused");
  errno = 0;
  check(calloc(huge / 2, 3) == nullptr && errno == ENOMEM, "calloc's product overflows");
  void* p = malloc(100);
  check(realloc(p, huge) == nullptr, "realloc to SIZE_MAX is refused");
  errno = 4711;
  free(p);
  free(nullptr);
  void* large = malloc(1 << 20);
  free(large);
  check(errno == 4711, "free() leaves errno alone");
}

// Through the border between the heap and mappings of their own, and back.
void lengths() {
  const size_t sizes[] = {100, 131'072, 131'073, 400'000, 9'000'000, 131'080, 4000, 200'000, 16};
  void* p = fill(malloc(16), 16, 1);
  size_t before = 16;
  bool all = true;
  for (const size_t size : sizes) {
    p = realloc(p, size);
    const size_t kept = before < size ? before : size;
    Head head;
    memcpy(&head, p, sizeof head);
    head.size = static_cast<uint32_t>(kept);
    memcpy(p, &head, sizeof head);
    all = all && whole(p);
    fill(p, size, head.mark + 1);
    before = size;
  }
  free(p);
  check(all, "realloc keeps what fits, across the largest block of the heap");
}

size_t mapped() {
  const auto text = chimera::sys::read_file("/proc/self/statm", 4096);
  return text ? chimera::parse_u64(text->substr(0, text->find(' '))).value_or(0) : 0;
}

void gives_back() {
  const size_t before = mapped();   // pages
  for (int i = 0; i < 1000; ++i) free(malloc(200'000 + static_cast<size_t>(i)));
  check(mapped() < before + 100, "a large block that is freed is unmapped, to its last page");
}

}  // namespace

int main() {
  stress();
  zeroes();
  limits();
  lengths();
  gives_back();
  std::string line = "test cases: ";
  chimera::append_i64(line, g_passed + g_failed);
  chimera::append_i64(line.append(" | "), g_passed);
  chimera::append_i64(line.append(" passed | "), g_failed);
  print(line.append(" failed | 0 skipped\n"));
  return g_failed != 0;
}
