#include "chimera/llm/endpoint.hpp"

#include <algorithm>

#include "chimera/base/rng.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/http_date.hpp"

namespace chimera::llm {
namespace {

constexpr size_t kErrorBody = 4096;              // what is kept of an error response
constexpr Nanos kFirstRetry = 250 * kMilli;      // doubled each time, with full jitter
constexpr Nanos kLongestRetry = 60 * kSecond;
constexpr Nanos kLongestAsked = 3600 * kSecond;

bool success(int status) { return status >= 200 && status < 300; }

// Takes the answer of a generate call apart as it comes.
class AnswerSink : public net::BodySink {
 public:
  AnswerSink(Api api, Call& call, PieceSink* pieces) : reader_(api, call, pieces) {}

  Result<void> on_head(const wire::ResponseHead& head) override {
    call().http_status = head.status;
    reader_.announce(head.field("content-type").value_or(""));
    const auto wait = head.field("retry-after");
    if (wait) {
      const std::string_view date = head.field("date").value_or("");
      asked_ = wire::retry_after(*wait, date, rt::unix_seconds()) * kSecond;
    }
    return {};
  }

  Result<void> on_body(std::string_view bytes, Nanos at) override {
    if (success(call().http_status)) return reader_.feed(bytes, at);
    std::string& body = call().error_text;
    body.append(bytes.substr(0, kErrorBody - body.size()));
    if (body.size() < kErrorBody) return {};
    return fail(Errc::too_large, "error body");   // finish() knows better
  }

  bool begun() const override { return call().pieces != 0; }
  bool satisfied() const override { return call().done; }

  // The exchange is over. An error status is the error, however its body ended; else the last line
  // may lack its newline, and the terminator must have come.
  Result<void> finish(Result<void> outcome) {
    if (call().http_status != 0 && !success(call().http_status)) {
      call().error_text = error_words(call().error_text);   // the body so far
      return fail(error_of_status(call().http_status, call().error_text));
    }
    const Result<void> rest = reader_.finish(outcome.has_value(), call().ended);
    if (!outcome || !rest) return outcome ? rest : outcome;
    if (!call().done) return fail(Errc::truncated, "no done record");
    return {};
  }

  Nanos asked_to_wait() const { return asked_; }

 private:
  Call& call() const { return reader_.call(); }

  AnswerReader reader_;
  Nanos asked_ = 0;
};

void take_timings(Call& call, const net::Exchange& x) {
  call.connected = x.connected;
  call.sent = x.sent;
  call.head = x.head;
  call.first_byte = x.first_byte;
  call.ended = x.ended;
  call.reused = x.reused;
  call.attempts += x.replays;
  call.body_bytes = x.body_bytes;
  call.reads = x.reads;
}

// The request, made anew for each try: nobody keeps a prompt while its answer comes.
class GenerateBody : public net::BodySource {
 public:
  GenerateBody(Api api, const Request& request) : api_(api), request_(request) {}
  void append_body(std::string& out) const override { out.append(request_body(api_, request_)); }

