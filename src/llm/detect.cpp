#include "chimera/llm/detect.hpp"

#include <algorithm>

#include "chimera/wire/json_schema.hpp"

namespace chimera::llm {
namespace {

// Collects a body up to a limit; a larger one is an error.
class Collector : public net::BodySink {
 public:
  Collector(std::string& out, size_t limit) : out_(out), limit_(limit) {}
  Result<void> on_head(const wire::ResponseHead& head) override {
    status_ = head.status;
    out_.clear();
    return {};
  }
  Result<void> on_body(std::string_view bytes, Nanos) override {
    if (out_.size() + bytes.size() > limit_) return fail(Errc::too_large, "document");
    out_.append(bytes);
    return {};
  }
  int status() const { return status_; }

 private:
  std::string& out_;
  size_t limit_;
  int status_ = 0;
};

net::ReadPolicy whole(net::ReadPolicy policy) {
  policy.coalesce = 0;
  return policy;
}

// A server may answer 200 to what it does not know, and say so.
bool has_key(std::string_view json, std::string_view key) {
  return wire::check_json(json) && !wire::json_member(json, key).empty();
}

// Whether somebody answered, be it with an error.
bool answered(const Error& e) {
  return e.code == Errc::http_status || e.code == Errc::no_model || e.code == Errc::too_large ||
         e.code == Errc::auth;
}

}  // namespace

Documents::Documents(const wire::Url& server, const ClientSettings& settings)
    : settings_(settings), client_(server, whole(settings.policy), settings.timeouts) {}

rt::Task<Result<void>> Documents::get(std::string_view path, Nanos deadline, rt::Stop* stop) {
  const std::string target = wire::join(server(), path).target();
  net::HttpRequest http;
  http.target = target;
  http.extra_fields = settings_.extra_fields;
  http.deadline = deadline;
  Collector sink(body_, kLimit);
  words_.clear();
  co_await io_.run(client_.exchange(http, sink, exchange_), stop, http.stop);
  if (!exchange_.reused) connect_time_ = exchange_.connected - exchange_.started;
  CHI_CO_TRY_VOID(exchange_.outcome);
  if (sink.status() / 100 == 2) co_return Result<void>();
  words_ = without_secrets(error_words(body_), settings_.extra_fields);
  co_return fail(error_of_status(sink.status(), words_));
}

rt::Task<Result<Api>> detect(Documents& documents, Nanos deadline, rt::Stop* stop) {
  wire::Url base = documents.server();
  wire::strip_slashes(base);
  if (base.path.ends_with("/v1")) co_return Api::openai;
  const Result<void> ollama = co_await documents.get("/api/version", deadline, stop);
  if (ollama && has_key(documents.body(), "version")) co_return Api::ollama;
  if (!ollama && !answered(ollama.error())) co_return fail(ollama.error());
  CHI_CO_TRY_VOID(co_await documents.get("/v1/models", deadline, stop));
  if (has_key(documents.body(), "data")) co_return Api::openai;
  co_return fail(Errc::protocol, "neither Ollama nor OpenAI");
}

// ---- once for all -------------------------------------------------------------------------------

namespace {

constexpr Nanos kLook = 5 * kMilli;    // who waits may be on another worker than who asks

// Whether it says more of who asked than of the server.
bool of_the_asker(const Error& e) {
  return e.code == Errc::cancelled ||
         (e.code == Errc::timed_out && std::string_view(e.where) == "total");
}

}  // namespace

// `failures` were there when the caller came.
Dialect::Turn Dialect::look(uint32_t failures) {
  if (found_ && *found_ != Api::automatic) return Turn::known;
  if (failures_ != failures) return Turn::failed;
  if (asking_) return Turn::wait;
  asking_ = true;
  return Turn::mine;
}

void Dialect::settle(const Result<Api>& found) {
  lock_.lock();
  asking_ = false;
  if (found || !of_the_asker(found.error())) {
    found_ = found;
    failures_ += !found;
  }
  lock_.unlock();
}

rt::Task<Result<Api>> Dialect::find(const wire::Url& url, const ClientSettings& settings,
                                    Nanos deadline, rt::Stop* stop) {
  lock_.lock();
  const uint32_t failures = failures_;
  lock_.unlock();
  for (;;) {
    lock_.lock();
    const Turn turn = look(failures);
    const Result<Api> found = found_;
    lock_.unlock();
    if (turn == Turn::known || turn == Turn::failed) co_return found;
    if (turn == Turn::mine) break;
    const Nanos now = rt::now();
    if (now >= deadline) co_return fail(Errc::timed_out, "total");
    rt::Sleep pause(std::min(now + kLook, deadline), stop);
    const int64_t slept = co_await pause;
    if (slept < 0) co_return fail(Errc::cancelled, "dialect");
  }
  ClientSettings patient = settings;
  patient.timeouts.idle_from_start = true;   // a version needs no model to be loaded first
  Documents documents(url, patient);
  const Result<Api> found = co_await detect(documents, deadline, stop);
  settle(found);
  co_return found;
}

}  // namespace chimera::llm
