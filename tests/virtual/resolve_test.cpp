// runs: virtual
//
// The resolver's clock: who is asked when, and how long one family waits for the other.
#include "chimera/net/resolve.hpp"
#include "chimera/sys/virtual.hpp"
#include "tests/net/dns_rig.hpp"
#include "tests/net/rig.hpp"

using namespace chimera_test;
namespace world = chimera::sys::virtual_world;

namespace {

constexpr Nanos ms = kMilli;
constexpr Nanos kSilent = -1;
enum What : int { kAddress, kNothing, kNoName, kFailure };

struct Family {
  What what;
  Nanos delay;   // kSilent = no answer ever
};
struct Case {
  const char* name;
  Family v6, v4;
  Nanos limit;
  const char* addresses;   // null = an error
  Errc error;
  Nanos took;
  uint64_t asked;
};

void answer(void* context, const sys::Address&, std::string_view query,
            std::vector<world::Reply>& replies) {
  const Case& c = *static_cast<const Case*>(context);
  const bool six = asks_aaaa(query);
  const Family& f = six ? c.v6 : c.v4;
  if (f.delay == kSilent) return;
  switch (f.what) {
    case kAddress: replies.push_back({f.delay, reply(query, {six ? aaaa(1) : a(1)})}); break;
    case kNothing: replies.push_back({f.delay, reply(query, {})}); break;
    case kNoName: replies.push_back({f.delay, reply(query, {}, 3)}); break;
    case kFailure: replies.push_back({f.delay, reply(query, {}, 2)}); break;
  }
}

}  // namespace

TEST_CASE("how long a lookup takes") {
  static const char* const both = "[fd00::1]:80 10.0.0.1:80";
  static const char* const four = "10.0.0.1:80";
  static const char* const six = "[fd00::1]:80";
  const Case cases[] = {
      {"both at once", {kAddress, 0}, {kAddress, 0}, 0, both, {}, 0, 2},
      {"the later one counts", {kAddress, 30 * ms}, {kAddress, 10 * ms}, 0, both, {}, 30 * ms, 2},
      {"49 ms later still counts",
       {kAddress, 59 * ms},
       {kAddress, 10 * ms},
       0,
       both,
       {},
       59 * ms,
       2},
      {"51 ms later does not", {kAddress, 61 * ms}, {kAddress, 10 * ms}, 0, four, {}, 60 * ms, 2},
      {"silent AAAA", {kAddress, kSilent}, {kAddress, 10 * ms}, 0, four, {}, 60 * ms, 2},
      {"silent A", {kAddress, 10 * ms}, {kAddress, kSilent}, 0, six, {}, 60 * ms, 2},
      {"failing AAAA", {kFailure, 0}, {kAddress, 10 * ms}, 0, four, {}, 10 * ms, 5},
      {"no AAAA at once: A has all its time",
       {kNothing, 0},
       {kAddress, 800 * ms},
       0,
       four,
       {},
       800 * ms,
       2},
      {"no such AAAA: A has all its time",
       {kNoName, 0},
       {kAddress, 800 * ms},
       0,
       four,
       {},
       800 * ms,
       2},
      {"no A at once: AAAA has all its time",
       {kAddress, 800 * ms},
       {kNothing, 0},
       0,
       six,
       {},
       800 * ms,
       2},
      {"no such name, and a silent AAAA",
       {kAddress, kSilent},
       {kNoName, 10 * ms},
       0,
       nullptr,
       Errc::resolve,
       60 * ms,
       2},
      {"no such name",
       {kNoName, 20 * ms},
       {kNoName, 10 * ms},
       0,
       nullptr,
       Errc::resolve,
       20 * ms,
       2},
      {"silence: two servers, two attempts, a second each",
       {kAddress, kSilent},
       {kAddress, kSilent},
       0,
       nullptr,
       Errc::resolve,
       4000 * ms,
       8},
      {"silence, and a deadline",
       {kAddress, kSilent},
       {kAddress, kSilent},
       1500 * ms,
       nullptr,
       Errc::timed_out,
       1500 * ms,
       4},
      {"the deadline cuts the timeout, not the answer",
       {kAddress, kSilent},
       {kAddress, 10 * ms},
       5000 * ms,
       four,
       {},
       60 * ms,
       2},
      {"every server fails", {kFailure, ms}, {kFailure, ms}, 0, nullptr, Errc::resolve, 4 * ms, 8},
  };
  const Files files("", "nameserver 192.0.2.1\nnameserver 192.0.2.2\n"
                        "options timeout:1 attempts:2\n");
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    world::reset(1);
    world::set_responder(answer, const_cast<Case*>(&c));
    const Nanos start = sys::now();
    const auto got =
        finish(net::resolve("host.example", 80, net::deadline_in(start, c.limit, "connect")));
    CHECK(sys::now() - start == c.took);
    CHECK(got.has_value() == (c.addresses != nullptr));
    if (got && c.addresses != nullptr) CHECK(joined(*got) == c.addresses);
    if (!got) CHECK(got.error().code == c.error);
    if (!got && c.error == Errc::timed_out) CHECK(std::string_view(got.error().where) == "connect");
    if (c.asked != 0) CHECK(world::counters().datagrams == c.asked);
    CHECK(world::open_handles() == 0);
  }
}
