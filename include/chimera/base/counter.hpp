// A number that one thread counts up and any thread may read: what reports show while workers run.
// A relaxed load and store cost what a plain variable costs. Always inlined: a call is longer.
#pragma once

#include <atomic>
#include <cstdint>

namespace chimera {

class Counter {
 public:
  Counter() = default;
  [[gnu::always_inline]] Counter(const Counter& o) : value_(o) {}
  [[gnu::always_inline]] Counter& operator=(const Counter& o) {
    return *this = static_cast<int64_t>(o);
  }
  [[gnu::always_inline]] Counter& operator=(int64_t v) {
    value_.store(v, std::memory_order_relaxed);
    return *this;
  }
  [[gnu::always_inline]] Counter& operator+=(int64_t n) { return *this = *this + n; }
  [[gnu::always_inline]] Counter& operator++() { return *this += 1; }
  [[gnu::always_inline]] operator int64_t() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

}  // namespace chimera
