"""The simulator as Python's http.client sees it: routes, pace, seeds, queue, faults."""

import concurrent.futures
import http.client
import json
import re
import select
import signal
import socket
import time

import rig
from rig import Sim, equal, folder, ok, one_error_line, run, test


def ask(port, body=None, path="/api/generate", method=None, timeout=10, **fields):
    """(status, headers, body bytes, response) of one request on a connection of its own."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    if body is None and fields:
        body = json.dumps({"model": "m", "prompt": "hello there", **fields})
    c.request(method or ("POST" if body is not None else "GET"), path, body)
    r = c.getresponse()
    return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read(), c


def generate(port, **fields):
    status, headers, body, _ = ask(port, prompt=fields.pop("prompt", "hello there"), **fields)
    return [json.loads(line) for line in body.split(b"\n") if line]


def text_of(records):
    return "".join(r.get("response", "") for r in records)


def raw(port, request, limit=2.0):
    """What comes back, and how it ended: "closed", "reset" or "open" (nothing more within `limit`)."""
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as s:
            s.sendall(request)
            while True:
                if not select.select([s], [], [], limit)[0]:
                    return got, "open"
                data = s.recv(65536)
                if not data:
                    return got, "closed"
                got += data
    except ConnectionError:
        return got, "reset"


def post(fields=None, version="1.1", path="/api/generate"):
    body = json.dumps({"model": "m", "prompt": "hello", **(fields or {})}).encode()
    return (
        "POST %s HTTP/%s\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path, version, len(body))
    ).encode() + body


FAST = ("--ttft=2ms", "--rate=2000", "--tokens=20")


@test
def routes():
    with Sim(*FAST) as sim:
        status, headers, body, _ = ask(sim.port, path="/")
        equal((status, body), (200, b"Ollama is running"), "/")
        ok(headers["content-type"].startswith("text/plain"), "/: text", headers)
        equal(json.loads(ask(sim.port, path="/health")[2]), {"status": "ok"}, "/health")
        version = json.loads(ask(sim.port, path="/api/version")[2])
        ok(
            list(version) == ["version"] and re.fullmatch(r"\d+\.\d+\.\d+", version["version"]),
            "/api/version",
            version,
        )
        tags = json.loads(ask(sim.port, path="/api/tags")[2])["models"]
        ok({"name", "model", "modified_at", "size", "digest", "details"} <= set(tags[0]), "/api/tags", tags)
        ok(
            {"format", "family", "parameter_size", "quantization_level"} <= set(tags[0]["details"]),
            "/api/tags: details",
            tags,
        )
        equal(
            json.loads(ask(sim.port, path="/api/ps")[2]),
            {"models": []},
            "/api/ps: nothing is loaded at first",
        )
        generate(sim.port, model="llama3:8b")
        ps = json.loads(ask(sim.port, path="/api/ps")[2])["models"]
        ok(
            len(ps) == 1
            and ps[0]["name"] == "llama3:8b"
            and {"expires_at", "size_vram", "digest", "details"} <= set(ps[0]),
            "/api/ps: what is loaded",
            ps,
        )
        show = json.loads(ask(sim.port, '{"model":"m"}', "/api/show")[2])
        ok(
            {"modelfile", "parameters", "template", "details", "model_info", "capabilities"} <= set(show),
            "/api/show",
            show,
        )
        for method, path, wanted in (
            ("GET", "/nope", 404),
            ("POST", "/", 405),
            ("GET", "/api/generate", 405),
            ("GET", "/api/show", 405),
            ("HEAD", "/", 200),
            ("HEAD", "/api/tags", 200),
        ):
            status, headers, body, _ = ask(sim.port, None, path, method)
            equal(status, wanted, "%s %s" % (method, path))
            ok(
                method != "HEAD" or body == b"" and int(headers["content-length"]) > 0,
                "%s %s: no body" % (method, path),
                body,
            )
            ok(wanted != 405 or "allow" in headers, "%s %s: Allow" % (method, path), headers)
        for bad in (
            "",
            "{",
            "[]",
            '{"model":7}',
            '{"model":"m","prompt":"x","options":[]}',
            '{"model":"m","stream":"yes"}',
            "\x00",
            '{"a":' * 2000,
        ):
            status, _, body, _ = ask(sim.port, bad)
            ok(
                status == 400 and list(json.loads(body)) == ["error"],
                "bad request %.12r: 400 in Ollama's shape" % bad,
                (status, body[:200]),
            )
        got, end = raw(sim.port, b"nonsense\r\n\r\n")
        ok(end != "open" and b" 400 " in got[:20], "not HTTP: 400, closed", (got, end))
        equal(ask(sim.port, path="/")[0], 200, "and it still serves")
        equal(sim.close(signal.SIGINT), 130, "SIGINT: 130")
    with Sim(*FAST, "--model", "a:1b", "--model", "b") as sim:
        names = [m["name"] for m in json.loads(ask(sim.port, path="/api/tags")[2])["models"]]
        equal(names, ["a:1b", "b"], "--model: /api/tags")
        equal(
            [ask(sim.port, prompt="x", model=m)[0] for m in ("a:1b", "b", "b:latest", "c")],
            [200, 200, 200, 404],
            "--model: what is there",
        )
        equal(
            json.loads(ask(sim.port, prompt="x", model="c")[2]),
            {"error": "model 'c' not found"},
            "--model: the words",
        )
        equal(ask(sim.port, '{"model":"c"}', "/api/show")[0], 404, "--model: /api/show")
        equal(sim.close(), rig.STOPS[-1][1], "asked to stop")


@test
def answers():
    with Sim(*FAST) as sim:
        status, headers, body, c = ask(sim.port, prompt="hello", model="gemma3:latest")
        equal(
            (status, headers["content-type"], headers.get("transfer-encoding")),
            (200, "application/x-ndjson", "chunked"),
            "stream: head",
        )
        ok(body.endswith(b"}\n"), "stream: ends with a line end", body[-50:])
        records = [json.loads(line) for line in body.split(b"\n") if line]
        equal(len(records), 21, "stream: one line a token and the last")
        for r in records[:-1]:
            equal(set(r), {"model", "created_at", "response", "done"}, "stream: fields of a line")
        last = records[-1]
        ok(
            all(r["response"] and r["done"] is False and r["model"] == "gemma3:latest" for r in records[:-1]),
            "stream: values",
            records[:3],
        )
        needed = {
            "done_reason",
            "total_duration",
            "prompt_eval_count",
            "prompt_eval_duration",
            "eval_count",
            "eval_duration",
        }
        ok(
            needed <= set(last) and last["done"] is True and last["response"] == "",
            "stream: the last line",
            last,
        )
        equal((last["eval_count"], last["done_reason"]), (20, "stop"), "stream: counts")
        rate = last["eval_count"] / last["eval_duration"] * 1e9
        ok(1000 < rate < 2100, "stream: eval_count / eval_duration is about the rate", rate)
        c.request("GET", "/api/version")
        equal(c.getresponse().status, 200, "stream: the connection is kept")
        one = generate(sim.port, stream=False, model="gemma3:latest", prompt="hello there")
        ok(len(one) == 1 and one[0]["done"] and len(one[0]["response"]) > 20, "stream off: one document", one)
        limited = generate(sim.port, options={"num_predict": 5})
        equal(
            (len(limited), limited[-1]["eval_count"], limited[-1]["done_reason"]),
            (6, 5, "length"),
            "num_predict",
        )
        a, b = (text_of(generate(sim.port, options={"seed": 7})) for _ in range(2))
        ok(a == b, "a seed in the request: the same text again", (a, b))
        ok(text_of(generate(sim.port, options={"seed": 8})) != a, "another seed: another text")
        ok(text_of(generate(sim.port)) != text_of(generate(sim.port)), "no seed: another text each time")
        got, end = raw(sim.port, post(version="1.0"))
        ok(
            end == "closed" and b"chunked" not in got.lower() and got.endswith(b"}\n"),
            "HTTP/1.0: until close",
            got[-80:],
        )
        unload = generate(sim.port, prompt="", keep_alive=0)
        equal(
            (unload[0]["done_reason"], json.loads(ask(sim.port, path="/api/ps")[2])),
            ("unload", {"models": []}),
            "keep_alive 0 unloads",
        )
        equal(generate(sim.port, prompt="")[0]["done_reason"], "load", "no prompt: loads")
    with Sim(*FAST, "--tokens-per-event", "7") as sim:
        records = generate(sim.port)
        equal((len(records), records[-1]["eval_count"]), (4, 20), "--tokens-per-event")
    with Sim("--ttft=30ms", "--rate=inf", "--tokens=10", "--load=150ms", "--prefill=1ms/tok") as sim:
        first, second = generate(sim.port, prompt="x" * 200), generate(sim.port, prompt="x" * 200)
        load = first[-1].get("load_duration", 0) / 1e6
        ok(150 <= load < 250 and "load_duration" not in second[-1], "--load: once", (first[-1], second[-1]))
        equal(first[-1]["prompt_eval_count"], 50, "--prefill: prompt tokens")
        ok(80 <= second[-1]["prompt_eval_duration"] / 1e6 < 180, "--prefill and --ttft", second[-1])
        ok(
            generate(sim.port, options={"num_ctx": 20})[-1].get("load_duration", 0) >= 150e6,
            "--load: again with another num_ctx",
        )
        equal(
            generate(sim.port, prompt="x" * 400, options={"num_ctx": 20})[-1]["prompt_eval_count"],
            20,
            "a prompt is cut to num_ctx",
        )


def stream_bytes(port, count, **fields):
    return [raw_until_done(port, post(fields)) for _ in range(count)]


def raw_until_done(port, request):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(request)
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            data = s.recv(65536)
            if not data:
                break
            got += data
    return got


def truth(path):
    return [json.loads(line) for line in rig.read(path).split(b"\n") if line]


@test
def seeds():
    seen = {}
    with folder() as base:
        for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
            where = base + "/" + name
            with Sim(
                "--ttft=1ms",
                "--rate=4000",
                "--tokens=20-60",
                "--jitter=lognormal:0.4",
                "--seed",
                seed,
                "--truth",
                where,
            ) as sim:
                seen[name] = stream_bytes(sim.port, 3)
            marks = truth(where)
            first = {
                m["request"]: m["planned_ns"] for m in marks if m["event"] == "token" and m["index"] == 0
            }
            seen[name + " schedule"] = [
                (m["request"], m["index"], m["planned_ns"] - first[m["request"]])
                for m in marks
                if m["event"] == "token"
            ]
            seen[name + " hashes"] = [m["hash"] for m in marks if m["event"] == "done"]
    equal(seen["a"], seen["b"], "same seed, same bytes")
    ok(seen["a"] != seen["c"], "another seed, other bytes")
    equal(len(set(seen["a"])), 3, "three answers are three texts")
    equal(seen["a schedule"], seen["b schedule"], "same seed, same schedule")
    ok(seen["a schedule"] != seen["c schedule"], "another seed, another schedule")
    equal(seen["a hashes"], seen["b hashes"], "same seed, same hashes")


@test
def lines_of_a_send():
    with folder() as base:
        for option, sends in (("--batch=4", [4, 4, 2]), ("--batch=1", [1] * 10), ("--batch=0", [10])):
            where = base + "/" + option
            with Sim("--ttft=1ms", "--rate=inf", "--tokens=10", option, "--truth", where) as sim:
                equal(len(generate(sim.port)), 11, option + ": all there")
            at = [m["sent_ns"] for m in truth(where) if m["event"] == "token"]
            equal([at.count(t) for t in sorted(set(at))], sends, option + ": lines of each send")


@test(alone=True)
def pace():
    with folder() as base:
        for name, options, rate in (
            ("fixed", [], 200),
            ("normal", ["--jitter=normal:20%"], 200),
            ("two slots", ["--slots=2"], 150),
        ):
            where = base + "/" + name
            with Sim("--ttft=20ms", "--rate=%d" % rate, "--tokens=150", "--truth", where, *options) as sim:
                with concurrent.futures.ThreadPoolExecutor(2) as pool:
                    arrived = list(pool.map(arrivals, [sim.port] * (2 if name == "two slots" else 1)))
            marks = truth(where)
            tokens = [m for m in marks if m["event"] == "token"]
            late = sorted((m["sent_ns"] - m["planned_ns"]) / 1e6 for m in tokens)
            p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
            rig.say(
                "%s: %d sends, late p50 %.3f ms, p99 %.3f ms, max %.3f ms"
                % (name, len(late), p50, p99, late[-1])
            )
            ok(late[0] >= 0, name + ": never early", late[0])
            ok(p50 < 1 and p99 < 20, name + ": in time", (p50, p99))
            for request in {m["request"] for m in tokens}:
                mine = [m for m in tokens if m["request"] == request]
                equal([m["index"] for m in mine], list(range(150)), name + ": every token has its mark")
                planned = [m["planned_ns"] for m in mine]
                began = next(
                    m["sent_ns"] for m in marks if m["event"] == "request" and m["request"] == request
                )
                ok(
                    20e6 <= planned[0] - began < 25e6,
                    name + ": the first is planned at ttft",
                    planned[0] - began,
                )
                if name == "normal":
                    gaps = [b - a for a, b in zip(planned, planned[1:])]
                    mean = sum(gaps) / len(gaps)
                    sd = (sum((g - mean) ** 2 for g in gaps) / len(gaps)) ** 0.5
                    ok(
                        abs(mean - 5e6) < 0.3e6 and 0.7e6 < sd < 1.3e6,
                        "normal: mean and spread of the gaps",
                        (mean, sd),
                    )
                else:
                    drift = max(abs(p - planned[0] - k * 1e9 / rate) for k, p in enumerate(planned))
                    ok(drift < 1000, name + ": an absolute schedule, no drift", drift)
            for times in arrived:
                # The monotonic clock is the same one in every process.
                gaps = sorted(min(abs(t - m["sent_ns"]) for m in tokens) / 1e6 for t in times[:-1])
                ok(
                    gaps[len(gaps) // 2] < 2,
                    name + ": lines arrive when the truth says they were sent",
                    gaps[len(gaps) // 2],
                )


def arrivals(port):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    c.request("POST", "/api/generate", json.dumps({"model": "m", "prompt": "pace"}))
    r, times = c.getresponse(), []
    while r.readline():
        times.append(time.monotonic_ns())
    return times


@test
def slots_and_queue():
    with Sim("--ttft=200ms", "--rate=inf", "--tokens=5", "--slots=1", "--queue=1") as sim:
        times, statuses = [], []

        def one(_):
            begin = time.monotonic()
            status, headers, body, _ = ask(sim.port, prompt="x")
            return status, time.monotonic() - begin, body

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = []
            for i in range(4):
                jobs.append(pool.submit(one, i))
                time.sleep(0.03)
            done = [j.result() for j in jobs]
        equal([d[0] for d in done], [200, 200, 503, 503], "slots 1, queue 1: the third is turned away")
        equal(
            json.loads(done[2][2]),
            {"error": "server busy, please try again.  maximum pending requests exceeded"},
            "503 in Ollama's words",
        )
        ok(
            done[0][1] < 0.3 < done[1][1] < 1 and done[2][1] < 0.15,
            "the second waits for the first, the third for nobody",
            [d[1] for d in done],
        )
        equal(ask(sim.port, prompt="x")[0], 200, "and then it is free again")
    with Sim("--ttft=150ms", "--rate=inf", "--tokens=5", "--slots=3") as sim:
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            statuses = [s for s in pool.map(lambda _: ask(sim.port, prompt="x")[0], range(3))]
        ok(
            statuses == [200] * 3 and time.monotonic() - begin < 0.42,
            "three slots: at the same time",
            time.monotonic() - begin,
        )


@test
def gone_clients_free_their_slot():
    with folder() as base, Sim(
        "--ttft=20ms", "--rate=50", "--tokens=500", "--slots=1", "--truth", base + "/t"
    ) as sim:

        def begin():
            s = socket.create_connection(("127.0.0.1", sim.port), 5)
            s.sendall(post())
            return s

        a = begin()
        ok(a.recv(10), "the first is served")
        waiting, gone = begin(), None
        gone = begin()
        time.sleep(0.1)
        ok(not select.select([waiting], [], [], 0)[0], "the second waits")
        gone.close()
        a.close()
        at = time.monotonic()
        ok(
            select.select([waiting], [], [], 3)[0] and waiting.recv(10),
            "the first leaves: the second is served",
        )
        ok(time.monotonic() - at < 0.5, "and soon", time.monotonic() - at)
        waiting.shutdown(socket.SHUT_RDWR)
        waiting.close()
        begin().close()
        ok(rig.eventually(lambda: raw_head(sim.port).startswith(b"HTTP/1.1 200"), 3), "and free again")
        sim.close()
        ok(any(m["event"] == "gone" for m in truth(base + "/t")), "the truth says who left")


def raw_head(port):
    with socket.create_connection(("127.0.0.1", port), 1) as s:
        s.sendall(post())
        return s.recv(20) if select.select([s], [], [], 0.5)[0] else b""


# kind, how the connection ends, what must be in the bytes, what must not
FAULTS = [
    ("refuse", "reset", None, b"HTTP"),
    ("silence", "open", None, b"HTTP"),
    ("slow-head@100ms", "open", b'"done":true', None),
    ("status-500", "open", b'{"error":"injected fault"}', b'"done"'),
    ("status-401", "open", b"HTTP/1.1 401 ", None),
    ("retry-after@2s", "open", b"Retry-After: 2\r\n", b'"done"'),
    ("fin@3", "closed", b'"response"', b'"done":true'),
    ("fin@0b", "closed", None, b"HTTP"),
    ("rst@3", "reset", None, b'"done":true'),
    ("stall@3", "open", b'"response"', b'"done":true'),
    ("stall@3+100ms", "open", b'"done":true', None),
    ("error@3", "open", b'{"error":', b'"done":true'),
    ("bad-json@3", "open", b'"done":true', None),
    ("bad-chunk@3", "closed", b"zz\r\n", None),
    ("no-last-chunk", "closed", b'"done":true', b"\r\n0\r\n\r\n"),
    ("drop-keep-alive", "closed", b"\r\n0\r\n\r\n", None),
    ("long-line@50000b", "open", b'"context":[', None),
    ("split-utf8", "open", b'"done":true', None),
    ("crlf", "open", b"}\r\n\r\n", None),
]


@test
def faults():
    def one(case):
        kind, end, needed, never = case
        name, _, position = kind.partition("@")
        spec = name + ":1" + ("@" + position if position else "")
        with Sim("--ttft=1ms", "--rate=inf", "--tokens=60", "--fault", spec) as sim:
            got, how = raw(sim.port, post(), 0.5)
            equal(how, end, "fault %s: how it ends" % kind)
            ok(needed is None or needed in got, "fault %s: has %r" % (kind, needed), got[-300:])
            ok(never is None or never not in got, "fault %s: has no %r" % (kind, never), got[-300:])
            count = got.count(b'"response"')
            if position == "3" and name in ("fin", "stall", "error"):
                equal(count, 3, "fault %s: behind three tokens" % kind)
            if name == "long-line":
                ok(len(got) > 50000, "fault long-line: long", len(got))
            if name == "slow-head":
                ok(got.startswith(b"HTTP/1.1 200"), "fault slow-head: the head is whole", got[:60])
            if name != "refuse":
                ok(
                    raw(sim.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0.2)[0].startswith(b"HTTP/1.1 200"),
                    "fault %s: other routes are well" % kind,
                )

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, FAULTS))
    with Sim("--ttft=0", "--rate=inf", "--tokens=2", "--fault", "status-503:0.3", "--seed", "3") as sim:
        statuses = [ask(sim.port, prompt="x")[0] for _ in range(200)]
        share = statuses.count(503) / 200
        ok(0.18 < share < 0.42, "a probability of 0.3", share)
    with Sim("--ttft=0", "--rate=inf", "--tokens=2", "--fault", "status-503:0.3", "--seed", "3") as sim:
        equal([ask(sim.port, prompt="x")[0] for _ in range(200)], statuses, "the same seed: the same faults")


@test
def client_meets_faults():
    """What `run` makes of each: an exit code of the contract, never a hang."""
    cases = [
        pair.rsplit("=", 1) for pair in """refuse=56 silence=28 status-500=22 status-401=77 status-404=22
        retry-after=75 fin@3=18 fin@100b=18 rst@3=56 stall@3=28 error@3=22 bad-json@3=56 bad-chunk@3=56
        no-last-chunk=18 drop-keep-alive=0 long-line@300000b=0 split-utf8=0 crlf=0 slow-head@50ms=0""".split()
    ]

    idle = "4s" if rig.EXE else "400ms"   # wine starts slowly where others are at work

    def one(case):
        kind, code = case[0], int(case[1])
        name, _, position = kind.partition("@")
        spec = "ttft=1ms,rate=inf,tokens=30,fault=%s:1%s" % (name, "@" + position if position else "")
        r = run("run", rig.NOTES, "--agents", 1, "--sim=" + spec, "--idle-timeout", idle, timeout=20)
        equal(r.code, code, "run against %s (%s)" % (kind, r.words.strip()))
        ok(r.err == b"" if code == 0 else one_error_line(r), "run against %s: stderr" % kind, r)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, cases))


@test
def ports():
    with Sim(*FAST) as sim:
        r = run("sim", "--port", sim.port, timeout=5)
        ok(r.code == 74 and one_error_line(r) and r.out == b"", "a port that is taken: 74, one line", r)
        ok("in use" in r.words and "nothing listens" not in r.words, "a port that is taken: the words", r)
        r = run("run", rig.NOTES, "--sim=port=%d" % sim.port, timeout=5)
        ok(r.code == 74 and one_error_line(r) and "in use" in r.words, "run --sim on a taken port", r)
    with rig.folder() as tmp:
        r = run("sim", "--truth", tmp + "/none/x", timeout=5)
        ok(r.code not in (0, None) and one_error_line(r) and tmp + "/none/x" in r.words, "no such folder", r)
    with Sim(*FAST, "--profile", "tr115", "--load=0", "--prefill=0") as sim:
        equal(len(generate(sim.port)), 21, "--profile: given keys win")


def segments_for(cut):
    """How many segments with data an answer of one write came in (TCP_INFO's tcpi_data_segs_in)."""
    with Sim("--ttft=0", "--rate=inf", "--tokens=20", *cut) as sim:
        with socket.create_connection(("127.0.0.1", sim.port), 5) as s:
            s.sendall(post())
            got = b""
            while not got.endswith(b"0\r\n\r\n"):
                got += s.recv(65536)
            info = s.getsockopt(socket.IPPROTO_TCP, 11, 256)
            return len(got), int.from_bytes(info[152:156], "little")


@test
def cuts_and_chunks():
    if not rig.EXE:
        size, whole = segments_for(())
        equal(whole < 8, True, "no cut: few segments")
        for cut in ("--cut=20", "--cut=random"):
            pieces = segments_for((cut,))[1]
            ok(pieces > size / 100, "%s: many segments" % cut, (pieces, size))
    with Sim("--ttft=0", "--rate=inf", "--tokens=200", "--fault=split-utf8") as sim:
        got, rest, begins = raw(sim.port, post(), 1.0)[0].split(b"\r\n\r\n", 1)[1], None, []
        while got:
            size, rest = got.split(b"\r\n", 1)
            size = int(size, 16)
            begins.append(rest[:1])
            got = rest[size + 2:] if size else b""
        ok(any(0x80 <= b[0] < 0xc0 for b in begins if b), "split-utf8: a chunk begins within a character", begins[:9])


@test
def loads_and_prompts():
    with Sim("--ttft=0", "--rate=inf", "--tokens=3", "--load=600ms", "--slots=2") as sim:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            began = time.monotonic()
            jobs = [pool.submit(generate, sim.port), pool.submit(lambda: time.sleep(0.2) or generate(sim.port))]
            ends = [j.result()[-1] for j in jobs]
        ok(time.monotonic() - began > 0.55 and ends[1].get("load_duration", 0) > 2e8,
           "load: who comes in the meantime waits for it too", ends)
    with Sim("--ttft=0", "--rate=inf", "--tokens=3", "--load=2s", "--slots=1") as sim:
        with socket.create_connection(("127.0.0.1", sim.port), 5) as s:
            s.sendall(post({"prompt": ""}))
            time.sleep(0.3)
        ok(generate(sim.port), "load: who leaves in the meantime gives its slot back")
    with Sim("--ttft=0", "--rate=inf", "--tokens=3", "--prefill=1ms") as sim:
        end = generate(sim.port, prompt="a" * 40000, options={"num_ctx": 50})[-1]
        equal((end["prompt_eval_count"], end["prompt_eval_duration"]), (50, 50_000_000), "prefill: of what fits the context")


@test
def kinds_of_documents():
    with Sim("--ttft=0", "--rate=inf", "--tokens=3") as sim:
        for path in ("/api/version", "/api/tags", "/api/ps", "/v1/models"):
            kind = ask(sim.port, path=path)[1]["content-type"]
            ok(kind.startswith("application/json"), "a document is JSON: " + path, kind)
        for path, more in (("/api/generate", {}), ("/v1/completions", {}), ("/api/none", None)):
            kind = ask(sim.port, path=path, stream=False, **(more or {}))[1]["content-type"]
            ok(kind.startswith("application/json" if more is not None else "text/plain"), "a document: " + path, kind)
        whole = json.loads(ask(sim.port, path="/v1/completions", prompt="hello there", stream=False)[2])["usage"]
        equal(whole["total_tokens"], whole["prompt_tokens"] + whole["completion_tokens"], "usage: the sum")
        ok(whole["prompt_tokens"] > 0, "usage: the prompt's", whole)


@test
def truth_of_a_server_that_goes_on():
    with folder() as tmp, Sim("--ttft=0", "--rate=inf", "--tokens=3", "--truth=" + tmp + "/t") as sim:
        generate(sim.port)
        ok(rig.eventually(lambda: b'"done"' in rig.read(tmp + "/t")), "truth: written behind each answer")
        servers = {m["server"] for m in truth(tmp + "/t")}
        equal(servers, {sim.port}, "truth: which server")


@test
def who_is_refused_and_goes_on():
    with Sim("--ttft=0") as sim, socket.create_connection(("127.0.0.1", sim.port), 5) as s:
        s.sendall(b"NONSENSE\r\n\r\n")
        begin = time.monotonic()
        ended = False
        while not ended and time.monotonic() - begin < 8:
            try:
                s.send(b"x")
                time.sleep(0.1)
            except ConnectionError:
                ended = True
        ok(ended, "refused: it is not listened to for ever")


@test
def degenerate_answers():
    with Sim("--ttft=0", "--rate=inf", "--tokens=200", "--fault=loop@40") as sim:
        records = generate(sim.port)
        equal((len(records) - 1, records[-1]["eval_count"]), (1000, 1000), "loop: five times as long")
        unit = " the same again,"
        before, behind = text_of(records[:40]), text_of(records[40:])
        ok(behind == unit * 240 and unit not in before, "loop: from the token on", before + behind)
        equal(len(generate(sim.port, options={"num_predict": 50})), 51, "loop: num_predict counts")
    with Sim("--ttft=0", "--rate=inf", "--tokens=3", "--load=50ms", "--fault=cold:0.5", "--seed=2") as sim:
        loads = [generate(sim.port)[-1].get("load_duration", 0) for _ in range(40)]
        ok(loads[0] == 50e6 and 10 < loads.count(50e6) < 30 and loads.count(0) == 40 - loads.count(50e6),
           "cold: loaded again, now and then", loads)


@test
def speed():
    spec = ("--ttft=2s", "--rate=10", "--tokens=20", "--load=3s", "--prefill=1s", "--jitter=none", "--fault=cold")
    with Sim(*spec, "--speed=50") as sim:
        begin = time.monotonic()
        records = generate(sim.port, prompt="x" * 16)
        took = time.monotonic() - begin
        last = records[-1]
        stated = [round(last[k + "_duration"] / 1e9, 3) for k in ("load", "prompt_eval", "eval", "total")]
        equal(stated, [3, 6, 2, 11], "--speed: durations on the server's clock")
        ok(0.21 < took < 0.5, "--speed: 11 s in 0.22", took)
    with Sim("--ttft=0", "--rate=inf", "--tokens=3", "--fault=stall@1+10s", "--speed=100") as sim:
        begin = time.monotonic()
        generate(sim.port)
        took = time.monotonic() - begin
        ok(0.09 < took < 0.4, "--speed: a stall is as much shorter", took)


rig.main()
