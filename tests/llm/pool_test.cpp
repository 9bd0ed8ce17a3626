// runs: virtual
//
// Which server is asked when, and whose answer it is, in time.
#include "chimera/llm/pool.hpp"

#include "chimera/sys/virtual.hpp"
#include "tests/llm/model_server.hpp"

using namespace chimera_test;
using namespace chimera::llm;
namespace world = chimera::sys::virtual_world;

namespace {

constexpr Nanos ms = kMilli;

enum class Kind { answers, refused, silent, busy, busy_once, broken, no_model, unauthorised };

struct Host {
  Kind kind;
  Nanos wait = 0;          // for the answer
  const char* fields = "";
};

// Servers at 192.0.2.1 and on, and a client of them.
class Farm {
 public:
  Farm(const std::vector<Host>& hosts, Policy policy, int retries = 0) {
    world::reset(1);
    settings.max_retries = retries;
    settings.timeouts.connect = 300 * ms;
    settings.timeouts.idle = 2 * kSecond;
    settings.timeouts.idle_from_start = true;
    for (size_t i = 0; i < hosts.size(); ++i) add(hosts[i], i);
    servers.emplace(urls, settings, policy);
  }

  // The models live beside `client` and end with it.
  rt::Task<bool> with(rt::Task<bool> client) {
    rt::Scope scope;
    for (size_t i = 0; i < models.size(); ++i) {
      scope.start(net::serve(listeners[i], *models[i]), rt::Place::here());
    }
    const bool good = co_await client;
    rt::Sleep moment(sys::now() + ms);   // for what was just given up to arrive
    co_await moment;
    rt::Runtime::current()->stop();
    co_await scope.join();
    co_return good;
  }

  ClientSettings settings;
  std::vector<wire::Url> urls;
  std::vector<std::unique_ptr<Model>> models;
  std::vector<net::Listener> listeners;
  std::optional<Servers> servers;

 private:
  void add(const Host& h, size_t i) {
    const std::string ip = "192.0.2." + std::to_string(i + 1);
    const sys::Address at = *sys::parse_ip(ip, 80);
    world::Rule rule;
    if (h.kind == Kind::refused) rule.dial = world::DialOutcome::refused;
    if (h.kind == Kind::silent) rule.dial = world::DialOutcome::silent;
    world::set_rule(at, rule);
    models.push_back(std::make_unique<Model>());
    Model& m = *models.back();
    m.wait = h.wait;
    m.fields = h.fields;
    m.words = std::string(1, static_cast<char>('a' + i));
    m.gap = ms;
    if (h.kind == Kind::busy) m.status = 503;
    if (h.kind == Kind::busy_once) m.busy_times = 1;
    if (h.kind == Kind::broken) m.status = 500;
    if (h.kind == Kind::unauthorised) m.status = 401;
    if (h.kind == Kind::no_model) m.error = "model 'm' not found";
    listeners.emplace_back();
    REQUIRE(listeners.back().open(at));
    urls.push_back(*wire::parse_url("http://" + ip));
  }
};

struct Told final : PieceSink {
  void on_piece(std::string_view visible, Nanos) override { text += visible; }
  std::string text;
};

rt::Task<bool> ask(Servers& servers, Call& call, std::string& told, Nanos deadline = kNever) {
  Caller caller(servers);
  const Options options;
  Request request{"m", "p", {}, options};
  request.deadline = deadline;
  Told sink;
  co_await caller.generate(request, &sink, call);
  told = sink.text;
  co_return true;
}

std::string asked(const Farm& farm) {
  std::string out;
  for (const auto& model : farm.models) out += std::to_string(model->asked.load());
  return out;
}

}  // namespace

