"""Hostile servers, models and files: each is refused or passed over in time, and in a stated amount of memory.

    python3 tests/e2e/hostile_test.py build/chimera       --figures: prints the memory each case took

The tables say for each case what it ends with and the most memory (RSS, MB) that the program may have had;
a program at rest has 1. Memory is measured by tools/measure.c, which is compiled on the spot.
"""

import atexit
import contextlib
import functools
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

import rig
from rig import CLOSE, NOTES, STALL, RawServer, equal, folder, head, ok, one_error_line, run, shown_on_terminal, skip, start, test, wait, write

FIGURES = "--figures" in sys.argv
CHUNKED = head("200 OK", "Transfer-Encoding: chunked")
LENGTHLESS = head("200 OK", "Connection: close")
DONE = b'{"response":"word","done":true,"done_reason":"stop"}\n'
MILLION = 1000 * 1000


def measured(*arguments, timeout=60, stdin=b"", **how):
    """As rig.run(), with .peak, the largest RSS in MB."""
    reader, writer = os.pipe()
    begin = time.monotonic()
    p = subprocess.Popen([measure(), str(writer), "-1", rig.CHIMERA, *map(str, arguments)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[writer], start_new_session=True,
                         env=rig.environment(**how.pop("env", {})), **how)
    os.close(writer)
    try:
        out, err = p.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, 9)
        out, err = p.communicate()
    with open(reader) as f:
        lines = f.read().splitlines()
    r = rig.Outcome(None, out, err, time.monotonic() - begin)
    r.peak = float("inf")
    if len(lines) == 2:
        code, _, _, peak, _ = map(int, lines[1].split())
        r.code, r.peak = (code if code < 128 or code in (130, 141, 143) else 128 - code), peak / 1024
    return r


@functools.lru_cache
def measure():
    """tools/measure.c, compiled."""
    with _compiling:
        path = os.path.join(tempfile.gettempdir(), "chimera-measure-%d" % os.getpid())
        if not os.path.exists(path):
            subprocess.run(["gcc", "-std=c11", "-O1", "-o", path, os.path.join(rig.ROOT, "tools", "measure.c")], check=True)
            atexit.register(os.remove, path)
        return path


_compiling = threading.Lock()


def within(r, bound, name):
    if FIGURES:
        rig.say("%7.1f of %4d MB  %5.2f s  exit %s  %s" % (r.peak, bound, r.seconds, r.code, name))
    ok(r.peak <= bound, name + ": at most %d MB" % bound, r.peak)


def forever(block):
    """A step of RawServer's scripts: it never ends by itself."""
    def send(peer):
        while True:
            peer.sendall(block)
    return send


def slowly(data, pause):
    """A byte at a time."""
    def send(peer):
        for i in range(len(data)):
            peer.sendall(data[i : i + 1])
            time.sleep(pause)
    return send


def often(count, block):
    def send(peer):
        for _ in range(count):
            peer.sendall(block)
    return send


# ---- a server that does not stop ----------------------------------------------------------------

LINE = b'{"model":"m","response":"%s","done":false}\n'


def line_of(size):
    return b"%x\r\n%s\r\n" % (len(LINE) - 2 + size, LINE % (b"a" * size))


