// One call to a scripted model server: what is tried again, how failures are named, and what is
// never shown.
#include "chimera/llm/detect.hpp"

#include "tests/net/rig.hpp"

using namespace chimera_test;
using llm::Call;
using llm::ClientSettings;

namespace {

rt::Task<bool> ask(wire::Url url, const ClientSettings& settings, Call& call) {
  llm::Dialect dialect;
  llm::Endpoint endpoint(url, settings, dialect);
  const llm::Options options;
  const llm::Request request{"m", "p", {}, options};
  co_await endpoint.generate(request, nullptr, call);
  co_return true;
}

Call ask_at(const sys::Address& to, ClientSettings settings) {
  settings.timeouts.idle = settings.timeouts.connect = 20 * kSecond;
  Call call;
  finish(ask(*wire::parse_url("http://" + to_text(to)), settings, call));
  return call;
}

// The whole request, so that closing does not reset.
void take_request(Peer& p) {
  const std::string head = p.request();
  const size_t at = head.find("Content-Length: ");
  if (at == head.npos) return;
  const size_t size = static_cast<size_t>(atoi(head.c_str() + at + 16));
  size_t got = head.size() - head.find("\r\n\r\n") - 4;
  char byte;
  while (got < size && readable(p.fd()) && recv(p.fd(), &byte, 1, 0) == 1) ++got;
}

std::string reply(const char* status, std::string_view body) {
  return std::string("HTTP/1.1 ") + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

const std::string kDone = R"({"response":"hi","done":true})" "\n";

}  // namespace

TEST_CASE("what is tried again") {
  struct Case {
    const char* name;
    std::string first;      // empty: a reset
    uint32_t attempts;
    bool good;
  };
  const Case cases[] = {
      {"200", reply("200 OK", kDone), 1, true},
      {"429", reply("429 Too Many", "{}"), 2, true},
      {"503", reply("503 Busy", "{}"), 2, true},
      {"500", reply("500 Oops", "{}"), 1, false},
      {"404", reply("404 Not Found", "{}"), 1, false},
      {"a reset before the head", "", 1, false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Server server([&](Server& s) {
      Peer peer = s.accept();
      take_request(peer);
      peer.send(c.first);
      if (c.first.empty()) return peer.reset();
      if (c.attempts == 2) {
        take_request(peer);
        peer.send(reply("200 OK", kDone));
      }
      peer.wait_closed();
    });
    ClientSettings settings;
    settings.max_retries = 3;
    const Call call = ask_at(server.address, settings);
    CHECK(call.attempts == c.attempts);
    CHECK(call.failed == !c.good);
    if (c.good) CHECK(call.text == "hi");
  }
  ClientSettings settings;
  settings.max_retries = 1;
  const Call call = ask_at(*sys::parse_ip("127.0.0.1", free_port("127.0.0.1")), settings);
  CHECK(call.attempts == 2);
  CHECK(call.error.code == Errc::refused);
  CHECK(call.connected == 0);
  CHECK(call.sent == 0);
}

TEST_CASE("an answer without its last record is cut short, however well its body ends") {
  Server server([&](Server& s) {
    Peer peer = s.accept();
    take_request(peer);
    peer.send(reply("200 OK", R"({"response":"hi","done":false})" "\n"));
    peer.wait_closed();
  });
  const Call call = ask_at(server.address, {});
  CHECK(call.failed);
  CHECK(call.error.code == Errc::truncated);
  CHECK(call.text == "hi");
  CHECK(call.attempts == 1);
}

TEST_CASE("an error status is the error, however its body ends") {
  const std::string head = "HTTP/1.1 500 Oops\r\nContent-Length: 999999\r\n\r\n";
  struct Case {
    const char* name;
    std::string response;
    void (*ending)(Peer&);
    const char* words;
  };
  const auto stay = [](Peer& p) { p.wait_closed(); };
  const auto hang_up = [](Peer& p) { p.hang_up(); };
  const Case cases[] = {
      {"whole", reply("500 Oops", R"({"error":"out of memory"})"), stay, "out of memory"},
      {"without an end", head + "why " + std::string(5000, ' '), stay, "why"},
      {"broken off", head + "why", hang_up, "why"},
      {"bad chunks", "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\nxyz\r\n",
       stay, "why"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Server server([&](Server& s) {
      Peer peer = s.accept();
      take_request(peer);
      peer.send(c.response);
      c.ending(peer);
    });
    const Nanos start = sys::now();
    const Call call = ask_at(server.address, {});
    CHECK(call.failed);
    CHECK(call.error.code == Errc::http_status);
    CHECK(call.error.os == 500);
    CHECK(call.error_text == c.words);
    CHECK(sys::now() - start < kPrompt);
  }
}

TEST_CASE("a held connection behind the done record is an answer") {
  Server server([&](Server& s) {
    Peer peer = s.accept();
    take_request(peer);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + kDone);
    peer.wait_closed();
  });
  const Call call = ask_at(server.address, {});
  CHECK_FALSE(call.failed);
  CHECK(call.done);
  CHECK(call.text == "hi");
}

TEST_CASE("secrets are not shown, even when the server does") {
  struct Case {
    const char* words;
    const char* want;
  };
  static const Case cases[] = {
      {"bad key s3cret-key", "bad key ***"},
      {"bad header Bearer s3cret-key!", "bad header ***!"},
      {"s3cret-keys3cret-key", "******"},
      {"cut off s3cret", "cut off ***"},
      {"cut off s3c", "cut off s3c"},        // three bytes are no secret
      {"value-of-x, abc", "***, abc"},
      {"", ""},
  };
  const std::string_view fields =
      "Authorization: Bearer s3cret-key\r\nX-Key: value-of-x\r\nX-Short: abc\r\nX-None:\r\n";
  for (const Case& c : cases) {
    CAPTURE(c.words);
    CHECK(llm::without_secrets(c.words, fields) == c.want);
  }
  for (const char* status : {"401 Unauthorized", "200 OK"}) {
    CAPTURE(status);
    Server server([&](Server& s) {
      Peer peer = s.accept();
      take_request(peer);
      peer.send(reply(status, R"({"error":"bad key s3cret\u002dkey"})"));
      peer.wait_closed();
    });
    ClientSettings settings;
    settings.extra_fields = fields;
    const Call call = ask_at(server.address, settings);
    CHECK(call.failed);
    CHECK(call.error_text == "bad key ***");
  }
}

namespace {

rt::Task<bool> ask_what(wire::Url url, Result<llm::Api>& api) {
  ClientSettings settings;
  settings.timeouts.connect = settings.timeouts.idle = 20 * kSecond;
  llm::Documents server(url, settings);
  api = co_await llm::detect(server);
  co_return true;
}

}  // namespace

TEST_CASE("which dialect a server speaks") {
  struct Case {
    const char* name;
    std::vector<std::string> replies;   // in the order of the questions
    std::optional<llm::Api> api;
    Errc error;
  };
  using enum llm::Api;
  const std::string none = reply("404 Not Found", "404 page not found");
  const std::string models = reply("200 OK", R"({"object":"list","data":[]})");
  const Case cases[] = {
      {"Ollama", {reply("200 OK", R"({"version":"0.13.0"})")}, ollama, {}},
      {"vLLM", {none, models}, openai, {}},
      {"LM Studio", {reply("200 OK", R"({"error":"Unexpected endpoint"})"), models}, openai, {}},
      {"a web page", {reply("200 OK", "<html>"), reply("200 OK", "<html>")}, {}, Errc::protocol},
      {"neither", {none, none}, {}, Errc::http_status},
      {"a key is wanted", {reply("401 No", "{}"), reply("401 No", "{}")}, {}, Errc::auth},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    std::string asked;
    Server server([&](Server& s) {
      Peer peer = s.accept();   // both questions come over one connection
      for (const std::string& answer : c.replies) {
        const std::string head = peer.request();
        asked += head.substr(0, head.find(" HTTP")) + ";";
        peer.send(answer);
      }
      peer.wait_closed();
    });
    Result<llm::Api> api;
    finish(ask_what(*wire::parse_url("http://" + to_text(server.address) + "/base"), api));
    server.join();
    CHECK(asked == std::string("GET /base/api/version;GET /base/v1/models;")
                       .substr(0, c.replies.size() == 1 ? 22 : 999));
    REQUIRE(api.has_value() == c.api.has_value());
    if (api) CHECK(*api == *c.api);
    if (!api) CHECK(api.error().code == c.error);
  }
  Result<llm::Api> api;
  finish(ask_what(*wire::parse_url("http://192.0.2.1/v1/"), api));   // is not asked
  REQUIRE(api.has_value());
  CHECK(*api == openai);
}

namespace {

rt::Task<bool> ask_twice(wire::Url url, const ClientSettings& settings, std::string& text) {
  llm::Dialect dialect;
  llm::Endpoint endpoint(url, settings, dialect);
  const llm::Options options;
  const llm::Request request{"m", "p", {}, options};
  for (int i = 0; i < 2; ++i) {
    Call call;
    co_await endpoint.generate(request, nullptr, call);
    text += call.text;
  }
  co_return true;
}

}  // namespace

TEST_CASE("a server is asked once for its dialect") {
  std::string asked, text;
  Server server([&](Server& s) {
    const std::string answers[] = {
        reply("404 Not Found", "{}"), reply("200 OK", R"({"data":[]})"),
        reply("200 OK",
              "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n")};
    Peer peer{-1};
    for (int i = 0; i < 4; ++i) {
      if (i % 2 == 0) peer = s.accept();   // one connection to find out, one for the calls
      const std::string head = peer.request();
      asked += head.substr(0, head.find(" HTTP")) + ";";
      peer.send(answers[i < 3 ? i : 2]);
      if (i == 1) peer.wait_closed();
    }
    peer.wait_closed();
  });
  ClientSettings settings;
  settings.api = llm::Api::automatic;
  finish(ask_twice(*wire::parse_url("http://" + to_text(server.address)), settings, text));
  server.join();
  CHECK(text == "hihi");
  CHECK(asked == "GET /api/version;GET /v1/models;POST /v1/chat/completions;"
                 "POST /v1/chat/completions;");
}
