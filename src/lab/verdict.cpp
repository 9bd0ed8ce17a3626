// The answer in words. Each sentence is chosen by the figures and made of them; the order is: what
// differs, how sure that is, what cannot be said, what the metric is made of, its worst runs, and
// whether the doubtful runs decide it.
#include <math.h>

#include <algorithm>

#include "analysis_parts.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/words.hpp"

namespace chimera::lab {
namespace {

constexpr size_t kListed = 6;  // pairs, or groups, that are named one by one

class Verdict {
 public:
  explicit Verdict(Analysis& a)
      : a_(a),
        groups_(a.compared()),
        unit_(*a.info.unit == 0 ? "" : std::string(" ") + a.info.unit),
        step_(unit_ == " %" ? " pp" : unit_),
        plural_(a.comparing == Level::config ? "configurations" : "runtimes") {
    for (const Group& g : groups_) any_serial_ |= g.serial;
  }

  void all();

 private:
  // Which pairs differ, by Welch's test or by Brown and Forsythe's, after Holm.
  struct Found {
    size_t tested = 0, differ = 0;
    const Pair* least = nullptr;  // with the smallest p, the first of equal ones
  };
  // `within`: only pairs of groups that are not apart from all others.
  Found find(Pair::Kind kind, bool within) const;
  void find_apart();
  bool apart(size_t i) const { return i < Analysis::kMostCompared && (apart_ >> i & 1) != 0; }

  void headline();
  void compare_ranks(std::string& out, const Pair& p) const;
  void ranking(std::string& out);
  void overall();
  void differences(Pair::Kind kind);
  void serial();
  void detectable();
  void identity();
  void worst();
  void append_run(std::string& out, const Group& g, const Trial& t, const std::string& why) const;
  void doubtful();

  std::string& sentence() { return a_.verdict.emplace_back(); }
  const std::string& name(size_t i) const { return groups_[i].name(); }
  void value(std::string& out, double x) const { compose(out, "%v%s", {x, unit_}); }