# What it does to whoever asks, the exit code, a word of the line, MB. It is tried with `ask`, whose answer is
# looked into, and with `fetch`, which passes on what comes.
BOTH = [
    ("endless head", [b"HTTP/1.1 200 OK\r\n", forever(b"X-Header: value\r\n" * 100)], 56, "256 header fields|64 KiB", 4),
    ("endless header line", [b"HTTP/1.1 200 OK\r\nX: ", forever(b"a" * 65536)], 56, "64 KiB", 4),
    ("endless status line", [b"HTTP/1.1 200 ", forever(b"a" * 65536)], 56, "64 KiB", 4),
    ("1xx for ever", [forever(head("103 Early Hints", "Link: x") * 100)], 56, "64 KiB", 4),
    ("257 header fields", [head("200 OK", *["X: y"] * 257), CLOSE], 56, "256 header fields", 4),
    ("endless chunk extension", [CHUNKED, b"5;", forever(b"a=b;" * 1000)], 56, "chunk extensions", 4),
    ("an extension on every chunk", [CHUNKED, forever(b"1;" + b"x" * 100 + b"\r\n\n\r\n")], 56, "chunk extensions", 4),
    ("endless chunk size", [CHUNKED, forever(b"0" * 65536)], 56, "chunk size", 4),
    ("a chunk size over 60 bits", [CHUNKED, b"1000000000000000\r\n", CLOSE], 56, "chunk size", 4),
    ("endless trailers", [CHUNKED, b"0\r\n", forever(b"X: y\r\n" * 1000)], 56, "chunk trailers", 4),
    ("4 GB announced, little comes", [head("200 OK", "Content-Length: 4294967296"), b"{}\n", CLOSE], 18, "ended early", 4),
    ("2^64-1 bytes announced", [head("200 OK", "Content-Length: 18446744073709551615"), b"\n", CLOSE], 18, "ended early", 4),
    ("2^64 bytes announced", [head("200 OK", "Content-Length: 18446744073709551616"), CLOSE], 56, "Content-Length", 4),
    ("a chunk of 4 GB announced", [CHUNKED, b"ffffffff\r\n{}\n", CLOSE], 18, "ended early", 4),
    ("4 GB announced, then silence", [head("200 OK", "Content-Length: 4294967296"), b"\n", STALL], 28, "idle deadline", 4),
    ("one byte at a time, head", [slowly(head("200 OK", "X: " + "y" * 1000), 0.05)], 28, "total deadline", 4),
    ("one byte at a time, body", [CHUNKED, slowly(b"1\r\n \r\n" * 1000, 0.05)], 28, "total deadline", 4),
    ("an error page without end", [head("500 Oops"), forever(b"error " * 1000)], 22, "HTTP 500", 4),
]
ASK = [
    ("endless line", [LENGTHLESS, b'{"response":"', forever(b"a" * 65536)], 56, "line", 48),
    ("endless line of NUL", [LENGTHLESS, forever(b"\0" * 65536)], 56, "line", 48),
    ("endless event", [LENGTHLESS, b"data: ", forever(b"a" * 65536)], 56, "line|event", 48),
    ("endless event of short lines", [LENGTHLESS, forever(b"data: a\n" * 8000)], 56, "event", 48),
    ("endless document", [LENGTHLESS, b"{\n", forever(b'"a": 1,\n' * 8000)], 56, "document", 48),
    ("blank lines for ever", [LENGTHLESS, forever(b"\n" * 65536)], 28, "total deadline", 4),
    ("comments for ever", [LENGTHLESS, forever(b": ping\n\n" * 8000)], 28, "total deadline", 4),
    ("empty tokens for ever", [LENGTHLESS, forever((LINE % b"") * 1000)], 28, "total deadline", 4),
    ("an answer without end", [CHUNKED, forever(line_of(60000))], 56, "answer", 160),
    ("an answer without end, as Ollama writes it", [CHUNKED, forever(b"%x\r\n%s\r\n" % (
        60077, b'{"model":"m","created_at":"2025-01-01T00:00:00Z","response":"%s","done":false}\n' % (b"a" * 60000)))],
     56, "answer", 160),
    ("reasoning without end", [CHUNKED, forever(b"%x\r\n%s\r\n" % (60016, b'{"thinking":"%s"}\n' % (b"a" * 60000)))],
     56, "answer", 160),
    ("a context of 12 MB", [LENGTHLESS, DONE[:-2] + b',"context":[1' + b",1000" * 2400000 + b"]}\n", CLOSE], 0, "", 48),
    ("a context of 40 MB", [LENGTHLESS, DONE[:-2] + b',"context":[1' + b",1000" * 8000000 + b"]}\n", CLOSE], 56, "line", 48),
    ("JSON 10,000 deep", [LENGTHLESS, b'{"x":' + b"[" * 10000 + b"]" * 10000 + b"}\n", CLOSE], 56, "JSON", 4),
    ("a million tool calls in a line", [LENGTHLESS, b'{"message":{"tool_calls":[' + b"{}," * MILLION + b"{}]}}\n", CLOSE], 56,
     "tool calls", 8),
    ("tool calls without end", [LENGTHLESS, b"".join(b'{"message":{"tool_calls":[{"id":"%d"}]}}\n' % i for i in range(1100)),
                                STALL], 56, "tool calls", 8),
    ("tool calls of far-off numbers", [LENGTHLESS, b'{"choices":[{"delta":{"tool_calls":['
     + b",".join(b'{"index":%d}' % i for i in range(200000)) + b"]}}]}\n", CLOSE], 56, "tool calls", 8),
    ("tool calls with long ids", [LENGTHLESS, *[b'{"message":{"tool_calls":[{"id":"%d%s"}]}}\n' % (i, b"a" * 10 * MILLION)
                                                for i in range(8)], STALL], 56, "answer", 160),
    ("a million choices", [LENGTHLESS, b'{"choices":[' + b"{}," * MILLION + b"{}]}\n", CLOSE], 18, "said nothing", 8),
    ("a reason of 10 MB", [LENGTHLESS, DONE[:-2] + b',"done_reason":"' + b"a" * 10 * MILLION + b'"}\n', CLOSE], 0, "", 48),
    ("an error of 10 MB", [LENGTHLESS, b'{"error":"' + b"a\\u001b" * MILLION + b'"}\n', CLOSE], 22, "", 48),
]


