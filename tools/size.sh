#!/bin/sh
# What the binaries weigh: each variant, on glibc and on musl, and the main ones by layer.
#
#   tools/size.sh            prints both; exit 1 over budget; a goal that is not met is only said
#   tools/size.sh --readme   writes the table into README.md, between its markers
#   tools/size.sh --tls      the row of `make tls` alone; exit 1 over budget
#   tools/size.sh --check    exit 1 over budget, or when README.md is more than 2 % off
#
# Binaries that are not built are left out (`make size` builds those of this machine, `make cross windows`
# the others). BUILD=build is the folder.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
open_marker='<!-- sizes: written by tools/size.sh --readme -->'
close_marker='<!-- /sizes -->'

budget_of() {  # libc name -> bytes it must stay below. Coarse, so that no change has to touch them.
  case $1-$2 in
    glibc-tls) echo 2000000 ;;   # Debian's mbedTLS brings the server, old ciphers and stdio
    musl-tls) echo 800000 ;;
    glibc-*) echo 850000 ;;
    musl-minimal) echo 131072 ;;
    musl-packed) echo 300000 ;;
    musl-*) echo 600000 ;;
    other-windows) echo 850000 ;;
    other-*) echo 900000 ;;
    other_packed-*) echo 307200 ;;
  esac
}

goal_of() {  # libc name -> bytes we would like, or nothing
  case $1-$2 in
    musl-full) echo 300000 ;;
    musl-minimal) echo 98304 ;;
    other_packed-*) echo 300000 ;;
  esac
}

# The full binaries are those of `make` and `make musl`, unless somebody asked these for one runtime.
full() {  # product or musl, binary
  [ -e "$2" ] && [ -z "$(cat "$build/$1/kind" 2>/dev/null)" ] && echo "$2" || true
}

path_of() {  # libc name -> file, or nothing
  case $1-$2 in
    glibc-full) full product "$build/chimera" ;;
    musl-full) full musl "$build/musl/chimera" ;;
    *-tls) ls "$build/tls/$1/chimera" 2>/dev/null || true ;;
    musl-packed) full musl "$build/packed/chimera" ;;
    other-windows) ls "$build/windows/chimera.exe" 2>/dev/null || true ;;
    other-*) ls "$build/cross/$2/chimera" 2>/dev/null || true ;;
    other_packed-*) ls "$build/cross/$2/packed" 2>/dev/null || true ;;
    *) ls "$build/variants/$1/chimera-$2" 2>/dev/null || true ;;
  esac
}

unstripped_of() {  # libc name
  case $1-$2 in
    glibc-full) echo "$build/product/chimera" ;;
    musl-full) echo "$build/musl/chimera.full" ;;
    *) echo "$build/variants/$1/full/chimera-$2" ;;
  esac
}

bytes_of() {  # libc name -> bytes, or nothing
  file=$(path_of "$1" "$2")
  [ -z "$file" ] || stat -c %s "$file"
}

variants() { echo full:; echo packed:; tools/list.sh variants; echo tls:; }  # "name:MACRO=value,..."

knobs() {  # name, MACRO=value,... -> words
  case $1:$2 in
    packed:) echo 'the same, unpacks itself' ;;
    tls:) echo 'all runtimes, and https (`make tls`)' ;;
    *:) echo 'all runtimes' ;;
    *) echo "$2" | tr 'A-Z=' 'a-z ' |
      sed 's/runtime //; s/read_size/read/; s/minimal 1/`run` and `ask`,packed/; s/,/, /g' ;;
  esac
}

grouped() { echo "${1:--}" | sed ':a; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; ta'; }  # 1,234,567

table() {
  echo '| binary | holds | glibc, bytes | musl, bytes |'
  echo '|---|---|---:|---:|'
  variants | while IFS=: read -r name kind; do
    echo "| \`$name\` | $(knobs "$name" "$kind") | $(grouped "$(bytes_of glibc "$name")") | $(grouped "$(bytes_of musl "$name")") |"
  done
}

others() { tools/list.sh cross | sed 's/:.*//'; echo windows; }

