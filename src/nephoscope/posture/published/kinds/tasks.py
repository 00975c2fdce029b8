"""Microsoft.Security/locations/tasks: what is to be done: a task for each resource that fails a recommendation.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/tasks (2015-06-01-preview)
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.recommendations.report_row import ReportRow
    from nephoscope.posture.reports.report import Report

TYPE = "Microsoft.Security/locations/tasks"


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:
    """One task a resource and recommendation that it fails, below its resource group or subscription."""
    seen: set[Subject] = set()
    for row in report.all_rows():
        subject = (row.id.key, row.assessment.key.lower())
        if (
            row.assessment.state is ComplianceState.NON_COMPLIANT
            and row.id.subscription
            and subject not in seen
        ):
            seen.add(subject)
            yield _build_document(report, row, past.get(subject))


def _build_document(report: Report, row: ReportRow, past: RememberedState | None) -> PublishedDocument:
    item, recommendation = row.assessment, row.recommendation
    group = f"/resourceGroups/{row.id.resource_group}" if row.id.resource_group else ""
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{row.id.key}\0{item.key.lower()}")
    since = past.since if past and past.since else report.now
    properties = {
        "state": "Active",
        "subState": "NA",
        "creationTimeUtc": since.isoformat(),
        "lastStateChangeTimeUtc": since.isoformat(),
        "securityTaskParameters": {
            "name": recommendation.name,
            "assessmentKey": item.key,
            "severity": recommendation.severity.value,
            "resourceId": item.resource,
            "resourceName": row.id.name,
            "resourceType": row.id.type,
        },
    }
    id_ = f"/subscriptions/{row.id.subscription}{group}/providers/{TYPE.replace('locations', 'locations/global')}/{name}"
    return PublishedDocument.of(build_arm_body(id_, TYPE, properties), title=recommendation.name)
