// The completion port over the system's own.
//
// How this works: the system keeps an OVERLAPPED for each operation and hands it back when it is
// through; ours lives in the slot of the socket, one a direction, because an Op has no room for it.
// A slot is not moved while it is in use. Every started operation comes back through the queue,
// also one that succeeded at once; one that could not be started goes on the list that wait() hands
// out.
//
// A read into a lent buffer waits with a read of no bytes, which ends when there is something to
// read, and only then takes a buffer: thousands of streams wait with 16 of them.
#include "chimera/sys/port.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "address.hpp"
#include "chimera/sys/clock.hpp"

#include <mswsock.h>
#include <timeapi.h>

namespace chimera::sys {
namespace {

constexpr size_t kLoans = 16;              // lent read buffers per port, made on first use
constexpr size_t kLoanBytes = 16u << 20;   // in all of them, unless one alone is larger
constexpr ULONG kEvents = 16;              // completions taken from the system at once
constexpr unsigned kPollEvery = 16;  // waits that find work done before the system is asked anyway
constexpr Nanos kLongest = 3600 * kSecond;
constexpr DWORD kNameBytes = sizeof(sockaddr_storage) + 16;   // AcceptEx wants 16 more

// One operation in flight. First the OVERLAPPED: by its address the system says which it was.
struct Request {
  OVERLAPPED overlapped{};
  Op* op = nullptr;
  bool hungry = false;     // there is something to read, but no loan to read it into
  bool cancelled = false;
};

struct Slot {
  Request in;                        // the read or accept in flight
  Request out;                       // the write or dial in flight
  bool attached = false;             // the system's port knows the socket
  Handle accepted = kNoHandle;       // what the accept in flight will give
};

int64_t outcome_of(DWORD error) {
  switch (static_cast<int>(error)) {
    case ERROR_OPERATION_ABORTED: return -kCancelled;
    case ERROR_CONNECTION_REFUSED:
    case WSAECONNREFUSED: return -kRefused;
    case ERROR_NETNAME_DELETED:
    case ERROR_CONNECTION_ABORTED:
    case WSAECONNABORTED:
    case WSAENETRESET:
    case WSAESHUTDOWN:
    case WSAECONNRESET: return -kReset;
    case ERROR_SEM_TIMEOUT:
    case WSAETIMEDOUT: return -kNoAnswer;
    case ERROR_TOO_MANY_OPEN_FILES:
    case WSAEMFILE: return -kTooManyHandles;
    default: break;
  }
  const int number = static_cast<int>(error);
  return no_route(number) ? -kUnreachable : -(kOsError + number);
}

HANDLE handle_of(const Op& op) { return reinterpret_cast<HANDLE>(op.handle); }

// Functions of the sockets' provider, to be asked for by name.
template <class Function>
Function* provided(Handle h, GUID name) {
  Function* function = nullptr;
  DWORD size = 0;
  WSAIoctl(h, SIO_GET_EXTENSION_FUNCTION_POINTER, &name, sizeof name, &function, sizeof function,
           &size, nullptr, nullptr);
  return function;
}

bool is_stream(Handle h) {
  DWORD type = 0;
  socklen_t size = sizeof type;
  getsockopt(h, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size);
  return type == SOCK_STREAM;
}

// What reads find at the end of a stream may be a reset whose error another call has had (wine
// gives it to the read of no bytes). Writing nothing tells the two apart.
bool is_reset(Handle h) {
  if (send(h, "", 0, 0) >= 0) return false;
  const int why = WSAGetLastError();
  return why != WSAEWOULDBLOCK && why != WSAESHUTDOWN;
}

int64_t outcome_of_read(const Op& op, size_t bytes) {
  return bytes == 0 && op.len != 0 && is_reset(op.handle) ? -kReset : static_cast<int64_t>(bytes);
}

// The calls below give 0 when the operation is under way, or an error.
DWORD started(bool ok) {
  const DWORD error = ok ? 0 : static_cast<DWORD>(WSAGetLastError());
  return error == WSA_IO_PENDING ? 0 : error;
}

}  // namespace

struct WindowsPort : Port {
  HANDLE queue = nullptr;
  std::atomic<bool> woken{false};
  std::vector<Slot*> slots;          // by handle; handles of the system are multiples of 4
  Op* first_done = nullptr;
  Op** last_done = &first_done;
  uint32_t lend_size = 0;
  size_t loan_limit = 0;
  size_t loans_made = 0;
  std::vector<char*> loans;          // those that are at home
  std::vector<Request*> hungry;
  char names[2 * kNameBytes];        // where all accepts put addresses that nobody reads
  unsigned busy_waits = 0;
  std::remove_pointer_t<LPFN_CONNECTEX>* connect_ex = nullptr;
  std::remove_pointer_t<LPFN_ACCEPTEX>* accept_ex = nullptr;
  Counters counters;

