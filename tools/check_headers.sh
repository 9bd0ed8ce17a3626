#!/bin/sh
# Every header compiles alone, in the order in which nobody includes it by luck. (Those of src/sys/windows
# want another compiler: `make windows`; that of TLS wants mbedTLS: `make tls`.)
#
#   tools/check_headers.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"

# $1: a header. Prints what the compiler says and what to do.
try='printf "#include \"%s\"\n" "$1" | ${CXX:-g++} -std=c++23 -fsyntax-only -fno-exceptions -fno-rtti \
    -Wall -Wextra -Wshadow -Wconversion -Werror -Iinclude -I. -x c++ - 2>&1 || {
  echo "$1:1: does not compile alone; include here what it uses"; exit 1; }'
find include src -name '*.hpp' ! -path 'src/sys/windows/*' ! -path src/net/tls.hpp 2>/dev/null | LC_ALL=C sort | xargs -r -P "$(nproc)" -I{} sh -c "$try" try {}
