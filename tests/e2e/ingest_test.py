"""Ingestion against Python's own csv and json modules, and against a folder that wants to break it."""

import contextlib
import csv
import io
import json
import os
import re
import socket

import rig
from rig import INSTANT, NOTES, equal, folder, ok, run, skip, test

WORDS = ("tok", "throughput", "latency", "ttft", "speed")
KINDS = {"csv": "csv", "json": "json", "md": "markdown", "markdown": "markdown"}


# ---- what Python makes of the same folder -------------------------------------------------------


def number(text):
    """The reference's number parser."""
    with contextlib.suppress(ValueError):
        text = text.strip().rstrip("%s").replace(",", "")
        if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
            return float(text)
    return None


def json_metrics(value, path, out):
    if isinstance(value, dict):
        for k, v in value.items():
            json_metrics(v, path + "." + k if path else k, out)
    elif isinstance(value, list):
        for i, v in enumerate(value):
            json_metrics(v, "%s[%d]" % (path, i), out)
    elif any(w in path.lower() for w in WORDS):
        n = float(value) if type(value) in (int, float) else number(value) if type(value) is str else None
        if n is not None:
            out.setdefault("json_" + path, n)


def count_values(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count_values, inner))


def expected(root):
    """(files by path, paths that must be skipped, metrics) of a folder."""
    tops = [
        os.path.join(root, d) for d in ("csv_data", "reports") if os.path.isdir(os.path.join(root, d))
    ] or [root]
    paths = sorted(
        (
            os.path.relpath(os.path.join(d, f), root)
            for top in tops
            for d, _, names in os.walk(top)
            for f in names
        ),
        key=os.fsencode,
    )
    files, skipped, found, hashes, size = {}, [], {}, 0, 0
    for path in paths:
        kind = KINDS.get(path.rsplit(".", 1)[-1].lower())
        if not kind or kind == "markdown" and path.startswith("csv_data/"):
            continue
        raw = rig.read(os.path.join(root, path))
        try:
            text = raw.decode("utf-8")
            if kind == "csv":
                rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
                if not rows or any(len(r) != len(rows[0]) for r in rows):
                    raise ValueError("widths")
                header = [h.strip() for h in rows[0]]
                files[path] = {
                    "kind": kind,
                    "rows": len(rows) - 1,
                    "column_count": len(header),
                    "columns": header,
                }
                first = {h: c.strip() for h, c in zip(header, rows[1])} if len(rows) > 1 else {}
                for h, c in first.items():
                    if any(w in h.lower() for w in WORDS):
                        n = number(c)
                        found.setdefault("csv_" + h, c if n is None else n)
            elif kind == "json":
                value = json.loads(text, parse_constant=lambda name: 1 / 0)
                tops_of = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
                files[path] = {
                    "kind": kind,
                    "json": tops_of.get(type(value), "number"),
                    "values": count_values(value),
                }
                json_metrics(value, "", found)
            else:
                hashes += sum(line.lstrip().startswith("#") for line in text.split("\n"))
                files[path] = {"kind": kind}
            files[path]["bytes"] = len(raw)
            size += len(raw)
        except (ValueError, ArithmeticError, csv.Error):
            skipped.append(path)
    found.update(
        total_files_analyzed=len(files),
        total_file_size_bytes=size,
        data_types=sorted({f["kind"] for f in files.values()}),
    )
    documents = sum(f["kind"] == "json" for f in files.values())
    found.update({k: v for k, v in (("json_documents", documents), ("markdown_heading_count", hashes)) if v})
    return files, skipped, found


def compare(root, name):
    r = run("ingest", root, "-f", "json")
    equal((r.code, r.err), (0, b""), name + ": exit code and stderr")
    got, (files, skipped, metrics) = json.loads(r.text), expected(root)
    equal([f["path"] for f in got["files"]], list(files), name + ": files, in order")
    equal(sorted(s["path"] for s in got["skipped"]), sorted(skipped), name + ": skipped")
    for f in got["files"]:
        wanted = files.get(f["path"], {})
        equal({k: f.get(k) for k in wanted}, wanted, "%s: %s" % (name, f["path"]))
    equal(got["metrics"], metrics, name + ": metrics")
    totals = got["totals"]
    equal(
        (totals["files"], totals["bytes"], totals["skipped"]),
        (len(files), metrics["total_file_size_bytes"], len(skipped)),
        name + ": totals",
    )
    equal(totals["rows"], sum(f.get("rows", 0) for f in files.values()), name + ": rows of all")
    equal(totals["values"], sum(f.get("values", 0) for f in files.values()), name + ": values of all")
    text = run("ingest", root)
    equal((text.code, text.err), (0, b""), name + ", text: exit code and stderr")
    for path in files:
        ok(path in text.text, "%s, text: names %s" % (name, path), text)
    ok(b"\x1b" not in text.out, name + ", text: no escape byte")


