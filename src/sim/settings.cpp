#include "chimera/sim/settings.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/packed.hpp"
#include "chimera/base/text.hpp"

namespace chimera::sim {
namespace {

constexpr uint32_t kMostTokens = 10'000'000;

std::unexpected<Error> bad() {
  return fail(Errc::usage, "value");
}

Result<uint64_t> whole(std::string_view v, uint64_t least, uint64_t most) {
  CHI_TRY(const uint64_t n, parse_u64(v));
  if (n < least || n > most) return bad();
  return n;
}

template <class T>
Result<void> store_whole(T& out, std::string_view v, uint64_t least, uint64_t most) {
  CHI_TRY(const uint64_t n, whole(v, least, most));
  out = static_cast<T>(n);
  return {};
}

Result<void> store_duration(Nanos& out, std::string_view v) {
  CHI_TRY(out, parse_duration(v));
  return {};
}

Result<void> set_port(Settings& s, std::string_view v) {
  return store_whole(s.port, v, 0, 65535);
}
Result<void> set_host(Settings& s, std::string_view v) {
  s.host = v;
  return {};
}
Result<void> set_ttft(Settings& s, std::string_view v) {
  return store_duration(s.ttft, v);
}
Result<void> set_load(Settings& s, std::string_view v) {
  return store_duration(s.load, v);
}

Result<void> set_prefill(Settings& s, std::string_view v) {
  if (v.ends_with("/tok")) v.remove_suffix(4);
  return store_duration(s.prefill, v);
}

Result<void> set_rate(Settings& s, std::string_view v) {
  if (v == "inf") {
    s.rate = 0;
    return {};
  }
  CHI_TRY(const double rate, parse_double(v));
  if (rate < 1e-3 || rate > 1e9) return bad();
  s.rate = rate;
  return {};
}

// "120", "100-200", "1100~120"
Result<void> set_tokens(Settings& s, std::string_view v) {
  const size_t mark = v.find_first_of("-~");
  Lengths l;
  CHI_TRY_VOID(store_whole(l.a, v.substr(0, mark), 1, kMostTokens));
  if (mark != v.npos) {
    CHI_TRY_VOID(store_whole(l.b, v.substr(mark + 1), 0, kMostTokens));
    l.kind = v[mark] == '-' ? Lengths::Kind::uniform : Lengths::Kind::lognormal;
    if (l.kind == Lengths::Kind::uniform && l.b < l.a) return bad();
  }
  s.tokens = l;
  return {};
}

Result<double> parse_share(std::string_view v) {
  const bool percent = v.ends_with('%');
  if (percent) v.remove_suffix(1);
  CHI_TRY(const double share, parse_double(v));
  return percent ? share / 100 : share;
}

Result<void> set_jitter(Settings& s, std::string_view v) {
  std::string_view kind;
  next_part(v, ':', kind);
  Jitter j;
  if (kind == "none" && v.empty()) {
    s.jitter = j;
    return {};
  }
  CHI_TRY(j.parameter, parse_share(v));
  if (kind == "normal") {
    j.kind = Jitter::Kind::normal;
  } else if (kind == "lognormal") {
    j.kind = Jitter::Kind::lognormal;
  } else if (kind == "pareto") {
    j.kind = Jitter::Kind::pareto;
  } else {
    return bad();
  }
  // The mean gap stays 1/rate; with alpha <= 1 there would be no mean.
  if (j.parameter < 0 || (j.kind == Jitter::Kind::pareto && j.parameter <= 1)) return bad();
  if (j.parameter > (j.kind == Jitter::Kind::pareto ? 1000 : 5)) return bad();
  s.jitter = j;
  return {};
}

Result<void> set_slots(Settings& s, std::string_view v) {
  return store_whole(s.slots, v, 1, 4096);
}
Result<void> set_queue(Settings& s, std::string_view v) {
  return store_whole(s.queue, v, 0, 1 << 20);
}
Result<void> set_thinking(Settings& s, std::string_view v) {
  return store_whole(s.thinking, v, 0, kMostTokens);
}
Result<void> set_tool_calls(Settings& s, std::string_view v) {
  return store_whole(s.tool_calls, v, 0, 64);
}
Result<void> set_per_event(Settings& s, std::string_view v) {
  return store_whole(s.tokens_per_event, v, 1, 4096);
}
Result<void> set_batch(Settings& s, std::string_view v) {
  return store_whole(s.batch, v, 0, 4096);
}
Result<void> set_seed(Settings& s, std::string_view v) {
  return store_whole(s.seed, v, 0, UINT64_MAX);
}

Result<void> set_speed(Settings& s, std::string_view v) {
  CHI_TRY(const double speed, parse_double(v));
  if (speed < 1e-3 || speed > 1e6) return bad();
  s.speed = speed;
  return {};
}

Result<void> set_cut(Settings& s, std::string_view v) {
  s.random_cut = v == "random";
  if (s.random_cut) return {};
  return store_whole(s.cut, v, 0, 1 << 30);
}

Result<void> set_fault(Settings& s, std::string_view v) {
  CHI_TRY(const Fault fault, parse_fault(v));
  s.faults.push_back(fault);
  return {};
}

Result<void> set_model(Settings& s, std::string_view v) {
  if (v.empty()) return bad();
  s.models.emplace_back(v);
  return {};
}

Result<void> set_truth(Settings& s, std::string_view v) {
  s.truth = v;
  return {};
}

Result<void> set_profile(Settings& s, std::string_view v);

constexpr Key kPlain[] = {
    {"port", "P", "port, 0 picks one (0)", "port: 0 to 65535", set_port},
    {"host", "IP", "address to listen on (127.0.0.1)", "host", set_host},
    {"ttft", "TIME", "from the start of work to the first token (80ms)",
     "ttft: a duration such as 80ms", set_ttft},
    {"rate", "N|inf", "tokens per second (40)", "rate: tokens per second, or inf", set_rate},
    {"tokens", "N|A-B|M~D", "tokens of an answer: a number, a range, or mean~deviation (120)",
     "tokens: 120, 100-200 or 1100~120", set_tokens},
    {"jitter", "KIND", "spread of the gaps: none, normal:10%, lognormal:S, pareto:A (none)",
     "jitter: none, normal:10%, lognormal:0.3 or pareto:2.5", set_jitter},
    {"slots", "N", "answers at the same time (1)", "slots: 1 to 4096", set_slots},
    {"queue", "N", "requests that may wait for a slot; more get 503 (512)", "queue: a number",
     set_queue},
    {"load", "TIME", "loading time, at first and after a change of model, num_ctx, num_gpu (0)",
     "load: a duration such as 4.3s", set_load},
    {"prefill", "TIME", "time per prompt token, such as 0.2ms/tok (0)",
     "prefill: a duration such as 0.2ms/tok", set_prefill},
    {"thinking", "N", "tokens of reasoning in front of an answer (0)", "thinking: a number",
     set_thinking},
    {"tool-calls", "N", "calls of the first tool behind the answer to a request with tools (0)",
     "tool-calls: 0 to 64", set_tool_calls},
    {"tokens-per-event", "N", "tokens in one line of the stream (1)", "tokens-per-event: 1 to 4096",
     set_per_event},
    {"batch", "N", "lines of one send at most, 0 = all that are due (0)", "batch: 0 to 4096",
     set_batch},
    {"seed", "N", "same seed, same texts and schedule (1)", "seed: a number", set_seed},
    {"speed", "K", "the server's clock runs K times as fast; so do the durations it states (1)",
     "speed: 0.001 to 1000000", set_speed},
    {"cut", "N|random", "bytes of one send, 0 = whole (0)", "cut: bytes, or random", set_cut},
    {"fault", "KIND[:P][@POS]", "misbehave with probability P; repeatable (none)",
     "fault: KIND[:probability][@position], see FAULTS in chimera sim --help", set_fault,
     true},
    {"model", "NAME", "a model that is there; repeatable (every name is)", "model: a name",
     set_model, true},
    {"truth", "FILE", "append planned and actual send times, NDJSON (none)", "truth", set_truth},
    {"profile", "NAME", "tr115: the paces of that benchmark; other keys win (none)",
     "profile: tr115 is the only one", set_profile},
};
constexpr const Key* kKeys = PackedTable<kPlain, &Key::help>::kRows.data();
constexpr size_t kKeyCount = std::size(kPlain);
static_assert(kKeyCount <= 32);

int key_index(std::string_view name) {
  for (size_t i = 0; i < kKeyCount; ++i) {
    if (name == kKeys[i].name) return static_cast<int>(i);
  }
  return -1;
}

// TR115's calls: 41 tokens/s, about 1,100 tokens an answer, 4.3 s when the model has to be loaded.
// Its TTFT without load and prefill was 319 ms for analyses and 16 ms for reports, here the mean of
// both. Of 480 calls two fell into a loop, and 17 came upon a model that had to be loaded.
constexpr struct {
  const char* key;
  const char* value;
} kTr115[] = {
    {"ttft", "167ms"},       {"rate", "41"},   {"tokens", "1100~120"},
    {"jitter", "normal:3%"}, {"load", "4.3s"}, {"prefill", "0.2ms"},
    {"fault", "loop:0.4%"},  {"fault", "cold:3%"},
};

Result<void> set_profile(Settings& s, std::string_view v) {
  if (v != "tr115") return bad();
  for (const auto& entry : kTr115) {
    const int i = key_index(entry.key);
    if ((s.given >> i & 1u) == 0) CHI_CHECK(kKeys[i].store(s, entry.value).has_value());
  }
  return {};
}

}  // namespace

void Settings::hurry() {
  if (speed == 1) return;
  const auto divide = [&](Nanos& n) {
    if (n > 0) n = static_cast<Nanos>(static_cast<double>(n) / speed);
  };
  for (Nanos* n : {&ttft, &load, &prefill}) divide(*n);
  for (Fault& f : faults) {
    if (f.kind == FaultKind::slow_head && f.duration < 0) f.duration = kSlowHead;
    divide(f.duration);
  }
  rate *= speed;
}

std::span<const Key> keys() {
  return {kKeys, kKeyCount};
}

Result<void> set(Settings& settings, std::string_view key, std::string_view value) {
  const int i = key_index(key);
  if (i < 0) return fail(Errc::usage, "no such key, see chimera sim --help");
  if (!kKeys[i].store(settings, value)) return fail(Errc::usage, kKeys[i].wrong);
  settings.given |= 1u << i;
  return {};
}

Result<void> set_all(Settings& settings, std::string_view spec) {
  std::string_view part;
  while (next_part(spec, ',', part)) {
    const size_t equals = part.find('=');
    if (equals == part.npos) return fail(Errc::usage, "sim options are key=value,key=value");
    CHI_TRY_VOID(set(settings, part.substr(0, equals), part.substr(equals + 1)));
  }
  return {};
}

}  // namespace chimera::sim