 private:
  Api api_;
  const Request& request_;
};

constexpr std::string_view kStars = "***";

void hide(std::string& text, std::string_view secret) {
  constexpr size_t kShort = 4;   // shorter ones keep no secret and are part of too many words
  if (secret.size() < kShort) return;
  for (size_t at = 0; (at = text.find(secret, at)) != text.npos; at += kStars.size()) {
    text.replace(at, secret.size(), kStars);
  }
  // What a limit has cut off at the end.
  for (size_t n = secret.size() - 1; n >= kShort; --n) {
    if (!text.ends_with(secret.substr(0, n))) continue;
    text.replace(text.size() - n, n, kStars);
    return;
  }
}

}  // namespace

std::string without_secrets(std::string_view words, std::string_view fields) {
  std::string out(words);
  wire::Field f;
  while (wire::next_field(fields, f)) {
    hide(out, f.value);
    hide(out, trim(f.value.substr(std::min(f.value.find(' '), f.value.size()))));
  }
  return out;
}

Error error_of_status(int status, std::string_view words) {
  Errc code = Errc::http_status;
  if (status == 401 || status == 403) code = Errc::auth;
  if (status == 429 || status == 503) code = Errc::busy;
  if (status == 404 && icontains(words, "model")) code = Errc::no_model;
  return {code, status, "HTTP status"};
}

bool worth_retrying(const Call& c) {
  if (!c.failed || c.pieces != 0) return false;
  const Errc code = c.error.code;
  return code == Errc::refused || code == Errc::busy ||
         (code == Errc::timed_out && std::string_view(c.error.where) == "connect");
}

rt::Task<bool> wait_to_retry(const Request& request, int retry, Nanos asked, Call& call) {
  const Nanos now = rt::now();
  Rng rng(static_cast<uint64_t>(now));
  Nanos cap = kFirstRetry;
  for (int i = 0; i < retry && cap < kLongestRetry; ++i) cap *= 2;
  const Nanos jittered = static_cast<Nanos>(rng.uniform() * static_cast<double>(cap));
  const Nanos until = later(now, std::max(jittered, asked));
  if (asked > kLongestAsked || until >= request.deadline) co_return false;
  rt::Sleep pause(until, request.stop);
  const int64_t slept = co_await pause;
  if (slept >= 0) co_return true;
  call.error = {Errc::cancelled, 0, "retry"};
  call.error_text.clear();
  co_return false;
}

Endpoint::Endpoint(const wire::Url& url, const ClientSettings& settings, Dialect& dialect)
    : url_(url),
      settings_(settings),
      client_(url, settings.policy, settings.timeouts),
      dialect_(dialect) {}

// The dialect of a request, or why there is none. In members, not as a result: whatever is awaited
// in attempt() has a place in its frame, which every waiting stream keeps.
rt::Task<void> Endpoint::settle(const Request& request, Call& call) {
  Result<Api> api = settings_.api;
  if (*api == Api::automatic) {
    api = co_await dialect_.find(url_, settings_, request.deadline, request.stop);
  }
  if (api) {
    api_ = carrier(*api, request, url_);
  } else {
    call.failed = true;
    call.error = api.error();
    call.ended = rt::now();
  }
}

rt::Task<void> Endpoint::attempt(const Request& request, PieceSink* pieces, Call& call) {
  call = Call();
  call.started = rt::now();
  asked_to_wait_ = 0;
  co_await settle(request, call);
  if (call.failed) co_return;
  const GenerateBody body(api_, request);
  const std::string target = request_target(api_, url_);
  net::HttpRequest http;
  http.method = "POST";
  http.target = target;
  http.content_type = "application/json";
  http.extra_fields = settings_.extra_fields;
  http.source = &body;
  http.deadline = request.deadline;
  AnswerSink sink(api_, call, pieces);
  net::Exchange exchange;
  co_await io_.run(client_.exchange(http, sink, exchange), request.stop, http.stop);
  take_timings(call, exchange);
  exchange.outcome = sink.finish(exchange.outcome);
  asked_to_wait_ = sink.asked_to_wait();
  call.error_text = without_secrets(call.error_text, settings_.extra_fields);
  call.failed = !exchange.outcome;
  if (call.failed) call.error = exchange.outcome.error();
}

rt::Task<void> Endpoint::generate(const Request& request, PieceSink* pieces, Call& call) {
  const Nanos started = rt::now();
  uint32_t attempts = 0;
  for (int retry = 0;; ++retry) {
    co_await attempt(request, pieces, call);
    attempts += call.attempts;
    call.attempts = attempts;
    call.started = started;
    if (retry >= settings_.max_retries || !worth_retrying(call)) co_return;
    const bool go_on = co_await wait_to_retry(request, retry, asked_to_wait_, call);
    if (!go_on) co_return;
  }
}

}  // namespace chimera::llm
