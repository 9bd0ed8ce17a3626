// The report for programs: JSON, CSV, percentile text, and a record for each request.
#include <math.h>

#include "chimera/base/number.hpp"
#include "chimera/lab/load_report.hpp"

namespace chimera::lab {
namespace {

using wire::JsonWriter;

double real(uint64_t n) { return static_cast<double>(static_cast<int64_t>(n)); }

struct Column {
  const char* name;
  double LoadDistribution::*value;
};
constexpr Column kColumns[] = {
    {"min_ms", &LoadDistribution::min},    {"mean_ms", &LoadDistribution::mean},
    {"sd_ms", &LoadDistribution::sd},      {"p50_ms", &LoadDistribution::p50},
    {"p90_ms", &LoadDistribution::p90},    {"p95_ms", &LoadDistribution::p95},
    {"p99_ms", &LoadDistribution::p99},    {"p99_9_ms", &LoadDistribution::p999},
    {"max_ms", &LoadDistribution::max}};

class Json {
 public:
  explicit Json(std::string& out) : j_(out, JsonWriter::Style::pretty) {}
  void report(const LoadReport& r);

 private:
  void limit(const char* key, uint64_t n) {      // 0 = none
    j_.key(key);
    n != 0 ? j_.unsigned_integer(n) : j_.null();
  }
  void side(const LoadSide& s, const LoadFigures& f, bool goals);
  void level(const LoadFigures& f, const LoadReport& r);
  void conditions(const LoadFigures& f);

