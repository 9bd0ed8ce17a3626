#include "chimera/wire/json_schema.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;

namespace {

struct Case {
  const char* schema;
  const char* document;
  const char* wrong;     // nullptr = it fits
};

// Each line agrees with Python's jsonschema (Draft202012Validator.is_valid).
constexpr Case kCases[] = {
    {R"({})", R"({"a":[1,"x",null]})", nullptr},
    {R"(true)", R"(1)", nullptr},
    {R"(false)", R"(1)", "the document: not allowed"},
    {R"({"type":"object"})", R"({})", nullptr},
    {R"({"type":"object"})", R"([])", "the document: is array, not object"},
    {R"({"type":"integer"})", R"(3)", nullptr},
    {R"({"type":"integer"})", R"(3.0)", nullptr},
    {R"({"type":"integer"})", R"(3.5)", "the document: is number, not integer"},
    {R"({"type":"number"})", R"(-1e3)", nullptr},
    {R"({"type":["string","null"]})", R"(null)", nullptr},
    {R"({"type":["string","null"]})", R"(1)", "the document: is number, not string or null"},
    {R"({"type":"boolean"})", R"(false)", nullptr},
    {R"({"type":"boolean"})", R"("false")", "the document: is string, not boolean"},
    {R"({"enum":["a",1,null,{"x":[1, 2]}]})", R"("\u0061")", nullptr},
    {R"({"enum":["a",1,null,{"x":[1, 2]}]})", R"(1.0)", nullptr},
    {R"({"enum":["a",1,null,{"x":[1, 2]}]})", R"({"x":[1,2]})", nullptr},
    {R"({"const":{"x":"a b","y":[1,{}]}})", R"({ "x":"a\u0020b", "y": [1.0, { }]})", nullptr},
    {R"({"const":{"x":"a b"}})", R"({"x":"ab"})", "the document: not that constant"},
    {R"({"const":{"x":1,"y":2}})", R"({"x":1})", "the document: not that constant"},
    {R"({"const":[1,2]})", R"([1,2,3])", "the document: not that constant"},
    {R"({"const":{}})", R"([])", "the document: not that constant"},
    {R"({"enum":["a",1]})", R"("b")", "the document: none of the values that are allowed"},
    {R"({"const":"go"})", R"("go")", nullptr},
    {R"({"const":"go"})", R"("gone")", "the document: not that constant"},
    {R"({"required":["a","b"]})", R"({"a":1,"b":null})", nullptr},
    {R"({"required":["a","b"]})", R"({"a":1})", R"(the document: lacks "b")"},
    {R"({"required":["\u0061"]})", R"({"a":1})", nullptr},
    {R"({"required":["a"]})", R"([1])", nullptr},
    {R"({"properties":{"n":{"type":"string"}}})", R"({"n":"x","m":1})", nullptr},
    {R"({"properties":{"n":{"type":"string"}}})", R"({"n":1})", "n: is number, not string"},
    {R"({"properties":{"n":{}},"additionalProperties":false})", R"({"n":1})", nullptr},
    {R"({"properties":{"n":{}},"additionalProperties":false})", R"({"n":1,"m":2})",
     "m: not allowed"},
    {R"({"additionalProperties":{"type":"null"}})", R"({"m":2})", "m: is number, not null"},
    {R"({"items":{"type":"integer"}})", R"([1,2,3])", nullptr},
    {R"({"items":{"type":"integer"}})", R"([1,"2",3])", "[1]: is string, not integer"},
    {R"({"items":{"type":"integer"}})", R"([])", nullptr},
    {R"({"prefixItems":[{"type":"string"}],"items":{"type":"null"}})", R"(["a",null])", nullptr},
    {R"({"prefixItems":[{"type":"string"}],"items":{"type":"null"}})", R"(["a",1])",
     "[1]: is number, not null"},
    {R"({"prefixItems":[{"type":"string"}]})", R"([1])", "[0]: is number, not string"},
    {R"({"properties":{"a":{"items":{"properties":{"b":{"type":"string"}}}}}})",
     R"({"a":[{"b":"x"},{"b":7}]})", "a[1].b: is number, not string"},
    {R"({"minimum":2,"maximum":4})", R"(2)", nullptr},
    {R"({"minimum":2,"maximum":4})", R"(1.9)", "the document: too small"},
    {R"({"minimum":2,"maximum":4})", R"(5)", "the document: too large"},
    {R"({"minimum":2})", R"("1")", nullptr},
    {R"({"minimum":2,"type":"integer"})", R"(1e999)", nullptr},
    {R"({"maximum":2})", R"(1e999)", "the document: too large"},
    {R"({"maximum":2})", R"(-1e999)", nullptr},
    {R"({"exclusiveMaximum":4})", R"(4)", "the document: too large"},
    {R"({"exclusiveMinimum":4})", R"(4.1)", nullptr},
    {R"({"minLength":2,"maxLength":3})", R"("\u00e4\u00f6")", nullptr},
    {R"({"minLength":2})", R"("a")", "the document: too short"},
    {R"({"maxLength":1})", "\"\xc3\xa4\"", nullptr},
    {R"({"minItems":1,"maxItems":2})", R"([[],[1,2,3]])", nullptr},
    {R"({"minItems":1})", R"([])", "the document: too few items"},
    {R"({"maxItems":1})", R"([1,2])", "the document: too many items"},
    {R"({"minProperties":1})", R"({})", "the document: too few members"},
    {R"({"anyOf":[{"type":"string"},{"minimum":5}]})", R"(6)", nullptr},
    {R"({"anyOf":[{"type":"string"},{"minimum":5}]})", R"(4)",
     "the document: fits none of the alternatives"},
    {R"({"oneOf":[{"type":"integer"},{"minimum":5}]})", R"(6)",
     "the document: fits more than one alternative"},
    {R"({"oneOf":[{"type":"integer"},{"minimum":5}]})", R"(4)", nullptr},
    {R"({"allOf":[{"type":"integer"},{"minimum":5}]})", R"(4)", "the document: too small"},
    {R"({"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"null"}}})", R"(null)", nullptr},
    {R"({"$ref":"#/$defs/x","$defs":{"x":{"type":"null"}}})", R"(1)",
     "the document: is number, not null"},
    {R"({"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}},"required":["v"]})",
     R"({"v":1,"next":{"v":2,"next":{"v":3}}})", nullptr},
    {R"({"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}},"required":["v"]})",
     R"({"v":1,"next":{"v":2,"next":{}}})", R"(next.next: lacks "v")"},
    {R"({"format":"email","title":"t","examples":[1]})", R"("y")", nullptr},
    {R"({"type":"object","required":["label"],"properties":{"label":{"type":"string",
        "enum":["bug","question"]}},"additionalProperties":false})",
     " { \"label\" : \"bug\" } \n", nullptr},
};

}  // namespace

