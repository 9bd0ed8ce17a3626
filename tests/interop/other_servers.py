"""chimera beside servers that others wrote: npm's `@copilotkit/aimock`, llama.cpp's in PyPI's `xllamacpp`.

    python3 tests/interop/other_servers.py [build/chimera]

`ask --dry-run` says what a request is made of; curl sends the same bytes, and Python's json takes the
answer apart: texts, reasoning, tool calls, counts, the reason it ended. chimera's own answer must be
equal, and so must be what `probe` tells of a server. The servers are installed into a folder that is
removed again, and the model of llama.cpp is made on the spot, of random weights. What cannot be had is
skipped, and said to be.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
CHIMERA = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../build/chimera"))
NOTES = os.path.join(HERE, "../../samples/notes")
INSTALL_SECONDS = 300
RECORDS = 500

COUNTS = {"passed": 0, "failed": 0, "skipped": 0}
ENV = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "weather of a city",
    "parameters": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}}}
SCHEMA = {"type": "object", "required": ["city", "days"],
          "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}

LONG = "A café — 天気 😀, \"quoted\" \\ back, \u2028 and more.\n" * 40
FIXTURES = {"fixtures": [
    {"match": {"userMessage": "hello"}, "response": {"content": "Hi there — 天気 \"ok\"!\n\tline two 😀."}},
    {"match": {"userMessage": "at length"}, "response": {"content": LONG}},
    {"match": {"userMessage": "nothing"}, "response": {"content": ""}},
    {"match": {"userMessage": "cut off"},
     "response": {"content": "No end of", "finishReason": "length",
                  "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}}},
    {"match": {"userMessage": "think"},
     "response": {"content": "Four.", "reasoning": "Two and two, so four — 四, as everybody knows."}},
    {"match": {"userMessage": "weather"}, "response": {"toolCalls": [
        {"name": "get_weather", "arguments": {"city": "Köln \"am Rhein\"", "days": 2, "deep": [{"a": None}]}},
        {"name": "get_weather", "arguments": {"city": "Bonn"}}]}},
    {"match": {"userMessage": "both"}, "response": {
        "content": "Let me look.", "toolCalls": [{"name": "get_weather", "arguments": "{\"city\":\"Ulm\"}"}]}},
    {"match": {"userMessage": "fits"}, "response": {"content": "{\"city\": \"Köln\", \"days\": 3}"}},
    {"match": {"userMessage": "lacks"}, "response": {"content": "{\"city\": \"Köln\"}"}},
    {"match": {"userMessage": "prose"}, "response": {"content": "Köln, three days."}},
    {"match": {"userMessage": "refuse me"}, "status": 401, "response": {
        "error": {"message": "Wrong key.", "type": "invalid_request_error"}, "status": 401}},
    {"match": {"userMessage": "too many"}, "response": {
        "error": {"message": "Slow down.", "type": "rate_limit_error"}, "status": 429}},
    {"match": {"userMessage": "break"}, "response": {
        "error": {"message": "It broke.", "type": "server_error"}, "status": 500}},
    {"match": {"userMessage": "no such model"}, "response": {
        "error": {"message": "The model `m:1b` does not exist", "type": "invalid_request_error",
                  "code": "model_not_found"}, "status": 404}},
    {"match": {"userMessage": "record"}, "response": {"content": "done with it"}},
    {"match": {}, "response": {"content": "# Findings\n\nThe laptop ran warm; the desk did not.\n"}},
]}


def ok(condition, name, detail=""):
    COUNTS["passed" if condition else "failed"] += 1
    if not condition:
        print("FAILED %s: %s" % (name, detail))
    return condition


def skip(name, why):
    COUNTS["skipped"] += 1
    print("skipped %s: %s" % (name, why))


def chimera(*args, stdin=b"", env=None):
    return subprocess.run([CHIMERA, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120, env={**ENV, **(env or {})})


# ---- what curl and Python's json make of it -----------------------------------------------------


def arguments_of(call):
    value = call["function"].get("arguments")
    return json.loads(value or "{}") if isinstance(value, str) or value is None else value


def fold(answer, document):
    for choice in document.get("choices") or []:
        part = choice.get("message") or choice.get("delta") or choice
        answer["text"] += part.get("content") or part.get("text") or ""
        answer["thinking"] += part.get("reasoning_content") or part.get("reasoning") or ""
        for i, call in enumerate(part.get("tool_calls") or []):
            calls, index = answer["calls"], call.get("index", i)
            while len(calls) <= index:
                calls.append({"function": {"name": "", "arguments": ""}})
            for key in ("name", "arguments"):
                calls[index]["function"][key] += call["function"].get(key) or ""
        answer["reason"] = choice.get("finish_reason") or answer["reason"]
    if "choices" not in document:
        part = document.get("message", document)
        answer["text"] += part.get("content") or part.get("response") or ""
        answer["thinking"] += part.get("thinking") or part.get("reasoning_content") or ""
        answer["calls"] += part.get("tool_calls") or []
        answer["reason"] = document.get("done_reason") or answer["reason"]
    usage = document.get("usage") or document
    answer["prompt"] = usage.get("prompt_tokens") or usage.get("prompt_eval_count") or answer["prompt"]
    answer["tokens"] = usage.get("completion_tokens") or usage.get("eval_count") or answer["tokens"]


def folded(body):
    answer = {"text": "", "thinking": "", "calls": [], "reason": "", "prompt": 0, "tokens": 0}
    for line in body.decode().split("\n"):
        line = line.strip().removeprefix("data:").strip()
        if line and line != "[DONE]" and not line.startswith(":"):
            fold(answer, json.loads(line))
    answer["calls"] = [[c["function"]["name"], arguments_of(c)] for c in answer["calls"]]
    return answer


def curl(url, args):
    """(status, body) of the request that `chimera ask ARGS` says it would send."""
    origin = "/".join(url.split("/")[:3])
    request = chimera("ask", "-u", url, *args, "--dry-run").stdout
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    method, path = lines[0].split(" ")[:2]
    length = int(next(line.split(":")[1] for line in lines if line.lower().startswith("content-length")))
    command = ["curl", "-sSN", "-X", method, "-w", "\n%{http_code}", origin + path, "--data-binary", "@-"]
    for line in lines[1:]:
        if not re.match("(host|content-length|accept|user-agent):", line, re.I):
            command += ["-H", line]
    made = subprocess.run(command, input=body[:length], stdout=subprocess.PIPE, check=True, timeout=60)
    answer, _, status = made.stdout.rpartition(b"\n")
    return int(status), answer


def said(document):
    """What `ask -f json` printed, in the words of folded()."""
    calls = [[c["function"]["name"], c["function"]["arguments"]] for c in document.get("tool_calls", [])]
    return {"text": document["text"], "thinking": document.get("thinking", ""), "calls": calls,
            "reason": document.get("done_reason", ""), "prompt": document.get("prompt_eval_count", 0),
            "tokens": document.get("eval_count", 0)}


def both(url, name, args, through_curl=None):
    """One request through curl and through chimera: equal, whole and as a stream of bytes."""
    status, body = curl(url, through_curl or args)
    if not ok(status == 200, name + ": curl", "HTTP %d %r" % (status, body[:300])):
        return
    wanted = folded(body)
    r = chimera("ask", "-u", url, *args, "-f", "json")
    if not ok(r.returncode == 0, name, "exit code %d: %r" % (r.returncode, r.stderr)):
        return
    got = said(json.loads(r.stdout))
    ok(got == wanted, name, "\n  curl %r\n  it   %r" % (wanted, got))
    if not wanted["calls"]:
        r = chimera("ask", "-u", url, *args)
        # An escape would command a terminal; it comes as text.
        text = wanted["text"].replace("\x1b", "\\x1b")
        structured = "--json" in args or "--schema" in args   # a line of its own
        ok(r.stdout.decode() == text + structured * "\n", name + ": bytes", r.stdout[:300])


def ways(dialects):
    for api in dialects:
        for whole in ([], ["-S"]):
            yield api, ["--api", api, "-m", "m:1b", *whole], "%s%s" % (api, ", whole" if whole else "")


# ---- probe --------------------------------------------------------------------------------------


def document(url, header=()):
    """The JSON object that curl gets there; {} without one."""
    command = ["curl", "-sS", "-w", "\n%{http_code}", url]
    for line in header:
        command += ["-H", line]
    made = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60)
    body, _, status = made.stdout.rpartition(b"\n")
    return json.loads(body) if status == b"200" else {}


def listed(models):
    """A server's list of models, as `probe -f json` has it."""
    sizes = ({"size_bytes": m["size"]} if isinstance(m.get("size"), int) and m["size"] else {} for m in models)
    return [{"name": m.get("id") or m["name"], **size} for m, size in zip(models, sizes)]


