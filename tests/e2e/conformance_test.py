"""What others' conformance suites ask of JSON, CSV, URLs and TOML, through the command line: accept what must
be accepted, refuse what must be refused, and the same in any cuts. (HTTP and server-sent events:
conformance_wire_test.py.)

The tables are our own, after the texts of the standards.
"""

import ipaddress
import json
import random
import re

import rig
from cuts_rig import BODY, CUTS, END, answers, in_all_cuts, work
from rig import RawServer, equal, folder, head, ok, run, test, with_length, write

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
