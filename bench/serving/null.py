"""The peer of ingestion: a server of the same kind that reads requests over TLS and answers 204 with nothing done.

`python -m serving.null CERTIFICATE KEY` tells its port on a line, and serves until SIGTERM.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from serving.cpu import cpu_of

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

BENCH = Path(__file__).resolve().parents[1]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read and answer."""
    if scope["type"] == "lifespan":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Null:
    """The server as a process."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process, self.port = process, port

    def cpu(self) -> float:
        """The CPU seconds of the server until now."""
        return cpu_of(self._process.pid)


@contextmanager
def nothing(certificate: str, key: str) -> Iterator[Null]:
    """Such a server, until the end of the block."""
    command = [sys.executable, "-m", "serving.null", certificate, key]
    with subprocess.Popen(command, cwd=BENCH, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Null(process, int(process.stdout.readline()))
        finally:
            process.terminate()


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app, ssl_certfile=sys.argv[1], ssl_keyfile=sys.argv[2], access_log=False, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[listening])
