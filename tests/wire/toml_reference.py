#!/usr/bin/python3
"""Writes the reference values of tests/wire/toml_test.cpp: what Python's tomllib makes of documents.

    python3 tests/wire/toml_reference.py > tests/wire/toml_reference.inc

A document that tomllib refuses has no items. Documents that we refuse and tomllib does not (integers
of more than 64 bits), and those with dates, are not in here. The random ones are the same each time.
"""

import json
import random
import tomllib

WHOLE = [
    'title = "TOML"\n[owner]\nname = "Tom \\u00e9 \\U0001F600 \\t \\\\ \\" \\b\\f\\n\\r end"\n[db]\nok = true\n'
    'ports = [ 8000, 8001 ]\ndata = [ ["delta", "phi"], [3.14] ]\ntarget = { cpu = 79.5, case = 72.0 }\n',
    '[ollama1]\nport = 11434\n[agent_a]\nnum_gpu = 80\nbase_url = "http://localhost:11434"\ntemperature = 0.8\n',
    '[[config]]\nname = "a" # comment\n[[config]]\nname = \'b\'\n[config.sub]\nx = 1\n[[config.list]]\ny = 2\n'
    "[[config.list]]\ny = 3\n",
    "a = 1_000\nb = 0xdead_BEEF\nc = 0o755\nd = 0b1101\ne = +99\nf = -0\ng = 1e5\nh = 6.626e-34\ni = 1_0.0_1E+1_0\n"
    "j = inf\nk = -inf\nl = nan\nm = +nan\nn = 0.0\no = -17\np = -0.0\nq = 0e0\n",
    's = """\nRoses are red\\\n   \n   Violets ""are"" blue"""\nt = \'\'\'\nraw \\n\n\'\'text\'\'\'\'\'\nu = \'\'\n'
    'v = """"quoted""""\nw = \'\'\'a\'\'\'\nx = """\\\n  # text\n"""\n',
    'fruit.apple.color = "red"\nfruit.apple.taste.sweet = true\n"quoted key" = 1\n\'lit.eral\'."x y" = 2\n"" = 3\n'
    "a . b . c = [ # comment\n  1, # one\n  2,\n]\n1.2 = 3\n",
    "[a.b.c]\nd = 1\n[a]\ne = 2\n[a.f]\n[ g . h ]\n",
    'p = { x = 1, y.z = 2, "q" = [1, {r = 3}] }\ne = {}\nl = []\n',
    "big = 9223372036854775807\nneg = -9223372036854775808\n",
    "crlf = 1\r\nlong = '''\r\na\r\nb'''\r\n",
    "# only a comment",
    "",
    "\n\n",
]
# Each is a document that is or is not TOML for one reason.
PIECES = """
a=1\\na=2|a.b=1\\na.c=2|a.b=1\\na=2|a=1\\na.b=2|[a]\\n[a]|[a]\\nb=1\\n[a.b]|[a.b]\\n[a]|a.b=1\\n[a]|a.b=1\\n[a.b]
a.b.c=1\\n[a.d]|a.b=1\\n[a.c]|[[a]]\\n[a]|[a]\\n[[a]]|[a.b]\\n[[a]]|a=[]\\n[[a]]|a={}\\n[a.b]|a={}\\na.b=1|a={b={}}\\na.b.c=1
[[a]]\\nb=1\\n[[a]]\\nb=2|[[a]]\\n[a.b]\\n[[a]]\\n[a.b]|[[a.b]]\\n[a]\\nb.c=1|[a.b.c]\\nz=9\\n[a]\\nb.c.t=1|[a.b.c]\\nz=9\\n[a]\\nb.t=1
[a]\\n[a.b]\\n[a]|a={b=1,b=2}|a={b.c=1,b.d=2}|a={b={},b.d=2}|a={b=1,}|a={b=1\\n}|a={,}|a=[,]|a=[1,,2]|a=[1 2]|a=[1,\\n2,\\n]
a=1 b=2|a=1 # ok|a 1|=1|a=|a.=1|.a=1|a..b=1|a b=1|"a"="b"|'a'='b'|\\"\\"\\"a\\"\\"\\"=1|a="b|a='b|a="\\\\q"|a="\\\\u12"|a="\\\\ud800"
a="\\\\U00110000"|a=\\"\\"\\"b|a="b\\nc"|[a|[a]]|[[a]|[]|[[]]|[a] b=1|[a]# ok|[ a ]|[ [a]]|["a"."b"]|[a.]|[.a]|[a..b]
a=01|a=0_1|a=1_|a=_1|a=1__0|a=0x|a=0x_1|a=+0x1|a=0xg|a=0o8|a=0b2|a=1.|a=.1|a=1.e1|a=1e|a=1e+|a=1_.0|a=1._0|a=1e_1|a=00.1|a=1e01
a=-01|a=--1|a=+-1|a=+|a=-|a=infinity|a=Inf|a=NaN|a=-nan|a=True|a=TRUE|a=truee|a=t|a=b|a=1a|a=1,|a=1.2.3|a=0X1|a=1e5.0|a=- 1
a=\\"\\"\\"x\\"\\"\\"\\"|a=\\"\\"\\"x\\"\\"\\"\\"\\"|a=\\"\\"\\"x\\"\\"\\"\\"\\"\\"|a='''x'''''''|a=\\"\\"\\"\\\\ x\\"\\"\\"|a=\\"\\"\\"\\\\  \\n x\\"\\"\\"|a="\\\\\\n"
a={b=[1,\\n2]}|a=[{b=1},\\n{b=2}]|a=[[[]]]|a=[#x\\n]|a=[1#x\\n,2]|a={}\\nb={}|a={ b = 1 , c = 2 }|a = {b.c.d=1}\\n[a]|é=1|"é"=1
a="\\t"|a='\\t'|a="\\x01"|a='\\x7f'|#\\x01|a=1\\r|a=1\\rb=2|a="\\r"|a=1\\x00|a\\tb=1|\\ta\\t=\\t1\\t|a="é\\x80"
"""


