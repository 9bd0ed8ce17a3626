"""Faults against the program as it is: those of the simulator for every command that talks to a server.

    python3 tests/e2e/fault_test.py build/chimera

A cell of the matrix is a fault and a command. It ends with the exit code of the table, says what was wrong
in one line on stderr, and stdout holds whole records and nothing else: of each thing that was asked one
outcome, an answer word for word, or of an answer that failed its beginning.
"""

import concurrent.futures
import contextlib
import json
import re
import select
import socket
import subprocess
import time

import rig
from fault_rig import ANSWER, DEADLINE, records, says
from rig import NOTES, Sim, equal, folder, ok, run, start, test, write

PATIENCE = "4s"          # of the deadlines that are to fire; nothing else here takes that long
PROMPTS = ["prompt %d" % i for i in range(8)]

# fault -> (the exit code where nothing else was asked, a word of the line). Of those with 0 the answer is
# as it would be without them. "/v1": they are in server-sent events alone.
FAULTS = {
    "refuse": (56, "broke the connection"),
    "silence": (28, "the idle deadline fired"),
    "slow-head@100ms": (0, ""),
    "status-400": (22, "HTTP 400"),
    "status-401": (77, "refused access"),
    "status-403": (77, "refused access"),
    "status-404": (22, "HTTP 404"),
    "status-429": (75, "is busy"),
    "status-500": (22, "HTTP 500"),
    "status-503": (75, "is busy"),
    "status-599": (22, "HTTP 599"),
    "retry-after@1s": (75, "is busy"),
    "fin@3": (18, "ended early"),
    "fin@0b": (18, "ended early"),
    "fin@700b": (18, "ended early"),
    "rst@3": (56, "broke the connection"),
    "rst@0b": (56, "broke the connection"),
    "stall@3": (28, "the idle deadline fired"),
    "stall@3+50ms": (0, ""),
    "error@3": (22, "injected fault"),
    "bad-json@3": (56, "JSON"),
    "bad-chunk@3": (56, "chunk"),
    "no-last-chunk": (18, "ended early"),
    "drop-keep-alive": (0, ""),
    "long-line@200000b": (0, ""),
    "split-utf8": (0, ""),
    "crlf": (0, ""),
    "cr": (0, "/v1"),
    "comments": (0, "/v1"),
    "no-space": (0, "/v1"),
    "bom": (0, "/v1"),
    "multi-line": (0, "/v1"),
    "no-done": (0, "/v1"),
    "null-finish": (0, "/v1"),
    "loop@5": (0, ""),
    "cold": (0, ""),
}


def kind_of(fault):
    name = fault.partition("@")[0]
    return re.sub(r"status-\d+", "status-CODE", name)


def faulty(fault, probability):
    """The simulator's option."""
    name, at, position = fault.partition("@")
    return "--fault=%s:%s%s" % (name, probability, at + position)


# ---- the commands -------------------------------------------------------------------------------
#
# Each is tried against a server whose every answer has the fault. `good` are the answers of one without.


def limits():
    return ["--idle-timeout", PATIENCE, "--max-retries", 0, "--no-config"]


def ask(sim, api, fault, good, name):
    code, words = FAULTS[fault]
    r = run("ask", "--no-stdin", "-u", sim.url, "--api", api, "--seed", 5, *limits(), PROMPTS[0], timeout=DEADLINE)
    says(r, code, words if code else "", name)
    text = r.text[:-1] if r.text.endswith("\n") else r.text
    whole = good[PROMPTS[0]]
    if fault.startswith("loop"):
        whole = text
    ok(text == whole if code == 0 else whole.startswith(text), name + "the answer, or its beginning", (text, whole))


def run_agent(sim, api, fault, good, name):
    code, words = FAULTS[fault]
    with folder() as tmp:
        r = run("run", NOTES, "-u", sim.url, "--api", api, "--agents", 1, "-f", "ndjson", "-O", tmp + "/out", *limits(),
                timeout=DEADLINE)
        says(r, code, words if code else "", name)
        got = records(r.out, name)
        ok(len(got) == 2, name + "the run and the summary", got)
        trial = json.loads(rig.read(tmp + "/out/run_1/metrics.json"))
        error = trial["chimera"]["agents"][0]["error"]
        ok((error is None) == (code == 0) and trial["chimera"]["complete"] == (code == 0), name + "the record", error)


def outcome_of_many(r, code, name):
    """The exit code where some succeeded and some did not."""
    return 1 if code else 0


