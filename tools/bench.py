"""chimera against the least a program can do: the bare C epoll client, interleaved in one go.

    make bench                    micro-benchmarks, then this: about 6 minutes
    make bench BENCH=quick        a look at everything in half a minute; nothing is judged
    make bench BENCH='-k memory'  only the parts whose name contains that
                                  (micro startup paced full-speed streams delay memory)

Both sides have the same libc (static glibc; static musl for memory), read 1 KB at a time and talk to
the same two simulated servers. Clients run on one processor, servers on another. They take turns
within every round; figures are medians over the rounds.

A streamed token's cost is that of a long run less that of a short one, divided by the tokens between
them: starting, reading the folder and reporting, which the C client does not do, are in both runs.
`run` is the whole program, `streams` its client library alone (tools/bench/streams.cpp) for what `run`
does not tell: the instant of every token, and more streams than it takes agents. Both have two
threads, which one processor has to switch between; `local` is one thread, as the C client has. Delay is
from the instant the server handed a token to the system to the instant the read that brought it returned.

Exit 1 when a limit is broken.
"""

import argparse
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time

STARTUP = 1.3
CPU = 1.15
DELAY_P50 = 1.15
DELAY_P99 = 1.3
RUN_RSS = 600_000
STREAMS_RSS = 3_000_000
IDLE_BYTES = 2048

AGENTS = 2
CALLS = 2
SERVERS = 2
LOCAL = ("-k", "local")   # of `streams`


def processors():
    """(of the clients, of the servers and of this program); the same one when there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


CLIENT_CPU, SERVER_CPU = processors()


# ---- running things ------------------------------------------------------------------------------


class Cost:
    """What tools/measure.c reports of one run, and what the program said."""

    def __init__(self, lines, said):
        self.start_ns = int(lines[0])
        self.exit, user, system, self.rss_kib, self.switches = (int(f) for f in lines[1].split())
        self.cpu_us = user + system
        self.said = said
        self.tokens_a_read = None   # streams and the C client say


def launch(measure, command):
    """Starts `command` under `measure`; returns (process, pipe that carries the report)."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [measure, str(writer), str(CLIENT_CPU), *command],
        pass_fds=[writer], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(writer)
    return process, reader


def finish(process, reader, must_succeed, command):
    said, errors = (b.decode(errors="replace") for b in process.communicate())
    with os.fdopen(reader) as pipe:
        lines = pipe.read().splitlines()
    if len(lines) < 2:
        sys.exit(f"bench: no report about {' '.join(command)}\n{errors}")
    cost = Cost(lines, said)
    if must_succeed and cost.exit != 0:
        sys.exit(f"bench: exit {cost.exit} of {' '.join(command)}\n{errors}")
    return cost


class Servers:
    """Simulated servers, ended with the block. `truth`: a folder for the files of send instants."""

    def __init__(self, chimera, keys, truth=None, count=SERVERS):
        words = [word for key, value in keys.items() for word in ("--" + key, str(value))]
        self.files = [f"{truth}/{i}" for i in range(count)] if truth else []
        self.commands = [[chimera, "sim", "--port", "0", *words] for _ in range(count)]
        for command, file in zip(self.commands, self.files):
            command += ["--truth", file]
        self.read_to = [0] * len(self.files)

    def __enter__(self):
        self.processes = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for c in self.commands]
        first = [p.stdout.readline().split() for p in self.processes]
        if not all(words[:2] == ["listening", "on"] for words in first):
            sys.exit(f"bench: {' '.join(self.commands[0])} did not say where it listens: {first}")
        self.urls = [words[2] for words in first]
        return self

    def __exit__(self, *_):
        for p in self.processes:
            p.terminate()
        for p in self.processes:
            p.wait()

    def sent(self, streams, tokens):
        """Send instants since the last call: for each stream, in the order of its tokens.

        Stream i is the (i div n)-th new connection of server i mod n: both clients dial in order.
        """
        out = [None] * streams
        for server, path in enumerate(self.files):
            wanted = len(range(server, streams, len(self.files))) * tokens
            by_connection = {}
            for mark in self.new_marks(server, path, wanted):
                by_connection.setdefault(mark["connection"], []).append((mark["request"], mark["index"],
                                                                         mark["sent_ns"]))
            for rank, connection in enumerate(sorted(by_connection)):
                out[server + rank * len(self.files)] = [m[2] for m in sorted(by_connection[connection])]
        return out

    def new_marks(self, server, path, wanted):
        give_up = time.monotonic() + 10
        while True:
            with open(path, "rb") as f:
                f.seek(self.read_to[server])
                new = f.read()
            marks = [json.loads(line) for line in new.splitlines() if b'"event":"token"' in line]
            if len(marks) >= wanted or time.monotonic() > give_up:
                break
            time.sleep(0.1)
        if len(marks) != wanted:
            sys.exit(f"bench: {path} has {len(marks)} tokens, not {wanted}")
        self.read_to[server] += len(new)
        return marks