def known(url, header=()):
    """What `probe -f json` has to say of a server that is up, without the times."""
    version = None if url.endswith("/v1") else document(url + "/api/version", header).get("version")
    if version is not None:
        models, loaded = (document(url + path, header)["models"] for path in ("/api/tags", "/api/ps"))
    else:
        models, loaded = document(url.removesuffix("/v1") + "/v1/models", header)["data"], []
    return {"url": url, "up": True, "api": "openai" if version is None else "ollama", "version": version,
            "models": listed(models), "loaded": listed(loaded)}


def endpoints(r):
    """`probe -f json`, without the times; they are there."""
    told = json.loads(r.stdout)
    ok(told["schema"] == "chimera.probe/1", "probe: schema", r)
    for e in told["endpoints"]:
        for key in ("connect_ms", "round_trip_ms") if e["up"] else ():
            ok(0 < e.pop(key) < 10000, "probe: " + key, r)
    return told["endpoints"]


def probe_text(name, wanted):
    r = chimera("probe", wanted["url"])
    head, *names = r.stdout.decode().splitlines()
    count = "%d model%s" % (len(wanted["models"]), "s" * (len(wanted["models"]) != 1))
    words = [wanted["url"], "up", wanted["api"], *([wanted["version"]] if wanted["version"] else []), "connect"]
    ok(r.returncode == 0 and head.split()[:len(words)] == words and head.endswith("  " + count) and not r.stderr,
       name + ": text", r)
    ok([line.split()[0] for line in names] == [m["name"] for m in wanted["models"]], name + ": list", r)


