"""The main job as a user and another program see it: reports, records, figures, options.

The checks of metrics.json and summary.json know the reference's schema and nothing of ours except
the one key "chimera".
"""

import json
import os
import re
import time

import rig
from figures import near, only_run, wrong_figures, wrong_summary
from schema import EXECUTION, METRICS, SUMMARY, layout_faults, mismatches
from rig import FAST, INSTANT, NOTES, RawServer, Sim, equal, folder, ok, run, skip, test


# ---- stdout -------------------------------------------------------------------------------------


@test
def text_report():
    r = run("run", NOTES, "--sim=" + FAST)
    equal(r.code, 0, "text: exit code")
    equal(r.err, b"", "text: nothing on stderr in a pipe")
    ok(b"\x1b" not in r.out, "text: no escape byte")
    for words in ("Baseline Collector", "Chimera Insight", "## Executive Summary", "efficiency"):
        ok(words in r.text, "text: says %r" % words, r)
    ok(r.text.count("# Benchmark Report") == 2, "text: both reports are there", r)
    ok("()" not in r.text, "text: no empty parentheses", r.text[-400:])


@test
def formats():
    with Sim("--ttft=1ms", "--rate=inf", "--tokens=20") as a, Sim(
        "--ttft=1ms", "--rate=inf", "--tokens=20"
    ) as b:
        common = (NOTES, "-u", a.url, "-u", b.url, "--runs", 2, "--num-predict", 20, "--seed", 5)
        r = run("run", *common, "-f", "json")
        document = json.loads(r.text)
        equal((r.code, r.err), (0, b""), "json: exit code and stderr")
        equal(len(document["runs"]), 2, "json: runs")
        for m in document["runs"]:
            equal(mismatches(m, METRICS), [], "json: schema of a run")
            equal(wrong_figures(m), [], "json: figures of a run")
        equal(mismatches(document["summary"], SUMMARY), [], "json: schema of the summary")
        equal(wrong_summary(document["summary"], document["runs"]), [], "json: figures of the summary")

        r = run("run", *common, "-f", "ndjson")
        lines = [json.loads(line) for line in r.text.strip("\n").split("\n")]
        equal((r.code, r.err, len(lines)), (0, b"", 3), "ndjson: exit code, stderr, lines")
        for m in lines[:2]:
            equal(mismatches(m, METRICS) + wrong_figures(m), [], "ndjson: a run")
        equal(mismatches(lines[2], SUMMARY) + wrong_summary(lines[2], lines[:2]), [], "ndjson: the summary")
        texts = lambda runs: [
            c["response"] for m in runs for w in ("collector", "insight") for c in m[w]["result"]["llm_calls"]
        ]
        equal(texts(lines[:2]), texts(document["runs"]), "ndjson and json: the same answers")

        with folder() as out:
            r = run("run", *common, "-f", "md", "-O", out)
            equal((r.code, r.err), (0, b""), "md: exit code and stderr")
            m = json.loads(rig.read(out + "/run_1/metrics.json"))
            s = m["summary"]
            # The same figures as in the files of the same run.
            ok("%.2fx" % s["concurrency_speedup"] in r.text, "md: speedup of the record", r)
            ok("%.1f%%" % s["efficiency_percent"] in r.text, "md: efficiency of the record", r)
            for name in ("collector_report.md", "insight_report.md", "combined_report.md"):
                ok(rig.read(out + "/run_2/" + name).decode() in r.text, "md: %s is on stdout" % name, r)
            ok(rig.read(out + "/summary.md").decode() in r.text, "md: summary.md is on stdout", r)
        ok(b"\x1b" not in r.out, "md: no escape byte")


# ---- files --------------------------------------------------------------------------------------


