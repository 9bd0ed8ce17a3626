// The help of `bench`. constexpr: commands.cpp packs it while compiling.
#pragma once

namespace chimera::cli {

inline constexpr char kBenchDetails[] =
    "\nWHAT IT DOES\n"
    "  Runs each variant (preset or program) with each workload, --runs times. A trial is a\n"
    "  `chimera run DIR` of its own, so that memory, processor time, startup and context switches\n"
    "  are its own. It leaves OUT/runtime-<variant>/<workload>/run_<k>/ with metrics.json and, as\n"
    "  the study had it, run_1/metrics.json with the reports, summary.json and summary.md.\n"
    "  chimera.bench in a record is its place in the plan, which is in OUT/bench.json. A trial's\n"
    "  folder is there whole or not at all: the same command goes on where one was interrupted.\n"
    "  A trial that fails is kept, with failed.txt and \"complete\": false.\n"
    "\nSERVERS\n"
    "  With --sim, each trial has servers of its own; its server i (from 0) has the seed\n"
    "  (seed in chimera.bench + 1) * 65536 + i, so --seed decides the answers. A warm-up is the\n"
    "  same run with one token an answer: before each trial on simulated servers, before each\n"
    "  change of the workload on real ones. Without, simulated servers have loaded what the trial\n"
    "  before used.\n"
    "\nSPEED\n"
    "  With --speed K everything simulated comes K times sooner, and what the client measures is\n"
    "  so much shorter; nothing is multiplied back. Durations and tok/s that the server states\n"
    "  are on its own clock. The client's own milliseconds weigh K times as much: to compare\n"
    "  runtimes, use 1. The record says so in chimera.bench.speed.\n"
    "\nPLAN\n"
    "  [[config]]                   a workload; all but name and servers are options of `run`\n"
    "  name = \"long_context\"        of its folder\n"
    "  scenario = \"chimera-homo\"\n"
    "  chimera-num-ctx = 8192\n"
    "  servers = 1                  for all agents together (one for each)\n"
    "\nEXAMPLES\n"
    "  chimera bench notes/ -u http://a:11434 -u http://b:11434 -O out\n"
    "  chimera bench notes/ --sim-profile tr115 --speed 60 -O out\n"
    "  chimera bench notes/ --binaries build/variants/musl --sim -O out\n"
    "\nExit code: 0 all trials succeeded; 1 part of them; when none did that of the first.\n";

}  // namespace chimera::cli
