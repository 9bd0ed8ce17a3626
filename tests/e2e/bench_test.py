"""chimera bench: the matrix and its order, what a trial leaves, failures, interruption, and what is
refused."""

import collections
import json
import os
import random
import re
import shutil
import signal
import time

import rig
from rig import CHIMERA, NOTES, RawServer, equal, folder, ok, one_error_line, read, run, start, test, wait

SIM = "--sim=ttft=1ms,rate=inf,tokens=12"
SLOW = "--sim=ttft=30ms,rate=400,tokens=20"
PRESETS = ["tokio-default", "tokio-localset", "asyncio", "smol", "smol-1kb", "async-std", "upstream-smol",
           "upstream-smol-1kb"]
TR115 = {
    "baseline_vs_chimera_gpu80_ctx512": ({}, {"num_gpu": 80, "num_ctx": 512, "temperature": 1.0}),
    "chimera_hetero_gpu80-100_ctx512-1024": (
        {"num_gpu": 80, "num_ctx": 512, "temperature": 1.0}, {"num_gpu": 100, "num_ctx": 1024, "temperature": 1.0}),
    "chimera_homo_gpu80_ctx512": ({"num_gpu": 80, "num_ctx": 512, "temperature": 1.0},) * 2,
    "chimera_homo_gpu80_ctx1024": ({"num_gpu": 80, "num_ctx": 1024, "temperature": 1.0},) * 2,
    "chimera_homo_gpu80_ctx2048": ({"num_gpu": 80, "num_ctx": 2048, "temperature": 1.0},) * 2,
    "chimera_homo_gpu100_ctx512": ({"num_gpu": 100, "num_ctx": 512, "temperature": 1.0},) * 2,
}
TRIAL = ["metrics.json", "run_1/collector_report.md", "run_1/combined_report.md", "run_1/insight_report.md",
         "run_1/metrics.json", "summary.json", "summary.md"]


def files(out):
    found = []
    for at, _, names in os.walk(out):
        found += [os.path.relpath(os.path.join(at, n), out) for n in names]
    return sorted(found)


def cells(out):
    """Folder of each trial -> its files."""
    found = collections.defaultdict(list)
    for path in files(out):
        match = re.match(r"(runtime-[^/]+/[^/]+/run_\d+)/(.*)", path)
        if match:
            found[match[1]].append(match[2])
    return found


def wanted(presets, configs, runs):
    return {"runtime-%s/%s/run_%d" % (p, c, k) for p in presets for c in configs for k in range(1, runs + 1)}


def record(out, trial):
    return json.loads(read(os.path.join(out, trial, "metrics.json")))


def plan(out):
    return json.loads(read(out + "/bench.json"))["plan"]


def bench(out, *words, **how):
    how.setdefault("timeout", 120)
    return run("bench", NOTES, "-O", out, *words, **how)


def write_plan(out, text):
    return rig.write(os.path.join(out, "plan.toml"), text)


TWO = '[[config]]\nname = "a"\n[[config]]\nname = "b"\nscenario = "chimera-homo"\nchimera_num_ctx = 2048\n'


# ---- what it makes ------------------------------------------------------------------------------


