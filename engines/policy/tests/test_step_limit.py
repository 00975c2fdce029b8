"""Counts within counts: a rule that goes over too much is an error with its reason, at once, and no other rule waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from test_states import OFF, TYPE, account, definition, result

import nephoscope_policy as policy
from nephoscope_policy import step_limit
from nephoscope_policy.model.state import ComplianceState


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is low, so that the interpreter, which is much slower, comes to it soon."""
    monkeypatch.setattr(step_limit, "MOST", 5_000)


def counted(levels: int, members: int, where: Any) -> dict[str, Any]:
    """Counts within counts, each over so many numbers."""
    inner = where
    for level in range(levels):
        over = {"value": f"[range(0, {members})]", "name": f"n{level}", "where": inner}
        inner = {"count": over, "greater": members * 2}
    return inner


NEVER = {"value": "[current('n0')]", "equals": -1}
BY_BODY = {"field": "kind", "equals": "[string(current('n0'))]"}
SEVERAL = {"anyOf": [NEVER, BY_BODY]}


@pytest.mark.parametrize("where", [NEVER, BY_BODY, SEVERAL])
@pytest.mark.parametrize(
    "around", [lambda one: one, lambda one: {"allOf": [TYPE, one]}, lambda one: {"not": one}]
)
def test_three_counts_within_each_other_are_an_error(where: Any, around: Any) -> None:
    ended = result(definition(around(counted(3, 10_000, where))), account())
    assert (ended.state, ended.cause) == (ComplianceState.ERROR, "too-many-steps")
    assert f"{step_limit.MOST:,} members" in ended.description
    assert result(definition(OFF), account()).state is ComplianceState.NON_COMPLIANT


def test_the_interpreter_has_the_same_bound() -> None:
    rule = definition(counted(3, 10_000, SEVERAL)).bind({})
    snapshot = policy.Snapshot([account()])
    assert rule.explain(account(), snapshot, policy.EvaluationContext()).cause == "too-many-steps"


@pytest.mark.parametrize(("members", "state"), [(9, ComplianceState.COMPLIANT), (11, ComplianceState.ERROR)])
def test_what_is_counted_are_all_members(
    members: int, state: ComplianceState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_limit, "MOST", 100)
    rule = definition({"allOf": [TYPE, counted(2, members, BY_BODY)]})
    assert result(rule, account()).state is state


def test_a_rule_that_goes_beyond_again_and_again_is_tried_no_more() -> None:
    rule = definition({"allOf": [TYPE, counted(2, 10_000, BY_BODY)]}).bind({})
    for _ in range(step_limit.PATIENCE):
        with pytest.raises(step_limit.StepsError):
            rule.tally.steps().spend(step_limit.MOST + 1)
    with pytest.raises(step_limit.StepsError):
        rule.tally.steps().spend(1)
    assert rule.tally.over == step_limit.PATIENCE + 1
    rule.tally.steps().spend(0)
