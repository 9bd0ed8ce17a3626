"""What is drawn on a terminal, and what a signal leaves behind."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import termios
import time

import rig
from rig import INSTANT, NOTES, RawServer, equal, folder, ok, one_error_line, run, start, test, wait

# ---- a terminal ---------------------------------------------------------------------------------


def on_terminal(*arguments, env=None):
    """The outcome with stderr on a terminal of 80 columns; `err` is what the terminal got."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    p = start(*arguments, stderr=slave, env=env)
    os.close(slave)
    seen, out = b"", b""
    streams = {master, p.stdout.fileno()}
    end = time.monotonic() + 20
    while streams and time.monotonic() < end:
        for fd in select.select(list(streams), [], [], 0.2)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                data = b""
            if not data:
                streams.discard(fd)
            elif fd == master:
                seen += data
            else:
                out += data
    p.stdout.close()
    code = p.wait(5)
    os.close(master)
    return rig.Outcome(code, out, seen, 0)


@test
def progress_on_a_terminal():
    slow = "ttft=50ms,rate=100,tokens=30"
    clear = b"\r\x1b[K"
    with folder() as out:
        r = on_terminal("run", NOTES, "--sim=" + slow, "--runs", 2, "-O", out)
    equal(r.code, 0, "terminal: exit code")
    frames = r.err.split(clear)
    ok(len(frames) > 5, "terminal: progress is drawn", r)
    ok(r.err.endswith(clear) and frames[0] == b"", "terminal: cleared at the end", r.err[-100:])
    for words in (b"collector analysis", b"insight report", b" tok ", b"/s", b"run 1/2", b"run 2/2"):
        ok(words in r.err, "terminal: %r" % words, r.err[:600])
    ok(max(len(f.decode()) for f in frames) < 80, "terminal: one line each", max(frames, key=len))
    ok(b"\x1b" not in r.out and b"\r" not in r.out, "terminal: stdout stays clean")
    for name, more, env in (
        ("--quiet", ["--quiet"], {}),
        ("--progress never", ["--progress", "never"], {}),
        ("TERM=dumb", [], {"TERM": "dumb"}),
    ):
        r = on_terminal("run", NOTES, "--sim=" + slow, *more, env=env)
        equal((r.code, r.err), (0, b""), "terminal, %s: nothing" % name)
    port = rig.closed_port()
    r = on_terminal("run", NOTES, "-u", "http://127.0.0.1:%d" % port, "--agents", 1)
    ok(
        r.code == 7
        and b"\x1b" not in r.err.split(clear)[-1]
        and r.err.split(clear)[-1].startswith(b"chimera: "),
        "terminal: an error behind the progress",
        r,
    )


# ---- signals ------------------------------------------------------------------------------------


def interrupted(number, more=()):
    """A run of many, stopped in the middle of its third."""
    marker = "seed=%d" % (700000 + os.getpid() * 10 + number)
    with folder() as out:
        p = start(
            "run", NOTES, "--sim=ttft=30ms,rate=200,tokens=20," + marker, "--runs", 100, "-O", out, *more
        )
        begun = rig.eventually(lambda: os.path.exists(out + "/run_2/metrics.json"), 10)
        time.sleep(0.1)
        children = rig.pids_with("--" + marker)
        at = time.monotonic()
        p.send_signal(number)
        r = wait(p, 10)
        took = time.monotonic() - at
        name = signal.Signals(number).name
        ok(begun and len(children) == 2, name + ": was at work with two servers", (begun, children))
        equal(r.code, 128 + number, name + ": exit code")
        ok(took < 2, name + ": soon", took)
        ok(one_error_line(r) and b"interrupted: " in r.err, name + ": one line", r)
        ok(
            rig.eventually(lambda: not rig.pids_with("--" + marker), 2),
            name + ": no server is left",
            rig.pids_with("--" + marker),
        )
        finished = sorted(d for d in os.listdir(out) if d.startswith("run_"))
        partial = [d for d in os.listdir(out) if d.startswith("partial_run_")]
        equal(
            partial,
            ["partial_run_%d" % (len(finished) + 1)],
            name + ": the run that was cut short is called partial",
        )
        for d in finished:
            m = json.loads(rig.read("%s/%s/metrics.json" % (out, d)))
            equal(
                (m["chimera"]["complete"], len(os.listdir(out + "/" + d))),
                (True, 4),
                "%s: %s is whole" % (name, d),
            )
        m = json.loads(rig.read("%s/%s/metrics.json" % (out, partial[0]))) if partial else {"chimera": {}}
        equal(
            (m["chimera"].get("interrupted"), m["chimera"].get("complete")),
            (True, False),
            name + ": the partial record says so",
        )
        summary = json.loads(rig.read(out + "/summary.json"))
        equal(len(summary["runs"]), len(finished), name + ": the summary has the finished runs")
        ok(b"%d of 100" % len(finished) in r.err, name + ": the line tells how many", r)


