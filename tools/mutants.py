#!/usr/bin/env python3
"""Plants the bugs of tests/mutants one at a time and sees whether the tests catch them.

    tools/mutants.py [--check] [--only WORDS] [--jobs N] [--seeds N] [--near | --deep] [--resume] [LIST...]

A list (default: tests/mutants/*.txt) has a paragraph per bug: a line "FILE: what is wrong now", the
text that goes away behind "- ", and what comes instead behind "+ " (nothing: it is just gone). The
text has to be in the file exactly once.

    src/rt/worker.cpp: a deadline of this very instant has not come yet
    - heap_[0]->deadline <= now
    + heap_[0]->deadline < now

For each, a copy of the tree (build/mutants/1, ...) is changed and built again, and runs the parts of
`make test` and `make vopr`, fastest first, until one fails: "caught by PART". It has to fail twice: what
fails once may be a clock on a busy machine ("UNSTEADY", unless another part catches it). And it has to
pass without the bug, which is tried when it catches its first one. A part that hangs has caught it, too. --near runs no more than the tests of the same layer, for a first look; --deep
goes on, where nothing else did, to the builds with sanitizers. --check only looks whether every text
is still there. Verdicts are added to build/mutants/verdicts; --resume leaves out what was caught there.
Exit code 1: a bug survived, or a list is out of date.
"""
import argparse
import glob
import os
import queue
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 300          # seconds for a part
LONG = "*5 million*,*push-and-look*,*foreign thread*,*hundred thousand*,*a long wait ends*"   # not at first
SLOW = ("tls_test", "variants_test", "packed_test", "lint_test",   # of other binaries, or of the sources,
        "bare_test")                                               # or of a static one

CLEAN, TELLS = threading.Lock(), {}   # of a part: whether it passes without a bug


class Mutant:
    def __init__(self, where, file, why):
        self.where, self.file, self.why = where, file, why
        self.old, self.new = [], []

    def __str__(self):
        return f"{self.file}: {self.why}"

    def change(self, text):
        return text.replace("\n".join(self.old), "\n".join(self.new))

    def stale(self):
        """Why it cannot be planted, or nothing."""
        old = "\n".join(self.old)
        with open(os.path.join(ROOT, self.file), encoding="utf-8") as f:
            times = f.read().count(old)
        return "" if old and times == 1 else f"{self.where}: {times} times in {self.file}: {old}"


def read_list(path):
    mutants = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            where = f"{os.path.relpath(path, ROOT)}:{number}"
            if not line or line.startswith("#"):
                continue
            if line == "-" or line.startswith("- "):
                mutants[-1].old.append(line[2:])
            elif line == "+" or line.startswith("+ "):
                mutants[-1].new.append(line[2:])
            else:
                file, colon, why = line.partition(": ")
                if not colon:
                    raise ValueError(f"{where}: what is this?")
                mutants.append(Mutant(where, file, why))
    return mutants


