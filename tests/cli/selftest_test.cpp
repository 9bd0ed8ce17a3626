// runs: linux virtual
#include "src/cli/selftest_parts.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::cli;

namespace {

constexpr size_t kLine = 100;   // bytes

// A server that sends `tokens` tokens, one every `gap`, each `late` behind its plan.
Told told_by(uint32_t coalesce, int tokens, Nanos gap, Nanos late = 0) {
  Told t;
  t.begin(coalesce, static_cast<size_t>(tokens));
  t.arrived = kMilli;
  for (int k = 0; k < tokens; ++k) {
    t.add_event("t", kLine, 10 * kMilli + k * gap);
    t.add_send(10 * kMilli + k * gap + late);
  }
  t.add_send(10 * kMilli + tokens * gap + late);   // the end
  return t;
}

// A client that had each token `delay` after it was sent.
Heard heard_of(const Told& t, Nanos delay) {
  Heard h;
  h.ran = true;
  h.asked = kMilli;
  h.text = t.text;
  h.reads = static_cast<uint32_t>(t.sent.size()) + 1;
  for (const Nanos sent : t.sent) h.at.push_back(sent + delay);
  h.ttft = h.at.empty() ? 0 : h.at[0] - h.asked;
  return h;
}

CellFigures figures_of_one(const Told& t, const Heard& h, double rate = 100) {
  return figures_of(std::span(&t, 1), std::span(&h, 1), rate);
}

constexpr Spread kSlow{kSecond, kSecond, kSecond, kSecond};
constexpr Nanos kGap = 10 * kMilli;   // of 100 tok/s

}  // namespace

TEST_CASE("spread: percentiles by linear interpolation, to 0.1 us") {
  struct { const char* name; std::vector<Nanos> values; Nanos p50, p99, max; } const cases[] = {
      {"none", {}, 0, 0, 0},
      {"one", {7000}, 7000, 7000, 7000},
      {"two", {3000, 1000}, 2000, 2980, 3000},
      {"negative", {-1000, -3000, 5000}, -1000, 4880, 5000},
      {"below a step", {1000, 1099}, 1000, 1000, 1099},
      {"large", {0, 100 * kSecond, 100 * kSecond}, 100 * kSecond, 100 * kSecond, 100 * kSecond},
      {"beyond the range of a step count", {0, 1000 * kSecond}, 214'748'364'750, 425'201'762'205,
       1000 * kSecond},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    const Spread s = spread_of(c.values);
    CHECK(s.p50 == c.p50);
    CHECK(s.p99 / 1000 == c.p99 / 1000);
    CHECK(s.max == c.max);
  }
}

TEST_CASE("when withholding lets a token go") {
  struct { const char* name; uint32_t coalesce; size_t first; Nanos released[6]; } const cases[] = {
      // sent at 10, 20, 30, 40, 50 and 60 ms, the end at 70; lines of 100 bytes
      {"off", 0, 1, {10, 20, 30, 40, 50, 60}},
      {"less than a line", 1, 1, {10, 20, 30, 40, 50, 60}},
      {"exactly a line", 100, 1, {10, 20, 30, 40, 50, 60}},
      {"a line and a byte", 101, 2, {20, 20, 40, 40, 60, 60}},
      {"the rest goes with the end", 400, 4, {40, 40, 40, 40, 70, 70}},
      {"more than all", 601, 7, {70, 70, 70, 70, 70, 70}},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    const Told t = told_by(c.coalesce, 6, kGap);
    for (size_t k = 0; k < 6; ++k) {
      CAPTURE(k);
      CHECK(t.released(k) == c.released[k] * kMilli);
    }
    CHECK(t.first_lines() == c.first);
  }
}

TEST_CASE("several tokens in one send have its instant") {
  Told t;
  t.add_event("a", kLine, 1);
  t.add_event("b", kLine, 2);
  t.add_send(5);
  t.add_event("c", kLine, 3);
  CHECK(t.sent == std::vector<Nanos>{5, 5});   // the third is not sent
  t.add_send(9);
  CHECK(t.sent == std::vector<Nanos>{5, 5, 9});
  CHECK(t.text == text_hash(kNoText, "abc"));
}

