// Eight bytes change at once, on machines too whose instructions cannot (sys/linux/libc.cpp): a
// reader sees a value that was stored, never half of one and half of another.
#include <atomic>
#include <cstdint>
#include <thread>

#include "tests/check.hpp"

namespace {

#ifdef CHIMERA_EMULATED
constexpr int kRounds = 20'000'000;
#else
constexpr int kRounds = 1'000'000;
#endif

// Every half of one differs from that of the other.
constexpr int64_t kOne = 0, kOther = -1;
bool whole(int64_t v) { return v == kOne || v == kOther; }

struct Word {
  std::atomic<int64_t> value{kOne};
  std::atomic<bool> begun{false}, over{false};
};

// Not before somebody looks, or it would all be over by then.
void change(Word& w) {
  while (!w.begun) std::this_thread::yield();
  for (int i = 0; i < kRounds; ++i) {
    w.value.store(kOther);
    w.value.store(kOne);
  }
  w.over = true;
}

}  // namespace

TEST_CASE("eight bytes: a load sees one store whole") {
  Word w;
  uint64_t torn = 0;
  std::thread writer([&] { change(w); });
  w.begun = true;
  while (!w.over) torn += !whole(w.value.load());
  writer.join();
  CHECK(torn == 0);
}

TEST_CASE("eight bytes: a swap that fails says what is there") {
  Word w;
  uint64_t torn = 0, swapped = 0;
  std::thread writer([&] { change(w); });
  w.begun = true;
  while (!w.over) {
    int64_t seen = 5;                        // never there
    swapped += w.value.compare_exchange_strong(seen, 7);
    torn += !whole(seen);
  }
  writer.join();
  CHECK(swapped == 0);
  CHECK(torn == 0);
}

TEST_CASE("eight bytes: no sum is lost") {
  std::atomic<int64_t> sum{0};
  auto add = [&] { for (int i = 0; i < kRounds / 5; ++i) sum.fetch_add(int64_t{1} << 31); };
  std::thread other(add);
  add();
  other.join();
  CHECK(sum.load() == int64_t{2 * (kRounds / 5)} << 31);
}
