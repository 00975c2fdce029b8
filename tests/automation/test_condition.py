"""Conditions of every language on one event."""

from __future__ import annotations

from typing import Any

import pytest

from nephoscope.automation.condition import (
    AllConditions,
    AnyCondition,
    EventView,
    FactChanged,
    FactGrew,
    FactProperty,
    PathProperty,
    ValueCondition,
)
from nephoscope.automation.event_facts import FACTS, build_row_view, find_changed_facts

EVENT = EventView(
    {
        "severity": ["High"], "title": ["Sign-ins from Tor"], "techniques": ["T1078.004"], "labels": ["vip", "new"],
        "before.labels": ["vip"], "before.severity": ["Low"], "changed": ["severity", "labels"], "entity.ip.address": ["10.1.2.3"],
    },
    {"properties": {"Status": {"code": "Unhealthy"}, "no": None, "score": 7.5, "isOn": True, "tags": [{"name": "a"}, {"name": "B"}]}},
)  # fmt: skip


def fact(name: str, operator: str, *values: Any, negated: bool = False) -> ValueCondition:
    return ValueCondition(FactProperty(name), operator, values, negated)


def path(where: str, operator: str, *values: Any, negated: bool = False) -> ValueCondition:
    return ValueCondition(PathProperty(where), operator, values, negated)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (fact("severity", "Equals", "low", "HIGH"), True),
        (fact("severity", "Equals", "low", negated=True), True),
        (fact("severity", "Equals", "high", negated=True), False),
        (fact("owner", "Equals", "kim"), False),
        (fact("owner", "Equals", "kim", negated=True), True),
        (fact("title", "Contains", "TOR"), True),
        (fact("title", "StartsWith", "sign"), True),
        (fact("title", "EndsWith", "tor"), True),
        (fact("title", "EndsWith", "sign"), False),
        (fact("techniques", "Equals", "T1078"), True),
        (fact("techniques", "Equals", "T1078.001"), False),
        (fact("entity.ip.address", "InRange", "10.0.0.0/8"), True),
        (fact("entity.ip.address", "InRange", "192.0.2.0/24"), False),
        (fact("title", "InRange", "10.0.0.0/8"), False),
        (path("properties.status.code", "Equals", "unhealthy"), True),
        (path("properties.tags.name", "Equals", "b"), True),
        (path("properties.tags[0].name", "Equals", "b"), False),
        (path("properties.tags[7].name", "Equals", "b", negated=True), True),
        (path("properties.score", "GreaterThan", "7"), True),
        (path("properties.score", "GreaterThanOrEqualTo", 7.5), True),
        (path("properties.score", "LesserThan", 7.5), False),
        (path("properties.score", "LesserThanOrEqualTo", "7.50"), True),
        (path("properties.score", "EqualsNumber", "7.50"), True),
        (path("properties.score", "Equals", "7.50"), False),
        (path("properties.isOn", "Equals", True), True),
        (path("properties.isOn", "GreaterThan", 0), False),
        (path("properties.no", "Equals", "None"), False),
        (FactChanged("severity"), True),
        (FactChanged("title"), False),
        (FactGrew("labels"), True),
        (FactGrew("severity"), True),
        (FactGrew("techniques"), False),
        (AllConditions(), True),
        (AllConditions((FactChanged("severity"), FactChanged("title"))), False),
        (AnyCondition((FactChanged("severity"), FactChanged("title"))), True),
        (AnyCondition(()), False),
    ],
)  # fmt: skip
def test_a_condition_holds(condition, holds) -> None:
    assert condition.is_met(EVENT) is holds


def test_a_fact_of_which_nothing_was_kept_did_not_change() -> None:
    """A release that knows more facts meets those that an older one kept."""
    facts = {"severity": ["High"], "provider": ["nephoscope"]}
    assert find_changed_facts({}, facts) == []
    assert find_changed_facts({"severity": ["Low"]}, facts) == ["severity"]
    assert find_changed_facts({"severity": ["High"], "provider": []}, facts) == ["provider"]


def test_every_fact_of_an_incident_is_there_and_compared_with_what_it_was() -> None:
    row = {"IncidentNumber": 1, "Title": "T", "Description": "D", "ProviderName": "P", "ModifiedBy": "kim"}
    view = build_row_view(row, {"description": ["before"]})
    assert set(FACTS) <= view.facts.keys()
    assert [view.facts[name] for name in ("description", "provider", "source", "product")] == [
        ["D"],
        ["P"],
        ["kim"],
        [],
    ]
    assert (view.facts["changed"], view.facts["before.description"]) == (["description"], ["before"])
    assert view.document["properties"]["DisplayName"] == "T"
