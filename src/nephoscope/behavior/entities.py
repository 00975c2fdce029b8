"""The entities of an anomaly, and what an id says of an account that the directory does not have.

Source: https://learn.microsoft.com/azure/sentinel/entities-reference
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The kind of what a machine does; others are `user` and `app`.
HOST = "host"


def build_entities(row: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The entities of a row of BehaviorAnalytics that tells of an entity of a kind: as `SecurityAlert.Entities` has them."""
    found = [
        {"Type": "host", **_build_host(row["Device"])}
        if kind == HOST
        else {"Type": "account", **_build_account(row)}
    ]
    if row["Device"] and kind != HOST:
        found.append({"Type": "host", **_build_host(row["Device"])})
    if row["SourceIPAddress"]:
        found.append({"Type": "ip", "Address": row["SourceIPAddress"]})
    if row["_ResourceId"]:
        found.append({"Type": "azure-resource", "ResourceId": row["_ResourceId"]})
    return [{"$id": str(at), **one} for at, one in enumerate(found, 1)]


def describe_unlisted_account(id_: str) -> dict[str, object]:
    """Insights of an account that no directory has: an object id, or the domain of a name."""
    if _is_object_id(id_):
        return {"AccountObjectID": id_}
    domain = id_.partition("\\")[0] if "\\" in id_ else id_.partition("@")[2]
    return {"AccountDomain": domain} if domain else {}


def _build_account(row: Mapping[str, Any]) -> dict[str, str]:
    """Its object id where it has one, and its name with the domain that it is of."""
    principal, insights = str(row["UserPrincipalName"]), row["UsersInsights"]
    domain, slash, name = principal.partition("\\")
    found = (
        {"Name": name, "NTDomain": domain}
        if slash
        else {"Name": row["UserName"], "UPNSuffix": principal.partition("@")[2]}
    )
    found["AadUserId"] = insights.get("AccountObjectID", "")
    return {name: value for name, value in found.items() if value}


def _build_host(name: str) -> dict[str, str]:
    short, _, domain = name.partition(".")
    return {"HostName": short, **({"DnsDomain": domain} if domain else {})}


def _is_object_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
