"""`chimera selftest`: the table, the JSON and what follows from it, bounds, permits, interruption."""

import json
import os
import pty
import resource
import select
import signal
import time

import rig
from rig import equal, ok, one_error_line, run, start, test, wait

PRESETS = (
    "tokio-default tokio-localset asyncio smol smol-1kb async-std upstream-smol upstream-smol-1kb".split()
)
# A machine under test may be busy with anything: only losses are to count.
NO_BOUNDS = ("--max-ttft-error=0", "--max-delay-p50=0", "--max-delay-p99=0")
SPREAD = {"p50", "p99", "max"}


def selftest(*arguments, timeout=60, **how):
    return run("selftest", *arguments, timeout=timeout, **how)


def document(*arguments, **how):
    o = selftest("-f", "json", *arguments, **how)
    try:
        return o, json.loads(o.out)
    except ValueError:
        ok(False, "JSON of %s" % (arguments,), o)
        return o, {"cells": [], "verdict": {}}


def unsaturated(*arguments):
    """document() of one cell on a machine that keeps up; a saturated cell is not judged."""
    end = time.monotonic() + 20
    while True:
        o, d = document(*arguments)
        if not d["cells"][0]["saturated"] or time.monotonic() > end:
            return o, d


def median(values):
    values = sorted(values)
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


@test(alone=True)
def quick_run():
    begin = time.monotonic()
    o, d = document("--quick", *NO_BOUNDS)
    took = time.monotonic() - begin
    equal(o.code, 0, "quick: exit code")
    equal(o.words, "", "quick: nothing on stderr")
    ok(took < 45, "quick: it is", took)  # 13 s on a machine with two busy processors
    equal(d["schema"], "chimera.selftest/1", "quick: schema")
    cells = [(c["preset"], c["rate"], c["streams"]) for c in d["cells"]]
    equal(
        cells,
        [(p, r, s) for p in PRESETS for r in (200, 5000) for s in (2, 64)],
        "quick: the cells, in order",
    )
    for c in d["cells"]:
        name = "quick: %(preset)s %(rate)d x %(streams)d" % c
        equal(c["tokens_lost"], 0, name + ": lost")
        equal(c["texts_wrong"], 0, name + ": texts")
        equal(c["streams_failed"], 0, name + ": failed")
        equal(c["tokens_sent"], c["tokens_received"], name + ": received")
        equal(c["tokens_sent"], c["streams_run"] * c["tokens_per_stream"], name + ": all were sent")
        records = c["tokens_received"] + c["streams_run"]
        ok(abs(c["events_per_read"] - records / c["reads"]) < 1e-9, name + ": events per read", c)
        equal(c["saturated"], c["simulator_late_us"]["p50"] > 1000, name + ": saturated")
        equal(c["faults"], "", name + ": faults")
        for spread in ("ttft_truth_ms", "ttft_error_ms", "delay_us", "delay_unexplained_us", "simulator_late_us"):
            s = c[spread]
            ok(set(s) == SPREAD and s["p50"] <= s["p99"] <= s["max"], name + ": " + spread, s)
        ok(c["delay_us"]["p50"] > 0, name + ": a delay is never nothing", c)
        ok(c["ttft_truth_ms"]["p50"] >= 49, name + ": the simulator's first token", c)
        wanted = c["streams"] if c["permits"] == 0 else None
        ok(c["streams_run"] == wanted or wanted is None and c["streams_run"] > 0, name + ": ran", c)
        withheld = c["coalesce"] > 0
        equal(c["ttft_error_predicted_ms"] > 0, withheld, name + ": predicted")
        ok(withheld or c["delay_unexplained_us"] == c["delay_us"], name + ": nothing to explain", c)
    v = d["verdict"]
    equal(v["cells"], len(cells), "quick: verdict: cells")
    equal(v["tokens"], sum(c["tokens_sent"] for c in d["cells"]), "quick: verdict: tokens")
    equal(v["lost"], 0, "quick: verdict: lost")
    equal(v["saturated"], sum(c["saturated"] for c in d["cells"]), "quick: verdict: saturated")
    equal((v["ok"], v["failed"], v["interrupted"]), (True, 0, False), "quick: verdict")

    r = d["read_size"]
    small, large = r["smol_1kb_delay_us"], r["smol_delay_us"]
    equal((len(small), len(large), r["rate"], r["streams"]), (3, 3, 200, 2), "read size: blocks")
    ok(abs(r["difference_us"] - abs(median(small) - median(large))) < 0.11, "read size: difference", r)
    spread = max(max(small) - min(small), max(large) - min(large))
    ok(abs(r["spread_us"] - spread) < 0.01, "read size: spread", r)
    equal(r["differ"], r["difference_us"] > r["spread_us"], "read size: the rule")
    ok(("makes a difference" in r["sentence"]) == r["differ"], "read size: the sentence", r)


@test(alone=True)
def coalescing_is_predicted():
    o, d = unsaturated("--preset=upstream-smol-1kb", "--rates=41", "--streams=2", *NO_BOUNDS)
    equal(o.code, 0, "coalesce: exit code")
    c = d["cells"][0]
    gap = 1000 / 41
    predicted, read = c["ttft_error_predicted_ms"], c["ttft_error_ms"]["p50"]
    # The lines have 100 bytes and a word.
    ok(8 * gap < predicted < 11 * gap, "coalesce: predicted", c)
    ok(abs(predicted / gap - round(2 * predicted / gap) / 2) < 1e-3, "coalesce: whole gaps", c)
    ok(abs(read - predicted) < gap, "coalesce: measured beside predicted", c)
    ok(c["delay_us"]["p50"] > 2e3 * gap, "coalesce: tokens wait for company", c)
    ok(c["delay_unexplained_us"]["p50"] < 1e3 * gap, "coalesce: and that explains it", c)
    equal(d["read_size"], None, "coalesce: nothing to compare")
    for _ in range(20):  # a saturated cell says nothing about it: then once more
        o = selftest("--preset=upstream-smol-1kb", "--rates=41", "--streams=2", *NO_BOUNDS)
        if "saturated\n" not in o.text:
            break
    ok("upstream-smol-1kb withholds 1024 bytes: at 41 tok/s" in o.text, "coalesce: in words", o)