def map_some(sim, api, fault, good, name):
    code, words = FAULTS[fault]
    r = wait_with(["map", "-j", 8, "--seed", 5], sim, api, "".join(p + "\n" for p in PROMPTS))
    got = records(r.out, name)
    equal([x["id"] for x in got], list(range(1, len(PROMPTS) + 1)), name + "an outcome for each, in their order")
    failed = [x for x in got if "error" in x]
    check_some(r, code, words, len(failed), name, "map: %d done, %d failed" % (len(got) - len(failed), len(failed)))
    for x in got:
        if "error" in x:
            ok(x["exit_code"] == code and words in x["error"], name + "a failure is this one", x)
        elif not fault.startswith("loop"):
            equal(x["text"], good[PROMPTS[x["id"] - 1]], name + "the answer")


def work(sim, api, fault, good, name):
    code, words = FAULTS[fault]
    jobs = "".join(json.dumps({"id": i, "prompt": p}) + "\n" for i, p in enumerate(PROMPTS))
    r = wait_with(["worker", "-j", 8, "--seed", 5], sim, api, jobs)
    got = records(r.out, name)
    ends = [x for x in got if x["event"] in ("done", "error", "cancelled")]
    equal(sorted(x["id"] for x in ends), list(range(len(PROMPTS))), name + "one end for each")
    failed = [x for x in ends if x["event"] == "error"]
    equal(r.code, 0 if not failed else 1 if len(failed) < len(ends) else code, name + "exit code")
    equal(r.err, b"", name + "events say it, and nobody else")
    for x in ends:
        pieces = "".join(t["text"] for t in got if t["event"] == "token" and t["id"] == x["id"] and "text" in t)
        if x["event"] == "error":
            ok(x["exit_code"] == code and words in x["message"], name + "a failure is this one", x)
        if not fault.startswith("loop"):
            whole = good[PROMPTS[x["id"]]]
            ok(whole.startswith(pieces.strip()) if x["event"] == "error" else x["text"] == whole,
               name + "the answer, or its beginning", (x, pieces))


def load(sim, api, fault, good, name):
    code, words = FAULTS[fault]
    with folder() as tmp:
        r = wait_with(["bench", "-c", 8, "-n", 24, "--cache", "warm", "-f", "json", "-O", tmp + "/requests",
                       "--prompts", write(tmp + "/prompts", "".join(p + "\n" for p in PROMPTS))], sim, api, "")
        requests = records(rig.read(tmp + "/requests"), name)
    level = json.loads(r.out)["levels"][0]["requests"]
    failed = sum(level["failures"].values())
    equal((level["succeeded"] + failed, len(requests)), (24, 24), name + "an outcome for each")
    check_some(r, code, words, failed, name, "")


def experiment(sim, api, fault, good, name):
    """Each trial is a program of its own: the record of one that failed says so, and the others go on."""
    code, words = FAULTS[fault]
    with folder() as tmp:
        plan = write(tmp + "/plan.toml", '[[config]]\nname = "a"\n')
        r = run("bench", NOTES, "-u", sim.url, "-u", sim.url, "--api", api, "--plan", plan, "--presets=smol", "--runs=2",
                "-f", "json", "-O", tmp + "/out", *limits()[:2], "--no-config", timeout=DEADLINE)
        says(r, code, words if code else "", name, lines=2)
        report = json.loads(r.out)
        equal((report["succeeded"], report["failed"]), (0, 2) if code else (2, 0), name + "the report")
        for k in (1, 2):
            trial = json.loads(rig.read("%s/out/runtime-smol/a/run_%d/metrics.json" % (tmp, k)))
            equal(trial["chimera"]["complete"], code == 0, name + "the record of trial %d" % k)


def check_some(r, code, words, failed, name, summary):
    """Some of several may have failed."""
    line = r.err.decode()
    total_failure = code if r.code not in (0, 1) else 1
    equal(r.code, 0 if not failed else total_failure, name + "exit code (%s)" % line[-300:])
    ok((failed != 0) == (code != 0), name + "failed", failed)
    wanted = bool(failed) or bool(summary)
    ok(line.count("\n") == wanted and line.startswith("chimera: " if wanted else ""), name + "one line", r)
    ok(summary in line and (summary or not failed or words in line), name + "the line says it", r)


def wait_with(words, sim, api, stdin):
    p = start(*words, "-u", sim.url, "--api", api, *limits(), stdin=subprocess.PIPE)
    begin = time.monotonic()
    try:
        out, err = p.communicate(stdin.encode(), timeout=DEADLINE)
        return rig.Outcome(p.returncode, out, err, time.monotonic() - begin)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        return rig.Outcome(None, out, err, time.monotonic() - begin)


