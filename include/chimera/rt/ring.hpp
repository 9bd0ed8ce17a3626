// Ring: the queue of a worker that others may steal from. A Chase-Lev deque of fixed capacity: the
// owner pushes at the bottom, thieves take at the top; what does not fit is the caller's to keep.
//
// Sources: D. Chase, Y. Lev, "Dynamic circular work-stealing deque", SPAA 2005; N. M. Le, A. Pop,
// A. Cohen, F. Zappa Nardelli, "Correct and efficient work-stealing for weak memory models", PPoPP
// 2013. Two differences. Nothing grows, so no thief ever reads a buffer that was replaced. And
// there is no stand-alone fence, which ThreadSanitizer does not understand: where the 2013 paper
// has one, the operations on both its sides are seq_cst.
//
// `top_` is a 64-bit number that only grows, so a compare-and-swap that succeeds proves that nobody
// else took that item (no ABA). `bottom_` is written by the owner alone; only take_last() lowers
// it. tests/models/ring.pml is the model of it.
//
// Thread: as each function says; the owner is one thread. Owns: nothing; items are the caller's.
// Cost: no allocation; one locked instruction per push, take or steal on x86.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace chimera::rt {

struct Runnable;

class Ring {
 public:
  static constexpr size_t kCapacity = 256;

  // Owner. False when it is full; a thief that makes room at this moment may be overlooked.
  bool push(Runnable& r);
  // Owner. The oldest, claimed as a thief would. nullptr only when it is empty.
  Runnable* take();
  // Owner. The newest. nullptr only when it is empty.
  Runnable* take_last();
  // Any thread. The oldest; nullptr when it is empty or when somebody else was faster, so that who
  // wants to know whether there is nothing asks empty().
  Runnable* steal();

  // Any thread; a snapshot. Never less than what was there during the whole call. An item whose
  // push() came before the caller's last seq_cst store is seen, or has been taken: what the idle
  // protocol needs.
  size_t size() const;
  bool empty() const { return size() == 0; }

 private:
  std::atomic<Runnable*>& slot(int64_t i) { return slots_[static_cast<size_t>(i) % kCapacity]; }
  Runnable* claim(int64_t& t);

  // The slots keep the two numbers on different cache lines, without over-aligned memory.
  std::atomic<int64_t> top_{0};
  std::atomic<Runnable*> slots_[kCapacity] = {};
  std::atomic<int64_t> bottom_{0};
};

// ---- how, and why each order -------------------------------------------------------------------
//
// The one hard case: the owner takes the newest item, at b, without a compare-and-swap because it
// reads top < b, while a thief that reads top == b takes it too. The owner writes bottom = b, then
// reads top; the thief reads top, then bottom. All four are seq_cst, so there is one order of them:
// the owner read an older top than the thief, so the owner's write of bottom comes before the
// thief's read of it, and the thief finds nothing at b - or an item that was pushed there since.

inline bool Ring::push(Runnable& r) {
  const int64_t b = bottom_.load(std::memory_order_relaxed);   // our own number
  // acquire, with the release of claim(): who took the old item has read the slot we write now.
  const int64_t t = top_.load(std::memory_order_acquire);
  if (b - t >= static_cast<int64_t>(kCapacity)) return false;
  slot(b).store(&r, std::memory_order_relaxed);
  // Publishing needs release alone (the paper's release fence). seq_cst is for the idle protocol:
  // the caller's next seq_cst load of "is somebody asleep?" must not pass this store.
  bottom_.store(b + 1, std::memory_order_seq_cst);
  return true;
}

// Takes the item at t, or sets t to the top that somebody else has moved.
inline Runnable* Ring::claim(int64_t& t) {
  // Read before the swap: once top has moved, the owner may put the next item here. The value may
  // be of another item already, but then the swap fails. Atomic for that reason alone.
  Runnable* r = slot(t).load(std::memory_order_relaxed);
  // release: the read above comes before the owner's next write of the slot. seq_cst as in the
  // paper. A failure says nothing but the new top.
  const bool ours = top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst,
                                                 std::memory_order_relaxed);
  return ours ? r : nullptr;
}

inline Runnable* Ring::take() {
  const int64_t b = bottom_.load(std::memory_order_relaxed);
  // relaxed: an old value makes the swap fail, and that tells the new one. Each failure is a
  // success of a thief, so this ends.
  int64_t t = top_.load(std::memory_order_relaxed);
  while (t < b) {
    if (Runnable* r = claim(t)) return r;
  }
  return nullptr;
}

inline Runnable* Ring::take_last() {
  const int64_t b = bottom_.load(std::memory_order_relaxed) - 1;
  // seq_cst, store and load: the paper's fence stands between them (see above).
  bottom_.store(b, std::memory_order_seq_cst);
  int64_t t = top_.load(std::memory_order_seq_cst);
  if (t < b) return slot(b).load(std::memory_order_relaxed);   // our own write
  // The last one, which thieves may claim as well, or none. Either way the ring is empty then.
  Runnable* r = t == b ? claim(t) : nullptr;
  // release: a thief that reads this number must see the items that we pushed before, as with
  // push(). (Since C++20 a relaxed store no longer carries an earlier release.)
  bottom_.store(b + 1, std::memory_order_release);
  return r;
}

inline Runnable* Ring::steal() {
  // seq_cst, both: the paper's fence stands between them (see above). The acquire in the second is
  // what makes the slot and the item visible.
  int64_t t = top_.load(std::memory_order_seq_cst);
  const int64_t b = bottom_.load(std::memory_order_seq_cst);
  return t < b ? claim(t) : nullptr;
}

inline size_t Ring::size() const {
  // top first: an old top and a new bottom count too many, never too few. acquire keeps the order.
  const int64_t t = top_.load(std::memory_order_acquire);
  // seq_cst, with the store of push() and the two accesses of "asleep": either the sleeper sees
  // the item here, or the publisher sees the sleeper.
  const int64_t b = bottom_.load(std::memory_order_seq_cst);
  return b > t ? static_cast<size_t>(b - t) : 0;   // take_last() of an empty ring: b < t
}

}  // namespace chimera::rt
