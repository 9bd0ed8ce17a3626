// The completion port over epoll.
//
// How this works: submit() tries the system call once; if it would block, the descriptor is armed
// and wait() tries again when epoll reports it. Finished operations go on a list that wait() hands
// out. All events of a batch are dealt with inside wait(), where no code of ours runs in between,
// so an event can never meet a descriptor that was closed and opened again.
//
// Two measures keep a token stream at one epoll_wait and one read per token (a plain ONESHOT design
// needs four system calls: a read that fails, epoll_ctl, epoll_wait, the read that succeeds):
//   - interest stays armed, level-triggered, when an operation finishes; it is taken back only when
//   an
//     event arrives that nobody waits for. The next read of a stream finds it armed.
//   - a read that brought less than was asked for has emptied the socket: the next one does not
//   try.
#include "chimera/sys/port.hpp"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "address.hpp"
#include "chimera/sys/clock.hpp"

namespace chimera::sys {
namespace {

constexpr size_t kLoans = 64;        // lent read buffers per port, made on first use
constexpr size_t kLoanBytes = 16u << 20;   // in all of them, unless one alone is larger
constexpr Nanos kFar = 10 * kSecond;   // what is due later is left to the alarm
// Events taken from the kernel at once: no more than there are loans, because a read that finds
// none costs a disarming and an arming. 64 of both and not 16: with 1,000 streams the p99 of a
// token's delay is 0.9 to 1.2 times that of the bare client, which takes as many, and was 1.4 to
// 1.5; CPU 1.12 times, and was 1.22.
constexpr int kEvents = static_cast<int>(kLoans);
constexpr unsigned kPollEvery = 16;  // waits that find work done before the kernel is asked anyway

// What is known of one descriptor; the index is the descriptor.
struct Slot {
  Op* in = nullptr;            // the read or accept in flight
  Op* out = nullptr;           // the write or dial in flight
  uint32_t armed = 0;          // interest the kernel has
  bool registered = false;
  bool drained = false;        // the last read left nothing behind

  uint32_t wanted() const { return (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u); }
};

int64_t outcome_of(int error) {
  switch (error) {
    case ECONNREFUSED: return -kRefused;
    case ECONNRESET:
    case EPIPE: return -kReset;
    case ETIMEDOUT: return -kNoAnswer;
    case EMFILE:
    case ENFILE: return -kTooManyHandles;
    default: return no_route(error) ? -kUnreachable : -(kOsError + error);
  }
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS || error == EALREADY;
}

}  // namespace

struct LinuxPort : Port {
  int epoll = -1, waker = -1, alarm = -1;
  Nanos alarm_at = kNever;           // when the alarm rings; kNever = it is not set
  std::atomic<bool> woken{false};
  std::vector<Slot> slots;
  size_t slot_count = 0;
  Op* first_done = nullptr;
  Op** last_done = &first_done;
  uint32_t lend_size = 0;
  size_t loan_limit = 0;
  size_t loans_made = 0;
  std::vector<char*> loans;          // those that are at home
  std::vector<Handle> hungry;        // their reads wait, disarmed, until a loan comes home
  unsigned busy_waits = 0;
  bool precise = true;               // epoll_pwait2 is there
  Counters counters;

  // Asked several times for every token: slots.size() would be a division each time.
  Slot& slot(Handle h) {
    const size_t i = static_cast<size_t>(h);
    if (i >= slot_count) {
      slots.resize(i + 16);
      slot_count = slots.size();
    }
    return slots[i];
  }

  // ---- one attempt at an operation -------------------------------------------------------------

