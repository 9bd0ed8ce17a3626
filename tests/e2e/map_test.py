"""chimera map: records, templates, order, resuming, limits, manners."""

import json
import os
import signal
import subprocess
import threading
import time

import rig
from rig import (INSTANT, RawServer, Sim, answer, closed_port, equal, folder, ok, one_error_line, read, run,
                 start, test, wait, with_length, write)

QUICK = "ttft=0,rate=inf,tokens=8,slots=64"


def mapped(data, *arguments, timeout=30, **how):
    with folder() as tmp:
        with open(write(tmp + "/in", data), "rb") as f:
            return run("map", *arguments, stdin=f, timeout=timeout, **how)


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


def echo(request, _):
    """Answers with the prompt itself; "bad" is refused."""
    prompt = json.loads(request.split(b"\r\n\r\n", 1)[1])["prompt"]
    return with_length("{}", "500 No") if "bad" in prompt else answer(prompt)


@test
def records():
    objects = b'{"id":"a","prompt":"one"}\n\n{"text":"two"}\n{"id":{"x":1},"prompt":"three","text":"no"}'
    with RawServer(echo) as server:
        r = mapped(b"one\r\n  \ntwo\nlast", "-u", server.url)
        equal([(x["id"], x["text"]) for x in lines(r.out)], [(1, "one"), (3, "two"), (4, "last")], "map: text")
        ok(r.code == 0 and b"3 done, 0 failed" in r.err, "map: summary", r)
        r = mapped(objects, "-u", server.url)
        equal([(x["id"], x["text"]) for x in lines(r.out)], [("a", "one"), (3, "two"), ({"x": 1}, "three")],
              "map: objects")
        x = lines(r.out)[0]["chimera"]
        equal((x["done_reason"], x["tokens"], x["server"], x["attempts"]), ("stop", 1, server.url, 1),
              "map: figures")
        ok(x["total_ms"] >= x["ttft_ms"] > 0, "map: times", x)
        r = mapped(objects, "-u", server.url, "--input", "text")
        equal(lines(r.out)[0]["text"], objects.split(b"\n")[0].decode(), "map: --input text")
        r = mapped(b"\xef\xbb\xbf{\"prompt\":\"x\"}\n", "-u", server.url)
        equal(lines(r.out)[0]["text"], "x", "map: a byte order mark")
        r = mapped(b"a\nb\n", "-u", server.url, "-f", "text")
        equal(r.out, b"a\nb\n", "map: -f text")
        r = mapped(b'{"id":null,"prompt":"a"}\n{"id":null}\n', "-u", server.url)
        equal([x["id"] for x in lines(r.out)], [1, 2], "map: null is no id")
        r = mapped(b"", "-u", server.url)
        ok(r.code == 0 and not r.out, "map: nothing", r)


@test
def templates():
    with RawServer(echo) as server:
        for template, line, wanted in (
            ("Say {t}!", '{"t":"x\\n\\u00e9"}', "Say x\n\u00e9!"),
            ("{a.b} {n} {{t}}", '{"a":{"b":[1,2]},"n":null}', "[1,2] null {t}"),
            ("All: {}", '{"a":1}', 'All: {"a":1}'),
            ("{ not } {a b} {text}", '{"text":"T"}', "{ not } {a b} T"),
            ("Classify: {text}", "plain {x}", "Classify: plain {x}"),
        ):
            r = mapped(line, "-u", server.url, "--template", template)
            equal(lines(r.out)[0].get("text"), wanted, "template %r" % template)
        r = mapped(b'{"id":5,"a":1}\n{"a":1,"b":"x"}\n', "-u", server.url, "--template", "{b}")
        got = lines(r.out)
        ok(r.code == 1 and got[0]["id"] == 5 and '"b"' in got[0]["error"], "template: not there", r)
        equal((got[0]["class"], got[0]["exit_code"], got[1]["text"]), ("bad_data", 65, "x"), "template: goes on")
    for template in ("no place", "{{text}}"):
        r = mapped(b"x\n", "--template", template)
        ok(r.code == 2 and one_error_line(r), "template %r: refused" % template, r)


