#include "chimera/lab/plan.hpp"

#include <algorithm>
#include <set>

#include "tests/check.hpp"

using namespace chimera::lab;

namespace {

std::vector<BenchPart> study(const char* name) {
  std::vector<BenchPart> out;
  REQUIRE(add_study(name, out));
  return out;
}

// With blanks instead of what ends a word.
std::string words_of(const BenchPart& p) {
  std::string s = p.what;
  std::replace(s.begin(), s.end(), '\0', ' ');
  return s;
}

using Cell = std::pair<uint32_t, uint32_t>;

std::vector<std::string> names_of(const std::vector<BenchTrial>& trials) {
  std::vector<std::string> out;
  for (const BenchTrial& t : trials) {
    out.push_back(std::to_string(t.variant) + "/" + std::to_string(t.config) + "/" +
                  std::to_string(t.run) + " in " + std::to_string(t.block));
  }
  return out;
}

// FNV-1a of all that a study says.
uint64_t sum_of(const char* name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const BenchPart& p : study(name)) {
    for (const char c : p.name + "\n" + words_of(p) + "\n") {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
  }
  return hash;
}

}  // namespace

TEST_CASE("plan: the studies are as they were printed") {
  CHECK(sum_of("tr110") == 14433959722438152827u);
  CHECK(sum_of("tr113") == 15614550542350589555u);
  CHECK(sum_of("tr114") == 8886443882999896164u);
}

TEST_CASE("plan: tr115 is upstream's six configurations") {
  // upstream.md 4.2; the names are those of its result folders
  struct Case {
    const char* name;
    const char* options;
  };
  static const Case cases[] = {
      {"baseline_vs_chimera_gpu80_ctx512",
       "--scenario=baseline_vs_chimera --chimera-num-gpu=80 --chimera-num-ctx=512 "
       "--chimera-temperature=1.0 "},
      {"chimera_hetero_gpu80-100_ctx512-1024",
       "--scenario=chimera_hetero --chimera-num-gpu=80 --chimera-num-ctx=512 "
       "--chimera-temperature=1.0 --chimera2-num-gpu=100 --chimera2-num-ctx=1024 "
       "--chimera2-temperature=1.0 "},
      {"chimera_homo_gpu80_ctx512",
       "--scenario=chimera_homo --chimera-num-gpu=80 --chimera-num-ctx=512 "
       "--chimera-temperature=1.0 "},
      {"chimera_homo_gpu80_ctx1024",
       "--scenario=chimera_homo --chimera-num-gpu=80 --chimera-num-ctx=1024 "
       "--chimera-temperature=1.0 "},
      {"chimera_homo_gpu80_ctx2048",
       "--scenario=chimera_homo --chimera-num-gpu=80 --chimera-num-ctx=2048 "
       "--chimera-temperature=1.0 "},
      {"chimera_homo_gpu100_ctx512",
       "--scenario=chimera_homo --chimera-num-gpu=100 --chimera-num-ctx=512 "
       "--chimera-temperature=1.0 "},
  };
  const auto configs = study("tr115");
  REQUIRE(configs.size() == std::size(cases));
  for (size_t i = 0; i < configs.size(); ++i) {
    CHECK(configs[i].name == cases[i].name);
    CHECK(words_of(configs[i]) == cases[i].options);
    CHECK(configs[i].number == 0);
  }
}

