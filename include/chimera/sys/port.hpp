// The completion port: the only way this program waits for the network, and the specification every
// platform fulfils (src/sys/linux over epoll, src/sys/windows over IOCP, src/sys/virtual over a
// scripted world).
// tests/sys/port_test.cpp is its conformance suite and runs against all of them.
//
// The model is IOCP's because it is the stricter one: "here is a request and a buffer, tell me when
// it is finished". Readiness never leaves src/sys/linux.
//
//   submit  never completes inline: even an instant result is delivered by a later wait(). Between
//           submit and that wait the caller must not touch the op. At most one op per direction
//           (read+accept | write+dial) is in flight on a handle.
//   cancel  is a request. The op still comes back from wait(), once, either with -kCancelled or
//           with whatever happened first. Cancelling an op that is not in flight is a bug.
//   wait    is the only source of completions. Returns up to done.size() finished ops; returns none
//           after `until`, after a wake, or for no reason (spurious). `until` <= now polls.
//   wake    is callable from any thread and from a signal handler; it ends one wait early. A wake
//           that comes before the wait is not lost; several may count as one.
//   forget  detaches a handle before it is closed. No op may be in flight on it.
//
// Thread: all calls from the one thread that owns the port, except wake.
// Owns:   nothing of the caller's. An op and its buffer belong to the caller, who keeps both alive
//         until wait() hands the op back (an op lives in the frame of the coroutine that awaits
//         it).
// Cost:   no allocation per op.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "chimera/base/counter.hpp"
#include "chimera/base/time.hpp"
#include "chimera/sys/handle.hpp"
#include "chimera/sys/socket.hpp"

namespace chimera::sys {

// A negative outcome is one of these, negated, or below -kOsError the system's own number:
// outcome = -(kOsError + errno).
enum OpError : int64_t {
  kCancelled = 1,
  kRefused,
  kReset,
  kUnreachable,
  kTooManyHandles,
  kNoAnswer,           // the system gave up waiting for the peer
  kOsError = 1000
};

// One I/O request.
struct Op {
  enum class Kind : uint8_t {
    dial,    // connect `handle` to *peer; outcome 0
    accept,  // outcome >= 0 is the new handle (a connected, non-blocking socket)
    read,    // read at most `len` bytes; outcome is the count, 0 at the end of the stream.
             // With data == nullptr the port lends a buffer: `data` points to it when the op comes
             // back, and it must be given back (Port::give_back) before long: the port has only a
             // few, and reads wait while all are out.
    write,   // write at most `len` bytes; outcome is the count, which may be less than `len`
  };
  Kind kind = Kind::read;
  bool lent = false;               // set by the port when `data` is its own buffer
  Handle handle = kNoHandle;
  char* data = nullptr;
  uint32_t len = 0;
  int64_t outcome = 0;
  const Address* peer = nullptr;   // dial only
  Op* next = nullptr;  // for whoever has the op: the port in flight, the owner otherwise
};

class Port {
 public:
  static constexpr uint32_t kLoanMemory = 32;

  // `lend_size` is the size of one lent read buffer (and so the cap of such a read); 0 = no
  // lending. At most 64 are out (on Windows 16), and of large ones so many that they are 16 MiB,
  // but one. The memory of each is at least kLoanMemory bytes, aligned as by new; the borrower may
  // write to it.
  static Result<Port*> open(uint32_t lend_size);
  static void close(Port* port);     // no op in flight

  void submit(Op& op);
  void cancel(Op& op);
  size_t wait(Nanos until, std::span<Op*> done);
  void wake();
  void forget(Handle h);
  void give_back(Op& op);            // a lent buffer; op.data becomes null

  // For the record: how often the kernel was asked. Readable from any thread.
  struct Counters {
    Counter polls;            // epoll_wait and the like
    Counter attempts;         // reads, writes, accepts and dials tried
    Counter arms;             // interest changes (epoll_ctl)
    Counter wakes;            // wake-ups received
  };
  const Counters& counters() const;

 protected:
  Port() = default;
  ~Port() = default;
};

}  // namespace chimera::sys
