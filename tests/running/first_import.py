"""A run of everything makes its test files ready side by side: what pytest makes of a file's assertions is kept beside it.

xdist's workers, which all begin with the first file, would each do it anew: each imports another share of the files first. Where
workers are forked after collection (`--workers`), a process of its own begins with the last file while the run begins with the first.
Assertions are half of what a run's collection costs in a new checkout.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.running.sampling import is_left_to_full


class FileImport:
    """The imports that are made before files are collected."""

    def __init__(self) -> None:
        self._process = 0

    def begin(self, session: pytest.Session) -> None:
        """Import the files of tests of a run of everything: this worker's share of them first, or the last ones meanwhile."""
        config = session.config
        if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
            return
        if (worker := getattr(config, "workerinput", None)) is not None:
            share = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
            _import(session, turned(_files(config), *share))
        elif config.getoption("workers") is not None:
            self._process = os.fork()
            if not self._process:
                self._import_last(session)

    def end(self) -> None:
        """Wait until what was begun meanwhile is over."""
        if self._process:
            os.waitpid(self._process, 0)
            self._process = 0

    def _import_last(self, session: pytest.Session) -> None:
        try:
            files = _files(session.config)
            _import(session, reversed(files[len(files) // 2 :]))
        finally:
            os._exit(0)  # what went wrong is told when the file is collected


def turned(files: list[Path], worker: int, count: int) -> list[Path]:
    """Tell in which order a worker imports files: its own share, then those of the workers behind it."""
    begin = len(files) * (worker % count) // count
    return files[begin:] + files[:begin]


def _files(config: pytest.Config) -> list[Path]:
    folders = (config.rootpath / folder for folder in config.getini("testpaths"))
    files = (file for folder in folders for file in sorted(folder.rglob("test_*.py")))
    return [file for file in files if not is_left_to_full(config, file)]


def _import(session: pytest.Session, files: Iterable[Path]) -> None:
    for file in files:
        # what cannot be imported is told when it is collected
        with suppress(pytest.Collector.CollectError):
            pytest.Module.from_parent(session, path=file).obj  # noqa: B018 - it imports
