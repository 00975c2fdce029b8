"""The server that is measured: a data folder with a large estate and many rows, `serve` over it, and what its processes hold."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from tests.serve.starting import start

from lake.firewall import CHUNK, TABLE, Firewall
from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.lake.lake import Lake
from nephoscope.posture.scans.scan import SAMPLE, ScanRequest
from nephoscope.serve.assessment_worker import assess_request
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.server_status import read as read_status
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from serving.cpu import cpu_of
from serving.estate import enlarge

DAYS = 7


def filled(data: Path, assessments: int, rows: int, workspaces: int) -> int:
    """Fill a data folder; how many assessments it has."""
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        assess_request(ServeSettings(data), ScanRequest((SAMPLE,)), state)
        made = enlarge(data, assessments)
        with state.as_product("the set-up of a bench"):
            for number in range(1, workspaces):
                state.workspaces.add(f"w{number}")
        _rows(lake, rows)
    return made


def _rows(lake: Lake, rows: int) -> None:
    firewall, writer = Firewall(lake), lake.writer()
    begin = dt.datetime.now(dt.UTC) - timedelta(days=DAYS)
    chunks = -(-rows // CHUNK)
    for number in range(chunks):
        first = begin + timedelta(days=DAYS) * number / (chunks + 1)
        writer.append("default", {TABLE: firewall.chunk(first)}, producer="bench", sequence=number)
        if number % 20 == 19:
            writer.close_segment()
            lake.flush()
    lake.flush(600)
    while lake.compact():
        pass


def secrets(data: Path) -> tuple[str, str]:
    """The cookie of a person and the token of a program who may do everything."""
    with State.open_folder(data) as state:
        guard = Guard(state, lambda: Hierarchy({}))
        with state.transaction(product="the set-up of a bench") as session:
            person = state.principals.add(session, PrincipalKind.PERSON, f"person {uuid4()}")
            program = state.principals.add(session, PrincipalKind.PROGRAM, f"program {uuid4()}")
            for one in (person, program):
                state.principals.grant(session, one.id, "Owner", "/", "bench")
            state.principals.grant(session, program.id, "Monitoring Metrics Publisher", "/", "bench")
        return guard.open_session(person), guard.make_secret(program, SecretKind.TOKEN, "bench")


@dataclass
class Running:
    """A server that runs, and the most memory (PSS, MiB) that each of its processes was seen to hold."""

    process: subprocess.Popen[str]
    port: int
    authority: str
    data: Path
    peaks: dict[str, float] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look at the memory again and again."""
        while not self.stop.wait(1.0):
            seen: dict[str, float] = {}
            for name, pid in members(self.process.pid, self.data):
                try:
                    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                except OSError:
                    continue
                seen[name] = (
                    seen.get(name, 0.0) + int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1]) / 1024
                )  # type: ignore[index]
            seen["all"] = sum(seen.values())
            for name, held in seen.items():
                self.peaks[name] = max(held, self.peaks.get(name, 0.0))

    def cpu(self) -> dict[str, float]:
        """The CPU seconds of each process until now."""
        found: dict[str, float] = {}
        for name, pid in members(self.process.pid, self.data):
            found[name] = found.get(name, 0.0) + cpu_of(pid)
        return found


def members(pid: int, data: Path) -> list[tuple[str, int]]:
    """The processes of a server: (what it is, its id), the supervisor first."""
    supervised = read_status(data)
    names = {one.pid: name for name, one in supervised.processes.items()} if supervised is not None else {}
    found = [("supervisor", pid)]
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                child = int(status.parent.name)
                found.append((names.get(child, "other"), child))
        except OSError:
            continue
    return found


@contextmanager
def serving(data: Path) -> Iterator[Running]:
    """The server of a data folder, until the end of the block."""
    found = start(data, "--requests-a-minute", "1000000")
    running = Running(found.process, found.port, found.authority, data)
    watcher = threading.Thread(target=running.watch)
    watcher.start()
    try:
        yield running
    finally:
        running.stop.set()
        watcher.join()
        found.end()


__all__ = ["Running", "filled", "members", "secrets", "serving"]
