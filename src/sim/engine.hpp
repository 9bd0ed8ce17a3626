// The insides of the simulated server: state that all requests share, and what belongs to one.
//
// Thread: one worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/net/http_server.hpp"
#include "chimera/sim/server.hpp"
#include "chimera/sim/settings.hpp"
#include "output.hpp"
#include "truth.hpp"

namespace chimera::sim {

// Which of the four ways of asking.
enum class Dialect : uint8_t { generate, chat, openai_chat, openai_text };
constexpr bool is_openai(Dialect d) { return d >= Dialect::openai_chat; }

// A request for an answer, as far as a simulator cares.
struct Ask {
  Dialect dialect = Dialect::generate;
  std::string model;
  std::string prompt;    // of a chat: the texts of its messages, a line end between them
  std::string load_key;  // model and options whose change makes a server load anew
  bool asks = false;     // there is something to answer: otherwise the model is loaded and no more
  bool stream = true;
  bool unload = false;       // keep_alive 0
  bool think = true;         // unless told not to
  bool usage = false;        // a streamed answer of OpenAI's shall end with its figures
  bool structured = false;   // the answer shall be JSON,
  std::string schema;        // of this schema, when it is not empty
  std::string tool, tool_schema;  // the first tool that may be called; empty = none
  int64_t num_predict = -1;  // > 0 = at most that many tokens
  int64_t num_ctx = 4096;
  std::optional<int64_t> seed;
};
// A model's name with its tag: "gemma3" is short for "gemma3:latest".
std::string whole_name(std::string_view model);
// Fields that the dialect does not have are ignored. Errors: bad_input, with words for the client.
Result<Ask> parse_ask(std::string_view body, Dialect dialect);

// The slots of the server and the line before them: first come, first served.
class Slots {
 public:
  Slots(uint32_t slots, uint32_t queue) : free_(slots), queue_(queue) {}
  bool full() const { return free_ == 0 && line_.size() >= queue_; }
  size_t queued() const { return line_.size(); }
  // False when the client left, or the program is to stop, before its turn.
  rt::Task<bool> enter(net::Peer& peer);
  void leave();

 private:
  struct Place {
    rt::Stop turn;
    bool granted = false;
  };
  uint32_t free_, queue_;
  std::vector<Place*> line_;
};

// How often each question came, by hash: the n-th asking gets the n-th answer, whoever else asks.
// Behind half a million questions a new one counts as asked for the first time, each time.
class Askings {
 public:
  uint32_t count(uint64_t question);   // this time included

 private:
  struct Asked {
    uint64_t question = 0;
    uint32_t times = 0;    // 0: the place is free
  };
  Asked& place_of(uint64_t question);
  void grow();
  std::vector<Asked> table_;   // open addressing; at most half full
  size_t used_ = 0;
};

// One request being answered.
struct Job {
  const net::ServerRequest& request;
  net::Peer& peer;
  Output out;
  uint64_t number;  // of the request on this server, from 1
  Nanos arrived;
  uint64_t seed = 0;  // everything random about the answer
  Fault fault;
  int status = 200;   // as it turned out
};

inline constexpr const char* kJsonType = "application/json; charset=utf-8";

// A whole response, small and not paced.
struct Reply {
  int status = 200;
  std::string body;    // text; JSON when it begins with a brace
  std::string fields;  // further header lines
  bool openai = false;  // whose shape an error has
  void error(int code, std::string_view message);
};

// How often a route was answered with a status; for /metrics.
struct Count {
  const char* route;
  int status;
  uint64_t requests;
};

struct Engine;

// The paths that are served (routes.cpp). `body` is null for those that generate.
struct Route {
  const char* path;
  const char* method;
  void (*body)(const Engine& engine, const net::ServerRequest& request, Reply& reply);
  Dialect dialect;
};
const Route* find_route(std::string_view path);

struct Engine final : net::Handler {
  Engine(const Settings& s, Witness* w) : settings(s), slots(s.slots, s.queue), witness(w) {}
  rt::Task<net::After> handle(const net::ServerRequest& request, net::Stream& stream,
                              net::Peer& peer) override;
  bool welcome(uint64_t connection) override;
  rt::Task<net::After> send(Job& job, const Reply& reply);
  bool knows(std::string_view model) const;
  // When the model of that request is in memory; begins to load it when it is not.
  Nanos ready_at(const Ask& ask, Nanos now);

  Settings settings;
  net::Listener listener;
  Slots slots;
  Truth truth;
  Witness* witness;    // may be null
  std::string loaded;  // load key, empty = nothing in memory
  std::string loaded_model;
  Nanos loaded_at = 0;
  uint64_t requests = 0;
  uint64_t tokens = 0;     // generated
  uint32_t in_flight = 0;  // answers being generated, or waiting for their slot
  std::vector<Count> counts;
  Askings asked;

 private:
  bool prepare(Job& job, const Route* route, Ask& ask, Reply& reply);
  void count(const char* route, int status);
  bool admit(Job& job, Ask& ask, Reply& reply);
  void draw(Job& job, const Ask& ask);
  rt::Task<net::After> generate(Job& job, const Ask& ask);
  rt::Task<net::After> load_only(Job& job, const Ask& ask);
};

// The answer itself, in its slot: pacing, lines, faults (answer.cpp).
rt::Task<net::After> answer(Engine& engine, Job& job, const Ask& ask);

}  // namespace chimera::sim