@test
def record_of_two_servers():
    with folder() as base, Sim("--ttft=3ms", "--rate=2000", "--tokens=20-60") as a, Sim(
        "--ttft=5ms", "--rate=1000", "--tokens=20-60", "--seed=9"
    ) as b:
        out = base + "/deep/out"
        r = run("run", NOTES, "-u", a.url, "-u", b.url, "--runs", 2, "-O", out)
        equal((r.code, r.err), (0, b""), "-O: exit code and stderr")
        for name in ("collector", "insight"):
            text = rig.read("%s/run_1/%s_report.md" % (out, name)).decode()
            dates = set(re.findall(r"\*\*Date:\*\* (\d{4}-\d\d-\d\d)", text))
            days = {time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago)) for ago in (0, 60)}
            ok(dates and dates <= days, "-O: a report has its date", dates)
        files = sorted(
            os.path.relpath(os.path.join(d, f), out) for d, _, names in os.walk(out) for f in names
        )
        names = ["collector_report.md", "combined_report.md", "insight_report.md", "metrics.json"]
        equal(
            files,
            ["run_%d/%s" % (k, n) for k in (1, 2) for n in names] + ["summary.json", "summary.md"],
            "-O: exactly these files",
        )
        metrics = []
        for k in (1, 2):
            raw = rig.read("%s/run_%d/metrics.json" % (out, k)).decode("utf-8")
            metrics.append(json.loads(raw))
            equal(mismatches(metrics[-1], METRICS), [], "run_%d: schema" % k)
            equal(wrong_figures(metrics[-1]), [], "run_%d: figures" % k)
            equal(layout_faults(raw), [], "run_%d: layout" % k)
            equal(metrics[-1]["run_number"], k, "run_%d: number" % k)
            equal(
                [metrics[-1][w]["config"]["base_url"] for w in ("collector", "insight")],
                [a.url, b.url],
                "run_%d: servers" % k,
            )
            check_markdown("%s/run_%d" % (out, k), metrics[-1])
        raw = rig.read(out + "/summary.json").decode("utf-8")
        summary = json.loads(raw)
        equal(mismatches(summary, SUMMARY), [], "summary: schema")
        equal(wrong_summary(summary, metrics), [], "summary: figures")
        equal(layout_faults(raw), [], "summary: layout")
        ours = metrics[0]["chimera"]
        equal(ours["schema"], "chimera.trial/1", "chimera: schema")
        equal(ours["endpoint_versions"], {a.url: "0.12.10", b.url: "0.12.10"}, "chimera: versions")
        equal(
            (ours["runtime"], ours["read_size"], ours["coalesce"], ours["seed"]),
            ("fixed", 1024, 0, None),
            "chimera: knobs",
        )
        equal(ours["binary_bytes"], os.path.getsize(rig.BINARY), "chimera: bytes of the binary")
        most = 4096 if not rig.EXE else 65536   # wine is in it
        ok(0 < ours["max_rss_kib"] < most, "chimera: under 4 MB", ours["max_rss_kib"])
        ok(0 < ours["startup_ms"] < 2000, "chimera: startup", ours["startup_ms"])
        check_calls(ours)
        text = rig.read(out + "/summary.md").decode()
        for words in (
            "# Multi-Agent Summary (baseline_vs_chimera)",
            "## Agent Configurations",
            "%.2fx" % summary["aggregate"]["average_concurrency_speedup"],
            "%.1f%%" % summary["aggregate"]["average_efficiency"],
        ):
            ok(words in text, "summary.md: %r" % words, text)


def check_calls(ours):
    for a in ours["agents"]:
        equal([c["stage"] for c in a["calls"]], ["analysis", "report"], "chimera: stages of " + a["id"])
        for c in a["calls"]:
            good = (
                c["connect_ms"] >= 0
                and 0 < c["ttfb_ms"] <= c["ttft_ms"] <= c["first_visible_ms"]
                and c["tokens"] == c["pieces"]
                and c["validity"] == "ok"
                and c["reads"] > 0
                and near(c["events_per_read"], c["pieces"] / c["reads"])
                and c["inter_token_ms"]["p50"]
                <= c["inter_token_ms"]["p95"]
                <= c["inter_token_ms"]["p99"]
                <= c["inter_token_ms"]["max"]
                and c["done_reason"] == "stop"
                and c["attempts"] == 1
            )
            ok(good, "chimera: a call's figures agree", c)
        equal(
            [c["reused"] for c in a["calls"]], [False, True], "chimera: the second call reuses the connection"
        )


def check_markdown(where, m):
    combined = rig.read(where + "/combined_report.md").decode()
    s = m["summary"]
    for words in (
        "Multi-Agent Report",
        "## Scenario",
        "## Agent A (Baseline Collector)",
        "## Agent B (Chimera Insight)",
        "## Delta (B - A)",
        "Contention Detected: " + ("Yes" if s["resource_contention_detected"] else "No"),
        "%.1f%%" % s["efficiency_percent"],
    ):
        ok(words in combined, "combined_report.md: %r" % words, combined[:1500])
    for name, key in (("collector", "collector"), ("insight", "insight")):
        text = rig.read("%s/%s_report.md" % (where, name)).decode()
        result = m[key]["result"]
        ok(text.startswith("# " + result["agent_type"] + "\n"), name + "_report.md: title", text[:100])
        ok(result["report_markdown"] in text, name + "_report.md: the report", text)
        for part in (
            "## Workflow Summary",
            "## Metrics",
            "## Key Findings",
            "## Recommendations",
            "## Persona Prompt",
            result["prompt"],
        ):
            ok(part in text, name + "_report.md: %r" % part, text)
        ok(
            text.endswith("\n") and result["llm_calls"][1]["response"] in text,
            name + "_report.md: the answer",
        )


