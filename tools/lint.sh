#!/bin/sh
# The house rules that a program can see. Each finding is "file:line: what is wrong; what to do".
#
#   tools/lint.sh [ROOT]
#
# Product sources: allow-listed includes, co_await without aggregate or closure literals, no
# coroutine in a capturing lambda, no stand-alone fence, files up to 600 lines, functions up to 80.
# All C and C++: 100 columns. Everything: no tabs, no trailing blanks, no open marks.
set -eu
rules=$(cd "$(dirname "$0")" && pwd)/lint.awk
cd "${1:-$(dirname "$0")/..}"

find include src tests tools .ci -type f \
  \( -name '*.[ch]pp' -o -name '*.[ch]' -o -name '*.py' -o -name '*.sh' -o -name '*.awk' -o -path .ci/run \) \
  -size +0 2>/dev/null | LC_ALL=C sort | xargs -r awk -f "$rules"
