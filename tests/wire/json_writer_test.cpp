#include <math.h>

#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::Guarded;
using Event = JsonReader::Event;
using std::string_view;

#define BYTES(literal) string_view(literal, sizeof(literal) - 1)

TEST_CASE("json writer: a line stays one, and nothing in it moves a terminal") {
  std::string out;
  JsonWriter w(out, JsonWriter::Style::compact);
  w.begin_object().key("raw").raw("{\"a\":\r\n[1,\n2], \"b\": \"\\n\xc2\x9b\xc3\x9b\"}");
  w.field("text", "\xc2\x80\xc2\x9f\xc2\xa0").end_object();
  CHECK(out == "{\"raw\":{\"a\":[1,2], \"b\": \"\\n\\u009b\xc3\x9b\"},"
               "\"text\":\"\\u0080\\u009f\xc2\xa0\"}");
  CHECK(check_json(out));
  out.clear();
  JsonWriter(out, JsonWriter::Style::pretty).raw("[\n1]");
  CHECK(out == "[\n1]");
}

TEST_CASE("json writer: pretty, byte for byte as serde_json prints it") {
  std::string out;
  JsonWriter w(out, JsonWriter::Style::pretty);
  w.begin_object();
  w.field("name", "chimera").field("view", string_view("v")).field("n", 2);
  w.field("mean", 99.4031783815078).field("one", 1.0).field("big", 1e16).field("tiny", 1e-7);
  w.field("low", int64_t{INT64_MIN}).field("high", uint64_t{UINT64_MAX}).field("on", true);
  w.key("none").null();
  w.key("nan").number(NAN);
  w.key("empty").begin_object().end_object();
  w.key("list").begin_array().integer(1).begin_array().end_array().begin_object();
  w.key("a").begin_array().boolean(false).unsigned_integer(7).end_array();
  w.end_object().end_array();
  w.key("raw").raw("[0]");
  w.key("last").string("z");
  w.end_object();
  CHECK(out == R"({
  "name": "chimera",
  "view": "v",
  "n": 2,
  "mean": 99.4031783815078,
  "one": 1.0,
  "big": 1e16,
  "tiny": 1e-7,
  "low": -9223372036854775808,
  "high": 18446744073709551615,
  "on": true,
  "none": null,
  "nan": null,
  "empty": {},
  "list": [
    1,
    [],
    {
      "a": [
        false,
        7
      ]
    }
  ],
  "raw": [0],
  "last": "z"
})");
  CHECK(check_json(out));
}

TEST_CASE("json writer: compact, and lonely values one behind another") {
  std::string out;
  JsonWriter w(out, JsonWriter::Style::compact);
  w.begin_object().field("a", 1).key("b").begin_array().null().string("x").end_array();
  w.key("c").begin_object().end_object().end_object();
  out += '\n';
  w.begin_array().end_array();
  out += '\n';
  w.number(0.5);
  CHECK(out == "{\"a\":1,\"b\":[null,\"x\"],\"c\":{}}\n[]\n0.5");
  for (const auto style : {JsonWriter::Style::compact, JsonWriter::Style::pretty}) {
    out.clear();
    JsonWriter(out, style).begin_array().end_array();
    CHECK(out == "[]");
    out.clear();
    JsonWriter(out, style).string("s");
    CHECK(out == "\"s\"");
  }
}

TEST_CASE("json writer: strings") {
  static const struct {
    const char* name;
    string_view text, json;
  } cases[] = {
      {"empty", "", "\"\""},
      {"plain", "a/b", "\"a/b\""},
      {"short escapes", "\"\\\b\f\n\r\t", "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
      {"other controls", BYTES("\0\x01\x0b\x1a\x1f"), "\"\\u0000\\u0001\\u000b\\u001a\\u001f\""},
      {"DEL", "\x7f", "\"\x7f\""},
      {"non-ASCII", "\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80",
       "\"\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80\""},
      {"ill-formed", "a\xff\xe2\x82z\n", "\"a\xef\xbf\xbd\xef\xbf\xbdz\\n\""},
  };
  for (const auto& c : cases) {
    INFO(std::string(c.name));
    std::string out;
    append_json_string(out, Guarded(c.text).view());
    CHECK(out == c.json);
    out.clear();
    JsonWriter(out, JsonWriter::Style::pretty).begin_object().key(c.text).null().end_object();
    CHECK(out == "{\n  " + std::string(c.json) + ": null\n}");
  }
  // Every byte, alone: the result reads back, and as itself when it was well-formed.
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    std::string json, back;
    append_json_string(json, one);
    JsonReader r(json);
    CAPTURE(byte);
    REQUIRE(r.next() == Event::string);
    r.string(back);
    CHECK(back == to_valid_utf8(one));
    CHECK(r.next() == Event::end);
  }
}
