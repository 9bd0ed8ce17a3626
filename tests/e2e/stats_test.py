"""`chimera stats` over made-up results, over damaged ones, and over the upstream study's own files."""

import csv
import glob
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import rig
from rig import equal, folder, ok, one_error_line, run, skip, test, write

UPSTREAM = os.path.join(rig.ROOT, "..", "shared", "data", "tr115_v1")
SAMPLES = os.path.join(rig.ROOT, "..", "shared", "data", "tr115_v2_samples")
PERCENTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}


def call(tokens=500, load=100.0, ttft=250.0):
    return {"eval_duration_ms": 9000.0, "load_duration_ms": load, "prompt_eval_duration_ms": 30.0,
            "throughput_tokens_per_sec": 41.0, "total_duration_ms": 9500.0, "ttft_ms": ttft, "tokens_generated": tokens}


def agent(seconds, one, answer, port, stamp):
    return {
        "config": {"base_url": "http://host%d:11434" % port, "id": "a"},
        "execution_time_s": seconds,
        "result": {
            "aggregate_metrics": {"total_tokens_generated": one["tokens_generated"], "load_duration_ms": one["load_duration_ms"]},
            "individual_runs": [one],
            "llm_calls": [{"response": answer, "stage": "analysis"}],
            "timestamp": stamp,
        },
    }


def record(efficiency, number=1, calls=None, answers=("fine", "fine"), seconds=(10.0, 9.6), wall=10.001, **more):
    calls = calls or (call(), call())
    return {
        "collector": agent(seconds[0], calls[0], answers[0], 1, more.pop("stamp", "2025-11-15T19:00:00Z")),
        "insight": agent(seconds[1], calls[1], answers[1], 2, "2025-11-15T18:00:00Z"),
        "run_number": number,
        "scenario": "chimera_homo",
        "summary": {"efficiency_percent": efficiency, "concurrent_wall_time_s": wall, "run_number": number},
        **more,
    }


def place(root, runtime, config, number):
    return os.path.join(root, "runtime-" + runtime, config, "run_%d" % number, "metrics.json")


def study(root, means, runs=8, config="c", noise=0.3, **how):
    """A tree of results: for each runtime `runs` runs about its mean."""
    for runtime, mean in means.items():
        for i in range(runs):
            value = mean + (i * 37 % 11 - 5) * noise
            write(place(root, runtime, config, i + 1), json.dumps(record(value, i + 1, **how)))


def stats(*arguments, **how):
    return run("stats", *arguments, **how)


def report(*arguments):
    o = stats(*arguments, "-f", "json")
    return json.loads(o.text) if ok(o.code == 0, "stats %s" % (arguments,), o) else {}


def group(document, runtime, config=None):
    for g in document["groups"]:
        if g["runtime"] == runtime and g["config"] == config:
            return g
    return None


@test
def formats():
    with folder() as d:
        study(d, {"a": 98.0, "b": 95.0})
        text = stats(d)
        ok(text.code == 0 and text.err == b"", "text", text)
        ok(text.text.startswith("efficiency_percent: all runs\nefficiency_percent: a is 3.00 pp above b"), "verdict first", text.text[:300])
        ok("\x1b" not in text.text and max(map(len, text.text.splitlines())) <= 130, "text fits")
        md = stats(d, "-f", "md")
        ok(md.code == 0 and md.text.startswith("# efficiency"), "md", md)
        ok(re.search(r"\| runtime \| n \| +mean \|.*\n\| --- \| ---: \|", md.text), "md has tables", md.text[:1500])
        rows = list(csv.DictReader(io.StringIO(stats(d, "-f", "csv").text)))
        equal([(r["runtime"], r["config"]) for r in rows], [("a", ""), ("b", ""), ("", "c"), ("a", "c"), ("b", "c")], "csv rows")
        ok(abs(float(rows[0]["mean"]) - 97.8125) < 1e-9, "csv mean", rows[0])
        j = report(d)
        equal(list(j)[:2], ["schema", "metric"], "json begins")
        equal((j["schema"], j["percentile"], j["files"], j["skipped"]), ("chimera.stats/1", "linear", 16, []), "json head")
        equal([(t["kind"], t["a"], t["b"]) for t in j["tests"]],
              [("welch_t", "a", "b"), ("mann_whitney", "a", "b"), ("brown_forsythe", "a", "b"), ("kruskal_wallis", None, None), ("brown_forsythe", None, None)],
              "json tests")
        ok(j["tests"][0]["p_holm"] < 1e-4 and j["tests"][0]["effect"] > 2, "a difference is found", j["tests"][0])
        for o in (stats(d, "-f", "xml"), stats(d, "-f", "ndjson")):
            ok(o.code == 2 and one_error_line(o), "no such format", o)
        same = stats(d, "-f", "json")
        equal(same.out, stats(d, "-f", "json").out, "the same twice")
        ok(report(d, "--seed", "7")["groups"][0]["sd_ci95"] != j["groups"][0]["sd_ci95"], "--seed moves the bootstrap")


