#!/bin/bash
# Packs binaries for those who get them: build/dist/chimera-VERSION-TARGET.tar.gz (Windows: .zip), for Linux
# a .deb too, and SHA256SUMS over what is packed now. The same input gives the same bytes: order, owners,
# modes and times do not come from this machine.
#
#   tools/dist.sh VERSION TARGET:BINARY...     x86_64, x86_64-packed, windows, the machines of tools/list.sh cross
#
# Called by `make dist`, which has built the binaries and build/share. DIST is the folder. Times are
# SOURCE_DATE_EPOCH, else that of the commit. The packages' maintainer is DEBFULLNAME, DEBEMAIL, else who made
# the commit. The licences of what is linked come out of this system's packages: a Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
shift

export LC_ALL=C TZ=UTC
umask 022
dist=$(realpath -m "${DIST:-build/dist}")
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}   # 1980: zip's oldest
export SOURCE_DATE_EPOCH=$epoch
gcc_major=$(g++ -dumpversion)
who=$(git log -1 --format="%an <%ae>" 2>/dev/null || echo "nobody <nobody@localhost>")
maintainer="${DEBFULLNAME:-${who% <*}} <${DEBEMAIL:-$(expr "$who" : ".*<\(.*\)>")}>"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "dist: $*" >&2; exit 1; }

# ---- what every package has ---------------------------------------------------------------------

# libgcc and libstdc++: the permission under which they are part of a program. The GPL itself is beside it.
gcc_exception() {
  sed -n '/^GCC RUNTIME LIBRARY EXCEPTION/,/requirements of the license of GCC\.$/p' "/usr/share/doc/gcc-${gcc_major%%.*}-base/copyright"
}

licences() {  # target, folder
  mkdir -p "$2"
  [ ! -e LICENSE ] || cp LICENSE "$2/chimera.txt"
  if [ "$1" = windows ]; then
    cp /usr/share/doc/mingw-w64-common/copyright "$2/mingw-w64.txt"
  else
    cp /usr/share/doc/musl-dev/copyright "$2/musl.txt"
  fi
  gcc_exception > "$2/gcc-runtime-exception.txt"
  [ -s "$2/gcc-runtime-exception.txt" ] || fail "no licence of libgcc in /usr/share/doc"
  cp /usr/share/common-licenses/GPL-3 "$2/gpl-3.txt"
}

settle() {  # folder: modes and times
  chmod -R u=rwX,go=rX "$1"
  find "$1" -exec touch -h -d "@$epoch" {} +
}

# ---- archives -----------------------------------------------------------------------------------

tree() {  # target, binary, name -> $scratch/name
  local to=$scratch/$3
  mkdir -p "$to"
  cp README.md "$to/"
  licences "$1" "$to/licences"
  if [ "$1" = windows ]; then
    install -m 755 "$2" "$to/chimera.exe"
  else
    install -m 755 "$2" "$to/chimera"
    cp build/share/chimera.1 "$to/"
    install -D -m 644 -t "$to/completions" build/share/{chimera.bash,_chimera,chimera.fish}
  fi
  settle "$to"
}

archive() {  # target, binary
  local name=chimera-$version-$1
  tree "$1" "$2" "$name"
  if [ "$1" = windows ]; then
    rm -f "$dist/$name.zip"
    (cd "$scratch" && find "$name" | sort | zip -q -9 -X -@ "$dist/$name.zip")
    files+=("$name.zip")
  else
    tar --format=ustar --sort=name --owner=0 --group=0 --numeric-owner -C "$scratch" -c "$name" | gzip -9n > "$dist/$name.tar.gz"
    files+=("$name.tar.gz")
  fi
}

# ---- Debian's package -----------------------------------------------------------------------------

architecture() {  # target -> Debian's word for it
  if [ "$1" = x86_64 ]; then echo amd64; else tools/list.sh cross | awk -F: -v name="$1" '$1 == name { print $3 }'; fi
}

# Debian compares versions; a commit's hash says nothing about which is newer, its time does.
debian_version=${version/+/+git$(date -d "@$epoch" +%Y%m%d%H%M%S).}

copyright() {  # folder of licences
  echo "chimera. In its program are parts of musl, libgcc and libstdc++."
  if [ -e "$1/chimera.txt" ]; then echo; cat "$1/chimera.txt"; fi
  printf '\n---- musl ----\n\n'
  cat "$1/musl.txt"
  printf '\n---- libgcc and libstdc++ ----\n\n'
  echo "Copyright (C) Free Software Foundation, Inc. GNU General Public License, version 3 or later (on Debian"
  printf 'systems /usr/share/common-licenses/GPL-3), with this permission:\n\n'
  cat "$1/gcc-runtime-exception.txt"
}

control() {  # architecture, folder
  cat <<END
Package: chimera
Version: $debian_version
Architecture: $1
Maintainer: $maintainer
Installed-Size: $(du -k --apparent-size -s "$2" | cut -f1)
${3:+Depends: $3
}Section: utils
Priority: optional
Description: LLM agents, their reports and their measurement, in one small file
 Agents read a folder, think about it with your model servers (Ollama's or
 OpenAI's protocol), and report. chimera asks, maps a prompt over records, works
 for an orchestrator, simulates servers, tests them under load, and says what
 its figures are made of.
 .
 The program is static and needs nothing around it.
END
}

# Static is what it is for.
overrides() { echo 'chimera: statically-linked-binary [usr/bin/chimera]'; }

changelog() {
  printf 'chimera (%s) unstable; urgency=medium\n\n  * As of this version.\n\n -- %s  %s\n' \
    "$debian_version" "$maintainer" "$(date -R -d "@$epoch")"
}

package() {  # target, binary
  local word root=$scratch/deb-$1 depends=
  word=$(architecture "$1")
  [ "$1" != i386 ] || depends=sse2-support
  make -s install BINARY="$2" DESTDIR="$root" PREFIX=/usr ZSHDIR=/usr/share/zsh/vendor-completions > /dev/null
  gzip -9n "$root/usr/share/man/man1/chimera.1"
  mkdir -p "$root/usr/share/doc/chimera" "$root/usr/share/lintian/overrides" "$root/DEBIAN"
  licences "$1" "$scratch/licences-$1"
  copyright "$scratch/licences-$1" > "$root/usr/share/doc/chimera/copyright"
  changelog | gzip -9n > "$root/usr/share/doc/chimera/changelog.gz"
  overrides > "$root/usr/share/lintian/overrides/chimera"
  (cd "$root" && find usr -type f | sort | xargs md5sum) > "$scratch/md5sums"
  control "$word" "$root/usr" "$depends" > "$root/DEBIAN/control"
  mv "$scratch/md5sums" "$root/DEBIAN/md5sums"
  settle "$root"
  local name=chimera_${debian_version}_$word.deb
  dpkg-deb --root-owner-group --threads-max=1 -Zxz --build "$root" "$dist/$name" > /dev/null
  files+=("$name")
}

files=()
mkdir -p "$dist"
for target in "$@"; do
  binary=${target#*:} target=${target%%:*}
  [ -f "$binary" ] || fail "$binary is not built"
  archive "$target" "$binary"
  case $target in
    windows | *-packed) ;;
    *) package "$target" "$binary" ;;
  esac
done
(cd "$dist" && printf '%s\n' "${files[@]}" | sort | xargs sha256sum > SHA256SUMS && cat SHA256SUMS)
