// runs: virtual
//
// The idle protocol of stealing workers, step by step: every order in which a publisher's and the
// sleepers' steps can follow each other. In each the item must be taken, by one worker, with at
// most one woken for it; and with a step left out or two exchanged some order must lose it, or this
// test could not fail.
#include <vector>

#include "chimera/sys/virtual.hpp"
#include "tests/rt/by_hand.hpp"

using namespace chimera;
using namespace chimera_test;
using rt::ByHand;
using rt::Kind;

namespace {

// How a sleeper goes to sleep. The last two are wrong.
enum class Way { right, no_second_look, look_before_mark };

// A worker that has found nothing to do. Worker 0 is in a long task and runs nothing.
class Sleeper {
 public:
  Sleeper(ByHand& all, int index, Way way) : w_(all[index]), way_(way) {}

  void step() {
    switch (step_++) {
      case 0: return way_ == Way::look_before_mark ? look() : ByHand::mark_asleep(w_);
      case 1: return way_ == Way::look_before_mark ? ByHand::mark_asleep(w_) : look();
      default: return found_ ? rise() : block();
    }
  }
  bool over() const { return step_ == 3; }
  // Behind all steps: whoever was woken, or is still up, goes on to its end. True when it did.
  bool go_on() {
    if (up_) {
      up_ = false;
      ByHand::mark_asleep(w_);
      found_ = ByHand::look_again(w_);
      found_ ? rise() : block();
      return true;
    }
    if (!blocked_ || !ByHand::woken(w_)) return false;
    blocked_ = false;
    ++wakes;
    rise();
    return true;
  }

  std::vector<rt::Runnable*> taken;
  int wakes = 0;

 private:
  void look() { found_ = way_ != Way::no_second_look && ByHand::look_again(w_); }
  void block() {
    blocked_ = !ByHand::woken(w_);
    if (blocked_) return;
    ++wakes;
    rise();
  }
  void rise() {
    ByHand::get_up(w_);
    ByHand::take_inbox(w_);
    while (rt::Runnable* r = ByHand::take(w_)) taken.push_back(r);
    up_ = true;
  }

  rt::Worker& w_;
  Way way_;
  int step_ = 0;
  bool found_ = false, blocked_ = false, up_ = false;
};

// Worker 0: publishes, looks for a sleeper, wakes it.
class Publisher {
 public:
  Publisher(ByHand& all, rt::Runnable& item) : w_(all[0]), item_(item) {}
  void step() {
    switch (step_++) {
      case 0: return ByHand::publish(w_, item_);
      case 1: sleeper_ = ByHand::claim_sleeper(w_); return;
      default:
        if (sleeper_ != nullptr) sleeper_->wake_up();
    }
  }
  bool over() const { return step_ == 3; }
  bool called() const { return sleeper_ != nullptr; }

 private:
  rt::Worker& w_;
  rt::Runnable& item_;
  rt::Worker* sleeper_ = nullptr;
  int step_ = 0;
};

// Somebody outside: one for the inbox of worker 1, which nobody else may take.
class Poster {
 public:
  Poster(ByHand& all, rt::Runnable& item) : w_(all[1]), item_(item) {}
  void step() {
    ++step_;
    w_.post(item_);
  }
  bool over() const { return step_ == 1; }