def asks(name, script, code, words, bound, command):
    with RawServer([script]) as server:
        api = "openai" if any(isinstance(s, bytes) and b"choices" in s for s in script) else "ollama"
        target = [server.url] if command == "fetch" else ["--no-stdin", "hello", "-u", server.url, "--api", api]
        limits = ["--idle-timeout", "1s"] if STALL in script else []
        r = measured(command, *target, "-t", "2s" if code == 28 else "40s", "--no-config", *limits,
                     *([] if command == "fetch" else ["--max-retries", 0]))
    name = "%s: %s" % (command, name)
    equal(r.code, code, name + ": exit code (%s)" % r.words.strip()[-200:])
    ok(r.err == b"" if code == 0 else one_error_line(r) and len(r.err) < 1000 and re.search(words, r.words), name + ": one line that says it", r)
    ok(code != 28 or 0.9 < r.seconds < 12, name + ": in time", r.seconds)
    within(r, bound, name)


@test
def servers_without_end():
    for case in BOTH:
        asks(*case, "ask")


@test
def servers_without_end_fetch():
    for case in BOTH:
        asks(*case, "fetch")


@test
def answers_without_end():
    for case in ASK:
        asks(*case, "ask")


# ---- lists for `probe` --------------------------------------------------------------------------


def documents(tags, version=b'{"version":"1"}'):
    """A server of these two; what is loaded is in the same list."""
    return lambda request, _: rig.with_length(version if request.startswith(b"GET /api/version") else tags)


@test
def lists_without_end():
    names = b'{"models":[' + b",".join(b'{"name":"model-%07d"}' % i for i in range(130000)) + b"]}"
    cases = [
        ("a list over 4 MB", documents(b'{"models":["' + b"a" * 5 * MILLION + b'"]}'), 56, "document", 16),
        ("130,000 models", documents(names), 0, "", 56),
        ("a million models without a name", documents(b'{"models":[' + b"0," * MILLION + b"0]}"), 0, "", 16),
        ("JSON 10,000 deep", documents(b'{"models":' + b"[" * 10000 + b"]" * 10000 + b"}"), 56, "", 8),
        ("a version of 3 MB", documents(b'{"models":[]}', b'{"version":"' + b"\\u001b" * 500000 + b'"}'), 0, "", 24),
        ("no end", [LENGTHLESS, forever(b" " * 65536)], 56, "document", 16),
    ]
    for name, script, code, words, bound in cases:
        for form in ("text", "json") if "models" in name else ("text",):
            with RawServer(script if callable(script) else [script]) as server:
                r = measured("probe", server.url, "-f", form, "--no-config", "-t", "20s")
            name_ = "probe -f %s: %s" % (form, name)
            equal(r.code, code, name_ + ": exit code (%s)" % r.words[-200:])
            ok(r.err == b"" if code == 0 else one_error_line(r) and words in r.words, name_ + ": stderr", r)
            ok(b"\x1b" not in r.out, name_ + ": no control codes")
            within(r, bound, name_)


