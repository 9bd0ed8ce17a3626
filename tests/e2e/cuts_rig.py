"""Whole answers and whole streams of jobs through one process, in any cuts: what the conformance tests share.

What comes from a socket or a pipe comes whole, in random cuts, and byte by byte to a client that reads
byte by byte; one process tries a whole table.
"""

import json
import random
import subprocess
import threading

from rig import CLOSE, RawServer, equal, start

CUTS = ("whole", "random", "bytes")
LINE = b'{"response":"a","done":false}\n'
END = b'{"response":"","done":true,"done_reason":"stop","eval_count":1}\n'
BODY = LINE + END


def cuts(data, how, rng):
    if how == "whole":
        return [data] if data else []
    pieces, at = [], 0
    while at < len(data):
        size = 1 if how == "bytes" else rng.choice((1, 2, 3, 7, 50, 400))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def feed(process, data, how):
    """What comes back when `data` goes to stdin in pieces."""

    def pour():
        for piece in cuts(data, how, random.Random(2)):
            process.stdin.write(piece)
            process.stdin.flush()
        process.stdin.close()

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    out = process.stdout.read()
    thread.join(60)
    return out, process.wait(60)


def work(jobs, script, how="whole", *options):
    """Lines of jobs through one worker, to a server that answers by `script`. {id or line: its events}."""
    with RawServer(script) as server:
        process = start("worker", "--no-config", "-u", server.url, "-j", 8, "--queue", 65536, "--max-retries", 0,
                        "-t", "60s", "--keep-alive", "off", "--read-size", 1 if how == "bytes" else 1024, *options,
                        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        out, code = feed(process, jobs, how)
        events = {}
        for line in out.splitlines():
            event = json.loads(line)
            event["message"] = event.get("message", "").replace(str(server.port), "PORT")
            events.setdefault(event["line"] if "line" in event else event["id"], []).append(event)
        events["code"], events["requests"] = code, list(server.requests)
        return events


def number_of(request):
    """Which case is asked for: the prompt."""
    body = json.loads(request.split(b"\r\n\r\n", 1)[1])
    return int(body["prompt"] if "prompt" in body else body["messages"][-1]["content"])


def answers(whole, how, *options):
    """[(pieces of text, exit code or 0, words)] for each answer: the bytes of it, up to the end of its connection."""
    rng = random.Random(1)
    plan = [cuts(a, how, rng) + [CLOSE] for a in whole]
    jobs = b"".join(b'{"id":%d,"prompt":"%d"}\n' % (i, i) for i in range(len(whole)))
    events = work(jobs, lambda request, _: plan[number_of(request)], how, *options)
    results = []
    for i in range(len(whole)):
        own = events.get(i, [])
        texts = [e["text"] for e in own if e["event"] == "token" and "text" in e]
        ends = [e for e in own if e["event"] in ("done", "error")]
        if len(ends) != 1:
            results.append((texts, None, "%d ends, exit %s" % (len(ends), events["code"])))
            continue
        results.append((texts, ends[0].get("exit_code", 0), ends[0]["message"]))
    return results


def in_all_cuts(what, names, whole, *options):
    """The results of answers() for them, having checked that cuts make no difference."""
    first = answers(whole, "whole", *options)
    for how in CUTS[1:]:
        for name, a, b in zip(names, first, answers(whole, how, *options)):
            equal(b, a, "%s, %s: %s cuts" % (what, name, how))
    return first
