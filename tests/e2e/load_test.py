"""chimera bench in load mode: closed and open loops, sweeps, what a client's queue does to latencies,
conditions, every class of failure, every format, Ctrl-C, and what is refused."""

import csv
import io
import json
import os
import re
import signal
import time

import rig
from rig import CLOSE, NOTES, RST, STALL, RawServer, Sim, chunked, closed_port, equal, folder, head, ok
from rig import one_error_line, read, run, start, test, wait

CLASSES = ["resolve", "refused", "connect_timeout", "first_token_timeout", "idle_timeout", "total_timeout", "reset",
           "truncated", "stream_error", "busy", "http_status", "auth", "no_model", "protocol", "empty", "client"]
TIMES = ["ttft", "ttft_from_plan", "ttfo", "tpot", "e2e", "response", "connect", "lag", "late", "itl"]


def load(*words, **how):
    how.setdefault("timeout", 60)
    return run("bench", *words, **how)


def report(*words, code=0, name="", **how):
    """The one level of a JSON report, and the report."""
    got = load("-f", "json", *words, **how)
    ok(got.code == code, "%s: exit %d" % (name or " ".join(words), code), got)
    whole = json.loads(got.out)
    return whole["levels"][0], whole


@test
def closed_loop():
    with Sim("--ttft", "20ms", "--rate", "1000", "--tokens", "11", "--slots", "4") as sim:
        level, whole = report("-u", sim.url, "-c", "4", "-n", "40", name="closed")
    equal(whole["schema"], "chimera.load/1", "closed: schema")
    equal((whole["mode"], whole["arrival"], whole["interrupted"]), ("closed", None, False), "closed: mode")
    equal(level["requests"]["succeeded"], 40, "closed: all of them")
    equal(sorted(level["requests"]["failures"]), sorted(CLASSES), "closed: every class has a counter")
    equal(level["output_tokens"], 440, "closed: tokens")
    ok(level["prompt_tokens"] > 40, "closed: tokens of the prompts", level["prompt_tokens"])
    ok(3.5 < level["in_flight"]["mean"] <= 4 and level["in_flight"]["max"] == 4, "closed: at once", level["in_flight"])
    ok(abs(level["in_flight"]["gap_percent"]) < 5, "closed: Little's law", level["in_flight"])
    ok(18 < level["ttft"]["p50_ms"] < 60, "closed: ttft", level["ttft"])
    ok(0.5 < level["tpot"]["p50_ms"] < 3, "closed: tpot", level["tpot"])
    ok(level["e2e"]["p50_ms"] > level["ttft"]["p50_ms"] + 5, "closed: e2e", level["e2e"])
    equal(level["ttft"]["p99_ms"], None, "closed: no p99 of 40")
    equal(level["ttft"]["null_because"], "p99 needs 100 values, p99.9 needs 1000", "closed: and why")
    equal(level["itl"]["count"], 400, "closed: gaps")
    ok(level["itl"]["p99_ms"] is not None and level["itl"]["p99_9_ms"] is None, "closed: p99 of 400", level["itl"])
    for key in TIMES:
        ok(level[key]["count"] > 0, "closed: has " + key, level[key])


@test
def percentiles_have_their_columns():
    with Sim("--ttft", "0", "--rate", "2000", "--tokens", "5-100", "--slots", "64") as sim:
        for form in ("md", "text"):
            got = load("-u", sim.url, "-c", "4", "-n", "200", "-f", form)
            row = [s for s in got.text.splitlines() if s.strip(" |").startswith("e2e ")]
            figures = [float(x) for x in re.findall(r"[0-9]+\.[0-9]+", row[0])][1:5] if row else []
            ok(len(figures) == 4 and figures == sorted(figures) and len(set(figures)) == 4,
               "%s: p50 < p90 < p95 < p99" % form, got.text)


@test
def the_least_is_not_the_most():
    with RawServer(lambda _, i: [0.5 * (i % 2), rig.answer("x")]) as server:
        for slo, code in (("e2e:min<300ms", 0), ("e2e:max>300ms", 0), ("e2e:min>300ms", 99), ("e2e:p100<300ms", 99),
                          ("e2e:p0<300ms", 0)):
            equal(load("-u", server.url, "-c", "1", "-n", "4", "--slo", slo).code, code, "slo " + slo)


