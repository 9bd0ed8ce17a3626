"""Environment, configuration file, profiles: who counts, what is refused, what is never shown; and
the completions and the manual page, which come from the same tables."""

import json
import os
import re
import shutil
import subprocess

import rig
from rig import CHIMERA, NOTES, RawServer, equal, folder, ok, one_error_line, run, skip, test

SEED = """# Dual Ollama (mandatory for multi-agent)
[ollama1]
port = 11434

[ollama2]
port = 11435

# Agent configuration (from TR114_v2 best config: test011)
[agent_a]
num_gpu = 120
num_ctx = 512
temperature = 0.8
base_url = "http://localhost:11434"

[agent_b]
num_gpu = 140
num_ctx = 1024
temperature = 0.8
base_url = "http://localhost:11435"

# Expected performance: 99.40% efficiency (TR114_v2 peak)
"""
COMMANDS = [
    line.split()[0]
    for line in run("--help").text.split("COMMANDS\n")[1].split("\n\n")[0].splitlines()
]


def settings(*words, **how):
    """{name: [(value, from), ...]} of `chimera config`."""
    r = run("config", "-f", "json", *words, **how)
    if not ok(r.code == 0, "config %s" % " ".join(words), r):
        return {}
    table = {}
    for row in json.loads(r.out)["settings"]:
        table.setdefault(row["name"], []).append((row["value"], row["from"]))
    return table


def config(base, text, name="config.toml"):
    return rig.write(os.path.join(base, name), text)


def options_in(text):
    return re.findall(r"^ {2,6}(?:-(\w), )?--([a-z0-9-]+)(?:[ \[]\S+)?", text, re.M)


# ---- who counts ---------------------------------------------------------------------------------


@test
def precedence():
    with folder() as base:
        path = config(base, 'model = "file"\n[run]\nmodel = "table"\n[profile.p]\nmodel = "profile"\n'
                            '[profile.p.run]\nmodel = "both"\n[profile.q]\nmodel = "q"\n')
        layers = [
            ([], {}, "gemma3:latest", "default"),
            (["--config", path, "ingest"], None, None, None),
            (["--config", path], {}, "table", path + ":3"),
            (["--config", path, "--profile", "q"], {}, "q", path + ":9"),
            (["--config", path, "--profile", "p"], {}, "both", path + ":7"),
            (["--config", path, "--profile", "p"], {"CHIMERA_MODEL": "env"}, "env", "env CHIMERA_MODEL"),
            (["--config", path, "-m", "flag"], {"CHIMERA_MODEL": "env"}, "flag", "command line"),
            (["--config", path], {"CHIMERA_PROFILE": "q"}, "q", path + ":9"),
            ([], {"CHIMERA_CONFIG": path}, "table", path + ":3"),
            (["--no-config"], {"CHIMERA_CONFIG": path}, "gemma3:latest", "default"),
            ([], {"CHIMERA_CONFIG": path, "CHIMERA_NO_CONFIG": "yes"}, "gemma3:latest", "default"),
            (["--config", path], {"CHIMERA_NO_CONFIG": "1"}, "table", path + ":3"),
            (["--no-config"], {"CHIMERA_MODEL": "env"}, "env", "env CHIMERA_MODEL"),
            ([], {"CHIMERA_MODEL": ""}, "gemma3:latest", "default"),
        ]
        for words, env, value, by in layers:
            if env is None:
                ok("model" not in settings(*words), "ingest has no model")
                continue
            got = settings("run", *words, env=env).get("model")
            equal(got, [(value, by)], "model with %s, %s" % (words, env))
            r = run("run", NOTES, "--dry-run", "-n", 1, *words, env=env)
            ok(b'{"model":"%s",' % value.encode() in r.out, "the model that is sent, %s %s" % (words, env), r)


