"""Wall seconds, CPU seconds and the peak memory of this process."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Span:
    """How long something took."""

    wall: float = 0.0
    cpu: float = 0.0

    def figures(self, name: str) -> dict[str, float]:
        """The span as two figures."""
        return {f"{name}_wall_s": round(self.wall, 3), f"{name}_cpu_s": round(self.cpu, 3)}


@contextmanager
def span() -> Iterator[Span]:
    """Measure what happens inside."""
    found = Span()
    wall, cpu = time.perf_counter(), time.process_time()
    yield found
    found.wall, found.cpu = time.perf_counter() - wall, time.process_time() - cpu


def peak_mib() -> float:
    """The most memory (RSS) that this process has held; getrusage alone would count what its parent held before it began."""
    status = Path("/proc/self/status")
    if status.exists():
        held = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "")
        return round(int(held.split()[1]) / 1024, 1)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1024**2 if sys.platform == "darwin" else 1024), 1)
