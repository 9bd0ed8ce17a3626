// Heap: memory in pieces of any size out of large regions. It knows no operating system and no
// lock: sys/linux/libc.cpp makes malloc() of it.
//
// Two-level segregated fit (Masmano, Ripoll, Crespo, Real, "TLSF: a new dynamic memory allocator
// for real-time systems", ECRTS 2004): free blocks stand in lists by size, eight to each power of
// two, and two levels of bits say which lists have any. Neighbours that are both free become one
// block at once. A block costs 8 bytes beside its payload, a payload is a multiple of 16 bytes less
// 8.
//
// Thread: one at a time. Owns: nothing; the regions are the caller's, and stay as long as it does.
// Cost: the same number of steps for every call, whatever the sizes and however many blocks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chimera {

class Heap {
 public:
  // The largest request; what is larger is better asked of the system.
  static constexpr size_t kLargest = 128 * 1024;
  // What a region needs beside the payload of its first block.
  static constexpr size_t kRegionCost = 32;

  // `bytes` of zeroed or used memory at `region`, both multiples of 16, join the heap.
  void add_region(void* region, size_t bytes);

  // Aligned to 16 bytes. nullptr when there is no block of that size, or it is above kLargest.
  void* allocate(size_t bytes);
  void release(void* p);
  // Makes a block longer, or shorter, where it is. False when the block behind it is in use.
  bool resize(void* p, size_t bytes);

  // The payload of a block in use: what was asked for, rounded up.
  static size_t size_of(const void* p);

 private:
  struct Block;
  static constexpr size_t kSteps = 8;                // lists to a power of two
  static constexpr size_t kPowers = 12;              // 128 bytes and below, 256, ... , all above

  static Block* block_of(void* p);
  void insert(Block* b);
  void remove(Block* b);
  Block* find(size_t bytes);
  void trim(Block* b, size_t bytes);

  uint32_t powers_ = 0;                              // which of the rows below have any
  uint8_t steps_[kPowers] = {};                      // which lists of a row have any
  Block* lists_[kPowers][kSteps] = {};
};

}  // namespace chimera
