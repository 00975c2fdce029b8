"""The comparer of the policy oracle rejects every way an outcome can be wrong."""

from __future__ import annotations

from typing import Any

import policy_comparer as comparer
import pytest

Outcome = comparer.Outcome
DETAILS: dict[str, Any] = {
    "operations": [{"field": "tags.a", "value": 1, "flag": True, "none": None, "text": ""}],
    "n": 2,
}

RIGHT = [
    ({"want_effect": "Deny"}, Outcome("done", "Deny")),
    ({"want_effect": "modify", "want_details": DETAILS}, Outcome("done", "modify", DETAILS)),
    ({"want_undefined": True}, Outcome("done")),
    ({"want_effect": None}, Outcome("done")),
    ({"want_parse_error": True}, Outcome("parse", path="policyRule.if")),
    ({"want_compile_error": True}, Outcome("compile", path="policyRule.if")),
    ({}, Outcome("parsed")),
    ({}, Outcome("done", "audit")),
]
WRONG = [
    ({"want_effect": "Deny"}, Outcome("done", "deny")),
    ({"want_effect": "Deny"}, Outcome("done")),
    ({"want_effect": "Deny"}, Outcome("error", "Deny")),
    ({"want_effect": "Deny"}, Outcome("parsed")),
    ({"want_undefined": True}, Outcome("done", "Deny")),
    ({"want_undefined": True}, Outcome("error")),
    ({"want_undefined": True}, Outcome("parse", path="$")),
    ({"want_undefined": True}, Outcome("compile", path="$")),
    ({"want_effect": None}, Outcome("error")),
    ({"want_parse_error": True}, Outcome("compile", path="policyRule.if")),
    ({"want_parse_error": True}, Outcome("parse")),
    ({"want_parse_error": True}, Outcome("done")),
    ({"want_compile_error": True}, Outcome("parse", path="policyRule.if")),
    ({"want_compile_error": True}, Outcome("compile")),
    ({"want_compile_error": True}, Outcome("error")),
    ({}, Outcome("parse", path="$")),
    ({}, Outcome("error")),
]


@pytest.mark.parametrize(("case", "outcome"), RIGHT)
def test_the_right_outcome_matches(case: dict[str, Any], outcome: Any) -> None:
    assert comparer.matches(case, outcome)


@pytest.mark.parametrize(("case", "outcome"), WRONG)
def test_a_wrong_outcome_does_not(case: dict[str, Any], outcome: Any) -> None:
    assert not comparer.matches(case, outcome)


def mutations(value: Any) -> list[Any]:
    """Every value that differs from the given one in one place: a type, a key's case, an order, a lost member."""
    if isinstance(value, dict):
        changed = [{**value, key: other} for key, inner in value.items() for other in mutations(inner)]
        lost = [{k: v for k, v in value.items() if k != key} for key in value]
        cased = [{(k.upper() if k == key else k): v for k, v in value.items()} for key in value]
        return [*changed, *lost, *cased, {**value, "extra": 1}, list(value)]
    if isinstance(value, list):
        changed = [
            [*value[:i], other, *value[i + 1 :]]
            for i, inner in enumerate(value)
            for other in mutations(inner)
        ]
        return [*changed, value[1:], [*value, None], value * 2]
    if value is None:
        return ["", False, 0]
    if isinstance(value, bool):
        return [not value, int(value), str(value).lower(), None]
    if isinstance(value, int):
        return [float(value), str(value), value + 1, None]
    return [value + "x", value.upper() if value.upper() != value else value + " ", None]


@pytest.mark.parametrize("mutation", mutations(DETAILS), ids=repr)
def test_mutated_details_do_not_match(mutation: Any) -> None:
    assert not comparer.same(mutation, DETAILS)
    case = {"want_effect": "modify", "want_details": DETAILS}
    assert not comparer.matches(case, Outcome("done", "modify", mutation))
