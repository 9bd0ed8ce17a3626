#include "output.hpp"

namespace chimera::sim {
namespace {
constexpr uint64_t kLongestRandomCut = 48;  // about half a line
}

size_t Output::piece(size_t most) {
  uint64_t n = most;
  if (random_) {
    n = 1 + rng_.below(kLongestRandomCut);
  } else if (cut_ > 0) {
    n = cut_;
  }
  return n < most ? static_cast<size_t>(n) : most;
}

rt::Task<bool> Output::send(std::string_view bytes) {
  if (bytes.size() > left_) bytes = bytes.substr(0, static_cast<size_t>(left_));
  const bool whole = bytes.size() < left_;
  left_ -= left_ == UINT64_MAX ? 0 : bytes.size();
  while (!bytes.empty()) {
    std::string_view rest = bytes.substr(0, piece(bytes.size()));
    bytes.remove_prefix(rest.size());
    while (!rest.empty()) {
      Result<size_t> n = co_await stream_.write_some(rest, net::Deadline(), &gone_);
      if (!n) co_return false;
      rest.remove_prefix(*n);
      sent_ += *n;
    }
  }
  co_return whole;
}

}  // namespace chimera::sim
