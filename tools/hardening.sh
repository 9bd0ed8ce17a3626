#!/bin/sh
# What each hardening flag adds to the release, in bytes, as a table for README.md. Called by
# `make hardening`, which builds the objects.
#
#   tools/hardening.sh 'HOW TO LINK' 'OBJECTS' 'OBJECTS WITH A STACK PROTECTOR'
set -eu
cd "$(dirname "$0")/.."
link=$1 objects=$2 protected=$3
lib=/usr/lib/x86_64-linux-musl
out=build/harden/chimera

size_of() {  # objects, more flags: the stripped program, which has to run
  $link "$@" -o "$out"
  strip -s -R .comment "$out"
  "$out" --version >/dev/null
  stat -c %s "$out"
}

row() {  # what, objects and flags
  what=$1
  shift
  printf '| %s | %+d |\n' "$what" $(($(size_of "$@") - plain))
}

# $objects and $protected are lists on purpose.
mkdir -p build/harden
plain=$(size_of $objects)
printf '| flag, alone | bytes more than %d |\n|---|---:|\n' "$plain"
row '`-z relro`' $objects -Wl,-z,relro
row '`-z now`' $objects -Wl,-z,now
row '`-z separate-code`' $objects -Wl,-z,separate-code
row '`-fstack-protector-strong`' $protected
# musl's specs know no static PIE: its start files, and that no loader is asked for.
row 'static PIE' -fPIE $objects -nostartfiles $lib/rcrt1.o $lib/crti.o $lib/crtn.o \
  -Wl,-pie -Wl,--no-dynamic-linker -Wl,-z,text
