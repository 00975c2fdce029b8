"""The secure score: cases worked by hand, and an independent formula on random estates."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from nephoscope.posture.recommendations.score import SecurityControl, compute_secure_score
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.state import ComplianceState

TABLE = json.loads((Path(__file__).parents[2] / "cases/score/worked.json").read_text())
CONTROLS = [SecurityControl(*row) for row in TABLE["controls"]]
MAP = TABLE["recommendations"]


def _id(subscription: str, number: int) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm{number}"


def _assessments(rows: list[dict]) -> list[Assessment]:
    return [
        Assessment(
            _id(row.get("subscription", "s1"), row.get("from", 0) + n),
            row["key"],
            ComplianceState(row["state"]),
            cause=row.get("cause", ""),
        )
        for row in rows
        for n in range(row["count"])
    ]


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["note"])
def test_worked_by_hand(case: dict) -> None:
    result = compute_secure_score(_assessments(case["rows"]), MAP.get, CONTROLS)
    want = dict(case["want"])
    by_id = {item.control.id: item for item in result.controls}
    for control_id, fields in want.pop("control", {}).items():
        assert {name: round(getattr(by_id[control_id], name), 4) for name in fields} == fields
    for name, percentage in want.pop("subscriptions", {}).items():
        assert {scope.subscription: scope.percentage for scope in result.subscriptions}[name] == percentage
    assert {name: round(getattr(result, name), 4) for name in want} == want


def test_what_lies_in_no_subscription_does_not_count() -> None:
    """A tenant lists hundreds of built-in roles, which nobody can get wrong: they say nothing about the subscriptions."""
    roles = [
        Assessment(
            f"/providers/Microsoft.Authorization/roleDefinitions/{number}", "b1", ComplianceState.COMPLIANT
        )
        for number in range(700)
    ]
    group = Assessment(
        "/providers/Microsoft.Management/managementGroups/root", "a1", ComplianceState.NON_COMPLIANT
    )
    judged = _assessments(
        [
            {"key": "b1", "state": "NonCompliant", "count": 3},
            {"key": "b1", "state": "Compliant", "count": 1, "from": 3},
        ]
    )
    result = compute_secure_score([*judged, *roles, group], MAP.get, CONTROLS)
    assert result == compute_secure_score(judged, MAP.get, CONTROLS)
    assert result.percentage == 0.25
    assert [scope.subscription for scope in result.subscriptions] == ["s1"]


def _reference(rows: list[tuple[str, str, str, str]]) -> float:
    """The published formula, written from its text. Rows: subscription, resource, key, state."""
    points = {control.id: control.max_score for control in CONTROLS}
    total = weights = 0.0
    for subscription in {row[0] for row in rows}:
        current = maximum = 0.0
        counted = set()
        for control_id, maximum_points in points.items():
            verdicts: dict[str, set[str]] = {}
            for sub, resource, key, state in rows:
                if sub == subscription and MAP.get(key) == control_id:
                    verdicts.setdefault(resource, set()).add(state)
            bad = {name for name, states in verdicts.items() if "NonCompliant" in states}
            unsure = {name for name, states in verdicts.items() if states & {"Unknown", "Error"}} - bad
            good = {n for n, s in verdicts.items() if s & {"Compliant", "Mitigated"}} - bad - unsure
            counted |= bad | good
            if bad or good:
                current += maximum_points / (len(bad) + len(good)) * len(good)
                maximum += maximum_points
        if maximum:
            total += current / maximum * len(counted)
            weights += len(counted)
    return round(total / weights, 4) if weights else 0.0


STATES = ["Compliant", "NonCompliant", "NotApplicable", "Unknown", "Error", "Mitigated", "Waiver"]


def test_an_independent_formula_agrees_on_random_estates() -> None:
    rng = random.Random(20261124)
    for _ in range(1000):
        rows = [
            (f"s{rng.randrange(3)}", str(rng.randrange(9)), rng.choice([*MAP, "none"]), rng.choice(STATES))
            for _ in range(rng.randrange(40))
        ]
        seen = {(row[0], row[1], row[2]): row for row in rows}
        rows = list(seen.values())
        assessments = [
            Assessment(
                _id(sub, int(number)),
                key,
                ComplianceState.EXEMPT if state in ("Mitigated", "Waiver") else ComplianceState(state),
                cause=state,
            )
            for sub, number, key, state in rows
        ]
        result = compute_secure_score(assessments, MAP.get, CONTROLS)
        assert result.percentage == pytest.approx(_reference(rows), abs=1e-4)
        assert 0 <= result.percentage <= 1


def test_the_shipped_controls_add_up_to_the_published_points() -> None:
    controls = Controls.builtin()
    assert sum(control.max_score for control in controls.controls) == 58
    assert len(controls.controls) == 15
    for key, placement in controls.placements.items():
        assert controls.find_by_name(placement.control), f"{key} is placed in an unknown control"
        assert bool(placement.basis) == placement.is_inferred, (
            f"{key}: an inferred row gives its basis, a published one its source"
        )