# ---- keys and places that a server names --------------------------------------------------------


@test
def keys_stay_where_they_belong():
    """Whatever a server names - a realm, a place, a proxy - nothing is sent there, least of all a key."""
    with RawServer([rig.with_length("mine now")]) as other, folder() as tmp:
        key = write(tmp + "/key", "s3cr3t-key\n")
        lures = [
            ("401", head("401 Who", 'WWW-Authenticate: Bearer realm="%s/token"' % other.url, "Location: " + other.url,
                         "Content-Length: 0"), 77),
            ("407", head("407 Who", 'Proxy-Authenticate: Basic realm="%s"' % other.url, "Content-Length: 0"), 22),
            *[("%d to %s" % (status, place[:8]), head("%d Go" % status, "Location: " + place, "Content-Length: 0"), None)
              for status in (301, 302, 303, 307, 308)
              for place in (other.url + "/", other.url.replace("http", "https"), "//127.0.0.1:%d/x" % other.port,
                            "file:///etc/passwd", "ftp://127.0.0.1:%d/" % other.port)],
            ("Refresh", head("200 OK", "Refresh: 0; url=" + other.url, "Alt-Svc: h2=\":%d\"" % other.port,
                             "Link: <%s>; rel=preload" % other.url, "Content-Length: 0"), None),
        ]
        for command in ("ask", "fetch", "probe", "map"):
            for name, script, code in lures:
                with RawServer([script]) as server:
                    target = [server.url] if command in ("fetch", "probe") else ["-u", server.url]
                    words = [command, *(["hi"] if command == "ask" else []), *target, "--api-key-file", key, "--no-config", "-H", "X-Own: s3cr3t-header"]
                    if command == "probe":
                        words = [w for w in words if w not in ("-H", "X-Own: s3cr3t-header")]
                    if command in ("ask", "map"):
                        words += ["--max-retries", 0]
                    r = run(*words, stdin=subprocess.PIPE) if command != "map" else mapped(words, b"hello\n")
                where = "%s, %s: " % (command, name)
                ok(r.code in ({code} if code else {0, 18, 22, 56, 77}), where + "exit code", r)
                ok(b"s3cr3t" not in r.out + r.err, where + "the key is not shown", r)
                ok(all(b"s3cr3t" in q for q in server.requests), where + "its own server has it", server.requests)
                ok(len(server.requests) <= 2, where + "it is not asked again and again", server.requests)
        equal(other.connections, 0, "keys: nobody else is spoken to")
        proxy = {name: other.url for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")}
        with RawServer([rig.answer("hi")]) as server:
            r = run("ask", "hi", "-u", server.url, "--api-key-file", key, "--no-config", env=proxy)
        equal((r.code, other.connections), (0, 0), "keys: no proxy")


def mapped(words, data, **how):
    p = start(*words, stdin=subprocess.PIPE, **how)
    begin = time.monotonic()
    out, err = p.communicate(data, timeout=30)
    return rig.Outcome(p.returncode, out, err, time.monotonic() - begin)


@test
def deadline_holds_over_redirects():
    step = [0.8, head("302 Go", "Location: /x", "Content-Length: 0")]
    with RawServer([step]) as server:
        r = run("fetch", server.url, "-t", "2s", "--no-config")
    ok(r.code == 28 and one_error_line(r) and "total" in r.words and r.seconds < 6, "fetch: --timeout is for all redirects", r)
    for name, script, code in (
        ("a redirect", [head("302 Go", "Location: /x", "Transfer-Encoding: chunked"), forever(b"5\r\nhello\r\n" * 1000)], 56),
        ("an error", [head("404 No", "Transfer-Encoding: chunked"), forever(b"5\r\nhello\r\n" * 1000)], 22),
    ):
        with RawServer([script]) as server:
            r = measured("fetch", server.url, "-t", "30s", "--no-config")
        ok(r.code == code and one_error_line(r) and r.seconds < 20, "fetch: %s whose page has no end" % name, r)
        within(r, 4, "fetch: %s whose page has no end" % name)


# ---- a model that talks to the terminal ---------------------------------------------------------

TRICKS = {
    "colour": "\x1b[31mred",
    "clear": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "clipboard, other end": "\x1b]52;c;cm0gLXJmIH4=\x1b\\",
    "link": "\x1b]8;;http://evil.test\x1b\\click\x1b]8;;\x1b\\",
    "answer back": "\x1b[c\x1b[6n\x05",
    "8-bit": "\u009b2J\u009d0;x\u009c\u0090q\u009c",
    "bell, backspace": "\x07\x08\x08\x08",
    "return": "safe\rover",
    "charset": "\x0e\x0f",
    "delete": "\x7f",
    "device control": "\x1bP$q\x1b\\",
}
ALL_TRICKS = "".join(TRICKS.values())
BIDI = "\u202eright to left\u202c \u2066isolated\u2069 \u200f\u200e"
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@test
def terminal_tricks():
    for name, trick in [*TRICKS.items(), ("all", ALL_TRICKS), ("right to left", BIDI)]:
        pieces = ["before ", *trick, " after"]    # each character in a record of its own, and in one
        for script in (rig.answer(*pieces), rig.answer("".join(pieces))):
            with RawServer([script]) as server:
                to = ["-u", server.url, "--no-config"]
                shown = shown_on_terminal("ask", "--no-stdin", "hi", *to)
                ok(not FORBIDDEN.search(shown) and "before " in shown and " after" in shown, "terminal, ask: " + name, shown)
                ok(not any(c in shown for c in BIDI if ord(c) > 0x2000), "terminal, ask, direction: " + name, shown)
                shown = shown_on_terminal("ask", "--no-stdin", "hi", *to, "--raw")
                ok("before " + trick.replace("\r\n", "\n") + " after" in shown, "terminal, ask --raw: " + name, shown)
                shown = shown_on_terminal("map", "-f", "text", *to, data=b"hi\n")
                ok(not FORBIDDEN.search(re.sub("\r?\x1b\\[K", "", shown)), "terminal, map -f text: " + name, shown)
                r = run("ask", "--no-stdin", "hi", *to)
                ok(b"\x1b" not in r.out and r.code == 0, "pipe, ask: " + name, r)
                r = run("ask", "--no-stdin", "hi", *to, "-f", "json")
                equal(json.loads(r.out)["text" if "text" in json.loads(r.out) else "response"].strip(),
                      "".join(pieces).strip(), "pipe, ask -f json has it all: " + name)


@test
def tricks_elsewhere():
    """In errors, model names, versions, reasons and headers."""
    words = json.dumps(ALL_TRICKS + "\n" + BIDI)
    for name, script in (
        ("an error", rig.with_length('{"error":%s}' % words, "500 x")),
        ("an error page", rig.with_length(ALL_TRICKS.encode(), "500 x")),
        ("a missing model", rig.with_length('{"error":%s}' % json.dumps("model " + ALL_TRICKS + " not found"), "404 x")),
        ("an error in the stream", rig.chunked(('{"error":%s}\n' % words).encode())),
        ("a reason", rig.chunked(('{"response":"","done":true,"done_reason":%s}\n' % words).encode())),
    ):
        with RawServer([script]) as server:
            for command in (["ask", "--no-stdin", "hi"], ["run", NOTES, "--agents", 1], ["bench", "-n", 1]):
                r = run(*command, "-u", server.url, "--no-config")
                ok(r.code not in (0, None) and not FORBIDDEN.search(r.words) and r.err.count(b"\n") <= 2,
                   "%s: %s: harmless" % (command[0], name), r)
                ok(b"\x1b" not in r.out, "%s: %s: stdout too" % (command[0], name), r)
    tags = ('{"models":[{"name":%s,"size":1}]}' % words).encode()
    with RawServer(documents(tags, ('{"version":%s}' % words).encode())) as server:
        for command in (["probe", server.url], ["probe", server.url, "-f", "json"]):
            shown = shown_on_terminal(*command).replace("\x7f", "")    # in JSON; a terminal leaves it out
            ok(not FORBIDDEN.search(shown), "probe: names and versions: harmless", shown)


# ---- files --------------------------------------------------------------------------------------


def columns(n):
    return b",".join(b"c%d" % i for i in range(n))


# Name, content, whether it is read (None: be it or not), MB. `run` has its servers in the same process.
FILES = [
    ("a million columns.csv", columns(MILLION) + b"\n" + b",".join([b"1"] * MILLION) + b"\n", None, 48),
    ("a million empty columns.csv", b"," * MILLION + b"\n" + b"," * MILLION, None, 16),
    ("a million lines.csv", b"tok\n" + b"1\n" * MILLION, True, 16),
    ("one line.csv", b"a" * 15 * MILLION, None, 40),
    ("one quoted cell.csv", b'a,b\n1,"' + b"x" * 15 * MILLION, False, 40),
    ("deep.json", b"[" * 10000 + b"]" * 10000, False, 8),
    ("deep, 15 MB.json", b"[" * 15 * MILLION, False, 40),
    ("a million keys.json", b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(900000)) + b"}", None, 48),
    ("a million numbers.json", b"[" + b"1," * MILLION + b"1]", None, 24),
    ("a long number.json", b'{"tok":' + b"9" * 10 * MILLION + b"}", None, 32),
    ("a million headings.md", b"# h\n" * MILLION, True, 24),
    ("one heading.md", b"# " + b"h" * 15 * MILLION, True, 40),
    ("NUL.csv", b"a,b\n\0,\0\n" + b"\0" * MILLION, None, 8),
    ("NUL.json", b"\0" * MILLION, False, 8),
    ("not UTF-8.csv", b"\xff\xfe\x80" * MILLION, False, 16),
    ("too large.csv", b"a\n" * 9 * MILLION, False, 8),
    ("new\nline \x1b]0;owned\x07.csv", b"tok\n1\n", True, 8),
    ("\u202etxt.csv", b"tok\n1\n", True, 8),
]