@test
def the_study():
    with folder() as out:
        r = bench(out, SIM, "--presets=smol,async-std", "--runs=2", "-f", "json")
        equal((r.code, r.err), (0, b""), "bench: exit code and stderr")
        told = json.loads(r.text)
        equal((told["schema"], told["trials"], told["succeeded"], told["failed"], told["kept"]),
              ("chimera.bench.result/1", 24, 24, 0, 0), "bench: -f json")
        found = cells(out)
        equal(set(found), wanted(["smol", "async-std"], TR115, 2), "bench: the trials")
        ok(all(sorted(v) == TRIAL for v in found.values()), "bench: the files of a trial", found)
        equal(len(files(out)), 1 + 24 * len(TRIAL), "bench: no other file")
        kept = json.loads(read(out + "/bench.json"))
        p = kept["plan"]
        equal(kept["schema"], "chimera.bench/1", "bench.json: schema")
        equal(sorted(t["path"] for t in p["trials"]), sorted(found), "bench.json: every trial once")
        equal([t["block"] for t in p["trials"]], [1] * 12 + [2] * 12, "bench.json: blocks of every cell once")
        equal({t["path"][-1] for t in p["trials"][:12]}, {"1"}, "bench.json: block 1 is run 1")
        for i, t in enumerate(p["trials"]):
            m, c = record(out, t["path"]), t["path"].split("/")
            equal(read(os.path.join(out, t["path"], "metrics.json")),
                  read(os.path.join(out, t["path"], "run_1/metrics.json")), "both records are the same")
            options = tuple(m[a]["config"]["options"] for a in ("collector", "insight"))
            equal(options, TR115[c[1]], c[1] + ": the agents' options")
            ours = m["chimera"]
            equal((ours["preset"], ours["simulated"], ours["complete"]), (c[0][8:], True, True), "record: what ran")
            equal(ours["bench"], {"block": t["block"], "order": i + 1, "seed": t["seed"], "speed": 1.0, "trials": 24,
                                  "variant": c[0][8:], "warm_up": False}, "record: its place")
            equal(list(ours), sorted(ours), "record: keys are sorted")
            urls = {m[a]["config"]["base_url"] for a in ("collector", "insight")}
            equal(len(urls), 2, "each agent has a server")
        again = bench(out, SIM, "--presets=smol,async-std", "--runs=2")
        ok(again.code == 0 and "24 were there before" in again.text and again.seconds < 2, "again: nothing to do", again)


@test
def order_and_seed():
    def dry(*words):
        r = run("bench", NOTES, "-O", "/nonexistent/x", "--dry-run", SIM, *words)
        equal((r.code, r.err), (0, b""), "--dry-run: exit code and stderr")
        return r.text.splitlines()

    def paths(lines):
        return [re.search(r"--output=/nonexistent/x/(\S+)", line)[1] for line in lines]

    all_of_it = dry()
    equal(set(paths(all_of_it)), wanted(PRESETS, TR115, 5), "default: 8 presets x 6 workloads x 5")
    equal(len(all_of_it), 240, "default: each once")
    equal(dry(), all_of_it, "the same seed, the same order")
    other = dry("--seed=2")
    ok(sorted(other) == sorted(all_of_it) and other != all_of_it, "another seed, another order")
    for b in range(5):
        block = paths(all_of_it)[48 * b:48 * b + 48]
        equal({p[-1] for p in block}, {str(b + 1)}, "shuffled: block %d is run %d" % (b + 1, b + 1))
        ok(block != sorted(block) and len({p.split("/")[0] for p in block[:8]}) > 1, "shuffled: mixed", block[:8])
    first, second = ([p[:-1] for p in paths(all_of_it)[b:b + 48]] for b in (0, 48))
    ok(first != second, "shuffled: each block by itself", first)
    blocked = paths(dry("--order=blocked"))
    expected = ["runtime-%s/%s/run_%d" % (p, c, k) for p in PRESETS for c in TR115 for k in range(1, 6)]
    equal(blocked, expected, "blocked: as the study did")
    line = [x for x in all_of_it if "/runtime-smol/chimera_hetero_gpu80-100_ctx512-1024/run_3" in x][0]
    equal(line, "chimera run --preset=smol --scenario=chimera_hetero --chimera-num-gpu=80 --chimera-num-ctx=512 "
          "--chimera-temperature=1.0 --chimera2-num-gpu=100 --chimera2-num-ctx=1024 --chimera2-temperature=1.0 "
          "--url=SIMULATED --url=SIMULATED --output=/nonexistent/x/runtime-smol/"
          "chimera_hetero_gpu80-100_ctx512-1024/run_3 --without=/nonexistent/x --quiet -- " + NOTES, "--dry-run: a line")
    for study, count, servers in (("tr110", 30, 2), ("tr114", 27, 2), ("tr113", 19, 1), ("tr115", 6, 2)):
        lines = dry("--configs", study, "--presets=smol", "--runs=1")
        equal((len(set(paths(lines))), lines[0].count("--url=")), (count, servers), study + ": workloads and servers")


