// Parts of `chimera bench`: what the experiment is (bench_plan.cpp), and how it is kept
// (bench_record.cpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/cli/settings.hpp"
#include "chimera/lab/plan.hpp"

namespace chimera::cli {

struct BenchVariant {
  std::string name;
  std::string program;    // path; "" = this one, with the preset of that name
  int64_t bytes = 0;
};

struct Experiment {
  explicit Experiment(Settings& s) : settings(s) {}
  Settings& settings;
  std::string directory = ".";
  std::vector<BenchVariant> variants;
  std::vector<lab::BenchConfig> configs;
  std::vector<lab::BenchTrial> trials;
  bool warm_up = false;
};

// Fills the lists. 0, or the exit code when a line has said what is wrong.
int find_variants(Experiment& e);
int find_configs(Experiment& e);

// "runtime-smol/chimera_homo_gpu80_ctx512/run_1"
std::string folder_of(const Experiment& e, const lab::BenchTrial& t);
// Of `chimera run`; but for the servers, the output folder and what to read.
std::vector<std::string> arguments_of(const Experiment& e, const lab::BenchTrial& t);

// Makes the output folder and its bench.json, or finds the one of the same plan. 0, or the exit code
// when a line has said what is wrong.
int claim_output(const Experiment& e);

// The trial's place in the experiment, as lines of a record.
std::string bench_lines(const Experiment& e, size_t index);
// Writes both metrics.json of a trial that has ended in `folder`, with those lines. `code` is the
// exit code of its run; a record that is not there is made, as one of a failed run.
Result<void> complete_record(const Experiment& e, size_t index, const std::string& folder);

}  // namespace chimera::cli
