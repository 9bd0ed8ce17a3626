// The workers of a runtime without their threads: a test turns each by hand, from one thread, and
// reaches the steps of the idle protocol one by one. For the virtual world, where time stands still
// until somebody moves it.
#pragma once

#include "tests/rt/rig.hpp"

namespace chimera::rt {

struct ByHand {
  ByHand(Kind kind, int threads, bool lifo = false, uint32_t read_size = 0) {
    RuntimeConfig config;
    config.kind = kind;
    config.threads = threads;
    config.lifo = lifo;
    config.read_size = read_size;
    REQUIRE(runtime.make_workers(config).has_value());
  }
  Worker& operator[](int i) { return runtime.worker(i); }

  // All workers in turn until `root`, on worker 0, has ended; `between` the rounds.
  void run(Task<void> root, void (*between)(ByHand&, int round) = nullptr) {
    Scope scope;
    runtime.worker(0).make_current();
    scope.start(std::move(root), Place::on(0));
    for (int round = 0; !scope.drained(); ++round) {
      REQUIRE(round < 10000);
      for (int i = 0; i < runtime.workers() && !scope.drained(); ++i) turn(i);
      if (between != nullptr) between(*this, round);
    }
  }
  // One turn of worker `i`, which may be called in the middle of a slice of another one.
  void turn(int i) {
    Worker* before = Worker::current();
    runtime.worker(i).turn(0);
    before->make_current();
  }

  // The steps, for workers of kind steal.
  static void mark_asleep(Worker& w) { w.mark_asleep(); }
  static bool look_again(const Worker& w) { return w.look_again(); }
  static void get_up(Worker& w) { w.get_up(); }
  static Runnable* take(Worker& w) { return w.take(); }
  static void publish(Worker& w, Runnable& r) { CHECK(w.ring_->push(r)); }
  static Worker* claim_sleeper(Worker& w) { return w.claim_sleeper(); }
  static bool asleep(const Worker& w) { return w.asleep_; }
  static void hog(Worker& w, bool on) { w.running_ = on; }
  static void take_inbox(Worker& w) { w.take_inbox(); }
  // Whether a wait would end at once; takes the wake that makes it.
  static bool woken(Worker& w) {
    const int64_t before = w.port().counters().wakes;
    sys::Op* none[1];
    w.port().wait(0, none);
    return w.port().counters().wakes > before;
  }

  Runtime runtime;
};

}  // namespace chimera::rt
