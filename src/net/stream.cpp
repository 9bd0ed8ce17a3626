#include "chimera/net/stream.hpp"

#include "chimera/sys/clock.hpp"

namespace chimera::net {
namespace {

constexpr Nanos kStagger = 250 * kMilli;         // RFC 8305 section 5
constexpr Nanos kStaggerLoopback = 10 * kMilli;

// Outside of a runtime there is no port (any more) that knows the socket.
void drop(sys::Handle& h, rt::Worker* home, void (*end)(sys::Handle)) {
  if (h == sys::kNoHandle) return;
  rt::Worker* here = rt::Worker::current();
  if (here == nullptr) {
    end(h);
  } else {
    (home != nullptr ? home : here)->close(h, end);
  }
  h = sys::kNoHandle;
}

}  // namespace

Error error_of(int64_t outcome, const char* where, const char* deadline_name) {
  switch (-outcome) {
    case rt::kTimedOut: return {Errc::timed_out, 0, deadline_name};
    case sys::kCancelled: return {Errc::cancelled, 0, where};
    case sys::kRefused: return {Errc::refused, 0, where};
    case sys::kUnreachable: return {Errc::refused, 0, "no route"};
    case sys::kNoAnswer: return {Errc::timed_out, 0, where};
    case sys::kReset: return {Errc::reset, 0, where};
    case sys::kTooManyHandles: return {Errc::io, 0, "descriptors"};
    default: return {Errc::io, static_cast<int32_t>(-outcome - sys::kOsError), where};
  }
}

Stream& Stream::operator=(Stream&& o) noexcept {
  if (this != &o) {
    close();
    handle_ = std::exchange(o.handle_, sys::kNoHandle);
    home_ = o.home_;
  }
  return *this;
}

void Stream::close() { drop(handle_, home_, sys::close_socket); }
void Stream::abort() { drop(handle_, home_, sys::abort_socket); }

Stream::ReadSome::ReadSome(const Stream& s, uint32_t cap, Deadline d, rt::Stop* with)
    : deadline_name(d.name) {
  kind = Kind::read;
  handle = s.handle_;
  home = s.home_;
  len = cap;
  deadline = d.at;
  stop = with;
}

Result<std::string_view> Stream::ReadSome::await_resume() {
  const int64_t n = rt::Io::await_resume();
  if (n < 0) return fail(error_of(n, "read", deadline_name));
  return std::string_view(data, static_cast<size_t>(n));
}

Stream::WriteSome::WriteSome(const Stream& s, std::string_view bytes, Deadline d, rt::Stop* with)
    : deadline_name(d.name) {
  kind = Kind::write;
  handle = s.handle_;
  home = s.home_;
  data = const_cast<char*>(bytes.data());
  len = bytes.size() > (1u << 30) ? 1u << 30 : static_cast<uint32_t>(bytes.size());
  deadline = d.at;
  stop = with;
}

Result<size_t> Stream::WriteSome::await_resume() {
  const int64_t n = rt::Io::await_resume();
  if (n < 0) return fail(error_of(n, "write", deadline_name));
  return static_cast<size_t>(n);
}

rt::Task<Result<void>> Stream::write_all(std::string_view bytes, Deadline d, rt::Stop* with) {
  while (!bytes.empty()) {
    CHI_CO_TRY(const size_t n, co_await write_some(bytes, d, with));
    bytes.remove_prefix(n);
  }
  co_return Result<void>();
}

rt::Task<Result<Stream>> dial(sys::Address to, Deadline d, rt::Stop* with) {
  CHI_CO_TRY(const sys::Handle h, sys::open_socket(to.family, sys::Transport::stream));
  Stream stream(h);
  CHI_CO_TRY_VOID(co_await dial_on(h, to, d, with));
  co_return stream;
}

rt::Task<Result<void>> dial_on(sys::Handle h, sys::Address to, Deadline d, rt::Stop* with) {
  rt::Io io;
  io.kind = sys::Op::Kind::dial;
  io.handle = h;
  io.peer = &to;
  io.deadline = d.at;
  io.stop = with;
  const int64_t outcome = co_await io;
  if (outcome == -sys::kNoAnswer) co_return fail(Errc::timed_out, "connect");
  if (outcome < 0) co_return fail(error_of(outcome, "dial", d.name));
  co_return Result<void>();
}

namespace {

// One race: attempt i waits for its turn, or until its `go` is requested because one has failed.
struct Race {
  explicit Race(rt::Stop* with) : losers(with) {}

  std::span<const sys::Address> to;
  Deadline deadline;
  rt::Stop losers;
  std::vector<rt::Stop> go;
  size_t next = 1;                 // the first attempt that has not been let go
  Stream winner;
  Error error;
  bool failed = false;
};

rt::Task<void> attempt(Race& race, size_t i, Nanos start_at) {
  if (i > 0) {
    rt::Sleep turn(start_at, &race.go[i]);
    co_await turn;
    if (race.next <= i) race.next = i + 1;
  }
  if (race.losers.requested()) co_return;
  Result<Stream> stream = co_await dial(race.to[i], race.deadline, &race.losers);
  if (race.losers.requested()) co_return;
  if (stream) {
    race.winner = std::move(*stream);
    race.losers.request();
    for (rt::Stop& s : race.go) s.request();
    co_return;
  }
  if (!race.failed) race.error = stream.error();
  race.failed = true;
  if (race.next < race.go.size()) race.go[race.next++].request();
}

}  // namespace

rt::Task<Result<Stream>> dial_any(std::span<const sys::Address> to, Deadline d, rt::Stop* with) {
  if (to.empty()) co_return fail(Errc::resolve, "no address");
  if (to.size() == 1) co_return co_await dial(to[0], d, with);
  Race race(with);
  race.to = to;
  race.deadline = d;
  race.go = std::vector<rt::Stop>(to.size());
  for (rt::Stop& go : race.go) go.be_part_of(with);
  const Nanos stagger = to[0].loopback() ? kStaggerLoopback : kStagger;
  const Nanos begin = sys::now();
  rt::Scope scope;
  for (size_t i = 0; i < to.size(); ++i) {
    scope.start(attempt(race, i, begin + static_cast<Nanos>(i) * stagger), rt::Place::here());
  }
  co_await scope.join();
  if (with != nullptr && with->requested()) co_return fail(Errc::cancelled, "dial");
  if (!race.winner.is_open()) co_return fail(race.error);
  co_return std::move(race.winner);
}

Result<void> Listener::open(const sys::Address& at, int backlog) {
  CHI_TRY(handle_, sys::listen_on(at, backlog));
  return {};
}

void Listener::close() { drop(handle_, nullptr, sys::close_socket); }

Listener::Accept::Accept(sys::Handle h) {
  CHI_CHECK(!rt::Worker::current()->movable());   // another worker's port would not know it
  kind = Kind::accept;
  handle = h;
}

Result<Stream> Listener::Accept::await_resume() {
  const int64_t n = rt::Io::await_resume();
  if (n < 0) return fail(error_of(n, "accept", ""));
  return Stream(static_cast<sys::Handle>(n));
}

}  // namespace chimera::net
