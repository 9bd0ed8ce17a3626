"""chimera ask: the prompt, the answer, structured output, conversations, manners."""

import base64
import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import threading
import time

import rig
from rig import (CLOSE, INSTANT, RST, STALL, RawServer, Sim, answer, chunked, closed_port, equal, eventually, folder,
                 head, ok, one_error_line, run, start, test, wait, with_length, write)


def ask(server, *arguments, **how):
    """What was sent, and the outcome."""
    r = run("ask", "-u", server.url, *arguments, **how)
    return r, [json.loads(b) for b in server.bodies()]


def piped(data, *arguments, **how):
    p = start("ask", *arguments, stdin=subprocess.PIPE, **how)
    begin = time.monotonic()
    if data is not None:
        with contextlib.suppress(BrokenPipeError):   # who does not read it may have ended
            p.stdin.write(data)
            p.stdin.close()
        p.stdin = None
    try:
        p.wait(15)
    except subprocess.TimeoutExpired:
        p.kill()
    if p.stdin:
        p.stdin.close()
        p.stdin = None
    return wait(p, 20, begin)


# ---- the prompt ---------------------------------------------------------------------------------


@test
def prompts():
    cases = (
        ("words", (b"", "why", "is it"), "why is it"),
        ("stdin first", (b"some\ntext\n", "What", "now?"), "some\ntext\n\nWhat now?"),
        ("stdin alone", (b"just this\r\n",), "just this"),
        ("placed", (b"X\n", "a {} b {}"), "a X b X"),
        ("a dash", (b"X", "-", "go"), "X\n\ngo"),
        ("nothing on stdin", (b"", "go"), "go"),
        ("braces without stdin", (b"", "what does {} mean"), "what does {} mean"),
        ("not UTF-8", (b"a\xffb", "go"), "a\ufffdb\n\ngo"),
        ("--no-stdin", (b"X", "--no-stdin", "go"), "go"),
        ("an option's look", (b"", "--", "-x"), "-x"),
    )
    for name, (data, *words), wanted in cases:
        with RawServer([answer("yes")]) as server:
            r = piped(data, "-u", server.url, *words)
            equal((r.code, r.out), (0, b"yes"), "prompt, %s: answer" % name)
            sent = [json.loads(b)["prompt"] for b in server.bodies()]
            equal(sent, [wanted], "prompt, %s: sent" % name)
    with folder() as tmp:
        path = write(tmp + "/in.txt", "from a file\n")
        with RawServer([answer("yes")]) as server, open(path, "rb") as f:
            r = run("ask", "-u", server.url, "q", stdin=f)
            equal([json.loads(b)["prompt"] for b in server.bodies()], ["from a file\n\nq"], "prompt: a file")
    r = run("ask", "-u", "http://127.0.0.1:1")
    ok(r.code == 2 and one_error_line(r) and not r.out, "prompt: none", r)


@test
def silent_stdin():
    with RawServer([answer("yes")]) as server:
        r = piped(None, "-u", server.url, "go")
    ok(r.code == 0 and r.out == b"yes" and b"stdin" in r.err, "silent stdin: goes on and says so", r)
    ok(r.seconds < 5, "silent stdin: soon", r)
    with RawServer([answer("yes")]) as server:   # closed, and a terminal
        r = run("ask", "-u", server.url, "go", preexec_fn=lambda: os.close(0))
        ok(r.code == 0 and r.out == b"yes" and not r.err, "closed stdin", r)
        master, slave = pty.openpty()
        r = run("ask", "-u", server.url, "go", stdin=slave)
        os.close(master)
        os.close(slave)
        ok(r.code == 0 and r.seconds < 1.5, "a terminal as stdin is not read", r)


# ---- the answer ---------------------------------------------------------------------------------


@test
def same_bytes_as_curl():
    """What `curl | jq -j .response` gives."""
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "300") as sim:
        r = run("ask", "-u", sim.url, "--seed", 7, "hello")
        body = json.dumps({"model": "gemma3:latest", "prompt": "hello", "options": {"seed": 7}})
        curl = subprocess.run(["curl", "-sN", sim.url + "/api/generate", "-d", body], capture_output=True)
    wanted = "".join(json.loads(line)["response"] for line in curl.stdout.splitlines()).encode()
    ok(r.code == 0 and r.out == wanted and len(wanted) > 500, "ask: the bytes of curl | jq -j", r)