@test
def default_place():
    with folder() as base:
        config(base, 'model = "home"\n', ".config/chimera/config.toml")
        config(base, 'model = "xdg"\n', "xdg/chimera/config.toml")
        home, xdg = base + "/.config/chimera/config.toml", base + "/xdg/chimera/config.toml"
        for env, path, model in (
            ({"HOME": base}, home, "home"),
            ({"HOME": base, "XDG_CONFIG_HOME": base + "/xdg"}, xdg, "xdg"),
            ({"HOME": base, "XDG_CONFIG_HOME": "xdg"}, home, "home"),   # relative: to be ignored
            ({"HOME": base + "/none"}, base + "/none/.config/chimera/config.toml", "gemma3:latest"),
        ):
            equal(run("config", "--path", env=env).text, path + "\n", "--path with %s" % env)
            equal(settings("run", env=env)["model"][0][0], model, "model with %s" % env)
            equal(run("run", NOTES, "--dry-run", env=env).err.count(b"config"), 0, "quiet about it")
        r = run("config", "--path", env={"HOME": None, "XDG_CONFIG_HOME": None})
        ok(r.code == 78 and one_error_line(r), "--path without a home", r)
        r = run("run", NOTES, "--dry-run", env={"HOME": None})
        ok(r.code == 0, "without a home", r)
        os.makedirs(base + "/odd/chimera/config.toml")
        r = run("run", NOTES, "--dry-run", "-n", 1, env={"XDG_CONFIG_HOME": base + "/odd"})
        ok(r.code == 0 and one_error_line(r) and b"warning" in r.err, "a default that cannot be read", r)
        config(base, "model = \n", "bad/chimera/config.toml")
        for words in (["--help"], ["help", "run"], ["completion", "bash"], ["man"], ["config", "--path"]):
            r = run(*words, env={"XDG_CONFIG_HOME": base + "/bad"})
            ok(r.code == 0 and r.err == b"", "%s in spite of a bad file" % words, r)


@test
def replaced_not_added():
    with folder() as base:
        path = config(base, 'url = ["http://a:1", "http://b:2"]\nheader = ["X: 1", "Y: 2"]\n'
                            "option = {mirostat = 2, num_batch = 7}\n")
        t = settings("run", "--config", path)
        equal([v for v, _ in t["url"]], ["http://a:1", "http://b:2"], "a list of servers")
        equal([v for v, _ in t["option"]], ["mirostat=2", "num_batch=7"], "a table of model options")
        equal([v for v, _ in t["header"]], ["X: ***", "Y: ***"], "headers, without their values")
        t = settings("run", "--config", path, "-u", "http://c:3", "-H", "Z: 3", "-o", "top_k", "4")
        equal([v for v, _ in t["url"] + t["header"] + t["option"]], ["http://c:3", "Z: ***", "top_k=4"],
              "the command line replaces")
        env = {"CHIMERA_URL": "http://d:4, http://e:5", "CHIMERA_HEADER": "W: a, b", "CHIMERA_OPTION": "x=1,2"}
        t = settings("run", "--config", path, env=env)
        equal([v for v, _ in t["url"]], ["http://d:4", "http://e:5"], "a list in the environment")
        equal([v for v, _ in t["header"] + t["option"]], ["W: ***", "x=1,2"], "headers and options are one")
        r = run("run", NOTES, "--dry-run", "--config", path, env=env)
        ok(b"Host: d:4" in r.out and b"Host: e:5" in r.out and b'"x":"1,2"' in r.out, "and sent", r)


@test
def not_in_conflict():
    """What a higher layer says ends what a lower one says otherwise."""
    with folder() as base:
        path = config(base, 'url = "http://a:1"\n[profile.s]\nsim = "rate=7"\nsim-servers = 3\n'
                            '[profile.k]\nthreads = 5\nread-size = "4k"\npreset = "asyncio"\n')
        t = settings("run", "--config", path, "--sim")
        equal((t["url"], t["sim"]), ([("simulated", "default")], [("on", "command line")]), "--sim over a server")
        t = settings("run", "--config", path, "--profile", "s", "-u", "http://b:2")
        equal((t["url"][0][0], t["sim"][0][1], t["sim-servers"][0][1]), ("http://b:2", "default", "default"),
              "-u over simulated servers")
        t = settings("run", "--config", path, "--profile", "s", env={"CHIMERA_SIM": "off"})
        equal((t["sim"], t["url"][0][0]), ([("off", "env CHIMERA_SIM")], "http://127.0.0.1:11434"), "sim off")
        t = settings("run", "--config", path, "--profile", "k", "--preset", "smol")
        equal([t[k][0] for k in ("runtime", "threads", "read-size")],
              [("fixed", "preset smol"), ("2", "preset smol"), ("8192", "preset smol")], "a preset over knobs")
        r = run("run", NOTES, "--dry-run", "--runtime", "local", env={"CHIMERA_THREADS": "4"})
        ok(r.code == 0, "--runtime local over threads", r)


