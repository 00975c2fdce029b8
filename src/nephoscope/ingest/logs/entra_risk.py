"""Identity risk of Entra ID: risky users and service principals, and the risk detections on them.

As diagnostic settings stream them and as Microsoft Graph gives them. `additionalInfo` is JSON text of [{Key, Value}].
Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/aaduserriskevents
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.categories import build_row, read_category
from nephoscope.ingest.logs.column_filling import Filling
from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_TABLES: Mapping[str, str] = MappingProxyType(
    {
        "riskyusers": "AADRiskyUsers",
        "userriskevents": "AADUserRiskEvents",
        "riskyserviceprincipals": "AADRiskyServicePrincipals",
        "serviceprincipalriskevents": "AADServicePrincipalRiskEvents",
    }
)

_TIMES = ("detectedDateTime", "riskLastUpdatedDateTime", "lastUpdatedDateTime", "activityDateTime")
_DETECTION = frozenset({"riskEventType", "riskType", "detectedDateTime", "detectionTimingType", "activity"})
_LEVEL = frozenset({"riskState", "riskLevel", "riskDetail"})
_RISKY = _LEVEL | {"riskLastUpdatedDateTime"}
#: Members that a sign-in, which has a state and detail of risk too, has not.
_OF_RISKY = frozenset({"riskLevel", "riskLastUpdatedDateTime"})
_USER = frozenset({"userPrincipalName", "userDisplayName", "userId", "isDeleted"})
_APPLICATION = frozenset(
    {
        *("servicePrincipalId", "servicePrincipalDisplayName", "servicePrincipalType", "appId", "keyIds"),
        *("isEnabled", "displayName"),
    }
)


@dataclass(frozen=True, slots=True)
class EntraRiskFormat:
    """The format of identity risk."""

    name: str = "entra-risk"
    title: str = "Entra ID risk: users, service principals, detections"
    tables: tuple[str, ...] = tuple(_TABLES.values())
    fillings: dict[str, Filling] = field(default_factory=dict)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it is a record of a risk category, or one of Graph's four objects."""
        return read_category(record) in _TABLES or _detect_graph_category(record) != ""

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a user, service principal or detection."""
        category = read_category(record)
        if category not in _TABLES:
            category = _detect_graph_category(record)
            name = next((name for name in _TIMES if name in record), "")
            record = {**({"time": record[name]} if name else {}), "properties": record}
        table = _TABLES[category]
        yield build_row(record, context, self.fillings.setdefault(table, Filling(table)), _shape_risk_record)


def _shape_risk_record(
    record: dict[str, object], properties: dict[str, object], values: dict[str, object]
) -> None:
    """The record's own category, identity and place say nothing of the risk; older records have the type of an event as `riskType`."""
    if properties.get("riskType") and not properties.get("riskEventType"):
        values["RiskEventType"] = to_text(properties["riskType"])
    for name in ("category", "Category"):
        record.pop(name, None)
    if not record.get("location"):
        record.pop("location", None)


def _detect_graph_category(record: dict[str, object]) -> str:
    """The category that one of Graph's objects would be streamed under, '' = none of them.

    Each is known by several members, for Graph leaves out what its reader does not select, and most may be null.
    """
    if "properties" in record:
        return ""
    application = not _APPLICATION.isdisjoint(record) and _USER.isdisjoint(record)
    if not _DETECTION.isdisjoint(record) and not _LEVEL.isdisjoint(record):
        return "serviceprincipalriskevents" if application else "userriskevents"
    if len(_RISKY & record.keys()) > 1 and not _OF_RISKY.isdisjoint(record):
        return "riskyserviceprincipals" if application else "riskyusers"
    return ""


FORMAT = EntraRiskFormat()