  Slot*& place(Handle h) {
    const size_t i = h / 4;
    if (i >= slots.size()) slots.resize(i + 64);
    return slots[i];
  }
  Slot& slot(Handle h) {
    Slot*& s = place(h);
    if (s == nullptr) s = new Slot;
    return *s;
  }
  static Request& request_of(Slot& s, const Op& op) {
    const bool in = op.kind == Op::Kind::read || op.kind == Op::Kind::accept;
    return in ? s.in : s.out;
  }

  // ---- starting ---------------------------------------------------------------------------------

  DWORD start(Slot& s, Request& r) {
    if (!s.attached) {
      if (CreateIoCompletionPort(handle_of(*r.op), queue, 0, 0) == nullptr) return GetLastError();
      s.attached = true;
    }
    r.overlapped = {};
    ++counters.attempts;
    switch (r.op->kind) {
      case Op::Kind::read: return start_read(r);
      case Op::Kind::write: return start_write(r);
      case Op::Kind::accept: return start_accept(s, r);
      case Op::Kind::dial: break;
    }
    return start_dial(r);
  }

  DWORD start_read(Request& r) {
    WSABUF buffer{.len = r.op->data == nullptr ? 0 : r.op->len, .buf = r.op->data};
    DWORD flags = 0;
    return started(WSARecv(r.op->handle, &buffer, 1, nullptr, &flags, &r.overlapped, nullptr) == 0);
  }

  DWORD start_write(Request& r) {
    WSABUF buffer{.len = r.op->len, .buf = r.op->data};
    return started(WSASend(r.op->handle, &buffer, 1, nullptr, 0, &r.overlapped, nullptr) == 0);
  }

  DWORD start_accept(Slot& s, Request& r) {
    const Handle listener = r.op->handle;
    if (accept_ex == nullptr) {
      accept_ex = provided<std::remove_pointer_t<LPFN_ACCEPTEX>>(listener, WSAID_ACCEPTEX);
      if (accept_ex == nullptr) return WSAEOPNOTSUPP;
    }
    const Result<Address> at = local_address(listener);
    if (!at) return static_cast<DWORD>(at.error().os);
    const Result<Handle> fresh = open_socket(at->family, Transport::stream);
    if (!fresh) return static_cast<DWORD>(fresh.error().os);
    s.accepted = *fresh;
    DWORD none = 0;
    const DWORD error = started(accept_ex(listener, s.accepted, names, 0, kNameBytes, kNameBytes,
                                          &none, &r.overlapped) != FALSE);
    if (error != 0) close_socket(std::exchange(s.accepted, kNoHandle));
    return error;
  }

  DWORD start_dial(Request& r) {
    const Handle h = r.op->handle;
    sockaddr_storage to;
    const socklen_t size = to_sockaddr(*r.op->peer, to);
    if (!is_stream(h)) {   // a datagram socket only notes whom it talks to
      if (connect(h, reinterpret_cast<sockaddr*>(&to), size) != 0) return started(false);
      r.op->outcome = 0;
      finish(r);
      return 0;
    }
    if (connect_ex == nullptr) {
      connect_ex = provided<std::remove_pointer_t<LPFN_CONNECTEX>>(h, WSAID_CONNECTEX);
      if (connect_ex == nullptr) return WSAEOPNOTSUPP;
    }
    sockaddr_storage from;   // ConnectEx takes bound sockets only; any address, any port
    const Address any{.family = r.op->peer->family};
    const socklen_t from_size = to_sockaddr(any, from);
    if (bind(h, reinterpret_cast<sockaddr*>(&from), from_size) != 0 &&
        WSAGetLastError() != WSAEINVAL) {   // it is, from an earlier try
      return started(false);
    }
    return started(connect_ex(h, reinterpret_cast<sockaddr*>(&to), size, nullptr, 0, nullptr,
                              &r.overlapped) != FALSE);
  }

