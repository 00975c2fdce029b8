"""Writes resources as people export them: the ways differ in form, and some lose something."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

Bodies = list[dict[str, Any]]
TENANT = "55555555-5555-5555-5555-555555555555"
_TOP = {
    "id",
    "name",
    "type",
    "location",
    "tags",
    "kind",
    "sku",
    "identity",
    "zones",
    "plan",
    "managedBy",
    "etag",
    "extendedLocation",
}
_STORAGE = {
    "supportsHttpsTrafficOnly": "enableHttpsTrafficOnly", "networkAcls": "networkRuleSet", "isNfsV3Enabled": "enableNfsV3",
}  # fmt: skip


def graph_rows(bodies: Bodies) -> Bodies:
    """Rows of Resource Graph."""
    return [
        {
            **body,
            "tenantId": TENANT,
            "resourceGroup": _group(body),
            "subscriptionId": body["id"].split("/")[2],
        }
        for body in bodies
    ]


def graph_json(bodies: Bodies) -> str:
    return json.dumps(
        {"count": len(bodies), "data": graph_rows(bodies), "skip_token": None, "total_records": len(bodies)}
    )


def graph_csv(bodies: Bodies) -> str:
    columns = ["id", "name", "type", "tenantId", "kind", "location", "resourceGroup", "subscriptionId", "managedBy", "sku", "plan",
               "properties", "tags", "identity", "zones", "extendedLocation"]  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in graph_rows(bodies):
        cells = [row.get(name) for name in columns]
        writer.writerow(
            [json.dumps(one) if isinstance(one, dict | list) or one is None else one for one in cells]
        )
    return text.getvalue()


def spreadsheet(bodies: Bodies, separator: str, *, longest: int = 0) -> str:
    """The rows as a spreadsheet saves them; it cuts cells that are longer than its limit (`longest`)."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    for row in csv.reader(io.StringIO(graph_csv(bodies))):
        writer.writerow([cell[:longest] if longest else cell for cell in row])
    return text.getvalue()


def resource_list(bodies: Bodies) -> str:
    """`az resource list`."""
    return json.dumps(
        [
            {**{key: body.get(key) for key in sorted(_TOP - {"etag"})}, "properties": None, "provisioningState": "Succeeded",
             "createdTime": "2026-01-01T00:00:00+00:00", "changedTime": "2026-01-01T00:00:00+00:00", "resourceGroup": _group(body)}
            for body in bodies
        ]
    )  # fmt: skip


def type_list(bodies: Bodies) -> str:
    """`az <type> list` of every type, one after the other."""
    return json.dumps([flattened(body) for body in bodies])


def flattened(body: dict[str, Any]) -> dict[str, Any]:
    found = _flat(body)
    if body["type"].lower() == "microsoft.storage/storageaccounts":
        found = {_STORAGE.get(key, key): item for key, item in found.items()}
        rules = found.get("networkRuleSet") or {}
        for old, new, name in (
            ("value", "ipAddressOrRange", "ipRules"),
            ("id", "virtualNetworkResourceId", "virtualNetworkRules"),
        ):
            for rule in rules.get(name) or []:
                if old in rule:
                    rule[new] = rule.pop(old)
    return {**found, "extendedLocation": None, "resourceGroup": _group(body)}


def _flat(value: Any, *, top: bool = True) -> Any:
    if isinstance(value, list):
        return [_flat(one, top=False) for one in value]
    if not isinstance(value, dict):
        return value
    inner = value.get("properties")
    wrapped = isinstance(inner, dict) and (top or value.keys() <= _TOP | {"properties"})
    found = {
        key: _flat(item, top=False) for key, item in value.items() if not (wrapped and key == "properties")
    }
    if wrapped:
        found |= {key: _flat(item, top=False) for key, item in inner.items()}
    if not top and "id" in found and "/resourceGroups/" in str(found["id"]):
        found["resourceGroup"] = str(found["id"]).split("/")[4]
    return found


def arm_list(bodies: Bodies) -> str:
    return json.dumps({"value": bodies})


def cut_page(bodies: Bodies) -> str:
    """The first page of two."""
    return json.dumps(
        {"value": bodies[: len(bodies) // 2], "nextLink": "https://management.azure.com/next?$skiptoken=a"}
    )


def powershell(bodies: Bodies, depth: int, *, joined: bool = False) -> str:
    """`Search-AzGraph | ConvertTo-Json -Depth N`; `joined`: lists are printed by their elements, as newer versions do."""
    return json.dumps([cut(row, depth - 1, joined=joined) for row in graph_rows(bodies)])


def cut(value: Any, left: int, *, joined: bool) -> Any:
    """A value below which so many levels are written."""
    if not isinstance(value, dict | list):
        return value
    if left < 0:
        return _printed(value, joined, outer=True)
    if isinstance(value, list):
        return [cut(one, left - 1, joined=joined) for one in value]
    return {key: cut(item, left - 1, joined=joined) for key, item in value.items()}


def _printed(value: Any, joined: bool, *, outer: bool = False) -> str:
    if isinstance(value, dict):
        return "@{" + "; ".join(f"{key}={_printed(item, joined)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return " ".join(_printed(one, joined) for one in value) if joined and outer else "System.Object[]"
    return "" if value is None else str(value)


def _group(body: dict[str, Any]) -> str:
    parts = body["id"].split("/")
    return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else ""
