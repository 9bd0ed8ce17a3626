// Model servers of a test that run beside the client, in one runtime: who says what, when, and who
// learns that the client has left.
#pragma once

#include "chimera/llm/pool.hpp"
#include "chimera/net/http_server.hpp"
#include "tests/net/rig.hpp"

namespace chimera_test {

struct Model final : net::Handler {
  Nanos wait = 0;               // before the head
  int status = 200;
  std::string fields;           // of the head, such as Retry-After
  std::string words = "word";   // said one byte at a time...
  Nanos gap = 0;                // ...this long after the last one
  std::string error;            // instead of words
  int busy_times = 0;           // 503 that many times, then as above

  std::atomic<int> asked{0};
  std::atomic<int> versions{0}; // how often for its version, which is no `asked`
  std::atomic<Nanos> left{0};   // when the client had gone before the end

  rt::Task<net::After> handle(const net::ServerRequest& r, net::Stream& s,
                              net::Peer& peer) override {
    net::Deadline never;
    const bool version = r.path == "/api/version";
    ++(version ? versions : asked);
    const bool stays = co_await rest(wait, peer);
    if (!stays) co_return net::After::close;
    if (version) {
      const std::string body = R"({"version":"1"})";
      const std::string reply = net::response_head(200, "application/json",
                                                   static_cast<int64_t>(body.size()), true, {});
      (void)co_await s.write_all(reply + body, never);
      co_return net::After::keep;
    }
    const bool busy = asked <= busy_times;
    const int code = busy ? 503 : status;
    if (code != 200 || !error.empty()) {
      const std::string body = "{\"error\":\"" + error + "\"}\n";
      const std::string reply = net::response_head(code, "application/json",
                                                   static_cast<int64_t>(body.size()), true, fields);
      (void)co_await s.write_all(reply + body, never);
      co_return net::After::keep;
    }
    const std::string head =
        net::response_head(200, "application/x-ndjson", net::kUntilClose, false);
    (void)co_await s.write_all(head, never);
    for (const char c : words) {
      const bool goes_on = co_await rest(gap, peer);
      if (!goes_on) co_return net::After::close;
      const std::string line = std::string(R"({"response":")") + c + "\",\"done\":false}\n";
      (void)co_await s.write_all(line, never);
    }
    (void)co_await s.write_all("{\"done\":true}\n", never);
    co_return net::After::close;
  }
  bool welcome(uint64_t) override { return true; }

 private:
  rt::Task<bool> rest(Nanos time, net::Peer& peer) {
    if (time == 0) co_return true;
    rt::Sleep pause(sys::now() + time, &peer.gone);
    const int64_t slept = co_await pause;
    if (slept < 0) left = sys::now();
    co_return slept >= 0;
  }
};

}  // namespace chimera_test