@test
def words_for_switches():
    for word, on in (("1", 1), ("true", 1), ("on", 1), ("yes", 1), ("0", 0), ("false", 0), ("off", 0), ("no", 0)):
        r = run("run", NOTES, env={"CHIMERA_DRY_RUN": word, "OLLAMA_HOST": "127.0.0.1:%d" % rig.closed_port()})
        ok((r.code == 0) == bool(on), "CHIMERA_DRY_RUN=%s" % word, r)
    r = run("run", NOTES, env={"CHIMERA_DRY_RUN": "maybe"})
    ok(r.code == 78 and one_error_line(r) and b"CHIMERA_DRY_RUN" in r.err, "a switch that is neither", r)
    with folder() as base:
        path = config(base, "serial = true\n")
        t = settings("run", "--config", path, env={"CHIMERA_SERIAL": "no"})
        equal(t["serial"], [("off", "env CHIMERA_SERIAL")], "off over on")
        path = config(base, "dry-run = false\nquiet = true\nsim = true\n")
        t = settings("run", "--config", path)
        equal([t[k][0][0] for k in ("dry-run", "quiet", "sim")], ["off", "on", "on"], "true and false in a file")


@test
def every_option():
    """Each option of each command has its variable and its key."""
    for command in COMMANDS:
        names = [n for _, n in options_in(run(command, "--help").text) if n != "help"]
        env = {"CHIMERA_" + n.replace("-", "_").upper(): "" for n in names}
        r = run("config", command, env=env)
        ok(r.code == 0 and r.err == b"", "%s: no variable of an option is unknown" % command, r)
        told = [row["name"] for row in json.loads(run("config", command, "-f", "json").out)["settings"]]
        missing = set(names) - set(told) - ({"path", "format"} if command == "config" else set())
        equal(sorted(missing), [], "config %s: tells of every option" % command)
    with folder() as base:
        text = "".join('%s = "x"\n' % n for n in ("num_ctx", "rate", "metric", "read-size"))
        r = run("config", "completion", "--config", config(base, text))
        ok(r.code == 0 and r.err == b"", "keys of other commands are no matter", r)


# ---- what is wrong ------------------------------------------------------------------------------


@test
def unknown():
    r = run("run", NOTES, "--dry-run", "-n", 1, env={"CHIMERA_MODLE": "s3cr3t", "CHIMERA_RATE": "x", "CHIMERA_num_ctx": "1"})
    lines = r.words.splitlines()
    ok(r.code == 0 and len(lines) == 2 and b"s3cr3t" not in r.err, "unknown variables: a line each", r)
    ok(all("CHIMERA_MODLE" in r.words and "CHIMERA_num_ctx" in r.words for _ in lines), "named", r)
    r = run("run", NOTES, "--dry-run", "-n", 1, "--quiet", env={"CHIMERA_MODLE": "x"})
    ok(r.code == 0 and r.err == b"", "--quiet", r)
    with folder() as base:
        path = config(base, 'modle = "x"\n[run]\nrate = 3\n[rnu]\na = 1\nb = 2\n[fetch]\nnonsense = 1\n'
                            "[profile.other]\nnonsense = 1\n[agent_a]\nmodel = 3\n")
        r = run("run", NOTES, "--dry-run", "-n", 1, "--config", path)
        found = re.findall(r"warning: %s:(\d+): (\S+): no such option" % re.escape(path), r.words)
        equal(found, [("1", "modle"), ("3", "run.rate"), ("4", "rnu"), ("12", "agent_a.model")],
              "unknown keys, with their lines")
        equal((r.code, len(r.words.splitlines())), (0, 4), "and no more than that")


