"""`probe`: which servers are up, and what they have."""

import contextlib
import json
import re
import signal
import socket
import time

import rig
from rig import (CLOSE, RST, STALL, RawServer, Sim, equal, eventually, ok, one_error_line, run, start, test, wait,
                 with_length)


def serve(routes):
    """A server with a document (or a whole answer) for each path; 404 for others."""

    def script(request, _):
        path = request.split(b" ")[1].decode()
        found = routes.get(path, with_length("{}", "404 Not Found"))
        return with_length(json.dumps(found)) if isinstance(found, (dict, str)) else found

    return RawServer(script)


OPENAI = {"/v1/models": {"object": "list", "data": [{"id": "qwen"}, {"id": "m\u001b[31m"}]}}
OLLAMA = {
    "/api/version": {"version": "1.2.3"},
    "/api/tags": {"models": [{"name": "gemma3:latest", "size": 3338801804}, {"name": "b:1b", "size": 5}]},
    "/api/ps": {"models": [{"name": "b:1b", "size": 5}]},
}


@contextlib.contextmanager
def full_queue():
    """A port that lets nobody in: connections wait, as on a machine that drops their packets."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def probe(*arguments, **how):
    r = run("probe", *arguments, "-f", "json", **how)
    r.endpoints = json.loads(r.out)["endpoints"] if r.out else []
    return r


@test
def simulated():
    with Sim() as sim:
        r = probe(sim.url)
        equal(r.code, 0, "sim: exit code")
        e = r.endpoints[0]
        ok(e["up"] and e["api"] == "ollama" and e["version"] and e["models"], "sim: report", e)
        ok(e["connect_ms"] > 0 and e["round_trip_ms"] > 0, "sim: times", e)
        equal(probe(env={"OLLAMA_HOST": sim.url}).endpoints[0]["url"], sim.url, "sim: OLLAMA_HOST")


@test
def dialects():
    with serve(OLLAMA) as a, serve(OPENAI) as b:
        r = probe(a.url, b.url, b.url + "/v1/")
        equal(r.code, 0, "dialects: exit code")
        equal([e["api"] for e in r.endpoints], ["ollama", "openai", "openai"], "dialects: which")
        equal([len(e["models"]) for e in r.endpoints], [2, 2, 2], "dialects: models")
        equal(r.endpoints[0]["version"], "1.2.3", "dialects: version")
        equal(r.endpoints[0]["models"][0], {"name": "gemma3:latest", "size_bytes": 3338801804}, "dialects: size")
        equal(r.endpoints[0]["loaded"], [{"name": "b:1b", "size_bytes": 5}], "dialects: loaded")
        equal(b.connections, 2, "one connection a server")
        text = run("probe", a.url, b.url)
        ok(text.code == 0 and b"\x1b" not in text.out and b"3.3 GB" in text.out, "table", text)
        ok(b"loaded" in text.out, "table: loaded", text)


@test
def models():
    with serve(OLLAMA) as a, serve(OPENAI) as b:
        equal(probe(a.url, "-m", "gemma3").code, 0, "model: without its tag")
        equal(probe(a.url, "-m", "b:1b").code, 0, "model: with it")
        r = probe(a.url, "-m", "none")
        equal((r.code, r.endpoints[0]["up"], r.endpoints[0]["has_model"]), (69, True, False), "model: not there")
        ok(one_error_line(r), "model: a line", r)
        equal(probe(a.url, b.url, "-m", "qwen").code, 1, "model: one of two")


@test
def down():
    takes = set(re.findall(rb"--[a-z-]+", run("probe", "--help").out))
    nobody = "http://127.0.0.1:%d" % rig.closed_port()
    r = probe(nobody)
    ok(r.code == 7 and one_error_line(r) and not r.endpoints[0]["up"], "nobody listens", r)
    equal(r.endpoints[0]["error"]["class"], "refused", "nobody listens: class")
    equal(probe("http://name.invalid").code, 6, "no such name")
    with serve(OLLAMA) as a:
        r = probe(a.url, nobody)
        ok(r.code == 1 and [e["up"] for e in r.endpoints] == [True, False], "one of two", r)
    for script, code, name in (
        ([STALL], 28, "silent"),
        (with_length("no", "500 Oops"), 22, "500"),
        (with_length("no", "401 Unauthorized"), 77, "401"),
        (with_length("no", "503 Busy"), 75, "503"),
        (with_length("<html>"), 56, "a page"),
        (with_length("{}", "404 Not Found"), 22, "404"),
        (b"SSH-2.0-x\r\n\r\n", 56, "another protocol"),
    ):
        with RawServer([script]) as server:
            r = probe(server.url, "-t", "500ms")
            ok(r.code == code and one_error_line(r), "down: " + name, r)
            ok(takes.issuperset(re.findall(rb"--[a-z-]+", r.err)), "down: a remedy that is none: " + name, r)
    r = run("probe", "not a url")
    ok(r.code == 2 and b"not a url" in r.err, "not a URL", r)
    r = run("probe", "http://me:s3cr3t@host")
    ok(r.code == 2 and one_error_line(r) and b"s3cr3t" not in r.err, "a URL with a password", r)


@test
def an_echo_of_the_key():
    def echo(request, _):
        return with_length(json.dumps({"error": request.decode()}), "500 Oops")

    with RawServer(echo) as server, rig.folder() as tmp:
        for form in ("text", "json"):
            r = run("probe", server.url, "-f", form, "--api-key-file", rig.write(tmp + "/key", "s3cr3t-key"))
            ok(b"s3cr3t-key" in server.requests[-1] and r.code == 22 and b"s3cr3t" not in r.out + r.err,
               "a server that echoes the key, " + form, r)


@test
def times():
    late = {path: [0.3, with_length(json.dumps(found))] for path, found in OLLAMA.items()}
    with serve(late) as server:
        e = probe(server.url).endpoints[0]
        ok(0 < e["connect_ms"] < 250 and e["round_trip_ms"] >= 300, "times: the connection, and the answer", e)


@test
def half_open():
    """Servers that stop in the middle, and one that never takes the connection."""
    page = b"<!doctype html><html><body>It works!</body></html>"
    html = rig.head("200 OK", "Content-Type: text/html", "Content-Length: %d" % len(page)) + page
    for script, code, kind, name in (
        ([html], 56, "protocol", "a web server"),
        ([rig.head("302 Found", "Location: /login", "Content-Length: 0")], 22, "http_status", "a redirect"),
        ([b"HTTP/1.1 200 OK\r\nContent-", STALL], 28, "deadline", "half a head"),
        ([rig.head("200 OK", "Content-Length: 100") + b'{"ver', STALL], 28, "deadline", "half a body"),
        ([rig.head("200 OK", "Content-Length: 100") + b'{"ver', CLOSE], 18, "truncated", "a body that ends early"),
        ([b"HTTP/1.1 200 OK\r\n", CLOSE], 18, "truncated", "a head that ends early"),
        ([CLOSE], 18, "truncated", "nothing"),
        ([RST], 56, "reset", "a reset"),
    ):
        with RawServer([script]) as server:
            r = probe(server.url, "-t", "500ms")
            ok(r.code == code and one_error_line(r) and r.seconds < 3, "half open: " + name, r)
            equal(r.endpoints[0]["error"]["class"], kind, "half open: " + name + ": class")
    with full_queue() as port:
        r = probe("http://127.0.0.1:%d" % port, "--connect-timeout", "300ms")
        ok(r.code == 28 and one_error_line(r) and r.seconds < 3, "half open: no connection", r)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        r = probe("http://127.0.0.1:%d" % nobody.getsockname()[1], "-t", "300ms")
        ok(r.code == 28 and one_error_line(r) and r.seconds < 3, "half open: never accepted", r)


@test
def interrupted():
    with RawServer([[STALL]]) as silent, full_queue() as port, serve(OLLAMA) as up:
        hanging = "http://127.0.0.1:%d" % port
        for number, code in rig.STOPS:
            for urls in ((silent.url,), (hanging,), (silent.url, hanging, up.url)):
                before, left = len(silent.requests), len(silent.left)
                process = start("probe", *urls)
                if silent.url in urls:
                    ok(eventually(lambda: len(silent.requests) > before), "interrupted: asked")
                time.sleep(0.2)
                process.send_signal(number)
                begin = time.monotonic()
                r = wait(process)
                name = "interrupted: %d of %d" % (number, len(urls))
                ok(r.code == code and time.monotonic() - begin < 2 and not r.err, name, r)
                equal(up.url.encode() in r.out, up.url in urls, name + ": what was known")
                ok(silent.url.encode() not in r.out and hanging.encode() not in r.out, name + ": and no more", r)
                if silent.url in urls:
                    ok(eventually(lambda: len(silent.left) > left), name + ": the server is left")


rig.main()
