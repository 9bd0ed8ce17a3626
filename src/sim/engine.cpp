// How this works: every request becomes a Job. Small routes are answered at once. A generate
// request draws its fault and its seed, waits for a slot, and is then paced by answer.cpp.
#include "engine.hpp"

#include <string.h>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/wire/json.hpp"
#include "words.hpp"

namespace chimera::sim {
namespace {

constexpr std::string_view kBusy =
    "server busy, please try again.  maximum pending requests exceeded";
// Streams of random numbers that must not depend on each other.
enum Salt : uint64_t { kFaultSalt = 1, kConnectionSalt, kCutSalt };

uint64_t hash_of(std::string_view text, uint64_t hash) {
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;  // FNV-1a
  return hash;
}

constexpr size_t kFirstPlaces = 64, kMostPlaces = 1u << 20;   // of Askings

}  // namespace

rt::Task<bool> Slots::enter(net::Peer& peer) {
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  Place place;
  line_.push_back(&place);
  peer.waiting = &place.turn;
  if (peer.gone.requested()) place.turn.request();
  rt::Sleep wait(kNever, &place.turn);
  co_await wait;
  peer.waiting = nullptr;
  if (!place.granted) std::erase(line_, &place);
  co_return place.granted;
}

void Slots::leave() {
  if (line_.empty()) {
    ++free_;
    return;
  }
  Place* first = line_.front();
  line_.erase(line_.begin());
  first->granted = true;
  first->turn.request();
}

bool Engine::knows(std::string_view model) const {
  if (model.empty()) return false;
  for (const std::string& m : settings.models) {
    if (whole_name(m) == whole_name(model)) return true;
  }
  return settings.models.empty();
}

Askings::Asked& Askings::place_of(uint64_t question) {
  size_t i = static_cast<size_t>(question) & (table_.size() - 1);
  while (table_[i].times != 0 && table_[i].question != question) i = (i + 1) & (table_.size() - 1);
  return table_[i];
}

void Askings::grow() {
  std::vector<Asked> old(table_.empty() ? kFirstPlaces : 2 * table_.size());
  old.swap(table_);
  for (const Asked& a : old) {
    if (a.times != 0) place_of(a.question) = a;
  }
}

uint32_t Askings::count(uint64_t question) {
  if (2 * used_ >= table_.size() && table_.size() < kMostPlaces) grow();
  Asked& a = place_of(question);
  if (a.times == 0 && 2 * used_ >= table_.size()) return 1;
  if (a.times == 0) ++used_;
  a.question = question;
  return ++a.times;
}

Nanos Engine::ready_at(const Ask& ask, Nanos now) {
  if (ask.load_key != loaded) {
    loaded = ask.load_key;
    loaded_model = ask.model;
    loaded_at = later(now, settings.load);
  }
  return loaded_at > now ? loaded_at : now;
}

bool Engine::welcome(uint64_t connection) {
  Rng rng(mix_seed(mix_seed(settings.seed, kConnectionSalt), connection));
  for (const Fault& f : settings.faults) {
    if (f.kind == FaultKind::refuse && rng.chance(f.probability)) return false;
  }
  return true;
}

rt::Task<net::After> Engine::handle(const net::ServerRequest& request, net::Stream& stream,
                                    net::Peer& peer) {
  ++requests;
  const uint64_t cut_seed = mix_seed(mix_seed(settings.seed, kCutSalt), requests);
  Output out(stream, peer.gone, settings, cut_seed);
  Job job{request, peer, out, requests, sys::now(), 0, {}};
  Ask ask;
  Reply reply;
  reply.openai = request.path.starts_with("/v1/");
  const Route* route = find_route(request.path);
  const bool generates = prepare(job, route, ask, reply);
  if (!generates) {
    count(route == nullptr ? "other" : route->path, reply.status);
    co_return co_await send(job, reply);
  }
  ++in_flight;
  const net::After after = co_await generate(job, ask);
  --in_flight;
  count(route->path, job.status);
  co_return after;
}

void Engine::count(const char* route, int status) {
  for (Count& c : counts) {
    if (c.status != status || strcmp(c.route, route) != 0) continue;
    ++c.requests;
    return;
  }
  counts.push_back({route, status, 1});
}

void Reply::error(int code, std::string_view message) {
  status = code;
  body.clear();
  wire::JsonWriter json(body, wire::JsonWriter::Style::compact);
  json.begin_object();
  if (!openai) {
    json.field("error", message).end_object();
    return;
  }
  json.key("error").begin_object().field("message", message);
  json.field("type", code == 429   ? "rate_limit_error"
                     : code == 401 ? "authentication_error"
                     : code < 500  ? "invalid_request_error"
                                   : "server_error");
  json.key("param").null().key("code");
  if (code == 404 || code == 429) {
    json.string(code == 404 ? "model_not_found" : "rate_limit_exceeded");
  } else {
    json.null();
  }
  json.end_object().end_object();
}

rt::Task<net::After> Engine::send(Job& job, const Reply& reply) {
  const bool json = reply.body.starts_with('{');
  std::string all = net::response_head(
      reply.status, json ? kJsonType : "text/plain; charset=utf-8",
      static_cast<int64_t>(reply.body.size()), job.request.keep_alive, reply.fields);
  if (job.request.method != "HEAD") all += reply.body;
  const bool sent = co_await job.out.send(all);
  co_return sent ? net::After::keep : net::After::close;
}

// True when an answer is to be generated; otherwise `reply` is what to send.
bool Engine::prepare(Job& job, const Route* route, Ask& ask, Reply& reply) {
  const net::ServerRequest& request = job.request;
  if (route == nullptr) {
    reply.status = 404;
    reply.body = "404 page not found";
    return false;
  }
  const bool head = request.method == "HEAD" && route->method == std::string_view("GET");
  if (!head && request.method != route->method) {
    reply.fields.append("Allow: ").append(route->method).append("\r\n");
    reply.error(405, "method not allowed");
    return false;
  }
  ask.dialect = route->dialect;
  if (route->body == nullptr) return admit(job, ask, reply);
  route->body(*this, request, reply);
  return false;
}

bool Engine::admit(Job& job, Ask& ask, Reply& reply) {
  Result<Ask> parsed = parse_ask(job.request.body, ask.dialect);
  if (!parsed) {
    reply.error(400, parsed.error().where);
    return false;
  }
  ask = std::move(*parsed);
  if (!knows(ask.model)) {
    reply.error(404, std::string("model '").append(ask.model).append("' not found"));
    return false;
  }
  draw(job, ask);
  const Mark mark{"request", 0, 0, job.arrived};
  truth.add(job.number, job.request.connection, mark);
  const int64_t seed = ask.seed.value_or(-1);
  if (witness != nullptr) witness->on_request(job.number, ask.prompt, seed, job.arrived);
  if (job.fault.kind == FaultKind::status) {
    reply.error(job.fault.status, "injected fault");
  } else if (job.fault.kind == FaultKind::retry_after) {
    const Nanos after = job.fault.duration < 0 ? kSecond : job.fault.duration;
    reply.fields = "Retry-After: ";
    append_i64(reply.fields, (after + kSecond - 1) / kSecond);
    reply.fields += "\r\n";
    reply.error(429, "too many requests");
  } else if (job.fault.kind != FaultKind::silence && slots.full()) {
    reply.error(503, kBusy);
  }
  return reply.status == 200;
}

// Everything random about an answer hangs on the seed, the question and how often it was asked; on
// the order in which requests arrive it does not. A client that brings a seed gets the same answer
// each time, as from a real server.
void Engine::draw(Job& job, const Ask& ask) {
  const std::string model = whole_name(ask.model);
  const uint64_t question = hash_of(model, hash_of(ask.prompt, 0xcbf29ce484222325));
  const uint32_t time = asked.count(question);
  const uint64_t which = ask.seed ? static_cast<uint64_t>(*ask.seed) : time;
  job.seed = mix_seed(mix_seed(settings.seed, question), which);
  Rng rng(mix_seed(mix_seed(settings.seed, question ^ kFaultSalt), time));
  for (const Fault& f : settings.faults) {
    if (f.kind == FaultKind::refuse || !rng.chance(f.probability)) continue;
    job.fault = f;
    break;
  }
  if (job.fault.bytes >= 0 && job.fault.kind != FaultKind::long_line) {
    job.out.limit(static_cast<uint64_t>(job.fault.bytes));
  }
}

rt::Task<net::After> Engine::generate(Job& job, const Ask& ask) {
  if (job.fault.kind == FaultKind::silence) {
    rt::Sleep wait(kNever, &job.peer.gone);
    co_await wait;
    co_return net::After::close;
  }
  const bool inside = co_await slots.enter(job.peer);
  if (!inside) co_return net::After::close;
  if (job.fault.kind == FaultKind::cold) loaded.clear();
  net::After after = net::After::close;
  if (!ask.asks) {
    after = co_await load_only(job, ask);
  } else {
    after = co_await answer(*this, job, ask);
  }
  if (ask.unload && whole_name(ask.model) == whole_name(loaded_model)) loaded.clear();
  slots.leave();
  truth.flush();
  co_return after;
}

// A request without a question puts the model into memory, or out of it.
rt::Task<net::After> Engine::load_only(Job& job, const Ask& ask) {
  if (!ask.unload) {
    rt::Sleep wait(ready_at(ask, sys::now()), &job.peer.gone);
    const int64_t outcome = co_await wait;
    if (outcome != 0) co_return net::After::close;
  }
  Reply reply;
  Figures figures;
  figures.reason = ask.unload ? "unload" : "load";
  const Said said{ask, 0, {}, {}, {}};
  words_of(ask.dialect).end(reply.body, said, figures, Fault(), sys::unix_now_ns());
  reply.body.pop_back();
  co_return co_await send(job, reply);
}

}  // namespace chimera::sim
