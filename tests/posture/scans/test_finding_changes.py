"""What several evaluations brought is one change a finding; what came back to where it was has not moved."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.history.evaluation_diff import ChangeKind, FindingChange
from nephoscope.posture.history.finding_changes import FindingMoves, choose_baseline, merge_changes
from nephoscope.posture.history.history import EvaluationRecord
from nephoscope_policy.model.state import ComplianceState

SUB, OTHER = "0a111111-1111-4111-8111-111111111111", "0b222222-2222-4222-8222-222222222222"
GROUP = f"/subscriptions/{SUB}/resourcegroups/rg"
RESOURCE = f"{GROUP}/providers/microsoft.storage/storageaccounts/st"
STATES = {"new": ComplianceState.NON_COMPLIANT, "reopened": ComplianceState.NON_COMPLIANT}


def change(kind: str, resource: str = RESOURCE) -> FindingChange:
    return FindingChange(ChangeKind(kind), resource, "key", None, STATES.get(kind, ComplianceState.COMPLIANT))


def record(id_: str, hour: int, share: float | None, **controls: float) -> EvaluationRecord:
    when = datetime(2026, 11, 1, hour, tzinfo=UTC)
    return EvaluationRecord(id_, "s", when, share, 1.0, 2.0, "", "", "", "[]", controls, 0)


@pytest.mark.parametrize(
    ("kinds", "net"),
    [
        (["new"], "new"),
        (["fixed"], "fixed"),
        (["new", "fixed"], None),
        (["fixed", "reopened"], None),
        (["new", "fixed", "reopened"], "new"),
        (["fixed", "reopened", "removed"], "removed"),
        (["reopened", "exempted", "reopened"], "reopened"),
    ],
)
def test_changes_are_merged(kinds, net):
    found = merge_changes(change(one) for one in kinds)
    assert [one.kind.value for one in found] == ([net] if net else [])


@pytest.mark.parametrize(
    ("hour", "id_"),
    [(0, "one"), (1, "one"), (5, "two"), (23, "two")],
    ids=["before-all", "first", "second", "late"],
)
def test_the_newest_is_compared_with_the_last_up_to_a_time(hour, id_):
    several = [record("one", 1, 0.5), record("two", 4, 0.6), record("three", 8, 0.7)]
    assert choose_baseline(several, datetime(2026, 11, 1, hour, tzinfo=UTC)).id == id_


def test_one_evaluation_has_nothing_to_be_compared_with():
    assert choose_baseline([record("one", 1, 0.5)], datetime(2026, 11, 2, tzinfo=UTC)) is None
    assert choose_baseline([], datetime(2026, 11, 2, tzinfo=UTC)) is None


def test_controls_that_moved_are_told_the_largest_first():
    moves = FindingMoves(
        record("a", 1, 0.5, MFA=4.0, Updates=2.0, Same=1.0),
        record("b", 2, 0.45, MFA=3.5, Updates=3.0, Same=1.0),
        (),
    )
    assert moves.controls == {"Updates": 1.0, "MFA": -0.5}
    assert moves.score == pytest.approx(-0.05)
    assert FindingMoves(record("a", 1, None), record("b", 2, 0.4), ()).score is None


@pytest.mark.parametrize(
    ("reach", "seen"),
    [
        (EVERYTHING, 3),
        (Reach(subscriptions=frozenset({SUB})), 2),
        (Reach(groups=frozenset({GROUP})), 1),
        (Reach(subscriptions=frozenset({OTHER})), 0),
        (Reach(subscriptions=frozenset({SUB}), whole_tenants=frozenset({"t1"})), 3),
    ],
    ids=["all", "subscription", "group", "other", "tenant"],
)
def test_a_reach_sees_its_own(reach, seen):
    several = (change("new"), change("new", f"/subscriptions/{SUB}"), change("new", "/tenants/t1/users/ada"))
    moves = FindingMoves(record("a", 1, 0.5), record("b", 2, 0.5), several)
    assert len(moves.narrow_to(reach).changes) == seen
