"""Related resources in every relation, coverage, unknown and overlay; both engines alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import nephoscope_policy as policy
from nephoscope_policy.data_gap import Gap
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

SUB = "/subscriptions/s1"
GROUP = f"{SUB}/resourceGroups/g1"
THING = f"{GROUP}/providers/Contoso.Test/things/one"
ALIASES = policy.Aliases.of(
    {
        "Contoso.Test/things/parts/mode": "properties.mode",
        "Contoso.Test/things/parts/bits/mode": "properties.mode",
        "Contoso.Test/hubs/mode": "properties.mode",
        "Microsoft.Security/assessments/status.code": "properties.status.code",
        "Microsoft.Security/pricings/pricingTier": "properties.pricingTier",
        "Contoso.Test/things/mode": "properties.mode",
    }
)


def body(identifier: str, **properties: Any) -> Resource:
    return Resource.of({"id": identifier, "name": identifier.rsplit("/", 1)[-1], "properties": properties})


def definition(
    type_: str, condition: Any = None, subject: str = "Contoso.Test/things", **details: Any
) -> policy.Definition:
    existence = {} if condition is None else {"existenceCondition": condition}
    then = {"effect": "auditIfNotExists", "details": {"type": type_, **existence, **details}}
    return policy.Definition.parse({"policyRule": {"if": {"field": "type", "equals": subject}, "then": then}})


def state(rule: policy.Definition, subject: Resource, snapshot: policy.Snapshot) -> ComplianceState:
    fast, slow = rule.evaluate(subject, snapshot), rule.explain(subject, snapshot)
    assert fast == slow
    assert slow.reasons
    return fast.state


def mode(type_: str) -> dict[str, Any]:
    return {"field": f"{type_}/mode", "equals": "on"}


READ = {"": datetime.now(UTC)}
RELATIONS: list[tuple[str, policy.Definition, str, list[Resource]]] = [
    (
        "child",
        definition("Contoso.Test/things/parts", mode("Contoso.Test/things/parts")),
        THING,
        [body(f"{THING}/parts/p", mode="on")],
    ),
    (
        "grandchild",
        definition("Contoso.Test/things/parts/bits", mode("Contoso.Test/things/parts/bits")),
        THING,
        [body(f"{THING}/parts/p/bits/b", mode="on")],
    ),
    (
        "named child",
        definition("Contoso.Test/things/parts", mode("Contoso.Test/things/parts"), name="main"),
        THING,
        [body(f"{THING}/parts/MAIN", mode="on"), body(f"{THING}/parts/other", mode="off")],
    ),
    (
        "child with its full name",
        definition("Contoso.Test/things/parts", None, name="[concat(field('name'), '/main')]"),
        THING,
        [body(f"{THING}/parts/main")],
    ),
    (
        "child by wildcard",
        definition("Contoso.Test/things/parts", None, name="one/?"),
        THING,
        [body(f"{THING}/parts/any")],
    ),
    (
        "extension",
        definition(
            "Microsoft.Security/assessments",
            {"field": "Microsoft.Security/assessments/status.code", "in": ["Healthy"]},
            name="k1",
        ),
        THING,
        [body(f"{THING}/providers/Microsoft.Security/assessments/k1", status={"code": "healthy"})],
    ),
    (
        "sibling in the resource group",
        definition("Contoso.Test/hubs", mode("Contoso.Test/hubs")),
        THING,
        [body(f"{GROUP}/providers/Contoso.Test/hubs/h", mode="on")],
    ),
    (
        "resource of another group by name",
        definition("Contoso.Test/hubs", None, resourceGroupName="[concat('g', '2')]", name="h"),
        THING,
        [body(f"{SUB}/resourceGroups/G2/providers/Contoso.Test/hubs/h")],
    ),
    (
        "anywhere in the subscription",
        definition("Contoso.Test/hubs", None, existenceScope="Subscription"),
        THING,
        [body(f"{SUB}/resourceGroups/g9/providers/Contoso.Test/hubs/h")],
    ),
    (
        "subscription level",
        definition(
            "Microsoft.Security/pricings",
            {"field": "Microsoft.Security/pricings/pricingTier", "equals": "Standard"},
            "Microsoft.Resources/subscriptions",
            name="VirtualMachines",
        ),
        SUB,
        [body(f"{SUB}/providers/Microsoft.Security/pricings/VirtualMachines", pricingTier="Standard")],
    ),
    (
        "child by a type with a slash at its end",
        definition("Contoso.Test/things/parts/", mode("Contoso.Test/things/parts")),
        THING,
        [body(f"{THING}/parts/p", mode="on")],
    ),
]
FAR = [
    body("/subscriptions/s2/resourceGroups/g1/providers/Contoso.Test/hubs/h", mode="on"),
    body("/subscriptions/s2/resourceGroups/g1/providers/Contoso.Test/things/one/parts/main", mode="on"),
    body("/subscriptions/s2/resourceGroups/g1/providers/Contoso.Test/things/one/parts/p/bits/b", mode="on"),
    body("/subscriptions/s2/providers/Microsoft.Security/pricings/VirtualMachines", pricingTier="Standard"),
    body(f"{GROUP}/providers/Contoso.Test/things/two/parts/main", mode="on"),
    body(
        f"{GROUP}/providers/Contoso.Test/things/two/providers/Microsoft.Security/assessments/k1",
        status={"code": "Healthy"},
    ),
]


@pytest.mark.parametrize(
    ("rule", "subject", "related"), [row[1:] for row in RELATIONS], ids=[row[0] for row in RELATIONS]
)
def test_a_relation(rule: policy.Definition, subject: str, related: list[Resource]) -> None:
    one = body(subject)
    nothing = Coverage({SUB: frozenset({"contoso.test/things"})}, read_at=READ)
    full = policy.Snapshot([one, *related, *FAR], ALIASES)
    assert state(rule, one, full) is ComplianceState.COMPLIANT
    assert state(rule, one, policy.Snapshot([one, *FAR], ALIASES)) is ComplianceState.NON_COMPLIANT
    assert state(rule, one, policy.Snapshot([one, *FAR], ALIASES, nothing)) is ComplianceState.UNKNOWN
    assert (
        state(rule, one, policy.Snapshot([one, *FAR], ALIASES).with_overlay(related))
        is ComplianceState.COMPLIANT
    )
    assert (
        state(rule, one, policy.Snapshot([one, *related, *FAR], ALIASES, nothing))
        is ComplianceState.COMPLIANT
    )


def test_long_lists_go_by_name() -> None:
    one = body(THING)
    many = [
        body(f"{GROUP}/providers/Contoso.Test/hubs/h{i}", mode="on" if i == 70 else "off") for i in range(100)
    ]
    snapshot = policy.Snapshot([one, *many], ALIASES)
    for name, wanted in (
        ("h70", ComplianceState.COMPLIANT),
        ("h71", ComplianceState.NON_COMPLIANT),
        ("h100", ComplianceState.NON_COMPLIANT),
    ):
        assert (
            state(definition("Contoso.Test/hubs", mode("Contoso.Test/hubs"), name=name), one, snapshot)
            is wanted
        )
        scoped = definition(
            "Contoso.Test/hubs", mode("Contoso.Test/hubs"), name=name, existenceScope="subscription"
        )
        assert state(scoped, one, snapshot) is wanted


def test_a_named_extension_is_the_only_candidate_even_outside_coverage() -> None:
    rule = RELATIONS[5][1]
    one = body(THING)
    bad = body(f"{THING}/providers/Microsoft.Security/assessments/k1", status={"code": "Unhealthy"})
    snapshot = policy.Snapshot([one, bad], ALIASES, Coverage({}, read_at=READ))
    assert state(rule, one, snapshot) is ComplianceState.NON_COMPLIANT


def test_an_unknown_assessment_is_unknown_until_it_is_there() -> None:
    rule, one = RELATIONS[5][1], body(THING)
    key = f"{THING}/providers/Microsoft.Security/assessments/K1"
    snapshot = policy.Snapshot([one], ALIASES).with_overlay([], {key: Gap("no analyzer for k1")})
    result = rule.evaluate(one, snapshot)
    assert (result.state, result.description) == (ComplianceState.UNKNOWN, "no analyzer for k1")
    other = policy.Snapshot([one], ALIASES).with_overlay(
        [], {key.replace("K1", "k2"): Gap("no analyzer for k2")}
    )
    assert state(rule, one, other) is ComplianceState.NON_COMPLIANT
    recorded = RELATIONS[5][3]
    assert (
        state(
            rule, one, policy.Snapshot([one, *recorded], ALIASES).with_overlay([], {key: Gap("no analyzer")})
        )
        is ComplianceState.COMPLIANT
    )


def test_an_overlay_hides_what_it_replaces() -> None:
    rule, one = RELATIONS[0][1], body(THING)
    base = policy.Snapshot([one, *RELATIONS[0][3]], ALIASES)
    over = base.with_overlay([body(f"{THING}/parts/p", mode="off")])
    assert state(rule, one, over) is ComplianceState.NON_COMPLIANT
    assert state(rule, one, base) is ComplianceState.COMPLIANT
    assert len(over) == len(base)


def test_a_candidate_without_properties_is_unknown() -> None:
    rule, one = RELATIONS[0][1], body(THING)
    listed = Resource.of({"id": f"{THING}/parts/p"}, complete=False)
    assert state(rule, one, policy.Snapshot([one, listed], ALIASES)) is ComplianceState.UNKNOWN


def test_field_reads_the_if_resource_inside_the_existence_condition() -> None:
    condition = {"field": "Contoso.Test/things/parts/mode", "equals": "[field('Contoso.Test/things/mode')]"}
    rule = definition("Contoso.Test/things/parts", condition)
    one, part = body(THING, mode="fast"), body(f"{THING}/parts/p", mode="FAST")
    assert state(rule, one, policy.Snapshot([one, part], ALIASES)) is ComplianceState.COMPLIANT
    slow = body(f"{THING}/parts/p", mode="slow")
    result = rule.evaluate(one, policy.Snapshot([one, slow], ALIASES))
    assert result.state is ComplianceState.NON_COMPLIANT
    assert [reason.resource for reason in result.reasons] == [f"{THING}/parts/p"]


def test_a_gap_says_why() -> None:
    rule, one = RELATIONS[0][1], body(THING)
    coverage = Coverage({SUB: frozenset()}, gaps={"contoso.test/things/parts": "403 on the parts"})
    result = rule.evaluate(one, policy.Snapshot([one], ALIASES, coverage))
    assert result.state is ComplianceState.UNKNOWN
    assert "403 on the parts" in result.description


def test_an_extension_that_no_table_knows_belongs_to_the_resource_that_its_id_names() -> None:
    type_ = "Microsoft.EventGrid/eventSubscriptions"
    other = THING.replace("/one", "/two")
    theirs, ours = body(f"{other}/providers/{type_}/e"), body(f"{THING}/providers/{type_}/e")
    beside = body(f"{GROUP}/providers/{type_}/e")
    subject = body(THING)
    rule = definition(type_)
    assert state(rule, subject, policy.Snapshot([subject, theirs], ALIASES)) is ComplianceState.NON_COMPLIANT
    assert (
        state(rule, subject, policy.Snapshot([subject, theirs, ours], ALIASES)) is ComplianceState.COMPLIANT
    )
    assert state(rule, subject, policy.Snapshot([subject, beside], ALIASES)) is ComplianceState.COMPLIANT
    asked = definition(type_, existenceScope="resourceGroup")
    assert state(asked, subject, policy.Snapshot([subject, theirs], ALIASES)) is ComplianceState.COMPLIANT
