"""What others' conformance suites ask of JSON, HTTP responses, server-sent events, CSV, URLs and TOML,
through the command line: accept what must be accepted, refuse what must be refused, and the same in any cuts.

The tables are our own, after the texts of the standards. What comes from a socket or a pipe comes whole,
in random cuts, and byte by byte to a client that reads byte by byte; one process tries a whole table.
"""

import ipaddress
import json
import random
import re
import subprocess
import threading

import rig
from rig import CLOSE, RawServer, chunks, equal, folder, head, ok, run, start, test, with_length, write

CUTS = ("whole", "random", "bytes")
LINE = b'{"response":"a","done":false}\n'
END = b'{"response":"","done":true,"done_reason":"stop","eval_count":1}\n'
BODY = LINE + END
CHUNKED = "Transfer-Encoding: chunked"


def cuts(data, how, rng):
    if how == "whole":
        return [data] if data else []
    pieces, at = [], 0
    while at < len(data):
        size = 1 if how == "bytes" else rng.choice((1, 2, 3, 7, 50, 400))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def feed(process, data, how):
    """What comes back when `data` goes to stdin in pieces."""

    def pour():
        for piece in cuts(data, how, random.Random(2)):
            process.stdin.write(piece)
            process.stdin.flush()
        process.stdin.close()

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    out = process.stdout.read()
    thread.join(60)
    return out, process.wait(60)