@test
def output_file():
    with folder() as d:
        study(d, {"a": 98.0})
        target = os.path.join(d, "report.json")
        o = stats(d, "-f", "json", "-O", target)
        ok(o.code == 0 and o.out == b"", "-O writes nothing to stdout", o)
        ok(json.loads(rig.read(target))["files"] == 8, "-O wrote it")
        o = stats(d, "-O", os.path.join(d, "none", "x"), "--quiet")
        ok(o.code == 74 and one_error_line(o), "-O into a folder that is not there", o)


@test
def damaged_files():
    with folder() as d:
        study(d, {"a": 98.0}, runs=3)
        bad = {
            "empty": b"",
            "blank": b" \n",
            "half": json.dumps(record(98)).encode()[:-40],
            "foreign": b'{"a": 1}',
            "binary": bytes(range(256)),
            "array": b"[1,2,3]",
            "utf8": b'{"summary":{"efficiency_percent":1},"x":"\xff"}',
            "deep": b"[" * 100000,
        }
        for name, data in bad.items():
            write(place(d, "a", "c-" + name, 1), data)
        os.symlink("/dev/zero", os.path.join(d, "zero.json"))
        os.mkfifo(os.path.join(d, "fifo.json"))
        o = stats(d, "-f", "json")
        j = json.loads(o.text)
        ok(o.code == 0 and one_error_line(o), "damaged files are not fatal", o)
        equal(j["files"], 3, "good files")
        equal(len(j["skipped"]), len(bad) + 2, "all bad files are listed")
        ok(all(s["why"] for s in j["skipped"]), "with a reason", j["skipped"])
        ok("10 skipped, as" in o.words, "stderr says how many", o.words)
        ok(stats(d, "--quiet").err == b"", "--quiet")
        ok("Skipped" in stats(d).text, "the text lists them")


@test
def nothing_usable():
    with folder() as d:
        for o in (stats(d), stats(os.path.join(d, "not-there")), stats("/dev/null")):
            ok(o.code == 65 and o.out == b"" and one_error_line(o), "nothing usable", o)
        write(os.path.join(d, "x.json"), b"{}")
        o = stats(d, os.path.join(d, "not-there"))
        ok(o.code == 65 and "2 skipped, as" in o.words, "says why", o)
        study(d, {"a": 98.0}, runs=2)
        o = stats(d, "--only", "zzz", "--quiet")
        ok(o.code == 65 and one_error_line(o), "--only that names nothing", o)
        o = stats(d, "--metric", "no_such_number", "--quiet")
        ok(o.code == 65 and "no run has a value of no_such_number" in o.words, "no value at all", o)
    ok(stats().code == 2, "no path is a usage error")


@test
def usage():
    with folder() as d:
        study(d, {"a": 98.0}, runs=2)
        for arguments in (["--percentile", "median"], ["--seed", "x"], ["--metric", ""], ["--fail-on", "mean=3"],
                          ["--fail-on", "nothing<3"], ["--fail-on", "mean<x"], ["--fail-on", "regressed"], ["--baseline", ""],
                          ["--metric", "m"] * 9, ["--fail-on", "ttft_p101>3"],
                          ["--baseline", d, "--metric", "run_number", "--fail-on", "regressed"]):
            o = stats(d, *arguments)
            ok(o.code == 2 and o.out == b"" and one_error_line(o), "usage %s" % arguments, o)


