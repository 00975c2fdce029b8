"""What a compiled rule shares between resources equals what the interpreter says of each."""

from __future__ import annotations

from typing import Any

import pytest

import nephoscope_policy as policy
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

SUBSCRIPTION = "/subscriptions/11111111-0000-0000-0000-000000000000"
OTHER = "/subscriptions/22222222-0000-0000-0000-000000000000"


def definition(condition: dict[str, Any], effect: str = "audit", mode: str = "All", **details: Any) -> Any:
    then: dict[str, Any] = {"effect": effect, **({"details": details} if details else {})}
    return policy.Definition.parse(
        {"properties": {"mode": mode, "policyRule": {"if": condition, "then": then}}, "name": "made"}
    )


def resource(subscription: str, type_: str, name: str, **properties: Any) -> Resource:
    id_ = f"{subscription}/resourceGroups/g/providers/{type_}/{name}"
    return Resource.of({"id": id_, "name": name, "type": type_, "properties": properties})


def ends(made: Any, resources: list[Resource], coverage: Coverage) -> list[ComplianceState]:
    """The states, after both engines were found to say the same in every word."""
    snapshot, context = policy.Snapshot(resources, coverage=coverage), policy.EvaluationContext()
    rule, found = made.bind(), []
    for _ in range(2):
        found = []
        for one in resources:
            fast, slow = rule.assess(one, snapshot, context), rule.explain(one, snapshot, context)
            assert (fast.verdict(), fast.description) == (slow.verdict(), slow.description)
            found.append(fast.state)
    return found


def test_a_type_that_one_subscription_did_not_collect() -> None:
    looked_up = "Microsoft.Network/networkWatchers"
    made = definition(
        {"field": "type", "equals": "Microsoft.Storage/storageAccounts"},
        "auditIfNotExists",
        type=looked_up,
        existenceCondition={"field": "name", "equals": "right"},
    )
    resources = [
        resource(SUBSCRIPTION, "Microsoft.Storage/storageAccounts", "a"),
        resource(OTHER, "Microsoft.Storage/storageAccounts", "b"),
        resource(SUBSCRIPTION, "Microsoft.Storage/storageAccounts", "c"),
        resource(SUBSCRIPTION, looked_up, "wrong"),
    ]
    read = Coverage({OTHER: frozenset({looked_up.lower()})}, declared=True)
    unread = ComplianceState.UNKNOWN
    assert ends(made, resources, read)[:3] == [unread, ComplianceState.NON_COMPLIANT, unread]


@pytest.mark.parametrize("mode", ["All", "Indexed"])
def test_types_that_indexed_does_not_cover(mode: str) -> None:
    made = definition({"field": "name", "exists": "true"}, mode=mode)
    unknown = f"{SUBSCRIPTION}/resourceGroups/g/providers/Contoso.Own/things/a/parts"
    resources = [
        resource(SUBSCRIPTION, "Microsoft.Storage/storageAccounts", "a"),
        resource(SUBSCRIPTION, "Microsoft.Storage/storageAccounts/blobServices", "a/default"),
        Resource.of({"id": SUBSCRIPTION, "properties": {}}),
        Resource.of({"id": f"{unknown}/b", "location": "x", "properties": {}}),
        Resource.of({"id": f"{unknown}/c", "properties": {}}),
    ]  # fmt: skip
    found = ends(made, [one for one in resources if "blob" not in one.key], Coverage.cover_everything())
    last = ComplianceState.NON_COMPLIANT if mode == "All" else ComplianceState.NOT_APPLICABLE
    assert found == [ComplianceState.NON_COMPLIANT, last, ComplianceState.NON_COMPLIANT, last]


def test_a_count_over_the_type_alone_is_counted_for_every_type() -> None:
    where = {"value": "[field('type')]", "like": "[current('allowed')]"}
    counted = {"value": ["Microsoft.Storage/*", "Microsoft.Key*"], "name": "allowed", "where": where}
    made = definition({"count": counted, "equals": 0})
    types = ["Microsoft.Storage/storageAccounts", "Microsoft.Web/sites", "microsoft.keyvault/vaults"]
    resources = [resource(SUBSCRIPTION, type_, f"n{at}") for at, type_ in enumerate(types)]
    good, bad = ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT
    assert ends(made, resources, Coverage.cover_everything()) == [good, bad, good]


def test_a_count_over_the_type_inside_another_count_sees_the_outer_member() -> None:
    where = {"value": "[concat(field('type'), current('outer'))]", "like": "[current('inner')]"}
    inner = {"value": ["*a", "*sb"], "name": "inner", "where": where}
    outer = {
        "value": ["a", "b", "c"],
        "name": "outer",
        "where": {"count": inner, "greater": 0},
    }
    made = definition({"count": outer, "equals": 2})
    resources = [
        resource(SUBSCRIPTION, "Microsoft.Web/sites", "a"),
        resource(SUBSCRIPTION, "Microsoft.Web/certificate", "b"),
    ]
    assert ends(made, resources, Coverage.cover_everything()) == [
        ComplianceState.NON_COMPLIANT,
        ComplianceState.COMPLIANT,
    ]
