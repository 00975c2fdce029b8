"""Waiting for what another thread or process does: a test that waits in vain fails and says what there was instead."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that a busy machine may take for what an idle one does at once.
PATIENCE = 180.0


def wait_until(
    holds: Callable[[], object], found: Callable[[], object] = lambda: "", *, limit: float = PATIENCE
) -> None:
    """Wait until something holds; AssertionError with what was found where it does not for so long, or an error of `holds`."""
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"waited {limit:.0f} seconds in vain: {found()}"
        time.sleep(0.01)
