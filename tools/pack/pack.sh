#!/bin/sh
# Packs a static program into one that unpacks itself: tools/pack/pack.sh IMAGE-TOOL ELF OUT
#
# What the program is in memory goes through xz; the stub that undoes it is linked around that, at an
# address where the program is not. CC and STRIP are those of its machine: on x86-64 the stub needs no C
# library, on others CC links a static one.
set -eu
tool=$1 elf=$2 out=$3
here=$(dirname "$0")
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

"$tool" "$elf" "$parts/image" "$parts/image.h"
value() { sed -n "s/^#define $1 //p" "$parts/image.h"; }
xz --format=raw --lzma1="preset=9e,lc=$(value LC),lp=$(value LP),pb=$(value PB)" -c "$parts/image" > "$parts/code"
# CC is words, and says whether the stub is fast (it starts in a tenth less time) or small.
${CC:-gcc -nostdlib -O2} -std=gnu11 -Wall -Wextra -Wno-array-bounds -ffreestanding -fno-stack-protector \
  -fno-asynchronous-unwind-tables -fno-pie -fno-tree-loop-distribute-patterns -frandom-seed=stub \
  -ffunction-sections -Wl,--gc-sections \
  -I"$parts" -DBLOB="\"$parts/code\"" "$here/stub.c" -static -no-pie \
  -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,noexecstack -Wl,-z,common-page-size=64 \
  -Wl,-Ttext-segment="$(value STUB)" -s -o "$parts/out"
"${STRIP:-strip}" -s -R .comment "$parts/out"
mv "$parts/out" "$out"