@test
def formulas():
    """Every figure again from the requests that -O wrote."""
    with folder() as top, Sim("--ttft", "5ms", "--rate", "2000", "--tokens", "5-20", "--slots", "8") as sim:
        out = top + "/requests.ndjson"
        level, _ = report("-u", sim.url, "--rate", "100", "--arrival", "poisson", "-n", "120", "-O", out, "--goodput",
                          "ttft:8ms,tpot:1ms", name="formulas")
        rows = [json.loads(line) for line in read(out).splitlines()]
    equal(len(rows), 120, "formulas: a line a request")
    equal({r["schema"] for r in rows}, {"chimera.request/1"}, "formulas: schema")
    equal({(r["class"], r["http_status"], r["error"], r["attempts"]) for r in rows}, {("ok", 200, None, 1)},
          "formulas: fields")
    equal(sorted(r["id"] for r in rows), list(range(120)), "formulas: ids")

    def percentile(values, q):
        values = sorted(values)
        place = q * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        return values[low] + (values[high] - values[low]) * (place - low)

    def between(a, b):
        return [(r[b] - r[a]) / 1e6 for r in rows]

    tpot = [(r["last_token_ns"] - r["first_token_ns"]) / 1e6 / (r["tokens"] - 1) for r in rows]
    for key, values in {
        "ttft": between("sent_ns", "first_token_ns"), "ttft_from_plan": between("planned_ns", "first_token_ns"),
        "ttfo": between("sent_ns", "first_visible_ns"), "e2e": between("sent_ns", "ended_ns"), "tpot": tpot,
        "response": between("planned_ns", "ended_ns"), "lag": between("planned_ns", "started_ns"),
        "connect": between("started_ns", "connected_ns"),
    }.items():
        for q, name in ((0.5, "p50_ms"), (0.95, "p95_ms"), (0.99, "p99_ms"), (1, "max_ms")):
            wanted, got = percentile(values, q), level[key][name]
            ok(abs(wanted - got) < 0.0021, "formulas: %s %s" % (key, name), (wanted, got))
        ok(abs(sum(values) / len(values) - level[key]["mean_ms"]) < 0.0021, "formulas: mean of " + key)
    good = sum(t <= 8.0005 and p <= 1.0005 for t, p in zip(between("sent_ns", "first_token_ns"), tpot))
    ok(abs(level["good"] - good) <= 1, "formulas: goodput", (level["good"], good))
    ok(abs(level["goodput"] - level["good"] / 120) < 1e-9, "formulas: its share", level["goodput"])
    window = (max(r["ended_ns"] for r in rows) - min(r["planned_ns"] for r in rows)) / 1e9
    sending = (max(r["started_ns"] for r in rows) - min(r["planned_ns"] for r in rows)) / 1e9
    ok(abs(sending - level["sending_s"]) < 1e-6, "formulas: until the last was sent", (sending, level["sending_s"]))
    ok(abs(window - level["window_s"]) < 1e-6, "formulas: window", (window, level["window_s"]))
    ok(abs(level["output_tokens_per_s"] - sum(r["tokens"] for r in rows) / window) < 0.01, "formulas: tok/s")


@test
def arrivals():
    with folder() as top, Sim("--ttft", "0", "--rate", "inf", "--tokens", "2", "--slots", "64") as sim:
        def planned(*words):
            report("-u", sim.url, "-n", "60", "-O", top + "/r", *words, name="arrivals")
            return sorted(json.loads(line)["planned_ns"] for line in read(top + "/r").splitlines())

        even = planned("-q", "200")
        ok(max(abs(at - i * 5e6) for i, at in enumerate(even)) <= 2, "arrivals: constant", even[:5])
        first = planned("--rate", "200", "--arrival", "poisson", "--seed", "5")
        equal(planned("--rate", "200", "--arrival", "poisson", "--seed", "5"), first, "arrivals: by the seed")
        ok(planned("--rate", "200", "--arrival", "poisson", "--seed", "6") != first, "arrivals: and by no other")
        gaps = [b - a for a, b in zip(first, first[1:])]
        ok(max(gaps) > 3 * min(gaps) and first[-1] != 60 / 200 * 1e9, "arrivals: uneven, not rescaled", gaps)
        ok(planned("--rate", "200", "--arrival", "gamma:0.3") != first, "arrivals: gamma")
        equal(set(planned("--rate", "inf", "-c", "8")), {0}, "arrivals: all at once")