@test
def answers_by_seed():
    def lengths(out):
        return {t: [c["tokens_generated"] for a in ("collector", "insight")
                    for c in record(out, t)[a]["result"]["individual_runs"]] for t in cells(out)}

    with folder() as top:
        path = write_plan(top, TWO)
        words = ["--sim=ttft=0,rate=inf,tokens=10-500", "--plan", path, "--presets=smol", "--runs=3"]
        for name, more in (("a", []), ("b", ["--order=blocked"]), ("c", ["--seed=9"])):
            equal(bench(top + "/" + name, *words, *more).code, 0, "by seed: exit code")
        a, b, c = (lengths(top + "/" + n) for n in "abc")
        equal(a, b, "the same seed: the same answers, in any order")
        ok(all(a[t] != c[t] for t in a), "another seed: others", (a, c))
        ok(len({tuple(v) for v in a.values()}) == 6, "each trial draws its own", a)
        ok(all(v[0] != v[2] for v in a.values()), "each server draws its own", a)


@test
def plans():
    with folder() as top:
        path = write_plan(top, '# mine\n[[config]]\nname = "one-server"\nservers = 1\nagents = 3\nnum-predict = 5\n'
                          'serial = true\n\n[[config]]\nname = "b.2"\noption = ["mirostat=2", \'x="y"\']\n'
                          'temperature = 0.5\nthink = "low"\n')
        r = bench(top + "/out", SIM, "--plan", path, "--presets=smol", "--runs=1", "--num-gpu=7", "--max-retries=3")
        equal((r.code, r.err), (0, b""), "--plan: exit code and stderr")
        a, b = record(top + "/out", "runtime-smol/one-server/run_1"), record(top + "/out", "runtime-smol/b.2/run_1")
        agents = [a["collector"], a["insight"]] + a["chimera"]["more_agents"]
        equal(len({x["config"]["base_url"] for x in agents}), 1, "--plan: servers = 1")
        equal([x["config"]["options"] for x in agents], [{"num_gpu": 7, "num_predict": 5}] * 3, "--plan: options")
        ok(a["chimera"]["serial"] and not b["chimera"]["serial"], "--plan: a switch")
        equal(b["collector"]["config"]["options"], {"mirostat": 2, "num_gpu": 7, "temperature": 0.5, "x": "y"},
              "--plan: a list is an option again and again")
        cases = [
            ("x = 1", "line 1: a plan is a list of [[config]] tables"),
            ("[config]\nname = 'a'", "line 1: a plan is a list"),
            ("[[config]]\nname = 'a'\n[[config]]\nname = 'a'", "line 4: a name twice"),
            ("[[config]]\nnum-ctx = 5", "line 2: this [[config]] has no name"),
            ("[[config]]", "line 1: this [[config]] has no name"),
            ("[[config]]\nname = '../x'", "line 2: name: "),
            ("[[config]]\nname = 'run_1'", "line 2: name: "),
            ("[[config]]\nname = 'a'\nnum-ctx = 'x'", "line 3: --num-ctx: 'x' is not valid"),
            ("[[config]]\nname = 'a'\nfoo = 1", "line 3: no option of `run`"),
            ("[[config]]\nname = 'a'\nurl = 'http://x'", "line 3: no option of `run`"),
            ("[[config]]\nname = 'a'\nserial = 1", "line 3: a switch"),
            ("[[config]]\nname = 'a'\nnum-ctx = true", "line 3: --num-ctx: 'true' is not valid"),
            ("[[config]]\nname = 'a'\nnum-ctx = {a = 1}", "line 3: no option of `run`"),
            ("[[config]]\nname = 'a'\nservers = 0", "line 3: servers: 1 to 64"),
            ("[[config]]\nname = 'a'\nx = 1979-05-32", "line 3: no such date"),
            ("[[config]]\nname = 'a", "line 2: a string has no end"),
            ("", "line 1: no [[config]]"),
            ("\xff", "line 1: "),
        ]
        for text, words in cases:
            path = write_plan(top, text)
            r = bench(top + "/none", SIM, "--plan", path)
            ok(r.code == 78 and one_error_line(r) and words in r.words, "plan %r: refused" % text, r)
        ok(not os.path.exists(top + "/none"), "plans that are refused leave nothing")