@test
def one_bad_record_stops_nothing():
    data = b'{"id":1,"prompt":"x"}\n{"id":2,\n[1]\n{"id":4,"prompt":"bad"}\n{"id":5}\n{"id":6,"prompt":"y"}\n'
    with RawServer(echo) as server:
        r = mapped(data, "-u", server.url, "--max-retries", 0)
        got = lines(r.out)
        equal([x["id"] for x in got], [1, 2, 3, 4, 5, 6], "bad records: one line each")
        equal([x.get("exit_code") for x in got], [None, 65, 65, 22, 65, None], "bad records: classes")
        ok(r.code == 1 and b"2 done, 4 failed" in r.err, "bad records: exit 1", r)
        r = mapped(b"bad\nbad\n", "-u", server.url, "--max-retries", 0)
        equal(r.code, 22, "all failed: the code of the first")
        r = mapped(b'bad\n{"id":', "-u", server.url, "--max-retries", 0, "-j", 1, "--input", "ndjson")
        equal(r.code, 65, "all failed: the code of the first, a bad line")
        r = mapped(b'{"prompt":"bad"}\n{"id":', "-u", server.url, "--max-retries", 0, "-j", 1)
        equal(r.code, 22, "all failed: the code of the first, a bad answer")
        r = mapped(b"bad\n" * 50, "-u", server.url, "--max-retries", 0, "--until-error", 3, "-j", 1)
        equal(len(lines(r.out)), 3, "--until-error")
        big = b"x" * (16 * 1024 * 1024 + 1) + b"\nafter\n"
        r = mapped(big, "-u", server.url)
        ok("16 MiB" in lines(r.out)[0]["error"] and lines(r.out)[1]["text"] == "after", "a line too long", r.err)
    r = mapped(b"x\n", "-u", "http://127.0.0.1:%d" % closed_port(), "--max-retries", 0)
    ok(r.code == 7 and lines(r.out)[0]["class"] == "refused", "map: nobody listens", r)


@test
def structured_answers():
    schema = '{"type":"object","required":["label"]}'
    with RawServer([answer("no"), answer('{"label":"bug","id":9,"n":[1]}')]) as server:
        r = mapped(b"x\n", "-u", server.url, "--schema", schema)
        x = lines(r.out)[0]
        equal((x["label"], x["n"], x["id"]), ("bug", [1], 1), "schema: members beside ours")
        equal(json.loads(x["text"])["id"], 9, "schema: the whole answer")
    ours = {"id": 9, "text": 9, "error": 9, "class": 9, "exit_code": 9, "chimera": 9}
    with RawServer([answer(json.dumps({**ours, "label": "bug"}))]) as server:
        r = mapped(b"x\n", "-u", server.url, "--schema", schema)
        x = lines(r.out)[0]
        ok(sorted(x) == ["chimera", "id", "label", "text"] and 9 not in x.values() and r.out.count(b'"id"') == 1,
           "schema: no member hides ours", r)
    with RawServer([answer('{"label":{\n "a": 1\n},\r\n"x":[\n]}')]) as server:
        r = mapped(b"x\n", "-u", server.url, "--schema", schema)
        equal([x["label"] for x in lines(r.out)], [{"a": 1}], "schema: an answer of several lines is one result")
    with RawServer([answer("{}")]) as server:
        for circle in ('{"$ref":"#"}', '{"allOf":[{"anyOf":[{"oneOf":[{"$ref":"#"}]}]}]}'):
            r = mapped(b"1\n2\n3\n4\n", "-u", server.url, "--schema", circle, "--threads", 2)
            ok(r.code == 65 and "circle" in lines(r.out)[0]["error"], "schema: a circle", r)
    with RawServer([answer("no")]) as server:
        r = mapped(b"x\n", "-u", server.url, "--schema", schema, "--max-retries", 1)
        ok(r.code == 65 and "not JSON" in lines(r.out)[0]["error"] and len(server.bodies()) == 2,
           "schema: never fits", r)