TEST_CASE("reading beside truth") {
  SUBCASE("delay, lateness and TTFT error") {
    const Told t = told_by(0, 20, kGap, 30 * kMicro);
    const CellFigures f = figures_of_one(t, heard_of(t, 50 * kMicro));
    CHECK(f.ran == 1);
    CHECK(f.sent == 20);
    CHECK(f.received == 20);
    CHECK(f.lost == 0);
    CHECK(f.delay.p50 == 50 * kMicro);
    CHECK(f.delay.p99 == 50 * kMicro);
    CHECK(f.excess.max == 50 * kMicro);
    CHECK(f.lateness.p50 == 30 * kMicro);
    CHECK(f.ttft_truth.p50 == 9 * kMilli + 30 * kMicro);
    CHECK(f.ttft_error.p50 == 50 * kMicro);
    CHECK(f.ttft_predicted == 0);
    CHECK(f.events_per_read() == 1);
    CHECK_FALSE(f.saturated);
  }
  SUBCASE("a stamp behind the server's receipt was late: the TTFT reads too little") {
    const Told t = told_by(0, 20, kGap);
    Heard h = heard_of(t, 50 * kMicro);
    h.asked += 200 * kMicro;
    h.ttft -= 200 * kMicro;
    const CellFigures f = figures_of_one(t, h);
    CHECK(f.ttft_error.p50 == -150 * kMicro);
    CHECK(f.ttft_excess == 150 * kMicro);
  }
  SUBCASE("what coalescing explains is predicted and not held against the client") {
    const Told t = told_by(350, 20, kGap);
    Heard h = heard_of(t, 0);
    for (size_t k = 0; k < 20; ++k) h.at[k] = t.released(k) + 50 * kMicro;
    h.ttft = h.at[0] - h.asked;
    const CellFigures f = figures_of_one(t, h);
    CHECK(f.ttft_predicted == 3 * kGap);
    CHECK(f.ttft_error.p50 == 3 * kGap + 50 * kMicro);
    CHECK(f.ttft_excess == 50 * kMicro);
    CHECK(f.delay.max == 3 * kGap + 50 * kMicro);
    CHECK(f.excess.max == 50 * kMicro);
  }
  SUBCASE("lost tokens") {
    const Told t = told_by(0, 20, kGap);
    Heard h = heard_of(t, 0);
    h.at.resize(17);
    const CellFigures f = figures_of_one(t, h);
    CHECK(f.lost == 3);
    CHECK(f.received == 17);
  }
  SUBCASE("one stream's surplus does not make up for another's loss") {
    const Told t[] = {told_by(0, 20, kGap), told_by(0, 20, kGap)};
    Heard h[] = {heard_of(t[0], 0), heard_of(t[1], 0)};
    h[0].at.pop_back();
    h[1].at.push_back(kSecond);
    CHECK(figures_of(t, h, 100).lost == 1);
  }
  SUBCASE("a text in another order is another text") {
    const Told t = told_by(0, 20, kGap);
    Heard h = heard_of(t, 0);
    h.text = text_hash(text_hash(kNoText, "b"), "a");
    CHECK(figures_of_one(t, h).wrong_texts == 1);
  }
  SUBCASE("a stream that did not run does not count") {
    const Told t[] = {told_by(0, 20, kGap), Told()};
    const Heard h[] = {heard_of(t[0], 0), Heard()};
    const CellFigures f = figures_of(t, h, 100);
    CHECK(f.ran == 1);
    CHECK(f.records == 21);
  }
  SUBCASE("a stream that failed before the first token") {
    Heard h;
    h.ran = h.failed = true;
    h.error = {Errc::refused, 0, "dial"};
    const CellFigures f = figures_of_one(Told(), h);
    CHECK(f.failed == 1);
    CHECK(f.first_error.code == Errc::refused);
    CHECK(f.events_per_read() == 0);
  }
}

TEST_CASE("saturated: the simulator late by more than 1 ms in the median") {
  struct { Nanos late; bool saturated; } const cases[] = {
      {0, false}, {kMilli, false}, {kMilli + kMicro, true}, {kSecond, true}};
  for (const auto& c : cases) {
    CAPTURE(c.late);
    const Told t = told_by(0, 20, kGap, c.late);
    CHECK(figures_of_one(t, heard_of(t, 0)).saturated == c.saturated);
  }
}