TEST_CASE("pool: who is asked, and who answers") {
  using enum Kind;
  struct Case {
    const char* name;
    Policy policy;
    std::vector<Host> hosts;
    const char* text;       // the server's letter; empty: it failed
    Errc error;
    const char* asked;
    uint32_t attempts;
    Nanos took;
  };
  const Case cases[] = {
      {"the first works", Policy::first, {{answers}, {answers}}, "a", {}, "10", 1, ms},
      {"nobody listens at the first", Policy::first, {{refused}, {answers}}, "b", {}, "01", 2, ms},
      {"the first is silent", Policy::first, {{silent}, {answers}}, "b", {}, "01", 2, 301 * ms},
      {"the first is busy", Policy::first, {{busy}, {answers}}, "b", {}, "11", 2, ms},
      {"the first is broken", Policy::first, {{broken}, {answers}}, "b", {}, "11", 2, ms},
      {"not that model", Policy::first, {{no_model}, {answers}}, "b", {}, "11", 2, ms},
      {"three fail", Policy::first, {{refused}, {busy}, {broken}}, "", Errc::http_status, "011", 3,
       0},
      {"it says nothing", Policy::first, {{answers, kNever / 4}, {answers}}, "b", {}, "11", 2,
       2001 * ms},
      {"not allowed: the caller's own fault", Policy::first, {{unauthorised}, {answers}}, "",
       Errc::auth, "10", 1, 0},
      {"race: the fast one", Policy::race, {{answers, 50 * ms}, {answers, 20 * ms}}, "b", {}, "11",
       2, 21 * ms},
      {"race: one is refused", Policy::race, {{refused}, {answers, 20 * ms}}, "b", {}, "01", 2,
       21 * ms},
      {"race: one is silent", Policy::race, {{silent}, {answers}, {busy}}, "b", {}, "011", 3, ms},
      {"race: all fail", Policy::race, {{refused}, {broken, 5 * ms}}, "", Errc::refused, "01", 2,
       0},
      {"race of one", Policy::race, {{answers}}, "a", {}, "1", 1, ms},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    Farm farm(c.hosts, c.policy);
    Call call;
    std::string told;
    finish(farm.with(ask(*farm.servers, call, told)));
    CHECK(call.text == c.text);
    CHECK(told == call.text);
    CHECK(call.failed == call.text.empty());
    if (call.failed) CHECK(call.error.code == c.error);
    CHECK(asked(farm) == c.asked);
    CHECK(call.attempts == c.attempts);
    CHECK(call.ended - call.started == c.took);
    if (!call.failed) CHECK(call.server == static_cast<uint32_t>(c.text[0] - 'a'));
  }
}

TEST_CASE("pool: the losers of a race are given up at the first piece") {
  Farm farm({{Kind::answers, 50 * ms}, {Kind::answers, 10 * ms}, {Kind::answers, 11 * ms}},
            Policy::race);
  farm.models[1]->words = "bbbb";
  Call call;
  std::string told;
  const Nanos start = sys::now();
  finish(farm.with(ask(*farm.servers, call, told)));
  CHECK(call.text == "bbbb");
  CHECK(call.server == 1);
  CHECK(farm.models[0]->left - start == 11 * ms);   // its piece came a gap behind its head
  CHECK(farm.models[1]->left == 0);
  CHECK(farm.models[2]->left - start == 11 * ms);
}