@test
def hostile_files():
    for name, data, reads, bound in FILES:
        with folder() as tmp:
            write(tmp + "/" + name, data)
            shown = name.encode("unicode_escape").decode()
            for words in (["ingest", tmp], ["run", tmp, "--sim=" + rig.INSTANT, "-f", "json", "-O", tmp + "/out"]):
                where = "%s, %s: " % (words[0], shown)
                r = measured(*words, "--no-config")
                ok(r.code == 0 and (r.err == b"" or words[0] == "run"), where + "exit code", r)
                ok(not FORBIDDEN.search(r.text) and not FORBIDDEN.search(r.words), where + "no control codes", r)
                within(r, bound, where)
            got = json.loads(run("ingest", tmp, "-f", "json", "--no-config").out)
            found = name in [f["path"] for f in got["files"]]
            ok(found != (name in [f["path"] for f in got["skipped"]]), "%s is read or listed with a reason" % shown, got["skipped"])
            ok(reads is None or found == reads, "%s is %sread" % (shown, "" if reads else "not "), got["skipped"])


def special_files(tmp, name):
    """What must not be opened, and where it cannot be made why not."""
    os.mkfifo("%s/pipe%s" % (tmp, name))
    os.symlink("pipe" + name, "%s/link to pipe%s" % (tmp, name))
    os.symlink("loop" + name, "%s/loop%s" % (tmp, name))
    os.symlink("/", "%s/root%s" % (tmp, name))
    os.symlink("..", tmp + "/up")
    os.symlink("/dev/zero", "%s/link to zero%s" % (tmp, name))
    os.symlink("/dev/stdin", "%s/stdin%s" % (tmp, name))
    os.symlink("/proc/self/mem", "%s/mem%s" % (tmp, name))
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
        s.bind("%s/socket%s" % (tmp, name))
    try:
        for minor in (5, 2):    # /dev/zero, /dev/port or /dev/kmem of others
            os.mknod("%s/device %d%s" % (tmp, minor, name), stat.S_IFCHR | 0o600, os.makedev(1, minor))
    except OSError:
        skip("device files", "they may not be made here")


