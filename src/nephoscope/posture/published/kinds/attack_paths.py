"""Microsoft.Security/attackPaths: the ways that an attacker could take through the estate, the gravest of each named by its risk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nephoscope.posture.attack_paths.arm_document import TYPE, build_arm_id, build_properties
from nephoscope.posture.published.document import PublishedDocument, build_arm_body

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """One document a path."""
    for path in report.attack_paths.paths:
        body = {**build_arm_body(build_arm_id(path), TYPE, build_properties(path)), "location": "global"}
        yield PublishedDocument.of(body, severity=path.level.value, title=path.chain.type.title)
