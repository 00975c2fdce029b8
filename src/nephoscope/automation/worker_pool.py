"""The threads that do what runs ask for, each run in one; what came of it is taken back by who gave it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from nephoscope.state.automation.automation_runs import AutomationRun

Act = Callable[[AutomationRun], AutomationRun]


@dataclass(slots=True)
class WorkerPool:
    """Does runs by `act`, which says how each ended and raises nothing; use it with `with`, which waits for all."""

    act: Act
    most: int
    _pool: ThreadPoolExecutor | None = None
    _ended: SimpleQueue[AutomationRun] = field(default_factory=SimpleQueue)
    _busy: int = 0

    def __enter__(self) -> WorkerPool:
        self._pool = ThreadPoolExecutor(self.most, thread_name_prefix="response")
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    @property
    def busy(self) -> bool:
        """Return whether something is being done, or ended and was not taken back."""
        return self._busy > 0

    def submit(self, run: AutomationRun) -> None:
        """Let it be done."""
        assert self._pool is not None
        self._busy += 1
        self._pool.submit(lambda: self._ended.put(self.act(run)))

    def pop_finished_runs(self, seconds: float) -> list[AutomationRun]:
        """Return those that ended; where none has, the first one that does within some seconds."""
        found: list[AutomationRun] = []
        try:
            if self.busy:
                found.append(self._ended.get(timeout=seconds) if seconds else self._ended.get_nowait())
            while len(found) < self._busy:
                found.append(self._ended.get_nowait())
        except Empty:
            pass
        self._busy -= len(found)
        return found

    def finish_all_runs(self) -> list[AutomationRun]:
        """All that are still being done, once they ended."""
        found = [self._ended.get() for _ in range(self._busy)]
        self._busy = 0
        return found
