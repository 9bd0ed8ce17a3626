#include "chimera/rt/runtime.hpp"

#include "chimera/rt/build.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"

namespace chimera::rt {

namespace {
constexpr const char* kNames[] = {"local", "fixed", "steal", "bridge"};   // in the order of Kind
}

const char* name_of(Kind k) { return kNames[static_cast<size_t>(k)]; }

Result<Kind> parse_kind(std::string_view text) {
  for (const Kind k : {Kind::local, Kind::fixed, Kind::steal, Kind::bridge}) {
    if (holds(k) && text == name_of(k)) return k;
  }
  return fail(Errc::usage, "runtime");
}

namespace {

int default_threads(Kind k) {
  if (k == Kind::local) return 1;
  return holds(Kind::steal) && k == Kind::steal ? sys::core_count() : 2;
}

bool bridged(const RuntimeConfig& c) { return holds(Kind::bridge) && c.kind == Kind::bridge; }

}  // namespace

Result<void> Runtime::make_workers(const RuntimeConfig& config) {
  config_ = config;
  if (config_.threads <= 0 || config_.kind == Kind::local) {
    config_.threads = default_threads(config_.kind);
  }
  const int n = config_.threads + (bridged(config_) ? 1 : 0);
  for (int i = 0; i < n; ++i) {
    workers_.push_back(make_own<Worker>());
    CHI_TRY_VOID(workers_.back()->open(this, i, config_.read_size));
  }
  return {};
}

Result<void> Runtime::open(const RuntimeConfig& config) {
  CHI_TRY_VOID(make_workers(config));
  return start_threads();
}

Runtime* Runtime::current() { return Worker::current()->runtime(); }

Worker& Runtime::next_worker() {
  if (bridged(config_)) return worker(0);
  const uint32_t n = placed_.fetch_add(1, std::memory_order_relaxed);
  return worker(static_cast<int>(n % workers_.size()));
}

int Runtime::next_io_worker() {
  const uint32_t n = placed_.fetch_add(1, std::memory_order_relaxed);
  return 1 + static_cast<int>(n % (workers_.size() - 1));
}

void Runtime::thread_main(void* argument) {
  Worker& w = *static_cast<Worker*>(argument);
  if (w.runtime()->config_.pin) sys::pin_to_core(w.index() % sys::core_count());
  while (!w.runtime()->done_.load(std::memory_order_acquire)) w.turn(kNever);
}

Result<void> Runtime::start_threads() {
  for (int i = 1; i < workers(); ++i) {
    CHI_TRY(const sys::Thread thread, sys::Thread::start(thread_main, &worker(i)));
    threads_.push_back(thread);
  }
  return {};
}

void Runtime::join_threads() {
  done_.store(true, std::memory_order_release);
  for (size_t i = 0; i < threads_.size(); ++i) workers_[i + 1]->wake_up();
  for (sys::Thread& t : threads_) t.join();
  threads_.clear();
}

void Runtime::run(Task<void> root) {
  if (config_.pin) sys::pin_to_core(0);
  Scope scope;
  worker(0).make_current();
  scope.start(std::move(root), Place::on(0));
  while (!scope.drained()) worker(0).turn(kNever);
  join_threads();
}

void Runtime::stop() {
  stop_.store(true, std::memory_order_release);
  for (Own<Worker>& w : workers_) w->wake_up();
}

namespace {

void add(sys::Port::Counters& sum, const sys::Port::Counters& c) {
  sum.polls += c.polls;
  sum.attempts += c.attempts;
  sum.arms += c.arms;
  sum.wakes += c.wakes;
}

void raise(Counter& most, const Counter& c) {
  if (c > most) most = c;
}

}  // namespace

WorkerCounters Runtime::counters() const {
  WorkerCounters sum;
  for (const Own<Worker>& w : workers_) {
    const WorkerCounters c = w->counters();
    sum.resumes += c.resumes;
    sum.turns += c.turns;
    sum.parks += c.parks;
    sum.wakes_sent += c.wakes_sent;
    sum.posted += c.posted;
    sum.timeouts += c.timeouts;
    sum.steals += c.steals;
    sum.steal_failures += c.steal_failures;
    sum.ready_wait += c.ready_wait;
    sum.running += c.running;
    raise(sum.longest_queue, c.longest_queue);
    raise(sum.longest_resume, c.longest_resume);
    for (int i = 0; i < 24; ++i) sum.waits.bucket[i] += c.waits.bucket[i];
    add(sum.port, c.port);
  }
  return sum;
}

}  // namespace chimera::rt
