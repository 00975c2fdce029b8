"""Prefetch of earlier alerts that a run may update, before the write transaction begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nephoscope.alerts.detection.alert_dedup import pair_with_earlier
from nephoscope.alerts.detection.previous_alerts import find_previous_alerts, find_previous_window_range

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from nephoscope.alerts.detection.detector import RuleOutcome
    from nephoscope.model.alert import Alert
    from nephoscope.state import State
    from nephoscope.state.incidents.alerts import AlertVersion, StoredAlert

Pairs = list[tuple["Alert", "StoredAlert | None"]]


@dataclass(frozen=True, slots=True)
class PrefetchedMatches:
    """Each alert of an outcome with the earlier one that it is (None = it is new), as long as these `stood` so; by their ids."""

    outcome: RuleOutcome
    pairs: Pairs
    stood: tuple[AlertVersion, ...]

    def is_current(self, state: State, session: Session, workspace: str, now: datetime) -> bool:
        """Return whether nothing changed since; what was changed at `now` or later counts as changed, as it may have been twice."""
        if any(one.changed >= now for one in self.stood):
            return False
        found = state.alerts.list_versions_of_windows(
            session, workspace, self.outcome.rule.id, *find_previous_window_range(self.outcome)
        )
        return tuple(found) == self.stood


def prefetch_matches(state: State, workspace: str, outcome: RuleOutcome) -> PrefetchedMatches:
    """Return what is found by what is there now; it is looked at without keeping anybody from writing."""
    with state.reading() as session:
        stood = state.alerts.list_versions_of_windows(
            session, workspace, outcome.rule.id, *find_previous_window_range(outcome)
        )
        previous_alerts = find_previous_alerts(state, session, workspace, outcome)
    return PrefetchedMatches(
        outcome, pair_with_earlier(add_searched_times(outcome).alerts, previous_alerts), tuple(stood)
    )


def load_alert_pairs(
    state: State,
    session: Session,
    workspace: str,
    outcome: RuleOutcome,
    now: datetime,
    before: PrefetchedMatches | None,
) -> Pairs:
    """Each alert of an outcome with the earlier one that it is: as it was foreseen where that holds, else by what is there now."""
    if before is not None and before.is_current(state, session, workspace, now):
        return before.pairs
    return pair_with_earlier(
        add_searched_times(outcome).alerts, find_previous_alerts(state, session, workspace, outcome)
    )


def add_searched_times(outcome: RuleOutcome) -> RuleOutcome:
    """The outcome with the times that its rule looked at in each of its alerts."""
    start, end = outcome.window.start, outcome.window.end
    return replace(outcome, alerts=tuple(replace(one, searched=(start, end)) for one in outcome.alerts))
