"""What others' conformance suites ask of HTTP responses and server-sent events, through the command line:
accept what must be accepted, refuse what must be refused, and the same in any cuts.

The tables are our own, after the texts of the standards.
"""

import json
import random

import rig
from cuts_rig import BODY, answers, cuts, in_all_cuts
from rig import chunks, equal, head, ok, test, with_length

CHUNKED = "Transfer-Encoding: chunked"

# ---- HTTP responses (RFC 9110, RFC 9112) --------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
SIZE = b"Content-Length: %d\r\n" % len(BODY)
SENT = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk_line(line, data=BODY, last=b"0\r\n\r\n"):
    return SENT + line + b"\r\n" + data + b"\r\n" + last


HEX = b"%x" % len(BODY)
HTTP_GOOD = [
    ("length", OK + SIZE + b"\r\n" + BODY),
    ("until close", OK + b"\r\n" + BODY),
    ("until close, with Connection: close", OK + b"Connection: close\r\n\r\n" + BODY),
    ("1.0 until close", b"HTTP/1.0 200 OK\r\n\r\n" + BODY),
    ("1.0 with a length", b"HTTP/1.0 200 OK\r\n" + SIZE + b"\r\n" + BODY),
    ("a later minor version", b"HTTP/1.2 200 OK\r\n" + SIZE + b"\r\n" + BODY),
    ("no reason", b"HTTP/1.1 200 \r\n" + SIZE + b"\r\n" + BODY),
    ("no reason and no blank", b"HTTP/1.1 200\r\n" + SIZE + b"\r\n" + BODY),
    ("a reason of bytes above 127", b"HTTP/1.1 200 \xe9\xff\r\n" + SIZE + b"\r\n" + BODY),
    ("a reason with a tab", b"HTTP/1.1 200 a\tb\r\n" + SIZE + b"\r\n" + BODY),
    ("201", b"HTTP/1.1 201 Created\r\n" + SIZE + b"\r\n" + BODY),
    ("299", b"HTTP/1.1 299 X\r\n" + SIZE + b"\r\n" + BODY),
    ("lines end with LF", b"HTTP/1.1 200 OK\n" + SIZE[:-2] + b"\n\n" + BODY),
    ("lines end in both ways", b"HTTP/1.1 200 OK\r\n" + SIZE[:-2] + b"\n\r\n" + BODY),
    ("names in any case", OK + b"cOnTeNt-LENGTH:%d\r\n\r\n" % len(BODY) + BODY),
    ("blanks around a value", OK + b"Content-Length: \t %d \t \r\n\r\n" % len(BODY) + BODY),
    ("zeros in front of a length", OK + b"Content-Length: 000%d\r\n\r\n" % len(BODY) + BODY),
    ("a length twice", OK + SIZE * 2 + b"\r\n" + BODY),
    ("a list of one length", OK + b"Content-Length: %d , %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY),
    ("empty values", OK + b"A:\r\nB: \r\nC:\t\r\n" + SIZE + b"\r\n" + BODY),
    ("a value of bytes above 127", OK + b"A: \x80\xff\r\n" + SIZE + b"\r\n" + BODY),
    ("every character of a name", OK + b"!#$%&'*+-.^_`|~09azAZ: 1\r\n" + SIZE + b"\r\n" + BODY),
    ("a name that begins as another", OK + b"Content-Length-X: 1\r\n" + SIZE + b"\r\n" + BODY),
    ("a folded value", OK + b"A: b\r\n c\r\n\td\r\n" + SIZE + b"\r\n" + BODY),
    ("a folded value that looks like a field", OK + b"A: b\r\n Content-Length: 1\r\n" + SIZE + b"\r\n" + BODY),
    ("a folded value of nothing", OK + SIZE + b"A:\r\n \r\n\r\n" + BODY),
    ("colons in a value", OK + b"A: b:c: d\r\n" + SIZE + b"\r\n" + BODY),
    ("100 first", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + SIZE + b"\r\n" + BODY),
    ("100, 102 and 103 first", b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 102 X\r\nA: b\r\n\r\nHTTP/1.1 103 X\r\nLink: <x>\r\n\r\n" + OK + SIZE
     + b"\r\n" + BODY),
    ("a chunk", chunk_line(HEX)),
    ("a chunk, size in capitals, zeros in front", chunk_line(b"000" + HEX.upper())),
    ("chunks of one byte", SENT + chunks(*[BODY[i : i + 1] for i in range(len(BODY))])),
    ("an extension", chunk_line(HEX + b";a")),
    ("an extension with a value", chunk_line(HEX + b";a=b;c=\"d;e\\\"f\"")),
    ("blanks around an extension", chunk_line(HEX + b" \t; a = b")),
    ("an extension of the last chunk", chunk_line(HEX, last=b"0;a=b\r\n\r\n")),
    ("a last chunk of many zeros", chunk_line(HEX, last=b"0000000\r\n\r\n")),
    ("trailers", chunk_line(HEX, last=b"0\r\nA: b\r\nC: d\r\n\r\n")),
    ("trailers that would be framing", chunk_line(HEX, last=b"0\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n")),
    ("coding in capitals", OK + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n" + chunks(BODY)),
    ("what comes behind a whole answer", OK + SIZE + b"Connection: close\r\n\r\n" + BODY + OK + b"garbage"),
    ("what comes behind the last chunk", chunk_line(HEX) + b"garbage"),
]
HTTP_BAD = [  # code 56, or the one that is said
    ("no HTTP", b"HTP/1.1 200 OK\r\n\r\n" + BODY),
    ("another protocol", b"ICY 200 OK\r\n\r\n" + BODY),
    ("HTTP 0.9", BODY),
    ("HTTP 2", b"HTTP/2.0 200 OK\r\n\r\n" + BODY),
    ("HTTP 2 without a minor version", b"HTTP/2 200 OK\r\n\r\n" + BODY),
    ("two digits of major version", b"HTTP/11.1 200 OK\r\n\r\n" + BODY),
    ("two digits of minor version", b"HTTP/1.01 200 OK\r\n\r\n" + BODY),
    ("no dot", b"HTTP/1 200 OK\r\n\r\n" + BODY),
    ("small letters", b"http/1.1 200 OK\r\n\r\n" + BODY),
    ("a blank first", b" HTTP/1.1 200 OK\r\n\r\n" + BODY),
    ("a tab behind the version", b"HTTP/1.1\t200 OK\r\n\r\n" + BODY),
    ("two blanks behind the version", b"HTTP/1.1  200 OK\r\n\r\n" + BODY),
    ("no status", b"HTTP/1.1 OK\r\n\r\n" + BODY),
    ("a status of one digit", b"HTTP/1.1 2 OK\r\n\r\n" + BODY),
    ("a status of two digits", b"HTTP/1.1 20 OK\r\n\r\n" + BODY),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n" + BODY),
    ("a status with a letter", b"HTTP/1.1 200X OK\r\n\r\n" + BODY),
    ("a negative status", b"HTTP/1.1 -20 OK\r\n\r\n" + BODY),
    ("a control character in the reason", b"HTTP/1.1 200 O\x01K\r\n\r\n" + BODY),
    ("a bare CR in the reason", b"HTTP/1.1 200 O\rK\r\n\r\n" + BODY),
    ("a bare CR behind the status line", b"HTTP/1.1 200 OK\rA: b\r\n\r\n" + BODY),
    ("CR CR LF", b"HTTP/1.1 200 OK\r\r\nA: b\r\n\r\n" + BODY),
    ("a field without a colon", OK + b"A\r\n\r\n" + BODY),
    ("a field without a name", OK + b": b\r\n\r\n" + BODY),
    ("a blank in front of the first field", OK + b" A: b\r\n\r\n" + BODY),
    ("a blank in a name", OK + b"A B: c\r\n\r\n" + BODY),
    ("a blank in front of the colon", OK + b"A : b\r\n\r\n" + BODY),
    ("a bracket in a name", OK + b"A{: b\r\n\r\n" + BODY),
    ("a byte above 127 in a name", OK + b"\xc3\xa9: b\r\n\r\n" + BODY),
    ("NUL in a name", OK + b"A\0: b\r\n\r\n" + BODY),
    ("NUL in a value", OK + b"A: \0\r\n\r\n" + BODY),
    ("DEL in a value", OK + b"A: \x7f\r\n\r\n" + BODY),
    ("an escape in a value", OK + b"A: \x1b[31m\r\n\r\n" + BODY),
    ("a bare CR in a value", OK + b"A: b\rC: d\r\n\r\n" + BODY),
    ("a bare CR in a folded value", OK + b"A: b\r\n c\rd\r\n\r\n" + BODY),
    ("a folded length", OK + b"Content-Length:\r\n %d\r\n\r\n" % len(BODY) + BODY),
    ("a folded coding", OK + b"Transfer-Encoding: chunked\r\n x\r\n\r\n" + chunks(BODY)),
    *[("length %r" % v, OK + b"Content-Length: " + v + b"\r\n\r\n" + BODY)
      for v in (b"", b"+5", b"-5", b"5x", b"x", b"0x5", b"5 5", b"5,6", b"5,", b",5", b"5.0", b"1_0", b'"5"', b"18446744073709551616")],
    ("two lengths", OK + SIZE + b"Content-Length: 1\r\n\r\n" + BODY),
    ("a length and chunks", OK + SIZE + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(BODY)),
    ("chunks in HTTP 1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(BODY)),
    *[("coding %r" % v, OK + b"Transfer-Encoding: " + v + b"\r\n\r\n" + chunks(BODY))
      for v in (b"", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"xchunked", b"chunked;q=1", b"identity")],
    *[("chunk size %r" % v, chunk_line(v))
      for v in (b"", b"g", b"-5", b"+5", b"0x5", b" 5", b"5 ", b"5\t", b"5 5", b"5 a", b"5,", b"5\0", b"5\r", b"ffffffffffffffff", b"\xd9\xa5")],
    ("a bare LF behind a chunk size", SENT + HEX + b"\n" + BODY + b"\r\n0\r\n\r\n"),
    ("a bare LF in an extension", SENT + HEX + b";a\n" + BODY + b"\r\n0\r\n\r\n"),
    ("a bare CR in an extension", SENT + HEX + b";a\rb\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("a bare LF behind a chunk", SENT + HEX + b"\r\n" + BODY + b"\n0\r\n\r\n"),
    ("a chunk that is longer than its size", SENT + b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("a control character in a trailer", chunk_line(HEX, last=b"0\r\nA: \x01\r\n\r\n")),
    ("101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + BODY),
    ("a long head", OK + b"A: " + b"x" * 66000 + b"\r\n\r\n" + BODY),
    ("many fields", OK + b"A: b\r\n" * 300 + b"\r\n" + BODY),
]
HTTP_SHORT = [  # code 18: the connection ends before the answer does
    ("in the status line", b"HTTP/1.1 20"),
    ("behind the status line", OK),
    ("in a field", OK + b"Content-Le"),
    ("in the empty line", OK + SIZE + b"\r"),
    ("behind 100", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ("in a body with a length", (OK + SIZE + b"\r\n" + BODY)[:-1]),
    ("in a chunk size", SENT + b"1"),
    ("in a chunk", (SENT + HEX + b"\r\n" + BODY)[:-1]),
    ("behind a chunk", SENT + HEX + b"\r\n" + BODY + b"\r\n"),
    ("in the last chunk", chunk_line(HEX)[:-1]),
    ("in a trailer", chunk_line(HEX, last=b"0\r\nA: b\r\n")),
]


@test
def http_answers():
    ok(len(HTTP_GOOD) + len(HTTP_BAD) + len(HTTP_SHORT) > 120, "HTTP: as many cases as there were")
    table = ([(name, data, 0) for name, data in HTTP_GOOD] + [(name, data, 56) for name, data in HTTP_BAD]
             + [("ends " + name, data, 18) for name, data in HTTP_SHORT])
    results = in_all_cuts("HTTP", [name for name, _, _ in table], [data for _, data, _ in table])
    for (name, data, code), result in zip(table, results):
        equal(result[1], code, "HTTP, %s: exit code (%s)" % (name, result[2]))
        if code == 0:
            equal(result[0], ["a"], "HTTP, %s: the text" % name)


@test
def http_statuses():
    """Each status by its class, with a body and without."""
    statuses = [200, 201, 299, 300, 304, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 599]
    codes = {401: 77, 403: 77, 429: 75, 503: 75}
    whole = [head("%d X" % s, "Content-Length: %d" % len(BODY)) + BODY for s in statuses]
    for status, (texts, code, words) in zip(statuses, in_all_cuts("status", statuses, whole)):
        equal(code, 0 if status < 300 else codes.get(status, 22), "status %d (%s)" % (status, words))
        equal(texts, ["a"] if status < 300 else [], "status %d: the text" % status)
    (_, code, _), = answers([head("204 X", "Content-Length: 5")], "whole")
    equal(code, 18, "204 is an answer without a word")


# ---- server-sent events (WHATWG HTML, section 9.2) ----------------------------------------------


def said(*words):
    return b"".join(b'{"choices":[{"delta":{"content":"%s"}}]}' % w for w in words)


A, B, DONE = b"data: " + said(b"a"), b"data: " + said(b"b"), b"data: [DONE]\n\n"
SSE = [  # name, stream, texts
    ("LF", A + b"\n\n" + B + b"\n\n", "ab"),
    ("CR", A + b"\r\r" + B + b"\r\r", "ab"),
    ("CRLF", A + b"\r\n\r\n" + B + b"\r\n\r\n", "ab"),
    ("line ends of all kinds", A + b"\n\r" + B + b"\r\n\r\r\n\n", "ab"),
    ("many empty lines", b"\n\r\n\r" + A + b"\n\n\n\r\n\r\r" + B + b"\n\n", "ab"),
    ("a byte order mark", b"\xef\xbb\xbf" + A + b"\n\n", "a"),
    ("a byte order mark in the middle is a name", A + b"\n\n\xef\xbb\xbf" + B + b"\n\n", "a"),
    ("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + A + b"\n\n" + B + b"\n\n", "b"),
    ("a comment first", b": x\n" + A + b"\n\n", "a"),
    ("comments", b":\n\n: x\n\n::\n" + A + b"\n:data: x\n\n", "a"),
    ("a comment of bytes that are not UTF-8", b":\xff\xfe\n" + A + b"\n\n", "a"),
    ("no blank behind the colon", b"data:" + said(b"a") + b"\n\n", "a"),
    ("two blanks behind the colon", b"data:  " + said(b"a") + b"\n\n", "a"),
    ("a tab behind the colon", b"data:\t" + said(b"a") + b"\n\n", "a"),
    ("a blank in front of the colon is another name", b"data : x\n" + A + b"\n\n", "a"),
    ("a blank in front is another name", A + b"\n\n data: x\n" + B + b"\n\n", "ab"),
    ("a tab in front of the first", b"\tdata: x\n" + A + b"\n\n", "a"),
    ("names are as they are written", b"Data: x\nDATA: x\n" + A + b"\n\n", "a"),
    ("a name that begins as another", b"datax: x\ndat: x\n" + A + b"\n\n", "a"),
    ("unknown names", b"foo: bar\nfoo\n" + A + b"\n\n", "a"),
    ("id, retry, event", b"id: 1\nretry: 10\nevent: message\n" + A + b"\n\n", "a"),
    ("id first", b"id: 1\n\n" + A + b"\n\n", "a"),
    ("retry first", b"retry: x\n\n" + A + b"\n\n", "a"),
    ("id with NUL", b"id: a\0b\n" + A + b"\n\n", "a"),
    ("event without a value", b"event\nevent:\n" + A + b"\n\n", "a"),
    ("event without data", b"event: x\n\n" + A + b"\n\n", "a"),
    ("data on many lines", b'data: {"choices":\ndata:[{"delta":\ndata: {"content":"a"}\ndata: }]\ndata\ndata:}\n\n', "a"),
    ("data on many lines, other fields between", b'data: {"choices":[{"delta":{"content":\n: x\nid: 1\ndata: "a"}}]}\nfoo\n\n', "a"),
    ("empty lines of data around it", b"data:\ndata\n" + A + b"\ndata: \n\n", "a"),
    ("no empty line at the end", A + b"\n\n" + B, "ab"),
    ("characters of many bytes", b"data: " + said("é吞😀".encode()) + b"\n\n", "é吞😀"),
    ("colons in data", b"data: " + said(b"a:b: c") + b"\n\n", "a:b: c"),
    ("what is behind [DONE]", A + b"\n\n" + DONE + b"data: x\n\n", "a"),
]
SSE_BAD = [
    ("data that is no JSON", A + b"\n\ndata: x\n\n"),
    ("two documents in an event", A + b"\n" + B + b"\n\n"),
    ("a document in two events", b'data: {"choices":\n\ndata: []}\n\n'),
    ("a string over two lines of data", b'data: {"choices":[{"delta":{"content":"a\ndata: b"}}]}\n\n'),
    ("bytes in data that are not UTF-8", b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'),
    ("NUL in data", b'data: {"choices":[{"delta":{"content":"\0"}}]}\n\n'),
]
EVENTS = "Content-Type: text/event-stream"


@test
def sse_streams():
    frames = [  # an answer's body, as it is sent
        ("until close", lambda s: head("200 OK", EVENTS) + s),
        ("chunked", lambda s: head("200 OK", EVENTS, CHUNKED) + chunks(*cuts(s, "random", random.Random(3)))),
        ("length", lambda s: with_length(s, "200 OK", EVENTS)),
    ]
    for frame, pack in frames:
        table = ([(n, pack(s + b"\n\n" + DONE), t, 0) for n, s, t in SSE] + [(n, pack(s + DONE), None, 56) for n, s in SSE_BAD]
                 + [("cut off, " + n, pack(s), t, 18) for n, s, t in SSE if b"DONE" not in s])
        results = in_all_cuts("SSE " + frame, [n for n, _, _, _ in table], [w for _, w, _, _ in table], "--api", "openai")
        for (name, _, text, code), result in zip(table, results):
            equal(result[1], code, "SSE %s, %s: exit code (%s)" % (frame, name, result[2]))
            if text is not None:
                equal("".join(result[0]), text, "SSE %s, %s: the text" % (frame, name))


def reference_events(stream):
    """The data of each event, by the letter of the standard."""
    text = stream[3:] if stream.startswith(b"\xef\xbb\xbf") else stream
    events, data = [], []
    for line in text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]:
        name, _, value = line.partition(b":")
        if not line:
            events += [b"\n".join(data)] if data else []
            data = []
        elif name == b"data":
            data.append(value[1:] if value.startswith(b" ") else value)
    return events


def random_stream(rng):
    ends = rng.choice(((b"\n",), (b"\r",), (b"\r\n",), (b"\n", b"\r", b"\r\n")))
    out = b"\xef\xbb\xbf" if rng.random() < 0.2 else b""
    odd = (b": x", b":", b"id: 7", b"id", b"retry: x", b"event: message", b"event", b"Data: x", b"data : x", b" data: x", b"foo",
           b"datax: y", b": \xff", b"id: a\0b", b"\tdata: x")
    for _ in range(rng.randint(1, 6)):
        document = said(rng.choice(("a", "ß", "😀", "\\u00e9", "x y", "data: b")).encode())
        lines = []
        for piece in document.replace(b":[", b":\n[").replace(b":{", rng.choice((b":{", b":\n{"))).split(b"\n"):
            lines += [b"data:" + rng.choice((b"", b" ", b"  ", b" \t")) + piece]
            lines += [rng.choice(odd)] if rng.random() < 0.3 else []
        if rng.random() < 0.3:
            lines.insert(0, rng.choice(odd))
        for line in [*lines, b"", *[b""] * rng.choice((0, 0, 1))]:
            # Never a LF behind a CR: that is one line end.
            end = rng.choice(ends)
            out += line + (end if line or not out.endswith(b"\r") or end != b"\n" else b"\r")
    return out + rng.choice((b"data: [DONE]\r\n\r\n", b"data: [DONE]\n\n", b"data: [DONE]"))


@test
def sse_beside_a_reference():
    rng = random.Random(11)
    streams = [random_stream(rng) for _ in range(250)]
    whole = [head("200 OK", EVENTS) + s for s in streams]
    for stream, result in zip(streams, in_all_cuts("random SSE", range(len(whole)), whole, "--api", "openai")):
        events = [e for e in reference_events(stream) if e != b"[DONE]"]
        text = "".join(json.loads(e)["choices"][0]["delta"]["content"] for e in events)
        equal(("".join(result[0]), result[1]), (text, 0), "the stream %r" % stream)


rig.main()
