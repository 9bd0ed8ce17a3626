// When the tokens of an answer are due, and what they say: both drawn from a seed, one at a time,
// so that an answer of a million tokens needs no more memory than one of ten.
//
// Thread: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/base/rng.hpp"
#include "chimera/sim/settings.hpp"

namespace chimera::sim {

// The offsets of the tokens from the first one: 0, g1, g1 + g2, ... The sum is kept unrounded, so
// that a thousand gaps of 1/3 s last as long as they should.
class Schedule {
 public:
  Schedule(const Settings& settings, uint64_t seed)
      : rng_(seed), jitter_(settings.jitter), gap_(settings.rate > 0 ? 1e9 / settings.rate : 0) {}
  Nanos next();

 private:
  double spread();
  Rng rng_;
  Jitter jitter_;
  double gap_;     // mean, ns
  double at_ = 0;  // of the next token, ns
  bool begun_ = false;
};

// At least 1.
uint32_t draw_length(const Lengths& lengths, uint64_t seed);

enum class Genre : uint8_t { analysis, report };
// What a prompt asks for, by its words.
Genre genre_of(std::string_view prompt);

// The pieces that a text is said in.
uint32_t count_tokens(std::string_view s);
// A few words without a meaning of their own, by a random number.
const char* a_phrase(uint64_t which);

// Markdown that looks like an analysis of benchmark data: summary, findings, as many further
// sections as it takes, recommendations. From 80 tokens on it ends with a whole sentence and has at
// least one recommendation. Tokens are word-like pieces that begin with their blank.
class Text {
 public:
  // `tokens` is how long the answer will be: that is where the text ends.
  Text(Genre genre, uint32_t tokens, uint64_t seed);
  // Says that, in the same pieces.
  explicit Text(std::string_view document);
  // Appends the next token; there is always one, also behind the end.
  void next(std::string& out);

 private:
  void render();  // the next line
  void fill(const char* pattern);
  Rng rng_;
  Genre genre_;
  uint32_t left_;            // tokens until the end
  uint32_t start_;           // where the choice of patterns begins
  uint32_t items_;
  uint32_t section_ = 0, item_ = 0;
  uint32_t ending_tokens_ = 0;
  std::string ending_;       // until it is said
  std::string line_;
  size_t at_ = 0;
};

}  // namespace chimera::sim
