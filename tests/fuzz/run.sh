#!/bin/bash
# Runs fuzzers, each for a while on what is kept of it, and says which found what and in how many seconds of
# processor time. New inputs go to build/fuzz/corpus/<parser>, failing ones to build/fuzz/<parser>-crash-<hash>
# (also -timeout-, -oom-).
#
#   tests/fuzz/run.sh SECONDS build/fuzz/<parser>...
set -eu
cd "$(dirname "$0")/../.."

seconds=$1
shift
TIMEFORMAT=%U
bad=0
for fuzzer in "$@"; do
  name=$(basename "$fuzzer")
  new=build/fuzz/corpus/$name
  mkdir -p "$new"
  set -- "$new" "tests/fuzz/corpus/$name"
  [ ! -d "tests/fuzz/regress/$name" ] || set -- "$@" "tests/fuzz/regress/$name"
  code=0
  { time "$fuzzer" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
      -artifact_prefix="build/fuzz/$name-" "$@" >"build/fuzz/$name.log" 2>&1 || code=$?; } 2>"build/fuzz/$name.time"
  if [ "$code" = 0 ]; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log")
    cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "build/fuzz/$name.log" | tail -n 1)
    printf '%-14s %10s runs %6.0f s %6s edges\n' "$name" "$runs" "$(<"build/fuzz/$name.time")" "$cov"
  else
    bad=1
    file=$(sed -n 's/.*Test unit written to //p' "build/fuzz/$name.log" | tail -n 1)
    echo "$name failed: input ${file:-unknown}, log build/fuzz/$name.log"
    grep -E 'broken: |ERROR: |runtime error: ' "build/fuzz/$name.log" | head -n 3 | sed 's/^/  /' || true
  fi
done
exit $bad
