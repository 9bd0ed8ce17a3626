// Sole ownership of a heap object, and a borrowed callable. std::unique_ptr and std::function would
// do, but <memory> and <functional> do not compile against musl with Debian's libstdc++.
#pragma once

#include <type_traits>
#include <utility>

namespace chimera {

template <class T>
class Own {
 public:
  Own() = default;
  explicit Own(T* p) : p_(p) {}
  Own(Own&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Own& operator=(Own&& o) noexcept {
    if (this != &o) reset(std::exchange(o.p_, nullptr));
    return *this;
  }
  Own(const Own&) = delete;
  Own& operator=(const Own&) = delete;
  ~Own() { delete p_; }

  void reset(T* p = nullptr) { delete std::exchange(p_, p); }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  T* p_ = nullptr;
};

template <class T, class... A>
Own<T> make_own(A&&... a) {
  return Own<T>(new T(std::forward<A>(a)...));
}

// A callable borrowed for the length of a call: two words, no allocation. It must not be kept.
template <class Sig>
class FunctionRef;
template <class R, class... A>
class FunctionRef<R(A...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
  FunctionRef(F&& f)  // NOLINT: implicit on purpose, as a parameter type
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* o, A... a) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(o))(std::forward<A>(a)...);
        }) {}
  R operator()(A... a) const { return call_(object_, std::forward<A>(a)...); }

 private:
  void* object_;
  R (*call_)(void*, A...);
};

}  // namespace chimera
