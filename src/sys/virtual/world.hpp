// The network behind the virtual port and the virtual sockets. A socket holds what is on its way to
// it, stamped with the instant of arrival; nothing is ever scheduled. The world moves because each
// waiting op can be asked when it will be ready (ready_at) and the port turns the clock there.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/own.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/sys/port.hpp"
#include "chimera/sys/virtual.hpp"

namespace chimera::sys::virtual_world {

inline constexpr Nanos kAtOnce = INT64_MIN;

// The bytes on their way to one end of a stream, and those it has not read yet.
class Inbound {
 public:
  void push(std::string_view data, Nanos at);   // `at` never decreases
  size_t ready(Nanos now);                      // bytes that are here and unread
  void take(char* to, size_t n);
  size_t held() const { return bytes_.size() - head_ + swallowed; }
  Nanos next_arrival() const { return marks_.empty() ? kNever : marks_.front().at; }
  Nanos last_arrival() const { return marks_.empty() ? kNever : marks_.back().at; }

  size_t swallowed = 0;                         // never arrive, but fill the pipe
  Nanos fin_at = kNever, reset_at = kNever;

 private:
  struct Mark {
    Nanos at;        // all bytes before `upto` of the stream are here at this instant
    uint64_t upto;
  };
  std::string bytes_;
  size_t head_ = 0;
  std::vector<Mark> marks_;
  uint64_t pushed_ = 0, taken_ = 0, arrived_ = 0;
};

struct Letter {      // a datagram, or the news that one was refused
  Nanos at = 0;
  bool refused = false;
  std::string bytes;
};

struct Socket {
  enum class Kind : uint8_t { fresh, stream, listener, datagram };
  Kind kind = Kind::fresh;
  Address local, remote;
  Port* port = nullptr;                         // from the first op to forget
  Op* reading = nullptr;                        // in flight
  Op* writing = nullptr;
  Rule rule;
  Nanos dial_due = kNever;
  // stream: `peer` is null once the other end is closed
  Socket* peer = nullptr;
  Lane out, back;                               // what this end writes, what it reads
  uint64_t sent = 0;
  bool cut = false;                             // what this end writes is lost
  Inbound in;
  // listener
  size_t backlog = 0;
  std::vector<Own<Socket>> pending;
  // datagram, sorted by arrival
  std::vector<Letter> letters;
};

// Fulfils port.hpp; see there. Ops wait in the order of their submission.
struct VirtualPort final : Port {
  std::vector<Op*> flying, finished;
  std::vector<Own<std::string>> free_buffers, lent_buffers;
  uint32_t lend_size = 0;
  std::atomic<bool> woken{false};
  Port::Counters counted;

  Nanos ready_at(const Op& op) const;
  bool try_finish(Op& op);                      // moves it to `finished` if it is ready now
  size_t deliver(std::span<Op*> done);
  char* lend();
  void take_back(Op& op);
};

struct World {
  Nanos now = kStart;
  Rng rng{0};
  Options options;
  Rule rule;
  struct Destination {
    Address to;
    Rule rule;
  };
  std::vector<Destination> destinations;
  Responder responder = nullptr;
  void* responder_context = nullptr;
  Turns turns = nullptr;
  void* turns_context = nullptr;
  Nanos wall_step = 0;
  Counters counters;
  uint16_t next_port = 40000;
  std::vector<Own<Socket>> table;               // by handle
  std::vector<VirtualPort*> ports;

  Socket* find(Handle h);                       // null when not open
  Handle adopt(Own<Socket> s);                  // the lowest free handle; kNoHandle at the limit
  size_t open_count() const;
  Socket* listener_at(const Address& to);
  const Rule& rule_for(const Address& to) const;
  uint16_t pick_port() { return next_port++; }
};
World& world();

// When an op of this kind on `s` will have a result: now or earlier when it has one already.
Nanos ready_at(Socket& s, Op::Kind kind);
// Does what a ready op asks for; `data` and `len` as in Op. The outcome as port.hpp has it.
int64_t perform(Socket& s, Op::Kind kind, char* data, uint32_t len);
void start_dial(Socket& s, const Address& to);
void hang_up(Socket& s, bool abortive);

}  // namespace chimera::sys::virtual_world
