"""Findings that were there before: only what is new fails a gate."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.finding import CodeFinding, FindingState, compute_fingerprints
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.model.source_location import Place

SCHEMA_VERSION = 1
_HOW = "write it with --write-baseline"


class BaselineError(Exception):
    """A baseline file that cannot be used: its path, and why."""


class BaselineEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding that is known; all but the fingerprint is for people."""

    fingerprint: str
    rule: str
    file: str
    subject: str = ""


class Baseline(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The known findings of a repository."""

    schema_version: int
    findings: tuple[BaselineEntry, ...]


def read_baseline(path: Path) -> frozenset[str]:
    """The fingerprints that a baseline file holds; raises BaselineError."""
    try:
        found = msgspec.convert(ContentDocument(path, Place(str(path))).json(), type=Baseline)
    except ContentError as error:
        raise BaselineError(f"{error}: {_HOW}") from error
    except msgspec.ValidationError as error:
        raise BaselineError(f"{path}: not a baseline: {error}: {_HOW}") from error
    if found.schema_version != SCHEMA_VERSION:
        raise BaselineError(f"{path}: schema version {found.schema_version} is not known: {_HOW}")
    return frozenset(entry.fingerprint for entry in found.findings)


def format_baseline(report: CodeReport) -> bytes:
    """A report's failures, those that are known among them, as a baseline file."""
    kept = (FindingState.FAILED, FindingState.KNOWN)
    entries = [
        BaselineEntry(mark, one.rule, one.region.file, one.subject)
        for mark, one in zip(compute_fingerprints(report.findings), report.findings, strict=True)
        if one.state in kept
    ]
    return (
        msgspec.json.format(msgspec.json.encode(Baseline(SCHEMA_VERSION, tuple(entries))), indent=1) + b"\n"
    )


def map_previous_fingerprints(
    findings: Collection[CodeFinding], renamed: Mapping[str, str]
) -> frozenset[str]:
    """The fingerprints of an earlier state's failures, with its files under the names that they have now."""
    moved = [
        replace_file(one, renamed.get(one.region.file, one.region.file))
        for one in findings
        if one.state is not FindingState.SUPPRESSED
    ]
    return frozenset(compute_fingerprints(moved))


def replace_file(finding: CodeFinding, file: str) -> CodeFinding:
    """A finding with its region in another file."""
    return msgspec.structs.replace(finding, region=msgspec.structs.replace(finding.region, file=file))


def mark_known_failures(report: CodeReport, before: Collection[str], where: str) -> CodeReport:
    """A report in which failures that were there before are known and do not fail; `where` names the earlier state."""
    findings = [
        msgspec.structs.replace(one, state=FindingState.KNOWN, reason=f"it is in {where} already")
        if one.state is FindingState.FAILED and mark in before
        else one
        for mark, one in zip(compute_fingerprints(report.findings), report.findings, strict=True)
    ]
    return replace(report, findings=findings)
