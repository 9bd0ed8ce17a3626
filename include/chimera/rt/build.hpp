// What this binary was built as: with every runtime, or with exactly one and its own defaults
// (`make RUNTIME=fixed READ_SIZE=1024`): size and consistency are measured on real binaries.
//
// The only file that looks at these macros. Included by .cpp files, never by a header: whoever
// includes it is compiled again for each variant of `make variants`.
#pragma once

#include "chimera/rt/runtime.hpp"

namespace chimera::rt {

#ifdef CHIMERA_RUNTIME
inline constexpr bool kOneRuntime = true;
inline constexpr Kind kDefaultKind = Kind::CHIMERA_RUNTIME;
#else
inline constexpr bool kOneRuntime = false;
inline constexpr Kind kDefaultKind = Kind::fixed;
#endif

#ifndef CHIMERA_READ_SIZE
#define CHIMERA_READ_SIZE 1024
#endif
#ifndef CHIMERA_COALESCE
#define CHIMERA_COALESCE 0
#endif
#ifndef CHIMERA_PERMITS
#define CHIMERA_PERMITS 0
#endif
inline constexpr uint32_t kDefaultReadSize = CHIMERA_READ_SIZE;   // bytes
inline constexpr uint32_t kDefaultCoalesce = CHIMERA_COALESCE;    // bytes, 0 = off
inline constexpr int kDefaultPermits = CHIMERA_PERMITS;           // 0 = all

// `run` and `ask` alone, and no simulator (`make MINIMAL=1`).
#ifdef CHIMERA_MINIMAL
inline constexpr bool kMinimal = true;
#else
inline constexpr bool kMinimal = false;
#endif

// https (`make TLS=1`, with mbedTLS).
#ifdef CHIMERA_TLS
inline constexpr bool kTls = true;
#else
inline constexpr bool kTls = false;
#endif
// What is said of https where it is missing.
inline constexpr char kNoTls[] = "https, which `make TLS=1` builds";

// Whether a runtime of this kind is in the binary.
constexpr bool holds(Kind k) { return !kOneRuntime || k == kDefaultKind; }

}  // namespace chimera::rt