other_table() {
  echo '| machine | needs | bytes | packed, bytes |'
  echo '|---|---|---:|---:|'
  for name in $(others); do
    needs='Linux, musl in it'
    [ "$name" != windows ] || needs='Windows 10, x86-64'
    echo "| \`$name\` | $needs | $(grouped "$(bytes_of other "$name")") | $(grouped "$(bytes_of other_packed "$name")") |"
  done
}

tables() { table; echo; other_table; }

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

by_layer() {  # libc name
  bytes=$(bytes_of "$1" "$2")
  [ -n "$bytes" ] || return 0
  whole=$(unstripped_of "$1" "$2")
  echo "$2, $1: $bytes bytes, budget $(budget_of "$1" "$2")"
  [ "$2" != minimal ] || echo "  packed, of $(strip -s -R .comment -o "$build/weighed" "$whole"; stat -c %s "$build/weighed")"
  layers "$(unstripped_of "$1" "$2")"
}

judge() {  # prints what is over budget (and fails), and which goals are not met
  code=0
  for pair in $(variants | sed 's/:.*//; s/.*/glibc:& musl:&/') $(others | sed 's/.*/other:& other_packed:&/'); do
    libc=${pair%:*} name=${pair#*:}
    bytes=$(bytes_of "$libc" "$name")
    [ -n "$bytes" ] || continue
    budget=$(budget_of "$libc" "$name") goal=$(goal_of "$libc" "$name")
    if [ "$bytes" -ge "$budget" ]; then
      echo "$(path_of "$libc" "$name"): $bytes bytes is over the budget of $budget" >&2
      code=1
    fi
    if [ -n "$goal" ] && [ "$bytes" -ge "$goal" ]; then
      echo "goal not met: $name on $libc has $bytes bytes, the goal is $goal"
    fi
  done
  return $code
}

readme_table() { awk -v from="$open_marker" -v to="$close_marker" '$0 == to { on = 0 } on; $0 == from { on = 1 }' README.md; }

write_readme() {
  tables > "$build/sizes.md"
  if grep '| - |' "$build/sizes.md" | grep -qvE '`(minimal|packed|tls|windows)`'; then
    echo "not everything is built: make size cross windows" >&2
    return 1
  fi
  awk -v from="$open_marker" -v to="$close_marker" -v table="$build/sizes.md" '
    $0 == to { on = 0 }
    !on
    $0 == from { on = 1; while ((getline line < table) > 0) print line }' README.md > "$build/README.new"
  cat "$build/README.new" > README.md
}

check_readme() {  # what is built and written must agree; "-" is not compared
  tables > "$build/sizes.md"
  readme_table | awk -F '|' -v table="$build/sizes.md" '
    function number(s) { gsub(/[ ,]/, "", s); return s }
    BEGIN { while ((getline line < table) > 0) { n = split(line, f, "|"); if (n > 4) for (i = 4; i <= 5; i++) real[f[2], i] = number(f[i]) } }
    /^\| `/ {
      rows++
      for (i = 4; i <= 5; i++) {
        is = real[$2, i]; says = number($i)
        if (is !~ /^[0-9]+$/) continue
        off = is - says
        if (off < 0) off = -off
        if (says !~ /^[0-9]+$/ || off > is / 50) {
          printf "README.md: the size of%sis %d, not %s: make size cross windows && tools/size.sh --readme\n", $2, is, says
          bad = 1
        }
      }
    }
    END { if (!rows) { print "README.md: no table of sizes"; bad = 1 }; exit bad }'
}

case ${1-} in
  --readme) write_readme ;;
  --check)
    code=0
    judge || code=1
    check_readme || code=1
    exit $code ;;
  --tls)
    table | grep '`tls`'
    judge ;;
  '')
    tables
    echo
    echo "By layer: named symbols of the linked, link-time optimised binary by namespace; what was"
    echo "inlined counts where it went, string literals and alignment are in no row."
    by_layer glibc full
    by_layer musl full
    by_layer musl minimal
    judge ;;
  *) sed -n '2,$s/^# \{0,1\}//p;/^set/q' "$0" >&2; exit 2 ;;
esac
