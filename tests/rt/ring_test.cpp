// runs: linux tsan
//
// The ring that others steal from: what each end gives, and that among threads nothing is lost,
// nothing comes twice, and what was written into an item before its push can be read by whoever
// gets it.
#include "chimera/rt/ring.hpp"

#include <sched.h>
#include <stdio.h>

#include <deque>
#include <thread>

#include "chimera/rt/runnable.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera_test;
using rt::Ring;

namespace {

constexpr uint64_t kItems = 5'000'000 / kLess;
constexpr int kThieves = 3;
constexpr size_t kPool = 1024;        // items go round: the same pointer at many places of the ring

uint64_t random(uint64_t& state) {    // splitmix64
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

struct Item : rt::Runnable {
  uint64_t number = 0;                // plain: only the ring orders its writer and its reader
  std::atomic<bool> busy{false};      // from before its push to the end of its use
};

// Ends the program when a test does not end.
class Watchdog {
 public:
  Watchdog(const char* what, const std::atomic<uint64_t>& progress, int seconds)
      : dog_([=, this, &progress] {
          for (int ms = 0; ms < seconds * 1000 && !over_; ms += 2) usleep(2000);
          if (over_) return;
          fprintf(stderr, "WATCHDOG: %s not finished after %d s; progress %llu\n", what, seconds,
                  static_cast<unsigned long long>(progress.load()));
          _exit(1);
        }) {}
  ~Watchdog() {
    over_ = true;
    dog_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::thread dog_;
};

// ---- one thread --------------------------------------------------------------------------------

// What a script takes out of a ring, as "0 1 - 2". p = push the next number (! = was full),
// t = take, l = take_last, s = steal, ? = size; - = nothing there.
std::string play(std::string_view script) {
  Ring ring;
  std::deque<Item> items(script.size());
  uint64_t pushed = 0;
  std::string out;
  auto say = [&](const std::string& word) { out += (out.empty() ? "" : " ") + word; };
  for (const char step : script) {
    if (step == '?') say(std::to_string(ring.size()));
    if (step == 'p') {
      items[pushed].number = pushed;
      if (!ring.push(items[pushed])) say("!");
      else ++pushed;
    }
    if (step == 'p' || step == '?' || step == ' ') continue;
    rt::Runnable* r =
        step == 't' ? ring.take() : step == 'l' ? ring.take_last() : ring.steal();
    say(r == nullptr ? "-" : std::to_string(static_cast<Item*>(r)->number));
  }
  return out;
}

std::string repeat(const char* word, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += word;
  return all;
}

// ---- the stress: one owner, three thieves -------------------------------------------------------

struct Stress {
  explicit Stress(bool lifo) : newest_first(lifo), seen((kItems + 63) / 64) {}

  const bool newest_first;
  Ring ring;
  std::deque<Item> pool{kPool};
  std::vector<std::atomic<uint64_t>> seen;   // a bit per item
  std::atomic<uint64_t> used{0}, twice{0}, disordered{0}, stolen{0};
  std::atomic<bool> over{false};

  // The owner's alone.
  std::deque<Item*> kept;             // what did not fit, oldest first
  uint64_t overflows = 0, took = 0, denied = 0, expected = 0;
  size_t cursor = 0;
};

// `expected`: the least number that may come now, when they must come in order.
void use(Stress& s, rt::Runnable& r, uint64_t* expected) {
  Item& item = static_cast<Item&>(r);
  const uint64_t n = item.number;
  const uint64_t bit = uint64_t{1} << (n % 64);
  if ((s.seen[n / 64].fetch_or(bit, std::memory_order_relaxed) & bit) != 0) ++s.twice;
  if (expected != nullptr) {
    if (n < *expected) ++s.disordered;
    *expected = n + 1;
  }
  s.used.fetch_add(1, std::memory_order_relaxed);
  item.busy.store(false, std::memory_order_release);
}

void steal_all(Stress& s) {
  uint64_t expected = 0, mine = 0;
  for (;;) {
    const bool over = s.over.load(std::memory_order_acquire);
    rt::Runnable* r = s.ring.steal();
    if (r != nullptr) {
      ++mine;
      use(s, *r, &expected);
    } else if (s.ring.empty()) {
      if (over) break;
      sched_yield();
    }
  }
  s.stolen += mine;
}

bool consume(Stress& s) {
  rt::Runnable* r = s.newest_first ? s.ring.take_last() : s.ring.take();
  if (r == nullptr) {
    if (!s.ring.empty()) ++s.denied;   // nobody else pushes: what is empty stays so
    return false;
  }
  ++s.took;
  use(s, *r, s.newest_first ? nullptr : &s.expected);
  return true;
}

// Those that did not fit go first, so that the ring is in order from top to bottom.
void refill(Stress& s) {
  while (!s.kept.empty() && s.ring.push(*s.kept.front())) s.kept.pop_front();
}

void produce(Stress& s, uint64_t number) {
  while (s.pool[s.cursor].busy.load(std::memory_order_acquire)) {
    s.cursor = (s.cursor + 1) % kPool;
    if (s.cursor == 0 && !consume(s)) sched_yield();
    refill(s);
  }
  Item& item = s.pool[s.cursor];
  item.busy.store(true, std::memory_order_relaxed);
  item.number = number;
  refill(s);
  if (s.kept.empty() && s.ring.push(item)) return;
  s.kept.push_back(&item);
  ++s.overflows;
}

// Bursts and lulls, so that the ring is full at times and empty at times.
void own(Stress& s) {
  uint64_t state = 1;
  for (uint64_t n = 0; n < kItems;) {
    const uint64_t burst = 1 + random(state) % (random(state) % 16 == 0 ? 600 : 8);
    for (uint64_t i = 0; i < burst && n < kItems; ++i) produce(s, n++);
    const uint64_t takes = random(state) % (burst + burst / 4 + 1);
    for (uint64_t i = 0; i < takes && consume(s); ++i) refill(s);
  }
  while (consume(s) || !s.kept.empty()) refill(s);
  s.over.store(true, std::memory_order_release);
}

// ---- a thread that looks on ---------------------------------------------------------------------

// It may begin late: the owner goes on until it has looked often. Relaxed, so that it orders
// nothing.
struct Observed {
  std::atomic<uint64_t> looks{0};
  std::atomic<bool> over{false};

  template <class Once>
  void look(Once once) {
    for (uint64_t n = 1; !over.load(std::memory_order_relaxed); ++n) {
      once();
      looks.store(n, std::memory_order_relaxed);
    }
  }
  bool enough() const { return looks.load(std::memory_order_relaxed) >= 1000; }
};

// ---- the two halves of the idle protocol --------------------------------------------------------

constexpr uint64_t kRounds = (kTsan ? 20'000 : 200'000) / kLess;   // slow there, and rarely at once

struct Look {
  Ring ring;
  std::atomic<bool> asleep{false};
  std::atomic<uint64_t> at[2] = {0, 0};   // how far each side is
  bool saw_item = false;
};

// Waits for the other side, and then a moment that is different every time: what comes next happens
// on both in every order, and as nearly at once as can be.
void meet(Look& l, int me, uint64_t step) {
  l.at[me].store(step, std::memory_order_release);
  for (int i = 1; l.at[1 - me].load(std::memory_order_acquire) < step; ++i)
    if (i % 256 == 0) sched_yield();
  uint64_t state = 2 * step + static_cast<uint64_t>(me);
  for (uint64_t i = random(state) % 512; i > 0; --i) l.at[me].load(std::memory_order_acquire);
}

void fall_asleep(Look& l, std::atomic<uint64_t>& round) {
  for (uint64_t r = 0; r < kRounds; ++r) {
    meet(l, 1, 2 * r + 1);
    l.asleep.store(true, std::memory_order_seq_cst);
    l.saw_item = !l.ring.empty();
    meet(l, 1, 2 * r + 2);
    round.store(r, std::memory_order_relaxed);
  }
}

}  // namespace

TEST_CASE("ring: what each end gives") {
  struct Case {
    const char* name;
    std::string script, out;
  };
  const Case cases[] = {
      {"nothing in it", "tls?", "- - - 0"},
      {"take: oldest first", "ppptttt", "0 1 2 -"},
      {"take_last: newest first", "pppllll", "2 1 0 -"},
      {"steal: oldest first", "pppssss", "0 1 2 -"},
      {"one item: take", "pt?tls", "0 0 - - -"},
      {"one item: take_last", "pl?tls", "0 0 - - -"},
      {"one item: steal", "ps?tls", "0 0 - - -"},
      {"two items, from both ends", "ppls?tls", "1 0 0 - - -"},
      {"all three in turn", "ppppptlslt?", "0 4 1 3 2 0"},
      {"size", "?p?p?t?l?", "0 1 2 0 1 1 0"},
      {"empty between", "pl pt ps l s t pp?t", "0 1 2 - - - 2 3"},
      {"take_last of nothing, then push", "lllp?lp?t", "- - - 1 0 1 1"},
      {"full", repeat("p", 256) + "?pp?", "256 ! ! 256"},
      {"full, then room at the top", repeat("p", 256) + "pt?p?p", "! 0 255 256 !"},
      {"full, then room by a thief", repeat("p", 256) + "ps?p?p", "! 0 255 256 !"},
      {"full, then room at the bottom", repeat("p", 256) + "pl?p?p", "! 255 255 256 !"},
      {"wrapped once, newest first", repeat("pt", 255) + "pppp" + "lllll",
       play(repeat("pt", 255)) + " 258 257 256 255 -"},
      {"wrapped once, oldest first", repeat("ps", 255) + "pppp" + "ttttt",
       play(repeat("ps", 255)) + " 255 256 257 258 -"},
      {"wrapped and full", repeat("pt", 100) + repeat("p", 257) + "?tl",
       play(repeat("pt", 100)) + " ! 256 100 355"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(play(c.script) == c.out);
  }
}

TEST_CASE("ring: nothing comes out of an empty ring, a million times") {
  Ring ring;
  Item item;
  int wrong = 0;
  for (int i = 0; i < 1'000'000 / kLess; ++i)
    wrong += ring.take() != nullptr || ring.take_last() != nullptr || ring.steal() != nullptr ||
             !ring.empty();
  CHECK(wrong == 0);
  CHECK(ring.push(item));
  CHECK(ring.size() == 1);
  CHECK(ring.take() == &item);
}

TEST_CASE("ring: far beyond its capacity it does what a deque does") {
  Ring ring;
  std::deque<Item> items(Ring::kCapacity + 1);
  std::deque<rt::Runnable*> model;
  uint64_t state = 7, pushed = 0, wrong = 0, was_full = 0, was_empty = 0;
  for (int i = 0; i < 3'000'000 / kLess; ++i) {
    // Drifts up for a while, then down, so that it is full and empty again and again.
    const bool up = random(state) % 8 < ((i / 4096) % 2 == 0 ? 6 : 2);
    if (up) {
      Item& item = items[pushed % items.size()];
      const bool fits = model.size() < Ring::kCapacity;
      wrong += ring.push(item) != fits;
      was_full += !fits;
      if (fits) model.push_back(&item), ++pushed;
    } else {
      const uint64_t how = random(state) % 3;
      rt::Runnable* want = nullptr;
      if (!model.empty()) want = how == 0 ? model.back() : model.front();
      was_empty += want == nullptr;
      if (want != nullptr && how == 0) model.pop_back();
      if (want != nullptr && how != 0) model.pop_front();
      wrong += (how == 0 ? ring.take_last() : how == 1 ? ring.take() : ring.steal()) != want;
    }
    wrong += ring.size() != model.size();
  }
  CHECK(wrong == 0);
  CHECK(pushed > 1000 / kLess * Ring::kCapacity);
  CHECK(was_full > 1000 / kLess);
  CHECK(was_empty > 1000 / kLess);
}

TEST_CASE("ring: one owner and three thieves take each of 5 million items exactly once") {
  for (const bool newest_first : {false, true}) {
    CAPTURE(newest_first);
    Stress s(newest_first);
    {
      Watchdog dog("the stress of the ring", s.used, 200);
      std::vector<std::thread> thieves;
      for (int i = 0; i < kThieves; ++i) thieves.emplace_back([&] { steal_all(s); });
      own(s);
      for (std::thread& t : thieves) t.join();
    }
    uint64_t missing = 0;
    for (uint64_t n = 0; n < kItems; ++n) missing += (s.seen[n / 64] >> (n % 64) & 1) == 0;
    CHECK(missing == 0);
    CHECK(s.twice == 0);
    CHECK(s.used == kItems);
    CHECK(s.took + s.stolen == kItems);
    CHECK(s.disordered == 0);
    CHECK(s.denied == 0);
    // Or it was no stress.
    CHECK(s.took > 0);
    CHECK(s.stolen > 0);
    CHECK(s.overflows > 0);
  }
}

TEST_CASE("ring: size() never misses what is there all the time") {
  for (const bool newest_first : {false, true}) {
    CAPTURE(newest_first);
    constexpr size_t kFloor = 8;
    constexpr uint64_t kTurns = (kTsan ? 500'000 : 2'000'000) / kLess;
    Ring ring;
    std::deque<Item> items(kFloor + 1);
    for (size_t i = 0; i < kFloor; ++i) REQUIRE(ring.push(items[i]));
    rt::Runnable* spare = &items[kFloor];
    std::atomic<uint64_t> turn{0};
    Observed observed;
    uint64_t missed = 0;
    Watchdog dog("the look at the size", turn, 100);
    std::thread observer([&] { observed.look([&] { missed += ring.size() < kFloor; }); });
    for (uint64_t i = 1; i <= kTurns || !observed.enough(); ++i) {
      ring.push(*spare);
      spare = newest_first ? ring.take_last() : ring.take();
      turn.store(i, std::memory_order_relaxed);
    }
    observed.over = true;
    observer.join();
    CHECK(missed == 0);
  }
}

TEST_CASE("ring: an empty ring looks empty while its owner tries") {
  constexpr uint64_t kTries = (kTsan ? 500'000 : 5'000'000) / kLess;
  Ring ring;
  std::atomic<uint64_t> tries{0};
  Observed observed;
  uint64_t seen = 0, got = 0;
  Watchdog dog("the look at an empty ring", tries, 100);
  std::thread observer([&] {
    observed.look([&] { seen += ring.size() != 0 || ring.steal() != nullptr; });
  });
  for (uint64_t i = 1; i <= kTries || !observed.enough(); ++i) {
    got += ring.take_last() != nullptr;
    tries.store(i, std::memory_order_relaxed);
  }
  observed.over = true;
  observer.join();
  CHECK(seen == 0);
  CHECK(got == 0);
}

TEST_CASE("ring: push-and-look and sleep-and-look: one of them sees the other") {
  Look l;
  Item item;
  uint64_t neither = 0;
  std::atomic<uint64_t> round{0};
  Watchdog dog("who sees whom", round, 100);
  std::thread sleeper([&] { fall_asleep(l, round); });
  for (uint64_t r = 0; r < kRounds; ++r) {
    meet(l, 0, 2 * r + 1);
    l.ring.push(item);
    const bool asleep = l.asleep.load(std::memory_order_seq_cst);
    meet(l, 0, 2 * r + 2);
    neither += !asleep && !l.saw_item;
    l.ring.take();
    l.asleep.store(false, std::memory_order_relaxed);
  }
  sleeper.join();
  CHECK(neither == 0);
}
