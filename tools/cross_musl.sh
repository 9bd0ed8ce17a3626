#!/bin/bash
# Puts musl of another machine into a folder: headers, archives and specs for its compiler. Nothing is
# installed, and apt's own lists stay as they are.
#
#   tools/cross_musl.sh COMPILER-TRIPLET DEBIAN-ARCHITECTURE FOLDER
#
# Where Debian has no musl-dev for it, musl is built from Debian's source package.
set -euo pipefail
triplet=$1 arch=$2
folder=$(realpath -m "$3")
tools=$(cd "$(dirname "$0")" && pwd)
rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
trap 'rm -rf "$folder/apt"' EXIT
cd "$folder/apt"

apt() { apt-get -qq -o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt" "$@"; }
# An index that cannot be had may be one that is not needed; the download says whether it was.
binary_apt() { apt -o APT::Architectures="$arch" -o APT::Architecture="$arch" "$@"; }

from_package() {
  binary_apt update 2>/dev/null || true
  binary_apt download musl-dev 2>/dev/null || return 1
  dpkg-deb -x musl-dev_*.deb unpacked
  mv unpacked/usr/include/*-linux-musl* "$folder/include"
  mv unpacked/usr/lib/*-linux-musl* "$folder/lib"
}

from_source() {
  "$tools/apt_source.sh" musl "$PWD"
  mkdir source && tar -xf musl_*.orig.tar.[gx]z -C source --strip-components=1
  cd source
  ./configure --target="$triplet" --prefix="$folder" --disable-shared CROSS_COMPILE="$triplet-" > log 2>&1
  make -j2 install >> log 2>&1
}

from_package || from_source
# The specs name folders of the machine they were made for.
specs=$(ls "$folder"/lib/musl-gcc.specs)
sed "s,/usr/lib/[a-z0-9_]*-linux-musl[a-z0-9]*,$folder/lib,g; s,/usr/include/[a-z0-9_]*-linux-musl[a-z0-9]*,$folder/include,g" \
  "$specs" > "$folder/specs"