@test
def special():
    with folder() as tmp:
        for name in (".csv", ".json", ".md"):
            with folder() as one:
                special_files(one, name)
                write(one + "/good.csv", "tok\n1\n")
                for words in (["ingest", one, "-f", "json"], ["run", one, "--sim=" + rig.INSTANT, "-f", "json"]):
                    r = measured(*words, "--no-config", timeout=20)
                    equal(r.code, 0, "special files, %s %s: no hang" % (words[0], name))
                    within(r, 8, "special files, %s %s" % (words[0], name))
                    if words[0] == "ingest":
                        equal([f["path"] for f in json.loads(r.out)["files"]], ["good.csv"], "special files: none is read")
        special_files(tmp, ".json")
        for words in (["stats", tmp], ["stats", tmp + "/pipe.json"], ["stats", tmp + "/mem.json"], ["stats", "/dev/zero"]):
            r = measured(*words, "--no-config", timeout=20)
            ok(r.code == 65 and one_error_line(r), "special files, stats %s: 65" % words[1][-9:], r)
            within(r, 8, "special files, stats")
        p = start("map", "/dev/zero", "--sim=" + rig.INSTANT, "--no-config", "--quiet")   # who asks for it gets it
        time.sleep(1)
        p.send_signal(signal.SIGINT)
        r = wait(p)
        equal((r.code, r.out), (130, b""), "special files, map /dev/zero: no record, and it can be stopped")


