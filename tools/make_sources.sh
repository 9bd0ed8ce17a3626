#!/bin/sh
# Writes src/files.txt from the tree. The platform is the folder under src/sys, else `any`; what needs
# mbedTLS has a word of its own.
set -eu
cd "$(dirname "$0")/.."
{
  echo "# THE source list, read by Makefile and meson.build (through tools/list.sh): <platform> <path>"
  echo "# platform: any | linux | virtual | windows, tls: only with TLS=1. Written by \`make sources\`."
  find src -name '*.cpp' | LC_ALL=C sort | while read -r file; do
    case $file in
      src/sys/any/*) echo "any $file" ;;
      src/net/tls*) echo "tls $file" ;;
      src/sys/*/*) rest=${file#src/sys/}; echo "${rest%%/*} $file" ;;
      *) echo "any $file" ;;
    esac
  done
} > src/files.txt.new
if cmp -s src/files.txt.new src/files.txt; then rm src/files.txt.new; else mv src/files.txt.new src/files.txt; fi
