"""One worker: a process forked from the one that has collected, which runs the units that it is handed and tells what becomes of them.

What it says: `test` with its reports, `more` before the last of a unit, `warning`, `stop` where a test ends the run, `error`, `over`.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import traceback
from collections.abc import Iterator
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from tests.running.fewer_messages import lessened, shows_everything
from xdist.remote import serialize_warning_message

#: What libraries and tests read to know that others run beside them; xdist's name, for both kinds of workers.
WORKER = "PYTEST_XDIST_WORKER"
#: Plugins that show or keep what all workers tell: the parent's alone.
_OF_PARENT = ("terminalreporter", "terminalprogress", "pastebin", "lfplugin", "nfplugin", "stepwiseplugin")


class ForkedWorker:
    """Runs tests that the parent names by their numbers, and tells of each once it is over."""

    def __init__(self, session: pytest.Session, parent: Connection, name: str) -> None:
        self._session = session
        self._parent = parent
        self._name = name
        self._reports: list[dict[str, Any]] = []
        self._everything = shows_everything(session.config)
        self._said = select.poll()
        self._said.register(parent, select.POLLIN)

    def settle(self, base: Path) -> None:
        """Let go of what the parent and its other workers have: its output, its folder, what it shows."""
        config = self._session.config
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the run is in the background
        os.environ[WORKER] = self._name
        for name in _OF_PARENT:
            if (plugin := config.pluginmanager.get_plugin(name)) is not None:
                config.pluginmanager.unregister(plugin)
        capture = config.pluginmanager.get_plugin("capturemanager")
        if capture.is_globally_capturing():
            capture.read_global_capture()  # the parent's, which it shows itself
            capture.stop_global_capturing()
            capture.start_global_capturing()
            capture.suspend_global_capture()
        factory: Any = config._tmp_path_factory  # type: ignore[attr-defined]
        factory._basetemp = base / self._name
        factory._basetemp.mkdir(mode=0o700)
        if (numpy := sys.modules.get("numpy")) is not None:
            numpy.random.seed()

    def run(self) -> None:
        """Run tests until there are no more; fixtures of the session end here."""
        try:
            for one, following in self._tests():
                self._run(one, following)
                if stops := self._session.shouldfail or self._session.shouldstop:
                    self._say("stop", str(stops))
                if stops or self._said.poll(0):
                    break
        except (KeyboardInterrupt, pytest.exit.Exception) as ended:
            signal.signal(signal.SIGINT, lambda *_: None)  # a second one is not to end what ends the fixtures
            self._say("stop", f"{type(ended).__name__}: {ended}")
        finally:
            self._session._setupstate.teardown_exact(None)
        measuring = self._session.config.pluginmanager.get_plugin("durations")
        self._say("over", measuring.measures() if measuring is not None else {})

    def note_report(self, report: pytest.TestReport) -> None:
        """Keep what the parent is told of a part of the test that runs."""
        config = self._session.config
        told = config.hook.pytest_report_to_serializable(config=config, report=report)
        if not self._everything:
            told = lessened(told)
        if told is not None:
            self._reports.append(told)

    def note_warning(self, warning: Any, when: str, nodeid: str, location: object) -> None:
        """Tell the parent of a warning."""
        self._say("warning", serialize_warning_message(warning), when, nodeid, location)

    def note_error(self) -> None:
        """Tell the parent of what is a fault of the runner, not of a test."""
        self._say("error", f"{self._name}: {traceback.format_exc()}")

    def _tests(self) -> Iterator[tuple[int, int | None]]:
        """Tell each test with the one that follows, for whose sake fixtures stay: also across units."""
        unit = self._ask()
        while unit:
            yield from pairwise(unit)
            last = unit[-1]
            unit = self._ask()
            yield last, unit[0] if unit else None

    def _ask(self) -> list[int] | None:
        self._say("more")
        unit: list[int] | None = self._parent.recv()
        return unit

    def _run(self, one: int, following: int | None) -> None:
        items = self._session.items
        item = items[one]
        after = None if following is None else items[following]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        reports, self._reports = self._reports, []
        self._say("test", one, reports)

    def _say(self, *message: Any) -> None:
        self._parent.send(message)
