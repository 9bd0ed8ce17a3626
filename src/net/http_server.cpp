// How this works: one coroutine per connection reads a request, lets the handler answer it, and
// goes round. `pending` holds what has arrived and is not used yet, so that pipelined requests stay
// whole. While the handler works, a second coroutine reads ahead: that read is how a closed
// connection is noticed. It ends with the answer.
#include "chimera/net/http_server.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/wire/chunked.hpp"
#include "chimera/wire/http1.hpp"

namespace chimera::net {
namespace {

constexpr Nanos kAcceptPause = 50 * kMilli;
constexpr Nanos kWritePatience = 30 * kSecond;  // for answers of our own
constexpr Nanos kDrainSilence = 50 * kMilli;    // how long a refused client may still be sending
constexpr Nanos kDrainLimit = kSecond;

struct Connection {
  Stream stream;
  Handler* handler;
  uint64_t number;
  uint64_t requests = 0;
  std::string pending;
};

const char* reason_of(int status) {
  static constexpr struct {
    int status;
    const char* reason;
  } kReasons[] = {{200, "OK"},
                  {400, "Bad Request"},
                  {401, "Unauthorized"},
                  {403, "Forbidden"},
                  {404, "Not Found"},
                  {405, "Method Not Allowed"},
                  {413, "Content Too Large"},
                  {417, "Expectation Failed"},
                  {429, "Too Many Requests"},
                  {431, "Request Header Fields Too Large"},
                  {500, "Internal Server Error"},
                  {502, "Bad Gateway"},
                  {503, "Service Unavailable"},
                  {504, "Gateway Timeout"}};
  for (const auto& r : kReasons) {
    if (r.status == status) return r.reason;
  }
  return "";
}

// What to answer to a request that could not be read; 0 = nothing.
int status_of(const Error& e) {
  if (e.code == Errc::http_status) return e.os;
  if (e.code == Errc::too_large) return 431;
  return e.code == Errc::protocol ? 400 : 0;
}

// The target's path and query; an absolute target (RFC 9112 section 3.2.2) loses its origin.
void split_target(std::string_view target, ServerRequest& out) {
  const size_t origin = target.find("://");
  if (!target.starts_with('/') && origin != target.npos) {
    const size_t slash = target.find_first_of("/?", origin + 3);
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  const size_t mark = target.find('?');
  out.path = target.substr(0, mark);
  out.query = mark == target.npos ? "" : target.substr(mark + 1);
  if (out.path.empty()) out.path = "/";
}

// Takes a request out of the connection's buffer, as far as it has arrived.
class Intake {
 public:
  Intake(Connection& c, ServerRequest& out) : c_(c), out_(out) {}

  // True = the request is whole. Errors: http_status with the status to answer, or what status_of
  // translates.
  Result<bool> advance();
  // How long more bytes are waited for.
  Deadline limit = deadline_in(sys::now(), kIdleConnection, "idle");
  // Once true: the client waits for a word before it sends the body.
  bool owes_continue() { return std::exchange(expects_, false) && c_.pending.empty(); }

 private:
  Result<void> take_head(const wire::RequestHead& head);
  Result<bool> take_chunks();

  Connection& c_;
  ServerRequest& out_;
  wire::ChunkDecoder decoder_;
  wire::Framing framing_ = wire::Framing::none;
  size_t length_ = 0;
  bool begun_ = false, in_body_ = false, expects_ = false;
};

Result<void> Intake::take_head(const wire::RequestHead& head) {
  if (head.minor_version > 0 && !head.field("host")) return fail(Errc::protocol, "Host");
  if (head.content_length > kBodyLimit) return fail(Errc::http_status, "body", 413);
  const auto expect = head.field("expect");
  if (expect && head.minor_version > 0) {
    if (!iequals(*expect, "100-continue")) return fail(Errc::http_status, "expect", 417);
    expects_ = true;
  }
  out_.method = head.method;
  out_.fields = head.fields;
  out_.minor_version = head.minor_version;
  out_.keep_alive = head.keep_alive && head.minor_version > 0;
  split_target(head.target, out_);
  framing_ = head.framing;
  length_ = static_cast<size_t>(head.content_length);
  c_.pending.erase(0, head.size);
  return {};
}

Result<bool> Intake::take_chunks() {
  std::string_view rest = c_.pending;
  while (!rest.empty() && !decoder_.done()) {
    CHI_TRY(const std::string_view piece, decoder_.next(rest));
    if (out_.body.size() + piece.size() > kBodyLimit) return fail(Errc::http_status, "body", 413);
    out_.body.append(piece);
  }
  c_.pending.erase(0, c_.pending.size() - rest.size());
  return decoder_.done();
}

Result<bool> Intake::advance() {
  if (!in_body_) {
    CHI_TRY(const auto head, wire::parse_request_head(c_.pending));
    if (!head) {
      if (!begun_ && !c_.pending.empty()) limit = deadline_in(sys::now(), kSlowRequest, "head");
      begun_ = !c_.pending.empty();
      return false;
    }
    CHI_TRY_VOID(take_head(*head));
    in_body_ = true;
  }
  limit = deadline_in(sys::now(), kSlowRequest, "body");
  if (framing_ == wire::Framing::chunked) return take_chunks();
  if (c_.pending.size() < length_) return false;
  out_.body.assign(c_.pending, 0, length_);
  c_.pending.erase(0, length_);
  return true;
}

// The next request. Errors: as Intake::advance; others just end the connection.
rt::Task<Result<void>> read_request(Connection& c, ServerRequest& out) {
  Intake intake(c, out);
  for (;;) {
    CHI_CO_TRY(const bool whole, intake.advance());
    if (whole) co_return Result<void>();
    if (intake.owes_continue()) {
      const Deadline d = deadline_in(sys::now(), kWritePatience, "write");
      CHI_CO_TRY_VOID(co_await c.stream.write_all("HTTP/1.1 100 Continue\r\n\r\n", d));
    }
    CHI_CO_TRY(const std::string_view bytes, co_await c.stream.read_some(intake.limit));
    if (bytes.empty()) co_return fail(Errc::closed, "request");
    c.pending.append(bytes);
  }
}

// Closing on unread bytes would reset the connection, and the reset can overtake the answer.
rt::Task<void> drain(Connection& c) {
  const Nanos end = later(sys::now(), kDrainLimit);
  for (;;) {
    const Deadline d = earlier(deadline_in(sys::now(), kDrainSilence, "drain"), {end, "drain"});
    Result<std::string_view> bytes = co_await c.stream.read_some(d);
    if (!bytes || bytes->empty()) co_return;
  }
}

rt::Task<void> refuse(Connection& c, int status) {
  std::string body = reason_of(status);
  body += '\n';
  Result<void> sent = co_await respond(c.stream, status, "text/plain; charset=utf-8", body, false);
  if (sent) co_await drain(c);
}

rt::Task<void> watch(Connection& c, Peer& peer, rt::Stop& answered) {
  Result<std::string_view> bytes = co_await c.stream.read_some(Deadline(), 0, &answered);
  if (bytes && !bytes->empty()) {
    c.pending.append(*bytes);
  } else if (!answered.requested()) {
    peer.leave();
  }
}

rt::Task<After> answer(Connection& c, const ServerRequest& request) {
  Peer peer;
  rt::Stop answered;
  rt::Scope scope;
  scope.start(watch(c, peer, answered), rt::Place::here());
  const After after = co_await c.handler->handle(request, c.stream, peer);
  answered.request();
  co_await scope.join();
  const bool over = !request.keep_alive || peer.gone.requested();
  co_return after == After::keep&& over ? After::close : after;
}

rt::Task<void> converse(Stream stream, Handler& handler, uint64_t number) {
  Connection c{std::move(stream), &handler, number, 0, {}};
  After after = After::keep;
  while (after == After::keep) {
    ServerRequest request;
    Result<void> ok = co_await read_request(c, request);
    if (!ok) {
      const int status = status_of(ok.error());
      if (status != 0) co_await refuse(c, status);
      co_return;
    }
    request.connection = c.number;
    request.index = c.requests++;
    after = co_await answer(c, request);
  }
  if (after == After::abort) c.stream.abort();
}

}  // namespace

rt::Task<void> serve(Listener& listener, Handler& handler) {
  rt::Runtime& runtime = *rt::Runtime::current();
  rt::Scope connections;
  uint64_t count = 0;
  while (!runtime.stopping()) {
    Result<Stream> accepted = co_await listener.accept();
    if (!accepted) {
      if (accepted.error().code == Errc::cancelled) break;
      rt::Sleep pause(later(sys::now(), kAcceptPause));
      co_await pause;
    } else if (!handler.welcome(++count)) {
      accepted->abort();
    } else {
      connections.start(converse(std::move(*accepted), handler, count), rt::Place::here());
    }
  }
  co_await connections.join();
}

std::string response_head(int status, std::string_view content_type, int64_t length,
                          bool keep_alive, std::string_view extra_fields) {
  std::string out = "HTTP/1.1 ";
  append_i64(out, status);
  out.append(" ").append(reason_of(status)).append("\r\nContent-Type: ").append(content_type);
  if (length >= 0) {
    out += "\r\nContent-Length: ";
    append_i64(out, length);
  } else if (length == kChunked) {
    out += "\r\nTransfer-Encoding: chunked";
  }
  if (!keep_alive) out += "\r\nConnection: close";
  out += "\r\n";
  out += extra_fields;
  return out += "\r\n";
}

rt::Task<Result<void>> respond(Stream& stream, int status, std::string_view content_type,
                               std::string_view body, bool keep_alive) {
  std::string all =
      response_head(status, content_type, static_cast<int64_t>(body.size()), keep_alive);
  all += body;
  co_return co_await stream.write_all(all, deadline_in(sys::now(), kWritePatience, "write"));
}

}  // namespace chimera::net