def work(jobs, script, how="whole", *options):
    """Lines of jobs through one worker, to a server that answers by `script`. {id or line: its events}."""
    with RawServer(script) as server:
        process = start("worker", "--no-config", "-u", server.url, "-j", 8, "--queue", 65536, "--max-retries", 0,
                        "-t", "60s", "--keep-alive", "off", "--read-size", 1 if how == "bytes" else 1024, *options,
                        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        out, code = feed(process, jobs, how)
        events = {}
        for line in out.splitlines():
            event = json.loads(line)
            event["message"] = event.get("message", "").replace(str(server.port), "PORT")
            events.setdefault(event["line"] if "line" in event else event["id"], []).append(event)
        events["code"], events["requests"] = code, list(server.requests)
        return events


def number_of(request):
    """Which case is asked for: the prompt."""
    body = json.loads(request.split(b"\r\n\r\n", 1)[1])
    return int(body["prompt"] if "prompt" in body else body["messages"][-1]["content"])


def answers(whole, how, *options):
    """[(pieces of text, exit code or 0, words)] for each answer: the bytes of it, up to the end of its connection."""
    rng = random.Random(1)
    plan = [cuts(a, how, rng) + [CLOSE] for a in whole]
    jobs = b"".join(b'{"id":%d,"prompt":"%d"}\n' % (i, i) for i in range(len(whole)))
    events = work(jobs, lambda request, _: plan[number_of(request)], how, *options)
    results = []
    for i in range(len(whole)):
        own = events.get(i, [])
        texts = [e["text"] for e in own if e["event"] == "token" and "text" in e]
        ends = [e for e in own if e["event"] in ("done", "error")]
        if len(ends) != 1:
            results.append((texts, None, "%d ends, exit %s" % (len(ends), events["code"])))
            continue
        results.append((texts, ends[0].get("exit_code", 0), ends[0]["message"]))
    return results


def in_all_cuts(what, names, whole, *options):
    """The results of answers() for them, having checked that cuts make no difference."""
    first = answers(whole, "whole", *options)
    for how in CUTS[1:]:
        for name, a, b in zip(names, first, answers(whole, how, *options)):
            equal(b, a, "%s, %s: %s cuts" % (what, name, how))
    return first


# ---- JSON (RFC 8259) ----------------------------------------------------------------------------

JSON_GOOD = r"""
null|true|false|0|-0|-0.0|0.0|1|-1|10|1234567890|0.1|-0.1e1|1e1|1E1|1e+1|1E-1|0e0|0e+1|1.5e300|1e400|-1e400|1e-400
123456789012345678901234567890|-123456789012345678901234567890|0.000000000000000000000000000000000001|1.0e+007
""|" "|"a"|"\""|"\\"|"\/"|"/"|"\b\f\n\r\t"|"\u0000"|"\u001f"|"\u00e9"|"\u00E9"|"\uD834\uDD1E"|"\ud834"|"\udd1e"
"\ud834\ud834\udd1e"|"\udd1e\ud834"|"\uFFFF"|"\ufffe"|"\\u0041"|"\u0022"|"\u005C"|"é"|"吞"|"😀"|"\u2028"|"/*x*/"|"//"
[]|[ ]|[1]|[1,2]|[ 1 , 2 ]|[[]]|[[[]],[]]|[{}]|["a",{"b":[null]}]|[true,false,null]|[""]|[0.5,"x"]|[1e5]|[-0]
{}|{ }|{"":0}|{"a":1}|{ "a" : 1 }|{"a":{}}|{"a":[]}|{"a":1,"b":2}|{"a":1,"a":2}|{"a":{"a":{"a":{}}}}|{"\u0000":1}|{"é":"é"}
""".replace("\n", "|").strip("|").split("|")
JSON_BAD = r"""
[|]|{|}|[[|{]|[}|[1|[1,|[1,]|[,]|[,1]|[1,,2]|[1 2]|[1]]|[1}|[1:2]|["a" "b"]|["a",|["a|[1,2|[]]|[] []|1 2|nul|nulll
{"a"}|{"a":}|{"a":1,}|{,}|{"a":1,,"b":2}|{"a" 1}|{a:1}|{'a':1}|{1:1}|{"a":1 "b":2}|{"a":1}}|{"a":1}x|{"a"::1}|{:1}|{null:1}
TRUE|True|tru|truee|falsy|Null|NULL|None|undefined|NaN|nan|Infinity|-Infinity|inf|+1|+|-|--1|- 1|01|-01|00|00.5|1.|.1|-.1
1.e1|1e|1e+|1e-|1E|1e1.5|1e 1|1_000|0x1|0o7|0b1|1,5|1.2.3|1f|1L|½|１|'a'|"a|"|"\|"\"|"\a"|"\x41"|"\0"|"\'"|"\u"|"\u12"|"\u123"
"\u123g"|"\U00000041"|"\u 123"|"\u{41}"|"a" b|“a”|/**/1|1//|#1|1;|(1)|<a>|*|&1|!|@|[1]#|,|:|{"a":"b"|{"a":tru}|[NaN]|[-]|[1.]
["\u00"]|[0,01]|{"a":01}|[+1]|{"a":'b'}|["a\]|[*]|[\u0041]|[\n]|\n|{"a":1]|["x"|]["x"]|[1]]|{{}}|{[]}|[[]|{"a":{}|{"a":[}
""".replace("\n", "|").strip("|").split("|")
# What a line of text cannot show.
JSON_BAD += [b'"\x00"', b'"\t"', b'"\x1f"', b'"\xff"', b'"\xc0\x80"', b'"\xe0\x80\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
             b'"\xf8\x88\x80\x80\x80"', b'"\xc3"', b'"\xe5\x90"', b'"\x80"', b"\xef\xbb\xbf1", b"1\xef\xbb\xbf", b"\x0c1", b"1\x0b",
             b"\xc2\xa01", b"\xe2\x80\xa81", b"1\x00", b"\x00", b"[" * 513 + b"]" * 513, b'{"a":' * 513 + b"1" + b"}" * 513]
JSON_GOOD += [b'"\x7f"', b'"\xf4\x8f\xbf\xbf"', b"\t1\r", b" \t[ ] ", b"[" * 500 + b"]" * 500, b'{"a":' * 500 + b"1" + b"}" * 500,
              b'"' + b"x" * 9000 + b'"', b"[" + b"1," * 3000 + b"1]"]


def as_bytes(texts):
    return [t if isinstance(t, bytes) else t.encode() for t in texts]


def like_python(text):
    """True when Python's json takes it, which RFC 8259's numbers and nothing but UTF-8 apart is as strict."""

    def refuse(word):
        raise ValueError(word)

    try:
        json.loads(text.decode(), parse_constant=refuse)
        return True
    except ValueError:
        return False


@test
def json_in_a_job_and_in_an_answer():
    cases = [(d, True) for d in as_bytes(JSON_GOOD)] + [(d, False) for d in as_bytes(JSON_BAD)]
    ok(len(cases) > 240, "JSON: as many cases as there were", len(cases))
    jobs = b"".join(b'{"id":%d,"prompt":"x","v":%s}\n' % (i, d) for i, (d, _) in enumerate(cases))
    for how in CUTS:
        events = work(jobs, [with_length(BODY)], how)
        for i, (document, good) in enumerate(cases):
            if good:
                took = [e["event"] for e in events.get(i, [])] == ["accepted", "token", "done"]
            else:
                took = [e.get("exit_code") for e in events.get(i + 1, []) if "line" in e] != [65]
            equal(took, good, "a job with %.60r, %s cuts" % (document, how))
    whole = [with_length(b'{"response":"a","x":%s}\n' % d + END) for d, _ in cases]
    for (document, good), (texts, code, _) in zip(cases, in_all_cuts("a line", range(len(cases)), whole)):
        equal((texts, code), (["a"], 0) if good else ([], 56), "an answer's line with %.60r" % document)
    whole = [head() + b'data: {"choices":[{"delta":{"content":"a"}}],"x":%s}\n\ndata: [DONE]\n\n' % d for d, _ in cases]
    for (document, good), (texts, code, _) in zip(cases, answers(whole, "whole", "--api", "openai")):
        if b"\r" not in document:
            equal((texts, code), (["a"], 0) if good else ([], 56), "an event with %.60r" % document)


@test
def json_in_files():
    cases = [(d, True) for d in as_bytes(JSON_GOOD)] + [(d, False) for d in as_bytes(JSON_BAD) if d]
    with folder() as base:
        for i, (document, _) in enumerate(cases):
            write("%s/%04d.json" % (base, i), document + b"\n")
        said = json.loads(run("ingest", "--no-config", base, "-f", "json").out)
        read = {f["path"] for f in said["files"]}
        for i, (document, good) in enumerate(cases):
            equal("%04d.json" % i in read, good, "a file with %.60r" % document)


def random_json(rng, depth=0):
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind < 2:
        return rng.choice(("null", "true", "false", "0", "-0", "1.5", "1e9", "-1E-2", "12345678901234567890", "0.10"))
    if kind < 6:
        return random_string(rng)
    blank = lambda: rng.choice(("", "", "", " ", "\t", "  "))
    items = [random_json(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind < 8:
        items = [random_string(rng) + blank() + ":" + blank() + item for item in items]
    begin, end = "{}" if kind < 8 else "[]"
    return begin + blank() + (blank() + "," + blank()).join(items) + blank() + end


def random_string(rng):
    pieces = ("a", "é", "吞", "😀", "\\n", '\\"', "\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\udE00",
              "\\u0000", " ", "{", "]", ",", ":", "\x7f")
    return '"%s"' % "".join(rng.choice(pieces) for _ in range(rng.randrange(7)))


@test
def json_beside_pythons():
    """Random documents, half of them damaged, are taken and refused as Python's json does; strings mean the same."""
    rng = random.Random(7)
    documents = []
    for i in range(2400):
        text = bytearray(random_json(rng).encode())
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(text) + 1)
            kind = rng.randrange(3)
            if kind == 0:
                text[at:at] = rng.choice(b'{}[]",:\\u0019eE+-. tfn\x01\x80\xc3\xff').to_bytes(1, "little")
            elif kind == 1:
                del text[at : at + rng.randrange(1, 3)]
            elif at < len(text):
                text[at] = rng.choice(b'{}[]",:\\eE+-.0x\x1f\xe5')
        documents.append(bytes(text))
    good = [like_python(b'{"v":%s}' % d) for d in documents]
    ok(600 < sum(good) < 2000, "random JSON: some of both", sum(good))
    jobs = b"".join(b'{"id":%d,"prompt":"x","v":%s}\n' % (i, d) for i, d in enumerate(documents))
    events = work(jobs, [with_length(BODY)])
    took = [any(e["event"] == "done" for e in events.get(i, [])) for i in range(len(documents))]
    wrong = [(d, t) for d, t, g in zip(documents, took, good) if t != g]
    equal(wrong[:3], [], "%d random documents, as Python's json (%d differ)" % (len(documents), len(wrong)))

    texts = [random_string(rng) for _ in range(400)]
    meant = [json.loads(t).encode("utf-16", "surrogatepass").decode("utf-16", "replace") for t in texts]
    jobs = b"".join(b'{"id":%d,"prompt":%s,"system":"%d"}\n' % (i, t.encode(), i) for i, t in enumerate(texts))
    seen = {}

    def script(request, _):
        body = json.loads(request.split(b"\r\n\r\n", 1)[1])
        seen[int(body["system"])] = body["prompt"]
        return with_length(b'{"response":%s}\n' % texts[int(body["system"])].encode() + END)

    events = work(jobs, script)
    for i, (text, wanted) in enumerate(zip(texts, meant)):
        came = "".join(e["text"] for e in events.get(i, []) if e["event"] == "token")
        if wanted:   # an empty prompt is none
            equal((seen.get(i), came), (wanted, wanted), "the string %s" % text)


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


# ---- CSV (RFC 4180) -----------------------------------------------------------------------------

CSV = [  # text, names of columns, rows; None: refused
    (b"a,b,c\n1,2,3\n", ["a", "b", "c"], 1),
    (b"a,b,c\r\n1,2,3\r\n", ["a", "b", "c"], 1),
    (b"a,b,c\r1,2,3\r", ["a", "b", "c"], 1),
    (b"a,b,c\n1,2,3", ["a", "b", "c"], 1),
    (b"a,b\r\n1,2\n3,4\r5,6", ["a", "b"], 3),
    (b"a\n1\n2\n", ["a"], 2),
    (b"a,b\n", ["a", "b"], 0),
    (b"a,b", ["a", "b"], 0),
    (b"\xef\xbb\xbfa,b\n1,2\n", ["a", "b"], 1),
    (b"\xef\xbb\xbf\"a\",b\n1,2\n", ["a", "b"], 1),
    (b"a,b\n,\n", ["a", "b"], 1),
    (b"a,b,c\n1,,3\n,,\n", ["a", "b", "c"], 2),
    (b"a,b\n\n1,2\n\n\n3,4\n\n", ["a", "b"], 2),
    (b"\n\na,b\n1,2\n", ["a", "b"], 1),
    (b'"a","b"\n"1","2"\n', ["a", "b"], 1),
    (b'"a,b",c\n"1,2",3\n', ["a,b", "c"], 1),
    (b'a,b\n"1\n2",3\n', ["a", "b"], 1),
    (b'a,b\n"1\r\n2",3\r\n', ["a", "b"], 1),
    (b'a,b\n"1\r2",3\n', ["a", "b"], 1),
    (b'a,b\n"x ""y"" z",3\n', ["a", "b"], 1),
    (b'"a ""x""",b\n1,2\n', ['a "x"', "b"], 1),
    (b'a,b\n"""",""\n', ["a", "b"], 1),
    (b'a,b\n"",""\n', ["a", "b"], 1),
    (b'a\n""\n', ["a"], 1),
    (b"a,b\n 1 , 2 \n", ["a", "b"], 1),
    (b"a,b\n\t1,2\t\n", ["a", "b"], 1),
    (b"a b,c\n1,2\n", ["a b", "c"], 1),
    (b"a,b\n1;2,3|4\n", ["a", "b"], 1),
    (b"a,b\n'1,2'\n", ["a", "b"], 1),
    (b"a,b\n#1,2\n", ["a", "b"], 1),
    (b"a,b\n1\\,2\n", ["a", "b"], 1),
    (b"a,b\n=1+1,@x\n", ["a", "b"], 1),
    ("ä,吞\n😀,é\n".encode(), ["ä", "吞"], 1),
    (b'a,b\n"a quote, ""b"", and\n""c""",2\n3,4\n', ["a", "b"], 2),
    (b"a,b\n1,2,3\n", None, 0),
    (b"a,b\n1\n", None, 0),
    (b"a,b\n1,2\n3\n", None, 0),
    (b'a,b\n1,"2\n', None, 0),
    (b'a,b\n"1"x,2\n', None, 0),
    (b'a,b\n"1" ,2\n', None, 0),
    (b'a,b\n1"2,3\n', None, 0),
    (b'a,b\n1, "2"\n', None, 0),
    (b'a,b\n1,2"\n', None, 0),
    (b'a,b\n"1""2,3\n', None, 0),
    (b'a,b\n"1\\"",2\n', None, 0),
    (b"a,b\n1,\0\n", None, 0),
    (b'a,b\n1,"\0"\n', None, 0),
    (b"a,b\n1,\xff\n", None, 0),
    (b"a,b\n1,\xc3\n", None, 0),
    (b"\xff\xfea\0,\0b\0\n\0", None, 0),
    (b"\n\n\n", None, 0),
    (b"", None, 0),
]


@test
def csv_files():
    with folder() as base:
        for i, (text, _, _) in enumerate(CSV):
            write("%s/%04d.csv" % (base, i), text)
        said = json.loads(run("ingest", "--no-config", base, "-f", "json").out)
        files = {f["path"]: f for f in said["files"]}
        skipped = {s["path"]: s["why"] for s in said["skipped"]}
        for i, (text, columns, rows) in enumerate(CSV):
            name = "%04d.csv" % i
            got = files.get(name)
            wanted = (columns, rows) if columns else skipped.get(name, "a reason")
            equal((got["columns"], got["rows"]) if got else skipped.get(name), wanted, "CSV %r" % text)


# ---- URLs (RFC 3986) ----------------------------------------------------------------------------

URL_GOOD = [  # URL, Host, what stands before /api/generate
    ("http://h", "h", ""),
    ("http://h/", "h", ""),
    ("HTTP://H", "h", ""),
    ("hTtP://ExAmPlE.com/Path", "example.com", "/Path"),
    ("h", "h", ""),
    ("h:8080", "h:8080", ""),
    ("h/p", "h", "/p"),
    ("http://h:80", "h", ""),
    ("http://h:", "h", ""),
    ("http://h:/p", "h", "/p"),
    ("http://h:00080/", "h", ""),
    ("http://h:1", "h:1", ""),
    ("http://h:443", "h:443", ""),
    ("http://h:65535", "h:65535", ""),
    ("http://h/a/b", "h", "/a/b"),
    ("http://h/a/b/", "h", "/a/b"),
    ("http://h/a//b", "h", "/a//b"),
    ("http://h/./a", "h", "/a"),
    ("http://h/a/.", "h", "/a"),
    ("http://h/a/..", "h", ""),
    ("http://h/a/b/../c", "h", "/a/c"),
    ("http://h/../../a", "h", "/a"),
    ("http://h/...", "h", "/..."),
    ("http://h/.a/a.", "h", "/.a/a."),
    ("http://h/%20", "h", "/%20"),
    ("http://h/%2F", "h", "/%2F"),
    ("http://h/%c3%a9", "h", "/%c3%a9"),
    ("http://h/a%zz", "h", "/a%zz"),
    ("http://h/a:b@c", "h", "/a:b@c"),
    ("http://h/a;b=c,d", "h", "/a;b=c,d"),
    ("http://h/!$&'()*+,;=:@-._~", "h", "/!$&'()*+,;=:@-._~"),
    ("http://h#f", "h", ""),
    ("http://h/a#f?g", "h", "/a"),
    ("http://h/a#", "h", "/a"),
    ("http://127.0.0.1:11434", "127.0.0.1:11434", ""),
    ("http://1.2.3.4", "1.2.3.4", ""),
    ("http://a.b.c.example", "a.b.c.example", ""),
    ("http://a_b-c", "a_b-c", ""),
    ("http://a.", "a.", ""),
    ("http://xn--6qqa088eba", "xn--6qqa088eba", ""),
    ("http://[::1]", "[::1]", ""),
    ("http://[::1]:", "[::1]", ""),
    ("http://[::1]:8080/p", "[::1]:8080", "/p"),
    ("http://[2001:DB8::A]", "[2001:db8::a]", ""),
    ("http://[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", ""),
    ("http://[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]", ""),
    ("http://[1::]", "[1::]", ""),
]
URL_BAD = r"""
http://|http:///a|://h|ftp://h|ws://h|file:///a|h://a|http:h|http:/h|:80|/a|//h|?a|#a|http://?a|http://#a|http://:80|http://@
http://u@h|http://u:p@h|http://:@h|u@h|http://h:x|http://h:0|http://h:65536|http://h:99999999999|http://h:-1|http://h:+1|http://h:8 0
http://h:80:80|http://a b|http://a%20b|http://%41|http://a\b|http://a^b|http://a<b|http://a|b|http://a"b|http://a{b}|http://a,b
http://[|http://]|http://[]|http://[::1|http://::1|http://[::1]x|http://[::1]]|http://[g::]|http://[1.2.3.4]|http://[:::]|http://[1::2::3]
http://[1:2:3:4:5:6:7]|http://[1:2:3:4:5:6:7:8:9]|http://[12345::]|http://[::1.2.3]|http://[::1.2.3.256]|http://[fe80::1%25lo]|http://[v1.a]
http://h/a b|http://h/\ta|http://h/\n|http://h/\r\nX: y|http://h/\x7f|http://h/é|http://h/?é|http://é|http://h#é| http://h|http://h |\thttp://h
""".replace("a|b|http://a\"b", "a\x00b|http://a\"b").strip().replace("\n", "|").split("|")
URL_BAD = [u.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").replace("\\x7f", "\x7f").replace("\x00", "|")
           for u in URL_BAD]


@test
def urls():
    ok(len(URL_GOOD) + len(URL_BAD) > 110, "URL: as many cases as there were")
    words = [w for url, _, _ in URL_GOOD for w in ("-u", url)]
    r = run("run", rig.NOTES, "--no-config", "--quiet", "--dry-run", "-n", len(URL_GOOD), *words)
    heads = [h.split("\r\n") for h in r.text.replace("\r\r\n", "\r\n").split("POST ")[1:]]
    equal((r.code, len(heads)), (0, len(URL_GOOD)), "URL: one request each")
    for (url, host, path), lines in zip(URL_GOOD, heads):
        equal((lines[0], lines[1]), (path + "/api/generate HTTP/1.1", "Host: " + host), "URL %r" % url)
    for url in URL_BAD:
        r = run("ask", "--no-config", "--dry-run", "-u", url, "hi")
        ok(r.code == 2 and r.out == b"" and rig.one_error_line(r), "URL %r: refused" % url, r)
    for url, target in (("http://h/a/../b?c=/../d#e", "/b?c=/../d"), ("h?q", "/?q"), ("http://h/?", "/"), ("http://h/a?b?c", "/a?b?c")):
        with RawServer([with_length("x")]) as server:
            r = run("fetch", "--no-config", url.replace("http://", "").replace("h", "http://127.0.0.1:%d" % server.port, 1))
            first = server.requests[0].split(b"\r\n")[0] if server.requests else r
            equal(first, b"GET %s HTTP/1.1" % target.encode(), "fetch %s" % url)


def reference_url(text):
    """(Host, path, query) as RFC 3986 and what this program makes of it say, or None: refused."""
    if not re.fullmatch(r"[!-~]*", text):
        return None
    scheme, authority, path, query = re.fullmatch(r"(?:([^/?#]*)://)?([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", text).groups()
    if scheme is not None and scheme.lower() != "http":
        return None
    m = re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]*))?", authority.lower())
    if not m or (m[2] == "" and scheme is None) or (m[2] and not 0 < int(m[2]) < 65536):
        return None
    try:
        m[1][0] == "[" and ipaddress.IPv6Address(m[1][1:-1])
    except ValueError:
        return None
    kept = []   # section 5.2.4
    parts = path.split("/")[1:]
    for part in parts:
        kept = kept[:-1] if part == ".." else kept if part == "." else kept + [part]
    path = "".join("/" + p for p in kept) + ("/" if parts and parts[-1] in (".", "..") else "")
    return m[1] + (":%d" % int(m[2]) if m[2] and int(m[2]) != 80 else ""), path or "/", query or ""


