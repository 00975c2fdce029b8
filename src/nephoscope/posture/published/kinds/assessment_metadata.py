"""Microsoft.Security/assessmentMetadata: what each recommendation that was judged says of itself.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/assessments-metadata (2021-06-01)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nephoscope.posture.published.document import Document, arm
from nephoscope.posture.published.recommended import metadata, unjudged

if TYPE_CHECKING:
    from nephoscope.posture.comparison import Past
    from nephoscope.posture.report import Report
    from nephoscope.posture.subject import Subject

TYPE = "Microsoft.Security/assessmentMetadata"


def documents(report: Report, past: Mapping[Subject, Past]) -> Iterator[Document]:  # noqa: ARG001 - a kind's signature
    """One document a recommendation, and one for each key with findings that no recommendation of a resource is judged by."""
    judged = dict.fromkeys(requirement.key for requirement in report.run.engine.program.requirements)
    for key in judged:
        yield _document(key, metadata(report, key))
    alone = {key for key in report.judging.values() if key not in judged}
    for key in sorted(alone):
        yield _document(key, unjudged(report, key))


def _document(key: str, found: Mapping[str, Any]) -> Document:
    return Document.of(
        arm(f"/providers/{TYPE}/{key}", TYPE, found),
        key=key.lower(),
        severity=found["severity"],
        title=found["displayName"],
    )
