"""Two tiers of tests: those of the system start other processes (servers, browsers, kills), all others stay within their own."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Callable, Generator, Iterable
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest
from tests.running import forked_commands

SYSTEM = "system"
FULL = "full"
#: What starts another process: where it is, and what it is called. (A hook of the interpreter's audit would be called at every file
#: that is opened and every module that is imported: a fiftieth of what all tests compute.)
_STARTS: tuple[tuple[Any, str, str], ...] = (
    (subprocess.Popen, "_execute_child", "subprocess.Popen"),
    (forked_commands.Popen, "_execute_child", "forked_commands.Popen"),
    *((os, name, f"os.{name}") for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
)


class TierError(Exception):
    """A test starts a process, and its file is not of the system's tier."""


@cache
def is_of_system(file: Path) -> bool:
    """Tell whether a file of tests is of the system's tier: it says so in one line, for all of its tests."""
    return _is_marked(file, SYSTEM)


@cache
def is_of_full(file: Path) -> bool:
    """Tell whether a file has tests of the full counts alone: it says so in the same line."""
    return _is_marked(file, FULL)


def _is_marked(file: Path, mark: str) -> bool:
    said = rf"^pytestmark = (pytest\.mark\.{mark}$|\[.*pytest\.mark\.{mark}\b)"
    return re.search(said, file.read_text(encoding="utf-8"), re.MULTILINE) is not None


class Tiers:
    """Marks hold: a test whose file is not of the system's tier cannot start a process."""

    def __init__(self) -> None:
        self._running = ""

    def watch(self) -> None:
        """Look from now on at all that starts a process."""
        platform.processor()  # asks a program, once a process: clients of Azure name it to the server
        for owner, name, shown in _STARTS:
            setattr(owner, name, self._noticed(getattr(owner, name), shown))

    def pytest_collection_modifyitems(self, items: Iterable[pytest.Item]) -> None:
        """Refuse a mark that is not its whole file's, which `-m` and the scheduling would take for two things."""
        for item in items:
            if (item.get_closest_marker(SYSTEM) is not None) != is_of_system(item.path):
                raise pytest.UsageError(
                    f"{item.nodeid}: the tier is that of the whole file: pytestmark = pytest.mark.{SYSTEM}"
                )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch over the test from its first fixture to its last."""
        self._running = "" if is_of_system(item.path) else item.nodeid
        try:
            return (yield)
        finally:
            self._running = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """Look away behind the last test: what others began for the session ends there, whoever is the last."""
        if nextitem is None:
            self._running = ""

    def _noticed(self, start: Callable[..., Any], shown: str) -> Callable[..., Any]:
        @wraps(start)
        def begin(*arguments: Any, **options: Any) -> Any:
            self._notice(shown)
            return start(*arguments, **options)

        return begin

    def _notice(self, shown: str) -> None:
        if self._running:
            raise TierError(
                f"{self._running} starts a process ({shown}): pytestmark = pytest.mark.{SYSTEM} belongs into its file"
            )
