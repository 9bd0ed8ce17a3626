#include "chimera/wire/json.hpp"

#include "chimera/base/rng.hpp"
#include "chimera/base/text.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::Guarded;
using Event = JsonReader::Event;
using std::string_view;

namespace {

#define BYTES(literal) string_view(literal, sizeof(literal) - 1)

// Reads all of `text` and writes it again without blanks; "error: ..." when it is not JSON.
std::string rewritten(string_view text) {
  std::string out;
  JsonReader reader(text);
  JsonWriter writer(out, JsonWriter::Style::compact);
  for (;;) {
    std::string s;
    switch (reader.next()) {
      case Event::object_begin: writer.begin_object(); break;
      case Event::object_end: writer.end_object(); break;
      case Event::array_begin: writer.begin_array(); break;
      case Event::array_end: writer.end_array(); break;
      case Event::key: reader.string(s), writer.key(s); break;
      case Event::string: reader.string(s), writer.string(s); break;
      case Event::number: writer.raw(reader.raw()); break;
      case Event::boolean: writer.boolean(reader.boolean()); break;
      case Event::null: writer.null(); break;
      case Event::end:
        CHECK(reader.offset() == text.size());
        CHECK(reader.next() == Event::end);
        return out;
      case Event::error:
        CHECK(reader.offset() <= text.size());
        CHECK(reader.next() == Event::error);
        CHECK_FALSE(reader.skip());
        CHECK_FALSE(reader.skip_rest());
        CHECK(reader.error().code == Errc::bad_input);
        return std::string("error: ") + reader.what();
    }
  }
}

bool skips(string_view text) {
  JsonReader reader(text);
  return reader.skip() && reader.next() == Event::end;
}

// The whole as the value of a member, skipped by skip() and, around it, by skip_rest().
bool skips_as_member(string_view text) {
  const std::string wrapped = "{\"k\":" + std::string(text) + "}";
  const Guarded guarded(wrapped);
  JsonReader by_value(guarded.view());
  CHECK(by_value.next() == Event::object_begin);
  CHECK(by_value.next() == Event::key);
  const bool value_ok =
      by_value.skip() && by_value.next() == Event::object_end && by_value.next() == Event::end;
  JsonReader by_rest(guarded.view());
  CHECK(by_rest.next() == Event::object_begin);
  const bool rest_ok = by_rest.skip_rest() && by_rest.next() == Event::end;
  CHECK(value_ok == rest_ok);
  return value_ok;
}

struct Good {
  const char* name;
  string_view text;
  string_view compact;
};

const Good kGood[] = {
    // structures
    {"empty array", "[]", "[]"},
    {"empty object", "{}", "{}"},
    {"blanks inside empties", "[ { \t} ,\n[\r] ]", "[{},[]]"},
    {"blanks around", " \t\r\n[1 , 2]\n ", "[1,2]"},
    {"blanks in an object", "{ \"a\" : 1 , \"b\" : 2 }", "{\"a\":1,\"b\":2}"},
    {"nested both ways", "{\"a\":[{\"b\":[]},{}],\"c\":{\"d\":{}}}",
     "{\"a\":[{\"b\":[]},{}],\"c\":{\"d\":{}}}"},
    {"array in array in array", "[[[]],[]]", "[[[]],[]]"},
    {"duplicate keys are both handed on", "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
    {"empty key", "{\"\":0}", "{\"\":0}"},
    {"escaped key", "{\"\\u0061\\n\":0}", "{\"a\\n\":0}"},
    {"NUL in a key", "{\"a\\u0000b\":0}", "{\"a\\u0000b\":0}"},
    {"all kinds in an array", "[null,true,false,\"\",0,{},[]]", "[null,true,false,\"\",0,{},[]]"},
    {"lonely string", "\"x\"", "\"x\""},
    {"lonely true", "true", "true"},
    {"lonely false", "false", "false"},
    {"lonely null", " null ", "null"},
    {"closing in the right order", "[{\"a\":[{\"b\":null}]}]", "[{\"a\":[{\"b\":null}]}]"},
    // numbers
    {"zero", "0", "0"},
    {"minus zero", "-0", "-0"},
    {"integer", "[123]", "[123]"},
    {"negative", "[-123]", "[-123]"},
    {"fraction", "[0.5]", "[0.5]"},
    {"fraction of zeros", "[1.000]", "[1.000]"},
    {"minus zero with fraction", "[-0.0]", "[-0.0]"},
    {"exponent", "[1e5]", "[1e5]"},
    {"capital exponent", "[1E5]", "[1E5]"},
    {"positive exponent", "[1e+5]", "[1e+5]"},
    {"negative exponent", "[1E-5]", "[1E-5]"},
    {"zero with exponent", "[0e+1]", "[0e+1]"},
    {"exponent with zeros", "[1e00002]", "[1e00002]"},
    {"everything", "[-12.340e-05]", "[-12.340e-05]"},
    {"beyond double", "[1e400]", "[1e400]"},
    {"below double", "[1e-400]", "[1e-400]"},
    {"exponent beyond everything", "[1e99999999999999999999]", "[1e99999999999999999999]"},
    {"beyond 64 bits", "[100000000000000000000]", "[100000000000000000000]"},
    {"very close to zero", "[-0.00000000000000000000000000000000000000000000000000000000000000001]",
     "[-0.00000000000000000000000000000000000000000000000000000000000000001]"},
    {"blank behind a number", "[1 ]", "[1]"},
    // strings
    {"all short escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
    {"control characters by number", "\"\\u0000\\u001f\\u001F\"",
     "\"\\u0000\\u001f\\u001f\""},
    {"DEL as it is", "\"\x7f\"", "\"\x7f\""},
    {"escaped DEL", "\"\\u007f\"", "\"\x7f\""},
    {"two-byte code point", "\"\\u00e9\\u00E9\\u07ff\"", "\"\xc3\xa9\xc3\xa9\xdf\xbf\""},
    {"three-byte code points", "\"\\u0800\\u20ac\\uFFFF\"",
     "\"\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf\""},
    {"surrogate pair", "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
    {"first and last pair", "\"\\uD800\\uDC00\\uDBFF\\uDFFF\"",
     "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
    {"neighbours of the surrogates", "\"\\ud7ff\\ue000\"", "\"\xed\x9f\xbf\xee\x80\x80\""},
    {"escaped backslash before u", "\"\\\\u0061\"", "\"\\\\u0061\""},
    {"escaped quote at the end", "\"a\\\"\"", "\"a\\\"\""},
    {"UTF-8 of all lengths", "\"$\xc2\xa2\xe2\x82\xac\xf0\x90\x8d\x88\"",
     "\"$\xc2\xa2\xe2\x82\xac\xf0\x90\x8d\x88\""},
    {"U+2028 as it is", "\"\xe2\x80\xa8\"", "\"\xe2\x80\xa8\""},
    {"noncharacter U+10FFFF", "\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\""},
    {"BOM inside a string", "\"\xef\xbb\xbf\"", "\"\xef\xbb\xbf\""},
    {"structure inside a string", "[\"]},{[:\"]", "[\"]},{[:\"]"},
    {"comment inside a string", "[\"/*x*/ // y\"]", "[\"/*x*/ // y\"]"},
    // implementation-defined: a lone surrogate escape becomes U+FFFD
    {"lone high surrogate", "\"\\ud800\"", "\"\xef\xbf\xbd\""},
    {"lone low surrogate", "\"\\udc00\"", "\"\xef\xbf\xbd\""},
    {"high surrogate before text", "\"\\ud800abc\"", "\"\xef\xbf\xbd" "abc\""},
    {"high surrogate before escape", "\"\\uD800\\n\"", "\"\xef\xbf\xbd\\n\""},
    {"high surrogate before a plain code", "\"\\uD800\\u0041\"", "\"\xef\xbf\xbd" "A\""},
    {"two high surrogates and a low one", "\"\\ud800\\ud83d\\ude00\"",
     "\"\xef\xbf\xbd\xf0\x9f\x98\x80\""},
    {"two low surrogates", "\"\\udc00\\udc00\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"high surrogate before U+E000", "\"\\ud800\\ue000\"", "\"\xef\xbf\xbd\xee\x80\x80\""},
    {"pair the wrong way round", "\"\\ude00\\ud83d\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
};

struct Bad {
  const char* name;
  string_view text;
};

const Bad kBad[] = {
    // nothing or too much
    {"empty", ""},
    {"blanks only", " \n"},
    {"BOM", "\xef\xbb\xbf{}"},
    {"half a BOM", "\xef\xbb"},
    {"UTF-16", BYTES("[\0]\0")},
    {"form feed as a blank", "[\f]"},
    {"vertical tab as a blank", "[1,\v2]"},
    {"no-break space as a blank", "[\xc2\xa0]"},
    {"word joiner as a blank", "[\xe2\x81\xa0]"},
    {"NUL behind", BYTES("[]\0")},
    {"second value", "1 2"},
    {"second array", "[][]"},
    {"garbage behind", "[1]x"},
    {"quote behind", "{\"a\":\"b\"}\""},
    {"closing behind", "[1]]"},
    {"brace behind", "{}}"},
    {"comma behind", "[\"\"],"},
    {"hash behind", "{\"a\":\"b\"}#"},
    {"comment behind", "{}//"},
    {"block comment", "[/**/1]"},
    {"line comment", "[1] // one\n"},
    // arrays
    {"unclosed array", "["},
    {"unclosed array behind a value", "[1"},
    {"unclosed array behind a comma", "[1,"},
    {"trailing comma", "[1,]"},
    {"two trailing commas", "[1,,]"},
    {"double comma", "[1,,2]"},
    {"leading comma", "[,1]"},
    {"only a comma", "[,]"},
    {"missing comma", "[1 true]"},
    {"missing comma between strings", "[\"a\" \"b\"]"},
    {"colon in an array", "[\"a\":1]"},
    {"array closed by a brace", "[1}"},
    {"array opened by nothing", "1]"},
    {"inner array unclosed", "[[1]"},
    {"semicolon", "[1;2]"},
    {"star", "[*]"},
    {"ellipsis", "[...]"},
    // objects
    {"unclosed object", "{"},
    {"unclosed object behind a key", "{\"a\""},
    {"unclosed object behind a colon", "{\"a\":"},
    {"unclosed object behind a value", "{\"a\":1"},
    {"unclosed object behind a comma", "{\"a\":1,"},
    {"trailing comma in an object", "{\"a\":1,}"},
    {"two trailing commas in an object", "{\"a\":1,,}"},
    {"only a comma in an object", "{,}"},
    {"missing colon", "{\"a\" 1}"},
    {"comma for a colon", "{\"a\",1}"},
    {"two colons", "{\"a\"::1}"},
    {"missing value", "{\"a\":}"},
    {"missing key", "{:1}"},
    {"missing comma in an object", "{\"a\":1 \"b\":2}"},
    {"value without a key", "{\"a\":1,2}"},
    {"key without quotes", "{a:1}"},
    {"key in single quotes", "{'a':1}"},
    {"number as a key", "{1:1}"},
    {"null as a key", "{null:1}"},
    {"object as a key", "{{}:1}"},
    {"array in place of members", "{[]}"},
    {"string in place of members", "{\"a\"}"},
    {"object closed by a bracket", "{\"a\":1]"},
    {"crossed brackets", "[{]}"},
    {"equals sign", "{\"a\"=1}"},
    {"backslash before a key", "{\\\"a\":1}"},
    // words
    {"nul", "nul"},
    {"nulll", "nulll"},
    {"tru", "[tru]"},
    {"fals", "[fals]"},
    {"True", "True"},
    {"NULL", "[NULL]"},
    {"undefined", "[undefined]"},
    {"two words", "[truefalse]"},
    {"cut word then bracket", "[nul]"},
    {"unquoted text", "[abc]"},
    // numbers
    {"minus", "-"},
    {"minus in an array", "[-]"},
    {"minus minus", "[--1]"},
    {"plus", "[+1]"},
    {"plus plus", "[++1]"},
    {"minus blank", "[- 1]"},
    {"leading zero", "[01]"},
    {"negative leading zero", "[-01]"},
    {"two zeros", "[00]"},
    {"point at the end", "[1.]"},
    {"zero point", "[0.]"},
    {"point at the front", "[.5]"},
    {"minus point", "[-.5]"},
    {"two points", "[1.2.3]"},
    {"point then exponent", "[1.e1]"},
    {"bare exponent", "[1e]"},
    {"bare exponent sign", "[1e+]"},
    {"bare negative exponent", "[1E-]"},
    {"double exponent", "[1e1e1]"},
    {"double exponent sign", "[1e+-1]"},
    {"fractional exponent", "[1e1.5]"},
    {"exponent alone", "[e1]"},
    {"hexadecimal", "[0x1]"},
    {"capital hexadecimal", "[0X1F]"},
    {"octal", "[0o7]"},
    {"underscore", "[1_000]"},
    {"thousands", "[1 000.0]"},
    {"suffix", "[1f]"},
    {"NaN", "[NaN]"},
    {"nan", "nan"},
    {"Inf", "[Inf]"},
    {"Infinity", "[Infinity]"},
    {"minus Infinity", "[-Infinity]"},
    {"full-width digit", "[\xef\xbc\x91]"},
    {"invalid byte behind a number", "[1\xe5]"},
    {"expression", "[1+2]"},
    // strings
    {"unclosed string", "\""},
    {"unclosed string with text", "[\"abc"},
    {"unclosed by escape", "[\"abc\\\"]"},
    {"single quotes", "['a']"},
    {"no opening quote", "[a\"]"},
    {"raw newline", "[\"a\nb\"]"},
    {"raw tab", "[\"\t\"]"},
    {"raw NUL", BYTES("[\"a\0b\"]")},
    {"raw 0x1f", "[\"\x1f\"]"},
    {"raw return in a key", "{\"\r\":1}"},
    {"escape x", "[\"\\x00\"]"},
    {"escape a", "[\"\\a\"]"},
    {"escape quote mark", "[\"\\'\"]"},
    {"escape zero", "[\"\\0\"]"},
    {"escape capital U", "[\"\\U0041\"]"},
    {"escape newline", "[\"\\\n\"]"},
    {"escape NUL", BYTES("[\"\\\0\"]")},
    {"escape emoji", "[\"\\\xf0\x9f\x98\x80\"]"},
    {"escape at the end", "[\"\\"},
    {"unicode escape of three", "[\"\\u00A\"]"},
    {"unicode escape of three at the end", "[\"\\u00A"},
    {"unicode escape of none", "[\"\\u\"]"},
    {"unicode escape with g", "[\"\\u000g\"]"},
    {"unicode escape with sign", "[\"\\u+041\"]"},
    {"unicode escape with blanks", "[\"\\u 041\"]"},
    {"half a pair, then a broken one", "[\"\\ud800\\u\"]"},
    {"half a pair, then a bad escape", "[\"\\ud800\\x\"]"},
    {"bad escape in a key", "{\"\\q\":1}"},
    // UTF-8
    {"lone continuation", "[\"\x80\"]"},
    {"overlong slash", "[\"\xc0\xaf\"]"},
    {"overlong in three", "[\"\xe0\x80\xaf\"]"},
    {"overlong in four", "[\"\xf0\x80\x80\xaf\"]"},
    {"raw surrogate", "[\"\xed\xa0\x80\"]"},
    {"raw surrogate pair (CESU-8)", "[\"\xed\xa0\xbd\xed\xb8\x80\"]"},
    {"over U+10FFFF", "[\"\xf4\x90\x80\x80\"]"},
    {"Latin-1", "[\"\xe9\"]"},
    {"sequence cut by the quote", "[\"\xe2\x82\"]"},
    {"sequence cut by an escape", "[\"\xe2\x82\\u00ac\"]"},
    {"FF", "[\"\xff\"]"},
    {"good, then bad in one run", "[\"\xc3\xa4\xc3\"]"},
    {"ill-formed key", "{\"\xff\":1}"},
    {"ill-formed outside a string", "[\xff]"},
};

std::string nested(int depth, string_view open, string_view inner, string_view close) {
  std::string s;
  for (int i = 0; i < depth; ++i) s += open;
  s += inner;
  for (int i = 0; i < depth; ++i) s += close;
  return s;
}

}  // namespace

TEST_CASE("json: accepted, with the values it holds, read and skipped") {
  for (const Good& c : kGood) {
    INFO(std::string(c.name));
    const Guarded text(c.text);
    CHECK(rewritten(text.view()) == c.compact);
    CHECK(rewritten(c.compact) == c.compact);
    CHECK(check_json(text.view()));
    CHECK(skips(text.view()));
    CHECK(skips_as_member(c.text));
  }
}

TEST_CASE("json: rejected, read and skipped") {
  for (const Bad& c : kBad) {
    INFO(std::string(c.name));
    const Guarded text(c.text);
    CHECK(rewritten(text.view()).starts_with("error: "));
    const auto checked = check_json(text.view());
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == Errc::bad_input);
    CHECK(string_view(checked.error().where) != "");
    CHECK_FALSE(skips(text.view()));
    CHECK_FALSE(skips_as_member(c.text));
  }
}

TEST_CASE("json: every prefix of a document is an error and is not read past") {
  for (const Good& c : kGood) {
    INFO(std::string(c.name));
    const string_view whole = trim(c.text);
    if (is_digit(whole[0]) || whole[0] == '-') continue;  // "12" has the prefix "1"
    for (size_t n = 0; n < whole.size(); ++n) {
      CAPTURE(n);
      const Guarded cut(whole.substr(0, n));
      CHECK_FALSE(check_json(cut.view()));
      CHECK_FALSE(skips(cut.view()));
    }
  }
}

TEST_CASE("json: damage never reads past the end, and reading and skipping agree about it") {
  Rng rng(11);
  int accepted = 0;
  for (const Good& c : kGood) {
    INFO(std::string(c.name));
    for (int i = 0; i < 100; ++i) {
      std::string text(c.text);
      text[rng.below(text.size())] = "\"\\{}[]:,0-+.eEu \n\xc3\x80"[rng.below(19)];
      const Guarded damaged(text);
      const bool good = !rewritten(damaged.view()).starts_with("error");
      CHECK(good == skips(damaged.view()));
      accepted += good;
    }
  }
  CHECK(accepted > 0);
}

TEST_CASE("json: depth") {
  const std::string arrays = nested(512, "[", "", "]");
  const std::string objects = nested(512, "{\"a\":", "1", "}");
  const std::string mixed = nested(256, "[{\"a\":", "null", "}]");
  for (const std::string& s : {arrays, objects, mixed}) {
    CHECK(check_json(s));
    CHECK(skips(s));
    CHECK(rewritten(s) == s);
    CHECK_FALSE(check_json("[" + s + "]"));
    CHECK_FALSE(skips("[" + s + "]"));
    CHECK_FALSE(skips_as_member(s));
  }
  // Levels are told apart also across the words of the bit set.
  for (int depth = 1; depth <= 512; ++depth) {
    std::string crossed = nested(depth, "[", "", "]");
    crossed[static_cast<size_t>(depth)] = '}';
    CHECK_FALSE(check_json(crossed));
  }
  for (const char* piece : {"[", "{\"a\":", "[{\"a\":", "]", "}"}) {
    const std::string many = nested(100000, piece, "", "");
    const Guarded guarded(many);
    CHECK_FALSE(check_json(guarded.view()));
    CHECK_FALSE(skips(guarded.view()));
  }
  JsonReader deep(arrays);
  for (int i = 1; i <= 512; ++i) CHECK(deep.next() == Event::array_begin);
  CHECK(deep.next() == Event::array_end);
}

TEST_CASE("json: offset() is at the offending byte") {
  static const struct {
    string_view text;
    size_t offset;
  } cases[] = {
      {"", 0}, {"[1,]", 3}, {"[1 x", 3}, {"{\"a\" 1}", 5}, {"{1", 1}, {"[\"a\nb\"]", 3},
      {"[\"ab", 4},
      {"[\"\xc3\xa4\xff\"]", 4}, {"[\"a\\q\"]", 3}, {"[01]", 2}, {"[1.]", 3}, {"[-x", 2},
      {"1 2", 2},
      {"[nul]", 1}, {"{\"a\":1,}", 7},
  };
  for (const auto& c : cases) {
    INFO(std::string(c.text));
    JsonReader reader(c.text);
    Event e;
    do {
      e = reader.next();
    } while (e != Event::error && e != Event::end);
    CHECK(e == Event::error);
    CHECK(reader.offset() == c.offset);
  }
}

TEST_CASE("json: numbers as doubles and as integers") {
  struct Case {
    const char* text;
    double number;
    bool has_signed;
    int64_t as_signed;
    bool has_unsigned;
    uint64_t as_unsigned;
  };
  static const Case cases[] = {
      {"0", 0, true, 0, true, 0},
      {"-0", 0, true, 0, true, 0},
      {"42", 42, true, 42, true, 42},
      {"-42", -42, true, -42, false, 0},
      {"1.0", 1, true, 1, true, 1},
      {"-1.50e1", -15, true, -15, false, 0},
      {"1200e-2", 12, true, 12, true, 12},
      {"0.00e-9223372036854775808", 0, true, 0, true, 0},
      {"12.34E2", 1234, true, 1234, true, 1234},
      {"1e3", 1000, true, 1000, true, 1000},
      {"1e+3", 1000, true, 1000, true, 1000},
      {"1e18", 1e18, true, 1000000000000000000, true, 1000000000000000000},
      {"1e19", 1e19, false, 0, true, 10000000000000000000u},
      {"1e20", 1e20, false, 0, false, 0},
      {"0e999999999999", 0, true, 0, true, 0},
      {"0.0e-5", 0, true, 0, true, 0},
      {"0.5", 0.5, false, 0, false, 0},
      {"1e-1", 0.1, false, 0, false, 0},
      {"1.00000000000000000000001", 1, false, 0, false, 0},
      {"9007199254740993", 9007199254740992.0, true, 9007199254740993, true, 9007199254740993},
      {"9223372036854775807", 0x1p63, true, INT64_MAX, true, INT64_MAX},
      {"9223372036854775808", 0x1p63, false, 0, true, 1ull << 63},
      {"-9223372036854775808", -0x1p63, true, INT64_MIN, false, 0},
      {"-9223372036854775809", -0x1p63, false, 0, false, 0},
      {"18446744073709551615", 0x1p64, false, 0, true, UINT64_MAX},
      {"18446744073709551616", 0x1p64, false, 0, false, 0},
      {"1e-400", 0, false, 0, false, 0},
      {"1e-99999999999999999999", 0, false, 0, false, 0},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.text));
    const Guarded text(c.text);
    JsonReader r(text.view());
    REQUIRE(r.next() == Event::number);
    CHECK(r.raw() == c.text);
    CHECK(r.number().value() == c.number);
    const auto as_signed = r.integer();
    const auto as_unsigned = r.unsigned_integer();
    CHECK(as_signed.has_value() == c.has_signed);
    CHECK(as_unsigned.has_value() == c.has_unsigned);
    if (as_signed) CHECK(*as_signed == c.as_signed);
    if (as_unsigned) CHECK(*as_unsigned == c.as_unsigned);
  }
  JsonReader large("[1e400,9223372036854775807e9223372036854775807]");
  large.next();
  large.next();
  CHECK_FALSE(large.number());
  CHECK_FALSE(large.integer());
  large.next();
  CHECK_FALSE(large.number());
  CHECK_FALSE(large.unsigned_integer());
}

TEST_CASE("json: a string is not a number, whatever it holds") {
  JsonReader r("{\"1\":\"2\"}");
  r.next();
  CHECK(r.next() == Event::key);
  CHECK_FALSE(r.number());
  CHECK(r.next() == Event::string);
  CHECK_FALSE(r.number());
  CHECK_FALSE(r.integer());
  CHECK_FALSE(r.unsigned_integer());
}

TEST_CASE("json: is() compares decoded text") {
  static const struct {
    const char* name;
    string_view text, plain;
    bool same;
  } cases[] = {
      {"plain", "\"done\"", "done", true},
      {"longer", "\"done\"", "do", false},
      {"shorter", "\"do\"", "done", false},
      {"empty", "\"\"", "", true},
      {"escaped", "\"d\\u006fne\"", "done", true},
      {"escaped, longer", "\"d\\u006fnex\"", "done", false},
      {"escaped, shorter", "\"d\\u006fn\"", "done", false},
      {"escaped, other", "\"d\\u006ene\"", "done", false},
      {"its own source text", "\"a\\n\"", "a\\n", false},
      {"newline", "\"a\\n\"", "a\n", true},
      {"pair", "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", true},
      {"pair, cut", "\"\\ud83d\\ude00\"", "\xf0\x9f\x98", false},
      {"NUL", "\"\\u0000\"", BYTES("\0"), true},
  };
  for (const auto& c : cases) {
    INFO(std::string(c.name));
    const Guarded text(c.text);
    const Guarded plain(c.plain);
    JsonReader r(text.view());
    CHECK(r.next() == Event::string);
    CHECK(r.is(plain.view()) == c.same);
  }
}

TEST_CASE("json: a typical walk: known members are used, unknown ones skipped") {
  const string_view text =
      "{\"model\":\"m\",\"context\":[1,[2,{\"done\":true}],3],"
      "\"response\":\"a\\nb\",\"x\":{},\"done\":false}";
  JsonReader r(text);
  std::string response = "-";
  bool done = true;
  int members = 0;
  REQUIRE(r.next() == Event::object_begin);
  while (r.next() == Event::key) {
    ++members;
    if (r.is("response")) {
      CHECK(r.next() == Event::string);
      r.string(response);  // appends
    } else if (r.is("done")) {
      CHECK(r.next() == Event::boolean);
      done = r.boolean();
    } else {
      CHECK(r.skip());
    }
  }
  CHECK(r.next() == Event::end);
  CHECK(members == 5);
  CHECK(response == "-a\nb");
  CHECK_FALSE(done);

  JsonReader rest("[[1,[2],{\"a\":[3]}],4]");
  rest.next();
  rest.next();
  CHECK(rest.next() == Event::number);
  CHECK(rest.skip_rest());  // from the middle of the inner array
  CHECK(rest.next() == Event::number);
  CHECK(rest.integer().value() == 4);
  CHECK(rest.skip_rest());
  CHECK(rest.next() == Event::end);
  CHECK(rest.skip_rest());  // nothing left, and no endless loop
}