@test
def order_and_concurrency():
    busy = {"now": 0, "most": 0}
    lock = threading.Lock()

    def slow(request, _):
        n = int(json.loads(request.split(b"\r\n\r\n", 1)[1])["prompt"])
        with lock:
            busy["now"] += 1
            busy["most"] = max(busy["most"], busy["now"])
        time.sleep(0.25 if n % 4 == 1 else 0.01)
        with lock:
            busy["now"] -= 1
        return answer(str(n))

    data = "".join("%d\n" % i for i in range(1, 41))
    with RawServer(slow) as server:
        r = mapped(data, "-u", server.url, "-j", 8)
        equal([x["text"] for x in lines(r.out)], [str(i) for i in range(1, 41)], "order: kept")
        ok(2 < busy["most"] <= 8, "order: -j", busy)
        r = mapped(data, "-u", server.url, "-j", 8, "--unordered")
        ids = [x["id"] for x in lines(r.out)]
        ok(sorted(ids) == list(range(1, 41)) and ids != sorted(ids), "order: not kept when not wanted", ids)
        begin = time.monotonic()
        r = mapped("2\n" * 10, "-u", server.url, "-j", 8, "--rate", 20)
        took = time.monotonic() - begin
        ok(r.code == 0 and 0.45 <= took < 3, "--rate", took)
    for rate in ("1e-300", "1e-7", "0", "-1", "nan"):
        r = mapped("1\n2\n", "--rate", rate, "--sim=" + QUICK, timeout=5)
        ok(r.code == 2 and one_error_line(r), "--rate %s" % rate, r)


@test
def every_runtime():
    data = "".join("%d\n" % i for i in range(400))
    for kind in ("fixed", "local", "steal", "bridge"):
        r = mapped(data, "--sim=" + QUICK, "-j", 16, "--runtime", kind)
        ok(r.code == 0 and [x["id"] for x in lines(r.out)] == list(range(1, 401)), "map: %s" % kind, r)


@test
def killed_and_resumed():
    """Also the line that was being written is not lost, and nothing is there twice."""
    count = 3000
    with folder() as tmp, Sim("--ttft", "0", "--rate", "inf", "--tokens", "8", "--slots", "64") as sim:
        data = write(tmp + "/in", "".join('{"id":"r%d","prompt":"p"}\n' % i for i in range(count)))
        for name, results in (("stdout", []), ("-O", ["-O", tmp + "/out -O"])):
            if rig.EXE and not results:
                rig.skip("resume stdout", "wine does not tell which file its host's stdout is; on_windows.py has one of its own")
                continue
            out = tmp + "/out " + name
            for attempt in range(4):
                with open(out, "ab") as f:
                    p = start("map", data, "-u", sim.url, "--resume", out, "-j", 8, *results,
                              stdout=f if not results else subprocess.DEVNULL)
                    if attempt < 3:
                        before = os.path.getsize(out)
                        rig.eventually(lambda: os.path.getsize(out) > before + 20000 or p.poll() is not None)
                        p.send_signal(signal.SIGKILL if attempt < 2 else signal.SIGINT)
                    r = wait(p, 30)
                if attempt == 0:
                    with open(out, "ab") as f:
                        f.write(b'{"id":"r9999","te')   # as if cut off in the middle of a line
            equal(r.code, 0, "resume %s: the last one finishes" % name)
            ids = [x["id"] for x in lines(read(out))]
            equal(len(ids), count, "resume %s: all" % name)
            equal(len(set(ids)), count, "resume %s: none twice" % name)
            ok(b"done before" in r.err, "resume %s: says so" % name, r.err)


