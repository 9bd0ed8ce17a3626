#!/bin/sh
# Names the files of one binary, one per line: the only place that knows what belongs where.
# Makefile and meson.build both ask here.
#
#   tools/list.sh product    sources of build/chimera: platforms any and linux
#   tools/list.sh windows    sources of chimera.exe: platforms any and windows
#   tools/list.sh tls        what `make TLS=1` adds
#   tools/list.sh library    the same without src/cli/main.cpp: what the unit tests link
#   tools/list.sh hot        the sources that run for every token: built with -O2
#   tools/list.sh kind       the sources that look at what the binary holds (include/chimera/rt/build.hpp)
#   tools/list.sh variants   single-runtime binaries, "name:MACRO=value,..." of that header: the presets
#                            of `chimera run --preset`, and the smallest one
#   tools/list.sh cross      machines of `make cross`, "name:of its compiler:of its Debian packages:of qemu"
#   tools/list.sh virtual    the same for the virtual world: a file in src/sys/virtual stands in for
#                            the file of the same name in src/sys/linux
#   tools/list.sh vopr       the virtual world's once more, with tools/vopr around it; a file in
#                            tools/vopr/sys stands in for that of src/sys/linux, memory.cpp for base/hooks.cpp
#   tools/list.sh tsan       the layers of the library in which threads meet: base sys wire rt net llm
#   tools/list.sh tests-unit | tests-virtual | tests-tsan | tests-windows    test files of one test
#                            binary; with the unit tests go the functions that tests/fuzz/replay_test.cpp
#                            calls
#   tools/list.sh tests-e2e  Python scripts that get the path of build/chimera
#
# A test says which binaries it belongs to in one of its first three lines, `// runs: linux virtual tsan windows`.
# Without that line a test runs on linux, in tests/virtual in the virtual world; and on windows when it
# includes no header of another system and no rig that does. A lone `linux` keeps it from there.
set -eu
cd "$(dirname "$0")/.."

main=src/cli/main.cpp

sources() {  # platform...
  awk -v want=" $* " '!/^[ \t]*(#|$)/ && index(want, " " $1 " ") { print $2 }' src/files.txt
}

virtual_sources() {
  sources any
  sources virtual
  sources linux | while read -r file; do
    sources virtual | grep -q "^src/sys/virtual/$(basename "$file")\$" || echo "$file"
  done
}

vopr_sources() {
  virtual_sources | grep -vxE "$main|src/base/hooks.cpp" | while read -r file; do
    [ "${file#src/sys/linux/}" != "$file" ] && [ -e "tools/vopr/sys/$(basename "$file")" ] || echo "$file"
  done
  find tools/vopr -name '*.cpp' | LC_ALL=C sort
}

marker() {  # file -> its words
  words=$(sed -n '1,3s,^// runs:,,p' "$1")
  if [ -n "$words" ]; then
    echo "$words"
    return
  fi
  case $1 in
    tests/virtual/*) echo virtual ;;
    *) echo linux ;;
  esac
}

tests() {  # word
  find tests -name '*_test.cpp' | LC_ALL=C sort | while read -r file; do
    case " $(marker "$file") " in *" $1 "*) echo "$file" ;; esac
  done
}

posix='^#include (<(arpa|netinet|sys)/|<(dirent|fcntl|poll|pthread|sched|signal|time|unistd)\.h>|"tests/(net|rt)/|"tests/(agent/ingest_fixture|llm/model_server|sys/file_rig)\.hpp")'

windows_tests() {
  for file in $(tests linux); do
    case " $(marker "$file") " in
      *" windows "*) echo "$file" ;;
      *) sed -n '1,3p' "$file" | grep -qx '// runs: linux' || grep -qE "$posix" "$file" || echo "$file" ;;
    esac
  done
}

case ${1-} in
  product) sources any linux ;;
  windows) sources any windows ;;
  tls) sources tls ;;
  library) sources any linux | grep -vx "$main" || true ;;
  hot)
    echo src/wire/ndjson.cpp src/llm/answer.cpp | tr ' ' '\n' ;;
  kind) sources any linux | xargs grep -lE 'chimera/rt/build\.hpp|CHIMERA_MINIMAL' || true ;;
  variants)
    echo tokio-default:RUNTIME=steal,READ_SIZE=8192
    echo tokio-localset:RUNTIME=local,READ_SIZE=8192
    echo asyncio:RUNTIME=local,READ_SIZE=65536
    echo smol:RUNTIME=fixed,READ_SIZE=8192
    echo smol-1kb:RUNTIME=fixed,READ_SIZE=1024
    echo async-std:RUNTIME=bridge,READ_SIZE=8192,PERMITS=1
    echo upstream-smol:RUNTIME=bridge,READ_SIZE=8192,PERMITS=2
    echo upstream-smol-1kb:RUNTIME=bridge,READ_SIZE=8192,COALESCE=1024,PERMITS=2
    echo minimal:RUNTIME=fixed,READ_SIZE=1024,MINIMAL=1 ;;
  cross)
    echo aarch64:aarch64-linux-gnu:arm64:aarch64
    echo armhf:arm-linux-gnueabihf:armhf:arm
    echo armel:arm-linux-gnueabi:armel:arm
    echo i386:i686-linux-gnu:i386:i386
    echo mipsel:mipsel-linux-gnu:mipsel:mipsel
    echo mips64el:mips64el-linux-gnuabi64:mips64el:mips64el
    echo ppc64el:powerpc64le-linux-gnu:ppc64el:ppc64le
    echo s390x:s390x-linux-gnu:s390x:s390x
    echo riscv64:riscv64-linux-gnu:riscv64:riscv64 ;;
  virtual) virtual_sources | grep -vx "$main" || true ;;
  vopr) vopr_sources ;;
  tsan) sources any linux | grep -E '^src/(base|sys|wire|rt|net|llm)/' || true ;;
  tests-unit) tests linux; find tests/fuzz -name '*_fuzz.cpp' | LC_ALL=C sort ;;
  tests-virtual) tests virtual ;;
  tests-windows) windows_tests ;;
  tests-tsan) tests tsan ;;
  tests-e2e) find tests/e2e tests/issues -name '*_test.py' | LC_ALL=C sort ;;
  *) sed -n '5,$s/^# \{0,1\}//p;/^set/q' "$0" >&2; exit 2 ;;
esac
