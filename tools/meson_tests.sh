#!/bin/bash
# meson builds what make builds: with GCC the files of `make install`, the pages byte by byte and the
# binary within 1 %; with clang 19 and with mingw a program that starts. The tests themselves are make's.
#
#   tools/meson_tests.sh [--whole]     --whole: clang and mingw too, and https (-Dtls=true) with its tests
set -euo pipefail
cd "$(dirname "$0")/.."
tools/need.sh meson ninja-build
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

build() {  # folder, what meson setup takes besides
  local folder=$1
  shift
  rm -rf "$folder"
  meson setup "$folder" --prefix=/usr -Dtests=false "$@" > "$scratch/log" && ninja -C "$folder" > "$scratch/log" || { tail -n 30 "$scratch/log" >&2; return 1; }
}
size() { stat -c %s "$1"; }

build build-meson
DESTDIR=$scratch/meson meson install -C build-meson --no-rebuild > "$scratch/log"
make -s install DESTDIR="$scratch/make" PREFIX=/usr > "$scratch/log"
diff -r --exclude=chimera "$scratch/make" "$scratch/meson"
diff <(cd "$scratch/make" && find . | sort) <(cd "$scratch/meson" && find . | sort)
cmp {"$scratch/make","$scratch/meson"}/usr/share/bash-completion/completions/chimera
made=$(size "$scratch/make/usr/bin/chimera") other=$(size "$scratch/meson/usr/bin/chimera")
[ $((100 * (other - made))) -lt "$made" ] && [ $((100 * (made - other))) -lt "$made" ] || { echo "meson's binary has $other bytes, make's $made" >&2; exit 1; }
echo "gcc: as make install, $other bytes"

[ "${1-}" = --whole ] || exit 0
tools/need.sh clang-19 lld-19 g++-mingw-w64-x86-64-posix libmbedtls-dev openssl python3

build build-clang --native-file meson/clang.ini
build-clang/chimera --version | cmp - <(build/chimera --version)
build-clang/chimera run samples/notes --sim=tokens=20,rate=500 > /dev/null
echo "clang 19: $(size build-clang/chimera) bytes"

build build-mingw --cross-file meson/mingw.ini
[ ! -e build/windows/chimera.exe ] || [ "$(size build-mingw/chimera.exe)" = "$(size build/windows/chimera.exe)" ] || { echo "meson's chimera.exe is not make's" >&2; exit 1; }
echo "mingw: $(size build-mingw/chimera.exe) bytes"

build build-meson-tls -Dtls=true
tools/run_tests.sh build-meson-tls/chimera tests/e2e/tls_test.py tests/e2e/fetch_test.py
echo "gcc with https: $(size build-meson-tls/chimera) bytes"
