"""The simulator's other dialects: chat, OpenAI's routes, structured answers, tools, reasoning, metrics."""

import concurrent.futures
import http.client
import json
import select
import socket
import time

import rig
from rig import Sim, equal, folder, ok, test

FAST = ("--ttft=1ms", "--rate=5000", "--tokens=30")
ASKED = [{"role": "user", "content": "hello there"}]
BODIES = {
    "/api/generate": {"prompt": "hello there"},
    "/api/chat": {"messages": ASKED},
    "/v1/chat/completions": {"messages": ASKED},
    "/v1/completions": {"prompt": "hello there"},
}
CHAT = "/v1/chat/completions"


def raw(port, path, limit=2.0, version="1.1", **fields):
    """What comes back, and how it ended: "closed", "reset" or "open"."""
    body = json.dumps({"model": "m", **BODIES[path], **fields}).encode()
    head = "POST %s HTTP/%s\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path, version, len(body))
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as s:
            s.sendall(head.encode() + body)
            while True:
                if not select.select([s], [], [], limit)[0]:
                    return got, "open"
                data = s.recv(65536)
                if not data:
                    return got, "closed"
                got += data
    except ConnectionError:
        return got, "reset"


def ask(port, path, method=None, **fields):
    """(status, content type, body) through http.client, which takes the chunks off."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = fields.pop("raw", None)
    if body is None and path in BODIES:
        body = json.dumps({"model": "m", **BODIES[path], **fields})
    c.request(method or ("POST" if body is not None else "GET"), path, body)
    r = c.getresponse()
    return r.status, r.getheader("content-type"), r.read()


def events_of(body):
    """The WHATWG's grammar: the data of each event."""
    text = body.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    out, data = [], []
    for line in text.split("\n"):
        if not line:
            if data:
                out.append("\n".join(data))
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    return out


def documents(path, body, stream=True):
    if not stream:
        return [json.loads(body)]
    lines = events_of(body) if path.startswith("/v1") else [x for x in body.decode().split("\n") if x]
    return [json.loads(x) for x in lines if x != "[DONE]"]


def fold(docs):
    """Text, reasoning, tool calls, why it ended, tokens - of any dialect, streamed or not."""
    text = thinking = ""
    calls, finish, tokens = [], None, None
    for d in docs:
        choices = d["choices"] if "choices" in d else [d]
        for c in choices:
            part = c.get("message") or c.get("delta") or c
            text += part.get("content") or part.get("response") or part.get("text") or ""
            thinking += part.get("thinking") or part.get("reasoning_content") or ""
            for i, call in enumerate(part.get("tool_calls") or []):
                if "name" in call["function"]:
                    calls.append([call["function"]["name"], ""])
                arguments = call["function"]["arguments"]
                if isinstance(arguments, str):
                    calls[call.get("index", i)][1] += arguments
                else:
                    calls[-1][1] = json.dumps(arguments)
            finish = c.get("finish_reason") or c.get("done_reason") or finish
        tokens = d.get("eval_count") or (d.get("usage") or {}).get("completion_tokens") or tokens
    return {"text": text, "thinking": thinking, "calls": [[n, json.loads(a)] for n, a in calls],
            "finish": finish, "tokens": tokens}


def seeded(path, seed=7):
    return {"seed": seed} if path.startswith("/v1") else {"options": {"seed": seed}}


def answer(port, path, stream, **fields):
    more = {"stream_options": {"include_usage": True}} if stream and path.startswith("/v1") else {}
    status, _, body = ask(port, path, stream=stream, **seeded(path), **more, **fields)
    equal(status, 200, path)
    return fold(documents(path, body, stream))


