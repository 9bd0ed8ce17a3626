// The report for people: one document, laid out for a terminal or as Markdown.
#include <math.h>

#include "chimera/base/number.hpp"
#include "chimera/lab/load_report.hpp"
#include "stats_document.hpp"

namespace chimera::lab {
namespace {

constexpr size_t kColumns = 100;

class Text {
 public:
  Text(const LoadReport& r, Document::Layout layout) : r_(r), d_(layout, kColumns) {}
  std::string whole();

 private:
  void say(const char* pattern, std::initializer_list<Word> words) {
    std::string s;
    compose(s, pattern, words);
    d_.paragraph(s);
  }
  void break_line() {
    if (!d_.markup().ends_with("\n\n")) d_.markup() += '\n';
  }
  void beginning();
  void counts(const LoadFigures& f);
  void ends(const LoadSide& side, const char* of);
  void times(const LoadFigures& f);
  void servers(const LoadFigures& f);
  void overview();
  void level(const LoadFigures& f);
  void judgement(const LoadFigures& f, bool named);

  const LoadReport& r_;
  Document d_;
};

std::string level_name(const LoadFigures& f) {
  std::string s;
  const bool whole = f.rate == floor(f.rate);
  if (f.rate > 0) compose(s, whole ? "%d requests/s" : "%v requests/s", {f.rate});
  if (isinf(f.rate)) s = "all due at once";
  if (f.at_once != 0) compose(s, f.rate > 0 ? ", at most %d at once" : "%d at once",
            {size_t{f.at_once}});
  return s;
}

void Text::beginning() {
  const LoadFigures& f = r_.levels.front();
  const bool closed = r_.arrival.empty();
  std::string s = closed ? "closed loop" : "open loop";
  if (r_.levels.size() == 1) s.append(", ").append(level_name(f));
  if (!closed) s.append(", ").append(r_.arrival);
  if (r_.interrupted) s.append(" (interrupted: what had come until then)");
  d_.heading("Load: %s", {s});
  break_line();
  s = r_.model;
  for (const std::string& url : r_.servers) {
    s.append(&url == r_.servers.data() ? " at " : ", ").append(url);
  }
  s.append("; prompts: ").append(r_.prompts);
  s.append(r_.warm_cache ? ", as they are: a cache may have them" : ", each with its own prefix");
  if (r_.warm_up != 0) compose(s, "; %d requests to warm up are left out", {r_.warm_up});
  compose(s, "; seed %d", {r_.seed});
  d_.paragraph(s.append("."));
  break_line();
}

// "failures: refused 3, busy 12"
void Text::ends(const LoadSide& side, const char* of) {
  std::string s;
  for (size_t i = 1; i + 1 < kLoadClasses; ++i) {
    if (side.ends[i] == 0) continue;
    s.append(s.empty() ? "Failures" : ", ");
    if (s == "Failures") s.append(of).append(": ");
    compose(s, "%s %d", {name_of(static_cast<LoadClass>(i)), side.ends[i]});
  }
  if (!s.empty()) d_.paragraph(s.append("."));
}

void Text::counts(const LoadFigures& f) {
  const LoadSide& a = f.all;
  std::string s;
  const uint64_t cut = a.ends[kLoadClasses - 1];
  compose(s, "%d of %d requests succeeded, %d failed (%v %)",
          {a.succeeded(), a.succeeded() + a.failed(), a.failed(), 100 * a.error_rate()});
  if (cut != 0) compose(s, ", %d were cut off", {cut});
  if (f.unsent != 0) compose(s, ", %d were due but not sent", {f.unsent});
  s.append(", in ");
  append_duration(s, f.window);
  compose(s, ": %v requests/s, %v tokens/s", {f.per_second(static_cast<double>(a.succeeded())),
                                              f.per_second(static_cast<double>(a.tokens))});
  if (!r_.goals.empty()) {
    compose(s, "; goodput %v requests/s, %1 % of all kept %s",
            {f.per_second(static_cast<double>(a.good)), 100 * f.good_share(), r_.goals});
  }
  d_.paragraph(s.append("."));
  ends(a, "");
}

// A dash that keeps its column, for what cannot be said.
void put(Document& d, double ms) {
  if (isnan(ms)) {
    d.cell() = " -";
  } else {
    d.number(ms);
  }
}

void Text::times(const LoadFigures& f) {
  static constexpr const char* kHead[] = {"ms", "count", "mean", "p50", "p90", "p95", "p99",
                                          "p99.9", "max"};
  d_.begin_table(std::size(kHead));
  for (const char* head : kHead) d_.cell() = head;
  bool unknown = false;
  for (size_t m = 0; m < kTimes; ++m) {
    const LoadDistribution& t = f.all.times[m];
    if (m == m_late && f.held == 0) continue;    // then it is lag
    d_.cell() = name_of(static_cast<LoadMetric>(m));
    d_.count(static_cast<double>(t.count));
    for (const double ms : {t.mean, t.p50, t.p90, t.p95, t.p99, t.p999, t.max}) put(d_, ms);
    unknown |= t.count != 0 && isnan(t.p999);
  }
  d_.end_table();
  if (unknown) say("- : p99 needs 100 values, p99.9 needs 1,000.", {});
  if (!f.all.itl_exact) say("itl: percentiles of a histogram, within 0.05 %.", {});
}

void Text::servers(const LoadFigures& f) {
  if (f.servers.empty()) return;
  static constexpr const char* kHead[] = {"server",   "ok",       "failed",  "tokens/s",
                                          "ttft p50", "ttft p95", "tpot p50", "e2e p50",
                                          "e2e p95",  "response p95"};
  break_line();
  d_.begin_table(std::size(kHead));
  for (const char* head : kHead) d_.cell() = head;
  for (size_t i = 0; i < f.servers.size(); ++i) {
    const LoadSide& s = f.servers[i];
    d_.cell() = r_.servers[i];
    d_.count(static_cast<double>(s.succeeded()));
    d_.count(static_cast<double>(s.failed()));
    d_.number(f.per_second(static_cast<double>(s.tokens)));
    const LoadDistribution* t = s.times;
    for (const double ms : {t[m_ttft].p50, t[m_ttft].p95, t[m_tpot].p50, t[m_e2e].p50, t[m_e2e].p95,
                            t[m_response].p95}) {
      put(d_, ms);
    }
  }
  d_.end_table();
}

void Text::judgement(const LoadFigures& f, bool named) {
  const std::string name = named ? level_name(f) + ": " : std::string();
  for (const ConditionResult& c : f.conditions) {
    const LoadMetric m = c.condition.metric;
    const char* unit = m < kTimes ? " ms" : m == m_throughput ? " requests/s" : " %";
    const double shown = m == m_error || m == m_goodput ? 100 * c.value : c.value;
    std::string s = name;
    compose(s, "SLO %s: %s (", {c.condition.text, c.holds ? "holds" : "BROKEN"});
    if (isnan(shown)) {
      s.append("too few values to say");
    } else {
      compose(s, "%v%s", {shown, unit});
    }
    d_.point(s.append(")"));
  }
  for (const std::string& w : f.warnings) d_.point(name + "warning: " + w);
}

void Text::level(const LoadFigures& f) {
  counts(f);
  break_line();
  times(f);
  servers(f);
  break_line();
  say("In flight: %v on average, at most %d; Little's law: ended/s x time = %v (%v % apart). A "
      "read brought %v pieces, a piece %v tokens.",
      {f.in_flight, f.most_in_flight, f.rate_times_time, f.little_gap_percent(),
       static_cast<double>(f.all.pieces) / static_cast<double>(f.all.reads),
       static_cast<double>(f.all.tokens) / static_cast<double>(f.all.pieces)});
  if (!f.conditions.empty() || !f.warnings.empty()) break_line();
  judgement(f, false);
}

// A row for each level of a sweep; times in ms.
void Text::overview() {
  static constexpr const char* kHead[] = {
      "at once", "ok", "failed", "req/s", "tok/s", "ttft p50", "ttft p95", "ttft p99", "tpot p50",
      "tpot p95", "e2e p50", "e2e p95", "response p95", "good %", "in flight", "lag p95"};
  d_.begin_table(std::size(kHead));
  for (const char* head : kHead) d_.cell() = head;
  for (const LoadFigures& f : r_.levels) {
    const LoadDistribution* t = f.all.times;
    d_.count(f.at_once);
    d_.count(static_cast<double>(f.all.succeeded()));
    d_.count(static_cast<double>(f.all.failed()));
    for (const double x :
         {f.per_second(static_cast<double>(f.all.succeeded())),
          f.per_second(static_cast<double>(f.all.tokens)), t[m_ttft].p50, t[m_ttft].p95,
          t[m_ttft].p99, t[m_tpot].p50, t[m_tpot].p95, t[m_e2e].p50, t[m_e2e].p95,
          t[m_response].p95, r_.goals.empty() ? kUnknown : 100 * f.good_share(), f.in_flight,
          t[m_lag].p95}) {
      d_.number(x);
    }
  }
  d_.end_table();
  break_line();
  for (const LoadFigures& f : r_.levels) {
    const std::string of = " of " + level_name(f);
    ends(f.all, of.c_str());
    judgement(f, true);
  }
}

std::string Text::whole() {
  if (r_.levels.empty()) return {};
  beginning();
  if (r_.levels.size() > 1) {
    overview();
  } else {
    level(r_.levels.front());
  }
  return std::move(d_.markup());
}

}  // namespace

std::string load_text(const LoadReport& r) { return Text(r, Document::terminal).whole(); }
std::string load_markdown(const LoadReport& r) { return Text(r, Document::markdown).whole(); }

}  // namespace chimera::lab