@test
def percentile_conventions():
    values = [95.35, 98.24, 99.11, 99.53, 99.88, 94.80]
    with folder() as d:
        for i, v in enumerate(values):
            write(place(d, "a", "c", i + 1), json.dumps(record(v, i + 1)))
        linear, index = report(d)["groups"][0], report(d, "--percentile", "index")["groups"][0]
        ordered = sorted(values)
        for name, q in PERCENTILES.items():
            equal(index[name], ordered[int(len(values) * q)], "index " + name)
            at = (len(values) - 1) * q
            low = int(at)
            want = ordered[low] + (ordered[min(low + 1, 5)] - ordered[low]) * (at - low)
            ok(abs(linear[name] - want) < 1e-9, "linear " + name, (linear[name], want))


@test
def clean_runs():
    with folder() as d:
        study(d, {"a": 98.0, "b": 98.2})
        faults = {
            "cold": dict(calls=(call(), call(load=4400.0))),
            "loop": dict(answers=("fine", "abc " * 300)),
            "truncated": dict(calls=(call(), call(tokens=0))),
            "empty": dict(answers=("fine", "  ")),
        }
        for i, (why, how) in enumerate(faults.items()):
            write(place(d, "b", "c", 10 + i), json.dumps(record(80 + i, 10 + i, **how)))
        raw, clean = report(d), report(d, "--clean")
        equal((group(raw, "b")["n"], group(clean, "b")["n"], group(clean, "b")["excluded"]), (12, 8, 4), "left out")
        equal([x["why"] for x in clean["excluded"]], list(faults), "and why")
        ok(all(x["path"].endswith("run_%d/metrics.json" % (10 + i)) for i, x in enumerate(clean["excluded"])), "and which", clean["excluded"])
        ok(any("Without the 4 doubtful runs (1 cold, 1 truncated, 1 loop, 1 empty)" in v for v in raw["verdict"]), "the raw verdict has the clean one", raw["verdict"])
        ok(any("With the 4 doubtful runs" in v for v in clean["verdict"]), "and the other way round", clean["verdict"])
        equal(raw["other"]["groups"][1]["mean"], group(clean, "b")["mean"], "both figures side by side")
        ok("Left out (--clean)" in stats(d, "--clean").text, "the text lists them")


@test
def metrics():
    with folder() as d:
        study(d, {"a": 98.0, "b": 97.0}, runs=4)
        j = report(d, "--metric", "concurrent_wall_time_s", "--metric", "insight.execution_time_s", "--metric", "overhead_ms")
        equal(j["metric"], "concurrent_wall_time_s", "the first is the document")
        equal([m["metric"] for m in j["more"]], ["insight.execution_time_s", "overhead_ms"], "the others follow")
        ok(abs(j["more"][0]["groups"][0]["mean"] - 9.6) < 1e-12, "by a path", j["more"][0]["groups"][0])
        ok(abs(j["more"][1]["groups"][0]["mean"] - 1) < 1e-9, "a computed one", j["more"][1]["groups"][0])
        equal((j["unit"], j["better"]), ("s", -1), "unit and direction")
        o = stats(d, "--metric", "ttft_ms")
        ok(o.code == 65 and "say more of the path, as insight.result.individual_runs[0].ttft_ms" in o.words, "an ambiguous name", o)


@test
def only_some():
    with folder() as d:
        study(d, {"a": 98.0, "b": 97.0}, runs=3)
        study(d, {"a": 98.0}, runs=3, config="other")
        equal([g["runtime"] for g in report(d, "--only", "b/")["groups"] if g["config"] is None], ["b"], "--only runtime")
        equal(report(d, "--only", "other", "--only", "b/")["runs"], 6, "--only, twice")
        j = report(d, "--only", "a/")
        equal((j["compared"], j["tests"][0]["a"], j["tests"][0]["b"]), ("config", "c", "other"), "one runtime: configurations are compared")


@test
def chimeraforge():
    runs = [{"tokens_generated": 100, "throughput_tps": 40.0 + i, "ttft_ms": 20.0, "total_duration_ms": 100.0} for i in range(5)]
    with folder() as d:
        write(os.path.join(d, "bench_1.json"), json.dumps([{"model": "m", "backend": "ollama", "quant": "q4", "workload": "single", "context_length": 512, "individual_runs": runs}]))
        j = report(d)
        equal((j["metric"], j["groups"][0]["mean"], j["groups"][0]["runtime"]), ("throughput_tps", 42.0, "ollama"), "its own metric without being asked")


