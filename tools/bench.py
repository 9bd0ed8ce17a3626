"""chimera against a bare C epoll client that makes the same requests, interleaved in one go.

    make bench                                   builds what it needs and runs this
    make bench BENCH="--rounds 21 --tokens 400"

Two simulated servers, two agents, two streaming calls each. Every round runs both programs, in
turning order; a ratio is taken within a round, and the median over rounds is shown. Limits:

    startup      exec to the first request byte at the server      <= 1.5 x the C client
    CPU paced    user + system per streamed token at 200 tokens/s  <= 1.3 x
    RSS          largest of chimera                                <  4 MB

A streamed token's cost is that of a long run less that of a short one, divided by the tokens
between them: reading the folder, starting and reporting, which the C client does not do, are in
both. The whole process per token is shown too, and full speed, both without a limit. Exit 1 when a limit is broken.
"""

import argparse
import os
import select
import socket
import statistics
import subprocess
import sys
import time

STARTUP_LIMIT = 1.5
CPU_LIMIT = 1.3
RSS_LIMIT = 4_000_000
AGENTS = 2
CALLS = 2
SHORT = 20  # tokens per call of the short runs


class Cost:
    """What tools/measure.c reports of one run."""

    def __init__(self, lines):
        self.start_ns = int(lines[0])
        fields = [int(f) for f in lines[1].split()]
        self.exit, user, system, self.rss_kib, self.switches = fields
        self.cpu_us = user + system


def launch(measure, command):
    """Starts `command` under `measure`; returns (process, pipe that carries the report)."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [measure, str(writer), *command],
        pass_fds=[writer], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.close(writer)
    return process, reader


def finish(process, reader, must_succeed, command):
    errors = process.communicate()[1].decode(errors="replace")
    with os.fdopen(reader) as pipe:
        lines = pipe.read().splitlines()
    if len(lines) < 2:
        sys.exit(f"bench: no report about {' '.join(command)}\n{errors}")
    cost = Cost(lines)
    if must_succeed and cost.exit != 0:
        sys.exit(f"bench: exit {cost.exit} of {' '.join(command)}\n{errors}")
    return cost


def measure_run(measure, command):
    return finish(*launch(measure, command), True, command)


def measure_startup(measure, make_command):
    """Nanoseconds from exec to the first byte at either of two listening sockets, then hangs up."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(AGENTS)]
    urls = [f"http://127.0.0.1:{s.getsockname()[1]}" for s in listeners]
    command = make_command(urls)
    process, reader = launch(measure, command)
    watched, arrived = list(listeners), None
    give_up = time.monotonic() + 10
    while arrived is None and time.monotonic() < give_up:
        for s in select.select(watched, [], [], 1)[0]:
            if s in listeners:
                watched.append(s.accept()[0])
            elif s.recv(1):
                arrived = time.monotonic_ns()
                break
            else:
                watched.remove(s)
    for s in listeners:
        s.close()
    for s in watched:
        s.close()
    cost = finish(process, reader, False, command)
    if arrived is None:
        sys.exit(f"bench: no byte arrived from {' '.join(command)} (exit {cost.exit})")
    return arrived - cost.start_ns


class Servers:
    """One simulated server per agent, ended with the block."""

    def __init__(self, chimera, rate, tokens):
        self.command = [chimera, "sim", "--port", "0", "--ttft", "5ms", "--rate", str(rate),
                        "--tokens", str(tokens)]

    def __enter__(self):
        self.processes = [subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
                          for _ in range(AGENTS)]
        first = [p.stdout.readline().split() for p in self.processes]
        if not all(words[:2] == ["listening", "on"] for words in first):
            sys.exit(f"bench: {' '.join(self.command)} did not say where it listens: {first}")
        return [words[2] for words in first]

    def __exit__(self, *_):
        for p in self.processes:
            p.terminate()
        for p in self.processes:
            p.wait()


