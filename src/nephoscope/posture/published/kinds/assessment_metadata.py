"""Microsoft.Security/assessmentMetadata: what each recommendation that was judged says of itself.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/assessments-metadata (2021-06-01)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nephoscope.analyze.discovery import list_assessment_keys
from nephoscope.posture.published.assessment_metadata import build_metadata, make_unjudged_metadata
from nephoscope.posture.published.document import PublishedDocument, build_arm_body

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report

TYPE = "Microsoft.Security/assessmentMetadata"


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """One document a recommendation, and one for each key of an analyzer that is judged by none, whether it has findings or not.

    Readers of one tenant or subscription see what recommendations are, and must not learn from it what was found elsewhere.
    """
    judged = dict.fromkeys(requirement.key for requirement in report.run.engine.program.requirements)
    for key in judged:
        yield _build_document(key, build_metadata(report, key))
    for key in sorted(list_assessment_keys().keys() - judged.keys()):
        yield _build_document(key, make_unjudged_metadata(report, key))


def _build_document(key: str, found: Mapping[str, object]) -> PublishedDocument:
    return PublishedDocument.of(
        build_arm_body(f"/providers/{TYPE}/{key}", TYPE, found),
        key=key.lower(),
        severity=str(found["severity"]),
        title=str(found["displayName"]),
    )