 private:
  rt::Worker& w_;
  rt::Runnable& item_;
  int step_ = 0;
};

// Who takes part. Actors 0 and 1 are the sleepers, 2 and 3 publishers, 4 posts.
struct Cast {
  const char* name;
  int sleepers, publishers;
  bool post;
  int orders;       // how many there are: the multinomial coefficient
};
const Cast kCasts[] = {
    {"a sleeper and a publisher", 1, 1, false, 20},
    {"two sleepers and a publisher", 2, 1, false, 1680},
    {"a sleeper and two publications", 1, 2, false, 84},
    {"a sleeper and a post", 1, 0, true, 4},
    {"a sleeper, a publisher and a post", 1, 1, true, 140},
    {"two sleepers, a publisher and a post", 2, 1, true, 16800},
};

struct Tally {
  int orders = 0, lost = 0, wrong = 0;
};

bool took(const Sleeper& s, const rt::Runnable& r) {
  for (const rt::Runnable* t : s.taken)
    if (t == &r) return true;
  return false;
}

// One order, from the beginning.
void perform(const Cast& cast, Way way, const std::vector<int>& order, Tally& tally) {
  rt::Runnable items[2], letter;
  ByHand all(Kind::steal, 3);
  all[0].make_current();
  ByHand::hog(all[0], true);
  letter.home = &all[1];
  Sleeper sleepers[2] = {Sleeper(all, 1, way), Sleeper(all, 2, way)};
  // The second publication is the same worker's: its steps follow those of the first.
  Publisher publishers[2] = {Publisher(all, items[0]), Publisher(all, items[1])};
  Poster poster(all, letter);
  for (const int actor : order) {
    if (actor < 2) {
      sleepers[actor].step();
    } else if (actor == 4) {
      poster.step();
    } else {
      publishers[publishers[0].over() ? 1 : 0].step();
    }
  }
  while (sleepers[0].go_on() || (cast.sleepers > 1 && sleepers[1].go_on())) {
  }
  // A call that reaches a worker with a letter of its own is handed on.
  const int64_t handed_on = all[1].counters().wakes_sent + all[2].counters().wakes_sent;
  int taken = 0, calls = 0;
  int64_t wakes = 0;
  for (const Sleeper& s : sleepers) {
    taken += static_cast<int>(s.taken.size());
    wakes += s.wakes;
  }
  for (const Publisher& p : publishers) calls += p.called();
  const int expected = cast.publishers + (cast.post ? 1 : 0);
  ++tally.orders;
  tally.lost += taken < expected;
  bool wrong = taken > expected || calls > cast.publishers ||
               handed_on > (cast.post ? calls : 0) ||
               wakes > calls + handed_on + (cast.post ? 1 : 0);
  for (int i = 0; i < cast.publishers && taken == expected; ++i)
    wrong = wrong || took(sleepers[0], items[i]) == took(sleepers[1], items[i]);
  if (cast.post && taken == expected) wrong = wrong || !took(sleepers[0], letter);
  tally.wrong += wrong;
}

void every_order(const Cast& cast, Way way, std::vector<int>& order, std::vector<int>& left,
                 Tally& tally) {
  bool any = false;
  for (int actor = 0; actor < 5; ++actor) {
    if (left[static_cast<size_t>(actor)] == 0) continue;
    any = true;
    --left[static_cast<size_t>(actor)];
    order.push_back(actor);
    every_order(cast, way, order, left, tally);
    order.pop_back();
    ++left[static_cast<size_t>(actor)];
  }
  if (!any) perform(cast, way, order, tally);
}

Tally every_order(const Cast& cast, Way way) {
  std::vector<int> order, left(5);
  left[0] = 3;
  left[1] = cast.sleepers > 1 ? 3 : 0;
  left[2] = 3 * cast.publishers;
  left[4] = cast.post ? 1 : 0;
  Tally tally;
  every_order(cast, way, order, left, tally);
  return tally;
}

}  // namespace

TEST_CASE("idle: in no order of the steps an item is lost, taken twice or announced twice") {
  for (const Cast& cast : kCasts) {
    CAPTURE(cast.name);
    const Tally tally = every_order(cast, Way::right);
    CHECK(tally.orders == cast.orders);
    CHECK(tally.lost == 0);
    CHECK(tally.wrong == 0);
  }
}

TEST_CASE("idle: a wrong protocol loses items, so that this test can fail") {
  for (const Way way : {Way::no_second_look, Way::look_before_mark}) {
    CAPTURE(static_cast<int>(way));
    CHECK(every_order(kCasts[0], way).lost > 0);
    CHECK(every_order(kCasts[1], way).lost > 0);
    CHECK(every_order(kCasts[3], way).lost == 0);   // a post needs no second look
  }
}

// B is called for A's item and finds work of its own: C must hear of it.
TEST_CASE("idle: who is called and has work of its own hands the call on") {
  for (const bool own : {true, false}) {
    CAPTURE(own);
    ByHand all(Kind::steal, 3);
    rt::Worker &a = all[0], &b = all[1], &c = all[2];
    a.make_current();
    ByHand::hog(a, true);
    ByHand::mark_asleep(b);
    ByHand::mark_asleep(c);
    rt::Runnable item, of_b;
    ByHand::publish(a, item);
    CHECK(ByHand::claim_sleeper(a) == &b);
    b.wake_up();
    CHECK(ByHand::woken(b));
    ByHand::get_up(b);
    b.make_current();
    if (own) b.enqueue(of_b, sys::now());
    CHECK(ByHand::take(b) == (own ? &of_b : &item));
    CHECK(ByHand::asleep(c) == !own);
    CHECK(ByHand::woken(c) == own);
    if (!own) continue;
    ByHand::get_up(c);
    CHECK(ByHand::take(c) == &item);
  }
}

