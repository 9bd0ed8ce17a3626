"""What was wrong until somebody read it once more: each test failed first."""

import contextlib
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import rig
from rig import (CLOSE, INSTANT, NOTES, STALL, RawServer, Sim, answer, closed_port, equal, folder, head, ok, read,
                 run, start, test, wait, with_length, write)

NOBODY = "http://127.0.0.1:%d" % closed_port()


@contextlib.contextmanager
def unreadable(folder_, data):
    """A file that may not be read. As root all may be: then a chain of links without end, which is an io error too."""
    path = os.path.join(folder_, "secret")
    if os.geteuid() == 0:
        os.symlink(path, path)
    else:
        write(path, data)
        os.chmod(path, 0)
    yield path


@test
def a_body_cut_short_does_not_replace_a_whole_one():
    short = head("200 OK", "Content-Length: 10") + b"half"
    for name, script, more, code in (
        ("cut", [short, CLOSE], (), 18),
        ("stalled", [short, STALL], ("-t", "300ms"), 28),
        ("damaged", [head("200 OK", "Transfer-Encoding: chunked") + b"4\r\nhalf\r\nx\r\n"], (), 56),
    ):
        with folder() as tmp, RawServer([script]) as server:
            path = write(tmp + "/kept", "old")
            r = run("fetch", server.url, "-O", path, *more)
            equal((r.code, read(path), os.listdir(tmp)), (code, b"old", ["kept"]), "fetch -O: " + name)


@test
def permits_are_for_worker_too():
    jobs = b"".join(b'{"id":"%d","prompt":"x"}\n' % i for i in range(4))
    with Sim("--ttft", "200ms", "--rate", "inf", "--tokens", "2", "--slots", "9") as sim:
        for permits, at_once in ((2, 2), (0, 4)):
            p = start("worker", "-u", sim.url, "-j", 4, "--permits", permits, "--no-tokens", stdin=subprocess.PIPE)
            out, _ = p.communicate(jobs, timeout=20)
            waits = [x["queued_ms"] for x in map(json.loads, out.splitlines()) if x["event"] == "done"]
            equal((len(waits), sum(w < 100 for w in waits)), (4, at_once), "worker --permits %d" % permits)


@test
def until_error_does_not_wait_for_a_line():
    for runtime in ("local", "fixed", "steal", "bridge"):
        p = start("map", "-u", NOBODY, "--max-retries", 0, "--until-error", 1, "--runtime", runtime,
                  stdin=subprocess.PIPE)
        p.stdin.write(b"a\n")
        p.stdin.flush()
        begin = time.monotonic()
        while p.poll() is None and time.monotonic() < begin + 10:
            time.sleep(0.01)
        equal(p.poll(), 7, "map --until-error: the input is silent, " + runtime)
        r = wait(p)
        equal(r.out.count(b"\n"), 1, "map --until-error: one record, " + runtime)


@test
def a_mistyped_gate_is_no_path():
    with folder() as tmp:
        equal(run("run", NOTES, "--sim=" + INSTANT, "-O", tmp + "/out").code, 0, "a result")
        for gates in (["mean<0", "cvv>2"], ["cvv>2", "mean<0"], ["mean<0", "regresed"], ["mean<0", "nosuch.json"]):
            r = run("stats", tmp + "/out", "--fail-on", *gates)
            ok(r.code == 2 and b"no condition" in r.err, "--fail-on " + " ".join(gates), r)
        equal(run("stats", "--fail-on", "mean<0", tmp + "/out").code, 0, "--fail-on: a path behind it")
        equal(run("stats", tmp + "/out", tmp + "/none").code, 0, "without gates a path that is not there is left out")


@test
def text_has_no_ids_to_resume_by():
    with folder() as tmp, Sim("--ttft", "0", "--rate", "inf", "--tokens", "2") as sim:
        data, out = write(tmp + "/in", "a\nb\n"), write(tmp + "/out", "done\nbefore\n")
        r = run("map", data, "-u", sim.url, "-f", "text", "--resume", out, "-O", out)
        ok(r.code == 2 and b"--resume" in r.err, "map -f text --resume", r)
        equal(read(out), b"done\nbefore\n", "map -f text --resume: nothing is changed")
        old = write(tmp + "/old", '{"id":1,"text":"x"}\n')
        r = run("map", data, "-u", sim.url, "-f", "text", "--resume", old)
        equal((r.code, r.out.count(b"\n")), (0, 1), "map -f text: resumed by what another run wrote")