@test
def failed_ones_are_tried_again():
    with folder() as tmp, RawServer(echo) as server:
        out = write(tmp + "/out", '{"id":1,"text":"x","chimera":{}}\n{"id":2,"error":"e"}\nno json\n')
        r = mapped(b"a\nb\nc\n", "-u", server.url, "--resume", out)
        equal([x["id"] for x in lines(r.out)], [2, 3], "resume: to stdout, the rest")
        equal(read(out).count(b"\n"), 3, "resume: the file itself stays as it is")
        cut = write(tmp + "/cut", '{"id":1,"text":"x","chimera":{}}\n{"id":2,"te')
        os.symlink(cut, tmp + "/link")
        r = mapped(b"a\nb\n", "-u", server.url, "--resume", cut, "-O", tmp + "/link")
        equal([x["id"] for x in lines(read(cut))], [1, 2], "resume: the same file by another name")
        half = write(tmp + "/half", '{"id":7}\n{"id":8,"te')
        mapped(b"a\n", "-u", server.url, "-O", half)
        before, cut_off, ours = read(half).splitlines()
        equal((before, cut_off, json.loads(ours)["id"]), (b'{"id":7}', b'{"id":8,"te', 1), "-O behind half a line: a line of its own")
        r = mapped(b"a\n", "-u", server.url, "--resume", tmp)
        ok(r.code == 65 and one_error_line(r) and tmp.encode() in r.err, "resume: a folder", r)
        double = write(tmp + "/d", '{"id":"k","text":"x","chimera":{}}\n')
        r = mapped(b'{"id":"k","prompt":"1"}\n{"id":"k","prompt":"2"}\n', "-u", server.url, "--resume", double)
        equal([x["text"] for x in lines(r.out)], ["2"], "resume: an id that is there twice")
        r = mapped(b'{"id":"k","prompt":"1"}\n{"broken\n', "-u", server.url, "--resume", double)
        equal([x["id"] for x in lines(r.out)], [2], "resume: a broken line behind one that was done")


@test
def endless_input():
    """Nothing is taken that is not needed, and memory stays the same."""
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "4", "--slots", "64") as sim:
        p = start("map", "-u", sim.url, "-j", 8, stdin=subprocess.PIPE)
        sent = [0]

        def feed():
            line = b"x" * 999 + b"\n"
            try:
                while True:
                    p.stdin.write(line)
                    sent[0] += 1
            except OSError:
                pass

        threading.Thread(target=feed, daemon=True).start()
        for _ in range(500):
            p.stdout.readline()
        time.sleep(0.5)      # nobody reads the output: the input must wait as well
        first = sent[0]
        time.sleep(0.5)
        ok(sent[0] == first < 4000, "back-pressure: the input waits", (first, sent[0]))
        for _ in range(20000):
            p.stdout.readline()
        status = read("/proc/%d/status" % p.pid).decode()
        rss = int(status.split("VmHWM:")[1].split()[0])
        ok(rss < 8 * 1024, "back-pressure: memory", rss)
        p.send_signal(signal.SIGINT)
        p.stdout.read()
        code = p.wait(10)
        equal(code, 130, "back-pressure: interrupted")
        p.stderr.close()
        p.stdout.close()


@test
def on_a_terminal():
    """Results and progress do not write over each other, and an answer cannot give orders."""
    with RawServer([[0.3, answer("\x1b[2J\u009b2J")]]) as server, folder() as tmp:
        shown = rig.shown_on_terminal("map", "-u", server.url, "-j", 1, write(tmp + "/in", b"a\nb\nc\n"))
        told = shown.splitlines()
        equal([json.loads(line)["id"] for line in told[:3]], [1, 2, 3], "terminal: results")
        ok("\x1b" not in shown and "\x9b" not in shown, "terminal: no control codes", shown)


