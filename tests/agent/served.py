"""A real server on the loopback, the real zipapp, and machines that enrol with it."""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import uvicorn
from tests.waiting import wait_until

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.protect.hosts.agent_package import build_agent_package
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.serve.server import make_listener
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.serve.web_application import build_application
from nephoscope.service.agents import create_enrolment
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State

TENANT = "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90"
GROUP = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001/resourceGroups/dc1"
#: Every sensor but those that a test names; intervals so short that a test does not wait for them.
QUICK = 0.2
#: Nothing answers there: whatever machine a test runs on is none of Azure's.
NO_METADATA = {"NEPHOSCOPE_AGENT_METADATA": "http://127.0.0.1:9"}


@dataclass
class Server:
    """A server that a test can stop and start at the same address, over the same data."""

    instance: Instance
    port: int = 0
    _running: tuple[uvicorn.Server, threading.Thread] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def service(self) -> ServiceContext:
        return ServiceContext(LocalUser.current(), self.instance.state, self.instance.data)

    def start(self, listener: socket.socket | None = None) -> None:
        listener = listener or make_listener("127.0.0.1", self.port)
        self.port = listener.getsockname()[1]
        settings = ServeSettings(self.instance.data)
        app = build_application(self.instance, requests_a_minute=10_000_000, settings=settings)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        self._running = (server, thread)

    def stop(self) -> None:
        if self._running is not None:
            self._running[0].should_exit = True
            self._running[1].join()
            self._running = None

    def code(self, name: str = "test", *, most: int = 1, scope: str = GROUP) -> str:
        return create_enrolment(
            self.service, self.instance.guard, name, scope, most=most, lasts=timedelta(hours=1)
        )[1]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Every row of a table that the server has acknowledged."""
        self.instance.lake.flush()
        (found,) = self.instance.lake.query(table)
        return found.table.to_pylist()


@contextmanager
def serving(data: Path) -> Iterator[Server]:
    """A server over a data folder, until the end of the block."""
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        snapshots = PublishedSnapshotCache(data)
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        tokens = AccessTokenIssuer(state, data / "keys", TENANT)
        server = Server(Instance(data, state, lake, snapshots, guard, tokens, TENANT))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def serving_at(data: Path, listener: socket.socket) -> Iterator[Server]:
    """A server at a socket that is bound already, such as in another network namespace."""
    with serving(data) as server:
        server.stop()
        server.port = listener.getsockname()[1]
        server.start(listener)
        yield server


@dataclass
class Host:
    """A machine's agent: the zipapp, its folder, and the process while it runs."""

    program: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    #: The words before each command of the machine, such as those that enter a namespace.
    prefix: Sequence[str] = ()

    def call(self, *words: str, code: str = "", environment: Mapping[str, str] = MappingProxyType({})) -> str:
        done = subprocess.run(
            [*self.prefix, sys.executable, "-I", str(self.program), "--folder", str(self.folder), *words],
            input=code.encode(), capture_output=True, check=False, env={**os.environ, **NO_METADATA, **environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def enrol(self, server: Server, **settings: Any) -> None:
        """Enrol, and let only the sensors run that the settings `sensors` name."""
        self.call("enrol", server.address, "--computer", "web01", code=server.code())
        path = self.folder / "agent.json"
        known = json.loads(path.read_text())
        sensors = settings.pop("sensors")
        every = set(self.sensor_names())
        assert set(sensors) <= every
        known |= {
            "disabled": sorted(every - set(sensors)), "intervals": dict.fromkeys(sensors, QUICK), "flush_seconds": QUICK,
            "send_seconds": 0.5, **settings,
        }  # fmt: skip
        path.write_text(json.dumps(known))

    def sensor_names(self) -> list[str]:
        return [one["name"] for one in json.loads(self.call("sensors"))]

    def start(self, *, has_rights: bool = True) -> None:
        command = [*self.prefix, sys.executable, "-I", str(self.program), "--folder", str(self.folder), "run"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, preexec_fn=None if has_rights else give_up_rights
            )
        pid = self.process.pid
        wait_until(lambda: self.status().get("pid") == pid, lambda: self.log())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            assert self.process.wait() == 0, self.log()
            self.process = None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def status(self) -> dict[str, Any]:
        path = self.folder / "status.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def log(self) -> str:
        path = self.folder / "log"
        return f"{self.status()} {path.read_text() if path.exists() else ''}"

    @property
    def waiting(self) -> list[Path]:
        """The batches that wait for the server."""
        return list((self.folder / "buffer").glob("*.batch"))

    def buffered(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table that wait for the server on disk."""
        found = []
        for path in self.waiting:
            with suppress(FileNotFoundError):  # the server has it by now
                found += json.loads(gzip.decompress(path.read_bytes()))["rows"].get(table, [])
        return found


def give_up_rights() -> None:
    """Let this process and what it executes be without any capability, whoever it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        # PR_SET_SECUREBITS: SECBIT_NOROOT and its lock, so that executing gives root nothing
        assert libc.prctl(28, 0x3, 0, 0, 0) == 0
    head, nothing = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    assert libc.capset(head, nothing) == 0


def make_host(folder: Path) -> Host:
    """A machine with the zipapp and nothing else."""
    folder.mkdir()
    program = folder / "nephoscope-agent.pyz"
    program.write_bytes(build_agent_package().content)
    return Host(program, folder / "agent")
