"""How the program behaves towards shells and scripts; and what it never shows."""

import concurrent.futures
import json
import os
import random
import re

import rig
from rig import NOTES, RawServer, equal, folder, ok, one_error_line, run, start, test, wait

COMMANDS = ["run", "ask", "map", "worker", "probe", "sim", "ingest", "fetch", "stats", "bench", "selftest",
            "config", "completion", "man"]


# ---- help and usage -----------------------------------------------------------------------------


def option_table():
    """(commands, letter or None, long name) of each option, from the sources of the tables."""
    text = rig.read(os.path.join(rig.ROOT, "src/cli/options.cpp")).decode()
    text = re.sub(r"#ifdef CHIMERA_TLS\n.*?#endif\n", "", text, flags=re.S)   # not in this build
    bits = {
        "kRun": {"run"},
        "kFetch": {"fetch"},
        "kIngest": {"ingest"},
        "kSim": {"sim"},
        "kAsk": {"ask"},
        "kMap": {"map"},
        "kWorker": {"worker"},
        "kProbe": {"probe"},
        "kConfig": {"config"},
        "kCalls": {"ask", "map", "worker"},
        "kClient": {"run", "fetch", "ask", "map", "worker"},
        "kSelftest": {"selftest"},
        "kBench": {"bench"},
        "kTrial": {"run", "bench"},
        "kStats": {"stats"},
        "kEvery": set(COMMANDS),
        "kForwarded": set(),
    }
    for words, letter, name in re.findall(r"\{(k\w+(?: [|&] \S+)*), (0|'.'), \"([a-z0-9-]+)\"", text):
        words, _, without = words.partition(" & ~uint32_t")
        commands = set().union(*(bits.get(w, set()) for w in words.split(" | ")))
        yield commands - bits.get(without.strip("{}"), set()), (
            letter.strip("'") if letter != "0" else None
        ), name
    text = rig.read(os.path.join(rig.ROOT, "src/sim/settings.cpp")).decode()
    for name in re.findall(r"^ +\{\"([a-z-]+)\", \"[^\"]+\",", text, re.M):
        yield {"sim"}, None, name


@test
def help_texts():
    table = list(option_table())
    ok(len(table) > 60, "the table of options was found", len(table))
    for command in COMMANDS:
        r = run(command, "--help")
        equal((r.code, r.err), (0, b""), command + " --help: exit code and stderr")
        ok(b"\x1b" not in r.out and r.text.endswith("\n"), command + " --help: plain text")
        ok(max(map(len, r.text.splitlines())) <= 80, command + " --help: 80 columns")
        for part in ("USAGE", "OPTIONS", "EXAMPLES", "EXIT CODES"):
            ok(part in r.text, "%s --help: has %s" % (command, part), r.text)
        missing = [
            n
            for commands, _, n in table
            if command in commands and not re.search(r"--%s\b(?!-)" % re.escape(n), r.text)
        ]
        missing += [
            c
            for commands, c, _ in table
            if c and command in commands and not re.search(r"^  -%s, --" % c, r.text, re.M)
        ]
        equal(missing, [], command + " --help: mentions every option")
        told = set(re.findall(r"^ {2,6}(?:-\w, )?--([a-z0-9-]+)", r.text, re.M)) - {"help"}
        unknown = [
            n
            for n in sorted(told)
            if b"--%s: no such option" % n.encode() in run(command, "--" + n, "1", "1", "--none").err
        ]
        equal(unknown, [], command + " --help: every option it mentions is one")
        for how in ((command, "-h"), ("help", command), (command, "x", "-q", "--help")):
            equal(run(*how).out, r.out, "help as %s" % " ".join(how))
    for how in (("--help",), ("-h",), ("help",)):
        r = run(*how)
        ok(
            r.code == 0 and all(("  " + c + " ") in r.text for c in COMMANDS),
            "%s: names the commands" % how,
            r,
        )
    r = run("--version")
    ok(r.code == 0 and re.fullmatch(r"chimera \S+\n", r.text), "--version", r)
    r = run()
    ok(r.code == 2 and r.out == b"" and b"USAGE" in r.err, "no arguments: usage on stderr, exit 2", r)


