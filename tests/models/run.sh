#!/bin/bash
# Checks the models in this folder with spin: the good ones in every state, the deliberately broken
# variants until spin rejects them. One line each, then "N passed, N failed, N skipped".
#
#   tests/models/run.sh [--summary FILE]
#
# Without spin, and not allowed to install it: skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."

summary=
if [ "${1-}" = --summary ]; then summary=$2; fi
limit=${MODEL_TIMEOUT:-300}   # seconds per search
work=build/models

passed=0 failed=0
finish() {  # skipped
  local line="$passed passed, $failed failed, $1 skipped"
  [ -z "$summary" ] || { mkdir -p "$(dirname "$summary")"; echo "$line" >"$summary"; }
  echo "$line"
  [ "$failed" = 0 ]
  exit
}

if ! command -v spin >/dev/null && ! words=$(tools/need.sh spin 2>&1); then
  echo "$words"
  case $words in
    missing:*) echo "skipped: no spin here, and no right to install it"; finish 1 ;;
  esac
  failed=1
  finish 0
fi

# Prints what the verifier of model $1, made with the definitions $2, says. -DLIVE among them: with
# acceptance cycles under weak fairness; else assertions and dead ends alone.
search() {
  local model=$PWD/tests/models/$1 how="-DSAFETY" options=
  case " $2 " in *" -DLIVE "*) how= options="-a -f" ;; esac
  rm -rf "$work"
  mkdir -p "$work"
  cd "$work" || return
  # The words after -D and the options are lists on purpose.
  spin -a $2 "$model" && gcc -O1 -w -DCOLLAPSE $how -o pan pan.c &&
    timeout "$limit" ./pan -m1000000 $options
}

verdict() {  # name, whether it is as it should be, spin's words
  if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '%-5s %-34s %s\n' "$([ "$2" = 0 ] && echo ok || echo BAD)" "$1" "$3"
}

good() {  # model, definitions: no error, in all states
  local out said
  out=$(search "$1" "$2" 2>&1)
  said=$(sed -nE 's/.*, (errors: [0-9]+)$/\1/p; s/^ *([0-9.e+]+ states), stored.*/\1/p' <<<"$out" |
    paste -sd' ')
  if grep -q 'errors: 0$' <<<"$out" && ! grep -qE 'Search not completed|depth too small|out of memory' <<<"$out"; then
    verdict "$1 ${2//-D/}" 0 "$said, all searched"
  else
    verdict "$1 ${2//-D/}" 1 "$said, $(grep -E '^pan:|not completed|too small|rror' <<<"$out" | head -n 3 | cut -c1-200)"
  fi
}

broken() {  # model, definitions: an assertion fails
  local out
  out=$(search "$1" "$2" 2>&1)
  if grep -q 'errors: 1$' <<<"$out" && grep -q '^pan:1: assertion violated' <<<"$out"; then
    verdict "$1 ${2//-D/}" 0 "rejected, $(sed -nE 's/^pan:1: (assertion violated).*(\(at depth [0-9]+\))$/\1 \2/p' <<<"$out")"
  else
    verdict "$1 ${2//-D/}" 1 "spin does not see it: $(tail -n 3 <<<"$out" | paste -sd' ' | cut -c1-200)"
  fi
}

good ring.pml ""
for n in 1 2 3 4; do broken ring.pml "-DBROKEN=$n"; done
good idle.pml "-DPUSHES=2 -DEVENTS=1"
good idle.pml "-DPUSHES=1 -DPOSTS=1 -DEVENTS=0"
good idle.pml "-DLIVE -DPUSHES=1 -DEVENTS=0"
for n in 1 2 3 4 5 6 7; do broken idle.pml "-DBROKEN=$n"; done
broken idle.pml "-DBROKEN=8 -DPOSTS=1"
finish 0
