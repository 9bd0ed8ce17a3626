// Parts of `chimera bench`: what the experiment is (bench_plan.cpp), and how it is kept
// (bench_record.cpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/cli/settings.hpp"
#include "chimera/lab/plan.hpp"

namespace chimera::cli {

struct Experiment {
  explicit Experiment(Settings& s) : settings(s) {}
  Settings& settings;
  std::string directory = ".";
  std::vector<lab::BenchPart> variants, configs;
  std::vector<lab::BenchTrial> trials;
  bool warm_up = false;
};

// Load mode, whole: the exit code.
int bench_load(Settings& s);

// Says "bench: <what><subject>" on stderr and returns `code`.
int refuse_bench(std::string_view what, std::string_view subject, int code = 2);
// The same for an error of a file: its code.
int refuse_bench(const Error& error, std::string_view subject);

// Fills the lists. 0, or the exit code when a line has said what is wrong.
int find_variants(Experiment& e);
int find_configs(Experiment& e);

// "runtime-smol/chimera_homo_gpu80_ctx512/run_1"
std::string folder_of(const Experiment& e, const lab::BenchTrial& t);

// Makes the output folder and its bench.json, or finds the one of the same plan. 0, or the exit
// code when a line has said what is wrong.
int claim_output(const Experiment& e);

// Writes both metrics.json of a trial that has ended in `folder`, with its place in the experiment.
// A record that is not there is made, as that of a failed run.
Result<void> complete_record(const Experiment& e, size_t index, const std::string& folder);

}  // namespace chimera::cli