MEANT = """
aks hi: no such command: aks; did you mean ask?
mpa: no such command: mpa; did you mean map?
Run x: no such command: Run; did you mean run?
nonsense: no such command: nonsense: see chimera --help
help wroker: no such command: wroker; did you mean worker?
-m x ask hi: -m: the command comes first: see chimera --help
ask --temprature 1 hi: --temprature: no such option here; did you mean --temperature?
ask --temp=1 hi: --temp: no such option here; did you mean --temperature?
ask --num_ctx 1 hi: --num_ctx: no such option here; did you mean --num-ctx?
ask -model x hi: -model: no such option here; did you mean --model?
ask --nonsense hi: --nonsense: no such option here: see chimera ask --help
run --retries 1: --retries: no such option here; did you mean --max-retries?
sim --toknes 3: --toknes: no such option here; did you mean --tokens?
ask --max-tokens 3 hi: --max-tokens: no such option here; did you mean --num-predict?
map --parallel 3: --parallel: no such option here; did you mean --jobs?
ask --preset smol1kb --sim hi: --preset: no such preset: smol1kb; did you mean smol-1kb?
ask --temperature=hot hi: --temperature: 'hot' is not valid (not a number): see chimera ask --help
ask -t soon hi: -t: 'soon' is not valid (not a time such as 80ms): see chimera ask --help
ask --sim=ratee=3 hi: --sim: 'ratee=3' is not valid (no such key, see chimera sim --help)
map one two: map takes one file; the prompt is that of --template: see chimera map --help
bench: bench: give -O OUT for the experiment, or -n, -c or --rate for a load test: see chimera bench --help
config aks: config: no such command: aks; did you mean config ask?
config ask --formt json: --formt: no such option here; did you mean --format?
"""


@test
def meant():
    for case in MEANT.strip().splitlines():
        words, wanted = case.split(": ", 1)
        r = run(*words.split())
        equal((r.code, r.out, r.words), (2, b"", "chimera: %s\n" % wanted), "meant: " + words)
    r = run("ask", "--dry-run", "-o", "temperature=0.5", "-o", "stop", "a=b", "hi")
    sent = json.loads(r.text.split("\r\n\r\n", 1)[1])["options"]
    equal(sent, {"temperature": 0.5, "stop": "a=b"}, "meant: -o NAME=VALUE")
    env = {"CHIMERA_MODLE": "x", "XDG_CONFIG_HOME": "/nonexistent"}
    r = run("config", env=env)
    equal(r.words, "chimera: warning: CHIMERA_MODLE is set, but there is no such option; did you mean "
          "CHIMERA_MODEL?\n", "meant: a variable")
    with folder() as tmp:
        path = rig.write(tmp + "/c.toml", "[aks]\nmodel = 'x'\n[run]\nnum_cxt = 3\n")
        r = run("config", "run", "--config", path)
        equal(r.words.replace(path, "c"), "chimera: warning: c:1: aks: no such option; did you mean ask?\n"
              "chimera: warning: c:4: run.num_cxt: no such option; did you mean num-ctx?\n",
              "meant: keys of a file")


USAGE = """
nonsense
Run
--nonsense
run --nonsense
run -Z
run a b
run --runs
run --runs x
run --runs -1
run --runs 1.5
run --runs=99999999999999999999
run -n 0
run -f xml
run --scenario none
run --read-size 0
run --read-size 1kk
run --coalesce -1
run -o one
run --num-ctx many
run --temperature warm
run --temperature nan
run --sim=bad=1
run --sim=rate
run --sim=rate=0
run --quiet=yes
run -u ftp://x
run -u http://
run -u http://h:0
run -u http://h:99999
run --timeout soon
run --timeout -1s
run --runtime none
run --progress yes
run -v-
run --keep-alive sometimes
sim x
sim --port 65536
sim --fault none
sim --fault fin:2
sim --jitter odd
sim --runs 1
sim --tokens 9-2
sim --profile tr1
sim --host name
ingest
ingest a b
ingest . -f md
ingest . --runs 1
fetch
fetch a b
fetch http://
fetch file:///etc/passwd
fetch http://h:x/
"""


