"""A worker tells of a test that passed what the run shows of it: one report and its end, not six messages.

Each message is written, sent, read and handed to every plugin by Python, in two processes: more than a short test costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

#: Messages of which only a run that names its tests shows something.
_NAMES = ("logstart", "logfinish")
#: Options of runs that show what passed messages say: how long set-up took, a file of all reports, each test by its name.
_SHOWING = ("durations", "xmlpath", "verbose")


class FewerMessages:
    """Leaves out what nobody reads of the messages of one worker."""

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Look at what the worker sends from now on, unless the run shows all of it."""
        if shows_everything(session.config):
            return
        for plugin in session.config.pluginmanager.get_plugins():
            if type(plugin).__name__ == "WorkerInteractor":
                plugin.sendevent = telling_less(plugin.sendevent)


def shows_everything(config: pytest.Config) -> bool:
    """Tell whether a run shows more than which tests failed."""
    options = (config.getoption(name, None) for name in _SHOWING)
    return any(option > 0 if isinstance(option, int) else option is not None for option in options)


def lessened(report: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a run that shows no more is told of a serialized report: None where it is that a test goes on well."""
    if report["outcome"] == "passed":
        if report["when"] != "call" and not report["sections"]:
            return None
        report["keywords"] = {}
    return report


def telling_less(send: Callable[..., None]) -> Callable[..., None]:
    """Return what sends a message, unless that says no more than that a test goes on well."""

    def sendevent(name: str, **content: Any) -> None:
        if name in _NAMES or (name == "testreport" and lessened(content["data"]) is None):
            return
        send(name, **content)

    return sendevent
