// What makes the figures doubtful, a sentence each. Numbers first: how many runs it concerns.
#include <math.h>

#include <algorithm>

#include "analysis_parts.hpp"
#include "chimera/base/words.hpp"

namespace chimera::lab {
namespace {

// What is found in the runs that count.
struct Seen {
  size_t simulated = 0, same_server = 0, same_host = 0;
  size_t schemas[4] = {}, kinds = 0;
  size_t least = SIZE_MAX, most = 0;       // agents
  bool machines = false;
  double machine = kUnknown;

  void look(const Trial& t) {
    simulated += t[Trial::simulated] > 0;
    same_server += t[Trial::same_server] > 0;
    // Said unless one of the others is.
    same_host += t[Trial::same_host] > 0 && !(t[Trial::same_server] > 0 || t[Trial::simulated] > 0);
    kinds += schemas[static_cast<size_t>(t.schema)]++ == 0;
    least = std::min(least, t.agents.size());
    most = std::max(most, t.agents.size());
    machines |= t[Trial::machine] < machine || t[Trial::machine] > machine;
    if (isnan(machine)) machine = t[Trial::machine];
  }
};

class Warnings {
 public:
  explicit Warnings(Analysis& a) : a_(a) {}

  void all() {
    values();
    Seen seen;
    for (const Group& g : a_.of(Level::runtime)) {
      for (const Trial* t : g.trials) seen.look(*t);
    }
    servers(seen);
    mixtures(seen);
    if (a_.compared().size() > 1) {
      order();
      configurations();
    }
    if (a_.compared().size() > Analysis::kMostCompared) {
      add("more than %d groups: only the first %d are compared in pairs",
          {Analysis::kMostCompared, Analysis::kMostCompared});
    }
    few(a_.comparing);
    if (a_.count[0] > 1 && a_.count[1] > 1) few(Level::cell);
  }

 private:
  void add(const char* pattern, std::initializer_list<Word> words) {
    compose(a_.warnings.emplace_back(), pattern, words);
  }
  void values();
  void servers(const Seen& seen);
  void mixtures(const Seen& seen);
  void order();
  void configurations();
  void few(Level level);

  Analysis& a_;
};

void Warnings::values() {
  size_t without = 0;
  for (const Group& g : a_.of(Level::runtime)) without += g.without;
  if (without == 0) return;
  const std::string& path = a_.set->ambiguous[a_.settings.metric];
  if (!path.empty()) {
    add("%s is the end of several paths, so runs with more than one have no value; say more of the "
        "path, as %s",
        {a_.metric, path});
  }
  add("%d of %d runs have no %s", {without, without + a_.runs, a_.metric});
}

void Warnings::servers(const Seen& seen) {
  if (seen.simulated > 0) {
    add("%d of %d runs were on simulated servers: they tell of the client, not of a model",
        {seen.simulated, a_.runs});
  }
  if (seen.same_server > 0) {
    add("%d of %d runs had agents that share one server: they wait for each other there",
        {seen.same_server, a_.runs});
  }
  if (seen.same_host > 0) {
    add("%d of %d runs had both servers on one machine: they may share one GPU",
        {seen.same_host, a_.runs});
  }
}

void Warnings::mixtures(const Seen& seen) {
  const size_t* n = seen.schemas;
  if (seen.kinds > 1) {
    add("the files are of different kinds: %d of upstream's first, %d of its second schema, %d of "
        "chimera, %d of chimeraforge bench",
        {n[0], n[1], n[2], n[3]});
  }
  if (n[0] > 0) {
    add("%d runs store no answers (upstream's first schema), so loops cannot be found in them",
        {n[0]});
  }
  if (seen.least < seen.most) add("the runs have %d to %d agents", {seen.least, seen.most});
  if (seen.machines) add("the runs come from different machines", {});
  for (const Group& g : a_.compared()) {
    double small = kUnknown, large = kUnknown;
    for (const Trial* t : g.trials) {
      small = fmin(small, (*t)[Trial::binary_bytes]);
      large = fmax(large, (*t)[Trial::binary_bytes]);
    }
    if (small < large) {
      add("the runs of %s come from different binaries: %d to %d bytes", {g.name(), small, large});
    }
  }
}

// How often the next run in time is of another group, against what chance would make of it.
void Warnings::order() {
  std::vector<Trial*> runs = a_.set->trials;
  sort_trials(runs, TrialOrder::time);
  const bool by_config = a_.comparing == Level::config;
  size_t changes = 0, steps = 0;
  double n = 0, squares = 0;
  const Trial* last = nullptr;
  for (const Trial* t : runs) {
    if (isnan((*t)[Trial::finished_s])) break;
    // Of two at the same time nobody knows which came first.
    if (last != nullptr && (*last)[Trial::finished_s] != (*t)[Trial::finished_s]) {
      ++steps;
      changes += by_config ? t->config != last->config : t->runtime != last->runtime;
    }
    last = t;
    ++n;
  }
  for (const Group& g : a_.compared()) {
    double timed = 0;
    for (const Trial* t : runs) {
      const bool its = by_config ? t->config == g.config : t->runtime == g.runtime;
      timed += its && !isnan((*t)[Trial::finished_s]);
    }
    squares += timed * timed;
  }
  const double expected = (1 - squares / (n * n)) * static_cast<double>(steps);
  if (steps < 5 || !(static_cast<double>(changes) < expected / 2)) return;
  add("the order was blocked: changes from one %s to another in time %d, by chance %d; whatever "
      "else changed (heat, other work) looks like a difference between them",
      {by_config ? "configuration" : "runtime", changes, expected});
}

void Warnings::configurations() {
  const auto groups = a_.of(Level::runtime);
  const auto cells = a_.of(Level::cell);
  size_t serial = 0;
  for (const Group& g : groups) serial += g.serial;
  if (serial > 0 && serial < groups.size() && a_.count[1] > 1) {
    add("the figures of the configurations mix concurrent and serial runtimes: see --only", {});
  }
  if (a_.comparing != Level::runtime || cells.size() == groups.size() * a_.count[1]) return;
  add("not every runtime has runs in every configuration (%d of %d): compare cell by cell",
      {cells.size(), groups.size() * a_.count[1]});
}

void Warnings::few(Level level) {
  static constexpr size_t kFew = 10;
  const Group* least = nullptr;
  size_t few = 0, all = 0;
  for (const Group& g : a_.of(level)) {
    if (g.d.n == 0) continue;
    ++all;
    few += g.d.n < kFew;
    if (least == nullptr || g.d.n < least->d.n || (g.d.n == least->d.n && g.d.sd > least->d.sd)) {
      least = &g;
    }
  }
  if (few == 0) return;
  std::string& out = a_.warnings.emplace_back();
  const Interval& sd = least->spread.sd;
  static constexpr const char* kNames[] = {"runtimes", "configurations", "cells"};
  compose(out, "%d of %d %s have fewer than 10 runs: n = %d",
          {few, all, kNames[static_cast<size_t>(level)], least->d.n});
  if (isnan(sd.low)) {
    compose(out, " (%s) is too few for an interval of the SD", {least->name()});
  } else {
    compose(out, ": an SD interval of %v to %v (%s, SD %v)",
            {sd.low, sd.high, least->name(), least->d.sd});
  }
}

}  // namespace

void warn(Analysis& a) { Warnings(a).all(); }

}  // namespace chimera::lab