@test
def gates():
    with folder() as d:
        study(d, {"a": 98.0, "b": 97.0})
        cases = [
            (["mean<95"], 0, ""),
            (["mean<97.5"], 99, "mean<97.5: b has 96.8125 (n = 8)"),
            (["cv > 2"], 0, ""),
            (["cv>1", "mean<1"], 99, "cv>1: b has 1.0"),
            (["min>=90", "max<=1"], 99, "min>=90: a has"),
            (["n<8"], 0, ""),
            (["n<9"], 99, "n<9: a has 8.0"),
            (["ttft_p95>3000"], 0, ""),
            (["ttft_p95>=250"], 99, "ttft_p95>=250: a has 250.0"),
            (["tokens_mean<501"], 99, "tokens_mean<501"),
            (["overhead_ms<5"], 99, "overhead_ms<5"),
            (["concurrent_wall_time_s_max>10"], 99, "concurrent_wall_time_s_max>10: a has 10.001"),
            (["p99>98"], 99, "p99>98: a"),
            (["contention_rate>5", "error_rate>0"], 0, ""),
            (["max_rss_kib>100000"], 99, "a has no such number"),
        ]
        for conditions, code, words in cases:
            o = stats(d, "--fail-on", *conditions)
            ok(o.code == code and words in o.words and bool(o.err) == bool(code), "gate %s" % conditions, o)
            repeated = [x for c in conditions for x in ("--fail-on", c)]
            equal(stats(*repeated, d).code, code, "the same, repeated, %s" % conditions)
        for name, value in (("ttft", 250), ("tps", 41), ("tokens", 500), ("load", 100), ("duration", 9500)):
            for limit, code in ((value - 1, 99), (value + 1, 0)):
                equal(stats(d, "--fail-on", "%s_max>%d" % (name, limit)).code, code, "gate %s_max>%d" % (name, limit))
        write(os.path.join(d, "mean<1"), json.dumps(record(50)))
        o = stats(d, "--fail-on", "mean<2", os.path.join(d, "mean<1"), "-f", "json")
        equal(json.loads(o.text)["files"], 17, "a file is a file, whatever it is called")


def with_chimera(runtime, number, **figures):
    more = {k: figures.pop(k) for k in ("stamp",) if k in figures}
    return runtime, number, record(90 + number, number, chimera={"schema": "chimera.trial/1", "complete": True, **figures}, **more)


@test
def resources():
    with folder() as d:
        figures = {"user_s": 0.5, "system_s": 0.25, "voluntary_switches": 7, "involuntary_switches": 3, "startup_ms": 2.0,
                   "max_rss_kib": 2000, "binary_bytes": 100000}
        for runtime, n, r in [with_chimera("a", n, **figures) for n in (1, 2, 3)]:
            write(place(d, runtime, "c", n), json.dumps(r))
        got = group(report(d), "a")["resources"]
        for key, value in figures.items():
            equal(got[key], float(value), "resources: " + key)
        equal(got["cpu_us_per_token"], 750.0, "resources: 0.75 s for 1,000 tokens")


@test
def the_cost_of_the_runtime():
    with folder() as d:
        for runtime, overhead in (("a", 1.5), ("b", 4.25)):
            for _, n, r in [with_chimera(runtime, n, decomposition={"overhead_ms": overhead, "imbalance_pp": 5.0 - n,
                                         "imbalance_pp_of_wall": 5.0 - n, "overhead_pp": 5.0}) for n in (1, 2, 3)]:
                write(place(d, runtime, "c", n), json.dumps(r))
        text = stats(d).text
        ok("1.50 to 4.25 ms" in text, "the overhead, from the least to the most", text)


@test
def what_is_not_finished_is_not_read():
    with folder() as d:
        study(d, {"a": 98.0})
        study(os.path.join(d, ".unfinished"), {"b": 50.0})
        equal(report(d)["files"], 8, "trials that bench is at are no results")


@test
def pairs_that_differ():
    with folder() as d:
        study(d, {"a": 98.0, "b": 90.0, "c": 80.0, "e": 70.0})
        text = stats(d).text
        ok(text.count(" pp above ") == 6 and not re.search(r"\d+ more", text), "six pairs, and no more", text)


