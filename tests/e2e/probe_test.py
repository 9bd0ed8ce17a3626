"""`probe`: which servers are up, and what they have."""

import json

import rig
from rig import RawServer, Sim, STALL, equal, ok, one_error_line, run, test, with_length


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
    ok(run("probe", "not a url").code == 2, "not a URL")


rig.main()
