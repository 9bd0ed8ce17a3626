"""The presets, as knobs of the full program and as binaries that hold one runtime each.

The single-runtime binaries are looked for beside the program: build/variants/{glibc,musl}.
"""

import json
import os

import rig
from rig import CHIMERA, FAST, NOTES, Sim, equal, ok, one_error_line, read, skip, test

RUNTIMES = ("steal", "fixed", "local", "bridge")
# The table of the study: runtime, read size, coalesce, permits.
PRESETS = {
    "tokio-default": ("steal", 8192, 0, 0),
    "tokio-localset": ("local", 8192, 0, 0),
    "asyncio": ("local", 65536, 0, 0),
    "smol": ("fixed", 8192, 0, 0),
    "smol-1kb": ("fixed", 1024, 0, 0),
    "async-std": ("bridge", 8192, 0, 1),
    "upstream-smol": ("bridge", 8192, 0, 2),
    "upstream-smol-1kb": ("bridge", 8192, 1024, 2),
}
MINIMAL = "minimal"


def variants():
    """(libc, name, path) of what `make variants` has left."""
    top = os.path.join(os.path.dirname(CHIMERA), "variants")
    for libc in ("glibc", "musl"):
        folder = os.path.join(top, libc)
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if file.startswith("chimera-"):
                yield libc, file[len("chimera-") :], os.path.join(folder, file)


def run(binary, *arguments, timeout=30):
    return rig.run(*arguments, timeout=timeout, executable=binary)


def knobs_of(outcome, name):
    """runtime, read size, coalesce, permits of the one record on stdout."""
    if not ok(outcome.code == 0, name + ": runs", outcome):
        return None
    ours = json.loads(outcome.out)["runs"][0]["chimera"]
    return tuple(ours[k] for k in ("runtime", "read_size", "coalesce", "permits"))


@test
def presets_of_the_full_program():
    for preset, knobs in PRESETS.items():
        done = rig.run("run", NOTES, "--sim=" + FAST, "--preset", preset, "-f", "json", timeout=30)
        equal(knobs_of(done, preset), knobs, "--preset " + preset + ": knobs")


@test
def one_runtime_each():
    found = [v for v in variants() if v[1] != MINIMAL]
    if not found:
        skip("single-runtime binaries", "not built: make variants")
        return
    for libc, preset, binary in found:
        name = libc + "/" + preset
        if not ok(preset in PRESETS, name + ": a preset of the table"):
            continue
        knobs = PRESETS[preset]
        done = run(binary, "run", NOTES, "--sim=" + FAST, "-f", "json")
        equal(knobs_of(done, name), knobs, name + ": its defaults are the preset's knobs")
        same = run(binary, "run", NOTES, "--dry-run", "--preset", preset)
        ok(same.code == 0, name + ": its own --preset", same)
        for other in RUNTIMES:
            asked = run(binary, "run", NOTES, "--dry-run", "--runtime", other)
            if other == knobs[0]:
                ok(asked.code == 0, name + ": its own --runtime", asked)
            else:
                refused = asked.code == 2 and one_error_line(asked) and asked.out == b""
                ok(refused, "%s: --runtime %s is refused" % (name, other), asked)


@test
def all_presets_are_built():
    """Or those that $PRESETS has asked `make variants` for."""
    asked = os.environ.get("PRESETS", "").split() or list(PRESETS)
    for libc in ("glibc", "musl"):
        names = {name for there, name, _ in variants() if there == libc}
        if not names:
            skip(libc + " variants", "not built: make variants")
            continue
        equal(names - {MINIMAL}, set(asked) - {MINIMAL}, libc + ": one binary for each preset")


@test
def static_and_stripped():
    for libc, name, binary in variants():
        data = read(binary)
        ok(b"/ld-linux" not in data and b"/ld-musl" not in data, binary + ": static")
        ok(b".symtab" not in data, binary + ": stripped")


@test
def the_minimal_one():
    found = [path for _, name, path in variants() if name == MINIMAL]
    if not found:
        skip("the minimal binary", "not built: make variants")
        return
    binary = found[0]
    with Sim("--ttft", "5ms", "--rate", "500", "--tokens", "30") as sim:
        done = run(binary, "run", NOTES, "-u", sim.url, "-f", "json", "--quiet")
        equal(knobs_of(done, MINIMAL), ("fixed", 1024, 0, 0), "minimal: knobs")
    for arguments in (["sim"], ["ingest", NOTES], ["fetch", "http://127.0.0.1:1/"], ["selftest"]):
        asked = run(binary, *arguments)
        ok(asked.code == 2 and one_error_line(asked), "minimal: no " + arguments[0], asked)
    asked = run(binary, "run", NOTES, "--sim")
    ok(asked.code == 2 and one_error_line(asked), "minimal: no --sim", asked)
    told = run(binary, "--help")
    ok(told.code == 0 and b"  run " in told.out and b"  sim " not in told.out, "minimal: help", told)
    ok(b"chimera map" not in told.out and b"--sim" not in told.out, "minimal: examples of what it has", told)


if __name__ == "__main__":
    rig.main()