@test
def a_day_of_runs():
    """Hours are the unit of the axis, and the last run is at 6 of them."""
    with folder() as d:
        for hour in range(7):
            r = record(90 + hour, hour + 1, stamp="2025-11-16T%02d:00:00Z" % hour)
            write(place(d, "ab"[hour % 2], "c", hour + 1), json.dumps(r))
        page = stats(d, "-f", "html").text
        chart = page[page.index("in the order of time"):]
        ok(re.search(r"hours", chart), "a day of runs: the unit", chart[:300])
        marks = [float(m) for m in re.findall(r"<text[^>]* x='[0-9.]+%'[^>]*>([0-9.]+)</text>", chart)]
        ok(marks and max(marks) <= 6, "a day of runs: its marks", marks)


@test
def whiskers():
    """They end at P5 and P95, and the farthest runs are beyond."""
    with folder() as d:
        for runtime in "ab":
            for n, value in enumerate([10.0] + [90.0 + i / 10 for i in range(40)] + [99.9]):
                write(place(d, runtime, "c", n + 1), json.dumps(record(value, n + 1)))
        page = stats(d, "-f", "html").text
        found = [(float(a), float(b)) for a, b in re.findall(r"<line class='w' x1='([0-9.]+)%?' x2='([0-9.]+)%?'", page)]
        dots = [float(x) for x in re.findall(r"<circle[^>]* cx='([0-9.]+)%?'", page)]
        ok(found and dots and min(dots) < min(a for a, _ in found) - 20, "whiskers: from P5", (found[:4], min(dots or [0])))


@test
def baseline():
    with folder() as d:
        old, same, worse, foreign = (os.path.join(d, x) for x in ("old", "same", "worse", "foreign"))
        study(old, {"a": 98.0, "b": 97.0})
        study(same, {"a": 98.1, "b": 96.9})
        study(worse, {"a": 98.1, "b": 90.0})
        study(foreign, {"x": 98.1, "y": 90.0})
        o = stats(same, "--baseline", old, "--fail-on", "regressed")
        ok(o.code == 0 and o.err == b"" and "no difference shown" in o.text, "nothing regressed", o)
        o = stats(worse, "--baseline", old, "--fail-on", "mean<50", "regressed")
        ok(o.code == 3 and re.search(r"regressed: b: mean efficiency_percent 96\.81 -> 89\.81, p after Holm < 0\.0001", o.words), "regressed", o)
        ok(" a: " not in o.words, "only what regressed is named", o.words)
        equal(stats(worse, "--baseline", old, "--fail-on", "mean<95", "regressed").code, 99, "a condition counts more")
        o = stats(worse, "--baseline", old, "-f", "json")
        changes = json.loads(o.text)["changes"]
        equal((o.code, [c["regressed"] for c in changes]), (0, [False, True]), "without --fail-on it is only told")
        o = stats(worse, "--baseline", old, "-f", "md")
        row = [s for s in o.text.splitlines() if s.startswith("| b ") and "regressed" in s]
        ok(len(row) == 1 and re.search(r"96\.81 \| +89\.81 ", row[0]), "first what was, then what is", row)
        o = stats(old, "--baseline", worse, "--fail-on", "regressed")
        ok(o.code == 0 and "improved" in o.text, "improved is no failure", o)
        for other in (foreign, os.path.join(d, "none")):
            o = stats(same, "--baseline", other, "--quiet", "--fail-on", "regressed")
            ok(o.code == 65 and one_error_line(o), "a baseline of nothing", o)
        # Where less is better, more is worse.
        slow = os.path.join(d, "slow")
        study(slow, {"a": 98.0, "b": 97.0}, wall=12.0)
        o = stats(slow, "--baseline", old, "--metric", "concurrent_wall_time_s", "--fail-on", "regressed")
        ok(o.code == 3 and "a: mean" in o.words and "b: mean" in o.words, "less is better", o)


@test
def hostile_names():
    with folder() as d:
        name = "evil\x1b[2J|<script>"
        write(place(d, name, "c\x07", 1), json.dumps(record(98)))
        for f in ("text", "md"):
            o = stats(d, "-f", f)
            ok(o.code == 0 and b"\x1b" not in o.out and b"\x07" not in o.out, "printable in " + f, o)
        equal(report(d)["groups"][0]["runtime"], name, "JSON keeps it")
        write(os.path.join(d, "\x1b]0;x\x07.json"), b"")
        o = stats(d)
        ok(b"\x1b" not in o.out + o.err, "skipped names are printable", o)