@test
def sample_folder():
    compare(NOTES, "samples")


@test
def shared_folder():
    if not os.path.isdir(rig.SHARED):
        return skip("shared data", "not there")
    compare(rig.SHARED, "shared data")


@test
def dialect():
    """Every way a CSV or JSON file can be written that both sides must read alike."""
    tables = {
        "quotes": 'a,"b ""x""",c\n"1,5","2\n3",4\n',
        "crlf": "a,tok\r\n1,2\r\n3,4\r\n",
        "no end": "a,speed\n1,2",
        "quoted crlf": 'a\r\n"x\r\ny"\r\n',
        "header only": "a,b,c\n",
        "one column": "tokens\n1\n2\n",
        "spaces": " a , tok/s \n 1 , 41.5 tok \n",
        "unicode": "größe,吞吐 latency\n1,2 %\n",
        "empty fields": "a,b\n,\n,\n",
        "too few": "a,b\n1\n",
        "too many": "a,b\n1,2,3\n",
        "thousands": "tokens\n\"1,234.5\"\n",
        "percent": "speed\n99.5%\n",
        "seconds": "latency\n1.5s\n",
        "not a number": "speed\nfast\n",
        "twice": "tok,tok\n1,2\n",
        "CASE": "TOKENS,LateNCY\n1,2\n",
        "open quote": 'a,b\n1,"2\n',
        "text behind a quote": 'a,b\n"1"x,2\n',
        "exponent": "tok\n1e3\n",
    }
    documents = {
        "numbers": '{"tok":[1,-2.5,1e3,"4s","5%","1,000","x",true,null]}',
        "nested": '{"a":{"latency":{"b":[{"c":1}]}},"speed.x":2}',
        "string": '"tok"',
        "number": "3",
        "array": "[]",
        "null": " null ",
        "true": "true",
        "key in a list": '[{"tok":1},{"tok":2}]',
        "surrogates": '{"tok\\ud83d\\ude00":1}',
        "escapes": '{"tok\\n\\"\\\\":1}',
        "comma": "[1,]",
        "comment": "/**/1",
        "two": "1 2",
        "leading zero": '{"tok":01}',
        "infinity": '{"tok":Infinity}',
        "single quotes": "{'tok':1}",
        "control": '{"tok":"\x01"}',
        "cut": '{"tok":1',
        "empty key": '{"":{"tok":1}}',
        "plus": "[+1]",
        "dot": "[.5]",
    }
    for suffix, cases in (("csv", tables), ("json", documents)):
        for name, text in cases.items():
            with folder() as root:
                rig.write("%s/x.%s" % (root, suffix), text)
                compare(root, "%s %r" % (suffix, name))


@test
def which_folders():
    with folder() as root:
        for path in (
            "top.csv",
            "reports/a.md",
            "reports/b.CSV",
            "reports/deep/c.Json",
            "csv_data/d.csv",
            "csv_data/e.md",
            "other/f.csv",
            "reports/.git/g.csv",
            "reports/h.txt",
            "reports/i",
        ):
            rig.write(root + "/" + path, "{}" if path.lower().endswith("json") else "tok\n1\n")
        paths = lambda: [f["path"] for f in json.loads(run("ingest", root, "-f", "json").text)["files"]]
        equal(
            paths(),
            ["csv_data/d.csv", "reports/a.md", "reports/b.CSV", "reports/deep/c.Json"],
            "reports and csv_data only, when present",
        )
        os.rename(root + "/reports", root + "/r")
        os.rename(root + "/csv_data", root + "/c")
        equal(
            paths(),
            ["c/d.csv", "c/e.md", "other/f.csv", "r/a.md", "r/b.CSV", "r/deep/c.Json", "top.csv"],
            "else all of it, without .git",
        )


