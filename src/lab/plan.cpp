#include "chimera/lab/plan.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/base/text.hpp"

namespace chimera::lab {
namespace {

enum Study : uint8_t { kTr110 = 1, kTr113 = 2, kTr114 = 4, kTr115 = 8 };
enum Scenario : uint8_t { kBaseline, kHetero, kHomo };
constexpr const char* kScenarios[] = {"baseline_vs_chimera", "chimera_hetero", "chimera_homo"};

// Options of an agent: num_gpu, num_ctx / 256, 10 * temperature.
struct Row {
  uint8_t studies, test;   // test: its number in the sweep, 0 = none
  Scenario scenario;
  uint8_t a[3], b[3];      // b: of the second agent, hetero only
};
constexpr uint8_t kSweep = kTr110 | kTr114;
constexpr Row kRows[] = {
    {kTr115, 0, kBaseline, {80, 2, 10}, {}},
    {kTr115, 0, kHetero, {80, 2, 10}, {100, 4, 10}},
    {kTr115, 0, kHomo, {80, 2, 10}, {}},
    {kTr115, 0, kHomo, {80, 4, 10}, {}},
    {kTr115, 0, kHomo, {80, 8, 10}, {}},
    {kTr115, 0, kHomo, {100, 2, 10}, {}},

    {kSweep, 1, kBaseline, {60, 2, 8}, {}},
    {kSweep, 2, kBaseline, {60, 4, 8}, {}},
    {kSweep, 3, kBaseline, {80, 2, 8}, {}},
    {kSweep, 4, kBaseline, {80, 4, 8}, {}},
    {kSweep, 5, kBaseline, {120, 2, 8}, {}},
    {kSweep, 6, kBaseline, {120, 4, 8}, {}},
    {kTr110, 202, kBaseline, {80, 2, 8}, {}},
    {kSweep, 7, kHetero, {60, 2, 8}, {80, 4, 8}},
    {kSweep, 8, kHetero, {60, 4, 8}, {80, 8, 8}},
    {kSweep, 9, kHetero, {80, 2, 8}, {100, 4, 8}},
    {kSweep, 10, kHetero, {80, 4, 8}, {100, 8, 8}},
    {kSweep, 11, kHetero, {120, 2, 8}, {140, 4, 8}},
    {kSweep, 12, kHetero, {120, 4, 8}, {140, 8, 8}},
    {kTr110, 201, kHetero, {80, 2, 8}, {80, 4, 8}},
    {kSweep, 13, kHomo, {60, 2, 8}, {}},
    {kSweep, 14, kHomo, {60, 4, 8}, {}},
    {kSweep, 15, kHomo, {80, 2, 8}, {}},
    {kSweep, 16, kHomo, {80, 4, 8}, {}},
    {kSweep, 17, kHomo, {120, 2, 8}, {}},
    {kSweep, 18, kHomo, {120, 4, 8}, {}},
    {kSweep, 100, kHomo, {80, 2, 6}, {}},
    {kSweep, 101, kHomo, {80, 2, 8}, {}},
    {kSweep, 102, kHomo, {80, 2, 10}, {}},
    {kSweep, 103, kHomo, {80, 4, 6}, {}},
    {kSweep, 104, kHomo, {80, 4, 8}, {}},
    {kSweep, 105, kHomo, {80, 4, 10}, {}},
    {kSweep, 106, kHomo, {80, 8, 6}, {}},
    {kSweep, 107, kHomo, {80, 8, 8}, {}},
    {kSweep, 108, kHomo, {80, 8, 10}, {}},
    {kTr110, 200, kHomo, {80, 2, 8}, {}},

    {kTr113, 0, kBaseline, {60, 2, 6}, {}},
    {kTr113, 0, kBaseline, {60, 2, 8}, {}},
    {kTr113, 0, kBaseline, {60, 4, 6}, {}},
    {kTr113, 0, kBaseline, {60, 4, 8}, {}},
    {kTr113, 0, kBaseline, {80, 2, 6}, {}},
    {kTr113, 0, kBaseline, {80, 2, 8}, {}},
    {kTr113, 0, kBaseline, {80, 4, 6}, {}},
    {kTr113, 0, kBaseline, {80, 4, 8}, {}},
    {kTr113, 0, kBaseline, {120, 2, 6}, {}},
    {kTr113, 0, kBaseline, {120, 2, 8}, {}},
    {kTr113, 0, kBaseline, {120, 4, 6}, {}},
    {kTr113, 0, kBaseline, {120, 4, 8}, {}},
    {kTr113, 13, kBaseline, {80, 2, 8}, {}},
    {kTr113, 0, kHetero, {60, 2, 6}, {120, 4, 8}},
    {kTr113, 0, kHetero, {80, 2, 8}, {120, 4, 6}},
    {kTr113, 0, kHomo, {80, 2, 6}, {}},
    {kTr113, 0, kHomo, {80, 2, 8}, {}},
    {kTr113, 0, kHomo, {80, 4, 6}, {}},
    {kTr113, 0, kHomo, {80, 4, 8}, {}},
};

// An option as a number: 512, 0.8.
void append_option(std::string& out, int option, uint8_t value) {
  if (option == 2) {
    append_u64(out, value / 10u);
    out += '.';
    append_u64(out, value % 10u);
  } else {
    append_u64(out, option == 1 ? value * 256u : value);
  }
}

// "_gpu80_ctx512_temp0p8", as the studies called their folders; two values where the agents differ.
// The last study had one temperature, and left it out.
void append_name(std::string& out, const Row& row) {
  static constexpr const char* kParts[] = {"_gpu", "_ctx", "_temp"};
  for (int i = 0; i < (row.studies == kTr115 ? 2 : 3); ++i) {
    out += kParts[i];
    append_option(out, i, row.a[i]);
    if (row.scenario != kHetero || (i == 2 && row.a[i] == row.b[i])) continue;
    out += '-';
    append_option(out, i, row.b[i]);
  }
  for (char& c : out) c = c == '.' ? 'p' : c;
}

void add_options(std::string& words, std::string_view agent, const uint8_t* options) {
  static constexpr const char* kNames[] = {"-num-gpu=", "-num-ctx=", "-temperature="};
  for (int i = 0; i < 3; ++i) {
    words.append(agent).append(kNames[i]);
    append_option(words, i, options[i]);
    words += '\0';
  }
}

void add_config(const Row& row, BenchPart& config) {
  config.number = row.studies == kTr113;
  std::string& name = config.name;
  if (row.test != 0) {
    name = "test";
    append_u64(name, 1000u + row.test);
    name.erase(4, 1);
    name += '_';
  }
  name += kScenarios[row.scenario];
  append_name(name, row);
  add_word(config.what, "--scenario=", kScenarios[row.scenario]);
  add_options(config.what, "--chimera", row.a);
  if (row.scenario == kHetero) add_options(config.what, "--chimera2", row.b);
}

}  // namespace

bool add_study(std::string_view study, std::vector<BenchPart>& out) {
  static constexpr std::string_view kNames[] = {"tr110", "tr113", "tr114", "tr115"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (study != kNames[i]) continue;
    for (const Row& row : kRows) {
      if ((row.studies >> i & 1) != 0) add_config(row, out.emplace_back());
    }
    return true;
  }
  return false;
}

std::vector<BenchTrial> order_trials(uint32_t variants, uint32_t configs, uint32_t runs,
                                     uint64_t seed, bool shuffled) {
  const uint32_t cells = variants * configs;
  std::vector<BenchTrial> trials(size_t{cells} * runs);
  for (uint32_t cell = 0; cell < cells; ++cell) {
    for (uint32_t run = 0; run < runs; ++run) {
      BenchTrial& t = trials[shuffled ? size_t{run} * cells + cell : size_t{cell} * runs + run];
      t = {cell / configs, cell % configs, run + 1, shuffled ? run + 1 : cell / configs + 1,
           static_cast<uint32_t>(mix_seed(mix_seed(seed, cell), run))};
    }
  }
  for (uint32_t run = 0; shuffled && run < runs; ++run) {
    Rng rng(mix_seed(seed, ~uint64_t{run}));
    BenchTrial* const block = &trials[size_t{run} * cells];
    for (uint32_t n = cells; n > 1; --n) std::swap(block[n - 1], block[rng.below(n)]);
  }
  return trials;
}

}  // namespace chimera::lab
