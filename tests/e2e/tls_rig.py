"""Certificates made on the spot, and servers that speak TLS with them, well or badly."""

import contextlib
import os
import select
import socket
import ssl
import subprocess
import threading
import time

import rig
from rig import RawServer, write

# A step of a script: the end of TLS is said before that of the connection (rig.CLOSE only does the
# latter).
NOTIFY = "notify"

CONFIG = """
[ca]
default_ca = it
[it]
dir = .
database = index
new_certs_dir = .
serial = serial
default_md = sha256
default_days = 30
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = x
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
ROOT = CONFIG.split("[root]\n")[1]
LEAF = "basicConstraints = CA:FALSE\nkeyUsage = digitalSignature\nextendedKeyUsage = %s\n%s\n"


class Authority:
    """A CA in a folder of its own; `path` is its certificate. One below an issuer has the extensions given, and
    is signed in the way that the words of sign() say."""

    def __init__(self, folder, name, issuer=None, extensions=None, **signed):
        self.folder, self.name, self.lock = os.path.join(folder, name), name, threading.Lock()
        write(os.path.join(self.folder, "config"), CONFIG)
        write(os.path.join(self.folder, "index"), "")
        write(os.path.join(self.folder, "serial"), "01")
        self.path = os.path.join(self.folder, "ca.pem")
        self._key("ca.key", "ec")
        if issuer is None:
            self._openssl("req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-days", "30", "-config",
                          "config", "-extensions", "root", "-subj", "/CN=" + name)
        else:
            self._openssl("req", "-new", "-key", "ca.key", "-out", "ca.csr", "-config", "config", "-subj",
                          "/CN=" + name)
            issuer.sign(os.path.join(self.folder, "ca.csr"), self.path, extensions or ROOT, **signed)

    def _openssl(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, timeout=60)
        if done.returncode:
            raise RuntimeError("openssl %s: %s" % (" ".join(words), done.stderr.decode()))

    def _key(self, file, kind):
        how = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        if kind.startswith("rsa"):
            how = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:" + kind[3:]]
        self._openssl("genpkey", *how, "-out", file)

    def sign(self, request, to, extensions, dates=(), hash="sha256"):
        with self.lock:
            write(os.path.join(self.folder, "extensions"), extensions)
            self._openssl("ca", "-batch", "-config", "config", "-in", request, "-out", to, "-notext", "-cert",
                          "ca.pem", "-keyfile", "ca.key", "-extfile", "extensions", "-md", hash, *dates)

    def certificate(self, name, names="DNS:localhost,IP:127.0.0.1", kind="ec", use="serverAuth", dates=(),
                    hash="sha256", chain=()):
        """(certificate with its chain, key) for a server."""
        key, csr = name + ".key", name + ".csr"
        self._key(key, kind)
        self._openssl("req", "-new", "-key", key, "-out", csr, "-config", "config", "-subj", "/CN=" + name)
        pem = os.path.join(self.folder, name + ".pem")
        self.sign(csr, pem, LEAF % (use, "subjectAltName = " + names if names else ""), dates, hash)
        for more in chain:
            with open(pem, "ab") as f:
                f.write(rig.read(more))
        return pem, os.path.join(self.folder, key)

    def self_signed(self, name):
        self._key(name + ".key", "ec")
        self._openssl("req", "-x509", "-new", "-key", name + ".key", "-out", name + ".pem", "-days", "30", "-config",
                      "config", "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        return os.path.join(self.folder, name + ".pem"), os.path.join(self.folder, name + ".key")


def context_of(certificate, **how):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")   # weak ones are the client's to refuse
    context.load_cert_chain(*certificate)
    for name, value in how.items():
        setattr(context, name, value)
    return context


class Shaking:
    """What a server saw of its handshakes: `shaken` has (name asked for, version, cipher, resumed)."""

    def watch(self, context):
        self.context, self.shaken, self.refused = context, [], 0
        self.names = {}
        context.sni_callback = lambda s, name, _: self.names.__setitem__(threading.get_ident(), name)

    def shake(self, peer):
        self.names.pop(threading.get_ident(), None)
        try:
            peer = self.context.wrap_socket(peer, server_side=True)
        except OSError:
            self.refused += 1
            return None
        name = self.names.get(threading.get_ident())
        self.shaken.append((name, peer.version(), peer.cipher()[0], peer.session_reused))
        return peer


class TlsServer(RawServer, Shaking):
    """A RawServer behind TLS."""

    def __init__(self, certificate, scripts, host="127.0.0.1", **how):
        self.watch(context_of(certificate, **how))
        super().__init__(scripts, host)
        self.url = "https://%s:%d" % (host, self.port)
        self.name_url = "https://localhost:%d" % self.port

    def _serve(self, peer):
        with peer:
            secure = self.shake(peer)
            if secure is not None:
                super()._serve(secure)

    def _play(self, peer, script):
        for step in script:
            if step == NOTIFY:
                peer.settimeout(2)
                with contextlib.suppress(OSError):
                    peer.unwrap()
                return False
            if not super()._play(peer, [step]):
                return False
        return True


class Between:
    """Stands between a client and 127.0.0.1:`port`: what `forward` says of (bytes, socket to)."""

    def __init__(self, port):
        self.port_there, self.closed = port, False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = "https://127.0.0.1:%d" % self.port
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def forward(self, data, to):
        to.sendall(data)

    def _serve(self, peer):
        with peer, contextlib.suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with socket.create_connection(("127.0.0.1", self.port_there)) as there:
                threading.Thread(target=self._pump, args=(peer, there, True), daemon=True).start()
                self._pump(there, peer, False)

    def _pump(self, source, to, plainly):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data) if plainly else self.forward(data, to)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)


class TlsFront(Between, Shaking):
    """Speaks TLS for a server that does not. One thread a connection: it is one SSL object."""

    def __init__(self, certificate, port, **how):
        self.watch(context_of(certificate, **how))
        super().__init__(port)

    def _serve(self, peer):
        with peer, contextlib.suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            here = self.shake(peer)
            if here is None:
                return
            with here, socket.create_connection(("127.0.0.1", self.port_there)) as there:
                while True:
                    ready = [here] if here.pending() else select.select([here, there], [], [])[0]
                    for source, to in ((here, there), (there, here)):
                        if source not in ready:
                            continue
                        data = source.recv(65536)
                        if not data:
                            here.settimeout(2)
                            here.unwrap()
                            return
                        to.sendall(data)


class Cutter(Between):
    """Passes the server's bytes on in pieces of `size`."""

    def __init__(self, port, size):
        self.size = size
        super().__init__(port)

    def forward(self, data, to):
        for i in range(0, len(data), self.size):
            to.sendall(data[i : i + self.size])


class Talker(RawServer):
    """Says its script as soon as somebody connects, whatever that one says."""

    def _serve(self, peer):
        with peer, contextlib.suppress(OSError):
            peer.recv(65536)
            self._play(peer, self.scripts)
            time.sleep(0.1)
