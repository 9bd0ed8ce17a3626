// chimera probe: which servers are up, what they are and what they have.
#include <algorithm>

#include "calls.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/base/words.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/llm/detect.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/wire/json_schema.hpp"

namespace chimera::cli {
namespace {

constexpr int kRounds = 3;
constexpr size_t kMostLoaded = 256;            // each model is looked for among them

struct Model {
  std::string name;
  uint64_t size = 0;                           // bytes; 0 = the server does not say
};

// What is known of a server. `why` and `words`: the failure, when there is one.
struct Report {
  const wire::Url* url = nullptr;
  bool up = false, openai = false, failed = false;
  std::string version;
  std::vector<Model> models, loaded;
  Nanos connect = 0, round_trip = 0;
  Error why;
  std::string words;
};

// ---- asking -------------------------------------------------------------------------------------

// A JSON document of the server.
rt::Task<Result<void>> get(llm::Documents& server, const char* path) {
  CHI_CO_TRY_VOID(co_await server.get(path));
  if (!wire::check_json(server.body())) co_return fail(Errc::protocol, "not JSON");
  co_return Result<void>();
}

// {"models": [{"name", "size"}]} of Ollama, {"data": [{"id"}]} of OpenAI. What has no name is none.
void take_models(std::string_view json, bool openai, size_t most, std::vector<Model>& out) {
  const std::string_view list = wire::json_member(json, openai ? "data" : "models");
  if (!list.starts_with('[')) return;
  for (wire::JsonWalk walk(list); walk.next() && out.size() < most;) {
    const std::string_view name = wire::json_member(walk.value, openai ? "id" : "name");
    if (name.empty()) continue;
    Model& m = out.emplace_back();
    wire::append_decoded(m.name, name);
    m.size = parse_u64(wire::json_member(walk.value, "size")).value_or(0);
  }
}

bool ends_in_v1(const wire::Url& url) { return url.path.ends_with("/v1"); }

// What OpenAI's dialect has for us is a list of models.
const char* models_path(const Report& r) {
  if (!r.openai) return "/api/tags";
  return ends_in_v1(*r.url) ? "/models" : "/v1/models";
}

rt::Task<Result<void>> examine(llm::Documents& server, Report& r) {
  CHI_CO_TRY(const llm::Api api, co_await llm::detect(server));
  r.openai = api == llm::Api::openai;
  if (!r.openai) r.version = version_in(server.body());
  CHI_CO_TRY_VOID(co_await get(server, models_path(r)));
  r.connect = server.connect_time();
  take_models(server.body(), r.openai, SIZE_MAX, r.models);
  if (!r.openai) {
    CHI_CO_TRY_VOID(co_await get(server, "/api/ps"));
    take_models(server.body(), false, kMostLoaded, r.loaded);
  }
  Nanos rounds[kRounds];
  for (Nanos& round : rounds) {
    CHI_CO_TRY_VOID(co_await get(server, r.openai ? models_path(r) : "/api/version"));
    round = server.exchange().ended - server.exchange().connected;
  }
  const auto [low, high] = std::minmax(rounds[0], rounds[1]);
  r.round_trip = std::clamp(rounds[2], low, high);
  r.up = true;
  co_return Result<void>();
}

bool has(const Report& r, std::string_view model) {
  for (const Model& m : r.models) {
    if (m.name == model || (!r.openai && m.name == std::string(model) + ":latest")) return true;
  }
  return false;
}

rt::Task<void> probe(const Settings& s, Report& r) {
  llm::Documents server(*r.url, s.client);
  Result<void> done = co_await examine(server, r);
  r.words = server.words();
  if (done && !s.probe_model.empty() && !has(r, s.probe_model)) {
    done = fail(Errc::no_model, "model");
    r.words = s.probe_model;
  }
  r.failed = !done;
  if (!done) r.why = done.error();
}

rt::Task<void> probe_all(const Settings& s, std::vector<Report>& reports) {
  rt::Scope scope;
  for (Report& r : reports) scope.start(probe(s, r));
  co_await scope.join();
}

// ---- telling ------------------------------------------------------------------------------------

void append_models(std::string& out, const Report& r) {
  for (const Model& m : r.models) {
    std::string name = printable(m.name, false);
    name.resize(std::max<size_t>(name.size(), 40), ' ');
    out.append("  ").append(name);
    if (m.size != 0) compose(out, "%1 GB", {static_cast<double>(m.size) / 1e9});
    for (const Model& l : r.loaded) {
      if (l.name == m.name) out.append("  loaded");
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out.push_back('\n');
  }
}

// A stop signal came before the answer.
bool unknown(const Report& r) { return r.why.code == Errc::cancelled; }

std::string text_of(const std::vector<Report>& reports) {
  size_t widest = 0;
  for (const Report& r : reports) widest = std::max(widest, r.url->text().size());
  std::string out;
  for (const Report& r : reports) {
    if (unknown(r)) continue;
    std::string url = r.url->text();
    url.resize(widest, ' ');
    out.append(url);
    if (!r.up) {
      out.append("  down  ").append(class_of(r.why)).append("\n");
      continue;
    }
    out.append(r.openai ? "  up    openai" : "  up    ollama");
    if (!r.version.empty()) out.append(" ").append(r.version);
    compose(out, "  connect %v ms  round trip %v ms  %d model",
            {to_ms(r.connect), to_ms(r.round_trip), r.models.size()});
    out.append(r.models.size() == 1 ? "\n" : "s\n");
    append_models(out, r);
  }
  return out;
}

void write_models(wire::JsonWriter& w, const char* name, const std::vector<Model>& models) {
  w.key(name).begin_array();
  for (const Model& m : models) {
    w.begin_object().field("name", m.name);
    if (m.size != 0) w.field("size_bytes", m.size);
    w.end_object();
  }
  w.end_array();
}

std::string json_of(const Settings& s, const std::vector<Report>& reports) {
  std::string out;
  wire::JsonWriter w(out, wire::JsonWriter::Style::pretty);
  w.begin_object().field("schema", "chimera.probe/1").key("endpoints").begin_array();
  for (const Report& r : reports) {
    if (unknown(r)) continue;
    const std::string url = r.url->text();
    w.begin_object().field("url", url).field("up", r.up);
    if (r.up) {
      w.field("api", r.openai ? "openai" : "ollama").key("version");
      r.version.empty() ? w.null() : w.string(r.version);
      w.field("connect_ms", to_ms(r.connect)).field("round_trip_ms", to_ms(r.round_trip));
      write_models(w, "models", r.models);
      write_models(w, "loaded", r.loaded);
    }
    if (r.up && !s.probe_model.empty()) w.field("has_model", !r.failed);
    if (r.failed) {
      w.key("error").begin_object().field("class", class_of(r.why));
      w.field("message", explain(r.why, url, r.words, false));
      w.field("exit_code", exit_code(r.why)).end_object();
    }
    w.end_object();
  }
  w.end_array().end_object();
  return out.append("\n");
}

int finish(const Settings& s, const std::vector<Report>& reports) {
  const int printed = print(s.format == Format::json ? json_of(s, reports) : text_of(reports));
  if (sys::stop_signal() != 0) return 128 + sys::stop_signal();
  size_t failed = 0;
  int first = 0;
  for (const Report& r : reports) {
    if (!r.failed) continue;
    complain("probe", r.why, r.url->text(), r.words);
    if (failed++ == 0) first = exit_code(r.why);
  }
  if (printed != 0 || failed == 0) return printed;
  return failed == reports.size() ? first : 1;
}

}  // namespace

int probe_command(Settings& s) {
  for (const std::string& given : s.positional) {
    auto url = wire::parse_url(given);
    if (!url) {
      const bool secret = given.find('@') != std::string::npos;
      say("not a URL: " + (secret ? "" : given + ": ") + url.error().where);
      return 2;
    }
    wire::strip_slashes(*url);
    s.urls.push_back(std::move(*url));
  }
  CallWays ways;
  const int refused = open_calls(s, "probe", true, ways);
  if (refused != 0) return refused;
  std::vector<Report> reports(s.urls.size());
  for (size_t i = 0; i < reports.size(); ++i) reports[i].url = &s.urls[i];
  ways.runtime.run(probe_all(s, reports));
  return finish(s, reports);
}

}  // namespace chimera::cli
