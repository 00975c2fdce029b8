"""Control records that an export cut: whatever is cut of them, no verdict turns into another than Unknown."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests import exported

from nephoscope.collect.resources.truncated_values import remove_truncated_values
from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.analyzer_results import run_no_analyzers
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
AUTHORIZATION = f"{SUB}/providers/Microsoft.Authorization"
PATCH = f"{SUB}/resourceGroups/app/providers/Microsoft.Storage/storageAccounts"
SET, SINGLE = f"{AUTHORIZATION}/policyAssignments/set", f"{AUTHORIZATION}/policyAssignments/single"
UNKNOWN, ERROR = ComplianceState.UNKNOWN, ComplianceState.ERROR
Body = dict[str, Any]


def body(id_: str, **properties: Any) -> Body:
    type_, _, name = id_.rpartition("/providers/")[2].rpartition("/")
    return {"id": id_, "name": name, "type": type_, "properties": properties}


def account(name: str, group: str = "app", **properties: Any) -> Body:
    id_ = f"{SUB}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    location = "northeurope" if name == "north" else "westeurope"
    return {**body(id_, minimumTlsVersion="TLS1_0", **properties), "location": location}


def definition(name: str, condition: Body, **parameters: Body) -> Body:
    effect = {"type": "String", "defaultValue": "Audit", "allowedValues": ["Audit", "Disabled"]}
    return body(
        f"{AUTHORIZATION}/policyDefinitions/{name}", mode="Indexed", displayName=name, policyType="Custom",
        metadata={"category": "Test"}, parameters={"effect": effect, **parameters},
        policyRule={
            "if": {"allOf": [{"field": "type", "equals": "Microsoft.Storage/storageAccounts"}, condition]},
            "then": {"effect": "[parameters('effect')]"},
        },
    )  # fmt: skip


TLS = definition("tls", {"field": "Microsoft.Storage/storageAccounts/minimumTlsVersion", "notIn": ["TLS1_2"]})
PLACE = definition(
    "place",
    {"not": {"field": "location", "in": "[parameters('allowed')]"}},
    allowed={"type": "Array", "defaultValue": ["westeurope"]},
)
DRILL = definition("drill", {"field": "name", "exists": True})
DRILL["properties"]["policyRule"]["then"] = {"effect": "manual", "details": {"defaultState": "NonCompliant"}}
MEMBERS = body(
    f"{AUTHORIZATION}/policySetDefinitions/both", displayName="Both", policyType="Custom",
    parameters={"places": {"type": "Array", "defaultValue": ["westeurope"]}},
    policyDefinitions=[
        {"policyDefinitionId": TLS["id"], "policyDefinitionReferenceId": "tls", "parameters": {}},
        {"policyDefinitionId": PLACE["id"], "policyDefinitionReferenceId": "place",
         "parameters": {"allowed": {"value": "[parameters('places')]"}}},
        {"policyDefinitionId": DRILL["id"], "policyDefinitionReferenceId": "drill", "parameters": {}},
    ],
)  # fmt: skip
WHERE = [{"name": "west", "selectors": [{"kind": "resourceLocation", "in": ["westeurope"]}]}]
ASSIGNED = body(
    SET, policyDefinitionId=MEMBERS["id"], displayName="Both", notScopes=[f"{SUB}/resourceGroups/lab"],
    parameters={"places": {"value": ["northeurope"]}}, metadata={"assignedBy": {"name": "Ada"}},
    nonComplianceMessages=[{"message": "no"}],
    overrides=[{"kind": "policyEffect", "value": "Audit", "selectors": [{"kind": "policyDefinitionReferenceId", "in": ["tls"]}]}],
)  # fmt: skip
ONE = body(
    SINGLE, policyDefinitionId=TLS["id"], resourceSelectors=WHERE, parameters={"effect": {"value": "Audit"}}
)


def exemption(name: str, scope: str, to: str, **properties: Any) -> Body:
    category = {"exemptionCategory": "Waiver", "metadata": {"requestedBy": "Ada"}}
    return body(
        f"{scope}/providers/Microsoft.Authorization/policyExemptions/{name}",
        policyAssignmentId=to,
        **category,
        **properties,
    )


EXEMPT = [
    exemption("member", f"{PATCH}/first", SET, policyDefinitionReferenceIds=["tls"]),
    exemption("members", f"{PATCH}/north", SET, policyDefinitionReferenceIds=["tls", "place"]),
    exemption("west", SUB, SINGLE, resourceSelectors=WHERE, expiresOn="2026-12-01T00:00:00Z"),
    exemption("past", SUB, SET, expiresOn="2026-01-01T00:00:00Z"),
    exemption("other", SUB, f"{AUTHORIZATION}/policyAssignments/other", assignmentScopeValidation="DoNotValidate"),
    {**exemption("own", f"{PATCH}/second", ""), "properties": {
        "exemptionCategory": "Mitigated", "metadata": {"nephoscope": {"recommendations": ["tls"]}, "createdBy": "Ada"},
    }},
]  # fmt: skip
ATTESTED = [
    body(f"{PATCH}/{name}/providers/Microsoft.PolicyInsights/attestations/a", policyAssignmentId=SET,
         complianceState="Compliant", **more)
    for name, more in {
        "first": {"policyDefinitionReferenceId": "drill", "evidence": [{"description": "a report"}]},
        "second": {"expiresOn": "2026-01-01T00:00:00Z"},
        "north": {"metadata": {"a": {"b": 1}}, "comments": "done"},
    }.items()
]  # fmt: skip
OTHER = body(
    f"{AUTHORIZATION}/policyAssignments/other", policyDefinitionId=PLACE["id"], enforcementMode="DoNotEnforce"
)
RECORDS = [TLS, PLACE, DRILL, MEMBERS, ASSIGNED, ONE, OTHER, *EXEMPT, *ATTESTED]
ACCOUNTS = [
    account("first"),
    account("second"),
    account("north"),
    account("lab", "lab"),
    {**account("good"), "properties": {}},
]


def assess(records: list[Body]) -> EvaluationRun:
    """Judge the accounts by records as the loader leaves them."""
    resources = []
    for one in copy.deepcopy([*ACCOUNTS, *records]):
        is_cut = remove_truncated_values(one)
        resources.append(Resource.of(one, complete=not is_cut))
    estate = Estate.of(resources, Coverage.cover_everything())
    return evaluate_estate(
        estate, EvaluationPlan(PolicyCatalog([])).with_estate(estate), NOW, analyzers=run_no_analyzers
    )


Verdicts = dict[tuple[str, str, str], ComplianceState]


def verdicts(run: EvaluationRun) -> Verdicts:
    return {(one.resource, one.assignment, one.reference): one.state for one in run.assessments}


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values below a body's envelope."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if path or key == "properties":
            yield (*path, key)
            yield from nodes(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], made: str) -> Any:
    found = copy.deepcopy(value)
    inside = found
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = made
    return found


def without_opposite(records: list[Body], whole: Verdicts, allowed: frozenset[ComplianceState]) -> None:
    """Each verdict is the whole records' or an allowed one; none is lost but behind an Unknown of its assignment's scope."""
    run = assess(records)
    found = verdicts(run)
    refused = any(one.error for one in run.errors)
    assert not refused or ERROR in allowed
    for key, state in whole.items():
        if key not in found:
            behind = (state for (_, assigned, _), state in found.items() if assigned == key[1])
            assert refused or any(state in allowed for state in behind), key
        else:
            assert found[key] is state or found[key] in allowed, (key, state, found[key])
    for key in found.keys() - whole.keys():
        assert found[key] in allowed, (key, found[key])


@pytest.fixture(scope="module")
def whole() -> Verdicts:
    return verdicts(assess(RECORDS))


def test_the_whole_records_decide_in_every_way(whole: Verdicts) -> None:
    assert set(whole.values()) == {
        ComplianceState.COMPLIANT,
        ComplianceState.NON_COMPLIANT,
        ComplianceState.EXEMPT,
    }
    assert not any("/lab/" in resource for resource, assigned, _ in whole if assigned == SET.lower())


RENDERINGS = ("@{a=1; b=System.Object[]}", "System.Object[]", "@{a=1} @{b=2}")


@pytest.mark.parametrize(
    "at", range(len(RECORDS)), ids=[one["id"].rsplit("/", 2)[1] + "/" + one["name"] for one in RECORDS]
)
def test_cutting_any_subtree_changes_verdicts_to_unknown_alone(whole: Verdicts, at: int) -> None:
    for path in nodes(RECORDS[at]):
        for made in RENDERINGS:
            records = [*RECORDS[:at], replaced(RECORDS[at], path, made), *RECORDS[at + 1 :]]
            without_opposite(records, whole, frozenset({UNKNOWN}))


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("depth", range(1, 9))
def test_a_depth_of_the_export_changes_verdicts_to_unknown_alone(
    whole: Verdicts, depth: int, joined: bool
) -> None:
    """A list that is joined to a text where nothing else is cut is an error of its record at the worst."""
    records = [exported.cut(one, depth, joined=joined) for one in RECORDS]
    without_opposite(records, whole, frozenset({UNKNOWN, ERROR} if joined else {UNKNOWN}))


#: what is cut of an exemption -> how the accounts end for the member "tls" of the set, and what the first of them is told
EXEMPTIONS = {
    "its members": (EXEMPT[0], ("properties", "policyDefinitionReferenceIds"), "System.Object[]",
                    {"first": UNKNOWN, "second": ComplianceState.EXEMPT, "north": ComplianceState.EXEMPT}),
    "all of it": (EXEMPT[0], ("properties",), "@{policyAssignmentId=a}",
                  {"first": UNKNOWN, "second": ComplianceState.EXEMPT, "north": ComplianceState.EXEMPT}),
    "metadata of Azure": (EXEMPT[0], ("properties", "metadata"), "@{requestedBy=Ada}",
                          {"first": ComplianceState.EXEMPT, "second": ComplianceState.EXEMPT, "north": ComplianceState.EXEMPT}),
    "metadata that names recommendations": (EXEMPT[5], ("properties", "metadata"), "@{nephoscope=}",
                          {"first": ComplianceState.EXEMPT, "second": UNKNOWN, "north": ComplianceState.EXEMPT}),
    "one that is past": (EXEMPT[3], ("properties", "metadata"), "@{requestedBy=Ada}",
                         {"first": ComplianceState.EXEMPT, "second": ComplianceState.EXEMPT, "north": ComplianceState.EXEMPT}),
    "another assignment's members": (EXEMPT[4], ("properties", "policyDefinitionReferenceIds"), "System.Object[]",
                          {"first": ComplianceState.EXEMPT, "second": ComplianceState.EXEMPT, "north": ComplianceState.EXEMPT}),
}  # fmt: skip


@pytest.mark.parametrize("name", EXEMPTIONS)
def test_an_exemption_that_was_cut_leaves_open_what_it_may_cover(name: str) -> None:
    record, path, made, expected = EXEMPTIONS[name]
    records = [replaced(one, path, made) if one is record else one for one in RECORDS]
    run = assess(records)
    found = {
        one.resource.rsplit("/", 1)[1]: one
        for one in run.assessments
        if (one.assignment, one.reference) == (SET.lower(), "tls")
    }
    assert {name: found[name].state for name in expected} == expected
    for name_, state in expected.items():
        if state is UNKNOWN:
            assert found[name_].cause == "not-collected"
            assert ".".join(path).lower() in found[name_].description
            assert record["id"].lower() in found[name_].description
    assert not [one for one in run.errors if one.error]
