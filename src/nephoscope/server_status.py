"""Server status: the processes of a server as its supervisor notes them in the data folder, for the pages and the doctor."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

FILE = "server.json"
#: The name of the process that assesses.
ASSESSING = "assessing"
#: A process that ran so long, in seconds, has started well.
WELL = 30.0
#: Starts in a row that soon ended, which tell of more than a restart.
LOOP = 3


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """Status of a process: its id (0 = it is not running), how often it was started, and how it ended last ('' = it did not).

    `failures` counts the starts in a row that ended within WELL seconds; `began` is the time of the last start, in seconds since 1970.
    """

    pid: int
    starts: int
    ended: str = ""
    failures: int = 0
    began: float = 0.0

    @property
    def loops(self) -> bool:
        """Return whether the process ends again and again soon after its start."""
        settled = is_process_running(self.pid) and time.time() - self.began >= WELL
        return self.failures >= LOOP and not settled


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
        return not is_process_running(self.pid) and any(
            is_process_running(one.pid) for one in self.processes.values()
        )


def read(data: Path) -> ServerStatus | None:
    """Return how the server stood when that changed last; None where there was none of this folder, or the power went meanwhile."""
    try:
        found = msgspec.json.decode((data / FILE).read_bytes(), type=ServerStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return found if found.folder in ("", str(data.resolve())) else None


def is_process_running(pid: int) -> bool:
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
