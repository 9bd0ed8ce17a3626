// runs: virtual
//
// A whole conversation over net::Stream as a table of races: the client dials, asks and reads the
// reply; the server accepts, reads the question, thinks, answers and closes. Each row delays, cuts
// or cancels something; the outcome and its instant are exact.
#include "chimera/net/stream.hpp"

#include <deque>
#include <string>

#include "chimera/sys/virtual.hpp"
#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;
using namespace chimera::sys;
using rt::Place;
using virtual_world::DialOutcome;
using virtual_world::kStart;
using virtual_world::kUnlimited;

namespace {

constexpr std::string_view kQuestion = "question";   // 8 bytes
constexpr std::string_view kReply = "reply";         // 5 bytes

enum class Cut { none, fin, reset, swallow };

// All times in ms after the start; 0 = none for those that end something.
struct Row {
  const char* name;
  Nanos dial_delay, latency;       // latency of each direction
  Nanos thinks;                    // between the question and the reply
  Nanos deadline, cancel, stop;    // total deadline; the client's Stop; the runtime's stop
  Cut cut;
  uint64_t cut_at;                 // bytes of the reply that pass
  DialOutcome dial;
  // what is to come of it
  const char* error;               // nullptr: none
  Errc code;
  const char* got;                 // the bytes before the end
  Nanos at;                        // the instant of the outcome
  bool asked;                      // the server has read the question
};

constexpr auto kByListener = DialOutcome::by_listener;
constexpr Errc kNo{};

const Row kRows[] = {
    {"at once", 0, 0, 0, 0, 0, 0, Cut::none, 0, kByListener, nullptr, kNo, "reply", 0, true},
    {"each step takes its time", 10, 3, 50, 0, 0, 0, Cut::none, 0, kByListener, nullptr, kNo,
     "reply", 66, true},
    {"a deadline that is not reached", 10, 3, 50, 67, 0, 0, Cut::none, 0, kByListener, nullptr,
     kNo, "reply", 66, true},

    {"deadline in the dial", 10, 3, 50, 9, 0, 0, Cut::none, 0, kByListener, "total",
     Errc::timed_out, "", 9, false},
    {"connected at the instant of the deadline: too late to ask", 10, 0, 50, 10, 0, 0, Cut::none, 0,
     kByListener, "total", Errc::timed_out, "", 10, false},
    {"deadline while the server thinks", 10, 3, 50, 40, 0, 0, Cut::none, 0, kByListener, "total",
     Errc::timed_out, "", 40, true},
    {"deadline 1 ms before the reply", 10, 3, 50, 65, 0, 0, Cut::none, 0, kByListener, "total",
     Errc::timed_out, "", 65, true},
    {"the reply at the instant of the deadline: what has come is kept", 10, 3, 50, 66, 0, 0,
     Cut::none, 0, kByListener, "total", Errc::timed_out, "reply", 66, true},
    {"nobody answers the dial", 10, 3, 50, 200, 0, 0, Cut::none, 0, DialOutcome::silent, "total",
     Errc::timed_out, "", 200, false},
    {"refused", 10, 3, 50, 200, 0, 0, Cut::none, 0, DialOutcome::refused, "dial", Errc::refused,
     "", 10, false},
    {"refused at the instant of the deadline: the refusal wins", 10, 3, 50, 10, 0, 0, Cut::none, 0,
     DialOutcome::refused, "dial", Errc::refused, "", 10, false},
    {"no route", 10, 3, 50, 200, 0, 0, Cut::none, 0, DialOutcome::unreachable, "no route",
     Errc::refused, "", 10, false},

    {"cancelled in the dial", 10, 3, 50, 200, 4, 0, Cut::none, 0, kByListener, "dial",
     Errc::cancelled, "", 4, false},
    {"cancelled while the server thinks", 10, 3, 50, 200, 30, 0, Cut::none, 0, kByListener, "read",
     Errc::cancelled, "", 30, true},
    {"cancelled and timed out at one instant: only one of them", 10, 3, 50, 30, 30, 0, Cut::none,
     0, kByListener, "total", Errc::timed_out, "", 30, true},
    {"cancelled when the reply is there already", 10, 3, 50, 200, 67, 0, Cut::none, 0, kByListener,
     nullptr, kNo, "reply", 66, true},
    {"the runtime stops in the dial", 10, 3, 50, 200, 0, 4, Cut::none, 0, kByListener, "dial",
     Errc::cancelled, "", 4, false},
    {"the runtime stops while the server thinks", 10, 3, 50, 200, 0, 30, Cut::none, 0, kByListener,
     "read", Errc::cancelled, "", 30, true},

    {"FIN in the reply", 10, 3, 50, 200, 0, 0, Cut::fin, 2, kByListener, nullptr, kNo, "re", 66,
     true},
    {"FIN before the reply", 10, 3, 50, 200, 0, 0, Cut::fin, 0, kByListener, nullptr, kNo, "", 13,
     true},
    {"reset in the reply", 10, 3, 50, 200, 0, 0, Cut::reset, 2, kByListener, "read", Errc::reset,
     "re", 66, true},
    {"swallowed in the reply, deadline", 10, 3, 50, 200, 0, 0, Cut::swallow, 2, kByListener,
     "total", Errc::timed_out, "re", 200, true},
    {"swallowed whole, cancelled", 10, 3, 50, 200, 90, 0, Cut::swallow, 0, kByListener, "read",
     Errc::cancelled, "", 90, true},
    {"reset with the connection", 10, 3, 50, 66, 0, 0, Cut::reset, 0,
     kByListener, "read", Errc::reset, "", 13, false},
};

struct Talk {
  net::Listener listener;
  Address at;
  rt::Stop cancel;
  net::Deadline deadline;
  std::string got;               // by the client
  std::string question;          // by the server
  Error error;
  bool failed = false;
  Nanos ended = 0;
  int outcomes = 0;
};

rt::Task<Result<void>> client(Talk& t) {
  CHI_CO_TRY(net::Stream stream, co_await net::dial(t.at, t.deadline, &t.cancel));
  CHI_CO_TRY_VOID(co_await stream.write_all(kQuestion, t.deadline));
  for (;;) {
    CHI_CO_TRY(const std::string_view part, co_await stream.read_some(t.deadline, 0, &t.cancel));
    if (part.empty()) break;
    t.got += part;
  }
  co_return Result<void>();
}

rt::Task<Result<void>> server(Talk& t, Nanos thinks) {
  const net::Deadline never;
  CHI_CO_TRY(net::Stream stream, co_await t.listener.accept());
  while (t.question.size() < kQuestion.size()) {
    CHI_CO_TRY(const std::string_view part, co_await stream.read_some(never));
    if (part.empty()) co_return fail(Errc::closed, "question");
    t.question += part;
  }
  rt::Sleep think(sys::now() + thinks);
  const int64_t woke = co_await think;
  if (woke < 0) co_return fail(Errc::cancelled, "think");
  CHI_CO_TRY_VOID(co_await stream.write_all(kReply, never));
  co_return Result<void>();
}

rt::Task<void> serve(Talk& t, Nanos thinks) {
  Result<void> ignored = co_await server(t, thinks);
  (void)ignored;
}
// `act` on the client or on the runtime, at an instant; not any more when all is over.
rt::Task<void> cancel_at(Talk& t, Nanos at, rt::Stop& enough) {
  rt::Sleep sleep(at, &enough);
  const int64_t woke = co_await sleep;
  if (woke == 0) t.cancel.request();
}
rt::Task<void> stop_at(Nanos at, rt::Stop& enough) {
  rt::Sleep sleep(at, &enough);
  const int64_t woke = co_await sleep;
  if (woke == 0) rt::Runtime::current()->stop();
}

rt::Task<void> converse(Talk& t, const Row& row) {
  rt::Stop enough;
  rt::Scope scope;
  scope.start(serve(t, row.thinks * kMilli), Place::here());
  if (row.cancel != 0)
    scope.start(cancel_at(t, kStart + row.cancel * kMilli, enough), Place::here());
  if (row.stop != 0) scope.start(stop_at(kStart + row.stop * kMilli, enough), Place::here());
  Result<void> r = co_await client(t);
  ++t.outcomes;
  t.ended = sys::now();
  t.failed = !r.has_value();
  if (t.failed) t.error = r.error();
  enough.request();
  rt::Sleep rest(sys::now() + kSecond);   // the server may finish what it is about
  co_await rest;
  rt::Runtime::current()->stop();
  co_await scope.join();
  t.listener.close();
}

void set_up(Talk& t, const Row& row, uint64_t seed) {
  virtual_world::reset(seed);
  REQUIRE(t.listener.open(*parse_ip("127.0.0.1", 0)).has_value());
  t.at = *t.listener.address();
  virtual_world::Rule rule;
  rule.dial = row.dial;
  rule.dial_delay = row.dial_delay * kMilli;
  rule.to_server.latency = rule.to_client.latency = row.latency * kMilli;
  if (row.cut == Cut::fin) rule.to_client.fin_after = row.cut_at;
  if (row.cut == Cut::reset) rule.to_client.reset_after = row.cut_at;
  if (row.cut == Cut::swallow) rule.to_client.swallow_after = row.cut_at;
  virtual_world::set_rule(t.at, rule);
  t.deadline = net::deadline_in(kStart, row.deadline * kMilli, "total");
}

void check(const Talk& t, const Row& row) {
  CHECK(t.outcomes == 1);
  CHECK(t.failed == (row.error != nullptr));
  if (t.failed && row.error != nullptr) {
    CHECK(t.error.code == row.code);
    CHECK(std::string(t.error.where) == row.error);
  }
  CHECK(t.got == row.got);
  CHECK(t.ended - kStart == row.at * kMilli);
  CHECK((t.question == kQuestion) == row.asked);
  CHECK(virtual_world::open_handles() == 0);
}

// ---- a crowd at one instant ---------------------------------------------------------------------

// Into a buffer of its own: the port lends only a few at a time.
rt::Task<void> read_once(net::Stream& s, Nanos deadline, std::string& got, int& timeouts) {
  got.resize(8);
  rt::Io io;
  io.kind = Op::Kind::read;
  io.handle = s.handle();
  io.data = got.data();
  io.len = 8;
  io.deadline = deadline;
  const int64_t n = co_await io;
  timeouts += n == -rt::kTimedOut;
  got.resize(n < 0 ? 0 : static_cast<size_t>(n));
}
rt::Task<void> write_at(net::Stream& s, Nanos at) {
  rt::Sleep sleep(at);
  co_await sleep;
  const net::Deadline never;
  Result<void> sent = co_await s.write_all("hello", never);
  CHECK(sent.has_value());
}
// 150 reads whose data comes at the instant of their deadline.
rt::Task<void> crowd(int& timeouts, int& whole) {
  std::deque<Ends> pairs(150);
  std::deque<std::string> got(pairs.size());
  for (Ends& e : pairs) co_await connect(e);
  const Nanos deadline = sys::now() + 50 * kMilli;
  rt::Scope scope;
  for (size_t i = 0; i < pairs.size(); ++i) {
    scope.start(read_once(pairs[i].server, deadline, got[i], timeouts), Place::here());
    scope.start(write_at(pairs[i].client, deadline - 5 * kMilli), Place::here());
  }
  co_await scope.join();
  CHECK(sys::now() == deadline);
  for (const std::string& s : got) whole += s == "hello";
}

// What a careless network adds: nothing of it may change an outcome or its instant.
void shuffle() { virtual_world::options().shuffle = true; }
void spurious() { virtual_world::options().spurious_percent = 60; }
void nothing() {}

struct Weather {
  const char* name;
  void (*set)();
};
const Weather kWeathers[] = {{"calm", nothing}, {"shuffled", shuffle}, {"spurious", spurious}};

}  // namespace

