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
import sys
import time

import rig
from rig import CHIMERA, FAST, Sim, can, equal, folder, ok, one_error_line, skip, test

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


def everything(top, url):
    """Each command, its standard input, and the code it ends with."""
    yield from ((words, b"", 0) for words in same_words(url, top))
    yield from other_words(url, top)


def under(limit, top, url):
    """(name, outcome, code) of each command."""
    for words, given, code in everything(top, url):
        quiet = [] if words[0] in ("--version", "ingest", "config") else ["--quiet", "--no-config"]
        r = go([*limited(limit), top + "/chimera"], *words, *quiet, stdin=None, input=given)
        yield "%s, %s: " % (limit, " ".join(words).replace(top, "")[:40]), r, code
    for made in set(os.listdir(top)) - {"chimera", "notes", "made"}:
        shutil.rmtree(top + "/" + made)


@test
def each_command_with_little():
    """As ever with 32 descriptors or 6 MB of addresses; with less it says that there is no memory, or is as ever."""
    with place() as top, Sim("--rate=500", "--tokens=20", "--slots=8") as sim:
        go([PROGRAM], "run", top + "/notes", "-u", sim.url, "-O", top + "/made", "--quiet")
        for limit in ("ulimit -n 32", "ulimit -v 6144"):
            for name, r, code in under(limit, top, sim.url):
                if "-n 32, bench --sim" in name:   # 4 requests at once, and 64 for whatever else
                    ok(r.code == 74 and "too few descriptors" in r.words and one_error_line(r), name + "says so", r)
                else:
                    ok(r.code == code and (r.err == b"" if code == 0 else one_error_line(r)), name + "as ever", r)
        for limit in ("ulimit -v 2560", "ulimit -v 1536"):
            for name, r, code in under(limit, top, sim.url):
                none = r.code in (-signal.SIGABRT, 74) and ("memory" in r.words or "resource" in r.words)
                ok(r.code == code or none and one_error_line(r), name + "as ever, or no memory", r)


@test
def no_terminal():
    with place() as top:
        does_its_work("no terminal", ["setsid", "-w", "env", "-i", top + "/chimera"], top + "/notes", cwd="/")


# ---- an old kernel ------------------------------------------------------------------------------

OLD = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "old_kernel.py")]
BUILD = os.path.dirname(CHIMERA)
# What is tried there beside PROGRAM, where it is built: glibc's, what unpacks itself, one of 32 bits.
MORE = ("chimera", "packed/chimera", "variants/musl/chimera-minimal", "cross/i386/chimera")


def same_words(url, top):
    """Commands that say the same each time."""
    yield ["--version"]
    yield ["ask", "-u", url, "--seed", "7", "how are you?"]
    yield ["run", top + "/notes", "-u", url, "--dry-run"]
    yield ["ingest", top + "/notes", "-f", "json"]
    yield ["fetch", url + "/api/version"]
    yield ["stats", top + "/made", "-f", "json"]
    yield ["config", "run"]


def other_words(url, top):
    """Commands that measure: standard input, and the code they end with."""
    for runtime in ("steal", "fixed", "local", "bridge"):
        yield ["run", top + "/notes", "--sim=" + FAST, "--runtime", runtime, "-O", top + "/" + runtime], b"", 0
    yield ["map", "-u", url], b"one\ntwo\n", 0
    yield ["worker", "-u", url], b'{"id":"1","prompt":"hello"}\n', 0
    yield ["probe", url], b"", 0
    yield ["bench", top + "/notes", "--sim=" + FAST, "--presets=smol", "--runs=1", "-O", top + "/bench"], b"", 0
    yield ["bench", "--sim=" + FAST, "-c", "4", "-n", "8"], b"", 0
    yield ["ask", "-u", "http://localhost:%d" % rig.closed_port(), "--max-retries", "0", "hello"], b"", 7


