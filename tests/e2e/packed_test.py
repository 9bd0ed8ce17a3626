"""Binaries that unpack themselves (make packed, make variants): the same program in half the bytes.

They are looked for beside the program: build/packed/chimera, build/variants/musl/chimera-minimal.
"""

import json
import os
import resource
import subprocess

import rig
from rig import CHIMERA, FAST, NOTES, Sim, equal, ok, skip, test

BUILD = os.path.dirname(CHIMERA)
FULL = os.path.join(BUILD, "packed", "chimera")
MINIMAL = os.path.join(BUILD, "variants", "musl", "chimera-minimal")


def there():
    for binary in (FULL, MINIMAL):
        name = os.path.relpath(binary, BUILD)
        if os.path.exists(binary):
            yield name, binary
        else:
            skip(name, "not built: make packed variants")


def run(binary, *arguments, timeout=60):
    return rig.run(*arguments, timeout=timeout, executable=binary)


@test
def does_the_whole_job():
    for name, binary in there():
        with Sim("--rate", "500", "--tokens", "40") as sim:
            done = run(binary, "run", NOTES, "-u", sim.url, "-f", "json", "--quiet")
        if not ok(done.code == 0, name + ": runs", done):
            continue
        ours = json.loads(done.out)["runs"][0]["chimera"]
        equal(ours["binary_bytes"], os.stat(binary).st_size, name + ": weighs itself as packed")
        ok(ours["max_rss_kib"] < 1000, name + ": memory, KiB", ours["max_rss_kib"])


@test
def says_what_the_other_one_says():
    for name, binary in there():
        plain = os.path.join(BUILD, "musl", "chimera")
        if binary != FULL or not os.path.exists(plain):
            continue
        for arguments in (["--version"], ["--help"], ["run", "--help"], ["fetch"], ["nothing"]):
            a, b = run(binary, *arguments), run(plain, *arguments)
            equal((a.code, a.out, a.err), (b.code, b.out, b.err), f"{name} {arguments}")


@test
def starts_itself_again():
    """The simulators of --sim are child processes of the same file."""
    for name, binary in there():
        if binary == FULL:
            done = run(binary, "run", NOTES, "--sim=" + FAST, "--quiet")
            ok(done.code == 0, name + ": --sim", done)


@test
def without_memory():
    for name, binary in there():
        enough = os.stat(binary).st_size + (160 << 10)   # for the file and a stack, no more

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (enough, enough))

        done = subprocess.run([binary, "--version"], preexec_fn=limit, capture_output=True, timeout=30)
        equal(done.returncode, 127, name + ": exit code without memory")
        equal(done.stderr, b"chimera: cannot unpack itself: no memory\n", name + ": says so")
        equal(done.stdout, b"", name + ": says nothing else")


if __name__ == "__main__":
    rig.main()
