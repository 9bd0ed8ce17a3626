"""What a program that knows only the reference's schema expects of metrics.json and summary.json."""

import json
import re

OPTIONS = {
    "num_ctx": int,
    "num_gpu": int,
    "repeat_penalty": float,
    "temperature": float,
    "top_k": int,
    "top_p": float,
    "seed": int,
    "num_predict": int,
}
CONFIG = {"base_url": str, "id": str, "label": str, "model": str, "options": "options", "prompt": str}
CALL = {
    "eval_duration_ms": float,
    "load_duration_ms": float,
    "prompt_eval_duration_ms": float,
    "throughput_tokens_per_sec": float,
    "total_duration_ms": float,
    "ttft_ms": float,
    "tokens_generated": int,
}
AGGREGATE = {
    "average_tokens_per_second": float,
    "average_ttft_ms": float,
    "eval_duration_ms": float,
    "load_duration_ms": float,
    "prompt_eval_duration_ms": float,
    "stddev_throughput": float,
    "stddev_ttft": float,
    "total_duration_ms": float,
    "total_tokens_generated": int,
}
ANALYSIS = {
    "key_findings": [str],
    "performance_metrics": "metrics",
    "raw_response": str,
    "recommendations": [str],
    "summary": str,
}
RESULT = {
    "agent_type": str,
    "aggregate_metrics": AGGREGATE,
    "analysis": ANALYSIS,
    "benchmark_data_count": int,
    "configuration": "options",
    "data_summary": str,
    "individual_runs": [CALL],
    "llm_calls": [{"metrics": CALL, "prompt": str, "response": str, "stage": str}],
    "model": str,
    "prompt": str,
    "report_markdown": str,
    "runs": int,
    "system_info": {"arch": str, "hostname": str, "os": str, "rust_version": str},
    "timestamp": str,
    "workflow": {
        "analysis_seconds": float,
        "ingest_seconds": float,
        "report_seconds": float,
        "total_seconds": float,
    },
}
EXECUTION = {"config": CONFIG, "execution_time_s": float, "result": RESULT}
RUN_SUMMARY = {
    "collector_throughput": float,
    "collector_ttft_ms": float,
    "concurrency_speedup": float,
    "concurrent_wall_time_s": float,
    "efficiency_percent": float,
    "insight_throughput": float,
    "insight_ttft_ms": float,
    "sequential_estimated_s": float,
    "throughput_delta": float,
    "ttft_delta_ms": float,
    "resource_contention_detected": bool,
    "run_number": int,
    "scenario": str,
}
METRICS = {
    "collector": EXECUTION,
    "insight": EXECUTION,
    "run_number": int,
    "scenario": str,
    "summary": RUN_SUMMARY,
}
SUMMARY = {
    "agent_a": CONFIG,
    "agent_b": CONFIG,
    "aggregate": {
        "average_concurrency_speedup": float,
        "average_efficiency": float,
        "average_throughput_delta": float,
        "average_ttft_delta_ms": float,
    },
    "generated_at": str,
    "runs": [RUN_SUMMARY],
    "scenario": str,
}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(\d{3}|\d{6}|\d{9}))?Z")


def mismatches(value, schema, path="$"):
    """What is wrong with `value`, as text; empty when nothing is."""
    if schema == "options":
        wrong = [k for k, v in value.items() if k not in OPTIONS or type(v) is not OPTIONS[k]]
        return [path + ": " + k for k in wrong]
    if schema == "metrics":
        good = all(
            type(v) in (int, float, str) or type(v) is list and all(type(s) is str for s in v)
            for v in value.values()
        )
        return [] if good else [path + ": a metric of another type"]
    if isinstance(schema, dict):
        if type(value) is not dict:
            return [path + ": not an object"]
        known = set(schema) | ({"chimera"} if path == "$" else set())
        found = ["%s: missing %s" % (path, k) for k in schema.keys() - value.keys()]
        found += ["%s: extra %s" % (path, k) for k in value.keys() - known]
        for k in schema.keys() & value.keys():
            found += mismatches(value[k], schema[k], path + "." + k)
        return found
    if isinstance(schema, list):
        if type(value) is not list:
            return [path + ": not a list"]
        return [m for i, v in enumerate(value) for m in mismatches(v, schema[0], "%s[%d]" % (path, i))]
    return [] if type(value) is schema else ["%s: %r is no %s" % (path, value, schema.__name__)]


def layout_faults(text):
    """Sorted keys, two spaces, shortest floats with a fraction, no newline at the end."""
    found = []

    def pairs(items):
        keys = [k for k, _ in items]
        if keys != sorted(keys) or len(set(keys)) != len(keys):
            found.append("keys not sorted or not unique: %s" % keys)
        return dict(items)

    def number(raw):
        digits = lambda s: len(re.sub(r"[eE].*|[^0-9]", "", s).strip("0"))
        if digits(raw) > digits(repr(float(raw))):
            found.append("float not shortest: " + raw)
        return "@float " + raw

    value = json.loads(text, object_pairs_hook=pairs, parse_float=number)
    again = re.sub(r'"@float ([^"]*)"', r"\1", json.dumps(value, indent=2, ensure_ascii=False))
    if again != text:
        at = next((i for i, (a, b) in enumerate(zip(again, text)) if a != b), min(len(again), len(text)))
        found.append("layout differs at byte %d: %r" % (at, text[max(0, at - 40) : at + 40]))
    return found