@test
def bad_values():
    for name, value in (
        ("CHIMERA_NUM_CTX", "much"),
        ("CHIMERA_AGENTS", "0"),
        ("CHIMERA_URL", "http://a,ftp://b"),
        ("CHIMERA_IDLE_TIMEOUT", "soon"),
        ("CHIMERA_PRESET", "nonsense"),
        ("CHIMERA_API", "gopher"),
        ("CHIMERA_OPTION", "mirostat"),
        ("CHIMERA_HEADER", "s3cr3t"),
        ("CHIMERA_API_KEY_FILE", "/nonexistent/s3cr3t-no"),
        ("CHIMERA_COLOR", "blue"),
        ("CHIMERA_NO_CONFIG", "perhaps"),
        ("CHIMERA_CONFIG", "/nonexistent/config.toml"),
        ("CHIMERA_PROFILE", "none"),
    ):
        r = run("run", NOTES, "--dry-run", env={name: value})
        named = name.encode() in r.err or name in ("CHIMERA_CONFIG", "CHIMERA_PROFILE")
        ok(r.code == 78 and one_error_line(r) and named and r.out == b"", "%s=%s" % (name, value), r)
        ok(name != "CHIMERA_HEADER" or b"s3cr3t" not in r.err, "a header is not echoed", r)
    with folder() as base:
        for text, line, words in (
            ("\nnum-ctx = 'x'\n", 2, "num-ctx"),
            ("[run]\nagents = 0\n", 2, "run.agents"),
            ("model = ['a', 'b']\n", 1, "model: takes one value"),
            ("model = {a = 1}\n", 1, "model: takes a value"),
            ("url = ['http://a', ['b']]\n", 1, "takes one value"),
            ("serial = 'x'\n", 1, "serial"),
            ("option = {a = {b = 1}}\n", 1, "option"),
            ("api-key = 's3cr3t'\n", 1, "api-key-file"),
            ("[profile.p]\napi_key = 's3cr3t'\n", 2, "api-key-file"),
            ("header = 'Authorization s3cr3t'\n", 1, "header"),
            ("x = \n", 1, "not a value"),
            ("a = 1\na = 2\n", 2, "there before"),
            ("[ollama1]\nport = 0\n", 2, "ollama1.port"),
            ("[ollama1]\nport = 'a/b:x'\n", 2, "ollama1.port"),
            ("preset = 'nonsense'\n", 1, "no such preset"),
            ('model = "a\\u0000b"\n', 1, "NUL"),
        ):
            path = config(base, text)
            words_ = ["--profile", "p"] if "profile.p" in text else []
            r = run("run", NOTES, "--dry-run", "--config", path, *words_)
            good = r.code == 78 and one_error_line(r) and r.out == b"" and b"s3cr3t" not in r.err
            ok(good and "%s:%d: " % (path, line) in r.words and words in r.words, "file %r" % text, r)
        for words in (["--config", base], ["--config", base + "/none"], ["--profile", "p"],
                      ["--no-config", "--profile", "p"]):
            r = run("run", NOTES, "--dry-run", *words)
            ok(r.code == 78 and one_error_line(r), " ".join(words), r)
        r = run("run", NOTES, "--config", config(base, "x = 1\n"), "--profile", "p", "--dry-run")
        ok(r.code == 78 and b"[profile.p]" in r.err and one_error_line(r), "no such profile", r)
        r = run("run", NOTES, "--dry-run", "-n", 1, "--config", rig.write(base + "/big", "#" * (1 << 20) + "\n"))
        ok(r.code == 78 and one_error_line(r), "a file that is too large", r)
    # What is said to all commands need not be good for each.
    r = run("fetch", "http://127.0.0.1:1", env={"CHIMERA_KEEP_ALIVE": "5m"})
    equal(r.code, 7, "a time for keep-alive is no matter to fetch")
    for words in (["config", "nonsense"], ["config", "-f", "csv"], ["config", "run", "--nonsense"],
                  ["completion"], ["completion", "tcsh"], ["man", "x"]):
        r = run(*words)
        ok(r.code == 2 and one_error_line(r) and r.out == b"", " ".join(words) + ": usage", r)


# ---- servers and keys ---------------------------------------------------------------------------


def request_of(*words, **env):
    r = run("run", NOTES, "--dry-run", "-n", 1, *words, env=env)
    host = re.search(rb"^Host: (\S+)", r.out, re.M)
    return r, host.group(1).decode() if host else "", b"\r\nAuthorization: ***" in r.out