ONE = ("--preset=smol", "--rates=200", "--streams=2", "--cell-time=100ms")


@test(alone=True)
def bounds():
    for option, words in (
        ("--max-delay-p50", "delay p50 "),
        ("--max-delay-p99", "delay p99 "),
        ("--max-ttft-error", "TTFT error p50 "),
    ):
        o, d = unsaturated(*ONE, *NO_BOUNDS, option + "=1ns")
        equal(o.code, 99, option + " exceeded")
        ok(one_error_line(o), option + ": one line", o)
        ok(o.words.startswith("chimera: selftest: smol at 200 tok/s, 2 streams: " + words), option, o)
        v = d["verdict"]
        equal((v["ok"], v["failed"]), (False, 1), option + ": verdict")
        ok(d["cells"][0]["faults"] and d["cells"][0]["faults"] in o.words, option + ": cell", d)


@test
def text():
    o = selftest(*ONE, *NO_BOUNDS)
    equal(o.code, 0, "text: exit code")
    lines = o.text.split("\n")
    ok(lines[1].split()[:6] == "preset tok/s streams tokens lost ev/read".split(), "text: head", o)
    cell = lines[2].split()
    equal(cell[:5], ["smol", "200", "2", "40", "0"], "text: the cell")
    ok(lines[-2].startswith("1 cells, 40 tokens, 0 lost; "), "text: verdict", o)
    ok(b"\x1b" not in o.out and o.err == b"", "text: no escapes, nothing on stderr", o)


@test
def permits():
    o, d = document("--preset=async-std", "--rates=200", "--streams=64", "--cell-time=100ms", *NO_BOUNDS)
    equal(o.code, 0, "permits: exit code")
    c = d["cells"][0]
    ok(2 <= c["streams_run"] < 64, "permits: as many as fit", c)
    ok(o.seconds < 10, "permits: in time", o)


@test
def many_streams():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 4096))

    def too_few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    cell = ("--preset=smol-1kb", "--rates=200", "--streams=200", "--cell-time=100ms")
    o, d = document(*cell, *NO_BOUNDS, preexec_fn=few)
    equal(o.code, 0, "many streams: the soft limit is raised")
    equal(d["verdict"].get("tokens"), 200 * 20, "many streams: tokens")
    o = selftest(*cell, preexec_fn=too_few)
    equal(o.code, 74, "many streams: over the hard limit")
    ok(one_error_line(o) and "descriptors" in o.words and o.out == b"", "many streams: words", o)


@test
def usage():
    for arguments in (
        ("extra",),
        ("--preset=nope",),
        ("--rates=0",),
        ("--rates=",),
        ("--rates=41,x",),
        ("--streams=100000",),
        ("--cell-time=-1",),
        ("--format=md",),
    ):
        o = selftest(*arguments)
        equal(o.code, 2, "usage: %s" % (arguments,))
        ok(one_error_line(o) and o.out == b"", "usage: %s" % (arguments,), o)


@test
def interrupt():
    for sig, code in rig.STOPS:
        p = start("selftest", "--preset=smol", "--rates=200,20", "--streams=2", "--cell-time=200ms", *NO_BOUNDS)
        # the head has two lines, then comes the first cell
        first = [p.stdout.readline() for _ in range(3)]
        begin = time.monotonic()
        p.send_signal(sig)
        o = wait(p, begin=begin)
        equal(o.code, code, "interrupt: exit code")
        ok(first[2].startswith(b"smol "), "interrupt: the finished cell is there", first)
        ok("1 cells, 80 tokens, 0 lost" in o.text and "interrupted" in o.text, "interrupt: verdict", o)
        ok(o.seconds < 1, "interrupt: soon", o)
        equal(o.words, "", "interrupt: stderr")
    p = start("selftest", "-f", "json", "--preset=smol", "--rates=20", "--streams=2", *NO_BOUNDS)
    time.sleep(0.3)
    p.send_signal(signal.SIGINT)
    o = wait(p)
    equal(o.code, 130, "interrupt: JSON: exit code")
    d = json.loads(o.out)
    ok(d["verdict"]["interrupted"] and not d["verdict"]["ok"] and d["cells"] == [], "interrupt: JSON", d)


@test
def closed_stdout():
    o = run("selftest", *ONE, *NO_BOUNDS, stdout=broken_pipe())
    equal(o.code, 141, "closed stdout")
    equal(o.words, "", "closed stdout: quiet")


def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@test
def progress():
    """Only on a terminal's stderr, and taken away again."""
    for more, wanted in (((), True), (("--quiet",), False), (("--progress=never",), False)):
        master, terminal = pty.openpty()
        p = start("selftest", *ONE, *NO_BOUNDS, *more, stderr=terminal)
        os.close(terminal)
        p.stdout.read()
        p.wait(10)
        p.stdout.close()
        shown = b""
        while select.select([master], [], [], 0.2)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        os.close(master)
        equal(b"smol at 200 tok/s, 2 streams" in shown, wanted, "progress %s" % (more,))
        ok(not wanted or shown.endswith(b"\r\x1b[K"), "progress: gone at the end", shown)


rig.main()
