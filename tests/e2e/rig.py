"""What the end-to-end tests share: starting the program, and servers that send what they are told.

A test file decorates functions with @test, calls ok(condition, name, detail) for every case and
skip(name, why) for those it cannot try here, and ends with rig.main(). Test functions run a few at
a time, because most of them wait; @test(alone=True) is for those that measure.
"""

import concurrent.futures
import contextlib
import os
import pty
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOTES = os.path.join(ROOT, "samples", "notes")
SHARED = os.path.join(ROOT, "..", "shared", "data", "ingest")
CHIMERA = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "build", "chimera")
# The program for Windows that CHIMERA runs (tools/wine_tests.sh). What cannot be tried there is listed
# in not_on_windows.txt: script, function, why.
EXE = os.environ.get("CHIMERA_EXE")
BINARY = EXE or CHIMERA
# What asks the program to stop, and the code it then ends with. Wine ends a program at SIGTERM itself.
STOPS = ((signal.SIGINT, 130),) if EXE else ((signal.SIGINT, 130), (signal.SIGTERM, 143))
FAST = "ttft=5ms,rate=500,tokens=30"
INSTANT = "ttft=0,rate=inf,tokens=20"

# ---- cases --------------------------------------------------------------------------------------

_tests, _lock, _counts = [], threading.Lock(), {"passed": 0, "failed": 0, "skipped": 0}


def test(function=None, alone=False):
    if function is None:
        return lambda f: test(f, alone)
    _tests.append((function, alone))
    return function


def say(text):
    with _lock:
        print(text, flush=True)


def _count(what):
    with _lock:
        _counts[what] += 1


def ok(condition, name, detail=""):
    """One case. `detail` is what a failure prints: text, or anything with a repr."""
    _count("passed" if condition else "failed")
    if not condition:
        say("FAILED %s: %s" % (name, detail if isinstance(detail, str) else repr(detail)[:2000]))
    return bool(condition)


def equal(got, wanted, name):
    return ok(got == wanted, name, "got %.600r, wanted %.600r" % (got, wanted))


def skip(name, why):
    _count("skipped")
    say("skipped %s: %s" % (name, why))


def _run_test(function):
    begin = time.monotonic()
    try:
        function()
    except Exception:
        _count("failed")
        say("FAILED %s:\n%s" % (function.__name__, traceback.format_exc()))
    took = time.monotonic() - begin
    if os.environ.get("E2E_TIMES"):
        say("%6.2f s  %s" % (took, function.__name__))


def _not_on_windows():
    script = os.path.basename(sys.argv[0])
    lines = read(os.path.join(os.path.dirname(__file__), "not_on_windows.txt")).decode().splitlines()
    words = [l.split(None, 2) for l in lines if l and not l.startswith("#")]
    return {function: why for file, function, why in words if file == script}


def main(workers=4):
    chosen = sys.argv[2:]
    tests = [t for t in _tests if not chosen or t[0].__name__ in chosen]
    exempt = _not_on_windows() if EXE else {}
    for f, _ in tests:
        if f.__name__ in exempt:
            skip(f.__name__, exempt[f.__name__])
    tests = [t for t in tests if t[0].__name__ not in exempt]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(_run_test, [f for f, alone in tests if not alone]))
    for function, alone in tests:
        if alone:
            _run_test(function)
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % _counts)
    if not _counts["failed"] and not _counts["passed"] and _counts["skipped"]:
        sys.exit(77)   # nothing to try here, and said so: as tools/run_tests.sh knows it
    sys.exit(1 if _counts["failed"] or not _counts["passed"] else 0)


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="chimera-e2e-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data.encode() if isinstance(data, str) else data)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


# ---- the program --------------------------------------------------------------------------------


def environment(**more):
    """The caller's, without anything that means something to us."""
    env = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("OLLAMA_", "CHIMERA_", "OPENAI_", "XDG_"))
        and k not in ("NO_COLOR", "CLICOLOR_FORCE")
    }
    env.update({"TERM": "xterm", "HOME": os.environ.get("WINEPREFIX", "/nonexistent"), **more})
    return {k: v for k, v in env.items() if v is not None}


class Outcome:
    """code: the exit code, -N for signal N, None when it had to be ended after the time limit."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    @property
    def words(self):
        return self.err.decode("utf-8", "replace")

    def __repr__(self):
        return "exit %s in %.2f s, stdout %.300r, stderr %.600r" % (
            self.code,
            self.seconds,
            self.out,
            self.err,
        )


def start(*arguments, env=None, **popen):
    """The program with its three streams chosen as for subprocess.Popen; pipes unless said."""
    for name, default in (
        ("stdin", subprocess.DEVNULL),
        ("stdout", subprocess.PIPE),
        ("stderr", subprocess.PIPE),
    ):
        popen.setdefault(name, default)
    return subprocess.Popen(
        [CHIMERA, *[str(a) if isinstance(a, (int, float)) else a for a in arguments]],
        env=environment(**(env or {})),
        **popen
    )


def wait(process, timeout=20, begin=None):
    begin = begin or time.monotonic()
    try:
        out, err = process.communicate(timeout=timeout)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        code = None
    return Outcome(code, out or b"", err or b"", time.monotonic() - begin)


def run(*arguments, timeout=20, **how):
    begin = time.monotonic()
    return wait(start(*arguments, **how), timeout, begin)


def shown_on_terminal(*words, data=None):
    """What a terminal gets on stdout and stderr, without the returns that it makes of line ends."""
    ours, theirs = pty.openpty()
    p = start(*words, stdin=subprocess.PIPE if data else subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    if data:
        p.stdin.write(data)
        p.stdin.close()
    shown = b""
    with contextlib.suppress(OSError):
        while more := os.read(ours, 65536):
            shown += more
    os.close(ours)
    p.wait(10)
    return shown.decode().replace("\r\n", "\n")


def one_error_line(outcome):
    """True when stderr is exactly one line of ours."""
    return (
        outcome.err.startswith(b"chimera: ")
        and outcome.err.endswith(b"\n")
        and outcome.err.count(b"\n") == 1
        and b"\x1b" not in outcome.err
    )


def pids_with(marker):
    """Processes whose command line holds `marker`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if marker.encode() in read("/proc/%s/cmdline" % pid):
                found.append(int(pid))
    return found