@test
def coordinated_omission():
    """A rate of twice what the server can do, and at most two requests at once: the queue is the client's."""
    with Sim("--ttft", "50ms", "--rate", "inf", "--tokens", "2", "--slots", "2") as sim:
        words = ("-u", sim.url, "--rate", "80", "-n", "80", "-c", "2")
        level, _ = report(*words, name="omission")
        short, _ = report("-u", sim.url, "--rate", "80", "-z", "1s", "-c", "2", "--goodput", "ttft:10s", name="omission, -z")
    ok(level["ttft"]["max_ms"] < 400 and level["ttft"]["p50_ms"] < 120, "omission: none of it from the send", level["ttft"])
    ok(level["response"]["max_ms"] > 600 and level["ttft_from_plan"]["max_ms"] > 600, "omission: all of it from the plan",
       level["response"])
    ok(level["lag"]["max_ms"] > 500 and level["late"]["p50_ms"] < 10, "omission: the limit's, not the client's", level["lag"])
    ok(level["held_back"] > 40, "omission: held back", level["held_back"])
    ok(any("held" in w for w in level["warnings"]), "omission: a warning", level["warnings"])
    ok(not any("client was" in w for w in level["warnings"]) or level["late"]["max_ms"] > 10, "omission: not the client",
       level["warnings"])
    ok(short["unsent"] > 20 and short["planned"] == 80, "omission: due, not sent", (short["unsent"], short["planned"]))
    equal(short["requests"]["succeeded"] + short["unsent"], 80, "omission: nothing is lost")
    ok(abs(short["goodput"] - short["requests"]["succeeded"] / 80) < 1e-9, "omission: and no good ones", short["goodput"])


@test
def open_loop_without_limit():
    """The queue is then the server's, and every request goes out on time."""
    with Sim("--ttft", "50ms", "--rate", "inf", "--tokens", "2", "--slots", "1", "--queue", "1000") as sim:
        level, _ = report("-u", sim.url, "--rate", "100", "-n", "60", name="no limit")
    ok(level["ttft"]["max_ms"] > 1500, "no limit: the server's queue is in ttft", level["ttft"])
    ok(level["lag"]["p50_ms"] < 20 and level["held_back"] == 0, "no limit: on time", level["lag"])
    ok(level["in_flight"]["max"] > 20, "no limit: many under way", level["in_flight"])


@test
def sweep():
    with Sim("--ttft", "10ms", "--rate", "inf", "--tokens", "3", "--slots", "4") as sim:
        got = load("-u", sim.url, "-c", "1-8*2", "-n", "24", "-f", "json")
        table = load("-u", sim.url, "-c", "1,3", "-n", "12", "-f", "md")
        text = load("-u", sim.url, "-c", "1-5+2", "-n", "12", "--slo", "ttft:p95<10s")
    levels = json.loads(got.out)["levels"]
    equal([l["at_once"] for l in levels], [1, 2, 4, 8], "sweep: levels")
    equal([l["requests"]["succeeded"] for l in levels], [24] * 4, "sweep: all of each")
    ok(levels[2]["requests_per_s"] > 2 * levels[0]["requests_per_s"], "sweep: more at once are more a second",
       [l["requests_per_s"] for l in levels])
    rows = [line for line in table.text.splitlines() if line.startswith("|")]
    equal(len(rows), 4, "sweep: a row a level")
    equal(len({r.count("|") for r in rows}), 1, "sweep: a whole table")
    equal(text.text.count("SLO ttft:p95<10s: holds"), 3, "sweep: judged at each level")
    equal(text.code, 0, "sweep: exit code")


