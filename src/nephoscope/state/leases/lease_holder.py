"""Lease holder: a unique name with host and process, so that others detect a dead holder.

`<uuid>@<boot>.<namespace>.<process>.<start>`: the host's boot, the namespace in which process numbers count, the number and when it
started in ticks since the boot. Where the system tells none of it (not Linux), the name is the uuid alone, and a lease runs out.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from uuid import uuid4

_PLACE = re.compile(r"[0-9a-f-]{36}@(?P<host>[0-9a-f-]{36}\.\d+)\.(?P<process>\d+)\.(?P<start>\d+)")
_PROC = Path("/proc")
_ENDED = "ZX"


def create_holder_name() -> str:
    """The name of a holder in this process."""
    host, started = _identify_host(), _start_time(os.getpid())
    return f"{uuid4()}@{host}.{os.getpid()}.{started}" if host and started else str(uuid4())


def is_gone(holder: str) -> bool:
    """Return whether a holder ran on this host and its process has ended; False where that cannot be told."""
    found = _PLACE.fullmatch(holder)
    if found is None or found["host"] != _identify_host():
        return False
    return _start_time(int(found["process"])) != found["start"]


def _identify_host() -> str:
    """The boot of this host and the namespace of processes, '' where the system does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _start_time(process: int) -> str:
    """Return when a process started; '' where none of that number runs."""
    try:
        # the name in brackets may hold anything: the fields begin behind the last bracket
        fields = (
            (_PROC / str(process) / "stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
    except OSError:
        return ""
    return "" if fields[0] in _ENDED else fields[19]
