"""SIGKILL at random moments, a server that goes away, a cable that is cut, and names that lie.

    python3 tests/e2e/outage_test.py build/chimera         FAULT_SEED=N repeats the random moments
"""

import concurrent.futures
import contextlib
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import threading
import time

import rig
from fault_rig import ANSWER, DEADLINE, records, says
from rig import NOTES, Sim, can, equal, folder, ok, run, skip, start, test, wait, write

SEED = int(os.environ.get("FAULT_SEED") or random.randrange(1, 10**6))

# ---- killed at any moment -----------------------------------------------------------------------


def whole_files(top, name):
    """Every file with a name of its own is whole; those that were being written have another."""
    for at, _, names in os.walk(top):
        for file in names:
            data = rig.read(os.path.join(at, file))
            if file.startswith(".chimera-") and file.endswith(".tmp"):
                continue
            if file.endswith(".json"):
                json.loads(data)
            else:
                ok(data.endswith(b"\n"), name + "%s is whole" % file, data[-80:])


def kill_within(p, seconds, dice):
    """Ends it at a moment before `seconds`. True when it was still at work."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        p.wait(dice.uniform(0, seconds))
    alive = p.poll() is None
    p.kill()
    wait(p)
    return alive


@test
def killed_run():
    dice = random.Random(SEED)
    with folder() as tmp:
        out, killed = tmp + "/out", 0
        words = ["run", NOTES, "--sim=ttft=5ms,rate=400,tokens=20", "--runs", 4, "-O", out, "--quiet"]
        for k in range(12):
            killed += kill_within(start(*words), 0.5, dice)
            whole_files(out, "run, kill %d of seed %d: " % (k, SEED))
        ok(killed > 0, "run: killed at work", killed)
        r = run(*words)
        equal((r.code, r.err), (0, b""), "run: afterwards, into the same folder")
        whole_files(out, "run: afterwards: ")
        runs = json.loads(rig.read(out + "/summary.json"))
        equal(sum(n.startswith("run_") for n in os.listdir(out)), 4, "run: all of them")
        ok(runs, "run: the summary", runs)


@test
def killed_bench():
    dice = random.Random(SEED + 1)
    with folder() as tmp:
        out, killed = tmp + "/out", 0
        plan = write(tmp + "/plan.toml", '[[config]]\nname = "a"\n')
        words = ["bench", NOTES, "--sim=ttft=5ms,rate=400,tokens=12", "--plan", plan, "--presets=smol,asyncio",
                 "--runs=6", "-O", out]
        for k in range(8):
            killed += kill_within(start(*words), 0.6, dice)
            whole_files(out, "bench, kill %d of seed %d: " % (k, SEED))
        ok(killed > 0, "bench: killed at work", killed)
        r = run(*words, timeout=60)
        ok(r.code == 0 and "12 succeeded, 0 failed" in r.text, "bench: afterwards it ends complete", r)
        trials = [at for at, _, names in os.walk(out) if at.rsplit("/", 1)[1].startswith("run_") and "metrics.json" in
                  names and "summary.json" in names]
        orders = sorted(json.loads(rig.read(t + "/metrics.json"))["chimera"]["bench"]["order"] for t in trials)
        equal(orders, list(range(1, 13)), "bench: each trial once, none missing")
        ok(rig.eventually(lambda: not rig.pids_with(tmp)), "bench: nothing is left running", rig.pids_with(tmp))


@test
def killed_map():
    dice = random.Random(SEED + 2)
    count = 2500
    with folder() as tmp, Sim("--ttft=2ms", "--rate=2000", "--tokens=6", "--slots=16", "--fault=rst:0.02@2") as sim:
        out, killed, rounds = tmp + "/out", 0, 0
        data = write(tmp + "/in", "".join('{"id":"r%d","prompt":"p %d"}\n' % (i, i) for i in range(count)))
        words = ["map", data, "-u", sim.url, "--resume", out, "-O", out, "-j", 8, "--quiet"]
        for k in range(6):
            killed += kill_within(start(*words), 0.4, dice)
            whole = rig.read(out)[: rig.read(out).rfind(b"\n") + 1] if os.path.exists(out) else b""
            got = records(whole, "map, kill %d of seed %d: " % (k, SEED))
            done = [x["id"] for x in got if "error" not in x]
            equal(len(done), len(set(done)), "map, kill %d of seed %d: none is answered twice" % (k, SEED))
        ok(killed > 0, "map: killed at work", killed)
        code = 1
        while code == 1 and rounds < 20:         # those that failed are tried again
            code, rounds = run(*words, timeout=60).code, rounds + 1
        equal(code, 0, "map: afterwards it ends complete")
        done = [x["id"] for x in records(rig.read(out), "map: ") if "error" not in x]
        equal((len(done), set(done)), (count, {"r%d" % i for i in range(count)}), "map: each once, none missing")


@test
def server_restarts():
    """In the middle of a map: what it was answering fails, what comes while it is down is tried again."""
    count, jobs = 300, 4
    with folder() as tmp:
        sim = Sim("--ttft=2ms", "--rate=400", "--tokens=6", "--slots=8")
        words = ["-u", sim.url, "-j", jobs, "--max-retries", 12, "--quiet"]
        data = write(tmp + "/in", "".join("%d\n" % i for i in range(count)))
        out = tmp + "/out"
        p = start("map", data, *words, "-O", out)
        rig.eventually(lambda: os.path.exists(out) and rig.read(out).count(b"\n") > 40)
        for _ in range(2):
            sim.process.kill()
            sim.process.wait()
            time.sleep(0.4)
            sim = Sim("--ttft=2ms", "--rate=400", "--tokens=6", "--slots=8", port=sim.port)
            time.sleep(0.3)
        r = wait(p, 60)
        got = records(rig.read(out), "restart: ")
        failed = [x for x in got if "error" in x]
        equal([x["id"] for x in got], list(range(1, count + 1)), "restart: an outcome for each, in order")
        # And what was sent while the server died: it is reset with the listening socket, which goes last.
        ok(r.code == (1 if failed else 0) and len(failed) <= 4 * jobs, "restart: what was being answered fails, no more",
           (r, failed))
        ok({x["class"] for x in failed} <= {"reset", "truncated"}, "restart: and says why", failed)
        retried = [x for x in got if x.get("chimera", {}).get("attempts", 1) > 1]
        ok(retried, "restart: the others were tried again", got[:2])
        r = run("map", data, *words, "-O", out, "--resume", out)
        done = [x["id"] for x in records(rig.read(out), "restart: ") if "error" not in x]
        equal((r.code, sorted(done)), (0, list(range(1, count + 1))), "restart: --resume brings the rest, each once")
        sim.close()


# ---- a network that goes ------------------------------------------------------------------------

NEAR, FAR = "10.255.7.1", "10.255.7.2"


class TwoMachines:
    """Two network namespaces with a cable between them: `here` and `there` are what runs a program in one."""

    def __init__(self):
        self.holders = [subprocess.Popen(["unshare", "-n", "sleep", "120"]) for _ in range(2)]
        self.here, self.there = (["nsenter", "-n", "-t", str(h.pid)] for h in self.holders)
        own = os.readlink("/proc/self/ns/net")
        self.works = rig.eventually(lambda: all(
            os.readlink("/proc/%d/ns/net" % h.pid) != own for h in self.holders), 5) and all(
                self.command(*words) for words in (
                    self.here + ["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns",
                                 str(self.holders[1].pid)],
                    self.here + ["ip", "addr", "add", NEAR + "/24", "dev", "v0"],
                    self.there + ["ip", "addr", "add", FAR + "/24", "dev", "v1"],
                    self.there + ["ip", "link", "set", "v1", "up"])) and self.link("up")

    @staticmethod
    def command(*words):
        return subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=20).returncode == 0

    def link(self, state):
        return self.command(*self.here, "ip", "link", "set", "v0", state)

    def start(self, side, *words):
        return subprocess.Popen([*side, rig.CHIMERA, *map(str, words)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=rig.environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for h in self.holders:
            h.kill()
            h.wait()


@test
def cable_cut():
    """Out and in again: nothing is lost. Out for good: deadlines fire, each has its outcome, --resume goes on."""
    if not can("unshare", "-n", "true") or not shutil.which("nsenter") or not shutil.which("ip"):
        return skip("cable cut", "network namespaces are not allowed here, or there is no nsenter or ip")
    with TwoMachines() as net, folder() as tmp:
        if not net.works:
            return skip("cable cut", "no veth here")
        sim = net.start(net.there, "sim", "--host", FAR, "--port", 4000, "--ttft=20ms", "--rate=100", "--tokens=20",
                        "--slots=4")
        sim.stdout.readline()
        count, url = 60, "http://%s:4000" % FAR
        data = write(tmp + "/in", "".join("%d\n" % i for i in range(count)))
        words = ["map", data, "-u", url, "-j", 4, "--quiet"]
        out = tmp + "/out"

        def written():
            return rig.read(out).count(b"\n") if os.path.exists(out) else 0

        p = net.start(net.here, *words, "-O", out, "--idle-timeout", "30s")
        rig.eventually(lambda: written() >= 10)
        ok(net.link("down"), "cable cut: down")
        before = written()
        time.sleep(1)
        ok(written() <= before + 8, "cable cut: nothing comes", (before, written()))
        net.link("up")
        r = wait(p, 60)
        got = records(rig.read(out), "cable cut: ")
        equal((r.code, [x["id"] for x in got if "error" not in x]), (0, list(range(1, count + 1))),
              "cable cut for a second: nothing is lost")

        os.remove(out)
        p = net.start(net.here, *words, "-O", out, "--idle-timeout", "1s", "--connect-timeout", "1s", "--max-retries", 0)
        rig.eventually(lambda: written() >= 10)
        net.link("down")
        r = wait(p, 60)
        got = records(rig.read(out), "cable cut: ")
        failed = [x for x in got if "error" in x]
        equal((r.code, [x["id"] for x in got]), (1, list(range(1, count + 1))), "cable cut for good: an outcome for each")
        ok(failed and {x["exit_code"] for x in failed} <= {7, 28}, "cable cut for good: deadlines, no route", failed[:3])
        net.link("up")
        r = wait(net.start(net.here, *words, "-O", out, "--resume", out), 60)
        done = [x["id"] for x in records(rig.read(out), "cable cut: ") if "error" not in x]
        equal((r.code, sorted(done)), (0, list(range(1, count + 1))), "cable cut: --resume brings the rest")
        sim.kill()
        wait(sim)


# ---- names that lie -----------------------------------------------------------------------------


def dns_answer(query, address, ident=None, flags=0x8180, question=None, records=None, count=None):
    """To this query: one A record of 127.0.0.1 unless said otherwise."""
    question = query[12:] if question is None else question
    kind = struct.unpack(">H", query[-4:-2])[0]
    if records is None:
        records = [] if kind != 1 else [b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)]
    return (query[:2] if ident is None else ident) + struct.pack(
        ">HHHHH", flags, 1, len(records) if count is None else count, 0, 0) + question + b"".join(records)


def other_id(query):
    return struct.pack(">H", struct.unpack(">H", query[:2])[0] ^ 0x55)


# What the server says to a query, a packet each, in this order: (packets, exit code). Those with 0 find
# the address in the end: what is not the answer to the question is passed over.
LIES = {
    "the truth": (lambda q: [dns_answer(q, "127.0.0.1")], 0),
    "another id, then the truth": (lambda q: [dns_answer(q, "127.9.9.9", other_id(q)), dns_answer(q, "127.0.0.1")], 0),
    "another question, then the truth": (
        lambda q: [dns_answer(q, "127.9.9.9", question=b"\x04evil\x04test\x00" + q[-4:]), dns_answer(q, "127.0.0.1")], 0),
    "a query instead, then the truth": (lambda q: [q, dns_answer(q, "127.0.0.1")], 0),
    "garbage, then the truth": (lambda q: [b"", b"x", os.urandom(400), q[:11], dns_answer(q, "127.0.0.1")], 0),
    "of another name": (lambda q: [dns_answer(q, "", records=[
        b"\x04evil\x04test\x00" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x7f\0\0\1"])], 6),
    "another id, for ever": (lambda q: [dns_answer(q, "127.0.0.1", other_id(q))], 28),
    "nothing": (lambda q: [], 28),
    "no such name": (lambda q: [dns_answer(q, "", flags=0x8183, records=[])], 6),
    "it fails": (lambda q: [dns_answer(q, "", flags=0x8182, records=[])], 6),
    "it refuses": (lambda q: [dns_answer(q, "", flags=0x8185, records=[])], 6),
    "truncated, and no TCP": (lambda q: [dns_answer(q, "", flags=0x8380, records=[])], 6),
    "a name that points at itself": (lambda q: [dns_answer(q, "", records=[
        struct.pack(">H", 0xc000 | len(q)) + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x7f\0\0\1"])], 6),
    "an alias of itself": (lambda q: [dns_answer(q, "", records=[
        b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, 2) + b"\xc0\x0c"])], 6),
    "more records than it has": (lambda q: [dns_answer(q, "127.0.0.1", count=60000)], 6),
    "an address of 3 bytes": (lambda q: [dns_answer(q, "", records=[
        b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 3) + b"\x7f\0\1"])], 6),
}


class NameServer:
    """Answers on an address of loopback, port 53; `say` makes the packets. Its .address is None where it may not."""

    def __init__(self, say, dice, elsewhere=False, pause=0.0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = "127.%d.%d.%d" % (dice.randrange(1, 250), dice.randrange(250), dice.randrange(2, 250))
        try:
            self.socket.bind((self.address, 53))
            self.other.bind(("127.0.0.1", 0))
        except OSError:
            self.address = None
            return
        self.say, self.speaker, self.pause = say, self.other if elsewhere else self.socket, pause
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.socket.recvfrom(2048)
                if not query:
                    return
                time.sleep(self.pause)
                for packet in self.say(query):
                    self.speaker.sendto(packet, peer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.other.close()


@test
def names_that_lie():
    """A DNS server of ours, by an /etc/resolv.conf of ours in a mount namespace."""
    inside = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    dice = random.Random(SEED + 3)
    truth = LIES["the truth"][0]
    lies = [(name, say, code, {}) for name, (say, code) in LIES.items()]
    lies += [("from another address", truth, 28, {"elsewhere": True}), ("slow", truth, 0, {"pause": 0.4}),
             ("slower than the deadline", truth, 28, {"pause": 3.0})]
    with Sim(*ANSWER) as sim, folder() as tmp:
        if not can("unshare", "-m", "sh", "-c", inside, write(tmp + "/try", "nameserver 127.0.0.1\n"), "true"):
            return skip("names that lie", "mounts are not allowed here")

        def lie(which):
            index, (name, say, code, how) = which
            with NameServer(say, random.Random(dice.random()), **how) as server:
                if server.address is None:
                    return skip(name, "port 53 of loopback is not ours")
                conf = write("%s/%d" % (tmp, index), "nameserver %s\noptions attempts:1 timeout:5\n" % server.address)
                begin = time.monotonic()
                done = subprocess.run(
                    ["unshare", "-m", "sh", "-c", inside, conf, rig.CHIMERA, "ask", "--no-stdin", "-u",
                     "http://liar.test:%d" % sim.port, "--connect-timeout", "2s", "--max-retries", "0", "hello"],
                    stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE, env=rig.environment())
            r = rig.Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)
            says(r, code, "liar.test" if code == 6 else "connect deadline" if code else "", "DNS, %s: " % name)
            ok(bool(r.out) == (code == 0), "DNS, %s: stdout" % name, r)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lie, enumerate(lies)))


print("FAULT_SEED=%d" % SEED)
rig.main()
