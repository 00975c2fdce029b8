"""The estate itself: every resource as it was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nephoscope.posture.published.document import PublishedDocument

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report

#: What an evaluation here answers itself: Azure's own answers are what analyzers read, not what is shown.
ANSWERED = ("microsoft.security/securescores", "microsoft.policyinsights/policystates")


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """Every resource of the estate."""
    for resource in report.run.estate.resources.values():
        if not resource.type.startswith(ANSWERED):
            yield PublishedDocument(resource.id, resource.body, title=resource.name)