@test
def binaries():
    with folder() as top:
        os.makedirs(top + "/x")
        os.makedirs(top + "/y")
        for name in ("x/chimera-one", "x/chimera-two", "y/chimera-one", "y/other"):
            shutil.copy(CHIMERA, os.path.join(top, name))
        path = write_plan(top, TWO)
        words = ["--plan", path, "--runs=1"]
        r = bench(top + "/out", "--binaries", top + "/x", top + "/y/chimera-one", top + "/y/other", SIM, *words)
        equal((r.code, r.err), (0, b""), "--binaries: exit code and stderr")
        names = ["one-x", "two", "one-y", "other"]
        equal(set(cells(top + "/out")), wanted(names, "ab", 1), "--binaries: names")
        p = plan(top + "/out")
        equal([v["binary_bytes"] for v in p["variants"]], [os.path.getsize(CHIMERA)] * 4, "--binaries: bytes")
        for t in cells(top + "/out"):
            equal(record(top + "/out", t)["chimera"]["binary_bytes"], os.path.getsize(CHIMERA), "record: bytes")
        for words, code in ((["--binaries", top + "/none"], 65), (["--binaries", top], 2),
                            (["--binaries", top + "/y/other", "--presets=smol"], 2),
                            (["--binaries", top + "/y/other", "--binaries", top + "/y/other"], 2)):
            r = bench(top + "/no", SIM, *words)
            ok(r.code == code and one_error_line(r), "%s: refused" % words, r)


# ---- failures -----------------------------------------------------------------------------------


@test
def failed_trials():
    with folder() as top:
        path = write_plan(top, TWO)
        words = ["--plan", path, "--presets=smol", "--runs=4"]
        out = top + "/part"
        r = bench(out, "--sim=ttft=0,rate=inf,tokens=30,fault=fin:0.15@10", *words, "--seed=3")
        found = cells(out)
        bad = [t for t in found if "failed.txt" in found[t]]
        equal(set(found), wanted(["smol"], "ab", 4), "failures: every trial is there")
        ok(0 < len(bad) < 8, "failures: some", found)
        equal(r.code, 1, "part of them failed: exit code")
        equal(r.words.count(" failed: "), len(bad), "failures: a line for each")
        for t in found:
            c = record(out, t)["chimera"]
            equal(c["complete"], t not in bad, "failures: the record says so")
        ok(all(read(os.path.join(out, t, "failed.txt")).startswith(b"exit ") for t in bad), "failures: failed.txt")
        again = bench(out, "--sim=ttft=0,rate=inf,tokens=30,fault=fin:0.15@10", *words, "--seed=3")
        ok(again.code == 1 and again.err == b"" and again.seconds < 2, "failures are kept, and still count", again)
        redone = bench(out, "--sim=ttft=0,rate=inf,tokens=30,fault=fin:0.15@10", *words, "--seed=3", "--redo-failed")
        ok(redone.words.count(" failed: ") == len(bad) and redone.code == 1, "--redo-failed: again", redone)
        equal(set(cells(out)), set(found), "--redo-failed: each once")

        closed = "http://127.0.0.1:%d" % rig.closed_port()
        r = bench(top + "/none", "-u", closed, "-u", closed, *words, "--quiet")
        ok(r.code == 7 and "nothing listens on" in r.words, "nothing succeeded: the first one's code", r)
        equal((bench(top + "/none", "-u", closed, "-u", closed, *words, "--quiet").code), 7, "and again")
        equal(set(cells(top + "/none")), wanted(["smol"], "ab", 4), "nothing succeeded: all are recorded")

        def no(request, _):
            return rig.with_length("{}", "401 No" if b'"num_ctx":2048' in request else "500 No")

        with RawServer(no) as server:
            r = bench(top + "/first", "-u", server.url, "--plan", path, "--presets=smol", "--runs=1", "--order=blocked",
                      "--warmup=off")
            first = 22 if "/a/" in plan(top + "/first")["trials"][0]["path"] else 77
            equal((r.code, len(cells(top + "/first"))), (first, 2), "nothing succeeded: of two codes the first one's")

        rig.write(top + "/chimera-not", "not a program")
        r = bench(top + "/not", SIM, "--plan", path, "--runs=1", "--binaries", top + "/chimera-not", CHIMERA)
        ok(r.code == 1 and "cannot be run" in r.words, "no program: the others go on", r)
        m = record(top + "/not", "runtime-not/a/run_1")
        equal((m["chimera"]["complete"], m["chimera"]["bench"]["variant"]), (False, "not"), "no program: a record")


