// The HTTP client's way over TLS: the same exchange, but that a connection begins with a handshake,
// a request is sealed, and what comes is opened before it is parsed.
#include "answer.hpp"
#include "chimera/net/http_client.hpp"
#include "chimera/sys/clock.hpp"
#include "tls.hpp"

namespace chimera::net {
namespace {

constexpr Nanos kTurn = kMilli;   // while another worker is in a step of its handshake

Error of_handshake(const Error& e) {
  return e.code == Errc::reset ? Error{Errc::tls, 0, "it broke off the handshake"} : e;
}

rt::Task<Result<void>> wait_for_turn(Deadline d, rt::Stop* stop) {
  const Nanos now = sys::now();
  if (now >= d.at) co_return fail(Errc::timed_out, d.name);
  rt::Sleep pause(now + kTurn, stop);
  const int64_t slept = co_await pause;
  co_return slept >= 0 ? Result<void>() : fail(Errc::cancelled, "handshake");
}

rt::Task<Result<void>> feed_some(Stream& stream, Tls& tls, Deadline d, rt::Stop* stop) {
  CHI_CO_TRY(const std::string_view bytes, co_await stream.read_some(d, 0, stop));
  bytes.empty() ? tls.end() : tls.feed(bytes);
  co_return Result<void>();
}

rt::Task<Result<void>> handshake(Stream& stream, Tls& tls, Deadline d, rt::Stop* stop) {
  for (;;) {
    const Result<Tls::Shake> step = tls.shake();
    // An alert that says why we go comes too late for nobody.
    const Result<void> sent = co_await stream.write_all(tls.outgoing, d, stop);
    tls.outgoing.clear();
    if (!step) co_return fail(step.error());
    CHI_CO_TRY_VOID(sent);
    if (*step == Tls::Shake::done) co_return Result<void>();
    Result<void> next;
    if (*step == Tls::Shake::busy) {
      next = co_await wait_for_turn(d, stop);
    } else {
      next = co_await feed_some(stream, tls, d, stop);
    }
    CHI_CO_TRY_VOID(next);
  }
}

}  // namespace

void HttpClient::drop_tls() { delete std::exchange(tls_, nullptr); }

std::string HttpClient::seal(std::string_view message) { return tls_->seal(message); }

// The handshake is part of connecting.
rt::Task<void> HttpClient::connect_tls(const HttpRequest& request, Exchange& out) {
  const Deadline d = earlier(whole_deadline(request, out),
                             deadline_in(sys::now(), timeouts_.connect, "connect"));
  co_await connect(request, out);
  if (!out.outcome) co_return;
  out.connected = 0;
  drop_tls();
  tls_ = new Tls(origin_);
  const Result<void> shaken = co_await handshake(stream_, *tls_, d, request.stop);
  if (shaken) {
    out.connected = sys::now();
  } else {
    close();
    out.outcome = fail(of_handshake(shaken.error()));
  }
}

// As receive(). A record that comes in pieces is no silence.
rt::Task<void> HttpClient::receive_tls(Answer& answer) {
  Result<void>& taken = answer.out.outcome;
  while (taken && !answer.complete && !answer.given_up) {
    const Result<std::optional<std::string_view>> piece = tls_->open();
    if (!piece || *piece) {
      taken = piece ? answer.take(**piece) : answer.take(fail(piece.error()));
      continue;
    }
    Stream::ReadSome read = stream_.read_some(next_deadline(answer), policy_.read_size,
                                              answer.request.stop);
    const Result<std::string_view> bytes = co_await read;
    if (!bytes) {
      if (!answer.excuse(read)) taken = answer.take(bytes);
    } else if (bytes->empty()) {
      tls_->end();
    } else {
      tls_->feed(*bytes);
      if (answer.last_byte != 0) answer.last_byte = rt::Worker::current()->now();
    }
  }
  if (tls_->has_unread()) answer.reusable = false;
}

}  // namespace chimera::net
