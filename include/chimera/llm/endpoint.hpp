// A model server and the connection to it: request in, text and timings out.
//
// Thread: one task at a time. Under bridge its exchanges run on an I/O worker of its own choice.
#pragma once

#include <string>
#include <string_view>

#include "chimera/llm/answer.hpp"
#include "chimera/llm/call.hpp"
#include "chimera/llm/request.hpp"
#include "chimera/net/http_client.hpp"
#include "chimera/rt/scope.hpp"

namespace chimera::llm {

struct ClientSettings {
  net::ReadPolicy policy;
  net::Timeouts timeouts;
  Api api = Api::ollama;
  int max_retries = 0;           // on a failed connection, 429 and 503, never after the first piece
  std::string extra_fields;  // complete header lines (-H, Authorization); never printed or stored
};

// What a server speaks when the settings leave it open, found out once for all who talk to it: one
// asks (llm/detect.hpp), the others wait for that and share what comes of it. After a failure who
// comes next asks again.
//
// Thread: any.
class Dialect {
 public:
  // Errors: those of detect(); cancelled or timed_out when `stop` or `deadline` end the wait.
  rt::Task<Result<Api>> find(const wire::Url& url, const ClientSettings& settings, Nanos deadline,
                             rt::Stop* stop);

 private:
  enum class Turn : uint8_t { known, failed, mine, wait };
  Turn look(uint32_t failures);
  void settle(const Result<Api>& found);

  rt::SpinLock lock_;
  bool asking_ = false;
  uint32_t failures_ = 0;
  Result<Api> found_ = Api::automatic;   // the last that is known
};

// `url` and `settings` stay the caller's, and so does `dialect`, which all who talk to that server
// have in common.
class Endpoint {
 public:
  Endpoint(const wire::Url& url, const ClientSettings& settings, Dialect& dialect);

  // One answer, streamed. Everything that is known of it is in `call`, also when it failed:
  // call.failed and call.error say how. `pieces` may be null. Tried again (max_retries) as
  // Retry says.
  rt::Task<void> generate(const Request& request, PieceSink* pieces, Call& call);
  // The same, tried once.
  rt::Task<void> attempt(const Request& request, PieceSink* pieces, Call& call);
  // What the server asked for when it was busy (Retry-After); 0 = nothing. Of the last attempt.
  Nanos asked_to_wait() const { return asked_to_wait_; }

  const wire::Url& url() const { return url_; }

 private:
  rt::Task<void> settle(const Request& request, Call& call);

  const wire::Url& url_;
  const ClientSettings& settings_;
  net::HttpClient client_;
  rt::IoSide io_;
  Api api_ = Api::automatic;       // of the last attempt
  Dialect& dialect_;
  Nanos asked_to_wait_ = 0;
};

// When a failed call is tried again: before its first piece, when nobody listens, the connection
// timed out, or the server is busy (429, 503). Not before what the server asked for (up to an hour,
// else not at all), and not beyond the request's deadline.
bool worth_retrying(const Call& call);
// Waits: exponentially longer each time, with full jitter. False when there is to be no other try;
// `call` is then cancelled if it was stopped, and else as it was.
rt::Task<bool> wait_to_retry(const Request& request, int retry, Nanos asked, Call& call);

// The error that an HTTP status stands for; `where` is "HTTP status". Status must not be 2xx.
Error error_of_status(int status, std::string_view words);

// A server's words without what it may have echoed of the request's own fields (complete header
// lines): their values, and what is behind a scheme as in "Bearer secret", become "***". Values of
// less than 4 bytes stay.
std::string without_secrets(std::string_view words, std::string_view fields);

}  // namespace chimera::llm