  Analysis& a_;
  std::span<const Group> groups_;
  std::string unit_, step_;  // of a value, of a difference; with a blank in front
  const char* plural_;
  bool any_serial_ = false;
  uint64_t apart_ = 0;  // a bit a group: differs from every other in its mean
  size_t n_apart_ = 0;
};
static_assert(Analysis::kMostCompared <= 64);

bool differs(const Pair& p, Pair::Kind kind) {
  return p.p_holm[kind] < kAlpha;
}

Verdict::Found Verdict::find(Pair::Kind kind, bool within) const {
  Found found;
  for (const Pair& p : a_.pairs) {
    if (isnan(p.p_holm[kind]) || (within && (apart(p.a) || apart(p.b)))) continue;
    ++found.tested;
    found.differ += differs(p, kind);
    if (found.least == nullptr || p.p_holm[kind] < found.least->p_holm[kind]) found.least = &p;
  }
  return found;
}

// With two groups there is nothing to be apart from. Nor where most are: then all pairs are listed.
void Verdict::find_apart() {
  const size_t n = std::min(groups_.size(), Analysis::kMostCompared);
  if (n < 3) return;
  uint64_t bits = (uint64_t{1} << n) - 1;
  for (const Pair& p : a_.pairs) {
    if (!differs(p, Pair::kWelch)) bits &= ~(uint64_t{1} << p.a | uint64_t{1} << p.b);
  }
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) count += bits >> i & 1;
  if (count + 2 > n) return;
  apart_ = bits;
  n_apart_ = count;
}

// "a is 1.2 pp above b (98.7 % against 97.5 %; p = 0.01)"
void compare_means(std::string& out, const Pair& p, std::span<const Group> groups,
                   std::string_view unit, std::string_view step) {
  const bool up = p.difference > 0;
  const Group &a = groups[p.a], &b = groups[p.b], &high = up ? a : b, &low = up ? b : a;
  const double sign = up ? 1 : -1;
  const Interval& ci = p.difference_ci;
  compose(out, "%s is %v%s above %s (%v against %v%s; 95 %: %v to %v, p %p, Hedges g %v)",
          {high.name(), sign * p.difference, step, low.name(), high.d.mean, low.d.mean, unit,
           up ? ci.low : -ci.high, up ? ci.high : -ci.low, p.p_holm[Pair::kWelch],
           sign * p.effect.hedges_g});
}

void Verdict::headline() {
  std::string& out = a_.headline;
  if (a_.runs == 0) return compose(out, "no run has a value of %s", {a_.metric});
  if (groups_.size() == 1) {
    const Group& g = groups_[0];
    compose(out, "%s: %s is %v%s on average", {g.name(), a_.metric, g.d.mean, unit_});
    if (g.d.n > 1) compose(out, " (95 %: %v to %v)", {g.mean_ci.low, g.mean_ci.high});
    return compose(out, ", SD %v, over n = %d runs", {g.d.sd, g.d.n});
  }
  const Found rest = find(Pair::kWelch, true);
  if (rest.tested == 0) {
    return compose(out, "too few runs to compare the %d %s: a test needs two of each",
                   {groups_.size(), plural_});
  }
  bool first = true;
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (!apart(i)) continue;
    compose(out, first ? "%s" : ", %s", {name(i)});
    compose(out, " is apart with %v%s", {groups_[i].d.mean, unit_});
    first = false;
  }
  if (!first) out += "; ";
  size_t others = 0;
  for (size_t i = 0; i < groups_.size(); ++i) others += groups_[i].d.n > 0 && !apart(i);
  const Word of_all = first ? "the " : "the other ";
  const Found ranks = find(Pair::kMannWhitney, true);
  if (rest.differ == 0 && ranks.differ > 0) {
    compose(out, "in %s %d of %d pairs of %s%d %s differ by ranks, none by its means; most surely ",
            {a_.metric, ranks.differ, ranks.tested, of_all, others, plural_});
    compare_ranks(out, *ranks.least);
  } else if (rest.differ == 0) {
    const Word p = rest.least->p_holm[Pair::kWelch];
    compose(out, "no difference in %s between %s%d %s can be shown ",
            {a_.metric, of_all, others, plural_});
    rest.tested == 1 ? compose(out, "(p %p)", {p})
                     : compose(out, "(%d pairs, smallest p after Holm %p)", {rest.tested, p});
  } else if (rest.tested == 1) {
    compose(out, "%s: ", {a_.metric});
    compare_means(out, *rest.least, groups_, unit_, step_);
  } else {
    compose(out, "of %s%d %s, %d of %d pairs differ in %s; ",
            {of_all, others, plural_, rest.differ, rest.tested, a_.metric});
    if (rest.differ == rest.tested && others <= kListed) {
      ranking(out);
    } else {
      out += "most surely ";
      compare_means(out, *rest.least, groups_, unit_, step_);
    }
  }
}

void Verdict::compare_ranks(std::string& out, const Pair& p) const {
  const double delta = p.effect.cliff_delta;
  const Group& high = groups_[delta > 0 ? p.a : p.b];
  const Group& low = groups_[delta > 0 ? p.b : p.a];
  compose(out, "%s is above %s (medians %v and %v%s; Mann-Whitney p %p, Cliff's delta %v)",
          {high.name(), low.name(), high.d.p50, low.d.p50, unit_, p.p_holm[Pair::kMannWhitney],
           fabs(delta)});
}

// "from the highest: a (96.50), b (93.50), c (76.50)"
void Verdict::ranking(std::string& out) {
  out += "from the highest: ";
  double above = 0;
  for (bool first = true;; first = false) {
    const Group* next = nullptr;
    for (size_t i = 0; i < groups_.size(); ++i) {
      const double mean = groups_[i].d.mean;
      if (apart(i) || isnan(mean) || !(first || mean < above)) continue;
      if (next == nullptr || mean > next->d.mean) next = &groups_[i];
    }
    if (next == nullptr) return;
    above = next->d.mean;
    compose(out, first ? "%s (%v)" : ", %s (%v)", {next->name(), above});
  }
}

