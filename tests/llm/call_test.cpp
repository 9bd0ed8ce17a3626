#include "chimera/llm/call.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::llm;

namespace {

std::string repeated(std::string_view unit, size_t times) {
  std::string s;
  for (size_t i = 0; i < times; ++i) s += unit;
  return s;
}

Call answered(std::string text) {
  Call c;
  c.text = std::move(text);
  c.done = true;
  return c;
}

}  // namespace

TEST_CASE("model options: what belongs into the options object") {
  CHECK_FALSE(Options{}.any_model_option());
  Options top_level;
  top_level.keep_alive = "5m";
  top_level.think = "true";
  CHECK_FALSE(top_level.any_model_option());

  Options o[9];
  o[0].num_gpu = 0;
  o[1].num_ctx = 512;
  o[2].top_k = 1;
  o[3].num_predict = -1;
  o[4].seed = 0;
  o[5].temperature = 0.0;
  o[6].top_p = 0.5;
  o[7].repeat_penalty = 1.1;
  o[8].extra.emplace_back("mirostat", "1");
  for (size_t i = 0; i < std::size(o); ++i) {
    CAPTURE(i);
    CHECK(o[i].any_model_option());
  }
}

TEST_CASE("validity: the first reason in the order error, truncated, empty, loop, cold") {
  const std::string loop = repeated("the same ", 100);
  struct Case {
    const char* name;
    std::string text;
    bool failed, done;
    Errc code;
    Nanos load;
    Validity want;
  };
  const Case cases[] = {
      {"an answer", "four", false, true, {}, 0, Validity::ok},
      {"load of exactly a second", "four", false, true, {}, kSecond, Validity::ok},
      {"load over a second", "four", false, true, {}, kSecond + 1, Validity::cold},
      {"loop before cold", loop, false, true, {}, 5 * kSecond, Validity::loop},
      {"no text", "", false, true, {}, 5 * kSecond, Validity::empty},
      {"blank text", " \n\t ", false, true, {}, 0, Validity::empty},
      {"no done record", loop, false, false, {}, 5 * kSecond, Validity::truncated},
      {"no done record, no text", "", false, false, {}, 0, Validity::truncated},
      {"the stream broke off", "fo", true, false, Errc::truncated, 0, Validity::truncated},
      {"truncated is so even when done", "fo", true, true, Errc::truncated, 0, Validity::truncated},
      {"reset", "fo", true, false, Errc::reset, 0, Validity::error},
      {"refused", "", true, false, Errc::refused, 0, Validity::error},
      {"error before everything", loop, true, true, Errc::server_error, 5 * kSecond,
       Validity::error},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.name));
    Call c = answered(t.text);
    c.failed = t.failed;
    c.done = t.done;
    c.error.code = t.code;
    c.load_duration = t.load;
    CHECK(std::string_view(name_of(c.validity())) == name_of(t.want));
  }
  CHECK(std::string_view(name_of(Validity::ok)) == "ok");
  CHECK(std::string_view(name_of(Validity::empty)) == "empty");
}

TEST_CASE("validity: an answer of tool calls alone") {
  llm::Call call;
  call.done = true;
  call.tool_calls.emplace_back();
  CHECK(call.validity() == llm::Validity::ok);
  call.load_duration = 2 * kSecond;
  CHECK(call.validity() == llm::Validity::cold);
}

TEST_CASE("ttft: from sent to the first token, to the end without one") {
  struct Case {
    const char* name;
    Nanos sent, first_token, ended, want;
  };
  const Case cases[] = {
      {"usual", 100, 350, 900, 250},
      {"no token", 100, 0, 900, 800},
      {"never sent", 0, 0, 900, 0},
      {"sent and nothing else", 100, 0, 0, 0},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.name));
    Call c;
    c.sent = t.sent;
    c.first_token = t.first_token;
    c.ended = t.ended;
    CHECK(c.ttft() == t.want);
  }
}

TEST_CASE("tokens: the server's count, else the pieces") {
  Call c;
  c.pieces = 7;
  CHECK(c.tokens() == 7);
  c.eval_count = 9;
  CHECK(c.tokens() == 9);
}

TEST_CASE("an answer that repeats itself to the end") {
  const std::string sentence = "The benchmark data is very interesting. ";  // 40 bytes
  REQUIRE(sentence.size() == 40);
  const std::string prose =
      "The first server answered in 81 ms, the second in 93 ms; both stayed below the limit. "
      "A longer context costs memory and some speed, which the tables above make visible.\n";
  std::string unit199, unit201;
  for (int i = 0; i < 199; ++i) unit199 += static_cast<char>('!' + (i * i + i / 7) % 90);
  unit199[0] = '\x01';
  unit201 = unit199 + "\x02\x03";
  std::string table = "| Metric | Value |\n|--------|-------|\n";
  for (int i = 0; i < 40; ++i) table += "| run " + std::to_string(i * 37) + " | 14.1 |\n";

  struct Case {
    const char* name;
    std::string text;
    bool want;
  };
  const Case cases[] = {
      {"nothing", "", false},
      {"prose", repeated(prose, 3), false},
      {"one token, as in TR115's worst run", prose + repeated("0", 8179), true},
      {"a two-byte token", prose + repeated(" a", 300), true},
      {"400 bytes of one", repeated("x", 400), true},
      {"399 bytes of one", repeated("x", 399), false},
      {"399 bytes of one behind prose", prose + repeated("x", 399), false},
      {"400 bytes of one behind prose", prose + repeated("x", 400), true},
      {"40-byte sentence ten times", prose + repeated(sentence, 10), true},
      {"40-byte sentence nine times", prose + repeated(sentence, 9), false},
      {"cut inside the unit", prose + repeated(sentence, 12) + sentence.substr(0, 17), true},
      {"begun inside the unit", sentence.substr(23) + repeated(sentence, 10), true},
      {"100-byte unit eight times", repeated(unit199.substr(0, 100), 8), true},
      {"100-byte unit seven times", repeated(unit199.substr(0, 100), 7), false},
      {"199-byte unit eight times", repeated(unit199, 8), true},
      {"201-byte unit twenty times", repeated(unit201, 20), false},
      {"repeats that end before the end", repeated(sentence, 30) + "That is all.", false},
      {"blanks count", prose + repeated("\n", 400), true},
      {"rule of dashes", prose + repeated("-", 120), false},
      {"rule of dashes with a line end", prose + repeated("-", 500) + "\n", false},
      {"a table of rows that differ", table, false},
      {"a table's rule", prose + repeated("|-----", 30) + "|\n", false},
      {"bytes that are no UTF-8", repeated("\xff\xfe", 200), true},
  };
  for (const Case& t : cases) {
    CAPTURE(std::string(t.name));
    const chimera_test::Guarded text(t.text);
    CHECK(repeats_itself(text.view()) == t.want);
  }
}
