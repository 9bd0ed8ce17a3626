#include "chimera/sys/append_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace chimera::sys {

AppendFile::~AppendFile() {
  if (is_open()) ::close(handle_);
}

Result<void> AppendFile::open(const std::string& path) {
  CHI_CHECK(!is_open());
  handle_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (!is_open()) return fail(errno == ENOENT ? Errc::not_found : Errc::io, "open", errno);
  return {};
}

Result<void> AppendFile::write(std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(handle_, data.data(), data.size());
    if (n < 0 && errno != EINTR) return fail(Errc::io, "write", errno);
    if (n > 0) data.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace chimera::sys