@test
def conditions():
    with Sim("--ttft", "30ms", "--rate", "inf", "--tokens", "3", "--slots", "4") as sim:
        words = ("-u", sim.url, "-c", "2", "-n", "20")
        for slo, code in (("ttft:p95<10s", 0), ("ttft:p95<1ms", 99), ("error:rate<1%", 0), ("error<=0", 0),
                          ("ttft:p99<10s", 99), ("throughput>1", 0), ("throughput>1000000", 99), ("e2e:max<10s", 0),
                          ("response:mean>1h", 99), ("tpot:p50<10s", 0), ("itl:p90<10s", 0), ("ttfo:min>1ms", 0)):
            got = load(*words, "--slo", slo)
            equal(got.code, code, "slo %s" % slo)
            ok(("SLO %s: %s" % (slo, "BROKEN" if code else "holds")) in got.text, "slo %s: said" % slo, got.text)
        level, _ = report(*words, "--slo", "ttft:p95<1ms", "--slo", "error<1%", code=99)
    equal([c["holds"] for c in level["slo"]], [False, True], "slo: several")
    ok(level["slo"][0]["value_ms"] > 25 and level["slo"][0]["limit_ms"] == 1.0, "slo: its value", level["slo"])


def failing(script, *words, name, end, code, n=4):
    with RawServer([script]) as server:
        level, _ = report("-u", server.url, "-n", str(n), *words, code=code, name=name)
    counts = {k: v for k, v in level["requests"]["failures"].items() if v}
    equal(counts, {end: n}, name + ": its class")
    equal((level["requests"]["error_rate"], level["e2e"]["count"], level["ttft"]["p50_ms"]), (1.0, 0, None),
          name + ": in no latency")


LINE = b'{"model":"m","response":"a","done":false}\n'


@test
def failures_by_class():
    failing([RST], name="reset", end="reset", code=56)
    failing([STALL], "--first-token-timeout", "100ms", name="first token", end="first_token_timeout", code=28, n=2)
    failing([head("200 OK", "Transfer-Encoding: chunked"), b"%x\r\n%s\r\n" % (len(LINE), LINE), STALL], "--idle-timeout",
            "100ms", name="idle", end="idle_timeout", code=28, n=2)
    failing([STALL], "-t", "100ms", name="total", end="total_timeout", code=28, n=2)
    failing([chunked(LINE)], name="truncated", end="truncated", code=18)
    failing([head("200 OK", "Content-Length: 500"), LINE, CLOSE], name="cut", end="truncated", code=18)
    failing([chunked(LINE, b'{"error":"out of memory"}\n')], name="in the stream", end="stream_error", code=22)
    failing([rig.with_length("", "503 Service Unavailable")], name="busy", end="busy", code=75)
    failing([rig.with_length("", "429 Too Many Requests")], name="busy 429", end="busy", code=75)
    failing([rig.with_length("", "500 Oops")], name="status", end="http_status", code=22)
    failing([rig.with_length("", "401 No")], name="auth", end="auth", code=77)
    failing([rig.with_length('{"error":"model not found"}', "404 Not Found")], name="model", end="no_model", code=69)
    failing([chunked(b"not json\n")], name="protocol", end="protocol", code=56)
    failing([rig.answer()], name="empty", end="empty", code=1)
    level, _ = report("-u", "http://127.0.0.1:%d" % closed_port(), "-n", "3", code=7, name="refused")
    equal(level["requests"]["failures"]["refused"], 3, "refused: its class")
    level, _ = report("-u", "http://no.such.host.invalid", "-n", "2", code=6, name="resolve")
    equal(level["requests"]["failures"]["resolve"], 2, "resolve: its class")
    # Nothing accepts there: a full backlog.
    import socket
    with socket.socket() as deaf, socket.socket() as one, socket.socket() as two:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for s in (one, two):
            s.setblocking(False)
            s.connect_ex(deaf.getsockname())
        time.sleep(0.1)
        level, _ = report("-u", "http://127.0.0.1:%d" % deaf.getsockname()[1], "-n", "2", "--connect-timeout", "200ms",
                          code=28, name="connect")
    equal(level["requests"]["failures"]["connect_timeout"], 2, "connect: its class")


