"""Each worker of a run imports another share of the test files first, so that a file is made ready once and not by every worker.

What pytest makes of a file's assertions is kept beside it; workers that all begin with the first file would each do it anew: two
thirds of what a run's collection costs in a new checkout.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest


def import_own_share(session: pytest.Session) -> None:
    """Import the files of tests of a run of everything, beginning with this worker's share of them."""
    config = session.config
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    files = [
        file
        for folder in config.getini("testpaths")
        for file in sorted((config.rootpath / folder).rglob("test_*.py"))
    ]
    for file in turned(files, int(worker["workerid"].removeprefix("gw")), worker["workercount"]):
        # what cannot be imported is told when it is collected
        with suppress(pytest.Collector.CollectError):
            pytest.Module.from_parent(session, path=file).obj  # noqa: B018 - it imports


def turned(files: list[Path], worker: int, count: int) -> list[Path]:
    """Tell in which order a worker imports files: its own share, then those of the workers behind it."""
    begin = len(files) * (worker % count) // count
    return files[begin:] + files[:begin]
