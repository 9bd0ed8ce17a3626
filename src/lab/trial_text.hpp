// What reads one result file (trial_text.cpp) and what is made of its trials (trial_finish.cpp).
#pragma once

#include <math.h>

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/lab/trials.hpp"

namespace chimera::lab {

using llm::Validity;

// The strings, numbers, booleans and nulls of a document, each with its path: "a.b[3].c".
class Leaves {
 public:
  using Event = wire::JsonReader::Event;

  explicit Leaves(std::string_view text) : in(text) {}

  // False at the end and on an error.
  bool next() {
    for (;;) {
      event = in.next();
      if (event == Event::end || event == Event::error) return false;
      if (event == Event::object_end || event == Event::array_end) {
        --depth_;
        continue;
      }
      if (event == Event::key || (depth_ > 0 && levels_[depth_ - 1].array)) name_it();
      if (event == Event::object_begin || event == Event::array_begin) {
        levels_[depth_++] = {path.size(), 0, event == Event::array_begin};
      } else if (event != Event::key) {
        return true;
      }
    }
  }

  wire::JsonReader in;
  Event event{};
  std::string path;

 private:
  struct Level {
    size_t path;      // length of the container's own path
    uint64_t items;   // so far, of an array
    bool array;
  };

  void name_it() {
    Level& level = levels_[depth_ - 1];
    path.resize(level.path);
    if (level.array) {
      path += '[';
      append_u64(path, level.items++);
      path += ']';
      return;
    }
    if (!path.empty()) path += '.';
    in.string(path);
  }

  Level levels_[wire::kJsonDepth];
  size_t depth_ = 0;
};

inline void blank(std::span<double> numbers) { std::fill(numbers.begin(), numbers.end(), NAN); }

// The place of a name; SIZE_MAX when it is not there.
size_t place_of(std::span<const char* const> names, std::string_view name);
// Seconds since 1970 of an RFC 3339 stamp from 1901 to 2099; NaN for most other text.
double unix_seconds(std::string_view text);

class TrialText {
 public:
  TrialText(std::string_view text, const std::string& path, TrialSet& set)
      : path_(path), set_(set), named_(set.trials.size()), leaves_(text) {}

  std::string all();

 private:
  // How far a metric was found in the trial that is being read.
  enum Hit : uint8_t { none, one, many, exact };
  // The words that name a trial. The first four make chimeraforge's configuration.
  enum Word : uint8_t {
    model, quant, workload, context, backend, stamp, scenario, preset, runtime, kWords
  };

  const char* read();
  void leaf();
  void agent_leaf(size_t i);
  void our_leaf();
  void run_leaf(size_t run);

  // What is left of the path: one's own words are taken off its front.
  bool is(const char* name) const { return rest_ == name; }
  bool take(const char* prefix);
  bool take_index(const char* prefix, size_t& index);
  double number() const;
  void put(double* numbers, std::span<const char* const> names);
  TrialAgent& agent(size_t i);
  TrialPart& call(size_t i, size_t k);
  void take_answer(TrialPart& call);
  void take_url(std::string_view url);
  void look_up();

  void start();
  void finish();
  void judge(TrialPart& call);
  void derive();
  void place();
  void finish_result();

  std::string_view rest_;          // of the leaf's path
  const std::string& path_;
  TrialSet& set_;
  const char* why_ = nullptr;      // the file is refused
  Trial* trial_ = nullptr;         // being read: the set's last
  Hit hits_[Trial::kMetrics] = {};  // of the metrics
  std::string_view words_[kWords], url_;

  // chimeraforge: the result and the run in it that are being read
  bool forge_ = false;
  size_t result_ = 0, run_ = SIZE_MAX;
  size_t named_;                   // the result's first trial

  Leaves leaves_;                  // large: behind what is used often
};

}  // namespace chimera::lab