  JsonWriter j_;
};

void Json::side(const LoadSide& s, const LoadFigures& f, bool goals) {
  j_.key("requests").begin_object();
  j_.field("succeeded", s.succeeded()).field("failed", s.failed());
  j_.field("cut_off", s.ends[kLoadClasses - 1]).field("error_rate", s.error_rate());
  j_.key("failures").begin_object();
  for (size_t i = 1; i + 1 < kLoadClasses; ++i) {
    j_.field(name_of(static_cast<LoadClass>(i)), s.ends[i]);
  }
  j_.end_object().end_object();
  j_.field("requests_per_s", f.per_second(real(s.succeeded())));
  j_.field("output_tokens", s.tokens).field("output_tokens_per_s", f.per_second(real(s.tokens)));
  j_.field("prompt_tokens", s.prompt_tokens);
  if (goals) j_.field("good", s.good).field("good_per_s", f.per_second(real(s.good)));
  j_.field("pieces", s.pieces).field("pieces_per_read", real(s.pieces) / real(s.reads));
  j_.field("tokens_per_piece", real(s.tokens) / real(s.pieces));
  j_.field("gaps_within_a_read", real(s.shared_gaps) / real(s.gaps));
  j_.field("itl_method", s.itl_exact ? "exact" : "histogram");
  for (size_t m = 0; m < kTimes; ++m) {
    const LoadDistribution& d = s.times[m];
    j_.key(name_of(static_cast<LoadMetric>(m))).begin_object();
    j_.field("count", uint64_t{d.count});
    for (const Column& c : kColumns) j_.field(c.name, d.*c.value);
    if (d.count < 1000) {
      j_.field("null_because", d.count == 0 ? "no values"
                               : d.count < 100 ? "p99 needs 100 values, p99.9 needs 1000"
                                               : "p99.9 needs 1000 values");
    }
    j_.end_object();
  }
}

void Json::conditions(const LoadFigures& f) {
  j_.key("slo").begin_array();
  for (const ConditionResult& c : f.conditions) {
    const LoadMetric m = c.condition.metric;
    j_.begin_object().field("condition", c.condition.text);
    const char* const unit = m < kTimes ? "_ms" : m == m_throughput ? "_per_s" : "";
    j_.field((std::string("value") + unit).c_str(), c.value);
    j_.field((std::string("limit") + unit).c_str(), c.condition.limit);
    j_.field("holds", c.holds).end_object();
  }
  j_.end_array();
}

void Json::level(const LoadFigures& f, const LoadReport& r) {
  const bool goals = !r.goals.empty();
  j_.begin_object();
  limit("at_once", f.at_once);
  j_.key("asked_per_s");
  f.rate > 0 ? j_.number(f.rate) : j_.null();
  j_.field("planned", f.planned).field("unsent", f.unsent).field("held_back", f.held);
  j_.field("window_s", to_seconds(f.window)).field("sending_s", to_seconds(f.sending));
  if (goals) j_.field("goodput", f.good_share());
  side(f.all, f, goals);
  j_.key("in_flight").begin_object().field("mean", f.in_flight).field("max", f.most_in_flight);
  j_.field("ended_per_s_times_time", f.rate_times_time);
  j_.field("gap_percent", f.little_gap_percent()).end_object();
  if (!f.servers.empty()) {
    j_.key("servers").begin_array();
    for (size_t i = 0; i < f.servers.size(); ++i) {
      j_.begin_object().field("url", r.servers[i]);
      side(f.servers[i], f, goals);
      j_.end_object();
    }
    j_.end_array();
  }
  conditions(f);
  j_.key("warnings").begin_array();
  for (const std::string& w : f.warnings) j_.string(w);
  j_.end_array().end_object();
}

void Json::report(const LoadReport& r) {
  std::string began;
  append_rfc3339(began, r.began);
  j_.begin_object().field("schema", "chimera.load/1").field("interrupted", r.interrupted);
  j_.field("mode", r.arrival.empty() ? "closed" : "open");
  j_.key("arrival");
  r.arrival.empty() ? j_.null() : j_.string(r.arrival);
  j_.field("seed", r.seed);
  limit("requests", r.requests);
  j_.key("duration_s");
  r.duration != 0 ? j_.number(to_seconds(r.duration)) : j_.null();
  j_.field("warmup_requests", r.warm_up).field("model", r.model);
  j_.key("servers").begin_array();
  for (const std::string& url : r.servers) j_.string(url);
  j_.end_array();
  j_.field("simulated", r.simulated).field("prompts", r.prompts);
  j_.field("unique_prefix", !r.warm_cache);
  j_.key("goodput_goals");
  r.goals.empty() ? j_.null() : j_.string(r.goals);
  j_.field("percentile", "linear").field("began", began);
  j_.field("version", r.version).field("command", r.command);
  j_.key("levels").begin_array();
  for (const LoadFigures& f : r.levels) level(f, r);
  j_.end_array().end_object();
}

// ---- CSV ----------------------------------------------------------------------------------------

void csv_number(std::string& out, double x) {
  out += ',';
  if (isfinite(x)) append_shortest(out, x);
}
void csv_count(std::string& out, uint64_t n) {
  out += ',';
  append_u64(out, n);
}

void csv_row(std::string& out, const LoadFigures& f, const LoadSide& s, std::string_view server) {
  append_u64(out, f.at_once);
  csv_number(out, f.rate);
  out += ",\"";                          // RFC 4180
  for (const char c : server) out.append(c == '"' ? 2 : 1, c);
  out += '"';
  csv_count(out, s.succeeded());
  csv_count(out, s.failed());
  csv_number(out, s.error_rate());
  csv_number(out, f.per_second(real(s.succeeded())));
  csv_number(out, f.per_second(real(s.tokens)));
  csv_count(out, s.good);
  for (size_t i = 1; i < kLoadClasses; ++i) csv_count(out, s.ends[i]);
  for (const LoadDistribution& d : s.times) {
    csv_count(out, d.count);
    for (const Column& c : kColumns) csv_number(out, d.*c.value);
  }
  out += '\n';
}

}  // namespace

std::string load_json(const LoadReport& r) {
  std::string out;
  Json(out).report(r);
  return out += '\n';
}

std::string load_csv(const LoadReport& r) {
  std::string out =
      "at_once,asked_per_s,server,succeeded,failed,error_rate,requests_per_s,output_tokens_per_s,"
      "good";
  for (size_t i = 1; i < kLoadClasses; ++i) {
    out.append(",").append(name_of(static_cast<LoadClass>(i)));
  }
  for (size_t m = 0; m < kTimes; ++m) {
    const char* const name = name_of(static_cast<LoadMetric>(m));
    out.append(",").append(name).append("_count");
    for (const Column& c : kColumns) out.append(",").append(name).append("_").append(c.name);
  }
  out += '\n';
  for (const LoadFigures& f : r.levels) {
    csv_row(out, f, f.all, "all");
    for (size_t i = 0; i < f.servers.size(); ++i) csv_row(out, f, f.servers[i], r.servers[i]);
  }
  return out;
}

std::string load_hgrm(const LoadReport& r) {
  std::string out;
  for (const LoadFigures& f : r.levels) {
    if (r.levels.size() > 1) {
      out.append(out.empty() ? "#at once: " : "\n#at once: ");
      append_u64(out, f.at_once);
      out += '\n';
    }
    out.append(f.hgrm);
  }
  return out;
}

// ---- a request ----------------------------------------------------------------------------------

std::string request_line(const LoadLine& line, const LoadRequest& r, Nanos origin) {
  std::string out;
  JsonWriter j(out, JsonWriter::Style::compact);
  j.begin_object().field("schema", "chimera.request/1").field("id", line.id);
  j.key("at_once");
  line.at_once != 0 ? j.unsigned_integer(line.at_once) : j.null();
  j.field("server", line.server).field("class", name_of(r.end));
  const struct {
    const char* key;
    Nanos at;
  } instants[] = {{"planned_ns", r.planned},         {"started_ns", r.started},
                  {"connected_ns", r.connected},     {"sent_ns", r.sent},
                  {"first_token_ns", r.first_token}, {"first_visible_ns", r.first_visible},
                  {"last_token_ns", r.last_token},   {"ended_ns", r.ended}};
  for (const auto& i : instants) {
    j.key(i.key);
    i.at != 0 ? j.integer(i.at - origin) : j.null();
  }
  j.field("tokens", r.tokens).field("prompt_tokens", r.prompt_tokens);
  j.field("pieces", uint64_t{r.pieces}).field("reads", uint64_t{r.reads});
  j.key("http_status");
  line.http_status != 0 ? j.integer(line.http_status) : j.null();
  j.field("attempts", uint64_t{line.attempts});
  j.key("error");
  line.error.empty() ? j.null() : j.string(line.error);
  j.end_object();
  return out += '\n';
}

}  // namespace chimera::lab
