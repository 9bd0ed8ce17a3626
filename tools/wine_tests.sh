#!/bin/bash
# chimera.exe under wine: the port's suite and the other unit tests that run there, then its commands by
# the end-to-end scripts. Ends with "N passed, N failed, N skipped".
#
#   tools/wine_tests.sh [--whole | SCRIPT...]     --whole: the scripts that take minutes there too, and the
#                                                 experiment with all its workloads; SCRIPT: of tests/e2e
set -euo pipefail
cd "$(dirname "$0")/.."

# One start in some thousands finds what the kernel has placed at random where wine maps a page of its
# own, and ends with 1 and not a word. Nothing is placed at random with -R, here and in all that follows.
if [ -z "${PLACED-}" ] && setarch -R true 2>/dev/null; then PLACED=1 exec setarch -R tools/wine_tests.sh "$@"; fi

export WINEPREFIX=$PWD/build/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml=" TEST_TIMEOUT=280
export CHIMERA_EXE=$PWD/build/windows/chimera.exe CHIMERA_NATIVE=$PWD/build/chimera
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

if ! timeout 120 wine cmd /c exit >/dev/null 2>&1; then
  echo "wine does not start here"
  echo "0 passed, 0 failed, 1 skipped" | tee build/wine-summary
  exit 0
fi

unit=(build/wine-bin/unit)
scripts=(run_test ask_test map_test worker_test probe_test fetch_test sim_test stats_test on_windows)
case ${1-} in
  '') ;;
  --whole)
    export CHIMERA_EXPERIMENT=whole TEST_TIMEOUT=1500
    scripts+=(bench_test selftest_test) ;;
  *) unit=() scripts=("${@%.py}") ;;
esac
scripts=("${scripts[@]/#/tests/e2e/}")
tools/run_tests.sh --summary build/wine-summary build/wine-bin/chimera "${unit[@]}" "${scripts[@]/%/.py}"
