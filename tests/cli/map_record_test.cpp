#include "src/cli/map_record.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::cli;

TEST_CASE("map record: templates") {
  struct Case {
    const char* pattern;
    const char* line;
    const char* filled;     // nullptr = an error
  };
  static const Case cases[] = {
      {"{a}", R"({"a":"x"})", "x"},
      {"<{a}{b}>", R"({"a":"\u00e9\n","b":-1.50})", "<\xc3\xa9\n-1.50>"},
      {"{a.b.c}", R"({"a":{"b":{"c":[1, "x"]}}})", R"([1, "x"])"},
      {"{a.b}", R"({"a.b":1,"a":{"b":2}})", "1"},
      {"{}", R"({"a":1})", R"({"a":1})"},
      {"{{}} {{a}} }}{{", R"({"a":1})", "{} {a} }{"},
      {"{", R"({"a":1})", "{"},
      {"} { x } {\"a\"}", R"({"a":1})", "} { x } {\"a\"}"},
      {"{{{a}}}", R"({"a":1})", "{1}"},
      {"{text}", R"({"text":"T"})", "T"},
      {"{a}", R"({"b":1})", nullptr},
      {"{a.c}", R"({"a":{"b":1}})", nullptr},
      {"{.}", R"({"a":1})", nullptr},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pattern);
    std::string what;
    const auto filled = fill_template(c.pattern, c.line, MapInput::ndjson, what);
    REQUIRE(filled.has_value() == (c.filled != nullptr));
    if (filled) CHECK(*filled == c.filled);
    CHECK(what.empty() == filled.has_value());
  }
  std::string what;
  CHECK(*fill_template("{text}/{}", "l{i}ne", MapInput::text, what) == "l{i}ne/l{i}ne");
  CHECK(!fill_template("{other}", "line", MapInput::text, what));
  for (const char* p : {"{x}", "a {} b", "{{{x}"}) CHECK(template_has_place(p));
  for (const char* p : {"", "x", "{{x}}", "{", "{ }"}) CHECK(!template_has_place(p));
}

TEST_CASE("map record: what is done is taken off once for each time it is there") {
  MapDone done;
  done.add(R"({"id":1,"text":"x"})");
  done.add(R"({"id":"a\u0062","text":"x"})");
  done.add(R"({"id":"ab","text":"x"})");
  done.add(R"({"id":2,"error":"x"})");
  done.add(R"({"text":"x"})");
  done.add(R"({"id":3,"te)");
  done.add("");
  done.freeze();
  CHECK(done.size() == 3);
  CHECK(done.take("1"));
  CHECK(!done.take("1"));
  CHECK(!done.take("\"1\""));
  CHECK(!done.take("2"));
  CHECK(done.take("\"ab\""));
  CHECK(done.take("\"ab\""));
  CHECK(!done.take("\"ab\""));
}

TEST_CASE("map record: many ids") {
  MapDone done;
  for (int i = 0; i < 5000; i += 2) done.add("{\"id\":" + std::to_string(i) + "}");
  done.freeze();
  for (int i = 0; i < 5000; ++i) CHECK(done.take(std::to_string(i)) == (i % 2 == 0));
}
