"""Results of a tool, in one model for every format, and what every reader checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, compute_fingerprints
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope_policy.model.state import Severity

#: What a document may hold, and the characters that a text of it keeps.
MOST_FINDINGS, MOST_RESOURCES, MOST_COMPONENTS, MOST_TEXT = 20_000, 20_000, 50_000, 2_000
_LINES = 10_000_000


class ResultsError(ValueError):
    """A document that cannot be read: `place` is where in it ('' = all of it)."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.reason, self.place = reason, place


class ReportedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with the fingerprint that it keeps over runs, and the title of its rule."""

    fingerprint: str
    title: str
    finding: CodeFinding


class BillComponent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A component of a bill of materials: its package URL, and the file that it was found in ('' = not told)."""

    purl: str
    file: str = ""


class ToolResults(msgspec.Struct, frozen=True, kw_only=True):
    """Results of a tool: `category` names the part of the repository that it looked at, '' = all of it.

    `files` are those that it says it judged, `unread` those that it could not, and `failure` is why it failed as a whole ('' = it did
    not). `resources` are what the files deploy, `components` what a build is made of: they are judged again when advisories change.
    """

    tool: str
    tool_version: str = ""
    category: str = ""
    findings: tuple[ReportedFinding, ...] = ()
    files: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    failure: str = ""
    resources: tuple[PlannedPlace, ...] = ()
    components: tuple[BillComponent, ...] = ()


def clean_text(value: object, most: int = MOST_TEXT) -> str:
    """Return a text without control characters, cut to a length; '' for what is none."""
    if not isinstance(value, str):
        return ""
    kept = "".join(one if one.isprintable() or one == "\n" else " " for one in value[: most * 2])
    return kept.strip()[:most]


def parse_line_number(value: Any) -> int:
    """Return a line or column: a whole number from 1, else 1."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 1 <= value <= _LINES else 1


def require_mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty one for what is none."""
    return value if isinstance(value, dict) else {}


def require_list(value: object, place: str) -> list[object]:
    """Return a JSON array, an empty one where it is absent; ResultsError for something else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ResultsError("must be an array", place)
    return value


def check_size(findings: Sequence[object], place: str) -> None:
    """Raise ResultsError where there are too many findings."""
    if len(findings) > MOST_FINDINGS:
        raise ResultsError(
            (f"has {len(findings):,} findings, at most {MOST_FINDINGS:,} are accepted: split the run "
                "by category"), place
        )  # fmt: skip


def with_fingerprints(
    findings: Sequence[CodeFinding], titles: Sequence[str], given: Sequence[str] = ()
) -> tuple[ReportedFinding, ...]:
    """Give each finding the fingerprint that its tool gave, else its own; those of one fingerprint are numbered."""
    own = compute_fingerprints(findings)
    seen: Counter[str] = Counter()
    found = []
    for at, finding in enumerate(findings):
        mark = (given[at] if given else "") or own[at]
        seen[mark] += 1
        numbered = mark if seen[mark] == 1 else f"{mark}#{seen[mark]}"
        found.append(ReportedFinding(fingerprint=numbered, title=titles[at], finding=finding))
    return tuple(found)


def find_severity_of_score(score: float) -> Severity:
    """Return the severity of a CVSS base score from 0 to 10, by the ratings of CVSS 3.1; 0 is Informational."""
    bounds = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
    return next((severity for least, severity in bounds if score >= least), Severity.INFORMATIONAL)


def make_finding(
    rule: str,
    file: str,
    message: str,
    severity: Severity,
    *,
    line: object = 1,
    column: object = 1,
    state: FindingState = FindingState.FAILED,
    subject: str = "",
    evidence: str = "",
    reason: str = "",
    steps: Iterable[str] = (),
) -> CodeFinding:
    """Return a finding of what a document says; texts are cut and lose control characters."""
    return CodeFinding(
        rule=clean_text(rule, 300) or "unnamed",
        region=Region(clean_text(file, 1_000), parse_line_number(line), parse_line_number(column)),
        message=clean_text(message),
        severity=severity,
        state=state,
        subject=clean_text(subject, 1_000),
        evidence=clean_text(evidence, 200),
        reason=clean_text(reason, 500),
        remediation=tuple(one for one in map(clean_text, steps) if one),
    )