def probe_server(name, url):
    """A server that is up, alone and beside one that is not, with models that it has and has not."""
    name = "probe, " + name
    wanted = known(url)
    r = chimera("probe", url, "-f", "json")
    ok(r.returncode == 0 and not r.stderr, name, r)
    ok(endpoints(r) == [wanted], name + ": JSON", "\n  curl %r\n  it   %r" % (wanted, r.stdout))
    probe_text(name, wanted)
    r = chimera("probe", url, "-f", "json", "-m", wanted["models"][-1]["name"])
    ok(r.returncode == 0 and endpoints(r) == [{**wanted, "has_model": True}], name + ": a model", r)
    r = chimera("probe", url, "-f", "json", "-m", "none")
    found = endpoints(r)[0]
    ok(found.pop("error")["exit_code"] == 69 and found == {**wanted, "has_model": False}, name + ": no model", r)
    ok(r.returncode == 69 and len(r.stderr.splitlines()) == 1, name + ": no model, exit code", r)
    dead = "http://127.0.0.1:%d" % free_port()
    r = chimera("probe", dead, url, "-f", "json")
    down, up = endpoints(r)
    ok(r.returncode == 1 and up == wanted, name + ": beside a dead one", r)
    ok((down["url"], down["up"], down["error"]["exit_code"]) == (dead, False, 7), name + ": a dead one", r)
    nowhere = url.removesuffix("/v1") + "/nowhere"
    for path in ("", "/v1"):
        r = chimera("probe", nowhere + path, "-f", "json")
        ok(r.returncode == 22 and b"HTTP 404" in r.stderr and endpoints(r)[0]["error"]["exit_code"] == 22,
           name + ": no such path " + path, r)


def probe_key(name, url):
    """A server that wants the key `right`."""
    for at, variable in ((url, "OLLAMA_API_KEY"), (url + "/v1", "OPENAI_API_KEY")):
        r = chimera("probe", at, "-f", "json", env={variable: "right"})
        ok(r.returncode == 0 and endpoints(r) == [known(at, ["Authorization: Bearer right"])],
           "probe, %s %s" % (name, variable), r)
        for env in ({}, {variable: "wrong"}):
            r = chimera("probe", at, "-f", "json", env=env)
            ok(r.returncode == 77 and len(r.stderr.splitlines()) == 1 and b"wrong" not in r.stdout + r.stderr,
               "probe, %s %s" % (name, env or "no key"), r)
            ok(endpoints(r)[0]["error"]["class"] == "auth", "probe, %s %s: class" % (name, env or "no key"), r)