def can(*command):
    """Whether it works here: for what only some machines allow."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20).returncode == 0


def eventually(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Sim:
    """A `chimera sim` of its own. As a context it ends with its block."""

    def __init__(self, *arguments, port=0):
        self.process = start("sim", "--port", port, *arguments, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening on http://127.0.0.1:"):
            self.close()
            raise RuntimeError("sim said %r" % line)
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, sig=STOPS[-1][0]):
        """Asks it to end; its exit code comes back."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        return self.process.returncode


# ---- a server of bytes --------------------------------------------------------------------------

RST, CLOSE, STALL = "rst", "close", "stall"


class RawServer:
    """Answers the n-th request with the n-th script, the last one for ever.

    A script is bytes or a list of: bytes (one send), a number (seconds to wait), a function that is
    given the connection, CLOSE, RST, STALL (nothing more until the client goes). Without CLOSE the connection is kept for the next request.
    `scripts` may also be a function of (request bytes, its index). `requests` keeps what came, `left`
    when (time.monotonic()) a client has left a STALL.
    """

    def __init__(self, scripts, host="127.0.0.1", port=0):
        self.scripts = scripts if callable(scripts) else list(scripts)
        self.requests, self.connections, self.lock = [], 0, threading.Lock()
        self.left = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family, backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = "http://%s:%d" % (host, self.port)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stopped.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(2)

    def bodies(self):
        """The body of each POST so far."""
        with self.lock:
            return [r.split(b"\r\n\r\n", 1)[1] for r in self.requests if r.startswith(b"POST")]

    def _accept(self):
        while not self.stopped.is_set():
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer, contextlib.suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            rest = b""
            while True:
                request, rest = self._request(peer, rest)
                if request is None:
                    return
                with self.lock:
                    index = len(self.requests)
                    self.requests.append(request)
                if callable(self.scripts):
                    script = self.scripts(request, index)
                else:
                    script = self.scripts[min(index, len(self.scripts) - 1)]
                if not self._play(peer, [script] if isinstance(script, bytes) else script):
                    return

    @staticmethod
    def _request(peer, data):
        while b"\r\n\r\n" not in data:
            more = peer.recv(65536)
            if not more:
                return None, b""
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while len(body) < size:
            more = peer.recv(65536)
            if not more:
                return None, b""
            body += more
        return head + b"\r\n\r\n" + body[:size], body[size:]

    def _play(self, peer, script):
        for step in script:
            if isinstance(step, bytes):
                peer.sendall(step)
            elif callable(step):
                step(peer)
            elif step == RST:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif step == CLOSE:
                # An orderly end, also when the client is still sending.
                peer.shutdown(socket.SHUT_WR)
                peer.settimeout(2)
                while peer.recv(65536):
                    pass
                return False
            elif step == STALL:
                try:
                    while not self.stopped.is_set() and peer.recv(65536):
                        pass
                finally:
                    self.left.append(time.monotonic())
                return False
            else:
                time.sleep(step)
        return True


_held = []


def closed_port():
    """A port on which nothing listens, and nothing can: it is held to the end."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    _held.append(s)
    return s.getsockname()[1]


def free_port():
    """A port for a server that does not say which it took."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- answers ------------------------------------------------------------------------------------


def head(status="200 OK", *fields):
    return ("HTTP/1.1 %s\r\n" % status + "".join(f + "\r\n" for f in fields) + "\r\n").encode()


def chunks(*pieces, last=b"0\r\n\r\n"):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + last


def with_length(body, status="200 OK", *fields):
    body = body.encode() if isinstance(body, str) else body
    return head(status, "Content-Length: %d" % len(body), *fields) + body


def chunked(*pieces):
    return head("200 OK", "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked") + chunks(
        *pieces
    )


DONE = (
    b'{"model":"m","created_at":"2025-01-01T00:00:00Z","response":"","done":true,"done_reason":"stop",'
    b'"total_duration":50000000,"load_duration":1000000,"prompt_eval_count":20,'
    b'"prompt_eval_duration":2000000,"eval_count":%d,"eval_duration":40000000}\n'
)


def answer(*pieces):
    """A whole answer of /api/generate, one line and one chunk a piece."""
    import json

    lines = [
        json.dumps({"model": "m", "response": p, "done": False}, ensure_ascii=False).encode() + b"\n"
        for p in pieces
    ]
    return chunked(*lines, DONE % len(pieces))