# Command -> how many of its requests meet the fault. Of several it is half: what is well has to stay well.
SPEAKING = {"ask": (ask, 1), "run": (run_agent, 1), "map": (map_some, 0.5), "worker": (work, 0.5), "load": (load, 0.5),
            "experiment": (experiment, 1)}


@test
def matrix():
    listed = re.findall(r"^  ([a-z][a-z0-9-]*(?:CODE)?)  ", run("sim", "--help").text.partition("FAULTS")[2], re.M)
    equal({kind_of(f) for f in FAULTS}, set(listed), "the table has every fault there is")
    cells = []
    for fault, (_, words) in FAULTS.items():
        for command in SPEAKING:
            for api in ("ollama", "openai"):
                if words != "/v1" or api == "openai":
                    cells.append((fault, command, api))
    good = {api: answers(api) for api in ("ollama", "openai")}

    def cell(which):
        fault, command, api = which
        test_of, probability = SPEAKING[command]
        with Sim(*ANSWER, faulty(fault, probability)) as sim:
            test_of(sim, api, fault, good[api], "%s, %s, %s: " % which)

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        list(pool.map(cell, cells))


# ---- commands that only get -------------------------------------------------------------------


class Relay(rig.RawServer):
    """Makes a faulty answer of a simulator that of every route: its bytes, and how they end."""

    def __init__(self, port):
        super().__init__([])
        self.target = ("127.0.0.1", port)

    def _serve(self, peer):
        with peer, contextlib.suppress(OSError):
            request, _ = self._request(peer, b"")
            if request is not None:
                self._play(peer, [self._pass_on(peer)])

    def _pass_on(self, peer):
        """How it ends."""
        body = b'{"model":"m","prompt":"x"}'
        head = b"POST /api/generate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        try:
            with socket.create_connection(self.target, 5) as sim:
                sim.sendall(head + body)
                while peer not in (readable := select.select([peer, sim], [], [], 5)[0]):
                    data = sim.recv(65536) if sim in readable else None
                    if data == b"":
                        return rig.CLOSE
                    peer.sendall(data or b"")
        except (ConnectionResetError, BrokenPipeError):
            return rig.RST
        return rig.CLOSE


# Where they end with something else than who expects an answer of a model. Of a body `fetch` knows nothing,
# and a stream is nothing that `probe` asked for.
ELSE = {
    "fetch": {"error@3": (0, ""), "bad-json@3": (0, "")},
    "probe": {**{f: (56, "neither Ollama nor OpenAI") for f, (code, _) in FAULTS.items() if code == 0},
              **{f: (56, "neither Ollama nor OpenAI") for f in ("error@3", "bad-json@3")},
              **{f: (28, "the total deadline fired") for f, (code, _) in FAULTS.items() if code == 28}},
}
NO_BODY = ("refuse", "silence", "status", "retry-after")


def get(command, fault, beginning):
    name = "%s, %s: " % (command, fault)
    code, words = ELSE[command].get(fault, FAULTS[fault])
    with Sim(*ANSWER, faulty(fault, 1)) as sim, Relay(sim.port) as relay:
        r = run(command, relay.url, "--idle-timeout" if command == "fetch" else "-t", PATIENCE, "--no-config",
                timeout=DEADLINE)
    says(r, code, words if code else "", name)
    out = r.out.replace(b"\r\n", b"\n")
    if command == "probe":
        ok(out.startswith(relay.url.encode() + b"  down  ") and out.count(b"\n") == 1, name + "a line for the server", r)
    elif fault.startswith(NO_BODY) or fault.endswith("@0b"):
        equal(out, b"", name + "nothing came")
    else:
        ok(out.startswith(beginning), name + "what came stays", r)


@test
def gets():
    with Sim(*ANSWER) as sim, Relay(sim.port) as relay:
        good = run("fetch", relay.url, "--no-config").out
    beginning = b"".join(good.splitlines(True)[:3])
    cells = [(c, f, beginning) for f in FAULTS for c in ("fetch", "probe") if FAULTS[f][1] != "/v1"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda c: get(*c), cells))


def answers(api):
    """Of a server without faults."""
    with Sim(*ANSWER) as sim:
        r = wait_with(["map", "-j", 8, "--seed", 5], sim, api, "".join(p + "\n" for p in PROMPTS))
    return {PROMPTS[x["id"] - 1]: x["text"] for x in records(r.out, "good answers: ")}


rig.main()
