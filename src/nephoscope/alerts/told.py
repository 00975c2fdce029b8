"""What a rule has told before of the rows of a window: in the window itself, and in looks apart from the schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.alerts.window import slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from nephoscope.alerts.detector import Outcome
    from nephoscope.lake.state import State
    from nephoscope.lake.state.alerts import StoredAlert
    from nephoscope.model.alert import Alert


def told_before(state: State, session: Session, workspace: str, outcome: Outcome) -> list[StoredAlert]:
    """The alerts that those of a run may be.

    A window of the schedule meets what was told of itself and, of what happened in it, by a look between the one before and itself
    (`detect --at`). Such a look meets also what the schedule has told just so, of the same times.
    """
    rule, window = outcome.rule, outcome.window
    after, until = slot(rule, window.end)
    apart = window.end != until
    found = state.alerts.of_windows(
        session, workspace, rule.id, after - rule.frequency if apart else after, until
    )
    return [
        one
        for one in found
        if one.raised == window.end
        or (one.started >= window.start and (one.raised > after or _retold(one, outcome.alerts)))
    ]


def _retold(known: StoredAlert, alerts: Sequence[Alert]) -> bool:
    said = (known.group_key, known.traits, known.started, known.ended)
    return any((one.group, one.traits, one.start, one.end) == said for one in alerts)