@test
def openai_variables():
    base = "http://gpu:8000/v1"
    for words, env, host in (
        ([], {"OPENAI_BASE_URL": base}, "gpu:8000"),
        ([], {"OPENAI_API_BASE": base}, "gpu:8000"),
        ([], {"OPENAI_BASE_URL": base, "OLLAMA_HOST": "desk"}, "desk:11434"),
        (["--api", "ollama"], {"OPENAI_BASE_URL": base}, "127.0.0.1:11434"),
        (["--api", "openai"], {"OPENAI_BASE_URL": base, "OLLAMA_HOST": "desk"}, "gpu:8000"),
        (["--api", "openai"], {"OLLAMA_HOST": "desk"}, "desk:11434"),
        (["-u", "http://x:1"], {"OPENAI_BASE_URL": base}, "x:1"),
    ):
        t = settings("run", *words, env=env)
        ok(t["url"][0][0].split("/")[2] == host, "servers of %s with %s" % (words, env), t["url"])
    equal(settings("run", env={"OPENAI_BASE_URL": base})["url"], [(base, "env OPENAI_BASE_URL")], "and who says so")
    for words, env, api in (
        ([], {"OPENAI_BASE_URL": base}, "openai"),
        ([], {"OPENAI_BASE_URL": "http://gpu:8000"}, "openai"),
        (["-u", "http://x:1/v1/"], {}, "openai"),
        (["-u", "http://x:1/v1", "-u", "http://y:1"], {}, "ollama"),
        (["-u", "http://x:1/v1", "--api", "ollama"], {}, "ollama"),
        (["-u", "http://x:1"], {"OPENAI_BASE_URL": base}, "ollama"),
    ):
        equal(settings("run", *words, env=env)["api"][0][0], api, "dialect of %s with %s" % (words, env))
    r = run("run", NOTES, "--dry-run", env={"OPENAI_BASE_URL": "https://api.openai.com/v1"})
    ok(r.code == 1 and one_error_line(r) and b"OPENAI_BASE_URL" in r.err, "https is told of", r)
    r = run("run", NOTES, "--dry-run", env={"OPENAI_BASE_URL": "ftp://me:s3cr3t@x"})
    ok(r.code == 78 and one_error_line(r) and b"s3cr3t" not in r.err, "no URL", r)


@test
def keys_stay_with_their_kind():
    both = {"OPENAI_API_KEY": "s3cr3t-openai", "OLLAMA_API_KEY": "s3cr3t-ollama"}
    for words, env, key in (
        (["-u", "http://desk:1"], {}, "OLLAMA_API_KEY"),
        (["-u", "http://desk:1", "--api", "openai"], {}, ""),
        (["-u", "http://127.0.0.1:1", "--api", "openai"], {}, "OPENAI_API_KEY"),
        (["-u", "http://desk:1", "--api", "openai"], {"OPENAI_BASE_URL": "http://desk:1/v1"}, "OPENAI_API_KEY"),
        (["-u", "http://desk:1", "-u", "http://x:2", "--api", "openai"], {"OPENAI_BASE_URL": "http://desk:1/v1"}, ""),
        ([], {"OPENAI_BASE_URL": "http://desk:1/v1"}, "OPENAI_API_KEY"),
        (["-u", "http://desk:1", "--api", "auto"], {}, ""),
        (["-u", "http://desk:1", "--api", "auto"], {"OLLAMA_HOST": "desk:1"}, "OLLAMA_API_KEY"),
        (["--api", "auto"], {"OPENAI_BASE_URL": "http://desk:1/v1"}, "OPENAI_API_KEY"),
    ):
        got = settings("run", *words, env={**both, **env})["api-key-file"][0]
        equal(got, ("***", "env " + key) if key else ("-", "default"), "key for %s with %s" % (words, env))
    r = run("config", "run", "-u", "http://desk:1", "--api", "openai", env=both)
    ok(b"OPENAI_API_KEY is not sent" in r.err and b"s3cr3t" not in r.err + r.out, "a key that stays is told of", r)
    with RawServer([rig.with_length("x")]) as server:
        run("fetch", server.url, env={"OPENAI_API_KEY": "s3cr3t-openai"})
        ok(server.requests and b"s3cr3t" not in server.requests[0], "fetch does not send OpenAI's key", server.requests)
        run("fetch", server.url, env={"OPENAI_API_KEY": "s3cr3t", "OPENAI_BASE_URL": server.url + "/v1"})
        ok(b"Authorization: Bearer s3cr3t" in server.requests[1], "but to its server", server.requests)


