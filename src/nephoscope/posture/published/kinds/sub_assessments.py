"""Microsoft.Security/assessments/subAssessments: the single findings inside an assessment, such as one CVE or one open rule.

As in Azure an assessment stands at the id that theirs begin with: that of the recommendation which is judged by them. The key under
which Azure has them is their `assessmentKey`, of our own: it is the name of the assessment only where no policy reads it.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/sub-assessments (2019-01-01-preview)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.published.kinds.assessments import CODES
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report

TYPE = "Microsoft.Security/assessments/subAssessments"


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """One document a finding of an analyzer."""
    for item in report.run.analysis.assessments:
        if not item.sub_assessments:
            continue
        resource = item.resource.rstrip("/")
        key = report.judging_recommendations[ResourceId.parse(item.resource).key, item.key.lower()]
        for sub in item.sub_assessments:
            properties = {
                "id": sub.id,
                "displayName": sub.title,
                "assessmentKey": item.key,
                "status": {
                    "code": sub.status or CODES[item.state],
                    "severity": sub.severity,
                    **({"cause": sub.cause} if sub.cause else {}),
                },
                "resourceDetails": {"source": "Azure", "id": resource},
                "timeGenerated": report.now.isoformat(),
                "additionalData": sub.details,
                **sub.reported,
            }
            id_ = f"{resource}/providers/Microsoft.Security/assessments/{key}/subAssessments/{sub.id.replace('/', '-')}"
            yield PublishedDocument.of(
                build_arm_body(id_, TYPE, properties), key=key.lower(), severity=sub.severity, title=sub.title
            )
