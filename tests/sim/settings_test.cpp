#include "chimera/sim/settings.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::sim;

namespace {

TEST_CASE("every key has a name, a value to show and help") {
  for (const Key& k : keys()) {
    CAPTURE(k.name);
    CHECK(std::string_view(k.metavar) != "");
    CHECK(std::string_view(k.help) != "");
    CHECK(std::string_view(k.wrong).starts_with(k.name));
  }
}

TEST_CASE("good values") {
  Settings s;
  REQUIRE(set_all(s,
                  "port=0,ttft=250us,rate=12.5,tokens=100-200,jitter=normal:10%,slots=2,queue=0,"
                  "load=4.3s,prefill=0.2ms/tok,tokens-per-event=3,batch=64,"
                  "seed=18446744073709551615,"
                  "cut=7,truth=/tmp/x,model=a,model=b:7b,host=::1,fault=fin,fault=rst:10%")
              .has_value());
  CHECK(s.ttft == 250 * kMicro);
  CHECK(s.rate == 12.5);
  CHECK(s.tokens.kind == Lengths::Kind::uniform);
  CHECK(s.tokens.a == 100);
  CHECK(s.tokens.b == 200);
  CHECK(s.jitter.kind == Jitter::Kind::normal);
  CHECK(s.jitter.parameter == doctest::Approx(0.1));
  CHECK(s.slots == 2);
  CHECK(s.queue == 0);
  CHECK(s.load == 4300 * kMilli);
  CHECK(s.prefill == 200 * kMicro);
  CHECK(s.tokens_per_event == 3);
  CHECK(s.batch == 64);
  CHECK(s.seed == UINT64_MAX);
  CHECK(s.cut == 7);
  CHECK(s.truth == "/tmp/x");
  CHECK(s.models == std::vector<std::string>{"a", "b:7b"});
  CHECK(s.faults.size() == 2);
  REQUIRE(set(s, "rate", "inf").has_value());
  CHECK(s.rate == 0);
  REQUIRE(set(s, "cut", "random").has_value());
  CHECK(s.random_cut);
  CHECK(set_all(s, "").has_value());
}

TEST_CASE("bad values are a usage error that names the key") {
  struct Case {
    const char* spec;
    const char* what;
  };
  static const Case cases[] = {
      {"haste=3", "no such"},
      {"port", "key=value"},
      {"port=65536", "port"},
      {"port=-1", "port"},
      {"ttft=80", ""},
      {"ttft=fast", "ttft"},
      {"rate=0", "rate"},
      {"rate=-1", "rate"},
      {"rate=nan", "rate"},
      {"tokens=0", "tokens"},
      {"tokens=200-100", "tokens"},
      {"tokens=1-2-3", "tokens"},
      {"tokens=99999999999", "tokens"},
      {"jitter=normal", "jitter"},
      {"jitter=none:1", "jitter"},
      {"jitter=gamma:2", "jitter"},
      {"jitter=pareto:1", "jitter"},
      {"jitter=normal:-1%", "jitter"},
      {"slots=0", "slots"},
      {"queue=x", "queue"},
      {"tokens-per-event=0", "tokens-per"},
      {"batch=4097", "batch"},
      {"cut=-3", "cut"},
      {"fault=flood", "fault"},
      {"model=", "model"},
      {"profile=tr114", "profile"},
      {"prefill=1/tok/tok", "prefill"},
      {"seed=0x1", "seed"},
      {"speed=0", "speed"},
      {"speed=-1", "speed"},
      {"speed=1e7", "speed"},
      {"fault=cold@3", "fault"},
      {"fault=loop@3s", "fault"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.spec);
    Settings s;
    const Result<void> r = set_all(s, c.spec);
    if (*c.what == '\0') {
      CHECK(r.has_value());  // a bare number is seconds
      continue;
    }
    REQUIRE(!r.has_value());
    CHECK(r.error().code == Errc::usage);
    CHECK(std::string_view(r.error().where).find(c.what) != std::string_view::npos);
  }
}

TEST_CASE("a profile gives way to explicit keys, before and behind it") {
  Settings s;
  REQUIRE(set_all(s, "rate=99,profile=tr115,load=1s").has_value());
  CHECK(s.rate == 99);
  CHECK(s.load == kSecond);
  CHECK(s.tokens.kind == Lengths::Kind::lognormal);
  CHECK(s.tokens.a == 1100);
  CHECK(s.prefill == 200 * kMicro);
}

TEST_CASE("the profile tr115 is the whole of that study") {
  Settings s;
  REQUIRE(set_all(s, "profile=tr115").has_value());
  CHECK(s.rate == 41);
  CHECK(s.load == 4300 * kMilli);
  CHECK(s.ttft == 167 * kMilli);
  CHECK(s.jitter.kind != Jitter::Kind::none);
  REQUIRE(s.faults.size() == 2);
  CHECK(s.faults[0].kind == FaultKind::loop);
  CHECK(s.faults[0].probability == 0.004);
  CHECK(s.faults[1].kind == FaultKind::cold);
  CHECK(s.faults[1].probability == 0.03);
  Settings without;
  REQUIRE(set_all(without, "fault=fin:0.5,profile=tr115").has_value());
  CHECK(without.faults.size() == 1);
}

TEST_CASE("hurry divides every time by the speed, and nothing else") {
  Settings s;
  REQUIRE(set_all(s, "speed=4,ttft=8ms,load=4s,prefill=8us,rate=10,fault=stall@3+2s,fault=fin@7")
              .has_value());
  s.hurry();
  CHECK(s.speed == 4);
  CHECK(s.ttft == 2 * kMilli);
  CHECK(s.load == kSecond);
  CHECK(s.prefill == 2 * kMicro);
  CHECK(s.rate == 40);
  CHECK(s.faults[0].duration == kSecond / 2);
  CHECK(s.faults[0].tokens == 3);
  CHECK(s.faults[1].duration == -1);
  Settings endless;
  REQUIRE(set_all(endless, "speed=4,rate=inf").has_value());
  endless.hurry();
  CHECK(endless.rate == 0);
}

TEST_CASE("faults") {
  struct Case {
    const char* text;
    bool ok = false;
    FaultKind kind = FaultKind::none;
    double probability = 0;
    int64_t tokens = 0, bytes = 0;
    Nanos duration = 0;
  };
  using K = FaultKind;
  static const Case cases[] = {
      {"fin", true, K::fin, 1, -1, -1, -1},
      {"fin:0.25", true, K::fin, 0.25, -1, -1, -1},
      {"fin:10%@20", true, K::fin, 0.1, 20, -1, -1},
      {"fin@300b", true, K::fin, 1, -1, 300, -1},
      {"rst:1@0", true, K::rst, 1, 0, -1, -1},
      {"stall:1@5+2s", true, K::stall, 1, 5, -1, 2 * kSecond},
      {"stall@2s", true, K::stall, 1, -1, -1, 2 * kSecond},
      {"status-503:0.5", true, K::status, 0.5, -1, -1, -1},
      {"retry-after@3s", true, K::retry_after, 1, -1, -1, 3 * kSecond},
      {"slow-head@100ms", true, K::slow_head, 1, -1, -1, 100 * kMilli},
      {"long-line@2000b", true, K::long_line, 1, -1, 2000, -1},
      {"refuse:0", true, K::refuse, 0, -1, -1, -1},
      {"", false},
      {"fin:", false},
      {"fin@", false},
      {"fin:2", false},
      {"fin:-1", false},
      {"fin:1@x", false},
      {"fin@2s", false},
      {"fin@1+2", false},
      {"stall@5b", false},
      {"status", false},
      {"status-CODE", false},
      {"status-200", false},
      {"status-999", false},
      {"silence@3", false},
      {"fin:nan", false},
      {"FIN", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Result<Fault> f = parse_fault(c.text);
    REQUIRE(f.has_value() == c.ok);
    if (!c.ok) continue;
    CHECK(f->kind == c.kind);
    CHECK(f->probability == doctest::Approx(c.probability));
    CHECK(f->tokens == c.tokens);
    CHECK(f->bytes == c.bytes);
    CHECK(f->duration == c.duration);
  }
}

TEST_CASE("every fault that help lists can be asked for") {
  for (const FaultHelp& f : fault_help()) {
    CAPTURE(f.name);
    const bool status = std::string_view(f.name) == "status-CODE";
    CHECK(parse_fault(status ? "status-500" : f.name).has_value());
    CHECK(std::string_view(f.help) != "");
  }
}

}  // namespace
