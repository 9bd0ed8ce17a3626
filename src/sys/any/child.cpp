// What a child's handle does on every system.
#include <utility>

#include "chimera/sys/process.hpp"

namespace chimera::sys {

Child::Child(Child&& o) noexcept
    : pid_(std::exchange(o.pid_, 0)),
      out_(std::exchange(o.out_, kNoHandle)),
      pending_(std::move(o.pending_)) {}

Child& Child::operator=(Child&& o) noexcept {
  if (this == &o) return *this;
  stop();
  pid_ = std::exchange(o.pid_, 0);
  out_ = std::exchange(o.out_, kNoHandle);
  pending_ = std::move(o.pending_);
  return *this;
}

Child::~Child() { stop(); }

}  // namespace chimera::sys
