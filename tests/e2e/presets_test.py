"""The knobs of the experiment and what a record says about them: presets, precedence, what is refused;
the parts of the efficiency, the agents alone (--serial), and counters that are of one run.
"""

import json
import os
import signal
import time

import rig
from figures import only_run, wrong_figures, wrong_summary
from rig import INSTANT, NOTES, RawServer, Sim, equal, folder, ok, one_error_line, run, start, test, wait

PROCESSORS = len(os.sched_getaffinity(0))
# name: runtime, threads, worker threads, read size, coalesce, permits
PRESETS = {
    "tokio-default": ("steal", PROCESSORS, PROCESSORS, 8192, 0, 0),
    "tokio-localset": ("local", 1, 1, 8192, 0, 0),
    "asyncio": ("local", 1, 1, 65536, 0, 0),
    "smol": ("fixed", 2, 2, 8192, 0, 0),
    "smol-1kb": ("fixed", 2, 2, 1024, 0, 0),
    "async-std": ("bridge", 2, 3, 8192, 0, 1),
    "upstream-smol": ("bridge", 2, 3, 8192, 0, 2),
    "upstream-smol-1kb": ("bridge", 2, 3, 8192, 1024, 2),
}
KNOBS = ("runtime", "threads", "workers", "read_size", "coalesce", "permits")
EQUAL = "rate=200,tokens=60,ttft=5ms"  # two agents with answers of the same length, 0.6 s each


def knobs_of(record):
    return tuple(record["chimera"][k] for k in KNOBS)


# ---- presets ------------------------------------------------------------------------------------


@test
def every_preset():
    told = run("run", "--help").text
    for name, wanted in PRESETS.items():
        m, r = only_run(NOTES, "--sim=" + INSTANT, "--preset", name)
        if not equal((r.code, r.err), (0, b""), name + ": exit code and stderr"):
            continue
        c = m["chimera"]
        equal(knobs_of(m), wanted, name + ": the knobs of the table")
        equal((c["preset"], c["pop"], c["pin"], c["keep_alive"]), (name, "fifo", False, True), name + ": named")
        equal(wrong_figures(m), [], name + ": figures")
        ok("\n  " + name + " " in told, name + ": in the help")
    m, r = only_run(NOTES, "--sim=" + INSTANT)
    equal((knobs_of(m), m["chimera"]["preset"]), (PRESETS["smol-1kb"], "smol-1kb"), "no knob: smol-1kb")


@test
def precedence():
    cases = [
        (["--preset=smol", "--read-size=1k"], PRESETS["smol-1kb"], "smol-1kb"),
        (["--preset=smol-1kb", "--runtime=local", "--read-size=8k"], PRESETS["tokio-localset"], "tokio-localset"),
        (["--preset=asyncio", "--runtime=fixed"], ("fixed", 2, 2, 65536, 0, 0), ""),
        (["--preset=smol", "--threads=3"], ("fixed", 3, 3, 8192, 0, 0), ""),
        (["--preset=smol", "--permits=2", "--coalesce=100"], ("fixed", 2, 2, 8192, 100, 2), ""),
        (["--preset=smol", "--pin"], PRESETS["smol"], ""),
        (["--preset=smol", "--keep-alive=off"], PRESETS["smol"], ""),
    ]
    for words, wanted, preset in cases:
        for order in (words, words[::-1]):
            m, r = only_run(NOTES, "--sim=" + INSTANT, *order)
            name = " ".join(order)
            equal((r.code, r.err), (0, b""), name + ": exit code")
            equal((knobs_of(m), m["chimera"]["preset"]), (wanted, preset), name + ": knobs and name")
            equal(m["chimera"]["pin"], "--pin" in order, name + ": pin")
            equal(m["chimera"]["keep_alive"], "--keep-alive=off" not in order, name + ": keep_alive")
    m, r = only_run(NOTES, "--sim=" + INSTANT, "--runtime=steal", "--threads=2", "--pop=lifo")
    equal((knobs_of(m), m["chimera"]["pop"]), (("steal", 2, 2, 1024, 0, 0), "lifo"), "--pop lifo: in the record")


