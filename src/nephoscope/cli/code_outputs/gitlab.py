"""GitLab: a code quality report, which a merge request shows at its lines.

Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import msgspec

from nephoscope.posture.code.finding import FindingState, fingerprints
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.posture.code.code_report import CodeReport

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFORMATIONAL: "info",
}


def render(report: CodeReport, out: TextIO) -> None:
    """Write the list of what fails; what was there before the change is in it, so that GitLab does not call it fixed."""
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
        for mark, finding in zip(fingerprints(report.findings), report.findings, strict=True)
        if finding.state in listed
    ]
    out.write(msgspec.json.format(msgspec.json.encode(entries), indent=1).decode() + "\n")