TEST_CASE("pool: rounds over all servers, the delay only when all have failed") {
  using enum Kind;
  struct Case {
    const char* name;
    Policy policy;
    std::vector<Host> hosts;
    const char* text;
    const char* asked;
    Nanos least, most;      // how long it took
  };
  const Case cases[] = {
      {"busy once", Policy::first, {{busy_once}, {refused}}, "a", "20", 0, 252 * ms},
      {"not before Retry-After, the shortest", Policy::first,
       {{busy_once, 0, "Retry-After: 7\r\n"}, {busy, 0, "Retry-After: 3\r\n"}}, "a", "21",
       3001 * ms, 3001 * ms},
      {"in a race", Policy::race, {{busy_once, 0, "Retry-After: 2\r\n"}, {broken}}, "a", "22",
       2001 * ms, 2001 * ms},
      {"what is not worth it", Policy::first, {{broken}, {no_model}}, "", "11", 0, 0},
      {"a silence behind the request", Policy::first, {{answers, kNever / 4}}, "", "1", 2000 * ms,
       2000 * ms},
      {"a silence instead of a connection", Policy::first, {{silent}}, "", "0", 900 * ms,
       1650 * ms},
      {"longer than an hour", Policy::first, {{busy_once, 0, "Retry-After: 3601\r\n"}}, "", "1", 0,
       0},
      {"an hour", Policy::first, {{busy_once, 0, "Retry-After: 3600\r\n"}}, "a", "2",
       3600 * kSecond + ms, 3600 * kSecond + ms},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    Farm farm(c.hosts, c.policy, 2);
    Call call;
    std::string told;
    finish(farm.with(ask(*farm.servers, call, told)));
    CHECK(call.text == c.text);
    CHECK(asked(farm) == c.asked);
    CHECK(call.ended - call.started >= c.least);
    CHECK(call.ended - call.started <= c.most);
  }
  // Not beyond the deadline: then it is not waited at all.
  Farm farm({{busy_once, 0, "Retry-After: 10\r\n"}}, Policy::first, 2);
  Call call;
  std::string told;
  finish(farm.with(ask(*farm.servers, call, told, sys::now() + 9 * kSecond)));
  CHECK(call.error.code == Errc::busy);
  CHECK(call.ended == call.started);
  CHECK(asked(farm) == "1");
}

// 0.25 s, doubled up to 64 s, each time by chance less: of 21 waits 8 are shorter than the longest.
TEST_CASE("pool: the waits between tries grow, and not for ever") {
  Farm farm({{Kind::busy}}, Policy::first, 21);
  Call call;
  std::string told;
  finish(farm.with(ask(*farm.servers, call, told)));
  CHECK(call.attempts == 22);
  CHECK(asked(farm) == "22");
  CHECK(call.ended - call.started > 64 * kSecond);
  CHECK(call.ended - call.started < 64 * kSecond + 13 * 64 * kSecond);
}

TEST_CASE("pool: a deadline of the whole call is the caller's own") {
  for (const Policy policy : {Policy::first, Policy::race}) {
    Farm farm({{Kind::answers, kSecond}, {Kind::answers, kSecond}}, policy);
    Call call;
    std::string told;
    const Nanos start = sys::now();
    finish(farm.with(ask(*farm.servers, call, told, start + 100 * ms)));
    CHECK(call.error.code == Errc::timed_out);
    CHECK(std::string(call.error.where) == "total");
    CHECK(call.ended - start == 100 * ms);
    CHECK(asked(farm) == (policy == Policy::first ? "10" : "11"));
    CHECK(call.attempts == (policy == Policy::first ? 1 : 2));
  }
}

namespace {

// Several calls by one caller, one after the other, or by as many callers at once.
rt::Task<bool> ask_often(Servers& servers, std::string& who, int times, Nanos pause) {
  Caller caller(servers);
  const Options options;
  const Request request{"m", "p", {}, options};
  for (int i = 0; i < times; ++i) {
    Call call;
    co_await caller.generate(request, nullptr, call);
    who += call.failed ? "-" : call.text;
    rt::Sleep nap(sys::now() + pause);
    co_await nap;
  }
  co_return true;
}
rt::Task<void> ask_once(Servers& servers, std::string& who) {
  co_await ask_often(servers, who, 1, 0);
}
rt::Task<bool> ask_at_once(Servers& servers, std::string& who, int times) {
  rt::Scope scope;
  for (int i = 0; i < times; ++i) scope.start(ask_once(servers, who), rt::Place::here());
  co_await scope.join();
  co_return true;
}

}  // namespace

