#!/bin/sh
# Packs a static x86-64 program into one that unpacks itself: tools/pack/pack.sh IMAGE-TOOL ELF OUT
#
# What the program is in memory goes through xz; the stub that undoes it is linked around that, at an
# address where the program is not.
set -eu
tool=$1 elf=$2 out=$3
here=$(dirname "$0")
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

"$tool" "$elf" "$parts/image" "$parts/image.h"
xz --format=raw --lzma1=preset=9e,lc=3,lp=0,pb=0 -c "$parts/image" > "$parts/code"
"${CC:-gcc}" -std=gnu11 -O2 -Wall -Wextra -Wno-array-bounds -ffreestanding -fno-stack-protector \
  -fno-asynchronous-unwind-tables -fno-pie -fno-tree-loop-distribute-patterns -frandom-seed=stub \
  -I"$parts" -DBLOB="\"$parts/code\"" "$here/stub.c" -nostdlib -static -no-pie \
  -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,noexecstack \
  -Wl,-Ttext-segment=0x10000000 -s -o "$parts/out"
strip -s -R .comment "$parts/out"
mv "$parts/out" "$out"
