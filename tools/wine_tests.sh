#!/bin/bash
# chimera.exe under wine: the port's suite and the other unit tests that run there, then its commands by
# the end-to-end scripts. Ends with "N passed, N failed, N skipped".
#
#   tools/wine_tests.sh [SCRIPT...]      those of tests/e2e that are named, instead of the usual ones
#                                        (bench_test.py and selftest_test.py take minutes there)
set -euo pipefail
cd "$(dirname "$0")/.."

export WINEPREFIX=$PWD/build/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml=" TEST_TIMEOUT=280
export CHIMERA_EXE=$PWD/build/windows/chimera.exe
# From a fresh Debian, whatever started it: a display is not needed, and nothing is to be asked.
unset DISPLAY
mkdir -p build/wine-bin
printf '#!/bin/sh\nexec wine "%s" "$@"\n' "$CHIMERA_EXE" >build/wine-bin/chimera
printf '#!/bin/sh\nexec wine "%s" "$@"\n' "$PWD/build/windows/unit.exe" >build/wine-bin/unit
chmod +x build/wine-bin/chimera build/wine-bin/unit

# One server for all of it: the first program pays for it, and each would for its own.
wineboot --init >/dev/null 2>&1 || true
wineserver=$(command -v wineserver || ls /usr/lib/wine/wineserver64 /usr/lib/wine/wineserver 2>/dev/null | head -n 1)
"$wineserver" -p || true
trap '"$wineserver" -k || true' EXIT

suites=("${@/#/tests/e2e/}")
if [ $# = 0 ]; then
  suites=(build/wine-bin/unit)
  for name in run ask map worker probe fetch sim stats; do suites+=("tests/e2e/${name}_test.py"); done
fi
tools/run_tests.sh --summary build/wine-summary build/wine-bin/chimera "${suites[@]}"
