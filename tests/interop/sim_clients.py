"""The simulator as clients see it that others wrote: the `openai` and `ollama` packages of PyPI and npm.

    python3 tests/interop/sim_clients.py [build/chimera]

Each request goes out through curl and through the packages; with a seed in it the answers must be
the same: texts, reasoning, tool calls, counts, errors. The packages are installed into a folder that
is removed again. What cannot be had is skipped, and said to be.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHIMERA = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../build/chimera"))
SIM = "--ttft=1ms --rate=3000 --tokens=40 --thinking=5 --tool-calls=2 --model=m:1b --model=other".split()
INSTALL_SECONDS = 300

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the weather — 天気?"}]
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 1},
        "unit": {"enum": ["celsius", "kelvin"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["city", "days", "unit", "tags"],
    "additionalProperties": False,
}
# What the packages' own types of a tool keep: other words of a schema get lost on the way.
PARAMETERS = {"type": "object", "required": ["city", "days"],
              "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOLS = [{"type": "function",
          "function": {"name": "get_weather", "description": "weather", "parameters": PARAMETERS}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "report", "strict": True, "schema": SCHEMA}}
PARTS = [{"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}]
RESULT = ASKED + [
    {"role": "assistant", "content": "", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "rain"},
]

# package, what is called, path, body
CASES = {
    "openai chat": ("openai", "chat", "/v1/chat/completions", {"messages": ASKED}),
    "openai parts": ("openai", "chat", "/v1/chat/completions", {"messages": PARTS}),
    "openai limit": ("openai", "chat", "/v1/chat/completions", {"messages": ASKED, "max_tokens": 9}),
    "openai no reasoning": (
        "openai", "chat", "/v1/chat/completions", {"messages": ASKED, "reasoning_effort": "none"}),
    "openai tools": ("openai", "chat", "/v1/chat/completions", {"messages": ASKED, "tools": TOOLS}),
    "openai tool results": ("openai", "chat", "/v1/chat/completions", {"messages": RESULT, "tools": TOOLS}),
    "openai structured": (
        "openai", "chat", "/v1/chat/completions", {"messages": ASKED, "response_format": FORMAT}),
    "openai json": (
        "openai", "chat", "/v1/chat/completions",
        {"messages": ASKED, "response_format": {"type": "json_object"}}),
    "openai completion": ("openai", "completion", "/v1/completions", {"prompt": "hello there"}),
    "ollama generate": ("ollama", "generate", "/api/generate", {"prompt": "hello there"}),
    "ollama chat": ("ollama", "chat", "/api/chat", {"messages": ASKED}),
    "ollama no reasoning": ("ollama", "chat", "/api/chat", {"messages": ASKED, "think": False}),
    "ollama tools": ("ollama", "chat", "/api/chat", {"messages": ASKED, "tools": TOOLS}),
    "ollama structured": ("ollama", "chat", "/api/chat", {"messages": ASKED, "format": SCHEMA}),
    "ollama json": ("ollama", "generate", "/api/generate", {"prompt": "hi", "format": "json"}),
}


def all_cases():
    """Every case streamed and whole, and those that are neither."""
    for name, (package, call, path, body) in CASES.items():
        for stream in (False, True):
            full = {"model": "m:1b", **body, "stream": stream}
            if package == "openai":
                full["seed"] = 7
                if stream:
                    full["stream_options"] = {"include_usage": True}
            else:
                full["options"] = {"seed": 7}
            yield {"name": name + (", streamed" if stream else ""), "package": package, "call": call,
                   "path": path, "body": full}
    for package, call, path, field in (("openai", "chat", "/v1/chat/completions", "messages"),
                                       ("ollama", "chat", "/api/chat", "messages")):
        yield {"name": package + " unknown model", "package": package, "call": call, "path": path,
               "body": {"model": "none", field: ASKED, "stream": False}}
    yield {"name": "openai models", "package": "openai", "call": "models", "path": "/v1/models"}
    yield {"name": "ollama models", "package": "ollama", "call": "models", "path": "/api/tags"}
    yield {"name": "ollama running", "package": "ollama", "call": "running", "path": "/api/ps"}


# ---- what curl gets -----------------------------------------------------------------------------


def empty():
    return {"text": "", "thinking": "", "calls": [], "finish": None, "tokens": None}


def fold_openai(answer, document):
    for choice in document.get("choices", []):
        part = choice.get("message") or choice.get("delta") or choice
        answer["text"] += part.get("content") or part.get("text") or ""
        answer["thinking"] += part.get("reasoning_content") or ""
        for i, call in enumerate(part.get("tool_calls") or []):
            if call["function"].get("name"):
                answer["calls"].append([call["function"]["name"], ""])
            index = call.get("index", i)
            answer["calls"][index][1] += call["function"]["arguments"]
        answer["finish"] = choice["finish_reason"] or answer["finish"]
    if document.get("usage"):
        answer["tokens"] = document["usage"]["completion_tokens"]


def fold_ollama(answer, document):
    part = document.get("message", document)
    answer["text"] += part.get("content") or part.get("response") or ""
    answer["thinking"] += part.get("thinking") or ""
    for call in part.get("tool_calls") or []:
        answer["calls"].append([call["function"]["name"], call["function"]["arguments"]])
    if document["done"]:
        answer["finish"], answer["tokens"] = document["done_reason"], document["eval_count"]


def expected(url, case):
    command = ["curl", "-sSN", "-w", "\n%{http_code}", url + case["path"]]
    if "body" in case:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(case["body"])]
    body, _, status = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.rpartition(b"\n")
    if status != b"200":
        return {"error": int(status)}
    if case["call"] in ("models", "running"):
        document = json.loads(body)
        return sorted(m.get("id") or m["model"] for m in document.get("data") or document["models"])
    answer = empty()
    for line in body.decode().split("\n"):
        line = line.removeprefix("data: ")
        if line and line != "[DONE]":
            (fold_openai if case["package"] == "openai" else fold_ollama)(answer, json.loads(line))
    for call in answer["calls"]:
        call[1] = json.loads(call[1]) if isinstance(call[1], str) else call[1]
    return answer


# ---- this file again, in the folder with the packages -------------------------------------------


def with_openai(client, case):
    if case["call"] == "models":
        return sorted(m.id for m in client.models.list())
    create = client.chat.completions.create if case["call"] == "chat" else client.completions.create
    answer, made = empty(), create(**case["body"])
    for document in made if case["body"]["stream"] else [made]:
        fold_openai(answer, document.model_dump())
    return answer


def with_ollama(client, case):
    if case["call"] in ("models", "running"):
        listed = client.list() if case["call"] == "models" else client.ps()
        return sorted(m.model for m in listed.models)
    body, answer = dict(case["body"]), empty()
    made = (client.chat if case["call"] == "chat" else client.generate)(**body)
    for document in made if body["stream"] else [made]:
        fold_ollama(answer, document.model_dump())
    return answer


def inside(url):
    import ollama
    import openai

    clients = {
        "openai": (with_openai, openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)),
        "ollama": (with_ollama, ollama.Client(host=url)),
    }
    for case in json.load(sys.stdin):
        call, client = clients[case["package"]]
        try:
            answer = call(client, case)
            for c in answer["calls"] if isinstance(answer, dict) else []:
                c[1] = json.loads(c[1]) if isinstance(c[1], str) else c[1]
        except (openai.APIStatusError, ollama.ResponseError) as e:
            answer = {"error": e.status_code}
        print(json.dumps([case["name"], answer]), flush=True)


# ---- the whole ----------------------------------------------------------------------------------


def install(name, command, folder):
    """True when it worked; else says why not."""
    try:
        r = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=INSTALL_SECONDS)
        if r.returncode == 0:
            return True
        why = r.stdout.decode(errors="replace").strip().split("\n")[-1]
    except (OSError, subprocess.TimeoutExpired) as e:
        why = str(e)
    print("skipped %s: %s" % (name, why))
    return False


def compare(name, command, folder, cases, wanted):
    r = subprocess.run(command, cwd=folder, input=json.dumps(cases).encode(), stdout=subprocess.PIPE, timeout=120)
    got = dict(json.loads(line) for line in r.stdout.decode().split("\n") if line)
    good = 0
    for case in cases:
        answer = got.get(case["name"], "nothing")
        if answer == wanted[case["name"]]:
            good += 1
        else:
            print("FAILED %s, %s:\n  curl %r\n  it   %r" % (name, case["name"], wanted[case["name"]], answer))
    if r.returncode != 0:
        print("FAILED %s: exit code %d" % (name, r.returncode))
    print("%s: %d of %d answers equal" % (name, good, len(cases)))
    return good, len(cases) - good + (r.returncode != 0)


def main():
    if shutil.which("curl") is None:
        print("skipped: no curl\n0 passed, 0 failed, 2 skipped")
        return 0
    sim = subprocess.Popen([CHIMERA, "sim", "--port", "0", *SIM], stdout=subprocess.PIPE)
    folder = tempfile.mkdtemp(prefix="chimera-interop-")
    passed = failed = skipped = 0
    try:
        url = sim.stdout.readline().decode().split()[-1]
        cases = list(all_cases())
        wanted = {c["name"]: expected(url, c) for c in cases}
        python = folder + "/py/bin/python"
        shutil.copy(HERE + "/sim_clients.mjs", folder)
        ways = [
            ("PyPI", [sys.executable, "-m", "venv", "py"],
             [python, "-m", "pip", "install", "-q", "openai", "ollama"],
             [python, os.path.abspath(__file__), "--inside", url]),
            ("npm", ["npm", "init", "-y"],
             ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "openai", "ollama"],
             ["node", "sim_clients.mjs", url]),
        ]
        for name, prepare, fetch, command in ways:
            if not install(name, prepare, folder) or not install(name, fetch, folder):
                skipped += 1
                continue
            good, bad = compare(name, command, folder, cases, wanted)
            passed, failed = passed + good, failed + bad
    finally:
        sim.terminate()
        sim.wait()
        shutil.rmtree(folder, ignore_errors=True)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2])
    else:
        sys.exit(main())
