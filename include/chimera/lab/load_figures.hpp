// What came of the requests of a load test, and the figures of it. Pure functions.
//
// Latencies are of requests that succeeded; a failure counts in the error rate and among those that
// were no good ones. Requests cut off because the program was to stop count nowhere but as such.
//
// Thread: any, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "chimera/base/own.hpp"
#include "chimera/lab/load.hpp"
#include "chimera/lab/statistics.hpp"

namespace chimera::lab {

// How a request ended.
enum class LoadClass : uint8_t {
  ok, resolve, refused, connect_timeout, first_token_timeout, idle_timeout, total_timeout, reset,
  truncated, stream_error, busy, http_status, auth, no_model, protocol, empty, client,
  cancelled,   // the program was to stop; no failure
};
inline constexpr size_t kLoadClasses = static_cast<size_t>(LoadClass::cancelled) + 1;
const char* name_of(LoadClass c);        // "first_token_timeout"
LoadClass class_of(const Error& e);

// One request. Instants of one monotonic clock, ns; 0 = did not happen.
struct LoadRequest {
  Nanos planned = 0;           // when it was due
  Nanos permitted = 0;         // due, and fewer than the limit were under way
  Nanos started = 0, connected = 0, sent = 0, first_token = 0, first_visible = 0, last_token = 0,
        ended = 0;
  uint64_t tokens = 0, prompt_tokens = 0;
  uint32_t pieces = 0, reads = 0;
  std::span<const uint32_t> gaps_us;     // between pieces; 0 = shared a read
  LoadClass end = LoadClass::ok;
  uint32_t server = 0;
};

// Values in microseconds: exact up to `exact` of them, beyond in a log-linear histogram with 1,024
// steps an octave (a value is then known within 0.05 %).
class LoadSample {
 public:
  explicit LoadSample(size_t exact = SIZE_MAX) : exact_(exact) {}
  void add(uint32_t us);
  void sort();                           // to be called behind the last add()
  size_t size() const { return count_; }
  bool exact() const { return steps_.empty(); }
  double mean() const;                   // us; these four NaN without values, sd also of one
  double sd() const;
  double min() const { return count_ != 0 ? least_ : kUnknown; }
  double max() const { return count_ != 0 ? most_ : kUnknown; }
  // Type 7, whatever the count.
  double percentile(double q) const;
  double at(size_t rank) const;          // the value of that rank, from 0
  size_t up_to(double us) const;         // how many are not larger

 private:
  void count(uint32_t us);
  std::vector<uint32_t> values_;         // while exact
  std::vector<uint64_t> steps_;          // else
  size_t exact_, count_ = 0;
  uint32_t least_ = UINT32_MAX, most_ = 0;
  double sum_ = 0, squares_ = 0;
};

// Whether so many values say anything about a percentile: p99 needs 100, p99.9 1,000, p99.5 200.
bool identifiable(double q, size_t count);

// Of one metric, ms; NaN = cannot be said. Sorted values are not kept.
struct LoadDistribution {
  size_t count = 0;
  double min = kUnknown, mean = kUnknown, sd = kUnknown, p50 = kUnknown, p90 = kUnknown,
         p95 = kUnknown, p99 = kUnknown, p999 = kUnknown, max = kUnknown;
};

// Of one server, or of all.
struct LoadSide {
  uint64_t ends[kLoadClasses] = {};      // requests by how they ended
  uint64_t good = 0;                     // of those that succeeded
  uint64_t tokens = 0, prompt_tokens = 0;
  uint64_t pieces = 0, reads = 0, gaps = 0, shared_gaps = 0;   // shared: with the read before
  uint64_t counted_answers = 0;          // whose tokens the server counted
  bool itl_exact = true;
  LoadDistribution times[kTimes];

  uint64_t succeeded() const { return ends[0]; }
  uint64_t failed() const;
  double error_rate() const;             // of those that ended; NaN when none did
};

struct ConditionResult {
  Condition condition;
  double value = kUnknown;               // in the condition's unit; NaN = cannot be said
  bool holds = false;
};

// One level of a sweep: all that a report shows of it.
struct LoadFigures {
  uint32_t at_once = 0;                  // the limit; 0 = none
  double rate = 0;                       // asked for, requests a second; 0 = closed loop
  Nanos window = 0;                      // first request due -> last one ended
  Nanos sending = 0;                     // -> last one sent
  uint64_t planned = 0;                  // due; those that were not sent included
  uint64_t unsent = 0;                   // due before the end, but the limit held them back
  uint64_t held = 0;                     // sent late because of the limit
  uint64_t most_in_flight = 0;
  double in_flight = 0;                  // on average: the integral of the number / window
  double rate_times_time = 0;            // ended / window * mean of ended - started
  LoadSide all;
  std::vector<LoadSide> servers;         // only when there are several
  std::vector<ConditionResult> conditions;
  std::vector<std::string> warnings;
  std::string hgrm;                      // of the metric that was asked for, when one was

  double per_second(double n) const { return window > 0 ? n / to_seconds(window) : kUnknown; }
  double good_share() const;             // of all planned; NaN without any
  double little_gap_percent() const;
};

// Takes requests as they end. Cost: 40 bytes a request, and up to 4 MB for gaps.
class LoadRecord {
 public:
  LoadRecord(size_t servers, const Goals& goals);
  void add(const LoadRequest& r);
  // A request begins (+1) or has ended (-1).
  void in_flight(int change, Nanos now);
  uint64_t under_way() const { return now_in_flight_; }
  uint64_t ended() const { return ended_; }
  uint64_t failed() const { return sides_[0]->figures.failed(); }

  // All of it; the counts that the record does not know are the caller's to fill in before.
  // `hgrm`: the metric of LoadFigures::hgrm, or kLoadMetrics.
  void finish(LoadFigures& out, std::span<const Condition> conditions, LoadMetric hgrm);

 private:
  struct Row {
    uint32_t us[kPerRequest];            // kNone = has none
    uint32_t server;
  };
  static constexpr size_t kBlock = 1024;
  struct Block {
    Row rows[kBlock];
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  static void fill(Row& row, const LoadRequest& r);
  struct Side;
  static void count(Side& to, const LoadRequest& r, bool good);
  LoadSample sample(LoadMetric m, size_t side) const;
  double value_of(const Condition& c, const LoadFigures& f) const;

  const Goals& goals_;
  std::vector<Own<Block>> blocks_;
  size_t rows_ = 0;
  struct Side {
    explicit Side(size_t exact) : gaps(exact) {}
    LoadSide figures;
    LoadSample gaps;
  };
  std::vector<Own<Side>> sides_;         // all, then each server
  uint64_t ended_ = 0, now_in_flight_ = 0, most_in_flight_ = 0;
  Nanos changed_ = 0, first_ = kNever, last_sent_ = 0, last_ = 0;
  double area_ = 0, time_ = 0;           // ns: of the number in flight; of all ended - started
};

// The values as HdrHistogram's percentile text (ms), which its plotters read.
std::string hgrm_text(const LoadSample& sorted);

}  // namespace chimera::lab
