// What every test file includes: doctest, and the habits of this house for anything incremental -
// whole, at every split, byte by byte, with the input ending at an unmapped page.
#pragma once

#define DOCTEST_CONFIG_SUPER_FAST_ASSERTS
#include <doctest/doctest.h>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/system.hpp"

// doctest prints a const char* as a pointer unless told otherwise.
template <>
struct doctest::StringMaker<const char*> {
  static String convert(const char* s) { return s == nullptr ? "(null)" : s; }
};

namespace chimera_test {

#ifdef __SANITIZE_THREAD__
inline constexpr bool kTsan = true;
#else
inline constexpr bool kTsan = false;
#endif

// What many rounds are divided by. Under qemu (make cross-unit) 64 bits at once may be a call of
// the kernel's helper, and a million of them minutes.
#ifdef CHIMERA_EMULATED
inline constexpr int kLess = 20;
#else
inline constexpr int kLess = 1;
#endif

// A copy of `bytes` whose last byte is the last of its page; the page behind it faults when
// touched.
class Guarded {
 public:
  explicit Guarded(std::string_view bytes) {
    const size_t page = page_size();
    const size_t room = (bytes.size() + page - 1) / page * page;
    size_ = room + page;
    base_ = map_pages(size_);
    forbid_page(base_ + room, page);
    char* at = base_ + room - bytes.size();
    if (!bytes.empty()) memcpy(at, bytes.data(), bytes.size());
    view_ = {at, bytes.size()};
  }
  ~Guarded() { unmap_pages(base_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  std::string_view view() const { return view_; }

 private:
  char* base_;
  size_t size_;
  std::string_view view_;
};

// Calls `body(pieces)` with `bytes` whole, cut in two at every position, and byte by byte. Every
// piece is guarded by an unmapped page.
template <class Body>
void each_split(std::string_view bytes, Body body) {
  auto run = [&](std::vector<std::string_view> cuts) {
    std::vector<Guarded*> kept;
    std::vector<std::string_view> pieces;
    for (std::string_view c : cuts) {
      kept.push_back(new Guarded(c));
      pieces.push_back(kept.back()->view());
    }
    body(pieces);
    for (Guarded* g : kept) delete g;
  };
  run({bytes});
  for (size_t i = 1; i < bytes.size(); ++i) run({bytes.substr(0, i), bytes.substr(i)});
  std::vector<std::string_view> single;
  for (size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
  run(single);
}

}  // namespace chimera_test
