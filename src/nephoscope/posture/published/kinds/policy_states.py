"""Microsoft.PolicyInsights/policyStates: how each resource stands under each assignment, row by row.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states (2019-10-01)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from nephoscope.posture.evaluation.not_applicable_assessments import DECLINED
from nephoscope.posture.published.assessment_metadata import find_policy_definition_id
from nephoscope.posture.published.document import PublishedDocument, build_arm_body, drop_empty
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.recommendations.report_row import ReportRow
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.catalog_entry import Kind
    from nephoscope_policy.model.assessment import Assessment

TYPE = "Microsoft.PolicyInsights/policyStates"
_ASSIGNMENT = "/providers/microsoft.authorization/policyassignments/"
#: Azure's words. A resource to which a policy does not apply has no state there; what could not be judged is Unknown.
STATES = {
    ComplianceState.COMPLIANT: "Compliant",
    ComplianceState.NON_COMPLIANT: "NonCompliant",
    ComplianceState.EXEMPT: "Exempt",
    ComplianceState.UNKNOWN: "Unknown",
    ComplianceState.ERROR: "Error",
}


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """One state a resource, assignment and member."""

    @cache
    def find_definition_id(key: str, kind: Kind) -> str:
        return find_policy_definition_id(report, key, kind) if key else ""

    for row in report.all_rows():
        if name_state(row.assessment):
            ids = (
                find_definition_id(row.assessment.key, "definition"),
                find_definition_id(row.assessment.initiative, "initiative"),
            )
            yield _build_document(report, row, *ids)


def name_state(item: Assessment) -> str:
    """Return Azure's word for a verdict, '' where a policy does not apply.

    A policy that accepts an assessment which does not apply is met.
    """
    return STATES[ComplianceState.COMPLIANT] if item.cause == DECLINED else STATES.get(item.state, "")


def _build_document(report: Report, row: ReportRow, definition: str, initiative: str) -> PublishedDocument:
    item, state = row.assessment, name_state(row.assessment)
    compliant = state == STATES[ComplianceState.COMPLIANT]
    scope, _, name = item.assignment.partition(_ASSIGNMENT)
    where = "" if item.resource == "/" else item.resource.rstrip("/")
    digest = hashlib.blake2b(
        "\0".join((item.assignment, item.initiative, item.reference, item.key)).encode(), digest_size=16
    )
    properties: dict[str, object] = {
        "timestamp": report.now.isoformat(),
        "resourceId": item.resource,
        "policyAssignmentId": item.assignment,
        "policyAssignmentName": name,
        "policyAssignmentScope": scope,
        "policyDefinitionId": definition,
        "policyDefinitionName": item.key,
        "policyDefinitionAction": item.effect.lower(),
        "policyDefinitionCategory": row.recommendation.category.lower(),
        "policySetDefinitionId": initiative,
        "policySetDefinitionName": item.initiative,
        "policyDefinitionReferenceId": item.reference,
        "complianceState": state,
        "isCompliant": compliant,
        "subscriptionId": row.id.subscription,
        "resourceType": row.id.type,
        "resourceGroup": row.id.resource_group,
        "resourceLocation": (row.resource.body.get("location") or "") if row.resource else "",
    }
    kept = dict(drop_empty(properties.items())) | {"isCompliant": compliant}
    return PublishedDocument.of(
        build_arm_body(f"{where}/providers/{TYPE}/{digest.hexdigest()}", TYPE, kept),
        subject=row.id.key,
        key=item.key.lower(),
        state=item.state.value,
        severity=row.recommendation.severity.value,
        cause=item.cause,
        title=row.recommendation.name,
    )
