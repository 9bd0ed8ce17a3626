#!/bin/bash
# The binaries of `make cross`, each under qemu-user: that they start, that client and simulator agree
# (selftest), a whole `run` on a simulated server, and `stats` over the same result files, whose output
# has to be what this machine's own binary says, byte for byte. The same with the packed ones.
#
#   tools/cross_tests.sh [--summary FILE] BUILD CHIMERA [NAME...]      CHIMERA: the binary of this machine
#
# Ends with one line, "N passed, N failed, N skipped". A machine whose binary or qemu is not there is
# skipped. The simulator is started by hand: `--sim` would start the binary without qemu.
set -uo pipefail
summary=/dev/null
if [ "${1-}" = --summary ]; then summary=$(realpath "$2"); shift 2; fi
build=$(realpath "$1") chimera=$(realpath "$2")
shift 2
cd "$(dirname "$0")/.."
notes=$PWD/samples/notes
scratch=$(mktemp -d)
simulator=
leave() { [ -z "$simulator" ] || kill "$simulator" 2>/dev/null; rm -rf "$scratch"; }
trap leave EXIT
passed=0 failed=0 skipped=0
export CHIMERA_NO_CONFIG=1

limited() { timeout -k 5 "$@"; }  # seconds, command...

say() {  # ok|FAILED machine test
  printf '%-6s %-9s %s\n' "$1" "$2" "$3"
  if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); sed 's/^/    /' "$scratch/log" | tail -n 20; fi
}

check() {  # machine test command...
  local machine=$1 test=$2
  shift 2
  if "$@" > "$scratch/log" 2>&1; then say ok "$machine" "$test"; else say FAILED "$machine" "$test"; fi
}

# --version says the same everywhere; one that was not built from this commit fails here.
version() { limited 20 "$@" --version > "$scratch/version" && cmp "$scratch/version" "$scratch/version.native"; }

# A translated program is slow: the bounds of a delay are not asked, that nothing is lost is.
selftest() {
  limited 150 "$@" selftest --quick --max-ttft-error=10s --max-delay-p50=10s --max-delay-p99=10s
}

whole_run() {
  rm -rf "$scratch/out"
  # Not by the function: in the background that is a shell, and it alone would be killed.
  timeout -k 5 60 "$@" sim --port=0 --tokens=60 --rate=200 --slots=2 > "$scratch/sim" 2>&1 &
  simulator=$!
  local url='' tries=0
  while [ -z "$url" ] && [ $((tries += 1)) -lt 100 ]; do
    sleep 0.1
    url=$(grep -o 'http://[^ ]*' "$scratch/sim" | head -n 1)
  done
  limited 60 "$@" run "$notes" -u "$url" -n 2 -O "$scratch/out" && [ -n "$(find "$scratch/out" -name metrics.json)" ]
  local code=$?
  kill "$simulator" 2>/dev/null
  wait "$simulator" 2>/dev/null
  simulator=
  return $code
}

# Without those that start their own program: the kernel would run it, and not qemu. And without those
# that abort: qemu has a word on that too, and 32 bits have as much memory as is asked for. Besides, qemu
# 7.2 does what no kernel does, as C programs of twenty lines show: on i386 a thread that a signal came to
# goes on with what is another thread's own, on mips SO_ERROR is a number of this machine's, so that why
# a connection failed is not known, and on aarch64 LDAR may be done before the STLR in front of it, which is
# what the ring stands on: on one processor that makes no difference.
unit() {
  local without='*abort*with*' place=()
  case $1 in
    *-aarch64) place=(taskset -c "$(awk '/^Cpus_allowed_list/ { sub(/[,-].*/, "", $2); print $2 }' /proc/self/status)") ;;
    *-i386) without+=',*by a signal handler' ;;
    *-mips*) without+=',a dial that the system refuses*,a dial to a closed port*,an unwelcome connection is reset'
      without+=',dials that come to nothing,faults,nobody there,what is tried again' ;;
  esac
  limited 900 "${place[@]}" "$@" '-sfe=*sys/process_test.cpp' "-tce=$without"
}

stats() {  # format, command...
  local format=$1
  shift
  limited 60 "$@" stats "$scratch/experiment" -f "$format" > "$scratch/stats"
  cmp "$scratch/stats" "$scratch/stats.$format"
}

"$chimera" --version > "$scratch/version.native"
limited 200 "$chimera" bench "$notes" --sim=tokens=60,rate=500 --presets=smol,asyncio --configs=tr115 --runs=2 \
  --quiet -O "$scratch/experiment" > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
formats="json csv md"
for format in $formats; do "$chimera" stats "$scratch/experiment" -f "$format" > "$scratch/stats.$format"; done

product() {  # machine, what it is called here, qemu, binary
  local command=("$3" "$4") start=$SECONDS
  check "$1" "$2--version" version "${command[@]}"
  check "$1" "$2selftest" selftest "${command[@]}"
  check "$1" "$2run" whole_run "${command[@]}"
  for format in $formats; do check "$1" "$2stats -f $format" stats "$format" "${command[@]}"; done
  printf '%-6s %-9s %s%s bytes, %s s\n' '' "$1" "$2" "$(stat -c %s "$4")" $((SECONDS - start))
}

for row in $(tools/list.sh cross); do
  IFS=: read -r machine _ _ emulated <<< "$row"
  [ $# = 0 ] || [[ " $* " == *" $machine "* ]] || continue
  folder=$build/cross/$machine qemu=qemu-$emulated
  if [ ! -x "$folder/chimera" ] || ! command -v "$qemu" > /dev/null; then
    printf '%-6s %-9s %s\n' skip "$machine" "no binary, or no $qemu"
    skipped=$((skipped + 1))
    continue
  fi
  product "$machine" '' "$qemu" "$folder/chimera"
  [ ! -x "$folder/packed" ] || product "$machine" 'packed: ' "$qemu" "$folder/packed"
  [ ! -x "$folder/unit" ] || check "$machine" 'unit tests' unit "$qemu" "$folder/unit"
done

echo "$passed passed, $failed failed, $skipped skipped" | tee "$summary"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
