"""Policies that read an assessment: one that does not apply makes nothing healthy, and leaves Azure's word as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.content.loader import load_documents
from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate
from nephoscope.posture.evaluation.not_applicable_assessments import DECLINED
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.published.kinds.policy_states import name_state
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers"
POLICY, KEY = "storage-transport-observed", "358d58cc-cab0-5e82-87d7-4a5f6b629c50"


@pytest.fixture(scope="module")
def plan() -> EvaluationPlan:
    held = [one for one in load_documents(kind="policies") if one.name == f"{POLICY}.json"]
    initiatives = list(load_documents(kind="initiatives"))
    return EvaluationPlan(PolicyCatalog.of([*held, *initiatives])).with_assignment("nephoscope")


@pytest.mark.parametrize(
    ("code", "state", "published"),
    [
        ("Healthy", ComplianceState.COMPLIANT, "Compliant"),
        ("NotApplicable", ComplianceState.NOT_APPLICABLE, "Compliant"),
        ("notapplicable", ComplianceState.NOT_APPLICABLE, "Compliant"),
        ("Unhealthy", ComplianceState.NON_COMPLIANT, "NonCompliant"),
    ],
)
def test_a_verdict_by_the_assessment(
    plan: EvaluationPlan, code: str, state: ComplianceState, published: str
) -> None:
    account = f"{GROUP}/Microsoft.Storage/storageAccounts/logs"
    bodies: list[dict[str, Any]] = [{"id": account, "properties": {}}]
    status = {"code": code, "cause": "no-logs", "description": "nobody asked it"}
    bodies.append({
        "id": f"{account}/providers/Microsoft.Security/assessments/{KEY}", "name": KEY,
        "type": "Microsoft.Security/assessments", "properties": {"status": status},
    })  # fmt: skip
    estate = Estate.of([Resource.of(one) for one in bodies], Coverage.cover_everything())
    found = [one for one in evaluate_estate(estate, plan, NOW).assessments if one.resource == account]
    judged = [one for one in found if one.state is not ComplianceState.UNKNOWN]
    assert [one.state for one in judged] == [state]
    assert name_state(judged[0]) == published
    declined = state is ComplianceState.NOT_APPLICABLE
    assert (judged[0].cause == DECLINED, judged[0].description == "nobody asked it") == (declined, declined)
