"""Microsoft.Security/assessments: how each resource stands against each recommendation.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/assessments (2021-06-01)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING

from nephoscope.posture.published.assessment_metadata import UNJUDGED, build_metadata, make_unjudged_metadata
from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.recommendations.finding_subject import choose_worst_state
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.recommendations.report_row import ReportRow
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.model.assessment import Assessment

TYPE = "Microsoft.Security/assessments"
#: Azure has three codes. What could not be judged is neither healthy nor unhealthy: its cause says so (decision 0200).
CODES = {
    ComplianceState.COMPLIANT: "Healthy",
    ComplianceState.NON_COMPLIANT: "Unhealthy",
    ComplianceState.NOT_APPLICABLE: "NotApplicable",
    ComplianceState.EXEMPT: "NotApplicable",
    ComplianceState.UNKNOWN: "NotApplicable",
    ComplianceState.ERROR: "NotApplicable",
}
_CAUSES = {
    ComplianceState.EXEMPT: "Exempt",
    ComplianceState.UNKNOWN: "NotAssessed",
    ComplianceState.ERROR: "Error",
}


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:
    """One assessment a resource and recommendation; where several assignments judge the same, the worst verdict.

    Findings that no recommendation of their resource is judged by have one too, which ends in no state and is told as off.
    """
    newest: dict[Subject, ReportRow] = {}
    for row in report.all_rows():
        subject = (row.id.key, row.assessment.key.lower())
        known = newest.get(subject)
        if (
            known is None
            or choose_worst_state(row.assessment.state, known.assessment.state) is not known.assessment.state
        ):
            newest[subject] = row
    # worked out once a recommendation, not once a resource
    about = cache(partial(build_metadata, report))
    for subject, row in newest.items():
        yield _build_document(report, row, past.get(subject), about(row.assessment.key))
    for item in report.run.analysis.assessments:
        if (
            item.sub_assessments
            and report.judging_recommendations[ResourceId.parse(item.resource).key, item.key.lower()]
            == item.key
        ):
            yield _make_unjudged_document(report, item)


def _make_unjudged_document(report: Report, item: Assessment) -> PublishedDocument:
    resource, metadata = item.resource.rstrip("/"), make_unjudged_metadata(report, item.key)
    properties = {
        "resourceDetails": {"source": "Azure", "id": resource or "/"},
        "displayName": metadata["displayName"],
        "status": {"code": "NotApplicable", "cause": "OffByPolicy", "description": UNJUDGED},
        "metadata": metadata,
    }
    return PublishedDocument.of(
        build_arm_body(f"{resource}/providers/{TYPE}/{item.key}", TYPE, properties),
        subject=ResourceId.parse(item.resource).key,
        key=item.key.lower(),
        severity=str(metadata["severity"]),
        title=str(metadata["displayName"]),
    )


def _build_document(
    report: Report, row: ReportRow, past: RememberedState | None, about: dict[str, object]
) -> PublishedDocument:
    item, recommendation = row.assessment, row.recommendation
    resource = "" if item.resource == "/" else item.resource.rstrip("/")
    properties = {
        "resourceDetails": {"source": "Azure", "id": resource or "/"},
        "displayName": recommendation.name,
        "status": _build_status(report, row, past),
        "additionalData": _build_additional_data(report, row),
        "metadata": about,
    }
    return PublishedDocument.of(
        build_arm_body(f"{resource}/providers/{TYPE}/{item.key}", TYPE, properties),
        subject=row.id.key,
        key=item.key.lower(),
        state=item.state.value,
        severity=recommendation.severity.value,
        cause=item.cause,
        title=recommendation.name,
    )


def _build_status(report: Report, row: ReportRow, past: RememberedState | None) -> dict[str, object]:
    item = row.assessment
    cause = _CAUSES.get(item.state, item.cause)
    first = past.first_seen if past and past.first_seen else report.now
    since = past.since if past and past.since else report.now
    said = {
        "cause": cause,
        "description": item.description
        or (report.reason_of(row) if _is_unhealthy(item.state) else "")
        or row.description,
    }
    return {
        "code": CODES[item.state],
        **{name: text for name, text in said.items() if text},
        "firstEvaluationDate": first.isoformat(),
        "statusChangeDate": since.isoformat(),
    }


def _is_unhealthy(state: ComplianceState) -> bool:
    return state is ComplianceState.NON_COMPLIANT


def _build_additional_data(report: Report, row: ReportRow) -> dict[str, str]:
    """Return what Azure's codes cannot say: the verdict in our words, its cause, and who answered."""
    item = row.assessment
    control = report.find_control(item.key)
    found = {
        "state": item.state.value,
        "cause": item.cause,
        "effect": item.effect,
        "assignment": item.assignment,
        "initiative": item.initiative,
        "policyDefinitionReferenceId": item.reference,
        "secureScoreControl": control.id if control else "",
        "change": row.change,
    }
    return {name: text for name, text in found.items() if text}
