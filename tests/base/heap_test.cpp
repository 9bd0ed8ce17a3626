// The heap against a shadow of itself: what every block holds, where it lies, what is free.
#include "chimera/base/heap.hpp"

#include <cstdint>

#include "chimera/base/rng.hpp"
#include "tests/check.hpp"

using namespace chimera_test;
using chimera::Heap;
using chimera::Rng;

namespace {

// A region of its own, aligned, with a page on either side that faults when touched.
class Region {
 public:
  explicit Region(size_t bytes) : bytes_(bytes) {
    base_ = map_pages(bytes + 2 * kPage);
    forbid_page(base_, kPage);
    forbid_page(start() + bytes, kPage);
    memset(start(), 0xa5, bytes);   // the heap may not count on zeros
  }
  ~Region() { unmap_pages(base_, bytes_ + 2 * kPage); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  char* start() const { return base_ + kPage; }
  size_t bytes() const { return bytes_; }
  bool holds(const void* p, size_t n) const {
    const char* c = static_cast<const char*>(p);
    return c >= start() && c + n <= start() + bytes_;
  }

 private:
  static constexpr size_t kPage = 4096;
  char* base_;
  size_t bytes_;
};

struct Piece {
  unsigned char* p;
  size_t size;
  unsigned char mark;
};

void fill(const Piece& piece) { memset(piece.p, piece.mark, piece.size); }
bool whole(const Piece& piece) {
  for (size_t i = 0; i < piece.size; ++i) {
    if (piece.p[i] != piece.mark) return false;
  }
  return true;
}

Piece take(Heap& heap, size_t size, unsigned char mark) {
  const Piece piece{static_cast<unsigned char*>(heap.allocate(size)), size, mark};
  if (piece.p != nullptr) fill(piece);
  return piece;
}

// The largest single block that can be had now.
size_t largest(Heap& heap) {
  for (size_t n = Heap::kLargest; n > 0; n -= n < 4096 ? 1 : 1024) {
    if (void* p = heap.allocate(n)) {
      heap.release(p);
      return n;
    }
  }
  return 0;
}

}  // namespace

TEST_CASE("heap: every size, aligned, apart, and one block again at the end") {
  const Region region(256 * 1024);
  Heap heap;
  heap.add_region(region.start(), region.bytes());
  const size_t before = largest(heap);
  CHECK(before == Heap::kLargest);
  for (size_t size = 0; size <= 5000; ++size) {
    CAPTURE(size);
    void* const p = heap.allocate(size);
    REQUIRE(p != nullptr);
    REQUIRE(reinterpret_cast<uintptr_t>(p) % 16 == 0);
    REQUIRE(region.holds(p, size));
    REQUIRE(Heap::size_of(p) >= size);
    REQUIRE(Heap::size_of(p) < size + 24 + 8);   // 16 to round up; 24 are the least
    memset(p, 1, size);
    heap.release(p);
  }
  CHECK(largest(heap) == before);
}

TEST_CASE("heap: limits") {
  Heap heap;
  CHECK(heap.allocate(1) == nullptr);   // no region yet
  const Region region(4096);
  heap.add_region(region.start(), region.bytes());
  CHECK(heap.allocate(Heap::kLargest + 1) == nullptr);
  CHECK(heap.allocate(SIZE_MAX) == nullptr);
  CHECK(heap.allocate(SIZE_MAX - 7) == nullptr);
  CHECK(heap.allocate(4096) == nullptr);
  void* const all = heap.allocate(3584);   // a list's first size, so that it is found
  REQUIRE(all != nullptr);
  CHECK_FALSE(heap.resize(all, Heap::kLargest + 1));
  CHECK_FALSE(heap.resize(all, 4096));
  CHECK(heap.resize(all, 4096 - Heap::kRegionCost));
  CHECK(heap.allocate(0) == nullptr);   // nothing is left
  heap.release(all);
  CHECK(heap.allocate(0) != nullptr);
}

TEST_CASE("heap: a block grows into the free one behind it, and shrinks") {
  const Region region(8192);
  Heap heap;
  heap.add_region(region.start(), region.bytes());
  Piece a = take(heap, 100, 'a'), b = take(heap, 100, 'b'), c = take(heap, 100, 'c');
  CHECK_FALSE(heap.resize(a.p, 200));   // b is in the way
  heap.release(b.p);
  CHECK(heap.resize(a.p, 200));
  CHECK(whole(a));
  CHECK_FALSE(heap.resize(a.p, 400));   // c is
  CHECK(heap.resize(a.p, 10));
  CHECK(heap.resize(a.p, 200));         // what it gave back was one block with the rest
  CHECK(whole({a.p, 10, 'a'}));
  CHECK(whole(c));
}

TEST_CASE("heap: neighbours become one, whatever the order they are released in") {
  const size_t order[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& o : order) {
    CAPTURE(o[0] * 100 + o[1] * 10 + o[2]);
    const Region region(4096);
    Heap heap;
    heap.add_region(region.start(), region.bytes());
    const size_t before = largest(heap);
    void* p[3];
    for (void*& each : p) REQUIRE((each = heap.allocate(1000)) != nullptr);
    for (const size_t i : o) heap.release(p[i]);
    CHECK(largest(heap) == before);
  }
}

TEST_CASE("heap: random use of several regions against a shadow") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Rng rng(seed);
    const Region first(64 * 1024), second(256 * 1024), third(4096);
    Heap heap;
    std::vector<Piece> live;
    size_t refused = 0;
    for (int step = 0; step < 20000; ++step) {
      if (step == 0) heap.add_region(first.start(), first.bytes());
      if (step == 2000) heap.add_region(second.start(), second.bytes());
      if (step == 4000) heap.add_region(third.start(), third.bytes());
      const bool large = rng.below(50) == 0;
      const size_t size = static_cast<size_t>(rng.below(large ? 60'000 : 300));
      const size_t i = live.empty() ? 0 : static_cast<size_t>(rng.below(live.size()));
      const uint64_t what = live.size() > 400 ? 2 : rng.below(5);
      if (what < 2) {
        const Piece piece = take(heap, size, static_cast<unsigned char>(step));
        if (piece.p != nullptr) live.push_back(piece);
        refused += piece.p == nullptr;
      } else if (what == 2 && !live.empty()) {
        REQUIRE(whole(live[i]));
        heap.release(live[i].p);
        live[i] = live.back();
        live.pop_back();
      } else if (what == 3 && !live.empty()) {
        const size_t kept = size < live[i].size ? size : live[i].size;
        REQUIRE(whole(live[i]));
        if (!heap.resize(live[i].p, size)) continue;
        REQUIRE(whole({live[i].p, kept, live[i].mark}));
        live[i].size = size;
        fill(live[i]);
      }
    }
    CHECK(refused < 12000);
    for (const Piece& piece : live) {
      REQUIRE(whole(piece));
      heap.release(piece.p);
    }
    CHECK(largest(heap) == Heap::kLargest);
  }
}
