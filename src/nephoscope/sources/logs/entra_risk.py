"""Identity risk of Entra ID: risky users and service principals, and the risk detections on them.

As diagnostic settings stream them and as Microsoft Graph gives them. `additionalInfo` is JSON text of [{Key, Value}].
Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/aaduserriskevents
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nephoscope.sources.logs.categories import category_of, row_of
from nephoscope.sources.logs.filling import Filling
from nephoscope.sources.logs.format import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.sources.logs.format import Context, Fault

_TABLES: Mapping[str, str] = MappingProxyType(
    {
        "riskyusers": "AADRiskyUsers",
        "userriskevents": "AADUserRiskEvents",
        "riskyserviceprincipals": "AADRiskyServicePrincipals",
        "serviceprincipalriskevents": "AADServicePrincipalRiskEvents",
    }
)


@dataclass(frozen=True, slots=True)
class EntraRisk:
    """The format of identity risk."""

    name: str = "entra-risk"
    title: str = "Entra ID risk: users, service principals, detections"
    tables: tuple[str, ...] = tuple(_TABLES.values())
    fillings: dict[str, Filling] = field(default_factory=dict)

    def recognises(self, record: dict[str, Any]) -> bool:
        """Whether it is a record of a risk category, or one of Graph's four objects."""
        return category_of(record) in _TABLES or _category_of_graph(record) != ""

    def rows(self, record: dict[str, Any], context: Context) -> Iterator[Row | Fault]:
        """The row of a user, service principal or detection."""
        category = category_of(record)
        if category not in _TABLES:
            category = _category_of_graph(record)
            names = ("detectedDateTime", "riskLastUpdatedDateTime")
            record = {"time": next(record[name] for name in names if name in record), "properties": record}
        table = _TABLES[category]
        yield row_of(record, context, self.fillings.setdefault(table, Filling(table)), _shape)


def _shape(record: dict[str, Any], _properties: dict[str, Any], _values: dict[str, Any]) -> None:
    """The record's own category, identity and place say nothing of the risk."""
    for name in ("category", "Category"):
        record.pop(name, None)
    if not record.get("location"):
        record.pop("location", None)


def _category_of_graph(record: dict[str, Any]) -> str:
    """The category that one of Graph's objects would be streamed under, '' = none of them."""
    if "riskState" not in record or "properties" in record:
        return ""
    if "riskEventType" in record and "detectedDateTime" in record:
        return "serviceprincipalriskevents" if record.get("servicePrincipalId") else "userriskevents"
    if "riskLastUpdatedDateTime" in record:
        return "riskyusers" if "userPrincipalName" in record else "riskyserviceprincipals"
    return ""


FORMAT = EntraRisk()
