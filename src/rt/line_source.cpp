#include "chimera/rt/line_source.hpp"

#include <string_view>

namespace chimera::rt {
namespace {

constexpr uint32_t kBuffer = 64 * 1024;

}  // namespace

Result<void> LineSource::open(const std::string& path) {
  CHI_TRY(socket_, feed_.open(path));
  return {};
}

// The feed first: it makes no use of a socket that is closed.
LineSource::~LineSource() {
  feed_.stop();
  if (socket_ == sys::kNoHandle) return;
  if (home_ != nullptr && Worker::current() != nullptr) {
    home_->close(socket_, sys::close_socket);
  } else {
    sys::close_socket(socket_);   // no port knows it, or none is there any more
  }
}

Task<Result<void>> LineSource::refill(Stop* stop) {
  if (buffer_.empty()) buffer_.resize(kBuffer);
  if (home_ == nullptr) home_ = Worker::current();
  Io io;
  io.handle = socket_;
  io.home = home_;
  io.data = buffer_.data();
  io.len = kBuffer;
  io.stop = stop;
  const int64_t n = co_await io;
  if (n == -sys::kCancelled) co_return fail(Errc::cancelled, "read");
  const int failed = n < 0 ? static_cast<int>(-n - sys::kOsError) : feed_.error();
  at_ = 0;
  filled_ = n > 0 ? static_cast<size_t>(n) : 0;
  ended_ = n <= 0;
  if (ended_ && failed != 0) co_return fail(Errc::io, "read", failed);
  co_return Result<void>();
}

// Appends what there is of the line. True when it is whole. One byte more than the limit is kept of
// a line, to tell by, and one for a "\r" that does not count.
bool LineSource::take(std::string& line) {
  const std::string_view rest(buffer_.data() + at_, filled_ - at_);
  const size_t end = rest.find('\n');
  const std::string_view part = rest.substr(0, end);
  at_ += part.size() + (end != rest.npos);
  line.append(part.substr(0, kLimit + 2 - line.size()));
  return end != rest.npos;
}

Task<Result<bool>> LineSource::next(std::string& line, Stop* stop) {
  line.clear();
  bool whole = false;
  for (;;) {
    whole = take(line);
    if (whole || ended_) break;
    CHI_CO_TRY_VOID(co_await refill(stop));
  }
  if (!whole && line.empty()) co_return false;
  ++number_;
  if (line.ends_with('\r')) line.pop_back();
  if (line.size() > kLimit) co_return fail(Errc::too_large, "line over 16 MiB");
  co_return true;
}

}  // namespace chimera::rt