TEST_CASE("conversation: a table of races, each with its outcome and its instant") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    for (const Weather& w : kWeathers) {
      CAPTURE(w.name);
      for (uint64_t seed = 1; seed <= (w.set == nothing ? 1 : 10); ++seed) {
        CAPTURE(seed);
        Talk t;
        set_up(t, row, seed);
        w.set();
        Bench bench;
        bench.run(converse(t, row));
        check(t, row);
      }
    }
  }
}

// Cancels at every millisecond, with cancels that lose against a result that is ready: either all
// of the reply or the cancel, at the right instant, and nothing in between.
TEST_CASE("conversation: cancelled at every instant") {
  const Row row{"", 10, 3, 50, 0, 0, 0, Cut::none, 0, kByListener, nullptr, kNo, "", 0, true};
  for (const uint32_t late : {0u, 100u}) {
    for (Nanos at = 1; at < 80; ++at) {
      CAPTURE(late);
      CAPTURE(at);
      Row r = row;
      r.cancel = at;
      Talk t;
      set_up(t, r, 1);
      virtual_world::options().late_cancel_percent = late;
      Bench bench;
      bench.run(converse(t, r));
      CHECK(t.outcomes == 1);
      if (at == 10 || at == 66) {   // the race itself: one of the two, wholly
        CHECK(t.ended - kStart == at * kMilli);
        CHECK((t.failed || t.got == kReply));
      } else {
        CHECK(t.failed == (at < 66));
        CHECK(t.ended - kStart == (at < 66 ? at : 66) * kMilli);
        CHECK(t.got == (at < 66 ? "" : "reply"));
      }
      if (t.failed) CHECK(t.error.code == Errc::cancelled);
      CHECK(virtual_world::open_handles() == 0);
    }
  }
}

// One wait hands out 64 operations. The deadlines of the others strike while their data is on its
// way out of the port: it must not be thrown away.
TEST_CASE("conversation: more data at the instant of the deadline than one wait hands out") {
  virtual_world::reset(1);
  virtual_world::default_rule().to_server.latency = 5 * kMilli;
  virtual_world::default_rule().to_client.latency = 5 * kMilli;
  int timeouts = 0, whole = 0;
  {
    Bench bench;
    bench.run(crowd(timeouts, whole));
  }
  CHECK(timeouts == 0);
  CHECK(whole == 150);
  virtual_world::reset(1);
}

TEST_CASE("conversation: the same seed gives the same run") {
  virtual_world::Counters first{};
  for (int i = 0; i < 3; ++i) {
    Talk t;
    set_up(t, kRows[1], 42);
    shuffle();
    virtual_world::options().spurious_percent = 60;
    Bench bench;
    bench.run(converse(t, kRows[1]));
    const virtual_world::Counters c = virtual_world::counters();
    if (i == 0) first = c;
    CHECK(c.jumps == first.jumps);
    CHECK(c.bytes == kQuestion.size() + kReply.size());
    CHECK(c.dials == 1);
  }
}
