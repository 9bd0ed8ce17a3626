#!/bin/bash
# Every check that is not a test, all of them even when one fails. Called by `make check`.
#
#   tools/check.sh [--summary FILE]
set -uo pipefail
cd "$(dirname "$0")/.."

summary=
if [ "${1-}" = --summary ]; then summary=$2; fi

passed=0 failed=0
check() {  # name, command...
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "BAD   $name"
    sed 's/^/      /' <<<"$out"
  fi
}

make=${MAKE:-make}
check "layers: includes go one way" tools/check_layers.sh
check "sources: src/files.txt is the tree" tools/check_sources.sh
check "lint: house rules" tools/lint.sh
check "mutants: each can still be planted" python3 tools/mutants.py --check
check "headers: each compiles alone" tools/check_headers.sh
check "clang: no warning" "$make" -k clang-pass
check "cppcheck: no finding" "$make" cppcheck
check "build: no warning" "$make" build/chimera
check "size: within budget, README agrees" tools/size.sh --check

line="$passed passed, $failed failed, 0 skipped"
[ -z "$summary" ] || echo "$line" >"$summary"
echo "checks: $line"
[ "$failed" = 0 ]