@test
def one_answer_on_every_route():
    with Sim(*FAST) as sim:
        wanted = answer(sim.port, "/api/generate", True)
        ok(len(wanted["text"]) > 50 and wanted["tokens"] == 30 and wanted["finish"] == "stop", "generate", wanted)
        for path in BODIES:
            for stream in (True, False):
                equal(answer(sim.port, path, stream), wanted, "%s, stream %s" % (path, stream))
            first, again = (raw(sim.port, path, 0.2, stream=True, **seeded(path))[0] for _ in range(2))
            ok(first == again and len(first) > 1000, path + ": the same seed, the same bytes")
            got, end = raw(sim.port, path, 0.5, "1.0", stream=True)
            ok(end == "closed" and b"chunked" not in got.lower(), path + ": HTTP/1.0", got[:200])
        status, kind, body = ask(sim.port, CHAT, stream=True)
        ok(kind.startswith("text/event-stream"), "SSE: its type", kind)
        docs, events = documents(CHAT, body), events_of(body)
        equal(docs[0]["choices"][0]["delta"], {"role": "assistant", "content": ""}, "SSE: first the role")
        equal((docs[-1]["choices"][0]["delta"], docs[-1]["choices"][0]["finish_reason"]), ({}, "stop"), "SSE: last")
        ok(events[-1] == "[DONE]" and all("usage" not in d for d in docs), "SSE: [DONE], no usage unasked")
        ok(all(d["choices"][0]["finish_reason"] is None for d in docs[:-1]), "SSE: finish_reason null before")
        equal(len({d["id"] for d in docs}), 1, "SSE: one id")
        docs = documents(CHAT, ask(sim.port, CHAT, stream=True, stream_options={"include_usage": True})[2])
        equal((docs[-1]["choices"], docs[-1]["usage"]["completion_tokens"]), ([], 30), "SSE: usage without choices")
        ok(documents(CHAT, ask(sim.port, CHAT)[2], False)[0]["object"] == "chat.completion", "whole unless asked")
        for field in ("max_tokens", "max_completion_tokens"):
            got = answer(sim.port, CHAT, True, **{field: 5})
            equal((got["tokens"], got["finish"]), (5, "length"), field)
        parts = [{"role": "user", "content": [{"type": "text", "text": "hello there"},
                                              {"type": "image_url", "image_url": {"url": "data:,"}}]}]
        equal(answer(sim.port, CHAT, False, messages=parts), wanted, "content in parts")
        equal(answer(sim.port, "/v1/completions", False, prompt=["hello there"]), wanted, "a prompt in a list")
        load = json.loads(ask(sim.port, "/api/chat", messages=[])[2])
        equal((load["message"], load["done_reason"]), ({"role": "assistant", "content": ""}, "load"), "chat: load")


@test
def reasoning():
    with Sim(*FAST, "--thinking=9") as sim:
        for path in BODIES:
            for stream in (True, False):
                name = "%s, stream %s" % (path, stream)
                got = answer(sim.port, path, stream)
                text = path == "/v1/completions"
                equal((bool(got["thinking"]), got["tokens"]), (not text, 30 if text else 39), name)
                if not text:
                    off = {"think": False} if path.startswith("/api") else {"reasoning_effort": "none"}
                    plain = answer(sim.port, path, stream, **off)
                    equal((plain["thinking"], plain["text"], plain["tokens"]), ("", got["text"], 30), name + ": off")
        status, _, body = ask(sim.port, "/api/chat", think="yes" * 3)
        equal(status, 200, "think may be a word")
        got = answer(sim.port, CHAT, True, max_tokens=4)
        ok(got["text"] == "" and got["thinking"] and got["finish"] == "length", "a limit within the reasoning", got)


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"}, "count": {"type": "integer", "minimum": 3}, "share": {"type": "number"},
        "kind": {"enum": ["first", "second"]}, "fixed": {"const": {"a": [1, " x "]}}, "yes": {"type": "boolean"},
        "inner": {"$ref": "#/$defs/Inner"}, "list": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "nothing": {"type": ["null", "string"]},
        "left out": {"type": "string"}, "\u00e9\"": {"type": "string"},
    },
    "required": ["name", "count", "share", "kind", "fixed", "yes", "inner", "list", "maybe", "nothing", "\u00e9\""],
    "$defs": {"Inner": {"type": "object", "properties": {"deep": {"type": "number", "exclusiveMinimum": 1.5},
                                                        "again": {"$ref": "#/$defs/Inner"}},
                        "required": ["deep"]}},
}


def fits(value):
    return (set(value) == set(SCHEMA["required"]) and isinstance(value["name"], str) and value["count"] == 3
            and isinstance(value["share"], float) and value["kind"] == "first"
            and value["fixed"] == {"a": [1, " x "]} and value["yes"] is True and value["inner"] == {"deep": 2}
            and len(value["list"]) == 2 and isinstance(value["maybe"], int) and value["nothing"] is None)


