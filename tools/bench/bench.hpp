// The harness of the micro-benchmarks: ours and its peer (or its limit) take turns in one process,
// batch by batch, so that whatever else the machine does meets both. A ratio is taken within a
// round; medians over the rounds are shown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

uint64_t now_ns();   // the monotonic clock
uint64_t cpu_ns();   // processor time of this thread: what others take away does not count

// Keeps the compiler from dropping a result nobody reads.
template <class T>
inline void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

// Something to time: does its work `times` times.
class Batch {
 public:
  virtual ~Batch() = default;
  virtual void run(int64_t times) = 0;
  // Nanoseconds that `times` times took; a batch that has to prepare something says so itself.
  virtual double run_timed(int64_t times) {
    const uint64_t begin = cpu_ns();
    run(times);
    return static_cast<double>(cpu_ns() - begin);
  }
};
template <class F>
class Repeat final : public Batch {
 public:
  explicit Repeat(F f) : f_(std::move(f)) {}
  void run(int64_t times) override {
    for (int64_t i = 0; i < times; ++i) f_();
  }

 private:
  F f_;
};
// A batch that loops by itself: f(times).
template <class F>
class Whole final : public Batch {
 public:
  explicit Whole(F f) : f_(std::move(f)) {}
  void run(int64_t times) override { f_(times); }

 private:
  F f_;
};

// One line of the table.
struct Row {
  const char* name;
  double items = 1;       // tokens (heads, tasks) in one call: the figure is ns per item
  double bytes = 0;       // in one call; 0 = no GB/s shown
  const char* peer_name = "";
  double limit = 0;       // the most that ours / peer may be; 0 = shown, not judged
};

// Which rows to run, how long, and whether every limit held.
class Table {
 public:
  // `only`: rows whose names contain it; `quick`: a tenth of the time.
  Table(std::string_view only, bool quick);
  // Times `ours()` beside `peer()`.
  template <class A, class B>
  void compare(const Row& row, A ours, B peer, bool peer_is_there = true) {
    Repeat<A> a(std::move(ours));
    Repeat<B> b(std::move(peer));
    measure(row, a, peer_is_there ? &b : nullptr);
  }
  // `peer` null: no peer is there; the row says so.
  void measure(const Row& row, Batch& ours, Batch* peer);
  // What is measured is not what it should be.
  void fail(const char* why);
  bool ok() const { return ok_; }

 private:
  std::string only_;
  int rounds_;
  double batch_ns_;
  bool ok_ = true;
};

// The groups of rows, one file each.
void wire_rows(Table& table);
void runtime_rows(Table& table);

}  // namespace bench
