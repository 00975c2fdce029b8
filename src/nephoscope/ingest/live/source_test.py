"""Source test: try a source within a time limit, a few at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.ingest.live import source_setup
from nephoscope.ingest.source_failures import SourceError

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

#: How long somebody waits for a source.
SECONDS = 15.0
#: How many are tried at once by a process, those that nobody waits for any more included.
MOST = 4
_SLOTS = threading.BoundedSemaphore(MOST)
_TRYING = ThreadPoolExecutor(MOST, "try-source")


def run_test(lake: Lake, state: State, data: Path, name: str, seconds: float | None = SECONDS) -> str:
    """Return what a source answers within so many seconds (None = whenever it does).

    SourceError where it does not, or where as many are tried already.
    """
    if not _SLOTS.acquire(blocking=False):
        raise SourceError(f"{MOST} sources are already being tested: try again in a minute")
    trial = _TRYING.submit(source_setup.test_source, lake, state, data, name)
    trial.add_done_callback(lambda _: _SLOTS.release())
    try:
        return trial.result(seconds)
    except TimeoutError:
        if trial.done():
            raise
        raise SourceError(f"no response within {seconds:g} seconds") from None
