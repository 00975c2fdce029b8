"""The parts of a SARIF run that has findings in files: results at their regions, fixes, suppressions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from nephoscope import __version__
from nephoscope.posture.code.finding import FindingState, compute_fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.code.code_rule import CodeRule
    from nephoscope.posture.code.finding import CodeFinding, Edit, Region
    from nephoscope_policy.model.state import Severity


def select_used_rules(report: CodeReport) -> list[CodeRule]:
    """Return the rules that findings name, in the order of the findings."""
    return [report.rules[key] for key in dict.fromkeys(finding.rule for finding in report.findings)]


def build_run(report: CodeReport, rules: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return the run without its notifications and results; columns count code points. Without a time, two runs are alike."""
    return {
        "tool": {"driver": {"name": "nephoscope", "semanticVersion": __version__, "rules": rules}},
        "automationDetails": {"id": f"nephoscope-code/{report.target}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.unread,
                "toolExecutionNotifications": [],
            }
        ],
        "results": [],
    }


def build_results(report: CodeReport, levels: Mapping[Severity, str]) -> Iterator[dict[str, object]]:
    """Give the result of each finding; `levels` are SARIF's levels by severity."""
    order = {rule.id: index for index, rule in enumerate(select_used_rules(report))}
    for finding, fingerprint in zip(report.findings, compute_fingerprints(report.findings), strict=True):
        yield _build_result(finding, fingerprint, order[finding.rule], levels[finding.severity])


def build_notifications(report: CodeReport) -> Iterator[dict[str, object]]:
    """Give a notification for each file that could not be judged."""
    for unread in report.unread:
        yield {
            "level": "warning",
            "message": {"text": f"{unread.region}: {unread.reason}"},
            "locations": [{"physicalLocation": _build_physical(unread.region)}],
        }


def _build_result(finding: CodeFinding, fingerprint: str, index: int, level: str) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level,
        "message": {"text": finding.message},
        "locations": [_build_location(finding)],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint, "content/v1": finding.content_hash},
    }
    if finding.state is FindingState.UNKNOWN:
        result |= {
            "kind": "open",
            "level": "none",
            "message": {"text": f"{finding.message} ({finding.reason})"},
        }
    if finding.state is FindingState.SUPPRESSED:
        result["suppressions"] = [
            {
                "kind": "external" if finding.exempt else "inSource",
                "status": "accepted",
                "justification": finding.reason or "suppressed",
            }
        ]
    if finding.state is FindingState.KNOWN:
        result["baselineState"] = "unchanged"
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _build_physical(region)}
            for number, region in enumerate(finding.related, 1)
        ]
    if finding.fix:
        result["fixes"] = [_build_sarif_fix(finding)]
    return result


def _build_location(finding: CodeFinding) -> dict[str, object]:
    location: dict[str, object] = {"physicalLocation": _build_physical(finding.region, finding.evidence)}
    if finding.subject:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.subject, "kind": "resource"}]
    return location


def _build_sarif_fix(finding: CodeFinding) -> dict[str, object]:
    changes: dict[str, list[Edit]] = {}
    for edit in finding.fix:
        changes.setdefault(edit.region.file, []).append(edit)
    return {
        "description": {"text": " ".join(finding.remediation) or finding.message},
        "artifactChanges": [
            {
                "artifactLocation": _build_artifact(file),
                "replacements": [
                    {"deletedRegion": _build_region(edit.region), "insertedContent": {"text": edit.text}}
                    for edit in edits
                ],
            }
            for file, edits in changes.items()
        ],
    }


def _build_physical(region: Region, snippet: str = "") -> dict[str, object]:
    shown: dict[str, object] = {
        **_build_region(region),
        **({"snippet": {"text": snippet}} if snippet else {}),
    }
    return {"artifactLocation": _build_artifact(region.file), "region": shown}


def _build_artifact(file: str) -> dict[str, object]:
    return {"uri": quote(file, safe="/-._~")}


def _build_region(region: Region) -> dict[str, int]:
    found = {"startLine": region.line, "startColumn": region.column}
    if region.end_column:
        found |= {"endLine": region.last_line, "endColumn": region.end_column}
    return found
