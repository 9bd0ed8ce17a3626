"""https: refused in a line that names the build which has it, or (make TLS=1) everything about it."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time

import rig
from rig import (CLOSE, NOTES, RST, STALL, RawServer, Sim, answer, chunked, equal, eventually, head, ok,
                 one_error_line, read, run, skip, test, with_length, write)
from tls_rig import NOTIFY, ROOT, Authority, Cutter, Talker, TlsFront, TlsServer

HAS_TLS = b"--cacert" in run("fetch", "--help").out
PAGE = with_length("here")


def plain(function):
    """For a program without TLS."""
    return function if HAS_TLS else test(function)


def secure(function):
    """For one with it."""
    return test(function) if HAS_TLS else function


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


# ---- whom it believes ---------------------------------------------------------------------------


def fetch(url, *words, ca=True, **how):
    return run("fetch", url, *(("--cacert", CA.path) if ca else ()), *words, **how)


def refused(r, words, name, code=7):
    return ok(r.code == code and r.out == b"" and one_error_line(r) and words in r.words, name, r)


def verdict(name, certificate, words=None, host="127.0.0.1", ca=True):
    """The server of that certificate is believed, or refused with these words."""
    with TlsServer(certificate, [PAGE], "::1" if host == "[::1]" else "127.0.0.1") as server:
        r = fetch("https://%s:%d/" % (host, server.port), ca=ca)
        if words is None:
            equal((r.code, r.out, r.err), (0, b"here", b""), name)
        else:
            refused(r, words, name)
            equal(server.requests, [], name + ": nothing is sent")


@secure
def good_certificates():
    make = CA.certificate
    verdict("by address", GOOD)
    verdict("by name", GOOD, host="localhost")
    verdict("RSA", make("rsa", kind="rsa2048"))
    verdict("an IPv6 address", make("six", "IP:::1"), host="[::1]")
    verdict("wildcard", make("wild", "DNS:*.a.localhost"), host="b.a.localhost")
    verdict("with the chain", MIDDLE.certificate("chained", chain=(MIDDLE.path,)))
    verdict("no other name than CN", make("localhost", ""), host="localhost")
    with TlsServer(SELF_SIGNED, [PAGE]) as server:
        equal(run("fetch", server.url, "--cacert", SELF_SIGNED[0]).out, b"here", "self-signed, and trusted")


def bad_authorities(past):
    """Certificates that are good but for who signed them, a CA below one that is trusted."""
    def below(name, words, issuer=CA, chain=(), **how):
        middle = Authority(FOLDER, name, issuer, **how)
        verdict("signed by " + name, middle.certificate("of-" + name, chain=(middle.path, *chain)), words)
        return middle

    below("an-expired-one", "has expired", dates=past)
    below("one-by-sha1", "certificate ", hash="sha1")
    below("one-that-may-not", "of an unknown CA", extensions=ROOT.replace("keyCertSign, ", ""))
    below("no-ca", "of an unknown CA", extensions=ROOT.replace("CA:TRUE", "CA:FALSE"))
    last = below("the-last-one", None, extensions=ROOT.replace("CA:TRUE", "CA:TRUE, pathlen:0"))
    below("one-below-the-last", "of an unknown CA", issuer=last, chain=(last.path,))


@secure
def bad_certificates():
    make = CA.certificate
    past = ("-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    future = ("-startdate", "20480101000000Z", "-enddate", "20490101000000Z")
    stranger = Authority(FOLDER, "stranger")
    verdict("expired", make("expired", dates=past), "has expired")
    verdict("not yet valid", make("future", dates=future), "not valid yet")
    verdict("another host", make("other", "DNS:example.com"), "another name", host="localhost")
    verdict("another address", make("otherip", "IP:127.0.0.2"), "another name")
    verdict("a name for an address", make("name", "DNS:127.0.0.1"), "another name")
    verdict("an address for a name", make("ip", "IP:127.0.0.1"), "another name", host="localhost")
    verdict("CN is an address", make("127.0.0.1", "DNS:x"), "another name")
    verdict("IPv4 is not IPv6", GOOD, "another name", host="[::1]")
    verdict("wildcard of a deeper name", make("wild2", "DNS:*.localhost"), "another name", host="b.a.localhost")
    verdict("wildcard of its own parent", make("wild3", "DNS:*.localhost"), "another name", host="localhost")
    verdict("self-signed", SELF_SIGNED, "is self-signed")
    verdict("unknown CA", stranger.certificate("strange"), "of an unknown CA")
    verdict("the CA is sent along", stranger.certificate("sent", chain=(stranger.path,)), "of an unknown CA")
    verdict("the middle is missing", MIDDLE.certificate("alone"), "of an unknown CA")
    verdict("the system's bundle does not know us", GOOD, "of an unknown CA", ca=False)
    bad_authorities(past)
    verdict("a wildcard of part of a name", make("part", "DNS:loc*st"), "another name", host="localhost")
    verdict("a wildcard of everything", make("all", "DNS:*"), "another name", host="localhost")
    verdict("for clients", make("client", use="clientAuth"), "not one for servers")
    verdict("SHA-1", make("sha1", hash="sha1"), "certificate ")   # mbedTLS 3 does not even read it
    verdict("RSA 1024", make("short", kind="rsa1024"), "weak")
    pem, key = make("leaf")
    forger = Authority(FOLDER, "forger")
    shutil.copy(pem, forger.path)
    shutil.copy(key, os.path.join(forger.folder, "ca.key"))
    verdict("signed by one that is no CA", forger.certificate("forged", chain=(pem,)), "of an unknown CA")


@secure
def protocols():
    old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
    with TlsServer(GOOD, [PAGE], **old) as server:
        refused(fetch(server.url), "in common", "TLS 1.1")
    with TlsServer(GOOD, [PAGE], maximum_version=ssl.TLSVersion.TLSv1_2) as server:
        equal(fetch(server.name_url).out, b"here", "TLS 1.2")
        equal(server.shaken[0][:2], ("localhost", "TLSv1.2"), "SNI")
        equal(fetch(server.url).out, b"here", "TLS 1.2")
        equal(server.shaken[1][0], None, "no SNI for an address")
    with TlsServer(GOOD, [PAGE], maximum_version=ssl.TLSVersion.TLSv1_2) as server:
        server.context.set_ciphers("AES128-SHA:@SECLEVEL=0")
        refused(fetch(server.url), "in common", "no cipher")
    with TlsServer(GOOD, [PAGE], minimum_version=ssl.TLSVersion.TLSv1_3) as server:
        r = fetch(server.name_url)
        if r.code == 0:
            equal((r.out, server.shaken[0][:2]), (b"here", ("localhost", "TLSv1.3")), "TLS 1.3")
        else:
            refused(r, "no version of TLS in common", "TLS 1.3 alone")
    with TlsServer(GOOD, [PAGE], maximum_version=ssl.TLSVersion.TLSv1_2) as server:
        server.context.load_verify_locations(CA.path)
        server.context.verify_mode = ssl.CERT_REQUIRED
        r = fetch(server.url)
        ok(r.code == 7 and one_error_line(r) and not server.requests, "a server that wants a certificate", r)


@secure
def trust_options():
    with TlsServer(GOOD, [PAGE]) as server:
        equal(run("fetch", server.url, env={"SSL_CERT_FILE": CA.path}).out, b"here", "SSL_CERT_FILE")
        equal(run("fetch", server.url, env={"CHIMERA_CACERT": CA.path}).out, b"here", "CHIMERA_CACERT")
        r = run("fetch", server.url, "--cacert", CA.path, env={"SSL_CERT_FILE": "/nonexistent"})
        equal(r.out, b"here", "--cacert counts more than SSL_CERT_FILE")
        empty = write(os.path.join(FOLDER, "empty.pem"), "")
        words = write(os.path.join(FOLDER, "words.pem"), "no certificate\n")
        cut = write(os.path.join(FOLDER, "cut.pem"), read(CA.path)[:-90])
        for file in ("/nonexistent", FOLDER, empty, words, cut):
            r = run("fetch", server.url, "--cacert", file)
            ok(r.code in (2, 65, 74, 78) and one_error_line(r) and b"cacert" in r.err, "--cacert " + file, r)
            r = run("fetch", server.url, env={"SSL_CERT_FILE": file})
            ok(r.code == 78 and one_error_line(r) and b"SSL_CERT_FILE" in r.err, "SSL_CERT_FILE=" + file, r)
        equal(server.requests[4:], [], "nothing is sent meanwhile")
    with TlsServer(SELF_SIGNED, [PAGE]) as server:
        for _ in range(2):
            r = run("fetch", server.url, "--insecure")
            ok(r.out == b"here" and one_error_line(r) and b"warning: --insecure" in r.err, "--insecure warns", r)
        r = run("fetch", server.url, "--insecure", "--quiet", env={"SSL_CERT_FILE": "/nonexistent"})
        ok(r.out == b"here" and one_error_line(r) and b"warning: --insecure" in r.err,
           "--insecure needs no certificates, and warns in spite of --quiet", r)


@secure
def keys():
    key = {"OPENAI_API_KEY": "s3cr3t-key"}
    words = ("ask", "--api", "openai", "--max-retries", "0", "hi")
    with TlsServer(GOOD, [answer("x")]) as server:
        run(*words, "-u", server.name_url, "--cacert", CA.path, env=key)
        ok(b"s3cr3t-key" in server.requests[0], "a key goes to a server that was verified", server.requests)
    with TlsServer(SELF_SIGNED, [answer("x")]) as server:
        r = run(*words, "-u", server.url, "--cacert", CA.path, env=key)
        ok(r.code == 7 and not server.requests and b"s3cr3t" not in r.err, "a key goes nowhere else", r)


# ---- deadlines, and connections that end --------------------------------------------------------

HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"     # how a ServerHello begins


@secure
def bad_handshakes():
    for name, script, words in (
        ("plain HTTP", [with_length("x", "400 Bad Request"), CLOSE], "does not speak TLS"),
        ("noise", [bytes(range(128, 256)), CLOSE], "does not speak TLS"),
        ("an end at once", [CLOSE], "hung up in the handshake"),
        ("an end in a record", [HELLO, CLOSE], "hung up in the handshake"),
        ("a reset", [RST], "broke off the handshake"),
        ("an alert", [b"\x15\x03\x03\x00\x02\x02\x28", CLOSE], "in common"),
        ("an endless record", [b"\x16\x03\x03\xff\xff" + b"x" * 70000, CLOSE], ""),
        ("nonsense in a record", [b"\x16\x03\x03\x00\x08" + b"\x63" * 8, CLOSE], ""),
    ):
        with Talker(script) as server:
            r = fetch("https://127.0.0.1:%d" % server.port, timeout=5)
            ok(r.code == 7 and one_error_line(r) and words in r.words and r.seconds < 3, name, r)


@secure
def deadlines():
    with Talker([STALL]) as silent, Talker([HELLO, STALL]) as stalled, Talker([HELLO] + [0.1, b"\0"] * 90) as slow:
        for server, name in ((silent, "silent"), (stalled, "stalled"), (slow, "a byte at a time")):
            for option, deadline in (("--connect-timeout", "connect"), ("-t", "total")):
                r = fetch("https://127.0.0.1:%d" % server.port, option, "400ms", timeout=5)
                refused(r, deadline + " deadline", "%s in the handshake: %s" % (name, option), 28)
                ok(0.35 < r.seconds < 1.2, name + ": in time", r)
    body = with_length(b"x" * 100)
    with TlsServer(GOOD, [[STALL]]) as silent, TlsServer(GOOD, [[body[:-3], STALL]]) as stalled:
        for server, option, deadline in (
            (silent, "--first-token-timeout", "first-token"),
            (silent, "--idle-timeout", "idle"),
            (silent, "-t", "total"),
            (stalled, "--idle-timeout", "idle"),
            (stalled, "-t", "total"),
        ):
            r = fetch(server.url, option, "300ms", timeout=5)
            ok(r.code == 28 and one_error_line(r) and deadline in r.words and r.seconds < 2, option, r)
    pieces = [piece for i in range(12) for piece in (b"%d" % (i % 10), 0.1)]
    with TlsServer(GOOD, [[head("200 OK", "Content-Length: 12"), *pieces]]) as slow:
        r = fetch(slow.url, "--idle-timeout", "500ms", timeout=5)
        equal((r.code, r.out), (0, b"012345678901"), "a slow answer is no silent one")
    process = rig.start("fetch", "https://127.0.0.1:%d" % silent.port, "--cacert", CA.path)
    process.kill()
    rig.wait(process)


@secure
def stopped_in_the_handshake():
    for sig, code in rig.STOPS:
        with Talker([STALL]) as silent:
            process = rig.start("fetch", "https://127.0.0.1:%d" % silent.port, "--cacert", CA.path)
            ok(eventually(lambda: silent.connections == 1), "connected")
            time.sleep(0.1)
            process.send_signal(sig)
            r = rig.wait(process, 5)
            ok(r.code == code and r.out == b"", "signal %d: %d" % (sig, code), r)


@secure
def truncation():
    until_close = head("200 OK") + b"all of it"
    chunks = chunked(b"one", b"two")
    for name, script, code, out in (
        ("no length, the end is said", [until_close, NOTIFY], 0, b"all of it"),
        ("no length, cut off", [until_close, CLOSE], 18, b"all of it"),
        ("chunks, cut off", [chunks[:-5], CLOSE], 18, b"onetwo"),
        ("chunks, the end is said too early", [chunks[:-5], NOTIFY], 18, b"onetwo"),
        ("chunks, then cut off", [chunks, CLOSE], 0, b"onetwo"),
        ("length, cut off", [with_length("x" * 9)[:-1], CLOSE], 18, b"x" * 8),
        ("length, then reset", [with_length("x" * 9), 0.1, RST], 0, b"x" * 9),
        ("head, cut off", [b"HTTP/1.1 200 OK\r\nX:", CLOSE], 18, b""),
        ("nothing, cut off", [CLOSE], 18, b""),
        ("nothing, the end is said", [NOTIFY], 18, b""),
    ):
        with TlsServer(GOOD, [script]) as server:
            r = fetch(server.url, timeout=10)
            ok(r.code == code and r.out == out and (code == 0 or one_error_line(r)), name, r)
    with TlsServer(GOOD, [[answer("a", "b")[:-20], CLOSE]]) as server:
        r = run("ask", "-u", server.url, "--cacert", CA.path, "hi", "--max-retries", "0")
        ok(r.code == 18 and r.out.startswith(b"ab"), "an answer cut off", r)


class Breaker(Cutter):
    """Turns a bit of what the server says behind so many bytes."""

    def __init__(self, port, at):
        self.at = at
        super().__init__(port, 1 << 20)

    def forward(self, data, to):
        data, self.at = bytearray(data), self.at - len(data)
        if -len(data) <= self.at < 0:
            data[self.at] ^= 1
        super().forward(bytes(data), to)


@secure
def changed_on_the_way():
    big = with_length(os.urandom(200_000).hex())
    with TlsServer(GOOD, [big]) as server:
        with Breaker(server.port, 100_000) as between:
            r = fetch(between.url)
            ok(r.code == 56 and one_error_line(r) and big.split(b"\r\n\r\n")[1].startswith(r.out), "in the body", r)
        broken = 0
        for at in range(3, 600, 23):
            with Breaker(server.port, at) as between:
                r = fetch(between.url, "-t", "2s", timeout=5)
                failed = r.code in (7, 28) and r.out == b"" and one_error_line(r)
                broken += failed
                # The version in a record's head is nobody's business.
                ok(failed or big.endswith(r.out), "byte %d of the handshake" % at, r)
        ok(broken > 20, "a handshake that was changed", broken)


@secure
def cuts():
    text = "".join("%d " % i for i in range(20_000))
    with TlsServer(GOOD, [chunked(*[text[i : i + 999].encode() for i in range(0, len(text), 999)])]) as server:
        for size in (1, 2, 5, 7, 1000):
            with Cutter(server.port, size) as cutter:
                r = fetch(cutter.url, "--read-size", "64k" if size == 7 else "1k", timeout=30)
                ok(r.code == 0 and r.out.decode() == text, "in pieces of %d" % size, r)
        for size in ("1", "3", "1k", "64k"):
            r = fetch(server.url, "--read-size", size, timeout=30)
            ok(r.code == 0 and r.out.decode() == text, "--read-size " + size, r)
        equal({s[3] for s in server.shaken}, {False}, "nothing is resumed from program to program")


# ---- sessions -----------------------------------------------------------------------------------


@secure
def sessions():
    lines = b"".join(b"%d\n" % i for i in range(6))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with TlsServer(GOOD, [answer("x")], maximum_version=version) as server:
            if version == ssl.TLSVersion.TLSv1_3 and not speaks_1_3(server):
                continue
            begun = len(server.shaken)
            words = ("map", "--template", "{}", "-u", server.name_url, "--cacert", CA.path, "-j", "1")
            r = piped(lines, *words)
            shaken = server.shaken[begun:]
            equal((r.code, len(shaken)), (0, 1), "one connection for six requests")
            begun = len(server.shaken)
            r = piped(lines, *words, "--keep-alive", "off")
            shaken = server.shaken[begun:]
            equal((r.code, [s[3] for s in shaken]), (0, [False] + [True] * 5), "%s: sessions are resumed" % shaken[0][1])
    with TlsServer(GOOD, [[answer("x"), 0.01, NOTIFY]]) as server:
        r = piped(lines, "map", "--template", "{}", "-u", server.url, "--cacert", CA.path, "-j", "1", "--rate", "5")
        equal((r.code, r.out.count(b'"text":"x"')), (0, 6), "a server that ends each connection")
    with TlsServer(GOOD, [answer("x")], options=ssl.OP_NO_TICKET) as server:
        r = piped(lines, "map", "--template", "{}", "-u", server.url, "--cacert", CA.path, "--keep-alive", "off")
        equal((r.code, r.out.count(b'"text":"x"')), (0, 6), "a server without tickets")


def speaks_1_3(server):
    fetch(server.url)
    return server.shaken[0][1] == "TLSv1.3"


def piped(data, *words, **how):
    process = rig.start(*words, stdin=subprocess.PIPE, **how)
    out, err = process.communicate(data, timeout=30)
    return rig.Outcome(process.returncode, out, err, 0)


# ---- every command ------------------------------------------------------------------------------


def commands(url, name):
    """Everything that talks to servers, with the simulator behind `url`."""
    trust = ("--cacert", CA.path)
    r = run("run", NOTES, "-u", url, "-n", "3", "-f", "json", *trust)
    ok(r.code == 0 and json.loads(r.out)["runs"], name + "run", r)
    for kind in ("steal", "bridge", "local"):
        r = run("run", NOTES, "-u", url, "-n", "6", "--runtime", kind, "--runs", "2", *trust)
        equal(r.code, 0, name + "run, " + kind)
    r = run("ask", "-u", url, "hi", *trust)
    ok(r.code == 0 and len(r.out) > 20 and r.err == b"", name + "ask", r)
    r = run("ask", "-u", url, "--api", "openai", "hi", *trust)
    ok(r.code == 0 and len(r.out) > 20, name + "ask, server-sent events", r)
    r = run("probe", url, "-f", "json", *trust)
    found = json.loads(r.out)["endpoints"][0]
    ok(r.code == 0 and found["url"] == url and found["models"], name + "probe", r)
    r = piped(b"a\nb\nc\nd\n" * 10, "map", "--template", "{}", "-u", url, "-j", "8", *trust)
    equal((r.code, r.out.count(b"\n")), (0, 40), name + "map")
    job = b'{"id":1,"prompt":"x","url":"%s"}\n' % url.encode()
    r = piped(job * 1, "worker", "--no-tokens", "-u", "http://127.0.0.1:9", *trust)
    ok(r.code == 0 and b'"event":"done"' in r.out, name + "worker, a server of the job's", r)
    r = run("bench", "-n", "20", "-c", "4", "-u", url, "-f", "json", *trust, timeout=30)
    ok(r.code == 0, name + "bench", r)
    equal(fetch(url + "/api/version").code, 0, name + "fetch")


@secure
def every_command():
    with Sim("--rate", "2000", "--ttft", "1ms", "--tokens", "30", "--slots", "64") as sim:
        with TlsFront(GOOD, sim.port) as front:
            commands(front.url, "")
        with TlsFront(SELF_SIGNED, sim.port) as front:
            for words in (("run", NOTES), ("ask", "hi"), ("probe",), ("bench", "-n", "2")):
                r = run(*words, "-u", front.url, "--cacert", CA.path)
                ok(r.code == 7 and b"self-signed" in r.err, words[0] + ": not verified", r)
                if words[0] in ("ask", "bench"):
                    r = run(*words, "-u", front.url, "--insecure", timeout=30)
                    ok(r.code == 0 and r.words.count("--insecure") == 1, words[0] + ": warned once", r)
            for path, code, why in (("", 0, b"2 succeeded"), ("/nothing", 22, b"HTTP 404")):
                with rig.folder() as top:
                    plan = write(os.path.join(top, "plan.toml"), '[[config]]\nname = "a"\nagents = 1\n')
                    r = run("bench", NOTES, "--plan", plan, "--presets", "smol", "--runs", "2", "-O", os.path.join(top, "out"),
                            "-u", front.url + path, "--insecure", "--quiet", timeout=60)
                ok(r.code == code and r.words.count("--insecure") == 1 and why in r.out + r.err,
                   "bench: warned once for all trials, and why one failed", r)
            r = piped(b'{"id":1,"prompt":"x","url":"%s"}\n' % front.url.encode(), "worker", "--cacert", CA.path)
            event = json.loads(r.out.splitlines()[-1])
            equal((event.get("class"), event.get("exit_code")), ("tls", 7), "worker: class of the error")


@secure
def many_at_once():
    lines = b"".join(b"%d\n" % i for i in range(300))
    with Sim("--rate", "inf", "--ttft", "0", "--tokens", "50", "--slots", "64") as sim:
        with TlsFront(GOOD, sim.port) as front:
            for kind in ("fixed", "steal", "bridge"):
                r = piped(lines, "map", "--template", "{}", "-u", front.url, "-j", "32", "--runtime", kind,
                          "--keep-alive", "off", "--cacert", CA.path)
                equal((r.code, r.out.count(b'"text"')), (0, 300), "300 handshakes, " + kind)


# ---- servers that others wrote ------------------------------------------------------------------


@contextlib.contextmanager
def started(words, port, **how):
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               **how)
    try:
        ok(eventually(lambda: listens(port), 10), "%s listens" % words[0])
        yield process
    finally:
        process.terminate()
        process.wait(5)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@secure
def openssl_s_server():
    for kind in ("ec", "rsa2048", "rsa4096"):
        certificate, key = CA.certificate("s_server_" + kind, kind=kind)
        for words in ((), ("-tls1_2",), ("-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305", "-tls1_2"),
                      ("-cipher", "ECDHE+AES256", "-tls1_2"), ("-named_curve", "X25519"), ("-named_curve", "P-384")):
            port = rig.free_port()
            line = ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", certificate, "-key", key, "-www",
                    "-quiet", *words]
            with started(line, port):
                r = fetch("https://localhost:%d/" % port, timeout=10)
                ok(r.code == 0 and b"s_server" in r.out, "s_server, %s %s" % (kind, words), r)
    certificate, key = GOOD
    for words in (("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
                  ("-tls1_2", "-cipher", "AES128-GCM-SHA256:NULL:@SECLEVEL=0")):
        port = rig.free_port()
        with started(["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", certificate, "-key", key,
                      "-www", "-quiet", *words], port):
            refused(fetch("https://localhost:%d/" % port, timeout=10), "in common", "s_server %s" % (words,))


NGINX = """
daemon off; master_process off; pid %(folder)s/pid; error_log %(folder)s/error;
events {}
http {
  access_log off; client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server {
    listen 127.0.0.1:%(port)d ssl;
    ssl_certificate %(pem)s; ssl_certificate_key %(key)s; ssl_session_cache shared:x:1m;
    location / {
      proxy_pass http://127.0.0.1:%(sim)d; proxy_buffering off; proxy_http_version 1.1;
    }
  }
}
"""


@secure
def nginx():
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        skip("nginx", "it is not here")
        return
    with rig.folder() as folder, Sim("--rate", "2000", "--ttft", "1ms", "--tokens", "30", "--slots", "64") as sim:
        port = rig.free_port()
        config = write(os.path.join(folder, "config"),
                       NGINX % dict(folder=folder, port=port, sim=sim.port, pem=GOOD[0], key=GOOD[1]))
        with started([program, "-c", config, "-e", folder + "/error"], port):
            commands("https://localhost:%d" % port, "nginx: ")


if not HAS_TLS:
    rig.main()
elif shutil.which("openssl") is None:
    skip("https", "openssl is not here: it makes the certificates")
    rig.main()
else:
    with rig.folder() as FOLDER:
        CA = Authority(FOLDER, "root")
        MIDDLE = Authority(FOLDER, "middle", CA)
        GOOD = CA.certificate("good")
        SELF_SIGNED = CA.self_signed("lonely")
        rig.main()