def interleave(rounds, *runs):
    """Runs all in every round, in turning order; the first of several rounds is not counted. Returns
    a list of results each."""
    results = [[] for _ in runs]
    for i in range(0 if rounds > 1 else 1, rounds + 1):
        for k in range(len(runs)):
            which = (i + k) % len(runs)
            result = runs[which]()
            if i > 0:
                results[which].append(result)
    return results


# ---- the table -----------------------------------------------------------------------------------


class Table:
    def __init__(self):
        self.broken = []

    def head(self, title, ours, theirs):
        print(f"\n{title:<44}{ours:>11}{theirs:>11}", flush=True)

    def verdict(self, name, value, limit):
        if limit is None:
            return ""
        if value > limit:
            self.broken.append(name)
        return "ok" if value <= limit else "OVER"

    def ratio(self, name, ours, theirs, unit, limit=None, note=""):
        """Two figures of the same thing, judged by their ratio."""
        r = ours / theirs if theirs > 0 else float("inf")
        tail = note if limit is None else f"<= {limit:.2f}x  {self.verdict(name, r, limit)}"
        print(f"{name:<44}{ours:>11.2f}{theirs:>11.2f} {unit:<6}{r:>7.2f}x  {tail}", flush=True)

    def amount(self, name, ours, theirs, unit, limit):
        """Our figure, judged by itself."""
        print(f"{name:<44}{ours:>11.3f}{theirs:>11.3f} {unit:<6}{'':>8}  <= {limit:g} {unit}  "
              f"{self.verdict(name, ours, limit)}", flush=True)


def quantile(values, q):
    """Linear interpolation between closest ranks."""
    v = sorted(values)
    at = q * (len(v) - 1)
    low = int(at)
    high = min(low + 1, len(v) - 1)
    return v[low] + (v[high] - v[low]) * (at - low)


# ---- what is measured ----------------------------------------------------------------------------