@test
def nothing_secret_is_shown():
    with folder() as base:
        key = rig.write(base + "/key", "s3cr3t-key\n")
        path = config(base, "header = ['X-Token: s3cr3t-header']\napi-key-file = '%s'\n" % key)
        for form in ("text", "json"):
            for words in (["--config", path], ["-H", "A: s3cr3t", "--api-key-file", key]):
                for env in ({}, {"CHIMERA_HEADER": "B: s3cr3t", "OLLAMA_API_KEY": "s3cr3t"}):
                    r = run("config", "run", "-f", form, *words, env=env)
                    ok(r.code == 0 and b"s3cr3t" not in r.out + r.err and b"***" in r.out, "config %s" % words, r)
        with RawServer([rig.answer("## Summary\n", "x")]) as server:
            out = base + "/out"
            r = run("run", NOTES, "-u", server.url, "-n", 1, "-O", out, "-f", "json", "--config", path)
            sent = server.requests[0]
            ok(b"X-Token: s3cr3t-header" in sent and b"Bearer s3cr3t-key" in sent, "sent", sent[:300])
            files = b"".join(rig.read(os.path.join(d, f)) for d, _, fs in os.walk(out) for f in fs)
            ok(r.code == 0 and b"s3cr3t" not in r.out + r.err + files, "shown nowhere", r)
            ok(b"--header='***'" in files or b"--header=***" in files, "the record says that there was one")


# ---- the file of the study, and children --------------------------------------------------------


@test
def seed_file():
    with folder() as base:
        path = config(base, SEED)
        r = run("run", NOTES, "--dry-run", "--config", path)
        ok(r.code == 0 and r.err == b"", "runs as it stands", r)
        equal(re.findall(r"^Host: (\S+)", r.text, re.M), ["localhost:11434", "localhost:11435"], "its servers")
        equal([json.loads("{" + o + "}") for o in re.findall(r'"options":\{([^}]*)\}', r.text)],
              [{"num_gpu": 120, "num_ctx": 512, "temperature": 0.8},
               {"num_gpu": 140, "num_ctx": 1024, "temperature": 0.8}], "its options, each agent its own")
        equal(settings("run", "--config", path)["scenario"][0][0], "chimera-hetero", "its scenario")
        r = run("run", NOTES, "--dry-run", "--config", path, "-u", "http://a:1", "--chimera-num-ctx", 99)
        ok(set(re.findall(r"^Host: (\S+)", r.text, re.M)) == {"a:1"} and '"num_ctx":99' in r.text, "a flag wins", r)
        for order in ("[ollama1]\nport = 1\n[ollama2]\nport = 2\n", "[ollama2]\nport = 2\n[ollama1]\nport = 1\n"):
            r = run("run", NOTES, "--dry-run", "--config", config(base, order))
            equal(re.findall(r"^Host: (\S+)", r.text, re.M), ["127.0.0.1:1", "127.0.0.1:2"], "ports alone")
        r = run("config", "sim", "--config", path)
        ok(r.code == 0 and r.err == b"", "no matter to sim", r)


@test
def children_get_arguments_only():
    """What the environment and the file say goes to simulators and trials once, as arguments."""
    with folder() as base:
        path = config(base, "tokens = 5\nrate = 1\n[sim]\nttft = '30s'\n[run]\nnum-predict = 30\nsim = 'rate=inf,ttft=0,tokens=9'\n")
        env = {"CHIMERA_CONFIG": path, "CHIMERA_SEED": "3", "CHIMERA_CUT": "1"}
        r = run("run", NOTES, "-f", "json", env=env)
        record = json.loads(r.out)["runs"][0] if r.code == 0 else {}
        ok(r.code == 0 and r.seconds < 10, "simulated servers take only what they are told", r)
        command = record.get("chimera", {}).get("command", "")
        ok("--num-predict=30" in command and "--sim=rate=inf" in command and "--seed=3" in command,
           "the record says what counted", command)
        path = config(base, "[run]\nscenario = 'chimera-homo'\nchimera-num-ctx = 77\n[bench]\nnum-predict = 31\n", "b.toml")
        out = base + "/out"
        r = run("bench", NOTES, "-O", out, "--presets", "smol", "--runs", 1, "--sim=rate=inf,ttft=0,tokens=9",
                "--configs", "tr115", env={"CHIMERA_CONFIG": path}, timeout=60)
        files = [rig.read(os.path.join(d, f)) for d, _, fs in os.walk(out) for f in fs if f == "metrics.json"]
        ok(r.code == 0 and files, "bench with a file", r)
        ok(all(b"--num-predict=31" in f and b"num-ctx=77" not in f for f in files), "trials have bench's, not run's")


