"""A receiver of webhooks behind TLS on loopback that keeps what it gets, and answers as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.ingest.live.tls_server import tls_server


@dataclass
class Receiver:
    port: int = 0
    ca: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hook?x=1"

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    known = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
            known.came.set()
            status = known.answers.pop(0) if known.answers else 204
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"https://localhost:{known.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with tls_server(folder, Handler, "localhost") as (known.port, known.ca):
        yield known
