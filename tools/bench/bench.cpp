#include "bench.hpp"

#include <stdio.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bench {
namespace {

uint64_t read_clock(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const size_t half = v.size() / 2;
  return v.size() % 2 == 1 ? v[half] : (v[half - 1] + v[half]) / 2;
}

double time_ns(Batch& b, int64_t times) {
  return b.run_timed(times) / static_cast<double>(times);
}

// As many calls as fill a batch; the calls on the way there warm the caches.
int64_t calls_for(Batch& b, double batch_ns) {
  int64_t times = 1;
  for (;;) {
    const double each = time_ns(b, times);
    if (each * static_cast<double>(times) > batch_ns / 4) {
      return std::max<int64_t>(1, static_cast<int64_t>(batch_ns / each));
    }
    times *= 4;
  }
}

void print_value(const Row& row, double ns) {
  printf("%10.1f", ns / row.items);
  if (row.bytes > 0) {
    printf(" %6.2f", row.bytes / ns);
  } else {
    printf(" %6s", "");
  }
}

}  // namespace

uint64_t now_ns() { return read_clock(CLOCK_MONOTONIC); }
uint64_t cpu_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

Table::Table(std::string_view only, bool quick)
    : only_(only), rounds_(quick ? 9 : 31), batch_ns_(quick ? 1e6 : 4e6) {
  printf("%-40s%10s %6s%10s %6s%8s  %s\n", "micro: medians of rounds", "ours ns", "GB/s",
         "peer ns", "GB/s", "ratio", "limit, peer");
}

void Table::fail(const char* why) {
  printf("FAILS: %s\n", why);
  ok_ = false;
}

void Table::measure(const Row& row, Batch& ours, Batch* peer) {
  if (std::string_view(row.name).find(only_) == std::string_view::npos) return;
  const int64_t our_calls = calls_for(ours, batch_ns_);
  const int64_t peer_calls = peer != nullptr ? calls_for(*peer, batch_ns_) : 0;
  std::vector<double> a, b, ratios;
  for (int i = 0; i < rounds_; ++i) {
    const bool first = i % 2 == 0;
    if (first) a.push_back(time_ns(ours, our_calls));
    if (peer != nullptr) b.push_back(time_ns(*peer, peer_calls));
    if (!first) a.push_back(time_ns(ours, our_calls));
    if (peer != nullptr) ratios.push_back(a.back() / b.back());
  }
  printf("%-40s", row.name);
  print_value(row, median(a));
  if (peer == nullptr) {
    printf("%10s %6s%8s  no peer: %s\n", "-", "", "-", row.peer_name);
    return;
  }
  print_value(row, median(b));
  const double ratio = median(ratios);
  printf("%7.2fx  ", ratio);
  if (row.limit > 0) {
    const bool fine = ratio <= row.limit;
    ok_ = ok_ && fine;
    printf("<= %-6.2f%-5s", row.limit, fine ? "ok" : "OVER");
  }
  printf("%s\n", row.peer_name);
  fflush(stdout);
}

}  // namespace bench