# ---- what comes from the tables -----------------------------------------------------------------


def bash_words(*words):
    script = 'source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _chimera; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    r = subprocess.run(["bash", "-c", script, CHIMERA, *words], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, env=rig.environment())
    return r.stdout.decode().split()


@test
def bash_completion():
    for words, wanted in (
        (["chimera", "r"], ["run"]),
        (["chimera", "run", "--pre"], ["--preset"]),
        (["chimera", "run", "--preset", "smol-"], ["smol-1kb"]),
        (["chimera", "run", "--runtime", ""], ["steal", "fixed", "local", "bridge"]),
        (["chimera", "run", "--runtime", "=", "st"], ["steal"]),
        (["chimera", "run", "--runtime", "="], ["steal", "fixed", "local", "bridge"]),
        (["chimera", "run", "-f", "n"], ["ndjson"]),
        (["chimera", "run", "--color", ""], ["auto", "always", "never"]),
        (["chimera", "run", "--pop", "l"], ["lifo"]),
        (["chimera", "run", ""], []),
        (["chimera", "run", "--config", ""], []),
        (["chimera", "completion", ""], ["bash", "zsh", "fish"]),
        (["chimera", "help", "be"], ["bench"]),
        (["chimera", "config", "stat"], ["stats"]),
        (["chimera", "sim", "--tokens-"], ["--tokens-per-event"]),
    ):
        equal(bash_words(*words), wanted, "bash: " + " ".join(words))
    equal(bash_words("chimera", ""), COMMANDS + ["help"], "bash: commands")
    for command in COMMANDS:
        names = ["--" + n for _, n in options_in(run(command, "--help").text)]
        equal(sorted(set(bash_words("chimera", command, "--"))), sorted(set(names)), "bash: options of " + command)


