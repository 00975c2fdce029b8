"""Append what happened to a table of a workspace, as Azure's continuous export does: in the transaction that notes the run, so once.

Source: https://learn.microsoft.com/azure/defender-for-cloud/continuous-export (tables)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from nephoscope.automation.action import ActionError, ActionKind, ActionOutcome
from nephoscope.automation.run_records import to_records
from nephoscope.state.automation.automation_runs import AutomationRun

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State

Row = dict[str, Any]


class TableActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the table action: the destination workspace."""

    workspace: Annotated[str, Meta(description="Destination workspace.", min_length=1)] = "default"


def change(
    settings: TableActionSettings, run: AutomationRun, state: State, session: Session, now: datetime
) -> ActionOutcome:
    """Add a row a record to what waits for the lake."""
    if state.workspaces.find(settings.workspace) is None:
        raise ActionError(
            f"workspace {settings.workspace!r} not found: create it with nephoscope workspaces add",
            again=False,
        )
    if settings.workspace == run.workspace and run.kind.startswith(("alert.", "incident.")):
        return ActionOutcome("skipped: the workspace already has these alerts and incidents")
    rows = [_build_row(record, run, now) for _, record in to_records(run)]
    state.outbox.add_many(session, settings.workspace, rows)
    return ActionOutcome(
        f"{len(rows)} rows to {', '.join(sorted({name for name, _ in rows}))} of {settings.workspace}"
    )


def _build_row(record: Row, run: AutomationRun, now: datetime) -> tuple[str, Row]:
    if run.kind.startswith("alert."):
        return "SecurityAlert", {name: value for name, value in record.items() if name != "Entities"}
    if run.kind.startswith("incident."):
        return "SecurityIncident", {
            name: value for name, value in record.items() if name not in ("Entities", "Alerts")
        }
    if "type" not in record:
        raise ActionError(f"no table accepts events of the kind {run.kind}", again=False)
    make = _TABLES.get(str(record.get("type", "")).lower())
    if make is None:
        raise ActionError(f"no table accepts documents of type {record.get('type')}", again=False)
    table, columns = make(record)
    common = {
        "TimeGenerated": now.isoformat(),
        "IsSnapshot": run.kind.endswith(".snapshot"),
        "Properties": record["properties"],
        "ResourceProviderType": record["type"],
        "SourceSystem": "nephoscope",
    }
    return table, {**common, **columns}


def _build_assessment_row(record: Row) -> tuple[str, Row]:
    properties = record["properties"]
    status, about = properties["status"], properties.get("metadata") or {}
    resource = str(properties["resourceDetails"].get("id") or "")
    return "SecurityRecommendation", {
        "AssessedResourceId": resource,
        "_ResourceId": resource,
        "RecommendationId": record["id"],
        "RecommendationName": record["name"],
        "RecommendationDisplayName": properties["displayName"],
        "RecommendationSeverity": about.get("severity"),
        "RecommendationState": status["code"],
        "NotApplicableReason": status.get("cause") if status["code"] == "NotApplicable" else None,
        "Description": about.get("description"),
        "RemediationDescription": about.get("remediationDescription"),
        "PolicyDefinitionId": about.get("policyDefinitionId"),
        "FirstEvaluationDate": status.get("firstEvaluationDate"),
        "StatusChangeDate": status.get("statusChangeDate"),
        "Environment": "Azure",
        "RecommendationAdditionalData": properties.get("additionalData"),
    }


def _build_sub_assessment_row(record: Row) -> tuple[str, Row]:
    properties = record["properties"]
    resource = str(properties["resourceDetails"].get("id") or "")
    return "SecurityNestedRecommendation", {
        "AssessedResourceId": resource,
        "_ResourceId": resource,
        "NestedRecommendationId": record["id"],
        "Id": properties.get("id"),
        "ParentRecommendationId": str(record["id"]).lower().rpartition("/subassessments/")[0],
        "RecommendationName": properties.get("displayName"),
        "RecommendationSeverity": properties["status"].get("severity"),
        "RecommendationState": properties["status"]["code"],
        "Cause": properties["status"].get("cause"),
        "Category": properties.get("category"),
        "Description": properties.get("description"),
        "Impact": properties.get("impact"),
        "RemediationDescription": properties.get("remediation"),
        "AdditionalData": properties.get("additionalData"),
        "ResourceDetails": properties["resourceDetails"],
        "SubAssessmentTimeGeneration": properties.get("timeGenerated"),
        "VulnerabilityId": properties.get("id"),
    }


def _build_score_row(record: Row) -> tuple[str, Row]:
    properties = record["properties"]
    return "SecureScores", {
        "AssessedResourceId": record["id"],
        "DisplayName": properties["displayName"],
        "CurrentScore": properties["score"]["current"],
        "Environment": "Azure",
        "MaxScore": properties["score"]["max"],
        "PercentageScore": properties["score"]["percentage"],
        "Weight": properties.get("weight"),
        "SecureScoresSubscriptionId": _extract_subscription(record),
        "_ResourceId": _format_scope(record),
    }


def _build_control_row(record: Row) -> tuple[str, Row]:
    properties = record["properties"]
    return "SecureScoreControls", {
        "AssessedResourceId": record["id"],
        "ControlId": record["name"],
        "ControlName": properties["displayName"],
        "Environment": "Azure",
        "CurrentScore": properties["score"]["current"],
        "MaxScore": properties["score"]["max"],
        "PercentageScore": properties["score"]["percentage"],
        "HealthyResources": properties["healthyResourceCount"],
        "UnhealthyResources": properties["unhealthyResourceCount"],
        "NotApplicableResources": properties["notApplicableResourceCount"],
        "Weight": properties.get("weight"),
        "SecureScoresSubscriptionId": _extract_subscription(record),
        "_ResourceId": _format_scope(record),
    }


def _build_compliance(record: Row) -> tuple[str, Row]:
    properties, parts = record["properties"], str(record["id"]).split("/")
    names = {part.lower(): parts[at + 1] for at, part in enumerate(parts[:-1])}
    return "SecurityRegulatoryCompliance", {
        "AssessedResourceId": record["id"],
        "ComplianceStandard": names.get("regulatorycompliancestandards"),
        "ComplianceControl": names.get("regulatorycompliancecontrols"),
        "RecommendationId": record["name"],
        "RecommendationName": properties["description"],
        "State": properties["state"],
        "PassedResources": properties["passedResources"],
        "FailedResources": properties["failedResources"],
        "SkippedResources": properties["skippedResources"],
        "RegulatoryComplianceSubscriptionId": _extract_subscription(record),
        "_ResourceId": _format_scope(record),
    }


def _extract_subscription(record: Row) -> str:
    return str(record["id"]).split("/")[2]


def _format_scope(record: Row) -> str:
    return f"/subscriptions/{_extract_subscription(record)}"


_TABLES: Mapping[str, Callable[[Row], tuple[str, Row]]] = {
    "microsoft.security/assessments": _build_assessment_row,
    "microsoft.security/assessments/subassessments": _build_sub_assessment_row,
    "microsoft.security/securescores": _build_score_row,
    "microsoft.security/securescores/securescorecontrols": _build_control_row,
    "microsoft.security/regulatorycompliancestandards/regulatorycompliancecontrols/regulatorycomplianceassessments": _build_compliance,
}
KIND = ActionKind("table", "Append to a table of a workspace", TableActionSettings, change=change, batch=500)
