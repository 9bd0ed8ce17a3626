#!/bin/bash
# What `make install`, `make dist` and the .deb put where, and that it works there. Into empty folders:
# nothing on this machine changes.
#
#   tools/dist_tests.sh [--summary FILE] [TARGET...]     what make dist packs for it (x86_64 x86_64-packed)
#
# Ends with one line, "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.."
summary=
if [ "${1-}" = --summary ]; then summary=$2; shift 2; fi
targets=("${@:-x86_64}")
[ $# != 0 ] || targets+=(x86_64-packed)
make=${MAKE:-make}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0 skipped=0
export CHIMERA_NO_CONFIG=1

check() {  # what, command...
  local what=$1
  shift
  if "$@" > "$scratch/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok    $what"
  else
    failed=$((failed + 1))
    echo "BAD   $what"
    sed 's/^/      /' "$scratch/log"
  fi
}
skip() { skipped=$((skipped + 1)); echo "skip  $1"; }

# ---- make install -------------------------------------------------------------------------------

root=$scratch/root
files() { (cd "$1" && find . ! -type d | LC_ALL=C sort); }
installed() {
  "$make" -s install DESTDIR="$root" PREFIX=/usr > /dev/null && diff <(files "$root") - <<END
./usr/bin/chimera
./usr/share/bash-completion/completions/chimera
./usr/share/fish/vendor_completions.d/chimera.fish
./usr/share/man/man1/chimera.1
./usr/share/zsh/site-functions/_chimera
END
}
starts() { "$@" --version | cmp - <(build/chimera --version); }
page_renders() {
  local said
  said=$(groff -man -ww -Tascii -P-cbou -rLL=80n "$1" 2>&1 >"$scratch/page") && [ -z "$said" ] && grep -q '^NAME' "$scratch/page" || { echo "$said"; return 1; }
}
bash_completes() {
  bash -c 'source "$1"; COMP_WORDS=(chimera run --pre); COMP_CWORD=2; _chimera; [ "${COMPREPLY[*]}" = --preset ]' - "$1"
}
gone() { "$make" -s uninstall DESTDIR="$root" PREFIX=/usr && [ -z "$(files "$root")" ]; }

check "install: five files" installed
check "install: the program starts" starts "$root/usr/bin/chimera"
if command -v groff > /dev/null; then
  check "install: the manual page has no warning" page_renders "$root/usr/share/man/man1/chimera.1"
else
  skip "install: the manual page: no groff"
fi
check "install: bash completes" bash_completes "$root/usr/share/bash-completion/completions/chimera"
check "uninstall: leaves no file" gone

# ---- make dist ------------------------------------------------------------------------------------

export DIST=$scratch/dist
packed() { "$make" -s dist TARGETS="${targets[*]}"; }
sums() { (cd "$DIST" && sha256sum -c --strict SHA256SUMS && [ "$(ls | grep -vc SHA256SUMS)" = "$(wc -l < SHA256SUMS)" ]); }
tar_whole() {  # archive: what is in it; one folder, owner 0, nothing of this machine
  tar -tzf "$1" > "$scratch/names" || return 1
  for name in chimera README.md chimera.1 completions/{chimera.bash,_chimera,chimera.fish} \
    licences/{musl,gcc-runtime-exception,gpl-3}.txt; do
    grep -q "^[^/]*/$name\$" "$scratch/names" || { echo "no $name"; return 1; }
  done
  [ "$(cut -d/ -f1 "$scratch/names" | sort -u | wc -l)" = 1 ] && ! tar --numeric-owner -tvzf "$1" | grep -v ' 0/0 '
}
tar_starts() { rm -rf "$scratch/tar" && mkdir "$scratch/tar" && tar -xzf "$1" -C "$scratch/tar" && starts "$scratch"/tar/*/chimera; }
zip_whole() { unzip -tq "$1" && for n in chimera.exe README.md licences/mingw-w64.txt; do unzip -l "$1" | grep -q "/$n\$" || return 1; done; }
again() { cp "$DIST/SHA256SUMS" "$scratch/sums" && (umask 077 && TZ=Asia/Tokyo packed) > /dev/null && cmp "$scratch/sums" "$DIST/SHA256SUMS"; }

check "dist: ${targets[*]}" packed
check "dist: SHA256SUMS names all files and is right" sums
check "dist: the same bytes again, with another umask and time zone" again
for archive in "$DIST"/*.tar.gz; do
  check "$(basename "$archive"): whole" tar_whole "$archive"
  case $archive in *-x86_64*) check "$(basename "$archive"): starts" tar_starts "$archive" ;; esac
done
for archive in "$DIST"/*.zip; do
  [ ! -e "$archive" ] || check "$(basename "$archive"): whole" zip_whole "$archive"
done

# ---- the .deb -------------------------------------------------------------------------------------

deb_whole() {
  diff <(dpkg-deb -c "$1" | awk '$1 !~ /^d/ { print $2, $6 }') - <<END
root/root ./usr/bin/chimera
root/root ./usr/share/bash-completion/completions/chimera
root/root ./usr/share/doc/chimera/changelog.gz
root/root ./usr/share/doc/chimera/copyright
root/root ./usr/share/fish/vendor_completions.d/chimera.fish
root/root ./usr/share/lintian/overrides/chimera
root/root ./usr/share/man/man1/chimera.1.gz
root/root ./usr/share/zsh/vendor-completions/_chimera
END
}
other=$scratch/system
dpkg_there() { dpkg --root="$other" --force-not-root --log=/dev/null "$@"; }
deb_installs() {
  rm -rf "$other"
  mkdir -p "$other"/var/lib/dpkg/{updates,info,triggers} && touch "$other/var/lib/dpkg/"{status,available}
  dpkg_there -i "$1" && starts "$other/usr/bin/chimera" && dpkg_there --verify chimera &&
    gzip -dc "$other/usr/share/man/man1/chimera.1.gz" > "$scratch/page" && head -n 1 "$scratch/page" | grep '^.TH CHIMERA'
}
deb_leaves() { dpkg_there -P chimera && [ -z "$(files "$other/usr" 2>/dev/null)" ]; }

for package in "$DIST"/*.deb; do
  name=$(basename "$package")
  check "$name: its files" deb_whole "$package"
  if command -v lintian > /dev/null; then
    check "$name: lintian" lintian --allow-root --fail-on error,warning "$package"
  else
    skip "$name: no lintian"
  fi
  case $name in *_amd64.deb)
    check "$name: dpkg installs it" deb_installs "$package"
    check "$name: dpkg removes it" deb_leaves ;;
  esac
done

line="$passed passed, $failed failed, $skipped skipped"
[ -z "$summary" ] || echo "$line" > "$summary"
echo "dist: $line"
[ "$failed" = 0 ]
