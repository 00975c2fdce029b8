"""SARIF 2.1.0: for code scanning on GitHub and Azure DevOps.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and GitHub's SARIF support page for code scanning.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

import msgspec

from nephoscope import __version__
from nephoscope.model.state import Severity, State

if TYPE_CHECKING:
    from nephoscope.posture.recommendation import Recommendation
    from nephoscope.posture.report import Report, Row

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

#: GitHub reads a number: over 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low.
_SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFORMATIONAL: "0.0",
}
_LEVEL = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFORMATIONAL: "note",
}


def render(report: Report, out: TextIO) -> None:
    """Write one run: NonCompliant rows and (suppressed) exempted ones are results, the unjudged are notifications."""
    rows = [row for row in report.rows if row.assessment.state in (State.NON_COMPLIANT, State.EXEMPT)]
    rules = {row.assessment.key: row.recommendation for row in rows}
    order = {key: index for index, key in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "nephoscope",
                "semanticVersion": __version__,
                "rules": [_rule(key, recommendation) for key, recommendation in rules.items()],
            }
        },
        "automationDetails": {"id": f"nephoscope/{report.scope}/"},
        "invocations": [
            {
                "executionSuccessful": not report.states[State.ERROR],
                "endTimeUtc": report.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "toolExecutionNotifications": _notifications(report),
            }
        ],
        "results": [_result(report, row, order[row.assessment.key]) for row in rows],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    out.write(msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n")


def _rule(key: str, recommendation: Recommendation) -> dict[str, Any]:
    steps = list(recommendation.remediation.steps)
    markdown = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    if recommendation.remediation.az:
        markdown += f"\n\n```sh\n{recommendation.remediation.az}\n```"
    return {
        "id": key,
        "name": recommendation.name,
        "shortDescription": {"text": recommendation.name},
        "fullDescription": {"text": recommendation.description or recommendation.name},
        "help": {
            "text": "\n".join(steps) or recommendation.name,
            "markdown": markdown or recommendation.name,
        },
        "defaultConfiguration": {"level": _LEVEL[recommendation.severity]},
        "properties": {
            "security-severity": _SECURITY_SEVERITY[recommendation.severity],
            "precision": "very-high",
            "tags": ["security", *recommendation.controls, *recommendation.tactics],
        },
    }


def _result(report: Report, row: Row, index: int) -> dict[str, Any]:
    item = row.assessment
    fingerprint = hashlib.sha256(f"{row.id.key}|{item.key.lower()}".encode()).hexdigest()
    reasons = report.why(row)
    result: dict[str, Any] = {
        "ruleId": item.key,
        "ruleIndex": index,
        "level": _LEVEL[row.recommendation.severity],
        "message": {"text": f"{row.name}: {row.recommendation.name}." + (f" {reasons}" if reasons else "")},
        "locations": [_location(report, row)],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{fingerprint[:16]}:1",
            "resourceAndPolicy/v1": fingerprint,
        },
    }
    if row.change in ("new", "reopened"):
        result["baselineState"] = "new"
    if item.state is State.EXEMPT:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": item.description or item.cause}
        ]
    return result


def _location(report: Report, row: Row) -> dict[str, Any]:
    """A resource has no line: the scanned target is the artifact, the resource id the logical location."""
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(report.scope, safe="/-._~")},
            "region": {"startLine": 1},
        },
        "logicalLocations": [
            {"name": row.name, "fullyQualifiedName": row.assessment.resource, "kind": "resource"}
        ],
    }


def _notifications(report: Report) -> list[dict[str, Any]]:
    errors = [
        {
            "level": "error",
            "message": {"text": f"{row.assessment.resource}: {row.assessment.description}"},
            "associatedRule": {"id": row.assessment.key},
        }
        for row in report.rows
        if row.assessment.state is State.ERROR
    ]
    unknown = [
        {"level": "note", "message": {"text": f"{count} assessments ended Unknown: {cause}"}}
        for (state, cause), count in sorted(report.causes.items())
        if state is State.UNKNOWN
    ]
    quarantined = [
        {"level": "warning", "message": {"text": f"quarantined: {record.place}: {record.reason}"}}
        for record in report.quarantine
    ]
    return errors + unknown + quarantined
