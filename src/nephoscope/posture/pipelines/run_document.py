"""Run document: stored findings of a run with their status against the default branch."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nephoscope.posture.code.finding import CodeFinding
from nephoscope.posture.pipelines.results.tool_results import BillComponent


class FindingStanding(StrEnum):
    """State of a run's finding relative to the work items of the default branch."""

    NEW = "New"
    REOPENED = "Reopened"
    UNCHANGED = "Unchanged"
    FIXED = "Fixed"
    SUPPRESSED = "Suppressed"
    UNKNOWN = "Unknown"


class RunFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of a run; of one that is FIXED it is what the run before found."""

    standing: FindingStanding
    fingerprint: str
    title: str
    finding: CodeFinding


class RunDocument(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of a run, the files that it could not judge, and what the build is made of."""

    findings: tuple[RunFinding, ...] = ()
    unread: tuple[str, ...] = ()
    components: tuple[BillComponent, ...] = ()
