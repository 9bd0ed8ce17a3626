#include "run_parts.hpp"

#include "chimera/agent/prompts.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/wire/json_schema.hpp"

namespace chimera::cli {

namespace {

// `chimera sim` as server `i` of `count`. Each has a port and a truth file of its own, and a seed
// when one is given.
std::string sim_arguments(const Settings& s, int i, int count, uint64_t seed) {
  std::string words;
  add_word(words, "sim");
  std::string_view rest = s.sim_spec, pair;
  while (next_part(rest, ',', pair)) {
    pair = trim(pair);
    if (!pair.empty()) add_word(words, "--", pair);
  }
  append_i64(words.append("--port="), s.sim.port == 0 ? 0 : s.sim.port + i);
  words.push_back('\0');
  if (seed != 0) {
    append_u64(words.append("--seed="), seed + static_cast<uint64_t>(i));
    words.push_back('\0');
  }
  if (s.sim.truth.empty() || count == 1) return words;
  append_i64(words.append("--truth=").append(s.sim.truth).append("."), i + 1);
  words.push_back('\0');
  return words;
}

}  // namespace

Result<void> SimServers::start(Settings& s, uint64_t seed) {
  const int count = s.sim_servers != 0 ? s.sim_servers : s.agents;
  s.urls.clear();
  for (int i = 0; i < count; ++i) {
    CHI_TRY(sys::Child child, sys::Child::start_self(sim_arguments(s, i, count, seed)));
    CHI_TRY(const std::string line, child.read_line(sys::now() + 10 * kSecond));
    const size_t at = line.find("http://");
    CHI_TRY(wire::Url url, wire::parse_url(at == std::string::npos ? "" : line.substr(at)));
    s.urls.push_back(std::move(url));
    children_.push_back(std::move(child));
  }
  return {};
}

namespace {

rt::Runtime* stoppable = nullptr;

}  // namespace

Result<void> open_runtime(rt::Runtime& runtime, const Settings& s) {
  CHI_TRY_VOID(runtime.open(s.runtime));
  stoppable = &runtime;
  sys::catch_stop_signals([](void*) { stoppable->stop(); }, nullptr);
  return {};
}

void prefer_local(Settings& s) {
  const bool asked = s.given.kind || s.given.threads || !s.given.preset.empty();
  if (!asked && rt::holds(rt::Kind::local)) s.runtime.kind = rt::Kind::local;
}

namespace {

constexpr Nanos kFrame = 100 * kMilli;

void append_rate(std::string& s, double rate) {
  s.append(" tok ");
  append_fixed(s, rate, 1);
  s.append("/s");
}

double rate_of(const agent::Progress& p, Nanos now) {
  const uint64_t pieces = p.pieces.load();
  const Nanos first = p.first_piece.load();
  return pieces > 1 && now > first ? static_cast<double>(pieces - 1) / to_seconds(now - first) : 0;
}

// "run 2/3  collector analysis 123 tok 41.0/s | insight ingest"
std::string agents_line(const agent::CrewSettings& crew, std::span<agent::Progress> progress,
                        Nanos now) {
  std::string s;
  for (size_t i = 0; i < progress.size(); ++i) {
    const uint64_t pieces = progress[i].pieces.load();
    if (i != 0) s.append(" | ");
    s.append(crew.agents[i].id).append(" ").append(agent::name_of(progress[i].stage.load()));
    if (pieces == 0) continue;
    s.push_back(' ');
    append_u64(s, pieces);
    append_rate(s, rate_of(progress[i], now));
  }
  return s;
}

// "analysis 12, report 18, 3210 tok 410.4/s", when there is no room for each agent.
std::string totals_line(std::span<agent::Progress> progress, Nanos now) {
  std::string s;
  uint64_t pieces = 0;
  double rate = 0;
  for (int stage = 0; stage <= static_cast<int>(agent::Stage::failed); ++stage) {
    size_t count = 0;
    for (const agent::Progress& p : progress) count += static_cast<int>(p.stage.load()) == stage;
    if (count == 0) continue;
    s.append(agent::name_of(static_cast<agent::Stage>(stage))).push_back(' ');
    append_u64(s, count);
    s.append(", ");
  }
  for (const agent::Progress& p : progress) {
    pieces += p.pieces.load();
    rate += rate_of(p, now);
  }
  append_u64(s, pieces);
  append_rate(s, rate);
  return s;
}

std::string progress_line(const agent::CrewSettings& crew, std::span<agent::Progress> progress,
                          int run, int runs, size_t columns) {
  const Nanos now = sys::now();
  std::string s;
  if (run == 0) {
    s.append("alone  ");
  } else if (runs > 1) {
    s.append("run ");
    append_i64(s, run);
    s.push_back('/');
    append_i64(s, runs);
    s.append("  ");
  }
  const std::string each = agents_line(crew, progress, now);
  s.append(s.size() + each.size() <= columns ? each : totals_line(progress, now));
  return std::string(utf8_truncate(s, columns));
}

}  // namespace

void draw(std::string_view line) {
  std::string s = "\r\x1b[K";
  s.append(line);
  (void)sys::write_stream(sys::Stream::err, s);
}

rt::Task<void> show_progress(const agent::CrewSettings& crew, std::span<agent::Progress> progress,
                             int run, int runs, rt::Stop& stop) {
  for (;;) {
    const int columns = sys::terminal_columns();
    draw(progress_line(crew, progress, run, runs,
                       columns > 1 ? static_cast<size_t>(columns) - 1 : 1));
    rt::Sleep frame(sys::now() + kFrame, &stop);
    const int64_t slept = co_await frame;
    if (slept < 0) break;
  }
  draw({});
}

std::string request_text(const wire::Url& url, const llm::ClientSettings& client,
                         const llm::Request& request) {
  std::string hidden;
  std::string_view fields = client.extra_fields;
  for (wire::Field f; wire::next_field(fields, f);) hidden.append(f.name).append(": ***\r\n");
  const llm::Api api = llm::carrier(client.api, request, url);
  const std::string body = llm::request_body(api, request);
  const std::string target = llm::request_target(api, url);
  net::HttpRequest http;
  http.method = "POST";
  http.target = target;
  http.content_type = "application/json";
  http.extra_fields = hidden;
  http.body = body;
  return net::request_head(url, http, client.policy.keep_alive).append(body).append("\n");
}

int dry_run(const agent::CrewSettings& crew) {
  auto inventory = agent::ingest(crew.directory, crew.ingest);
  if (!inventory) {
    complain("ingest", inventory.error(), crew.directory);
    return exit_code(inventory.error());
  }
  std::string out;
  for (size_t i = 0; i < crew.agents.size(); ++i) {
    const agent::AgentConfig& c = crew.agents[i];
    const agent::Prompt prompt = agent::analysis_prompt(c, *inventory, agent::budget_of(c.options));
    const wire::Url& url = crew.endpoints[i % crew.endpoints.size()];
    out.append(request_text(url, crew.client, {c.model, prompt.text, {}, c.options}));
  }
  return print(out);
}

std::string older_results(const std::string& folder, int runs) {
  std::string found;
  const auto entries = sys::list_directory(folder);
  if (!entries) return found;
  for (const sys::DirectoryEntry& e : *entries) {
    std::string_view name = e.name;
    const bool partial = name.starts_with("partial_");
    if (partial) name.remove_prefix(8);
    if (!name.starts_with("run_")) continue;
    const auto number = parse_u64(name.substr(4));
    if (!number || (!partial && *number <= static_cast<uint64_t>(runs))) continue;
    found.append(found.empty() ? "" : ", ").append(e.name);
  }
  return found;
}

std::string one_line(std::string_view pretty) {
  std::string out;
  out.reserve(pretty.size());
  for (std::string_view line; next_line(pretty, line);) out.append(trim_left(line));
  return out;
}

std::string version_in(std::string_view json) {
  std::string version;
  wire::append_decoded(version, wire::json_member(json, "version"));
  return printable(utf8_truncate(version, 100), false);
}

}  // namespace chimera::cli
