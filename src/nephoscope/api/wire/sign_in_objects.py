"""Rows of sign-ins and directory audits as Graph's signIn and directoryAudit.

Source: https://learn.microsoft.com/graph/api/resources/signin and .../directoryaudit (v1.0 and beta)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from nephoscope.api.wire.graph_rows import Row

TEXT, LIST, OBJECT, NUMBER, FLAG = "text", "list", "object", "number", "flag"


@dataclass(frozen=True, slots=True)
class GraphProperty:
    """A property, the column it comes from, and its JSON type."""

    name: str
    column: str
    kind: str = TEXT


def _read_properties(*several: str) -> tuple[GraphProperty, ...]:
    """Read `property=Column:type`; the column is the property with a capital where none is named."""
    found = []
    for one in several:
        name, _, kind = one.partition(":")
        name, _, column = name.partition("=")
        found.append(GraphProperty(name, column or f"{name[:1].upper()}{name[1:]}", kind or TEXT))
    return tuple(found)


SIGN_IN = _read_properties(
    "id", "createdDateTime", "userDisplayName", "userPrincipalName", "userId", "appId", "appDisplayName",
    "ipAddress=IPAddress", "clientAppUsed", "correlationId", "conditionalAccessStatus", "isInteractive:flag", "riskDetail",
    "riskLevelAggregated", "riskLevelDuringSignIn", "riskState", "riskEventTypes:list",
    "riskEventTypes_v2=RiskEventTypes_V2:list", "resourceDisplayName", "resourceId=ResourceIdentity",
    "status:object", "deviceDetail:object", "location=LocationDetails:object",
    "appliedConditionalAccessPolicies=ConditionalAccessPolicies:list",
)  # fmt: skip
SIGN_IN_BETA = _read_properties(
    "userAgent", "userType", "authenticationRequirement", "originalRequestId", "tokenIssuerName", "tokenIssuerType",
    "processingTimeInMilliseconds:number", "authenticationMethodsUsed:list", "authenticationDetails:list",
    "authenticationProcessingDetails:list", "authenticationRequirementPolicies:list", "authenticationContextClassReferences:list",
    "sessionLifetimePolicies:list", "networkLocationDetails:list", "alternateSignInName", "servicePrincipalName",
    "servicePrincipalId", "mfaDetail:object", "homeTenantId", "resourceTenantId", "crossTenantAccessType",
    "autonomousSystemNumber:number", "uniqueTokenIdentifier", "incomingTokenType", "authenticationProtocol", "sessionId",
    "flaggedForReview:flag",
)  # fmt: skip
DIRECTORY_AUDIT = _read_properties(
    "id", "category", "correlationId", "result", "resultReason", "activityDisplayName", "activityDateTime", "loggedByService",
    "operationType=AADOperationType", "initiatedBy:object", "targetResources:list", "additionalDetails:list",
)  # fmt: skip
#: Members that Graph gives of an object, whether they are known or not.
_MEMBERS: Mapping[str, Mapping[str, object]] = {
    "status": {"errorCode": 0, "failureReason": None, "additionalDetails": None},
    "deviceDetail": {
        "deviceId": "", "displayName": "", "operatingSystem": "", "browser": "", "isCompliant": None, "isManaged": None,
        "trustType": None,
    },
    "location": {"city": "", "state": "", "countryOrRegion": "", "geoCoordinates": {}},
}  # fmt: skip
_NONE_OF_RISK = frozenset({"riskDetail", "riskLevelAggregated", "riskLevelDuringSignIn", "riskState"})


def to_sign_in(row: Row, *, beta: bool) -> Row:
    """Return a row of a table of sign-ins as Graph's signIn; beta tells more."""
    found = {one.name: _read_graph_property(row, one) for one in (*SIGN_IN, *(SIGN_IN_BETA if beta else ()))}
    for name in _NONE_OF_RISK:
        found[name] = found[name] or "none"
    found["createdDateTime"] = found["createdDateTime"] or row["TimeGenerated"]
    status = found["status"]
    if isinstance(status, dict) and not row.get("Status"):
        code = str(row.get("ResultType") or "0")
        status["errorCode"] = int(code) if code.isdecimal() else 0
        status["failureReason"] = row.get("ResultDescription") or None
    return found


def to_directory_audit(row: Row) -> Row:
    """Return a row of AuditLogs as Graph's directoryAudit."""
    found = {one.name: _read_graph_property(row, one) for one in DIRECTORY_AUDIT}
    found["activityDateTime"] = found["activityDateTime"] or row["TimeGenerated"]
    found["activityDisplayName"] = found["activityDisplayName"] or row.get("OperationName") or ""
    return found


def _read_graph_property(row: Row, wanted: GraphProperty) -> object:
    value = row.get(wanted.column)
    match wanted.kind:
        case "list":
            several = _decode_json_text(value)
            return several if isinstance(several, list) else []
        case "object":
            given, members = _decode_json_text(value), _MEMBERS.get(wanted.name)
            if members is None:
                return given or None
            return {**members, **(given if isinstance(given, dict) else {})}
        case "number":
            text = "" if value is None else str(value)
            return int(text) if text.isdecimal() else None
        case _:
            return value


def _decode_json_text(value: object) -> object:
    """Return JSON that a table has as text: what is no JSON is nothing."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value) if value else None
    except msgspec.DecodeError:
        return None