@test
def fish_completion():
    if not shutil.which("fish"):
        return skip("fish", "not installed")
    with folder() as base:
        path = rig.write(base + "/c.fish", run("completion", "fish").out)
        for line, wanted in (
            ("chimera r", ["run"]),
            ("chimera run --pre", ["--preset"]),
            ("chimera run --pop ", ["fifo", "lifo"]),
            ("chimera run --pop=l", ["--pop=lifo"]),
            ("chimera completion ", ["bash", "fish", "zsh"]),
            ("chimera sim --tokens-", ["--tokens-per-event"]),
        ):
            r = subprocess.run(["fish", "--no-config", "-c", "source %s; complete -C '%s'" % (path, line)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=rig.environment(HOME=base), cwd=base)
            equal([x.split("\t")[0] for x in r.stdout.decode().splitlines()], wanted, "fish: " + line)


@test
def zsh_completion():
    if not shutil.which("zsh"):
        return skip("zsh", "not installed")
    with folder() as base:
        path = rig.write(base + "/_chimera", run("completion", "zsh").out)
        for way, setup in (
            ("sourced", "compinit -u -D; source " + path),
            ("installed", "fpath=(%s $fpath); compinit -u -D" % base),
        ):
            script = """
zmodload zsh/zpty; zpty z zsh -f -i
zpty -w z 'PS1=; autoload -Uz compinit; %s; bindkey "^I" expand-or-complete; print READY'
zpty -r z line '*READY*READY*'
zpty -w -n z $'chimera run --pre\\tsmol-\\t --runt\\tbr\\t\\C-A print -r -- GOT \\C-J'
zpty -w z 'print -r -- TH""EN'
zpty -r z line '*THEN*' && print -r -- "$line" """ % setup
            r = subprocess.run(["zsh", "-f", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=30, env=rig.environment(HOME=base), cwd=base)
            text = r.stdout.decode()
            ok("GOT chimera run --preset smol-1kb --runtime bridge" in text, "zsh completes, " + way, text)


@test
def manual_page():
    page = run("man")
    ok(page.code == 0 and page.out.isascii() and b"\x1b" not in page.out, "plain text", page)
    if not shutil.which("groff"):
        return skip("man", "no groff")
    r = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=110n"], input=page.out,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal((r.returncode, r.stderr), (0, b""), "groff has no warnings")
    text = r.stdout.decode()
    for command in COMMANDS:
        ok("chimera " + command in text, "man: " + command)
        part = text.split("\nchimera %s\n" % command)[1].split("\nchimera ")[0]
        names = {n for _, n in options_in(run(command, "--help").text)} - {"help"}
        told = set(re.findall(r"--([a-z0-9-]+)", part))
        equal(sorted(names - told), [], "man: options of " + command)
    details = "efficiency   100 * sum(T) / (N * wall). It cannot tell one runtime from"
    ok(details in text and "'.[]'" in run("ingest", "--help").text.replace("skipped", ""), "man: text as it is", text[:200])
    ok("jq '.skipped[]'" in text and "~/.bashrc" in text, "man: quotes and tildes stay")


@test
def help_in_bold():
    for words, env in ((["run", "--help"], {}), (["run", "--help", "--color", "always"], {}),
                       (["--help"], {"CLICOLOR_FORCE": "1"}), (["man"], {"CHIMERA_COLOR": "always"})):
        ok(b"\x1b" not in run(*words, env=env).out, "%s %s: no escape in a pipe" % (words, env))
    for words, env, bold in (
        (["run", "--help"], {}, True),
        (["--help"], {}, True),
        (["run", "--help"], {"NO_COLOR": "1"}, False),
        (["run", "--help"], {"NO_COLOR": ""}, True),
        (["run", "--help"], {"TERM": "dumb"}, False),
        (["run", "--help"], {"TERM": "dumb", "CLICOLOR_FORCE": "1"}, True),
        (["run", "--help", "--color=never"], {}, False),
        (["run", "--help", "--color", "always"], {"NO_COLOR": "1"}, True),
        (["run", "--help"], {"CHIMERA_COLOR": "never"}, False),
    ):
        text = on_terminal(words, env)
        equal(b"\x1b[1mUSAGE\x1b[0m" in text, bold, "bold with %s %s" % (words, env))
        equal(text.replace(b"\x1b[1m", b"").replace(b"\x1b[0m", b"").replace(b"\r\n", b"\n"),
              run(*words).out, "the same words, %s %s" % (words, env))


def on_terminal(words, env):
    """What the program writes to a terminal."""
    ours, theirs = os.openpty()
    process = rig.start(*words, env=env, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = b""
    try:
        while True:
            more = os.read(ours, 65536)
            if not more:
                break
            text += more
    except OSError:   # the other end is closed
        pass
    os.close(ours)
    process.wait(10)
    return text


@test
def readme():
    """README and --help name the same options."""
    text = rig.read(os.path.join(rig.ROOT, "README.md")).decode()
    own = set()
    for command in COMMANDS:
        own |= {n for _, n in options_in(run(command, "--help").text)}
    # Of other programs, in commands that README shows; and of a build with TLS.
    others = {"readme", "version", "native-file", "cross-file", "cacert", "insecure", "figures", "only"}
    told = set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]*)(?!\*)\b(?!-)", text))
    equal(sorted(told - own - others), [], "README names no option that is not there")
    for command in COMMANDS:
        ok(re.search(r"chimera %s\b" % command, text), "README mentions chimera %s" % command)
    page = run("man").text.replace("\\-", "-")
    equal(sorted(n for n in own - {"help"} if "--" + n not in page), [], "the reference names every option")
    variables = set(re.findall(r"CHIMERA_([A-Z_]+)", text)) - {"OPTION"}
    equal(sorted(v for v in variables if v.lower().replace("_", "-") not in own), [], "and its variables exist")


if __name__ == "__main__":
    rig.main()