@test
def a_trial_that_hangs():
    with folder() as top:
        path = write_plan(top, TWO)
        good = rig.answer("## Executive Summary\n", "All is well.\n")
        with RawServer([good] * 6 + [[rig.STALL]]) as a, RawServer([good]) as b:
            r = bench(top + "/out", "-u", a.url, "-u", b.url, "--plan", path, "--presets=smol", "--runs=1",
                      "--warmup=off", "--trial-timeout=1s", "--idle-timeout=0")
            b_urls = len(b.bodies())
        ok(r.code in (0, 1) and r.seconds < 20, "--trial-timeout: it goes on", r)
        ok(b_urls >= 4, "each agent has its own server", b_urls)
    begun = [rig.answer("as far as it came")[:180], rig.STALL]
    with folder() as top, RawServer([begun]) as a:
        path = write_plan(top, TWO)
        r = bench(top + "/out", "-u", a.url, "--plan", path, "--presets=smol", "--runs=1", "--warmup=off",
                  "--trial-timeout=500ms", "--idle-timeout=0", "--quiet")
        ok(r.code == 28 and r.words.count("took longer than --trial-timeout") == 2, "--trial-timeout: 28", r)
        found = cells(top + "/out")
        ok(all("metrics.json" in v and "run_1/metrics.json" in v and "failed.txt" in v for v in found.values()) and
           len(found) == 2, "--trial-timeout: recorded", found)
        record_of = [read(os.path.join(top, "out", t, "run_1/metrics.json")) for t in found]
        ok(all(b"as far as it came" in r for r in record_of), "--trial-timeout: with what had come", record_of)
        ok(rig.eventually(lambda: not rig.pids_with(top)), "--trial-timeout: nothing is left running")


@test
def warm_up():
    def loads(*words):
        with folder() as out:
            r = bench(out, "--sim=ttft=0,rate=inf,tokens=5,load=1500ms,speed=100", "--presets=smol", "--runs=2", *words)
            equal(r.code, 0, "warm-up: exit code")
            cold = []
            for t in plan(out)["trials"]:
                m = record(out, t["path"])
                equal(m["chimera"]["bench"]["speed"], 100.0, "--speed: in the record")
                cold.append(sum(c["load_duration_ms"] > 1000 for a in ("collector", "insight")
                                for c in m[a]["result"]["individual_runs"]))
            return cold

    equal(loads(), [0] * 12, "a warm-up takes the load, where there is one")
    cold = loads("--warmup=off")
    ok(cold.count(2) > 8 and cold.count(2) + cold.count(0) == 12, "no warm-up: shuffled, most find another's", cold)
    equal(loads("--warmup=off", "--order=blocked"), [2, 0] * 6, "no warm-up: blocked, the first of a row")

    def asked(*words):
        with folder() as top, RawServer([rig.answer("## Report", " fine")]) as server:
            bench(top + "/out", "-u", server.url, "--plan", write_plan(top, TWO), "--presets=smol", "--runs=2",
                  "--order=blocked", *words)
            return len(server.bodies())

    cold = asked("--warmup=off")
    equal(asked() - cold, asked("--warmup=on") - cold, "warm-up: the usual thing for real servers")
    ok(cold < asked() < 2 * cold, "warm-up: of real servers once a workload", (cold, asked()))


