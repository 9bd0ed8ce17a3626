// The reports for programs: JSON by contract section 8 with more keys, CSV with a row a group.
#include <math.h>

#include "chimera/base/number.hpp"
#include "chimera/lab/stats_report.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::lab {
namespace {

using wire::JsonWriter;

constexpr const char* kTests[] = {"welch_t", "mann_whitney", "brown_forsythe"};

class Json {
 public:
  explicit Json(std::string& out) : j_(out, JsonWriter::Style::pretty) {}

  void report(const StatsReport& r);

 private:
  // A whole number without a fraction, as people write n.
  void number(const char* key, double x, bool whole = false) {
    j_.key(key);
    whole ? void(j_.integer(static_cast<int64_t>(x))) : void(j_.number(x));
  }
  void interval(const char* key, double low, double high) {
    j_.key(key).begin_array().number(low).number(high).end_array();
  }
  // `null` for the name that the level does not mean.
  void name(const char* key, std::string_view name, bool meant) {
    j_.key(key);
    meant ? j_.string(name) : j_.null();
  }
  void strings(const char* key, std::span<const std::string> list) {
    j_.key(key).begin_array();
    for (const std::string& s : list) j_.string(s);
    j_.end_array();
  }
  void figures(const Figures& f, Figure from, Figure to, bool whole = false) {
    for (size_t i = from; i < to; ++i) {
      const bool count = whole || (i == f_n || (i >= f_contention_runs && i <= f_without));
      number(kFigureKeys[i].key, f.values[i], count);
    }
  }
  void group(const Group& g);
  void test(const char* kind, const TestResult& t, double p_holm);
  void pair(const Analysis& a, const Pair& p);
  void tests(const Analysis& a);
  void trials(const char* key, const Analysis& a);
  void analysis(const Analysis& a, bool whole);
  void change(const Change& c);