@test
def usage_errors():
    cases = [line.split() for line in USAGE.split("\n") if line] + [
        ["run", "-o", "", "x"],
        ["run", "-u", "http://a b"],
        ["run", "-H", "no colon"],
        ["run", "-H", "a b: c"],
        ["run", "-H", "a: b\r\nc: d"],
        ["run", "--no\x1b[31mcolour"],
        ["run", "--runs", "a\x1b[2Jb\nc"],
        ["\x1b[2J"],
    ]
    for arguments in cases:
        r = run(*arguments, timeout=5)
        name = "usage: %r" % arguments
        ok(r.code == 2 and r.out == b"", name + ": exit 2, nothing on stdout", r)
        ok(one_error_line(r), name + ": one line on stderr", r)


@test
def garbage_arguments():
    rng = random.Random(20250101)
    names = [n for _, _, n in option_table() if n not in ("sim", "port", "host", "truth")]
    letters = [c for _, c, _ in option_table() if c and c != "O"]
    values = [
        "",
        "0",
        "1",
        "-1",
        "x",
        "1e9",
        "9" * 30,
        "0.5",
        "100ms",
        "1k",
        "=",
        "==",
        ",",
        ":",
        "@",
        "/dev/null",
        "\x01",
        "\u00fc",
        "http://127.0.0.1:1",
        "http://127.0.0.1:1/a?b",
        "http://[::1]:1",
        "http://[",
        "json",
        "md",
        "on",
        "off",
        "local",
        "k: v",
        "fin:1@2",
        "normal:10%",
        "nan",
        "-inf",
        "0x10",
        "A" * 3000,
        "%s%n",
        "../x",
        "chimera-homo",
    ]

    def piece():
        kind = rng.random()
        if kind < 0.35:
            return ["--" + rng.choice(names) + "=" + rng.choice(values)]
        if kind < 0.6:
            return ["--" + rng.choice(names), rng.choice(values)]
        if kind < 0.75:
            return ["-" + rng.choice(letters) + rng.choice(["", rng.choice(values)])]
        if kind < 0.8:
            return [
                "--sim=ttft=0,rate=inf,tokens=3"
                + rng.choice(["", ",", ",,", ",x", ",seed=1", ",slots=0", ",fault=rst"])
            ]
        return [rng.choice(values + ["--", "-", "---", "--=", "-=", NOTES])]

    lists = []
    for _ in range(300):
        command = (
            rng.choice(["run", "run", "run", "sim", "ingest", "fetch", "fetch"]) if rng.random() < 0.93 else rng.choice(values)
        )
        lists.append([command] + [p for _ in range(rng.randrange(6)) for p in piece()])

    def attempt(arguments):
        with folder() as here:
            p = start(*[a.replace("\0", "") for a in arguments], cwd=here, env={"OLLAMA_HOST": "127.0.0.1:1"})
            if arguments[0] == "sim":  # a good one would serve for ever
                line = p.stdout.readline()
                if line.startswith(b"listening on "):
                    p.terminate()
            r = wait(p, 10)
        bad = r.code is None or r.code < 0 or r.code in (127, 134, 139) or b"anitizer" in r.err
        return (arguments, r) if bad else None

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        equal(
            [b for b in pool.map(attempt, lists) if b][:3], [], "300 random argument lists: no crash, no hang"
        )