def interleave(rounds, first, second):
    """Runs both in every round, in turning order, one round unseen; returns two lists."""
    a, b = [], []
    for i in range(rounds + 1):
        pair = [(first, a), (second, b)]
        for run, into in pair if i % 2 == 0 else reversed(pair):
            into.append(run())
    return a[1:], b[1:]


def ratio(a, b):
    return statistics.median(x / y for x, y in zip(a, b))


def verdict(value, limit):
    return "ok" if value <= limit else "OVER"


def row(name, a, b, unit, limit=None):
    r = ratio(a, b)
    tail = f"limit {limit:.2f}  {verdict(r, limit)}" if limit else ""
    print(f"{name:<30}{statistics.median(a):>11.2f}{statistics.median(b):>11.2f} {unit:<6}"
          f"{r:>7.2f}x  {tail}")
    return limit is None or r <= limit


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("chimera")
    p.add_argument("client", help="build/epoll_client")
    p.add_argument("measure", help="build/measure")
    p.add_argument("--rounds", type=int, default=11)
    p.add_argument("--tokens", type=int, default=300, help="per call when paced (300)")
    p.add_argument("--fast-tokens", type=int, default=5000, help="per call at full speed (5000)")
    p.add_argument("--dir", default="samples/notes")
    o = p.parse_args()
    notes = os.path.abspath(o.dir)

    def ours(urls, tokens):
        endpoints = [word for url in urls for word in ("-u", url)]
        return [o.chimera, "run", notes, *endpoints, "--runtime", "fixed", "--num-predict",
                str(tokens), "--quiet"]

    def theirs(urls, tokens):
        return [o.client, "-a", str(AGENTS), "-r", str(CALLS), "-n", str(tokens), *urls]

    def cpu_round(rate, tokens):
        with Servers(o.chimera, rate, tokens) as urls:
            counted = int(subprocess.check_output(theirs(urls, tokens)))
            if counted != AGENTS * CALLS * tokens:
                sys.exit(f"bench: the C client counted {counted} tokens, not {AGENTS * CALLS * tokens}")
            return interleave(o.rounds, lambda: measure_run(o.measure, ours(urls, tokens)),
                              lambda: measure_run(o.measure, theirs(urls, tokens)))

    def per_token(costs, tokens):
        return [c.cpu_us / (AGENTS * CALLS * tokens) for c in costs]

    def streamed(longer, shorter, tokens):
        more = AGENTS * CALLS * (tokens - SHORT)
        return [max(0.1, (x.cpu_us - y.cpu_us) / more) for x, y in zip(longer, shorter)]

    print(f"{o.rounds} rounds, medians; ratios within a round")
    print(f"{'':<30}{'chimera':>11}{'C client':>11}")
    fine = True
    a, b = interleave(max(o.rounds, 31),
                      lambda: measure_startup(o.measure, lambda urls: ours(urls, 100)),
                      lambda: measure_startup(o.measure, lambda urls: theirs(urls, 100)))
    fine &= row("startup: run", [x / 1000 for x in a], [x / 1000 for x in b], "us", STARTUP_LIMIT)

    short = cpu_round(200, SHORT)
    paced = cpu_round(200, o.tokens)
    fine &= row("CPU per streamed token, paced",
                *(streamed(x, y, o.tokens) for x, y in zip(paced, short)), "us", CPU_LIMIT)
    row("whole process per token", *(per_token(c, o.tokens) for c in paced), "us")
    fast = cpu_round(1_000_000, o.fast_tokens)
    row("CPU per token, full speed", *(per_token(c, o.fast_tokens) for c in fast), "us")
    row("context switches, paced", *([max(1, c.switches) for c in x] for x in paced), "")

    rss = [max(c.rss_kib for c in x) * 1024 for x in paced]
    print(f"{'largest RSS, paced':<30}{rss[0] / 1e6:>11.2f}{rss[1] / 1e6:>11.2f} MB"
          f"{'':>12}  limit {RSS_LIMIT / 1e6:.2f}  {verdict(rss[0], RSS_LIMIT)}")
    sys.exit(0 if fine and rss[0] < RSS_LIMIT else 1)


if __name__ == "__main__":
    main()