@test
def tokens_come_at_once():
    with RawServer([[head("200 OK", "Content-Type: application/x-ndjson"), b'{"response":"a"}\n', 1.0,
                     b'{"response":"b","done":true}\n', CLOSE]]) as server:
        begin = time.monotonic()
        p = start("ask", "-u", server.url, "go")
        first = os.read(p.stdout.fileno(), 10)
        took = time.monotonic() - begin
        r = wait(p)
    ok(first == b"a" and took < 0.8 and r.out == b"b", "ask: a token is not held back", (first, took, r))


@test
def no_escapes():
    nasty = "a\x1b[31mb\x07\u202ec"
    with RawServer([answer(nasty)]) as server:
        r, _ = ask(server, "go")
        equal(r.out, "a\\x1b[31mb\x07\u202ec".encode(), "escapes: none in a pipe")
        r, _ = ask(server, "go", "--raw")
        equal(r.out, nasty.encode(), "escapes: --raw")
        for f in ("json", "ndjson"):
            r, _ = ask(server, "go", "-f", f)
            ok(b"\x1b" not in r.out and b"\x07" not in r.out, "escapes: none in %s" % f, r)
        master, slave = pty.openpty()
        p = start("ask", "-u", server.url, "go", stdout=slave)
        os.close(slave)
        seen = b""
        while select.select([master], [], [], 5)[0]:
            try:
                data = os.read(master, 1000)
            except OSError:
                break
            if not data:
                break
            seen += data
        p.wait(5)
        os.close(master)
    equal(seen, b"a\\x1b[31mb\\x07\\u{202e}c\r\n", "escapes: none on a terminal, and a line's end")


@test
def formats():
    with RawServer([answer("Hel", "lo")]) as server:
        r, _ = ask(server, "go", "-f", "json")
        whole = json.loads(r.out)
        equal((whole["text"], whole["eval_count"], whole["done_reason"]), ("Hello", 2, "stop"), "json")
        ok(whole["chimera"]["ttft_ms"] > 0 and whole["chimera"]["server"] == server.url, "json: ours", whole)
        r, _ = ask(server, "go", "-f", "ndjson")
    lines = [json.loads(line) for line in r.out.splitlines()]
    equal([x["type"] for x in lines], ["token", "token", "done"], "ndjson: types")
    equal("".join(x["message"]["content"] for x in lines), "Hello", "ndjson: as /api/chat")
    ok(lines[-1]["done"] is True and lines[-1]["eval_duration"] == 40000000, "ndjson: the end", lines[-1])


@test
def counts_are_the_servers():
    end = b'{"response":"","done":true,"done_reason":"stop","eval_count":0}\n'
    with RawServer([chunked(b'{"response":"a","done":false}\n', end)]) as server:
        r, _ = ask(server, "go", "-f", "json")
    ok("eval_count" not in json.loads(r.out), "counts: none is made up", r.out)


@test
def no_such_route():
    for status in ("404 Not Found", "405 Method Not Allowed"):
        with RawServer([with_length(b"404 page not found", status)]) as server:
            r, _ = ask(server, "go")
        ok(r.code == 22 and one_error_line(r) and b"try another --api" in r.err, "no such route", r)


@test
def extract():
    text = "Sure:\n```sh\nls -l\n```\nThat is it.\n```\nno\n```\n"
    with RawServer([answer(text), answer("no code")]) as server:
        r, _ = ask(server, "-x", "go")
        equal((r.code, r.out), (0, b"ls -l\n"), "extract")
        r, _ = ask(server, "-x", "go", "--max-retries", 0)
        ok(r.code == 65 and not r.out and one_error_line(r), "extract: nothing there", r)


