#include "turns.hpp"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <vector>

#include "chimera/base/own.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/rt/worker.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/virtual.hpp"
#include "report.hpp"

namespace chimera::vopr {
namespace {

namespace world = sys::virtual_world;

constexpr size_t kStack = 512 * 1024;
constexpr uint64_t kMostSteps = 3'000'000;   // the longest of 10,000 seeds takes a tenth of it

struct Fiber {
  enum class Waits : uint8_t { no, port, time, thread };
  ucontext_t context;
  void* stack = nullptr;
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
  Waits waits = Waits::no;
  sys::Port* port = nullptr;
  Nanos until = kNever;
  Fiber* other = nullptr;
  uint64_t number = 0;
  bool ended = false;
};

struct State {
  std::vector<Own<Fiber>> fibers;
  std::vector<Fiber*> ready;           // of one choice; here for its memory
  std::vector<void*> stacks;           // not in use
  Fiber* current = nullptr;
  Rng rng{0};
  uint64_t steps = 0, trace = 0, started = 0;
  void (*on_step)(uint64_t) = nullptr;
  bool (*on_idle)() = nullptr;
};

State& state() {
  static State* s = new State;
  return *s;
}

bool can_go_on(const Fiber& f) {
  switch (f.waits) {
    case Fiber::Waits::no: return true;
    case Fiber::Waits::port: return world::ends_wait(*f.port, f.until);
    case Fiber::Waits::time: return f.until <= sys::now();
    case Fiber::Waits::thread: return f.other->ended;
  }
  return false;
}

// The next one; turns the clock when there is none.
Fiber& choose() {
  State& s = state();
  for (;;) {
    if (++s.steps > kMostSteps) fatal("no end after 3,000,000 turns");
    s.on_step(s.steps);
    Nanos next = world::next_event();
    s.ready.clear();
    for (const Own<Fiber>& f : s.fibers) {
      if (f->ended) continue;
      if (can_go_on(*f)) s.ready.push_back(f.get());
      if (f->waits == Fiber::Waits::port || f->waits == Fiber::Waits::time) {
        next = std::min(next, f->until);
      }
    }
    if (!s.ready.empty()) return *s.ready[s.rng.below(s.ready.size())];
    if (next == kNever && s.on_idle()) continue;
    if (next == kNever) fatal("deadlock: everybody waits, and nothing will happen");
    world::set_now(std::max(next, sys::now()));
  }
}

// Whose worker a coroutine runs on is the thread's; all of ours share one.
void become(rt::Worker* worker) {
  if (worker != nullptr) {
    worker->make_current();
  } else if (rt::Worker::current() != nullptr) {
    rt::Worker nobody;
    nobody.make_current();
  }
}

void give_way() {
  State& s = state();
  Fiber& self = *s.current;
  rt::Worker* const worker = rt::Worker::current();
  Fiber& next = choose();
  add_to_trace(next.number);
  add_to_trace(static_cast<uint64_t>(sys::now()));
  if (&next != &self) {
    s.current = &next;
    swapcontext(&self.context, &next.context);
    become(worker);
  }
  self.waits = Fiber::Waits::no;
}

void wait_in_port(void*, sys::Port& port, Nanos until) {
  Fiber& self = *state().current;
  self.waits = Fiber::Waits::port;
  self.port = &port;
  self.until = until;
  give_way();
}

void enter() {
  Fiber& self = *state().current;
  become(nullptr);
  self.waits = Fiber::Waits::no;
  self.body(self.argument);
  self.ended = true;
  give_way();
}

void* new_stack() {
  State& s = state();
  if (!s.stacks.empty()) {
    void* const stack = s.stacks.back();
    s.stacks.pop_back();
    return stack;
  }
  void* const stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) abort();
  mprotect(stack, 4096, PROT_NONE);
  return stack;
}

}  // namespace

void begin_turns(uint64_t seed, void (*on_step)(uint64_t step), bool (*on_idle)()) {
  State& s = state();
  s.rng = Rng(seed);
  s.steps = s.trace = s.started = 0;
  s.on_step = on_step;
  s.on_idle = on_idle;
  s.fibers.push_back(make_own<Fiber>());
  s.current = s.fibers.back().get();
  world::set_turns(wait_in_port, nullptr);
}

void end_turns() {
  State& s = state();
  CHI_CHECK(s.fibers.size() == 1);
  s.fibers = std::vector<Own<Fiber>>();
  s.ready = std::vector<Fiber*>();
}

ThreadId start_thread(void (*body)(void*), void* argument) {
  State& s = state();
  s.fibers.push_back(make_own<Fiber>());
  Fiber& f = *s.fibers.back();
  f.number = ++s.started;
  f.body = body;
  f.argument = argument;
  f.stack = new_stack();
  getcontext(&f.context);
  f.context.uc_stack.ss_sp = f.stack;
  f.context.uc_stack.ss_size = kStack;
  makecontext(&f.context, enter, 0);
  return f.number;
}

void join_thread(ThreadId id) {
  State& s = state();
  const auto at = std::find_if(s.fibers.begin(), s.fibers.end(),
                               [id](const Own<Fiber>& f) { return f->number == id; });
  CHI_CHECK(at != s.fibers.end());
  Fiber* const other = at->get();
  Fiber& self = *s.current;
  self.waits = Fiber::Waits::thread;
  self.other = other;
  give_way();
  s.stacks.push_back(other->stack);
  std::erase_if(s.fibers, [other](const Own<Fiber>& f) { return f.get() == other; });
}

void sleep_until(Nanos instant) {
  Fiber& self = *state().current;
  self.waits = Fiber::Waits::time;
  self.until = instant;
  give_way();
}

uint64_t steps() { return state().steps; }
uint64_t trace() { return state().trace; }
void add_to_trace(uint64_t value) {
  uint64_t& t = state().trace;
  t = (t ^ value) * 0x100000001b3;
  t ^= t >> 29;
}

}  // namespace chimera::vopr