void Verdict::overall() {
  size_t working = 0;
  for (const Group& g : groups_) working += !g.serial && g.d.n > 1;
  const double level = a_.working_kruskal_wallis.p, spread = a_.working_brown_forsythe.p;
  if (working < 3 || isnan(level)) return;
  const auto words = [](double p) {
    return p < kAlpha ? "differs" : isnan(p) ? "cannot be judged" : "shows no difference";
  };
  compose(sentence(),
          "Of all %d %s%s together, the level %s (Kruskal-Wallis p %p), the spread %s "
          "(Brown-Forsythe p %p)",
          {working, plural_, any_serial_ ? " with concurrent agents" : "", words(level), level,
           words(spread), spread});
  // Where the means show nothing, the headline has gone by ranks.
  const size_t means = find(Pair::kWelch, true).differ;
  const Found ranks = find(Pair::kMannWhitney, true);
  if (means > 0 && ranks.differ != means) {
    compose(sentence(), "By ranks (Mann-Whitney) %d of %d pairs differ, by means (Welch) %d",
            {ranks.differ, ranks.tested, means});
  }
}

// Of those that are not apart: what is apart the headline has said.
void Verdict::differences(Pair::Kind kind) {
  const Found found = find(kind, true);
  const bool means = kind == Pair::kWelch;
  if (means && found.tested < 2) return;
  size_t left = kListed;
  for (const Pair& p : a_.pairs) {
    if (!differs(p, kind) || left == 0 || apart(p.a) || apart(p.b)) continue;
    --left;
    if (means) {
      compare_means(sentence(), p, groups_, unit_, step_);
      continue;
    }
    const bool up = groups_[p.a].d.sd > groups_[p.b].d.sd;
    const Group &wide = groups_[up ? p.a : p.b], &narrow = groups_[up ? p.b : p.a];
    compose(sentence(), "%s spreads more than %s: SD %v against %v%s (Brown-Forsythe p %p)",
            {wide.name(), narrow.name(), wide.d.sd, narrow.d.sd, step_, p.p_holm[kind]});
  }
  if (found.differ > kListed) {
    compose(sentence(), "%d more pairs differ in their %s: see the table",
            {found.differ - kListed, means ? "means" : "spread"});
  }
}

// Agents one after the other: what that does to the figures, good and bad.
void Verdict::serial() {
  double slowest = kUnknown, fastest = kUnknown;
  for (const Group& g : groups_) {
    if (g.serial) continue;
    slowest = fmin(slowest, g.means[Trial::aggregate_tps]);
    fastest = fmax(fastest, g.means[Trial::aggregate_tps]);
  }
  for (const Group& g : groups_) {
    if (!g.serial) continue;
    std::string& out = sentence();
    compose(out,
            "%s runs its agents one after the other: the wall time is the sum of theirs (speedup "
            "%v), so its efficiency of %v % is that, not a cost of the runtime",
            {g.name(), g.means[Trial::concurrency_speedup], g.means[Trial::efficiency_percent]});
    const double rate = g.means[Trial::aggregate_tps];
    if (isnan(rate) || isnan(fastest)) continue;
    compose(out, ". It made %v tok/s in all, the others %v to %v%s",
            {rate, slowest, fastest, rate > fastest ? ": one after the other was faster" : ""});
  }
}

void Verdict::detectable() {
  const Pair *least = nullptr, *most = nullptr;
  for (const Pair& p : a_.pairs) {
    if (!isfinite(p.detectable) || groups_[p.a].serial != groups_[p.b].serial) continue;
    if (least == nullptr || p.detectable < least->detectable) least = &p;
    if (most == nullptr || p.detectable > most->detectable) most = &p;
  }
  if (least == nullptr) return;
  std::string& out = sentence();
  compose(out, "What cannot be said: with these runs a difference of %v%s (%s and %s)",
          {least->detectable, step_, name(least->a), name(least->b)});
  if (most != least) {
    compose(out, " to %v%s (%s and %s)", {most->detectable, step_, name(most->a), name(most->b)});
  }
  out +=
      " is the smallest that would be found in 80 of 100 such experiments; a smaller one may be "
      "there";
}

