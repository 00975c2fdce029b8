"""Plans: decisions from files, with what is wrong named by file and path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nephoscope.content.loader import load_documents
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.catalog import PolicyCatalog

ONE = "/subscriptions/11111111-1111-1111-1111-111111111111"
TO = f"{ONE}/providers/Microsoft.Authorization/policyAssignments/a"
ASSIGNMENT = {
    "id": TO,
    "properties": {"policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/x"},
}
EXEMPTION = {
    "id": f"{ONE}/providers/Microsoft.Authorization/policyExemptions/e",
    "properties": {"policyAssignmentId": TO, "exemptionCategory": "Waiver"},
}
ATTESTATION = {
    "id": f"{ONE}/providers/Microsoft.PolicyInsights/attestations/t",
    "properties": {"policyAssignmentId": TO, "complianceState": "Compliant"},
}


def read(tmp_path: Path, **files: Any) -> EvaluationPlan:
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_bytes(
            value if isinstance(value, bytes) else json.dumps(value).encode()
        )
    return EvaluationPlan(PolicyCatalog([])).reading(load_documents(tmp_path))


def test_bodies_arrays_and_list_answers(tmp_path: Path) -> None:
    plan = read(tmp_path, a=ASSIGNMENT, b=[EXEMPTION], c={"value": [ATTESTATION]})
    assert (len(plan.assignments), len(plan.exemptions), len(plan.attestations)) == (1, 1, 1)
    assert plan.problems == ()


def test_the_first_body_of_an_id_stays(tmp_path: Path) -> None:
    plan = read(
        tmp_path,
        a=ASSIGNMENT,
        b={**ASSIGNMENT, "properties": {**ASSIGNMENT["properties"], "displayName": "later"}},
    )
    assert [one.display_name for one in plan.assignments] == [""]


def test_what_is_wrong_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    broken = {**EXEMPTION, "properties": {**EXEMPTION["properties"], "exemptionCategory": "None"}}
    plan = read(tmp_path, a=ASSIGNMENT, b=broken, c=b"{", d={"id": ONE}, e=[7], f={"id": "no id"})
    assert len(plan.assignments) == 1
    problems = {Path(problem.place.file).stem: problem for problem in plan.problems}
    assert set(problems) == {"b", "c", "d", "e", "f"}
    assert problems["b"].place.path == "properties.exemptionCategory"
    assert problems["c"].error
    assert "not an assignment" in problems["d"].reason
