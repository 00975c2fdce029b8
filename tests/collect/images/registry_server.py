"""A real registry (docker-registry) on this machine, with what it notifies of."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

CONFIG = """\
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}
http: {addr: "127.0.0.1:%d"}
"""
NOTIFIED = """\
notifications:
  endpoints:
    - {name: test, url: "http://127.0.0.1:%d/", timeout: 5s, threshold: 5, backoff: 100ms, headers: {Authorization: [Bearer told]}}
"""


@dataclass
class Notified:
    """Bodies that the registry posted, in their order."""

    host: str
    bodies: list[bytes] = field(default_factory=list)

    def events(self) -> list[dict[str, Any]]:
        """Every event so far."""
        return [event for body in list(self.bodies) for event in json.loads(body)["events"]]

    def take(self) -> list[bytes]:
        """The bodies so far, which are forgotten."""
        taken, self.bodies[:] = list(self.bodies), []
        return taken

    def wait(self, action: str, digest: str) -> None:
        """Wait until an event came."""
        deadline = time.monotonic() + 60
        while not any(
            one["action"] == action and one["target"].get("digest") == digest for one in self.events()
        ):
            assert time.monotonic() < deadline, (action, digest, self.events())
            time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_registry(folder: Path, port: int = 0, notified: int = 0) -> Iterator[str]:
    """Run a registry over a folder, and give its host with the port; `notified` is the port that its events are posted to."""
    port = port or free_port()
    told = NOTIFIED % notified if notified else ""
    (folder / "config.yml").write_text(CONFIG % (folder / "data", port) + told)
    with subprocess.Popen(
        ["docker-registry", "serve", str(folder / "config.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        host = f"127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"http://{host}/v2/", timeout=5)
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield host
        process.terminate()


@contextmanager
def notifying_registry(folder: Path) -> Iterator[Notified]:
    """Run a registry whose events are caught."""
    found = Notified("")

    class Catcher(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Catcher)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        with running_registry(folder, notified=server.server_port) as host:
            found.host = host
            yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def push_layout(layout: Path, name: str) -> None:
    """Push an OCI layout as skopeo does."""
    subprocess.run(
        [
            "skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false",
            f"oci:{layout}:latest", f"docker://{name}",
        ],
        check=True,
        timeout=120,
        env={**os.environ, "TMPDIR": str(layout.parent)},
    )  # fmt: skip
