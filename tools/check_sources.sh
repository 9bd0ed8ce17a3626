#!/bin/sh
# src/files.txt names every src/**/*.cpp exactly once, with the platform of its folder, and nothing
# else; and no test file has a marker that nobody reads.
#
#   tools/check_sources.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"

bad=$(
  awk '
  /^[ \t]*(#|$)/ { next }
  {
    where = "src/files.txt:" NR ": "
    if (NF != 2 || $1 !~ /^(any|linux|virtual|windows|tls)$/) print where "expected \"<any|linux|virtual|windows|tls> <path>\""
    if (seen[$2]++) print where $2 " is listed twice; run make sources"
    platform = $2 ~ /^src\/sys\/[a-z]+\// ? substr($2, 9, index(substr($2, 9), "/") - 1) : $2 ~ /^src\/net\/tls/ ? "tls" : "any"
    if ($1 != platform) print where $2 " belongs to platform " platform "; run make sources"
    if ((getline text < $2) < 0) print where $2 " does not exist; run make sources"
    close($2)
  }' src/files.txt
  find src -name '*.cpp' | LC_ALL=C sort | while read -r file; do
    grep -q "^[a-z]* $file\$" src/files.txt || echo "$file:1: is not in src/files.txt; run make sources"
  done
  [ ! -d tests ] || find tests -name '*_test.cpp' | LC_ALL=C sort | while read -r file; do
    awk -v file="$file" '
      /^\/\/ *runs *:/ {
        if (FNR > 3) print file ":" FNR ": the `// runs:` line must be among the first three"
        if ($0 !~ /^\/\/ runs:( linux| virtual| tsan| windows)+$/)
          print file ":" FNR ": write `// runs: linux virtual tsan windows`, any of the four words"
      }' "$file"
  done
)
[ -z "$bad" ] || { echo "$bad"; exit 1; }
