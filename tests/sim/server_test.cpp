// runs: linux virtual
#include "chimera/sim/server.hpp"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chimera/base/text.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/wire/chunked.hpp"
#include "chimera/wire/http1.hpp"
#include "chimera/wire/json.hpp"
#include "tests/net/raw_client.hpp"

using namespace chimera;
using namespace chimera_test;
using wire::JsonReader;

namespace {

constexpr const char* kQuick = "ttft=2ms,rate=2000,tokens=20";

struct Rig {
  sim::Server server;
  sys::Address at;
  explicit Rig(std::string_view spec) {
    sim::Settings s;
    REQUIRE(sim::set_all(s, spec).has_value());
    REQUIRE(server.open(s).has_value());
    at = server.address().value();
  }
};

std::string post(std::string_view path, std::string_view body, std::string_view fields = "") {
  return std::string("POST ").append(path).append(" HTTP/1.1\r\nHost: x\r\n").append(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
std::string generate(std::string_view more = "") {
  return post("/api/generate",
              std::string(R"({"model":"m","prompt":"analyse")").append(more).append("}"),
              "Connection: close\r\n");
}

// Sends `wire` to a server of that spec and returns all it says.
std::string ask(std::string_view spec, std::string_view wire) {
  Rig rig(spec);
  const std::vector<std::string_view> pieces{wire};
  std::string reply;
  run_beside(rig.server.run(), [&] { return converse(rig.at, pieces, reply); });
  return reply;
}

// A generate answer taken apart.
struct Answer {
  int status = 0;
  bool framed = false;  // the chunks came to their end
  bool json = true;     // every line is JSON
  std::string text, reason, error;
  size_t lines = 0;
  bool done = false;
  int64_t eval_count = 0, eval_ns = 0, total_ns = 0, load_ns = 0, prompt_ns = 0;
};

void read_line(std::string_view line, Answer& a) {
  ++a.lines;
  if (!wire::check_json(line)) {
    a.json = false;
    return;
  }
  JsonReader in(line);
  in.next();
  while (in.next() == JsonReader::Event::key) {
    std::string key;
    in.string(key);
    const JsonReader::Event e = in.next();
    if (key == "response") in.string(a.text);
    if (key == "done_reason") in.string(a.reason);
    if (key == "error") in.string(a.error);
    if (key == "done") a.done = in.boolean();
    if (key == "eval_count") a.eval_count = in.integer().value();
    if (key == "eval_duration") a.eval_ns = in.integer().value();
    if (key == "total_duration") a.total_ns = in.integer().value();
    if (key == "load_duration") a.load_ns = in.integer().value();
    if (key == "prompt_eval_duration") a.prompt_ns = in.integer().value();
    if (e == JsonReader::Event::array_begin) in.skip_rest();
  }
}

Answer take_apart(std::string_view reply) {
  Answer a;
  const auto head = wire::parse_response_head(reply, false);
  if (!head || !*head) return a;
  a.status = (*head)->status;
  std::string body(reply.substr((*head)->size));
  if ((*head)->framing == wire::Framing::chunked) {
    wire::ChunkDecoder decoder;
    std::string_view rest = reply.substr((*head)->size);
    body.clear();
    while (!rest.empty() && !decoder.done()) {
      const auto piece = decoder.next(rest);
      if (!piece) break;
      body.append(*piece);
    }
    a.framed = decoder.done();
  }
  std::string_view rest = body, line;
  while (next_line(rest, line)) read_line(line, a);
  return a;
}

TEST_CASE("an answer has its tokens, its end and its figures") {
  const Answer a = take_apart(ask(kQuick, generate()));
  CHECK(a.status == 200);
  CHECK(a.framed);
  CHECK(a.json);
  CHECK(a.lines == 21);
  CHECK(a.done);
  CHECK(a.reason == "stop");
  CHECK(a.eval_count == 20);
  CHECK(a.text.starts_with("## Executive Summary"));
  // True times: a first token that is late takes from the time of the others.
  CHECK(a.eval_ns > 0);
  CHECK(a.prompt_ns + a.eval_ns >= 12 * kMilli);
  CHECK(a.prompt_ns >= 2 * kMilli);
  CHECK(a.load_ns == 0);
  CHECK(a.total_ns >= a.eval_ns + a.prompt_ns);
}

TEST_CASE("num_predict, tokens per event, load and prefill") {
  const Answer a =
      take_apart(ask("ttft=1ms,rate=inf,tokens=20,tokens-per-event=3,load=3ms,prefill=1ms",
                     generate(R"(,"options":{"num_predict":7})")));
  CHECK(a.lines == 4);
  CHECK(a.eval_count == 7);
  CHECK(a.reason == "length");
  CHECK(a.load_ns == 3 * kMilli);
  CHECK(a.prompt_ns >= 3 * kMilli);  // 2 prompt tokens and the ttft
}

TEST_CASE("the same in one object, and over HTTP/1.0") {
  const Answer streamed = take_apart(ask(kQuick, generate()));
  const std::string one = ask(kQuick, generate(R"(,"stream":false)"));
  CHECK(one.find("Content-Length: ") != one.npos);
  const Answer whole = take_apart(one);
  CHECK(whole.text == streamed.text);
  CHECK(whole.lines == 1);
  CHECK(whole.eval_count == 20);
  std::string old = generate();
  old.replace(old.find("HTTP/1.1"), 8, "HTTP/1.0");
  const std::string reply = ask(kQuick, old);
  CHECK(reply.find("chunked") == reply.npos);
  CHECK(take_apart(reply).text == streamed.text);
}

TEST_CASE("the bytes may be cut anywhere") {
  const Answer whole = take_apart(ask(kQuick, generate()));
  for (const char* cut : {"cut=1", "cut=7", "cut=random", "fault=split-utf8", "fault=crlf"}) {
    CAPTURE(cut);
    const Answer a = take_apart(ask(std::string(kQuick) + "," + cut, generate()));
    CHECK(a.text == whole.text);
    CHECK(a.framed);
    CHECK(a.done);
  }
}

TEST_CASE("same seed, same text; another one, another text") {
  const std::string a = take_apart(ask(kQuick, generate())).text;
  CHECK(take_apart(ask(std::string(kQuick) + ",seed=2", generate())).text != a);
  CHECK(take_apart(ask(kQuick, generate(R"(,"options":{"seed":5})"))).text != a);
}

TEST_CASE("requests that are not answered with tokens") {
  struct Case {
    const char* name;
    std::string wire;
    const char* first;
    const char* holds;
  };
  const std::string end = "Host: x\r\nConnection: close\r\n\r\n";
  const Case cases[] = {
      {"root", "GET / HTTP/1.1\r\n" + end, "HTTP/1.1 200", "Ollama is running"},
      {"head", "HEAD / HTTP/1.1\r\n" + end, "HTTP/1.1 200", "Content-Length: 17\r\n"},
      {"version", "GET /api/version HTTP/1.1\r\n" + end, "HTTP/1.1 200", "{\"version\":\""},
      {"tags", "GET /api/tags HTTP/1.1\r\n" + end, "HTTP/1.1 200", "\"name\":\"known:latest\""},
      {"nothing loaded", "GET /api/ps HTTP/1.1\r\n" + end, "HTTP/1.1 200", "{\"models\":[]}"},
      {"health", "GET /health HTTP/1.1\r\n" + end, "HTTP/1.1 200", "ok"},
      {"no such path", "GET /api HTTP/1.1\r\n" + end, "HTTP/1.1 404", "not found"},
      {"wrong method", "GET /api/generate HTTP/1.1\r\n" + end, "HTTP/1.1 405", "Allow: POST\r\n"},
      {"show", post("/api/show", R"({"model":"known"})", "Connection: close\r\n"), "HTTP/1.1 200",
       "\"capabilities\""},
      {"unknown model", generate(), "HTTP/1.1 404", R"({"error":"model 'm' not found"})"},
      {"not JSON", post("/api/generate", "{model:1}", "Connection: close\r\n"), "HTTP/1.1 400",
       "{\"error\":\""},
      {"no body", post("/api/generate", "", "Connection: close\r\n"), "HTTP/1.1 400",
       "missing request body"},
      {"wrong type",
       post("/api/generate", R"({"options":{"num_ctx":"big"}})", "Connection: close\r\n"),
       "HTTP/1.1 400", "integer"},
      {"load", post("/api/generate", R"({"model":"known"})", "Connection: close\r\n"),
       "HTTP/1.1 200", R"("done_reason":"load")"},
      {"unload",
       post("/api/generate", R"({"model":"known","keep_alive":0})", "Connection: close\r\n"),
       "HTTP/1.1 200", R"("done_reason":"unload")"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const std::string reply = ask("model=known:latest", c.wire);
    CAPTURE(reply);
    CHECK(reply.starts_with(c.first));
    CHECK(reply.find(c.holds) != reply.npos);
    if (c.wire.starts_with("HEAD")) CHECK(reply.ends_with("\r\n\r\n"));
  }
}

TEST_CASE("faults") {
  struct Case {
    const char* fault;
    int status;
    size_t lines;  // of JSON or not
    bool framed, json, done;
    const char* holds;
  };
  static const Case cases[] = {
      {"fin@5", 200, 5, false, true, false, ""},
      {"fin@0", 0, 0, false, true, false, ""},
      {"fin", 200, 10, false, true, false, ""},
      {"fin@20b", 0, 0, false, true, false, "HTTP/1.1 200 OK\r\nCon"},
      {"rst@5", 200, 5, false, true, false, "<reset>"},
      {"refuse", 0, 0, false, true, false, "<reset>"},
      {"silence", 0, 0, false, true, false, "<silence>"},
      {"stall@3", 200, 3, false, true, false, "<silence>"},
      {"stall@3+5ms", 200, 21, true, true, true, ""},
      {"slow-head@5ms", 200, 21, true, true, true, ""},
      {"status-503", 503, 1, false, true, false, "injected"},
      {"retry-after@2s", 429, 1, false, true, false, "Retry-After: 2\r\n"},
      {"retry-after@2100ms", 429, 1, false, true, false, "Retry-After: 3\r\n"},
      {"error@4", 200, 5, true, true, false, "an error was encountered"},
      {"bad-json@4", 200, 22, true, false, true, ""},
      {"bad-chunk@4", 200, 4, false, true, false, "zz\r\n"},
      {"no-last-chunk", 200, 21, false, true, true, ""},
      {"drop-keep-alive", 200, 21, true, true, true, ""},
      {"long-line@5000b", 200, 21, true, true, true, "\"context\":[1000,1001"},
      {"fin:0", 200, 21, true, true, true, ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.fault);
    // Without "Connection: close": the fault has to end the connection, or the silence of 2 s does.
    const bool stays = c.framed && std::string_view(c.fault) != "drop-keep-alive" &&
                       std::string_view(c.fault) != "bad-chunk";
    std::string request = generate();
    if (!stays && c.status != 503 && c.status != 429) {
      request.erase(request.find("Connection: close\r\n"), 19);
    }
    const std::string reply = ask(std::string(kQuick) + ",fault=" + c.fault, request);
    CAPTURE(reply.substr(0, 400));
    const Answer a = take_apart(reply);
    CHECK(a.status == c.status);
    CHECK(a.lines == c.lines + (c.lines > 0 && count(c.holds, "<") > 0 && a.json == false));
    CHECK(a.framed == c.framed);
    CHECK(a.json == c.json);
    CHECK(a.done == c.done);
    CHECK(reply.find(c.holds) != reply.npos);
    if (std::string_view(c.holds).starts_with('<')) {
      CHECK(reply.ends_with(c.holds));
    } else {
      CHECK(count(reply, "<reset>") + count(reply, "<silence>") == 0);
    }
  }
}

// ---- several clients ----------------------------------------------------------------------------

rt::Task<void> three_at_once(Rig& rig, std::string (&replies)[3]) {
  const std::string wire = generate();
  const std::vector<std::string_view> pieces{wire};
  rt::Scope scope;
  for (std::string& reply : replies) {
    scope.start(converse(rig.at, pieces, reply), rt::Place::here());
    rt::Sleep apart(sys::now() + kMilli);
    co_await apart;
  }
  co_await scope.join();
}

TEST_CASE("one slot, one place in the queue: the third client is told that the server is busy") {
  Rig rig("ttft=50ms,rate=inf,tokens=3,queue=1");
  std::string replies[3];
  run_beside(rig.server.run(), [&] { return three_at_once(rig, replies); });
  CHECK(take_apart(replies[0]).done);
  CHECK(take_apart(replies[1]).done);
  const Answer refused = take_apart(replies[2]);
  CHECK(refused.status == 503);
  CHECK(refused.error == "server busy, please try again.  maximum pending requests exceeded");
  // The second waited for the first.
  CHECK(take_apart(replies[1]).total_ns >= 60 * kMilli);
}

rt::Task<void> ask_in_turn(Rig& rig, char name, std::string& order) {
  const std::string wire = generate();
  const std::vector<std::string_view> pieces{wire};
  std::string reply;
  co_await converse(rig.at, pieces, reply);
  CHECK(take_apart(reply).done);
  order += name;
}
rt::Task<void> four_in_a_line(Rig& rig, std::string& order) {
  rt::Scope scope;
  for (const char name : {'a', 'b', 'c'}) {
    scope.start(ask_in_turn(rig, name, order), rt::Place::here());
    rt::Sleep apart(sys::now() + 5 * kMilli);
    co_await apart;
  }
  while (order.empty()) {
    rt::Sleep a_while(sys::now() + kMilli);
    co_await a_while;
  }
  scope.start(ask_in_turn(rig, 'd', order), rt::Place::here());   // behind those that wait
  co_await scope.join();
}

TEST_CASE("one slot: who waits comes in by the order of the line, and so does who comes later") {
  Rig rig("ttft=50ms,rate=inf,tokens=3,queue=9");
  std::string order;
  run_beside(rig.server.run(), [&] { return four_in_a_line(rig, order); });
  CHECK(order == "abcd");
}

rt::Task<void> leave_then_ask(Rig& rig, std::string& reply) {
  const std::string wire = generate();
  const std::vector<std::string_view> pieces{wire};
  // One that leaves while it is being answered, one that leaves while it is waiting.
  Result<net::Stream> first = co_await net::dial(rig.at, patience());
  Result<net::Stream> second = co_await net::dial(rig.at, patience());
  CHECK((first.has_value() && second.has_value()));
  co_await first->write_all(wire, patience());
  rt::Sleep one(sys::now() + 2 * kMilli);
  co_await one;
  co_await second->write_all(wire, patience());
  rt::Sleep two(sys::now() + 2 * kMilli);
  co_await two;
  second->close();
  rt::Sleep three(sys::now() + 2 * kMilli);
  co_await three;
  first->close();
  rt::Sleep four(sys::now() + 2 * kMilli);
  co_await four;
  co_await converse(rig.at, pieces, reply);
}

TEST_CASE("a client that leaves gives its slot and its place back") {
  Rig waiting("ttft=400ms,rate=inf,tokens=3,queue=1,slots=1");
  std::string reply;
  run_beside(waiting.server.run(), [&] { return leave_then_ask(waiting, reply); });
  const Answer a = take_apart(reply);
  CHECK(a.done);
  CHECK(a.total_ns < 750 * kMilli);  // it did not wait for anybody
}

rt::Task<void> stop_reading_then_ask(Rig& rig, std::string& reply) {
  Result<net::Stream> stream = co_await net::dial(rig.at, patience());
  const std::string endless = generate();
  co_await stream->write_all(endless, patience());
  rt::Sleep a_while(sys::now() + 20 * kMilli);
  co_await a_while;
  stream->close();
  const std::string wire = generate(R"(,"options":{"num_predict":3})");
  const std::vector<std::string_view> pieces{wire};
  co_await converse(rig.at, pieces, reply);
}

TEST_CASE("a client that stops reading and leaves gives its slot back") {
  Rig rig("ttft=0,rate=inf,tokens=10000000");
  std::string reply;
  run_beside(rig.server.run(), [&] { return stop_reading_then_ask(rig, reply); });
  CHECK(take_apart(reply).eval_count == 3);
}

TEST_CASE("two answers on one connection, asked for at once") {
  std::string first = generate();
  first.erase(first.find("Connection: close\r\n"), 19);
  const std::string reply = ask(kQuick, first + generate());
  CHECK(count(reply, "HTTP/1.1 200") == 2);
  CHECK(count(reply, R"("done":true)") == 2);
  CHECK(reply.find('<') == reply.npos);
}

rt::Task<void> ask_and_stop(Rig& rig, bool& done) {
  Result<net::Stream> stream = co_await net::dial(rig.at, patience());
  const std::string wire = generate();
  co_await stream->write_all(wire, patience());
  rt::Sleep a_while(sys::now() + 2 * kMilli);
  co_await a_while;
  done = true;
}

TEST_CASE("stopping ends an answer in the middle") {
  Rig rig("ttft=1h");
  bool ended = false;
  run_beside(rig.server.run(), [&] { return ask_and_stop(rig, ended); });
  CHECK(ended);
}

// ---- the truth ----------------------------------------------------------------------------------

std::string truth_of(std::string_view spec) {
  char path[] = "/tmp/chimera_truth_XXXXXX";
  close(mkstemp(path));
  ask(std::string(spec) + ",truth=" + path, generate());
  std::string lines = sys::read_file(path, 1 << 20).value();
  unlink(path);
  return lines;
}

std::string hash_in(std::string_view lines) {
  const size_t at = lines.find("\"hash\":");
  return at == lines.npos ? "" : std::string(lines.substr(at, lines.find('}', at) - at));
}

TEST_CASE("the truth holds planned and actual times, on an absolute schedule") {
  const std::string lines = truth_of(kQuick);
  Nanos first = 0;
  size_t tokens = 0;
  bool never_early = true, planned_right = true;
  std::string_view rest = lines, line;
  while (next_line(rest, line)) {
    REQUIRE(wire::check_json(line).has_value());
    if (line.find("\"token\"") == line.npos) continue;
    JsonReader in(line);
    Nanos planned = 0, sent = 0;
    int64_t index = -1;
    in.next();
    while (in.next() == JsonReader::Event::key) {
      Nanos* into = in.is("planned_ns") ? &planned : in.is("sent_ns") ? &sent : nullptr;
      if (in.is("index")) into = &index;
      in.next();
      if (into != nullptr) *into = in.integer().value();
    }
    if (tokens == 0) first = planned;
    CHECK(index == static_cast<int64_t>(tokens));
    planned_right &= planned == first + static_cast<Nanos>(tokens) * 500 * kMicro;
    never_early &= clock_is_virtual() ? sent == planned : sent >= planned;
    ++tokens;
  }
  CHECK(tokens == 20);
  CHECK(planned_right);
  CHECK(never_early);
  for (const char* event : {"\"request\"", "\"head\"", "\"done\""}) CHECK(count(lines, event) >= 1);
}

TEST_CASE("the hash of texts and schedule is the seed's") {
  const std::string a = hash_in(truth_of("ttft=1ms,rate=5000,tokens=30,jitter=normal:20%"));
  CHECK(!a.empty());
  CHECK(hash_in(truth_of("ttft=1ms,rate=5000,tokens=30,jitter=normal:20%")) == a);
  CHECK(hash_in(truth_of("ttft=1ms,rate=5000,tokens=30,jitter=normal:20%,seed=2")) != a);
  CHECK(hash_in(truth_of("ttft=1ms,rate=5000,tokens=30,jitter=normal:30%")) != a);
}

}  // namespace
