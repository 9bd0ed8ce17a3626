#!/bin/sh
# How large the binary is, by layer, and whether it is within budget.
#
#   tools/size.sh [BUILD]    exit 1 over budget
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
glibc_budget=1000000  # bytes, below
musl_budget=300000

layers() {  # unstripped binary
  nm -S --defined-only "$1" | awk '
    BEGIN { n = split("base sys wire rt net llm agent sim lab cli", layer, " ") }
    # "address size type name", sizes in hex; b is zero-filled memory, not bytes of the file.
    function hex(s,   i, v) { for (i = 1; i <= length(s); i++) v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
    NF == 4 && $3 !~ /[bB]/ {
      size = hex($2)
      rest = $4
      if (seen[$1 " " $2]++) next  # an alias
      if (rest !~ /^_Z[A-Z]*N?[KVr]*7chimera/ && rest !~ /^_Z(Z|GV|T[VISC])+N?[KVr]*7chimera/) {
        sum[rest ~ /^_Z/ ? "std" : "libc"] += size
        next
      }
      sub(/^_Z[A-Z]*[KVr]*7chimera/, "", rest)
      found = "base"
      for (i = 1; i <= n; i++) if (index(rest, length(layer[i]) layer[i]) == 1) found = layer[i]
      sum[found] += size
    }
    END {
      for (i = 1; i <= n; i++) if (sum[layer[i]]) printf "  %-8s %9d\n", layer[i], sum[layer[i]]
      printf "  %-8s %9d\n  %-8s %9d\n", "C++ lib", sum["std"], "C, rest", sum["libc"]
    }'
}

table() {  # name stripped unstripped budget
  bytes=$(stat -c %s "$2")
  echo "$1: $bytes bytes, budget $4"
  echo "  (named symbols of the linked, link-time optimised binary by namespace; what was inlined"
  echo "  counts where it went, string literals and alignment are in no row)"
  layers "$3"
  [ "$bytes" -lt "$4" ] || { echo "$2: $bytes bytes is over the budget of $4; see what grew above" >&2; return 1; }
}

code=0
table "glibc" "$build/chimera" "$build/product/chimera" $glibc_budget || code=1
if [ -e "$build/musl/chimera" ]; then
  table "musl" "$build/musl/chimera" "$build/musl/chimera.full" $musl_budget || code=1
fi
exit $code
