// The heap behind malloc: chunks of one piece of memory that grows at its end.
//
// Thread: one at a time. Cost: 8 bytes a chunk, in multiples of 16; constant time, but for growing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chimera::sys {

class Heap {
 public:
  // Moves the end of the memory to `to`, as brk(2) does: returns where it is now. `to` = 0 asks.
  using SetBreak = uintptr_t (*)(uintptr_t to);
  // No destructor and nothing to construct at the start: malloc may be called before either.
  constexpr explicit Heap(SetBreak set_break) : set_break_(set_break) {}

  // At least `n` bytes at an address that 16 divides; nullptr when there are none.
  void* take(size_t n);
  // Memory of take()'s, once. Stops the program when it is free already.
  void give_back(void* memory);
  // What the user of `memory` may use, at least what was asked for.
  static size_t room(void* memory);

 private:
  struct Chunk;
  static constexpr size_t kLists = 128;
  static size_t list_of(size_t bytes);
  void link(Chunk* c, size_t bytes);
  void unlink(Chunk* c);
  void release(Chunk* c);
  void shorten(Chunk* c, size_t bytes);
  Chunk* find(size_t bytes);
  bool grow(size_t bytes);

  SetBreak set_break_;
  Chunk* last_ = nullptr;              // the mark behind all chunks
  Chunk* lists_[kLists] = {};
  uint64_t filled_[kLists / 64] = {};  // a bit for each list that is not empty
};

}  // namespace chimera::sys
