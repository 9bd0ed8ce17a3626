// How this works: exchange() gets a connection (kept, or a new one), writes the request in one
// piece and calls receive(), a loop of one read per turn. What a read brings is parsed in place, in
// the port's lent buffer; only an incomplete head is copied. All state of one answer is in Answer.
#include "chimera/net/http_client.hpp"

#include "answer.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/net/resolve.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sys/clock.hpp"

namespace chimera::net {
namespace {

// A server that drops an idle connection just as a request is on its way tells so within a round
// trip. One that fails later has had the request, and asking again would make it work twice.
constexpr Nanos kStaleWindow = 100 * kMilli;
constexpr Nanos kGrace = 2 * kSecond;    // for the end of a body that has said all

// Adds a field, unless the caller brings one of that name.
void add_field(std::string& s, std::string_view extra, std::string_view name,
               std::string_view value) {
  wire::Field f;
  while (wire::next_field(extra, f)) {
    if (iequals(f.name, name)) return;
  }
  s.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string request_head(const wire::Url& origin, const HttpRequest& request, bool keep_alive) {
  std::string s;
  s.reserve(256);
  s.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  std::string_view extra = request.extra_fields;
  add_field(s, extra, "Host", origin.authority());
  add_field(s, extra, "User-Agent", "chimera");
  add_field(s, extra, "Accept", "*/*");
  if (!keep_alive) s.append("Connection: close\r\n");
  if (!request.content_type.empty()) {
    add_field(s, extra, "Content-Type", request.content_type);
    s.append("Content-Length: ");
    append_u64(s, request.body.size());
    s.append("\r\n");
  }
  wire::Field f;
  while (wire::next_field(extra, f)) {
    if (wire::reserved_field(f.name)) continue;
    s.append(f.name).append(": ").append(f.value).append("\r\n");
  }
  s.append("\r\n");
  return s;
}

namespace {

std::string message_of(const wire::Url& origin, const HttpRequest& request, bool keep_alive) {
  std::string body;
  HttpRequest whole = request;
  if (request.source != nullptr) {
    request.source->append_body(body);
    whole.body = body;
  }
  return request_head(origin, whole, keep_alive).append(whole.body);
}

}  // namespace

Result<void> HttpClient::Answer::feed(std::string_view bytes, Nanos at) {
  last_byte = at;
  excused = false;
  if (out.first_byte == 0) out.first_byte = at;
  const uint64_t before = out.body_bytes;
  const Result<void> fed = in_body ? feed_body(bytes, at) : feed_head(bytes, at);
  if (out.body_bytes != before) ++out.reads;
  return fed;
}

// Interim responses are skipped; what follows the final head is body.
Result<void> HttpClient::Answer::feed_head(std::string_view bytes, Nanos at) {
  std::string_view unread = bytes;
  std::string joined;
  if (!kept.empty()) {
    joined.swap(kept);
    unread = joined.append(bytes);
  }
  for (;;) {
    CHI_TRY(const std::optional<wire::ResponseHead> head,
            wire::parse_response_head(unread, head_request));
    if (!head) {
      kept = unread;
      return {};
    }
    unread.remove_prefix(head->size);
    if (!head->interim()) {
      CHI_TRY_VOID(start_body(*head, at));
      return feed_body(unread, at);
    }
    interim_bytes += static_cast<uint32_t>(head->size);
    if (interim_bytes > wire::kHeadLimit) return fail(Errc::too_large, "64 KiB of 1xx heads");
  }
}

Result<void> HttpClient::Answer::start_body(const wire::ResponseHead& head, Nanos at) {
  in_body = true;
  out.head = at;
  out.status = head.status;
  framing = head.framing;
  left = head.content_length;
  reusable = head.keep_alive && framing != wire::Framing::until_close;
  return sink.on_head(head);
}

Result<void> HttpClient::Answer::feed_body(std::string_view bytes, Nanos at) {
  switch (framing) {
    case wire::Framing::none: break;
    case wire::Framing::until_close: return deliver(bytes, at);
    case wire::Framing::length: {
      const size_t n = bytes.size() < left ? bytes.size() : static_cast<size_t>(left);
      left -= n;
      CHI_TRY_VOID(deliver(bytes.substr(0, n), at));
      bytes.remove_prefix(n);
      if (left != 0) return {};
      break;
    }
    case wire::Framing::chunked: {
      for (;;) {
        const Result<std::string_view> piece = chunks.next(bytes);
        if (!piece) {
          CHI_TRY_VOID(flush(at));
          return fail(piece.error());
        }
        if (piece->empty()) break;
        CHI_TRY_VOID(deliver(*piece, at));
      }
      if (!chunks.done()) return {};
      break;
    }
  }
  // Bytes behind the message belong to no request of ours: the answer stands, the connection goes.
  if (!bytes.empty()) reusable = false;
  return finish(at);
}

Result<void> HttpClient::Answer::deliver(std::string_view piece, Nanos at) {
  if (piece.empty()) return {};
  out.body_bytes += piece.size();
  if (coalesce == 0) return sink.on_body(piece, at);
  kept.append(piece);
  return kept.size() < coalesce ? Result<void>() : flush(at);
}

Result<void> HttpClient::Answer::flush(Nanos at) {
  if (!in_body || kept.empty()) return {};
  std::string bytes;
  bytes.swap(kept);
  return sink.on_body(bytes, at);
}

Result<void> HttpClient::Answer::finish(Nanos at) {
  complete = true;
  return flush(at);
}

Result<void> HttpClient::Answer::end_of_stream() {
  if (in_body && framing == wire::Framing::until_close) return finish(sys::now());
  CHI_TRY_VOID(flush(sys::now()));
  return fail(Errc::truncated, in_body ? "body" : "head");
}

Deadline HttpClient::whole_deadline(const HttpRequest& request, const Exchange& out) const {
  const Deadline own{request.deadline, "total"};
  return earlier(own, deadline_in(out.started, timeouts_.total, "total"));
}

Deadline HttpClient::next_deadline(const Answer& a) const {
  Deadline d = whole_deadline(a.request, a.out);
  if (a.sink.satisfied()) d = earlier(d, deadline_in(a.last_byte, kGrace, "grace"));
  if (!a.sink.begun() || a.last_byte == 0) {
    d = earlier(d, deadline_in(a.asked, timeouts_.first_token, "first-token"));
  }
  const bool idle_counts =
      a.last_byte != 0 || (timeouts_.idle_from_start && timeouts_.first_token == 0);
  if (!idle_counts) return d;
  return earlier(d, deadline_in(a.last_byte != 0 ? a.last_byte : a.asked, timeouts_.idle, "idle"));
}

// What one read has brought. Not in receive(), whose frame every waiting stream keeps.
Result<void> HttpClient::Answer::take(const Result<std::string_view>& bytes) {
  if (bytes && !bytes->empty()) return feed(*bytes, rt::Worker::current()->now());
  if (bytes) return end_of_stream();
  CHI_TRY_VOID(flush(sys::now()));   // it did come, and it counts as partial result
  const bool enough = bytes.error().code == Errc::timed_out && sink.satisfied();
  if (!enough) return fail(bytes.error());
  out.ended = last_byte;
  given_up = true;
  return {};
}

// Who came too late to read, because what came before took its time (behind stdout stood a full
// pipe, say), listens anew: the silence was not the server's. Once, until something comes.
bool HttpClient::Answer::excuse(const Stream::ReadSome& read) {
  const bool tried = read.outcome != -rt::kTimedOut || read.expired;
  if (tried || excused || std::string_view(read.deadline_name) != "idle") return false;
  last_byte = sys::now();
  excused = true;
  return true;
}

// Its result is the exchange's outcome: each frame of a waiting stream is as small as can be.
rt::Task<void> HttpClient::receive(Answer& answer) {
  while (answer.out.outcome && !answer.complete && !answer.given_up) {
    Stream::ReadSome read = stream_.read_some(next_deadline(answer), policy_.read_size,
                                                   answer.request.stop);
    const Result<std::string_view> bytes = co_await read;
    if (bytes || !answer.excuse(read)) answer.out.outcome = answer.take(bytes);
  }
}

rt::Task<Result<Stream>> HttpClient::dial_origin(Deadline d, rt::Stop* stop) {
  CHI_CO_TRY(const std::vector<sys::Address> to,
             co_await resolve(origin_.host, origin_.port, d, stop));
  co_return co_await dial_any(to, d, stop);
}

rt::Task<void> HttpClient::connect(const HttpRequest& request, Exchange& out) {
  const Deadline d = earlier(whole_deadline(request, out),
                             deadline_in(sys::now(), timeouts_.connect, "connect"));
  Result<Stream> stream = co_await dial_origin(d, request.stop);
  if (!stream) out.outcome = fail(stream.error());
  if (!stream) co_return;
  stream_ = std::move(*stream);
  out.connected = sys::now();
}

// Each write that gets on gives the next one the whole idle time. The message ends with this frame:
// a thousand waiting streams would keep a thousand prompts.
rt::Task<void> HttpClient::send(std::string message, Answer& answer) {
  const HttpRequest& request = answer.request;
  std::string_view rest = message;
  while (!rest.empty()) {
    const Deadline d = earlier(whole_deadline(request, answer.out),
                               deadline_in(sys::now(), timeouts_.idle, "idle"));
    const Result<size_t> n = co_await stream_.write_some(rest, d, request.stop);
    if (!n) answer.unsent = n.error();
    if (!n) co_return;
    rest.remove_prefix(*n);
  }
  answer.written = true;
}

// By TLS, where the origin wants it.
rt::Task<void> HttpClient::open(const HttpRequest& request, Exchange& out) {
  if constexpr (rt::kTls) {
    if (origin_.https) return connect_tls(request, out);
  }
  return connect(request, out);
}

rt::Task<void> HttpClient::ask(std::string message, Answer& answer) {
  if constexpr (rt::kTls) {
    if (tls_ != nullptr) message = seal(message);
  }
  return send(std::move(message), answer);
}

rt::Task<void> HttpClient::hear(Answer& answer) {
  if constexpr (rt::kTls) {
    if (tls_ != nullptr) return receive_tls(answer);
  }
  return receive(answer);
}

void HttpClient::close() {
  if constexpr (rt::kTls) drop_tls();
  stream_.close();
}

// Keeps the connection or ends it. True when this try failed only because the server had closed a
// kept connection, and another one does no harm: the server did not get the whole request, or only
// gives.
bool HttpClient::was_stale(const Answer& answer, Exchange& out) {
  const bool written = answer.written;
  if (!written && out.head == 0) out.outcome = fail(answer.unsent);
  const bool keep = out.outcome && written && answer.complete && answer.reusable;
  if (!keep || !policy_.keep_alive) close();
  if (out.outcome || !out.reused || out.first_byte != 0) return false;
  const Errc code = out.outcome.error().code;
  const bool at_once = !written || sys::now() - out.sent < kStaleWindow;
  return at_once && (code == Errc::reset || code == Errc::truncated);
}

rt::Task<void> HttpClient::exchange(const HttpRequest& request, BodySink& sink, Exchange& out) {
  out = Exchange();
  out.started = sys::now();
  if (stream_.is_open() && !sys::quiet(stream_.handle())) close();
  for (;; ++out.replays) {   // a second time at most: over a new connection nothing is stale
    out.outcome = {};
    out.reused = stream_.is_open();
    out.connected = out.reused ? out.started : 0;
    if (!out.reused) {
      co_await open(request, out);
      if (!out.outcome) break;
    }
    Answer answer(request, sink, out, policy_);
    {
      rt::Task<void> sending = ask(message_of(origin_, request, policy_.keep_alive), answer);
      co_await sending;
    }
    answer.asked = sys::now();
    if (answer.written) out.sent = answer.asked;
    // Who resets the connection in the middle of a request may have said why before (413).
    if (answer.written || answer.unsent.code == Errc::reset) co_await hear(answer);
    if (!was_stale(answer, out)) break;
  }
  if (out.ended == 0) out.ended = sys::now();
}

}  // namespace chimera::net
