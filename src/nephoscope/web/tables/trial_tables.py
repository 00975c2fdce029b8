"""Results of a trial as files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from nephoscope.alerts.tuning.trial import TrialKind
from nephoscope.files.json_tree import get_tree, list_texts, list_trees
from nephoscope.web.tables.page_tables import PageTable

if TYPE_CHECKING:
    from nephoscope.alerts.tuning.trial import RuleTrial


def build_tables(trial: RuleTrial) -> dict[str, Callable[[], PageTable]]:
    """Name -> table; of one that is not done they are empty."""
    found = trial.found
    if trial.what is not TrialKind.REPLAY:
        columns = ("id", "kind", "advice", "confidence", "hides", "of", "closedFalse", "evidence")
        rows = ([one[name] for name in columns] for one in list_trees(found, "advice"))
        return {"advice": partial(PageTable, columns, rows)}
    alerts = ("id", "title", "severity", "started", "ended", "held")
    alert_rows = (
        [*(one[name] for name in alerts), ", ".join(list_texts(one, "entities"))]
        for one in list_trees(found, "newest")
    )
    return {
        "alerts": partial(PageTable, (*alerts, "entities"), alert_rows),
        "days": partial(PageTable, ("day", "alerts"), get_tree(found, "days").items()),
        "entities": partial(
            PageTable,
            ("entity", "alerts"),
            ((one["entity"], one["alerts"]) for one in list_trees(found, "entities")),
        ),
        "errors": partial(
            PageTable,
            ("until", "error"),
            ((one["until"], one["error"]) for one in list_trees(found, "errors")),
        ),
    }