@test
def manners():
    with Sim("--ttft", "0", "--rate", "100", "--tokens", "2000") as sim:
        for number, code in rig.STOPS:
            p = start("map", "-u", sim.url, stdin=subprocess.PIPE)    # open, one line, then silence
            p.stdin.write(b"x\n")
            p.stdin.flush()
            time.sleep(0.3)
            p.send_signal(number)
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
            p.stdin.close()
            p.stdin = None
            r = wait(p, 5)
            ok(r.code == code and not r.out, "map: signal %d" % number, r)
    data = b"x\n" * 2000
    with folder() as tmp:
        os.mkfifo(tmp + "/pipe")
        p = start("map", tmp + "/pipe", "--sim=" + QUICK)    # nobody writes into it
        time.sleep(0.5)
        p.send_signal(signal.SIGINT)
        r = wait(p, 5)
        equal(r.code, 130, "map: interrupted before there is a writer")
        p = start("map", tmp + "/pipe", "--sim=" + QUICK)
        time.sleep(0.2)
        with open(tmp + "/pipe", "wb") as f:
            f.write(b"x\ny\n")
        r = wait(p, 5)
        ok(r.code == 0 and len(lines(r.out)) == 2, "map: out of a named pipe", r)
        path = write(tmp + "/in", data)
        p = start("map", path, "--sim=" + QUICK)
        p.stdout.readline()
        p.stdout.close()
        p.stdout = None
        code = p.wait(10)
        ok(code == 141 and not p.stderr.read(), "map: closed stdout", code)
        p.stderr.close()
        with open("/dev/full", "wb") as full:
            r = run("map", path, "--sim=" + QUICK, stdout=full)
        ok(r.code == 74 and one_error_line(r), "map: full disk", r)
        r = run("map", path, "--sim=" + QUICK, "-O", "/dev/full")
        ok(r.code == 74 and one_error_line(r), "map: full disk, -O", r)
        r = run("map", path, "--sim=" + QUICK, "-O", tmp + "/no/such/out")
        ok(r.code != 0 and one_error_line(r), "map: -O nowhere", r)
        r = run("map", tmp + "/none", "--sim=" + QUICK)
        ok(r.code == 65 and one_error_line(r), "map: no such file", r)
        r = run("map", tmp, "--sim=" + QUICK)
        ok(r.code == 65 and not r.out and one_error_line(r), "map: a folder", r)
    r = run("map", "--sim=" + QUICK, preexec_fn=lambda: os.close(0))
    ok(r.code is not None and not r.out, "map: closed stdin", r)


@test
def what_is_wrong():
    with folder() as tmp:
        path = write(tmp + "/in", "a\n")
        r = run("map", path, "-O", tmp + "/none/out", "--sim=" + QUICK)
        ok(r.code == 74 and one_error_line(r) and "cannot write: no such file or folder" in r.words,
           "-O without its folder: 74", r)
        r = run("map", "Classify: {}", "--sim=" + QUICK)
        ok(r.code == 65 and one_error_line(r) and r.words.endswith("a prompt is given with --template\n"),
           "a prompt instead of a file", r)
        r = run("map", path, "--template", "{title}", "--quiet", "--sim=" + QUICK)
        equal(lines(r.out)[0]["error"], 'no "title" in the record, which is text: {text} is all of it',
              "a member of a text")


def asked_for(url, route):
    """How often a simulator was."""
    text = run("fetch", url + "/metrics").text
    return sum(int(line.split()[-1]) for line in text.splitlines()
               if line.startswith('chimera_sim_requests_total{route="%s"' % route))


@test
def dialect_once():
    data = "".join("line %d\n" % i for i in range(24))
    for how in (("--runtime", "local"), ("--runtime", "steal", "--threads", "4"), ("--runtime", "bridge")):
        with Sim("--ttft", "0", "--rate", "inf", "--tokens", "3", "--slots", "16") as sim:
            r = mapped(data, "-u", sim.url, "--api", "auto", "-j", "8", *how)
            equal((r.code, len(lines(r.out))), (0, 24), "--api auto, %s: all are answered" % (how,))
            equal((asked_for(sim.url, "/api/version"), asked_for(sim.url, "/api/generate")), (1, 24),
                  "--api auto, %s: asked once" % (how,))
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "3", "--slots", "16") as sim:
        r = run("run", rig.NOTES, "-u", sim.url, "--api", "auto", "--runs", 2, "--agents", 3, "--quiet")
        equal((r.code, asked_for(sim.url, "/api/version")), (0, 1), "run --api auto: asked once")
        r = run("bench", "-u", sim.url, "--api", "auto", "-n", 20, "-c", 4, "--quiet")
        equal((r.code, asked_for(sim.url, "/api/version")), (0, 2), "bench --api auto: asked once")

@test
def words_of_a_server():
    """In a record, too, they give a terminal no orders once somebody unpacks the JSON."""
    with RawServer([with_length('{"error":"a\\u001b[31mb\\u202ec"}', "400 Bad Request")]) as server:
        r = mapped(b"a\n", "-u", server.url)
    error = lines(r.out)[0]["error"]
    ok("b" in error and "\x1b" not in error and "\u202e" not in error, "an error's words", error)


if __name__ == "__main__":
    rig.main()