@test
def refused():
    for words in (
        ["--preset", "none"],
        ["--preset="],
        ["--preset"],
        ["--runtime", "tokio"],
        ["--runtime", "local", "--threads", "2"],
        ["--threads", "2", "--preset", "asyncio"],
        ["--pop", "lifo"],
        ["--pop", "lifo", "--preset", "smol"],
        ["--pop", "odd", "--runtime", "steal"],
        ["--threads", "0"],
        ["--permits", "-1"],
        ["--read-size", "0"],
        ["--pin=yes"],
    ):
        for command in (["run", NOTES, "--dry-run"], ["fetch", "http://127.0.0.1:1"]):
            r = run(*command, *words)
            name = command[0] + " " + " ".join(words)
            ok(r.code == 2 and r.out == b"" and one_error_line(r), name + ": refused", r)
    for words in (["ingest", NOTES, "--runtime", "local"], ["sim", "--preset", "smol"], ["fetch", "x", "--serial"],
                  ["fetch", "http://x", "--keep-alive", "5m"]):
        r = run(*words)
        ok(r.code == 2 and one_error_line(r), " ".join(words) + ": no such option there", r)


def threads_while_waiting(*words):
    with RawServer([[rig.STALL]]) as server:
        p = start("fetch", server.url, *words)
        rig.eventually(lambda: server.requests)
        status = rig.read("/proc/%d/status" % p.pid).decode()
        p.send_signal(signal.SIGINT)
        wait(p)
    return int(status.split("Threads:")[1].split()[0])


@test
def fetch_on_a_runtime():
    with RawServer([rig.with_length(b"x" * 30000)]) as server:
        for name in PRESETS:
            r = run("fetch", server.url, "--preset", name)
            ok(r.code == 0 and r.out == b"x" * 30000 and r.err == b"", "fetch --preset %s" % name, r)
        run("fetch", server.url, "--keep-alive", "off")
        ok(b"\r\nconnection: close\r\n" in server.requests[-1].lower(), "fetch --keep-alive off", server.requests[-1])
    for words, threads in (
        ([], 1),
        (["--read-size=8k", "--permits=3"], 1),
        (["--runtime=fixed"], 2),
        (["--threads=5"], 5),
        (["--preset=smol"], 2),
        (["--runtime=local"], 1),
        (["--runtime=bridge", "--threads=3"], 4),
        (["--runtime=steal", "--threads=3"], 3),
    ):
        equal(threads_while_waiting(*words), threads, "fetch %s: its threads" % " ".join(words))


# ---- what the efficiency is made of -------------------------------------------------------------


@test(alone=True)
def permits():
    for words, low, high in (
        (["--preset=async-std"], 49.5, 50.5),
        (["--permits=1"], 49.5, 50.5),
        (["--preset=upstream-smol"], 99, 100),
        (["--preset=async-std", "--permits=2"], 99, 100),
        (["--permits=2", "--runtime=local"], 99, 100),
    ):
        m, r = only_run(NOTES, "--sim=" + EQUAL, *words)
        name = " ".join(words)
        equal((r.code, r.err), (0, b""), name + ": exit code and stderr")
        d = m["chimera"]["decomposition"]
        ok(low <= m["summary"]["efficiency_percent"] <= high, name + ": efficiency", d)
        equal(wrong_figures(m), [], name + ": figures")
        if high < 99:  # the agents are equal: it is all waiting for the permit, so overhead
            ok(d["overhead_pp"] > 49 and d["imbalance_pp"] < 1, name + ": overhead", d)


