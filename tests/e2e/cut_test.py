"""The same bytes in any cuts give the same text and counts, and broken answers keep what came.

One `chimera run` makes hundreds of calls here (--runs N, one agent), each answered by a server that
cuts the answer somewhere else.
"""

import json
import os
import random
import socket
import time

import rig
from rig import CLOSE, RST, STALL, NOTES, RawServer, Sim, equal, folder, ok, run, skip, test

PIECES = [
    "## Executive Summary\n",
    "Grüße – 𝄞 吞吐量 ",
    "e\u0301 \"quoted\" \\ back\tslash/ ",
    "😀🔥\n",
    "- Key finding: ½ ",
    "tok/s\n",
    "\u2028end\u0000\u007f",
]
THOUGHT = '{"model":"m","response":"","thinking":"hm, ½","done":false}\n'.encode()


def lines(last=rig.DONE % len(PIECES)):
    out = []
    for i, p in enumerate(PIECES):
        # Every second line escapes what is not ASCII, surrogate pairs included.
        text = json.dumps(
            {"model": "m", "response": p, "done": False, "more": [{"a": None}]}, ensure_ascii=i % 2 == 1
        )
        out.append(text.encode() + (b"\r\n" if i == 2 else b"\n"))
    return [THOUGHT, *out, last]


def framed(pieces):
    """Chunks that do not end where lines or characters do, with extensions and trailers."""
    body, out, at, sizes = b"".join(pieces), b"", 0, (1, 37, 64, 5, 90, 2, 131)
    for k in range(100000):
        if at >= len(body):
            break
        piece = body[at : at + sizes[k % len(sizes)] if len(body) - at < 4000 else at + 3000]
        out += (b"%x;ext=\"a;b\"\r\n" if k % 3 == 0 else b"%X\r\n") % len(piece) + piece + b"\r\n"
        at += len(piece)
    return (
        rig.head("200 OK", "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked")
        + out
        + b"0\r\nX-Trailer: 1\r\n\r\n"
    )


def data_folder(path):
    rig.write(path + "/a.csv", "name,tokens_per_second\nx,41.5\n")
    return path


def calls_of(m):
    """(text, our record) of each call of the first agent."""
    texts = [c["response"] for c in m["collector"]["result"]["llm_calls"]]
    return list(zip(texts, m["chimera"]["agents"][0]["calls"]))


def many(server, runs, *more, timeout=60):
    """Every call of `runs` runs with one agent, and the outcome."""
    with folder() as base:
        r = run(
            "run",
            data_folder(base),
            "-u",
            server.url,
            "--agents",
            1,
            "--runs",
            runs,
            "-f",
            "ndjson",
            *more,
            timeout=timeout,
        )
    documents = [json.loads(line) for line in r.out.decode().strip("\n").split("\n") if line]
    return [c for m in documents[:-1] for c in calls_of(m)], documents[:-1], r


def essence(call):
    text, c = call
    return (
        text,
        c["tokens"],
        c["pieces"],
        c["body_bytes"],
        c["done_reason"],
        c["prompt_tokens"],
        c["validity"],
        c["error"],
    )


BODY = b"".join(lines())
WANTED = ("".join(PIECES).strip(), len(PIECES), len(PIECES) + 1, len(BODY), "stop", 20, "ok", None)


def generate_only(script):
    """A script for POSTs; whatever else is asked is not there."""
    count = iter(range(10**9))
    return lambda request, _: (
        script(next(count)) if request.startswith(b"POST") else rig.with_length("no", "404 no")
    )


