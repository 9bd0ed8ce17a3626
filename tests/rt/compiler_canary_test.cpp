// runs: linux tsan
//
// Which known bugs of coroutines this compiler has. A bug that is present is reported, not failed:
// the house rules (chimera/rt/task.hpp) avoid the forms it strikes. What fails is a form the rules
// allow and the compiler gets wrong.
#include <string>

#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;

namespace {

// Counts, and owns nothing: to be destroyed twice does it no harm.
struct Probe {
  static inline int made = 0, destroyed = 0;
  Probe() { ++made; }
  Probe(const Probe&) { ++made; }
  Probe(Probe&&) noexcept { ++made; }
  ~Probe() { ++destroyed; }
  int value = 42;
};
struct Aggregate {
  int number = 0;
  Probe probe;
};
struct Class {
  explicit Class(int n) : number(n) {}
  int number;
  Probe probe;
};
Aggregate make_aggregate() {
  Aggregate a;
  a.number = 1;
  return a;
}

rt::Task<int> take(Aggregate a) { co_return a.number + a.probe.value; }
rt::Task<int> take_ref(const Aggregate& a) { co_return a.number + a.probe.value; }
rt::Task<int> take_class(Class c) { co_return c.number + c.probe.value; }
rt::Task<int> take_text(std::string s) { co_return static_cast<int>(s.size()); }
template <class F>
rt::Task<int> call(F f) {
  co_return f();
}
struct Awaiter {   // as Scope::Join and the operations are: returned by value
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    run.suspend(frame);
    run.make_ready();
  }
  int await_resume() const { return probe.value + 1; }
  Probe probe;
  rt::Runnable run;
};
Awaiter make_awaiter() { return Awaiter(); }

// ---- forms that the rules forbid ----------------------------------------------------------------

// By macros, because the lint would not let them pass.
#define AGGREGATE Aggregate{1, {}}
#define BRACES {1, {}}
#define CLOSURE [p] { return p.value + 1; }

rt::Task<int> aggregate_literal() {
  const int n = co_await take(AGGREGATE);
  co_return n;
}
rt::Task<int> braces_alone() {
  const int n = co_await take(BRACES);
  co_return n;
}
rt::Task<int> aggregate_by_reference() {
  const int n = co_await take_ref(AGGREGATE);
  co_return n;
}
rt::Task<int> closure_literal() {
  const Probe p;
  const int n = co_await call(CLOSURE);
  co_return n;
}

// ---- forms that they allow ----------------------------------------------------------------------

rt::Task<int> class_temporary() {
  const int n = co_await take_class(Class(1));
  co_return n;
}
rt::Task<int> string_temporary() {
  const int n = co_await take_text(std::string(43, 'x'));
  co_return n;
}
rt::Task<int> from_function() {
  const int n = co_await take(make_aggregate());
  co_return n;
}
rt::Task<int> awaiter_by_value() {
  const int n = co_await make_awaiter();
  co_return n;
}
rt::Task<int> awaiter_by_name() {
  Awaiter named;
  const int n = co_await named;
  co_return n;
}
rt::Task<int> named_moved() {
  Aggregate a{1, {}};
  const int n = co_await take(std::move(a));
  co_return n;
}
rt::Task<int> named_copied() {
  const Aggregate a{1, {}};
  const int n = co_await take(a);
  co_return n;
}
rt::Task<int> named_reference() {
  const Aggregate a{1, {}};
  const int n = co_await take_ref(a);
  co_return n;
}
rt::Task<int> named_closure() {
  const Probe p;
  const auto f = [p] { return p.value + 1; };
  const int n = co_await call(f);
  co_return n;
}
rt::Task<int> in_return() { co_return co_await take_class(Class(1)); }
rt::Task<int> in_a_loop() {
  int n = 0;
  for (int i = 0; i < 3; ++i) {
    const Aggregate a{1, {}};
    n = co_await take_ref(a);
  }
  co_return n;
}
struct Form {
  const char* name;
  rt::Task<int> (*make)();
  bool allowed;
};
constexpr Form kForms[] = {
    {"f(Aggregate{...})", aggregate_literal, false},
    {"f({...})", braces_alone, false},
    {"f(Aggregate{...}) by const reference", aggregate_by_reference, false},
    {"f([p]{...})", closure_literal, false},
    {"f(Class(...))", class_temporary, true},
    {"f(std::string(...))", string_temporary, true},
    {"f(make_aggregate())", from_function, true},
    {"awaiter returned by value", awaiter_by_value, true},
    {"named awaiter", awaiter_by_name, true},
    {"named variable, moved", named_moved, true},
    {"named variable, copied", named_copied, true},
    {"named variable, by reference", named_reference, true},
    {"named closure", named_closure, true},
    {"co_return co_await f(Class(...))", in_return, true},
    {"named variable in a loop", in_a_loop, true},
};

// GCC 12 takes what a function returns by reference for a value and copies it. (For a Task that
// does not compile; an operation would be copied without a word.)
struct Located {
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  const Located* await_resume() const { return this; }
};
Located& itself(Located& l) { return l; }
rt::Task<void> await_references(bool& direct, bool& named) {
  Located l;
  const Located* const first = co_await itself(l);
  Located& name = itself(l);
  const Located* const second = co_await name;
  direct = first == &l;
  named = second == &l;
}

rt::Task<void> try_form(const Form& form, int& result) { result = co_await form.make(); }

}  // namespace

TEST_CASE("compiler: every allowed form of co_await destroys what it made exactly once") {
  int present = 0;
  for (const Form& form : kForms) {
    CAPTURE(form.name);
    Probe::made = Probe::destroyed = 0;
    int result = 0;
    Bench bench;
    bench.run(try_form(form, result));
    CHECK(result == 43);
    const int extra = Probe::destroyed - Probe::made;
    if (form.allowed) {
      CHECK(extra == 0);
    } else if (extra != 0) {
      ++present;
      MESSAGE("compiler bug present: ", form.name, " is destroyed ", extra, " time(s) too often");
    }
  }
  MESSAGE("compiler " __VERSION__ ": ", present, " of 4 known double destructions are present");
}

TEST_CASE("compiler: a named reference is awaited itself, not a copy") {
  bool direct = false, named = false;
  Bench bench;
  bench.run(await_references(direct, named));
  CHECK(named);
  if (!direct) MESSAGE("compiler bug present: co_await f() copies what f returns by reference");
}
