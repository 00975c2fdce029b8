"""What came of a trial as files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from nephoscope.alerts.tuning.trial import What
from nephoscope.web.tables.page_tables import Table

if TYPE_CHECKING:
    from nephoscope.alerts.tuning.trial import Trial


def tables(trial: Trial) -> dict[str, Callable[[], Table]]:
    """Name -> table; of one that is not done they are empty."""
    found = trial.found
    if trial.what is not What.REPLAY:
        columns = ("id", "kind", "advice", "confidence", "hides", "of", "closedFalse", "evidence")
        rows = ([one[name] for name in columns] for one in found.get("advice", ()))
        return {"advice": partial(Table, columns, rows)}
    alerts = ("id", "title", "severity", "started", "ended", "held")
    told = ([*(one[name] for name in alerts), ", ".join(one["entities"])] for one in found.get("newest", ()))
    return {
        "alerts": partial(Table, (*alerts, "entities"), told),
        "days": partial(Table, ("day", "alerts"), found.get("days", {}).items()),
        "entities": partial(
            Table, ("entity", "alerts"), ((one["entity"], one["alerts"]) for one in found.get("entities", ()))
        ),
        "errors": partial(
            Table, ("until", "error"), ((one["until"], one["error"]) for one in found.get("errors", ()))
        ),
    }
