// How a broken promise is told: with the seed and the scenario, in one line each.
//
// Thread: one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chimera::vopr {

// What runs now; `scenario` is the command line and the faults in words.
void set_scenario(uint64_t seed, std::string scenario);
const std::string& scenario();
// Counts, and prints the first of each seed.
void violated(std::string_view what);
bool has_violations();
// The same for what leaves the program in no state to go on: ends the process.
[[noreturn]] void fatal(std::string_view what);
// Crashes, failed checks and endless loops of the product become fatal(), with what it said last.
void catch_crashes();

constexpr int kFatal = 3;   // exit code of fatal()

}  // namespace chimera::vopr
