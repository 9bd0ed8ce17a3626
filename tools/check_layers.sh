#!/bin/sh
# Data goes one way: a layer includes only the layers under it (the table below), what is private to
# a layer stays private, and only sys asks which operating system this is.
#
#   tools/check_layers.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"

find include/chimera src \( -name '*.hpp' -o -name '*.cpp' -o -name '*.h' \) 2>/dev/null | LC_ALL=C sort |
  awk '
  BEGIN {
    may["base"] = " "
    may["sys"] = " base "
    may["wire"] = " base "
    may["rt"] = " base sys "
    may["net"] = " base sys wire rt "
    may["llm"] = " base wire rt net "
    may["agent"] = " base sys wire rt llm "
    may["sim"] = " base sys wire rt net "
    may["lab"] = " base sys wire rt agent "
    may["cli"] = " base sys wire rt net llm agent sim lab "
  }
  function complain(text) { print file ":" line ": " text; bad = 1 }
  function check_ours(path,   to) {
    to = path
    sub(/^chimera\//, "", to)
    sub(/\/.*/, "", to)
    if (!(to in may)) complain("no layer is called \"" to "\"; the layers are in tools/check_layers.sh")
    else if (to != layer && index(may[layer], " " to " ") == 0)
      complain("layer " layer " must not include " path "; it may include:" may[layer] "and itself")
  }
  function check_private(path) {
    if (path ~ /\.\./ && !(layer == "sys" && path ~ /^\.\.\/(any|linux|virtual|windows)\/[a-z0-9_]+\.hpp$/))
      complain("\"" path "\" reaches out of its folder; make it a public header of its layer")
    else if (path ~ /^(src|include)\//)
      complain("write \"chimera/<layer>/x.hpp\" for a public header, \"x.hpp\" for one of this folder")
  }
  {
    file = $0
    n = split(file, part, "/")
    layer = part[1] == "include" ? part[3] : part[2]
    if (n < 3 || (part[1] == "include" && n < 4)) next  # include/chimera/chimera.h, the C ABI
    if (!(layer in may)) { line = 1; complain("no layer is called \"" layer "\""); next }
    line = 0
    while ((getline text < file) > 0) {
      line++
      if (text ~ /^[ ]*#[ ]*include[ ]*"/) {
        split(text, quoted, "\"")
        if (quoted[2] ~ /^chimera\//) check_ours(quoted[2])
        else check_private(quoted[2])
      }
      if (text ~ /^[ ]*#[ ]*(if|ifdef|ifndef|elif).*(_WIN32|__linux__|__APPLE__|__unix__)/ &&
          layer != "sys" || text ~ /_WIN32/ && part[1] == "include" && part[4] != "handle.hpp")
        complain("only sys/handle.hpp and src/sys ask which system this is; choose by folder instead")
    }
    close(file)
  }
  END { exit bad }'
