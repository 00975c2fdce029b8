"""GitLab: a code quality report, which a merge request shows at its lines.

Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TextIO

import msgspec

from nephoscope.posture.code.finding import FindingState, compute_fingerprints
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.code.finding import UnreadFile

READ_BY_HOST = True
_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFORMATIONAL: "info",
}


def _report_unread_file(unread: UnreadFile) -> dict[str, object]:
    place = unread.region
    said = "\0".join(("not-judged", place.file, unread.reason)).encode("utf-8", "surrogatepass")
    return {
        "description": f"not assessed: {unread.reason}",
        "check_name": "not-judged",
        "fingerprint": hashlib.sha256(said).hexdigest()[:16],
        "severity": "blocker",
        "location": {"path": place.file, "lines": {"begin": place.line, "end": place.last_line}},
    }


def render(report: CodeReport, out: TextIO) -> None:
    """Write what fails and what could not be judged; what was there before the change is in it, so that it is not called fixed."""
    listed = (FindingState.FAILED, FindingState.KNOWN)
    entries: list[dict[str, object]] = [
        {
            "description": finding.message,
            "check_name": finding.rule,
            "fingerprint": mark,
            "severity": _SEVERITIES[finding.severity],
            "location": {
                "path": finding.region.file,
                "lines": {"begin": finding.region.line, "end": finding.region.last_line},
            },
        }
        for mark, finding in zip(compute_fingerprints(report.findings), report.findings, strict=True)
        if finding.state in listed
    ]
    entries += map(_report_unread_file, report.unread)
    out.write(msgspec.json.format(msgspec.json.encode(entries), indent=1).decode() + "\n")
