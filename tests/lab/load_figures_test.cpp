#include "chimera/lab/load_figures.hpp"

#include <algorithm>
#include <cmath>

#include "chimera/base/rng.hpp"
#include "chimera/lab/load_report.hpp"
#include "chimera/wire/csv.hpp"
#include "chimera/wire/json.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::lab;

namespace {

constexpr Nanos kBegin = 1000 * kSecond;

// Due at `at`, sent `lag` later, first token 10 ms behind that, `n` tokens 2 ms apart.
LoadRequest request(Nanos at, Nanos lag = 0, uint32_t n = 6, uint32_t server = 0) {
  LoadRequest r;
  r.planned = kBegin + at;
  r.permitted = r.planned;
  r.started = r.planned + lag;
  r.connected = r.started;
  r.sent = r.started + kMilli;
  r.first_token = r.first_visible = r.sent + 10 * kMilli;
  r.last_token = r.first_token + (n - 1) * 2 * kMilli;
  r.ended = r.last_token + kMilli;
  r.tokens = r.pieces = n;
  r.reads = n;
  r.server = server;
  return r;
}

LoadRequest failure(LoadClass end, Nanos at) {
  LoadRequest r;
  r.planned = r.permitted = r.started = kBegin + at;
  r.ended = r.started + 500 * kMilli;
  r.end = end;
  return r;
}

struct Finished {
  LoadFigures f;
  explicit Finished(std::vector<LoadRequest> requests, const char* goals = nullptr,
                    std::vector<const char*> slo = {}, size_t servers = 1, uint64_t unsent = 0) {
    const Goals g = goals != nullptr ? *parse_goals(goals) : Goals();
    LoadRecord record(servers, g);
    // Starts and ends in the order of time.
    std::vector<std::pair<Nanos, int>> changes;
    for (const LoadRequest& r : requests) {
      changes.emplace_back(r.started, 1);
      changes.emplace_back(r.ended, -1);
    }
    std::sort(changes.begin(), changes.end());
    for (const auto& [at, change] : changes) record.in_flight(change, at);
    for (const LoadRequest& r : requests) record.add(r);
    std::vector<Condition> conditions;
    for (const char* c : slo) conditions.push_back(*parse_condition(c));
    f.planned = requests.size() + unsent;
    f.unsent = unsent;
    record.finish(f, conditions, m_response);
  }
  bool warns(std::string_view words) const {
    return std::any_of(f.warnings.begin(), f.warnings.end(),
                       [&](const std::string& w) { return w.find(words) != w.npos; });
  }
};

}  // namespace

TEST_CASE("load sample: percentiles of type 7, as numpy's") {
  LoadSample s;
  for (const uint32_t v : {40u, 10u, 20u, 30u}) s.add(v);
  s.sort();
  CHECK(s.percentile(0) == 10);
  CHECK(s.percentile(0.5) == 25);
  CHECK(s.percentile(0.95) == doctest::Approx(38.5));   // numpy.percentile([10,20,30,40], 95)
  CHECK(s.percentile(1) == 40);
  CHECK(s.mean() == 25);
  CHECK(s.sd() == doctest::Approx(12.909944487));
  CHECK(std::isnan(LoadSample().percentile(0.5)));
  CHECK(std::isnan(LoadSample().mean()));
}

