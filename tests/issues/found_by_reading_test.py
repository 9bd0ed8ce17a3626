"""What was wrong until somebody read it once more: each test failed first."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

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


@test
def a_parent_that_ignores_its_children():
    """As some shells and servers do, and what they start inherits it."""
    with folder() as tmp:
        plan = write(tmp + "/plan", '[[config]]\nname = "a"\n')
        p = start("bench", "-u", NOBODY, "--plan", plan, "--presets", "smol", "--runs", 1, "--warmup", "off", "-O",
                  tmp + "/out", NOTES, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        r = wait(p)
        ok(r.code == 7, "bench: SIGCHLD is ignored by who starts it", r)


# ---- sim ----------------------------------------------------------------------------------------


def generate(url, **fields):
    """The objects that it answers, and the status."""
    body = json.dumps({"model": "m", "prompt": "x", "stream": False, **fields}).encode()
    request = urllib.request.Request(url + "/api/generate", body)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer_:
            return json.loads(answer_.read()), answer_.status
    except urllib.error.HTTPError as e:
        return json.loads(e.read()), e.code


def get(url, path):
    with urllib.request.urlopen(url + path, timeout=20) as answer_:
        return answer_.read().decode()


@test
def sim_answers_do_not_hang_on_the_order():
    prompts = ["summarise this file", "list ten cities", "prompt 74", "prompt 120"]
    texts = []
    for order in (prompts, prompts[::-1]):
        with Sim("--ttft", "0", "--rate", "inf", "--tokens", "30") as sim:
            texts.append({p: generate(sim.url, prompt=p)[0]["response"] for p in order})
    equal(texts[0], texts[1], "sim: the same text, whoever asked before")


@test
def sim_truth_is_of_what_was_sent():
    for fault, limit in (("fin@300b", 300), ("rst@2000b", 2000), ("fin@20", None), ("error@20", None)):
        with folder() as tmp:
            with Sim("--ttft", "0", "--rate", "inf", "--tokens", "60", "--fault", fault, "--truth", tmp + "/t") as sim:
                r = run("fetch", sim.url + "/health")
                r = run("ask", "-u", sim.url, "x", "-f", "ndjson", "--max-retries", 0)
            marks = [json.loads(line) for line in read(tmp + "/t").splitlines()]
            sent = [m["index"] for m in marks if m["event"] == "token"]
            ends = [(m["event"], m["index"]) for m in marks if m["event"] in ("done", "gone")]
            seen = r.out.count(b'"response"') if b'"response"' in r.out else None
            equal(sent, list(range(len(sent))), "sim --fault %s: truth has each token once" % fault)
            ok(len(sent) < (20 if limit else 21) and ends == [("gone", len(sent))],
               "sim --fault %s: no token that was not sent" % fault, (len(sent), ends, seen))


@test
def sim_models_and_their_names():
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "3", "--load", "300ms") as sim:
        generate(sim.url, model="y")
        generate(sim.url, model="x", prompt="", keep_alive=0)
        loaded = [m["name"] for m in json.loads(get(sim.url, "/api/ps"))["models"]]
        equal(len(loaded), 1, "sim: keep_alive 0 is of the model that is named")
        generate(sim.url, model="y", prompt="", keep_alive=0)
        equal(json.loads(get(sim.url, "/api/ps"))["models"], [], "sim: keep_alive 0 of the one that is loaded")
        first, second = (generate(sim.url, model=m, options={"seed": 1})[0] for m in ("g:latest", "g"))
        ok(first["load_duration"] > 2e8 and "load_duration" not in second, "sim: g is short for g:latest", (first, second))
        equal(first["response"], second["response"], "sim: g says what g:latest does")


@test
def sim_slow_head():
    for words, least, most in ((("--fault", "slow-head@500ms"), 0.45, 5), (("--fault", "slow-head", "--speed", "50"), 0, 0.5)):
        with Sim("--ttft", "0", "--rate", "inf", "--tokens", "3", *words) as sim:
            for stream in ("-S", None):
                r = run("ask", "-u", sim.url, "x", *([stream] if stream else []))
                ok(r.code == 0 and least <= r.seconds < most, "sim %s, %s" % (words, stream), r)


@test
def sim_counts_what_it_answered():
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "3", "--fault", "error") as sim:
        equal(generate(sim.url)[1], 500, "sim --fault error: the status")
        metrics = get(sim.url, "/metrics")
        counts = [line for line in metrics.splitlines() if "/api/generate" in line and "requests_total" in line]
        ok(len(counts) == 1 and 'status="500"' in counts[0] and counts[0].endswith(" 1"), "sim: /metrics says 500", counts)


@test
def sim_who_left_has_no_slot():
    with Sim("--ttft", "0", "--rate", "inf", "--tokens", "5000000", "--slots", "1") as sim:
        body = b'{"model":"m","prompt":"x"}'
        with socket.create_connection(("127.0.0.1", int(sim.url.rsplit(":", 1)[1]))) as s:
            s.sendall(b"POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.5)   # the buffers are full
            s.shutdown(socket.SHUT_WR)
            r = run("ask", "-u", sim.url, "-o", "num_predict", 3, "x", timeout=10)
            ok(r.code == 0, "sim: a client that has left and reads no more holds no slot", r)


# ---- run ----------------------------------------------------------------------------------------


def read_by_run(folder_, *words):
    r = run("run", folder_, "--sim=" + INSTANT, "-f", "json", *words)
    return [x["chimera"]["ingest"]["files"] for x in json.loads(r.out)["runs"]]


@test
def results_are_no_input():
    for name in ("reports", "csv_data", "out"):
        with folder() as tmp:
            write(tmp + "/a.csv", "x,y\n1,2\n")
            for _ in range(2):
                equal(read_by_run(tmp, "-O", tmp + "/" + name, "--runs", 2), [1, 1], "run -O DIR/%s: reads the input" % name)
            equal(read_by_run(tmp, "--without", tmp + "/" + name), [1], "run --without DIR/" + name)
    with folder() as tmp:
        write(tmp + "/a.csv", "x,y\n1,2\n")
        write(tmp + "/old/b.csv", "x,y\n1,2\n")
        equal(read_by_run(tmp, "-O", tmp + "/out", "--without", tmp + "/old", "--runs", 2), [1, 1], "run -O --without: both")


@test
def a_signal_ends_the_reading():
    with folder() as tmp:
        row = ",".join("%d" % i for i in range(2000)) + "\n"
        first = write(tmp + "/0.csv", row * 800)   # 7 MB, some time each
        for i in range(1, 60):
            os.link(first, "%s/%d.csv" % (tmp, i))
        p = start("run", tmp, "-u", NOBODY)
        time.sleep(0.7)
        begin = time.monotonic()
        p.send_signal(signal.SIGINT)
        r = wait(p)
        took = time.monotonic() - begin
        ok(r.code == 130 and took < 1.5, "run: SIGINT while files are read", (took, r))


@test
def the_next_server_after_too_much():
    much = head("200 OK", *["X-%d: 1" % i for i in range(300)]) + b"x"
    with RawServer([much]) as bad, RawServer([answer("good")]) as good:
        r = run("ask", "-u", bad.url, "-u", good.url, "x", "--max-retries", 0)
        ok(r.code == 0 and r.out == b"good", "ask: the next server when one says too much", r)


# ---- stats --------------------------------------------------------------------------------------


def results(top, runs):
    """A folder with a record for each (runtime, efficiency, more of the record)."""
    for i, (runtime, efficiency, more) in enumerate(runs):
        record = {"summary": {"efficiency_percent": efficiency}, **more}
        write("%s/runtime-%s/c/run_%d/metrics.json" % (top, runtime, i + 1), json.dumps(record))
    return top


def agents(*urls, load=0):
    return {name: {"config": {"base_url": u}, "result": {"individual_runs": [{"load_duration_ms": load}]}}
            for name, u in zip(("collector", "insight"), urls)}


@test
def stats_of_serial_runs_alone():
    with folder() as tmp:
        one, other = "http://a:1", "http://b:1"
        def serial(load):
            more = agents(one, other, load=load)
            for a in more.values():
                a["execution_time_s"] = 10
            return {**more, "summary": {"efficiency_percent": 50 + load / 4000, "concurrent_wall_time_s": 20.0}}
        results(tmp, [("x", 50, serial(4000 * (i == 0))) for i in range(5)])
        r = run("stats", tmp)
        line = [s for s in r.text.splitlines() if "doubtful runs" in s]
        ok(r.code == 0 and line and "- to -" not in line[0] and "unknown" not in line[0] and "50" in line[0],
           "stats: all runs are serial, and have means", (line, r))


@test
def stats_of_an_unfinished_run():
    with folder() as tmp:
        runs = [("x", 90 + i, {"chimera": {"schema": "chimera.trial/1", "complete": i != 0}}) for i in range(5)]
        r = run("stats", results(tmp, runs), "--clean")
        ok(r.code == 0 and "doubtful runs" not in r.text, "stats: an unfinished run counts on neither side", r)


@test
def stats_of_servers_without_ports():
    for one, other, shared in (("https://gpu1.example", "https://gpu2.example", False),
                               ("http://gpu1", "http://gpu1:11434", True), ("http://[::1]:1", "http://[::2]:1", False),
                               ("http://[::1]", "http://[::1]:2", True), ("http://a:1", "http://a:2", True)):
        with folder() as tmp:
            r = run("stats", results(tmp, [("x", 90 + i, agents(one, other)) for i in range(3)]))
            equal("both servers on one machine" in r.text, shared, "stats: one machine? %s %s" % (one, other))


@test
def stats_of_a_sparse_metric():
    with folder() as tmp:
        runs = []
        for i in range(100):
            more = {"collector": {"result": {"timestamp": "2025-01-01T%02d:%02d:00Z" % (i // 60, i % 60)}}}
            runs.append(("b" if i % 10 == 5 else "a", 90, {**more, **({"extra": 1.5 + i % 3} if i % 4 == 1 else {})}))
        r = run("stats", results(tmp, runs), "--metric", "extra")
        ok(r.code == 0 and "blocked" not in r.text, "stats: the order is that of all runs", r)


@test
def stats_says_what_the_spread_is():
    with folder() as tmp:
        runs = [("best", 99, {"chimera": {"binary_bytes": 100000}})]
        runs += [(n, v, {"chimera": {"binary_bytes": b}}) for n, b in (("m", 200000), ("l", 300000)) for v in (95, 96, 97)]
        page = run("stats", results(tmp, runs), "-f", "html").text
        chart = page[page.index("Size against consistency"):]
        ok(">CV, %<" in chart and ">SD<" not in chart[:chart.index("</svg>")], "stats: the axis is CV", chart[:1500])


@test
def stats_of_what_is_no_single_record():
    record = {"summary": {"efficiency_percent": 90}}
    with folder() as tmp:
        path = write(tmp + "/metrics.json", json.dumps([record, {"summary": {"efficiency_percent": 10}}]))
        r = run("stats", path)
        ok(r.code == 65 and b"a list of records" in r.err, "stats: two records in a list", r)
        forge = [{"model": "m", "workload": "w", "individual_runs": [{"throughput_tps": 40.0, "ttft_ms": 1.0}] * 2,
                  "aggregate": {"count": 2}}]
        r = run("stats", write(tmp + "/forge.json", json.dumps(forge)), "--metric", "aggregate.count")
        ok(r.code == 65, "stats: what stands behind the runs is not the last one's", r)


rig.main()
