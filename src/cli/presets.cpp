#include "chimera/cli/presets.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sys/thread.hpp"

namespace chimera::cli {
namespace {

using enum rt::Kind;

constexpr Preset kPresets[] = {
    {"tokio-default", steal, 0, 8192, 0, 0, "work-stealing Tokio"},
    {"tokio-localset", local, 1, 8192, 0, 0, "thread-pinned LocalSet"},
    {"asyncio", local, 1, 65536, 0, 0, "Python's single event loop"},
    {"smol", fixed, 2, 8192, 0, 0, "minimal executor"},
    {"smol-1kb", fixed, 2, 1024, 0, 0, "smallest binary"},
    {"async-std", bridge, 2, 8192, 0, 1, "perfect serialisation: 50 % with two agents"},
    {"upstream-smol", bridge, 2, 8192, 0, 2, "what upstream's smol program really did"},
    {"upstream-smol-1kb", bridge, 2, 8192, 1024, 2, "what upstream's smol-1kb program really did"},
};

const Preset* find(std::string_view name) {
  for (const Preset& p : kPresets) {
    if (name == p.name) return &p;
  }
  return nullptr;
}

Result<void> refuse(std::string& what, std::string_view words) {
  what.append(words);
  return fail(Errc::usage, "arguments");
}

Result<void> check_together(const Settings& s, std::string& what) {
  const rt::RuntimeConfig& r = s.runtime;
  if (!rt::holds(r.kind)) {
    what.append("--preset ").append(s.given.preset).append(" needs the runtime ");
    what.append(rt::name_of(r.kind)).append(": this binary holds only ");
    return refuse(what, rt::name_of(rt::kDefaultKind));
  }
  if (r.kind == local && r.threads > 1) return refuse(what, "--runtime local has one thread");
  if (r.kind != steal && r.lifo) return refuse(what, "--pop lifo goes with --runtime steal");
  return {};
}

}  // namespace

std::span<const Preset> presets() { return kPresets; }

Preset default_knobs() {
  const int threads = rt::kDefaultKind == steal ? 0 : rt::kDefaultKind == local ? 1 : 2;
  return {"", rt::kDefaultKind, threads, rt::kDefaultReadSize, rt::kDefaultCoalesce,
          rt::kDefaultPermits, ""};
}

bool holds(const Preset& p) { return rt::holds(p.kind); }

std::string knobs_of(const Preset& p) {
  std::string s = rt::name_of(p.kind);
  s.append(", ");
  if (p.threads == 0) {
    s.append("a thread per processor");
  } else {
    append_i64(s, p.threads);
    s.append(p.kind == bridge ? " threads for I/O" : p.threads == 1 ? " thread" : " threads");
  }
  s.append(", reads of ");
  append_u64(s, p.read_size);
  s.append(" bytes");
  if (p.coalesce != 0) append_u64(s.append(", coalesced to "), p.coalesce);
  if (p.permits != 0) append_i64(s.append(", permits "), p.permits);
  return s;
}

Result<void> settle_knobs(Settings& s, std::string& what) {
  const Given& g = s.given;
  Preset under = default_knobs();
  if (!g.preset.empty()) {
    const Preset* preset = find(g.preset);
    if (preset == nullptr) {
      Nearest nearest(g.preset);
      for (const Preset& p : presets()) nearest.offer(p.name);
      return refuse(what, "--preset: no such preset: " + printable(g.preset, false) +
                              did_you_mean("", nearest.name()));
    }
    under = *preset;
  }
  s.runtime.kind = g.kind.value_or(under.kind);
  // So many threads are part of the kind.
  s.runtime.threads = g.threads.value_or(s.runtime.kind == under.kind ? under.threads : 0);
  s.runtime.read_size = g.read_size.value_or(under.read_size);
  s.client.policy.coalesce = g.coalesce.value_or(under.coalesce);
  s.permits = g.permits.value_or(under.permits);
  return check_together(s, what);
}

const char* preset_in_force(const Settings& s, int threads) {
  const bool plain = s.client.policy.keep_alive && !s.runtime.pin && !s.runtime.lifo;
  for (const Preset& p : kPresets) {
    const int wanted = p.threads != 0 ? p.threads : sys::core_count();
    if (plain && p.kind == s.runtime.kind && wanted == threads &&
        p.read_size == s.runtime.read_size && p.coalesce == s.client.policy.coalesce &&
        p.permits == s.permits) {
      return p.name;
    }
  }
  return "";
}

}  // namespace chimera::cli