def works_on_an_old_kernel(program, top, url, stalled):
    name = "old kernel, %s: " % os.path.relpath(program, BUILD)
    minimal = "minimal" in program   # it has `run` and `ask`
    for words in same_words(url, top):
        if not minimal or words[0] in ("--version", "ask", "run"):
            here, there = (go([*prefix, program], *words) for prefix in ((), OLD))
            equal((there.code, there.err, there.out), (0, here.err, here.out), name + " ".join(words))
    for words, given, code in other_words(url, top):
        if not minimal:
            r = go([*OLD, program], *words, "--quiet", stdin=None, input=given)
            ok(r.code == code and (r.err == b"" if code == 0 else one_error_line(r)), name + " ".join(words), r)
    r = go([*OLD, program], "ask", "-u", stalled, "--idle-timeout", "200ms", "--max-retries", "0", "hello")
    ok(r.code == 28 and one_error_line(r) and 0.2 <= r.seconds < 5, name + "a deadline", r)


@test
def old_kernel():
    """No system call that came after Linux 3.10: each command works as ever."""
    r = go(OLD, sys.executable, "-c", "import os; os.getrandom(1)")
    if b"no filter" in r.err:
        return skip("old kernel", r.words.strip())
    ok(r.code == 1 and b"Function not implemented" in r.err, "old kernel: it has no getrandom()", r)
    programs = [PROGRAM, *(p for p in (os.path.join(BUILD, m) for m in MORE) if p != PROGRAM and os.path.exists(p))]
    with place() as top, Sim("--rate=500", "--tokens=20") as sim, rig.RawServer([[rig.STALL]]) as stalled:
        go([PROGRAM], "run", top + "/notes", "--sim=" + FAST, "-O", top + "/made", "--quiet")
        for program in programs:
            works_on_an_old_kernel(program, top, sim.url, stalled.url)
            for made in set(os.listdir(top)) - {"chimera", "notes", "made"}:
                shutil.rmtree(top + "/" + made)


# ---- another date -------------------------------------------------------------------------------

# Without a battery for its clock a device starts in 1970. In 2040 the seconds no longer fit 31 bits.
DATES = ((5, "1970-01-01T00:00:"), (2209032000, "2040-01-01T"))
# Of this machine and of one with 32 bits: what runs it, and the program.
TRANSLATED = (("qemu-x86_64", PROGRAM), ("qemu-arm", os.path.join(BUILD, "cross", "armel", "chimera")))


def works_on(date, stamp, prefix, top, sim):
    where = "%s in %s: " % (prefix[0], stamp[:4])

    def dated(*words):
        return go(["env", "UNIX_TIME=%d" % date, "LD_PRELOAD=" + top + "/clock.so", *prefix], *words)

    out = top + "/out"
    r = dated("run", top + "/notes", "-u", sim.url, "-O", out, "--quiet", "-f", "json")
    if ok(r.code == 0 and r.err == b"", where + "run", r):
        for path in ("run_1/metrics.json", "summary.json"):
            ok(b'"' + stamp.encode() in rig.read(os.path.join(out, path)), where + path + " has the date", rig.read(
                os.path.join(out, path)))
    r = dated("ask", "-u", sim.url, "hello")
    ok(r.code == 0 and len(r.out) > 20 and r.err == b"", where + "ask", r)
    r = dated("stats", out, "-f", "csv")
    ok(r.code == 0 and r.err == b"", where + "stats", r)
    r = dated("ask", "-u", "http://127.0.0.1:%d" % rig.closed_port(), "--max-retries", "1", "hello")
    ok(r.code == 7 and one_error_line(r) and r.seconds < 10, where + "a retry", r)
    shutil.rmtree(out, ignore_errors=True)


@test
def another_date():
    with place() as top, Sim("--rate=500", "--tokens=20") as sim:
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "other_clock.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", top + "/clock.so", source], check=True)
        for emulator, program in TRANSLATED:
            if not shutil.which(emulator) or not os.path.exists(program):
                skip("another date, " + emulator, "it is not there, or nothing built for it")
                continue
            for date, stamp in DATES:
                works_on(date, stamp, [emulator, "-U", "LD_PRELOAD", program], top, sim)


if __name__ == "__main__":
    rig.main()
