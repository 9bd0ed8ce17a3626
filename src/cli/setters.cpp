#include "setters.hpp"

#include <math.h>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/wire/json_schema.hpp"

namespace chimera::cli {

Result<void> wrong(const char* why) { return fail(Errc::usage, why); }

Result<void> set_duration(Nanos& out, Value v) {
  CHI_TRY(out, parse_duration(v));
  return {};
}
Result<void> set_int(int& out, Value v, int least, int most, const char* range) {
  CHI_TRY(const int64_t n, parse_i64(v));
  if (n < least || n > most) return wrong(range);
  out = static_cast<int>(n);
  return {};
}
Result<void> set_size(uint32_t& out, Value v, uint64_t least) {
  CHI_TRY(const uint64_t n, parse_size(v));
  if (n < least || n > (64u << 20)) return wrong("out of range: at most 64m");
  out = static_cast<uint32_t>(n);
  return {};
}

Result<void> set_model_option(llm::Options& o, Value name, Value v) {
  struct Integer { Value name; std::optional<int64_t> llm::Options::*field; int64_t least; };
  struct Decimal { Value name; std::optional<double> llm::Options::*field; };
  static constexpr Integer kIntegers[] = {{"num-gpu", &llm::Options::num_gpu, -1},
                                          {"num-ctx", &llm::Options::num_ctx, 1},
                                          {"top-k", &llm::Options::top_k, 0},
                                          {"num-predict", &llm::Options::num_predict, -2},
                                          {"seed", &llm::Options::seed, INT64_MIN}};
  static constexpr Decimal kDecimals[] = {{"temperature", &llm::Options::temperature},
                                          {"top-p", &llm::Options::top_p},
                                          {"repeat-penalty", &llm::Options::repeat_penalty}};
  for (const Integer& i : kIntegers) {
    if (name != i.name) continue;
    CHI_TRY(const int64_t n, parse_i64(v));
    if (n < i.least) return fail(Errc::bad_input, "too small");
    o.*i.field = n;
    return {};
  }
  for (const Decimal& d : kDecimals) {
    if (name != d.name) continue;
    CHI_TRY(const double x, parse_double(v));
    if (x < 0) return fail(Errc::bad_input, "negative");
    o.*d.field = x;
    return {};
  }
  return wrong("no such model option");
}

Result<void> common_option(Settings& s, const Option& o, Value v) {
  return set_model_option(s.common, o.name, v);
}
Result<void> chimera_option(Settings& s, const Option& o, Value v) {
  return set_model_option(s.a, Value(o.name).substr(8), v);     // behind "chimera-"
}
Result<void> chimera2_option(Settings& s, const Option& o, Value v) {
  return set_model_option(s.b, Value(o.name).substr(9), v);     // behind "chimera2-"
}

Result<void> free_option(Settings& s, const Option&, Value v) {
  const size_t equals = v.find('=');
  const Value name = v.substr(0, equals), value = v.substr(equals + 1);
  if (name.empty() || equals == Value::npos) return wrong("NAME VALUE");
  return add_model_option(s.common, name, value);
}

Result<void> add_url(Settings& s, const Option&, Value v) {
  CHI_TRY(wire::Url url, wire::parse_url(v));
  wire::strip_slashes(url);
  s.urls.push_back(std::move(url));
  return {};
}
Result<void> place_url(Settings& s, const Option& o, Value v) {
  CHI_TRY(wire::Url url, wire::parse_url(v));
  wire::strip_slashes(url);
  const size_t at = o.name[0] == 'c' ? 0 : 1;
  while (s.urls.size() <= at) s.urls.push_back(wire::Url(url));
  s.urls[at] = std::move(url);
  return {};
}

Result<void> add_header(Settings& s, const Option&, Value v) {
  const size_t colon = v.find(':');
  const Value name = v.substr(0, colon);
  const Value value = colon == Value::npos ? Value() : trim(v.substr(colon + 1));
  if (colon == Value::npos || !wire::valid_field(name, value)) return wrong("'Name: value'");
  if (wire::reserved_field(name)) return wrong("chimera sets this header itself");
  s.headers.append(name).append(": ").append(value).append("\r\n");
  return {};
}

Result<void> key_file(Settings& s, const Option&, Value v) {
  CHI_TRY(const std::string text, sys::read_file(std::string(v), 64 << 10));
  s.api_key = trim(text);
  return {};
}

Result<void> sim_key(Settings& s, const Option& o, Value v) { return sim::set(s.sim, o.name, v); }

Result<void> sim_more(Settings& s, const char* key, Value v) {
  std::string spec = key;
  spec.append(v);
  CHI_TRY_VOID(sim::set_all(s.sim, spec));
  s.simulate = true;
  s.sim_spec.append(s.sim_spec.empty() ? "" : ",").append(spec);
  return {};
}

bool set_hgrm(Settings& s, Value name) {
  for (size_t m = 0; m < lab::kTimes; ++m) {
    const auto metric = static_cast<lab::LoadMetric>(m);
    if (name != Value(lab::name_of(metric))) continue;
    s.format = Format::hgrm;
    s.load.hgrm = metric;
    return true;
  }
  return false;
}

Result<void> set_format(Settings& s, const Option& o, Value v) {
  struct Name { Value name; Format format; uint32_t commands; };
  static constexpr Name kNames[] = {{"text", Format::text, 0xffff}, {"json", Format::json, 0xffff},
                                    {"ndjson", Format::ndjson, kRun | kAsk | kMap},
                                    {"md", Format::md, kRun | kStats | kBench},
                                    {"csv", Format::csv, kStats | kBench},
                                    {"html", Format::html, kStats}, {"svg", Format::svg, kStats},
                                    {"hgrm", Format::hgrm, kBench}};
  for (const Name& n : kNames) {
    if (v != n.name || (o.commands & n.commands) == 0) continue;
    s.format = n.format;
    return {};
  }
  if (o.commands == kRun) return wrong("text, json, ndjson or md");
  if (o.commands == kMap) return wrong("ndjson or text");
  if (o.commands == kAsk) return wrong("text, json or ndjson");
#ifndef CHIMERA_MINIMAL
  if (o.commands == kBench) {
    if (v.starts_with("hgrm:") && set_hgrm(s, v.substr(5))) return {};
    return wrong("text or json; in load mode also csv, md, hgrm or hgrm:METRIC");
  }
#endif
  return wrong(o.commands == kStats ? "text, json, csv, md, html or svg" : "text or json");
}

Result<void> set_list(std::vector<uint32_t>& out, Value v, uint64_t most,
                                       const char* range) {
  out.clear();
  for (Value part; next_part(v, ',', part);) {
    CHI_TRY(const uint64_t n, parse_u64(trim(part)));
    if (n < 1 || n > most) return wrong(range);
    out.push_back(static_cast<uint32_t>(n));
  }
  return out.empty() ? wrong(range) : Result<void>();
}

Result<void> set_output(Settings& s, const Option&, Value v) {
  s.output = v;
  return v.empty() ? wrong("a path") : Result<void>();
}

Result<void> on_off(bool& out, Value v, const char* on, const char* off, const char* words) {
  if (v != on && v != off) return wrong(words);
  out = v == on;
  return {};
}

Result<void> set_kind(Settings& s, const Option&, Value v) {
  const auto kind = rt::parse_kind(v);
  if (kind) {
    s.given.kind = *kind;
    return {};
  }
  static const std::string only =
      std::string("this binary holds only ") + rt::name_of(rt::kDefaultKind);
  return wrong(rt::kOneRuntime ? only.c_str() : "steal, fixed, local or bridge");
}

Result<void> set_think(Settings& s, const Option&, Value v) {
  for (const char* level : {"true", "false", "low", "medium", "high"}) {
    if (v == level) s.common.think = v;
  }
  return v == s.common.think && !v.empty() ? Result<void>()
                                           : wrong("true, false, low, medium or high");
}

Result<void> keep_alive(Settings& s, const Option& o, Value v) {
  const bool time = v != "on" && v != "off";
  if (!time || (o.commands & kFetch) != 0) {
    return on_off(s.client.policy.keep_alive, v, "on", "off", "on or off");
  }
  if (!parse_i64(v) && !parse_duration(v)) return wrong("on, off or a time");
  s.common.keep_alive = v;
  return {};
}

Result<std::string> json_of(Value v) {
  std::string text(v);
  if (!v.starts_with('{') && !v.starts_with('[')) {
    CHI_TRY(text, sys::read_file(text, 16 << 20));
  }
  if (!wire::check_json(text)) return fail(Errc::bad_input, "not JSON");
  return std::string(trim(text));
}

Result<void> set_schema(Settings& s, const Option&, Value v) {
  CHI_TRY(s.calls.schema, json_of(v));
  return s.calls.schema[0] == '{' ? Result<void>() : wrong("a schema is an object");
}

Result<void> add_tool(Settings& s, const Option&, Value v) {
  CHI_TRY(std::string list, json_of(v));
  std::string& all = s.calls.tools;
  if (list[0] == '{') list = "[" + list + "]";
  for (wire::JsonWalk walk(list); walk.next();) {
    const bool whole = !wire::json_member(walk.value, "function").empty();
    if (!whole && wire::json_member(walk.value, "name").empty()) {
      return wrong("a tool has a \"name\", or a \"function\" that has one");
    }
    if (!all.empty()) all.pop_back();
    all.append(all.empty() ? "[" : ",").append(whole ? "" : R"({"type":"function","function":)");
    all.append(walk.value).append(whole ? "]" : "}]");
  }
  return {};
}

Result<void> add_image(Settings& s, const Option&, Value v) {
  CHI_TRY(const std::string bytes, sys::read_file(std::string(v), 64 << 20));
  append_base64(s.calls.images.emplace_back(), bytes);
  return {};
}

Result<void> set_thinking(Settings& s, const Option&, Value v) {
  s.ask.thinking = v == "hide"     ? Thinking::hide
                   : v == "stderr" ? Thinking::err
                   : v == "inline" ? Thinking::in_line
                                   : Thinking::unset;
  return s.ask.thinking == Thinking::unset ? wrong("hide, stderr or inline") : Result<void>();
}

Result<void> set_warm_up(Settings& s, const Option& o, Value v) {
  const auto count = parse_u64(v);
  (count ? s.load.load_option : s.load.experiment_option) = o.name;
  if (!count) return on_off(s.bench.warm_up.emplace(), v, "on", "off", "on, off or a number");
  s.load.warm_up = *count;
  return *count <= 10'000'000 ? Result<void>() : wrong("at most 10 million");
}

Result<void> set_rate(Settings& s, const Option& o, Value v) {
  s.load.load_option = o.name;
  const auto rate = v == "inf" ? Result<double>(INFINITY) : parse_double(v);
  if (!rate || *rate < kLeastRate || (*rate > 1e6 && v != "inf")) {
    return wrong("requests a second, 0.000001 to 1000000, or inf");
  }
  s.load.rate = *rate;
  return {};
}

}  // namespace chimera::cli
