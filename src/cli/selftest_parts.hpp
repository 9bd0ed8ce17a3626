// Parts of `chimera selftest` that stand alone: the truth beside the reading, what their difference
// is, and when it is too large. Pure functions; the figures' definitions are those of --help.
//
// Thread: plain data, one owner at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"
#include "chimera/base/time.hpp"

namespace chimera::cli {

// ---- what both ends know of one stream ----------------------------------------------------------

inline constexpr uint64_t kNoText = 0xcbf29ce484222325;
// Hash of a text to which `more` is added (FNV-1a).
uint64_t text_hash(uint64_t before, std::string_view more);

// The truth: what the server did.
class Told {
 public:
  // `coalesce` is what the client is told to withhold, so that the delay which that explains is
  // known for each token. Room for so many tokens, so that none costs time while they are paced.
  void begin(uint32_t coalesce, size_t tokens);
  void add_event(std::string_view text, size_t bytes, Nanos planned);
  void add_send(Nanos at);           // of all events that were not sent yet, or of the end

  Nanos arrived = 0;                 // the request, at the server
  uint64_t text = kNoText;           // hash of all texts
  std::vector<Nanos> planned, sent;  // of each token; `sent` may be shorter
  // The earliest that a client may hand token k on: when the bytes that complete its group left.
  Nanos released(size_t k) const;
  // How many lines the first group has: ceil(coalesce / bytes of a line); 1 without coalescing. The
  // end of the answer is a line too.
  size_t first_lines() const;

 private:
  uint32_t coalesce_ = 0;
  uint64_t held_ = 0;                // bytes since the last release
  size_t group_ = 0;                 // the first token of the group that is being filled
  std::vector<uint32_t> group_end_;  // of each token: the token whose line releases it
  Nanos last_sent_ = 0;
};

// The reading: what the client had.
struct Heard {
  bool ran = false;
  bool failed = false;
  Error error;
  Nanos asked = 0;                   // the request was out, by the client's clock
  Nanos ttft = 0;                    // as the client reads it
  uint64_t text = kNoText;
  uint32_t reads = 0;                // that brought body bytes
  std::vector<Nanos> at;             // each token
};

// ---- figures ------------------------------------------------------------------------------------

struct Spread {
  Nanos min = 0, p50 = 0, p99 = 0, max = 0;
};
// Percentiles by linear interpolation, to 0.1 us; all 0 when there are no values.
Spread spread_of(const std::vector<Nanos>& values);

struct CellFigures {
  uint64_t ran = 0, failed = 0, wrong_texts = 0;     // streams
  uint64_t sent = 0, received = 0, lost = 0;         // tokens
  uint64_t reads = 0, records = 0;                   // records: tokens and ends of answers
  Spread ttft_error;       // reading minus truth, signed; p50 over the streams
  Spread ttft_truth;
  Nanos ttft_predicted = 0;   // of the error, by the formula for coalescing; p50
  Nanos ttft_excess = 0;      // p50 of |error - what withholding explains|
  Spread delay;               // of a token: client's instant - server's send
  Spread excess;              // of a token: client's instant - when withholding allowed it
  Spread lateness;            // of the simulator: send - plan
  bool saturated = false;
  Error first_error;          // when failed != 0

  double events_per_read() const {
    return reads == 0 ? 0 : static_cast<double>(records) / static_cast<double>(reads);
  }
};
// The simulator is late by more than this in the median: then what is measured is a full machine.
inline constexpr Nanos kSaturated = kMilli;
// `rate` in tokens per second.
CellFigures figures_of(std::span<const Told> told, std::span<const Heard> heard, double rate);

// ---- judgement ----------------------------------------------------------------------------------

struct Bounds {               // 0 = none
  Nanos ttft_error = 0, delay_p50 = 0, delay_p99 = 0;
};
// What is wrong with a cell, in words; empty when nothing is. Times count in an unsaturated cell
// only, loss and failure always.
std::string faults_of(const CellFigures& f, const Bounds& bounds);

// Whether two settings differ, from the same measurement repeated in blocks: their medians (of the
// blocks' values) must be further apart than the blocks of one setting are among themselves (the
// larger of both ranges, greatest minus least).
struct Comparison {
  Nanos a = 0, b = 0;          // medians
  Nanos difference = 0;        // |a - b|
  Nanos spread = 0;
  bool differ = false;
};
Comparison compare_blocks(const std::vector<Nanos>& a, const std::vector<Nanos>& b);

// Tokens of one stream: `cell_time` long, at least 20, at most its share of 200,000 in a cell.
uint32_t tokens_of_cell(uint32_t rate, uint32_t streams, Nanos cell_time);

}  // namespace chimera::cli
