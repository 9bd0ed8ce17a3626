#include "src/lab/chart.hpp"

#include <cmath>

#include "chimera/base/rng.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::lab;

namespace {

std::string labels(const Axis& a) {
  std::string out;
  for (int i = 0; i <= a.steps(); ++i) {
    if (i > 0) out += ' ';
    a.append_label(out, i);
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

struct Box {
  double left, top, right, bottom;
};
bool meet(const Box& a, const Box& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
// Where a label is in a plot of `width`.
Box box_of(const Label& l, double width) {
  const double x = l.x / kNarrow * width;
  const double from = l.left ? x - kLabelGap - l.width : x + kLabelGap;
  return {from, l.at - kLabelHeight / 2, from + l.width, l.at + kLabelHeight / 2};
}

struct Runs {
  std::vector<double> values;
  Description d;
  Row row(std::string_view name) {
    std::vector<double> finite;
    for (double v : values)
      if (std::isfinite(v)) finite.push_back(v);
    d = describe(Sample(finite));
    Row r;
    r.name = name;
    r.n = values.size();
    r.of = this;
    r.value = [](const void* of, size_t i) { return static_cast<const Runs*>(of)->values[i]; };
    r.d = &d;
    r.mean = mean_interval(d);
    return r;
  }
};

std::string drawn(const RowChart& c) {
  std::string out;
  draw(out, c);
  return out;
}
size_t count(std::string_view text, std::string_view what) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size()) ++n;
  return n;
}

}  // namespace

TEST_CASE("ticks are steps of 1, 2 and 5 and hold both ends") {
  struct Case {
    const char* name;
    double low, high;
    const char* labels;
  };
  const Case cases[] = {
      {"per cent", 72.8, 99.99, "70 80 90 100"},
      {"whole range", 0, 100, "0 20 40 60 80 100"},
      {"tenths are exact", 0.1, 0.5, "0.1 0.2 0.3 0.4 0.5"},
      {"three tenths begin at themselves", 0.3, 0.8, "0.3 0.4 0.5 0.6 0.7 0.8"},
      {"negative", -3, 4, "-4 -2 0 2 4"},
      {"all equal", 50, 50, "49.4 49.6 49.8 50.0 50.2 50.4 50.6"},
      {"all zero", 0, 0, "-1.0 -0.5 0.0 0.5 1.0"},
      {"equal but for rounding", 50, 50 + 1e-9, "49.0 49.5 50.0 50.5 51.0"},
      {"bytes", 212944, 297712, "200k 220k 240k 260k 280k 300k"},
      {"millions", 955648, 12000000, "0M 5M 10M 15M"},
      {"tiny", 1e-9, 5e-9, "1e-9 2e-9 3e-9 4e-9 5e-9"},
      {"huge", 1e300, 5e300, "1e290"},
      {"not numbers", NAN, INFINITY, "-1.0 -0.5 0.0 0.5 1.0"},
      {"wrong order", 4, 2, "3.96 3.98 4.00 4.02 4.04"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Axis a(c.low, c.high);
    if (c.name != std::string_view("huge")) CHECK(labels(a) == c.labels);
    CHECK(a.steps() >= 1);
    CHECK(a.steps() <= 6);
    CHECK(a.low() < a.high());
    if (c.low <= c.high && c.high < 1e290 && c.low > -1e290) {
      CHECK(a.holds(c.low));
      CHECK(a.holds(c.high));
    }
  }
}

TEST_CASE("any axis holds its ends in at most six steps") {
  Rng rng(7);
  for (int i = 0; i < 20000; ++i) {
    double scale = 1;
    for (uint64_t n = rng.below(24); n > 0; --n) scale *= 10;
    const double low = rng.normal() * scale, high = low + std::fabs(rng.normal()) * scale / 1000;
    const Axis a(low, high);
    REQUIRE(a.low() <= low);
    REQUIRE(a.high() >= high);
    REQUIRE(a.steps() >= 1);
    REQUIRE(a.steps() <= 6);
    REQUIRE(a.at(low) >= 0);
    REQUIRE(a.at(high) <= 100);
    REQUIRE(a.at(low) <= a.at(high));
  }
}

TEST_CASE("an axis leaves out what would leave no room for the rest") {
  Runs working{{95, 96, 97, 98, 99, 73}, {}}, other{{94, 95, 96, 97, 98, 99}, {}};
  Runs third{{95, 95, 96, 96, 98, 99}, {}}, serial{{50, 50, 50, 50, 50, 50}, {}};
  const Row rows[] = {working.row("a"), other.row("b"), third.row("c"), serial.row("d")};
  std::vector<double> values;
  for (const Row& r : rows)
    for (size_t i = 0; i < r.n; ++i) values.push_back(r.value(r.of, i));
  values.push_back(NAN);
  const Axis a = focused_axis(values, rows);
  CHECK(a.low() == 70);  // the serial group is away, the single bad run is not
  CHECK(a.high() == 100);

  SUBCASE("not when it is much of the data") {
    std::vector<double> two{1, 1.1, 1.2, 99, 100};
    CHECK(focused_axis(two, {}).high() == 100);
  }
  SUBCASE("a run that is very far off") {
    Runs far{{1, 2, 3, 4, 5, 1e6}, {}};
    const Row row[] = {far.row("far")};
    std::vector<double> all = far.values;
    CHECK(focused_axis(all, row).high() == 5);
  }
  SUBCASE("no values") {
    std::vector<double> none{NAN, INFINITY};
    CHECK(focused_axis(none, {}).low() == 0);
  }
}

TEST_CASE("labels cover neither each other nor a mark, at any width") {
  struct Case {
    const char* name;
    int n;
    double spread;  // of the marks, pixels
  };
  for (const Case& c : {Case{"few", 3, 200},
                        {"eight", 8, 200},
                        {"eight close", 8, 12},
                        {"forty", 40, 270},
                        {"forty close", 40, 30},
                        {"all in one place", 40, 0},
                        {"one", 1, 0}}) {
    CAPTURE(c.name);
    Rng rng(11);
    for (int round = 0; round < 20; ++round) {
      const double height = std::max(240.0, c.n * kLabelHeight * 1.3);
      std::vector<Label> all(static_cast<size_t>(c.n));
      for (Label& l : all) {
        l.x = (kNarrow - c.spread) * rng.uniform() * (c.spread > 0) + c.spread * rng.uniform();
        l.y = height / 2 + c.spread / 270 * height * (rng.uniform() - 0.5);
        l.width = 20 + 100 * rng.uniform();
      }
      REQUIRE(place(all, height));
      for (const double width : {kNarrow, 330.0, 700.0, 1040.0}) {
        for (size_t i = 0; i < all.size(); ++i) {
          const Box box = box_of(all[i], width);
          REQUIRE(box.top >= 0);
          REQUIRE(box.bottom <= height);
          REQUIRE(box.left >= 0);
          REQUIRE(box.right <= width);
          for (size_t k = 0; k < all.size(); ++k) {
            const double x = all[k].x / kNarrow * width, y = all[k].y;
            REQUIRE_FALSE(meet(box, {x - 4, y - 4, x + 4, y + 4}));
            if (k != i) REQUIRE_FALSE(meet(box, box_of(all[k], width)));
          }
        }
      }
    }
  }
}

TEST_CASE("labels without room keep their marks' places") {
  std::vector<Label> all(40);
  for (Label& l : all) l.x = l.y = l.width = 50;
  CHECK_FALSE(place(all, 100));
  CHECK(all[39].at == 50);
}

TEST_CASE("the frontier has those that no other beats in both") {
  Point points[] = {{1, 5, 0, "", nullptr}, {2, 3, 0, "", nullptr}, {3, 4, 0, "", nullptr},
                    {4, 1, 0, "", nullptr}, {4, 2, 0, "", nullptr}, {1, 6, 0, "", nullptr},
                    {2, 3, 0, "", nullptr}};
  CHECK(frontier_of(points) == std::vector<uint32_t>{0, 1, 6, 3});
  CHECK(frontier_of({}).empty());
}

TEST_CASE("a row has a dot for every run that the axis holds and words for the others") {
  Runs runs{{95, 96, 97, NAN, 98, 40, 99}, {}};
  const Row rows[] = {runs.row("<b>&'\"")};
  for (const auto kind : {RowChart::box, RowChart::dots}) {
    const RowChart c{rows, Axis(90, 100), "m, %", kind};
    const std::string out = drawn(c);
    CAPTURE(out);
    CHECK(count(out, "<circle") == 5);
    CHECK(out.find("\u25c2 1 run off this axis: 40.00<") != std::string::npos);
    CHECK(out.find("<b>") == std::string::npos);
    CHECK(out.find("&lt;b&gt;&amp;&#39;&quot;") != std::string::npos);
    CHECK(count(out, "class='q'") == (kind == RowChart::box));
    CHECK(out.find("nan") == std::string::npos);
  }
}

TEST_CASE("rows of one run, of equal runs, of none on the axis") {
  Runs one{{97}, {}}, equal{{50, 50, 50}, {}}, away{{1, 2}, {}}, none{{NAN}, {}};
  const Row rows[] = {one.row("one"), equal.row("equal"), away.row("away"), none.row("none")};
  const std::string out = drawn({rows, Axis(50, 100), "x"});
  CHECK(count(out, "<circle") == 4);
  CHECK(out.find("\u25c2 all 2 runs off this axis: 1.00 to 2.00<") != std::string::npos);
  CHECK(out.find("nan") == std::string::npos);
  CHECK(out.find("inf") == std::string::npos);
  CHECK(words_of({rows, Axis(50, 100), "x"}).starts_with("one: mean 97.00, n 1. equal: "));
}

TEST_CASE("a thousand equal runs stay in their lane") {
  Runs runs{std::vector<double>(1000, 3.0), {}};
  const Row rows[] = {runs.row("r")};
  const RowChart c{rows, Axis(2, 4), "x", RowChart::dots};
  const std::string out = drawn(c);
  for (size_t at = 0; (at = out.find("cy='", at)) != std::string::npos;) {
    at += 4;
    const double y = strtod(out.c_str() + at, nullptr);
    REQUIRE(y >= 17 + 2);
    REQUIRE(y <= 17 + 22 - 2);
  }
}

TEST_CASE("text in markup is text") {
  struct Case {
    const char *name, *text, *markup;
  };
  for (const Case& c : {
           Case{"plain", "smol-1kb", "smol-1kb"},
           {"element", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
           {"quotes", "a'b\"c&d", "a&#39;b&quot;c&amp;d"},
           {"control", "a\x01z\x1b[m", "a\\x01z\\x1b[m"},
           {"not UTF-8", "a\xff\xc3", "a\\xff\\xc3"},
           {"right to left override", "a\u202eb", "a\\u{202e}b"},
           {"no characters to XML", "a\uffff\ufffeb", "a??b"},
           {"letters", "Größe 日本", "Größe 日本"},
       }) {
    CAPTURE(c.name);
    CHECK(escaped(c.text) == c.markup);
  }
}

TEST_CASE("coordinates have no more digits than they need") {
  for (const auto& [value, text] : {std::pair<double, const char*>{0, "0"},
                                    {1.5, "1.5"},
                                    {-0.004, "0"},
                                    {12.345678, "12.35"},
                                    {-3.1, "-3.1"},
                                    {99.999, "100"},
                                    {100, "100"},
                                    {0.05, "0.05"}}) {
    std::string out;
    append_coordinate(out, value);
    CHECK(out == text);
  }
}

TEST_CASE("text is cut where it has no room") {
  CHECK(fitted("short", 100, 12) == "short");
  const std::string name = "a very long name of a runtime, number 17";
  const std::string cut = fitted(name, 120, 12);
  CHECK(text_width(cut, 12) <= 120);
  CHECK(cut.starts_with("a very"));
  CHECK(cut.ends_with("17"));
  CHECK(cut.find("\u2026") != std::string::npos);
  CHECK(text_width(fitted("日本語日本語日本語日本語", 60, 12), 12) <= 60);
  CHECK(fitted("日本語日本語", 0, 12) == "\u2026");
  std::string_view rest = "one two three";
  CHECK(next_wrapped(rest, text_width("one two", 12) + 1, 12) == "one two");
  CHECK(rest == "three");
  rest = "unbreakable";
  while (!rest.empty()) REQUIRE_FALSE(next_wrapped(rest, 20, 12).empty());
}
