#!/bin/sh
# Makes sure Debian packages are there: installs what is missing when it may (root, or sudo that asks
# no password), else names the exact command and fails.
#
#   tools/need.sh doctest-dev python3
set -eu

there() {
  case $1 in
    doctest-dev) echo '#include <doctest/doctest.h>' | g++ -x c++ -E - >/dev/null 2>&1 ;;
    python3) command -v python3 ;;
    g++) command -v g++ ;;
    make) command -v make ;;
    git) command -v git ;;
    clang-19) command -v clang++-19 ;;
    meson) command -v meson ;;
    ninja-build) command -v ninja ;;
    musl-tools) command -v musl-gcc ;;
    *) dpkg -s "$1" 2>/dev/null ;;
  esac >/dev/null
}

missing=
for package in "$@"; do
  there "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  as_root="sudo -n"
  sudo -n true 2>/dev/null || as_root=no
fi
command -v apt-get >/dev/null || as_root=no
if [ "$as_root" = no ]; then
  echo "missing:$missing. Install with: sudo apt-get install -y$missing" >&2
  exit 1
fi

# `missing` and `as_root` are word lists on purpose.
install() { DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends $missing >/dev/null; }
echo "installing:$missing" >&2
if ! install 2>/dev/null; then
  $as_root apt-get update >/dev/null || true
  install || {
    echo "could not install:$missing. Install with: sudo apt-get install -y$missing" >&2
    exit 1
  }
fi