@test
def ollama_host():
    cases = {
        "": "127.0.0.1:11434",
        "  ": "127.0.0.1:11434",
        "1.2.3.4": "1.2.3.4:11434",
        "1.2.3.4:80": "1.2.3.4",
        ":8080": "127.0.0.1:8080",
        "desk": "desk:11434",
        "0.0.0.0": "127.0.0.1:11434",
        "0.0.0.0:99": "127.0.0.1:99",
        "[::]:99": "[::1]:99",
        "[::1]": "[::1]:11434",
        "::1": "[::1]:11434",
        "http://desk": "desk",
        "http://desk:99": "desk:99",
        "\"desk:99\"": "desk:99",
        " 'desk' ": "desk:11434",
        "desk:99/": "desk:99",
        "DESK": "desk:11434",
    }
    for value, host in cases.items():
        r = run("run", NOTES, "--agents", 1, "--dry-run", env={"OLLAMA_HOST": value})
        found = re.search(r"^Host: (.*)\r$", r.text, re.M)
        ok(
            r.code == 0 and found and found.group(1) == host and r.err == b"",
            "OLLAMA_HOST=%r is %s" % (value, host),
            r,
        )
    r = run("run", NOTES, "--agents", 1, "--dry-run", env={"OLLAMA_HOST": "desk:99/base/"})
    ok(r.text.startswith("POST /base/api/generate HTTP/1.1\r\n"), "OLLAMA_HOST with a path", r)
    for port in ("99999", "x", "0", "-1", ""):
        r = run("run", NOTES, "--agents", 1, "--dry-run", env={"OLLAMA_HOST": "desk:" + port})
        ok(
            r.code == 0 and "Host: desk:11434\r\n" in r.text,
            "OLLAMA_HOST with port %r: the default" % port,
            r,
        )
        ok(
            one_error_line(r) and b"warning" in r.err and b"OLLAMA_HOST" in r.err,
            "OLLAMA_HOST with port %r: a warning" % port,
            r,
        )
    for value in (
        "ftp://x",
        "http://a b",
        "[::1",
        "a\x1b[31m",
        "ü",
        "user:pw@host",
        "x" * 5000,
        "[1.2.3.4]",
        "a/b c",
    ):
        r = run("run", NOTES, "--agents", 1, "--dry-run", env={"OLLAMA_HOST": value})
        ok(
            r.code in (0, 78) and (r.code == 0 or one_error_line(r)) and b"\x1b" not in r.err,
            "OLLAMA_HOST=%.20r" % value,
            r,
        )
    rng = random.Random(3)
    for i in range(40):
        value = "".join(rng.choice("a1.:/[]@%?#,\"' \x01\u00e9-_") for _ in range(rng.randrange(1, 20)))
        r = run("run", NOTES, "--agents", 1, "--dry-run", env={"OLLAMA_HOST": value}, timeout=5)
        if r.code not in (0, 78, 1):
            return ok(False, "garbage in OLLAMA_HOST: %r" % value, r)
    ok(True, "garbage in OLLAMA_HOST")


# ---- what is never shown ------------------------------------------------------------------------