@test
def some_failures():
    with Sim("--ttft", "1ms", "--rate", "inf", "--tokens", "4", "--slots", "8", "--fault", "status-503:0.3") as sim:
        words = ("-u", sim.url, "-c", "4", "-n", "100")
        got = load(*words, "-f", "json", "--goodput", "ttft:10s")
        tolerated = load(*words, "--slo", "error<60%")
        broken = load(*words, "--slo", "error<1%")
        again = load(*words, "--max-retries", "20", "-n", "30")
    level = json.loads(got.out)["levels"][0]
    busy = level["requests"]["failures"]["busy"]
    ok(5 < busy < 70, "some: failed", busy)
    equal(level["requests"]["succeeded"] + busy, 100, "some: every one has an end")
    equal(level["e2e"]["count"], 100 - busy, "some: latencies are of the others")
    ok(abs(level["goodput"] - (100 - busy) / 100) < 1e-9, "some: goodput is of all", level["goodput"])
    equal((got.code, tolerated.code, broken.code, again.code), (1, 0, 99, 0), "some: exit codes")
    ok(one_error_line(got) and b"first failure" in got.err, "some: one line", got.err)


@test
def full_queue():
    with Sim("--ttft", "100ms", "--rate", "inf", "--tokens", "2", "--slots", "1", "--queue", "2") as sim:
        level, _ = report("-u", sim.url, "--rate", "inf", "-n", "20", code=1, name="queue")
    ok(level["requests"]["failures"]["busy"] >= 14, "queue: refused beyond it", level["requests"])
    ok(level["requests"]["succeeded"] >= 3, "queue: the others served", level["requests"])


@test
def several_servers():
    with Sim("--ttft", "5ms", "--rate", "inf", "--tokens", "4") as a, Sim("--ttft", "60ms", "--rate", "inf", "--tokens",
                                                                          "4") as b:
        level, whole = report("-u", a.url, "-u", b.url, "-c", "2", "-n", "40", name="servers")
        text = load("-u", a.url, "-u", b.url, "-n", "4")
        rows = list(csv.DictReader(io.StringIO(load("-u", a.url, "-u", b.url, "-n", "6", "-f", "csv").text)))
    equal(whole["servers"], [a.url, b.url], "servers: named")
    equal([s["requests"]["succeeded"] for s in level["servers"]], [20, 20], "servers: in turns")
    ok(level["servers"][0]["ttft"]["p50_ms"] < 50 < level["servers"][1]["ttft"]["p50_ms"], "servers: apart",
       [s["ttft"]["p50_ms"] for s in level["servers"]])
    ok(a.url in text.text and b.url in text.text and "response p95" in text.text, "servers: in text", text.text)
    equal([r["server"] for r in rows], ["all", a.url, b.url], "servers: in CSV")


@test
def prompts():
    def sent(*words):
        with RawServer([rig.answer("a", "b")]) as server:
            got = load("-u", server.url, "-n", "4", *words)
            equal(got.code, 0, "prompts: %s" % (words,))
            return [json.loads(b)["prompt"] for b in server.bodies()]

    cold, warm = sent(), sent("--cache", "warm")
    equal(len(set(cold)), 4, "prompts: all differ")
    equal(len(set(p[:20] for p in cold + sent())), 8, "prompts: from the first word on, in the next run too")
    equal(len(set(warm)), 1, "prompts: the same when they may")
    ok(all(p.endswith(warm[0]) for p in cold), "prompts: a prefix", cold[0])
    ok(60 < len(warm[0].split()) < 110, "prompts: about 100 tokens", len(warm[0].split()))
    equal(sent("--cache", "warm", "--prompt", "Say hi"), ["Say hi"] * 4, "prompts: one's own")
    with folder() as top:
        file = rig.write(top + "/p.txt", "one\n\ntwo\r\nthree")
        equal(sent("--cache", "warm", "--prompts", file), ["one", "two", "three", "one"], "prompts: of a file")
        empty = load("-n", "1", "--prompts", rig.write(top + "/e.txt", "\n \n"))
        equal(empty.code, 65, "prompts: none")
        binary = load("-n", "1", "--prompts", rig.write(top + "/b.txt", b"\xff\xfe"))
        equal(binary.code, 65, "prompts: no text")
        equal(load("-n", "1", "--prompts", top + "/none").code, 65, "prompts: no file")


@test
def warm_up():
    with RawServer([rig.answer("a", "b")]) as server:
        level, whole = report("-u", server.url, "-n", "5", "-w", "3", name="warm-up")
        equal(len(server.bodies()), 8, "warm-up: asked")
        equal(server.connections, 1, "warm-up: the connection is kept")
    equal((level["requests"]["succeeded"], whole["warmup_requests"]), (5, 3), "warm-up: left out")