@test
def structured():
    with Sim(*FAST) as sim:
        for stream in (True, False):
            for path in ("/api/generate", "/api/chat", CHAT):
                name = "%s, stream %s" % (path, stream)
                openai = path == CHAT
                wrapped = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
                schema = {"response_format": wrapped} if openai else {"format": SCHEMA}
                got = json.loads(answer(sim.port, path, stream, **schema)["text"])
                ok(fits(got), name + ": fits the schema", got)
                plain = {"response_format": {"type": "json_object"}} if openai else {"format": "json"}
                got = json.loads(answer(sim.port, path, stream, **plain)["text"])
                ok(isinstance(got, dict) and got, name + ": any object", got)
        again = [raw(sim.port, CHAT, 0.2, stream=True, seed=3, response_format=wrapped)[0] for _ in range(2)]
        equal(again[0], again[1], "the same seed, the same bytes")
        endless = {"type": "object", "properties": {k: {"$ref": "#"} for k in "abcdefgh"}}
        status, _, body = ask(sim.port, "/api/chat", format=endless, stream=False)
        got = json.loads(json.loads(body)["message"]["content"])
        ok(status == 200 and set(got) <= set("abcdefgh") and len(body) < 100_000, "a schema within itself ends", got)
        equal(ask(sim.port, "/api/chat", format={"$ref": "#"}, stream=False)[0], 200, "a reference to itself ends")
        for bad in ({"format": 7}, {"format": "xml"}, {"format": {"title": "x" * 70_000}}):
            equal(ask(sim.port, "/api/chat", **bad)[0], 400, "format %.30s" % bad["format"])
        for bad in ({"type": "x"}, {}, 7, {"type": "json_schema", "json_schema": {"schema": []}}):
            equal(ask(sim.port, CHAT, response_format=bad)[0], 400, "response_format %s" % bad)


@test
def tools():
    tool = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
    other = {"type": "function", "function": {"name": "other"}}
    with Sim(*FAST, "--tool-calls=2", "--tokens-per-event=3") as sim:
        for path in ("/api/chat", CHAT):
            for stream in (True, False):
                name = "%s, stream %s" % (path, stream)
                got = answer(sim.port, path, stream, tools=[tool, other])
                equal([c[0] for c in got["calls"]], ["look_up"] * 2, name + ": calls of the first tool")
                ok(all(fits(c[1]) for c in got["calls"]), name + ": arguments", got["calls"])
                ok(got["text"] and got["tokens"] > 60, name + ": behind a text, and counted", got)
                equal(got["finish"], "tool_calls" if path == CHAT else "stop", name + ": why it ended")
                equal(answer(sim.port, path, stream)["calls"], [], name + ": no tools, no calls")
                results = ASKED + [{"role": "tool", "content": "42"}]
                equal(answer(sim.port, path, stream, tools=[tool], messages=results)["calls"], [],
                      name + ": none behind its results")
                equal(answer(sim.port, path, stream, tools=[other])["calls"], [["other", {}]] * 2,
                      name + ": without parameters")
        equal(answer(sim.port, CHAT, True, tools=[tool], tool_choice="none")["calls"], [], "tool_choice none")
        docs = documents(CHAT, ask(sim.port, CHAT, stream=True, tools=[tool])[2])
        deltas = [c for d in docs for c in d["choices"][0]["delta"].get("tool_calls", [])]
        first = [d for d in deltas if "id" in d]
        ok([d["index"] for d in first] == [0, 1] and len({d["id"] for d in first}) == 2
           and all(d["type"] == "function" and d["function"]["arguments"] == "" for d in first),
           "SSE: index, id, type and name come first", first)
        ok(len(deltas) > 10, "SSE: arguments in fragments", len(deltas))
        whole = documents(CHAT, ask(sim.port, CHAT, tools=[tool])[2], False)[0]["choices"][0]["message"]
        ok(all({"id", "type", "function"} == set(c) for c in whole["tool_calls"]), "whole: the shape", whole)
        for bad in (7, {}, [{}], [{"function": {"name": 7}}], [7]):
            equal(ask(sim.port, CHAT, tools=bad)[0], 400, "tools %s" % bad)
        last = documents(CHAT, ask(sim.port, CHAT, stream=True, tools=[tool], max_tokens=40)[2])[-1]
        equal(last["choices"][0]["finish_reason"], "length", "a limit within a call")
        whole = documents(CHAT, ask(sim.port, CHAT, tools=[tool], max_tokens=40)[2], False)[0]["choices"][0]
        equal((whole["finish_reason"], "tool_calls" in whole["message"]), ("length", False), "likewise, whole")
    with Sim(*FAST) as sim:
        equal(answer(sim.port, CHAT, True, tools=[tool])["calls"], [], "--tool-calls 0: none")


