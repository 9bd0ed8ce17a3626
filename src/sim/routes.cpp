#include "chimera/base/number.hpp"
#include "chimera/base/words.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/wire/json.hpp"
#include "engine.hpp"

namespace chimera::sim {
namespace {

using wire::JsonWriter;

constexpr std::string_view kDetails =
    R"({"parent_model":"","format":"gguf","family":"gemma3","families":["gemma3"],)"
    R"("parameter_size":"4.3B","quantization_level":"Q4_K_M"})";
constexpr std::string_view kDigest =
    "a2af6cc3eb7fa8be8504abaf9b04e88f17a119ec3f04a3addf55f92841195f5a";
constexpr int64_t kModelBytes = 3338801804;
constexpr const char* kAnyModel = "gemma3:latest";
constexpr Nanos kKeepAlive = 300 * kSecond;

void write_stamp(JsonWriter& json, const char* name, int64_t unix_ns) {
  std::string stamp;
  append_rfc3339(stamp, unix_ns);
  json.field(name, stamp);
}

void write_model(JsonWriter& json, std::string_view name) {
  json.field("name", name).field("model", name).field("size", kModelBytes);
  json.field("digest", kDigest).key("details").raw(kDetails);
}

void root(const Engine&, const net::ServerRequest&, Reply& reply) {
  reply.body = "Ollama is running";
}

void health(const Engine&, const net::ServerRequest&, Reply& reply) {
  reply.body = R"({"status":"ok"})";
}

void version(const Engine&, const net::ServerRequest&, Reply& reply) {
  reply.body = R"({"version":"0.12.10"})";
}

void tags(const Engine& engine, const net::ServerRequest&, Reply& reply) {
  JsonWriter json(reply.body, JsonWriter::Style::compact);
  json.begin_object().key("models").begin_array();
  const size_t n = engine.settings.models.size();
  for (size_t i = 0; i < (n == 0 ? 1 : n); ++i) {
    json.begin_object();
    write_model(json, n == 0 ? std::string_view(kAnyModel) : engine.settings.models[i]);
    write_stamp(json, "modified_at", 0);
    json.end_object();
  }
  json.end_array().end_object();
}

void ps(const Engine& engine, const net::ServerRequest&, Reply& reply) {
  JsonWriter json(reply.body, JsonWriter::Style::compact);
  json.begin_object().key("models").begin_array();
  if (!engine.loaded.empty()) {
    json.begin_object();
    write_model(json, engine.loaded_model);
    write_stamp(json, "expires_at", sys::unix_now_ns() + kKeepAlive);
    json.field("size_vram", kModelBytes).end_object();
  }
  json.end_array().end_object();
}

void show(const Engine& engine, const net::ServerRequest& request, Reply& reply) {
  const Result<Ask> ask = parse_ask(request.body, Dialect::generate);
  if (!ask) return reply.error(400, ask.error().where);
  if (!engine.knows(ask->model)) return reply.error(404, "model not found");
  JsonWriter json(reply.body, JsonWriter::Style::compact);
  json.begin_object().field("modelfile", "").field("parameters", "").field("template", "");
  json.key("details").raw(kDetails).key("model_info").begin_object();
  json.field("general.architecture", "gemma3").field("gemma3.context_length", 131072).end_object();
  json.key("capabilities").begin_array().string("completion").end_array().end_object();
}

// OpenAI's list of what /api/tags lists.
void models(const Engine& engine, const net::ServerRequest&, Reply& reply) {
  JsonWriter json(reply.body, JsonWriter::Style::compact);
  json.begin_object().field("object", "list").key("data").begin_array();
  const size_t n = engine.settings.models.size();
  for (size_t i = 0; i < (n == 0 ? 1 : n); ++i) {
    const std::string_view id = n == 0 ? std::string_view(kAnyModel) : engine.settings.models[i];
    json.begin_object().field("id", id).field("object", "model").field("created", 0);
    json.field("owned_by", "library").end_object();
  }
  json.end_array().end_object();
}

// Prometheus' text format.
void metrics(const Engine& engine, const net::ServerRequest&, Reply& reply) {
  const struct {
    const char* name;
    const char* type;
    uint64_t value;
  } figures[] = {
      {"tokens_total", "counter", engine.tokens},
      {"in_flight", "gauge", engine.in_flight},
      {"queued", "gauge", engine.slots.queued()},
      {"slots", "gauge", engine.settings.slots},
  };
  std::string& out = reply.body;
  const auto sample = [&out](uint64_t value) {
    append_u64(out, value);
    out += '\n';
  };
  for (const auto& f : figures) {
    compose(out, "# TYPE chimera_sim_%s %s\nchimera_sim_%s ", {f.name, f.type, f.name});
    sample(f.value);
  }
  out += "# TYPE chimera_sim_requests_total counter\n";
  for (const Count& c : engine.counts) {
    compose(out, "chimera_sim_requests_total{route=\"%s\",status=\"", {c.route});
    append_i64(out, c.status);
    out += "\"} ";
    sample(c.requests);
  }
}

constexpr Route kRoutes[] = {
    {"/", "GET", root, {}},
    {"/health", "GET", health, {}},
    {"/metrics", "GET", metrics, {}},
    {"/api/version", "GET", version, {}},
    {"/api/tags", "GET", tags, {}},
    {"/api/ps", "GET", ps, {}},
    {"/api/show", "POST", show, {}},
    {"/api/generate", "POST", nullptr, Dialect::generate},
    {"/api/chat", "POST", nullptr, Dialect::chat},
    {"/v1/models", "GET", models, {}},
    {"/v1/chat/completions", "POST", nullptr, Dialect::openai_chat},
    {"/v1/completions", "POST", nullptr, Dialect::openai_text},
};

}  // namespace

const Route* find_route(std::string_view path) {
  for (const Route& route : kRoutes) {
    if (path == route.path) return &route;
  }
  return nullptr;
}

}  // namespace chimera::sim
