#!/bin/bash
# Builds this very source again - in another, deeper folder, with another umask, locale, time zone and
# clock, without a compiler's cache - and compares byte by byte with what stands in build/: build/chimera,
# build/musl/chimera, build/packed/chimera and build/windows/chimera.exe, those that are there. Exit 1: they
# differ. `make reproducible` builds them first.
#
#   tools/reproducible.sh
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

deep=$scratch/another/folder/with/a/longer/name
git clone -q . "$deep"
# What is not committed comes along.
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$deep" 2>/dev/null || true

binaries=()
for binary in build/chimera build/musl/chimera build/packed/chimera build/windows/chimera.exe; do
  [ ! -e "$binary" ] || binaries+=("$binary")
done
clock=()
! command -v faketime > /dev/null || clock=(faketime -m -f +400d)
(
  cd "$deep"
  umask 077
  export LC_ALL=C.UTF-8 TZ=Pacific/Auckland CCACHE_DISABLE=1
  "${clock[@]}" "${MAKE:-make}" -s -j2 "${binaries[@]}" > "$scratch/log" 2>&1 || { tail -n 20 "$scratch/log" >&2; exit 1; }
)
bad=0
for binary in "${binaries[@]}"; do
  if cmp "$here/$binary" "$deep/$binary"; then echo "same  $binary"; else bad=1; fi
done
exit $bad