  JsonWriter j_;
};

void Json::group(const Group& g) {
  const Figures f(g);
  j_.begin_object();
  name("runtime", g.runtime, g.level != Level::config);
  name("config", g.config, g.level != Level::runtime);
  figures(f, f_n, f_mean_low);
  number("sd", f[f_sd]);
  number("cv_percent", f[f_cv]);
  figures(f, f_min, f_contention_runs);
  interval("ci95", f[f_mean_low], f[f_mean_high]);
  interval("sd_ci95", f[f_sd_low], f[f_sd_high]);
  interval("cv_ci95", f[f_cv_low], f[f_cv_high]);
  figures(f, f_contention_runs, f_efficiency);
  j_.key("decomposition").begin_object();
  figures(f, f_efficiency, f_binary_bytes);
  j_.end_object().key("resources").begin_object();
  figures(f, f_binary_bytes, kFigures);
  j_.end_object();
  j_.field("serial", g.serial);
  if (!g.worst_why.empty()) j_.field("worst_because", g.worst_why);
  j_.end_object();
}

void Json::test(const char* kind, const TestResult& t, double p_holm) {
  j_.field("kind", kind).field("statistic", t.statistic);
  j_.field("df", t.df);
  if (!isnan(t.df2)) j_.field("df2", t.df2);   // F has two
  j_.field("p", t.p).field("p_holm", p_holm);
}

void Json::pair(const Analysis& a, const Pair& p) {
  for (size_t kind = 0; kind < Pair::kKinds; ++kind) {
    j_.begin_object().field("a", a.compared()[p.a].name()).field("b", a.compared()[p.b].name());
    test(kTests[kind], p.tests[kind], p.p_holm[kind]);
    const double effects[] = {p.effect.cohen_d, p.effect.cliff_delta, kUnknown};
    j_.field("effect", effects[kind]);
    if (kind == Pair::kWelch) {
      j_.field("hedges_g", p.effect.hedges_g).field("difference", p.difference);
      interval("difference_ci95", p.difference_ci.low, p.difference_ci.high);
      j_.field("detectable_difference", p.detectable);
    }
    j_.end_object();
  }
}

void Json::tests(const Analysis& a) {
  j_.key("tests").begin_array();
  for (const Pair& p : a.pairs) pair(a, p);
  const struct {
    const char* kind;
    const TestResult& result;
    const char* among;
  } overall[] = {{"kruskal_wallis", a.kruskal_wallis, "all"},
                 {"brown_forsythe", a.brown_forsythe, "all"},
                 {"kruskal_wallis", a.working_kruskal_wallis, "concurrent"},
                 {"brown_forsythe", a.working_brown_forsythe, "concurrent"}};
  size_t serial = 0;
  for (const Group& g : a.compared()) serial += g.serial;
  // Without a serial group both are the same.
  for (const auto& row : std::span(overall).first(serial > 0 ? 4 : 2)) {
    j_.begin_object().key("a").null().key("b").null();
    test(row.kind, row.result, row.result.p);
    j_.key("effect").null();
    j_.field("among", row.among).end_object();
  }
  j_.end_array();
}

void Json::trials(const char* key, const Analysis& a) {
  j_.key(key).begin_array();
  for (const Trial* t : a.excluded) {
    j_.begin_object().field("path", t->path).field("why", reason_words(t->reasons));
    number("value", t->metric(a.settings.metric));
    j_.end_object();
  }
  j_.end_array();
}

// `whole`: with what the other side is not needed for.
void Json::analysis(const Analysis& a, bool whole) {
  j_.field("clean", a.settings.clean).field("runs", uint64_t{a.runs});
  j_.key("groups").begin_array();
  for (const Group& g : whole ? std::span<const Group>(a.groups) : a.compared()) group(g);
  j_.end_array();
  tests(a);
  j_.field("headline", a.headline);
  strings("verdict", a.verdict);
  strings("warnings", a.warnings);
  trials("excluded", a);
  const Analysis::Identity& i = a.identity;
  if (i.n > 0) {
    j_.key("identity").begin_object().field("runs", uint64_t{i.n});
    j_.field("largest_gap_pp", i.largest_gap).field("token_correlation", i.token_correlation);
    j_.end_object();
  }
}

void Json::change(const Change& c) {
  j_.begin_object().field("group", c.now->name()).field("before", c.before->d.mean);
  j_.field("now", c.now->d.mean).field("difference", c.difference);
  interval("difference_ci95", c.difference_ci.low, c.difference_ci.high);
  test("welch_t", c.welch, c.p_holm);
  j_.field("regressed", c.regressed).field("improved", c.improved).end_object();
}

void Json::report(const StatsReport& r) {
  const auto one = [&](const Analysis& a) {
    j_.field("metric", a.metric).field("unit", a.info.unit);
    j_.field("better", a.info.better);
    const bool index = a.settings.percentiles == Percentiles::kIndex;
    j_.field("percentile", index ? "index" : "linear").field("seed", a.settings.seed);
    j_.field("compared", a.comparing == Level::config ? "config" : "runtime");
    analysis(a, true);
    if (!a.other) return;
    j_.key("other").begin_object();
    analysis(*a.other, false);
    j_.end_object();
  };
  j_.begin_object().field("schema", "chimera.stats/1");
  one(*r.analyses[0]);
  if (r.analyses.size() > 1) {
    j_.key("more").begin_array();
    for (const auto& a : r.analyses.subspan(1)) {
      j_.begin_object();
      one(*a);
      j_.end_object();
    }
    j_.end_array();
  }
  if (!r.changes.empty()) {
    j_.key("changes").begin_array();
    for (const Change& c : r.changes) change(c);
    j_.end_array();
  }
  j_.field("files", uint64_t{r.set.files});
  j_.key("skipped").begin_array();
  for (const agent::SkippedFile& s : r.set.skipped) {
    j_.begin_object().field("path", s.path).field("why", s.why).end_object();
  }
  j_.end_array();
  j_.field("command", r.command).field("version", r.version).end_object();
}

// Quoted as RFC 4180 wants it; what a spreadsheet would take for a formula gets a quote in front.
void csv_text(std::string& out, std::string_view text) {
  out += '"';
  if (!text.empty() && (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@')) {
    out += '\'';
  }
  for (const char c : text) {
    if (c == '"') out += c;
    out += c;
  }
  out += '"';
}

void csv_row(std::string& out, const Analysis& a, const Group& g) {
  csv_text(out, a.metric);
  out += ',';
  if (g.level != Level::config) csv_text(out, g.runtime);
  out += ',';
  if (g.level != Level::runtime) csv_text(out, g.config);
  const Figures f(g);
  for (size_t i = 0; i < kFigures; ++i) {
    out += ',';
    if (isfinite(f.values[i])) append_shortest(out, f.values[i]);
  }
  out += '\n';
}

}  // namespace

std::string stats_json(const StatsReport& r) {
  std::string out;
  Json(out).report(r);
  return out += '\n';
}

std::string stats_csv(const StatsReport& r) {
  std::string out = "metric,runtime,config";
  for (const FigureKey& name : kFigureKeys) out.append(",").append(name.key);
  out += '\n';
  for (const auto& a : r.analyses) {
    for (const Group& g : a->groups) csv_row(out, *a, g);
  }
  return out;
}

}  // namespace chimera::lab