@test
def urls_beside_a_reference():
    rng = random.Random(5)
    words = (("http://", "http://", "http://", "HTTP://", "", "hTTp://", "http:/", "ftp://", "://", "//"),
             ("h", "h", "H.Example", "1.2.3.4", "[::1]", "[1:2::3]", "[::1.2.3.4]", "a_b-c.", "", "u@h", "[1::2::3]", "h h", "a%62", "[::1"),
             ("", "", "", ":80", ":8080", ":", ":0", ":65535", ":65536", ":x", ":080", ":1:2"),
             ("", "/", "/a", "/a", "/a", "//", "/./b", "/../c", "/..", "/.", "/%2e", "/a b", "/é", "/:@", "/..a"),
             ("", "", "?q", "?a/../b", "?x?y", "?"), ("", "", "#f", "#f?g/..", "#"))
    urls = set()
    while len(urls) < 240:
        kinds = [words[i] for i in (0, 1, 2, 3, 3, 3, 4, 5)]
        urls.add("".join(rng.choice(k) for k in kinds))
    wanted = {u: reference_url(u) for u in sorted(urls)}
    good = [(u, w) for u, w in wanted.items() if w]
    ok(40 < len(good) < 200, "random URLs: some of both", len(good))
    r = run("run", rig.NOTES, "--no-config", "--quiet", "--dry-run", "-n", len(good), *[w for u, _ in good for w in ("-u", u)])
    heads = [h.split("\r\n") for h in r.text.split("POST ")[1:]]
    equal((r.code, len(heads)), (0, len(good)), "random URLs: one request each (%s)" % r.words[:200])
    for (url, (host, path, query)), lines in zip(good, heads):
        target = path.rstrip("/") + "/api/generate" + ("?" + query if query else "")
        equal((lines[0], lines[1]), (target + " HTTP/1.1", "Host: " + host), "the URL %r" % url)
    for url in (u for u, w in wanted.items() if not w):
        r = run("ask", "--no-config", "--dry-run", "--url=" + url, "hi")
        ok(r.code == 2 and r.out == b"" and rig.one_error_line(r), "the URL %r: refused" % url, r)


