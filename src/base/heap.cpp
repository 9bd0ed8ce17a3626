// A block begins with its size; the payload follows. Of a free block the payload holds the links of
// its list, and its last word the block's own address, for the neighbour behind it to find. Two
// bits of the size say whether the block is free and whether the one before it is.
//
//   | size, bits | payload ................................ | size, bits | ...
//   | size, bits | next | previous | ........ | this block  | size, bits | ...      when free
//
// The last block of a region has no payload and is never free, so that nobody looks behind it.
#include "chimera/base/heap.hpp"

#include <bit>

#include "chimera/base/result.hpp"

namespace chimera {
namespace {

constexpr size_t kFree = 1, kFreeBefore = 2, kBits = 3;
constexpr size_t kWord = sizeof(uint64_t);           // also where pointers have 4 bytes
constexpr size_t kLeast = 32;                        // a block that can be free: four words
constexpr size_t kSmall = 128;                       // below, each multiple of 16 has its list

// The size of a block with this payload. At most kLargest plus a little, so nothing overflows.
constexpr size_t block_bytes(size_t payload) {
  const size_t n = (payload + kWord + 15) & ~size_t{15};
  return n < kLeast ? kLeast : n;
}

struct Place {
  size_t power, step;
};
// The list of blocks of this size: all in it are at least as large as the list's first size.
Place place_of(size_t bytes) {
  if (bytes < kSmall) return {0, bytes / 16};
  const size_t power = static_cast<size_t>(std::bit_width(bytes)) - 1;   // 7 for 128
  return {power - 6, (bytes >> (power - 3)) & 7};
}

}  // namespace

struct Heap::Block {
  uint64_t bits;
  Block* next;                                       // of its list, when free
  Block* previous;

  size_t bytes() const { return static_cast<size_t>(bits & ~uint64_t{kBits}); }
  bool is(size_t bit) const { return (bits & bit) != 0; }
  char* start() { return reinterpret_cast<char*>(this); }
  void* payload() { return start() + kWord; }
  Block* behind() { return reinterpret_cast<Block*>(start() + bytes()); }
  Block*& address_at_end() {
    return *reinterpret_cast<Block**>(start() + bytes() - kWord);
  }
  Block* before() { return *reinterpret_cast<Block**>(start() - kWord); }
};

Heap::Block* Heap::block_of(void* p) {
  return reinterpret_cast<Block*>(static_cast<char*>(p) - kWord);
}

size_t Heap::size_of(const void* p) {
  return block_of(const_cast<void*>(p))->bytes() - kWord;
}

// The first payload is aligned to 16 bytes, so the first block begins one word into the region.
void Heap::add_region(void* region, size_t bytes) {
  Block* const first = reinterpret_cast<Block*>(static_cast<char*>(region) + kWord);
  first->bits = bytes - 2 * kWord;
  first->behind()->bits = 0;
  insert(first);
}

// Sizes too large for the rows share the last list, which is only looked at for the largest ones.
void Heap::insert(Block* b) {
  Place at = place_of(b->bytes());
  if (at.power >= kPowers) at = {kPowers - 1, kSteps - 1};
  Block*& list = lists_[at.power][at.step];
  b->next = list;
  b->previous = nullptr;
  if (list != nullptr) list->previous = b;
  list = b;
  steps_[at.power] = static_cast<uint8_t>(steps_[at.power] | 1u << at.step);
  powers_ |= 1u << at.power;
  b->bits |= kFree;
  b->address_at_end() = b;
  b->behind()->bits |= kFreeBefore;
}

void Heap::remove(Block* b) {
  b->bits &= ~uint64_t{kFree};
  b->behind()->bits &= ~uint64_t{kFreeBefore};
  if (b->next != nullptr) b->next->previous = b->previous;
  if (b->previous != nullptr) {
    b->previous->next = b->next;
    return;
  }
  Place at = place_of(b->bytes());
  if (at.power >= kPowers) at = {kPowers - 1, kSteps - 1};
  lists_[at.power][at.step] = b->next;
  if (b->next != nullptr) return;
  steps_[at.power] = static_cast<uint8_t>(steps_[at.power] & ~(1u << at.step));
  if (steps_[at.power] == 0) powers_ &= ~(1u << at.power);
}

// A block of at least so many bytes, out of the first list in which every block is large enough.
Heap::Block* Heap::find(size_t bytes) {
  // To the next list's first size, unless it is one.
  if (bytes >= kSmall) bytes += (size_t{1} << (std::bit_width(bytes) - 4)) - 1;
  const Place at = place_of(bytes);
  uint32_t steps = at.power < kPowers ? steps_[at.power] & (~0u << at.step) : 0;
  size_t power = at.power;
  if (steps == 0) {
    const uint32_t larger = power + 1 < kPowers ? powers_ & (~0u << (power + 1)) : 0;
    if (larger == 0) return nullptr;
    power = static_cast<size_t>(std::countr_zero(larger));
    steps = steps_[power];
  }
  return lists_[power][std::countr_zero(steps)];
}

// What a block in use has too much becomes a free block, one with the free one behind it.
void Heap::trim(Block* b, size_t bytes) {
  const size_t rest = b->bytes() - bytes;
  if (rest < kLeast) return;
  b->bits = bytes | (b->bits & kBits);
  Block* const left = b->behind();
  left->bits = rest;
  Block* const behind = left->behind();
  if (behind->is(kFree)) {
    remove(behind);
    left->bits += behind->bytes();
  }
  insert(left);
}

void* Heap::allocate(size_t bytes) {
  if (bytes > kLargest) return nullptr;
  const size_t wanted = block_bytes(bytes);
  Block* const b = find(wanted);
  if (b == nullptr) return nullptr;
  remove(b);
  trim(b, wanted);
  return b->payload();
}

void Heap::release(void* p) {
  Block* b = block_of(p);
  CHI_CHECK(!b->is(kFree));
  if (b->is(kFreeBefore)) {
    Block* const before = b->before();
    remove(before);
    before->bits += b->bytes();
    b = before;
  }
  Block* const behind = b->behind();
  if (behind->is(kFree)) {
    remove(behind);
    b->bits += behind->bytes();
  }
  insert(b);
}

bool Heap::resize(void* p, size_t bytes) {
  if (bytes > kLargest) return false;
  Block* const b = block_of(p);
  const size_t wanted = block_bytes(bytes);
  if (wanted > b->bytes()) {
    Block* const behind = b->behind();
    if (!behind->is(kFree) || b->bytes() + behind->bytes() < wanted) return false;
    remove(behind);
    b->bits += behind->bytes();
  }
  trim(b, wanted);
  return true;
}

}  // namespace chimera
