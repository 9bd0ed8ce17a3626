// The help of `stats` (stats_help.cpp).
#pragma once

namespace chimera::cli {

extern const char kStatsDetails[];

}  // namespace chimera::cli