@test
def formats():
    with Sim("--ttft", "2ms", "--rate", "2000", "--tokens", "8", "--slots", "4") as sim:
        words = ("-u", sim.url, "-c", "4", "-n", "120")
        got = {f: load(*words, "-f", f) for f in ("text", "json", "csv", "md", "hgrm", "hgrm:ttft", "hgrm:itl")}
    for name, outcome in got.items():
        equal(outcome.code, 0, "format %s: exit code" % name)
        ok(b"\x1b" not in outcome.out + outcome.err, "format %s: no escape" % name)
    json.loads(got["json"].out)
    row, = csv.DictReader(io.StringIO(got["csv"].text))
    equal((row["at_once"], row["server"], row["succeeded"], row["ttft_count"]), ("4", "all", "120", "120"), "csv: row")
    ok(float(row["ttft_p99_ms"]) > 0 and row["ttft_p99_9_ms"] == "", "csv: what cannot be said is empty", row["ttft_p99_ms"])
    for key in set(TIMES) - {"late"}:          # which is lag, without a limit
        ok(re.search(r"(?m)^%s " % key, got["text"].text), "text: has " + key, got["text"].text)
        ok("| %s " % key in got["md"].text, "md: has " + key, got["md"].text)
    for name, count in (("hgrm", 120), ("hgrm:ttft", 120), ("hgrm:itl", 840)):
        lines = got[name].text.splitlines()
        equal(lines[0].split(), ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"], name + ": head")
        rows = [line.split() for line in lines[2:] if not line.startswith("#")]
        values, shares, counts = ([float(r[i]) for r in rows] for i in range(3))
        ok(values == sorted(values) and shares == sorted(shares) and counts == sorted(counts), name + ": in order", rows)
        equal((shares[-1], counts[-1]), (1.0, count), name + ": to the end")
        ok(re.search(r"#\[Max     = +[\d.]+, Total count    = +%d\]" % count, got[name].text), name + ": ends")
    plain = got["text"].text
    ok("Little's law" in plain and "lag" in plain and "120 of 120 requests succeeded" in plain, "text: says", plain)


@test
def simulated():
    level, whole = report("--sim=ttft=2ms,rate=inf,tokens=3,slots=4", "-c", "2", "-n", "10", "--sim-servers", "2")
    equal((whole["simulated"], len(whole["servers"]), level["output_tokens"]), (True, 2, 30), "sim: embedded")


@test
def shared_reads():
    level, _ = report("--sim=ttft=1ms,rate=inf,tokens=30", "-n", "10", name="reads")
    ok(level["gaps_within_a_read"] > 0.5 and level["pieces_per_read"] > 2, "reads: shared", level["pieces_per_read"])
    ok(any("within one read" in w for w in level["warnings"]), "reads: a warning", level["warnings"])


@test
def interrupted():
    with folder() as top, Sim("--ttft", "20ms", "--rate", "inf", "--tokens", "3", "--slots", "4") as sim:
        for words, sig, code in ((("-c", "4"), signal.SIGINT, 130), (("--rate", "50"), signal.SIGTERM, 143),
                                 (("-c", "2", "-f", "json"), signal.SIGINT, 130)):
            name = "interrupted %s" % " ".join(words)
            out = top + "/r"
            process = start("bench", "-u", sim.url, *words, "-z", "60s", "-O", out)
            time.sleep(0.7)
            process.send_signal(sig)
            got = wait(process, 10)
            equal(got.code, code, name)
            ok(got.seconds < 5, name + ": soon", got)
            ok(b"interrupted" in got.err, name + ": said", got)
            rows = [json.loads(line) for line in read(out).splitlines()]
            ends = {r["class"] for r in rows}
            ok("ok" in ends and ends <= {"ok", "cancelled"}, name + ": what had come is kept", ends)
            if "json" in words:
                whole = json.loads(got.out)
                done = whole["levels"][0]["requests"]
                equal((whole["interrupted"], done["failed"]), (True, 0), name + ": marked, and no failures")
                equal(done["succeeded"] + done["cut_off"], len(rows), name + ": counted")
            else:
                ok("interrupted" in got.text and "succeeded, 0 failed" in got.text, name + ": a report", got.text)


@test
def progress_on_a_terminal():
    import pty
    master, slave = pty.openpty()
    with Sim("--ttft", "10ms", "--rate", "inf", "--tokens", "2") as sim:
        process = start("bench", "-u", sim.url, "-c", "1", "-n", "80", stderr=slave)
        os.close(slave)
        seen = b""
        while True:
            try:
                more = os.read(master, 4096)
            except OSError:
                break
            if not more:
                break
            seen += more
        got = wait(process)
    os.close(master)
    equal(got.code, 0, "progress: exit code")
    ok(re.search(rb"\d+ of 80 done, 1 under way, [\d.]+/s", seen), "progress: a line", seen)
    ok(b"\x1b" not in got.out, "progress: not on stdout")


@test
def refused():
    with folder() as top:
        for words, part in (
            (("-c", "2", NOTES), "no folder"), (("-c", "2", "--runs", "3"), "--runs"), (("-n", "5", "--presets", "smol"), "--presets"),
            (("-n", "5", "--agents", "3"), "--agents"), (("--slo", "ttft:p95<1s", NOTES, "-O", top + "/x"), "--slo"),
            (("-w", "3", NOTES, "-O", top + "/x"), "--warmup"), (("-n", "1", "-w", "on"), "--warmup"),
            (("-c", "0"), "-c"), (("-c", "1-"), "-c"), (("-n", "0"), "-n"), (("--rate", "0"), "--rate"), (("--rate", "-1"), "--rate"), (("--rate", "1e-300", "-n", "2"), "--rate"),
            (("--rate", "inf"), "needs -n"), (("--rate", "5", "-c", "1,2"), "one -c"), (("-c", "1", "--arrival", "poisson"), "--rate"),
            (("-c", "1", "--slo", "ttft<1s"), "statistic"), (("-c", "1", "--slo", "ttft:p95<200"), "unit"),
            (("-c", "1", "--goodput", "ttft:200"), "unit"), (("-c", "1", "-f", "svg"), "hgrm"), (("-c", "1", "-f", "hgrm:x"), "hgrm"),
            (("-c", "1", "--prompt", "x", "--prompts", "y"), "not both"), (("-f", "csv", NOTES, "-O", top + "/x"), "load mode"),
            (("-n", "1", "--sim", "-u", "http://127.0.0.1:1"), "not both"),
        ):
            got = load(*words)
            name = "refused " + " ".join(words[:4])
            equal((got.code, got.out), (2, b""), name)
            ok(one_error_line(got) and part in got.words, name + ": says why", got.words)
        equal(load("-n", "1", "-O", top).code, 74, "refused: -O of a folder")
        ok(os.path.isdir(top), "refused: the folder is there")
    with Sim("--ttft", "1ms", "--rate", "inf", "--tokens", "2") as sim:
        equal(load("-u", sim.url, "-n", "3", "-O", "/dev/full").code, 74, "full disk: -O")
        with open("/dev/full", "wb") as full:
            equal(load("-u", sim.url, "-n", "3", stdout=full).code, 74, "full disk: stdout")
        closed = start("bench", "-u", sim.url, "-n", "3")
        closed.stdout.close()
        closed.stdout = None
        equal(wait(closed).code, 141, "closed stdout")


@test
def secrets_and_dry_run():
    got = load("-n", "1", "--dry-run", "-u", "http://127.0.0.1:9", "-H", "X-Key: swordfish")
    equal(got.code, 0, "dry run: exit code")
    ok(got.text.startswith("POST /api/generate HTTP/1.1\r\n") and "X-Key: ***" in got.text, "dry run: the bytes", got.text)
    with RawServer([rig.with_length('{"error":"swordfish is wrong"}', "500 No")]) as server, folder() as top:
        out = top + "/r"
        got = load("-u", server.url, "-n", "2", "-H", "X-Key: swordfish", "-O", out, "-f", "json")
        ok(b"swordfish" in server.requests[0], "secrets: sent")
        ok(b"swordfish" not in got.out + got.err + read(out), "secrets: not shown", got)


rig.main()
