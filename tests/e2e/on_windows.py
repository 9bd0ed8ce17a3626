"""What only chimera.exe is asked, under wine (tools/wine_tests.sh): paths as Windows writes them, and the
experiment on both systems. CHIMERA_NATIVE is this system's own program.
"""

import glob
import json
import os
import shutil
import subprocess

import rig
from rig import BINARY, FAST, NOTES, Sim, equal, folder, ok, read, run, test, write

NATIVE = os.environ.get("CHIMERA_NATIVE")
WHOLE = os.environ.get("CHIMERA_EXPERIMENT") == "whole"
PRESETS = 8
RUNS = 3


def wine_path(path):
    """The path of Windows: wine has the host's root as Z:."""
    return "Z:" + path.replace("/", "\\")


def native(*arguments, timeout):
    done = subprocess.run([NATIVE, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                          env=rig.environment())
    return rig.Outcome(done.returncode, done.stdout, done.stderr, 0)


# ---- paths --------------------------------------------------------------------------------------


def belongs(path, **how):
    r = run("stats", path, "-f", "json", **how)
    if ok(r.code == 0, "stats %s" % path, r):
        groups = [(g["runtime"], g["config"], g["n"]) for g in json.loads(r.out)["groups"]]
        equal(groups[-1], ("asyncio", "quick", 1), "stats %s" % path)


@test
def results_by_backslashes():
    """Runtime and workload of a result are in the names of its folders."""
    with folder() as top:
        run("run", NOTES, "--sim=" + FAST, "-O", wine_path(top) + "\\made", "--quiet")
        trial = top + "/out/runtime-asyncio/quick/run_3"
        shutil.copytree(top + "/made/run_1", trial + "/run_1")
        shutil.copy(trial + "/run_1/metrics.json", trial)
        for path in (wine_path(trial) + "\\metrics.json", wine_path(trial + "/run_1"), wine_path(top + "/out") + "\\"):
            belongs(path)
        belongs("out\\runtime-asyncio\\quick\\run_3\\metrics.json", cwd=top)


@test
def programs_by_backslashes():
    plan = '[[config]]\nname = "a"\n'
    with folder() as top:
        for path in ("one\\chimera-fast.exe", "two\\chimera-fast.exe", "one\\Other.EXE"):
            os.makedirs(os.path.dirname(top + "/" + path.replace("\\", "/")), exist_ok=True)
            shutil.copy(BINARY, top + "/" + path.replace("\\", "/"))
        write(top + "/plan.toml", plan)
        r = run("bench", NOTES, "--sim=" + FAST, "--plan", ".\\plan.toml", "--runs=1", "-O", ".\\out\\", "--binaries",
                "one\\", wine_path(top) + "\\two\\chimera-fast.exe", "one\\Other.EXE", cwd=top, timeout=60)
        equal((r.code, r.err), (0, b""), "--binaries: exit code and stderr")
        names = sorted(n for n in os.listdir(top + "/out") if n.startswith("runtime-"))
        equal(names, ["runtime-Other", "runtime-fast-one", "runtime-fast-two"], "--binaries: their names")


@test
def other_paths():
    with folder() as top:
        write(top + "/notes/deep/figures.csv", "name,value\na,1\n")
        write(top + "/lines", "one\ntwo\n")
        there = wine_path(top)
        r = run("ingest", there + "\\notes\\", "-f", "json")
        ok(r.code == 0 and b'"deep/figures.csv"' in r.out, "ingest: a folder with a backslash behind it", r)
        for words, made in ((["map", there + "\\lines", "--sim=" + FAST, "-O", there + "\\answers"], "answers"),
                            (["ask", "--sim=" + FAST, "--session", there + "\\talk.json", "hello"], "talk.json"),
                            (["run", there + "\\notes", "--sim=" + FAST, "-O", there + "\\out\\"], "out/summary.json")):
            r = run(*words, "--quiet")
            ok(r.code == 0 and os.path.getsize(top + "/" + made) > 0, "%s: %s" % (words[0], made), r)
        ok(read(top + "/answers").count(b"\n") == 2, "map: both answers")


@test
def resumed_to_its_own_output():
    """The line that was cut off goes, also where stdout is opened by the shell of Windows."""
    with folder() as top, Sim("--ttft", "0", "--rate", "inf", "--tokens", "8") as sim:
        write(top + "/lines", "one\ntwo\n")
        write(top + "/out", '{"id":1,"text":"x","chimera":{}}\n{"id":2,"te')
        write(top + "/go.bat", "@%s map lines -u %s --resume out --quiet >> out\r\n" % (wine_path(BINARY), sim.url))
        done = subprocess.run(["wine", "cmd", "/c", "go.bat"], cwd=top, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=30, env=rig.environment())
        ids = [json.loads(line)["id"] for line in read(top + "/out").splitlines()]
        equal((done.returncode, ids), (0, [1, 2]), "map --resume out >> out")


# ---- the experiment -----------------------------------------------------------------------------


def validity(out):
    """Of each trial that is whole: what its calls were."""
    found = {}
    for path in glob.glob(out + "/runtime-*/*/run_*/metrics.json"):
        ours = json.loads(read(path))["chimera"]
        if ours["complete"]:
            found[os.path.relpath(path, out)] = [c["validity"] for a in ours["agents"] for c in a["calls"]]
    return found


def experiment(what, words, trials):
    """Both systems' results, as folders below `top`, and what is to be said of them together."""
    with folder() as top:
        outs = [top + "/windows", top + "/linux"]
        for program, out in zip((run, native), outs):
            r = program("bench", NOTES, *words, "--runs=%d" % RUNS, "-O", out, timeout=900)
            ok(r.code == 0 and b"%d succeeded, 0 failed" % trials in r.out, "%s: %s" % (what, out), r)
            equal(len(validity(out)), trials, "%s: whole ones in %s" % (what, out))
        calls = [validity(out) for out in outs]
        equal(calls[0], calls[1], what + ": the same are valid on both systems")
        reports = [program("stats", *outs, "-f", "json", timeout=60) for program in (run, native)]
        equal(reports[0].out, reports[1].out, what + ": stats says the same on both systems")
        report = json.loads(reports[0].out)
        equal((report["files"], report["skipped"]), (2 * trials, []), what + ": stats reads all of both")
        each = [g["n"] for g in report["groups"] if g["config"] is None]
        equal(each, [2 * trials // PRESETS] * PRESETS, what + ": stats reads both together")
        return [v for trial in calls[0].values() for v in trial]


@test(alone=True)
def the_experiment():
    with folder() as top:
        plan = write(top + "/plan.toml", '[[config]]\nname = "one"\nscenario = "chimera-homo"\nnum_ctx = 512\n')
        calls = experiment("experiment", ["--sim=ttft=20ms,rate=400,tokens=60", "--plan", plan], PRESETS * RUNS)
    equal(set(calls), {"ok"}, "experiment: every trial is valid")


@test(alone=True)
def the_study():
    """With TR115's paces and workloads. Loads of the model and loops are in it, by the seed."""
    if not WHOLE:
        return rig.skip("the study", "takes minutes: make check-all")
    calls = experiment("study", ["--sim", "--sim-profile=tr115", "--speed=60"], 6 * PRESETS * RUNS)
    ok({"ok"} < set(calls) <= {"ok", "cold", "loop"}, "study: nothing is cut or fails", set(calls))


if __name__ == "__main__":
    rig.main()
