#include "chimera/sys/thread.hpp"

#include <pthread.h>
#include <sched.h>

#include <bit>

// glibc's pthread_create stores a pointer to the thread's resolver state in this variable. Its own
// definition brings 65 KB of resolver into a static binary, which nothing would read: names are
// resolved by net/resolve. Elsewhere, and in a dynamic binary, it is an unused word. Should
// glibc's resolver ever be linked, the linker reports two definitions.
extern "C" {
[[gnu::visibility("hidden")]] __thread void* __libc_resp;   // NOLINT(bugprone-reserved-identifier)
}

namespace chimera::sys {
namespace {

#ifdef __SANITIZE_THREAD__
constexpr size_t kStackBytes = 2048 * 1024;  // the tool keeps a megabyte of its own in it
#else
constexpr size_t kStackBytes = 256 * 1024;
#endif

struct Start {
  void (*body)(void*);
  void* argument;
};

void* begin(void* p) {
  const Start start = *static_cast<Start*>(p);
  delete static_cast<Start*>(p);
  start.body(start.argument);
  return nullptr;
}

// The processors this process was given. Read once, before main: a pinned thread and those it
// starts see only their own. 8192 of them, because the kernel refuses a mask shorter than its own
// and cpu_set_t ends at 1024.
class Allowed {
 public:
  Allowed() {
    if (sched_getaffinity(0, sizeof words_, reinterpret_cast<cpu_set_t*>(words_)) != 0) return;
    for (const unsigned long w : words_) count_ += std::popcount(w);
  }
  int count() const { return count_; }
  // The number of the n-th one, or -1.
  int nth(int n) const {
    for (int cpu = 0; n >= 0 && cpu < kWords * kWordBits; ++cpu) {
      const bool ours = words_[cpu / kWordBits] >> (cpu % kWordBits) & 1;
      if (ours && n-- == 0) return cpu;
    }
    return -1;
  }
  static bool pin(int cpu) {
    unsigned long one[kWords] = {};
    one[cpu / kWordBits] = 1ul << (cpu % kWordBits);
    return sched_setaffinity(0, sizeof one, reinterpret_cast<cpu_set_t*>(one)) == 0;
  }

 private:
  static constexpr int kWordBits = 8 * static_cast<int>(sizeof(unsigned long));
  static constexpr int kWords = 8192 / kWordBits;
  unsigned long words_[kWords] = {};
  int count_ = 0;
};

const Allowed g_allowed;

}  // namespace

Result<Thread> Thread::start(void (*body)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  Start* start = new Start{body, argument};
  pthread_t id{};
  const int failed = pthread_create(&id, &attributes, begin, start);
  pthread_attr_destroy(&attributes);
  if (failed != 0) {
    delete start;
    return fail(Errc::io, "thread", failed);
  }
  Thread thread;
  thread.id_ = static_cast<unsigned long long>(id);
  return thread;
}

void Thread::join() {
  CHI_CHECK(id_ != 0);
  CHI_CHECK(pthread_join(static_cast<pthread_t>(id_), nullptr) == 0);
  id_ = 0;
}

int core_count() { return g_allowed.count() > 0 ? g_allowed.count() : 1; }

bool pin_to_core(int core) {
  const int cpu = g_allowed.nth(core);
  return cpu >= 0 && Allowed::pin(cpu);
}

}  // namespace chimera::sys
