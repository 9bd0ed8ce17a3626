"""`worker`: jobs in, events out; against the simulator and against servers that misbehave."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import rig
from rig import (CLOSE, INSTANT, STALL, RawServer, Sim, answer, equal, eventually, ok, run, start, test, wait,
                 with_length)


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
def conversations():
    """`messages` go to the route that takes them, in the form of each dialect."""
    call = {"function": {"name": "f", "arguments": {"a": 1}}, "id": "c1"}
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one", "images": ["aGk="]},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "42", "tool_name": "f", "tool_call_id": "c1"},
        {"role": "user", "content": "two"},
    ]
    said = json.dumps({"message": {"role": "assistant", "content": "yes"}, "done": True}) + "\n"
    chat = with_length(said)
    stream = with_length(b'data: {"choices":[{"index":0,"delta":{"content":"yes"}}]}\n\ndata: [DONE]\n\n')
    for api, script, route in (("ollama", chat, b"/api/chat"), ("openai", stream, b"/v1/chat/completions")):
        with RawServer([script]) as server:
            r = work([{"id": 1, "messages": talk}, {"id": 2, "messages": talk[:-1], "prompt": "three"}],
                     "-u", server.url, "--api", api, "-j", "1", "-s", "Be long.")
            equal([e["text"] for e in of(r.events, "done")], ["yes", "yes"], api + ": answers")
            ok(all(q.startswith(b"POST " + route + b" ") for q in server.requests), api + ": route")
            first, second = (json.loads(b)["messages"] for b in server.bodies())
            equal([m["role"] for m in first], ["system", "user", "assistant", "tool", "user"], api + ": roles")
            equal(first[0]["content"], "Be brief.", api + ": the system prompt of the conversation")
            equal((first[-1]["content"], second[-1]["content"]), ("two", "three"), api + ": what is asked")
            sent = first[2]["tool_calls"][0]["function"]["arguments"]
            equal(sent, {"a": 1} if api == "ollama" else '{"a": 1}', api + ": arguments")
            equal(first[3]["tool_call_id"], "c1", api + ": the answer of a tool")
            picture = first[1]["images"] if api == "ollama" else [
                p["image_url"]["url"].rsplit(",", 1)[1] for p in first[1]["content"] if p["type"] == "image_url"]
            equal(picture, ["aGk="], api + ": the picture of an earlier turn")
            ok(api == "ollama" or first[2]["tool_calls"][0]["id"] == "c1", api + ": which call that was", first[2])
    with RawServer([chat]) as server:
        work([{"id": 1, "messages": talk[1:], "system": "Be long."}], "-u", server.url)
        first = json.loads(server.bodies()[0])["messages"][0]
        equal(first, {"role": "system", "content": "Be long."}, "a system prompt beside the messages")


@test
def answers_that_must_fit():
    schema = {"type": "object", "required": ["a"]}
    good, bad = answer('{"a":', " 1}"), answer("no JSON")
    with RawServer([bad, good]) as server:
        r = work([{"id": 1, "prompt": "x", "format": schema}], "-u", server.url, "--no-tokens", "--seed", "5")
        equal([e["text"] for e in of(r.events, "done")], ['{"a": 1}'], "format: asked again")
        equal([json.loads(b)["options"]["seed"] for b in server.bodies()], [5, 6], "format: with another seed")
    with RawServer([bad, good]) as server:
        r = work([{"id": 1, "prompt": "x", "format": schema}], "-u", server.url)
        error = of(r.events, "error")[0]
        equal((error["class"], error["exit_code"], error["text"], r.code), ("bad_data", 65, "no JSON", 65),
              "format: what was said cannot be taken back")
        equal(len(server.requests), 1, "format: not asked again")
    with RawServer([answer("plain")]) as server:
        jobs = [{"id": 1, "prompt": "x"}, {"id": 2, "prompt": "x", "format": "json"},
                {"id": 3, "prompt": "x", "format": {"type": "string"}}]
        r = work(jobs, "-u", server.url, "--schema", json.dumps(schema), "--max-retries", "0", "-j", "1")
        equal([json.loads(b).get("format") for b in server.bodies()], [schema, "json", {"type": "string"}],
              "--schema: of those that bring none")
        equal([e["id"] for e in of(r.events, "error")], [1, 2, 3], "--schema: none fits")


@test
def servers():
    jobs = [{"id": i, "prompt": "x"} for i in range(10)]
    with RawServer([answer("a")]) as one, RawServer([answer("b")]) as two:
        both = ("-u", one.url, "-u", two.url)
        r = work(jobs, *both, "--policy", "round-robin")
        equal((r.code, len(one.requests), len(two.requests)), (0, 5, 5), "round-robin")
        equal({e["chimera"]["server"] for e in of(r.events, "done")}, {one.url, two.url}, "round-robin: who was it")
        work(jobs, *both, "--policy", "first")
        equal((len(one.requests), len(two.requests)), (15, 5), "first")
    with RawServer([[0.1, answer("a")]]) as slow, RawServer([answer("b")]) as fast:
        r = work(jobs, "-u", slow.url, "-u", fast.url, "--policy", "least", "-j", "2")
        ok(r.code == 0 and len(slow.requests) + len(fast.requests) == 10, "least", r)
        ok(len(fast.requests) > len(slow.requests), "least: who is idle", (len(slow.requests), len(fast.requests)))
    nobody = "http://127.0.0.1:%d" % rig.closed_port()
    with RawServer([[STALL]]) as silent, RawServer([answer("b")]) as good:
        for policy in ("first", "round-robin", "least"):
            r = work(jobs, "-u", nobody, "-u", good.url, "--policy", policy)
            equal((r.code, len(of(r.events, "done"))), (0, 10), policy + ": a server that is down")
        r = work(jobs[:3], "-u", silent.url, "-u", good.url, "--policy", "race")
        equal([e["chimera"]["server"] for e in of(r.events, "done")], [good.url] * 3, "race: who speaks")
        ok(eventually(lambda: len(silent.left) == 3), "race: the others are left", silent.left)
        jobs = [{"id": 1, "prompt": "x", "url": good.url + "/"}, {"id": 2, "prompt": "x", "url": nobody},
                {"id": 3, "prompt": "x", "url": "https://127.0.0.1"}, {"id": 4, "prompt": "x", "url": "http://"},
                {"id": 5, "prompt": "x", "url": 5}, {"id": 6, "prompt": "x"}]
        r = work(jobs, "-u", good.url, "--max-retries", "0", "-j", "1")
        ends = {e["id"]: e.get("class", e["event"]) for e in of(r.events, "done", "error")}
        equal(ends, {1: "done", 2: "refused", 3: "unsupported", 4: "bad_data", 5: "bad_data", 6: "done"}, "url")


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
def the_first_failure_says_the_code():
    def no(request, _):
        return with_length("{}", "401 No" if b"secret" in request else "500 No")

    with RawServer(no) as server:
        jobs = [{"id": 1, "prompt": "x"}, {"id": 2, "prompt": "secret"}]
        for order, code in ((jobs, 22), (jobs[::-1], 77)):
            r = work(order, "-u", server.url, "-j", "1", "--max-retries", "0")
            equal((r.code, len(of(r.events, "error"))), (code, 2), "all failed: the code of the first")


@test
def nobody_takes_the_events():
    """Then nothing is read that would make more of them."""
    p = start("worker", stdin=subprocess.PIPE)
    os.set_blocking(p.stdin.fileno(), False)
    written, silent = 0, 0
    while silent < 30 and written < 8 << 20:
        try:
            written += os.write(p.stdin.fileno(), b"{\n" * 2048)
            silent = 0
        except BlockingIOError:
            silent += 1
            time.sleep(0.05)
    ok(0 < written < (4 if rig.EXE else 1) << 20, "nobody takes the events: stdin is not read on", written)
    p.kill()
    p.communicate()


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
    with RawServer([[STALL]]) as server, Talk("-u", server.url, "-t", "5s", "--max-retries", "0") as talk:
        talk.say(job)
        eventually(lambda: server.requests)
        talk.say(job)
        equal(talk.until("done", "error")["class"], "bad_data", "duplicate: refused while it is answered")


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
    with RawServer([[0.2, answer("x")]]) as server, Talk("-u", server.url, "-j", "1", "--queue", "2") as talk:
        talk.say({"id": "first", "prompt": "x"})
        eventually(lambda: server.requests)
        jobs = [{"id": i, "prompt": "x", "priority": i} for i in (1, 2, 3)]
        talk.say(*jobs)
        equal(talk.until("error")["id"], 3, "a full queue refuses whatever the priority")
        equal(talk.until("done")["id"], "first", "then there is room")
        talk.say(jobs[2])
        r = talk.end()
        equal([e["id"] for e in of(r.events, "done")], [2, 3, 1], "and the priority counts")


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
    for number, code in rig.STOPS:
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
        # In the middle of answers: each job has one end, and its tokens lie in front of it.
        with Sim("--ttft", "0", "--rate", "100", "--tokens", "5000", "--slots", "8") as sim:
            with Talk("-u", sim.url, "-j", "3") as talk:
                talk.say(*({"id": i, "prompt": "x"} for i in range(6)))
                for _ in range(20):
                    talk.until("token")
                talk.process.send_signal(number)
                r = talk.end()
                equal(r.code, code, "signal while answering: exit code")
                ends = [e["id"] for e in of(r.events, "done", "error", "cancelled")]
                equal(sorted(ends), list(range(6)), "signal while answering: one end each")
                equal(len(of(r.events, "cancelled")), 6, "signal while answering: cancelled")
                last = {e["id"]: e["event"] for e in r.events if "id" in e}
                equal(set(last.values()), {"cancelled"}, "signal while answering: nothing behind it")
                equal(r.err, b"", "signal while answering: stderr")
    with Talk("-u", "http://127.0.0.1:1", "--max-retries", "0") as talk:
        talk.say({"id": 1, "prompt": "x"})
        talk.until("error")   # it is up, and waits for more
        number, code = rig.STOPS[-1]
        talk.process.send_signal(number)
        equal(talk.process.wait(5), code, "signal: a silent stdin keeps nobody")


@test
def closed_stdout():
    with RawServer([[STALL]]) as server:
        process = start("worker", "-u", server.url, stdin=subprocess.PIPE)
        process.stdin.write(lines([{"id": 1, "prompt": "x"}]))
        process.stdin.flush()
        eventually(lambda: server.requests)
        process.stdout.close()
        def said_again():   # another test may just be starting a program that still has our end of the pipe
            with contextlib.suppress(BrokenPipeError):
                os.write(process.stdin.fileno(), b"garbage\n")
            return process.poll() is not None

        eventually(said_again)
        equal(process.wait(5), 141, "closed stdout: exit code")
        equal(process.stderr.read(), b"", "closed stdout: quiet")
        process.stdin.close()
        process.stderr.close()
    with Sim("--ttft", "0", "--rate", "200", "--tokens", "5000", "--slots", "4") as sim:
        with Talk("-u", sim.url) as talk:
            talk.say({"id": 1, "prompt": "x"}, {"id": 2, "prompt": "x"})
            talk.until("token")
            talk.process.stdout.close()
            equal(talk.process.wait(5), 141, "the reader leaves in the middle: exit code")
            equal(talk.process.stderr.read(), b"", "the reader leaves in the middle: quiet")
            talk.process.stdin.close()
            talk.process.stdin = talk.process.stdout = None
    with open("/dev/full", "wb") as full:
        r = run("worker", "-u", "http://127.0.0.1:1", stdin=subprocess.DEVNULL, stdout=full)
        equal(r.code, 0, "nothing to say")
        process = start("worker", "-u", "http://127.0.0.1:1", stdin=subprocess.PIPE, stdout=full)
        process.stdin.write(b"x\n")
        r = wait(process)
        ok(r.code == 74 and rig.one_error_line(r), "full disk", r)


def big_or_silent(request, _):
    """A long answer for the prompt "big", none for others."""
    return answer(*["%05d " % i for i in range(60000)]) if b'"big"' in request else [STALL]


@test
def reader_that_rests():
    """Who does not read for a while loses nothing, and deadlines fire all the same: late enough that
    by then nothing more can be written down."""
    for kind in ("local", "bridge"):
        rests(kind)


def rests(kind):
    with RawServer(big_or_silent) as server, Talk("-u", server.url, "-j", "2", "--runtime", kind) as talk:
        begin = time.monotonic()
        talk.say({"id": "big", "prompt": "big"}, {"id": "late", "prompt": "x", "deadline_ms": 3000},
                 {"id": "waits", "prompt": "x", "deadline_ms": 3200}, {"id": "never", "prompt": "x"})
        ok(eventually(lambda: server.left, 9), "a deadline fires though nobody reads")
        took = time.monotonic() - begin
        ok(2.9 < took < 6, "when it should", took)
        time.sleep(1)
        talk.say({"cancel": "never"})
        r = talk.end()
        equal(r.code, 1, "a resting reader: exit code")
        ends = {e["id"]: e.get("class", e["event"]) for e in of(r.events, "done", "error", "cancelled")}
        equal(ends, {"big": "done", "late": "deadline", "waits": "deadline", "never": "cancelled"},
              "a resting reader: each job has ended")
        text = "".join(e["text"] for e in of(r.events, "token"))
        done = [e["text"] for e in of(r.events, "done")][0]
        ok(text == done and len(text) == 360000, "a resting reader: no token is lost", len(text))
        equal(len(server.requests), 2, "a resting reader: nothing was begun that nobody could hear of")


@test
def reader_that_never_comes_back():
    for number, code in rig.STOPS:
        with RawServer(big_or_silent) as server, Talk("-u", server.url, "-j", "2") as talk:
            talk.say({"id": "big", "prompt": "big"}, {"id": "x", "prompt": "x"})
            ok(eventually(lambda: len(server.requests) == 2), "both are at work")
            time.sleep(0.5)
            begin = time.monotonic()
            talk.process.send_signal(number)
            equal(talk.process.wait(10), code, "signal while nobody reads: exit code")
            ok(time.monotonic() - begin < 4, "signal while nobody reads: soon", time.monotonic() - begin)
            ok(eventually(lambda: server.left), "signal while nobody reads: the server is left")


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
    ok(code.count("\n") <= 15, "the example of README is short")
    with rig.folder() as path:
        name = rig.write(path + "/example.py", code)
        r = subprocess.run([sys.executable, name, rig.CHIMERA, "--sim=" + INSTANT], env=rig.environment(PATH=os.environ["PATH"]),
                           capture_output=True, timeout=30)
        equal(r.returncode, 0, "the example of README runs")
        equal(sorted(set(re.findall(rb"^[01] ", r.stdout, re.M))), [b"0 ", b"1 "], "and prints both answers")


rig.main()
