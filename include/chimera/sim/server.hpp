// A simulated Ollama server: /api/generate with exact pacing, queueing and faults, and the small
// routes around it.
//
// Thread: the worker run() is started on.
#pragma once

#include "chimera/base/own.hpp"
#include "chimera/rt/task.hpp"
#include "chimera/sim/settings.hpp"
#include "chimera/sys/socket.hpp"

namespace chimera::sim {

struct Engine;

class Server {
 public:
  Server();
  ~Server();
  // Listens. Errors: refused (address in use), usage (host), io and not_found (the truth file).
  Result<void> open(const Settings& settings);
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