def tracked():
    out = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                         capture_output=True).stdout.decode()
    return [f for f in out.split("\0") if f and os.path.isfile(os.path.join(ROOT, f))]


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Tree:
    """A copy of the sources with a build folder of its own."""

    def __init__(self, number, args):
        self.path = os.path.join(ROOT, "build", "mutants", str(number))
        self.log = self.path + ".log"
        self.seeds, self.near = args.seeds, args.near
        for file in tracked():
            to = os.path.join(self.path, file)
            if os.path.exists(to) and read(to) == read(os.path.join(ROOT, file)):
                continue
            os.makedirs(os.path.dirname(to), exist_ok=True)
            # What stands there otherwise may be a bug of a run that was ended: built again, by its time.
            copy = shutil.copyfile if os.path.exists(to) else shutil.copy2
            copy(os.path.join(ROOT, file), to)
        built = os.path.join(ROOT, "build", "quick")
        if os.path.isdir(built) and not os.path.isdir(os.path.join(self.path, "build")):
            shutil.copytree(built, os.path.join(self.path, "build", "quick"))
        if os.path.isdir(os.path.join(ROOT, "..", "shared")):   # what some tests read, if it is there
            link = os.path.join(ROOT, "build", "mutants", "shared")
            if not os.path.lexists(link):
                os.symlink(os.path.join(ROOT, "..", "shared"), link)

    def run(self, *command, limit=LIMIT, where=None):
        """True when it succeeds in time."""
        with open(self.log, "ab") as log:
            process = subprocess.Popen(command, cwd=where or self.path, stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                return process.wait(limit) == 0
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                return False

    def make(self, *targets):
        return self.run("make", *targets, limit=3600)

    def parts(self, mutant, deep):
        """(name, what to build, what to run), what is fast or near the bug first."""
        def suite(program):
            return ["tools/run_tests.sh", "build/quick/chimera", program]   # counts as `make test` does
        layer = mutant.file.removeprefix("include/chimera/").removeprefix("src/").split("/")[0]
        stem = os.path.basename(mutant.file).split(".")[0]
        for kind, files in (("unit", stem + "*"), ("unit", "*"), ("virtual", "*")):
            yield f"{kind} tests", f"build/quick/{kind}", [
                f"build/quick/{kind}", "--abort-after=1", f"--source-file=*tests/{layer}/{files}",
                "--test-case-exclude=" + LONG]
        if self.near:
            return
        scripts = sorted(glob.glob("tests/e2e/*_test.py", root_dir=ROOT))
        scripts += sorted(glob.glob("tests/issues/*_test.py", root_dir=ROOT))
        scripts = [s for s in scripts if os.path.basename(s)[:-3] not in SLOW]
        own = [s for s in scripts if os.path.basename(s).startswith(stem.split("_")[0] + "_")]
        others = [s for s in scripts if s not in own]
        programs = [("virtual tests", "build/quick/virtual", suite("build/quick/virtual")),
                    ("unit tests", "build/quick/unit", suite("build/quick/unit")),
                    ("vopr", "build/quick/vopr", ["build/quick/vopr", f"1..{self.seeds}"])]
        scripts = [(os.path.basename(s)[:-3], "build/quick/chimera", suite(s)) for s in own + others]
        # What a command does is seen by scripts, anything else rather by programs.
        yield from scripts[:len(own)]
        yield from scripts[len(own):] + programs if layer == "cli" else programs + scripts[len(own):]
        if deep:
            yield "unit tests (asan)", "build/asan/unit", suite("build/asan/unit")
            yield "virtual tests (asan)", "build/asan/virtual", suite("build/asan/virtual")
            yield "unit tests (tsan)", "build/tsan/unit", suite("build/tsan/unit")

    def can_tell(self, program, command):
        """Whether this part passes without a bug."""
        with CLEAN:
            key = " ".join(command)
            if key not in TELLS:
                TELLS[key] = self.run("make", program, limit=3600, where=ROOT) and (
                    self.run(*command, where=ROOT) or self.run(*command, where=ROOT))
                if not TELLS[key]:
                    print(f"{key}: fails without a bug, too", flush=True)
            return TELLS[key]

    def judge(self, mutant, deep):
        open(self.log, "w").close()
        path = os.path.join(self.path, mutant.file)
        clean = open(path, encoding="utf-8").read()
        try:
            with open(path, "w", encoding="utf-8") as f:
                f.write(mutant.change(clean))
            built, verdict = set(), "SURVIVED"
            for name, program, command in self.parts(mutant, deep):
                if program not in built and not self.make(program):
                    return "does not build"
                built.add(program)
                if self.run(*command):
                    continue
                if self.run(*command):
                    verdict = f"UNSTEADY, once by {name}"
                elif self.can_tell(program, command):
                    return f"caught by {name}"
            return verdict
        finally:
            with open(path, "w", encoding="utf-8") as f:
                f.write(clean)


def caught_before(record):
    if not os.path.exists(record):
        return set()
    with open(record, encoding="utf-8") as f:
        return {line.split("\t")[1].strip() for line in f if line.startswith("caught")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lists", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--near", action="store_true")
    parser.add_argument("--deep", action="store_true")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    mutants = []
    for path in args.lists or sorted(glob.glob(os.path.join(ROOT, "tests/mutants/*.txt"))):
        mutants += read_list(path)
    mutants = [m for m in mutants if args.only in str(m)]
    stale = [m.stale() for m in mutants if m.stale()]
    if stale:
        print("\n".join(stale))
        return 1
    if args.check:
        print(f"{len(mutants)} mutants can be planted")
        return 0

    record = os.path.join(ROOT, "build", "mutants", "verdicts")
    os.makedirs(os.path.dirname(record), exist_ok=True)
    known = caught_before(record) if args.resume else set()
    mutants = [m for m in mutants if str(m) not in known]
    work = queue.Queue()
    for m in mutants:
        work.put(m)
    verdicts = []

    def worker(number):
        tree = Tree(number, args)
        while True:
            try:
                m = work.get_nowait()
            except queue.Empty:
                return
            begin = time.monotonic()
            verdict = tree.judge(m, args.deep)
            verdicts.append(verdict)
            print(f"{verdict:28} {m.where} {m} ({time.monotonic() - begin:.0f} s)", flush=True)
            with open(record, "a", encoding="utf-8") as f:
                f.write(f"{verdict}\t{m}\n")

    threads = [threading.Thread(target=worker, args=(n + 1,)) for n in range(args.jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    caught = sum(v.startswith("caught") for v in verdicts)
    print(f"{caught} mutants caught, {len(mutants) - caught} not")
    return 0 if caught == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