@test
def structured():
    schema = '{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}'
    good = '{"city": "Paris"}'
    with RawServer([answer("Paris"), answer('{"town":1}'), answer(good)]) as server:
        r, sent = ask(server, "--schema", schema, "--seed", 5, "go")
        equal((r.code, r.out), (0, good.encode() + b"\n"), "schema: the third answer fits")
        equal([s["options"]["seed"] for s in sent], [5, 6, 7], "schema: another seed each time")
        ok(all(s["format"]["required"] == ["city"] for s in sent), "schema: sent", sent)
        ok(r.err.count(b"asking again") == 2, "schema: says so", r)
    with RawServer([answer("Paris"), answer(good)]) as server:
        _, sent = ask(server, "--schema", schema, "--seed", 2**63 - 1, "go")
        equal([s["options"]["seed"] for s in sent], [2**63 - 1, 0], "schema: behind the largest seed")
    with folder() as tmp, RawServer([answer('{"town":1}')]) as server:
        path = write(tmp + "/s.json", schema)
        r, sent = ask(server, "--schema", path, "--max-retries", 1, "go")
        ok(r.code == 65 and not r.out and len(sent) == 2, "schema: never fits", r)
        ok(b'lacks "city"' in r.err, "schema: what is wrong", r)
        for bad in ("/nonexistent", write(tmp + "/no.json", "{"), "[1]"):
            r = run("ask", "--schema", bad, "go")
            ok(r.code in (2, 65) and one_error_line(r), "schema: %s" % bad, r)
    with RawServer([answer("not"), answer("[1,2]")]) as server:
        r, sent = ask(server, "--json", "go", "-f", "json")
        equal((r.code, json.loads(r.out)["json"]), (0, [1, 2]), "json: the second answer")
        equal(sent[0]["format"], "json", "json: sent")
    with RawServer([answer("Here:\n```json\n[1]\n```\n")]) as server:
        r, _ = ask(server, "--json", "-x", "go")
        equal((r.code, r.out), (0, b"[1]\n"), "json: out of a code block")


