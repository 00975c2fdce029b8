"""Random rules and resources: only PolicyError with a path, compiled equals explained, not not x is x."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nephoscope_policy as policy
from nephoscope_policy.arm import ArmError
from nephoscope_policy.keywords import EFFECTS, OPERATORS
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

ALIASES = policy.Aliases.of(
    {
        "Contoso.Test/things/size": "properties.size",
        "Contoso.Test/things/deep.flag": "properties.deep.Flag",
        "Contoso.Test/things/rules[*]": "properties.rules[*]",
        "Contoso.Test/things/rules[*].port": "properties.rules[*].properties.port",
        "Contoso.Test/things/rules[*].names[*]": "properties.rules[*].properties.names[*]",
        "Contoso.Test/things/parts/mode": "properties.mode",
    }
)
FIELDS = [
    "type",
    "name",
    "fullName",
    "location",
    "id",
    "kind",
    "tags",
    "tags.env",
    "tags['a b']",
    "identity.type",
    "Contoso.Test/things/size",
    "contoso.test/Things/deep.flag",
    "Contoso.Test/things/rules",
    "Contoso.Test/things/rules[*]",
    "Contoso.Test/things/rules[*].port",
    "Contoso.Test/things/rules[*].names[*]",
    "[concat('tags[', parameters('p'), ']')]",
]
EXPRESSIONS = [
    "[parameters('p')]",
    "[field('name')]",
    "[length(field('Contoso.Test/things/rules[*]'))]",
    "[first(field('Contoso.Test/things/rules[*].port'))]",
    "[current()]",
    "[current('Contoso.Test/things/rules[*].port')]",
    "[current('n')]",
    "[resourceGroup().location]",
    "[subscription().subscriptionId]",
    "[concat(field('kind'), '-x')]",
    "[int(field('Contoso.Test/things/size'))]",
    "[empty(field('tags'))]",
    "[split(field('Contoso.Test/things/deep.flag'), ',')]",
    "[[literal]",
]
TEXTS = [
    "",
    "a",
    "Contoso.Test/things",
    "contoso.test/*",
    "env",
    "East US",
    "eastus",
    "true",
    "5",
    "22",
    "*",
    "a?c",
    "##",
]
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 30), st.sampled_from(TEXTS), st.sampled_from(EXPRESSIONS)
)
operands = st.one_of(scalars, st.lists(scalars, max_size=3))
operators = st.sampled_from(list(OPERATORS.values()))


def leaf(subject: str, value: Any, operator: str, operand: Any) -> dict[str, Any]:
    return {subject: value, operator: operand}


leaves = st.one_of(
    st.builds(leaf, st.just("field"), st.sampled_from(FIELDS), operators, operands),
    st.builds(leaf, st.just("value"), operands, operators, operands),
)


def counts(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    over = st.one_of(
        st.builds(lambda field: {"field": field}, st.sampled_from([f for f in FIELDS if f.endswith("[*]")])),
        st.builds(lambda value: {"value": value, "name": "n"}, operands),
    )
    whole = st.builds(
        lambda count, where: {**count, **({"where": where} if where else {})},
        over,
        st.one_of(st.none(), inner),
    )
    return st.builds(
        lambda count, operator, operand: {"count": count, operator: operand},
        whole,
        operators,
        st.integers(0, 3),
    )


conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        counts(inner),
        st.builds(lambda child: {"not": child}, inner),
        st.builds(lambda children: {"allOf": children}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda children: {"anyOf": children}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)
rule_values = st.fixed_dictionaries(
    {"name": st.sampled_from(["r1", "R2"])},
    optional={
        "properties": st.fixed_dictionaries(
            {},
            optional={
                "port": st.sampled_from([22, "22", None, "443"]),
                "names": st.lists(st.sampled_from(["a", "b"]), max_size=2),
            },
        )
    },
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "size": st.sampled_from([1, "5", None, "x"]),
        "deep": st.sampled_from([None, {"flag": "a,b"}, {"FLAG": True}, []]),
        "rules": st.one_of(st.none(), st.lists(rule_values, max_size=3)),
    },
)
bodies = st.fixed_dictionaries(
    {"name": st.sampled_from(["one", "Two"])},
    optional={
        "location": st.sampled_from(["East US", "westeurope"]),
        "kind": st.sampled_from(["a", "B", None]),
        "tags": st.sampled_from([{}, {"Env": "prod"}, {"a b": "", "env": "a"}]),
        "identity": st.sampled_from([{"type": "SystemAssigned"}, None]),
        "properties": properties,
    },
)
effects = st.sampled_from(["audit", "Deny", "auditIfNotExists", "modify", "disabled", "manual", "denyAction"])
RESOURCE_ID = "/subscriptions/s1/resourceGroups/g1/providers/Contoso.Test/things/"


def resource(body: dict[str, Any], complete: bool) -> Resource:
    kept = body if complete else {key: value for key, value in body.items() if key != "properties"}
    return Resource.of(
        {**kept, "id": RESOURCE_ID + body["name"], "type": "Contoso.Test/things"}, complete=complete
    )


def definition(condition: Any, effect: str, existence: Any) -> policy.Definition:
    details = {"type": "Contoso.Test/things/parts", "existenceCondition": existence}
    then = {"effect": effect, "details": details} if effect == "auditIfNotExists" else {"effect": effect}
    return policy.Definition.parse(
        {
            "parameters": {"p": {"type": "String", "defaultValue": "env"}},
            "policyRule": {"if": condition, "then": then},
        }
    )


def agree(
    condition: Any, effect: str, existence: Any, body: Any, part: Any, complete: bool, read: bool
) -> None:
    """The heart of the test: both engines end alike, and a double negation ends as the rule itself."""
    one = resource(body, complete)
    related = (
        [] if part is None else [Resource.of({"id": f"{one.id.key}/parts/p", "properties": {"mode": part}})]
    )
    coverage = (
        Coverage.cover_everything()
        if read
        else Coverage({"/subscriptions/s1": frozenset({"contoso.test/things"})})
    )
    snapshot, context = policy.Snapshot([one, *related], ALIASES, coverage), policy.EvaluationContext()
    try:
        rule = definition(condition, effect, existence)
        twice = definition({"not": {"not": condition}}, effect, existence)
        fast, slow = (
            rule.evaluate(one, snapshot, context=context),
            rule.explain(one, snapshot, context=context),
        )
    except policy.PolicyError as error:
        told = error
    else:
        told = None
    if told is not None:
        assert told.path
        return
    assert fast == slow
    assert fast.reasons == slow.reasons
    doubled = twice.evaluate(one, snapshot, context=context)
    assert doubled.matched is fast.matched
    assert (doubled.state is fast.state) or {doubled.state.value, fast.state.value} == {
        "Compliant",
        "NotApplicable",
    }


parts = st.one_of(st.none(), st.sampled_from(["on", "off", None]))


@given(conditions, effects, conditions, bodies, parts, st.booleans(), st.booleans())
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_compiled_is_explained(
    condition: Any, effect: str, existence: Any, body: Any, part: Any, complete: bool, read: bool
) -> None:
    agree(condition, effect, existence, body, part, complete, read)


@pytest.mark.full
@given(conditions, effects, conditions, bodies, parts, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=20_000, suppress_health_check=list(HealthCheck))
def test_compiled_is_explained_in_full(
    condition: Any, effect: str, existence: Any, body: Any, part: Any, complete: bool, read: bool
) -> None:
    agree(condition, effect, existence, body, part, complete, read)


WORDS = [
    *OPERATORS.values(),
    *EFFECTS.values(),
    "field",
    "value",
    "count",
    "where",
    "name",
    "allOf",
    "anyOf",
    "not",
    "if",
    "then",
]
WORDS += [
    "effect",
    "details",
    "type",
    "operations",
    "operation",
    "existenceCondition",
    "policyRule",
    "parameters",
    "properties",
]
junk = st.recursive(
    st.one_of(
        scalars,
        st.sampled_from(FIELDS),
        st.text(max_size=5),
        st.sampled_from(["[", "[a", "[concat(']", "[x()]"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*WORDS, *[w.upper() for w in WORDS]]), inner, max_size=4),
    ),
    max_leaves=14,
)
documents = st.one_of(
    junk,
    st.builds(lambda rule: {"policyRule": rule}, junk),
    st.builds(
        lambda condition, then: {"policyRule": {"if": condition, "then": then}}, conditions | junk, junk
    ),
    st.builds(
        lambda condition, details: {
            "policyRule": {"if": condition, "then": {"effect": "modify", "details": details}}
        },
        leaves,
        junk,
    ),
)


def fuzz(document: Any, body: Any) -> None:
    """Whatever the document is, only a PolicyError with a path comes out; else it evaluates to one of the six ends."""
    given_body = body if isinstance(body, dict) else {"properties": body}
    one = Resource.of({**given_body, "id": f"{RESOURCE_ID}one"})
    snapshot = policy.Snapshot([one], ALIASES)
    faults: tuple[policy.PolicyError, ...] = ()
    try:
        parsed = policy.Definition.parse(document)
        assert parsed.evaluate(one, snapshot).state.value
        policy.preview(parsed, one, snapshot)
    except policy.PolicyError as error:
        faults = error.all
    except ArmError as error:
        assert str(error)  # noqa: PT017 - an expression of the effect itself failed
    assert all(fault.path and fault.message for fault in faults)


@given(documents, st.one_of(bodies, junk))
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_any_document(document: Any, body: Any) -> None:
    fuzz(document, body)


@pytest.mark.full
@given(documents, st.one_of(bodies, junk))
@settings(deadline=None, max_examples=50_000, suppress_health_check=list(HealthCheck))
def test_any_document_in_full(document: Any, body: Any) -> None:
    fuzz(document, body)
