"""Where output goes: a reader that takes nothing or is gone, bad places, full and read-only disks."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

import rig
from rig import INSTANT, NOTES, RawServer, equal, folder, ok, one_error_line, run, skip, start, test, wait


@test
def stopped_while_nobody_reads():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    with folder() as tmp, rig.Sim("--ttft", "0", "--rate", "20", "--tokens", "4000") as sim:
        p = start("run", NOTES, "-u", sim.url, "--agents", 1, "-O", tmp + "/out", stdout=writer)
        os.close(writer)
        time.sleep(0.5)
        begin = time.monotonic()
        p.send_signal(signal.SIGINT)
        r = wait(p, begin=begin)
        ok(r.code == 130 and 0.9 < r.seconds < 1.7, "nobody reads stdout: one second of patience", r)
    os.close(reader)


@test
def reader_that_rests():
    """Who reads on after longer than --idle-timeout has it all: the server was not silent, we were."""
    text = "a" * 50000
    for runtime in ("local", "fixed", "steal", "bridge"):
        with RawServer([rig.answer(*[text] * 40)]) as server:
            p = start("ask", "--no-stdin", "hi", "-u", server.url, "--idle-timeout", "1s", "--runtime", runtime)
            time.sleep(2.5)
            r = wait(p)
            equal((r.code, len(r.out), r.err), (0, 40 * len(text), b""), "a reader that rests, %s: all of it" % runtime)
    with RawServer([[rig.head("200 OK"), b'{"response":"' + b"a" * 5000 + b'"}\n', rig.STALL]]) as server:
        r = run("ask", "--no-stdin", "hi", "-u", server.url, "--idle-timeout", "1s")
        ok(r.code == 28 and 0.9 < r.seconds < 8, "a server that rests: its deadline", r)


@test
def stopped_and_continued():
    """Ctrl-Z and fg: what has come in the meantime counts, and the deadlines go on."""
    with rig.Sim("--ttft=10ms", "--rate=20", "--tokens=60", "--slots=200") as sim:
        for words in (["ask", "--no-stdin", "hi"], ["bench", "-c", 100, "-n", 100]):
            p = start(*words, "-u", sim.url, "--idle-timeout", "1s", "--no-config", "--quiet")
            time.sleep(1)
            p.send_signal(signal.SIGSTOP)
            time.sleep(1.6)
            p.send_signal(signal.SIGCONT)
            r = wait(p, 30)
            ok(r.code == 0 and r.err == b"", "stopped and continued: %s" % words[0], r)


@test
def closed_stdout():
    cases = [
        ["run", NOTES, "--sim=" + INSTANT],
        ["run", NOTES, "--sim=" + INSTANT, "-f", "json"],
        ["run", NOTES, "--sim=" + INSTANT, "-f", "md", "--runs", 3],
        ["run", NOTES, "--dry-run", "--agents", 1],
        ["ingest", NOTES],
        ["ingest", NOTES, "-f", "json"],
        ["--help"],
        ["run", "--help"],
        ["--version"],
        ["sim", "--port", 0],
    ]
    with RawServer([rig.with_length(b"x" * 300000)]) as server:
        for arguments in cases + [["fetch", server.url]]:
            reader, writer = os.pipe()
            os.close(reader)
            p = start(*arguments, stdout=writer)
            os.close(writer)
            r = wait(p, 10)
            # A shell calls both 141.
            ok(
                r.code in (141, -signal.SIGPIPE) and r.err == b"",
                "stdout closed: %s: 141, quietly" % arguments[:4],
                r,
            )
            with open("/dev/full", "wb") as full:
                r = wait(start(*arguments, stdout=full), 10)
            ok(r.code == 74 and one_error_line(r), "/dev/full: %s: 74, one line" % arguments[:4], r)
    r = wait(
        subprocess.Popen(
            [rig.CHIMERA, "run", NOTES, "--sim=" + INSTANT, "-f", "json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=open("/dev/full", "wb"),
            env=rig.environment(),
        )
    )
    ok(r.code == 0 and json.loads(r.text), "stderr full: no matter", r)
    shell = "exec \"$0\" run \"$1\" --sim=%s -f json <&- 2>&-" % INSTANT
    r = wait(
        subprocess.Popen(
            ["sh", "-c", shell, rig.CHIMERA, NOTES],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=rig.environment(),
        )
    )
    ok(r.code == 0 and json.loads(r.text), "without stdin and stderr: works", r)


@test
def bad_output_places():
    with folder() as base:
        file = rig.write(base + "/file", "mine")
        places = [file, file + "/out", "/proc/none/x", "/dev/null/x", "\x01" * 300]
        for place in places:
            r = run("run", NOTES, "--sim=" + INSTANT, "-O", place, cwd=base)
            ok(r.code == 74 and one_error_line(r), "-O %.20r: 74, one line" % place, r)
            ok(r.seconds < 2, "-O %.20r: before any work" % place, r.seconds)
        equal(rig.read(file), b"mine", "-O on a file: it stays")
        os.mkdir(base + "/out")
        os.mkdir(base + "/out/run_1")
        os.mkdir(base + "/out/run_1/metrics.json")
        r = run("run", NOTES, "--sim=" + INSTANT, "-O", base + "/out")
        ok(r.code == 74 and one_error_line(r), "a folder where metrics.json should be: 74", r)
        with RawServer([rig.with_length("x")]) as server:
            r = run("fetch", server.url, "-O", file + "/x")
            ok(r.code == 74 and one_error_line(r), "fetch -O under a file: 74", r)


@contextlib.contextmanager
def small_disk(path, options):
    os.mkdir(path)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", path], capture_output=True)
    try:
        yield made.returncode == 0
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", path], capture_output=True)


@test
def full_disk():
    with folder() as base:
        for size in ("64k", "300k"):
            where = base + "/disk" + size
            with small_disk(where, "size=" + size) as mounted:
                if not mounted:
                    skip("full disk of " + size, "mount is not allowed here")
                    continue
                r = run("run", NOTES, "--sim=" + INSTANT, "--runs", 9, "-O", where + "/out")
                ok(
                    r.code == 74 and one_error_line(r) and b"o space" in r.err,
                    "full disk of %s: 74, one line" % size,
                    r,
                )
                files = [os.path.join(d, f) for d, _, names in os.walk(where) for f in names]
                equal(
                    [f for f in files if ".tmp" in f], [], "full disk of %s: no temporary file stays" % size
                )
                for f in files:
                    whole = rig.read(f)
                    if f.endswith(".json"):
                        ok(json.loads(whole), "full disk of %s: %s is whole" % (size, f[-22:]))
                    else:
                        ok(
                            whole.endswith(b"\n"),
                            "full disk of %s: %s is whole" % (size, f[-22:]),
                            whole[-80:],
                        )
                if size == "300k":
                    ok(
                        os.path.exists(where + "/out/run_1/metrics.json"),
                        "full disk: finished runs are kept",
                        files,
                    )


def writers(where, results, url):
    """Each command that writes files, each into a place of its own."""
    yield ["run", NOTES, "--sim=" + INSTANT, "--runs", 9, "-O", where + "/run"]
    yield ["bench", NOTES, "--sim=" + INSTANT, "--presets=smol", "--runs=9", "-O", where + "/bench"]
    yield ["bench", "-u", url, "-n", 4000, "-c", 8, "-O", where + "/load"]
    yield ["map", results + "/lines", "-u", url, "-O", where + "/map"]
    yield ["fetch", url + "/big", "-O", where + "/fetched"]
    yield ["stats", results, "-f", "html", "-O", where + "/stats.html"]


@test
def each_command_that_writes():
    """A full disk, a read-only one, a limit for files: 74, one line, no temporary file, the old file as it was."""
    served = rig.answer("a word ", "and another")

    def script(request, _):
        return served if request.startswith(b"POST") else rig.with_length(b"x" * 300000)

    with folder() as base, RawServer(script) as server:
        run("run", NOTES, "--sim=" + INSTANT, "-O", base + "/results/made")
        rig.write(base + "/results/lines", "line\n" * 3000)
        places = [("full disk", "size=8k", []), ("read-only disk", "ro,size=8k", []), ("file limit", None, LIMIT)]
        for name, mount, prefix in places:
            where = base + "/" + name
            with small_disk(where, mount) if mount else contextlib.nullcontext(True) as mounted:
                if not mounted:
                    skip(name, "mount is not allowed here")
                    continue
                os.makedirs(where, exist_ok=True)
                for words in writers(where, base + "/results", server.url):
                    written(name, prefix, words, where)


# Files of at most 8 KiB, which a signal enforces. It is Python's default to ignore it.
LIMIT = ["sh", "-c", "ulimit -f 16 && exec \"$@\"", "sh"]


def written(name, prefix, words, where):
    name = "%s, %s: " % (name, " ".join(map(str, words[:2])))
    p = subprocess.Popen([*prefix, rig.CHIMERA, *map(str, words), "--quiet", "--no-config"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=rig.environment())
    r = wait(p, 60)
    trials = r.words.count("/run_1 failed: ")    # of `bench`: a line for each trial that failed before
    ok(r.code == 74 and r.err.startswith(b"chimera: ") and r.err.count(b"\n") == 1 + trials, name + "74, one line", r)
    files = [os.path.join(d, f) for d, _, found in os.walk(where) for f in found]
    equal([f for f in files if ".tmp" in f], [], name + "no temporary file stays")
    for f in files:
        if f.endswith(".json"):
            json.loads(rig.read(f))
        elif not f.endswith(("/map", "/load")):    # which are appended to; a line that is half is taken away by --resume
            ok(rig.read(f).endswith(b"\n"), name + "%s is whole" % f[-22:])
    for place in os.listdir(where) if os.access(where, os.W_OK) else []:
        path = os.path.join(where, place)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


rig.main()
