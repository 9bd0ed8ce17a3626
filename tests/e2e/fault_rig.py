"""How what met a fault has to end: what fault_test.py and outage_test.py share."""

import json
import re

from rig import equal, ok

ANSWER = ("--ttft=1ms", "--rate=inf", "--tokens=30", "--seed=11", "--slots=16")
DEADLINE = 30            # seconds for a cell on the busiest machine


def records(out, name):
    """The lines of JSON on stdout; each is whole."""
    if out and not ok(out.endswith(b"\n"), name + "stdout ends with a line", out[-200:]):
        return []
    return [json.loads(line) for line in out.decode().splitlines()]


def says(r, wanted, words, name, lines=1):
    """Exit code, the one line, the time; and no control code on either stream."""
    equal(r.code, wanted, name + "exit code (%s)" % r.words.strip()[-300:])
    line = r.err.decode()
    ok(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", line), name + "no control codes on stderr", r)
    if wanted == 0:
        equal(line, "", name + "nothing to say")
    else:
        ok(line.startswith("chimera: ") and line.endswith("\n") and line.count("\n") == lines and words in line,
           name + "one line that says %r" % words, r)
