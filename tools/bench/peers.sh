#!/bin/sh
# Fetches the peers of the micro-benchmarks as packages: Debian's simdjson into the system when that
# is allowed, picohttpparser out of the crate that carries its C source into FOLDER. What cannot be
# had is named and left out; never fails.
#
#   tools/bench/peers.sh build/bench/peers
set -u
to=${1:?folder}
here=$(cd "$(dirname "$0")" && pwd)

"$here/../need.sh" libsimdjson-dev 2>/dev/null || echo "bench: no libsimdjson-dev: JSON without a peer" >&2

[ ! -f "$to/picohttpparser.h" ] || exit 0
mkdir -p "$to/crate/src"
cat > "$to/crate/Cargo.toml" <<'CRATE'
[package]
name = "peers"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
picohttpparser-sys = "1.0.0"
CRATE
: > "$to/crate/src/lib.rs"
if (cd "$to/crate" && cargo vendor crates) >/dev/null 2>&1; then
  cp "$to/crate/crates/picohttpparser-sys/deps/picohttpparser/picohttpparser."[ch] "$to"
else
  echo "bench: no cargo, or no crate picohttpparser-sys: HTTP without a peer" >&2
fi
rm -rf "$to/crate"