def order_of_requests(script_a, script_b, *words):
    """The servers in the order of their POSTs, the records and the outcome."""
    order = []

    def server(name, script):
        def answer(request, index):
            if request.startswith(b"POST"):
                order.append(name)
            return script(len([n for n in order if n == name]))

        return RawServer(answer)

    with server("a", script_a) as a, server("b", script_b) as b:
        r = run("run", NOTES, "-u", a.url, "-u", b.url, "--serial", "-f", "ndjson", *words)
        return "".join(order), [json.loads(line) for line in r.text.splitlines()], r


@test
def serial():
    good = rig.answer("## Executive Summary\n", "All is well.\n", "- Key finding: one.\n")
    with folder() as out:
        order, lines, r = order_of_requests(lambda n: good, lambda n: good, "--runs", 2, "-O", out)
        equal((r.code, r.err), (0, b""), "--serial: exit code and stderr")
        equal(order[:4], "aabb", "--serial: one agent after the other, on its own server")
        equal((order.count("a"), order.count("b")), (6, 6), "--serial: each agent once more than there are runs")
        equal(sorted(os.listdir(out)), ["run_1", "run_2", "summary.json", "summary.md"], "--serial: the folders")
        text = rig.read(out + "/summary.md").decode()
        ok("True Efficiency" in text and "| True efficiency (%) |" in text, "--serial: summary.md", text)
        ok("True Efficiency" in rig.read(out + "/run_2/combined_report.md").decode(), "--serial: report")
    if not equal(len(lines), 3, "--serial: two records and a summary"):
        return
    first, second, summary = lines
    for m in (first, second):
        equal(wrong_figures(m), [], "--serial: figures")
        ok(m["chimera"]["decomposition"]["true_efficiency_percent"] > 0, "--serial: measured", m["chimera"])
    baseline = first["chimera"]["serial"]
    equal(second["chimera"]["serial"], baseline, "--serial: measured once")
    equal([a["id"] for a in baseline["agents"]], ["collector", "insight"], "--serial: the agents")
    equal([(a["tokens"], a["validity"]) for a in baseline["agents"]], [(6, "ok")] * 2, "--serial: their calls")
    ok(baseline["wall"] >= sum(a["seconds"] for a in baseline["agents"]) > 0, "--serial: seconds", baseline)
    equal(wrong_summary(summary, lines[:2]), [], "--serial: summary")
    ok("true_speedup_tokens" in summary["chimera"]["figures"], "--serial: in the summary", summary["chimera"])


@test(alone=True)
def serial_of_equal_agents():
    m, r = only_run(NOTES, "--sim=" + EQUAL, "--serial")
    d = m["chimera"]["decomposition"]
    ok(97 < d["true_efficiency_percent"] < 103, "--serial: equal agents do not disturb each other", d)
    ok(1.94 < d["true_speedup_tokens"] < 2.06, "--serial: twice as many tokens a second", d)
    # Its first request is the first of the process.
    ok(m["chimera"]["startup_ms"] < 600, "--serial: startup is not behind it", m["chimera"]["startup_ms"])
    m, r = only_run(NOTES, "--sim=" + EQUAL, "--serial", "--permits=1")
    d = m["chimera"]["decomposition"]
    ok(48 < d["true_efficiency_percent"] < 52, "--serial, --permits 1: half", d)
    ok(0.96 < d["true_speedup_tokens"] < 1.04, "--serial, --permits 1: nothing gained", d)
    r = run("run", NOTES, "--sim=" + INSTANT, "--serial")
    ok("\ntrue efficiency " in r.text and "\ntrue speedup " in r.text, "--serial: text", r.text[-500:])


