"""The experiment of the study on equal agents: can the runtimes be told apart at all?

    make judge                       20 runs of everything: about 20 minutes
    make judge JUDGE='--runs 5'      fewer runs
    make judge JUDGE='--lanes 2'     so many experiments at a time, for a look on a machine with room

Every preset and the bare epoll client (tools/epoll_client.c), in an order shuffled anew for each run,
on two simulated servers whose answers are equally long: two agents, two calls each, 41 tokens/s, 60
tokens, about 3 s. Clients run on one processor, servers on another.

    efficiency = 100 * sum(T) / (2 * wall), T the time of an agent, wall of both together

What is expected, and judged:

    every preset but async-std   mean within 0.02 pp of the bare client's, no run below 99.8 %,
                                 standard deviation below 0.05 pp
    async-std                    50.0 +- 0.5 %: one permit, so one agent after the other
    smol and smol-1kb            do not differ (Welch's t, Mann-Whitney U: p > 0.01), in efficiency
                                 and in TTFT
    upstream-smol-1kb            its TTFT is later than upstream-smol's by (ceil(1024/line) - 1)/rate:
                                 1 KB is withheld until it is full

Exit 1 when one of them does not hold.
"""

import argparse
import concurrent.futures
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import time
import urllib.request

RATE = 41
TOKENS = 60
TTFT = 0.08
BARE = "bare client"
WITHHOLDS = "upstream-smol-1kb"
PRESETS = ["tokio-default", "tokio-localset", "asyncio", "smol", "smol-1kb", "async-std",
           "upstream-smol", WITHHOLDS]
AGENTS = 2


# ---- statistics ----------------------------------------------------------------------------------


def normal_tail(z):
    """P(|Z| > z)."""
    return math.erfc(abs(z) / math.sqrt(2))


def beta_fraction(a, b, x):
    """The continued fraction of the incomplete beta function (Lentz)."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 300):
        for term in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                     -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 + term * d
            c = 1 + term / c
            d = 1 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            result *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return result


def incomplete_beta(a, b, x):
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
                     + a * math.log(x) + b * math.log(1 - x))
    if x < (a + 1) / (a + b + 2):
        return front * beta_fraction(a, b, x) / a
    return 1 - front * beta_fraction(b, a, 1 - x) / b


def welch_p(a, b):
    """Two-sided p of Welch's t-test; 1 when neither side varies and both are equal."""
    va, vb = (statistics.variance(v) / len(v) for v in (a, b))
    difference = statistics.fmean(a) - statistics.fmean(b)
    if va + vb == 0:
        return 1.0 if difference == 0 else 0.0
    t = difference / math.sqrt(va + vb)
    df = (va + vb) ** 2 / (va ** 2 / (len(a) - 1) + vb ** 2 / (len(b) - 1))
    return incomplete_beta(df / 2, 0.5, df / (df + t * t))


def mann_whitney_p(a, b):
    """Two-sided p by the normal approximation, with ties and continuity corrected."""
    both = sorted([(x, 0) for x in a] + [(x, 1) for x in b])
    n, m, total = len(a), len(b), len(a) + len(b)
    rank_sum = ties = 0.0
    at = 0
    while at < total:
        end = at
        while end < total and both[end][0] == both[at][0]:
            end += 1
        rank_sum += (at + 1 + end) / 2 * sum(1 for x in both[at:end] if x[1] == 0)
        ties += (end - at) ** 3 - (end - at)
        at = end
    u = rank_sum - n * (n + 1) / 2
    sd = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    distance = abs(u - n * m / 2)
    return normal_tail(max(0, distance - 0.5) / sd) if sd > 0 else 1.0


# ---- one run -------------------------------------------------------------------------------------


class Lane:
    """Two servers of its own, so that lanes do not share any."""

    def __init__(self, o, client_cpu, server_cpu):
        self.o = o
        self.client_cpu = client_cpu
        command = [o.chimera, "sim", "--port", "0", "--ttft", f"{TTFT}s", "--rate", str(RATE),
                   "--tokens", str(o.tokens)]
        pin = lambda: os.sched_setaffinity(0, {server_cpu})
        self.servers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pin)
                        for _ in range(AGENTS)]
        self.urls = [p.stdout.readline().split()[-1] for p in self.servers]

    def close(self):
        for p in self.servers:
            p.terminate()
            p.wait()

    def start(self, command):
        pin = lambda: os.sched_setaffinity(0, {self.client_cpu})
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, preexec_fn=pin)
        if done.returncode != 0:
            sys.exit(f"judge: exit {done.returncode} of {' '.join(command)}\n{done.stderr}")
        return done.stdout

    def run(self, name):
        return self.bare() if name == BARE else self.preset(name)

    def bare(self):
        said = self.start([self.o.client, "-v", "-a", str(AGENTS), "-n", str(self.o.tokens), *self.urls])
        agents = [float(t) for t in re.findall(r"^agent \d+ (\S+)$", said, re.M)]
        wall = float(re.search(r"^wall (\S+)$", said, re.M)[1])
        return {"efficiency": 100 * sum(agents) / (AGENTS * wall), "ttft": []}

    def preset(self, name):
        endpoints = [word for url in self.urls for word in ("-u", url)]
        said = self.start([self.o.chimera, "run", self.o.dir, *endpoints, "--preset", name, "--quiet",
                           "--num-predict", str(self.o.tokens), "-f", "json"])
        record = json.loads(said)["runs"][0]
        calls = [c for a in record["chimera"]["agents"] for c in a["calls"]]
        short = [c["tokens"] for c in calls if c["tokens"] != self.o.tokens]
        if short or len(calls) != 2 * AGENTS:
            sys.exit(f"judge: {name}: {len(calls)} calls, tokens {short} instead of {self.o.tokens}")
        return {"efficiency": record["summary"]["efficiency_percent"], "ttft": [c["ttft_ms"] for c in calls]}