class Bench:
    def __init__(self, build, notes, quick):
        self.build = build
        self.notes = notes
        self.quick = quick
        self.table = Table()
        self.measure = build + "/measure"

    def program(self, name, musl=False):
        return f"{self.build}/musl/{name}" if musl else f"{self.build}/{name}"

    def run(self, urls, tokens, musl=False, runtime="fixed", notes=None):
        endpoints = [word for url in urls for word in ("-u", url)]
        return [self.program("chimera", musl), "run", notes or self.notes, *endpoints, "--read-size", "1024",
                "--num-predict", str(tokens), "--quiet", "--runtime", runtime]

    def client(self, urls, tokens, streams=AGENTS, calls=CALLS, musl=False, name="epoll_client"):
        return [self.program(name, musl), "-a", str(streams), "-r", str(calls), "-n", str(tokens), *urls]

    def once(self, command, tokens=None):
        cost = finish(*launch(self.measure, command), True, command)
        words = cost.said.split()
        if words[1::2] == ["tokens", "reads"]:
            cost.tokens_a_read = int(words[0]) / int(words[2])
        if tokens is not None and int(words[0]) != tokens:
            sys.exit(f"bench: {words[0]} tokens, not {tokens}: {' '.join(command)}")
        return cost

    # -- startup

    def startup_once(self, make_command):
        """Microseconds from exec to the first byte at either of two listening sockets."""
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(AGENTS)]
        urls = [f"http://127.0.0.1:{s.getsockname()[1]}" for s in listeners]
        command = make_command(urls)
        process, reader = launch(self.measure, command)
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
        for s in {*listeners, *watched}:
            s.close()
        cost = finish(process, reader, False, command)
        if arrived is None:
            sys.exit(f"bench: no byte arrived from {' '.join(command)} (exit {cost.exit})")
        return (arrived - cost.start_ns) / 1000

    def startup(self):
        """The C client reads no folder before it asks: `run` with next to none to read is beside `run` as it is."""
        self.table.head("startup: exec to the first request byte", "chimera", "C client")
        rounds = 5 if self.quick else 51
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/note.md", "w") as f:
                f.write("A line.\n")
            for musl in (False, True):
                libc, program = "musl" if musl else "glibc", self.program("chimera", musl)
                commands = [
                    lambda urls: self.client(urls, 100, musl=musl),
                    lambda urls: [program, "ask", "-u", urls[0], "-m", "gemma3", "why"],
                    lambda urls: self.run(urls, 100, musl, notes=folder),
                    lambda urls: self.run(urls, 100, musl),
                    lambda urls: [program, "fetch", urls[0]]]
                bare, ask, run, samples, fetch = (statistics.median(side) for side in interleave(
                    rounds, *(lambda c=c: self.startup_once(c) for c in commands)))
                self.table.ratio(f"startup: ask, {libc}", ask, bare, "us", STARTUP)
                self.table.ratio(f"startup: run, one short file, {libc}", run, bare, "us", STARTUP)
                self.table.ratio(f"startup: run, all of --dir, {libc}", samples, bare, "us", STARTUP)
                self.table.ratio(f"startup: fetch, {libc}", fetch, bare, "us")

    # -- CPU

    def slopes(self, keys, short, long, rounds, commands):
        """For each command(urls, tokens per call): microseconds of CPU per streamed token of one
        stream, and the tokens that a read brought."""
        with Servers(self.program("chimera"), keys) as servers:
            runs = [lambda c=c, t=t: self.once(c(servers.urls, t)) for c in commands for t in (short, long)]
            results = interleave(rounds, *runs)
        costs = [statistics.median(c.cpu_us for c in r) for r in results]
        slopes = [(costs[i + 1] - costs[i]) / (long - short) for i in range(0, len(costs), 2)]
        return slopes, [r[0].tokens_a_read for r in results[1::2]]

    def cpu(self, name, keys, short, long, rounds):
        keys = {"ttft": "5ms", "tokens": long, **keys}
        slopes, reads = self.slopes(
            keys, short, long, rounds,
            (self.run, lambda u, t: self.client(u, t, name="streams"), self.client,
             lambda u, t: self.run(u, t, runtime="local")))
        run, library, bare, local = (x / (AGENTS * CALLS) for x in slopes)
        self.table.ratio(f"{name}: run", run, bare, "us", CPU)
        self.table.ratio(f"{name}: run, local", local, bare, "us", CPU)
        self.table.ratio(f"{name}: streams", library, bare, "us",
                         note=f"{reads[1]:.1f} and {reads[2]:.1f} tokens a read")

    def paced(self):
        self.table.head("CPU per streamed token", "chimera", "C client")
        self.cpu("2 streams at 41/s", {"rate": 41}, *((5, 20, 1) if self.quick else (10, 110, 5)))

    def full_speed(self):
        self.table.head("CPU per streamed token", "chimera", "C client")
        sizes = (500, 5_000, 1) if self.quick else (2_000, 30_000, 9)
        for batch in (1, 64):
            keys = {"rate": "inf", "batch": batch}
            self.cpu(f"full speed, {batch} token{'s'[:batch > 1]} a packet", keys, *sizes)

    def streams(self):
        self.table.head("CPU per streamed token", "chimera", "C client")
        n, short, long, rounds = (1000, 10, 20, 1) if self.quick else (1000, 20, 100, 3)
        keys = {"ttft": "50ms", "rate": 20, "tokens": long, "slots": 4096}
        (ours, local, theirs), _ = self.slopes(keys, short, long, rounds, (
            lambda u, t: self.client(u, t, n, 1, name="streams"),
            lambda u, t: [*self.client(u, t, n, 1, name="streams"), *LOCAL],
            lambda u, t: self.client(u, t, n, 1)))
        self.table.ratio(f"{n} streams at 20/s: streams", ours / n, theirs / n, "us", CPU)
        self.table.ratio(f"{n} streams at 20/s: streams, local", local / n, theirs / n, "us", CPU)

    # -- delay

    def delays_once(self, servers, folder, side, n, tokens):
        trace, (name, *more) = folder + "/received", side
        self.once([*self.client(servers.urls, tokens, n, 1, name=name), *more, "-t", trace], n * tokens)
        received = [[] for _ in range(n)]
        with open(trace) as f:
            for line in f:
                stream, at = line.split()
                received[int(stream)].append(int(at))
        sent = servers.sent(n, tokens)
        delays = [b - a for s, r in zip(sent, received) for a, b in zip(s, r)]
        if len(delays) != n * tokens or min(delays) < 0:
            sys.exit(f"bench: tokens of {name} do not match the truth ({len(delays)}, {min(delays)} ns)")
        return delays

    def delay(self):
        self.table.head("delay of a token, sent to read", "streams", "C client")
        # Of each round its own quantiles, then the median over the rounds: in a pool of all rounds
        # one burst of the machine, which hits one side only, would be the p99.
        cases = [(2, 41, 160, 5), (1000, 20, 60, 7)]
        if self.quick:
            cases = [(2, 41, 20, 1), (1000, 20, 20, 1)]
        for n, rate, tokens, rounds in cases:
            keys = {"ttft": "50ms", "rate": rate, "tokens": tokens, "slots": 4096}
            with tempfile.TemporaryDirectory() as folder, Servers(
                    self.program("chimera"), keys, folder) as servers:
                sides = interleave(
                    rounds, *(lambda side=side: self.delays_once(servers, folder, side, n, tokens)
                              for side in (("streams",), ("streams", *LOCAL), ("epoll_client",))))
            for q, limit in ((0.5, DELAY_P50), (0.99, DELAY_P99)):
                ours, local, theirs = (statistics.median(quantile(r, q) / 1000 for r in side) for side in sides)
                self.table.ratio(f"{n} streams at {rate}/s: p{q * 100:g}", ours, theirs, "us", limit)
                self.table.ratio(f"{n} streams at {rate}/s: p{q * 100:g}, local", local, theirs, "us", limit)

    # -- memory

    def memory(self):
        self.table.head("memory, musl: largest resident set", "chimera", "C client")
        keys = {"ttft": "5ms", "rate": 1000, "tokens": 200}
        minimal = f"{self.build}/variants/musl/chimera-minimal"
        with Servers(self.program("chimera"), keys) as servers:
            ours, least, theirs = (max(c.rss_kib * 1024 / 1e6 for c in side) for side in interleave(
                1 if self.quick else 5, lambda: self.once(self.run(servers.urls, 200, musl=True)),
                lambda: self.once([minimal, *self.run(servers.urls, 200)[1:-2]]),
                lambda: self.once(self.client(servers.urls, 200, musl=True))))
        self.table.amount("run, 2 agents", ours, theirs, "MB", RUN_RSS / 1e6)
        self.table.amount("run, 2 agents, minimal binary", least, theirs, "MB", RUN_RSS / 1e6)

        n, tokens = 1000, 20 if self.quick else 60
        paced = {"ttft": "50ms", "rate": 20, "tokens": tokens, "slots": 4096}
        ours, theirs = self.most_memory(paced, SERVERS, n, tokens)
        self.table.amount(f"{n} streams at 20/s, no token lost", ours / 1e6, theirs / 1e6, "MB",
                          STREAMS_RSS / 1e6)

        n, few = 10_000, 100
        # All are dialled within 1 s; each is silent between its first token and its end, 3 s later.
        idle = {"ttft": "100ms", "rate": 0.3, "tokens": 1, "slots": 4096}
        many = self.most_memory(idle, 4, n, 1)
        base = self.most_memory({**idle, "rate": 10}, 4, few, 1)
        each = [(a - b) / (n - few) for a, b in zip(many, base)]
        self.table.amount(f"{n} idle streams, each", *each, "B", IDLE_BYTES)

    def most_memory(self, keys, servers, n, tokens):
        """Bytes: (streams, C client)."""
        with Servers(self.program("chimera"), keys, count=servers) as at:
            return [self.once(self.client(at.urls, tokens, n, 1, musl=True, name=name), n * tokens).rss_kib
                    * 1024 for name in ("streams", "epoll_client")]

    # -- micro

    def micro(self):
        command = [self.build + "/bench/micro", *(["quick"] if self.quick else [])]
        print(flush=True)
        if subprocess.run(command, preexec_fn=lambda: os.sched_setaffinity(0, {CLIENT_CPU})).returncode:
            self.table.broken.append("micro")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("build", help="the folder of the programs")
    p.add_argument("quick", nargs="?", choices=["quick"])
    p.add_argument("-k", metavar="PART", default="", help="only parts whose name contains it")
    p.add_argument("--dir", default="samples/notes")
    o = p.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {SERVER_CPU})
    print(f"clients on processor {CLIENT_CPU}, servers on {SERVER_CPU}")

    bench = Bench(o.build, os.path.abspath(o.dir), o.quick is not None)
    parts = {"micro": bench.micro, "startup": bench.startup, "paced": bench.paced,
             "full-speed": bench.full_speed, "streams": bench.streams, "delay": bench.delay,
             "memory": bench.memory}
    for name, part in parts.items():
        if o.k in name:
            part()
    broken = bench.table.broken
    print("\n" + (f"over the limit: {', '.join(broken)}" if broken else "every limit holds"))
    if bench.quick:
        print("quick: too few rounds to judge by")
    sys.exit(1 if broken and not bench.quick else 0)


if __name__ == "__main__":
    main()
