// How this works: a request is a Row of 32-bit microseconds, kept in blocks so that a million of
// them never have to be copied. finish() takes one column after the other out of the rows, sorts it
// and lets it go again.
#include "chimera/lab/load_figures.hpp"

#include <math.h>

#include <algorithm>

#include "chimera/base/words.hpp"

namespace chimera::lab {
namespace {

constexpr size_t kExactGaps = 1'000'000;      // of all servers together
constexpr const char* kClasses[kLoadClasses] = {
    "ok", "resolve", "refused", "connect_timeout", "first_token_timeout", "idle_timeout",
    "total_timeout", "reset", "truncated", "stream_error", "busy", "http_status", "auth",
    "no_model", "protocol", "empty", "client", "cancelled"};

double real(uint64_t n) { return static_cast<double>(static_cast<int64_t>(n)); }

// Between two instants; `none` when one of them did not happen.
uint32_t us_between(Nanos from, Nanos to, uint32_t none) {
  if (from == 0 || to == 0) return none;
  const Nanos us = (std::max<Nanos>(to - from, 0) + kMicro / 2) / kMicro;
  return static_cast<uint32_t>(std::min<Nanos>(us, none - 1));
}

}  // namespace

const char* name_of(LoadClass c) { return kClasses[static_cast<size_t>(c)]; }

LoadClass class_of(const Error& e) {
  const std::string_view where = e.where;
  switch (e.code) {
    case Errc::resolve: return LoadClass::resolve;
    case Errc::refused: return LoadClass::refused;
    case Errc::reset: return LoadClass::reset;
    case Errc::closed:
    case Errc::truncated: return LoadClass::truncated;
    case Errc::server_error: return LoadClass::stream_error;
    case Errc::busy: return LoadClass::busy;
    case Errc::http_status: return LoadClass::http_status;
    case Errc::auth: return LoadClass::auth;
    case Errc::no_model: return LoadClass::no_model;
    case Errc::cancelled: return LoadClass::cancelled;
    case Errc::protocol:
    case Errc::too_large:
    case Errc::bad_input: return LoadClass::protocol;
    case Errc::timed_out:
      if (where == "connect") return LoadClass::connect_timeout;
      if (where == "first-token") return LoadClass::first_token_timeout;
      return where == "idle" ? LoadClass::idle_timeout : LoadClass::total_timeout;
    default: return LoadClass::client;
  }
}

uint64_t LoadSide::failed() const {
  uint64_t n = 0;
  for (size_t i = 1; i + 1 < kLoadClasses; ++i) n += ends[i];
  return n;
}

double LoadSide::error_rate() const {
  const uint64_t n = succeeded() + failed();
  return n != 0 ? real(failed()) / real(n) : kUnknown;
}

double LoadFigures::good_share() const {
  const uint64_t n = all.succeeded() + all.failed() + unsent;
  return n != 0 ? real(all.good) / real(n) : kUnknown;
}

double LoadFigures::little_gap_percent() const {
  return in_flight > 0 ? 100 * (in_flight - rate_times_time) / in_flight : kUnknown;
}

// ---- taking requests in -------------------------------------------------------------------------

LoadRecord::LoadRecord(size_t servers, const Goals& goals) : goals_(goals) {
  const size_t sides = servers > 1 ? servers + 1 : 1;
  for (size_t i = 0; i < sides; ++i) sides_.push_back(make_own<Side>(kExactGaps / sides));
}

void LoadRecord::in_flight(int change, Nanos now) {
  area_ += real(now_in_flight_) * static_cast<double>(changed_ != 0 ? now - changed_ : 0);
  changed_ = now;
  now_in_flight_ += static_cast<uint64_t>(static_cast<int64_t>(change));
  most_in_flight_ = std::max(most_in_flight_, now_in_flight_);
}

// The gaps of an answer that failed are those of no answer.
void LoadRecord::count(Side& to, const LoadRequest& r, bool good) {
  LoadSide& side = to.figures;
  ++side.ends[static_cast<size_t>(r.end)];
  if (r.end != LoadClass::ok) return;
  side.good += good;
  side.tokens += r.tokens != 0 ? r.tokens : r.pieces;
  side.counted_answers += r.tokens != 0;
  side.prompt_tokens += r.prompt_tokens;
  side.pieces += r.pieces;
  side.reads += r.reads;
  side.gaps += r.gaps_us.size();
  for (const uint32_t gap : r.gaps_us) {
    side.shared_gaps += gap == 0;
    to.gaps.add(gap);
  }
}

void LoadRecord::fill(Row& row, const LoadRequest& r) {
  for (uint32_t& us : row.us) us = kNone;
  row.server = r.server;
  row.us[m_lag] = us_between(r.planned, r.started, kNone);
  row.us[m_late] = us_between(r.permitted, r.started, kNone);
  if (r.end != LoadClass::ok) return;
  row.us[m_ttft] = us_between(r.sent, r.first_token, kNone);
  row.us[m_ttft_from_plan] = us_between(r.planned, r.first_token, kNone);
  row.us[m_ttfo] = us_between(r.sent, r.first_visible, kNone);
  row.us[m_e2e] = us_between(r.sent, r.ended, kNone);
  row.us[m_response] = us_between(r.planned, r.ended, kNone);
  row.us[m_connect] = us_between(r.started, r.connected, kNone);
  const uint64_t n = r.tokens != 0 ? r.tokens : r.pieces;
  if (n > 1 && r.first_token != 0) {
    const double each = static_cast<double>(r.last_token - r.first_token) / 1000 / real(n - 1);
    row.us[m_tpot] = static_cast<uint32_t>(std::min(each + 0.5, 4e9));
  }
}

void LoadRecord::add(const LoadRequest& r) {
  ++ended_;
  first_ = std::min(first_, r.planned);
  last_sent_ = std::max(last_sent_, r.started);
  last_ = std::max(last_, r.ended);
  time_ += static_cast<double>(r.ended - r.started);
  bool good = true;
  if (r.end != LoadClass::cancelled) {
    if (rows_ % kBlock == 0) blocks_.emplace_back(make_own<Block>());
    Row& row = blocks_.back()->rows[rows_++ % kBlock];
    fill(row, r);
    for (size_t m = 0; m < kPerRequest; ++m) {
      const uint32_t most = goals_.most_us[m];
      good = good && (most == Goals::kNoGoal || row.us[m] <= most);
    }
  }
  for (size_t side = 0; side < sides_.size(); ++side) {
    if (side == 0 || side == r.server + 1) count(*sides_[side], r, good);
  }
}

// ---- figures ------------------------------------------------------------------------------------

// `side` as in sides_: 0 = all.
LoadSample LoadRecord::sample(LoadMetric m, size_t side) const {
  LoadSample s;
  if (m == m_itl) {
    s = sides_[side]->gaps;
  } else {
    for (size_t i = 0; i < rows_; ++i) {
      const Row& row = blocks_[i / kBlock]->rows[i % kBlock];
      if (row.us[m] != kNone && (side == 0 || side == row.server + 1)) s.add(row.us[m]);
    }
  }
  s.sort();
  return s;
}

namespace {

double known_percentile(const LoadSample& s, double q) {
  return identifiable(q, s.size()) ? s.percentile(q) / 1000 : kUnknown;
}

LoadDistribution distribution_of(const LoadSample& s) {
  LoadDistribution d;
  d.count = s.size();
  d.min = s.min() / 1000;
  d.mean = s.mean() / 1000;
  d.sd = s.sd() / 1000;
  d.max = s.max() / 1000;
  static constexpr struct {
    double LoadDistribution::*to;
    double q;
  } kPoints[] = {{&LoadDistribution::p50, 0.5}, {&LoadDistribution::p90, 0.9},
                 {&LoadDistribution::p95, 0.95}, {&LoadDistribution::p99, 0.99},
                 {&LoadDistribution::p999, 0.999}};
  for (const auto& p : kPoints) d.*p.to = known_percentile(s, p.q);
  return d;
}

}  // namespace

double LoadRecord::value_of(const Condition& c, const LoadFigures& f) const {
  using S = Condition::Statistic;
  if (c.metric == m_error) return f.all.error_rate();
  if (c.metric == m_goodput) return f.good_share();
  if (c.metric == m_throughput) return f.per_second(real(f.all.succeeded()));
  const LoadDistribution& d = f.all.times[c.metric];
  switch (c.statistic) {
    case S::mean: return d.mean;
    case S::min: return d.min;
    case S::max: return d.max;
    default: return known_percentile(sample(c.metric, 0), c.quantile);
  }
}

namespace {

// Where the figures do not say what they seem to.
void warn(LoadFigures& f) {
  constexpr double kLate = 10, kShared = 0.05, kGap = 2;   // ms; a share; percent
  std::vector<std::string>& w = f.warnings;
  const LoadSide& s = f.all;
  const LoadDistribution &late = s.times[m_late], &lag = s.times[m_lag];
  const double worst = late.p99 == late.p99 ? late.p99 : late.max;
  if (worst > kLate) {
    compose(w.emplace_back(), "this client was the limit: it sent late by itself, by %1 ms at the "
            "99th percentile (max %1 ms): latencies from the plan include that, and the load was "
            "less even than asked for", {worst, late.max});
  }
  if (f.held != 0 || f.unsent != 0) {
    compose(w.emplace_back(), "the limit of requests at once held %d of %d requests back, for up "
            "to %1 ms, and %d were never sent: the servers did not keep up with this rate",
            {f.held + f.unsent, f.planned, lag.max == lag.max ? lag.max : 0, f.unsent});
  }
  if (s.gaps != 0 && real(s.shared_gaps) > kShared * real(s.gaps)) {
    compose(w.emplace_back(), "%1 % of the gaps between pieces are within one read (%v pieces a "
            "read): when each of those came cannot be told, and percentiles of itl say how the "
            "bytes were cut; tpot and e2e do not depend on it",
            {100 * real(s.shared_gaps) / real(s.gaps), real(s.pieces) / real(s.reads)});
  }
  if (s.tokens > s.pieces + s.pieces / 20 && s.pieces != 0) {
    compose(w.emplace_back(), "a piece has %v tokens on average: itl is the time between pieces, "
            "not between tokens; tpot is per token", {real(s.tokens) / real(s.pieces)});
  }
  if (s.counted_answers < s.succeeded()) {
    compose(w.emplace_back(), "in %d answers the server did not count its tokens: there a piece "
            "counts as one", {s.succeeded() - s.counted_answers});
  }
  if (fabs(f.little_gap_percent()) > kGap && s.succeeded() >= 20) {
    compose(w.emplace_back(), "Little's law: %v were in flight on average, rate x time is %v: %1 % "
            "of the time in flight was this client's own", {f.in_flight, f.rate_times_time,
            f.little_gap_percent()});
  }
}

}  // namespace

void LoadRecord::finish(LoadFigures& out, std::span<const Condition> conditions, LoadMetric hgrm) {
  out.most_in_flight = most_in_flight_;
  if (ended_ != 0) {
    out.window = last_ - first_;
    out.sending = last_sent_ - first_;
  }
  if (out.window > 0) {
    const double window = static_cast<double>(out.window);
    out.in_flight = area_ / window;
    out.rate_times_time = time_ / window;      // (ended / window) * (time / ended)
  }
  for (size_t side = 0; side < sides_.size(); ++side) {
    LoadSide& s = sides_[side]->figures;
    s.itl_exact = sides_[side]->gaps.exact();
    for (size_t m = 0; m < kTimes; ++m) {
      s.times[m] = distribution_of(sample(static_cast<LoadMetric>(m), side));
    }
  }
  out.all = sides_[0]->figures;
  for (size_t side = 1; side < sides_.size(); ++side) {
    out.servers.push_back(sides_[side]->figures);
  }
  for (const Condition& c : conditions) {
    const double value = value_of(c, out);
    out.conditions.push_back({c, value, c.holds(value)});
  }
  if (hgrm != kLoadMetrics) out.hgrm = hgrm_text(sample(hgrm, 0));
  warn(out);
}

}  // namespace chimera::lab