@test
def errors():
    with Sim(*FAST, "--model=m", "--slots=1", "--queue=0", "--ttft=400ms") as sim:
        for path in (CHAT, "/v1/completions"):
            status, _, body = ask(sim.port, path, model="none")
            error = json.loads(body)["error"]
            equal((status, set(error), error["code"], error["type"]),
                  (404, {"message", "type", "param", "code"}, "model_not_found", "invalid_request_error"), path)
        equal(json.loads(ask(sim.port, "/api/chat", model="none")[2]), {"error": "model 'none' not found"}, "chat")
        bodies = ['{', '[]', '', '{"model":7}', '{"model":"m","messages":7}', '{"model":"m","messages":[7]}',
                  '{"model":"m","messages":[{"content":"x"}]}', '{"model":"m","messages":[{"role":7}]}',
                  '{"model":"m","messages":[{"role":"user","content":7}]}', '{"model":"m","messages":[{"role":"user"',
                  '{"model":"m","messages":[{"role":"user","content":[7]}]}', '{"model":"m","stream":1}']
        for body in bodies:
            for path in ("/api/chat", CHAT):
                status, _, got = ask(sim.port, path, raw=body)
                error = json.loads(got)["error"]
                words = error["message"] if path == CHAT else error
                ok(status == 400 and len(words) > 5, "%s: 400 with words for %s" % (path, body), (status, got))
        for field, value in (("messages", []), ("max_tokens", "5"), ("seed", 1.5), ("stream_options", 7)):
            equal(ask(sim.port, CHAT, **{field: value})[0], 400, "%s: %r" % (field, value))
        equal(ask(sim.port, "/api/chat", max_tokens="ignored", seed="too")[0], 200, "fields of another dialect")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            first = pool.submit(ask, sim.port, CHAT)
            time.sleep(0.1)
            status, _, body = ask(sim.port, CHAT)
            error = json.loads(body)["error"]
            ok(status == 503 and "busy" in error["message"] and error["type"] == "server_error", "503", body)
            equal(first.result()[0], 200, "the first is served")
        equal(ask(sim.port, CHAT, "GET")[0], 405, "GET")


# As in sim_test.py: kind, how the connection ends, what must be there, what must not.
FAULTS = [
    ("refuse", "reset", None, b"HTTP"),
    ("silence", "open", None, b"HTTP"),
    ("slow-head@50ms", "open", b"[DONE]", None),
    ("status-500", "open", b'"type":"server_error"', b"choices"),
    ("status-401", "open", b'"type":"authentication_error"', b"choices"),
    ("retry-after@2s", "open", b"Retry-After: 2\r\n", b"choices"),
    ("fin@3", "closed", b'"choices"', b"[DONE]"),
    ("fin@0b", "closed", None, b"HTTP"),
    ("rst@3", "reset", None, b"[DONE]"),
    ("stall@3", "open", b'"choices"', b"[DONE]"),
    ("stall@3+50ms", "open", b"[DONE]", None),
    ("error@3", "open", b'data: {"error":{"message":"', b"[DONE]"),
    ("bad-json@3", "open", b'"content":" tok\n\n', None),
    ("bad-chunk@3", "closed", b"zz\r\n", None),
    ("no-last-chunk", "closed", b"[DONE]", b"\r\n0\r\n\r\n"),
    ("drop-keep-alive", "closed", b"\r\n0\r\n\r\n", None),
    ("long-line@50000b", "open", b'"context":[1000', None),
    ("split-utf8", "open", b"[DONE]", None),
    ("loop", "open", b"[DONE]", None),
    ("cold", "open", b"[DONE]", None),
    ("crlf", "open", b"[DONE]\r\n\r\n", None),
    ("cr", "open", b"[DONE]\r\r", b"}\n"),
    ("comments", "open", b": keep-alive\n\n: keep-alive\n\n", None),
    ("no-space", "open", b"data:[DONE]", b"data: "),
    ("bom", "open", b"\xef\xbb\xbf", None),
    ("multi-line", "open", b"data: {\ndata: \"id\"", None),
    ("no-done", "open", b'"finish_reason":"stop"', b"[DONE]"),
    ("null-finish", "open", b"[DONE]", b'"finish_reason":"'),
]
HARMLESS = "split-utf8 crlf cr comments no-space bom multi-line no-done slow-head@50ms long-line@50000b".split()


@test
def faults_of_streams():
    with Sim("--ttft=1ms", "--rate=inf", "--tokens=60") as sim:
        wanted = answer(sim.port, CHAT, True)

    def one(case):
        kind, end, needed, never = case
        with Sim("--ttft=1ms", "--rate=inf", "--tokens=60", "--fault", kind.replace("@", ":1@", 1)) as sim:
            for path in (CHAT, "/v1/completions"):
                got, how = raw(sim.port, path, 0.4, stream=True)
                name = "fault %s, %s" % (kind, path)
                equal(how, end, name + ": how it ends")
                if path == CHAT or kind != "bad-json@3":
                    ok(needed is None or needed in got, name + ": has %r" % needed, got[-300:])
                ok(never is None or never not in got, name + ": has no %r" % never, got[-300:])
                if kind in ("fin@3", "stall@3", "error@3"):
                    equal(got.count(b'"choices"'), 4 if path == CHAT else 3, name + ": behind three tokens")
            if kind in HARMLESS:
                equal(answer(sim.port, CHAT, True), wanted, "fault %s: the same answer" % kind)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, FAULTS))


