// Presets: the systems of the study as sets of knobs (contract section 6), and how presets, flags
// and what this binary was built for come together.
//
// Thread: main thread, before the runtime starts.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "chimera/cli/settings.hpp"

namespace chimera::cli {

// Besides: keep-alive on, not pinned, first in first out.
struct Preset {
  const char* name;
  rt::Kind kind;
  int threads;                    // 0 = one per processor
  uint32_t read_size, coalesce;   // bytes
  int permits;                    // 0 = all
  const char* stands_for;
};
std::span<const Preset> presets();
// What counts without a preset: `make` decides. No name.
Preset default_knobs();
// Whether this binary has the runtime for it.
bool holds(const Preset& p);
// "fixed, 2 threads, reads of 1024 bytes"
std::string knobs_of(const Preset& p);

// Lays `s.given` over its preset and that over the binary's defaults, into the settings that count:
// s.runtime, s.client.policy, s.permits. On an error `what` holds the words for people.
// Errors: usage, for knobs that do not go together or that this binary does not have.
Result<void> settle_knobs(Settings& s, std::string& what);

// The preset whose knobs are those in force, with `threads` as the runtime really has them; "" when
// none is.
const char* preset_in_force(const Settings& s, int threads);

}  // namespace chimera::cli
