#!/bin/bash
# Downloads a Debian source package into a folder. Nothing is installed, and apt's own lists stay as
# they are.
#
#   tools/apt_source.sh PACKAGE FOLDER
set -euo pipefail
package=$1
mkdir -p "$2/.apt/lists/partial" "$2/.apt/parts"
cd "$2"
state=$PWD/.apt
trap 'rm -rf "$state"' EXIT

for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  [ -f "$list" ] || continue
  case $list in
    *.sources) sed 's/^Types:.*/Types: deb-src/' "$list"; echo ;;
    *.list) sed 's/^deb /deb-src /' "$list" >> "$state/parts/sources.list" ;;
  esac
done > "$state/parts/sources.sources"
apt() {
  apt-get -qq -o Dir::State::lists="$state/lists" -o Dir::Cache="$state" -o Dir::Etc::sourcelist=/dev/null \
    -o Dir::Etc::sourceparts="$state/parts" "$@" 2>/dev/null
}
# An index that cannot be had may be one that is not needed; the download says whether it was.
apt update || true
apt source --download-only "$package" || { echo "$package: its source package cannot be had" >&2; exit 1; }
