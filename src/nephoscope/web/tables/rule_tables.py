"""The tables of a rule's page: the alerts that it raised, and its trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.alerts.tuning.trial import RuleTrials, TrialKind
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.web.tables.page_tables import PageTable

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.alerts.tuning.trial import RuleTrial
    from nephoscope.state import State

#: Alerts in the file; the page shows the newest of them.
MOST = 5_000
WORDS = {
    TrialKind.REPLAY: "Replay",
    TrialKind.ADVICE: "Suggestions",
    TrialKind.APPLY: "Applying a suggestion",
}


def build_tables(
    state: State, workspace: str, rule: AnalyticRule, *, alerts: bool
) -> dict[str, Callable[[], PageTable]]:
    """Name -> table; that of the `alerts` only for who may read them."""
    found: dict[str, Callable[[], PageTable]] = {
        "trials": lambda: _build_trials(RuleTrials(state).list_for_rule(workspace, rule.id))
    }
    return {"alerts": lambda: _build_alerts(state, workspace, rule), **found} if alerts else found


def _build_alerts(state: State, workspace: str, rule: AnalyticRule) -> PageTable:
    kept = state.alerts.list_alerts(workspace, AlertFilter(rules=frozenset({rule.id}), held=True), most=MOST)
    rows = (
        (one.severity, one.document.get("AlertName", ""), "suppressed" if one.held_by else one.status, one.incident,
         one.ended.isoformat(), one.id)
        for one in kept
    )  # fmt: skip
    return PageTable(("Severity", "Alert", "Status", "Incident", "Last event", "Id"), rows)


def _build_trials(trials: list[RuleTrial]) -> PageTable:
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
    return PageTable(("Trial", "Days", "Status", "By", "Asked", "Id"), rows)
