"""Every check can fail: each gets a small tree with one thing wrong, and the same tree made right.

A check that never complains looks just like clean code, so this is the test of the checks.
"""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = "include/chimera/wire/a.hpp"
SOURCE = "src/net/a.cpp"
LONG = "int f(int x) {\n" + "  x += 1;\n" * 79 + "  return x;\n}\n"

# (check, name, path, bad text, line that must be named, good text)
CASES = [
    ("lint.sh", "banned include", SOURCE, "#include <functional>\n", 1, "#include <string>\n"),
    ("lint.sh", "OS header outside sys", SOURCE, "#include <sys/epoll.h>\n", 1, "#include <string.h>\n"),
    ("lint.sh", "C output outside sys", SOURCE, "void f() { printf(\"x\"); }\n", 1,
     "void f() { snprintf(p, 2, \"printf(\"); }\n"),
    ("lint.sh", "aggregate in co_await", SOURCE, "void f() {\n  co_await read(Span{p, 1});\n}\n", 2,
     "void f() {\n  Span s{p, 1};\n  co_await read(s);\n}\n"),
    ("lint.sh", "closure in co_await", SOURCE, "void f() {\n  co_await read([&] { g(); });\n}\n", 2,
     "void f() {\n  auto go = [&] { g(); };\n  co_await read(go, to[1]);\n}\n"),
    ("lint.sh", "aggregate in co_await, next line", SOURCE,
     "void f() {\n  co_await read(p,\n      Span{p, 1});\n}\n", 3,
     "void f() {\n  co_await read(p,\n      s);\n  Span t{p, 1};\n}\n"),
    ("lint.sh", "co_await before a block", SOURCE, "void f() {\n  if (co_await g({})) {\n  }\n}\n", 2,
     "void f() {\n  if (co_await g()) {\n  }\n}\n"),
    ("lint.sh", "capturing lambda coroutine", SOURCE,
     "void f() {\n  auto t = [&]() -> Task<void> {\n    co_return;\n  };\n}\n", 3,
     "void f() {\n  auto t = []() -> Task<void> {\n    co_return;\n  };\n  a[i] = 1;\n}\n"),
    ("lint.sh", "stand-alone fence", SOURCE, "void f() { std::atomic_thread_fence(x); }\n", 1,
     "// atomic_thread_fence is not used here\n"),
    ("lint.sh", "long line", SOURCE, "int x;" + " " * 90 + "int y;\n", 1, "int x;" + " " * 88 + "int y;\n"),
    ("lint.sh", "long file", SOURCE, "int x;\n" * 601, 601, "int x;\n" * 600),
    ("lint.sh", "long function", SOURCE, "namespace a {\n" + LONG + "}\n", 2,
     "namespace a {\n" + LONG.replace("{\n", "{  // long: table\n", 1) + "}\n"),
    ("lint.sh", "long table is no function", SOURCE, LONG, 1, LONG.replace("int f(int x) {", "int t[] = {")),
    ("lint.sh", "open mark", SOURCE, "int x;\n// TODO: more\n", 2, "int todo;\n"),
    ("lint.sh", "tab", SOURCE, "\tint x;\n", 1, "  int x;\n"),
    ("lint.sh", "trailing blank", SOURCE, "int x; \n", 1, "int x;\n"),
    ("lint.sh", "raw string hides nothing after it", SOURCE,
     "auto s = R\"(co_await {)\";\n#include <map>\n", 2, "auto s = R\"(co_await {)\";\n"),
    ("lint.sh", "digit separators", SOURCE, "int x = 1'000;\n#include <map>\n", 2, "int x = 1'000'000;\n"),
    ("check_layers.sh", "layer above", HEADER, "#include \"chimera/net/b.hpp\"\n", 1,
     "#include \"chimera/base/b.hpp\"\n"),
    ("check_layers.sh", "layer not in the table", "src/sim/a.cpp", "#include \"chimera/llm/b.hpp\"\n", 1,
     "#include \"chimera/net/b.hpp\"\n"),
    ("check_layers.sh", "private header of another", SOURCE, "\n#include \"../llm/b.hpp\"\n", 2,
     "\n#include \"b.hpp\"\n"),
    ("check_layers.sh", "asks for the system", SOURCE, "#ifdef _WIN32\n#endif\n", 1, "#ifdef NDEBUG\n#endif\n"),
    ("check_layers.sh", "asks for the system in a header", "include/chimera/sys/file.hpp",
     "#if defined(_WIN32)\n#endif\n", 1, "int x;\n"),
    ("check_headers.sh", "not alone", HEADER, "#pragma once\ninline std::string f();\n", 1,
     "#pragma once\n#include <string>\nstd::string f();\n"),
    ("check_sources.sh", "not listed", SOURCE, "int x;\n", 1, None),
    ("check_sources.sh", "listed twice", "src/files.txt", "any src/a.cpp\nany src/a.cpp\n", 2, "any src/a.cpp\n"),
    ("check_sources.sh", "not there", "src/files.txt", "any src/a.cpp\nany src/b.cpp\n", 2, "any src/a.cpp\n"),
    ("check_sources.sh", "wrong platform", "src/files.txt", "linux src/a.cpp\n", 1, "any src/a.cpp\n"),
    ("check_sources.sh", "marker misspelt", "tests/a_test.cpp", "// runs: windos\n", 1, "// runs: linux tsan\n"),
]


def run(check, path, text):
    with tempfile.TemporaryDirectory() as root:
        if check == "check_sources.sh":
            write(root, "src/a.cpp", "")
            write(root, "src/files.txt", "any src/a.cpp\n")
        write(root, path, text)
        done = subprocess.run([os.path.join(ROOT, "tools", check), root], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w") as f:
        f.write(text)


def main():
    passed = failed = 0
    for check, name, path, bad, line, good in CASES:
        code, said = run(check, path, bad)
        wrong = "" if code != 0 and f"{path}:{line}: " in said else f"bad tree: exit {code}, said: {said!r}"
        if good is not None:
            code, said = run(check, path, good)
            if code != 0 or said:
                wrong += f" good tree: exit {code}, said: {said!r}"
        passed += not wrong
        failed += bool(wrong)
        if wrong:
            print(f"{check}: {name}: {wrong}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
