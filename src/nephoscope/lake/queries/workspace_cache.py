"""Workspaces as every append and query asks for them: read from the state every few seconds, not every time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from nephoscope.state.workspaces.workspace import Workspace

SECONDS = 5.0


class WorkspaceCache:
    """Looks workspaces up and remembers each for some seconds; errors are not remembered. Safe for threads."""

    def __init__(self, look_up: Callable[[str], Workspace], seconds: float = SECONDS) -> None:
        self._look_up, self._seconds = look_up, seconds
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Workspace]] = {}

    def __call__(self, name: str) -> Workspace:
        """The workspace of that name; an error as the look-up's where there is none."""
        with self._lock:
            at, found = self._known.get(name, (0.0, None))
        if found is not None and time.monotonic() - at < self._seconds:
            return found
        workspace = self._look_up(name)
        with self._lock:
            self._known[name] = time.monotonic(), workspace
        return workspace