def line_bytes(url, tokens):
    """Mean size of a streamed line of the server."""
    body = json.dumps({"model": "gemma3:latest", "prompt": "analyse", "options": {"num_predict": tokens}})
    with urllib.request.urlopen(urllib.request.Request(url + "/api/generate", body.encode())) as r:
        lines = r.read().splitlines(keepends=True)[:-1]
    return statistics.fmean(len(line) for line in lines)


def gather(o, names):
    """All runs: {name: [result of each run]}, every round in an order of its own."""
    allowed = sorted(os.sched_getaffinity(0))
    lanes = [Lane(o, allowed[0], allowed[-1]) for _ in range(o.lanes)]
    try:
        rng = random.Random(o.seed)
        order = []
        for _ in range(o.runs):
            shuffled = list(names)
            rng.shuffle(shuffled)
            order += shuffled
        size = line_bytes(lanes[0].urls[0], o.tokens)
        results = {name: [] for name in names}

        def lane_work(lane, begin=time.monotonic()):
            while order:
                name = order.pop(0)
                results[name].append(lane.run(name))
                if sys.stderr.isatty():
                    print(f"\r{len(order)} runs left, {time.monotonic() - begin:.0f} s ", end="",
                          file=sys.stderr)

        with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
            for f in [pool.submit(lane_work, lane) for lane in lanes]:
                f.result()
    finally:
        for lane in lanes:
            lane.close()
    return results, size


# ---- the verdict ---------------------------------------------------------------------------------


class Verdict:
    def __init__(self):
        self.fine = True

    def line(self, holds, words):
        self.fine = self.fine and holds
        print(f"{'holds' if holds else 'FAILS'}  {words}")


def column(results, name, what):
    values = [r[what] for r in results[name]]
    return [statistics.fmean(v) for v in values] if what == "ttft" else values


def table(results):
    print(f"\n{'efficiency, %':<20}{'runs':>5}{'mean':>10}{'sd, pp':>9}{'worst':>10}{'best':>10}"
          f"{'TTFT, ms':>11}")
    for name in results:
        e = column(results, name, "efficiency")
        ttft = "" if name == BARE else f"{statistics.fmean(column(results, name, 'ttft')):11.2f}"
        print(f"{name:<20}{len(e):>5}{statistics.fmean(e):>10.4f}{statistics.stdev(e):>9.4f}"
              f"{min(e):>10.4f}{max(e):>10.4f}{ttft}")
    print()


def judge_efficiency(v, results):
    bare = statistics.fmean(column(results, BARE, "efficiency"))
    for name in results:
        e = column(results, name, "efficiency")
        mean, sd = statistics.fmean(e), statistics.stdev(e)
        if name == BARE:
            continue
        if name == "async-std":
            v.line(abs(mean - 50) <= 0.5 and max(abs(x - 50) for x in e) <= 0.5,
                   f"{name}: {mean:.3f} %, wanted 50.0 +- 0.5 in every run")
            continue
        v.line(abs(mean - bare) <= 0.02, f"{name}: mean {mean - bare:+.4f} pp from the bare client's, "
               "wanted 0.02")
        v.line(min(e) >= 99.8, f"{name}: worst run {min(e):.4f} %, wanted 99.8")
        v.line(sd < 0.05, f"{name}: standard deviation {sd:.4f} pp, wanted < 0.05")


def judge_presets(v, o, results, size):
    if {"smol", "smol-1kb"} <= results.keys():
        for what in ("efficiency", "ttft"):
            a, b = (column(results, name, what) for name in ("smol", "smol-1kb"))
            t, u = welch_p(a, b), mann_whitney_p(a, b)
            v.line(t > 0.01 and u > 0.01,
                   f"smol and smol-1kb do not differ in {what}: Welch p {t:.3f}, Mann-Whitney p {u:.3f}")
    if {"upstream-smol", WITHHOLDS} <= results.keys():
        extra = statistics.fmean(column(results, WITHHOLDS, "ttft")) \
            - statistics.fmean(column(results, "upstream-smol", "ttft"))
        gap = 1000 / RATE
        predicted = (math.ceil(1024 / size) - 1) * gap
        v.line(abs(extra - predicted) <= gap / 2,
               f"{WITHHOLDS}: TTFT {extra:.1f} ms later, predicted {predicted:.1f} (lines of {size:.1f} "
               f"bytes, {math.ceil(1024 / size)} of them at {RATE}/s)")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("chimera")
    p.add_argument("client", help="build/epoll_client")
    p.add_argument("--runs", type=int, default=20)
    p.add_argument("--tokens", type=int, default=TOKENS, help="per call (60)")
    p.add_argument("--lanes", type=int, default=1, help="experiments at the same time (1)")
    p.add_argument("--only", action="append", help="this preset, repeatable (all)")
    p.add_argument("--seed", type=int, default=1, help="of the order")
    p.add_argument("--dir", default="samples/notes")
    o = p.parse_args()
    if o.runs < 2:
        p.error("--runs: at least 2")
    names = [BARE, *(o.only or PRESETS)]
    results, size = gather(o, names)
    table(results)
    v = Verdict()
    judge_efficiency(v, results)
    judge_presets(v, o, results, size)
    sys.exit(0 if v.fine else 1)


if __name__ == "__main__":
    main()