def key_name(key):
    plain = key and all(c.isascii() and (c.isalnum() or c in "_-") for c in key)
    return key if plain else json.dumps(key, ensure_ascii=False)


def flat(path, value, out):
    if isinstance(value, dict):
        if path:
            out.append((path, "table", ""))
        for key, item in value.items():
            flat((path + "." if path else "") + key_name(key), item, out)
    elif isinstance(value, list):
        out.append((path, "array", ""))
        for i, item in enumerate(value):
            flat("%s[%d]" % (path, i), item, out)
    elif isinstance(value, bool):
        out.append((path, "boolean", "true" if value else "false"))
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise NotImplementedError
        out.append((path, "integer", str(value)))
    elif isinstance(value, float):
        out.append((path, "floating", repr(value)))
    elif isinstance(value, str):
        out.append((path, "string", value))
    else:
        raise NotImplementedError


def expected(document):
    """The items as text, sorted; None when it is refused."""
    try:
        items = []
        flat("", tomllib.loads(document), items)
    except tomllib.TOMLDecodeError:
        return None
    return "".join("%s %s %s\n" % item for item in sorted(items))


def literal(text):
    out = '"'
    for byte in text.encode():
        out += chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else "\\%03o" % byte
    return 'std::string_view(%s", %d)' % (out, len(text.encode()))


def mutants(count):
    rng = random.Random(1)
    lines = "[a] [a.b] [[a]] a.b=1 a={b=1} a=[1] [a.b.c] [[a.b]] b=1 b.c=2 a.b.c=3 [b] [b.c] 'a'.b=1 [[b.c]]".split()
    for i in range(count):
        if i % 2:
            yield "\n".join(rng.choice(lines) for _ in range(rng.randint(2, 5)))
            continue
        text = list(rng.choice([d for d in WHOLE if 9 < len(d) < 130]))
        for _ in range(rng.randint(1, 3)):
            text[rng.randrange(len(text))] = rng.choice("abc.=[]{}\"'\\#\n ,-+_01eu")
        yield "".join(text)


def main():
    pieces = [p.encode().decode("unicode_escape").encode("latin-1", "replace").decode("utf-8", "replace")
              if p.isascii() else p for line in PIECES.strip().split("\n") for p in line.split("|")]
    print("// Written by tests/wire/toml_reference.py. Do not edit.\n\nconst Reference kReferences[] = {")
    for document in WHOLE + pieces + list(mutants(240)):
        try:
            items = expected(document)
        except NotImplementedError:
            continue
        print("{%s,\n %s, %s}," % (literal(document), literal(items or ""), "true" if items is not None else "false"))
    print("};")


main()