TEST_CASE("load sample: beyond its limit it is a histogram within 0.05 %") {
  LoadSample exact, counted(1000);
  Rng rng(5);
  for (int i = 0; i < 50000; ++i) {
    const auto v = static_cast<uint32_t>(std::exp(rng.uniform() * 22));   // to an hour
    exact.add(v);
    counted.add(v);
  }
  exact.sort();
  counted.sort();
  CHECK(exact.exact());
  CHECK(!counted.exact());
  CHECK(counted.size() == exact.size());
  CHECK(counted.mean() == exact.mean());
  for (const double q : {0.0, 0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    CAPTURE(q);
    CHECK(counted.percentile(q) == doctest::Approx(exact.percentile(q)).epsilon(0.0006));
  }
  LoadSample edges(0);
  for (const uint32_t v : {0u, 2047u, 2048u, 4095u, 4096u, UINT32_MAX - 1, UINT32_MAX}) {
    edges.add(v);
  }
  CHECK(edges.at(0) == 0);
  CHECK(edges.at(1) == 2047);
  CHECK(edges.at(2) == doctest::Approx(2048).epsilon(0.0006));
  CHECK(edges.at(5) == doctest::Approx(4294967294.0).epsilon(0.0006));
  CHECK(edges.at(6) == 4294967295.0);
}

TEST_CASE("load sample: what so few values cannot say") {
  CHECK(identifiable(0.95, 1));
  CHECK(!identifiable(0.5, 0));
  CHECK(!identifiable(0.99, 99));
  CHECK(identifiable(0.99, 100));
  CHECK(!identifiable(0.999, 999));
  CHECK(identifiable(0.999, 1000));
  CHECK(!identifiable(0.995, 199));
  CHECK(identifiable(0.995, 200));
}

TEST_CASE("load figures: the metrics of one request, by their formulas") {
  const Finished done({request(0, 5 * kMilli)});
  const LoadDistribution* t = done.f.all.times;
  CHECK(t[m_lag].mean == 5);
  CHECK(t[m_late].mean == 5);
  CHECK(t[m_ttft].mean == 10);             // from the send
  CHECK(t[m_ttft_from_plan].mean == 16);   // with lag, and 1 ms of sending
  CHECK(t[m_ttfo].mean == 10);
  CHECK(t[m_tpot].mean == 2);              // 10 ms / (6 - 1)
  CHECK(t[m_e2e].mean == 21);
  CHECK(t[m_response].mean == 27);
  CHECK(done.f.all.tokens == 6);
  CHECK(std::isnan(t[m_e2e].sd));
  CHECK(std::isnan(t[m_e2e].p99));
  CHECK(t[m_e2e].p95 == 21);
}

TEST_CASE("load figures: a failure counts in the error rate and not in a latency") {
  std::vector<LoadRequest> requests;
  for (int i = 0; i < 7; ++i) requests.push_back(request(i * 100 * kMilli));
  for (const LoadClass c : {LoadClass::busy, LoadClass::busy, LoadClass::reset}) {
    requests.push_back(failure(c, kSecond));
  }
  requests.push_back(failure(LoadClass::cancelled, kSecond));
  const Finished done(requests, "ttft:1s");
  CHECK(done.f.all.succeeded() == 7);
  CHECK(done.f.all.failed() == 3);         // the one that was cut off is none
  CHECK(done.f.all.error_rate() == doctest::Approx(0.3));
  CHECK(done.f.all.ends[static_cast<size_t>(LoadClass::busy)] == 2);
  CHECK(done.f.all.times[m_e2e].count == 7);
  CHECK(done.f.all.times[m_e2e].max == 21);
  CHECK(done.f.all.times[m_lag].count == 10);
  CHECK(done.f.all.good == 7);
  CHECK(done.f.good_share() == doctest::Approx(0.7));   // of all that were planned
}

TEST_CASE("load figures: goodput wants every goal kept; what has no figure keeps none") {
  const Finished all({request(0), request(0, 0, 1), request(0, 300 * kMilli)},
                     "ttft:10ms,tpot:2ms");
  CHECK(all.f.all.good == 2);              // the answer of one token has no tpot
  const Finished plan({request(0), request(0, 300 * kMilli)}, "response:100ms");
  CHECK(plan.f.all.good == 1);
  const Finished unsent({request(0)}, "ttft:10ms", {"goodput>=50%"}, 1, 3);
  CHECK(unsent.f.good_share() == doctest::Approx(0.25));
  CHECK(!unsent.f.conditions[0].holds);
}

TEST_CASE("load figures: conditions") {
  std::vector<LoadRequest> requests;
  for (int i = 0; i < 99; ++i) requests.push_back(request(i * 10 * kMilli));
  const std::vector<const char*> slo = {"ttft:p95<=10ms", "ttft:p95<10ms", "ttft:p99<1h",
                                        "error:rate<1%", "e2e:max<1s", "throughput>50"};
  const Finished few(requests, nullptr, slo);
  const bool wanted[] = {true, false, false, true, true, true};   // p99 of 99 cannot be said
  for (size_t i = 0; i < slo.size(); ++i) {
    CAPTURE(slo[i]);
    CHECK(few.f.conditions[i].holds == wanted[i]);
  }
  CHECK(std::isnan(few.f.conditions[2].value));
  requests.push_back(request(990 * kMilli));
  CHECK(Finished(requests, nullptr, {"ttft:p99<1h"}).f.conditions[0].holds);
  const Finished none({failure(LoadClass::refused, 0)}, nullptr, {"ttft:p50<1h", "error<=1"});
  CHECK(!none.f.conditions[0].holds);
  CHECK(none.f.conditions[1].holds);
}

TEST_CASE("load figures: Little's law holds for what is timed whole, and shows what is not") {
  std::vector<LoadRequest> requests;
  for (int i = 0; i < 200; ++i) requests.push_back(request(i * 7 * kMilli));
  const Finished done(requests);
  // 22 ms each, every 7 ms; the window is 199 * 7 + 22 ms.
  CHECK(done.f.in_flight == doctest::Approx(200 * 22.0 / 1415));
  CHECK(done.f.rate_times_time == doctest::Approx(done.f.in_flight));
  CHECK(done.f.most_in_flight == 4);
  CHECK(!done.warns("Little"));
  const Goals goals;
  LoadRecord record(1, goals);
  for (LoadRequest& r : requests) {        // in flight for longer than the clock says
    record.in_flight(1, r.started);
    r.ended -= 10 * kMilli;
    record.in_flight(-1, r.started + 6 * kMilli + 16 * kMilli);
    record.add(r);
  }
  LoadFigures f;
  record.finish(f, {}, kLoadMetrics);
  CHECK(std::fabs(f.little_gap_percent()) > 5);
}

TEST_CASE("load report: whole JSON, even rows of CSV, goals only when given") {
  std::vector<LoadRequest> requests;
  for (uint32_t i = 0; i < 20; ++i) requests.push_back(request(i * kSecond, 0, 6, i % 2));
  requests.push_back(failure(LoadClass::reset, 21 * kSecond));
  LoadReport r;
  r.servers = {"http://a", "http://b"};
  r.levels.push_back(Finished(requests, nullptr, {}, 2).f);
  CHECK(wire::check_json(load_json(r)));
  const std::string csv = load_csv(r);
  wire::CsvReader in(csv);
  std::vector<wire::CsvField> row;
  std::string scratch;
  size_t rows = 0, columns = 0;
  for (; in.next(row).value_or(false); ++rows) {
    if (rows == 0) {
      columns = row.size();
      CHECK(row[9].text(scratch) == "resolve");
      CHECK(row[9 + kLoadClasses - 2].text(scratch) == "cancelled");
      CHECK(row[9 + kLoadClasses - 1].text(scratch) == "ttft_count");
    }
    CHECK(row.size() == columns);
    if (rows == 1) CHECK(row[3].text(scratch) == "20");
    if (rows == 3) CHECK(row[2].text(scratch) == "http://b");
  }
  CHECK(rows == 4);
  CHECK(load_markdown(r).find("goodput") == std::string::npos);
  r.goals = "ttft<1s";
  CHECK(load_markdown(r).find("goodput") != std::string::npos);
}

TEST_CASE("load figures: warnings") {
  std::vector<LoadRequest> late, shared;
  const uint32_t gaps[] = {0, 0, 2000, 0, 2000};
  for (int i = 0; i < 20; ++i) {
    late.push_back(request(i * kSecond, 50 * kMilli));
    shared.push_back(request(i * kSecond));
    shared.back().gaps_us = gaps;
    shared.back().reads = 3;
  }
  CHECK(Finished(late).warns("this client was the limit"));
  CHECK(Finished(shared).warns("60.0 % of the gaps"));
  CHECK(!Finished(shared).warns("client was"));
  shared[0].tokens = 0;
  CHECK(Finished(shared).warns("1 answers the server did not count"));
  for (LoadRequest& r : shared) r.tokens = 12;
  CHECK(Finished(shared).warns("a piece has 2.00 tokens"));
  CHECK(Finished({request(0)}, nullptr, {}, 1, 5).warns("the limit of requests at once"));
  CHECK(Finished({request(0)}).f.warnings.empty());
}

TEST_CASE("load figures: servers apart and together") {
  const Finished done({request(0), request(0, 0, 6, 1), request(0, 0, 11, 1)}, nullptr, {}, 2);
  REQUIRE(done.f.servers.size() == 2);
  CHECK(done.f.servers[0].succeeded() == 1);
  CHECK(done.f.servers[1].succeeded() == 2);
  CHECK(done.f.servers[1].times[m_e2e].max == 31);
  CHECK(done.f.all.tokens == 23);
}

TEST_CASE("load figures: classes") {
  const struct {
    Error error;
    LoadClass end;
  } cases[] = {{{Errc::refused, 0, ""}, LoadClass::refused},
               {{Errc::resolve, 0, ""}, LoadClass::resolve},
               {{Errc::timed_out, 0, "connect"}, LoadClass::connect_timeout},
               {{Errc::timed_out, 0, "first-token"}, LoadClass::first_token_timeout},
               {{Errc::timed_out, 0, "idle"}, LoadClass::idle_timeout},
               {{Errc::timed_out, 0, "total"}, LoadClass::total_timeout},
               {{Errc::reset, 0, ""}, LoadClass::reset},
               {{Errc::truncated, 0, ""}, LoadClass::truncated},
               {{Errc::server_error, 0, ""}, LoadClass::stream_error},
               {{Errc::busy, 503, ""}, LoadClass::busy},
               {{Errc::http_status, 500, ""}, LoadClass::http_status},
               {{Errc::protocol, 0, ""}, LoadClass::protocol},
               {{Errc::too_large, 0, ""}, LoadClass::protocol},
               {{Errc::io, 24, ""}, LoadClass::client},
               {{Errc::cancelled, 0, ""}, LoadClass::cancelled}};
  for (const auto& c : cases) CHECK(class_of(c.error) == c.end);
  CHECK(name_of(LoadClass::first_token_timeout) == std::string_view("first_token_timeout"));
  CHECK(name_of(LoadClass::cancelled) == std::string_view("cancelled"));
}

TEST_CASE("load figures: percentile text as HdrHistogram writes it") {
  LoadSample s;
  for (uint32_t i = 1; i <= 1000; ++i) s.add(i * 1000);
  s.sort();
  const std::string text = hgrm_text(s);
  CHECK(text.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                         "       1.000 0.000000000000          1           1.00\n"
                         "     100.000 0.100000000000        100           1.11\n"));
  CHECK(text.find("     500.000 0.500000000000        500           2.00\n") != text.npos);
  CHECK(text.find("     750.000 0.750000000000        750           4.00\n") != text.npos);
  CHECK(text.find("    1000.000 1.000000000000       1000\n#[Mean    =      500.500, "
                  "StdDeviation   =      288.819]\n#[Max     =     1000.000, Total count    =  "
                  "       1000]\n") != text.npos);
  CHECK(hgrm_text(LoadSample()).find("Total count    =            0]") != std::string::npos);
  LoadSample same(0);                      // a histogram, all in one step
  for (int i = 0; i < 5000; ++i) same.add(5'000'000);
  same.sort();
  CHECK(hgrm_text(same).size() < 500);
}
