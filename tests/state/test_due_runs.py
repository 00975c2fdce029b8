"""Which runs of response are due, in both databases: the first of each rule and kind, and each claimed once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.state import State
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep

pytestmark = pytest.mark.system

DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.full))
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def made(
    id_: str, rule: str = "bulk", kind: str = "assessments.changed", status: RunStatus = RunStatus.PENDING,
    *, action: str = "mail", at: int = 0, until: datetime | None = None, step: RunStep = RunStep.DO,
) -> AutomationRun:  # fmt: skip
    due, settings = NOW + timedelta(seconds=at), {"action": action, "to": ["a"]}
    return AutomationRun(
        id_,
        "default",
        rule,
        action,
        settings,
        kind,
        "s",
        {"x": 1},
        status,
        due,
        NOW,
        NOW,
        until=until,
        step=step,
        urgent=not kind.startswith("assessments"),
    )


@pytest.mark.parametrize("url", DATABASES, indirect=True)
def test_what_is_due_is_found_by_rule_and_kind_and_claimed_once(opened: Callable[..., State]) -> None:
    state = opened()
    bulk = [made(f"b{at:03}", at=-200 + at) for at in range(120)]
    others = [
        made("alert", kind="alert.created"), made("other", "second"), made("late", "second", at=60),
        made("over", action="block", status=RunStatus.DONE, until=NOW, step=RunStep.APPLY, kind="alert.created"),
        made("holds", action="block", status=RunStatus.DONE, until=NOW + timedelta(hours=1), kind="alert.created"),
    ]  # fmt: skip
    with state.transaction() as session:
        state.automation_runs.plan(session, [*bulk, *others])
        state.automation_runs.plan(session, [made("b000", "changed"), made("new", "third")])
    found = {one.id: one for one in state.automation_runs.due("default", NOW, ("block",))}
    assert sorted(found) == sorted([*(f"b{at:03}" for at in range(50)), "alert", "other", "new", "over"])
    assert (found["alert"].urgent, found["b000"].urgent, found["over"].urgent) == (True, False, True)
    assert (found["b000"].rule, found["over"].step, found["b000"].step) == ("bulk", RunStep.APPLY, RunStep.DO)
    with state.transaction() as session:
        (one, other) = state.automation_runs.claim_due(session, ["over", "late", "b000"], NOW)
        assert (one.id, other.id, other.document) == ("over", "b000", {"x": 1})
        state.automation_runs.put(session, made("b000", status=RunStatus.RUNNING))
    with state.transaction() as session:
        assert state.automation_runs.claim_due(session, ["b000"], NOW) == []