void Verdict::identity() {
  const Analysis::Identity& i = a_.identity;
  if (i.n < 3) return;
  // Where the overhead is a part worth the name, there is more than imbalance.
  if (i.largest_gap > 0.5) {
    compose(sentence(),
            "Efficiency is 100 - imbalance less the overhead: up to %v pp in %d runs; the "
            "mean overhead is %v to %v ms",
            {i.largest_gap, i.n, i.least_overhead_ms, i.most_overhead_ms});
    return;
  }
  std::string& out = sentence();
  compose(out,
          "Efficiency is 100 - imbalance to within %v pp in all %d %sruns: it tells how equal the "
          "agents' times are, no more",
          {i.largest_gap, i.n, any_serial_ ? "concurrent " : ""});
  if (isfinite(i.token_correlation)) {
    compose(out, "%s (r = %v with the tokens of the shorter answer over those of the longer)",
            {i.token_correlation > 0.5 ? "; a ranking by it ranks lengths of answers" : "",
             i.token_correlation});
  }
  compose(out,
          ". What the runtime itself costs, the wall time beyond the slowest agent, is %v to %v ms "
          "on average",
          {i.least_overhead_ms, i.most_overhead_ms});
}

void append_seconds(std::string& out, double a, double b) {
  compose(out, "%v s against %v s", {a, b});
}

// What a trial's calls have wrong with them.
void append_faults(std::string& out, const Trial& t) {
  static constexpr struct {
    llm::Validity validity;
    const char* words;
  } kFaults[] = {{llm::Validity::cold, "cold load of %1 s"},
                 {llm::Validity::truncated, "answer without its end"},
                 {llm::Validity::loop, "repetition loop of %d tokens"},
                 {llm::Validity::error, "failed call"},
                 {llm::Validity::empty, "empty answer"}};
  for (size_t i = 0; i < t.agents.size() && out.size() < 300; ++i) {
    for (const TrialPart& c : t.agents[i].calls) {
      for (const auto& fault : kFaults) {
        if ((c.reasons & reason(fault.validity)) == 0) continue;
        const double number = fault.validity == llm::Validity::cold
                                  ? c[TrialPart::load_duration_ms] / 1000
                                  : c[TrialPart::tokens];
        if (!out.empty()) out += ", ";
        compose(out, fault.words, {number});
        // A pattern without a mark takes no number.
        compose(out, " (agent %d)", {i + 1});
      }
    }
  }
}

// "unequal answers: 396 against 58 tokens, 4.91 s against 1.80 s"
std::string explain_trial(const Trial& t) {
  std::string out;
  append_faults(out, t);
  const TrialPart *longest = nullptr, *shortest = nullptr;
  for (const TrialAgent& a : t.agents) {
    const double s = a.total[TrialPart::execution_time_s];
    if (isnan(s)) return out;
    if (longest == nullptr || s > (*longest)[TrialPart::execution_time_s]) longest = &a.total;
    if (shortest == nullptr || s < (*shortest)[TrialPart::execution_time_s]) shortest = &a.total;
  }
  if (t.agents.size() < 2 || longest == shortest) return out;
  const double slow = (*longest)[TrialPart::execution_time_s];
  const double quick = (*shortest)[TrialPart::execution_time_s];
  const double many = (*longest)[TrialPart::tokens], few = (*shortest)[TrialPart::tokens];
  if (out.empty() && ran_serially(t)) {
    out = "one after the other";
  } else if (out.empty()) {
    // Which of the two explains the ratio of the times: the tokens, or the rates?
    const double ratio = slow / quick, of_tokens = many / few;
    out = of_tokens > sqrt(ratio) ? "answers of unequal length" : "agents of unequal speed";
    if (ratio < 1.02) out = "agents of equal length";
  }
  if (many > 0 || few > 0) compose(out, ", %d against %d tokens", {many, few});
  out += ", ";
  append_seconds(out, slow, quick);
  return out;
}