# ---- aimock -------------------------------------------------------------------------------------


def aimock_answers(url):
    for api, args, name in ways(["ollama", "ollama-chat", "openai", "auto"]):
        # It has /v1/models and no /api/version; --dry-run asks no server what it is.
        known = args if api != "auto" else ["--api", "openai", *args[2:]]
        for prompt in ("hello", "at length", "cut off", "think"):
            both(url, "aimock %s, %s" % (name, prompt), [*args, prompt], [*known, prompt])
        more = ["-s", "Be brief.", "--temperature", "0.5", "--num-predict", "50", "hello"]
        both(url, "aimock %s, options" % name, [*args, *more], [*known, *more])
    for api, args, name in ways(["ollama-chat", "openai"]):
        for prompt in ("weather", "both"):
            both(url, "aimock %s, tools, %s" % (name, prompt),
                 [*args, "--tool", json.dumps(WEATHER), prompt])
    for api, args, name in ways(["ollama", "ollama-chat", "openai"]):
        for word in (["--json"], ["--schema", json.dumps(SCHEMA)]):
            both(url, "aimock %s, %s" % (name, word[0]), [*args, *word, "fits"])
        r = chimera("ask", "-u", url, *args, "--schema", json.dumps(SCHEMA), "--max-retries", "1", "lacks")
        ok(r.returncode == 65, "aimock %s, lacks a key" % name, r)
        r = chimera("ask", "-u", url, *args, "--json", "--max-retries", "0", "prose")
        ok(r.returncode == 65, "aimock %s, prose instead of JSON" % name, r)


def aimock_errors(url):
    prompts = {"refuse me": (77, "Wrong key."), "too many": (75, "Slow down."), "break": (22, "It broke."),
               "no such model": (69, "does not exist")}
    chaos = {"drop": 22, "malformed": 56, "disconnect": 18, "ratelimit": 75}
    for api, args, name in ways(["ollama", "ollama-chat", "openai"]):
        def refused(what, code, words, more):
            r = chimera("ask", "-u", url, *args, "--max-retries", "0", *more)
            lines = r.stderr.decode().splitlines()
            ok(r.returncode == code and len(lines) == 1 and words in lines[0] and r.stdout == b"",
               "aimock %s, %s" % (name, what), r)
        for prompt, (code, words) in prompts.items():
            status, _ = curl(url, [*args, prompt])
            ok(status >= 400, "aimock %s, %s: curl" % (name, prompt), status)
            refused(prompt, code, words, [prompt])
        for fault, code in chaos.items():
            refused(fault, code, "", ["-H", "x-aimock-chaos-%s: 1" % fault, "hello"])
    # It has no such route: what is said must lead on.
    r = chimera("ask", "-u", url, "--api", "openai-completions", "hello")
    ok(r.returncode == 22 and b"try another --api" in r.stderr,
       "aimock without /v1/completions", r)
    dead = "http://127.0.0.1:%d" % free_port()
    r = chimera("ask", "-u", dead, "-u", url, "-m", "m:1b", "--policy", "first", "hello")
    ok(r.returncode == 0 and r.stdout.startswith(b"Hi there"), "fail-over to aimock", r)


def aimock_keys(folder):
    """A server that wants a key."""
    with Aimock(folder, {"AIMOCK_API_KEYS": "right"}) as url:
        for api, args, name in ways(["ollama-chat", "openai"]):
            variable = "OPENAI_API_KEY" if api == "openai" else "OLLAMA_API_KEY"
            for key, code in (("right", 0), ("wrong", 77)):
                r = chimera("ask", "-u", url, *args, "hello", env={variable: key})
                ok(r.returncode == code and b"wrong" not in r.stderr, "aimock %s, %s key" % (name, key), r)
        probe_key("aimock", url)


