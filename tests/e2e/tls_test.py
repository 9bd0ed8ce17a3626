"""https: refused in a line that names the build which has it, or (make TLS=1) everything about it."""

import rig
from rig import NOTES, ok, one_error_line, run, test

HAS_TLS = b"--cacert" in run("fetch", "--help").out


def plain(function):
    """For a program without TLS."""
    return function if HAS_TLS else test(function)


@plain
def refused_by_name():
    url = "https://127.0.0.1:9"
    for words, env in (
        (("fetch", url), {}),
        (("run", NOTES, "-u", url), {}),
        (("ask", "-u", url, "hi"), {}),
        (("map", "-u", url, "--template", "{}"), {}),
        (("probe", url), {}),
        (("worker", "-u", url), {}),
        (("bench", "-n", "1", "-u", url), {}),
        (("ask", "hi"), {"OLLAMA_HOST": "ollama.com"}),
        (("ask", "hi"), {"OPENAI_BASE_URL": "https://api.openai.com/v1"}),
    ):
        r = run(*words, env=env)
        ok(
            r.code == 1 and r.out == b"" and one_error_line(r) and b"make TLS=1" in r.err and r.seconds < 2,
            "%s: the line names the build" % words[0],
            r,
        )


rig.main()