  ssize_t perform(Op& op) {
    switch (op.kind) {
      case Op::Kind::read: return ::recv(op.handle, op.data, op.len, MSG_DONTWAIT);
      case Op::Kind::write:
        return ::send(op.handle, op.data, op.len, MSG_DONTWAIT | MSG_NOSIGNAL);
      case Op::Kind::accept:
        return ::accept4(op.handle, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      case Op::Kind::dial: break;
    }
    sockaddr_storage to;
    const socklen_t size = to_sockaddr(*op.peer, to);
    return ::connect(op.handle, reinterpret_cast<sockaddr*>(&to), size);
  }

  // True when the operation is finished; its outcome is set.
  bool attempt(Op& op) {
    const bool lend = op.kind == Op::Kind::read && op.data == nullptr;
    if (lend && !borrow(op)) return false;
    ssize_t n;
    do {
      ++counters.attempts;
      n = perform(op);
    } while (n < 0 && (errno == EINTR || (errno == ECONNABORTED && op.kind == Op::Kind::accept)));
    if (n >= 0) {
      op.outcome = n;
      if (op.kind == Op::Kind::read)
        slot(op.handle).drained = n > 0 && n < static_cast<ssize_t>(op.len);
      return true;
    }
    const int error = errno;
    if (lend) return_loan(op);
    if (would_block(error)) return false;
    op.outcome = outcome_of(error);
    return true;
  }

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

  // ---- in flight and done
  // ------------------------------------------------------------------------

  void done(Op& op) {
    Slot& s = slot(op.handle);
    (s.in == &op ? s.in : s.out) = nullptr;
    op.next = nullptr;
    *last_done = &op;
    last_done = &op.next;
  }

  void control(Handle h, Slot& s, uint32_t interest) {
    epoll_event event{};
    event.events = interest;
    event.data.fd = h;
    ++counters.arms;
    const int op = s.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (::epoll_ctl(epoll, op, h, &event) != 0) return give_up(s, errno);
    s.registered = true;
    s.armed = interest;
  }

  // The kernel watches no more descriptors (fs.epoll.max_user_watches), or has no memory for it.
  void give_up(Slot& s, int error) {
    CHI_CHECK(error == ENOSPC || error == ENOMEM);
    for (Op* op : {s.in, s.out}) {
      if (op == nullptr) continue;
      op->outcome = outcome_of(error);
      done(*op);
    }
  }

  void disarm(Handle h, Slot& s) {
    ++counters.arms;
    ::epoll_ctl(epoll, EPOLL_CTL_DEL, h, nullptr);
    s.registered = false;
    s.armed = 0;
  }

  void arm(Handle h, Slot& s) {
    if ((s.wanted() & ~s.armed) != 0) control(h, s, s.wanted());
  }

  void on_event(Handle h, uint32_t events) {
    Slot& s = slot(h);
    if (starved(s)) {
      hungry.push_back(h);
      return s.out != nullptr ? control(h, s, EPOLLOUT) : disarm(h, s);
    }
    const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
    if ((broken || (events & EPOLLIN) != 0) && s.in != nullptr && attempt(*s.in)) {
      done(*s.in);
    } else if (s.in == nullptr && s.out == nullptr && broken) {
      return disarm(h, s);   // hang-ups are reported whether asked for or not
    } else if (s.in == nullptr && (events & EPOLLIN) != 0) {
      return s.out != nullptr ? control(h, s, EPOLLOUT) : disarm(h, s);
    }
    if ((broken || (events & EPOLLOUT) != 0) && s.out != nullptr) {
      if (finish_out(*s.out)) done(*s.out);
    } else if (s.out == nullptr && (events & EPOLLOUT) != 0) {
      s.in != nullptr ? control(h, s, EPOLLIN) : disarm(h, s);
    }
  }

  bool starved(const Slot& s) const {
    return s.in != nullptr && s.in->kind == Op::Kind::read && s.in->data == nullptr &&
           loans.empty() && loans_made == loan_limit;
  }
  // Level-triggered interest without a buffer to read into would be reported for ever.
  void feed() {
    for (const Handle h : hungry) arm(h, slot(h));
    hungry.clear();
  }

  // A dial is finished by what the socket has become, whatever bits arrived.
  bool finish_out(Op& op) {
    if (op.kind != Op::Kind::dial) return attempt(op);
    // Only a connected socket has a peer.
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    op.outcome = 0;
    if (::getpeername(op.handle, reinterpret_cast<sockaddr*>(&peer), &size) == 0) return true;
    int error = 0;
    size = sizeof error;
    ::getsockopt(op.handle, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return false;   // a spurious event
    op.outcome = outcome_of(error);
    return true;
  }

  // ---- asking the kernel -----------------------------------------------------------------------

  // A time-out given to epoll is set and taken back at every wait, and where nothing else is due
  // the kernel reprograms the clock chip each time. The deadlines of a stream are far away and move
  // with every token; one alarm that rings too early now and then, and is set anew, is cheaper.
  bool set_alarm(Nanos until) {
    if (alarm < 0 && !open_alarm()) return false;
    if (alarm_at <= until) return true;
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(until / kSecond);
    when.it_value.tv_nsec = static_cast<long>(until % kSecond);
    if (::timerfd_settime(alarm, TFD_TIMER_ABSTIME, &when, nullptr) != 0) return false;
    alarm_at = until;
    return true;
  }
  bool open_alarm() {
    alarm = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (alarm < 0) return false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = alarm;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, alarm, &event) == 0;
  }

  int poll(Nanos until, epoll_event* events) {
    ++counters.polls;
    // An alarm that is set rings in time: the clock need not be read.
    if (until == kNever || alarm_at <= until) {
      return ::epoll_pwait(epoll, events, kEvents, -1, nullptr);
    }
    const Nanos left = until - now();
    if (left <= 0) return ::epoll_pwait(epoll, events, kEvents, 0, nullptr);
    if (left > kFar && set_alarm(until)) {
      return ::epoll_pwait(epoll, events, kEvents, -1, nullptr);
    }
    if (precise) {
      const struct {            // the kernel's own; timespec is smaller where time_t has 32 bits
        int64_t sec, nsec;
      } ts{left / kSecond, left % kSecond};
      const long n = ::syscall(SYS_epoll_pwait2, epoll, events, kEvents, &ts, nullptr, 8);
      if (n >= 0 || errno == EINTR) return static_cast<int>(n);
      precise = false;   // before Linux 5.11, or forbidden by a filter
    }
    // Milliseconds, rounded up: a timer that is early would make its worker spin.
    const Nanos ms = left / kMilli + (left % kMilli != 0);
    return ::epoll_pwait(epoll, events, kEvents, ms > 3600000 ? 3600000 : static_cast<int>(ms),
                         nullptr);
  }

  void harvest(Nanos until) {
    epoll_event events[kEvents];
    const int n = poll(until, events);
    for (int i = 0; i < n; ++i) {
      if (events[i].data.fd == waker) {
        // Empty it first: a wake between the two lines finds the flag still up and writes nothing,
        // and what it announced is seen behind this wait. The other way round its write would be
        // drained with the flag left up, and every later wake swallowed.
        uint64_t count;
        [[maybe_unused]] ssize_t got = ::read(waker, &count, sizeof count);
        woken.exchange(false, std::memory_order_seq_cst);
        ++counters.wakes;
      } else if (events[i].data.fd == alarm) {
        uint64_t count;
        [[maybe_unused]] ssize_t got = ::read(alarm, &count, sizeof count);
        alarm_at = kNever;
      } else {
        on_event(events[i].data.fd, events[i].events);
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
LinuxPort& self(Port* p) { return *static_cast<LinuxPort*>(p); }
}  // namespace

Result<Port*> Port::open(uint32_t lend_size) {
  LinuxPort* p = new LinuxPort;
  p->lend_size = lend_size;
  if (lend_size != 0) p->loan_limit = std::clamp<size_t>(kLoanBytes / lend_size, 1, kLoans);
  p->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  p->waker = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = p->waker;
  if (p->epoll < 0 || p->waker < 0 ||
      ::epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->waker, &event) != 0) {
    const int error = errno;
    close(p);
    return fail(Errc::io, "epoll", error);
  }
  // The kernel may lengthen a sleep by 50 us by default; pacing and TTFT are measured in less.
  ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
  return p;
}

void Port::close(Port* port) {
  LinuxPort& p = self(port);
  if (p.epoll >= 0) ::close(p.epoll);
  if (p.waker >= 0) ::close(p.waker);
  if (p.alarm >= 0) ::close(p.alarm);
  for (char* loan : p.loans) delete[] loan;
  delete &p;
}

void Port::submit(Op& op) {
  LinuxPort& p = self(this);
  Slot& s = p.slot(op.handle);
  const bool in = op.kind == Op::Kind::read || op.kind == Op::Kind::accept;
  Op*& place = in ? s.in : s.out;
  CHI_CHECK(place == nullptr);
  place = &op;
  const bool empty = op.kind == Op::Kind::read && s.drained;
  if (!empty && p.attempt(op)) {
    p.done(op);
  } else {
    p.arm(op.handle, s);
  }
}

void Port::cancel(Op& op) {
  LinuxPort& p = self(this);
  Slot& s = p.slot(op.handle);
  if (s.in != &op && s.out != &op) return;   // finished already, on its way out of wait()
  op.outcome = -kCancelled;
  p.done(op);
}

size_t Port::wait(Nanos until, std::span<Op*> done) {
  LinuxPort& p = self(this);
  const bool ready = p.first_done != nullptr;
  // Work that is done already does not keep the others from being heard for ever.
  if (!ready || ++p.busy_waits % kPollEvery == 0) p.harvest(ready ? 0 : until);
  return p.hand_out(done);
}

void Port::wake() {
  LinuxPort& p = self(this);
  if (p.woken.exchange(true, std::memory_order_seq_cst)) return;
  const uint64_t one = 1;
  [[maybe_unused]] ssize_t n = ::write(p.waker, &one, sizeof one);
}

void Port::forget(Handle h) {
  LinuxPort& p = self(this);
  Slot& s = p.slot(h);
  CHI_CHECK(s.in == nullptr && s.out == nullptr);
  if (s.registered) p.disarm(h, s);
  s = Slot{};
}

void Port::give_back(Op& op) {
  self(this).return_loan(op);
  self(this).feed();
}

const Port::Counters& Port::counters() const {
  return static_cast<const LinuxPort*>(this)->counters;
}

}  // namespace chimera::sys
