"""What is wrong with an assignment, exemption or attestation is said with its JSON path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.posture.policies.attestation import PolicyAttestation
from nephoscope_policy import PolicyError
from nephoscope_policy.assignment import Assignment
from nephoscope_policy.exemption import Exemption

TABLE = json.loads((Path(__file__).parents[2] / "cases/sets/faults.json").read_text())
SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
ASSIGNMENT = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/policyAssignments/a"
GOOD: dict[str, Any] = {
    "assignment": {
        "id": ASSIGNMENT,
        "properties": {"policyDefinitionId": "/providers/x/policyDefinitions/d"},
    },
    "exemption": {
        "id": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/policyExemptions/e",
        "properties": {"policyAssignmentId": ASSIGNMENT, "exemptionCategory": "waiver"},
    },
    "attestation": {
        "id": f"{SUBSCRIPTION}/providers/Microsoft.PolicyInsights/attestations/t",
        "properties": {"policyAssignmentId": ASSIGNMENT, "complianceState": "compliant"},
    },
}
PARSERS: dict[str, Any] = {
    "assignment": Assignment.parse,
    "exemption": Exemption.parse,
    "attestation": PolicyAttestation.parse,
}
CASES = [(kind, case) for kind, cases in TABLE.items() for case in cases]


@pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{kind}: {case['note']}" for kind, case in CASES])
def test_faults(kind: str, case: dict) -> None:
    good = GOOD[kind]
    body = (
        case["body"]
        if "body" in case
        else {**good, "properties": {**good["properties"], **case["properties"]}}
    )
    with pytest.raises(PolicyError) as raised:
        PARSERS[kind](body)
    assert raised.value.path == case["path"]
    assert case["says"] in raised.value.message


@pytest.mark.parametrize("kind", PARSERS)
def test_the_good_bodies_are_good(kind: str) -> None:
    assert PARSERS[kind](GOOD[kind]).id == GOOD[kind]["id"].lower()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["scope", "notScopes", "parameters", "overrides", "resourceSelectors", "enforcementMode", "definitionVersion", "expiresOn",
     "exemptionCategory", "policyDefinitionReferenceIds", "assignmentScopeValidation", "metadata", "complianceState", "displayName",
     "nonComplianceMessages", "lastComplianceStateChangeAt"]
)  # fmt: skip


@given(st.sampled_from(sorted(PARSERS)), st.dictionaries(NAMES, JSON, max_size=4))
def test_any_json_parses_or_is_refused_with_a_path(kind: str, extra: dict) -> None:
    body = {**GOOD[kind], "properties": {**GOOD[kind]["properties"], **extra}}
    path = "properties"
    try:
        PARSERS[kind](body)
    except PolicyError as error:
        path = error.path
    assert path.startswith("properties")