@test
def output_to_an_existing_folder():
    with folder() as out:
        rig.write(out + "/mine.txt", "kept")
        for _ in range(2):
            equal(run("run", NOTES, "--sim=" + INSTANT, "-O", out, "--quiet").code, 0, "-O twice: exit code")
        equal(rig.read(out + "/mine.txt"), b"kept", "-O twice: other files stay")
        equal(sorted(os.listdir(out)), ["mine.txt", "run_1", "summary.json", "summary.md"], "-O twice: files")
        os.mkdir(out + "/partial_run_1")
        for runs, older in ((3, ["partial_run_1"]), (3, ["partial_run_1"]), (2, ["partial_run_1", "run_3"]),
                            (1, ["partial_run_1", "run_2", "run_3"])):
            r = run("run", NOTES, "--sim=" + INSTANT, "-O", out, "--runs", runs)
            line = [s for s in r.words.splitlines() if "keeps results of an earlier run: " in s]
            told = sorted(line[0].rsplit(": ", 1)[1].split(", ")) if line else []
            equal(told, older, "-O: %d runs over older ones" % runs)


@test
def one_agent_has_nobody_to_wait_for():
    with folder() as tmp:
        rig.write(tmp + "/a.csv", ("%d," % 7 * 400 + "7\n") * 4000)
        r = run("run", tmp, "--sim=" + INSTANT, "--agents", 1, "-f", "json")
        a = json.loads(r.out)["runs"][0]["chimera"]["agents"][0]
        ok(a["running_ms"] > 1 and a["ready_wait_ms"] < a["running_ms"] / 2, "one agent: it works, and hardly waits", a)


# ---- scenarios and options ----------------------------------------------------------------------

FLAGS = [
    "--chimera-num-gpu",
    80,
    "--chimera-num-ctx",
    512,
    "--chimera-temperature",
    0.8,
    "--chimera-top-p",
    0.9,
    "--chimera-top-k",
    40,
    "--chimera-repeat-penalty",
    1.1,
]
FLAGS2 = [
    "--chimera2-num-gpu",
    100,
    "--chimera2-num-ctx",
    1024,
    "--chimera2-temperature",
    1.0,
    "--chimera2-top-p",
    0.5,
    "--chimera2-top-k",
    20,
    "--chimera2-repeat-penalty",
    1.2,
]
SET_A = {"num_gpu": 80, "num_ctx": 512, "temperature": 0.8, "top_p": 0.9, "top_k": 40, "repeat_penalty": 1.1}
SET_B = {
    "num_gpu": 100,
    "num_ctx": 1024,
    "temperature": 1.0,
    "top_p": 0.5,
    "top_k": 20,
    "repeat_penalty": 1.2,
}


