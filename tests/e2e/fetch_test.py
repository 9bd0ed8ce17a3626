"""`fetch`: the HTTP client alone, against good, odd and hostile servers."""

import gzip
import os
import random
import re
import threading
import time

import rig
from rig import (
    CLOSE,
    RST,
    STALL,
    RawServer,
    chunks,
    equal,
    folder,
    head,
    ok,
    one_error_line,
    run,
    test,
    with_length,
)

CHUNKED = "Transfer-Encoding: chunked"
BODY = b"line one\nGr\xc3\xbc\xc3\x9fe\r\n\0binary\xff\n" * 3


def get(script, *more, path="", **how):
    with RawServer([script]) as server:
        r = run("fetch", server.url + path, *more, **how)
        r.server = server
        return r


# ---- good answers -------------------------------------------------------------------------------

GOOD = [
    ("length", with_length(BODY)),
    ("length 0", with_length(b"")),
    (
        "length twice, equal",
        head("200 OK", "Content-Length: %d" % len(BODY), "content-length: %d" % len(BODY)) + BODY,
    ),
    ("length as an equal list", head("200 OK", "Content-Length: %d, %d" % (len(BODY), len(BODY))) + BODY),
    ("chunked", head("200 OK", CHUNKED) + chunks(BODY[:5], BODY[5:])),
    ("chunked, name in capitals", head("200 OK", "TRANSFER-ENCODING:  Chunked ") + chunks(BODY)),
    ("chunks of one byte", head("200 OK", CHUNKED) + chunks(*[BODY[i : i + 1] for i in range(len(BODY))])),
    (
        "chunk extensions",
        head("200 OK", CHUNKED) + b"%x;a;b=c;d=\"e;f\\\"g\"\r\n%s\r\n0;last\r\n\r\n" % (len(BODY), BODY),
    ),
    (
        "chunk size with zeros, capitals",
        head("200 OK", CHUNKED) + b"000%X\r\n%s\r\n000\r\n\r\n" % (len(BODY), BODY),
    ),
    (
        "trailers",
        head("200 OK", CHUNKED, "Trailer: x") + chunks(BODY, last=b"0\r\nX: 1\r\nContent-Length: 3\r\n\r\n"),
    ),
    ("until close", [head() + BODY, CLOSE]),
    ("until close, HTTP/1.0", [b"HTTP/1.0 200 OK\r\n\r\n" + BODY, CLOSE]),
    ("HTTP/1.0 with a length", [b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY, CLOSE]),
    ("no reason", b"HTTP/1.1 200 \r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY),
    ("no reason, no blank", b"HTTP/1.1 200\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY),
    ("bare LF line ends", b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(BODY) + BODY),
    (
        "1xx first",
        head("100 Continue")
        + head("102 Processing", "X: y")
        + head("103 Early Hints", "Link: </x>")
        + with_length(BODY),
    ),
    ("201", with_length(BODY, "201 Created")),
    ("206", with_length(BODY, "206 Partial")),
    (
        "a long head",
        head("200 OK", *["X-%d: %s" % (i, "y" * 200) for i in range(200)], "Content-Length: %d" % len(BODY))
        + BODY,
    ),
    (
        "odd header values",
        head("200 OK", "X:", "Y:\t z\t", "Z: \u00e4", "Content-Length: %d" % len(BODY)) + BODY,
    ),
]


@test
def good_answers():
    for name, script in GOOD:
        wanted = b"" if name == "length 0" else BODY
        whole = script if isinstance(script, bytes) else script[0]
        rest = [] if isinstance(script, bytes) else script[1:]
        for how, steps in (
            ("whole", [whole]),
            ("byte by byte", [whole[i : i + 1] for i in range(len(whole))] if len(whole) < 2000 else [whole]),
        ):
            for more in ([], ["--read-size", "1"], ["--coalesce", "1k"]):
                r = get(steps + rest, *more)
                equal((r.code, r.out, r.err), (0, wanted, b""), "%s, %s %s" % (name, how, more))
    for status in ("204 No Content", "304 Not Modified"):
        r = get(head(status, "Content-Length: 9"))
        equal((r.code, r.out), (0 if status[0] == "2" else 22, b""), status + ": no body is waited for")
    r = get(with_length(b""))
    first = r.server.requests[0]
    ok(re.match(rb"GET / HTTP/1.1\r\n", first) and first.count(b"\r\n\r\n") == 1, "the request", first)
    lower = first.lower()
    ok(b"\r\nhost: 127.0.0.1:%d\r\n" % r.server.port in lower, "the request: Host", first)
    ok(
        b"accept-encoding" not in lower and b"content-length" not in lower and b"expect" not in lower,
        "the request: nothing superfluous",
        first,
    )
    r = get(with_length(b""), "-H", "X-A: 1", "-H", "X-B:2", path="/a/b%20c?d=e&f#fragment")
    ok(
        r.server.requests[0].startswith(b"GET /a/b%20c?d=e&f HTTP/1.1\r\n"),
        "path, query, no fragment",
        r.server.requests[0],
    )
    ok(
        b"\r\nX-A: 1\r\n" in r.server.requests[0] and b"\r\nX-B: 2\r\n" in r.server.requests[0],
        "own headers",
        r.server.requests[0],
    )


@test
def compressed_stays_compressed():
    packed = gzip.compress(BODY, mtime=0)
    r = get(with_length(packed, "200 OK", "Content-Encoding: gzip"))
    equal((r.code, r.out), (0, packed), "gzip is passed on as it came")


@test
def big_binary():
    rng = random.Random(1)
    body = bytes(range(256)) * 40 + rng.randbytes(3 << 20)
    parts, at = [], 0
    while at < len(body):
        n = rng.choice([1, 255, 4096, 65536, 100000])
        parts.append(body[at : at + n])
        at += n
    scripts = {
        "length": [with_length(body)],
        "chunked": [head("200 OK", CHUNKED) + chunks(*parts)],
        "until close": [head() + body, CLOSE],
    }
    with folder() as base:
        for name, script in scripts.items():
            for more in ([], ["--read-size", "64k"], ["--coalesce", "100k"], ["-O", base + "/file"]):
                r = get(script, *more, timeout=30)
                got = rig.read(base + "/file") if more[:1] == ["-O"] else r.out
                ok(
                    r.code == 0 and got == body and r.err == b"",
                    "3 MB, all bytes, %s %s" % (name, more[:1]),
                    (r.code, len(got), r.err),
                )


@test
def streams_as_it_comes():
    gate = threading.Event()

    def script(request, _):
        def steps():
            yield head("200 OK", CHUNKED) + b"5\r\nfirst\r\n"
            gate.wait(5)
            yield b"6\r\nsecond\r\n0\r\n\r\n"

        return steps()

    with RawServer(script) as server:
        p = rig.start("fetch", server.url)
        ok(p.stdout.read(5) == b"first", "a piece is on stdout before the next has been sent")
        gate.set()
        r = rig.wait(p, 5)
        equal((r.code, r.out), (0, b"second"), "and the rest after it")


# ---- redirects ----------------------------------------------------------------------------------


@test
def redirects():
    target = with_length(b"here")
    move = lambda place, status="302 Found": head(status, "Location: " + place, "Content-Length: 4") + b"gone"
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
        with RawServer(lambda q, i: move("/b?c=1", status) if i == 0 else target) as server:
            r = run("fetch", server.url + "/a/x")
            equal((r.code, r.out, r.err), (0, b"here", b""), "redirect %s within the origin" % status)
            ok(
                server.requests[-1].startswith(b"GET /b?c=1 HTTP/1.1\r\n"),
                "redirect %s: the new place" % status,
                server.requests,
            )
    with RawServer(lambda q, i: move(server.url + "/abs") if i == 0 else target) as server:
        equal(run("fetch", server.url).out, b"here", "redirect to an absolute URL of the same origin")
    with RawServer([target]) as other:
        places = [
            other.url + "/",
            "//127.0.0.1:%d/" % other.port,
            "http://localhost:%d/" % other.port,
            "https://127.0.0.1/",
            "ftp://x/",
            "http://[",
            "\\\\x",
            "javascript:x",
            "x" * 9000,
        ]
        for i, place in enumerate(places):
            code = 22 if i < 4 else 56  # another origin; no URL, or one that leads nowhere
            r = get(move(place), "-H", "X-Token: t")
            ok(
                r.code == code and r.out == b"" and one_error_line(r),
                "redirect to %.30r: not followed, %d" % (place, code),
                r,
            )
        equal(other.connections, 0, "redirect to another origin: nothing is sent there")
    with RawServer(lambda q, i: move("/%d" % i)) as server:
        r = run("fetch", server.url)
        ok(r.code == 56 and one_error_line(r) and "redirect" in r.words, "endless redirects: 56", r)
        equal(len(server.requests), 11, "endless redirects: 10 are followed")
    with RawServer(lambda q, i: move("/%d" % i) if i < 10 else target) as server:
        equal(run("fetch", server.url).out, b"here", "10 redirects are followed")
    r = get(head("302 Found", "Content-Length: 0"))
    ok(r.code == 22 and one_error_line(r), "redirect without a place: 22", r)


# ---- refused and broken -------------------------------------------------------------------------

SMUGGLED = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSMUGGLED"
ATTACKS = [
    ("two lengths", head("200 OK", "Content-Length: 5", "Content-Length: 9") + b"hello"),
    ("two lengths in a list", head("200 OK", "Content-Length: 5, 9") + b"hello"),
    ("length and chunked", head("200 OK", "Content-Length: 5", CHUNKED) + chunks(b"hello")),
    ("chunked and length", head("200 OK", CHUNKED, "Content-Length: 5") + chunks(b"hello")),
    *[
        ("length %r" % v, head("200 OK", "Content-Length:" + v) + b"hello")
        for v in (
            " -5",
            " +5",
            " 5x",
            " 0x5",
            " 5 5",
            "",
            " ",
            " 5,",
            " 5.0",
            " 99999999999999999999",
            " 18446744073709551621",
            " \u0665",
        )
    ],
    *[
        ("coding %r" % v, head("200 OK", "Transfer-Encoding: " + v) + chunks(b"hello"))
        for v in (
            "gzip",
            "gzip, chunked",
            "chunked, gzip",
            "chunked, chunked",
            "xchunked",
            "chunked;q=1",
            "identity",
            "\"chunked\"",
            "chunked\x0b",
            "",
        )
    ],
    ("coding twice", head("200 OK", CHUNKED, CHUNKED) + chunks(b"hello")),
    ("blank before the colon", head("200 OK", "Content-Length : 5") + b"hello"),
    ("blank in a name", head("200 OK", "Content Length: 5") + b"hello"),
    ("folded length", head("200 OK", "Content-Length: 5\r\n 6") + b"hello"),
    ("folded coding", head("200 OK", "Transfer-Encoding:\r\n chunked") + chunks(b"hello")),
    ("blank first line of headers", head("200 OK", " Content-Length: 5") + b"hello"),
    ("no colon", head("200 OK", "Content-Length") + b"hello"),
    ("empty name", head("200 OK", ": x", "Content-Length: 5") + b"hello"),
    ("NUL in a value", head("200 OK", "X: a\0b", "Content-Length: 5") + b"hello"),
    ("bare CR in a value", head("200 OK", "X: a\rContent-Length: 0", "Content-Length: 5") + b"hello"),
    ("bare CR ends the head", b"HTTP/1.1 200 OK\rContent-Length: 5\r\r" + b"hello\r\n\r\n"),
    *[
        ("chunk size %r" % v, head("200 OK", CHUNKED) + v + b"\r\nhello\r\n0\r\n\r\n")
        for v in (
            b"-5",
            b"+5",
            b"0x5",
            b"5g",
            b"",
            b" 5",
            b"5 5",
            b"zz",
            b"ffffffffffffffffff",
            b"10000000000000005",
            b"5\r",
            b"5\x00",
            b"\xd9\xa5",
        )
    ],
    ("chunk longer than its size", head("200 OK", CHUNKED) + b"3\r\nhello\r\n0\r\n\r\n"),
    ("chunk without CRLF", head("200 OK", CHUNKED) + b"5\r\nhello0\r\n\r\n"),
    ("endless chunk extension", head("200 OK", CHUNKED) + b"5;" + b"x" * 300_000 + b"\r\nhello\r\n0\r\n\r\n"),
    ("endless trailers", head("200 OK", CHUNKED) + b"0\r\n" + b"X: y\r\n" * 60_000 + b"\r\n"),
    ("endless head", head("200 OK", *["X-%d: %s" % (i, "y" * 1000) for i in range(100)])),
    ("endless line", b"HTTP/1.1 200 " + b"x" * 200_000 + b"\r\n\r\n"),
    ("very many headers", head("200 OK", *["X: y"] * 400)),
    ("endless 1xx", head("100 Continue") * 5000),
    ("101", head("101 Switching Protocols", "Upgrade: x") + b"hello"),
    *[
        ("status line %r" % v, v + b"\r\nContent-Length: 5\r\n\r\nhello")
        for v in (
            b"HTTP/2 200",
            b"HTTP/1.1 20",
            b"HTTP/1.1 2000 OK",
            b"HTTP/1.1 -200 OK",
            b"HTTP/1.1 099 OK",
            b"HTTP/1.1 600 OK",
            b"HTTP/1.1  200 OK",
            b"http/1.1 200 OK",
            b"HTTP/1.1",
            b"HTTP/11 200 OK",
            b"ICY 200 OK",
            b"\x16\x03\x01\x02",
            b" HTTP/1.1 200 OK",
            b"HTTP/1.1 2x0 OK",
        )
    ],
]


@test
def attacks():
    for name, script in ATTACKS:
        r = get([script + SMUGGLED, CLOSE], timeout=5)
        ok(r.code == 56 and one_error_line(r), name + ": 56, one line", r)
        ok(b"SMUGGLED" not in r.out and b"HTTP/1.1" not in r.out, name + ": nothing smuggled on stdout", r)
    for name, script in (
        ("length", with_length(BODY)),
        ("chunked", head("200 OK", CHUNKED) + chunks(BODY)),
        ("204", head("204 None")),
    ):
        r = get([script + SMUGGLED, CLOSE])
        equal(
            (r.code, r.out),
            (0, b"" if name == "204" else BODY),
            "a second answer behind %s is ignored" % name,
        )
    r = get([head("302 Found", "Location: /x", "Content-Length: 0") + SMUGGLED, CLOSE])
    ok(b"SMUGGLED" not in r.out, "a second answer behind a redirect is not the redirect's", r)


@test
def injected():
    """Nothing in a URL or a header becomes a line of the request."""
    with RawServer([with_length(b"x")]) as server:
        for url in (
            server.url + "/a\r\nX: y",
            server.url + "/a b",
            server.url + "/\x01",
            server.url + "/\u00fc",
            server.url + "/a\nb",
            "http://127.0.0.1:%d\r\nX: y/" % server.port,
        ):
            r = run("fetch", url)
            ok(r.code == 2 and one_error_line(r), "URL %r: refused" % url[-12:], r)
        for field in ("X: a\r\nY: b", "X: a\nY: b", "X\r\nY: b", "X: \0"[:3] + "\x01", ": x", "X y: z"):
            r = run("fetch", server.url, "-H", field)
            ok(r.code == 2 and one_error_line(r), "header %r: refused" % field, r)
        equal(server.connections, 0, "nothing of it was sent")


@test
def truncated():
    scripts = {
        "length": with_length(BODY),
        "chunked": head("200 OK", CHUNKED) + chunks(BODY[:20], BODY[20:40], BODY[40:]),
    }
    for name, whole in scripts.items():
        begin = whole.find(b"\r\n\r\n") + 4
        for cut in [
            0,
            1,
            9,
            begin - 1,
            begin,
            begin + 1,
            begin + 10,
            begin + 30,
            len(whole) - 3,
            len(whole) - 1,
        ]:
            for more in ([], ["--coalesce", "64k"]):
                r = get([whole[:cut], CLOSE], *more)
                if name == "length":
                    came = whole[begin:cut]
                else:
                    came, rest = b"", whole[begin:cut]
                    while b"\r\n" in rest:
                        size, rest = rest.split(b"\r\n", 1)
                        came, rest = came + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
                equal((r.code, r.out), (18, came), "%s cut at %d of %d %s" % (name, cut, len(whole), more))
                ok(one_error_line(r), "%s cut at %d: one line" % (name, cut), r)
    with folder() as base:
        rig.write(base + "/file", "old")
        r = get([with_length(BODY)[:-5], CLOSE], "-O", base + "/file")
        ok(r.code == 18 and os.listdir(base) == ["file"], "-O, cut: 18, no temporary file", os.listdir(base))
        for script, code in (([with_length("no", "500 x")], 22), ([RST], 56)):
            rig.write(base + "/file", "old")
            r = get(script, "-O", base + "/file")
            equal(
                (r.code, rig.read(base + "/file"), os.listdir(base)),
                (code, b"old", ["file"]),
                "-O, exit %d: the old file stays" % code,
            )


@test
def output_file():
    with folder() as base:
        path = base + "/x.bin"
        rig.write(path, "old")
        r = get([with_length(BODY)[:-5], 0.3, with_length(BODY)[-5:]], "-O", path)
        equal((r.code, r.out, rig.read(path)), (0, b"", BODY), "-O: the body, nothing on stdout")
        equal(os.listdir(base), ["x.bin"], "-O: one file")
        with RawServer([[with_length(BODY)[:-5], 0.5, with_length(BODY)[-5:]]]) as server:
            rig.write(path, "old")
            p = rig.start("fetch", server.url, "-O", path)
            time.sleep(0.2)
            equal(rig.read(path), b"old", "-O: the old file is there until the new one is whole")
            rig.wait(p, 5)
            equal(rig.read(path), BODY, "-O: then the new one")


@test
def statuses_and_deadlines():
    for status, code in (
        ("400", 22),
        ("401", 77),
        ("403", 77),
        ("404", 22),
        ("410", 22),
        ("429", 75),
        ("500", 22),
        ("502", 22),
        ("503", 75),
        ("599", 22),
    ):
        r = get(with_length('{"error":"the words"}', status + " x"))
        ok(
            r.code == code
            and r.out == b""
            and one_error_line(r)
            and status in r.words
            and "the words" in r.words,
            "status %s: %d, nothing on stdout" % (status, code),
            r,
        )
    for script in (with_length(b"\x1b[31m\0" * 50, "500 x"), with_length(b"x" * 100_000, "500 x")):
        r = get(script)
        ok(r.code == 22 and one_error_line(r) and len(r.err) < 1000, "an odd error body: one short line", r)
    r = run("fetch", "http://127.0.0.1:%d/" % rig.closed_port())
    ok(r.code == 7 and one_error_line(r), "refused: 7", r)
    r = run("fetch", "http://no-such-host.invalid/", timeout=10)
    ok(r.code in (6, 28) and r.seconds < 8 and one_error_line(r), "unknown host: 6", r)
    r = run("fetch", "https://127.0.0.1/")
    ok(r.code != 0 and one_error_line(r), "https: refused with a line", r)
    for name, script, option, deadline in (
        ("silent", [STALL], "--first-token-timeout", "first-token"),
        ("silent", [STALL], "--idle-timeout", "idle"),
        ("silent", [STALL], "-t", "total"),
        ("stalled", [with_length(BODY)[:-3], STALL], "--idle-timeout", "idle"),
        ("stalled", [with_length(BODY)[:-3], STALL], "--timeout", "total"),
    ):
        r = get(script, option, "200ms", timeout=5)
        ok(
            r.code == 28 and one_error_line(r) and deadline in r.words and r.seconds < 2,
            "%s server, %s: 28" % (name, option),
            r,
        )
        equal(
            r.out,
            BODY[:-3] if name == "stalled" else b"",
            "%s server, %s: what came is there" % (name, option),
        )
    r = get([with_length(BODY)[:-3], 0.05, RST])
    equal((r.code, r.out), (56, BODY[:-3]), "reset: 56, what came is there")


rig.main()