# ---- interruption -------------------------------------------------------------------------------


@test(alone=True)
def killed_and_resumed():
    rng = random.Random(5)
    with folder() as top:
        path = write_plan(top, TWO)
        out = top + "/out"
        words = ["bench", NOTES, "-O", out, SLOW, "--plan", path, "--presets=smol,smol-1kb,asyncio", "--runs=4"]
        all_of_it = wanted(["smol", "smol-1kb", "asyncio"], "ab", 4)
        found = {}
        for _ in range(5):
            p = start(*words)
            rig.eventually(lambda: len(cells(out)) > len(found))
            time.sleep(rng.uniform(0, 0.3))
            p.send_signal(signal.SIGKILL)
            wait(p)
            found = cells(out)
            ok(all(sorted(v) == TRIAL for v in found.values()) and set(found) <= all_of_it,
               "SIGKILL: what is there is whole", found)
        before = {t: read(os.path.join(out, t, "metrics.json")) for t in found}
        ok(0 < len(before) < 24, "SIGKILL came on the way", len(before))
        r = run(*words, timeout=60)
        ok(r.code == 0 and "24 succeeded, 0 failed" in r.text and "%d were there before" % len(before) in r.text,
           "resumed: it ends complete", r)
        found = cells(out)
        equal(set(found), all_of_it, "resumed: none lost, none doubled")
        equal(len(files(out)), 1 + 24 * len(TRIAL), "resumed: nothing else is left")
        ok(all(read(os.path.join(out, t, "metrics.json")) == m for t, m in before.items()), "resumed: the old are kept")
        places = sorted(record(out, t)["chimera"]["bench"]["order"] for t in found)
        equal(places, list(range(1, 25)), "resumed: each place once")
        ok(rig.eventually(lambda: not rig.pids_with(top)), "SIGKILL: nothing is left running", rig.pids_with(top))


@test
def interrupted():
    for sig, code in rig.STOPS:
        with folder() as out:
            words = ["bench", NOTES, "-O", out, SLOW, "--presets=smol", "--runs=3"]
            p = start(*words)
            rig.eventually(lambda: len(cells(out)) > 1, 20)
            at = time.monotonic()
            p.send_signal(sig)
            r = wait(p, 10)
            ok(r.code == code and time.monotonic() - at < 2, "%d: exit code, soon" % sig, r)
            ok(re.match(r"chimera: interrupted: (\d+) of 18 trials: \1 succeeded.* the same command goes on\n$", r.words),
               "%d: how to go on" % sig, r)
            ok(not os.path.exists(out + "/.unfinished"), "%d: nothing unfinished is left" % sig, os.listdir(out))
            ok(all(sorted(v) == TRIAL for v in cells(out).values()), "%d: what is there is whole" % sig, cells(out))
            ok(rig.eventually(lambda: not rig.pids_with(out)), "%d: nothing is left running" % sig)
            equal(run(*words, timeout=60).code, 0, "%d: the same command goes on" % sig)
            equal(set(cells(out)), wanted(["smol"], TR115, 3), "%d: complete" % sig)


# ---- what is refused ----------------------------------------------------------------------------


