// HTTP/1.1 server, as much as a simulated model server needs: keep-alive, pipelining, request
// bodies by length or chunks, responses by length, by chunks, or raw bytes (to misbehave on
// purpose).
//
// Strict about requests (wire/http1.hpp, and Host is required): what is not clear is answered with
// 400, 413, 417 or 431 and the end of the connection.
//
// Thread: one worker per listener and its connections; serve() is a task that does not move.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/net/stream.hpp"
#include "chimera/rt/task.hpp"

namespace chimera::net {

struct ServerRequest {
  std::string method, path, query;
  std::string fields;  // raw header lines (wire::next_field)
  std::string body;
  int minor_version = 1;    // HTTP/1.x; 1.0 knows no chunks
  bool keep_alive = true;   // never with HTTP/1.0
  uint64_t connection = 0;  // 1, 2, ...: which connection of this server
  uint64_t index = 0;       // 0, 1, ...: which request on that connection
};

// The client while its request is being answered. As with Ollama's server, a client that shuts down
// its sending side has left; one that has sent its next request already is no longer watched.
struct Peer {
  rt::Stop gone;                // the client has left, or this program is to stop
  rt::Stop* waiting = nullptr;  // requested together with `gone`
  void leave() {
    gone.request();
    if (waiting != nullptr) waiting->request();
  }
};

// What becomes of a connection once its request has been dealt with.
enum class After : uint8_t { keep, close, abort };

class Handler {
 public:
  // Answers on `stream`, without closing it. The parameters outlive the task. After::keep is taken
  // as close when the request does not allow another one.
  virtual rt::Task<After> handle(const ServerRequest& request, Stream& stream, Peer& peer) = 0;
  // Asked for each new connection; false = it is reset at once.
  virtual bool welcome(uint64_t connection) = 0;

 protected:
  ~Handler() = default;
};

inline constexpr size_t kBodyLimit = 64u << 20;         // more is answered with 413
inline constexpr Nanos kIdleConnection = 75 * kSecond;  // silence between requests, then close
inline constexpr Nanos kSlowRequest = 30 * kSecond;     // for a head; between pieces of a body

// Accepts until the runtime stops; each connection is a child on the same worker. Out of
// descriptors: waits 50 ms and goes on.
rt::Task<void> serve(Listener& listener, Handler& handler);

// A response head. `length` is the body's, or one of these.
inline constexpr int64_t kChunked = -1;
inline constexpr int64_t kUntilClose = -2;
std::string response_head(int status, std::string_view content_type, int64_t length,
                          bool keep_alive, std::string_view extra_fields = {});
// A whole small response, head and body, in one write.
rt::Task<Result<void>> respond(Stream& stream, int status, std::string_view content_type,
                               std::string_view body, bool keep_alive);

}  // namespace chimera::net
