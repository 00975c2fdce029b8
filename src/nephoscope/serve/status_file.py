"""Status file of the server, written by the supervisor and read by the doctor."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nephoscope.serve.server_settings import ServeSettings
from nephoscope.serve.supervisor import ProcessStatus

FILE = "server.json"


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The supervisor's process id, the certificate that is shown with its key, where it listens, and the processes by name.

    `folder` is the data folder that it serves: a copy of it elsewhere is not served by it.
    """

    pid: int
    certificate: str = ""
    key: str = ""
    host: str = ""
    port: int = 0
    processes: Mapping[str, ProcessStatus] = field(default_factory=dict)
    folder: str = ""

    @property
    def ends(self) -> bool:
        """Return whether the supervisor is gone and a process that it had started is still there, on its way out."""
        return not alive(self.pid) and any(alive(one.pid) for one in self.processes.values())


def make_status_writer(settings: ServeSettings) -> Callable[[Mapping[str, ProcessStatus]], None]:
    """Writes how a server's processes stand."""
    path = settings.data / FILE

    def write_status(processes: Mapping[str, ProcessStatus]) -> ServerStatus:
        place = settings.host, settings.port
        return ServerStatus(
            os.getpid(), settings.certificate, settings.key, *place, processes, str(settings.data.resolve())
        )

    def note(processes: Mapping[str, ProcessStatus]) -> None:
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(msgspec.json.encode(write_status(processes)))
        part.replace(path)

    return note


def read(data: Path) -> ServerStatus | None:
    """Return how the server stood when that changed last; None where there was none of this folder, or the power went meanwhile."""
    try:
        found = msgspec.json.decode((data / FILE).read_bytes(), type=ServerStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return found if found.folder in ("", str(data.resolve())) else None


def alive(pid: int) -> bool:
    """Return whether a process is there, be it another user's."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
