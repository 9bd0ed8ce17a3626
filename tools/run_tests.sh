#!/bin/bash
# Runs test programs and Python end-to-end scripts, and prints one closing line over all of them:
# "N passed, N failed, N skipped".
#
#   tools/run_tests.sh [--summary FILE] CHIMERA SUITE...
#
# CHIMERA is the binary that the scripts get as argv[1]. A suite is a doctest program, whose test
# cases are counted, or a *.py file: exit 0 = passed, 77 = skipped, else failed, unless its last
# line is itself "N passed, N failed, N skipped", which is then what counts. A program that says
# nothing countable before it ends (a crash, a sanitizer, the time limit) is one failure.
#
# SECOND_TRIES=N: on a machine that others use too, up to N suites that fail are run once more. One that
# passes then is called UNSTEADY, with what it said at first; one that fails again has failed.
set -uo pipefail

limit=${TEST_TIMEOUT:-300}  # seconds per suite
summary=
if [ "${1-}" = --summary ]; then summary=$2; shift 2; fi
chimera=$1
shift

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# ThreadSanitizer of GCC 12 dies on kernels that randomise more address bits than it knows.
fixed_addresses=()
setarch "$(uname -m)" -R true 2>/dev/null && fixed_addresses=(setarch "$(uname -m)" -R)

run_suite() {  # prints "passed failed skipped" for the suite $1; its output goes to $log
  local suite=$1 code=0 line
  case $suite in
    *.py) timeout -k 5 "$limit" python3 "$suite" "$chimera" >"$log" 2>&1 </dev/null || code=$? ;;
    *tsan*) timeout -k 5 "$limit" "${fixed_addresses[@]}" "$suite" >"$log" 2>&1 </dev/null || code=$? ;;
    *) timeout -k 5 "$limit" "$suite" >"$log" 2>&1 </dev/null || code=$? ;;
  esac
  [ $code = 124 ] && echo "the time limit of $limit s ended it" >>"$log"
  if [[ $suite == *.py ]]; then
    line=$(tail -n 1 "$log" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p')
    if [ $code = 77 ]; then line=${line:-0 0 1}; elif [ $code = 0 ]; then line=${line:-1 0 0}; fi
  else
    line=$(sed -nE 's/.*test cases: *[0-9]+ *\| *([0-9]+) passed *\| *([0-9]+) failed *\| *([0-9]+) skipped.*/\1 \2 \3/p' "$log" | tail -n 1)
  fi
  line=${line:-0 1 0}
  # A clean count and a bad exit: a leak report, or a crash on the way out.
  if [ $code != 0 ] && [ $code != 77 ] && [[ $line == *" 0 "* ]]; then
    line=$(echo "$line" | awk '{ print $1, 1, $3 }')
    echo "exit code $code after a clean count" >>"$log"
  fi
  echo "$line"
}

second_tries=${SECOND_TRIES:-0}
for suite in "$@"; do
  start=$SECONDS
  read -r p f s < <(run_suite "$suite")
  printf '%-34s %5d passed %3d failed %3d skipped  %3d s\n' "$suite" "$p" "$f" "$s" $((SECONDS - start))
  if [ "$f" != 0 ]; then
    sed 's/^/    /' "$log"
    if [ "$second_tries" -gt 0 ]; then
      second_tries=$((second_tries - 1)) start=$SECONDS
      read -r p f s < <(run_suite "$suite")
      printf '  again: %s: %d passed %d failed %d skipped  %d s\n' "$([ "$f" = 0 ] && echo UNSTEADY || echo FAILED)" "$p" "$f" "$s" $((SECONDS - start))
      [ "$f" = 0 ] || sed 's/^/    /' "$log"
    fi
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

line="$passed passed, $failed failed, $skipped skipped"
[ -z "$summary" ] || echo "$line" >"$summary"
echo "$line"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