# ---- the folder that wants to break it ----------------------------------------------------------


def nasty_tree(root):
    put = lambda name, data: rig.write(os.path.join(root, name), data)
    put("good.csv", "name,tokens_per_second\nx,41.5\n")
    put("good.json", '{"latency_ms": 7}')
    put("good.md", "# One\n## Two\n")
    put("empty.csv", "")
    put("empty.json", "")
    put("empty.md", "")
    put("utf16.csv", "a,tok\n1,2\n".encode("utf-16"))
    put("utf16.json", '{"tok":1}'.encode("utf-16"))
    put("bom.csv", b"\xef\xbb\xbftok,b\n1,2\n")
    put("bom.json", b'\xef\xbb\xbf{"tok":1}')
    put("latin1.csv", b"gr\xf6\xdfe,tok\n1,2\n")
    put("zeros.json", b"\0" * 5000)
    put("binary.csv", bytes(range(256)) * 20)
    put("huge.csv", b"a,tok\n" + b"1,2\n" * 5_000_000)
    put("huge.json", b"[" + b"1," * 10_000_000 + b"1]")
    put("open.csv", 'a,b\n1,"never closed' + "x" * 200_000)
    put("ragged.csv", "a,b\n1,2\n3\n")
    put(
        "wide.csv",
        ",".join("tok%d" % i for i in range(20000)) + "\n" + ",".join("1" for i in range(20000)) + "\n",
    )
    put("commas.csv", "," * 100_000)
    put("deep.json", "[" * 600 + "]" * 600)
    put("deeper.json", "[" * 1_000_000)
    put("deep_enough.json", "[" * 500 + "]" * 500)
    put("deep_keys.json", '{"tok":' * 500 + "1" + "}" * 500)
    put("long_number.json", '{"tok":' + "9" * 100_000 + "}")
    put("overflow.json", '{"tok":[1e999,-1e999,1e-999,18446744073709551616]}')
    put("bad.json", '{"tok":1,}')
    put("surrogate.json", '{"tok":"\\ud800"}')
    put("escape\x1b[31m.csv", "tok\n1\n")
    put("new\nline.json", "{bad")
    put("words.md", "#" * 100_000 + "\n```\n# in code\n" + "\x1b[2J text\n")
    put("terminal.json", '{"tok\\u001b[2J":"1", "latency\\u0000":2}')
    put("terminal.csv", "tok\x1b]0;x\x07\nfast\x1b[31m\n")
    put(".hidden.csv", "tok\n1\n")
    put(".git/x.csv", "tok\n1\n")
    put("x" * 250 + ".csv", "tok\n1\n")
    deep = root
    for i in range(70):
        deep += "/d"
    put(os.path.relpath(deep, root) + "/far.csv", "tok\n1\n")
    with open(os.fsencode(root) + b"/\xff\xfename\xc3.csv", "wb") as f:
        f.write(b"tok\n1\n")
    with open(os.fsencode(root) + b"/bad\xff.json", "wb") as f:
        f.write(b"{")
    os.mkfifo(root + "/pipe.csv")
    os.mkfifo(root + "/pipe.md")
    os.symlink("loop.csv", root + "/loop.csv")
    os.symlink(".", root + "/self")
    os.symlink("..", root + "/up.csv")
    os.symlink("/nonexistent/x", root + "/nowhere.json")
    os.symlink("good.csv", root + "/link.csv")
    os.symlink("/dev/zero", root + "/zero.csv")
    os.symlink("/dev/tty", root + "/tty.md")
    os.mkdir(root + "/folder.csv")
    os.mkdir(root + "/locked")
    put("locked/x.csv", "tok\n1\n")
    os.chmod(root + "/locked", 0)
    put("unreadable.csv", "tok\n1\n")
    os.chmod(root + "/unreadable.csv", 0)
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
        s.bind(root + "/socket.csv")


GOOD = {
    *"""good.csv good.json good.md link.csv .hidden.csv deep_enough.json deep_keys.json words.md wide.csv
terminal.json terminal.csv""".split(),
    "x" * 250 + ".csv",
}
BAD = {
    *"""empty.csv empty.json utf16.csv utf16.json latin1.csv zeros.json huge.csv huge.json open.csv ragged.csv
deep.json deeper.json bad.json bom.json pipe.csv loop.csv self nowhere.json zero.csv socket.csv
tty.md""".split(),
    "new\nline.json",
}


