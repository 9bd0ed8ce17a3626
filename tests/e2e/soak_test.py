"""Many streams, slow and half-open clients, and faults without end: nothing is lost, memory stays flat.

    make load [MINUTES=10]                                  the long form, with its figures
    python3 tests/e2e/soak_test.py build/chimera            seconds each, part of `make test`

MINUTES is of each of the three parts; SOAK_STREAMS, SOAK_CLIENTS and SOAK_SEED change the rest.
"""

import collections
import contextlib
import json
import os
import random
import resource
import socket
import subprocess
import threading
import time

import rig
from rig import Sim, equal, folder, ok, start, test, wait

MINUTES = float(os.environ.get("MINUTES") or 0)
LONG = MINUTES > 0
SECONDS = MINUTES * 60 or 2.5
STREAMS = int(os.environ.get("SOAK_STREAMS") or (2000 if LONG else 200))
CLIENTS = int(os.environ.get("SOAK_CLIENTS") or (5000 if LONG else 300))
SEED = int(os.environ.get("SOAK_SEED") or random.randrange(1, 10**6))


def figure(text):
    if LONG:
        rig.say(text)


def percentiles(sample):
    """Of a report of `bench`; "-" where there are too few values."""
    shown = ["-" if sample[p] is None else "%.1f" % sample[p] for p in ("p50_ms", "p99_ms")]
    return "p50 %s p99 %s ms" % tuple(shown)


def rss(pid):
    """MB, as it is now."""
    with open("/proc/%d/status" % pid) as f:
        return int(f.read().split("VmRSS:")[1].split()[0]) / 1024


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def count(sim, name):
    """A figure of the simulator's own."""
    text = rig.run("fetch", sim.url + "/metrics", "--no-config").text
    return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


class Memory:
    """The RSS of processes, looked at while they work: at a third of the time and at its end."""

    def __init__(self, seconds, **pids):
        self.seen = {name: [] for name in pids}
        self.pids, self.begin, self.seconds = pids, time.monotonic(), seconds
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.over.wait(max(0.05, self.seconds / 300)):
            for name, pid in self.pids.items():
                with contextlib.suppress(OSError, IndexError):
                    self.seen[name].append((time.monotonic() - self.begin, rss(pid)))

    def judge(self, what, slack, **kept):
        """Flat: the end is no more than `slack` MB over a third of the way; `kept`: MB on top of it for a process."""
        self.over.set()
        self.thread.join()
        for name, seen in self.seen.items():
            third = max(m for t, m in seen if t <= self.seconds / 3)
            end = max(m for t, m in seen if t > self.seconds * 2 / 3)
            figure("%s: memory of %s: %.1f MB at a third, %.1f MB at the end" % (what, name, third, end))
            ok(end <= third + slack + kept.get(name, 0), "%s: memory of %s is flat" % (what, name), (third, end))


# ---- many streams -------------------------------------------------------------------------------


@test(alone=True)
def streams():
    """Every token that the server sent has come, of all streams."""
    tokens, rate = 50, 10
    with folder() as tmp, Sim("--ttft=50ms", "--rate=%d" % rate, "--tokens=%d" % tokens, "--slots=%d" % STREAMS,
                              "--seed=3", "--jitter=normal:10%") as sim:
        p = start("bench", "-u", sim.url, "-c", STREAMS, "-z", "%ds" % max(SECONDS, 2), "-f", "json", "-O", tmp + "/requests",
                  "--no-config")
        memory = Memory(SECONDS + tokens / rate, client=p.pid, sim=sim.process.pid)
        r = wait(p, SECONDS + 120)
        level = json.loads(r.out)["levels"][0]
        with open(tmp + "/requests") as f:
            requests = [json.loads(line) for line in f]
        # bench keeps the figures of each request, for exact percentiles: 40 bytes (lab/load_figures.hpp).
        # In the long form that and 1 MB is all.
        memory.judge("streams", 4, client=40 * len(requests) * 2 / 3 / 2**20 - 3 * LONG)
        sent = count(sim, "chimera_sim_tokens_total")
    equal((r.code, r.err), (0, b""), "streams: all well")
    equal(level["requests"]["succeeded"], len(requests), "streams: a line for each")
    short = [q for q in requests if (q["pieces"], q["tokens"]) != (tokens, tokens)]
    equal(short[:1], [], "streams: every answer has all of its tokens")
    equal(sum(q["pieces"] for q in requests), sent, "streams: what the server sent has come")
    figure("streams: %d at once for %.0f s: %d requests, %d tokens, none lost; %.0f tokens/s; itl (planned: 100) %s" % (
        STREAMS, r.seconds, len(requests), sent, sent / r.seconds, percentiles(level["itl"])))


# ---- clients of all kinds -----------------------------------------------------------------------

ASK = b'{"model":"m","prompt":"hello"}'
POST = b"POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(ASK) + ASK


