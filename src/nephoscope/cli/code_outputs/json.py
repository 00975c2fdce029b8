"""JSON: findings with their fingerprints, the files that were judged and those that could not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import msgspec

from nephoscope.posture.code.finding import CodeFinding, UnreadFile, compute_fingerprints
from nephoscope.posture.code.planned_resources import PlannedPlace

if TYPE_CHECKING:
    from nephoscope.posture.code.code_report import CodeReport

SCHEMA_VERSION = 1


class FingerprintedFinding(msgspec.Struct, frozen=True, rename="camel"):
    """A finding and the fingerprint that survives moved lines."""

    fingerprint: str
    title: str
    finding: CodeFinding


class CodeDocument(msgspec.Struct, frozen=True, rename="camel"):
    """The document."""

    schema_version: int
    target: str
    findings: list[FingerprintedFinding]
    files: list[str]
    unread: list[UnreadFile]
    states: dict[str, int]
    elsewhere: dict[str, int]
    resources: list[PlannedPlace]


def render(report: CodeReport, out: TextIO) -> None:
    """Write one document."""
    marks = compute_fingerprints(report.findings)
    document = CodeDocument(
        SCHEMA_VERSION,
        report.target,
        [
            FingerprintedFinding(mark, report.rules[one.rule].title, one)
            for mark, one in zip(marks, report.findings, strict=True)
        ],
        list(report.files),
        list(report.unread),
        {state.value: report.states[state] for state in sorted(report.states, key=lambda one: one.value)},
        dict(sorted(report.elsewhere.items())),
        list(report.resources),
    )
    out.write(msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n")