@test
def nobody_reads_the_runs():
    with RawServer([answer("## Report", "\nmean 5", " is fine")]) as server:
        for form in ("ndjson", "text", "md"):
            before = len(server.bodies())
            p = start("run", NOTES, "-u", server.url, "--agents", 1, "--runs", 50, "-f", form)
            p.stdout.close()
            p.stdout = None
            r = wait(p)
            asked = len(server.bodies()) - before
            ok(r.code == 141 and asked < 20, "run -f %s: nobody reads, and nothing is kept" % form, (r, asked))
            with folder() as tmp:
                p = start("run", NOTES, "-u", server.url, "--agents", 1, "--runs", 3, "-f", form, "-O", tmp)
                p.stdout.close()
                p.stdout = None
                r = wait(p)
                ok(r.code == 141 and os.path.exists(tmp + "/run_3/metrics.json"), "run -O -f %s: goes on" % form, r)


@test
def probe_waits_for_ever_when_told_to():
    late = [10.6, with_length('{"version":"1","models":[]}')]
    with RawServer(lambda *_: late if not server.waited.append(1) and len(server.waited) == 1 else late[1:]) as server:
        server.waited = []
        r = run("probe", server.url, "-t", 0, timeout=40)
        ok(r.code == 0 and r.seconds > 10.5, "probe -t 0", r)


@test
def a_workload_is_not_the_experiment():
    plan = '[[config]]\nname = "a"\nservers = 1\napi = "openai"\n'
    with folder() as tmp, RawServer([answer("x")]) as right, RawServer([answer("x")]) as wrong:
        env = {"OLLAMA_HOST": right.url, "OPENAI_BASE_URL": wrong.url + "/v1"}
        run("bench", "--plan", write(tmp + "/plan", plan), "--presets", "smol", "--runs", 1, "-O", tmp + "/out", NOTES,
            env=env)
        asked = (len(right.requests) > 0, len(wrong.requests) > 0)
        equal(asked, (True, False), "bench --plan: the API of a workload does not choose the servers of all")


@test
def an_answer_asked_for_again_has_all_its_tries():
    slow = [0.3, answer("no")]
    with RawServer([slow, slow, answer('{"a":1}')]) as server, folder() as tmp:
        r = run("map", write(tmp + "/in", "x\n"), "-u", server.url, "--json")
        x = json.loads(r.out)["chimera"]
        ok(x["attempts"] == 3 and x["total_ms"] > 600, "map: all tries count, and their time", x)
    with RawServer([slow, answer('{"a":1}')]) as server:
        p = start("worker", "-u", server.url, "--no-tokens", stdin=subprocess.PIPE)
        out, _ = p.communicate(b'{"id":"1","prompt":"x","format":"json"}\n', timeout=20)
        done = json.loads(out.splitlines()[-1])
        ok(done["queued_ms"] < 200, "worker: a try is no waiting", done)


@test
def input_that_may_not_be_read_is_no_output():
    with folder() as tmp, unreadable(tmp, "{}") as path:
        for words in (("map", path), ("ask", "x", "--schema", path), ("ask", "x", "--image", path),
                      ("ask", "x", "--api-key-file", path), ("ingest", path), ("run", path)):
            r = run(*words, "-u", NOBODY) if words[0] not in ("ingest",) else run(*words)
            ok(r.code == 65 and r.err.count(b"\n") == 1, "%s: exit 65" % " ".join(words[:-1]), r)


@test
def a_system_prompt_that_is_null_was_not_said():
    messages = '"messages":[{"role":"system","content":"own"},{"role":"user","content":"x"}]'
    with RawServer([answer("x")]) as server:
        for system in ("", ',"system":null'):
            p = start("worker", "-u", server.url, "-s", "usual", stdin=subprocess.PIPE)
            p.communicate(("{%s%s}\n" % (messages, system)).encode(), timeout=20)
        bodies = server.bodies()
        ok(len(bodies) == 2 and bodies[0] == bodies[1] and b"usual" not in bodies[1], "worker: system is null", bodies)


@test
def a_program_that_talks_without_end_has_its_time():
    with folder() as tmp:
        path = write(tmp + "/chimera-smol", "#!/bin/sh\nexec yes\n")
        os.chmod(path, 0o755)
        r = run("bench", "--binaries", path, "-u", NOBODY, "--runs", 1, "--configs", "tr110", "--trial-timeout", "300ms",
                "--warmup", "off", "-O", tmp + "/out", NOTES, timeout=60)
        ok(r.code is not None and b"--trial-timeout" in r.err, "bench: a program that only talks", r)


@test
def a_model_may_be_called_like_a_command():
    for words in (("-m", "map"), ("--model", "map"), ("ask", "-m", "map")):
        r = run("config", *words, "--no-config")
        ok(r.code == 0 and b"map" in r.out, "config " + " ".join(words), r)


rig.main()