@test
def nasty_folder():
    with folder() as root:
        nasty_tree(root)
        try:
            r = run("ingest", root, "-f", "json", timeout=10)
            ok(r.code == 0 and r.err == b"", "nasty folder: JSON, exit 0", r)
            ok(r.seconds < 5, "nasty folder: soon", r.seconds)
            got = json.loads(r.out.decode("utf-8"))
            read, skipped = {f["path"] for f in got["files"]}, {s["path"] for s in got["skipped"]}
            equal(GOOD - read, set(), "nasty folder: what is good is read")
            equal(BAD - skipped, set(), "nasty folder: what is bad is skipped")
            equal(read & skipped, set(), "nasty folder: nothing is both")
            ok(all(s["why"] for s in got["skipped"]), "nasty folder: each with its reason", got["skipped"])
            ok(any("deep" in n for n in got["notes"]), "nasty folder: a note about the depth", got["notes"])
            ok(
                not any("/far.csv" in p or ".git" in p for p in read),
                "nasty folder: not too deep, not .git",
                read,
            )
            equal(
                sum("far.csv" in p or p.startswith("d/") for p in read),
                0,
                "nasty folder: nothing at depth 71",
            )
            again = run("ingest", root, "-f", "json", timeout=10)
            equal(again.out, r.out, "nasty folder: the same bytes twice")
            t = run("ingest", root, timeout=10)
            ok(
                t.code == 0 and t.err == b"" and b"\x1b" not in t.out and b"\0" not in t.out,
                "nasty folder: text, no control characters",
                t,
            )
            t = run("run", root, "--sim=" + INSTANT, "-f", "ndjson", timeout=15)
            ok(t.code == 0 and b"\x1b" not in t.out, "nasty folder: run", t)
            m = json.loads(t.out.decode("utf-8").split("\n")[0])
            equal(
                m["collector"]["result"]["benchmark_data_count"],
                len(read),
                "nasty folder: run reads the same",
            )
            ok(
                m["chimera"]["max_rss_kib"] < 256 * 1024,
                "nasty folder: memory is bounded",
                m["chimera"]["max_rss_kib"],
            )
            for form in ("text", "md"):
                t = run("run", root, "--sim=" + INSTANT, "-f", form, timeout=15)
                ok(
                    t.code == 0 and b"\x1b" not in t.out,
                    "nasty folder: run -f %s, no escape byte" % form,
                    [x for x in t.out.split(b"\n") if b"\x1b" in x][:3],
                )
            if os.geteuid() == 0:
                skip("nasty folder: unreadable files", "root may read them")
            else:
                ok({"unreadable.csv", "locked"} <= skipped, "nasty folder: unreadable files", skipped)
        finally:
            os.chmod(root + "/locked", 0o700)


@test
def escape_bytes_of_a_model():
    """What a model says reaches a terminal through us: its control characters do not."""
    with rig.RawServer(
        [
            rig.answer(
                "## Executive Summary\n",
                "red \x1b[31m alarm \x07 \x9b2J\r\n",
                "- Key finding: \x1b]0;title\x07\n",
            )
        ]
    ) as server:
        for form in ("text", "md", "json", "ndjson"):
            t = run("run", NOTES, "-u", server.url, "--agents", 1, "-f", form)
            ok(
                t.code == 0 and b"\x1b" not in t.out,
                "escape bytes of a model, -f %s" % form,
                [x for x in t.out.split(b"\n") if b"\x1b" in x][:3],
            )


@test
def missing():
    for where in ("/nonexistent", NOTES + "/README.md", "", "/nonexistent\x1b[31m"):
        r = run("ingest", where)
        ok(r.code == 65 and rig.one_error_line(r) and r.out == b"", "ingest %.20r: 65, one line" % where, r)
    with folder() as root:
        r = run("ingest", root, "-f", "json")
        equal((r.code, json.loads(r.text)["files"]), (0, []), "an empty folder")
        equal(run("ingest", root + "/").code, 0, "a folder with a slash")


rig.main()