# ---- TOML 1.0 -----------------------------------------------------------------------------------

TOML_GOOD = r"""
a=1|a = 1 # x|a.b.c = 1|"a" = 1|'a' = 1|"" = 1|'' = 1|"a b".'c.d' = 1|1 = 1|1.2 = 1|-a_ = 1|a . b = 1|a = 1\n|\n\n|# x|a = 1\r\nb = 2\r\n
a = "x"|a = 'x'|a = ""|a = ''|a = "\b\t\\n\f\\r\"\\\\\\\\"|a = "\u00e9\U0001F600"|a = '\q'|a = "# x" # x|a = "é"
a = @@@x@@@|a = @@@\nx\ny@@@|a = @@@"x@@@"|a = @@@""x@@@""|a = @@@x \\\n   y@@@|a = @@@@@@ |a = '''x'''|a = '''\nx\n'''|a = ''''x''''|a = @@@\\\n@@@
a = 0|a = +0|a = -0|a = +1|a = 1_000|a = 1_2_3|a = 0xDEADbeef|a = 0x0_1|a = 0o17|a = 0b1_0|a = 9223372036854775807|a = -9223372036854775808
a = 0.0|a = -0.0|a = +1.5|a = 1e5|a = 1E+5|a = 1e-05|a = 1_0.0_1e1_0|a = inf|a = -inf|a = +inf|a = nan|a = -nan|a = true|a = false
a = 1979-05-27|a = 07:32:00|a = 07:32:00.123|a = 1979-05-27T07:32:00|a = 1979-05-27 07:32:00|a = 1979-05-27T07:32:00Z|a = 1979-05-27t07:32:00z
a = 1979-05-27T07:32:00.9-07:30|a = 2000-02-29|a = 1979-05-27 # x|a = [1979-05-27, 07:32:00]|a = {b = 1979-05-27}|a = 0000-01-01
a = []|a = [1]|a = [1,]|a = [ 1, "x", [], {} ]|a = [\n1, # x\n2\n]|a = [[1], [2, [3]]]|a = {}|a = { b = 1, c.d = 2 }|a = {b = {c = {}}}|a = [{b = 1}]
[a]|[a.b]|[ a . b ]|["a b"]|['a']|[a] # x|[a]\n[a.b]|[a.b]\n[a]|[a]\nb = 1\n[c]\nb = 1|[[a]]|[[a]]\n[[a]]|[[a]]\n[a.b]\n[[a]]\n[a.b]|[[a.b]]\n[a]
[a.b]\nc = 1\n[a]\nd = 2|[a]\nb.c = 1\nb.d = 2|a.b = 1\na.c = 2|a = 1\n[b]|[[a]]\n[[a.b]]\n[[a.b]]|[a]\n[[a.b]]|a."b".c = 1\na.'b'.d = 1
""".strip().replace("\n", "|").split("|")
TOML_BAD = r"""
a|a =|= 1|a = 1 b = 2|a = 1 2|a = x|a b = 1|a. = 1|.a = 1|a..b = 1|"a = 1|'a = 1|@@@a@@@ = 1|é = 1|a/b = 1|a:1|a = 1\na = 2|"a" = 1\n'a' = 2
a = "x|a = 'x|a = x"|a = "\q"|a = "\x41"|a = "\u12"|a = "\ud800"|a = "\U00110000"|a = "a\nb"|a = @@@x|a = @@@x@@@@@@|a = '''x''''''|a = @@@\q@@@|a = "x" "y"
a = 01|a = -01|a = +01|a = 1_|a = _1|a = 1__2|a = 0x|a = 0xg|a = 0o8|a = 0b2|a = +0x1|a = -0b1|a = 0X1|a = 0x_1|a = 9223372036854775808|a = --1|a = 1a
a = .5|a = 5.|a = 5.e1|a = 1e|a = 1e+|a = 1.2.3|a = 1_.0|a = 1._0|a = 1e_1|a = 00.1|a = Inf|a = NaN|a = infinity|a = True|a = TRUE|a = truee|a = nul
a = 1979-5-27|a = 1979-13-27|a = 1979-02-30|a = 2023-02-29|a = 1979-05-27T|a = 1979-05-27T07:32|a = 24:00:00|a = 07:60:00|a = 07:32|a = 7:32:00|a = 07:32:00.
a = 1979-05-27T07:32:00+7|a = 1979-05-27T07:32:00+24:00|a = 07:32:00Z|a = 1979-05-27Z|a = 1979-05-27  07:32:00|a = 1979-05-27x|a = 1979/05/27|a = 19790527T
a = [|a = ]|a = [1 2]|a = [,]|a = [1,,2]|a = [1|a = [1]]|a = {|a = {b = 1,}|a = {,}|a = {b}|a = {b = 1 c = 2}|a = {b = 1, b = 2}|a = {b = 1\n}|a = {b.c = 1, b = 2}
[|[]|[a|[a]]|[[a]|[[]]|[a.]|[.a]|[a..b]|[a b]|[a] b = 1|[a]\n[a]|[a]\n[[a]]|[[a]]\n[a]|a = 1\n[a]|a = 1\n[a.b]|a = []\n[[a]]|a = {}\n[a.b]|a = {}\na.b = 1|[a]\nb = 1\n[a.b]
a.b = 1\n[a]|[a]\nb.c = 1\n[a.b]|[a.b.c]\nz = 1\n[a]\nb.c.d = 1|a = 1\na.b = 2|[[a]]\n[[a.b]]\n[a.b]|a = [{}]\n[[a]]|[a.b]\n[[a]]|[ [a]]|[a\n]|[a]]|a = 1\rb = 2
""".strip().replace("\n", "|").split("|")


