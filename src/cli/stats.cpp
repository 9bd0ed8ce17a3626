// chimera stats PATH...: result files read back, described, compared, judged.
#include "chimera/lab/stats_report.hpp"

#include <math.h>

#include <algorithm>

#include "chimera/base/words.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "stats_gates.hpp"

namespace chimera::cli {
namespace {

using lab::Analysis;
using lab::TrialSet;

constexpr std::string_view kRegressed = "regressed";

// A format is a row here, in options.cpp (set_format) and in the help.
struct Writer {
  Format format;
  std::string (*write)(const lab::StatsReport& r);
};
constexpr Writer kWriters[] = {{Format::text, lab::stats_text},
                               {Format::json, lab::stats_json},
                               {Format::csv, lab::stats_csv},
                               {Format::md, lab::stats_markdown},
                               {Format::html, lab::stats_html},
                               {Format::svg, lab::stats_svg}};

// A line on stderr.
int complain_with(int code, const char* pattern, std::initializer_list<Word> words) {
  std::string line = "stats: ";
  compose(line, pattern, words);
  say(line);
  return code;
}

constexpr const char* kNoGate =
    ": no condition (as mean<95, cv>2, ttft_p95>3000, regressed), nor is there such a file";

bool is_gate(std::string_view text) {
  Condition c;
  return text == kRegressed || c.parse(text);
}

// "--fail-on A B C": what is no file is meant for it. One that is mistyped is not to be taken
// for a path, which is left out when it is not there.
void take_gates(Settings& s) {
  if (s.stats.fail_on.empty()) return;
  size_t kept = 0;
  for (std::string& word : s.positional) {
    if (!sys::file_info(word, true)) {
      s.stats.fail_on.push_back(std::move(word));
    } else {
      s.positional[kept++].swap(word);
    }
  }
  s.positional.resize(kept);
}

const char* check(const Settings& s, std::string& about) {
  if (s.positional.empty()) return "give a result file or folder: see chimera stats --help";
  if (s.stats.metrics.size() > lab::Trial::kMetrics) return "at most 8 metrics";
  const bool known = s.stats.metrics.empty() || lab::metric_info(s.stats.metrics[0]).better != 0;
  for (const std::string& gate : s.stats.fail_on) {
    about = gate;
    if (!is_gate(gate)) return kNoGate;
    if (gate != kRegressed) continue;
    if (s.stats.baseline.empty()) return " needs --baseline";
    if (!known) return ": of this metric it is not known whether more is better";
  }
  about.clear();
  return nullptr;
}

// Only the runs that --only names, by a part of "runtime/configuration".
void filter(TrialSet& set, std::span<const std::string> only) {
  if (only.empty()) return;
  size_t kept = 0;
  for (lab::Trial*& t : set.trials) {
    const std::string name = t->runtime + "/" + t->config;
    bool wanted = false;
    for (const std::string& part : only) wanted |= name.find(part) != std::string::npos;
    if (wanted) {
      std::swap(set.trials[kept++], t);
    }
  }
  for (; set.trials.size() > kept; set.trials.pop_back()) delete set.trials.back();
}

// 0, or the exit code when there is nothing to work with.
int read(std::span<const std::string> paths, const Settings& s, TrialSet& set) {
  if (!lab::read_trials(paths, set)) return 128 + sys::stop_signal();
  filter(set, s.stats.only);
  const size_t skipped = set.skipped.size();
  const bool some = !set.trials.empty();
  if (some && (skipped == 0 || s.quiet)) return 0;
  if (skipped == 0) {
    return complain_with(65, "no usable result file%s",
                         {s.stats.only.empty() ? "" : " for --only"});
  }
  return complain_with(
      some ? 0 : 65, "%s%d skipped, as %s: %s",
      {some ? "" : "no usable result file: ", skipped, set.skipped[0].path, set.skipped[0].why});
}

bool has_values(const TrialSet& set, size_t metric) {
  for (const lab::Trial* t : set.trials) {
    if (!isnan(t->metric(metric))) return true;
  }
  return false;
}

struct Job {
  Settings& s;
  TrialSet now, before;
  Own<Analysis> analyses[lab::Trial::kMetrics];
  size_t metrics = 0;
  Own<Analysis> baseline;
  std::vector<lab::Change> changes;
};

void analyse(Job& job) {
  const StatsSettings& stats = job.s.stats;
  lab::AnalysisSettings settings;
  settings.percentiles = stats.index ? lab::Percentiles::kIndex : lab::Percentiles::kLinear;
  settings.clean = stats.clean;
  settings.seed = stats.seed;
  size_t first = 0;
  job.metrics = stats.metrics.size();
  if (job.metrics == 0) {
    // What was not asked for is efficiency, else what `chimeraforge bench` measures.
    first = !has_values(job.now, 0) && has_values(job.now, 1);
    job.metrics = 1;
  }
  for (size_t i = 0; i < job.metrics; ++i) {
    settings.metric = first + i;
    job.analyses[i] = lab::analyse(job.now, settings);
  }
  if (stats.baseline.empty()) return;
  settings.metric = first;
  job.baseline = lab::analyse(job.before, settings);
  job.changes = lab::compare(*job.analyses[0], *job.baseline);
}

int write(const Job& job) {
  const Settings& s = job.s;
  const std::string command = "chimera stats" + s.command;
  lab::StatsReport report{.set = job.now,
                          .analyses = std::span(job.analyses).first(job.metrics),
                          .changes = job.changes,
                          .command = command,
                          .version = version()};
  if (sys::is_terminal(1)) {
    report.columns = static_cast<size_t>(std::clamp(sys::terminal_columns(), 60, 120));
  }
  std::string text;
  for (const Writer& w : kWriters) {
    if (w.format == s.format) text = w.write(report);
  }
  if (s.output.empty()) return print(text);
  const auto written = sys::write_file_atomic(s.output, text);
  if (written) return 0;
  complain("stats: cannot write", written.error(), s.output);
  return 74;
}

// Says what is broken; 99, 3 or 0.
int check_gates(const Job& job) {
  const Analysis& a = *job.analyses[0];
  bool broken = false, regressed = false;
  for (const std::string& gate : job.s.stats.fail_on) {
    Condition condition;
    if (!condition.parse(gate)) {
      regressed = true;  // is asked for
      continue;
    }
    for (const lab::Group& g : a.compared()) {
      std::string why;
      if (!condition.broken(g, a.settings.percentiles, why)) continue;
      complain_with(99, "%s: %s", {gate, why});
      broken = true;
    }
  }
  int code = broken ? 99 : 0;
  if (!regressed) return code;
  for (const lab::Change& c : job.changes) {
    if (!c.regressed && !isnan(c.p_holm)) continue;
    complain_with(3, "%s%s: mean %s %v -> %v, p after Holm %p",
                  {c.regressed ? "regressed: " : "too few runs to tell whether it regressed: ",
                   c.now->name(), a.metric, c.before->d.mean, c.now->d.mean, c.p_holm});
    if (code == 0) code = 3;
  }
  return code;
}

}  // namespace

int stats_command(Settings& s) {
  take_gates(s);
  std::string about;
  if (const char* why = check(s, about)) return complain_with(2, "%s%s", {about, why});
  sys::catch_stop_signals([](void*) {}, nullptr);
  std::vector<std::string> names = s.stats.metrics;
  if (names.empty()) names = {"efficiency_percent", "throughput_tps"};
  Job job{s, TrialSet(names), TrialSet(names), {}, 0, {}, {}};
  int code = read(s.positional, s, job.now);
  if (code == 0 && !s.stats.baseline.empty()) {
    code = read(std::span(&s.stats.baseline, 1), s, job.before);
  }
  if (code != 0) return code;
  analyse(job);
  if (sys::stop_signal() != 0) return 128 + sys::stop_signal();
  code = write(job);
  if (code != 0) return code;
  const Analysis& a = *job.analyses[0];
  if (a.runs == 0) {
    const bool unclear = !a.warnings.empty() && a.warnings[0].starts_with(a.metric);
    return complain_with(65, "%s: %s",
                         {a.headline, unclear ? Word(a.warnings[0]) : Word("see --metric")});
  }
  if (job.baseline && job.changes.empty()) {
    return complain_with(65, "the baseline has none of these groups (%s)", {s.stats.baseline});
  }
  return check_gates(job);
}

}  // namespace chimera::cli
