"""The gate's own JSON (`nephoscope scan -o json` over files): findings, what could not be judged, and what the files deploy."""

from __future__ import annotations

import msgspec

from nephoscope.posture.code.finding import FindingState, Region
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.posture.pipelines.results.tool_results import (
    MOST_RESOURCES,
    ReportedFinding,
    ResultsError,
    ToolResults,
    check_size,
    clean_text,
    make_finding,
)
from nephoscope_policy.model.state import Severity

TOOL = "nephoscope"
#: Of a document that says `schemaVersion` 1.
_VERSION = 1


class _Finding(msgspec.Struct, frozen=True):
    rule: str
    region: Region
    message: str
    severity: Severity
    state: str
    evidence: str = ""
    subject: str = ""
    reason: str = ""
    remediation: tuple[str, ...] = ()


class _MarkedFinding(msgspec.Struct, frozen=True):
    fingerprint: str
    title: str
    finding: _Finding


class _Unread(msgspec.Struct, frozen=True):
    region: Region
    reason: str


class _GateDocument(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    findings: tuple[_MarkedFinding, ...]
    target: str = ""
    files: tuple[str, ...] = ()
    unread: tuple[_Unread, ...] = ()
    resources: tuple[PlannedPlace, ...] = ()


def recognizes(document: object) -> bool:
    """Tell whether a document is the gate's own."""
    return isinstance(document, dict) and {"schemaVersion", "findings", "unread"} <= document.keys()


def read(document: object) -> ToolResults:
    """Read the document; the target is no category, since a folder has another path on every machine."""
    try:
        given = msgspec.convert(document, _GateDocument)
    except msgspec.ValidationError as error:
        raise ResultsError(str(error)) from error
    if given.schema_version != _VERSION:
        raise ResultsError(
            f"schema version {given.schema_version} is not known: expected {_VERSION}", "schemaVersion"
        )
    check_size(given.findings, "findings")
    if len(given.resources) > MOST_RESOURCES:
        raise ResultsError(
            f"has {len(given.resources):,} resources, at most {MOST_RESOURCES:,} are accepted", "resources"
        )
    return ToolResults(
        tool=TOOL,
        findings=tuple(map(_make_reported_finding, given.findings)),
        files=given.files,
        unread=tuple(sorted({one.region.file for one in given.unread})),
        resources=given.resources,
    )


def _make_reported_finding(one: _MarkedFinding) -> ReportedFinding:
    finding = one.finding
    region = finding.region
    return ReportedFinding(
        fingerprint=clean_text(one.fingerprint, 200) or "none",
        title=clean_text(one.title, 300),
        finding=make_finding(
            finding.rule,
            region.file,
            finding.message,
            finding.severity,
            line=region.line,
            column=region.column,
            state=_build_state(finding.state),
            subject=finding.subject,
            evidence=finding.evidence,
            reason=finding.reason,
            steps=finding.remediation,
        ),
    )


def _build_state(name: str) -> FindingState:
    """Return the state of a finding; one that was there before the change still fails."""
    if name in (FindingState.UNKNOWN.value, FindingState.SUPPRESSED.value):
        return FindingState(name)
    return FindingState.FAILED