// Another run with a fault that is far from the rest (Tukey's fence) on the side of the worst.
const Trial* second_worst(const Group& g, const Trial* worst) {
  const double sign = worst == g.least ? 1 : -1;
  const double quarter = sign > 0 ? g.d.p25 : g.d.p75;
  double most = sign * quarter - 1.5 * (g.d.p75 - g.d.p25);
  const Trial* second = nullptr;
  for (const Trial* t : g.trials) {
    const double x = sign * t->metric(g.metric);
    if (t == worst || t->reasons == 0 || !(x < most)) continue;
    most = x;
    second = t;
  }
  return second;
}

void Verdict::worst() {
  size_t left = kListed + 2;
  for (Group& g : a_.groups) {
    const Trial* t = worst_of(a_, g);
    if (g.level != a_.comparing || t == nullptr) continue;
    g.worst_why = explain_trial(*t);
    if (left == 0 || g.worst_why.empty() || g.d.n < 2) continue;
    --left;
    std::string& out = sentence();
    compose(out, "%s's %s", {g.name(), t == g.least ? "minimum" : "maximum"});
    append_run(out, g, *t, g.worst_why);
    t = second_worst(g, t);
    if (t == nullptr) continue;
    out += "; the next";
    append_run(out, g, *t, explain_trial(*t));
  }
}

// ", 72.80 % (chimera_homo run 5): why"
void Verdict::append_run(std::string& out, const Group& g, const Trial& t,
                         const std::string& why) const {
  compose(out, ", %v%s (", {t.metric(g.metric), unit_});
  if (g.level == Level::runtime) compose(out, "%s ", {t.config});
  compose(out, "run %d): %s", {t[Trial::run_number], why});
}

// "12 cold, 2 loop"
std::string count_reasons(std::span<Trial* const> trials) {
  std::string out;
  for (int v = 1; v <= static_cast<int>(llm::Validity::empty); ++v) {
    const auto validity = static_cast<llm::Validity>(v);
    size_t n = 0;
    for (const Trial* t : trials) n += (t->reasons & reason(validity)) != 0;
    if (n == 0) continue;
    compose(out, out.empty() ? "%d %s" : ", %d %s", {n, llm::name_of(validity)});
  }
  return out;
}

// Of those that did not run their agents one after the other, unless all did.
void append_range(std::string& out, std::span<const Group> groups) {
  double least = kUnknown, most = kUnknown;
  bool all_serial = true;
  for (const Group& g : groups) all_serial &= g.serial;
  for (const Group& g : groups) {
    if (g.serial && !all_serial) continue;
    least = fmin(least, g.d.mean);
    most = fmax(most, g.d.mean);
  }
  compose(out, least == most ? "%v" : "%v to %v", {least, most});
}

// The other side in one sentence: its means, and what it finds.
void Verdict::doubtful() {
  if (!a_.other) return;
  const Analysis& other = *a_.other;
  const Analysis& clean = a_.settings.clean ? a_ : other;
  std::vector<Trial*> excluded;
  for (Trial* t : clean.excluded) {
    if (lab::doubtful(*t, a_.settings.metric)) excluded.push_back(t);
  }
  std::string& out = sentence();
  compose(out, "%s the %d doubtful runs (%s) ",
          {a_.settings.clean ? "With" : "Without", excluded.size(), count_reasons(excluded)});
  compose(out, other.runs == 0 ? "no run is left" : "the means are ", {});
  if (other.runs == 0) return;
  append_range(out, other.compared());
  out += " instead of ";
  append_range(out, groups_);
  out += unit_;
  if (groups_.size() < 2 || isnan(other.working_kruskal_wallis.p)) return;
  compose(out, ", Kruskal-Wallis p %p, Brown-Forsythe p %p; then: %s",
          {other.working_kruskal_wallis.p, other.working_brown_forsythe.p, other.headline});
}

void Verdict::all() {
  find_apart();
  headline();
  if (groups_.size() > 1) {
    overall();
    differences(Pair::kWelch);
    differences(Pair::kBrownForsythe);
    serial();
    detectable();
  }
  identity();
  worst();
  doubtful();
}

}  // namespace

void judge(Analysis& a) {
  Verdict(a).all();
}

}  // namespace chimera::lab
