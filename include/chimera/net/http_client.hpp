// HTTP/1.1 client: one origin, one connection, kept alive between requests.
//
// Thread: the worker that first used it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/net/stream.hpp"
#include "chimera/rt/task.hpp"
#include "chimera/wire/chunked.hpp"
#include "chimera/wire/http1.hpp"
#include "chimera/wire/url.hpp"

namespace chimera::net {

// Durations, 0 = none.
struct Timeouts {
  Nanos connect = 5 * kSecond;    // name, connection and the handshake of TLS
  Nanos first_token = 0;          // request sent -> the sink has what it waits for
  Nanos idle = 60 * kSecond;      // the longest silence within an answer
  bool idle_from_start = false;   // `idle` also limits the wait for the first byte
  Nanos total = 0;                // the whole exchange
};

struct ReadPolicy {
  uint32_t read_size = 0;         // cap of one socket read, bytes; 0 = the runtime's
  uint32_t coalesce = 0;  // withhold body bytes until this many have come, or the end; 0 = off
  bool keep_alive = true;
};

// Where an answer goes. Views are valid during the call only.
class BodySink {
 public:
  // The head of the final response (interim ones are skipped). An error ends the exchange.
  virtual Result<void> on_head(const wire::ResponseHead& head) = 0;
  // Decoded body bytes, in order; `at` is when the read that brought them returned.
  virtual Result<void> on_body(std::string_view bytes, Nanos at) = 0;
  // False while the first-token deadline is to count.
  virtual bool begun() const { return true; }
  // True when all that matters has come, whatever the framing says: a server that then neither ends
  // the body nor sends more for 2 s costs the connection, not the answer.
  virtual bool satisfied() const { return false; }

 protected:
  ~BodySink() = default;
};

// Writes a request's body each time it is sent, so that nobody keeps it while the answer comes.
class BodySource {
 public:
  virtual void append_body(std::string& out) const = 0;

 protected:
  ~BodySource() = default;
};

struct HttpRequest {
  std::string_view method = "GET";
  std::string_view target = "/";
  std::string_view content_type;    // empty = none
  // Complete header lines, each with its CRLF. They replace ours of the same name; reserved ones
  // (wire::reserved_field) are left out.
  std::string_view extra_fields;
  std::string_view body;
  const BodySource* source = nullptr;   // when given, instead of `body`
  Nanos deadline = kNever;              // instant; besides Timeouts::total, and named as that
  rt::Stop* stop = nullptr;             // cancels the exchange; of the worker that it runs on
};

// How it ended and what was measured. Instants of the monotonic clock; 0 = not reached. Filled as
// far as it got.
// `connected` equals `started` when reused; `sent` is when the last byte of the request was taken.
struct Exchange {
  Result<void> outcome;
  Nanos started = 0, connected = 0, sent = 0, first_byte = 0, head = 0, ended = 0;
  uint64_t body_bytes = 0;          // decoded
  uint32_t reads = 0;               // socket reads that brought body bytes
  uint32_t replays = 0;             // the kept connection was stale, and the request sent again
  int status = 0;
  bool reused = false;
};

// The exact bytes a request is sent as (head; the body follows).
std::string request_head(const wire::Url& origin, const HttpRequest& request, bool keep_alive);

class Tls;

// Owns: the connection. `origin` and `timeouts` stay the caller's; for https this must be a build
// that has it, and open_tls() has been called (net/tls.hpp).
class HttpClient {
 public:
  HttpClient(const wire::Url& origin, ReadPolicy policy, const Timeouts& timeouts)
      : origin_(origin), policy_(policy), timeouts_(timeouts) {}
  ~HttpClient() { close(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // One request and its whole answer. A kept connection is replaced when the server closed it or
  // said something unasked; once more when that comes to light only later, before any byte of an
  // answer, and the request was not sent whole or is a GET. The connection survives when the answer
  // was complete.
  // Errors (out.outcome): resolve, refused, timed_out (named), reset, truncated (the body ended
  // early), protocol, too_large, cancelled, tls, and the sink's own.
  rt::Task<void> exchange(const HttpRequest& request, BodySink& sink, Exchange& out);
  void close();
  const wire::Url& origin() const { return origin_; }

 private:
  struct Answer;
  bool was_stale(const Answer& answer, Exchange& out);
  rt::Task<void> open(const HttpRequest& request, Exchange& out);
  rt::Task<void> ask(std::string message, Answer& answer);
  rt::Task<void> hear(Answer& answer);
  // Each in the clear, and by TLS (make TLS=1).
  rt::Task<Result<Stream>> dial_origin(Deadline d, rt::Stop* stop);
  rt::Task<void> connect(const HttpRequest& request, Exchange& out);
  rt::Task<void> connect_tls(const HttpRequest& request, Exchange& out);
  rt::Task<void> send(std::string message, Answer& answer);
  std::string seal(std::string_view message);
  rt::Task<void> receive(Answer& answer);
  rt::Task<void> receive_tls(Answer& answer);
  void drop_tls();
  Deadline whole_deadline(const HttpRequest& request, const Exchange& out) const;
  Deadline next_deadline(const Answer& answer) const;

  const wire::Url& origin_;
  ReadPolicy policy_;
  const Timeouts& timeouts_;
  Stream stream_;
  Tls* tls_ = nullptr;              // of the connection, when it has it
};

}  // namespace chimera::net
