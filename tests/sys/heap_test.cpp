#include "src/sys/linux/heap.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <cstdint>

#include "chimera/base/rng.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::sys;

namespace {

// Memory that grows as the system's does, up to a limit, from an address that is nothing special.
constexpr size_t kRoom = 8u << 20;
alignas(4096) char memory[kRoom];
char* const kBegin = memory + 24;
uintptr_t the_end, the_limit;

uintptr_t set_break(uintptr_t to) {
  if (to != 0 && to <= the_limit) the_end = to;
  return the_end;
}

size_t grown() { return the_end - reinterpret_cast<uintptr_t>(kBegin); }

struct World {
  explicit World(size_t room = kRoom - 24) {
    the_end = reinterpret_cast<uintptr_t>(kBegin);
    the_limit = the_end + room;
  }
  Heap heap{set_break};
};

bool aligned(void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

struct Block {
  unsigned char* at;
  size_t size;
  unsigned char mark;
};

Block taken(Heap& heap, size_t size, unsigned char mark) {
  void* const p = heap.take(size);
  REQUIRE(p != nullptr);
  CHECK(aligned(p));
  CHECK(Heap::room(p) >= size);
  memset(p, mark, Heap::room(p));
  return {static_cast<unsigned char*>(p), Heap::room(p), mark};
}

// Whether nobody else has written into it.
bool whole(const Block& b) {
  for (size_t i = 0; i < b.size; ++i) {
    if (b.at[i] != b.mark) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("heap: every small size is aligned, large enough and costs 8 bytes at most 16 more") {
  World w;
  for (size_t n = 0; n <= 3000; ++n) {
    void* const p = w.heap.take(n);
    REQUIRE(p != nullptr);
    CHECK(aligned(p));
    CHECK(Heap::room(p) >= n);
    CHECK(Heap::room(p) <= (n < 24 ? 24 : n + 15));
    w.heap.give_back(p);
  }
  CHECK(grown() < 300'000);   // one after the other they need no more than the first growth
}

TEST_CASE("heap: what was given back is one piece again, in whatever order") {
  for (const int order : {0, 1, 2}) {
    World w;
    std::vector<void*> all;
    for (int i = 0; i < 1000; ++i) all.push_back(w.heap.take(static_cast<size_t>(i % 200)));
    const size_t before = grown();
    for (size_t i = 0; i < all.size(); ++i) {
      const size_t forth = i, back = all.size() - 1 - i, mixed = i * 371 % all.size();
      w.heap.give_back(all[order == 0 ? forth : order == 1 ? back : mixed]);
    }
    void* const whole = w.heap.take(before - 100);
    CHECK(whole != nullptr);
    CHECK(grown() == before);
  }
}

TEST_CASE("heap: no two blocks overlap, whatever is taken and given back") {
  World w;
  Rng rng(7);
  std::vector<Block> held;
  size_t bytes = 0, most = 0;
  for (int i = 0; i < 200'000; ++i) {
    if (held.empty() || (rng.uniform() < 0.55 && bytes < 2'000'000)) {
      const double kind = rng.uniform();
      const double limit = kind < 0.8 ? 300 : kind < 0.98 ? 5000 : 100'000;
      const auto size = static_cast<size_t>(rng.uniform() * limit);
      held.push_back(taken(w.heap, size, static_cast<unsigned char>(i)));
      bytes += held.back().size;
      most = bytes > most ? bytes : most;
    } else {
      const auto k = static_cast<size_t>(rng.uniform() * static_cast<double>(held.size()));
      if (!whole(held[k])) FAIL("written into by another");
      bytes -= held[k].size;
      w.heap.give_back(held[k].at);
      held[k] = held.back();
      held.pop_back();
    }
  }
  for (const Block& b : held) {
    CHECK(whole(b));
    w.heap.give_back(b.at);
  }
  CHECK(grown() < 2 * most);
}

TEST_CASE("heap: too much is refused, and nothing is lost by it") {
  World w(400'000);
  for (const size_t n : {SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 4, SIZE_MAX >> 24, size_t{500'000}}) {
    CAPTURE(n);
    CHECK(w.heap.take(n) == nullptr);
  }
  void* const p = w.heap.take(200'000);
  CHECK(p != nullptr);
  w.heap.give_back(p);
  CHECK(w.heap.take(200'000) == p);

  World none(0);
  CHECK(none.heap.take(1) == nullptr);
}

TEST_CASE("heap: a second end of the same block stops the program") {
  World w;
  void* const p = w.heap.take(100);
  void* const q = w.heap.take(100);
  w.heap.give_back(p);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGILL, SIG_DFL);   // doctest's would report it as a failure of its own
    w.heap.give_back(p);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  w.heap.give_back(q);
}
