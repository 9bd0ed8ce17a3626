// Runtime: the workers of a program, and the only way in and out of them.
//
//   local   one worker, on the calling thread
//   fixed   N workers (default 2); a task stays on the worker it was given to
//   steal   N workers (default: one per processor); a runnable task may move to an idle one
//   bridge  1 + N workers (default 2): tasks on the first, all HTTP handed to the N others and back
//
// A knob of the experiment is a field of RuntimeConfig; the record stores the knobs.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "chimera/base/own.hpp"
#include "chimera/rt/task.hpp"
#include "chimera/rt/worker.hpp"
#include "chimera/sys/thread.hpp"

namespace chimera::rt {

// Which of them are in this binary: rt/build.hpp.
enum class Kind : uint8_t { local, fixed, steal, bridge };
const char* name_of(Kind k);
// Errors: usage, also for a kind that this binary does not hold.
Result<Kind> parse_kind(std::string_view text);

struct RuntimeConfig {
  Kind kind = Kind::fixed;
  int threads = 0;             // workers, under bridge those for I/O; 0 = the kind's default
  uint32_t read_size = 1024;   // bytes: the cap of one socket read
  bool pin = false;            // worker i on processor i
  bool lifo = false;           // steal: a worker takes its newest movable task, thieves the oldest
};

class Runtime {
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime() { join_threads(); }
  // Makes the workers and starts the threads of all but the first. Errors: io when a port or a
  // thread cannot be had; call nothing else then.
  Result<void> open(const RuntimeConfig& config);
  // Runs `root` on worker 0, which is the calling thread. Returns when it and everything it started
  // has finished and nothing is in flight. Call once.
  void run(Task<void> root);
  // Cancels every operation, now and from now on, so that `root` comes to its end. Any thread,
  // async-signal-safe.
  void stop();
  bool stopping() const { return stop_.load(std::memory_order_acquire); }

  static Runtime* current();
  int workers() const { return static_cast<int>(workers_.size()); }
  Worker& worker(int i) { return *workers_[static_cast<size_t>(i)]; }
  const RuntimeConfig& config() const { return config_; }
  // For tasks: round robin, starting with worker 0; under bridge always that one.
  Worker& next_worker();
  // Under bridge: the index of an I/O worker, round robin.
  int next_io_worker();
  // steal: what the rings had no room for.
  Overflow& overflow() { return overflow_; }
  // Sums over all workers (the longest_* are maxima). Any thread, also during run().
  WorkerCounters counters() const;

 private:
  static void thread_main(void* worker);
  Result<void> make_workers(const RuntimeConfig& config);
  Result<void> start_threads();
  void join_threads();
  friend struct ByHand;                // of the tests: workers without threads
  RuntimeConfig config_;
  std::vector<Own<Worker>> workers_;
  std::vector<sys::Thread> threads_;   // of workers 1, 2, ...
  std::atomic<uint32_t> placed_{0};
  Overflow overflow_;
  std::atomic<bool> stop_{false}, done_{false};
};

}  // namespace chimera::rt