  // ---- lent buffers -----------------------------------------------------------------------------

  bool borrow(Op& op) {
    if (loans.empty()) {
      if (loans_made == loan_limit) return false;
      ++loans_made;
      loans.push_back(new char[std::max(lend_size, kLoanMemory)]);
    }
    op.data = loans.back();
    loans.pop_back();
    op.lent = true;
    if (op.len == 0 || op.len > lend_size) op.len = lend_size;
    return true;
  }
  void return_loan(Op& op) {
    loans.push_back(op.data);
    op.data = nullptr;
    op.lent = false;
  }

  // There is something to read: takes a buffer for it, or waits for one.
  void read_lent(Slot& s, Request& r) {
    Op& op = *r.op;
    r.hungry = !borrow(op);
    if (r.hungry) return hungry.push_back(&r);
    ++counters.attempts;
    const int n = recv(op.handle, op.data, static_cast<int>(op.len), 0);
    if (n >= 0) {
      op.outcome = outcome_of_read(op, static_cast<size_t>(n));
      return finish(r);
    }
    const DWORD error = static_cast<DWORD>(WSAGetLastError());
    return_loan(op);
    if (error == WSAEWOULDBLOCK) return submit_or_fail(s, r);
    op.outcome = outcome_of(error);
    finish(r);
  }
  void feed() {
    std::vector<Request*> waiting;
    waiting.swap(hungry);
    for (Request* r : waiting) read_lent(slot(r->op->handle), *r);
  }

  // ---- in flight and done -----------------------------------------------------------------------

  void submit_or_fail(Slot& s, Request& r) {
    const DWORD error = start(s, r);
    if (error == 0) return;
    r.op->outcome = outcome_of(error);
    finish(r);
  }

  void finish(Request& r) {
    Op& op = *r.op;
    r.op = nullptr;
    r.hungry = false;
    op.next = nullptr;
    *last_done = &op;
    last_done = &op.next;
  }

  // The system is through with this one.
  void on_completion(Request& r) {
    Op& op = *r.op;
    Slot& s = slot(op.handle);
    DWORD bytes = 0, flags = 0;
    const bool ok = WSAGetOverlappedResult(op.handle, &r.overlapped, &bytes, FALSE, &flags);
    const DWORD error = ok ? 0 : static_cast<DWORD>(WSAGetLastError());
    if (op.kind == Op::Kind::accept) return on_accepted(s, r, error);
    if (op.kind == Op::Kind::read && op.data == nullptr && error == 0) {
      if (!r.cancelled) return read_lent(s, r);
      op.outcome = -kCancelled;   // nothing has been read yet
      return finish(r);
    }
    if (error != 0) {
      op.outcome = outcome_of(error);
    } else if (op.kind == Op::Kind::read) {
      op.outcome = outcome_of_read(op, bytes);
    } else if (op.kind == Op::Kind::write) {
      op.outcome = bytes;
    } else {
      setsockopt(op.handle, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, nullptr, 0);
      op.outcome = 0;
    }
    finish(r);
  }

  void on_accepted(Slot& s, Request& r, DWORD error) {
    Op& op = *r.op;
    const Handle fresh = std::exchange(s.accepted, kNoHandle);
    if (error == 0) {
      setsockopt(fresh, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                 reinterpret_cast<const char*>(&op.handle), sizeof op.handle);
      op.outcome = static_cast<int64_t>(fresh);
      return finish(r);
    }
    close_socket(fresh);
    op.outcome = outcome_of(error);
    // The client was gone again before we had it: on to the next one.
    if (op.outcome == -kReset && !r.cancelled) return submit_or_fail(s, r);
    finish(r);
  }