class Crowd:
    """Clients that do not behave: they read slowly or nothing, ask by halves, or say nothing at all."""

    KINDS = (b"", POST[:20], POST[:-5], POST, POST, POST * 20)

    def __init__(self, port, size):
        self.sockets, self.dice = [], random.Random(SEED)
        for i in range(size):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", port))
            s.sendall(self.KINDS[i % len(self.KINDS)])
            s.setblocking(False)
            self.sockets.append(s)

    def nibble(self, seconds):
        """Some bytes here and there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for s in self.dice.sample(self.sockets, min(200, len(self.sockets))):
                with contextlib.suppress(OSError):
                    s.recv(self.dice.choice((1, 10, 100)))
            time.sleep(0.1)

    def leave(self):
        for i, s in enumerate(self.sockets):
            if i % 3 == 0:     # by a reset, while bytes are on their way
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.close()


@test(alone=True)
def clients():
    """The simulator serves who behaves, whatever the others do, and has nothing left of them when they go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    size = min(CLIENTS, hard - 200)
    if size < CLIENTS:
        rig.skip("clients: all %d" % CLIENTS, "a process may have %d descriptors here" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Sim("--ttft=10ms", "--rate=2", "--tokens=2000", "--slots=4096", "--queue=20000") as sim:
        before = descriptors(sim.process.pid)
        crowd = Crowd(sim.port, size)
        ok(rig.eventually(lambda: descriptors(sim.process.pid) >= before + size, 30), "clients: all are let in",
           descriptors(sim.process.pid))
        p = start("bench", "-u", sim.url, "-c", 20, "-z", "%ds" % SECONDS, "--num-predict", 2, "-f", "json", "--no-config")
        memory = Memory(SECONDS, sim=sim.process.pid)
        crowd.nibble(SECONDS)
        r = wait(p, 60)
        peak = rss(sim.process.pid)
        memory.judge("clients", 8)
        level = json.loads(r.out)["levels"][0]
        equal((r.code, sum(level["requests"]["failures"].values())), (0, 0), "clients: who behaves is served")
        figure("clients: beside %d of them %d requests in %.0f s, ttft (planned: 10) %s, %.1f MB" % (
            size, level["requests"]["succeeded"], SECONDS, percentiles(level["ttft"]), peak))
        crowd.leave()
        ok(rig.eventually(lambda: descriptors(sim.process.pid) <= before + 1, 30), "clients: nothing is left of them",
           (before, descriptors(sim.process.pid)))
        ok(rig.eventually(lambda: count(sim, "chimera_sim_in_flight") == 0, 10), "clients: no answer is under way")


# ---- faults without end -------------------------------------------------------------------------

FAULTS = """refuse:0.01 status-500:0.01 status-503:0.03 retry-after:0.002@1s fin:0.01@5 rst:0.01@5 error:0.01@5
bad-json:0.01@5 bad-chunk:0.01@5 no-last-chunk:0.01 drop-keep-alive:0.05 long-line:0.005@200000b split-utf8:0.05
crlf:0.05 stall:0.002@5 silence:0.002 slow-head:0.01@20ms""".split()
PROMPTS = 50


@test(alone=True)
def soak():
    """`map` with faults on: each record has exactly one outcome, and the counts add up."""
    simulated = ("--ttft=1ms", "--rate=2000", "--tokens=20", "--slots=32", "--seed=5")
    with Sim(*simulated) as sim:
        r = rig.run("map", "-u", sim.url, "--seed", 9, "--no-config", "--quiet", stdin=numbers(PROMPTS))
        good = [json.loads(line)["text"] for line in r.out.splitlines()]
    outcomes, given, wrong = collections.Counter(), 0, []
    with Sim(*simulated, *("--fault=" + f for f in FAULTS)) as sim:
        p = start("map", "-u", sim.url, "--seed", 9, "-j", 16, "--idle-timeout", "2s", "--no-config", stdin=subprocess.PIPE)
        memory = Memory(SECONDS, client=p.pid, sim=sim.process.pid)

        def feed():
            nonlocal given
            end = time.monotonic() + SECONDS
            while time.monotonic() < end and (LONG or given < 1500):
                p.stdin.write(b'{"id":%d,"prompt":"number %d"}\n' % (given, given % PROMPTS))
                given += 1
            p.stdin.close()

        feeder = threading.Thread(target=feed)
        feeder.start()
        begin = time.monotonic()
        for place, line in enumerate(p.stdout):
            x = json.loads(line)
            outcomes[x.get("class", "done")] += 1
            if x["id"] != place or ("error" not in x and x["text"] != good[place % PROMPTS]):
                wrong.append(x)
        seconds = time.monotonic() - begin
        feeder.join()
        said = p.stderr.read().decode().replace(",", "")
        code = p.wait(10)
        memory.judge("soak", 4)
        p.stdout.close()
        p.stderr.close()
    total, failed = sum(outcomes.values()), sum(outcomes.values()) - outcomes["done"]
    equal(wrong[:1], [], "soak: in order, each once, every answer word for word")
    equal((code, total), (1 if failed else 0, given), "soak: an outcome for each that was given")
    summary = "map: %d done %d failed" % (outcomes["done"], failed)
    ok(summary in said and said.count("\n") == 1, "soak: the summary counts the same", (summary, said))
    for name, n in outcomes.items():
        ok(name == "done" or "%d %s" % (n, name) in said, "soak: the summary counts the same, by class", (name, n, said))
    figure("soak: %d records in %.0f s, %s" % (total, seconds, dict(outcomes)))


def numbers(n):
    """A file of n prompts, open."""
    read_end, write_end = os.pipe()
    os.write(write_end, b"".join(b"number %d\n" % i for i in range(n)))
    os.close(write_end)
    return read_end


if __name__ == "__main__":
    print("SOAK_SEED=%d" % SEED)
    rig.main()
