"""The memory of several processes at one time: the peak of the sum, where the sum of each one's peak counts moments that never met."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

EVERY = 0.05


class Together:
    """What processes hold at the same moment, looked at 20 times a second; `peak` in MiB."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = processes
        self.peak = 0.0

    def look(self) -> None:
        """Count once."""
        self.peak = max(self.peak, sum(map(_resident, self._processes)))


@contextmanager
def together(processes: Sequence[int]) -> Iterator[Together]:
    """Look at the processes while the block lasts."""
    seen, ended = Together(processes), threading.Event()

    def work() -> None:
        while not ended.wait(EVERY):
            seen.look()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _resident(process: int) -> float:
    """Resident MiB of a process; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)
