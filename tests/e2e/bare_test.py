"""With nothing around it: an empty root, no /proc, little memory, few descriptors, nothing writable.

In each place `--version`, a whole `run --sim` and `ask` of a server outside work, or say in one line
why they do not. The program is the release (build/musl/chimera) where that is built.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

import rig
from rig import CHIMERA, FAST, Sim, equal, folder, ok, one_error_line, skip, test

RELEASE = os.path.join(os.path.dirname(CHIMERA), "musl", "chimera")
PROGRAM = RELEASE if os.path.exists(RELEASE) else CHIMERA


@contextlib.contextmanager
def place():
    """A folder with the program, and one file to read; nothing else."""
    with folder() as top:
        shutil.copy(PROGRAM, top + "/chimera")
        rig.write(top + "/notes/figures.csv", "name,value\na,1\nb,2\n")
        yield top


def go(prefix, *arguments, stdin=subprocess.DEVNULL, **how):
    begin = time.monotonic()
    done = subprocess.run([*prefix, *arguments], stdin=stdin, capture_output=True, timeout=60,
                          env={"PATH": os.environ.get("PATH", "")}, **how)
    return rig.Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


def can(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20).returncode == 0


def does_its_work(where, prefix, notes, **how):
    r = go(prefix, "--version", **how)
    ok(r.code == 0 and r.out.startswith(b"chimera "), where + ": --version", r)
    r = go(prefix, "run", notes, "--sim=" + FAST, "-f", "json", "--quiet", **how)
    if ok(r.code == 0 and r.err == b"", where + ": run --sim", r):
        record = json.loads(r.out)["runs"][0]["chimera"]
        equal(record["binary_bytes"], os.stat(PROGRAM).st_size, where + ": it knows its own file")
    with Sim("--rate=500", "--tokens=20") as sim:
        r = go(prefix, "ask", "-u", sim.url, "how are you?", **how)
    ok(r.code == 0 and len(r.out) > 20 and r.err == b"", where + ": ask", r)


@test
def empty_root():
    """No /proc, /dev, /etc and no libraries."""
    with place() as top:
        if not can("chroot", top, "/chimera", "--version"):
            return skip("empty root", "chroot is not allowed here")
        inside = ["chroot", top, "/chimera"]
        does_its_work("empty root", inside, "/notes")
        r = go(inside, "run", "/notes", "--sim=" + FAST, "-O", "/out", "--quiet")
        ok(r.code == 0 and os.path.exists(top + "/out/summary.json") or os.listdir(top + "/out"), "empty root: files", r)
        r = go(inside, "ask", "-u", "http://localhost:%d" % rig.closed_port(), "--max-retries", "0", "hello")
        ok(r.code == 7 and one_error_line(r), "empty root: localhost needs no /etc/hosts", r)
        r = go(inside, "ask", "-u", "http://desk.invalid:9", "--max-retries", "0", "--connect-timeout", "1s", "hello")
        ok(r.code in (6, 28) and one_error_line(r), "empty root: no /etc/resolv.conf", r)
        shutil.rmtree(top + "/notes")
        r = go(inside, "run", "--sim", "/notes")
        ok(r.code == 65 and one_error_line(r), "empty root: no folder", r)
        for streams, code in (("<&-", 0), (">&-", 141), ("<&- >&- 2>&-", 141)):
            r = go(["sh", "-c", 'exec "$@" ' + streams, "sh", *inside], "--version")
            ok(r.code == code, "empty root: %s" % streams, r)


@test
def read_only():
    inside = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'
    with place() as top:
        prefix = ["unshare", "-m", "sh", "-c", inside, top]
        if not can(*prefix, "true"):
            return skip("read-only file system", "mounts are not allowed here")
        does_its_work("read-only", [*prefix, "./chimera"], "notes")
        r = go([*prefix, "./chimera"], "run", "notes", "--sim=" + FAST, "-O", "out", "--quiet")
        ok(r.code == 74 and one_error_line(r), "read-only: nowhere to write", r)


def limited(words):
    return ["sh", "-c", words + ' && exec "$@"', "sh"]


@test
def little_memory():
    with place() as top:
        does_its_work("32 MB", [*limited("ulimit -v 32768"), top + "/chimera"], top + "/notes")


@test
def memory_that_runs_out():
    with place() as top:
        prefix = [*limited("ulimit -v 32768"), top + "/chimera"]
        rig.write(top + "/prompt", b"a" * 60_000_000)
        with open(top + "/prompt", "rb") as prompt:
            r = go(prefix, "ask", "-", "-u", "http://127.0.0.1:9", stdin=prompt)
        equal((r.code, r.out, r.err), (-signal.SIGABRT, b"", b"chimera: out of memory\n"), "out of memory: one line")


@test
def few_descriptors():
    with place() as top:
        prefix = [*limited("ulimit -n 64"), top + "/chimera"]
        does_its_work("64 descriptors", prefix, top + "/notes")
        r = go(prefix, "bench", "--sim=ttft=50ms", "-c", "200", "-n", "200", "--no-config")
        said = r.err.decode()
        ok(r.code != 0 and "chimera: " in said and "descriptor" in said, "64 descriptors: 200 streams", r)


@test
def no_terminal():
    with place() as top:
        does_its_work("no terminal", ["setsid", "-w", "env", "-i", top + "/chimera"], top + "/notes", cwd="/")


@test
def clock_in_1970():
    """A static program asks the kernel itself: what is loaded in front of it cannot say another time."""
    skip("a clock in 1970", "only by setting the clock of the machine")


if __name__ == "__main__":
    rig.main()