TEST_CASE("plan: the earlier studies") {
  struct Case {
    const char* study;
    size_t count, baseline, hetero, homo;
    int servers;
  };
  static const Case cases[] = {{"tr110", 30, 7, 7, 16, 0},
                               {"tr114", 27, 6, 6, 15, 0},
                               {"tr113", 19, 13, 2, 4, 1}};
  for (const Case& c : cases) {
    CAPTURE(c.study);
    const auto configs = study(c.study);
    CHECK(configs.size() == c.count);
    std::set<std::string> names;
    size_t counts[3] = {};
    for (const BenchPart& p : configs) {
      CAPTURE(p.name);
      CHECK(names.insert(p.name).second);
      CHECK(p.number == c.servers);
      const std::string words = words_of(p);
      counts[0] += words.starts_with("--scenario=baseline_vs_chimera ");
      counts[1] += words.starts_with("--scenario=chimera_hetero ");
      counts[2] += words.starts_with("--scenario=chimera_homo ");
    }
    CHECK(counts[0] == c.baseline);
    CHECK(counts[1] == c.hetero);
    CHECK(counts[2] == c.homo);
  }
  const auto sweep = study("tr110");
  CHECK(sweep[0].name == "test001_baseline_vs_chimera_gpu60_ctx512_temp0p8");
  CHECK(sweep[12].name == "test012_chimera_hetero_gpu120-140_ctx1024-2048_temp0p8");
  CHECK(sweep.back().name == "test200_chimera_homo_gpu80_ctx512_temp0p8");
  const auto single = study("tr113");
  CHECK(single[12].name == "test013_baseline_vs_chimera_gpu80_ctx512_temp0p8");
  CHECK(single[13].name == "chimera_hetero_gpu60-120_ctx512-1024_temp0p6-0p8");
  CHECK(words_of(single[14]).find("--chimera2-temperature=0.6 ") != std::string::npos);
  std::vector<BenchPart> none;
  for (const char* name : {"", "tr11", "tr116", "TR115"}) CHECK_FALSE(add_study(name, none));
  CHECK(none.empty());
}

TEST_CASE("plan: shuffled in blocks, each cell once a block") {
  const auto trials = order_trials(8, 6, 5, 1, true);
  REQUIRE(trials.size() == 240);
  std::set<std::vector<Cell>> orders;
  std::set<uint32_t> seeds;
  for (uint32_t b = 0; b < 5; ++b) {
    std::set<Cell> cells;
    std::vector<Cell> order;
    for (size_t i = b * 48; i < (b + 1) * 48; ++i) {
      const BenchTrial& t = trials[i];
      CHECK(t.block == b + 1);
      CHECK(t.run == b + 1);
      CHECK(t.variant < 8);
      CHECK(t.config < 6);
      cells.insert({t.variant, t.config});
      order.emplace_back(t.variant, t.config);
      seeds.insert(t.seed);
    }
    CHECK(cells.size() == 48);
    orders.insert(order);
  }
  CHECK(orders.size() == 5);
  CHECK(seeds.size() == 240);
}

TEST_CASE("plan: blocked as the study did it") {
  const std::vector<std::string> wanted = {"0/0/1 in 1", "0/0/2 in 1", "0/1/1 in 1", "0/1/2 in 1",
                                           "1/0/1 in 2", "1/0/2 in 2", "1/1/1 in 2", "1/1/2 in 2"};
  CHECK(names_of(order_trials(2, 2, 2, 7, false)) == wanted);
}

TEST_CASE("plan: the seed decides the order, and a trial's seed does not depend on that") {
  const auto a = order_trials(3, 4, 2, 1, true), again = order_trials(3, 4, 2, 1, true);
  const auto other = order_trials(3, 4, 2, 2, true), blocked = order_trials(3, 4, 2, 1, false);
  CHECK(names_of(a) == names_of(again));
  CHECK(names_of(a) != names_of(other));
  size_t same = 0;
  for (const BenchTrial& t : a) {
    for (const BenchTrial& u : blocked) {
      if (t.variant != u.variant || t.config != u.config || t.run != u.run) continue;
      CHECK(t.seed == u.seed);
      ++same;
    }
  }
  CHECK(same == 24);
  CHECK(order_trials(1, 1, 1, 1, true).size() == 1);
}

TEST_CASE("plan: no place is preferred") {
  // How often cell 0 comes first of 8, over 4,000 blocks: 500 expected, SD 21.
  int first[8] = {};
  for (const BenchTrial& t : order_trials(8, 1, 4000, 3, true)) {
    static uint32_t block = 0;
    if (t.block != block) ++first[t.variant];
    block = t.block;
  }
  for (const int count : first) {
    CHECK(count > 500 - 100);
    CHECK(count < 500 + 100);
  }
}
