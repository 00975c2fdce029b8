"""Previous alerts of a rule for the rows of a window, from scheduled and ad hoc runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.alerts.rules.window import find_slot

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from nephoscope.alerts.detection.detector import RuleOutcome
    from nephoscope.state import State
    from nephoscope.state.incidents.alerts import StoredAlert


def find_previous_alerts(
    state: State, session: Session, workspace: str, outcome: RuleOutcome
) -> list[StoredAlert]:
    """The alerts that those of a run may be.

    A window of the schedule meets what was told of itself and, of what happened in it, by a look between the one before and itself
    (`detect --at`). Such a look meets also what the schedule has told just so, of the same times.
    """
    rule, window = outcome.rule, outcome.window
    after, _ = find_slot(rule, window.end)
    found = state.alerts.list_alerts_of_windows(
        session, workspace, rule.id, *find_previous_window_range(outcome)
    )
    again = {(one.group, frozenset(one.traits.items()), one.start, one.end) for one in outcome.alerts}
    return [
        one
        for one in found
        if one.raised == window.end
        or (one.started >= window.start and (one.raised > after or _build_traits_key(one) in again))
    ]


def find_previous_window_range(outcome: RuleOutcome) -> tuple[datetime, datetime]:
    """Return the range (after, until] of window ends whose alerts may equal those of a run."""
    after, until = find_slot(outcome.rule, outcome.window.end)
    apart = outcome.window.end != until
    return (after - outcome.rule.frequency if apart else after), until


def _build_traits_key(known: StoredAlert) -> Hashable:
    return known.group_key, frozenset(known.traits.items()), known.started, known.ended
