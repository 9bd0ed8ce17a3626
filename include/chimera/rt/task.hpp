// Coroutines as the unit of waiting: Task<T>, lazy, awaited exactly once, by its parent.
//
// The rule that everything here follows: awaiters record, only the worker resumes. await_suspend
// writes down what is to happen next and returns void; Worker acts once the coroutine is really
// suspended. (GCC 12 makes no tail call for symmetric transfer below -O2 or under a sanitizer, so a
// loop of instantly finishing awaits would overflow the stack there.)
//
// Writing coroutines: name aggregates and closures before a co_await expression (GCC 12 destroys
// literals inside it twice); no capturing lambda as a coroutine; reference parameters only to what
// the parent frame owns.
//
// Thread: a task runs on one worker at a time.
// Cost: one allocation per call (the frame).
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "chimera/base/result.hpp"
#include "chimera/rt/runnable.hpp"

namespace chimera::rt {

template <class T = void>
class Task;
class Scope;

namespace detail {

// Hands control to `frame` as soon as the current coroutine is suspended (same slice of time).
void resume_next(std::coroutine_handle<> frame);

// What a frame does when it has finished: hand control to its parent, or be retired by the worker
// when it is the root of a scope's child.
void finished(std::coroutine_handle<> frame, std::coroutine_handle<> parent, Scope* scope);

struct PromiseBase {
  std::coroutine_handle<> parent;

  std::suspend_always initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() { check_failed("no exceptions", __FILE__, __LINE__); }
};

template <class T>
struct Promise : PromiseBase {
  struct Final {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<Promise> h) const noexcept {
      resume_next(h.promise().parent);
    }
    void await_resume() const noexcept {}
  };

  // What needs no destructor is stored as it is: a `co_return` is then a store, not a call.
  static constexpr bool kPlain =
      std::is_trivially_destructible_v<T> && std::is_default_constructible_v<T>;
  std::conditional_t<kPlain, T, std::optional<T>> value;
  Task<T> get_return_object();
  Final final_suspend() noexcept { return {}; }
  template <class U>
  void return_value(U&& v) {
    if constexpr (kPlain) {
      std::construct_at(&value, std::forward<U>(v));
    } else {
      value.emplace(std::forward<U>(v));
    }
  }
  T&& result() {
    if constexpr (kPlain) {
      return std::move(value);
    } else {
      // It is there since co_return.
      return std::move(*value);   // NOLINT(bugprone-unchecked-optional-access)
    }
  }
};

template <>
struct Promise<void> : PromiseBase {
  struct Final {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<Promise> h) const noexcept {
      finished(h, h.promise().parent, h.promise().scope);
    }
    void await_resume() const noexcept {}
  };

  Scope* scope = nullptr;   // set for a scope's child, which has no parent
  Task<void> get_return_object();
  Final final_suspend() noexcept { return {}; }
  void return_void() {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Frame = std::coroutine_handle<promise_type>;

  explicit Task(Frame f) : frame_(f) {}
  Task(Task&& o) noexcept : frame_(std::exchange(o.frame_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  // A frame that has started and not finished has an operation in flight: it must not go away.
  ~Task() {
    if (!frame_) return;
    CHI_CHECK(!started_ || frame_.done());
    frame_.destroy();
  }

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> parent) {
    started_ = true;
    frame_.promise().parent = parent;
    detail::resume_next(frame_);
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return frame_.promise().result();
  }

  // For Scope: gives the frame away.
  Frame release() { return std::exchange(frame_, nullptr); }

 private:
  Frame frame_;
  bool started_ = false;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace chimera::rt