@test
def cut_at_every_position():
    whole = framed(lines())
    cuts = len(whole) - 1
    with RawServer(generate_only(lambda i: [whole[: i % cuts + 1], 0.0005, whole[i % cuts + 1 :]])) as server:
        calls, _, r = many(server, (cuts + 1) // 2, "--read-size", "64k")
    equal((r.code, r.err), (0, b""), "cut at every position: exit code and stderr")
    ok(len(calls) >= cuts, "cut at every position: all positions", (len(calls), cuts))
    wrong = [(i, essence(c)) for i, c in enumerate(calls) if essence(c) != WANTED]
    equal(wrong[:3], [], "cut at every position: %d positions, same text and counts" % cuts)
    apart = sum(c["reads"] > 1 for _, c in calls)
    ok(apart > len(BODY) // 2, "cut at every position: most cuts were seen as two reads", (apart, len(calls)))


@test
def every_byte_alone():
    whole = framed(lines())
    one_by_one = [whole[i : i + 1] for i in range(len(whole))]
    with RawServer(generate_only(lambda i: one_by_one)) as server:
        calls, _, r = many(server, 2)
    equal([essence(c) for c in calls], [WANTED] * 4, "every byte in a send of its own")


@test
def read_sizes_and_coalescing():
    whole = framed(lines())
    rng = random.Random(5)

    def script(i):
        if i % 2 == 0:
            return [whole]
        at, steps = 0, []
        while at < len(whole):
            n = rng.choice([1, 2, 3, 17, 200])
            steps.append(whole[at : at + n])
            at += n
        return steps

    for size in ("1", "2", "7", "1k", "8k"):
        for coalesce in (0, 1, 1024):
            with RawServer(generate_only(script)) as server:
                calls, documents, r = many(server, 1, "--read-size", size, "--coalesce", coalesce)
            name = "--read-size %s --coalesce %d: " % (size, coalesce)
            equal((r.code, r.err), (0, b""), name + "exit code and stderr")
            equal([essence(c) for c in calls], [WANTED] * 2, name + "same text and counts")
            if size == "1" and calls:
                ok(
                    all(c["reads"] >= len(BODY) for _, c in calls),
                    name + "a read a byte",
                    calls[0][1]["reads"],
                )
            knobs = documents[0]["chimera"] if documents else {}
            wanted = {"1k": 1024, "8k": 8192}.get(size) or int(size)
            equal(
                (knobs.get("read_size"), knobs.get("coalesce")),
                (wanted, coalesce),
                name + "knobs in the record",
            )


@test
def other_framings():
    body = b"".join(lines())
    unended = body[:-1]
    wanted_short = WANTED[:3] + (len(unended),) + WANTED[4:]
    cases = {
        "length": (rig.with_length(body), WANTED),
        "length, last line unterminated": (rig.with_length(unended), wanted_short),
        "until close": (rig.head("200 OK", "Connection: close") + body, WANTED),
        "until close, HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + unended, wanted_short),
        "chunked, unterminated": (framed([unended]), wanted_short),
        "1xx first": (
            rig.head("100 Continue") + rig.head("103 Early Hints", "Link: x") + framed(lines()),
            WANTED,
        ),
    }
    for name, (whole, wanted) in cases.items():
        half = len(whole) // 2
        for script in (
            [whole, CLOSE],
            [whole[:half], 0.001, whole[half:], CLOSE],
            [whole[:9], 0.001, whole[9:], CLOSE],
        ):
            with RawServer(generate_only(lambda i: script)) as server:
                calls, _, r = many(server, 1)
            equal((r.code, [essence(c) for c in calls]), (0, [wanted] * 2), name)


@test
def long_last_line():
    context = ",".join(str(1000 + i % 250000) for i in range(35000)).encode()
    last = (rig.DONE % len(PIECES))[:-2] + b',"context":[' + context + b"]}"
    body = b"".join(lines(last))
    ok(len(last) > 200_000, "the last line has 200 KB", len(last))
    whole, wanted = framed(lines(last)), WANTED[:3] + (len(body),) + WANTED[4:]
    rng = random.Random(7)

    def script(i):
        cuts = sorted(rng.sample(range(1, len(whole)), 30))
        return [part for a, b in zip([0, *cuts], [*cuts, len(whole)]) for part in (whole[a:b], 0.0003)]

    for more in ([], ["--read-size", "8k"], ["--coalesce", 1024], ["--read-size", "7"]):
        with RawServer(generate_only(script)) as server:
            calls, _, r = many(server, 4 if not more else 1, *more)
        equal(
            (r.code, [essence(c) == wanted for c in calls]),
            (0, [True] * len(calls)),
            "200 KB last line %s" % more,
        )
        ok(len(calls) >= 2, "200 KB last line: calls", calls)


@test
def simulator_cuts():
    seen = {}
    for cut in ("0", "1", "2", "3", "7", "random"):
        for read_size in ("1", "1k") if cut in "01" else ("1k",):
            r = run(
                "run",
                NOTES,
                "--sim=ttft=0,rate=inf,tokens=40,seed=4,cut=" + cut,
                "-f",
                "ndjson",
                "--read-size",
                read_size,
            )
            m = json.loads(r.out.decode().strip("\n").split("\n")[0])
            same = [
                (c["response"], c["metrics"]["tokens_generated"], c["prompt"])
                for w in ("collector", "insight")
                for c in m[w]["result"]["llm_calls"]
            ]
            same += [c["pieces"] for a in m["chimera"]["agents"] for c in a["calls"]]
            seen["cut %s, read size %s" % (cut, read_size)] = (r.code, same)
    first = seen["cut 0, read size 1k"]
    equal(first[0], 0, "sim --cut: exit code")
    for name, got in seen.items():
        equal(got, first, "sim --cut: " + name)
    ok(any(ord(c) > 127 for c in str(first)), "sim --cut: the texts have characters of several bytes")


# ---- answers that end early ---------------------------------------------------------------------


def text_within(prefix):
    """The text of the complete lines within a beginning of a framed answer."""
    at = prefix.find(b"\r\n\r\n")
    body, rest = b"", prefix[at + 4 :] if at >= 0 else b""
    while b"\r\n" in rest:
        size_line, rest = rest.split(b"\r\n", 1)
        size = int(size_line.split(b";")[0], 16)
        if size == 0:
            break
        body += rest[:size]
        rest = rest[size + 2 :]
    whole = body[: body.rfind(b"\n") + 1].splitlines() if b"\n" in body else []
    return "".join(json.loads(line)["response"] for line in whole).strip()


@test
def closed_early():
    whole = framed(lines())
    cuts = sorted({*range(0, len(whole), 50), len(whole) - 1, len(whole) - 2, len(whole) - 7})
    with folder() as out, RawServer(generate_only(lambda i: [whole[: cuts[i]], CLOSE])) as server:
        _, _, r = many(server, len(cuts), "-O", out)
        equal(r.code, 18, "closed early: exit code")
        ok(
            all(line.startswith("chimera: agent collector, run ") for line in r.words.splitlines()),
            "closed early: stderr",
            r,
        )
        equal(r.err.count(b"\n"), len(cuts), "closed early: a line each")
        wrong = []
        for k, cut in enumerate(cuts, 1):
            m = json.loads(rig.read("%s/run_%d/metrics.json" % (out, k)))
            text, c = calls_of(m)[0]
            if (text, c["validity"], m["chimera"]["complete"]) != (
                text_within(whole[:cut]),
                "truncated",
                False,
            ):
                wrong.append((cut, text, text_within(whole[:cut]), c["validity"], c["error"]))
        equal(wrong[:2], [], "closed early: what was received is in the record, at %d positions" % len(cuts))


@test
def coalesced_and_closed_early():
    whole = framed(lines())
    with folder() as out, RawServer(generate_only(lambda i: [whole[:700], CLOSE])) as server:
        _, _, r = many(server, 1, "-O", out, "--coalesce", "64k")
        text, _ = calls_of(json.loads(rig.read(out + "/run_1/metrics.json")))[0]
        equal((r.code, text), (18, text_within(whole[:700])), "held back and closed early: kept all the same")


@test
def broken_answers():
    whole, done = lines(), lines()[-1]
    ok_head = rig.head("200 OK", "Transfer-Encoding: chunked")
    error = lambda status, words: rig.with_length(json.dumps({"error": words}), status)
    cases = [
        ("no done record", rig.chunked(*whole[:-1]), 18, "done"),
        ("no done record, length", rig.with_length(b"".join(whole[:-1])), 18, "done"),
        ("no last chunk", [ok_head + rig.chunks(*whole, last=b""), CLOSE], 18, ""),
        ("empty body", rig.with_length(""), 18, ""),
        (
            "error in a 200",
            rig.chunked(whole[1], b'{"error":"cuda ran out of cheese"}\n'),
            22,
            "cuda ran out of cheese",
        ),
        (
            "error object in a 200",
            rig.chunked(b'{"error":{"message":"of an object","code":1}}\n'),
            22,
            "of an object",
        ),
        ("error with control characters", rig.chunked(b'{"error":"a\\u001b[31mb\\nc"}\n'), 22, "b"),
        ("500", error("500 Oops", "the words of 500"), 22, "the words of 500"),
        ("500, HTML", rig.with_length("<html>\r\n<b>bad\r\n", "500 Oops"), 22, "500"),
        ("400", error("400 Bad", "bad option"), 22, "bad option"),
        ("404 model", error("404 Not Found", "model 'gemma3' not found"), 69, "ollama pull"),
        ("404 page", rig.with_length("404 page not found", "404 Not Found"), 22, "404"),
        ("401", error("401 No", "who are you"), 77, "who are you"),
        ("403", error("403 No", "not you"), 77, "403"),
        ("429", error("429 Slow", "too many"), 75, "429"),
        ("503", error("503 Busy", "server busy"), 75, "server busy"),
        ("redirect of a POST", rig.head("307 Moved", "Location: /other", "Content-Length: 0"), 22, "307"),
        ("bad JSON line", rig.chunked(whole[1], b'{"response":"x"\n', done), 56, "JSON"),
        ("bad JSON in a skipped value", rig.chunked(b'{"x":[1,],"response":"x"}\n', done), 56, "JSON"),
        ("invalid UTF-8", rig.chunked(b'{"response":"\xff\xfe"}\n', done), 56, "JSON"),
        ("not an object", rig.chunked(b"[1]\n", done), 56, "object"),
        ("text of a wrong type", rig.chunked(b'{"response":7}\n', done), 56, ""),
        ("negative count", rig.chunked(b'{"response":"x"}\n', b'{"done":true,"eval_count":-1}\n'), 56, ""),
        ("bad chunk size", ok_head + b"zz\r\n{}\r\n", 56, ""),
        ("bad chunk size behind a line", ok_head + rig.chunks(whole[1], last=b"") + b"-5\r\n", 56, ""),
        ("chunk without its line end", ok_head + b"3\r\nabcXX0\r\n\r\n", 56, ""),
        ("not HTTP", [b"SSH-2.0-OpenSSH\r\n", CLOSE], 56, ""),
        ("endless head", ok_head[:-2] + b"".join(b"X-%d: y\r\n" % i for i in range(9000)), 56, "limit"),
        ("reset at once", [RST], 56, ""),
        ("reset within", [ok_head + rig.chunks(*whole[:3], last=b""), 0.05, RST], 56, ""),
    ]
    for name, script, code, words in cases:
        with folder() as out, RawServer([script]) as server:
            r = run(
                "run",
                data_folder(out + "/in"),
                "-u",
                server.url,
                "--agents",
                1,
                "-O",
                out + "/out",
                "--quiet",
            )
            equal(r.code, code, "%s: exit code (%s)" % (name, r.words.strip()))
            ok(rig.one_error_line(r) and words in r.words, "%s: one line that says %r" % (name, words), r)
            ok("127.0.0.1:%d" % server.port in r.words, "%s: the line names the server" % name, r)
            m = json.loads(rig.read(out + "/out/run_1/metrics.json"))
            ok(
                m["chimera"]["agents"][0]["error"] and not m["chimera"]["complete"],
                "%s: the record says so" % name,
            )
            if name == "reset within":
                equal(
                    calls_of(m)[0][0],
                    PIECES[0].strip() + "\n" + PIECES[1].strip(),
                    name + ": what came is kept",
                )


@test
def second_call_fails():
    good = framed(lines())
    with folder() as out, RawServer(
        generate_only(lambda i: good if i == 0 else rig.with_length("{}", "500 x"))
    ) as server:
        r = run("run", data_folder(out + "/in"), "-u", server.url, "--agents", 1, "-O", out + "/out")
        m = json.loads(rig.read(out + "/out/run_1/metrics.json"))
        equal(
            (r.code, len(calls_of(m)), calls_of(m)[0][0]),
            (22, 2, WANTED[0]),
            "report call fails: the analysis is kept",
        )
        ok(m["collector"]["result"]["analysis"]["key_findings"], "report call fails: its findings too")


# ---- no connection, no answer -------------------------------------------------------------------


@test
def no_connection():
    port = rig.closed_port()
    r = run("run", NOTES, "-u", "http://127.0.0.1:%d" % port, "--agents", 1)
    ok(r.code == 7 and rig.one_error_line(r), "refused: exit 7, one line", r)
    ok(
        "nothing listens on 127.0.0.1:%d: start the server there, or check host and port" % port in r.words,
        "refused: the remedy",
        r,
    )
    r = run("run", NOTES, "-u", "http://localhost:%d" % port, "--agents", 1)
    equal((r.code, r.seconds < 3), (7, True), "refused on localhost")
    r = run("run", NOTES, "-u", "http://no-such-host.invalid:1", "--agents", 1, timeout=15)
    ok(r.code in (6, 28) and r.seconds < 8 and rig.one_error_line(r), "unknown host: ends within seconds", r)
    if r.code == 28:
        skip("unknown host: exit 6", "no name server answers here")
    else:
        equal(r.code, 6, "unknown host: exit 6")
    r = run("run", NOTES, "-u", "http://127.0.0.1:%d" % port)
    equal((r.code, r.err.count(b"chimera: agent ")), (7, 2), "both refused: 7, never 0, a line each")


@test
def deadlines():
    stalled = rig.head("200 OK", "Transfer-Encoding: chunked") + rig.chunks(*lines()[1:3], last=b"")
    slow_error = rig.head("500 x", "Content-Length: 10")
    cases = [
        ("silent", [STALL], ["--first-token-timeout", "200ms"], "first-token"),
        ("silent", [STALL], ["--idle-timeout", "200ms"], "idle"),
        ("silent", [STALL], ["-t", "200ms"], "total"),
        (
            "head only",
            [rig.head("200 OK", "Transfer-Encoding: chunked"), STALL],
            ["--first-token-timeout", "200ms"],
            "first-token",
        ),
        ("stalled", [stalled, STALL], ["--idle-timeout", "200ms", "--first-token-timeout", "5s"], "idle"),
        ("stalled", [stalled, STALL], ["--timeout=0.2s"], "total"),
        ("dripping", [x for c in stalled for x in (bytes([c]), 0.02)] + [STALL], ["-t200ms"], "total"),
    ]
    for kind, script, options, deadline in cases:
        with RawServer([script]) as server:
            r = run("run", NOTES, "-u", server.url, "--agents", 1, *options)
        name = "%s server, %s: " % (kind, " ".join(options))
        equal(r.code, 28, name + "exit code")
        ok(
            rig.one_error_line(r) and "the %s deadline fired" % deadline in r.words,
            name + "names the deadline",
            r,
        )
        ok(0.19 < r.seconds < 2.5, name + "in time", r.seconds)
    with RawServer([[slow_error, STALL]]) as server:
        r = run("run", NOTES, "-u", server.url, "--agents", 1, "--idle-timeout", "200ms")
        equal(r.code, 22, "an error whose body does not end is that error")
        ok(0.19 < r.seconds < 2.5, "an error whose body does not end: in time", r.seconds)
    with RawServer([[0.4, rig.answer("late")]]) as server:
        r = run("run", NOTES, "-u", server.url, "--agents", 1)
        equal(r.code, 0, "a slow first byte trips no default deadline")


@test
def connect_deadline():
    # A listener whose queue is full drops what comes after.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port, fillers = full.getsockname()[1], []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            fillers.append(s)
        time.sleep(0.1)
        r = run(
            "run",
            NOTES,
            "-u",
            "http://127.0.0.1:%d" % port,
            "--agents",
            1,
            "--connect-timeout",
            "200ms",
            "--idle-timeout",
            "3s",
        )
        for s in fillers:
            s.close()
    if "idle" in r.words:
        return skip("--connect-timeout", "this system accepts beyond the queue")
    equal(r.code, 28, "--connect-timeout: exit code")
    ok("the connect deadline fired" in r.words and rig.one_error_line(r), "--connect-timeout: names it", r)


@test
def one_fails_the_other_does_not():
    bad = rig.with_length('{"error":"broken here"}', "500 x")
    for name, urls in (("first", lambda b, g: (b, g)), ("second", lambda b, g: (g, b))):
        with folder() as out, RawServer([bad]) as server, Sim(
            "--ttft=30ms", "--rate=1000", "--tokens=40"
        ) as sim:
            a, b = urls(server.url, sim.url)
            r = run("run", NOTES, "-u", a, "-u", b, "-O", out, "--runs", 2)
            equal((r.code, r.err.count(b"\n")), (1, 2), "%s agent fails: exit 1, a line a run" % name)
            good, failed = ("insight", "collector") if name == "first" else ("collector", "insight")
            for k in (1, 2):
                m = json.loads(rig.read("%s/run_%d/metrics.json" % (out, k)))
                text = rig.read("%s/run_%d/%s_report.md" % (out, k, good)).decode()
                calls = m[good]["result"]["llm_calls"]
                ok(
                    len(calls) == 2 and calls[1]["response"] in text,
                    "%s agent fails: the other's report is complete" % name,
                )
                errors = [x["error"] for x in m["chimera"]["agents"]]
                ok(
                    any("broken here" in (e or "") for e in errors) and None in errors,
                    "%s agent fails: recorded" % name,
                    errors,
                )
                ok(
                    os.path.exists("%s/run_%d/%s_report.md" % (out, k, failed)),
                    "%s agent fails: both records" % name,
                )
            ok(os.path.exists(out + "/summary.json"), "%s agent fails: summary" % name, os.listdir(out))


@test
def retries():
    busy = rig.with_length('{"error":"busy"}', "503 x", "Retry-After: 0")
    for retries, code in ((0, 75), (2, 0)):
        with RawServer(generate_only(lambda i: busy if i < 2 else rig.answer("ok"))) as server:
            calls, _, r = many(server, 1, "--max-retries", retries)
            equal(r.code, code, "--max-retries %d after two 503" % retries)
            if code == 0:
                equal([c["attempts"] for _, c in calls], [3, 1], "--max-retries: attempts in the record")
    with RawServer([framed(lines()[:3])]) as server:
        _, _, r = many(server, 1, "--max-retries", 3)
        equal((r.code, len(server.bodies())), (18, 1), "--max-retries: never after the first token")


rig.main()