@test
def refused():
    with folder() as top:
        out = top + "/out"
        path = write_plan(top, TWO)
        base = [SIM, "--plan", path, "--presets=smol", "--runs=1"]
        equal(bench(out, *base).code, 0, "the first")
        here = files(out)
        for more, words in ((["--seed=2"], '"seed": 1, instead of "seed": 2,'), (["--runs=2"], '"runs": 1'),
                            (["--order=blocked"], '"order": "shuffled"'), (["--num-ctx=100"], '"arguments"'),
                            (["--presets=asyncio"], "runtime-smol"), (["--speed=2"], "simulator"),
                            (["--sim=seed=4"], "simulator")):
            r = bench(out, *base, *more)
            ok(r.code == 2 and one_error_line(r) and "another experiment" in r.words and words in r.words,
               "another plan, %s: refused" % more, r)
        r = run("bench", top, "-O", out, *base)
        ok(r.code == 2 and '"data"' in r.words, "another folder: refused", r)
        equal(files(out), here, "another plan: nothing is touched")
        p = start("bench", NOTES, "-O", top + "/busy", SLOW, "--presets=smol")
        rig.eventually(lambda: os.path.exists(top + "/busy/bench.json"))
        r = bench(top + "/busy", SLOW, "--presets=smol")
        ok(r.code == 75 and one_error_line(r), "two at a time: refused", r)
        p.send_signal(signal.SIGINT)
        wait(p)
        rig.write(top + "/file", "x")
        for where in (top + "/file", top + "/file/x", "/proc/x"):
            r = bench(where, *base)
            ok(r.code == 74 and one_error_line(r), "-O %s: 74" % where, r)
        rig.write(top + "/foreign/bench.json", "{}")
        r = bench(top + "/foreign", *base)
        ok(r.code == 2 and one_error_line(r), "a bench.json of others: refused", r)
        r = run("bench", top + "/none", "-O", top + "/x", *base)
        ok(r.code == 65 and one_error_line(r) and not os.path.exists(top + "/x"), "no such folder: 65", r)
    for words in ([SIM], ["-O", "/x", SIM, "--presets=none"], ["-O", "/x", SIM, "--presets=smol,smol"],
                  ["-O", "/x", SIM, "--configs=tr1"], ["-O", "/x", SIM, "--runs=0"], ["-O", "/x", SIM, "--order=odd"],
                  ["-O", "/x", SIM, "--warmup=maybe"], ["-O", "/x", SIM, "--speed=0"], ["-O", "/x", "--sim-profile=no"],
                  ["-O", "/x", SIM, "-u", "http://x"], ["-O", "/x", SIM, "--runs=9999"], ["-O", "/x", SIM, "-f", "md"],
                  ["-O", "/x", SIM, "--preset=smol"], ["-O", "/x", "--sim=zzz"], ["a", "b", "-O", "/x", SIM]):
        r = run("bench", *words)
        ok(r.code == 2 and r.out == b"" and one_error_line(r), "bench %s: usage" % " ".join(words), r)


@test
def secrets_and_results_stay_out():
    with folder() as top:
        path = write_plan(top, TWO)
        rig.write(top + "/notes/a.md", "# A\n")
        rig.write(top + "/notes/key", "sesame")
        good = rig.answer("## Executive Summary\n", "All is well.\n")
        with RawServer([good]) as a:
            r = run("bench", top + "/notes", "-O", top + "/notes/out", "-u", a.url, "-u", a.url, "--plan", path,
                    "--presets=smol", "--runs=2", "-H", "X-Secret: swordfish", "--api-key-file", top + "/notes/key",
                    timeout=60)
            equal(r.code, 0, "secrets: exit code")
            ok(all(b"swordfish" in x and b"sesame" in x for x in a.requests if x.startswith(b"POST")), "secrets: sent")
        everything = b"".join(read(os.path.join(top, "notes/out", f)) for f in files(top + "/notes/out"))
        ok(b"swordfish" not in everything and b"sesame" not in everything, "secrets: not kept")
        counts = {record(top + "/notes/out", t)["chimera"]["ingest"]["files"] for t in cells(top + "/notes/out")}
        equal(counts, {1}, "-O within DIR: results are not read")


rig.main()
