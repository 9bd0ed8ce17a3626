"""Whether the figures of a record follow from each other: every formula computed once more."""

import json
import math
import statistics

from rig import run
from schema import STAMP


def near(a, b):
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def wrong_figures(m):
    """Names of derived figures in a metrics.json that do not follow from the others."""
    wrong = []

    def same(name, got, wanted):
        if not near(got, wanted):
            wrong.append("%s: %r, not %r" % (name, got, wanted))

    for who in ("collector", "insight"):
        e = m[who]
        r, calls = e["result"], e["result"]["individual_runs"]
        a = r["aggregate_metrics"]
        rates, ttfts = [c["throughput_tokens_per_sec"] for c in calls], [c["ttft_ms"] for c in calls]
        same("rate", a["average_tokens_per_second"], statistics.mean(rates))
        same("ttft", a["average_ttft_ms"], statistics.mean(ttfts))
        same("rate sd", a["stddev_throughput"], statistics.stdev(rates) if len(rates) > 1 else 0)
        same("ttft sd", a["stddev_ttft"], statistics.stdev(ttfts) if len(ttfts) > 1 else 0)
        same("tokens", a["total_tokens_generated"], sum(c["tokens_generated"] for c in calls))
        for k in ("total_duration_ms", "load_duration_ms", "prompt_eval_duration_ms", "eval_duration_ms"):
            same(k, a[k], sum(c[k] for c in calls))
        for c in calls:
            seconds = max(c["eval_duration_ms"] / 1000, 1e-6)
            same("call rate", c["throughput_tokens_per_sec"], c["tokens_generated"] / seconds)
        if calls != [c["metrics"] for c in r["llm_calls"]]:
            wrong.append("llm_calls and individual_runs differ")
        if [c["stage"] for c in r["llm_calls"]] != ["analysis", "report"][: len(calls)]:
            wrong.append("stages")
        if (
            r["runs"] != len(calls)
            or r["model"] != e["config"]["model"]
            or r["agent_type"] != e["config"]["label"]
        ):
            wrong.append("runs, model or agent_type")
        if e["execution_time_s"] != r["workflow"]["total_seconds"]:
            wrong.append("execution_time_s is not total_seconds")
        if r["configuration"] != e["config"]["options"] or r["prompt"] != e["config"]["prompt"]:
            wrong.append("configuration or prompt")
        if not STAMP.fullmatch(r["timestamp"]):
            wrong.append("timestamp " + r["timestamp"])
        parts = sum(r["workflow"][k] for k in ("ingest_seconds", "analysis_seconds", "report_seconds"))
        if not parts <= e["execution_time_s"] <= parts + 0.1:
            wrong.append("the stages do not add up to the agent's time")
    s, a, b = m["summary"], m["collector"], m["insight"]
    rate = lambda e: e["result"]["aggregate_metrics"]["average_tokens_per_second"]
    ttft = lambda e: e["result"]["aggregate_metrics"]["average_ttft_ms"]
    same("sequential", s["sequential_estimated_s"], a["execution_time_s"] + b["execution_time_s"])
    same("speedup", s["concurrency_speedup"], s["sequential_estimated_s"] / s["concurrent_wall_time_s"])
    same("efficiency", s["efficiency_percent"], s["concurrency_speedup"] / 2 * 100)
    same("throughput delta", s["throughput_delta"], rate(b) - rate(a))
    same("ttft delta", s["ttft_delta_ms"], ttft(a) - ttft(b))
    for name, got, wanted in (
        ("collector_throughput", s["collector_throughput"], rate(a)),
        ("insight_throughput", s["insight_throughput"], rate(b)),
        ("collector_ttft_ms", s["collector_ttft_ms"], ttft(a)),
        ("insight_ttft_ms", s["insight_ttft_ms"], ttft(b)),
    ):
        same(name, got, wanted)
    if s["resource_contention_detected"] != (s["concurrency_speedup"] < 1.5):
        wrong.append("contention")
    if (s["run_number"], s["scenario"]) != (m["run_number"], m["scenario"]):
        wrong.append("run_number or scenario")
    if s["concurrent_wall_time_s"] < max(a["execution_time_s"], b["execution_time_s"]) - 1e-9:
        wrong.append("the wall time is shorter than an agent's")
    wrong += wrong_decomposition(m)
    return wrong