def map_all(name, url, args, wanted=None):
    lines = ["record %d — 天" % i for i in range(RECORDS)]
    r = chimera("map", "-u", url, *args, "-j", "16", stdin="\n".join(lines).encode())
    results = [json.loads(line) for line in r.stdout.decode().strip().split("\n")]
    bad = [x for x in results if "error" in x or (wanted is not None and x["text"] != wanted)]
    ok(r.returncode == 0 and [x["id"] for x in results] == list(range(1, RECORDS + 1)) and not bad,
       "map, " + name, (r.returncode, len(results), bad[:3], r.stderr[-300:]))


def run_notes(name, url, args):
    with tempfile.TemporaryDirectory() as out:
        r = chimera("run", NOTES, "-u", url, *args, "-n", "2", "--quiet", "-O", out)
        parts = [os.path.join(out, "run_1", part) for part in ("metrics.json", "combined_report.md")]
        ok(r.returncode == 0 and all(os.path.exists(p) and os.path.getsize(p) > 0 for p in parts),
           "run, " + name, (r.returncode, r.stderr[-500:]))


class Server:
    """A process that answers HTTP; what it says goes to a file."""

    def __init__(self, command, folder, env=None, health="/health"):
        self.port = free_port()
        self.log = os.path.join(folder, "log-%d" % self.port)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*command, "--port", str(self.port)], cwd=folder, stdout=log,
                                            stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        self.url = "http://127.0.0.1:%d" % self.port
        self.health = health

    def __enter__(self):
        for _ in range(600):
            try:
                with urllib.request.urlopen(self.url + self.health, timeout=5):
                    return self.url
            except OSError:
                time.sleep(0.1)
            if self.process.poll() is not None:
                break
        self.__exit__()
        raise RuntimeError("the server does not answer: " + tail(self.log))

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Aimock(Server):
    def __init__(self, folder, env=None):
        super().__init__(["node", "node_modules/@copilotkit/aimock/dist/cli.js", "-f", "fixtures.json",
                          "--log-level", "warn"], folder, env)


def with_aimock(folder):
    if not install("aimock", ["npm", "init", "-y"], folder) or not install(
            "aimock", ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error",
                       "@copilotkit/aimock"], folder):
        return
    with open(folder + "/fixtures.json", "w") as f:
        json.dump(FIXTURES, f)
    with Aimock(folder) as url:
        aimock_answers(url)
        aimock_errors(url)
        for at in (url, url + "/v1"):
            probe_server("aimock" + at.removeprefix(url), at)
        for api, args, name in ways(["ollama", "ollama-chat", "openai", "auto"]):
            map_all("aimock " + name, url, args, "done with it")
        for api in ("ollama", "ollama-chat", "openai", "auto"):
            run_notes("aimock " + api, url, ["--api", api, "-m", "m:1b"])
    aimock_keys(folder)


# ---- llama.cpp ----------------------------------------------------------------------------------


