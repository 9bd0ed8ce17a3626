#!/bin/sh
# What each hardening flag adds to the release, in bytes, as a table for README.md. `make hardening`
# builds what is linked here: the program as one object, once as it is and once for each flag of the
# compiler.
#
#   tools/hardening.sh SPECS 'LINK FLAGS'
set -eu
cd "$(dirname "$0")/.."
specs=$1 flags=$2
lib=$(dirname "$specs")
out=build/harden/chimera

size_of() {  # object, more flags: the stripped program, which has to run
  object=$1
  shift
  g++ $flags "$@" "$object" -o "$out"
  strip -s -R .comment "$out"
  "$out" --version >/dev/null
  stat -c %s "$out"
}

row() {  # what, bytes
  printf '| %s | %+d |\n' "$1" $(($2 - plain))
}

mkdir -p build/harden
plain=$(size_of build/musl/whole.o)
printf '| flag, alone | bytes, of %d |\n|---|---:|\n' "$plain"
row '`-z relro`' "$(size_of build/musl/whole.o -Wl,-z,relro)"
row '`-z now`' "$(size_of build/musl/whole.o -Wl,-z,now)"
row '`-z separate-code`' "$(size_of build/musl/whole.o -Wl,-z,separate-code)"
row '`-fstack-protector-strong`' "$(size_of build/harden/protector/whole.o)"
row '`-D_FORTIFY_SOURCE=2`' "$(size_of build/harden/fortify/whole.o)"
# musl's specs know no static PIE: its start files, and that no loader is asked for.
row 'static PIE' "$(size_of build/harden/pie/whole.o -nostartfiles "$lib/rcrt1.o" "$lib/crti.o" "$lib/crtn.o" \
  -Wl,-pie -Wl,--no-dynamic-linker -Wl,-z,text)"