def against_serial(m):
    """The figures that need the agents alone, for a record that has them."""
    c, wall = m["chimera"], m["summary"]["concurrent_wall_time_s"]
    alone = c["serial"]["agents"] if c["serial"] else []
    if not alone or not c["complete"] or any(a["validity"] == "error" for a in alone):
        absent = ("true_efficiency_percent", "true_speedup_tokens")
        return {"(not null) " + k: None for k in absent if c["decomposition"][k] is not None}
    seconds, tokens = sum(a["seconds"] for a in alone), sum(a["tokens"] for a in alone)
    return {
        "true_efficiency_percent": 100 * seconds / (len(alone) * wall),
        "true_speedup_tokens": c["decomposition"]["aggregate_tps"] / (tokens / seconds),
    }


def wrong_decomposition(m):
    times = [m[k]["execution_time_s"] for k in ("collector", "insight")]
    wall, c = m["summary"]["concurrent_wall_time_s"], m["chimera"]
    waited = sum(a["ready_wait_ms"] for a in c["agents"])
    tokens = sum(call["tokens"] for a in c["agents"] for call in a["calls"])
    wanted = {
        "imbalance_pp": 100 - 100 * sum(times) / (2 * max(times)),
        "imbalance_pp_of_wall": 100 * (2 * max(times) - sum(times)) / (2 * wall),
        "overhead_ms": 1000 * (wall - max(times)),
        "overhead_pp": 100 * (wall - max(times)) / wall,
        "efficiency_percent": 100 * sum(times) / (2 * wall),
        "makespan_s": wall,
        "aggregate_tps": tokens / wall,
        "contention_percent": waited / 10 / sum(times),
    }
    got = c["decomposition"]
    # A difference of seconds that both went through a double keeps nine digits of the seconds.
    close = lambda k: math.isclose(got[k], wanted[k], rel_tol=1e-9, abs_tol=1e-6)
    whole = got["efficiency_percent"] + got["imbalance_pp_of_wall"] + got["overhead_pp"]
    if abs(whole - 100) > 1e-9:
        return ["efficiency, imbalance and overhead of the wall time are %r" % whole]
    wanted.update(against_serial(m))
    return ["%s: %r, not %r" % (k, got.get(k), wanted[k]) for k in wanted if k not in got or not close(k)]


def wrong_summary(summary, metrics):
    wrong = [] if summary["runs"] == [m["summary"] for m in metrics] else ["runs"]
    of = lambda key: [m["summary"][key] for m in metrics]
    pairs = {
        "average_concurrency_speedup": "concurrency_speedup",
        "average_efficiency": "efficiency_percent",
        "average_throughput_delta": "throughput_delta",
        "average_ttft_delta_ms": "ttft_delta_ms",
    }
    wrong += [k for k, v in pairs.items() if not near(summary["aggregate"][k], statistics.mean(of(v)))]
    for name, spread in summary["chimera"]["figures"].items():
        values = [m["summary"].get(name, m["chimera"]["decomposition"].get(name)) for m in metrics]
        sd = statistics.stdev(values) if len(values) > 1 else 0
        if not near(spread["mean"], statistics.mean(values)) or not near(spread["sd"], sd):
            wrong.append(name)
    if (summary["agent_a"], summary["agent_b"]) != (
        metrics[0]["collector"]["config"],
        metrics[0]["insight"]["config"],
    ):
        wrong.append("agents")
    if not STAMP.fullmatch(summary["generated_at"]):
        wrong.append("generated_at")
    return wrong


def only_run(*arguments, **how):
    """The metrics document of the single run that the arguments make, and the outcome."""
    outcome = run("run", *arguments, "-f", "ndjson", **how)
    lines = outcome.text.split("\n")
    return (json.loads(lines[0]) if lines[0] else None), outcome
