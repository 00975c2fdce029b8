"""Entities and alerts as Microsoft.SecurityInsights tells of them.

Source: https://learn.microsoft.com/rest/api/securityinsights/entities (2025-07-01-preview), incidents/list-entities (2023-02-01)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from nephoscope.alerts.investigation.entity_context import EntityContext
from nephoscope.alerts.investigation.estate_reader import EstateReader
from nephoscope.alerts.investigation.known_entities import build_entity_id
from nephoscope.alerts.investigation.participants import InvolvedEntity
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.workspace_lookup import build_workspace_path
from nephoscope.estate.estate_store import StoreError
from nephoscope.lake.errors import LakeError
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert

TYPE = "Microsoft.SecurityInsights/entities"
#: Kinds whose names differ from those of alerts, and their identifiers.
_KINDS = {"IP": "Ip", "URL": "Url", "DNS": "DnsResolution"}
_PROPERTIES = {
    ("Account", "Name"): "accountName",
    ("CloudApplication", "Name"): "appName",
    ("File", "Name"): "fileName",
    ("FileHash", "Value"): "hashValue",
    ("Host", "AzureID"): "azureID",
    ("Host", "OMSAgentID"): "omsAgentID",
    ("Host", "OSFamily"): "osFamily",
    ("Host", "OSVersion"): "osVersion",
    ("Malware", "Name"): "malwareName",
    ("RegistryValue", "Name"): "valueName",
    ("RegistryValue", "Value"): "valueData",
}
_UPPER = {"NTDomain": "ntDomain", "PUID": "puid", "SID": "sid", "UPNSuffix": "upnSuffix"}
_TRUTHS = {"true": True, "false": False}


def find_entity_kind(entity: Entity) -> str:
    """The kind of an entity in the words of the API."""
    return _KINDS.get(entity.kind, entity.kind)


def build_entity_bodies(
    call: ApiCall, workspace: str, involved: Sequence[InvolvedEntity]
) -> list[dict[str, object]]:
    """Entities in the shape of the API, with what the estate knows of each in `additionalData.estate`, as the caller may read it."""
    contexts = describe(call, involved) or [None] * len(involved)
    return [
        build_entity_body(call, workspace, one.entity, found)
        for one, found in zip(involved, contexts, strict=True)
    ]


def describe(call: ApiCall, involved: Sequence[InvolvedEntity]) -> list[EntityContext | None] | None:
    """The contexts of entities, None where the caller reaches no collected estate; Fault where the estate cannot be read."""
    try:
        return call.instance.entity_contexts.describe(involved, EstateReader.of(call.caller))
    except (StoreError, LakeError) as error:
        raise ApiError(500, "EstateUnreadable", f"The estate cannot be read: {error}") from error


def build_entity_body(
    call: ApiCall, workspace: str, entity: Entity, context: EntityContext | None = None
) -> dict[str, object]:
    """An entity in the shape of the API; `context` is told in its additional data."""
    name = build_entity_id(workspace, entity.key)
    more = {"additionalData": {"estate": context.document()}} if context is not None else {}
    return {
        "id": f"{build_workspace_path(call, workspace)}/entities/{name}",
        "name": name,
        "type": TYPE,
        "kind": find_entity_kind(entity),
        "properties": {
            "friendlyName": entity.title,
            **{
                _map_property_name(entity.kind, key): _to_json_value(key, value)
                for key, value in entity.identifiers
            },
            **more,
        },
    }


def _map_property_name(kind: str, identifier: str) -> str:
    known = _PROPERTIES.get((kind, identifier)) or _UPPER.get(identifier)
    return known or identifier[:1].lower() + identifier[1:]


def _to_json_value(identifier: str, value: str) -> object:
    return _TRUTHS.get(value.lower(), value) if identifier.startswith("Is") else value


def build_alert_body(call: ApiCall, workspace: str, alert: StoredAlert) -> dict[str, object]:
    """An alert as an entity."""
    row = alert.document
    return {
        "id": f"{build_workspace_path(call, workspace)}/entities/{row['SystemAlertId']}",
        "name": row["SystemAlertId"],
        "type": TYPE,
        "kind": "SecurityAlert",
        "properties": {
            "systemAlertId": row["SystemAlertId"],
            "alertDisplayName": row["AlertName"],
            "description": row["Description"],
            "severity": row["AlertSeverity"],
            "status": row["Status"],
            "vendorName": row["VendorName"],
            "productName": row["ProductName"],
            "alertType": row["AlertType"],
            "startTimeUtc": row["StartTime"],
            "endTimeUtc": row["EndTime"],
            "timeGenerated": row["TimeGenerated"],
            "compromisedEntity": row["CompromisedEntity"],
            "tactics": [one for one in str(row["Tactics"]).split(", ") if one],
            "additionalData": json.loads(row["ExtendedProperties"] or "{}"),
            "friendlyName": row["AlertName"],
        },
    }


def count_kinds(bodies: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """Count how many entities there are of each kind."""
    counts = Counter(str(one["kind"]) for one in bodies)
    return [{"entityKind": kind, "count": count} for kind, count in sorted(counts.items())]