@test
def pictures_and_tools():
    with folder() as tmp, RawServer([answer("a cat")]) as server:
        picture = write(tmp + "/p.png", b"\x89PNG\r\n\x1a\n\x00\x01")
        r, sent = ask(server, "--image", picture, "--image", picture, "what is it")
        equal(sent[0]["images"], [base64.b64encode(rig.read(picture)).decode()] * 2, "image: sent")
        r = run("ask", "--image", tmp + "/none.png", "go")
        ok(r.code == 65 and one_error_line(r), "image: not there", r)
    call = {"role": "assistant", "content": "no",
            "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}
    line = json.dumps({"message": call, "done": True, "done_reason": "stop"}).encode() + b"\n"
    with RawServer([chunked(line), chunked(line.replace(b'"no"', b'"[]"'))]) as server:
        r, sent = ask(server, "--tool", '{"name":"f"}', "--json", "go")
        told = r.out.splitlines()
        ok(r.code == 0 and len(sent) == 2 and len(told) == 2 and told[1] == b"[]" and b'"f"' in told[0],
           "tool: calls of an answer that did not fit are not shown", r)
    arguments = json.dumps({"choices": [{"message": {"content": "", "tool_calls": [
        {"function": {"name": "f", "arguments": '{\n "x": 1\n}'}}]}, "finish_reason": "tool_calls"}]})
    with RawServer([with_length(arguments)]) as server:
        r, _ = ask(server, "--api", "openai", "--tool", '{"name":"f"}', "-S", "go")
        equal((r.code, r.out.count(b"\n")), (0, 1), "tool: a call is a line")
        with RawServer([[rig.STALL]]) as other:
            raced = run("ask", "-u", other.url, "-u", server.url, "--policy", "race", "--api", "openai", "--tool",
                        '{"name":"f"}', "-S", "go")
            equal((raced.code, raced.out), (0, r.out), "tool: the call of who wins a race")
    with RawServer([with_length('{\n  "response": "x",\n  "done": true\n  }')]) as server:
        r, _ = ask(server, "-S", "go")
        equal((r.code, r.out), (0, b"x"), "a document whose last bracket is indented")
    both = {"message": {"content": "yes", "thinking": "hm"}, "done": True, "done_reason": "stop"}
    with RawServer([with_length(json.dumps(both))]) as server:
        r, _ = ask(server, "-S", "--tool", '{"name":"f"}', "--thinking", "inline", "go")
        equal((r.code, r.out), (0, b"<think>\nhm\n</think>\n\nyes"), "thinking comes first")
    for text in ('{"parameters":{}}', "nope", "[{}]"):
        r = run("ask", "--tool", text, "go")
        ok(r.code in (2, 65) and one_error_line(r), "tool: %s" % text, r)


@test
def reasoning():
    lines = (b'{"response":"","thinking":"hm"}\n', b'{"response":"yes","done":true,"done_reason":"stop"}\n')
    with RawServer([chunked(*lines)]) as server:
        for how, out, err in (
            ((), b"yes", b""),
            (("--thinking", "hide"), b"yes", b""),
            (("--thinking", "stderr"), b"yes", b"hm\n\n"),
            (("--thinking", "inline"), b"<think>\nhm\n</think>\n\nyes", b""),
        ):
            r, _ = ask(server, "go", *how)
            equal((r.code, r.out, r.err), (0, out, err), "thinking %r" % (how,))
        for think, effort in (("high", "high"), ("medium", "medium"), ("low", "low")):
            body = run("ask", "--api", "openai", "--think", think, "--dry-run", "go").out.split(b"\r\n\r\n", 1)[1]
            equal(json.loads(body).get("reasoning_effort"), effort, "thinking: OpenAI's word for " + think)
        r, sent = ask(server, "go", "-f", "json", "--think", "high")
        equal((json.loads(r.out)["thinking"], sent[-1]["think"]), ("hm", "high"), "thinking: json")


# ---- conversations ------------------------------------------------------------------------------


@test
def conversation():
    with folder() as tmp, Sim("--ttft", "0", "--rate", "inf", "--tokens", "5") as sim, RawServer([b""]) as log:
        path = tmp + "/talk.json"
        first = run("ask", "-u", sim.url, "--session", path, "-s", "Be kind.", "one")
        ok(first.code == 0 and first.out, "session: first", first)
        second = run("ask", "-u", sim.url, "--session", path, "two")
        ok(second.code == 0 and second.out, "session: second", second)
        told = json.loads(rig.read(path))["messages"]
        equal([(m["role"], m["content"]) for m in told],
              [("system", "Be kind."), ("user", "one"), ("assistant", first.text), ("user", "two"),
               ("assistant", second.text)], "session: kept")
        before = rig.read(path)
        r = run("ask", "-u", "http://127.0.0.1:%d" % closed_port(), "--session", path, "three")
        ok(r.code == 7 and rig.read(path) == before, "session: a failed answer is not kept", r)
        r = run("ask", "-u", sim.url, "--session", path, "-s", "Be brief.", "--dry-run", "three")
        sent = json.loads(r.out.split(b"\r\n\r\n", 1)[1])["messages"]
        equal([m["role"] for m in sent], ["system", "user", "assistant", "user", "assistant", "user"],
              "session: --dry-run says what would be sent")
        equal(sent[0]["content"], "Be brief.", "session: --dry-run, another system prompt")
        r = run("ask", "-u", sim.url, "--session", path, "--new", "four")
        equal(len(json.loads(rig.read(path))["messages"]), 2, "session: --new")
        for bad in ("{", '{"messages":1}', '{"messages":[{"content":"x"}]}'):
            write(path, bad)
            r = run("ask", "-u", sim.url, "--session", path, "x")
            ok(r.code == 65 and one_error_line(r) and rig.read(path).decode() == bad, "session: %s" % bad, r)
        r = run("ask", "-u", log.url, "--session", tmp + "/deep/talk.json", "x")
        ok(r.code == 74 and one_error_line(r) and "no such file or folder (%s/deep)" % tmp in r.words,
           "session: no folder for it", r)
        equal((len(log.requests), os.path.exists(tmp + "/deep")), (0, False),
              "session: no folder for it: nothing is asked, none is made")
        env = {"XDG_STATE_HOME": tmp + "/state"}
        for words in ("one", "two"):
            r = run("ask", "-u", sim.url, "-c", words, env=env)
            ok(r.code == 0, "-c", r)
        equal(len(json.loads(rig.read(tmp + "/state/chimera/session.json"))["messages"]), 4, "-c: kept")
        call = {"id": "call_7", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
        says = {"choices": [{"message": {"content": "well", "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
        with RawServer([with_length(json.dumps(says))]) as server:
            words = ("ask", "-u", server.url, "--api", "openai", "-S", "--session", tmp + "/calls.json")
            for more in (("--tool", '{"name":"f"}', "one"), ("two",)):
                ok(run(*words, *more).code == 0, "session with tools: " + more[-1])
            told = json.loads(server.bodies()[1])["messages"][1]
            equal((told["content"], told["tool_calls"][0]["id"], told["tool_calls"][0]["function"]["name"],
                   json.loads(told["tool_calls"][0]["function"]["arguments"])), ("well", "call_7", "f", {"a": 1}),
                  "session: the calls of tools are kept")
        if not rig.EXE:   # there is always one
            r = run("ask", "-u", sim.url, "-c", "x", env={"HOME": "", "XDG_STATE_HOME": ""})
            ok(r.code == 2 and one_error_line(r), "-c without a home", r)


# ---- failures and manners -----------------------------------------------------------------------


@test
def failures():
    line = b'{"response":"part"}\n'
    stream = head("200 OK", "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked")
    piece = b"%x\r\n%s\r\n" % (len(line), line)
    cases = (
        ("status", [with_length("{}", "500 Oops")], 22, b""),
        ("auth", [with_length("{}", "401 No")], 77, b""),
        ("model", [with_length('{"error":"model \'x\' not found"}', "404 Not Found")], 69, b""),
        ("busy", [with_length("{}", "503 Busy")], 75, b""),
        ("cut short", [[stream, piece, CLOSE]], 18, b"part"),
        ("reset", [[stream, piece, 0.1, RST]], 56, b"part"),
        ("garbage", [chunked(line, b"{nope\n")], 56, b"part"),
        ("error in the stream", [chunked(line, b'{"error":"boom"}\n')], 22, b"part"),
        ("stalled", [[stream, piece, STALL]], 28, b"part"),
        ("empty", [answer()], 18, b""),
    )
    for name, script, code, out in cases:
        with RawServer(script) as server:
            r, _ = ask(server, "go", "--idle-timeout", "0.4", "--max-retries", 0)
            ok(r.code == code and r.out == out and one_error_line(r), "failure, %s: %d" % (name, code), r)
            r, _ = ask(server, "go", "--idle-timeout", "0.4", "--max-retries", 0, "-f", "ndjson")
            last = json.loads(r.out.splitlines()[-1])
            equal((last["type"], last["exit_code"]), ("error", code), "failure, %s: ndjson" % name)
    r = run("ask", "-u", "http://127.0.0.1:%d" % closed_port(), "--max-retries", 0, "go")
    ok(r.code == 7 and one_error_line(r), "failure, refused: 7", r)
    with folder() as tmp:
        large = write(tmp + "/large", b"")
        os.truncate(large, 65 << 20)
        for words in (("--image", large, "go"), ("--schema", large, "go"), ("-",)):
            with open(large, "rb") as f:
                r = run("ask", *words, stdin=f)
            ok(r.code == 65 and one_error_line(r), "failure, too large: %s" % words[0], r)
    r = run("ask", "-u", "http://nowhere.invalid", "--max-retries", 0, "go")
    ok(r.code == 6 and one_error_line(r), "failure, name: 6", r)
    with RawServer([with_length("{}", "503 Busy"), answer("yes")]) as server:
        r, sent = ask(server, "go")
        ok(r.code == 0 and r.out == b"yes" and len(sent) == 2, "failure: tried again", r)
    with RawServer([[stream, piece, CLOSE], answer("yes")]) as server:
        r, sent = ask(server, "go")
        ok(r.code == 18 and len(sent) == 1, "failure: not again once something was said", r)


@test
def several_servers():
    nobody = "http://127.0.0.1:%d" % closed_port()
    with RawServer([with_length("{}", "503 Busy")]) as busy, RawServer([answer("yes")]) as good:
        begin = time.monotonic()
        r = run("ask", "-u", nobody, "-u", busy.url, "-u", good.url, "go", "-f", "json")
        x = json.loads(r.out)
        equal((x["text"], x["chimera"]["server"], x["chimera"]["attempts"]), ("yes", good.url, 3), "fail-over")
        ok(time.monotonic() - begin < 1, "fail-over: at once", r)
        r = run("ask", "-u", busy.url, "-u", nobody, "--max-retries", 0, "go")
        ok(r.code in (7, 75) and one_error_line(r), "fail-over: nobody is left", r)
    asked = threading.Event()

    def silent(request, index):
        asked.set()
        return [head("200 OK", "Content-Type: application/x-ndjson"), STALL]

    def speaks(request, index):
        asked.wait(10)   # else it has won before the other one was asked at all
        return answer("yes")

    with RawServer(silent) as slow, RawServer(speaks) as good:
        r = run("ask", "-u", slow.url, "-u", good.url, "--policy", "race", "go")
        ok(r.code == 0 and r.out == b"yes" and r.seconds < 2, "race: the one that speaks", r)
        ok(eventually(lambda: slow.left) and len(slow.requests) == 1, "race: the other's connection is closed")
    with RawServer([answer("a")]) as one, RawServer([answer("b")]) as two:
        with folder() as tmp:
            with open(write(tmp + "/in", "x\n" * 20), "rb") as f:
                run("map", "-u", one.url, "-u", two.url, "--policy", "round-robin", stdin=f)
        equal((len(one.requests), len(two.requests)), (10, 10), "round-robin")


@test
def dialects():
    """The same answer in each, with reasoning and counts."""
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "40", "--thinking", "5") as sim:
        seen = {}
        for api in ("ollama", "ollama-chat", "openai", "auto"):
            for more in ((), ("-S",)):
                r = run("ask", "-u", sim.url, "--api", api, "--seed", 3, "-f", "json", "hello", *more)
                x = json.loads(r.out)
                seen[api, more] = (x["text"], x["thinking"], x["eval_count"], x["done_reason"])
        equal(len(set(seen.values())), 1, "dialects: one answer %r" % (seen,))
        r = run("ask", "-u", sim.url + "/v1", "--seed", 3, "hello")
        equal(r.text, next(iter(seen.values()))[0], "dialects: a URL that ends in /v1")
        r = run("ask", "-u", sim.url, "--api", "openai-completions", "--seed", 3, "hello")
        ok(r.code == 0 and len(r.out) > 50, "dialects: completions", r)
        tool = '{"name":"get","parameters":{"type":"object","properties":{"x":{"type":"string"}}}}'
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "5", "--tool-calls", "2") as sim:
        for api in ("ollama", "openai"):
            r = run("ask", "-u", sim.url, "--api", api, "--tool", tool, "-f", "ndjson", "go")
            calls = [json.loads(line) for line in r.out.splitlines()]
            calls = [c["message"]["tool_calls"][0]["function"]["name"] for c in calls if c["type"] == "tool_call"]
            equal((r.code, calls), (0, ["get", "get"]), "tool calls: %s" % api)


def stream(*choices):
    """An answer in OpenAI's dialect, a chunk for each choice."""
    lines = [b"data: " + json.dumps({"choices": [{"index": 0, **c}]}).encode() + b"\n\n" for c in choices]
    return chunked(*lines, b"data: [DONE]\n\n")


@test
def gaps_are_explained():
    """Who gets no answer, or half of one, is told why."""
    end = {"delta": {}, "finish_reason": "stop"}
    refused = stream({"delta": {"content": None, "refusal": "I will"}}, {"delta": {"refusal": " not."}}, end)
    cases = (
        ("a refusal is text", refused, 0, b"I will not.", b""),
        ("filtered", stream({"delta": {"content": "Wel"}}, {"delta": {}, "finish_reason": "content_filter"}),
         0, b"Wel", b"a content filter has cut the answer short"),
        ("all of it", stream({"delta": {}, "finish_reason": "content_filter"}), 18, b"", b"nothing: content_filter"),
        ("out of tokens", stream({"delta": {"reasoning": "Hm"}}, {"delta": {}, "finish_reason": "length"}),
         18, b"", b"nothing: length"),
        ("nothing", stream({"delta": {"content": ""}}), 18, b"", b"the model said nothing"),
        ("as far as it was to be", stream({"delta": {"content": "a"}, "finish_reason": "length"}), 0, b"a", b""),
    )
    for name, script, code, out, words in cases:
        with RawServer([script]) as server:
            r = run("ask", "-u", server.url, "--api", "openai", "go")
            ok((r.code, r.out) == (code, out) and (one_error_line(r) and words in r.err if words else not r.err),
               name, r)
            quiet = run("ask", "-u", server.url, "--api", "openai", "--quiet", "go")
            ok((quiet.code, quiet.out) == (code, out) and (code or not quiet.err), name + ": --quiet", quiet)
    with RawServer([refused]) as server:
        r = json.loads(run("ask", "-u", server.url, "--api", "openai", "-f", "json", "go").out)
        equal((r["text"], r["done_reason"]), ("I will not.", "refusal"), "a refusal as JSON")
        r = run("ask", "-u", server.url, "--api", "openai", "--json", "--max-retries", "0", "go")
        ok(r.code == 65 and one_error_line(r) and b"refused: I will not." in r.err, "a refusal of JSON", r)


@test
def output_goes_away():
    with Sim("--ttft", "0", "--rate", "200", "--tokens", "2000") as sim:
        p = start("ask", "-u", sim.url, "go")
        os.read(p.stdout.fileno(), 1)
        p.stdout.close()
        p.stdout = None
        begin = time.monotonic()
        code = p.wait(10)
        ok(code == 141 and time.monotonic() - begin < 2 and not p.stderr.read(), "closed stdout: 141", code)
        p.stderr.close()
        with open("/dev/full", "wb") as full:
            r = run("ask", "-u", sim.url, "go", stdout=full)
        ok(r.code == 74 and one_error_line(r), "full disk: 74", r)
        with open("/dev/full", "wb") as full:
            r = run("ask", "-u", "http://127.0.0.1:%d" % closed_port(), "-f", "ndjson", "go", stdout=full)
        ok(r.code == 74 and one_error_line(r), "full disk, and only a failure to write: 74", r)
        for number, code in rig.STOPS:
            p = start("ask", "-u", sim.url, "go")
            os.read(p.stdout.fileno(), 1)
            p.send_signal(number)
            r = wait(p, 5)
            ok(r.code == code and r.out and r.seconds < 2, "signal %d" % number, r)
        r = run("ask", "--sim=" + INSTANT, "go", preexec_fn=lambda: os.close(1))
        ok(r.code == 141, "stdout closed from the start", r)


@test
def dry_run():
    r = run("ask", "-u", "http://desk:1234", "-H", "X-Key: secret", "--temperature", "0.5", "--dry-run", "hi")
    first, body = r.out.split(b"\r\n\r\n", 1)
    ok(r.code == 0 and first.startswith(b"POST /api/generate HTTP/1.1\r\nHost: desk:1234\r\n"), "dry run", r)
    equal(json.loads(body), {"model": "gemma3:latest", "prompt": "hi", "stream": True,
                             "options": {"temperature": 0.5}}, "dry run: body")
    ok(b"secret" not in r.out + r.err and b"X-Key: ***" in r.out, "dry run: no secrets", r)
    with RawServer([answer("x")]) as server:
        for header, wanted in (("X-A: b", b"Bearer sesame"), ("authorization: Basic mine", b"Basic mine")):
            ask(server, "-H", header, "go", env={"OLLAMA_API_KEY": "sesame"})
            sent = [line.split(b": ", 1)[1] for line in server.requests[-1].splitlines()
                    if line.lower().startswith(b"authorization:")]
            equal(sent, [wanted], "a key and -H %s" % header)


if __name__ == "__main__":
    rig.main()
