"""SARIF 2.1.0: for code scanning on GitHub and Azure DevOps.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and GitHub's SARIF support page for code scanning.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

import msgspec

from nephoscope import __version__
from nephoscope.posture.recommendations.finding_text import describe_failure
from nephoscope.posture.reports.resource_label import is_ambiguous, label_name, label_resource
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope_policy.model.assessment import get_failure_title
from nephoscope_policy.model.resource_id import with_tenant
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.recommendations.recommendation import Recommendation
    from nephoscope.posture.recommendations.report_row import ReportRow
    from nephoscope.posture.reports.report_interface import ReportView

READS = RowSelection(
    frozenset({ComplianceState.NON_COMPLIANT, ComplianceState.ERROR, ComplianceState.EXEMPT}),
    frozenset({ComplianceState.NON_COMPLIANT, ComplianceState.EXEMPT}),
)
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


def render(report: ReportView, out: TextIO) -> None:
    """Write one run: NonCompliant rows and (suppressed) exempted ones are results, the unjudged are notifications."""
    groups = [
        group
        for group in report.groups
        if group.state in (ComplianceState.NON_COMPLIANT, ComplianceState.EXEMPT)
    ]
    order = {key: index for index, key in enumerate(dict.fromkeys(group.key for group in groups))}
    run: dict[str, object] = {
        "tool": {
            "driver": {
                "name": "nephoscope",
                "semanticVersion": __version__,
                "rules": [_build_rule(key, report.metadata(key)) for key in order],
            }
        },
        "automationDetails": {"id": f"nephoscope/{report.scope}/"},
        "invocations": [
            {
                "executionSuccessful": not report.states[ComplianceState.ERROR],
                "endTimeUtc": report.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "toolExecutionNotifications": [],
            }
        ],
        "results": [],
    }
    results = (
        _build_result(report, row, order[group.key])
        for group in groups
        for row in report.list_rows_of_group(group)
    )
    _write_sarif_run(run, _list_notifications(report), results, out)


def render_code(report: CodeReport, out: TextIO) -> None:
    """Write one run over files: failed, unknown and (suppressed) findings are results at their region, unread files notifications."""
    from nephoscope.cli.code import sarif as code_sarif

    rules = [
        _build_rule_object(rule.id, rule.title, rule.description, rule.steps, rule.severity, rule.tags)
        for rule in code_sarif.select_used_rules(report)
    ]
    run = code_sarif.build_run(report, rules)
    _write_sarif_run(
        run, code_sarif.build_notifications(report), code_sarif.build_results(report, _LEVEL), out
    )


def _write_sarif_run(
    run: dict[str, object],
    notifications: Iterable[dict[str, object]],
    results: Iterable[dict[str, object]],
    out: TextIO,
) -> None:
    """Write a document of one run whose last two lists are empty, and these lists as they come."""
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    head, between, tail = _to_json(document).rsplit("[]", 2)
    out.write(head)
    _write_json_list(notifications, 6, out)
    out.write(between)
    _write_json_list(results, 4, out)
    out.write(tail + "\n")


def _to_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def _write_json_list(items: Iterable[dict[str, object]], depth: int, out: TextIO) -> None:
    """Write a list whose items stand so deep."""
    margin, empty = "\n" + " " * depth, True
    for item in items:
        out.write(("[" if empty else ",") + margin + _to_json(item).replace("\n", margin))
        empty = False
    out.write("[]" if empty else "\n" + " " * (depth - 1) + "]")


def _build_rule(key: str, recommendation: Recommendation) -> dict[str, object]:
    steps, az = list(recommendation.remediation.steps), recommendation.remediation.az
    tags = (*recommendation.controls, *recommendation.tactics)
    description = recommendation.description
    return _build_rule_object(key, recommendation.name, description, steps, recommendation.severity, tags, az)


def _build_rule_object(
    key: str,
    name: str,
    description: str,
    steps: Sequence[str],
    severity: Severity,
    tags: Iterable[str] = (),
    az: str = "",
) -> dict[str, object]:
    markdown = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    if az:
        markdown += f"\n\n```sh\n{az}\n```"
    return {
        "id": key,
        "name": name,
        "shortDescription": {"text": get_failure_title(name)},
        "fullDescription": {"text": description or name},
        "help": {
            "text": "\n".join(steps) or name,
            "markdown": markdown or name,
        },
        "defaultConfiguration": {"level": _LEVEL[severity]},
        "properties": {
            "security-severity": _SECURITY_SEVERITY[severity],
            "precision": "very-high",
            "tags": ["security", *tags],
        },
    }


def _describe_finding(row: ReportRow) -> str:
    return (
        describe_failure(row.recommendation.name, row.recommendation.finding)
        if row.assessment.state is ComplianceState.NON_COMPLIANT
        else row.title
    )


def _build_result(report: ReportView, row: ReportRow, index: int) -> dict[str, object]:
    item = row.assessment
    fingerprint = hashlib.sha256(
        f"{with_tenant(row.id.key, row.tenant)}|{item.key.lower()}".encode()
    ).hexdigest()
    reasons = report.reason_of(row)
    result: dict[str, object] = {
        "ruleId": item.key,
        "ruleIndex": index,
        "level": _LEVEL[row.recommendation.severity],
        "message": {
            "text": f"{label_name(report, row)}: {_describe_finding(row)}."
            + (f" {reasons}" if reasons else "")
        },
        "locations": [_build_location(report, row)],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{fingerprint[:16]}:1",
            "resourceAndPolicy/v1": fingerprint,
        },
    }
    if row.change in ("new", "reopened"):
        result["baselineState"] = "new"
    if item.state is ComplianceState.EXEMPT:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": item.description or item.cause}
        ]
    return result


def _build_location(report: ReportView, row: ReportRow) -> dict[str, object]:
    """A resource has no line: the scanned target is the artifact, the resource id the logical location."""
    place: dict[str, object] = {
        "name": row.name,
        "fullyQualifiedName": row.assessment.resource,
        "kind": "resource",
    }
    if is_ambiguous(report, row.id.key, row.tenant):
        place["properties"] = {"tenant": row.tenant}
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(report.scope, safe="/-._~")},
            "region": {"startLine": 1},
        },
        "logicalLocations": [place],
    }


def _list_notifications(report: ReportView) -> Iterator[dict[str, object]]:
    for group in report.groups:
        for row in report.list_rows_of_group(group) if group.state is ComplianceState.ERROR else ():
            yield {
                "level": "error",
                "message": {"text": f"{label_resource(report, row)}: {row.assessment.description}"},
                "associatedRule": {"id": row.assessment.key},
            }
    for (state, cause), count in report.causes.items():
        if state is ComplianceState.UNKNOWN:
            yield {"level": "note", "message": {"text": f"{count} assessments ended Unknown: {cause}"}}
    for record in report.quarantine:
        text = f"quarantined: {record.place}: {record.reason}"
        yield {"level": "warning", "message": {"text": text}}