@test
def interrupts():
    interrupted(signal.SIGINT)
    interrupted(signal.SIGTERM)


@test
def interrupts_while_waiting():
    busy = rig.with_length('{"error":"busy"}', "503 x", "Retry-After: 30")
    streaming = [rig.answer(*"abc")[:250], rig.STALL]
    cases = [
        ("first byte", [[rig.STALL]], []),
        ("next token", [streaming], []),
        ("permit", [[rig.STALL]], ["--agents", 2, "--permits", 1, "--quiet"]),
        ("retry", [busy], ["--max-retries", 5]),
    ]
    for name, scripts, more in cases:
        with RawServer(scripts) as server, folder() as out:
            p = start("run", NOTES, "-u", server.url, "--agents", 1, "-O", out, *more)
            rig.eventually(lambda: server.requests)
            time.sleep(0.15)
            at = time.monotonic()
            p.send_signal(signal.SIGINT)
            r = wait(p, 5)
            took = time.monotonic() - at
            ok(r.code == 130 and took < 1, "SIGINT while waiting for the %s: 130, soon" % name, (took, r))
            ok(b"interrupted: 0 of 1 runs finished and kept; what had come of the next one is in partial_run_1\n" in r.err, "SIGINT, %s: the line" % name, r)
            m = json.loads(rig.read(out + "/partial_run_1/metrics.json"))
            texts = [c["response"] for c in m["collector"]["result"]["llm_calls"]]
            if name == "next token":
                ok(
                    texts and texts[0] and "abc".startswith(texts[0]),
                    "SIGINT: the partial answer is kept",
                    texts,
                )


@test
def interrupted_walk():
    # The root folder takes long to walk; the walk is not a wait that a stop could cancel.
    p = start("run", "/", "--sim=" + INSTANT, "--agents", 1)
    time.sleep(0.3)
    if p.poll() is not None:
        return ok(p.poll() == 0, "walk of /: done before it could be interrupted", p.poll())
    at = time.monotonic()
    p.send_signal(signal.SIGINT)
    r = wait(p, 5)
    ok(r.code == 130 and time.monotonic() - at < 2, "SIGINT during the walk of /: 130, soon", r)


@test
def second_interrupt():
    # What was printed fills the pipe and nobody reads it: the program cannot end in good order.
    p = start("run", NOTES, "--sim=" + INSTANT, "--runs", 8, "-f", "ndjson")
    stuck = rig.eventually(
        lambda: rig.read("/proc/%d/wchan" % p.pid) in (b"pipe_write", b"anon_pipe_write", b"pipe_wait")
        or struct.unpack("i", fcntl.ioctl(p.stdout, termios.FIONREAD, b"1234"))[0] >= 40000,
        5,
    )
    time.sleep(0.3)
    p.send_signal(signal.SIGINT)
    time.sleep(0.2)
    alive = p.poll() is None
    p.send_signal(signal.SIGINT)
    gone = rig.eventually(lambda: p.poll() is not None, 2)
    ok(stuck and alive, "second SIGINT: the first could not end it", (stuck, alive, p.poll()))
    ok(gone and p.returncode == 130, "second SIGINT: at once, 130", p.returncode)
    wait(p, 5)
    with RawServer([[rig.head("200 OK", "Content-Length: 9"), b"abc", rig.STALL]]) as server:
        for number, code in rig.STOPS:
            p = start("fetch", server.url)
            ok(p.stdout.read(3) == b"abc", "fetch: what came is on stdout at once")
            p.send_signal(number)
            r = wait(p, 5)
            equal((r.code, r.seconds < 2), (code, True), "fetch: signal %d" % number)


@test
def killed_parent():
    marker = "seed=%d" % (900000 + os.getpid())
    p = start("run", NOTES, "--sim=ttft=50ms,rate=20,tokens=200," + marker)
    ok(rig.eventually(lambda: len(rig.pids_with("--" + marker)) == 2, 5), "SIGKILL: two servers were there")
    time.sleep(0.1)
    p.kill()
    ok(
        rig.eventually(lambda: not rig.pids_with("--" + marker), 2),
        "SIGKILL of the parent: its servers end",
        rig.pids_with("--" + marker),
    )
    wait(p, 5)


rig.main()
