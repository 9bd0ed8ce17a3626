// runs: linux virtual
#include "src/sim/document.hpp"

#include "chimera/wire/json.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::sim;

namespace {

std::string made(std::string_view schema) {
  const std::string document = document_for(schema, 5);
  CAPTURE(document);
  CHECK(wire::check_json(document).has_value());
  CHECK(document.find('\n') == document.npos);
  CHECK(document == document_for(schema, 5));
  return document;
}

TEST_CASE("raw values inside a document") {
  constexpr const char* kObject = R"({"a" : [ 1 , 2 ] ,"b":"x\u0041", "c":{ } })";
  CHECK(member(kObject, "a") == "[ 1 , 2 ]");
  CHECK(member(kObject, "c") == "{ }");
  CHECK(member(kObject, "d").empty());
  CHECK(member("[1]", "a").empty());
  CHECK(member("", "a").empty());
  CHECK(first_item("[ [1] ,2]") == "[1]");
  CHECK(first_item("[ ]").empty());
  CHECK(first_item("{}").empty());
  std::string text;
  CHECK(append_text(text, member(kObject, "b")));
  CHECK(text == "xA");
  CHECK(!append_text(text, "7"));
  CHECK(!append_text(text, ""));
}

TEST_CASE("a document for each word of a schema") {
  struct Case {
    const char* schema;
    const char* document;
  };
  static const Case cases[] = {
      {R"({"type":"boolean"})", "true"},
      {R"({"type":"null"})", "null"},
      {R"({"type":["null","string"]})", "null"},
      {R"({"const":{"a": [1, " \" x"]}})", R"({"a":[1," \" x"]})"},
      {R"({"enum":[ "b" , "a" ]})", "\"b\""},
      {R"({"type":"integer","minimum":4})", "4"},
      {R"({"type":"integer","exclusiveMinimum":4})", "5"},
      {R"({"type":"number","exclusiveMinimum":1.5})", "2"},
      {R"({"type":"number","maximum":-2.5})", "-2.5"},
      {R"({"type":"array","items":{"const":1},"minItems":3})", "[1,1,1]"},
      {R"({"items":{"const":1}})", "[1]"},
      {R"({"type":"object"})", "{}"},
      {R"({"type":"object","required":["a","b"]})", R"({"a":true,"b":true})"},
      {R"({"properties":{"a":{"const":1}},"required":["b","a"]})", R"({"a":1,"b":true})"},
      {R"({"type":"integer","minimum":0.5})", "1"},
      {R"({"type":"integer","minimum":-2.5})", "-2"},
      {R"({"type":"integer","maximum":2.5})", "2"},
      {R"({"type":"integer","maximum":-2.5})", "-3"},
      {R"({"type":"integer","minimum":9007199254740993})", "9007199254740993"},
      {R"({"type":"number","minimum":0.5})", "0.5"},
      {R"({"properties":{"a":{"const":1},"b":{"const":2}}})", R"({"a":1,"b":2})"},
      {R"({"required":["b"],"properties":{"a":{"const":1},"b":{"const":2}}})", R"({"b":2})"},
      {R"({"properties":{"\u00e9\"":{"const":1}},"required":["\u00e9\""]})", R"({"\u00e9\"":1})"},
      {R"({"properties":{"a":{"$ref":"#/$defs/x/y"}},"$defs":{"x":{"y":{"const":7}}}})",
       R"({"a":7})"},
      {R"({"anyOf":[{"const":1},{"const":2}]})", "1"},
      {R"({"oneOf":[{"const":1}]})", "1"},
      {R"({"allOf":[{"const":1}]})", "1"},
      {R"({"$ref":"#"})", "null"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.schema);
    CHECK(made(c.schema) == c.document);
  }
  CHECK(made("").starts_with(R"({"answer":")"));
  CHECK(made("{}").starts_with('"'));
  CHECK(made(R"({"type":"string"})").starts_with('"'));
}

TEST_CASE("a schema within itself ends") {
  std::string wide = R"({"properties":{)";
  for (int i = 0; i < 40; ++i) {
    wide += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + R"(":{"$ref":"#"})";
  }
  CHECK(made(wide + "}}").size() < 40'000);
  CHECK(made(R"({"type":"array","items":{"$ref":"#"},"minItems":1000})").size() < 40'000);
  // Each step looks through all of it.
  const std::string padding = R"("title":")" + std::string(60'000, 'x') + "\"";
  CHECK(made("{" + padding +
             R"(,"items":{"anyOf":[{"$ref":"#/a"}]},"minItems":64,"a":{"anyOf":[{"$ref":"#/b"}]},)"
             R"("b":{"anyOf":[{"$ref":"#"}]}})")
            .size() < 40'000);
}

}  // namespace
