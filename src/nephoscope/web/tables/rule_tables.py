"""The tables of a rule's page: the alerts that it raised, and its trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.alerts.tuning.trial import Trials, What
from nephoscope.state.incidents.alerts import Looked
from nephoscope.web.tables.page_tables import Table

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import Rule
    from nephoscope.alerts.tuning.trial import Trial
    from nephoscope.state import State

#: Alerts in the file; the page shows the newest of them.
MOST = 5_000
WORDS = {What.REPLAY: "Replay", What.ADVICE: "Suggestions", What.APPLY: "Applying a suggestion"}


def tables(state: State, workspace: str, rule: Rule, *, alerts: bool) -> dict[str, Callable[[], Table]]:
    """Name -> table; that of the `alerts` only for who may read them."""
    found: dict[str, Callable[[], Table]] = {"trials": lambda: _trials(Trials(state).of(workspace, rule.id))}
    return {"alerts": lambda: _alerts(state, workspace, rule), **found} if alerts else found


def _alerts(state: State, workspace: str, rule: Rule) -> Table:
    kept = state.alerts.listed(workspace, Looked(rule=rule.id, held=True), most=MOST)
    rows = (
        (one.severity, one.document.get("AlertName", ""), "suppressed" if one.held_by else one.status, one.incident,
         one.ended.isoformat(), one.id)
        for one in kept
    )  # fmt: skip
    return Table(("Severity", "Alert", "Status", "Incident", "Last event", "Id"), rows)


def _trials(trials: list[Trial]) -> Table:
    rows = (
        (
            WORDS[one.what],
            f"{one.since.date()} to {one.until.date()}",
            one.standing,
            one.by,
            one.asked.isoformat(),
            one.id,
        )
        for one in trials
    )
    return Table(("Trial", "Days", "Status", "By", "Asked", "Id"), rows)
