// A simulated model server: Ollama's generate and chat, OpenAI's chat and completions, with exact
// pacing, queueing and faults, and the small routes around them.
//
// Thread: the worker run() is started on.
#pragma once

#include "chimera/base/own.hpp"
#include "chimera/rt/task.hpp"
#include "chimera/sim/settings.hpp"
#include "chimera/sys/socket.hpp"

namespace chimera::sim {

struct Engine;

// The truth channel for whoever runs the server in its own process: told of each request for an
// answer and of each event of a streamed one. All instants are of sys::now().
//
// Thread: called on the server's worker, which is pacing: it must not wait for anything.
class Witness {
 public:
  // Request `number` of this server came, at `arrived`. `prompt`: what is asked, of a chat all of
  // its texts; `seed` is its model option, -1 = none.
  virtual void on_request(uint64_t number, std::string_view prompt, int64_t seed,
                          Nanos arrived) = 0;
  // Its next event was made: `text` (of the reasoning, the answer, a call's arguments) in lines of
  // `bytes` bytes, due at `planned`. 0 bytes: of a call that Ollama's chat states at its end.
  virtual void on_event(uint64_t number, std::string_view text, size_t bytes, Nanos planned) = 0;
  // All that was made for it so far has been handed to the system, beginning at `sent`. The last
  // call comes with the end of the answer, which is no event.
  virtual void on_sent(uint64_t number, Nanos sent) = 0;

 protected:
  ~Witness() = default;
};

class Server {
 public:
  Server();
  ~Server();
  // Listens. `witness` may be null. Errors: refused (address in use), usage (host), io and
  // not_found (the truth file).
  Result<void> open(const Settings& settings, Witness* witness = nullptr);
  Result<sys::Address> address() const;
  // Serves until the runtime stops.
  rt::Task<void> run();

 private:
  Own<Engine> engine_;
};

// The program: serves until SIGINT or SIGTERM, which are a clean end. The first line on stdout is
// "listening on http://127.0.0.1:PORT". Errors: as Server::open; io.
Result<void> sim_main(const Settings& settings);

}  // namespace chimera::sim
