"""Risks as rows of the lake's tables: what a change appends, and what Microsoft's own risk logs say.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/aadriskyusers and .../aaduserriskevents
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.identity_risk import (
    IdentityKind,
    RiskDetection,
    RiskHistoryItem,
    RiskyIdentity,
    read_level,
    read_state,
)
from nephoscope.model.utc_time import assume_utc
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns, to_json_value
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

#: Who the rows of the product's own risks are from.
SOURCE = "nephoscope"
LakeRow = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RiskTables:
    """The tables of a kind of identity: its risks and its detections."""

    risky: str
    detections: str
    id: str
    name: str


TABLES = {
    IdentityKind.USER: RiskTables("AADRiskyUsers", "AADUserRiskEvents", "UserId", "UserDisplayName"),
    IdentityKind.SERVICE_PRINCIPAL: RiskTables(
        "AADRiskyServicePrincipals", "AADServicePrincipalRiskEvents", "ServicePrincipalId", "ServicePrincipalDisplayName"
    ),
    IdentityKind.AGENT: RiskTables("AADRiskyAgents", "AADAgentRiskEvents", "AgentId", "AgentDisplayName"),
}  # fmt: skip


def build_identity_row(item: RiskHistoryItem, operation: str) -> dict[str, object]:
    """Return the row that a change of a risky identity appends."""
    one = item.identity
    row: dict[str, object] = {
        "TimeGenerated": one.updated.isoformat(), "Id": one.id, "RiskLevel": one.level.value, "RiskState": one.state.value,
        "RiskDetail": one.detail, "IsProcessing": one.processing, "SourceSystem": SOURCE, "OperationName": operation,
    }  # fmt: skip
    changed = one.updated.isoformat()
    match one.kind:
        case IdentityKind.USER:
            names = {
                "UserDisplayName": one.display_name,
                "UserPrincipalName": one.name,
                "IsDeleted": one.deleted,
            }
            return {**row, **names, "RiskLastUpdatedDateTime": changed}
        case IdentityKind.SERVICE_PRINCIPAL:
            names = {"DisplayName": one.display_name, "AppId": one.app_id, "AccountEnabled": one.enabled}
            kinds = {"ServicePrincipalType": one.principal_type, "RiskLastUpdatedDateTime": changed}
            return {**row, **names, **kinds}
        case IdentityKind.AGENT:
            names = {"AgentDisplayName": one.display_name, "IsDeleted": one.deleted, "IsEnabled": one.enabled}
            return {**row, **names, "IdentityType": one.principal_type, "RiskLastModifiedDateTime": changed}


def build_detection_row(one: RiskDetection, operation: str) -> dict[str, object]:
    """Return the row that a change of a risk detection appends."""
    tables, changed = TABLES[one.kind], one.updated.isoformat()
    row: dict[str, object] = {
        "TimeGenerated": changed, "Id": one.id, tables.id: one.identity, tables.name: one.display_name,
        "RiskEventType": one.event_type, "RiskLevel": one.level.value, "RiskState": one.state.value, "RiskDetail": one.detail,
        "ActivityDateTime": one.happened.isoformat(), "DetectedDateTime": one.detected.isoformat(),
        "AdditionalInfo": build_additional_info(one), "CorrelationId": one.correlation, "SourceSystem": SOURCE,
        "OperationName": operation,
    }  # fmt: skip
    if one.kind is IdentityKind.AGENT:
        return {**row, "LastModifiedDateTime": changed, "RiskEvidence": "; ".join(one.reasons)}
    row |= {
        "LastUpdatedDateTime": changed, "DetectionTimingType": one.timing, "Activity": one.activity, "Source": one.source,
        "TokenIssuerType": one.issuer, "RequestId": one.request, "IpAddress": one.address, "Location": one.location,
    }  # fmt: skip
    if one.kind is IdentityKind.USER:
        return {**row, "UserPrincipalName": one.name}
    return {**row, "AppId": one.app_id, "KeyIds": one.key_ids}


def build_additional_info(one: RiskDetection) -> list[dict[str, object]]:
    """Return the additional information of a detection, its reasons and techniques included."""
    found = list(one.additional)
    if one.reasons:
        found.append({"Key": "riskReasons", "Value": one.reasons})
    if one.techniques:
        found.append({"Key": "mitreTechniques", "Value": ",".join(one.techniques)})
    return found


def read_identity(row: LakeRow, kind: IdentityKind) -> RiskyIdentity:
    """Return the risky identity that a row of its table says."""
    changed = (
        row.get("RiskLastUpdatedDateTime") or row.get("RiskLastModifiedDateTime") or row["TimeGenerated"]
    )
    return RiskyIdentity(
        kind=kind, id=_read_text(row, "Id"), level=read_level(row.get("RiskLevel")), state=read_state(row.get("RiskState")),
        detail=_read_text(row, "RiskDetail") or "none", updated=_parse_time(changed), name=_read_text(row, "UserPrincipalName"),
        display_name=_read_text(row, "UserDisplayName") or _read_text(row, "DisplayName") or _read_text(row, "AgentDisplayName"),
        deleted=bool(row.get("IsDeleted")), processing=bool(row.get("IsProcessing")), app_id=_read_text(row, "AppId"),
        enabled=row.get("AccountEnabled", row.get("IsEnabled")) is not False,
        principal_type=_read_text(row, "ServicePrincipalType") or _read_text(row, "IdentityType"),
    )  # fmt: skip


def read_detection(row: LakeRow, kind: IdentityKind) -> RiskDetection:
    """Return the risk detection that a row of its table says."""
    tables, given = TABLES[kind], row.get("AdditionalInfo")
    more = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    location, happened = row.get("Location"), _parse_time(row.get("ActivityDateTime") or row["TimeGenerated"])
    changed = row.get("LastUpdatedDateTime") or row.get("LastModifiedDateTime") or row["TimeGenerated"]
    keys = row.get("KeyIds")
    return RiskDetection(
        id=_read_text(row, "Id"), kind=kind, identity=_read_text(row, tables.id), event_type=_read_text(row, "RiskEventType"),
        level=read_level(row.get("RiskLevel")), state=read_state(row.get("RiskState")),
        detail=_read_text(row, "RiskDetail") or "none", happened=happened,
        detected=_parse_time(row.get("DetectedDateTime") or happened), updated=_parse_time(changed),
        timing=_read_text(row, "DetectionTimingType") or "notDefined", activity=_read_text(row, "Activity") or "signin",
        source=_read_text(row, "Source"), issuer=_read_text(row, "TokenIssuerType"), request=_read_text(row, "RequestId"),
        correlation=_read_text(row, "CorrelationId"), address=_read_text(row, "IpAddress"),
        location=location if isinstance(location, dict) else {}, name=_read_text(row, "UserPrincipalName"),
        display_name=_read_text(row, tables.name), app_id=_read_text(row, "AppId"),
        key_ids=[str(one) for one in keys] if isinstance(keys, list) else [], additional=more,
    )  # fmt: skip


def query_lake(
    lake: Lake, text: str, workspace: str, *, span: RowSpan | None = None, timeout: float | None = None
) -> list[dict[str, object]]:
    """Return the rows of a query as JSON values, dynamic columns decoded."""
    table = lake.rows(text, workspace=workspace, span=span, timeout=timeout)
    columns = list_typed_columns(table)
    return [
        {name: _to_json_value(value, kind) for (name, kind), value in zip(columns, row, strict=True)}
        for row in iterate_rows(table)
    ]


def _to_json_value(value: object, kind: KqlType) -> object:
    if kind is KqlType.DYNAMIC and isinstance(value, str):
        found: Any = msgspec.json.decode(value) if value else None
        return found
    return to_json_value(value, kind)


def _read_text(row: LakeRow, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _parse_time(value: object) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return assume_utc(found)


def map_newest_by_key(rows: Iterable[RiskyIdentity]) -> dict[str, RiskyIdentity]:
    """Return identities by key, the last changed of each."""
    found: dict[str, RiskyIdentity] = {}
    for one in rows:
        if one.key not in found or found[one.key].updated <= one.updated:
            found[one.key] = one
    return found
