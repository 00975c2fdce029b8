"""What a process takes of the machine."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_of(pid: int) -> float:
    """The CPU seconds of a process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