@test
def scenarios():
    cases = [
        ("baseline-vs-chimera", FLAGS + FLAGS2, {}, SET_A),
        ("chimera-hetero", FLAGS + FLAGS2, SET_A, SET_B),
        ("chimera-hetero", FLAGS, SET_A, SET_A),
        ("chimera-hetero", FLAGS + ["--chimera2-top-k", 7], SET_A, {"top_k": 7}),
        ("chimera-homo", FLAGS + FLAGS2, SET_A, SET_A),
        ("baseline-vs-chimera", [], {}, {}),
    ]
    canned = rig.answer("## Executive Summary\n", "All is well.\n", "- Key finding: one.\n")
    for hyphens, flags, wanted_a, wanted_b in cases:
        for scenario in (hyphens, hyphens.replace("-", "_")):
            with RawServer([canned]) as a, RawServer([canned]) as b:
                m, r = only_run(NOTES, "-u", a.url, "-u", b.url, "--scenario", scenario, *flags)
                name = "scenario %s with %d flags: " % (scenario, len(flags) // 2)
                if not equal((r.code, r.err), (0, b""), name + "exit code"):
                    continue
                equal(m["scenario"], hyphens.replace("-", "_"), name + "the record's spelling")
                baseline = hyphens.startswith("baseline")
                ids = ("collector", "insight") if baseline else ("chimera_a", "chimera_b")
                labels = (
                    ("Baseline Collector", "Chimera Insight")
                    if baseline
                    else ("Chimera Agent A", "Chimera Agent B")
                )
                configs = m["collector"]["config"], m["insight"]["config"]
                equal(tuple(c["id"] for c in configs), ids, name + "ids")
                equal(tuple(c["label"] for c in configs), labels, name + "labels")
                equal(
                    tuple(c["options"] for c in configs), (wanted_a, wanted_b), name + "options in the record"
                )
                for server, wanted in ((a, wanted_a), (b, wanted_b)):
                    for body in map(json.loads, server.bodies()):
                        keys = {"model", "prompt", "stream"} | ({"options"} if wanted else set())
                        equal(set(body), keys, name + "fields of the request")
                        equal(body.get("options", {}), wanted, name + "options of the request")
                        ok(body["stream"] is True, name + "streamed")
                equal(mismatches(m, METRICS), [], name + "schema")


@test
def requests():
    with RawServer([rig.answer("## Summary\n", "x")]) as server:
        m, r = only_run(
            NOTES,
            "-u",
            server.url + "/base",
            "--agents",
            1,
            "-m",
            "llama3:8b",
            "--seed",
            42,
            "--num-predict",
            99,
            "-o",
            "mirostat",
            "2",
            "-o",
            "stop",
            "END",
            "-H",
            "X-Mine: 7",
        )
        equal((r.code, r.err), (0, b""), "request: exit code")
        first, body = server.requests[0], json.loads(server.bodies()[0])
        ok(first.startswith(b"POST /base/api/generate HTTP/1.1\r\n"), "request: line", first[:80])
        lower = first.lower()
        ok(b"\r\nhost: 127.0.0.1:%d\r\n" % server.port in lower, "request: Host", first[:300])
        ok(b"\r\ncontent-type: application/json\r\n" in lower, "request: Content-Type", first[:300])
        ok(b"\r\nx-mine: 7\r\n" in lower, "request: own header", first[:300])
        equal(body["model"], "llama3:8b", "request: model")
        equal(
            body["options"], {"seed": 42, "num_predict": 99, "mirostat": 2, "stop": "END"}, "request: options"
        )
        equal(set(body), {"model", "prompt", "stream", "options"}, "request: fields")
        config = m["collector"]["config"]
        ok(
            config["prompt"] and body["prompt"].startswith(config["prompt"]),
            "request: the persona is in the prompt",
        )
        sent = [json.loads(b)["prompt"] for b in server.bodies()]
        equal(
            [c["prompt"] for c in m["collector"]["result"]["llm_calls"]],
            sent,
            "request: the record has the prompts",
        )
        ok(config["prompt"] in sent[1], "request: the persona is in the second prompt")
        equal(m["chimera"]["seed"], 42, "request: seed in the record")
        equal(m["collector"]["config"]["base_url"], server.url + "/base", "request: base_url")
    with RawServer([rig.answer("x")]) as server:
        run("run", NOTES, "-u", server.url, "--agents", 1, "--keep-alive", "5m", "--think", "false")
        body = json.loads(server.bodies()[0])
        equal((body.get("keep_alive"), body.get("think")), ("5m", False), "request: keep_alive and think")
        equal(
            set(body), {"model", "prompt", "stream", "keep_alive", "think"}, "request: fields with keep_alive"
        )


@test
def same_prompt_bytes():
    canned = rig.answer("## Executive Summary\n", "Same.\n", "- Key finding: a.\n", "I recommend b.\n")
    seen = []
    for _ in range(2):
        with RawServer([canned]) as server:
            run("run", NOTES, "-u", server.url, "--agents", 1, "--seed", 3)
            seen.append(
                [
                    re.sub(rb"\d{4}-\d\d-\d\dT[^ \"]*", b"", r.split(b"\r\n\r\n", 1)[1])
                    for r in server.requests
                    if r.startswith(b"POST")
                ]
            )
    equal(len(seen[0]), 2, "two calls")
    equal(seen[0], seen[1], "the same bytes of prompt each time")


@test
def small_context():
    with folder() as data:
        for i in range(60):
            rows = "".join("%d,%d.5,%d\n" % (r, r * i, i) for r in range(20))
            rig.write(
                "%s/series_with_a_rather_long_name_%02d.csv" % (data, i),
                "step,tokens_per_second_%d,latency_%d_ms\n" % (i, i) + rows,
            )
        text = "## Executive Summary\n" + "A long summary of everything. " * 200 + "\n## Key Findings\n"
        lines = ["- Key finding %d: something long enough to count here.\n" % i for i in range(20)]
        with RawServer([rig.answer(text, *lines, "I recommend x.\n")]) as server:
            m, r = only_run(data, "-u", server.url, "--agents", 1, "--num-ctx", 512, "--num-predict", 128)
            equal(r.code, 0, "num_ctx 512: exit code")
            ours = m["chimera"]["agents"][0]["calls"]
            for call, body in zip(ours, map(json.loads, server.bodies())):
                fit, name = call["prompt_fit"], "num_ctx 512, %s: " % call["stage"]
                equal(fit["context"], 512, name + "context")
                ok(not fit["over"] and fit["estimated"] + 128 <= 512, name + "fits with its answer", fit)
                ok(
                    len(body["prompt"].encode()) <= 3 * (512 - 128),
                    name + "bytes of the prompt",
                    len(body["prompt"]),
                )
            ok(ours[1]["prompt_fit"]["left_out"] > 0, "num_ctx 512: the record says what was left out", ours)
            prompt = m["collector"]["result"]["llm_calls"][1]["prompt"]
            ok("shown)" in prompt and "(shortened)" in prompt, "num_ctx 512: the prompt says so too", prompt)
            ok(m["collector"]["config"]["prompt"] in prompt, "num_ctx 512: the persona stays", prompt)


# ---- agents and servers -------------------------------------------------------------------------


@test
def one_three_and_many_agents():
    m, r = only_run(NOTES, "--sim=" + INSTANT, "--agents", 1)
    equal((r.code, r.err), (0, b""), "one agent: exit code and stderr")
    ok("collector" in m and "insight" not in m, "one agent: only the collector", list(m))
    s = m["summary"]
    ok(
        near(s["efficiency_percent"], 100 * s["concurrency_speedup"]),
        "one agent: efficiency is divided by 1",
        s,
    )
    with folder() as out:
        r = run("run", NOTES, "--sim=" + INSTANT, "--agents", 3, "-O", out)
        equal((r.code, r.err), (0, b""), "three agents: exit code and stderr")
        m = json.loads(rig.read(out + "/run_1/metrics.json"))
        equal(mismatches(m, METRICS), [], "three agents: schema")
        s, more = m["summary"], m["chimera"]["more_agents"]
        equal(
            [mismatches(e, EXECUTION, "$.") for e in more],
            [[]],
            "three agents: the third has the same schema",
        )
        times = [
            m["collector"]["execution_time_s"],
            m["insight"]["execution_time_s"],
            more[0]["execution_time_s"],
        ]
        ok(near(s["sequential_estimated_s"], sum(times)), "three agents: sum of all", s)
        ok(near(s["efficiency_percent"], s["concurrency_speedup"] / 3 * 100), "three agents: divided by 3", s)
        equal(
            len({e["config"]["base_url"] for e in [m["collector"], m["insight"], *more]}),
            3,
            "three agents: servers",
        )
        ok(
            os.path.exists(out + "/run_1/agent_3_report.md"),
            "three agents: third report",
            os.listdir(out + "/run_1"),
        )


@test
def shared_server_warns():
    with Sim("--ttft=1ms", "--rate=inf", "--tokens=20") as sim:
        for name, more, warned in (
            ("two agents", [], True),
            ("the same URL twice", ["-u", sim.url], True),
            ("one agent", ["--agents", 1], False),
            ("--quiet", ["--quiet"], False),
        ):
            m, r = only_run(NOTES, "-u", sim.url, *more)
            equal(r.code, 0, "shared server, %s: exit code" % name)
            if warned:
                ok(rig.one_error_line(r) and b"warning" in r.err, "shared server, %s: one warning" % name, r)
            else:
                equal(r.err, b"", "shared server, %s: no warning" % name)
        m, r = only_run(NOTES, "--sim=" + INSTANT, "--sim-servers", 1)
        ok(rig.one_error_line(r), "--sim-servers 1: warns", r)
        equal(
            m["collector"]["config"]["base_url"],
            m["insight"]["config"]["base_url"],
            "--sim-servers 1: one URL",
        )
        ok(
            any("share" in w for w in m["chimera"]["warnings"]),
            "--sim-servers 1: the record says so",
            m["chimera"]["warnings"],
        )


@test
def endpoints_go_round():
    with RawServer([rig.answer("x")]) as a, RawServer([rig.answer("x")]) as b, RawServer(
        [rig.answer("x")]
    ) as c:
        servers = [a, b, c]
        m, r = only_run(NOTES, *[x for s in servers for x in ("-u", s.url)], "--agents", 5)
        used = [e["config"]["base_url"] for e in (m["collector"], m["insight"], *m["chimera"]["more_agents"])]
        equal(used, [servers[i % 3].url for i in range(5)], "agent i uses url[i mod n]")
        calls = [sum(b"POST" in q for q in s.requests) for s in servers]
        equal(calls, [4, 4, 2], "the servers see those calls")
    with RawServer([rig.answer("x")]) as a, RawServer([rig.answer("x")]) as b:
        m, r = only_run(NOTES, "--insight-ollama-url", b.url, "--collector-ollama-url", a.url)
        equal(
            [m[k]["config"]["base_url"] for k in ("collector", "insight")],
            [a.url, b.url],
            "the reference's URL flags",
        )
    with RawServer([rig.answer("x")]) as a, RawServer([rig.answer("x")]) as b:
        m, r = only_run(NOTES, env={"OLLAMA_HOST": "127.0.0.1:%d, %s" % (a.port, b.url)})
        equal(
            [m[k]["config"]["base_url"] for k in ("collector", "insight")],
            [a.url, b.url],
            "OLLAMA_HOST with a list",
        )


@test
def no_runs():
    with folder() as out:
        r = run("run", NOTES, "--sim=" + INSTANT, "--runs", 0, "-f", "json", "-O", out)
        equal((r.code, r.err), (0, b""), "--runs 0: exit code and stderr")
        document = json.loads(r.text)
        equal(document["runs"], [], "--runs 0: no runs")
        equal(
            document["summary"]["aggregate"],
            {
                "average_concurrency_speedup": 1.0,
                "average_efficiency": 50.0,
                "average_throughput_delta": 0.0,
                "average_ttft_delta_ms": 0.0,
            },
            "--runs 0: the reference's figures",
        )
        ok(os.path.exists(out + "/summary.json"), "--runs 0: summary.json", os.listdir(out))


# ---- input --------------------------------------------------------------------------------------


@test
def shared_data():
    where = os.path.join(rig.SHARED)
    if not os.path.isdir(where):
        return skip("shared data", "not there")
    with folder() as out, Sim("--ttft=2ms", "--rate=2000", "--tokens=60") as a, Sim(
        "--ttft=2ms", "--rate=2000", "--tokens=60"
    ) as b:
        r = run("run", where, "-u", a.url, "-u", b.url, "--runs", 2, "-O", out)
        equal(r.code, 0, "shared data: exit code")
        inventory = json.loads(run("ingest", where, "-f", "json").text)
        for k in (1, 2):
            m = json.loads(rig.read("%s/run_%d/metrics.json" % (out, k)))
            equal(mismatches(m, METRICS) + wrong_figures(m), [], "shared data: run_%d" % k)
            result = m["collector"]["result"]
            equal(result["benchmark_data_count"], len(inventory["files"]), "shared data: files counted")
            equal(
                result["analysis"]["performance_metrics"],
                inventory["metrics"],
                "shared data: metrics as in ingest",
            )
            equal(result["data_summary"], inventory["summary"], "shared data: summary as in ingest")
            ok(
                result["analysis"]["key_findings"] and result["analysis"]["summary"],
                "shared data: the analysis is parsed",
            )


@test
def folder_by_default_and_missing():
    r = run("run", "--sim=" + INSTANT, cwd=NOTES)
    equal((r.code, r.err), (0, b""), "no folder given: the current one")
    for where, code in (("/nonexistent/x", 65), (NOTES + "/README.md", 65)):
        r = run("run", where, "--sim=" + INSTANT)
        ok(r.code == code and rig.one_error_line(r), "folder %s: exit %d, one line" % (where, code), r)
    with folder() as empty:
        m, r = only_run(empty, "--sim=" + INSTANT)
        equal(
            (r.code, m["collector"]["result"]["benchmark_data_count"]),
            (0, 0),
            "empty folder: runs on no data",
        )


rig.main()
