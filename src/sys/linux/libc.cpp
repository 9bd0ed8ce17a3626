// What the static binaries replace of the C library: malloc, and the doors through which glibc
// brings in what nobody uses.
//
// malloc(): the program's memory in one compact heap (base/heap). Large blocks come from the kernel
// and go back to it. glibc documents the replacement ("Replacing malloc"), musl allows it; only
// what is referenced has to be there. Beside 34 KB (glibc) or 6 KB (musl) of code it saves memory:
// a waiting stream allocates a dozen small blocks.
//
// glibc: an empty static program has 666 KB, most of it behind five functions that are never called
// here: a failed assert() inside the library prints through stdio and gettext, which bring locales
// and character sets; so does strerror; and fclose() may be unwound by an exception. With these
// definitions the linker leaves all of that out. They are weak: where a part of it is linked after
// all (a tool that prints with stdio), the library's own counts. The build starts the product once,
// in case another glibc should miss one.
//
// Dynamic binaries (tests, sanitizers, benchmarks) have none of this but the last part: what ARM
// before v6 cannot do.
#ifdef CHIMERA_STATIC

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>

#include "chimera/base/heap.hpp"
#include "chimera/base/result.hpp"

namespace {

using chimera::Heap;

constexpr size_t kRegion = 256 * 1024;
constexpr size_t kPage = 4096;         // or a divisor of the real one: the kernel rounds up
constexpr size_t kHead = 16;           // of a mapping: its word, and alignment
constexpr uint64_t kMapped = 4;        // a bit that no block of the heap has in its word

constinit Heap g_heap;
constinit std::atomic<bool> g_busy{false};

// Held for some fifty instructions. Workers allocate when streams begin and end, not for tokens.
class Lock {
 public:
  Lock() {
    while (g_busy.exchange(true, std::memory_order_acquire)) sched_yield();
  }
  ~Lock() { g_busy.store(false, std::memory_order_release); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
};

void* map(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

// The word before a payload says whose it is, and of a mapping how long that is.
uint64_t& word_of(void* p) { return static_cast<uint64_t*>(p)[-1]; }
bool is_mapped(void* p) { return (word_of(p) & kMapped) != 0; }
size_t mapping_of(void* p) { return static_cast<size_t>(word_of(p) & ~kMapped); }
size_t mapping_for(size_t bytes) { return (bytes + kHead + kPage - 1) & ~(kPage - 1); }

void* payload_of(void* mapping, size_t whole) {
  if (mapping == nullptr) return nullptr;
  void* const p = static_cast<char*>(mapping) + kHead;
  word_of(p) = whole | kMapped;
  return p;
}

void* take_mapping(size_t bytes) {
  if (bytes > SIZE_MAX / 2) return nullptr;
  const size_t whole = mapping_for(bytes);
  return payload_of(map(whole), whole);
}

void* take_block(size_t bytes) {
  const Lock lock;
  void* p = g_heap.allocate(bytes);
  if (p != nullptr) return p;
  void* const region = map(kRegion);
  if (region == nullptr) return nullptr;
  g_heap.add_region(region, kRegion);
  return g_heap.allocate(bytes);
}

void* take(size_t bytes) {
  void* const p = bytes > Heap::kLargest ? take_mapping(bytes) : take_block(bytes);
  if (p == nullptr) errno = ENOMEM;
  return p;
}

void give_back(void* p) {
  if (p == nullptr) return;
  if (is_mapped(p)) {
    const int kept = errno;            // free() leaves it alone
    munmap(static_cast<char*>(p) - kHead, mapping_of(p));
    errno = kept;
    return;
  }
  const Lock lock;
  g_heap.release(p);
}

// The same block or mapping with another length, or nullptr.
void* stretch(void* p, size_t bytes) {
  if (is_mapped(p)) {
    if (bytes <= Heap::kLargest || bytes > SIZE_MAX / 2) return nullptr;
    const size_t whole = mapping_for(bytes);
    void* const moved =
        mremap(static_cast<char*>(p) - kHead, mapping_of(p), whole, MREMAP_MAYMOVE);
    return payload_of(moved == MAP_FAILED ? nullptr : moved, whole);
  }
  const Lock lock;
  return g_heap.resize(p, bytes) ? p : nullptr;
}

size_t room_of(void* p) { return is_mapped(p) ? mapping_of(p) - kHead : Heap::size_of(p); }

void* change(void* p, size_t bytes) {
  if (p == nullptr) return take(bytes);
  if (void* same = stretch(p, bytes)) return same;
  void* const other = take(bytes);
  if (other == nullptr) return nullptr;
  const size_t old = room_of(p);
  memcpy(other, p, old < bytes ? old : bytes);
  give_back(p);
  return other;
}

void* take_zeroed(size_t count, size_t each) {
  size_t bytes;
  if (__builtin_mul_overflow(count, each, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  void* const p = take(bytes);
  if (p != nullptr && !is_mapped(p)) memset(p, 0, bytes);   // the kernel's pages are zero
  return p;
}

}  // namespace

// The compiler must not look through them. It would see one object's memory used as another's.
// Clang has no word for that; its build leaves this file out of the link-time optimisation.
#ifdef __clang__
#define CHI_OPAQUE [[gnu::noinline]]
#else
#define CHI_OPAQUE [[gnu::noipa]]
#endif

extern "C" {

CHI_OPAQUE void* malloc(size_t bytes) { return take(bytes); }
CHI_OPAQUE void free(void* p) { give_back(p); }
CHI_OPAQUE void* calloc(size_t count, size_t each) { return take_zeroed(count, each); }
CHI_OPAQUE void* realloc(void* p, size_t bytes) { return change(p, bytes); }

#ifdef __GLIBC__

#define CHI_UNUSED [[noreturn, gnu::weak]]

CHI_UNUSED void __assert_fail(const char*, const char*, unsigned, const char*) noexcept {
  chimera::die("chimera: the C library has found itself inconsistent\n");
}
CHI_UNUSED void __assert_perror_fail(int, const char*, unsigned, const char*) noexcept {
  __assert_fail(nullptr, nullptr, 0, nullptr);
}
// Its texts are not translated.
[[gnu::weak]] char* __dcgettext(const char*, const char* text, int) {
  return const_cast<char*>(text);
}
[[gnu::weak]] char* dcgettext(const char*, const char* text, int) noexcept {
  return const_cast<char*>(text);
}
// What dlopen's messages would end with.
[[gnu::weak]] char* __strerror_r(int, char* buffer, size_t size) {
  if (size != 0) *buffer = 0;
  return buffer;
}
[[gnu::weak]] char* strerror_r(int error, char* buffer, size_t size) noexcept {
  return __strerror_r(error, buffer, size);
}
// Nothing throws, so nothing is unwound.
CHI_UNUSED void _Unwind_Resume(void*) { __assert_fail(nullptr, nullptr, 0, nullptr); }
CHI_UNUSED int __gcc_personality_v0() { __assert_fail(nullptr, nullptr, 0, nullptr); }
CHI_UNUSED int _Unwind_ForcedUnwind(void*, void*, void*) {
  __assert_fail(nullptr, nullptr, 0, nullptr);
}
CHI_UNUSED unsigned long _Unwind_GetCFA(void*) { __assert_fail(nullptr, nullptr, 0, nullptr); }
// Fills the tables of isalpha() and its like, from the locale. Nobody asks them.
[[gnu::weak]] void __ctype_init() {}
// pthread_create tells stdio that there are threads now.
[[gnu::weak]] void _IO_enable_locks() {}

#else

// Objects that live as long as the program are not destroyed at its end.
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }

#endif
}

#endif  // CHIMERA_STATIC

// ARM before v6 cannot change 64 bits at once; the kernel's helper can (since Linux 3.1), and
// libgcc calls it. libatomic chooses between the two by IFUNC symbols, which musl does not resolve
// in a static program: its functions would jump anywhere. Besides, its load reads a value that is
// not 0 by two instructions after all.
#if defined(__ARM_ARCH) && __ARM_ARCH < 6

#include <stdint.h>

namespace {

using Wide = uint64_t;

// Puts make(old) there, returns the old value.
template <class Make>
Wide change_at_once(volatile Wide* p, Make make) {
  Wide seen = *p;                      // may be torn; then the comparison says so
  for (;;) {
    const Wide was = __sync_val_compare_and_swap(p, seen, make(seen));
    if (was == seen) return was;
    seen = was;
  }
}

}  // namespace

extern "C" {

#define CHI_ATOMIC(type, name, ...)                     \
  type name(__VA_ARGS__) __asm__("__atomic_" #name);    \
  [[gnu::used]] type name(__VA_ARGS__)

CHI_ATOMIC(Wide, load_8, volatile Wide* p, int) {
  return change_at_once(p, [](Wide old) { return old; });
}
CHI_ATOMIC(void, store_8, volatile Wide* p, Wide value, int) {
  change_at_once(p, [value](Wide) { return value; });
}
CHI_ATOMIC(Wide, exchange_8, volatile Wide* p, Wide value, int) {
  return change_at_once(p, [value](Wide) { return value; });
}
CHI_ATOMIC(Wide, fetch_add_8, volatile Wide* p, Wide value, int) {
  return change_at_once(p, [value](Wide old) { return old + value; });
}
CHI_ATOMIC(Wide, add_fetch_8, volatile Wide* p, Wide value, int) {
  return change_at_once(p, [value](Wide old) { return old + value; }) + value;
}
CHI_ATOMIC(bool, compare_exchange_8, volatile Wide* p, Wide* expected, Wide value, int, int) {
  const Wide old = *expected;
  for (;;) {
    if (__sync_val_compare_and_swap(p, old, value) == old) return true;
    // What it returned is nothing to go by: libgcc reads that by two instructions.
    *expected = change_at_once(p, [](Wide there) { return there; });
    if (*expected != old) return false;
  }
}
}

#endif