@test
def serial_that_fails():
    good = rig.answer("## Executive Summary\n", "All is well.\n")
    bad = rig.with_length('{"error":"out of order"}', "500 x")
    order, lines, r = order_of_requests(lambda n: good, lambda n: bad if n == 1 else good)
    equal(r.code, 0, "--serial, failed alone: the run itself is fine")
    ok(one_error_line(r) and b"warning: serial: insight alone failed" in r.err, "--serial, failed alone: a warning", r)
    c = lines[0]["chimera"]
    equal(
        (c["complete"], [a["validity"] for a in c["serial"]["agents"]]),
        (True, ["ok", "error"]),
        "--serial, failed alone: the record",
    )
    d = c["decomposition"]
    equal(
        (d["true_efficiency_percent"], d["true_speedup_tokens"]), (None, None), "--serial, failed alone: no figure"
    )
    ok(any("alone failed" in w for w in c["warnings"]), "--serial, failed alone: in the warnings", c["warnings"])
    m, r = only_run(NOTES, "--sim=" + INSTANT)
    equal(m["chimera"]["serial"], None, "no --serial: null")


@test
def serial_interrupted():
    good = rig.answer("## Executive Summary\n", "x")
    with RawServer([good]) as a, RawServer([[rig.STALL]]) as b, folder() as out:
        p = start("run", NOTES, "-u", a.url, "-u", b.url, "--serial", "--runs", 2, "-O", out)
        rig.eventually(lambda: b.requests)
        time.sleep(0.1)
        at = time.monotonic()
        p.send_signal(signal.SIGINT)
        r = wait(p, 5)
        ok(r.code == 130 and time.monotonic() - at < 1, "SIGINT during --serial: 130, soon", r)
        equal(r.err, b"chimera: interrupted: 0 of 2 runs finished and kept\n", "SIGINT during --serial: the line")
        equal(sorted(os.listdir(out)), ["summary.json", "summary.md"], "SIGINT during --serial: no run's folder")
        equal(len(a.requests), 2, "SIGINT during --serial: no run was begun")


# ---- counters -----------------------------------------------------------------------------------


@test
def counters_are_of_one_run():
    with Sim("--ttft=1ms", "--rate=1000", "--tokens=100") as a, Sim(
        "--ttft=1ms", "--rate=1000", "--tokens=100"
    ) as b:
        p = start("run", NOTES, "-u", a.url, "-u", b.url, "--runs", 6, "--serial", "-f", "ndjson")
        lines = p.stdout.read().splitlines()
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        p.stdout.close()
        p.stderr.close()
    equal((p.returncode, len(lines)), (0, 7), "six runs")
    records = [json.loads(line)["chimera"] for line in lines[:6]]
    for c in records:
        counted = c["counters"]
        equal(len(counted["waits"]), 24, "counters: buckets")
        equal(sum(counted["waits"]), counted["resumes"], "counters: each resume is in the histogram")
        resumes = sum(a["resumes"] for a in c["agents"])
        ok(resumes <= counted["resumes"] <= resumes + 60, "counters: those of the run's agents", (resumes, counted))
        for total, part in (("ready_wait_ms", "ready_wait_ms"), ("running_ms", "running_ms")):
            of_agents = sum(a[part] for a in c["agents"])
            ok(counted[total] >= of_agents - 1e-6, "counters: %s has the agents'" % total, (counted, of_agents))
        ok(0 < counted["turns"] <= 2 * resumes, "counters: turns", counted)
        ok(all(counted[k] >= 0 for k in counted if k != "waits"), "counters: not negative", counted)
    # Would they hold what was before, too, their sum were 3.5 times the process'.
    seconds = sum(c["user_s"] + c["system_s"] for c in records)
    total = used.ru_utime + used.ru_stime
    ok(0 < seconds <= total + 1e-3, "processor time: the runs' is a part of the process'", (seconds, total))
    for mine, theirs in (("voluntary_switches", used.ru_nvcsw), ("involuntary_switches", used.ru_nivcsw)):
        switches = sum(c[mine] for c in records)
        ok(0 <= switches <= theirs, mine + ": the runs' are a part of the process'", (switches, theirs))
    rss = [c["max_rss_kib"] for c in records]
    ok(rss == sorted(rss), "max_rss_kib: of the process", rss)
    ok(len({c["startup_ms"] for c in records}) == 1, "startup_ms: of the process", records[0]["startup_ms"])


rig.main()