TEST_CASE("pool: turns, and who failed is asked last for a while") {
  using enum Kind;
  struct Case {
    Policy policy;
    std::vector<Host> hosts;
    Nanos pause;
    const char *who, *asked;
  };
  const Case cases[] = {
      {Policy::round_robin, {{answers}, {answers}, {answers}}, 0, "abcabc", "222"},
      {Policy::first, {{answers}, {answers}}, 0, "aaaaaa", "60"},
      {Policy::first, {{broken}, {answers}}, 0, "bbbbbb", "16"},
      {Policy::first, {{broken}, {answers}}, 6 * kSecond, "bbbbbb", "66"},
      {Policy::first, {{busy_once}, {answers}}, 2 * kSecond, "bbbaaa", "43"},
      {Policy::round_robin, {{broken}, {answers}, {answers}}, 0, "bbcbbc", "142"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.who);
    Farm farm(c.hosts, c.policy);
    std::string who;
    finish(farm.with(ask_often(*farm.servers, who, 6, c.pause)));
    CHECK(who == c.who);
    CHECK(asked(farm) == c.asked);
  }
  Farm farm({{answers, 10 * ms}, {answers, 20 * ms}, {answers, 30 * ms}}, Policy::least);
  std::string who;
  finish(farm.with(ask_at_once(*farm.servers, who, 6)));
  CHECK(who == "aabbcc");
  CHECK(asked(farm) == "222");
}

TEST_CASE("pool: which dialect a server speaks is asked once for all callers") {
  using enum Kind;
  Farm farm({{answers, 20 * ms}, {refused}}, Policy::first);
  farm.settings.api = Api::automatic;
  std::string who;
  finish(farm.with(ask_at_once(*farm.servers, who, 6)));
  CHECK(who == "aaaaaa");
  CHECK(farm.models[0]->versions == 1);
  CHECK(asked(farm) == "60");
}

TEST_CASE("pool: callers share that a server does not tell its dialect; the next one asks again") {
  Farm farm({{Kind::silent}}, Policy::first);
  farm.settings.api = Api::automatic;
  std::string who;
  Nanos took[2];
  const auto twice = [](Servers& servers, std::string& who, Nanos* took) -> rt::Task<bool> {
    for (int i = 0; i < 2; ++i) {
      const Nanos start = sys::now();
      co_await ask_at_once(servers, who, 3);
      took[i] = sys::now() - start;
    }
    co_return true;
  };
  finish(farm.with(twice(*farm.servers, who, took)));
  CHECK(who == "------");
  for (const Nanos t : took) CHECK((t >= 300 * ms && t <= 305 * ms));   // one deadline each time
}

namespace {

rt::Task<void> ask_until(Servers& servers, Call& call, Nanos deadline) {
  std::string told;
  co_await ask(servers, call, told, deadline);
}
rt::Task<bool> ask_both(Servers& servers, Call* calls, const Nanos* deadlines) {
  rt::Scope scope;
  for (int i = 0; i < 2; ++i) {
    scope.start(ask_until(servers, calls[i], deadlines[i]), rt::Place::here());
  }
  co_await scope.join();
  co_return true;
}

}  // namespace

TEST_CASE("pool: a caller whose time is over before the dialect is known goes alone") {
  for (const int hasty : {0, 1}) {                  // it asks; it waits
    CAPTURE(hasty);
    Farm farm({{Kind::answers, 400 * ms}}, Policy::first);
    farm.settings.api = Api::automatic;
    Call calls[2];
    Nanos deadlines[2] = {kNever, kNever};
    deadlines[hasty] = sys::now() + 52 * ms;
    finish(farm.with(ask_both(*farm.servers, calls, deadlines)));
    CHECK(calls[hasty].error.code == Errc::timed_out);
    CHECK(calls[hasty].ended - calls[hasty].started == 52 * ms);
    CHECK(calls[1 - hasty].text == "a");
    CHECK(farm.models[0]->versions == (hasty == 0 ? 2 : 1));
  }
}
