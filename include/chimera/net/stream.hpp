// Connected byte streams and listeners over the completion port. Deadlines are arguments of each
// operation and carry the name the error will say.
//
// Thread: one task at a time. A stream belongs to the worker it was made on; when the task that
// uses it has moved, its operations and its end are handed to that worker. A listener is for tasks
// that do not move, on one worker.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "chimera/rt/scope.hpp"
#include "chimera/rt/task.hpp"
#include "chimera/sys/socket.hpp"

namespace chimera::net {

// An instant and the name of the limit it stands for (a literal: "connect", "idle", ...).
struct Deadline {
  Nanos at = kNever;
  const char* name = "total";
};
constexpr Deadline earlier(Deadline a, Deadline b) { return b.at < a.at ? b : a; }
// `after` from `from`; a duration of 0 means none.
constexpr Deadline deadline_in(Nanos from, Nanos after, const char* name) {
  return {after == 0 ? kNever : later(from, after), name};
}

class Stream {
 public:
  Stream() = default;
  explicit Stream(sys::Handle h) : handle_(h), home_(rt::Worker::current()) {}
  Stream(Stream&& o) noexcept : handle_(std::exchange(o.handle_, sys::kNoHandle)), home_(o.home_) {}
  Stream& operator=(Stream&& o) noexcept;
  ~Stream() { close(); }

  bool is_open() const { return handle_ != sys::kNoHandle; }
  sys::Handle handle() const { return handle_; }
  void close();     // orderly; nothing may be in flight
  void abort();     // with an RST

  // What has arrived, at most `cap` bytes (0 = the runtime's read size) and at least one; empty at
  // the end of the stream. The bytes are lent: valid until the awaiting coroutine next suspends.
  // Errors: timed_out, reset, cancelled, io.
  struct ReadSome : rt::Io {
    ReadSome(const Stream& s, uint32_t cap, Deadline d, rt::Stop* with);
    Result<std::string_view> await_resume();
    const char* deadline_name;
  };
  ReadSome read_some(Deadline d, uint32_t cap = 0, rt::Stop* with = nullptr) {
    return ReadSome(*this, cap, d, with);
  }

  // At most all of `data`; the outcome is how much. Errors: as read_some.
  struct WriteSome : rt::Io {
    WriteSome(const Stream& s, std::string_view bytes, Deadline d, rt::Stop* with);
    Result<size_t> await_resume();
    const char* deadline_name;
  };
  WriteSome write_some(std::string_view bytes, Deadline d, rt::Stop* with = nullptr) {
    return WriteSome(*this, bytes, d, with);
  }

  // All of `bytes`, which stay the caller's. Errors: as read_some.
  rt::Task<Result<void>> write_all(std::string_view bytes, Deadline d, rt::Stop* with = nullptr);

 private:
  sys::Handle handle_ = sys::kNoHandle;
  rt::Worker* home_ = nullptr;       // whose port knows the socket
};

// Connects an open socket. Errors: refused ("no route" when this machine cannot reach it or may
// not), timed_out, cancelled, io. `with` may cancel it.
rt::Task<Result<void>> dial_on(sys::Handle h, sys::Address to, Deadline d,
                               rt::Stop* with = nullptr);
// A connection to one address. Errors: as dial_on.
rt::Task<Result<Stream>> dial(sys::Address to, Deadline d, rt::Stop* with = nullptr);

// A connection to the first of several addresses that answers (RFC 8305, "happy eyeballs"): they
// are tried in order, the next one at once when one fails, after 250 ms (10 ms on loopback) when
// one is silent; the first connection wins and the others are cancelled. Errors: those of the first
// address that failed; timed_out when none answered; cancelled by `with`.
rt::Task<Result<Stream>> dial_any(std::span<const sys::Address> to, Deadline d,
                                  rt::Stop* with = nullptr);

class Listener {
 public:
  Listener() = default;
  Listener(Listener&& o) noexcept : handle_(std::exchange(o.handle_, sys::kNoHandle)) {}
  ~Listener() { close(); }
  // Port 0 picks one. Errors: refused ("address in use"), io.
  Result<void> open(const sys::Address& at, int backlog = 512);
  Result<sys::Address> address() const { return sys::local_address(handle_); }
  void close();
  // The next connection. Errors: cancelled, io (with EMFILE when descriptors have run out).
  struct Accept : rt::Io {
    explicit Accept(sys::Handle h);
    Result<Stream> await_resume();
  };
  Accept accept() { return Accept(handle_); }

 private:
  sys::Handle handle_ = sys::kNoHandle;
};

// The error that a negative outcome of an operation stands for.
Error error_of(int64_t outcome, const char* where, const char* deadline_name);

}  // namespace chimera::net