def toml_text(case):
    """A cell of the tables: "@@@" is three quotes, "\\n" and "\\r" are line ends, "\\\\" one backslash."""
    for mark, meaning in (("@@@", '"""'), ("\\\\", "\0"), ("\\n", "\n"), ("\\r", "\r"), ("\0", "\\")):
        case = case.replace(mark, meaning)
    return case


@test
def toml_files():
    odd_good = [b"", b'a = "\t"', b"\xef\xbb\xbfa = 1", b"a = '\xf4\x8f\xbf\xbf'", b"#\t\xc3\xa9", b" \t a = 1"]
    odd_bad = [b"a = 1\0", b"a = '\x01'", b"a = '\x7f'", b"# \x1f", b"a = '\xff'", b"a = '\xed\xa0\x80'", b"\xef\xbb\xbf\xef\xbb\xbfa = 1",
               b"\xff\xfea\0", b"a = \"\r\"", b"a = '''\r'''", b"a = 1\r", b"\x0ca = 1", b"\xc2\xa0a = 1"]
    good = [toml_text(c).encode() for c in TOML_GOOD] + odd_good
    bad = [toml_text(c).encode() for c in TOML_BAD] + odd_bad
    ok(len(good) + len(bad) > 250, "TOML: as many cases as there were", len(good) + len(bad))
    with folder() as base:
        for text, code in [(t, 0) for t in good] + [(t, 78) for t in bad]:
            # A table of its own is of no command, so that nothing but the grammar counts.
            r = run("config", "ingest", "--config", write(base + "/c.toml", text))
            equal(r.code, code, "TOML %r (%s)" % (text, r.words[-80:]))
        # Values, where they can be seen.
        for value, wanted in (
            (r'"a\tb\u00e9"', "a\tb\u00e9"), (r"'a\tb'", "a\\tb"), ('"""\nx\\\n   y"""', "xy"), ("'''\nx''y'''", "x''y"),
            ('""""x""""', '"x"'), ('"a#b"', "a#b"), ("0x1F", "31"), ("0b101", "5"), ("1_000", "1000"), ("1979-05-27", "1979-05-27"),
            ("07:32:00.50", "07:32:00.50"), ("1979-05-27 07:32:00Z", "1979-05-27 07:32:00Z"), ('"\\U0001F600"', "\U0001F600"),
        ):
            path = write(base + "/c.toml", "[ask]\nmodel = %s # x\n" % value)
            r = run("ask", "--config", path, "--dry-run", "hi")
            body = r.out[r.out.find(b"{") :]
            model = json.loads(body)["model"] if body else r
            equal(model, wanted, "TOML value %s" % value)


rig.main()
