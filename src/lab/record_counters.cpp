// The runtime's counters and the serial baseline, as a record has them.
#include "record_parts.hpp"

namespace chimera::lab {
namespace {

using rt::WorkerCounters;
using wire::JsonWriter;

// In the order of their names.
struct CounterName {
  enum Kind : uint8_t { sum, nanos, most, most_nanos, histogram };
  const char* name;
  Counter& (*of)(WorkerCounters& c);
  Kind kind = sum;
};
#define OF(member) [](WorkerCounters& c) -> Counter& { return c.member; }
constexpr CounterName kCounters[] = {
    {"arms", OF(port.arms)},
    {"attempts", OF(port.attempts)},
    {"longest_queue", OF(longest_queue), CounterName::most},
    {"longest_resume_ms", OF(longest_resume), CounterName::most_nanos},
    {"parks", OF(parks)},
    {"polls", OF(port.polls)},
    {"posted", OF(posted)},
    {"ready_wait_ms", OF(ready_wait), CounterName::nanos},
    {"resumes", OF(resumes)},
    {"running_ms", OF(running), CounterName::nanos},
    {"steal_failures", OF(steal_failures)},
    {"steals", OF(steals)},
    {"timeouts", OF(timeouts)},
    {"turns", OF(turns)},
    {"waits", nullptr, CounterName::histogram},
    {"wakes", OF(port.wakes)},
    {"wakes_sent", OF(wakes_sent)},
};
#undef OF

}  // namespace

sys::Usage since(const sys::Usage& before, sys::Usage now) {
  now.user -= before.user;
  now.system -= before.system;
  now.voluntary_switches -= before.voluntary_switches;
  now.involuntary_switches -= before.involuntary_switches;
  return now;
}

WorkerCounters since(const WorkerCounters& before, const WorkerCounters& now) {
  WorkerCounters earlier = before, out = now;
  for (const CounterName& c : kCounters) {
    if (c.kind == CounterName::sum || c.kind == CounterName::nanos) c.of(out) += -c.of(earlier);
  }
  for (size_t i = 0; i < std::size(out.waits.bucket); ++i) {
    out.waits.bucket[i] += -earlier.waits.bucket[i];
  }
  return out;
}

void write_counters(JsonWriter& j, const WorkerCounters& counters) {
  WorkerCounters all = counters;
  j.key("counters").begin_object();
  for (const CounterName& c : kCounters) {
    j.key(c.name);
    if (c.kind == CounterName::histogram) {
      j.begin_array();
      for (const Counter& count : all.waits.bucket) j.integer(count);
      j.end_array();
    } else if (c.kind == CounterName::nanos || c.kind == CounterName::most_nanos) {
      j.number(to_ms(c.of(all)));
    } else {
      j.integer(c.of(all));
    }
  }
  j.end_object();
}

void write_serial(JsonWriter& j, const agent::SerialOutcome& serial) {
  j.key("serial");
  if (serial.agents.empty()) {
    j.null();
    return;
  }
  j.begin_object().key("agents").begin_array();
  for (const agent::AloneOutcome& a : serial.agents) {
    j.begin_object().field("id", a.id).field("seconds", to_seconds(a.total));
    j.field("tokens", a.tokens).field("validity", llm::name_of(a.validity)).end_object();
  }
  j.end_array().field("wall", to_seconds(serial.wall)).end_object();
}

}  // namespace chimera::lab
