#!/bin/bash
# mbedTLS with what src/net/mbedtls_config.h asks for, out of its source.
#
#   tools/mbedtls.sh source FOLDER                           Debian's, unpacked there
#   tools/mbedtls.sh archive SOURCE ARCHIVE COMPILER FLAGS   its library/*.c as a static archive
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

unpack() {  # folder
  local packed
  packed=$(realpath -m "$1").packed
  rm -rf "$1" "$packed"
  "$here/tools/apt_source.sh" mbedtls "$packed"
  dpkg-source --no-check -x "$packed"/mbedtls_*.dsc "$1" >/dev/null   # apt has checked it
  rm -rf "$packed"
}

archive() {  # source, archive, compiler and flags...
  local source=$1 archive=$2 objects=$2.objects
  shift 2
  rm -rf "$objects" "$archive"
  mkdir -p "$objects"
  # shellcheck disable=SC2016
  printf '%s\n' "$source"/library/*.c | xargs -P 2 -I{} sh -c 'file=$1 to=$2; shift 2
    "$@" -c "$file" -o "$to/$(basename "$file" .c).o"' compile {} "$objects" "$@" \
    -w -isystem "$source/include" -I"$source/library" \
    -DMBEDTLS_CONFIG_FILE="\"$here/src/net/mbedtls_config.h\""
  gcc-ar rcs "$archive" "$objects"/*.o
  rm -rf "$objects"
}

case ${1-} in
  source) unpack "$2" ;;
  archive) shift; archive "$@" ;;
  *) sed -n '2,$s/^# \{0,1\}//p;/^set/q' "$0" >&2; exit 2 ;;
esac
