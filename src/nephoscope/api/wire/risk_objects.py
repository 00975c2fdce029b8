"""Risks as objects of Microsoft Graph.

Source: https://learn.microsoft.com/graph/api/resources/riskyuser, .../riskdetection, .../riskyserviceprincipal,
.../serviceprincipalriskdetection, .../riskyuserhistoryitem (v1.0), .../riskyagent, .../agentriskdetection (beta)
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from nephoscope.api.wire.graph_rows import Row
from nephoscope.identity.risk_rows import build_additional_info
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskHistoryItem, RiskyIdentity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_risky_identity_row(one: RiskyIdentity) -> Row:
    """Return a risky identity as riskyUser, riskyServicePrincipal or riskyAgent."""
    risk: Row = {
        "isProcessing": one.processing, "riskLevel": one.level.value, "riskState": one.state.value, "riskDetail": one.detail,
    }  # fmt: skip
    match one.kind:
        case IdentityKind.USER:
            names = {"userDisplayName": one.display_name, "userPrincipalName": one.name}
            changed = {"riskLastUpdatedDateTime": to_time(one.updated)}
            return {"id": one.id, "isDeleted": one.deleted, **risk, **changed, **names}
        case IdentityKind.SERVICE_PRINCIPAL:
            return {
                "id": one.id, "appId": one.app_id, "displayName": one.display_name, "isEnabled": one.enabled,
                "servicePrincipalType": one.principal_type or None, "riskLastUpdatedDateTime": to_time(one.updated), **risk,
            }  # fmt: skip
        case IdentityKind.AGENT:
            return {
                "id": one.id, "agentDisplayName": one.display_name, "identityType": one.principal_type or None,
                "isDeleted": one.deleted, "isEnabled": one.enabled, "riskLastModifiedDateTime": to_time(one.updated), **risk,
            }  # fmt: skip


def to_history_item(item: RiskHistoryItem, *, beta: bool) -> Row:
    """Return a change of a risk as an item of the history; its id is the identity's with the milliseconds of the change."""
    one = item.identity
    activity: Row = {"detail": one.detail, "riskEventTypes": item.event_types}
    if beta:
        activity["eventTypes"] = item.event_types
    found = {
        **to_risky_identity_row(one),
        "id": f"{one.id}-{(one.updated - _EPOCH) // timedelta(milliseconds=1)}",
    }
    if one.kind is IdentityKind.USER:
        found |= {"userId": one.id, "isGuest": "#ext#" in one.name.lower()}
    else:
        found["servicePrincipalId"] = one.id
    return {**found, "initiatedBy": item.initiated_by or None, "activity": activity}


def to_risk_detection(one: RiskDetection, *, beta: bool) -> Row:
    """Return a detection as riskDetection, servicePrincipalRiskDetection or agentRiskDetection."""
    found: Row = {
        "id": one.id, "riskEventType": one.event_type, "riskState": one.state.value, "riskLevel": one.level.value,
        "riskDetail": one.detail, "detectionTimingType": one.timing, "activityDateTime": to_time(one.happened),
        "detectedDateTime": to_time(one.detected), "additionalInfo": msgspec.json.encode(build_additional_info(one)).decode(),
    }  # fmt: skip
    if one.kind is IdentityKind.AGENT:
        names = {"agentId": one.identity, "agentDisplayName": one.display_name}
        return {
            **found,
            **names,
            "lastModifiedDateTime": to_time(one.updated),
            "riskEvidence": "; ".join(one.reasons),
        }
    found |= {
        "requestId": one.request or None, "correlationId": one.correlation or None, "source": one.source,
        "activity": one.activity, "tokenIssuerType": one.issuer, "ipAddress": one.address or None,
        "location": one.location or None, "lastUpdatedDateTime": to_time(one.updated),
    }  # fmt: skip
    if one.kind is IdentityKind.SERVICE_PRINCIPAL:
        names = {"servicePrincipalId": one.identity, "servicePrincipalDisplayName": one.display_name}
        return {**found, **names, "appId": one.app_id, "keyIds": one.key_ids}
    if beta:
        found |= {"riskType": one.event_type, "mitreTechniqueId": ",".join(one.techniques) or None}
    return {
        **found,
        "userId": one.identity,
        "userDisplayName": one.display_name,
        "userPrincipalName": one.name,
    }


def to_time(moment: datetime) -> str:
    """Return a time as Graph writes it."""
    return moment.isoformat().replace("+00:00", "Z")