@test
def interrupted():
    with folder() as d:
        for i in range(300):
            write(place(d, "a", "c%d" % (i // 10), i), json.dumps(record(98, i, answers=("x" * 100000, "y"))))
        p = rig.start("stats", d)
        time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        o = rig.wait(p)
        ok(o.code in (130, 0, -2), "SIGINT", o)
        ok(o.code != 130 or o.out == b"", "nothing half", o)


@test
def broken_output():
    with folder() as d:
        study(d, {"a": 98.0})
        r, w = os.pipe()
        os.close(r)
        o = rig.wait(rig.start("stats", d, stdout=w))
        os.close(w)
        ok(o.code == 141 and o.err == b"", "closed stdout", o)


# What numpy and scipy make of samples: figures of each, tests of each pair, Kruskal and Wallis of four.
REFERENCE = """
import json, sys
import numpy as np
from scipy import stats
given = json.load(sys.stdin)
q = given["quantiles"]
def figures(values):
    x = np.array(values)
    mean, sd = x.mean(), x.std(ddof=1)
    low, high = stats.t.interval(0.95, len(x) - 1, mean, sd / np.sqrt(len(x)))
    return {"n": len(x), "mean": mean, "sd": sd, "cv_percent": 100 * sd / mean, "min": x.min(), "max": x.max(), "low": low, "high": high,
            **{k: np.quantile(x, v) for k, v in q.items()}}
def tests(a, b):
    return {"welch_t": stats.ttest_ind(a, b, equal_var=False), "mann_whitney": stats.mannwhitneyu(a, b),
            "brown_forsythe": stats.levene(a, b, center="median")}
out = {"figures": [figures(v) for v in given["samples"]],
       "tests": [{k: [float(r.statistic), float(r.pvalue)] for k, r in tests(a, b).items()} for a, b in given["pairs"]],
       "kruskal": float(stats.kruskal(*given["working"]).pvalue)}
print(json.dumps(out, default=float))
"""


def reference(given):
    """By the first Python that has numpy and scipy; None when there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python):
            p = subprocess.run([python, "-c", REFERENCE], input=json.dumps(given).encode(), capture_output=True)
            if p.returncode == 0:
                return json.loads(p.stdout)
    return None


def study_samples(files):
    """The efficiencies by (runtime, None), (None, configuration) and both."""
    samples = {}
    for path in files:
        parts = path.split(os.sep)
        runtime, config = parts[-5][len("runtime-") :], parts[-4]
        efficiency = json.loads(rig.read(path))["summary"]["efficiency_percent"]
        for key in ((runtime, None), (None, config), (runtime, config)):
            samples.setdefault(key, []).append(efficiency)
    return samples


def close(got, want, relative, name):
    ok(abs(got - want) <= relative * abs(want), name, (got, want))


@test
def upstreams_study():
    files = sorted(glob.glob(os.path.join(UPSTREAM, "*", "*", "run_*", "run_1", "metrics.json")))
    if len(files) != 150:
        return skip("upstream's study", "../shared/data/tr115_v1 is not there")
    samples = study_samples(files)
    runtimes = {r: v for (r, c), v in samples.items() if c is None}
    linear, index = report(UPSTREAM), report(UPSTREAM, "--percentile", "index")
    pairs = [t for t in linear["tests"] if t["a"] is not None]
    want = reference({"quantiles": PERCENTILES, "samples": list(samples.values()),
                      "pairs": [(runtimes[t["a"]], runtimes[t["b"]]) for t in pairs],
                      "working": [v for r, v in runtimes.items() if r != "async-std"]})
    if want is None:
        return skip("upstream's study", "no Python here has numpy and scipy")
    equal((linear["files"], linear["runs"], len(linear["groups"])), (150, 150, 5 + 6 + 30), "all of it")
    for (key, sample), figures in zip(samples.items(), want["figures"]):
        g, name = group(linear, *key), "%s/%s " % key
        for figure in ("n", "mean", "sd", "cv_percent", "min", "max", *PERCENTILES):
            close(g[figure], figures[figure], 1e-9, name + figure)
        close(g["ci95"][0], figures["low"], 1e-6, name + "low")
        close(g["ci95"][1], figures["high"], 1e-6, name + "high")
        for p, q in PERCENTILES.items():
            equal(group(index, *key)[p], sorted(sample)[int(len(sample) * q)], name + "index " + p)
    families = {}
    for t, all_kinds in zip(pairs, want["tests"]):
        name = "%s %s %s " % (t["kind"], t["a"], t["b"])
        close(t["statistic"], all_kinds[t["kind"]][0], 1e-9, name + "statistic")
        close(t["p"], all_kinds[t["kind"]][1], 1e-6, name + "p")
        families.setdefault(t["kind"], []).append((t["p"], t["p_holm"]))
    equal({k: len(v) for k, v in families.items()}, dict.fromkeys(("welch_t", "mann_whitney", "brown_forsythe"), 10), "all pairs")
    for kind, family in families.items():
        least = 0
        for step, (p, holm) in enumerate(sorted(family)):
            least = max(least, min(1, p * (len(family) - step)))
            close(holm, least, 1e-12, kind + " Holm")
    among = [t for t in linear["tests"] if t["kind"] == "kruskal_wallis" and t["among"] == "concurrent"]
    close(among[0]["p"], want["kruskal"], 1e-6, "Kruskal and Wallis of the four")


@test
def what_it_says_of_upstreams_study():
    if not os.path.isdir(UPSTREAM):
        return skip("the verdict on upstream's study", "../shared/data/tr115_v1 is not there")
    j = report(UPSTREAM)
    ok(re.match("async-std is apart with 50.00 %; no difference in efficiency_percent between the other 4 runtimes", j["headline"]), "headline", j["headline"])
    for words in ("396 against 58 tokens, 4.91 s against 1.80 s", "cold load of 5.1 s (agent 2)", "ranks lengths of answers (r = 0.84",
                  "async-std runs its agents one after the other", "one after the other was faster", "Kruskal-Wallis p = 0.408",
                  "Brown-Forsythe p = 0.621", "What cannot be said: with these runs a difference of 4.67 pp", "Without the 20 doubtful runs (20 cold)"):
        ok(any(words in v for v in j["verdict"]), "says " + words, j["verdict"])
    ok(any("the order was blocked: changes from one runtime to another in time 4" in w for w in j["warnings"]), "blocked order", j["warnings"])
    ok(any("n = 5: an SD interval of" in w for w in j["warnings"]), "five are few", j["warnings"])


@test
def upstreams_samples():
    if not os.path.isdir(SAMPLES):
        return skip("upstream's samples", "../shared/data/tr115_v2_samples is not there")
    j = report(SAMPLES)
    equal((j["files"], [round(g["mean"], 2) for g in j["groups"][:5]]), (5, [50.0, 99.59, 95.43, 99.53, 99.4]), "v2 samples")
    ok(j["headline"].startswith("too few runs to compare"), "too few to say", j["headline"])


@test(alone=True)
def cost():
    """150 files of 100 KB: under 0.5 s, under 16 MB (of a release build; sanitizers take more)."""
    with folder() as d:
        for i in range(150):
            how = dict(answers=("word %d " % i * 5000, "other words " * 5000))
            write(place(d, "r%d" % (i // 30), "c%d" % (i // 5 % 6), i % 5 + 1), json.dumps(record(95 + i % 5, i % 5 + 1, **how)))
        script = ("import resource,subprocess,sys,time\nb=time.monotonic()\n"
                  "c=subprocess.call(sys.argv[1:],stdout=subprocess.DEVNULL)\n"
                  "print(c,time.monotonic()-b,resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        out = subprocess.run([sys.executable, "-c", script, rig.CHIMERA, "stats", d], capture_output=True, env=rig.environment()).stdout.split()
        code, seconds, kib = int(out[0]), float(out[1]), int(out[2])
        rig.say("150 files of 100 KB: %.3f s, %d KiB" % (seconds, kib))
        equal(code, 0, "cost")
        ok(seconds < 2, "time", seconds)
        ok(kib < 16384 or b"asan" in rig.read(rig.CHIMERA)[:50_000_000], "memory", kib)


rig.main()
