#!/bin/sh
# How much of each parser its inputs reach, kept ones and found ones: the share of lines of its source file.
#
#   tests/fuzz/cover.sh build/cover/<parser>...
set -eu
cd "$(dirname "$0")/../.."

source_of() {  # parser
  case $1 in
    cli) echo src/cli/arguments.cpp ;;
    config) echo src/cli/config_file.cpp ;;
    job) echo src/cli/job.cpp ;;
    load) echo src/lab/load_plan.cpp ;;
    map) echo src/wire/json_schema.cpp ;;
    number | text) echo "src/base/$1.cpp" ;;
    record) echo src/llm/record.cpp ;;
    resolv) echo src/wire/dns.cpp ;;
    sim_ask) echo src/sim/ask.cpp ;;
    sim_settings) echo src/sim/settings.cpp ;;
    trials) echo src/lab/trial_text.cpp ;;
    *) echo "src/wire/$1.cpp" ;;
  esac
}

for fuzzer in "$@"; do
  name=$(basename "$fuzzer")
  source=$(source_of "$name")
  set -- "tests/fuzz/corpus/$name"
  for more in "tests/fuzz/regress/$name" "build/fuzz/corpus/$name"; do
    [ ! -d "$more" ] || set -- "$@" "$more"
  done
  LLVM_PROFILE_FILE=$fuzzer.raw "$fuzzer" -runs=0 "$@" >"$fuzzer.log" 2>&1
  llvm-profdata-19 merge "$fuzzer.raw" -o "$fuzzer.data"
  llvm-cov-19 export --summary-only --instr-profile="$fuzzer.data" "$fuzzer" "$source" |
    sed -nE 's/.*"totals":\{.*"lines":\{"count":([0-9]+),"covered":([0-9]+),.*/\1 \2/p' |
    { read -r lines covered || true; printf '%-14s %4d of %4d lines of %s\n' "$name" "$covered" "$lines" "$source"; }
done
