#include "chimera/sys/feed.hpp"

#include <utility>

#include "chimera/sys/file.hpp"
#include "address.hpp"
#include "wide.hpp"

namespace chimera::sys {
namespace {

HANDLE native(Handle h) { return reinterpret_cast<HANDLE>(h); }

// False when nobody reads any more.
bool send_all(Handle out, const char* bytes, DWORD left) {
  while (left > 0) {
    const int n = send(out, bytes, static_cast<int>(left), 0);
    if (n <= 0) return false;
    bytes += n;
    left -= static_cast<DWORD>(n);
  }
  return true;
}

// Connects `dialer` to a listener on the loopback that nobody else knows; a stranger who comes
// first is turned away.
Result<Handle> accept_own(Handle listener, Handle dialer) {
  sockaddr_storage at{}, ours{}, peer{};
  int size = sizeof at;
  getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  if (connect(dialer, reinterpret_cast<sockaddr*>(&at), size) != 0) {
    return fail(Errc::io, "socket", WSAGetLastError());
  }
  size = sizeof ours;
  getsockname(dialer, reinterpret_cast<sockaddr*>(&ours), &size);
  for (;;) {
    size = sizeof peer;
    const SOCKET got = accept(listener, reinterpret_cast<sockaddr*>(&peer), &size);
    if (got == INVALID_SOCKET) return fail(Errc::io, "socket", WSAGetLastError());
    if (from_sockaddr(ours) == from_sockaddr(peer)) return got;
    closesocket(got);
  }
}

// Ends the reads of a thread until it has seen that it is to stop. An input whose reads cannot be
// ended ends the thread itself: it holds nothing but its stack there.
void interrupt(HANDLE thread) {
  for (int tries = 0; tries < 40; ++tries) {
    CancelSynchronousIo(thread);
    if (WaitForSingleObject(thread, 5) == WAIT_OBJECT_0) return;
  }
  TerminateThread(thread, 0);
}

void set_blocking(Handle h, bool blocking) {
  u_long nonblocking = !blocking;
  ioctlsocket(h, FIONBIO, &nonblocking);
}

// The socket to read from; `writer` becomes the one to write to, whose calls block.
Result<Handle> socket_pair(Handle& writer) {
  CHI_TRY(const Address loopback, parse_ip("127.0.0.1", 0));
  CHI_TRY(const Handle listener, listen_on(loopback, 1));
  Result<Handle> reader = open_socket(Address::Family::v4, Transport::stream);
  if (reader) {
    set_blocking(listener, true);
    set_blocking(*reader, true);
    Result<Handle> other = accept_own(listener, *reader);
    set_blocking(*reader, false);
    if (other) {
      writer = *other;
      set_blocking(writer, true);
    } else {
      close_socket(std::exchange(*reader, kNoHandle));
      reader = fail(other.error());
    }
  }
  close_socket(listener);
  return reader;
}

}  // namespace

Result<Handle> Feed::open(const std::string& path) {
  if (path.empty()) {
    in_ = reinterpret_cast<Handle>(GetStdHandle(STD_INPUT_HANDLE));
  } else {
    const DWORD attributes = GetFileAttributesW(wide(path).c_str());
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
      return fail(Errc::bad_input, "not a file", kIsDirectory);
    }
    in_ = reinterpret_cast<Handle>(
        CreateFileW(wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                    OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  }
  if (in_ == kNoHandle) {
    const DWORD why = GetLastError();
    const bool absent = why == ERROR_FILE_NOT_FOUND || why == ERROR_PATH_NOT_FOUND;
    return fail(absent ? Errc::not_found : Errc::io, kUnreadable, static_cast<int>(why));
  }
  ours_ = !path.empty();
  CHI_TRY(const Handle reader, socket_pair(out_));
  Result<Thread> thread = Thread::start(thread_main, this);
  if (!thread) {
    close_socket(reader);
    close_socket(out_);
    return fail(thread.error());
  }
  thread_ = *thread;
  socket_ = reader;
  return socket_;
}

// The thread may be in a read of a silent pipe, or on its way there.
void Feed::stop() {
  if (socket_ != kNoHandle) {
    shutdown(socket_, SD_BOTH);
    interrupt(reinterpret_cast<HANDLE>(static_cast<uintptr_t>(thread_.native())));
    thread_.join();
    socket_ = kNoHandle;
  }
  if (ours_) CloseHandle(native(in_));
  in_ = kNoHandle;
  ours_ = false;
}

void Feed::thread_main(void* feed) { static_cast<Feed*>(feed)->pass_on(); }

void Feed::pass_on() {
  char bytes[32 * 1024];
  for (;;) {
    DWORD n = 0;
    if (!ReadFile(native(in_), bytes, sizeof bytes, &n, nullptr)) {
      const DWORD why = GetLastError();
      if (why != ERROR_BROKEN_PIPE && why != ERROR_HANDLE_EOF) {
        error_.store(static_cast<int>(why), std::memory_order_release);
      }
      break;
    }
    if (n == 0 || !send_all(out_, bytes, n)) break;
  }
  closesocket(out_);
}

}  // namespace chimera::sys