def make_model(path):
    """Two layers of random weights, every byte a token, and words that are hard to carry."""
    import gguf
    import numpy

    width, hidden, layers, heads, context = 64, 128, 2, 4, 2048
    random = numpy.random.default_rng(7)
    words = "the a of heat desk laptop runs warm not \u5929\u6c17 caf\u00e9 \U0001f600 {} \"x\" \\ </think>".split()
    tokens = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    kind = gguf.TokenType
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL] + [kind.BYTE] * 256
    for word in ["\u2581" + w for w in words] + ["ing", "s", ".", "\n", "\t", "\u2028", "\u2581"]:
        tokens.append(word)
        kinds.append(kind.NORMAL)
    w = gguf.GGUFWriter(path, "llama")
    w.add_context_length(context)
    w.add_embedding_length(width)
    w.add_feed_forward_length(hidden)
    w.add_block_count(layers)
    w.add_head_count(heads)
    w.add_head_count_kv(heads)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(width // heads)
    w.add_vocab_size(len(tokens))
    w.add_tokenizer_model("llama")
    w.add_token_list(tokens)
    w.add_token_scores([-float(i) for i in range(len(tokens))])
    w.add_token_types(kinds)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    w.add_chat_template("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ")

    def tensor(name, *shape):
        scale = 1 / numpy.sqrt(shape[-1])
        w.add_tensor(name, random.normal(0, scale, shape).astype(numpy.float32))

    def ones(name):
        w.add_tensor(name, numpy.ones(width, numpy.float32))

    tensor("token_embd.weight", len(tokens), width)
    end = random.normal(0, 1 / numpy.sqrt(width), (len(tokens), width)).astype(numpy.float32)
    end[2] = 0   # never the likeliest: no answer is empty
    w.add_tensor("output.weight", end)
    ones("output_norm.weight")
    for i in range(layers):
        layer = "blk.%d." % i
        for part in ("q", "k", "v", "output"):
            tensor("%sattn_%s.weight" % (layer, part), width, width)
        tensor(layer + "ffn_gate.weight", hidden, width)
        tensor(layer + "ffn_up.weight", hidden, width)
        tensor(layer + "ffn_down.weight", width, hidden)
        ones(layer + "attn_norm.weight")
        ones(layer + "ffn_norm.weight")
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def serve_llama(port):
    """In the folder with the packages: llama.cpp's own HTTP server, until it is killed."""
    import xllamacpp

    make_model("model.gguf")
    p = xllamacpp.CommonParams()
    p.model.path, p.port, p.n_ctx, p.n_parallel, p.cache_prompt = "model.gguf", port, 8192, 4, False
    server = xllamacpp.Server(p)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(1)


def with_llama(folder):
    python = folder + "/py/bin/python"
    if not install("llama.cpp", [sys.executable, "-m", "venv", "py"], folder) or not install(
            "llama.cpp", [python, "-m", "pip", "install", "-q", "--only-binary", ":all:", "xllamacpp",
                          "gguf", "numpy"], folder):
        return
    with Server([python, os.path.abspath(__file__), "--llama"], folder) as url:
        limits = ["--temperature", "0", "--seed", "7", "--num-predict", "40"]
        for at, api in ((url, "openai"), (url, "openai-completions"), (url, "auto"), (url + "/v1", "auto")):
            for whole in ([], ["-S"]):
                args = ["--api", api, "-m", "m:1b", *whole, *limits]
                name = "llama.cpp %s%s%s" % (api, "/v1" if at != url else "", ", whole" if whole else "")
                for prompt in ("hello", "What is the weather — 天気?", "The heat of " * 50):
                    # --dry-run asks no server what it is.
                    curled = [*args, prompt] if api != "auto" else ["--api", "openai", *args[2:], prompt]
                    both(at, "%s, %.9s" % (name, prompt), [*args, prompt], curled)
                if api == "openai":
                    both(at, name + ", system", [*args, "-s", "Be brief.", "hello"])
                    both(at, name + ", schema", [*args, "--num-predict", "400", "--schema", json.dumps(
                        {"type": "object", "required": ["days"], "additionalProperties": False,
                         "properties": {"days": {"enum": [1, 2, 3]}}}), "hello"])
        for at in (url, url + "/v1"):
            probe_server("llama.cpp" + at.removeprefix(url), at)
        for api in ("openai", "openai-completions"):
            map_all("llama.cpp " + api, url, ["--api", api, "-m", "m:1b", *limits])
        run_notes("llama.cpp", url, ["--api", "openai", "-m", "m:1b", *limits])
        r = chimera("ask", "-u", url, "--api", "openai", "x " * 5000)
        ok(r.returncode == 22 and b"context" in r.stderr, "llama.cpp, a prompt too long", r)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tail(path):
    with open(path, "rb") as f:
        return f.read()[-300:].decode(errors="replace")


def install(name, command, folder):
    """True when it worked; else says why not."""
    try:
        r = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=INSTALL_SECONDS)
        if r.returncode == 0:
            return True
        why = (r.stdout.decode(errors="replace").strip() or "exit code %d" % r.returncode).split("\n")[-1]
    except (OSError, subprocess.TimeoutExpired) as e:
        why = str(e)
    skip(name, why)
    return False


def main():
    if shutil.which("curl") is None:
        skip("other servers", "no curl")
    else:
        folder = tempfile.mkdtemp(prefix="chimera-interop-")
        try:
            for part in (with_aimock, with_llama):
                try:
                    part(folder)
                except RuntimeError as e:
                    skip(part.__name__, e)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % COUNTS)
    return 1 if COUNTS["failed"] else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--llama"]:
        serve_llama(int(sys.argv[-1]))
    sys.exit(main())