# Of somebody else: name -> content of metrics.json, MB.
RESULTS = [
    ("deep", b'{"chimera":' + b"[" * 10000 + b"]" * 10000 + b"}", 8),
    ("numbers, 6 MB", b'{"chimera":{"schema":"chimera.trial/1"},"x":[' + b"1," * 3 * MILLION + b"1]}", 16),
    ("one text, 60 MB", b'{"x":"' + b"x" * 60 * MILLION + b'"}', 72),
    ("too large", b" " * 68 * MILLION, 8),
    ("a key of 10 MB", b'{"' + b"k" * 10 * MILLION + b'":1}', 32),
    ("not UTF-8", b'{"runtime":"\xff\xfe"}', 8),
    ("numbers", b'{"efficiency_percent":1e999,"concurrent_wall_time_s":-1e308,"run":99999999999999999999}', 8),
    ("wrong types", b'{"summary":[],"chimera":7,"collector":{"result":{"llm_calls":{"a":1}}},"insight":null}', 8),
    ("NUL", b"\0" * 100000, 8),
    ("names", json.dumps({"runtime": ALL_TRICKS, "config": "../../etc", "chimera": {"schema": ALL_TRICKS}}).encode(), 8),
]


@test
def results_of_somebody_else():
    with folder() as tmp:
        good = tmp + "/good"
        made = run("run", NOTES, "--sim=" + rig.INSTANT, "-O", good, "--no-config", "--quiet")
        equal(made.code, 0, "results: a good one")
        for name, data, bound in RESULTS:
            where = "results, %s: " % name
            path = write("%s/%s/run_1/metrics.json" % (tmp, name), data)
            r = measured("stats", os.path.dirname(path), "--no-config")
            ok(r.code == 65 and one_error_line(r) or r.code == 0, where + "65, one line", r)
            ok(not FORBIDDEN.search(r.text + r.words), where + "no control codes", r)
            within(r, bound, where)
            r = measured("stats", good, os.path.dirname(path), "-f", "json", "--no-config")
            ok(r.code == 0 and json.loads(r.out)["files"] >= 1, where + "beside a good one", r)
            within(r, bound + 8, where + "beside a good one")
        # Links are followed, as README says: into a folder of somebody else nothing should be written.
        there = write(tmp + "/elsewhere/summary.json", "old")
        os.makedirs(tmp + "/links")
        os.symlink(there, tmp + "/links/summary.json")
        r = run("run", NOTES, "--sim=" + rig.INSTANT, "-O", tmp + "/links", "--no-config", "--quiet")
        ok(r.code == 0 and os.path.islink(tmp + "/links/summary.json") and json.loads(rig.read(there)), "results: a link", r)


@test
def answers_that_wait_for_one():
    """The first record is never answered, the others at length: map keeps so many bytes of them, and no more."""
    long = rig.answer("a" * 4 * MILLION)
    with RawServer(lambda _, i: [STALL] if i == 0 else long) as server:
        r = measured("map", "-u", server.url, "-j", 2, "-t", "10s", "--max-retries", 0, "--no-config", "--quiet",
                     "--read-size", "64k", "-f", "text", stdin=b"line\n" * 24)
    equal((r.code, sorted(len(line) for line in r.out.splitlines())), (1, [0] + [4 * MILLION] * 23),
          "map, one waits: the others are there")
    within(r, 56, "map, one waits")