TEST_CASE("json schema: what fits and what does not, and where") {
  for (const Case& c : kCases) {
    CAPTURE(c.schema);
    CAPTURE(c.document);
    std::string what;
    const auto fits = check_schema(c.document, c.schema, what);
    CHECK(fits.has_value() == (c.wrong == nullptr));
    if (!fits) CHECK(fits.error().code == Errc::bad_input);
    CHECK(what == (c.wrong == nullptr ? "" : c.wrong));
  }
}

TEST_CASE("json schema: a keyword that is not looked at") {
  std::string what;
  CHECK(check_schema("\"y\"", R"({"pattern":"^x$"})", what).has_value());
}

TEST_CASE("json schema: a schema that makes no sense") {
  constexpr const char* kCircle = "$ref goes round in a circle, or schemas are nested too deep";
  const char* const cases[][2] = {{"[]", "a schema is an object"},
                                  {R"({"$ref":"#"})", kCircle},
                                  {R"({"allOf":[{"anyOf":[{"oneOf":[{"$ref":"#"}]}]}]})", kCircle},
                                  {R"({"$ref":"#/$defs/no"})", "$ref leads nowhere"},
                                  {R"({"anyOf":[{"$ref":"http://x"}]})",
                                   "$ref leads out of the schema"}};
  for (const auto& c : cases) {
    std::string what;
    const auto r = check_schema("1", c[0], what);
    REQUIRE(!r.has_value());
    CHECK(r.error().code == Errc::usage);
    CHECK(what == c[1]);
  }
}

TEST_CASE("json walk: parts of the text, as they stand") {
  JsonWalk walk(R"( { "a" : [1, {"b":2}] ,"\u0062":"x,y","c":{}, "d" : -1.5e3 } )");
  const char* const wanted[][2] = {
      {"a", R"([1, {"b":2}])"}, {"b", R"("x,y")"}, {"c", "{}"}, {"d", "-1.5e3"}};
  for (const auto& w : wanted) {
    REQUIRE(walk.next());
    CHECK(walk.key == w[0]);
    CHECK(walk.value == w[1]);
  }
  CHECK(!walk.next());
  JsonWalk empty("[]"), one("[ null ]");
  CHECK(!empty.next());
  CHECK(one.next());
  CHECK(one.value == "null");
  CHECK(!one.next());
  CHECK(json_member(R"({"x":{"y":1},"y":2})", "y") == "2");
  CHECK(json_member("[1]", "y").empty());
}
