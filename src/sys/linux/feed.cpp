#include "chimera/sys/feed.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chimera/sys/file.hpp"

namespace chimera::sys {
namespace {

// False when nobody reads any more.
bool send_all(int out, const char* bytes, ssize_t left) {
  while (left > 0) {
    const ssize_t n = send(out, bytes, static_cast<size_t>(left), MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) return false;
    if (n < 0) continue;
    bytes += n;
    left -= n;
  }
  return true;
}

}  // namespace

Result<Handle> Feed::open(const std::string& path) {
  int ends[2];
  in_ = STDIN_FILENO;
  // Not to wait for the writer of a named pipe here: poll() does.
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  if (!path.empty()) in_ = ::open(path.c_str(), kFlags);
  if (in_ < 0) return fail(errno == ENOENT ? Errc::not_found : Errc::io, kUnreadable, errno);
  ours_ = !path.empty();
  struct stat st;
  if (fstat(in_, &st) == 0 && S_ISDIR(st.st_mode)) {
    return fail(Errc::bad_input, "not a file", EISDIR);
  }
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(Errc::io, "socket", errno);
  }
  out_ = ends[1];
  Result<Thread> thread = Thread::start(thread_main, this);
  if (!thread) {
    close(ends[0]);
    close(out_);
    return fail(thread.error());
  }
  thread_ = *thread;
  socket_ = ends[0];
  return socket_;
}

// The other end of the socket is what wakes the thread in poll() as well as in send().
void Feed::stop() {
  if (socket_ != kNoHandle) {
    shutdown(socket_, SHUT_RDWR);
    thread_.join();
    socket_ = kNoHandle;
  }
  if (ours_) close(in_);
  ours_ = false;
}

void Feed::thread_main(void* feed) { static_cast<Feed*>(feed)->pass_on(); }

void Feed::pass_on() {
  char bytes[32 * 1024];
  for (;;) {
    // A read blocks only when somebody else has taken what poll() saw.
    pollfd ready[] = {{.fd = in_, .events = POLLIN, .revents = 0},
                      {.fd = out_, .events = 0, .revents = 0}};
    if (poll(ready, 2, -1) < 0) continue;   // a signal
    if (ready[1].revents != 0) break;
    const ssize_t n = read(in_, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) error_.store(errno, std::memory_order_release);
    if (n <= 0 || !send_all(out_, bytes, n)) break;
  }
  close(out_);
}

}  // namespace chimera::sys
