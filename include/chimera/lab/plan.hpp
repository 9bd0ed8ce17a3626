// The plan of an experiment: what is measured, how often, and in which order.
//
// Thread: any; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chimera::lab {

// A row or a column of the matrix: a workload, or what is compared.
struct BenchPart {
  std::string name;      // of its folder
  // A workload: options of `chimera run`, as words (see add_word()), and how many servers there
  // are for all agents together, 0 = one for each. A variant: the path of its program, "" = this
  // one with the preset of that name, and the program's bytes.
  std::string what;
  int64_t number = 0;
};

// Appends the configurations of an earlier study by its name; false when there is none.
//   tr115   its six: baseline none | 80/512; hetero 80/512 | 100/1024; homo 80/512, 80/1024,
//           80/2048, 100/512 (num_gpu/num_ctx), temperature 1.0
//   tr110   the 30 tests of its Rust sweep, on two servers; three repeat earlier ones (200 to 202)
//   tr114   the 27 others of them
//   tr113   19 on a single server; its 13th repeats the 6th
bool add_study(std::string_view study, std::vector<BenchPart>& out);

// A cell is a variant (runtime, binary) with a configuration.
struct BenchTrial {
  uint32_t variant, config;             // indices
  uint32_t run;                         // from 1
  uint32_t block;                       // from 1
  uint32_t seed;                        // of what is random in it
};

// Every trial once, in the order to run them. Shuffled: block b holds run b of every cell, in an
// order of its own, so that what changes while time passes meets all cells alike. Blocked: one
// variant after the other, its configurations in turn, all runs of a cell in a row. A trial's seed
// does not depend on the order.
std::vector<BenchTrial> order_trials(uint32_t variants, uint32_t configs, uint32_t runs,
                                     uint64_t seed, bool shuffled);

}  // namespace chimera::lab