@test
def secrets():
    secrets = [b"s3cr3t-header-value", b"s3cr3t-bearer", b"s3cr3t-file"]
    with folder() as base:
        key = rig.write(base + "/key", "s3cr3t-file\n")
        for how, env in (
            (["-H", "X-Token: s3cr3t-header-value"], {"OLLAMA_API_KEY": "s3cr3t-bearer"}),
            (["--api-key-file", key], {}),
        ):
            wanted = [
                s
                for s in secrets
                if s
                in " ".join(how).encode()
                + b"".join(v.encode() for v in env.values())
                + (rig.read(key) if "--api-key-file" in how else b"")
            ]
            for name, script in (
                ("good", rig.answer("## Summary\n", "x")),
                ("401", rig.with_length('{"error":"no"}', "401 x")),
                ("truncated", [rig.answer("x")[:120], rig.CLOSE]),
            ):
                for form in ("text", "json", "ndjson", "md"):
                    with RawServer([script]) as server:
                        out = "%s/%s-%s-%d" % (base, name, form, len(how))
                        r = run(
                            "run",
                            NOTES,
                            "-u",
                            server.url,
                            "--agents",
                            1,
                            "-f",
                            form,
                            "-O",
                            out,
                            "-vv",
                            *how,
                            env=env
                        )
                        ok(
                            all(s in server.requests[0] for s in wanted),
                            "secrets, %s, %s: sent" % (name, form),
                            server.requests[0][:400],
                        )
                        files = b"".join(
                            rig.read(os.path.join(d, f)) for d, _, names in os.walk(out) for f in names
                        )
                        ok(
                            not any(s in r.out + r.err + files for s in secrets),
                            "secrets, %s, %s: not shown" % (name, form),
                            r,
                        )
            with RawServer([rig.answer("x")]) as server:
                r = run("run", NOTES, "-u", server.url, "--dry-run", *how, env=env)
                ok(
                    r.code == 0 and not any(s in r.out + r.err for s in secrets),
                    "secrets: not in --dry-run",
                    r,
                )
                ok(b": ***\r\n" in r.out, "secrets: --dry-run shows that they are sent", r)
                r = run("fetch", server.url, *how, env=env)
                ok(
                    all(s in server.requests[0] for s in wanted) and b"s3cr3t" not in r.out + r.err,
                    "secrets: fetch",
                    r,
                )
        for bad in (
            ["-H", "Authorization Bearer s3cr3t"],
            ["-H", "X: s3cr3t\x01"],
            ["-H", "X Y: s3cr3t"],
            ["-u", "http://me:s3cr3t@host"],
        ):
            r = run("run", NOTES, *bad)
            ok(
                r.code == 2 and one_error_line(r) and b"s3cr3t" not in r.err,
                "secrets: a wrong %s is not echoed" % bad[0],
                r,
            )
        r = run("fetch", "http://me:s3cr3t@host/")
        ok(
            r.code == 2 and one_error_line(r) and b"s3cr3t" not in r.err,
            "secrets: fetch of a URL with a password",
            r,
        )
        for env in ({"OLLAMA_API_KEY": "s3cr3t\r\nX: y"}, {"OLLAMA_HOST": "me:s3cr3t@host"}):
            r = run("run", NOTES, env=env)
            ok(
                r.code == 78 and one_error_line(r) and b"s3cr3t" not in r.err,
                "secrets: bad %s" % list(env)[0],
                r,
            )
        for url, sent in (("http://desk:9/v1", True), ("http://desk:8/v1", False), ("http://attic:9/v1", False)):
            r = run("ask", "--dry-run", "-vv", "-u", url, "x",
                    env={"OPENAI_BASE_URL": "http://desk:9/v1", "OPENAI_API_KEY": "s3cr3t"})
            ok(r.code == 0 and (b"Authorization" in r.out) == sent and b"s3cr3t" not in r.out + r.err,
               "secrets: OpenAI's key in clear, known is desk:9, asked " + url, r)
        r = run("run", NOTES, "--api-key-file", base + "/missing")
        ok(r.code in (65, 78) and one_error_line(r), "secrets: no such key file", r)


@test
def dry_run():
    with RawServer([rig.answer("x")]) as a, RawServer([rig.answer("x")]) as b, folder() as base:
        common = [
            NOTES,
            "-u",
            a.url,
            "-u",
            b.url,
            "--seed",
            4,
            "--chimera-num-ctx",
            2048,
            "-O",
            base + "/out",
        ]
        r = run("run", *common, "--dry-run")
        equal((r.code, r.err, a.connections + b.connections), (0, b"", 0), "--dry-run: sends nothing")
        ok(not os.path.exists(base + "/out"), "--dry-run: writes nothing")
        run("run", *common)
        equal(
            r.out,
            a.requests[0] + b"\n" + b.requests[0] + b"\n",
            "--dry-run: the exact bytes of the first requests",
        )


rig.main()
