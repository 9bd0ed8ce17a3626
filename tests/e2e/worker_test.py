"""`worker`: jobs in, events out; against the simulator and against servers that misbehave."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import rig
from rig import CLOSE, INSTANT, STALL, RawServer, Sim, answer, equal, eventually, ok, run, start, test, wait


def lines(jobs):
    return b"".join((j if isinstance(j, bytes) else json.dumps(j).encode()) + b"\n" for j in jobs)


def work(jobs, *options, timeout=30, **how):
    """The outcome, with .events."""
    process = start("worker", *options, stdin=subprocess.PIPE, **how)
    try:
        out, err = process.communicate(jobs if isinstance(jobs, bytes) else lines(jobs), timeout)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        code = None
    r = rig.Outcome(code, out, err, 0)
    r.events = [json.loads(line) for line in out.splitlines()]
    return r


def of(events, *names):
    return [e for e in events if e["event"] in names]


class Talk:
    """A worker that is talked to line by line."""

    def __init__(self, *options):
        self.process = start("worker", *options, stdin=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def say(self, *jobs):
        self.process.stdin.write(lines(jobs))
        self.process.stdin.flush()

    def until(self, *names):
        while True:
            line = self.process.stdout.readline()
            if not line:
                return {"event": "end"}
            event = json.loads(line)
            if event["event"] in names:
                return event

    def end(self):
        r = wait(self.process)
        r.events = [json.loads(line) for line in r.out.splitlines()]
        return r


@test
def answers():
    with Sim("--ttft", "2ms", "--rate", "inf", "--tokens", "5", "--slots", "4") as sim:
        ids = ["a", 1, 2.50, "ü\n\u001b", -3]
        r = work([{"id": i, "prompt": "hi"} for i in ids] + [{"prompt": "no id"}], "-u", sim.url)
        equal(r.code, 0, "answers: exit code")
        equal(r.err, b"", "answers: stderr")
        ok(b"\x1b" not in r.out, "answers: no escape byte")
        equal([e["id"] for e in of(r.events, "accepted")], ids + [6], "answers: ids")
        equal(len(of(r.events, "done")), 6, "answers: all done")
        ok(b'"id":2.5}' in r.out or b'"id":2.5,' in r.out, "answers: a number as it was")
        for done in of(r.events, "done"):
            pieces = [e["text"] for e in of(r.events, "token") if e["id"] == done["id"]]
            equal("".join(pieces), done["text"], "answers: tokens are the text")
            equal(len(pieces), 5, "answers: number of tokens")
            ok(done["queued_ms"] >= 0 and done["chimera"]["ttft_ms"] > 0, "answers: timings", done)
        quiet = work([{"id": 1, "prompt": "hi"}], "-u", sim.url, "--no-tokens")
        equal([e["event"] for e in quiet.events], ["accepted", "done"], "no tokens")


@test
def what_is_sent():
    with RawServer([answer("x")]) as server, RawServer([answer("y")]) as other:
        job = {
            "id": 1,
            "prompt": "p",
            "model": "m2",
            "system": "s",
            "options": {"temperature": 0.25, "stop": ["a"]},
            "format": {"type": "object"},
            "images": ["aGk="],
            "think": False,
            "keep_alive": "5m",
        }
        work([job], "-u", server.url, "-o", "temperature", "1", "-o", "stop", "z", "--seed", "7")
        body = json.loads(server.bodies()[0])
        equal(body["model"], "m2", "sent: model")
        equal(body["prompt"], "p", "sent: prompt")
        equal(body["system"], "s", "sent: system")
        equal(body["options"], {"temperature": 0.25, "stop": ["a"], "seed": 7}, "sent: options")
        equal(body["format"], {"type": "object"}, "sent: format")
        equal(body["images"], ["aGk="], "sent: images")
        equal(body["think"], False, "sent: think")
        equal(body["keep_alive"], "5m", "sent: keep_alive")
        r = work([{"id": 1, "prompt": "p", "url": other.url}, {"id": 2, "prompt": "p"}], "-u", server.url)
        texts = {e["id"]: (e["text"], e["chimera"]["server"]) for e in of(r.events, "done")}
        equal(texts, {1: ("y", other.url), 2: ("x", server.url)}, "sent: to the url of the job")
    with RawServer([answer("x")]) as server:
        key = {"OPENAI_API_KEY": "sk-swordfish", "OPENAI_BASE_URL": server.url + "/v1"}
        elsewhere = server.url.replace("127.0.0.1", "0.0.0.0")
        for url, sent in ((server.url, True), (elsewhere, False)):
            work([{"id": 1, "prompt": "x", "url": url}], "--api", "openai", env=key)
            equal(b"swordfish" in server.requests[-1], sent, "a key of the environment, to " + url)
        work([{"id": 1, "prompt": "x", "url": elsewhere}], "-H", "X-Key: swordfish")
        ok(b"X-Key: swordfish" in server.requests[-1], "a header that was asked for")


@test
def bad_lines():
    with RawServer([answer("x")]) as server:
        bad = [
            b"garbage",
            b"\xff\xfe",
            b"[1]",
            b'{"id":1,"prompt":"x"',
            {"id": 2},
            {"id": [3], "prompt": "x"},
            {"id": 4, "prompt": 5},
            {"id": 5, "prompt": "x", "options": {"num_ctx": "many"}},
            {"id": 6, "prompt": "x", "deadline_ms": -1},
            {"id": 7, "prompt": "x", "priority": "high"},
            {"id": 8, "prompt": "x", "messages": [{"content": "no role"}]},
            {"cancel": None},
        ]
        r = work(bad + [b"", b"  ", {"id": "good", "prompt": "x"}], "-u", server.url)
        errors = of(r.events, "error")
        equal(r.code, 1, "bad lines: exit code")
        equal([e["line"] for e in errors], list(range(1, 13)), "bad lines: their numbers")
        equal([e["id"] for e in errors], [None] * 4 + [2, None, 4, 5, 6, 7, 8, None], "bad lines: ids")
        ok(all(e["class"] == "bad_data" and e["exit_code"] == 65 for e in errors), "bad lines: class")
        equal([e["id"] for e in of(r.events, "done")], ["good"], "bad lines: and goes on")
        equal(work([b"garbage"], "-u", server.url).code, 65, "bad lines: nothing else")
        equal(work(b"", "-u", server.url).code, 0, "no jobs at all")
        unknown = work([{"id": 1, "prompt": "x", "promt": 1}], "-u", server.url)
        ok(unknown.code == 0 and b"promt" in unknown.err, "an unknown key is mentioned", unknown)
        long = work(b'{"id":1,"prompt":"' + b"x" * (17 << 20) + b'"}\n{"id":2,"prompt":"x"}\n', "-u", server.url)
        equal([e.get("class") for e in of(long.events, "error")], ["too_large"], "a line over 16 MiB")
        equal([e["id"] for e in of(long.events, "done")], [2], "and the next one")
        equal(len(of(work(b'{"prompt":"x"}', "-u", server.url).events, "done")), 1, "no newline at the end")


@test
def failures():
    port = rig.closed_port()
    r = work([{"id": 1, "prompt": "x"}], "-u", "http://127.0.0.1:%d" % port, "--max-retries", "0")
    equal(r.code, 7, "nobody listens: exit code")
    equal([e["class"] for e in of(r.events, "error")], ["refused"], "nobody listens: class")
    piece = b'{"model":"m","response":"ab","done":false}\n'
    cut = [rig.head("200 OK", "Transfer-Encoding: chunked") + rig.chunks(piece, last=b""), CLOSE]
    with RawServer([cut, answer("x")]) as server:
        r = work([{"id": 1, "prompt": "x"}, {"id": 2, "prompt": "x"}], "-u", server.url, "-j", "1")
        equal(r.code, 1, "one of two failed")
        error = of(r.events, "error")[0]
        equal((error["class"], error["exit_code"], error.get("text")), ("truncated", 18, "ab"), "truncated")


@test
def duplicate():
    with RawServer([[0.3, answer("x")]]) as server:
        job = {"id": "d", "prompt": "x"}
        r = work([job, job], "-u", server.url)
        equal([e["event"] for e in of(r.events, "accepted", "error", "done")], ["accepted", "error", "done"],
              "duplicate: refused while it lives")
        with Talk("-u", server.url) as talk:
            for _ in range(2):
                talk.say(job)
                equal(talk.until("done", "error")["event"], "done", "the id is free again")


@test
def order_and_queue():
    with RawServer([[0.2, answer("x")]]) as server, Talk("-u", server.url, "-j", "1") as talk:
        talk.say({"id": "first", "prompt": "x"})
        eventually(lambda: server.requests)
        talk.say(*({"id": i, "prompt": "x", "priority": p} for i, p in (("a", 0), ("b", 5), ("c", 5), ("d", -1), ("e", 9))))
        r = talk.end()
        equal([e["id"] for e in of(r.events, "done")], ["first", "e", "b", "c", "a", "d"], "priorities")
    with RawServer([[0.3, answer("x")]]) as server:
        jobs = [{"id": i, "prompt": "x"} for i in range(6)]
        with Talk("-u", server.url, "-j", "1", "--queue", "2") as talk:
            talk.say(jobs[0])
            eventually(lambda: server.requests)
            talk.say(*jobs[1:])
            r = talk.end()
            refused = of(r.events, "error")
            equal([(e["id"], e["class"], e["exit_code"]) for e in refused],
                  [(i, "busy", 75) for i in (3, 4, 5)], "a full queue refuses")
            equal(r.code, 1, "a full queue: exit code")
        r = work(jobs, "-u", server.url, "-j", "1", "--queue", "2", "--block")
        equal((r.code, len(of(r.events, "done"))), (0, 6), "--block waits")
    with RawServer([[STALL]]) as server:
        late = {"id": "late", "prompt": "x", "deadline_ms": 200}
        with Talk("-u", server.url, "-j", "1", "--queue", "1", "--block") as talk:
            talk.say({"id": "a", "prompt": "x"}, late, {"cancel": "a"})
            ends = [(e["event"], e["id"]) for e in talk.end().events[2:]]
            equal(ends, [("error", "late"), ("cancelled", "a")], "--block: what is late makes room")


@test
def while_waiting():
    with RawServer([[0.6, answer("x")]]) as server, Talk("-u", server.url, "-j", "1") as talk:
        talk.say({"id": 1, "prompt": "x"})
        eventually(lambda: server.requests)
        talk.say({"id": 2, "prompt": "x"}, {"id": 3, "prompt": "x", "deadline_ms": 100},
                 {"id": 4, "prompt": "x"}, {"cancel": 2}, {"cancel": "2"})
        r = talk.end()
        ends = [(e["event"], e["id"], e.get("class")) for e in of(r.events, "done", "error", "cancelled")]
        equal(ends, [("cancelled", 2, None), ("error", "2", "not_found"), ("error", 3, "deadline"),
                     ("done", 1, None), ("done", 4, None)], "cancelled and late while waiting")
        equal(len(server.requests), 2, "neither was asked")
        equal(r.code, 1, "a deadline is a failure")


@test
def while_trying_again():
    with Talk("-u", "http://127.0.0.1:%d" % rig.closed_port(), "--max-retries", "50") as talk:
        talk.say({"id": 1, "prompt": "x"})
        talk.until("accepted")
        time.sleep(0.5)
        talk.say({"cancel": 1})
        r = talk.end()
        equal([e["event"] for e in r.events], ["cancelled"], "cancelled while waiting to try again")
        equal(r.code, 1, "nothing succeeded")


@test
def while_answering():
    """A cancel and a deadline reach a job whose answer is coming, and close its connection."""
    with Sim("--ttft", "0", "--rate", "50", "--tokens", "5000", "--slots", "8") as sim:
        with Talk("-u", sim.url, "-j", "4") as talk:
            talk.say({"id": "a", "prompt": "x"}, {"id": "b", "prompt": "x", "deadline_ms": 400})
            talk.until("token")
            talk.say({"cancel": "a"})
            begin = time.monotonic()
            got = [talk.until("cancelled", "error", "done") for _ in range(2)]
            took = time.monotonic() - begin
            ok({"event": "cancelled", "id": "a"} in got, "cancel while answering", got)
            late = [e for e in got if e["id"] == "b"]
            ok(late and late[0]["class"] == "deadline" and late[0]["exit_code"] == 28, "deadline while answering", got)
            ok(took < 2, "both soon", took)

            def in_flight():
                text = run("fetch", sim.url + "/metrics").text
                return [line for line in text.splitlines() if "in_flight" in line and line.endswith(" 0")]

            ok(eventually(in_flight), "the server has stopped as well", run("fetch", sim.url + "/metrics"))
            talk.say({"id": "c", "prompt": "x", "deadline_ms": 300})
            equal(talk.until("error", "done")["class"], "deadline", "and goes on with others")
            talk.process.stdin.close()
            talk.process.stdin = None
            r = talk.end()
            ok(r.code == 28, "nothing succeeded: the code of the first", r)


@test
def signals():
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with RawServer([[STALL]]) as server, Talk("-u", server.url, "-j", "1") as talk:
            talk.say({"id": 1, "prompt": "x"}, {"id": 2, "prompt": "x"})
            talk.until("accepted")
            eventually(lambda: server.requests)
            talk.process.send_signal(number)
            begin = time.monotonic()
            events = []
            for line in talk.process.stdout:
                events.append(json.loads(line))
            equal(talk.process.wait(5), code, "signal: exit code")
            ok(time.monotonic() - begin < 4, "signal: at once, though stdin is open")
            equal([e["id"] for e in of(events, "cancelled")], [1, 2], "signal: events")
    with Talk("-u", "http://127.0.0.1:1") as talk:
        time.sleep(0.2)
        talk.process.send_signal(signal.SIGTERM)
        equal(talk.process.wait(5), 143, "signal: a silent stdin keeps nobody")


@test
def closed_stdout():
    with RawServer([[STALL]]) as server:
        process = start("worker", "-u", server.url, stdin=subprocess.PIPE)
        process.stdin.write(lines([{"id": 1, "prompt": "x"}]))
        process.stdin.flush()
        eventually(lambda: server.requests)
        process.stdout.close()
        process.stdin.write(b"garbage\n")
        process.stdin.flush()
        equal(process.wait(5), 141, "closed stdout: exit code")
        equal(process.stderr.read(), b"", "closed stdout: quiet")
        process.stdin.close()
        process.stderr.close()
    with open("/dev/full", "wb") as full:
        r = run("worker", "-u", "http://127.0.0.1:1", stdin=subprocess.DEVNULL, stdout=full)
        equal(r.code, 0, "nothing to say")
        process = start("worker", "-u", "http://127.0.0.1:1", stdin=subprocess.PIPE, stdout=full)
        process.stdin.write(b"x\n")
        r = wait(process)
        ok(r.code == 74 and rig.one_error_line(r), "full disk", r)


@test
def streams():
    with rig.folder() as path, RawServer([answer("x")]) as server:
        name = rig.write(path + "/jobs", lines([{"id": 1, "prompt": "x"}]))
        with open(name, "rb") as jobs:
            equal(run("worker", "-u", server.url, stdin=jobs).code, 0, "stdin is a file")
        with open("/dev/null", "wb") as wrong:
            r = run("worker", "-u", server.url, stdin=wrong)
            ok(r.code == 74 and rig.one_error_line(r), "stdin cannot be read", r)
    ok(run("worker", "x").code == 2, "arguments are refused")


@test(alone=True)
def many():
    count = 10000
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "2", "--slots", "16", "--queue", "100") as sim:
        jobs = lines({"id": i, "prompt": "x%d" % i} for i in range(count))
        process = start("worker", "-u", sim.url, "-j", "16", "--block", "--no-tokens", stdin=subprocess.PIPE)
        peak = []

        def sample():
            while process.poll() is None:
                found = re.search(rb"VmHWM:\s+(\d+)", rig.read("/proc/%d/status" % process.pid))
                peak.append(int(found.group(1)) if found else 0)
                time.sleep(0.05)

        threading.Thread(target=sample, daemon=True).start()
        out, err = process.communicate(jobs, 120)
        done = sorted(json.loads(line)["id"] for line in out.splitlines() if b'"done"' in line)
        equal(process.returncode, 0, "10,000 jobs: exit code")
        equal(done, list(range(count)), "10,000 jobs: each once")
        ok(peak and max(peak) < 8192, "10,000 jobs: under 8 MB", peak[-1:])


@test
def readme():
    text = rig.read(rig.ROOT + "/README.md").decode()
    code = re.search(r"### worker.*?```python\n(.*?)```", text, re.S).group(1)
    ok(code.count("\n") <= 25, "the example of README is short")
    with rig.folder() as path:
        name = rig.write(path + "/example.py", code)
        r = subprocess.run([sys.executable, name, rig.CHIMERA, "--sim=" + INSTANT], env=rig.environment(PATH=os.environ["PATH"]),
                           capture_output=True, timeout=30)
        equal(r.returncode, 0, "the example of README runs")
        equal(sorted(set(re.findall(rb"^[01] ", r.stdout, re.M))), [b"0 ", b"1 "], "and prints both answers")


rig.main()