  // ---- asking the system ------------------------------------------------------------------------

  // Milliseconds, rounded up: a timer that is early would make its worker spin.
  static DWORD milliseconds(Nanos until) {
    if (until == kNever) return INFINITE;
    const Nanos left = std::min(until - now(), kLongest);
    if (left <= 0) return 0;
    return static_cast<DWORD>(left / kMilli + (left % kMilli != 0));
  }

  void harvest(Nanos until) {
    OVERLAPPED_ENTRY entries[kEvents];
    ULONG n = 0;
    ++counters.polls;
    if (!GetQueuedCompletionStatusEx(queue, entries, kEvents, &n, milliseconds(until), FALSE)) {
      return;
    }
    for (ULONG i = 0; i < n; ++i) {
      if (entries[i].lpOverlapped == nullptr) {
        woken.exchange(false, std::memory_order_seq_cst);
        ++counters.wakes;
      } else {
        on_completion(*reinterpret_cast<Request*>(entries[i].lpOverlapped));
      }
    }
  }

  size_t hand_out(std::span<Op*> out) {
    size_t n = 0;
    while (n < out.size() && first_done != nullptr) {
      out[n++] = first_done;
      first_done = first_done->next;
    }
    if (first_done == nullptr) last_done = &first_done;
    return n;
  }
};

namespace {
WindowsPort& self(Port* p) { return *static_cast<WindowsPort*>(p); }
}  // namespace

Result<Port*> Port::open(uint32_t lend_size) {
  WindowsPort* p = new WindowsPort;
  p->lend_size = lend_size;
  if (lend_size != 0) p->loan_limit = std::clamp<size_t>(kLoanBytes / lend_size, 1, kLoans);
  p->queue = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
  if (p->queue == nullptr) {
    const int why = static_cast<int>(GetLastError());
    delete p;
    return fail(Errc::io, "completion port", why);
  }
  timeBeginPeriod(1);   // waits would be lengthened to 16 ms; pacing and TTFT are measured in less
  return p;
}

void Port::close(Port* port) {
  WindowsPort& p = self(port);
  CloseHandle(p.queue);
  timeEndPeriod(1);
  for (char* loan : p.loans) delete[] loan;
  for (Slot* s : p.slots) delete s;
  delete &p;
}

void Port::submit(Op& op) {
  WindowsPort& p = self(this);
  Slot& s = p.slot(op.handle);
  Request& r = WindowsPort::request_of(s, op);
  CHI_CHECK(r.op == nullptr);
  r.op = &op;
  r.cancelled = false;
  p.submit_or_fail(s, r);
}

void Port::cancel(Op& op) {
  WindowsPort& p = self(this);
  Request& r = WindowsPort::request_of(p.slot(op.handle), op);
  if (r.op != &op) return;   // finished already, on its way out of wait()
  if (r.hungry) {
    std::erase(p.hungry, &r);
    op.outcome = -kCancelled;
    return p.finish(r);
  }
  r.cancelled = true;
  CancelIoEx(handle_of(op), &r.overlapped);   // too late for one whose completion is queued
}

size_t Port::wait(Nanos until, std::span<Op*> done) {
  WindowsPort& p = self(this);
  const bool ready = p.first_done != nullptr;
  // Work that is done already does not keep the others from being heard for ever.
  if (!ready || ++p.busy_waits % kPollEvery == 0) p.harvest(ready ? 0 : until);
  return p.hand_out(done);
}

void Port::wake() {
  WindowsPort& p = self(this);
  if (p.woken.exchange(true, std::memory_order_seq_cst)) return;
  PostQueuedCompletionStatus(p.queue, 0, 0, nullptr);
}

void Port::forget(Handle h) {
  Slot*& s = self(this).place(h);
  if (s == nullptr) return;
  CHI_CHECK(s->in.op == nullptr && s->out.op == nullptr);
  delete std::exchange(s, nullptr);
}

void Port::give_back(Op& op) {
  self(this).return_loan(op);
  self(this).feed();
}

const Port::Counters& Port::counters() const {
  return static_cast<const WindowsPort*>(this)->counters;
}

}  // namespace chimera::sys