@test
def faults_of_chat_and_whole_answers():
    def one(case):
        kind, end, needed = case
        with Sim("--ttft=1ms", "--rate=inf", "--tokens=60", "--fault", kind.replace("@", ":1@", 1)) as sim:
            for path, stream in (("/api/chat", True), (CHAT, False)):
                got, how = raw(sim.port, path, 0.4, stream=stream)
                equal(how, end, "fault %s, %s" % (kind, path))
                ok(needed is None or needed[stream] in got, "fault %s, %s: has" % (kind, path), got[-300:])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, [
            ("fin@3", "closed", None), ("rst@3", "reset", None), ("stall@3", "open", None), ("silence", "open", None),
            ("error@3", "open", (b'{"error":{"message"', b'{"error":"')),
            ("status-503", "open", (b'{"error":{"message":"injected fault"', b'{"error":"injected fault"}')),
            ("crlf", "open", (b'"usage"', b"}\r\n")), ("comments", "open", (b'"usage"', b'"done":true')),
            ("long-line@9000b", "open", (b'"context":[1000', b'"context":[1000')),
        ]))


@test
def cuts_and_truth():
    with Sim(*FAST) as sim:
        wanted = answer(sim.port, CHAT, True)
    for cut in ("1", "7", "random"):
        with Sim(*FAST, "--cut", cut) as sim:
            equal(answer(sim.port, CHAT, True), wanted, "--cut %s" % cut)
    hashes = []
    with folder() as base:
        for path in ("/api/generate", "/api/chat", CHAT, "/v1/completions"):
            where = base + "/" + path.replace("/", "_")
            with Sim("--ttft=5ms", "--rate=2000", "--tokens=25", "--jitter=normal:20%", "--truth", where) as sim:
                got = answer(sim.port, path, True)
            marks = [json.loads(line) for line in rig.read(where).split(b"\n") if line]
            tokens = [m for m in marks if m["event"] == "token"]
            ok([m["index"] for m in tokens] == list(range(25)) and got["tokens"] == 25, path + ": every token")
            ok(all(m["sent_ns"] >= m["planned_ns"] for m in tokens), path + ": never early")
            hashes += [m["hash"] for m in marks if m["event"] == "done"]
    ok(len(hashes) == 4 and len(set(hashes)) == 1, "the same texts and schedule on every route", hashes)


@test
def small_routes():
    with Sim("--ttft=300ms", "--rate=inf", "--tokens=5", "--model=a", "--model=m") as sim:
        listed = json.loads(ask(sim.port, "/v1/models")[2])
        equal((listed["object"], [m["id"] for m in listed["data"]]), ("list", ["a", "m"]), "/v1/models")
        for path in ("/v1/models", "/metrics"):
            status, _, body = ask(sim.port, path, "HEAD")
            equal((status, body), (200, b""), "HEAD " + path)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(ask, sim.port, CHAT) for _ in range(2)]
            time.sleep(0.15)
            ask(sim.port, "/api/chat", model="none")
            status, kind, body = ask(sim.port, "/metrics")
            [j.result() for j in jobs]
        ok(status == 200 and kind.startswith("text/plain"), "/metrics: its type", kind)
        lines = body.decode().split("\n")
        for line in ("chimera_sim_in_flight 2", "chimera_sim_queued 1", "chimera_sim_slots 1",
                     'chimera_sim_requests_total{route="/api/chat",status="404"} 1'):
            ok(line in lines, "/metrics: " + line, body)
        ok(b'"/v1/chat/completions"' not in body, "/metrics: what is being answered is not counted yet", body)
        ok(all(x == "" or x.startswith("# TYPE ") or len(x.split(" ")) == 2 for x in lines), "/metrics: lines", body)
        body = ask(sim.port, "/metrics")[2]
        ok(b"chimera_sim_tokens_total 10\n" in body and b"in_flight 0\n" in body and
           b'chimera_sim_requests_total{route="/v1/chat/completions",status="200"} 2\n' in body,
           "/metrics: afterwards", body)


rig.main()