// What the owner is about to run at once is not worth a wake-up; what has to wait is.
TEST_CASE("idle: only surplus is announced") {
  struct Row {
    const char* name;
    bool running;      // the publisher is in the middle of a slice
    int items;
    int wakes;
  };
  const Row rows[] = {{"the next to run", false, 1, 0},
                      {"one more than that", false, 2, 1},
                      {"two more", false, 3, 2},
                      {"behind a slice", true, 1, 1},
                      {"more than there are sleepers", true, 5, 3}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    ByHand all(Kind::steal, 4);
    all[0].make_current();
    ByHand::hog(all[0], row.running);
    for (int i = 1; i < 4; ++i) ByHand::mark_asleep(all[i]);
    rt::Runnable items[5];
    for (int i = 0; i < row.items; ++i) {
      items[i].movable = true;
      all[0].enqueue(items[i], sys::now());
    }
    int wakes = 0;
    for (int i = 1; i < 4; ++i) wakes += ByHand::woken(all[i]);
    CHECK(wakes == row.wakes);
    CHECK(all[0].counters().wakes_sent == row.wakes);
    // Taking the first leaves the second waiting, if there is one and anybody to hear of it.
    ByHand::hog(all[0], false);
    CHECK(ByHand::take(all[0]) == &items[0]);
    const int more = row.items > 1 && row.wakes < 3 ? 1 : 0;
    CHECK(all[0].counters().wakes_sent == row.wakes + more);
  }
}

TEST_CASE("idle: the owner takes its oldest, or its newest; thieves the oldest") {
  for (const bool lifo : {false, true}) {
    CAPTURE(lifo);
    ByHand all(Kind::steal, 2, lifo);
    all[0].make_current();
    rt::Runnable items[4];
    for (rt::Runnable& r : items) ByHand::publish(all[0], r);
    CHECK(ByHand::take(all[0]) == &items[lifo ? 3 : 0]);
    CHECK(ByHand::take(all[1]) == &items[lifo ? 0 : 1]);
    CHECK(all[1].counters().steals == 1);
    CHECK(ByHand::take(all[0]) == &items[2]);
    CHECK(ByHand::take(all[0]) == &items[lifo ? 1 : 3]);
    CHECK(ByHand::take(all[0]) == nullptr);
    CHECK(all[0].counters().steal_failures == 1);
  }
}

TEST_CASE("idle: those that move and those that stay take turns; nobody waits for ever") {
  ByHand all(Kind::steal, 1);
  all[0].make_current();
  rt::Runnable move[4], stay[4], over;
  for (int i = 0; i < 4; ++i) {
    ByHand::publish(all[0], move[i]);
    all[0].enqueue(stay[i], sys::now());
  }
  for (int i = 0; i < 4; ++i) {
    CHECK(ByHand::take(all[0]) == &move[i]);
    CHECK(ByHand::take(all[0]) == &stay[i]);
  }
  // A worker that always has something of its own looks at the overflow all the same.
  all.runtime.overflow().push(over);
  int takes = 1;
  for (;; ++takes) {
    all[0].enqueue(stay[0], sys::now());
    rt::Runnable* r = ByHand::take(all[0]);
    if (r == &over || takes > 1000) break;
    if (r != &stay[0]) FAIL("took something else");
  }
  CHECK(takes <= 61);
  CHECK(ByHand::take(all[0]) == &stay[0]);
}

// A thief's own clock may be older than what it takes: waits would come out negative.
TEST_CASE("idle: what comes from another worker is dated by the clock") {
  for (const bool through_overflow : {false, true}) {
    CAPTURE(through_overflow);
    ByHand all(Kind::steal, 2);
    all[0].make_current();
    sys::virtual_world::advance(5 * kMilli);
    rt::Runnable item;
    item.ready_at = sys::now();
    if (through_overflow) {
      all.runtime.overflow().push(item);
    } else {
      ByHand::publish(all[0], item);
    }
    CHECK(all[1].now() < item.ready_at);
    CHECK(ByHand::take(all[1]) == &item);
    CHECK(all[1].now() == item.ready_at);
  }
}
