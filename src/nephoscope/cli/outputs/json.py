"""JSON: the whole report, one assessment a line, so that it can be streamed and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import msgspec

from nephoscope.estate.coverage import build_manifest_members
from nephoscope.posture.reports.report import SCHEMA_VERSION
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import FindingChange
    from nephoscope.posture.recommendations.report_row import ReportRow
    from nephoscope.posture.recommendations.score import ControlScore, SecureScore
    from nephoscope.posture.reports.report_interface import ReportView
    from nephoscope_policy.model.assessment import Reason

READS = RowSelection(reasons=frozenset(ComplianceState) - {ComplianceState.NOT_APPLICABLE})
_encoder = msgspec.json.Encoder(enc_hook=str)


def render(report: ReportView, out: TextIO) -> None:
    """Write `{schemaVersion, scope, evaluated, coverage, score, assessments, changes, summary}`."""
    head = {
        "schemaVersion": SCHEMA_VERSION,
        "scope": report.scope,
        "evaluated": report.now,
        "coverage": {
            "declared": report.coverage.declared,
            "scopes": {scope: sorted(types) for scope, types in sorted(report.coverage.scopes.items())},
            "gaps": dict(sorted(report.coverage.gaps.items())),
            "tenants": {one.tenant: build_manifest_members(one) for one in report.coverages},
        },
        "score": build_score_object(report.score),
    }
    out.write(_to_json(head)[:-1] + ',\n"assessments": [')
    out.writelines(
        (",\n" if index else "\n") + _to_json(_build_assessment(report, row))
        for index, row in enumerate(report.rows)
    )
    out.write('\n],\n"changes": [')
    out.writelines(
        ("," if index else "") + _to_json(_build_change(one)) for index, one in enumerate(report.changes)
    )
    out.write("]")
    out.write(',\n"summary": ' + _to_json(_build_summary(report)) + "}\n")


def build_score_object(score: SecureScore) -> dict[str, object]:
    """The score in the words of the secure score API; null where nothing could be judged."""
    return {
        "scored": score.is_scored,
        "current": round(score.current, 4) if score.is_scored else None,
        "max": score.max if score.is_scored else None,
        "percentage": score.percentage if score.is_scored else None,
        "subscriptions": [
            {
                "subscription": scope.subscription,
                "current": round(scope.current, 4),
                "max": scope.max,
                "percentage": scope.percentage if scope.is_scored else None,
                "weight": scope.weight,
            }
            for scope in score.subscriptions
        ],
        "controls": [_build_control(control) for control in score.controls],
    }


def _build_control(control: ControlScore) -> dict[str, object]:
    return {
        "displayName": control.control.name,
        "healthyResourceCount": control.healthy,
        "unhealthyResourceCount": control.unhealthy,
        "notApplicableResourceCount": control.not_applicable,
        "unknownResourceCount": control.unknown,
        "score": {
            "max": control.control.max_score,
            "current": round(control.current, 4),
            "percentage": control.percentage,
        },
        "potentialIncrease": round(control.potential, 4),
        "weight": control.weight,
    }


def _build_assessment(report: ReportView, row: ReportRow) -> dict[str, object]:
    item = row.assessment
    body: dict[str, object] = {
        "resource": item.resource,
        "tenant": row.tenant,
        "type": row.id.type,
        "policy": item.key,
        "displayName": row.recommendation.name,
        "severity": row.recommendation.severity,
        "severitySource": row.recommendation.severity_source,
        "state": item.state,
        "effect": item.effect,
        "reason": item.cause,
        "description": row.description,
        "initiative": item.initiative,
        "reference": item.reference,
        "assignment": item.assignment,
        "change": row.change,
    }
    if item.state is not ComplianceState.NOT_APPLICABLE:
        body["reasons"] = [_build_reason(reason) for reason in report.reasons(row)]
    return {key: value for key, value in body.items() if value not in ("", None)}


def _build_reason(reason: Reason) -> dict[str, object]:
    body = {
        "path": reason.path,
        "subject": reason.subject,
        "operator": reason.operator,
        "expected": reason.expected,
        "actual": reason.actual,
        "resource": reason.resource,
        "message": reason.message,
        "members": reason.members,
    }
    return {
        key: value for key, value in body.items() if value not in ("", ()) or key in ("expected", "actual")
    }


def _build_change(change: FindingChange) -> dict[str, object]:
    whose = {"tenant": change.tenant} if change.tenant else {}
    return {
        "change": change.kind,
        "resource": change.id,
        **whose,
        "policy": change.key,
        "before": change.before,
        "after": change.after,
    }


def _build_summary(report: ReportView) -> dict[str, object]:
    return {
        "assessments": report.states.total(),
        "shown": sum(report.groups.values()),
        "states": {state: report.states[state] for state in ComplianceState},
        "causes": [
            {"state": state, "reason": cause, "count": count}
            for (state, cause), count in sorted(report.causes.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
        "quarantined": [
            {"place": str(record.place), "reason": record.reason, "excerpt": record.excerpt}
            for record in report.quarantine
        ],
    }


def _to_json(value: object) -> str:
    return _encoder.encode(value).decode()