TEST_CASE("bounds") {
  const Bounds bounds{10 * kMilli, kMilli, 5 * kMilli};
  struct Case {
    const char* name;
    void (*change)(CellFigures&);
    Bounds bounds;
    const char* faults;
  };
  const Case cases[] = {
      {"nothing", [](CellFigures&) {}, bounds, ""},
      {"at the bound", [](CellFigures& f) { f.excess = {0, kMilli, 5 * kMilli, kSecond}; }, bounds,
       ""},
      {"p50", [](CellFigures& f) { f.excess.p50 = kMilli + 1000; }, bounds,
       "delay p50 1.001 ms exceeds 1.0 ms"},
      {"p99", [](CellFigures& f) { f.excess.p99 = 6 * kMilli; }, bounds,
       "delay p99 6.0 ms exceeds 5.0 ms"},
      {"TTFT", [](CellFigures& f) { f.ttft_excess = 11 * kMilli; }, bounds,
       "TTFT error p50 11.0 ms exceeds 10.0 ms"},
      {"what withholding explains", [](CellFigures& f) { f.delay = kSlow; },
       bounds, ""},
      {"all of them",
       [](CellFigures& f) {
         f.excess = kSlow;
         f.ttft_excess = kSecond;
       },
       bounds,
       "TTFT error p50 1000.0 ms exceeds 10.0 ms; delay p50 1000.0 ms exceeds 1.0 ms; delay p99 "
       "1000.0 ms exceeds 5.0 ms"},
      {"no bounds", [](CellFigures& f) { f.excess = kSlow; }, Bounds{}, ""},
      {"saturated",
       [](CellFigures& f) {
         f.excess = kSlow;
         f.saturated = true;
       },
       bounds, ""},
      {"lost although saturated",
       [](CellFigures& f) {
         f.lost = 2;
         f.saturated = true;
       },
       bounds, "2 tokens lost"},
      {"lost without bounds", [](CellFigures& f) { f.lost = 1; }, Bounds{}, "1 tokens lost"},
      {"another text", [](CellFigures& f) { f.wrong_texts = 1; }, bounds,
       "1 answers differ from what was sent"},
      {"failed",
       [](CellFigures& f) {
         f.failed = 3;
         f.first_error = {Errc::timed_out, 0, "total"};
       },
       bounds, "3 streams failed: the total deadline fired"},
      {"nothing ran", [](CellFigures& f) { f.ran = 0; }, bounds, "0 streams ran"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CellFigures f;
    f.ran = 2;
    c.change(f);
    CHECK(faults_of(f, c.bounds) == c.faults);
  }
}

TEST_CASE("two settings differ when they are further apart than their own blocks") {
  struct Case {
    const char* name;
    std::vector<Nanos> a, b;
    Nanos difference, spread;
    bool differ;
  };
  const Case cases[] = {
      {"equal", {50'000, 50'000, 50'000}, {50'000, 50'000, 50'000}, 0, 0, false},
      {"apart", {50'000, 52'000, 51'000}, {90'000, 91'000, 92'000}, 40'000, 2'000, true},
      {"apart, the other way", {90'000, 91'000, 92'000}, {50'000, 52'000, 51'000}, 40'000, 2'000,
       true},
      {"noise in one", {50'000, 100'000, 51'000}, {90'000, 91'000, 92'000}, 40'000, 50'000, false},
      {"exactly as far", {50'000, 51'000, 52'000}, {52'000, 53'000, 54'000}, 2'000, 2'000, false},
      {"nothing measured", {}, {}, 0, 0, false},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Comparison got = compare_blocks(c.a, c.b);
    CHECK(got.difference == c.difference);
    CHECK(got.spread == c.spread);
    CHECK(got.differ == c.differ);
  }
}

TEST_CASE("tokens of a cell") {
  struct { uint32_t rate, streams; Nanos time; uint32_t tokens; } const cases[] = {
      {41, 2, 500 * kMilli, 20},          // never less
      {200, 2, 500 * kMilli, 100},
      {5000, 64, 500 * kMilli, 2500},
      {5000, 512, 500 * kMilli, 390},     // a share of 200,000
      {1'000'000, 10'000, kSecond, 20},   // not less for that either
      {1, 1, 0, 20},
      {1'000'000, 1, kNever, 200'000}};
  for (const auto& c : cases) {
    CAPTURE(c.rate);
    CAPTURE(c.streams);
    CHECK(tokens_of_cell(c.rate, c.streams, c.time) == c.tokens);
  }
}
