// A file, a pipe or a terminal as a stream socket, so that a port can wait for its bytes: a thread
// reads the one and writes into the other. What nobody takes stays where it is: the socket holds a
// fixed amount (about 200 KB), and then nothing more is read.
//
// (epoll refuses regular files, a read of any of them may block, and making a standard stream
// non-blocking would make it so for all who share it.)
//
// Thread: one at a time; error() from any.
// Errors: not_found, bad_input (a folder), io (with errno).
#pragma once

#include <atomic>
#include <string>

#include "chimera/base/result.hpp"
#include "chimera/sys/handle.hpp"
#include "chimera/sys/thread.hpp"

namespace chimera::sys {

class Feed {
 public:
  Feed() = default;
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  ~Feed() { stop(); }
  // `path`: a file; empty = standard input. The result is the socket to read from: the caller's to
  // forget and to close, behind stop(). Call once.
  Result<Handle> open(const std::string& path);
  // Why the socket is at its end: the system's number of a failed read, 0 = so is the input.
  int error() const { return error_.load(std::memory_order_acquire); }
  // Ends the thread, also one that waits for a silent input, and with it the stream. Idempotent.
  void stop();

 private:
  static void thread_main(void* feed);
  void pass_on();
  Thread thread_;
  Handle in_ = kNoHandle, out_ = kNoHandle;   // the thread's
  bool ours_ = false;              // in_ is no standard stream
  Handle socket_ = kNoHandle;
  std::atomic<int> error_{0};
};

}  // namespace chimera::sys