# ---- input of map, worker and ask ---------------------------------------------------------------

DEEP = b'{"id":"d","prompt":"x","y":' + b"[" * 10000 + b"]" * 10000 + b"}\n"
INPUTS = [
    ("a line of 100 MB", b"a" * 100 * MILLION + b"\n", "bad_data", 48),
    ("an unended line of 100 MB", b"a" * 100 * MILLION, "bad_data", 48),
    ("JSON 10,000 deep", DEEP, "bad_data", 8),
    ("NUL", b'{"id":"d","prompt":"x"}\0\n', "bad_data", 8),
    ("not UTF-8", b'{"id":"d","prompt":"\xff\xfe"}\n', "bad_data", 8),
    ("a lone surrogate", b'{"id":"d","prompt":"\\ud800"}\n', None, 8),
    ("an id that is a tree", b'{"id":{"a":[1]},"prompt":"x"}\n', None, 8),
    ("an id of 1 MB", b'{"id":"' + b"i" * MILLION + b'","prompt":"x"}\n', None, 32),
    ("a prompt of 10 MB", b'{"id":"d","prompt":"' + b"p" * 10 * MILLION + b'"}\n', None, 96),
]
TEXTS = [
    ("a million columns", columns(MILLION) + b"\n", 64),
    ("NUL", b"a\0b\n", 8),
    ("not UTF-8", b"\xff\xfe\xc3\n", 8),
    ("escapes", ALL_TRICKS.encode().replace(b"\r", b"") + b"\n", 8),
]
GOOD_LINE = b'{"id":"good","prompt":"y"}\n'


@test
def input_lines():
    with rig.Sim("--ttft=0", "--rate=inf", "--tokens=5", "--slots=8") as sim:
        for name, data, wanted, bound in INPUTS:
            if not data.endswith(b"\n"):
                given = GOOD_LINE + data
            else:
                given = GOOD_LINE + data + GOOD_LINE.replace(b"good", b"last")
            r = measured("map", "-u", sim.url, "--no-config", "--quiet", stdin=given)
            got = [json.loads(line) for line in r.out.splitlines()]
            equal(len(got), given.count(b"\n") + (not given.endswith(b"\n")), "map, %s: an outcome for each" % name)
            ok(all("text" in x for x in got if x["id"] in ("good", "last")), "map, %s: the others are well" % name, got)
            if wanted:
                ok([x.get("class") for x in got if "error" in x] == [wanted] and r.code == 1, "map, %s" % name, r)
            within(r, bound, "map, %s" % name)
            r = measured("worker", "-u", sim.url, "--no-config", stdin=given)
            got = [json.loads(line) for line in r.out.splitlines()]
            ends = [x for x in got if x["event"] in ("done", "error")]
            equal(len(ends), given.count(b"\n") + (not given.endswith(b"\n")), "worker, %s: an end for each" % name)
            ok(all(x["event"] == "done" for x in ends if x.get("id") in ("good", "last")), "worker, %s: the others" % name, r)
            within(r, bound, "worker, %s" % name)
        for name, data, bound in TEXTS:
            r = measured("map", "-u", sim.url, "--input", "text", "--no-config", "--quiet", stdin=b"one\n" + data + b"two\n")
            got = [json.loads(line) for line in r.out.splitlines()]
            equal([x["id"] for x in got], [1, 2, 3], "map, text, %s: an outcome for each" % name)
            within(r, bound, "map, text, %s" % name)
        r = measured("ask", "-", "-u", sim.url, "--no-config", stdin=b"a" * 65 * MILLION + b"a" * 4 * MILLION)
        ok(r.code == 65 and one_error_line(r), "ask: a prompt over 64 MiB", r)
        within(r, 160, "ask: a prompt over 64 MiB")


if __name__ == "__main__":
    sys.argv = [a for a in sys.argv if a != "--figures"]
    rig.main()
